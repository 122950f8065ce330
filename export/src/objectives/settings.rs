//! `[[objective]]` of an experiment file: which auxiliary objectives are trained beside the tasks, and how.

use serde::{Deserialize, Serialize};

/// One `[[objective]]`; docs/objectives.md has the formulas.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Settings {
    /// Predicts the next word from the forward states, the word before from the backward ones.
    LanguageModel(LanguageModel),
    /// The LSTM does not begin at zero.
    InitialState(InitialState),
    /// The shared encoder unlearns what tells domains apart.
    GradientReversal(GradientReversal),
    /// Predicts how frequent each word is.
    DataStatistics(DataStatistics),
    /// Predicts the words from the predicted labels.
    Inverse(Inverse),
    /// Predicts what a sentence contains.
    Presence(Presence),
    /// Tasks have LSTMs of their own, and learn what they share.
    Sluice(Sluice),
    /// Domains have LSTMs of their own beside the shared one, which hold what that does not.
    SharedPrivate(SharedPrivate),
}

/// How an objective's weight goes with the progress p of training, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// 1.
    Constant,
    /// p.
    Rising,
    /// 1 - p.
    Falling,
    /// 2 / (1 + exp(-10 p)) - 1 (Ganin 2016).
    Sigmoid,
}

impl Schedule {
    /// The factor at progress `p`.
    pub fn at(self, p: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Rising => p,
            Self::Falling => 1.0 - p,
            Self::Sigmoid => 2.0 / (1.0 + (-10.0 * p).exp()) - 1.0,
        }
    }
}

/// How a sentence's states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// Their mean.
    Mean,
    /// The largest of each dimension.
    Max,
}

/// Rei 2017.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageModel {
    /// Multiplies the loss: a sum over a sentence's words, the mean over sentences.
    pub weight: f64,
    /// How the weight changes.
    pub schedule: Schedule,
    /// The BiLSTM layer that it reads, from 1; it can only be 1, for the layers above have read both sides.
    pub layer: Option<usize>,
    /// Units of the tanh layer of each direction.
    pub hidden: usize,
    /// Classes: the most frequent words, one for words read as unknown and one for all rarer ones.
    pub vocabulary: usize,
}

impl Default for LanguageModel {
    fn default() -> Self {
        Self { weight: 0.1, schedule: Schedule::Constant, layer: None, hidden: 50, vocabulary: 7_500 }
    }
}

/// What the LSTM's first states depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// Nothing: they are parameters.
    Learned,
    /// The mean of the sentence's word vectors.
    Words,
    /// A vector of the language.
    Language,
    /// A vector of the task, a type and a language.
    Task,
}

/// Hinton 2013; Weng et al. 2017.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InitialState {
    /// Multiplies the loss of predicting the sentence's words from its first states, 1 without it; of `words` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// How the weight changes.
    pub schedule: Schedule,
    /// The BiLSTM layer whose first states they are, from 1; the highest without it.
    pub layer: Option<usize>,
    /// What they depend on.
    pub state: Context,
    /// Units of the tanh layer that predicts words.
    pub hidden: usize,
    /// Its classes, as of a language model.
    pub vocabulary: usize,
}

impl Default for InitialState {
    fn default() -> Self {
        let (schedule, state) = (Schedule::Constant, Context::Learned);
        Self { weight: None, schedule, layer: None, state, hidden: 50, vocabulary: 7_500 }
    }
}

/// What a domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// The language.
    Language,
    /// The task, a type and a language.
    Task,
}

/// Ganin 2015, 2016.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientReversal {
    /// Multiplies the loss: the mean over sentences.
    #[serde(default = "adversarial_weight")]
    pub weight: f64,
    /// How the factor of the reversed gradient changes; the discriminator's own weight stays.
    #[serde(default = "adversarial_schedule")]
    pub schedule: Schedule,
    /// The BiLSTM layer that it reads, from 1; the highest without it.
    #[serde(default)]
    pub layer: Option<usize>,
    /// What is told apart.
    pub domain: Domain,
    /// Sentences of each domain in a step.
    #[serde(default = "adversarial_batch")]
    pub batch: usize,
    /// Units of the discriminator's tanh layer; 0: it is linear.
    #[serde(default = "adversarial_hidden")]
    pub hidden: usize,
}

/// lambda of Liu 2017's re-implementation (seeds D3).
pub fn adversarial_weight() -> f64 {
    0.05
}

/// Ganin's.
pub fn adversarial_schedule() -> Schedule {
    Schedule::Sigmoid
}

fn adversarial_batch() -> usize {
    8
}

fn adversarial_hidden() -> usize {
    50
}

/// Bousmalis et al. 2016; Liu et al. 2017.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedPrivate {
    /// Multiplies the loss: the mean over entries of the correlation matrix.
    #[serde(default = "difference_weight")]
    pub weight: f64,
    /// How the weight changes.
    #[serde(default = "difference_schedule")]
    pub schedule: Schedule,
    /// What has an LSTM of its own.
    pub domain: Domain,
}

/// That of Liu 2017's re-implementation (seeds D3).
fn difference_weight() -> f64 {
    0.01
}

fn difference_schedule() -> Schedule {
    Schedule::Constant
}

/// Plank et al. 2016.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataStatistics {
    /// Multiplies the loss: a sum over a sentence's words, the mean over sentences.
    pub weight: f64,
    /// How the weight changes.
    pub schedule: Schedule,
    /// The BiLSTM layer that it reads, from 1; the highest without it.
    pub layer: Option<usize>,
    /// 0: a word's own frequency; 1: that of the next word.
    pub offset: usize,
}

impl Default for DataStatistics {
    fn default() -> Self {
        Self { weight: 1.0, schedule: Schedule::Constant, layer: None, offset: 0 }
    }
}

/// What an inverse learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The words, from the labels that are predicted (Xia et al. 2016).
    Words,
    /// The difference of the two ways to factor p(words, labels), squared (Xia et al. 2017).
    Dual,
}

/// Xia et al. 2016, 2017, for tagging: experimental.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inverse {
    /// Multiplies the loss: the mean over a sentence's words and over sentences.
    pub weight: f64,
    /// How the weight changes.
    pub schedule: Schedule,
    /// What it learns from.
    #[serde(skip_serializing_if = "Form::is_words")]
    pub form: Form,
    /// Units of the BiLSTM over label distributions, per direction.
    pub hidden: usize,
    /// Classes, as of a language model.
    pub vocabulary: usize,
}

impl Form {
    /// The default, which stored settings leave out.
    fn is_words(&self) -> bool {
        *self == Self::Words
    }
}

impl Default for Inverse {
    fn default() -> Self {
        Self { weight: 0.01, schedule: Schedule::Constant, form: Form::Words, hidden: 50, vocabulary: 7_500 }
    }
}

/// Cheng et al. 2015; Yu and Jiang 2016.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Presence {
    /// Multiplies the loss: the mean over what is asked and over sentences.
    pub weight: f64,
    /// How the weight changes.
    pub schedule: Schedule,
    /// The BiLSTM layer that it reads, from 1; the highest without it.
    pub layer: Option<usize>,
    /// How states become the sentence's vector.
    pub pool: Pool,
    /// Asks for each span type by itself, not only for any.
    pub per_type: bool,
    /// Plain labels that are asked for, one by one; without it, spans.
    pub labels: Vec<String>,
    /// A file of trigger words, one a line: asks for any of them, which the network then reads as the unknown word.
    pub words: Option<String>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            weight: 1.0,
            schedule: Schedule::Constant,
            layer: None,
            pool: Pool::Mean,
            per_type: false,
            labels: Vec::new(),
            words: None,
        }
    }
}

/// How much subspaces share at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// All of it.
    Balanced,
    /// A tenth.
    Imbalanced,
}

/// Ruder et al. 2017.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sluice {
    /// Multiplies what the matrices of two subspaces have in common, 0.1 without it; of two subspaces only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// How the weight changes.
    pub schedule: Schedule,
    /// Equal parts of a hidden vector: 1 or 2.
    pub subspaces: usize,
    /// How much they share at first.
    pub start: Start,
}

impl Default for Sluice {
    fn default() -> Self {
        Self { weight: None, schedule: Schedule::Constant, subspaces: 2, start: Start::Imbalanced }
    }
}

impl Settings {
    /// Its name: in the learning curve, in messages, and in the names of its parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LanguageModel(_) => "language-model",
            Self::InitialState(_) => "initial-state",
            Self::GradientReversal(s) if s.domain == Domain::Task => "gradient-reversal-task",
            Self::GradientReversal(_) => "gradient-reversal-language",
            Self::DataStatistics(_) => "data-statistics",
            Self::Inverse(s) if s.form == Form::Dual => "inverse-dual",
            Self::Inverse(_) => "inverse",
            Self::Presence(s) if s.words.is_some() => "presence-of-words",
            Self::Presence(s) if !s.labels.is_empty() => "presence-of-labels",
            Self::Presence(_) => "presence-of-spans",
            Self::Sluice(_) => "sluice",
            Self::SharedPrivate(_) => "shared-private",
        }
    }

    /// Weight and schedule.
    pub fn weight(&self) -> (f64, Schedule) {
        match self {
            Self::LanguageModel(s) => (s.weight, s.schedule),
            Self::InitialState(s) => (s.weight.unwrap_or(1.0), s.schedule),
            Self::GradientReversal(s) => (s.weight, s.schedule),
            Self::DataStatistics(s) => (s.weight, s.schedule),
            Self::Inverse(s) => (s.weight, s.schedule),
            Self::Presence(s) => (s.weight, s.schedule),
            Self::Sluice(s) => (s.weight.unwrap_or(0.1), s.schedule),
            Self::SharedPrivate(s) => (s.weight, s.schedule),
        }
    }

    /// The BiLSTM layer that it reads, of `depth`.
    pub fn layer(&self, depth: usize) -> usize {
        let given = match self {
            Self::LanguageModel(s) => return s.layer.unwrap_or(1),
            Self::InitialState(s) => s.layer,
            Self::GradientReversal(s) => s.layer,
            Self::DataStatistics(s) => s.layer,
            // It reads labels.
            Self::Inverse(_) => Some(1),
            // It reads none.
            Self::Sluice(_) => None,
            Self::SharedPrivate(_) => None,
            Self::Presence(s) => s.layer,
        };
        given.unwrap_or(depth)
    }
}
