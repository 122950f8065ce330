//! D1, Rei 2017: the forward states predict the next word, the backward states the one before.
//!
//! ```text
//! E_f = - sum_{t<T} ln softmax(V_f tanh(U_f f_t))[w_{t+1}]      E_b = - sum_{t>1} ln softmax(V_b tanh(U_b b_t))[w_{t-1}]
//! ```
//!
//! A state predicts only what its direction has not read. The loss is E_f + E_b, the mean over sentences.

use super::classes::Classes;
use super::{Classifier, Objective, Seen, Setup, cross_entropy, settings};
use crate::batch::Batch;
use std::collections::BTreeMap;
use tch::Tensor;

/// Which way a state has come.
#[derive(Debug, Clone, Copy)]
pub enum Direction {
    /// From the first word: predicts the next.
    Forward,
    /// From the last: predicts the one before.
    Backward,
}

/// The heads of each language.
pub struct LanguageModel {
    classes: Classes,
    heads: BTreeMap<String, [Classifier; 2]>,
}

impl LanguageModel {
    pub(super) fn new(settings: &settings::LanguageModel, setup: &mut Setup) -> Self {
        let classes = Classes::new(setup, settings.vocabulary);
        let mut heads = BTreeMap::new();
        for (language, tasks) in setup.languages() {
            let sizes = [setup.config.model.hidden, settings.hidden, classes.size(&language)];
            let mut head = |direction: &str| setup.classifier(&format!("{language}.{direction}"), sizes, &tasks);
            let pair = [head("fw"), head("bw")];
            heads.insert(language, pair);
        }
        Self { classes, heads }
    }

    /// The cells that predict, and the classes of what they predict.
    pub fn targets(&self, batch: &Batch, direction: Direction) -> (Vec<i64>, Vec<i64>) {
        let (mut cells, mut targets) = (Vec::new(), Vec::new());
        for (b, &length) in batch.lengths.iter().enumerate() {
            for t in 1..length {
                let (from, to) = match direction {
                    Direction::Forward => (t - 1, t),
                    Direction::Backward => (t, t - 1),
                };
                cells.push(batch.cell(b, from) as i64);
                targets.push(self.classes.class(batch, b, to));
            }
        }
        (cells, targets)
    }

    /// Scores of the classes at `cells`, `[cells, classes]`.
    pub fn logits(&self, seen: &Seen, direction: Direction, cells: &[i64]) -> Tensor {
        let (states, head) = match direction {
            Direction::Forward => (seen.states.forward(1), 0),
            Direction::Backward => (seen.states.backward(1), 1),
        };
        let states = states.index_select(0, &Tensor::from_slice(cells));
        self.heads[&seen.model.tasks[seen.task].language][head].logits(seen.model, &states)
    }
}

impl Objective for LanguageModel {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let loss = |direction| {
            let (cells, targets) = self.targets(seen.batch, direction);
            (!cells.is_empty()).then(|| cross_entropy(&self.logits(seen, direction, &cells), &targets, None))
        };
        // Sentences of one word have nothing to predict.
        let sum = loss(Direction::Forward)? + loss(Direction::Backward)?;
        Some(sum / seen.batch.size() as f64)
    }
}
