//! Who does the arithmetic: [`native`] (our kernels), `onnx` (ONNX Runtime) or `cuda` (our kernels on a GPU, where they were
//! NOT RUN yet). All give the same labels.

#[cfg(feature = "cuda")]
pub mod cuda;
pub mod native;
#[cfg(feature = "onnx")]
pub mod onnx;

#[cfg(any(feature = "cuda", feature = "onnx"))]
mod gate;
mod options;
mod pool;

pub use crate::bundle::graph::Form;
pub use options::{EngineKind, EngineOptions, GpuOptions, Provider, ProviderRequest};
pub use pool::Pool;
#[cfg(feature = "capi")]
pub(crate) use pool::THREAD_NAME;

use crate::bundle::Bundle;
use crate::bundle::manifest::{Kind, Manifest};
use crate::{Cancel, Error, ErrorKind, Result};
use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// The features of one distinct word form: what the embedding and the character encoder need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WordType {
    /// Row of `word.embedding`; 0 is the unknown word.
    pub row: u32,
    /// Rows of `char.embedding`, one a character, unpadded; 0 is padding (never here), 1 the unknown character.
    pub chars: Vec<u32>,
}

/// Sentences of one language, as indices into their distinct words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The distinct word types.
    pub words: Vec<WordType>,
    /// Each sentence: indices into `words`. Never empty sentences.
    pub sentences: Vec<Vec<u32>>,
}

/// Which output layer to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Index into the manifest's `tasks`.
    pub task: usize,
    /// Index into that task's `languages`; `None` takes the universal layer alone (zero-shot).
    pub language: Option<usize>,
}

/// One attempt to use a provider, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// `cpu`, `cuda`, `tensorrt`.
    pub provider: String,
    /// Whether it was required.
    pub required: bool,
    /// Whether it is in use.
    pub used: bool,
    /// Why not, or with which settings.
    pub reason: String,
}

/// What runs where; nothing falls back in silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `native`, `onnx` or `cuda`.
    pub engine: String,
    /// Version of what computes: libmtl's or ONNX Runtime's.
    pub version: String,
    /// `fp32` arithmetic on `fp16` weights, for example.
    pub precision: String,
    /// Which of our kernels computes, where one does: that of [`EngineOptions::kernel`], or of the fused graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Threads a call may use.
    pub threads: usize,
    /// Each provider that was asked for.
    pub providers: Vec<Attempt>,
}

/// The most threads that an engine or a pool can be asked for.
pub const MAX_THREADS: usize = 1024;

/// Opens the tagger `bundle` with the engine that `options` name.
pub fn open(bundle: &Bundle, options: &EngineOptions) -> Result<Box<dyn Engine>> {
    bundle.expect(Kind::Tagger)?;
    match options.engine {
        EngineKind::Native => {
            native::check_options(options)?;
            Ok(Box::new(native::Native::open(bundle, options)?))
        }
        EngineKind::Onnx => open_onnx(bundle, options),
        EngineKind::Cuda => open_cuda(bundle, options),
    }
}

#[cfg(feature = "cuda")]
fn open_cuda(bundle: &Bundle, options: &EngineOptions) -> Result<Box<dyn Engine>> {
    Ok(Box::new(cuda::Cuda::open(bundle, options)?))
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_: &Bundle, _: &EngineOptions) -> Result<Box<dyn Engine>> {
    Err(Error::new(ErrorKind::Engine, "this build of libmtl has no engine for CUDA")
        .remedy("use the engine `native`, or build libmtl with the feature `cuda`"))
}

#[cfg(feature = "onnx")]
fn open_onnx(bundle: &Bundle, options: &EngineOptions) -> Result<Box<dyn Engine>> {
    check_threads(options.threads)?;
    Ok(Box::new(onnx::Onnx::open(bundle, options)?))
}

#[cfg(not(feature = "onnx"))]
fn open_onnx(_: &Bundle, _: &EngineOptions) -> Result<Box<dyn Engine>> {
    Err(no_onnx())
}

/// The refusal of a build without the feature `onnx`.
#[cfg(not(feature = "onnx"))]
pub(crate) fn no_onnx() -> Error {
    Error::new(ErrorKind::Engine, "this build of libmtl has no ONNX Runtime engine")
        .remedy("use the engine `native`, or build libmtl with the feature `onnx`")
}

/// Refuses a number of threads that no machine has cores for.
pub(crate) fn check_threads(threads: usize) -> Result<()> {
    if threads <= MAX_THREADS {
        return Ok(());
    }
    let message = format!("{threads} threads where at most {MAX_THREADS} are allowed");
    Err(Error::new(ErrorKind::Argument, message).remedy("ask for as many as the machine has cores"))
}

/// Refuses a batch or heads that the network of `manifest` cannot compute.
pub(crate) fn check(manifest: &Manifest, batch: &Batch, heads: &[Head]) -> Result<()> {
    let wrong = |place: String, message: &str| Err(Error::new(ErrorKind::Argument, message).at(place));
    for (index, head) in heads.iter().enumerate() {
        let Some(task) = manifest.tasks.get(head.task) else {
            return wrong(format!("task {}", head.task), "the bundle has no task of this number");
        };
        if let Some(language) = head.language.filter(|&language| language >= task.languages.len()) {
            let place = format!("language {language} of task {}", task.name);
            return wrong(place, "the task has no language of this number");
        }
        if heads[..index].iter().any(|other| other.task == head.task) {
            return wrong(format!("task {}", task.name), "is asked for twice in one call");
        }
    }
    for (index, word) in batch.words.iter().enumerate() {
        if word.row as usize >= manifest.architecture.words {
            return wrong(format!("word {index}"), "its row is beyond the word table");
        }
        if word.chars.iter().any(|&char| char as usize >= manifest.architecture.chars) {
            return wrong(format!("word {index}"), "one of its characters is beyond the character table");
        }
    }
    for (index, sentence) in batch.sentences.iter().enumerate() {
        if sentence.is_empty() {
            return wrong(format!("sentence {index}"), "is empty");
        }
        if sentence.iter().any(|&word| word as usize >= batch.words.len()) {
            return wrong(format!("sentence {index}"), "one of its words is not in the batch");
        }
    }
    Ok(())
}

/// What an engine found in a sentence.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// Emissions, `[length, labels]` row-major.
    Emissions(&'a [f32]),
    /// The best path under the rules of its task's scheme, as indices of labels.
    Path(&'a [u16]),
}

/// What is done with each head and sentence, by their numbers, and what was found of them.
pub type Take<'a> = &'a (dyn Fn(usize, usize, Found) -> Result<()> + Sync);

/// Computes emissions. Implementations are pure functions of their input: no result depends on the calls before it.
pub trait Engine: Send + Sync {
    /// What runs where.
    fn report(&self) -> &Report;

    /// Hands to `take` what each of `heads`, no two of one task, makes of each sentence: the best path where `paths` are enough
    /// and the engine looks for them, else the emissions. All heads read one pass of the network; on the native engine each gets
    /// the same bits alone.
    ///
    /// Each is handed over as soon as it is found, by the thread that found it: in any order, and several at once. Where `take`
    /// fails or `cancel` stops the call, some were handed over before its error.
    fn run(&self, batch: &Batch, heads: &[Head], paths: bool, cancel: &Cancel, take: Take) -> Result<()>;

    /// For each of `heads`, the emissions of each sentence, in the batch's order.
    fn emissions(&self, batch: &Batch, heads: &[Head], cancel: &Cancel) -> Result<Vec<Vec<Vec<f32>>>> {
        let results = Mutex::new(vec![vec![Vec::new(); batch.sentences.len()]; heads.len()]);
        self.run(batch, heads, false, cancel, &|head, sentence, found| {
            if let Found::Emissions(emissions) = found {
                results.lock().unwrap_or_else(PoisonError::into_inner)[head][sentence] = emissions.to_vec();
            }
            Ok(())
        })?;
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
