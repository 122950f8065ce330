//! `results.jsonl`: a line for each run that is finished.

use super::corpus::DataQuantities;
use crate::jobs::Line;
use crate::train::Scores;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// Name of the sweep.
    pub sweep: String,
    /// Digest of the run's settings.
    pub digest: String,
    /// Names of the tasks that were trained together.
    pub tasks: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Steps trained.
    pub steps: u64,
    /// The step that dev selected.
    pub selected_step: u64,
    /// How long it took, reading included.
    pub seconds: f64,
    /// What selects, and of which gains are: F1 of spans or accuracy of plain labels, by task.
    pub main: BTreeMap<String, Main>,
    /// All scores on test, by task.
    pub test: BTreeMap<String, Scores>,
    /// Of a task trained alone: what its data are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataQuantities>,
    /// Of a task trained alone: step and mean training loss since the row before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<(u64, f64)>,
}

/// A task's main score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Main {
    /// On dev, at the selected step.
    pub dev: f64,
    /// On test, at the selected step.
    pub test: f64,
}

impl Line for Finished {
    fn name(&self) -> String {
        self.tasks.join("+")
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn digest(&self) -> &str {
        &self.digest
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A made-up run of `tasks` with these test scores.
    pub fn finished(tasks: &[(&str, f64)], seed: u64) -> Finished {
        let scores = |&(name, test): &(&str, f64)| (name.to_string(), Main { dev: test / 2.0, test });
        let data = DataQuantities {
            size: 10.0 + tasks[0].0.len() as f64,
            labels: 3.0,
            tokens_per_type: 2.0,
            oov_percent: 1.0,
            label_entropy: 0.5,
            frobenius: 30.0,
            divergence: 0.2,
        };
        let alone = tasks.len() == 1;
        Finished {
            sweep: "made-up".into(),
            digest: "0".into(),
            tasks: tasks.iter().map(|(name, _)| (*name).to_string()).collect(),
            seed,
            steps: 40 * tasks.len() as u64,
            selected_step: 40,
            seconds: 1.0,
            main: tasks.iter().map(scores).collect(),
            test: BTreeMap::new(),
            data: alone.then_some(data),
            losses: if alone { (1..=40).map(|s| (10 * s, 3.0 / (s + seed) as f64)).collect() } else { Vec::new() },
        }
    }
}
