//! A protocol: what it is, the data, a chart, the table.

use crate::report::charts::{self, Axes, Point, Series};
use crate::report::page::{Cell, Section, Table, list};
use crate::report::svg::{COLOURS, colour};
use crate::scorer::protocol::{Row, Summary, System};
use crate::summary::Spread;
use std::collections::BTreeSet;

fn of_system(system: System) -> &'static str {
    match system {
        System::Logistic => COLOURS[7],
        System::Trees => COLOURS[2],
        System::SingleTask => COLOURS[1],
        System::MultiTask => COLOURS[0],
    }
}

/// The section of `summary`.
pub fn section(summary: &Summary) -> Section {
    let name = summary.protocol.as_str();
    let (heading, text, chart) = if name.starts_with("low-resource") {
        let text = "One track has fewer exercises to train on; the others stay as they are.";
        ("AUC against training size", text, sizes(summary))
    } else if name.starts_with("cold-start") {
        let text =
            "The same learners and the same words: known from this track, from another one alone, or not at all.";
        ("Learners whom a track does not know", text, points(summary))
    } else if name == "removal" {
        let text = "What AUC loses without a feature of the exercise; above 0, the feature helps.";
        ("Features left out", text, drops(summary))
    } else if name == "ablations" {
        let text = "What AUC loses without a part of the network; above 0, the part helps.";
        ("Encoders left out", text, drops(summary))
    } else {
        ("All training data", "Every system on every track.", points(summary))
    };
    let mut section = Section::new(heading, &format!("{} {name}", summary.experiment));
    section.text(text);
    source(&mut section, summary);
    if let Some(chart) = chart {
        section.figure("", &chart);
    }
    section.table(&table(summary));
    section.note(
        "AUC; below it F1 at 0.5, which training's weight of mistakes raises, and the log loss of calibrated probabilities. Bold: the highest mean.",
    );
    section
}

/// Which data these are.
fn source(section: &mut Section, summary: &Summary) {
    let official = summary.files.iter().all(|file| file.official);
    let text = if official {
        "Data: the published files of the shared task (SLAM 2018, version 4), by their digests."
    } else {
        "Data: NOT the published files of the shared task; nothing here is comparable with its results."
    };
    section.text(&format!("{text} Seeds: {}.", list(&summary.seeds)));
    let mut table = Table::new("Files", &["file", "bytes", "SHA-256"]);
    let cells = summary
        .files
        .iter()
        .map(|file| vec![(&file.name).into(), file.bytes.to_string().into(), (&file.sha256).into()]);
    table.rows.extend(cells);
    section.folded(&table);
}

fn systems(summary: &Summary) -> Vec<System> {
    let present = |system: &System| summary.rows.iter().any(|row| row.systems.contains_key(system));
    System::ALL.into_iter().filter(present).collect()
}

fn auc(row: &Row, system: System) -> Option<&Spread> {
    row.systems.get(&system)?.get("auc")
}

/// The systems side by side, the best AUC of a row in bold.
fn table(summary: &Summary) -> Table {
    let systems = systems(summary);
    let head: Vec<&str> =
        ["", "track", "words"].into_iter().chain(systems.iter().map(|system| system.name())).collect();
    let mut table = Table::new("Scores on test, mean ± sd over seeds", &head);
    for row in &summary.rows {
        let words = row.words.iter().sum::<u64>() / (row.words.len() as u64).max(1);
        let best = systems.iter().filter_map(|&system| auc(row, system)).map(|s| s.mean).fold(f64::MIN, f64::max);
        let cell = |system: &System| {
            let Some(columns) = row.systems.get(system) else { return Cell::from("–") };
            let score = |name: &str| columns.get(name).map_or("–".into(), |s| format!("{:.3} ± {:.3}", s.mean, s.sd));
            let highest = systems.len() > 1 && auc(row, *system).is_some_and(|s| s.mean == best);
            let below = [format!("F1 {}", score("f1")), format!("log loss {}", score("log_loss"))];
            below.into_iter().fold(Cell::from(score("auc")).strong(highest), Cell::below)
        };
        let first = [(&row.row).into(), (&row.track).into(), words.to_string().into()];
        table.rows.push(first.into_iter().chain(systems.iter().map(cell)).collect());
    }
    table
}

/// AUC over exercises in training: a line a system.
fn sizes(summary: &Summary) -> Option<String> {
    let series = |system: System| {
        let point = |row: &Row| {
            let size: f64 = row.row.split(' ').next()?.parse().ok()?;
            auc(row, system).map(|s| Point { at: size, mean: s.mean, sd: s.sd })
        };
        let points = summary.rows.iter().filter_map(point).collect();
        Series { name: system.name().into(), colour: of_system(system), points, broken: false }
    };
    let all: Vec<Series> = systems(summary).into_iter().map(series).collect();
    let axes = Axes { x: "exercises in training", y: "test AUC", logarithmic: true, ..Axes::default() };
    all.iter().any(|series| !series.points.is_empty()).then(|| charts::lines(axes, &all))
}

/// AUC of each row: a point a system.
fn points(summary: &Summary) -> Option<String> {
    let name = |row: &Row| if row.row == "all" { row.track.clone() } else { row.row.clone() };
    let rows: Vec<String> = summary.rows.iter().map(name).collect();
    let series = |system: System| {
        let point = |(index, row): (usize, &Row)| auc(row, system).map(|s| point(index, s));
        let points = summary.rows.iter().enumerate().filter_map(point).collect();
        Series { name: system.name().into(), colour: of_system(system), points, broken: false }
    };
    let all: Vec<Series> = systems(summary).into_iter().map(series).collect();
    Some(charts::bars(&rows, &all, "test AUC", false))
}

fn point(row: usize, found: &Spread) -> Point {
    Point { at: row as f64, mean: found.mean, sd: found.sd }
}

/// What AUC loses in each row, seed by seed: a bar a track, of the system that sees most.
fn drops(summary: &Summary) -> Option<String> {
    let changed: Vec<&Row> = summary.rows.iter().filter(|row| row.row != "all").collect();
    let has_rows = |system: &System| changed.iter().any(|row| row.systems.contains_key(system));
    let system = System::ALL.into_iter().rev().find(has_rows)?;
    let drop = |row: &Row| {
        let all = summary.rows.iter().find(|all| all.row == "all" && all.track == row.track)?;
        let (all, own) = (auc(all, system)?, auc(row, system)?);
        Some(Spread::of(all.values.iter().zip(&own.values).map(|(all, own)| all - own).collect()))
    };
    let tracks: BTreeSet<&str> = changed.iter().map(|row| row.track.as_str()).collect();
    let mut names: Vec<&str> = Vec::new();
    for row in &changed {
        if !names.contains(&row.row.as_str()) {
            names.push(&row.row);
        }
    }
    let mean = |name: &str| {
        let all: Vec<f64> =
            changed.iter().filter(|row| row.row == name).filter_map(|row| drop(row)).map(|s| s.mean).collect();
        Spread::of(all).mean
    };
    names.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let series = |(index, track): (usize, &&str)| {
        let own = changed.iter().filter(|row| row.track == **track);
        let points = own.filter_map(|row| {
            let place = names.iter().position(|name| *name == row.row)?;
            drop(row).map(|s| point(place, &s))
        });
        Series { name: (*track).into(), colour: colour(index), points: points.collect(), broken: false }
    };
    let all: Vec<Series> = tracks.iter().enumerate().map(series).collect();
    let rows: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    Some(charts::bars(&rows, &all, &format!("loss of test AUC, {}", system.name()), true))
}
