//! `summary.json`: mean and standard deviation over the seeds of an experiment.

use crate::Result;
use crate::checkpoint::write_json;
use crate::export::{mean_and_deviation, results};
use crate::train::RunResult;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Mean and sample standard deviation of one score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; 0 of one value.
    pub sd: f64,
    /// One a seed.
    pub values: Vec<f64>,
}

impl Spread {
    /// Of one value a seed.
    pub fn of(values: Vec<f64>) -> Self {
        let (mean, sd) = mean_and_deviation(&values);
        Self { mean, sd, values }
    }
}

/// All seeds of an experiment.
#[derive(Debug, Serialize)]
struct Summary {
    experiment: String,
    seeds: Vec<u64>,
    threads: i32,
    selected_steps: Vec<u64>,
    dev: Spreads,
    test: Spreads,
}

/// Scores of a set, by name.
pub trait Columns {
    /// Each score's name and value.
    fn columns(&self) -> Vec<(&str, f64)>;
}

/// As a run's file has them.
impl Columns for BTreeMap<String, f64> {
    fn columns(&self) -> Vec<(&str, f64)> {
        self.iter().map(|(name, value)| (name.as_str(), *value)).collect()
    }
}

/// The scores of one set of all seeds, by task.
pub type Spreads = BTreeMap<String, BTreeMap<String, Spread>>;

/// Writes `summary.json` beside the seeds' folders, whose scores are of the type `S`.
pub fn write<S: Columns + DeserializeOwned>(folder: &Path) -> Result<()> {
    let results = results::<S>(folder)?;
    let Some(first) = results.first() else { return Ok(()) };
    let summary = Summary {
        experiment: first.experiment.clone(),
        seeds: results.iter().map(|r| r.seed).collect(),
        threads: first.threads,
        selected_steps: results.iter().map(|r| r.selected_step).collect(),
        dev: spreads(&results, |r| &r.dev),
        test: spreads(&results, |r| &r.test),
    };
    write_json(&folder.join("summary.json"), &summary)
}

/// By task and score, over the seeds.
pub fn spreads<S: Columns>(results: &[RunResult<S>], set: fn(&RunResult<S>) -> &BTreeMap<String, S>) -> Spreads {
    let mut values: BTreeMap<String, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for (task, scores) in results.iter().flat_map(set) {
        for (name, value) in scores.columns() {
            values.entry(task.clone()).or_default().entry(name.into()).or_default().push(value);
        }
    }
    let of_task = |columns: BTreeMap<_, _>| columns.into_iter().map(|(name, all)| (name, Spread::of(all))).collect();
    values.into_iter().map(|(task, columns)| (task, of_task(columns))).collect()
}
