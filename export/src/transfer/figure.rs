//! Test scores by the target's sentences, a line a system (Lin 2018, Figures 3 to 6), with standard deviations; beside them, broken,
//! what others have published.

use super::plan::System;
use super::summary::Summary;
use crate::report::charts::{self, Axes, Point, Series};
use crate::report::svg::colour;

/// As SVG; with its heading where it stands alone.
pub fn svg(summary: &Summary, alone: bool) -> String {
    let title = if alone { format!("{}: test score by training sentences", summary.target) } else { String::new() };
    let axes = Axes { title: &title, x: "training sentences of the target", y: "test score, %", logarithmic: true };
    let series = |(place, system): (usize, System)| {
        let name = system.name().to_string();
        let published = Series {
            name: format!("{name}, published"),
            colour: colour(place),
            points: published(summary, system),
            broken: true,
        };
        [Series { name, colour: colour(place), points: own(summary, system), broken: false }, published]
    };
    let series = System::SYSTEMS.into_iter().enumerate().flat_map(series);
    charts::lines(axes, &series.filter(|series| !series.points.is_empty()).collect::<Vec<_>>())
}

fn own(summary: &Summary, system: System) -> Vec<Point> {
    let rows = summary.rows.iter().filter(|row| row.system == system);
    let point =
        |row: &super::Row| Point { at: row.sentences as f64, mean: 100.0 * row.test.mean, sd: 100.0 * row.test.sd };
    rows.map(point).collect()
}

/// Those of sizes that were trained, too: what `all` is elsewhere is not known.
fn published(summary: &Summary, system: System) -> Vec<Point> {
    let points = summary.published.iter().filter(|point| point.system == system);
    let place = |size| summary.rows.iter().find(|row| row.size == size).map(|row| row.sentences as f64);
    points.filter_map(|point| Some(Point { at: place(point.size)?, mean: point.score, sd: 0.0 })).collect()
}
