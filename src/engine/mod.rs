//! Who does the arithmetic: [`native`] (our kernels) or `onnx` (ONNX Runtime). Both give the same labels.

pub mod native;
#[cfg(feature = "onnx")]
pub mod onnx;

mod options;

pub use options::{EngineKind, EngineOptions, Provider, ProviderRequest};

use crate::Result;
use serde::Serialize;

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
    /// `native` or `onnx`.
    pub engine: String,
    /// Version of what computes: libmtl's or ONNX Runtime's.
    pub version: String,
    /// `fp32` arithmetic on `fp16` weights, for example.
    pub precision: String,
    /// Threads a call may use.
    pub threads: usize,
    /// Each provider that was asked for.
    pub providers: Vec<Attempt>,
}

/// Computes emissions. Implementations are pure functions of their input: no state between calls.
pub trait Engine: Send + Sync {
    /// What runs where.
    fn report(&self) -> &Report;

    /// Emissions of each sentence, `[length, labels]` row-major, in the batch's order.
    fn emissions(&self, batch: &Batch, head: Head) -> Result<Vec<Vec<f32>>>;
}
