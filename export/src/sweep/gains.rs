//! How much a task gains from another: its score in their joint run against its score alone, seed by seed.

use super::results::{Finished, Main};
use crate::report::heat::Map;
use std::collections::BTreeMap;

/// A main task with an auxiliary task against the main task alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Joint minus single score of each seed that has both, in the order of the seeds.
    pub differences: Vec<f64>,
    /// Mean of those single scores.
    pub alone: f64,
}

impl Paired {
    /// Mean difference in percent of the mean single score; none where the task scores nothing alone.
    pub fn gain(&self) -> Option<f64> {
        (self.alone > 0.0).then(|| 100.0 * self.mean() / self.alone)
    }

    /// Mean difference.
    pub fn mean(&self) -> f64 {
        self.differences.iter().sum::<f64>() / self.differences.len() as f64
    }

    /// Sum of squares around the mean difference.
    pub fn squares(&self) -> f64 {
        let mean = self.mean();
        self.differences.iter().map(|d| (d - mean) * (d - mean)).sum()
    }

    /// Standard deviation of the gain over seeds, in percent of the mean single score.
    pub fn deviation(&self) -> Option<f64> {
        let count = self.differences.len();
        (count > 1 && self.alone > 0.0).then(|| 100.0 * (self.squares() / (count as f64 - 1.0)).sqrt() / self.alone)
    }
}

/// The tasks that were trained alone, in the order of their runs.
pub fn tasks(finished: &[Finished]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in finished.iter().filter(|run| run.tasks.len() == 1) {
        if !names.contains(&run.tasks[0]) {
            names.push(run.tasks[0].clone());
        }
    }
    names
}

/// `main` with and without `aux` over the seeds that have both runs; none where no seed has.
pub fn paired(finished: &[Finished], main: &str, aux: &str, score: impl Fn(&Main) -> f64) -> Option<Paired> {
    let scores = |wanted: &dyn Fn(&[String]) -> bool| -> BTreeMap<u64, f64> {
        let runs = finished.iter().filter(|run| wanted(&run.tasks));
        runs.filter_map(|run| Some((run.seed, score(run.main.get(main)?)))).collect()
    };
    let alone = scores(&|tasks| tasks == [main]);
    let joint = scores(&|tasks| tasks.len() == 2 && [main, aux].iter().all(|name| tasks.iter().any(|t| t == name)));
    let both: Vec<(f64, f64)> = joint.iter().filter_map(|(seed, &joint)| Some((joint, *alone.get(seed)?))).collect();
    (!both.is_empty()).then(|| Paired {
        differences: both.iter().map(|(joint, alone)| joint - alone).collect(),
        alone: both.iter().map(|(_, alone)| alone).sum::<f64>() / both.len() as f64,
    })
}

/// Gains by test score.
pub fn map(finished: &[Finished]) -> Map {
    let tasks = tasks(finished);
    let mut cells = Vec::new();
    for (m, main) in tasks.iter().enumerate() {
        for (a, aux) in tasks.iter().enumerate().filter(|&(a, _)| a != m) {
            let found = paired(finished, main, aux, |m| m.test);
            cells.extend(found.and_then(|p| Some((m, a, p.gain()?, p.deviation()))));
        }
    }
    Map { tasks, cells }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::results::tests::finished;

    #[test]
    fn gains_are_paired_by_seed() {
        let runs = [
            finished(&[("a", 0.4)], 1),
            finished(&[("a", 0.6)], 2),
            finished(&[("a", 0.9)], 3),
            finished(&[("b", 0.0)], 1),
            finished(&[("a", 0.5), ("b", 0.1)], 1),
            finished(&[("a", 0.6), ("b", 0.1)], 2),
        ];
        let found = paired(&runs, "a", "b", |m| m.test).unwrap();
        assert_eq!(found.alone, 0.5, "seed 3 has no joint run");
        assert!((found.gain().unwrap() - 10.0).abs() < 1e-9, "{found:?}");
        assert!((found.deviation().unwrap() - 100.0 * 0.005_f64.sqrt() / 0.5).abs() < 1e-9, "{found:?}");
        assert!((paired(&runs, "a", "b", |m| m.dev).unwrap().alone - 0.25).abs() < 1e-12);
        assert!(paired(&runs, "a", "c", |m| m.test).is_none());
        let map = map(&runs);
        assert_eq!(map.tasks, ["a", "b"]);
        assert_eq!(map.cells.iter().map(|c| (c.0, c.1)).collect::<Vec<_>>(), [(0, 1)], "b scores nothing alone");
    }
}
