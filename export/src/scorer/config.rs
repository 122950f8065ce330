//! The experiment file of a scorer (TOML). Unknown keys are errors; relative paths start at the file's own folder.

use super::objectives::settings::{self, Settings as Objective};
use crate::Result;
use crate::config::{Export, Optimizer, OptimizerKind};
use crate::error::fail;
use libmtl::bundle::manifest::{Combine, Context, Encoder, Summary, Transform};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
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
    /// What the network reads of an exercise.
    #[serde(default)]
    pub features: Features,
    /// Optimiser and its schedule.
    #[serde(default = "adam", deserialize_with = "over_adam")]
    pub optimizer: Optimizer,
    /// Length of training, selection.
    #[serde(default)]
    pub training: Training,
    /// The tracks.
    #[serde(rename = "track")]
    pub tracks: Vec<Track>,
    /// Auxiliary objectives.
    #[serde(default, rename = "objective", skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// What the exported bundle says of itself.
    #[serde(default)]
    pub export: Export,
    /// Where the data come from, for the manifest.
    #[serde(default)]
    pub corpus: Corpus,
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

/// Adam at 1e-3, constant (seeds B.6 has the code's decay: 0.95 each 10,000 steps).
fn adam() -> Optimizer {
    Optimizer { kind: OptimizerKind::Adam, learning_rate: 1e-3, decay: 1.0, ..Optimizer::default() }
}

/// What is not given is Adam's here, not the taggers' SGD's.
fn over_adam<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Optimizer, D::Error> {
    let given = toml::Table::deserialize(deserializer)?;
    let mut all = toml::Table::try_from(adam()).map_err(D::Error::custom)?;
    all.extend(given);
    all.try_into().map_err(D::Error::custom)
}

/// Network sizes; the defaults train in minutes on two cores. `configs/slam-paper.toml` has the published ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Width of every embedding.
    pub embedding: usize,
    /// LSTM units per direction.
    pub hidden: usize,
    /// Context encoders; leave some out to ablate them.
    pub encoders: Vec<Encoder>,
    /// Width of word vectors; that of every embedding without it, or that of the tracks' `sentence_vectors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_width: Option<usize>,
    /// Layers of the BiLSTM over words.
    pub word_layers: usize,
    /// Layers of the BiLSTMs over character features.
    pub char_layers: usize,
    /// Convolution widths.
    pub char_widths: Vec<usize>,
    /// Filters per width.
    pub char_filters: usize,
    /// Convolutions of each width, on top of each other: 1 or 2.
    pub char_convolutions: usize,
    /// What the LSTM over a word's characters says of it.
    pub char_summary: Summary,
    /// Whose the layer is that joins the context encoders.
    pub context: Context,
    /// How the decoder joins context and learner; `none` leaves out the whole meta encoder.
    pub combine: Combine,
    /// Whether a learner has a number of their own that is added to every logit.
    pub user_bias: bool,
    /// Whether the network reads what the learner has answered before: counts and rates of mistakes.
    pub history: bool,
    /// Dropout on the input of every LSTM layer and on both halves of the meta encoder.
    pub dropout: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            embedding: 32,
            hidden: 32,
            encoders: vec![Encoder::Word, Encoder::CharLstm, Encoder::CharCnn],
            word_width: None,
            word_layers: 1,
            char_layers: 1,
            char_widths: vec![2, 3, 4],
            char_filters: 16,
            char_convolutions: 1,
            char_summary: Summary::Mean,
            context: Context::Shared,
            combine: Combine::Product,
            user_bias: false,
            history: false,
            dropout: 0.2,
        }
    }
}

/// What the network reads of an exercise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// `log1p`: logarithms, standardised; `raw`: days and seconds as they are (the published code).
    pub numbers: Transform,
    /// Chance that an id or a word is read as the unknown one in training.
    pub unknown_rate: f64,
    /// Features that are left out: an ablation.
    pub ignore: Vec<Feature>,
}

impl Default for Features {
    fn default() -> Self {
        Self { numbers: Transform::Log1p, unknown_rate: 0.05, ignore: Vec::new() }
    }
}

/// Features of an exercise beside its words, in the order of the network's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// The learner.
    User,
    /// The learner's first country.
    Country,
    /// The client.
    Client,
    /// The session.
    Session,
    /// The format.
    Format,
    /// Days since the learner began.
    Days,
    /// Seconds taken.
    Time,
}

/// What a learner's answers tell of.
const TOLD: [Feature; 3] = [Feature::User, Feature::Format, Feature::Days];

/// How the exercises of a step are dealt out to the tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// As many of each (the published code): a small track has been seen often when a large one is first gone through.
    Equal,
    /// By the tracks' sizes, as if they were one.
    Proportional,
}

/// Length of training and selection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Exercises of each track in a step.
    pub batch: usize,
    /// How a step is dealt out to the tracks.
    pub sampling: Sampling,
    /// Steps in all.
    pub steps: u64,
    /// Steps between evaluations on dev.
    pub evaluate_every: u64,
    /// Evaluations without a better score before training ends; 0 never ends early.
    pub patience: u64,
    /// The weight of mistakes in the loss; that of right words is 1 - alpha.
    pub alpha: f64,
    /// Each step draws the learners' rows towards zero by this times the learning rate (decoupled weight decay,
    /// Loshchilov & Hutter 2019, algorithm 2): of a learner seen seldom, little is believed.
    pub user_decay: f64,
    /// Learners' biases are trained by plain gradient descent at this times the learning rate: Adam would move that of
    /// each learner alike, however little is known of them.
    pub user_bias_rate: f64,
    /// And with this times half their square as a part of the loss: how far learners are believed to differ.
    pub user_bias_decay: f64,
    /// A training exercise does not read the answers to up to this share of its learner's exercises, just before it: of
    /// what is scored, no answers are known either. Only with the network's `history`.
    pub hidden_answers: f64,
    /// What is scored and kept is the weights' running average over about 1 / (1 - average) steps; 0: those of the step.
    pub average: f64,
    /// Trains on train and dev (seeds B.10, protocol 1): all `steps`, the last one's weights, nothing selected.
    pub with_dev: bool,
    /// The track whose dev score selects the model; without one, the mean over tracks does.
    pub target: Option<String>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 64,
            sampling: Sampling::Equal,
            steps: 3_000,
            evaluate_every: 250,
            patience: 5,
            alpha: 0.7,
            user_decay: 0.0,
            user_bias_rate: 2_000.0,
            user_bias_decay: 4e-5,
            hidden_answers: 0.25,
            average: 0.0,
            with_dev: false,
            target: None,
        }
    }
}

/// One track.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Its name: `en_es`.
    pub name: String,
    /// Training exercises, labelled.
    pub train: String,
    /// Selection; its labels stand in it or in the file of the same name with `.key`.
    pub dev: String,
    /// Scored once at the end; labels as for `dev`.
    pub test: Option<String>,
    /// Word vectors as text (fastText, GloVe) that the table of words begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
    /// A table of word vectors by sentence (safetensors), which are read as they are: there is no table of words then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_vectors: Option<String>,
    /// Trains on so many exercises, drawn by seed; all without it.
    pub limit: Option<usize>,
    /// Learners whom train and dev leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// The learners whom test scores; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Where the data come from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Corpus {
    /// Its name, as the manifest's licences and metrics have it.
    pub name: String,
    /// Its licence.
    pub licence: String,
}

impl Config {
    /// Reads an experiment file; `data` is what `$DATA` stands for.
    pub fn read(path: &Path, data: Option<&Path>) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| libmtl::Error::io(path.display(), e))?;
        let mut config: Config = toml::from_str(&text).map_err(|e| fail(format!("{}: {e}", path.display())))?;
        config.folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        config.data = data.map(Path::to_path_buf);
        // The manifest has its tracks sorted.
        config.tracks.sort_by(|a, b| a.name.cmp(&b.name));
        config.check().map_err(|e| e.at(path.display()))?;
        Ok(config)
    }

    /// The single-task baseline of `track`: that track alone, which sees the same batches.
    pub fn only(&self, track: &str) -> Result<Self> {
        let mut config = self.clone();
        config.tracks.retain(|t| t.name == track);
        if config.tracks.is_empty() {
            return Err(self.unknown_track(track));
        }
        config.training.target = None;
        config.name = format!("{}.only-{track}", self.name);
        Ok(config)
    }

    /// Leaves out `feature`, and with it the learner's answers where they tell of it.
    pub fn ignore(&mut self, feature: Feature) {
        self.features.ignore.push(feature);
        self.model.history &= !TOLD.contains(&feature);
    }

    /// Leaves out the meta encoder, and what else knows of learners.
    pub fn leave_out_meta(&mut self) {
        (self.model.combine, self.model.user_bias, self.model.history) = (Combine::None, false, false);
    }

    /// Whether a context encoder reads word vectors.
    pub fn reads_words(&self) -> bool {
        self.model.encoders.contains(&Encoder::Word)
    }

    fn unknown_track(&self, track: &str) -> libmtl::Error {
        let known: Vec<&str> = self.tracks.iter().map(|t| t.name.as_str()).collect();
        fail(format!("no track {track:?}")).remedy(format!("its tracks are {}", known.join(", ")))
    }

    /// The file that a path of the configuration names.
    pub fn resolve(&self, path: &str) -> Result<PathBuf> {
        crate::config::resolve(path, &self.folder, self.data.as_deref())
    }

    fn check(&self) -> Result<()> {
        if self.tracks.is_empty() || self.seeds.is_empty() {
            return Err(fail("no [[track]], or no seeds; name at least one of each"));
        }
        if let Some(pair) = self.tracks.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(fail(format!("track {} stands twice; give each one [[track]]", pair[0].name)));
        }
        let m = &self.model;
        if [m.embedding, m.hidden, m.word_layers, m.char_layers, m.char_filters].contains(&0)
            || m.char_widths.is_empty()
            || m.encoders.is_empty()
        {
            return Err(fail("[model]: every size must be at least 1, and one encoder is needed"));
        }
        if !(1..=2).contains(&m.char_convolutions) {
            return Err(fail(format!("[model] char_convolutions = {}; give 1 or 2", m.char_convolutions)));
        }
        self.check_vectors()?;
        settings::check(self)?;
        let t = &self.training;
        let rate = self.optimizer.learning_rate;
        let rates = [
            ("[model] dropout", m.dropout),
            ("[features] unknown_rate", self.features.unknown_rate),
            ("[training] average", t.average),
            ("[training] hidden_answers", t.hidden_answers),
            ("[training] user_decay, times [optimizer] learning_rate,", t.user_decay * rate),
            ("[training] user_bias_decay, times both rates,", t.user_bias_decay * t.user_bias_rate * rate),
        ];
        for (key, value) in rates {
            if !(0.0..1.0).contains(&value) {
                return Err(fail(format!("{key} = {value}; give a rate in 0..1")));
            }
        }
        if t.batch == 0 || t.evaluate_every == 0 {
            return Err(fail("[training]: batch and evaluate_every must be at least 1"));
        }
        if !(t.alpha > 0.0 && t.alpha < 1.0) {
            return Err(fail(format!("[training] alpha = {}; give a weight between 0 and 1", t.alpha)));
        }
        if m.user_bias && m.combine == Combine::None {
            return Err(fail("[model] user_bias: combine = \"none\" reads no learners; leave one of them out"));
        }
        let ignored = TOLD.iter().any(|feature| self.features.ignore.contains(feature));
        if m.history && (m.combine == Combine::None || ignored) {
            return Err(fail(
                "[model] history tells of users, formats and days, which [features] ignore or combine = \"none\" leave out; \
                 leave out history as well",
            ));
        }
        if t.with_dev && t.target.is_some() {
            return Err(fail("[training]: with_dev trains on dev and selects nothing; leave out target"));
        }
        match t.target.as_ref().filter(|target| self.tracks.iter().all(|track| track.name != **target)) {
            Some(target) => Err(self.unknown_track(target).at("[training] target")),
            None => Ok(()),
        }
    }

    fn check_vectors(&self) -> Result<()> {
        let given = self.tracks.iter().filter(|track| track.sentence_vectors.is_some()).count();
        if given != 0 && given != self.tracks.len() {
            return Err(fail("[[track]] sentence_vectors: give them to every track, or to none"));
        }
        if given > 0 && (self.model.word_width.is_some() || self.tracks.iter().any(|track| track.vectors.is_some())) {
            return Err(fail("[[track]] sentence_vectors take the place of `vectors` and of [model] `word_width`"));
        }
        match self.model.word_width {
            Some(0) => Err(fail("[model] word_width must be at least 1")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_optimizer_does_not_say_is_adams() {
        let read = |optimizer: &str| {
            let text = format!("name = \"x\"\nseeds = [1]\ntrack = []\n[optimizer]\n{optimizer}");
            toml::from_str::<Config>(&text).map(|config| config.optimizer)
        };
        let optimizer = read("clip = 1.0").unwrap();
        assert_eq!((optimizer.kind, optimizer.learning_rate, optimizer.clip), (OptimizerKind::Adam, 1e-3, 1.0));
        assert!(read("rate = 1.0").unwrap_err().to_string().contains("unknown field `rate`"));
    }

    #[test]
    fn training_settings_without_a_meaning_are_refused() {
        let check = |training: &str| {
            let track = "[[track]]\nname = \"a_b\"\ntrain = \"t\"\ndev = \"d\"";
            let text = format!("name = \"x\"\nseeds = [1]\n[training]\n{training}\n{track}");
            toml::from_str::<Config>(&text).unwrap().check()
        };
        check("average = 0.99\nuser_decay = 3.0\nwith_dev = true").unwrap();
        for (training, part) in [
            ("average = 1.0", "[training] average = 1"),
            ("average = -0.1", "[training] average = -0.1"),
            ("user_decay = -1.0", "[training] user_decay"),
            ("user_decay = 1000.0", "[training] user_decay"),
            ("user_decay = nan", "[training] user_decay"),
            ("user_bias_decay = -1e-5", "[training] user_bias_decay"),
            ("user_bias_rate = 1e9", "[training] user_bias_decay"),
            ("[model]\nuser_bias = true\ncombine = \"none\"", "leave one of them out"),
            ("hidden_answers = 1.5", "[training] hidden_answers"),
            ("[model]\nhistory = true\ncombine = \"none\"", "leave out history as well"),
            ("[features]\nignore = [\"days\"]\n[model]\nhistory = true", "leave out history as well"),
            ("with_dev = true\ntarget = \"a_b\"", "leave out target"),
        ] {
            let error = check(training).unwrap_err().to_string();
            assert!(error.contains(part), "{training}: {error}");
        }
    }

    /// A network from which something is left out does not learn it from the learner's answers.
    #[test]
    fn what_is_left_out_is_left_out_of_answers_too() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/slam-es-en-part.toml");
        let whole = Config::read(&path, None).unwrap();
        assert!(whole.model.history && whole.model.user_bias);
        for (feature, history) in [(Feature::User, false), (Feature::Days, false), (Feature::Time, true)] {
            let mut config = whole.clone();
            config.ignore(feature);
            config.check().unwrap();
            assert_eq!(config.model.history, history, "{feature:?}");
        }
        let mut config = whole;
        config.leave_out_meta();
        config.check().unwrap();
    }

    #[test]
    fn the_experiments_of_the_tree_are_sound() {
        for name in ["sla-demo", "slam-adapt", "slam-adapt-part", "slam-es-en-part", "slam-low-resource", "slam-paper"]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("configs/{name}.toml"));
            assert_eq!(Config::read(&path, None).unwrap().name, name);
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/objectives/learners.toml");
        assert_eq!(Config::read(&path, None).unwrap().objectives.len(), 8);
    }
}
