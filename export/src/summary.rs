//! `summary.json`: mean and standard deviation over the seeds of an experiment.

use crate::Result;
use crate::checkpoint::write_json;
use crate::export::{mean_and_deviation, results};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Mean and sample standard deviation of one score.
#[derive(Debug, Serialize)]
struct Spread {
    mean: f64,
    sd: f64,
    values: Vec<f64>,
}

/// All seeds of an experiment.
#[derive(Debug, Serialize)]
struct Summary {
    experiment: String,
    seeds: Vec<u64>,
    threads: i32,
    selected_steps: Vec<u64>,
    dev: BTreeMap<String, BTreeMap<&'static str, Spread>>,
    test: BTreeMap<String, BTreeMap<&'static str, Spread>>,
}

/// Writes `summary.json` beside the seeds' folders.
pub fn write(folder: &Path) -> Result<()> {
    let results = results(folder)?;
    let Some(first) = results.first() else { return Ok(()) };
    let spread = |read: fn(&crate::train::RunResult) -> &BTreeMap<String, crate::train::Scores>| {
        read(first)
            .keys()
            .map(|task| {
                let scores: Vec<_> = results.iter().filter_map(|r| read(r).get(task)).collect();
                let of = |f: fn(&crate::train::Scores) -> f64| {
                    let values: Vec<f64> = scores.iter().map(|s| f(s)).collect();
                    let (mean, sd) = mean_and_deviation(&values);
                    Spread { mean, sd, values }
                };
                let columns =
                    [("f1", of(|s| s.f1)), ("strict_f1", of(|s| s.strict_f1)), ("accuracy", of(|s| s.accuracy))];
                (task.clone(), columns.into())
            })
            .collect()
    };
    let summary = Summary {
        experiment: first.experiment.clone(),
        seeds: results.iter().map(|r| r.seed).collect(),
        threads: first.threads,
        selected_steps: results.iter().map(|r| r.selected_step).collect(),
        dev: spread(|r| &r.dev),
        test: spread(|r| &r.test),
    };
    write_json(&folder.join("summary.json"), &summary)
}
