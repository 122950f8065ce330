//! Learning curves: `curve.json` for programs, `curve.svg` for people.

use crate::Result;
use crate::checkpoint::write_json;
use crate::error::fail;
use plotters::prelude::*;
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
    draw(&path, title, curve).map_err(|e| fail(format!("cannot draw: {e}")).at(path.display()))
}

fn draw(path: &Path, title: &str, curve: &[Point]) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let steps = curve.last().map_or(1, |p| p.step) as f64;
    let lowest = curve.iter().flat_map(|p| p.dev.values()).copied().fold(1.0, f64::min);
    let root = SVGBackend::new(path, (860, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..steps, 100.0 * lowest..100.0)?;
    chart.configure_mesh().x_desc("steps").y_desc("dev score, %").light_line_style(WHITE).draw()?;
    let tasks: Vec<&String> = curve.last().map(|p| p.dev.keys().collect()).unwrap_or_default();
    for (index, task) in tasks.iter().enumerate() {
        let colour = Palette99::pick(index).mix(1.0);
        let points = curve.iter().filter_map(|p| p.dev.get(*task).map(|s| (p.step as f64, 100.0 * s)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(task.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
