//! Auxiliary objectives of scorers (Ruder 2017): what else the network says of an exercise, and what it must not say.
//!
//! Each classifies a word or an exercise from a state of the network. Parameters are called `objective.NAME.…`, and no
//! bundle has them.

pub mod settings;
mod targets;
#[cfg(test)]
mod tests;

use super::config::Config;
use super::data::{Batch, TrackData};
use super::model::{Model, States};
use crate::objectives::{cross_entropy, reversed};
use settings::{Attribute, Layer, Settings};
use targets::Targets;
use tch::{Kind, Tensor};

/// One objective: what it predicts, by track and training exercise.
struct Objective {
    settings: Settings,
    targets: Targets,
}

/// The objectives of an experiment, in its order.
#[derive(Default)]
pub struct Objectives {
    items: Vec<Objective>,
}

/// The loss of one track's part of a step.
pub struct Losses {
    /// Weighted, the sum; to be added to the track's.
    pub total: Option<Tensor>,
    /// Unweighted, by objective; none where nothing of the part has a class.
    pub parts: Vec<Option<f64>>,
}

impl Objectives {
    /// Adds the parameters of the configuration's objectives to `model`; what they predict comes from training data alone.
    pub fn new(config: &Config, data: &[TrackData], model: &mut Model) -> Self {
        let mut items = Vec::new();
        for settings in &config.objectives {
            if let Settings::InitialState(s) = settings {
                model.begin_at(s.state);
                continue;
            }
            let targets = Targets::new(settings, data);
            let outputs = if settings.is_binary() { 1 } else { targets.classes };
            let labels = matches!(settings, Settings::Inverse(_)) as usize;
            let width = model.width(settings.layer()) + labels;
            model.add_linear(&format!("objective.{}", settings.name()), width as i64, outputs.max(1) as i64);
            items.push(Objective { settings: settings.clone(), targets });
        }
        Self { items }
    }

    /// Their names, in the order of the losses.
    pub fn names(&self) -> Vec<String> {
        self.items.iter().map(|objective| objective.settings.name().to_string()).collect()
    }

    /// The losses of the training exercises `picked` of a track, at progress `p`.
    pub fn losses(
        &self,
        model: &Model,
        track: usize,
        picked: &[usize],
        batch: &Batch,
        states: &States,
        p: f64,
    ) -> Losses {
        let mut losses = Losses { total: None, parts: Vec::new() };
        for objective in &self.items {
            let (weight, schedule) = objective.settings.weight();
            let (weight, reversal) = match objective.settings {
                Settings::GradientReversal(_) => (weight, schedule.at(p)),
                _ => (weight * schedule.at(p), 1.0),
            };
            let loss = objective.loss(model, track, picked, batch, states, reversal);
            losses.parts.push(loss.as_ref().map(|loss| loss.double_value(&[])));
            if let Some(loss) = loss {
                let weighted = loss * weight;
                losses.total = Some(losses.total.map_or_else(|| weighted.shallow_clone(), |sum| sum + &weighted));
            }
        }
        losses
    }
}

impl Objective {
    fn loss(
        &self,
        model: &Model,
        track: usize,
        picked: &[usize],
        batch: &Batch,
        states: &States,
        reversal: f64,
    ) -> Option<Tensor> {
        let per_word = self.settings.per_word();
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        let mut row = 0;
        for (exercise, &number) in picked.iter().enumerate() {
            let own = &self.targets.of[track][number];
            for (word, class) in own.iter().enumerate() {
                if let Some(class) = class {
                    rows.push(if per_word { row + word as i64 } else { exercise as i64 });
                    classes.push(i64::from(*class));
                }
            }
            row += batch.lengths[exercise] as i64;
        }
        if rows.is_empty() {
            return None;
        }
        let mut x = self.state(batch, states, per_word).index_select(0, &Tensor::from_slice(&rows));
        if matches!(self.settings, Settings::GradientReversal(_)) {
            x = reversed(&x, reversal);
        }
        let logits = model.linear(&format!("objective.{}", self.settings.name()), &x);
        if self.settings.is_binary() {
            let answers: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
            let (logits, answers) = (logits.squeeze_dim(1), Tensor::from_slice(&answers));
            return Some(logits.binary_cross_entropy_with_logits::<Tensor>(&answers, None, None, tch::Reduction::Mean));
        }
        Some(cross_entropy(&logits, &classes, Some(&weights(&classes, self.settings.balanced()))))
    }

    /// What it reads: a row a word, or a row an exercise.
    fn state(&self, batch: &Batch, states: &States, per_word: bool) -> Tensor {
        let layer = match (self.settings.layer(), &states.meta) {
            (Layer::Meta, Some(meta)) if per_word => meta.index_select(0, &Tensor::from_slice(&batch.owner)),
            (Layer::Meta, Some(meta)) => return meta.shallow_clone(),
            (Layer::Context, _) => states.context.shallow_clone(),
            (Layer::Joint | Layer::Meta, _) => states.joint.shallow_clone(),
        };
        if per_word {
            return layer;
        }
        let mut rows = layer;
        if matches!(self.settings, Settings::Inverse(_)) {
            // The label that is predicted, as a distribution.
            rows = Tensor::cat(&[rows, states.logits.sigmoid().unsqueeze(1)], 1);
        }
        mean_by_exercise(&rows, batch)
    }
}

/// The mean of each exercise's rows.
fn mean_by_exercise(rows: &Tensor, batch: &Batch) -> Tensor {
    let owner = Tensor::from_slice(&batch.owner);
    let lengths: Vec<f32> = batch.lengths.iter().map(|&n| n as f32).collect();
    let zero = Tensor::zeros([batch.size as i64, rows.size()[1]], (Kind::Float, rows.device()));
    zero.index_add(0, &owner, rows) / Tensor::from_slice(&lengths).unsqueeze(1)
}

/// What each row counts: 1 / rows, or as much for each class that occurs.
fn weights(classes: &[i64], balanced: bool) -> Vec<f32> {
    if !balanced {
        return vec![1.0 / classes.len() as f32; classes.len()];
    }
    let mut counts = std::collections::BTreeMap::new();
    classes.iter().for_each(|class| *counts.entry(class).or_insert(0usize) += 1);
    classes.iter().map(|class| 1.0 / (counts[class] * counts.len()) as f32).collect()
}

impl Attribute {
    /// Its value in an exercise; empty where it is not known.
    pub fn of(self, exercise: &libmtl::scorer::Exercise) -> &str {
        match self {
            Self::Country => exercise.countries.first().map_or("", String::as_str),
            Self::Client => &exercise.client,
        }
    }
}
