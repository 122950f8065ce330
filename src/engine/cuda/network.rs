//! A bundle's BiLSTM and output layers, in a GPU: for the engine `cuda`, and for ONNX Runtime's operator there.

use crate::Result;
use crate::bundle::manifest::{Manifest, Task};
use crate::engine::Head;
use crate::engine::native::{Layers, Reader, transitions};
use crate::kernels::cuda::{Architecture, HeadWeights, Kernels, Lstm, Network, Sizes, Weights};

/// The numbers of a task's output layers.
pub(in crate::engine) struct Heads {
    universal: usize,
    /// One a language; none where the architecture has none.
    languages: Vec<usize>,
}

/// The network of `manifest` on the device of `kernels`, of tensors that `read` gives, and the layers of each task.
pub(in crate::engine) fn open(
    manifest: &Manifest,
    kernels: &mut Kernels,
    read: Reader,
) -> Result<(Network, Vec<Heads>)> {
    let sizes = sizes(manifest, kernels.device().architecture())?;
    let tensors = [read("lstm.weight_ih")?, read("lstm.weight_hh")?, read("lstm.bias")?];
    let directions = [false, true].map(|backward| {
        let [input, recurrent, bias] = tensors.each_ref().map(|tensor| {
            let (first, second) = tensor.split_at(tensor.len() / 2);
            if backward { second } else { first }
        });
        Lstm { input, recurrent, bias }
    });
    let mut network = Network::new(kernels, sizes, &Weights::new(&sizes, directions))?;
    let heads = manifest.tasks.iter().map(|task| Heads::open(manifest, task, kernels, &mut network, read));
    let heads = heads.collect::<Result<_>>()?;
    Ok((network, heads))
}

/// The sizes of the network, with one label.
pub(in crate::engine) fn sizes(manifest: &Manifest, architecture: Architecture) -> Result<Sizes> {
    let sizes = &manifest.architecture;
    let inputs = sizes.word_dim + sizes.char_filters * sizes.char_widths.len();
    Sizes::new(inputs, sizes.hidden, 1, architecture)
}

/// The kernel of the BiLSTM, for a report.
pub(in crate::engine) fn kernel(sizes: &Sizes) -> String {
    sizes.bilstm(1).file.trim_end_matches(".cu").into()
}

impl Heads {
    /// Adds the output layers of `task` to `network`.
    fn open(
        manifest: &Manifest,
        task: &Task,
        kernels: &mut Kernels,
        network: &mut Network,
        read: Reader,
    ) -> Result<Self> {
        let (layers, transitions) = (Layers::new(manifest, task, read)?, transitions(task, read)?);
        let sizes = network.sizes().with_labels(task.labels.len())?;
        let mut add =
            |own| network.add(kernels, sizes, &HeadWeights::new(&sizes, layers.universal(), own, &transitions));
        let universal = add(None)?;
        let languages = (0..layers.languages()).map(|language| add(layers.own(language))).collect::<Result<_>>()?;
        Ok(Self { universal, languages })
    }

    /// The number of the layers that `head` names.
    pub fn number(&self, head: &Head) -> usize {
        head.language.and_then(|language| self.languages.get(language)).copied().unwrap_or(self.universal)
    }
}
