//! `picture.json`: what `mtl-export report` draws of a run.

use super::train::{Predicted, Run};
use crate::Result;
use crate::model::flat;
use libmtl::metrics::Bin;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A run by its test words and its learners, who have no names here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Name of the experiment.
    pub experiment: String,
    /// The seed.
    pub seed: u64,
    /// The weight of mistakes in the loss.
    pub alpha: f64,
    /// By track that has a test set: ten bins of its words, as predicted and with alpha undone.
    pub reliability: BTreeMap<String, [Vec<Bin>; 2]>,
    /// Those who train; none where the network does not read who a learner is.
    pub learners: Vec<Learner>,
}

/// A learner of the training data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learner {
    /// Words in training.
    pub words: u64,
    /// How many of them were right.
    pub right: u64,
    /// The network's vector of the learner.
    pub embedding: Vec<f32>,
}

impl Picture {
    /// Of the parameters that `run` has now, and what they predict of the test sets.
    pub fn of(run: &Run, test: &Predicted) -> Result<Self> {
        let alpha = run.config.training.alpha;
        let mut reliability = BTreeMap::new();
        for (track, (_, raw)) in test {
            reliability.insert(track.clone(), [raw.reliability(10), raw.clone().unweighted(alpha)?.reliability(10)]);
        }
        let (experiment, seed) = (run.config.name.clone(), run.seed);
        Ok(Self { experiment, seed, alpha, reliability, learners: learners(run) })
    }
}

fn learners(run: &Run) -> Vec<Learner> {
    let Some(table) = run.model.parameters.get("user.embedding").map(flat) else { return Vec::new() };
    let mut words: HashMap<&str, (u64, u64)> = HashMap::new();
    for labelled in run.data.iter().flat_map(|data| &data.train) {
        let own = words.entry(&labelled.exercise.user).or_default();
        own.0 += labelled.mistakes.len() as u64;
        own.1 += labelled.mistakes.iter().filter(|&&mistake| !mistake).count() as u64;
    }
    let width = run.settings.architecture.embedding;
    let learner = |(user, &row): (&String, &u32)| {
        let (words, right) = words.get(user.as_str()).copied().unwrap_or_default();
        let row = row as usize * width;
        Learner { words, right, embedding: table[row..row + width].to_vec() }
    };
    run.lexicon.ids[0].iter().map(learner).collect()
}
