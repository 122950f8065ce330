//! The experiment file (TOML). Unknown keys are errors; relative paths start at the file's own folder.

mod check;

use crate::Result;
use crate::error::fail;
use crate::objectives::settings::Settings as Objective;
use crate::transfer::Settings as Transfer;
use libmtl::bundle::manifest::Activation;
use libmtl::text::scheme::Scheme;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One experiment: what is trained, on what, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the experiment, and of its folder below `runs/`.
    pub name: String,
    /// Seeds to train with, one run each.
    pub seeds: Vec<u64>,
    /// libtorch's threads; a run repeats exactly only with the same number.
    #[serde(default = "one")]
    pub threads: i32,
    /// Network sizes.
    #[serde(default)]
    pub model: Model,
    /// What the tasks share.
    #[serde(default)]
    pub sharing: Sharing,
    /// Word vocabulary.
    #[serde(default)]
    pub vocabulary: VocabularySettings,
    /// Word vectors by language.
    #[serde(default)]
    pub vectors: BTreeMap<String, Vectors>,
    /// Optimiser and its schedule.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Length of training, selection.
    #[serde(default)]
    pub training: Training,
    /// The tasks; one task is a type and a language.
    #[serde(rename = "task")]
    pub tasks: Vec<TaskSettings>,
    /// Auxiliary objectives.
    #[serde(default, rename = "objective", skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// For `mtl-export transfer`: on how much of the target's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// What the exported bundle says of itself.
    #[serde(default)]
    pub export: Export,
    /// The folder of the experiment file.
    #[serde(skip)]
    pub folder: PathBuf,
    /// What `$DATA` stands for.
    #[serde(skip)]
    pub data: Option<PathBuf>,
}

fn one() -> i32 {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

/// Network sizes; the defaults are the paper's low-resource configuration (seeds A.9).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Width of a word vector.
    pub word_dim: usize,
    /// Width of a character vector.
    pub char_dim: usize,
    /// Convolution widths.
    pub char_widths: Vec<usize>,
    /// Filters per width; 0 leaves characters out.
    pub char_filters: usize,
    /// Marks where a word begins and ends (not in the paper), so that convolutions see prefixes and suffixes.
    pub char_boundaries: bool,
    /// Highway layers; 0 turns them off.
    pub highway_layers: usize,
    /// Their activation.
    pub highway_activation: Activation,
    /// LSTM units per direction.
    pub hidden: usize,
    /// BiLSTMs on top of each other; a bundle has one.
    #[serde(skip_serializing_if = "is_one")]
    pub lstm_layers: usize,
    /// Language-specific layers and gates.
    pub specific_layers: bool,
    /// Dropout on the LSTM's input.
    pub feature_dropout: f64,
    /// Dropout on the LSTM's output.
    pub lstm_dropout: f64,
    /// Initial value of the forget gate's slice of both LSTM biases.
    pub forget_bias: f64,
    /// Whether illegal transitions of the tag scheme are forbidden.
    pub constraints: Constraints,
    /// What chooses labels.
    pub head: Head,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            word_dim: 50,
            char_dim: 50,
            char_widths: vec![2, 3, 4],
            char_filters: 20,
            char_boundaries: false,
            highway_layers: 2,
            highway_activation: Activation::Selu,
            hidden: 171,
            lstm_layers: 1,
            specific_layers: true,
            feature_dropout: 0.0,
            lstm_dropout: 0.6,
            forget_bias: 1.0,
            constraints: Constraints::Off,
            head: Head::Crf,
        }
    }
}

/// What chooses the labels of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// A CRF, over the whole sentence.
    Crf,
    /// A softmax for each token (Bingel & Søgaard 2017): a CRF whose transitions are all 0.
    Softmax,
}

/// Where the tag scheme's hard mask applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Constraints {
    /// Nowhere (the paper).
    Off,
    /// When decoding.
    Decode,
    /// In the loss and when decoding.
    Train,
}

/// What tasks share beyond words; the switches of the paper's Table 6.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sharing {
    /// One character encoder for all tasks, else one a task.
    pub characters: bool,
    /// One BiLSTM for all tasks, else one a task.
    pub lstm: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { characters: true, lstm: true }
    }
}

/// Which words have a row of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VocabularySettings {
    /// `corpus`: the training data's words; `all`: those and the words of the vector table.
    pub policy: Policy,
    /// A training word without a vector needs this many occurrences.
    pub min_count: usize,
    /// At most so many words of a vector table beyond the corpus, in file order.
    pub max_vector_words: Option<usize>,
    /// At most so many words of a language, the most frequent first; `default` stands for languages not named.
    pub max_words: BTreeMap<String, usize>,
    /// The language whose words serve where a language's own vocabulary has none, and whose vectors initialise the
    /// words of languages without vectors.
    pub fallback_language: Option<String>,
    /// Lower-case words for the word table (characters keep their case).
    pub lowercase: bool,
    /// Chance that a training word seen once, and without a vector, is read as the unknown word.
    pub unknown_rate: f64,
}

impl Default for VocabularySettings {
    fn default() -> Self {
        Self {
            policy: Policy::All,
            min_count: 1,
            max_vector_words: None,
            max_words: BTreeMap::new(),
            fallback_language: None,
            lowercase: false,
            unknown_rate: 0.0,
        }
    }
}

/// Vocabulary policy (seeds A.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Words of the training data only.
    Corpus,
    /// Words of the training data and of the vector table.
    All,
}

/// A table of word vectors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// A GloVe/word2vec text file, or a `.npy` matrix (`f2` or `f4`).
    pub path: String,
    /// For `.npy`: the words, one a line, in the order of the rows.
    pub words: Option<String>,
    /// Multiplies every vector.
    #[serde(default = "unit")]
    pub scale: f32,
    /// Projects wider vectors onto their `word_dim` principal directions.
    #[serde(default)]
    pub reduce: bool,
    /// Licence, for the bundle's manifest.
    #[serde(default)]
    pub licence: Option<String>,
}

fn unit() -> f32 {
    1.0
}

/// The optimiser.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// Which.
    pub kind: OptimizerKind,
    /// Initial learning rate.
    pub learning_rate: f64,
    /// SGD's momentum; Adam's beta 1.
    pub momentum: f64,
    /// Adam's beta 2; Adadelta's rho.
    pub beta2: f64,
    /// Adadelta's epsilon.
    pub epsilon: f64,
    /// Multiplies the learning rate of words that have a vector. Below 1 they stay near the words that training does
    /// not see, whose vectors stay where they are.
    pub vector_rate: f64,
    /// Clips the global norm of a step's gradient; 0 turns it off.
    pub clip: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// rho of the exponential schedules.
    pub decay: f64,
    /// T of the exponential schedules.
    pub decay_steps: f64,
    /// Separate momentum buffers for each task (the paper's code), else one for all.
    pub per_task_state: bool,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Sgd,
            learning_rate: 0.02,
            momentum: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            vector_rate: 1.0,
            clip: 5.0,
            schedule: Schedule::Exponential,
            decay: 0.9,
            decay_steps: 10_000.0,
            per_task_state: true,
        }
    }
}

/// Optimisers. Rows of the word table are updated only where a step touched them, without momentum under SGD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam (Kingma & Ba 2015).
    Adam,
    /// Adadelta (Zeiler 2012).
    Adadelta,
}

/// Learning-rate schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// alpha_0 * rho^(t/T) (Lin 2018).
    Exponential,
    /// alpha_0 * rho^floor(t/T) (the code of Hu 2020).
    Staircase,
    /// Linear to zero at the last step.
    Linear,
}

/// Length of training and selection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Sentences per step, all of one task.
    pub batch: usize,
    /// Steps in all.
    pub steps: u64,
    /// Steps between evaluations on dev.
    pub evaluate_every: u64,
    /// Evaluations without a better score before training ends; 0 never ends early.
    pub patience: u64,
    /// The target task, `type/language`; its dev score selects the model, and it sets the mixing rates. Without one,
    /// the mean over tasks selects and only `weight` mixes.
    pub target: Option<String>,
    /// mu of another type and zeta of another language in the mixing rate (Lin 2018, sec. 3.3).
    pub mu: f64,
    /// See `mu`.
    pub zeta: f64,
    /// How often each task is drawn.
    pub mixing: Mixing,
    /// Steps whose mean loss makes a row of the log of losses; 0 keeps none.
    pub log_every: u64,
    /// Batches whose sentences are sorted by length together, so that padding stays small; 1 turns it off.
    pub bucket: usize,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 19,
            steps: 50_000,
            evaluate_every: 1_000,
            patience: 0,
            target: None,
            mu: 0.1,
            zeta: 0.1,
            mixing: Mixing::Size,
            log_every: 0,
            bucket: 1,
        }
    }
}

/// What the chance of a task to be drawn grows with, besides its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mixing {
    /// mu, zeta and the square root of its sentences (Lin 2018, sec. 3.3).
    Size,
    /// Nothing (Bingel & Søgaard 2017).
    Uniform,
}

/// One task: a type and a language.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSettings {
    /// The type: `ner`, `upos`, `chunk`.
    pub name: String,
    /// ISO 639-1.
    pub language: String,
    /// `bioes` for spans, `plain` for one label a token.
    pub scheme: Scheme,
    /// Training files.
    pub train: Vec<Source>,
    /// Selection files.
    pub dev: Vec<Source>,
    /// Test files, scored once at the end.
    #[serde(default)]
    pub test: Vec<Source>,
    /// Trains on so many sentences, drawn by seed; all without it.
    pub limit: Option<usize>,
    /// Multiplies the mixing rate.
    #[serde(default = "unit64")]
    pub weight: f64,
    /// The BiLSTM layer that its output layers read, from 1: those above are not for it. The highest without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

fn unit64() -> f64 {
    1.0
}

impl TaskSettings {
    /// `type/language`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.name, self.language)
    }
}

/// An annotated file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it is; `$DATA` at the front is the folder given by `--data`.
    pub path: String,
    /// Its format.
    #[serde(default)]
    pub format: Format,
    /// Column of the token, from 0.
    #[serde(default)]
    pub token: usize,
    /// Column of the label, from 0, or -1 for the last.
    #[serde(default = "last")]
    pub label: isize,
    /// How its tags encode spans.
    pub scheme: Option<Scheme>,
    /// Lines that begin with `# ` are comments.
    #[serde(default)]
    pub comments: bool,
    /// Passes over lines whose token is blank (Broad Twitter Corpus has six).
    #[serde(default)]
    pub skip_blank_tokens: bool,
    /// Span types (or plain labels) renamed; `"O"` drops a type.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// Keeps sentences `i` with `i % every.0` in `every.1..every.2`, to split a file without its own dev set.
    pub every: Option<(usize, usize, usize)>,
    /// Name of the corpus, for the manifest.
    pub corpus: Option<String>,
    /// Its licence, for the manifest.
    pub licence: Option<String>,
}

fn last() -> isize {
    -1
}

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Columns.
    #[default]
    Conll,
    /// CoNLL-U.
    Conllu,
}

/// What the exported bundle says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Export {
    /// Its id.
    pub id: String,
    /// Its semantic version.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// SPDX expression for the weights.
    pub licence: String,
    /// A CoNLL-like file of sentences for the golden cases: `# language = xx`, then tokens one a line.
    pub golden: Option<String>,
}

/// The file that `path` names: below `folder`, or below `data` where it begins with `$DATA`.
pub fn resolve(path: &str, folder: &Path, data: Option<&Path>) -> Result<PathBuf> {
    match path.strip_prefix("$DATA") {
        Some(rest) => match data {
            Some(data) => Ok(data.join(rest.trim_start_matches('/'))),
            None => Err(fail(format!("{path}: $DATA is not set; pass --data FOLDER"))),
        },
        None => Ok(folder.join(path)),
    }
}

impl Config {
    /// Reads an experiment file; `data` is what `$DATA` stands for.
    pub fn read(path: &Path, data: Option<&Path>) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| libmtl::Error::io(path.display(), e))?;
        let mut config: Config = toml::from_str(&text).map_err(|e| fail(format!("{}: {e}", path.display())))?;
        config.folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        config.data = data.map(Path::to_path_buf);
        config.check().map_err(|e| fail(format!("{}: {e}", path.display())))?;
        Ok(config)
    }

    /// The single-task baseline of `key`: that task alone, without objectives, one output layer, and as many steps as the
    /// mixture would have given it. `sizes` are the training sentences of each task.
    pub fn only(&self, key: &str, sizes: &[usize]) -> Result<Self> {
        let Some(index) = self.tasks.iter().position(|t| t.key() == key) else {
            let known: Vec<String> = self.tasks.iter().map(TaskSettings::key).collect();
            return Err(fail(format!("no task {key:?}; tasks: {}", known.join(", "))));
        };
        let mut config = self.clone();
        let share = crate::sampler::probabilities(self, sizes)[index];
        config.training.steps = (share * self.training.steps as f64).ceil() as u64;
        config.training.evaluate_every = config.training.steps.div_ceil(self.evaluations());
        config.training.target = None;
        config.model.specific_layers = false;
        config.name = format!("{}.only-{}", self.name, key.replace('/', "-"));
        config.tasks = vec![self.tasks[index].clone()];
        config.objectives = Vec::new();
        Ok(config)
    }

    fn evaluations(&self) -> u64 {
        self.training.steps.div_ceil(self.training.evaluate_every).max(1)
    }

    /// The file that a path of the configuration names.
    pub fn resolve(&self, path: &str) -> Result<PathBuf> {
        resolve(path, &self.folder, self.data.as_deref())
    }
}
