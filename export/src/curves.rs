//! Learning curves: `curve.json` for programs, `curve.svg` for people.

use crate::Result;
use crate::checkpoint::write_json;
use crate::report::charts::{self, Axes, Series};
use crate::report::svg::colour;
use libmtl::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// One evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Smoothed training loss by task, nats per sentence.
    pub loss: BTreeMap<String, f64>,
    /// Smoothed losses of the objectives, unweighted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
    /// Dev score by task: F1 of spans, accuracy of plain labels.
    pub dev: BTreeMap<String, f64>,
    /// What selects the model.
    pub score: f64,
    /// Training speed since the evaluation before.
    pub tokens_per_second: f64,
}

/// One line for people about the last evaluation.
pub fn line(name: &str, seed: u64, curve: &[Point], best: Option<(f64, u64)>) -> String {
    let Some(point) = curve.last() else { return String::new() };
    let dev: Vec<String> = point.dev.iter().map(|(task, score)| format!("{task} {:.2}", 100.0 * score)).collect();
    let losses: Vec<String> = point.objectives.iter().map(|(name, loss)| format!("{name} {loss:.3}")).collect();
    let losses = if losses.is_empty() { String::new() } else { format!(" losses [{}]", losses.join(", ")) };
    let (best, at) = best.unwrap_or((point.score, point.step));
    format!(
        "{name} seed {seed} step {}: dev {:.2} (best {:.2} at {at}) [{}]{losses} {:.0} tokens/s",
        point.step,
        100.0 * point.score,
        100.0 * best,
        dev.join(", "),
        point.tokens_per_second
    )
}

/// Writes both files.
pub fn write(folder: &Path, title: &str, curve: &[Point]) -> Result<()> {
    write_json(&folder.join("curve.json"), &curve)?;
    let path = folder.join("curve.svg");
    let tasks = curve.last().into_iter().flat_map(|last| last.dev.keys());
    let series: Vec<Series> = tasks.enumerate().map(|(place, task)| percents(curve, task, colour(place))).collect();
    let axes = Axes { title, x: "steps", y: "dev score, %", ..Axes::default() };
    std::fs::write(&path, charts::lines(axes, &series)).map_err(|e| Error::io(path.display(), e))
}

/// A task's scores on dev, in percent.
fn percents(curve: &[Point], task: &str, colour: &'static str) -> Series {
    let point = |point: &Point| {
        let score = point.dev.get(task)?;
        Some(charts::Point { at: point.step as f64, mean: 100.0 * score, sd: 0.0 })
    };
    Series { name: task.to_string(), colour, points: curve.iter().filter_map(point).collect(), broken: false }
}
