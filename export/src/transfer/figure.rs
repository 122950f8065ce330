//! Test scores by the target's sentences, a line a system (Lin 2018, Figures 3 to 6), with standard deviations.

use super::plan::System;
use super::summary::Summary;
use crate::report::charts::{self, Axes, Point, Series};
use crate::report::svg::colour;

/// As SVG; with its heading where it stands alone.
pub fn svg(summary: &Summary, alone: bool) -> String {
    let title = if alone { format!("{}: test score by training sentences", summary.target) } else { String::new() };
    let axes = Axes { title: &title, x: "training sentences of the target", y: "test score, %", logarithmic: true };
    let series = System::SYSTEMS.into_iter().enumerate().filter_map(|(place, system)| {
        let rows = summary.rows.iter().filter(|row| row.system == system);
        let point =
            |row: &super::Row| Point { at: row.sentences as f64, mean: 100.0 * row.test.mean, sd: 100.0 * row.test.sd };
        let points: Vec<Point> = rows.map(point).collect();
        (!points.is_empty()).then(|| Series { name: system.name().into(), colour: colour(place), points })
    });
    charts::lines(axes, &series.collect::<Vec<_>>())
}
