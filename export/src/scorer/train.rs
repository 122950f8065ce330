//! One training run of a scorer: steps over every track at once, selection on dev, checkpoints, the test score.

use super::config::{Config, Sampling, Track};
use super::data::{Batch, Encoded, Labelled, Lexicon, TrackData};
use super::history;
use super::model::Model;
use super::objectives::Objectives;
use super::picture::Picture;
use super::vectors;
use crate::Result;
use crate::checkpoint;
use crate::clock::{Clock, progress_bar};
use crate::curves::{self, Point};
use crate::optimizer::Optimizer;
use crate::random;
use crate::sampler::SentenceSampler;
use crate::summary::Columns;
use crate::train::{Progress, RunResult, Set, announce, check_loss, interrupted, seed_step};
use indicatif::ProgressBar;
use libmtl::bundle::manifest::{Scorer as Settings, ScorerArchitecture, WordVectors};
use libmtl::metrics::Predictions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Exercises per batch when no gradient is needed.
const PREDICT_BATCH: usize = 256;

/// After so many steps, other answers are hidden from the training exercises.
const REDRAW: u64 = 100;

/// Scores of one track on one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Exercises scored: all of them.
    pub exercises: u64,
    /// Words scored.
    pub words: u64,
    /// How many of the words are mistakes.
    pub mistakes: u64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// F1 of mistakes at 0.5.
    pub f1: f64,
    /// Accuracy at 0.5.
    pub accuracy: f64,
    /// Mean of -ln P(label), alpha's bias undone.
    pub log_loss: f64,
}

impl Scores {
    /// Of `predictions`, whose log loss is that of `calibrated`.
    pub fn new(exercises: usize, predictions: &Predictions, calibrated: &Predictions) -> Result<Self> {
        Ok(Self {
            exercises: exercises as u64,
            words: predictions.len() as u64,
            mistakes: predictions.mistakes() as u64,
            auc: predictions.auc()?,
            f1: predictions.f1(),
            accuracy: predictions.accuracy(),
            log_loss: calibrated.log_loss()?,
        })
    }
}

impl Columns for Scores {
    fn columns(&self) -> Vec<(&str, f64)> {
        vec![("auc", self.auc), ("f1", self.f1), ("accuracy", self.accuracy), ("log_loss", self.log_loss)]
    }
}

/// By track: how many exercises were scored, and what is predicted of their words.
pub type Predicted = BTreeMap<String, (usize, Predictions)>;

/// A run with its data and network.
pub struct Run {
    /// The experiment.
    pub config: Config,
    /// Vocabularies.
    pub lexicon: Lexicon,
    /// What the bundle's manifest will say of the network.
    pub settings: Settings,
    /// The network.
    pub model: Model,
    /// The auxiliary objectives.
    pub objectives: Objectives,
    /// Exercises by track.
    pub data: Vec<TrackData>,
    /// The seed.
    pub seed: u64,
    train: Vec<Vec<Encoded>>,
    dev: Vec<Vec<Encoded>>,
    test: Vec<Vec<Encoded>>,
    folder: PathBuf,
}

impl Run {
    /// Reads the data, builds the vocabularies and an initialised network.
    pub fn new(config: Config, seed: u64, folder: &Path) -> Result<Self> {
        tch::set_num_threads(config.threads);
        let data = config.tracks.iter().map(|t| TrackData::read(&config, t, seed)).collect::<Result<Vec<_>>>()?;
        let mut lexicon = Lexicon::build(&config, &data)?;
        let settings = settings(&config, &lexicon);
        let mut model = Model::new(&settings, &settings.tensors(), config.model.dropout, seed);
        let objectives = Objectives::new(&config, &data, &mut model);
        let mut encode = |set: fn(&TrackData) -> &Vec<Labelled>| -> Result<Vec<Vec<Encoded>>> {
            let tracks = data.iter().zip(&config.tracks).enumerate();
            let track = |(t, (d, track)): (usize, (&TrackData, &Track))| {
                set(d).iter().map(|l| lexicon.encode(t, l)).collect::<Result<_>>().map_err(|e| e.at(&track.name))
            };
            tracks.map(track).collect()
        };
        let (train, mut dev, mut test) = (encode(|d| &d.train)?, encode(|d| &d.dev)?, encode(|d| &d.test)?);
        if config.model.history {
            history::after(&data, &train, (data.iter().map(|d| &d.dev[..]).collect(), &mut dev));
            history::after(&data, &train, (data.iter().map(|d| &d.test[..]).collect(), &mut test));
        }
        // What a network was trained on says nothing of it.
        if config.training.with_dev {
            dev.iter_mut().for_each(Vec::clear);
        }
        let folder = folder.to_path_buf();
        Ok(Self { config, lexicon, settings, model, objectives, data, seed, train, dev, test, folder })
    }

    /// Trains to the end, or until `stop` says so of the steps done; goes on from the folder's checkpoint if any.
    pub fn train(&mut self, stop: impl Fn(u64) -> bool) -> Result<RunResult<Scores>> {
        std::fs::create_dir_all(&self.folder).map_err(|e| libmtl::Error::io(self.folder.display(), e))?;
        vectors::initialise(&mut self.model, &self.config, &self.lexicon)?;
        let mut optimizer = Optimizer::new(&self.config.optimizer);
        let fresh =
            Progress::new(checkpoint::digest(&self.config), self.seed, self.data.len(), self.config.objectives.len());
        let saved = checkpoint::load_last(&self.folder, &mut self.model, &mut optimizer)?;
        let mut progress = fresh.or_saved(saved, &self.folder)?;
        self.steps(&mut progress, &mut optimizer, stop)?;
        checkpoint::load_best(&self.folder, &mut self.model)?;
        let test = self.predictions(Set::Test)?;
        let result = RunResult {
            experiment: self.config.name.clone(),
            seed: self.seed,
            threads: self.config.threads,
            steps: progress.step,
            selected_step: progress.best.map_or(0, |(_, step)| step),
            dev: self.scores(Set::Dev)?,
            test: self.scored(&test)?,
        };
        checkpoint::write_json(&self.folder.join("result.json"), &result)?;
        checkpoint::write_json(&self.folder.join("picture.json"), &Picture::of(self, &test)?)?;
        Ok(result)
    }

    fn steps(&mut self, progress: &mut Progress, optimizer: &mut Optimizer, stop: impl Fn(u64) -> bool) -> Result<()> {
        let t = self.config.training.clone();
        let shares = self.shares();
        let sampler = |(track, set): (usize, &Vec<Encoded>)| {
            let batch = (t.batch as f64 * shares[track]).round().max(1.0) as usize;
            SentenceSampler::new(vec![0; set.len()], batch, 1, self.seed, &self.config.tracks[track].name)
        };
        let mut samplers: Vec<SentenceSampler> = self.train.iter().enumerate().map(sampler).collect();
        let bar = progress_bar(t.steps, &self.config.name, self.seed);
        bar.set_position(progress.step);
        let mut clock = Clock::new();
        let mut drawn = None;
        while progress.step < t.steps && !progress.finished {
            seed_step(self.seed, progress.step);
            let mut rng = random::stream(self.seed, "unknown", progress.step);
            if self.config.model.history && drawn != Some(progress.step / REDRAW) {
                drawn = Some(progress.step / REDRAW);
                let mut rng = random::stream(self.seed, "history", progress.step / REDRAW);
                history::before(&self.data, &mut self.train, t.hidden_answers, &mut rng);
            }
            for (track, sampler) in samplers.iter_mut().enumerate() {
                let numbers = sampler.batch(progress.drawn[track]);
                let picked: Vec<&Encoded> = numbers.iter().map(|&i| &self.train[track][i]).collect();
                let unknown = Some((self.config.features.unknown_rate, &mut rng));
                let batch = Batch::new(&picked, &self.lexicon.tracks[track], self.least(), unknown);
                let states = self.model.states(track, &batch, true);
                let loss = self.model.loss(&batch, &states);
                let done = progress.step as f64 / t.steps as f64;
                let losses = self.objectives.losses(&self.model, track, numbers, &batch, &states, done);
                // The sum over tracks: each one's gradient is added to what is there.
                let sum = losses.total.map_or_else(|| loss.shallow_clone(), |total| &loss + total);
                (sum * shares[track]).backward();
                progress.smooth_objectives(&losses.parts);
                let loss = loss.double_value(&[]);
                check_loss(loss, progress.step)?;
                progress.drawn[track] += 1;
                progress.smooth(track, loss);
                clock.tokens += batch.cells.len();
            }
            let rate = optimizer.learning_rate(progress.step, t.steps);
            self.step_user_bias(rate * t.user_bias_rate, t.user_bias_decay);
            optimizer.apply_dense(&mut self.model.parameters, rate);
            self.draw_users_to_zero(rate * t.user_decay);
            optimizer.follow(&self.model.parameters, t.average, progress.step);
            progress.step += 1;
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

    /// What part of a step is each track's, in batches: 1, or its size by the mean size.
    fn shares(&self) -> Vec<f64> {
        let mean = self.train.iter().map(Vec::len).sum::<usize>() as f64 / self.train.len() as f64;
        let share = |set: &Vec<Encoded>| match self.config.training.sampling {
            Sampling::Equal => 1.0,
            Sampling::Proportional => set.len() as f64 / mean,
        };
        self.train.iter().map(share).collect()
    }

    /// A step of gradient descent; the optimiser finds no gradient left.
    fn step_user_bias(&mut self, rate: f64, decay: f64) {
        if let Some(bias) = self.model.parameters.get_mut("user.bias") {
            let gradient = bias.grad();
            tch::no_grad(|| {
                let _ = bias.g_mul_scalar_(1.0 - rate * decay);
                let _ = bias.g_sub_(&(gradient * rate));
            });
            bias.zero_grad();
        }
    }

    fn draw_users_to_zero(&mut self, part: f64) {
        // Without a meta encoder there is no such table.
        if let Some(users) = self.model.parameters.get_mut("user.embedding").filter(|_| part > 0.0) {
            let _ = tch::no_grad(|| users.g_mul_scalar_(1.0 - part));
        }
    }

    fn evaluate(
        &mut self,
        progress: &mut Progress,
        optimizer: &mut Optimizer,
        learning_rate: f64,
        bar: &ProgressBar,
        clock: &mut Clock,
    ) -> Result<()> {
        progress.cpu_seconds += clock.cpu_seconds();
        let tokens_per_second = clock.restart();
        optimizer.swap_average(&mut self.model.parameters);
        let dev: BTreeMap<String, f64> = self.scores(Set::Dev)?.into_iter().map(|(t, s)| (t, s.auc)).collect();
        let score = match self.config.training.target.as_ref().and_then(|target| dev.get(target)) {
            Some(score) => *score,
            None => dev.values().sum::<f64>() / dev.len().max(1) as f64,
        };
        let losses = self.config.tracks.iter().zip(&progress.loss);
        let loss = losses.filter_map(|(t, loss)| Some((t.name.clone(), (*loss)?))).collect();
        let objectives = progress.objectives(&self.objectives.names());
        progress.curve.push(Point {
            step: progress.step,
            learning_rate,
            loss,
            objectives,
            dev,
            score,
            tokens_per_second,
        });
        let t = &self.config.training;
        if t.with_dev || progress.best.is_none_or(|(best, _)| score > best) {
            progress.best = Some((score, progress.step));
            checkpoint::save_best(&self.folder, &self.model)?;
        }
        optimizer.swap_average(&mut self.model.parameters);
        let since = progress.best.map_or(0, |(_, step)| (progress.step - step) / t.evaluate_every);
        progress.finished = progress.step >= t.steps || (t.patience > 0 && since >= t.patience);
        checkpoint::save_last(&self.folder, &self.model, optimizer, progress)?;
        if !t.with_dev {
            curves::write(&self.folder, &self.config.name, &progress.curve)?;
            announce(bar, curves::line(&self.config.name, self.seed, &progress.curve, progress.best));
        }
        clock.restart();
        Ok(())
    }

    /// Scores of every track that has exercises in `set`.
    pub fn scores(&self, set: Set) -> Result<BTreeMap<String, Scores>> {
        self.scored(&self.predictions(set)?)
    }

    fn scored(&self, predicted: &Predicted) -> Result<BTreeMap<String, Scores>> {
        let alpha = self.config.training.alpha;
        let scores = |(track, (exercises, words)): (&String, &(usize, Predictions))| {
            let scores =
                words.clone().unweighted(alpha).and_then(|calibrated| Scores::new(*exercises, words, &calibrated));
            Ok((track.clone(), scores.map_err(|e| e.at(track))?))
        };
        predicted.iter().map(scores).collect()
    }

    fn predictions(&self, set: Set) -> Result<Predicted> {
        let mut out = BTreeMap::new();
        for (index, track) in self.config.tracks.iter().enumerate() {
            let (encoded, data) = match set {
                Set::Dev => (&self.dev[index], &self.data[index].dev),
                Set::Test => (&self.test[index], &self.data[index].test),
            };
            if encoded.is_empty() {
                continue;
            }
            let mistakes = data.iter().flat_map(|l| &l.mistakes).copied().collect();
            let probabilities = self.predict(index, encoded).into_iter().flatten().map(nearly).collect();
            let words = Predictions::new(mistakes, probabilities).map_err(|e| e.at(&track.name))?;
            out.insert(track.name.clone(), (encoded.len(), words));
        }
        Ok(out)
    }

    /// P(mistake) of each word, in the order of `exercises`.
    pub fn predict(&self, track: usize, exercises: &[Encoded]) -> Vec<Vec<f32>> {
        let mut order: Vec<usize> = (0..exercises.len()).filter(|&i| !exercises[i].words.is_empty()).collect();
        order.sort_by_key(|&i| exercises[i].words.len());
        let mut out = vec![Vec::new(); exercises.len()];
        for part in order.chunks(PREDICT_BATCH) {
            let picked: Vec<&Encoded> = part.iter().map(|&i| &exercises[i]).collect();
            let batch = Batch::new(&picked, &self.lexicon.tracks[track], self.least(), None);
            for (&i, own) in part.iter().zip(self.model.predict(track, &batch)) {
                out[i] = own;
            }
        }
        out
    }

    /// The training exercises `picked` of a track, as they are.
    #[cfg(test)]
    pub fn batch(&self, track: usize, picked: &[usize]) -> Batch {
        let picked: Vec<&Encoded> = picked.iter().map(|&i| &self.train[track][i]).collect();
        Batch::new(&picked, &self.lexicon.tracks[track], self.least(), None)
    }

    /// Characters that a word is padded to.
    fn least(&self) -> usize {
        self.settings.architecture.least_characters()
    }
}

fn settings(config: &Config, lexicon: &Lexicon) -> Settings {
    let m = &config.model;
    let rows = |i: usize| lexicon.ids[i].len() + 1;
    let given = lexicon.tracks.first().and_then(|track| Some(track.given.as_ref()?.width()));
    Settings {
        tracks: config.tracks.iter().map(|t| t.name.clone()).collect(),
        architecture: ScorerArchitecture {
            embedding: m.embedding,
            hidden: m.hidden,
            users: rows(0),
            countries: rows(1),
            clients: rows(2),
            sessions: rows(3),
            formats: rows(4),
            words: lexicon.tracks.iter().map(|t| t.words.len() + 1).collect(),
            word_width: given.or(m.word_width),
            word_vectors: if given.is_some() { WordVectors::Given } else { WordVectors::Table },
            chars: lexicon.tracks.iter().map(|t| t.chars.len() + 2).collect(),
            char_widths: m.char_widths.clone(),
            char_filters: m.char_filters,
            char_convolutions: m.char_convolutions,
            char_summary: m.char_summary,
            encoders: m.encoders.clone(),
            word_layers: m.word_layers,
            char_layers: m.char_layers,
            context: m.context,
            combine: m.combine,
            user_bias: m.user_bias,
            history: m.history,
        },
        days: lexicon.scaling[0],
        time: lexicon.scaling[1],
        alpha: config.training.alpha as f32,
    }
}

/// Probabilities are kept this far from 0 and 1, where fp32 rounds them to: the log loss would be infinite.
const CERTAINTY: f64 = 1e-7;

/// A probability that is nearly certain at most.
pub fn nearly(p: impl Into<f64>) -> f64 {
    p.into().clamp(CERTAINTY, 1.0 - CERTAINTY)
}

#[cfg(test)]
#[path = "train_tests.rs"]
mod tests;
