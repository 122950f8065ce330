//! BiLSTM and CRF for NVIDIA GPUs: the kernels' sources, how they are specialised, and how weights are laid out for them.
//!
//! NOT RUN on a GPU yet. What is known: NVRTC compiles every kernel for compute capabilities 8.0 and 9.0 without spilling
//! registers (`make cuda-check`), and on an emulator they compute what the kernels of the CPU do, launched through a driver
//! that stands in for CUDA's (`tests/cuda`). Nothing is known of their speed.
//!
//! Weights, inputs and hidden states are half precision; sums, cells and scores are single precision. A sentence's
//! result does not depend on what stands beside it.

mod cache;
mod compile;
mod device;
mod driver;
mod guest;
mod kernels;
mod network;
mod stream;
mod weights;

pub use cache::{Cache, Origin};
pub use compile::{Compiled, Resources, compile};
pub use device::{Device, Loaded};
pub use driver::Driver;
pub use guest::{Call, Guest, Tensors};
pub use kernels::Kernels;
pub use network::{Network, Request, Scores};
pub use weights::{HeadWeights, Lstm, Weights, pack};

use crate::{Error, ErrorKind, Result};
use std::fmt;

/// Sentences or tokens that share a tile of the tensor cores.
const COLUMNS: usize = 8;

/// The most hidden units whose recurrent weights fit the registers of a cluster of 2 blocks, and of 4.
const RESIDENT: [(usize, usize); 2] = [(2, 176), (4, 256)];

/// The most warps of a block that reads its weights from memory.
const WARPS: usize = 16;

/// Bytes of shared memory that a kernel has without asking.
const SHARED: usize = 48 * 1024;

/// The compute capability of a GPU: what the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Architecture {
    major: u32,
    minor: u32,
}

impl Architecture {
    /// 8.0, the oldest: A100.
    pub const AMPERE: Self = Self { major: 8, minor: 0 };
    /// 9.0, whose blocks form clusters: H100, H200.
    pub const HOPPER: Self = Self { major: 9, minor: 0 };

    /// Capability `major.minor`. Refuses processors whose tensor cores lack the product that the kernels are made of.
    pub fn new(major: u32, minor: u32) -> Result<Self> {
        if major < Self::AMPERE.major {
            let message = format!("the GPU has compute capability {major}.{minor}, the CUDA kernels need 8.0 or newer");
            return Err(Error::new(ErrorKind::Engine, message).remedy("use the native engine on the CPU"));
        }
        Ok(Self { major, minor })
    }

    /// Whether blocks form clusters.
    fn has_clusters(self) -> bool {
        self.major >= Self::HOPPER.major
    }
}

/// As NVRTC names it.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if *self == Self::HOPPER { "a" } else { "" };
        f.pad(&format!("sm_{}{}{suffix}", self.major, self.minor))
    }
}

/// A kernel, specialised to sizes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// Its file.
    pub file: &'static str,
    /// Its name in that file.
    pub entry: &'static str,
    /// Names that the file needs defined.
    pub defines: Vec<(&'static str, usize)>,
    /// Threads of a block.
    pub threads: usize,
    /// Blocks of a cluster; 1 is none.
    pub cluster: usize,
}

impl Kernel {
    /// The text of its file.
    pub fn source(&self) -> &'static str {
        match self.file {
            "project.cu" => include_str!("project.cu"),
            "bilstm_cluster.cu" => include_str!("bilstm_cluster.cu"),
            "bilstm_streamed.cu" => include_str!("bilstm_streamed.cu"),
            "gather.cu" => include_str!("gather.cu"),
            "pad.cu" => include_str!("pad.cu"),
            _ => include_str!("crf.cu"),
        }
    }

    /// What the files include, by name.
    pub const HEADERS: [(&'static str, &'static str); 2] =
        [("device.h", include_str!("device.h")), ("tile.h", include_str!("tile.h"))];
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let defines: Vec<String> = self.defines.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.pad(&format!("{} {}", self.file, defines.join(" ")))
    }
}

/// The sizes of a tagger above its features, and what they are padded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Length of a feature row.
    pub inputs: usize,
    /// Hidden units of a direction.
    pub hidden: usize,
    /// Labels of the CRF.
    pub labels: usize,
    /// Blocks that share a direction's weights, in their registers; `None`: a block alone reads them in each step.
    cluster: Option<usize>,
}

impl Sizes {
    /// The sizes, for a GPU of `architecture`. Refuses what no kernel can do.
    pub fn new(inputs: usize, hidden: usize, labels: usize, architecture: Architecture) -> Result<Self> {
        if !(1..=MOST_INPUTS).contains(&inputs) {
            return refuse("inputs", inputs, MOST_INPUTS);
        }
        if !(1..=MOST_HIDDEN).contains(&hidden) {
            return refuse("hidden units", hidden, MOST_HIDDEN);
        }
        let resident = RESIDENT.into_iter().find(|&(_, most)| hidden <= most).map(|(cluster, _)| cluster);
        let cluster = resident.filter(|_| architecture.has_clusters());
        Self { inputs, hidden, labels, cluster }.with_labels(labels)
    }

    /// The same network with a head of so many labels.
    pub fn with_labels(self, labels: usize) -> Result<Self> {
        if !(1..=MOST_LABELS).contains(&labels) {
            return refuse("labels", labels, MOST_LABELS);
        }
        Ok(Self { labels, ..self })
    }

    /// Length of an input row, padded.
    pub fn row(&self) -> usize {
        self.inputs.next_multiple_of(16)
    }

    /// Hidden units of a direction, padded.
    pub fn units(&self) -> usize {
        self.hidden.next_multiple_of(self.cluster.map_or(16, |blocks| 8 * blocks))
    }

    /// How many tiles of 8 sentences a block or cluster can take together, the fewest first: fewer are sooner done, more
    /// share each read of the weights.
    pub fn tiles(&self) -> impl Iterator<Item = usize> {
        let shared = |tiles: usize| 2 * COLUMNS * tiles * (self.units() + 8) * 2;
        [1, 2].into_iter().filter(move |&tiles| shared(tiles) <= SHARED)
    }

    /// Feature rows of tokens, from those of words in single precision.
    pub fn gather(&self) -> Kernel {
        let defines = vec![("FEATURES", self.inputs), ("INPUTS", self.row())];
        Kernel { file: "gather.cu", entry: "gather", defines, threads: 128, cluster: 1 }
    }

    /// Blocks of [`Sizes::gather`] for `tokens` tokens.
    pub fn gather_blocks(&self, tokens: usize) -> usize {
        tokens.div_ceil(4)
    }

    /// The product of inputs and input weights.
    pub fn project(&self) -> Kernel {
        Kernel { file: "project.cu", entry: "project", defines: vec![("INPUTS", self.row())], threads: 128, cluster: 1 }
    }

    /// Blocks of [`Sizes::project`] for `tokens` tokens.
    pub fn project_blocks(&self, tokens: usize) -> usize {
        tokens.div_ceil(4 * COLUMNS) * (2 * self.units() / 8).div_ceil(4)
    }

    /// The recurrent part of both directions, with one of the numbers of [`Sizes::tiles`].
    pub fn bilstm(&self, tiles: usize) -> Kernel {
        let (units, entry) = (self.units(), "bilstm");
        match self.cluster {
            Some(cluster) => Kernel {
                file: "bilstm_cluster.cu",
                entry,
                defines: vec![("UNITS", units), ("TILES", tiles), ("CLUSTER", cluster)],
                threads: 4 * units / cluster,
                cluster,
            },
            None => {
                let groups = units / 8;
                let warps = groups.div_ceil(groups.div_ceil(WARPS));
                Kernel {
                    file: "bilstm_streamed.cu",
                    entry,
                    defines: vec![("UNITS", units), ("TILES", tiles), ("WARPS", warps)],
                    threads: 32 * warps,
                    cluster: 1,
                }
            }
        }
    }

    /// Blocks of [`Sizes::bilstm`] for `sentences` sentences.
    pub fn bilstm_blocks(&self, tiles: usize, sentences: usize) -> usize {
        2 * self.cluster.unwrap_or(1) * sentences.div_ceil(COLUMNS * tiles)
    }

    /// Output layer and CRF; a block is a sentence.
    pub fn crf(&self) -> Kernel {
        Kernel {
            file: "crf.cu",
            entry: "crf",
            defines: vec![("STATES", 2 * self.units()), ("LABELS", self.labels)],
            threads: 128,
            cluster: 1,
        }
    }

    /// What [`Sizes::crf`] gives, as tensors of sentences of one length; a block is a sentence.
    pub fn pad(&self) -> Kernel {
        Kernel { file: "pad.cu", entry: "pad", defines: vec![("LABELS", self.labels)], threads: 128, cluster: 1 }
    }
}

fn refuse(what: &str, found: usize, most: usize) -> Result<Sizes> {
    let message = format!("{found} {what}, where the CUDA kernels take 1 to {most}");
    Err(Error::new(ErrorKind::Engine, message).remedy("use the native engine on the CPU"))
}

/// The longest input row: addresses of weights are 32 bits wide.
const MOST_INPUTS: usize = 4096;

/// The most hidden units whose states fit a block's shared memory twice.
const MOST_HIDDEN: usize = 1520;

/// The most labels: a back pointer is a byte.
const MOST_LABELS: usize = 256;

/// The address of what a kernel reads or writes; 0 where it is not wanted.
pub type Address = u64;

/// The arguments of `gather.cu`, which explains them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "gather.cu explains them")]
pub struct Gather {
    pub words: Address,
    pub tokens: Address,
    pub rows: Address,
    pub count: i32,
}

/// The arguments of `project.cu`, which explains them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "project.cu explains them")]
pub struct Projection {
    pub weights: Address,
    pub bias: Address,
    pub rows: Address,
    pub outputs: Address,
    pub tokens: i32,
    pub groups: i32,
}

/// The arguments of `bilstm_cluster.cu` and `bilstm_streamed.cu`; tile.h explains them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "tile.h explains them")]
pub struct Bilstm {
    pub weights: Address,
    pub inputs: Address,
    pub offsets: Address,
    pub states: Address,
    pub sentences: i32,
}

/// The arguments of `crf.cu`, which explains them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "crf.cu explains them")]
pub struct Crf {
    pub weights: Address,
    pub bias: Address,
    pub states: Address,
    pub offsets: Address,
    pub start: Address,
    pub end: Address,
    pub entering: Address,
    pub leaving: Address,
    pub emissions: Address,
    pub pointers: Address,
    pub path: Address,
    pub marginals: Address,
    pub log_beta: Address,
    pub log_z: Address,
    pub scale: f32,
}

/// The arguments of `pad.cu`, which explains them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "pad.cu explains them")]
pub struct Pad {
    pub offsets: Address,
    pub places: Address,
    pub emissions: Address,
    pub path: Address,
    pub start: Address,
    pub end: Address,
    pub pairs: Address,
    pub padded: Address,
    pub labels: Address,
    pub scores: Address,
    pub time: i32,
}
