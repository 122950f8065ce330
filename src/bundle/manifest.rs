//! `bundle.json`: the same types write and read it.

pub use super::scorer::{
    Combine, Context, Encoder, HISTORY, Scaling, Scorer, ScorerArchitecture, Summary, Transform, WordVectors,
};
use crate::text::scheme::Scheme;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format version that this library writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Everything a bundle says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version of this bundle.
    pub format: u32,
    /// The oldest reader format version that understands it.
    pub oldest_reader: u32,
    /// Identifier in the zoo: lower-case letters, digits, hyphens.
    pub id: String,
    /// Semantic version of the model.
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// One line for people.
    pub description: String,
    /// Every language with a word vocabulary, ISO 639-1, sorted; their order is the vocabulary's. Taggers only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The tasks. Taggers only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Sizes of the network. Taggers only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub architecture: Architecture,
    /// How text becomes words. Taggers only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub text: TextSettings,
    /// The network and its features. Scorers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer: Option<Scorer>,
    /// Each other file of the bundle by name.
    #[serde(deserialize_with = "super::unique::map")]
    pub files: BTreeMap<String, FileEntry>,
    /// Scores on held-out data.
    pub metrics: Vec<Metric>,
    /// Licences.
    pub licences: Licences,
    /// How it was trained.
    pub training: Training,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Kinds of bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A sequence labeller.
    Tagger,
    /// A word-error scorer.
    Scorer,
}

/// One task type, shared by its languages (Lin 2018, fig. 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// `ner`, `upos`, `chunk`.
    pub name: String,
    /// How the labels encode spans.
    pub scheme: Scheme,
    /// The label set, in the order of the emissions.
    pub labels: Vec<String>,
    /// Languages with a language-specific layer, in the order of its rows.
    pub languages: Vec<String>,
    /// Calibration temperature by language, fitted on dev; 1 where absent.
    #[serde(default, deserialize_with = "super::unique::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub temperature: BTreeMap<String, f32>,
    /// Whether decoding forbids transitions that the scheme does not allow.
    pub constrained: bool,
}

/// Sizes. Tensor shapes follow from them: see docs/bundle-format.md.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Width of a word vector.
    pub word_dim: usize,
    /// Rows of the word table, the unknown word's row 0 included.
    pub words: usize,
    /// Width of a character vector.
    pub char_dim: usize,
    /// Rows of the character table, padding (0) and unknown (1) included.
    pub chars: usize,
    /// Convolution widths, in the order of concatenation.
    pub char_widths: Vec<usize>,
    /// Filters per width.
    pub char_filters: usize,
    /// Highway layers over the character features; 0 for none.
    pub highway_layers: usize,
    /// Their activation.
    pub highway_activation: Activation,
    /// LSTM units per direction.
    pub hidden: usize,
    /// Whether tasks have language-specific layers and gates.
    pub specific_layers: bool,
}

/// Activations of the highway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// Self-normalising (Klambauer 2017).
    Selu,
}

/// How text becomes words and words become rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSettings {
    /// Tokeniser: `ud` (UAX #29 and the rules by language of docs/tokenisation.md).
    pub tokeniser: String,
    /// Steps of the look-up of a word, in order.
    pub word_lookup: Vec<LookupStep>,
    /// The language whose words serve where a language's own vocabulary has none: names travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_language: Option<String>,
    /// Whether PTB escapes (`-LRB-`) are mapped to what they stand for.
    pub ptb_escapes: bool,
    /// Whether a word's characters stand between the rows 2 (begin) and 3 (end) of the character table.
    pub char_boundaries: bool,
}

/// A step of the word look-up (seeds A.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupStep {
    /// The form as it is.
    Exact,
    /// Lower-cased.
    Lower,
    /// Lower-cased, every decimal digit replaced by 0.
    Digits,
}

/// Length and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// One score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Task; of a scorer, `mistakes`.
    pub task: String,
    /// Language; of a scorer, the track.
    pub language: String,
    /// Held-out set.
    pub set: String,
    /// `f1` (conlleval), `strict_f1`, `accuracy`; of a scorer, `auc`, `f1`, `accuracy`; in 0..1.
    pub metric: String,
    /// Score of this bundle.
    pub value: f64,
    /// Mean over seeds of the same training; absent with one seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// How many seeds.
    pub seeds: u32,
}

/// Licences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licences {
    /// SPDX expression of the code.
    pub code: String,
    /// SPDX expression of the weights.
    pub weights: String,
    /// Each corpus or vector table and its licence.
    pub data: Vec<DataLicence>,
}

/// A corpus and its licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataLicence {
    /// Name and version.
    pub name: String,
    /// SPDX identifier.
    pub licence: String,
}

/// Provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The command.
    pub command: String,
    /// The commit of the trainer.
    pub commit: String,
    /// The seed.
    pub seed: u64,
}
