//! One training run: steps, selection on dev, checkpoints, curves, and the test score at the selected point.

use crate::Result;
use crate::batch::Batch;
use crate::checkpoint;
use crate::clock::{Clock, progress_bar};
use crate::config::{Config, Constraints, Head};
use crate::curves::{self, Point};
use crate::data::TaskData;
use crate::error::fail;
use crate::losses::LossLog;
use crate::model::Model;
use crate::objectives::{Draw, Objectives, Seen};
use crate::optimizer::Optimizer;
use crate::picture::Picture;
use crate::random;
use crate::sampler::{self, SentenceSampler, TaskSampler};
use crate::softmax;
use crate::summary::Columns;
use crate::vocabulary::{Encoded, Lexicon};
use indicatif::ProgressBar;
use libmtl::Cancel;
use libmtl::kernels::crf;
use libmtl::metrics::Counts;
use libmtl::text::scheme::Scheme;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Sentences per batch when no gradient is needed.
const PREDICT_BATCH: usize = 64;

/// Scores of one task on one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Sentences scored.
    pub sentences: u64,
    /// Tokens scored.
    pub tokens: u64,
    /// conlleval precision; 0 for plain labels, which make no spans.
    pub precision: f64,
    /// conlleval recall.
    pub recall: f64,
    /// conlleval F1.
    pub f1: f64,
    /// F1 over well-formed BIOES spans.
    pub strict_f1: f64,
    /// Token accuracy.
    pub accuracy: f64,
    /// Tokens that no training sentence of the language has.
    #[serde(default)]
    pub unseen: u64,
    /// Accuracy on them; 0 where there are none.
    #[serde(default)]
    pub unseen_accuracy: f64,
}

impl Scores {
    /// What selects: F1 for spans, accuracy for plain labels.
    pub fn main(&self, scheme: Scheme) -> f64 {
        if scheme == Scheme::Plain { self.accuracy } else { self.f1 }
    }
}

impl Columns for Scores {
    fn columns(&self) -> Vec<(&str, f64)> {
        let spans = [("f1", self.f1), ("strict_f1", self.strict_f1)];
        let tokens = [("accuracy", self.accuracy), ("unseen_accuracy", self.unseen_accuracy)];
        [spans, tokens].concat()
    }
}

/// Where a run stands; all that a resumed run needs besides the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Digest of the experiment's settings: a checkpoint resumes only the run that it came from.
    pub experiment: String,
    /// The seed.
    pub seed: u64,
    /// Steps done.
    pub step: u64,
    /// Batches drawn by each task.
    pub drawn: Vec<u64>,
    /// Best dev score so far and its step.
    pub best: Option<(f64, u64)>,
    /// Smoothed loss by task.
    pub loss: Vec<Option<f64>>,
    /// Smoothed losses of the objectives, unweighted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Option<f64>>,
    /// The learning curve.
    pub curve: Vec<Point>,
    /// Mean training losses, where they are logged.
    #[serde(default)]
    pub log: LossLog,
    /// Whether all steps are done or patience ran out.
    pub finished: bool,
    /// CPU time of the steps, in seconds: neither reading nor evaluation.
    #[serde(default)]
    pub cpu_seconds: f64,
}

impl Progress {
    /// Before the first step of `tasks` tasks and `objectives` objectives.
    pub fn new(experiment: String, seed: u64, tasks: usize, objectives: usize) -> Self {
        Self {
            experiment,
            seed,
            step: 0,
            drawn: vec![0; tasks],
            best: None,
            loss: vec![None; tasks],
            objectives: vec![None; objectives],
            curve: Vec::new(),
            log: LossLog::default(),
            finished: false,
            cpu_seconds: 0.0,
        }
    }

    /// What was saved in `folder`, if it is of the same experiment.
    pub fn or_saved(self, saved: Option<Self>, folder: &Path) -> Result<Self> {
        match saved {
            Some(saved) if saved.experiment == self.experiment && saved.seed == self.seed => Ok(saved),
            Some(_) => Err(fail("holds a checkpoint of another experiment or seed")
                .at(folder.display())
                .remedy("choose another --output, or delete the folder")),
            None => Ok(self),
        }
    }

    /// Adds `loss` to the smoothed loss of a task.
    pub fn smooth(&mut self, task: usize, loss: f64) {
        smooth(&mut self.loss[task], loss);
    }

    /// Adds the objectives' losses of a step to theirs.
    pub fn smooth_objectives(&mut self, parts: &[Option<f64>]) {
        for (smoothed, part) in self.objectives.iter_mut().zip(parts) {
            part.iter().for_each(|&loss| smooth(smoothed, loss));
        }
    }

    /// The objectives' smoothed losses by name.
    pub fn objectives(&self, names: &[String]) -> BTreeMap<String, f64> {
        names.iter().zip(&self.objectives).filter_map(|(name, loss)| Some((name.clone(), (*loss)?))).collect()
    }
}

fn smooth(smoothed: &mut Option<f64>, loss: f64) {
    *smoothed = Some(smoothed.map_or(loss, |old| 0.98 * old + 0.02 * loss));
}

/// The error for a loss that is not finite.
pub fn check_loss(loss: f64, step: u64) -> Result<()> {
    if loss.is_finite() {
        return Ok(());
    }
    Err(fail(format!("the loss is {loss} at step {step}")).remedy("lower [optimizer] learning_rate, or set clip"))
}

/// The error of a run that was stopped, its checkpoint being saved.
pub fn interrupted(folder: &Path) -> libmtl::Error {
    libmtl::Error::new(libmtl::ErrorKind::Interrupted, "interrupted")
        .at(folder.display())
        .remedy("the checkpoint is saved; the same command goes on from it")
}

/// libtorch's seed for a step: dropout masks are a function of (seed, step), so a resumed run repeats them.
pub fn seed_step(seed: u64, step: u64) {
    tch::manual_seed((seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step) as i64 & i64::MAX);
}

/// Shows `line` above the bar, or on standard error where there is none.
pub fn announce(bar: &ProgressBar, line: String) {
    if bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) }
}

/// The result of a run, `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult<S = Scores> {
    /// Name of the experiment.
    pub experiment: String,
    /// The seed.
    pub seed: u64,
    /// Threads of libtorch.
    pub threads: i32,
    /// Steps trained.
    pub steps: u64,
    /// The step whose parameters were selected on dev.
    pub selected_step: u64,
    /// Scores on dev by task.
    pub dev: BTreeMap<String, S>,
    /// Scores on test by task.
    pub test: BTreeMap<String, S>,
}

/// Tags of sentences, by the place of their task.
pub type Predicted<'a> = BTreeMap<usize, Vec<Vec<&'a str>>>;

/// A run with its data and network.
pub struct Run {
    /// The experiment.
    pub config: Config,
    /// Vocabularies.
    pub lexicon: Lexicon,
    /// The network.
    pub model: Model,
    /// The auxiliary objectives.
    pub objectives: Objectives,
    /// Sentences by task.
    pub data: Vec<TaskData>,
    seed: u64,
    /// Mean training losses of the steps done, where they are logged.
    pub losses: LossLog,
    train: Vec<Vec<Encoded>>,
    dev: Vec<Vec<Encoded>>,
    test: Vec<Vec<Encoded>>,
    folder: PathBuf,
}

impl Run {
    /// Reads the data, builds the vocabularies and an initialised network.
    pub fn new(config: Config, seed: u64, folder: &Path) -> Result<Self> {
        tch::set_num_threads(config.threads);
        let data = config.tasks.iter().map(|t| TaskData::read(&config, t, seed)).collect::<Result<Vec<_>>>()?;
        let (mut lexicon, words) = Lexicon::build(&config, &data)?;
        let trained: Vec<bool> = data.iter().map(|d| !d.train.is_empty()).collect();
        if !trained.contains(&true) {
            return Err(fail("no task has a training sentence"));
        }
        let mut model = Model::new(&config, &lexicon, &words, seed, &trained);
        let mut encode = |set: fn(&TaskData) -> &Vec<crate::data::Gold>| {
            let tasks = config.tasks.iter().zip(&data).zip(&model.tasks);
            tasks.map(|((t, d), m)| set(d).iter().map(|g| lexicon.encode(g, &t.language, m.kind)).collect()).collect()
        };
        let (train, dev, test) = (encode(|d| &d.train), encode(|d| &d.dev), encode(|d| &d.test));
        let objectives = Objectives::new(&config, &mut lexicon, &data, &mut model)?;
        let losses = LossLog::default();
        let folder = folder.to_path_buf();
        Ok(Self { config, lexicon, model, objectives, data, losses, seed, train, dev, test, folder })
    }

    /// Trains to the end, or until `stop` says so of the steps done; goes on from the folder's checkpoint if any.
    pub fn train(&mut self, stop: impl Fn(u64) -> bool) -> Result<RunResult> {
        std::fs::create_dir_all(&self.folder).map_err(|e| libmtl::Error::io(self.folder.display(), e))?;
        let mut optimizer = Optimizer::new(&self.config.optimizer);
        let fresh = Progress::new(self.digest(), self.seed, self.data.len(), self.config.objectives.len());
        let saved = checkpoint::load_last(&self.folder, &mut self.model, &mut optimizer)?;
        let mut progress = fresh.or_saved(saved, &self.folder)?;
        self.steps(&mut progress, &mut optimizer, stop)?;
        self.losses = progress.log;
        checkpoint::load_best(&self.folder, &mut self.model)?;
        let (dev, test) = (self.predicted(Set::Dev), self.predicted(Set::Test));
        let result = RunResult {
            experiment: self.config.name.clone(),
            seed: self.seed,
            threads: self.config.threads,
            steps: progress.step,
            selected_step: progress.best.map_or(0, |(_, step)| step),
            dev: self.scored(Set::Dev, &dev),
            test: self.scored(Set::Test, &test),
        };
        checkpoint::write_json(&self.folder.join("picture.json"), &Picture::of(self, self.seed, &dev, &test)?)?;
        checkpoint::write_json(&self.folder.join("result.json"), &result)?;
        Ok(result)
    }

    fn steps(&mut self, progress: &mut Progress, optimizer: &mut Optimizer, stop: impl Fn(u64) -> bool) -> Result<()> {
        let t = self.config.training.clone();
        let sizes: Vec<usize> = self.train.iter().map(Vec::len).collect();
        let tasks = TaskSampler::new(&sampler::probabilities(&self.config, &sizes), self.seed);
        let mut sentences: Vec<SentenceSampler> = self
            .train
            .iter()
            .zip(&self.config.tasks)
            .map(|(set, task)| {
                let lengths = set.iter().map(|s| s.words.len()).collect();
                SentenceSampler::new(lengths, t.batch, t.bucket, self.seed, &task.key())
            })
            .collect();
        let bar = progress_bar(t.steps, &self.config.name, self.seed);
        bar.set_position(progress.step);
        let mut clock = Clock::new();
        while progress.step < t.steps && !progress.finished {
            let task = tasks.draw(progress.step);
            let picked = sentences[task].batch(progress.drawn[task]);
            let picked: Vec<&Encoded> = picked.iter().map(|&i| &self.train[task][i]).collect();
            let mut rng = random::stream(self.seed, "unknown words", progress.step);
            let unknown = Some((self.config.vocabulary.unknown_rate, &mut rng));
            let batch = Batch::new(&picked, &self.lexicon.entries, self.widest(), unknown);
            let draw = Draw { seed: self.seed, step: progress.step, picked: &picked, train: &self.train };
            let further = self.objectives.draw(&self.lexicon, &draw);
            seed_step(self.seed, progress.step);
            let rate = optimizer.learning_rate(progress.step, t.steps);
            let done = progress.step as f64 / t.steps as f64;
            let step = self.model.step(task, &batch, &further, |states, rows| {
                let seen = Seen { model: &self.model, task, batch: &batch, states, further: None, factor: 1.0 };
                self.objectives.losses(&seen, &further, rows, done)
            });
            check_loss(step.loss + step.parts.iter().flatten().sum::<f64>(), progress.step)?;
            optimizer.apply(&mut self.model, task, &step.ids, &step.rows, rate);
            progress.step += 1;
            progress.drawn[task] += 1;
            progress.smooth_objectives(&step.parts);
            progress.smooth(task, step.loss);
            progress.log.add(t.log_every, progress.step, task, self.data.len(), step.loss);
            clock.tokens += batch.tokens();
            bar.inc(1);
            if progress.step.is_multiple_of(20) {
                bar.set_message(clock.message(progress));
            }
            if progress.step.is_multiple_of(t.evaluate_every) || progress.step == t.steps {
                self.evaluate(progress, optimizer, rate, &bar, &mut clock)?;
            }
            if stop(progress.step) {
                progress.cpu_seconds += clock.cpu_seconds();
                checkpoint::save_last(&self.folder, &self.model, optimizer, progress)?;
                bar.abandon();
                return Err(interrupted(&self.folder));
            }
        }
        bar.finish();
        Ok(())
    }

    fn evaluate(
        &mut self,
        progress: &mut Progress,
        optimizer: &Optimizer,
        rate: f64,
        bar: &ProgressBar,
        clock: &mut Clock,
    ) -> Result<()> {
        progress.cpu_seconds += clock.cpu_seconds();
        let tokens_per_second = clock.restart();
        let dev = self.scores(Set::Dev);
        let main: BTreeMap<String, f64> =
            self.config.tasks.iter().map(|t| (t.key(), dev[&t.key()].main(t.scheme))).collect();
        let score = match &self.config.training.target {
            Some(target) => main[target],
            None => main.values().sum::<f64>() / main.len() as f64,
        };
        let loss = self.config.tasks.iter().zip(&progress.loss).filter_map(|(t, l)| l.map(|l| (t.key(), l))).collect();
        progress.curve.push(Point {
            step: progress.step,
            learning_rate: rate,
            loss,
            objectives: progress.objectives(&self.objectives.names()),
            dev: main,
            score,
            tokens_per_second,
        });
        if progress.best.is_none_or(|(best, _)| score > best) {
            progress.best = Some((score, progress.step));
            checkpoint::save_best(&self.folder, &self.model)?;
        }
        let since = progress.best.map_or(0, |(_, step)| (progress.step - step) / self.config.training.evaluate_every);
        let patience = self.config.training.patience;
        progress.finished = progress.step >= self.config.training.steps || (patience > 0 && since >= patience);
        checkpoint::save_last(&self.folder, &self.model, optimizer, progress)?;
        curves::write(&self.folder, &self.config.name, &progress.curve)?;
        announce(bar, curves::line(&self.config.name, self.seed, &progress.curve, progress.best));
        clock.restart();
        Ok(())
    }

    /// Scores of every task that has sentences in `set`.
    pub fn scores(&self, set: Set) -> BTreeMap<String, Scores> {
        self.scored(set, &self.predicted(set))
    }

    /// Tags of every task that has sentences in `set`.
    fn predicted(&self, set: Set) -> Predicted<'_> {
        let tags = |index: usize| {
            let labels = &self.lexicon.types[self.model.tasks[index].kind].labels;
            let tags = |path: Vec<u16>| path.iter().map(|&l| labels[usize::from(l)].as_str()).collect();
            self.predict(index, self.encoded(set, index)).into_iter().map(tags).collect()
        };
        let some = |&index: &usize| !self.encoded(set, index).is_empty();
        (0..self.data.len()).filter(some).map(|index| (index, tags(index))).collect()
    }

    fn encoded(&self, set: Set, task: usize) -> &[Encoded] {
        match set {
            Set::Dev => &self.dev[task],
            Set::Test => &self.test[task],
        }
    }

    fn scored(&self, set: Set, predicted: &Predicted) -> BTreeMap<String, Scores> {
        let mut out = BTreeMap::new();
        for (&index, predicted) in predicted {
            let task = &self.config.tasks[index];
            let mut counts = Counts::new(task.scheme);
            let (mut unseen, mut right) = (0u64, 0u64);
            let gold = self.data[index].set(set);
            for ((gold, sentence), tags) in gold.iter().zip(self.encoded(set, index)).zip(predicted) {
                counts.add(&gold.tags, tags);
                let tokens = sentence.words.iter().zip(gold.tags.iter().zip(tags));
                for (_, (gold, tag)) in tokens.filter(|(word, _)| !self.lexicon.entries[**word as usize].seen) {
                    unseen += 1;
                    right += u64::from(gold == tag);
                }
            }
            out.insert(
                task.key(),
                Scores {
                    sentences: counts.sentences,
                    tokens: counts.tokens,
                    precision: counts.lenient.precision(),
                    recall: counts.lenient.recall(),
                    f1: counts.lenient.f1(),
                    strict_f1: counts.strict.f1(),
                    accuracy: counts.accuracy(),
                    unseen,
                    unseen_accuracy: right as f64 / unseen.max(1) as f64,
                },
            );
        }
        out
    }

    /// Viterbi paths in the order of `sentences`.
    pub fn predict(&self, task: usize, sentences: &[Encoded]) -> Vec<Vec<u16>> {
        if self.config.model.head == Head::Softmax {
            let labels = self.model.tasks[task].labels;
            return self.emissions(task, sentences).iter().map(|e| softmax::best(e, labels)).collect();
        }
        let transitions = self.model.transitions(task, self.config.model.constraints != Constraints::Off);
        let path = |e: &Vec<f32>| crf::viterbi(e, &transitions, &Cancel::new()).expect("nobody cancels").0;
        self.emissions(task, sentences).iter().map(path).collect()
    }

    /// Emissions in the order of `sentences`.
    pub fn emissions(&self, task: usize, sentences: &[Encoded]) -> Vec<Vec<f32>> {
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| sentences[i].words.len());
        let mut out = vec![Vec::new(); sentences.len()];
        for part in order.chunks(PREDICT_BATCH) {
            let picked: Vec<&Encoded> = part.iter().map(|&i| &sentences[i]).collect();
            let batch = Batch::new(&picked, &self.lexicon.entries, self.widest(), None);
            for (&i, emissions) in part.iter().zip(self.model.predict(task, &batch)) {
                out[i] = emissions;
            }
        }
        out
    }

    /// Training sentences of a task.
    pub fn training(&self, task: usize) -> &[Encoded] {
        &self.train[task]
    }

    /// Dev sentences of a task.
    pub fn dev(&self, task: usize) -> &[Encoded] {
        &self.dev[task]
    }

    fn widest(&self) -> usize {
        self.config.model.char_widths.iter().copied().max().unwrap_or(1)
    }

    fn digest(&self) -> String {
        checkpoint::digest(&self.config)
    }
}

/// A data set of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// Selection.
    Dev,
    /// Held out.
    Test,
}

#[cfg(test)]
#[path = "train_tests.rs"]
mod tests;
