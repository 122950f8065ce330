//! An ablation: what each auxiliary objective gains, with what spread, at what cost. And what a probe found.

use super::charts::{self, Point, Series};
use super::experiment::titled;
use super::page::{Cell, Section, Table, list, percent, spread};
use super::svg::colour;
use crate::ablate::{ALL, Ablation, BASELINE, Row};
use crate::probe;
use crate::summary::Spread;
use std::collections::BTreeMap;

/// The table, gains as bars, costs as bars.
pub fn section(ablation: &Ablation) -> Section {
    let mut section = Section::new("What objectives gain", &ablation.experiment);
    let seeds = list(&ablation.seeds);
    section.text(&format!(
        "Each objective alone, and all of them, against the baseline without any: {} steps, seeds {seeds}. Gains are differences on test of runs \
         with the same seed, in points; ± one sample standard deviation. Time is CPU time of the training steps.",
        ablation.steps
    ));
    let Some(baseline) = ablation.rows.first() else { return section };
    let columns: Vec<(&str, &str)> =
        baseline.test.iter().map(|(task, scores)| (task.as_str(), main_score(scores))).collect();
    let mut head: Vec<String> = vec!["trained with".into()];
    head.extend(columns.iter().map(|(task, score)| format!("{task} {}", titled(score))));
    head.extend(["time".into(), "selected steps".into()]);
    let mut table = Table { caption: "Scores of the baseline, and gains on it".into(), head, ..Table::default() };
    table.rows.extend(ablation.rows.iter().map(|row| cells(row, &columns)));
    section.table(&table);
    let rows: Vec<&Row> = ablation.rows.iter().filter(|row| row.gain.is_some()).collect();
    let names: Vec<String> = rows.iter().map(|row| named(&row.name).to_string()).collect();
    if names.is_empty() {
        return section;
    }
    let gain = |row: &Row, (task, score): (&str, &str)| row.gain.as_ref()?.test.get(task)?.get(score).cloned();
    let series = columns.iter().enumerate().map(|(place, &column)| {
        let points = rows.iter().enumerate().filter_map(|(i, row)| Some(point(i, &gain(row, column)?, 100.0)));
        Series {
            name: format!("{} {}", column.0, titled(column.1)),
            colour: colour(place),
            points: points.collect(),
            broken: false,
        }
    });
    section.figure("Gains", &charts::bars(&names, &series.collect::<Vec<_>>(), "gain on test, points", true));
    let costs = rows.iter().enumerate().filter_map(|(i, row)| Some(point(i, row.cost.as_ref()?, 1.0)));
    let costs =
        [Series { name: "time over the baseline's".into(), colour: colour(7), points: costs.collect(), broken: false }];
    section.figure("Cost", &charts::bars(&names, &costs, "times the CPU time of the baseline", true));
    section
}

fn point(row: usize, found: &Spread, times: f64) -> Point {
    Point { at: row as f64, mean: times * found.mean, sd: times * found.sd }
}

/// AUC of scorers, F1 of spans; accuracy where there are no spans.
fn main_score(scores: &BTreeMap<String, Spread>) -> &'static str {
    let is = |name: &str| scores.get(name).is_some_and(|s| s.values.iter().any(|&value| value > 0.0));
    ["auc", "f1"].into_iter().find(|name| is(name)).unwrap_or("accuracy")
}

fn named(row: &str) -> &str {
    match row {
        BASELINE => "no objective",
        ALL => "all of them",
        name => name,
    }
}

fn cells(row: &Row, columns: &[(&str, &str)]) -> Vec<Cell> {
    let found = |table: &crate::summary::Spreads, (task, score): (&str, &str)| table.get(task)?.get(score).cloned();
    let cell = |&column: &(&str, &str)| {
        let text = match &row.gain {
            Some(gain) => found(&gain.test, column).map(|gain| spread(&gain, 100.0, 2, true)),
            None => found(&row.test, column).map(|score| percent(&score)),
        };
        Cell::from(text.unwrap_or("–".into()))
    };
    let seconds = format!("{} s", spread(&row.cpu_seconds, 1.0, 1, false));
    let time = match &row.cost {
        Some(cost) => Cell::from(format!("× {:.2}", cost.mean)).below(seconds),
        None => seconds.into(),
    };
    let steps = list(&row.selected_steps);
    std::iter::once(named(&row.name).into()).chain(columns.iter().map(cell)).chain([time, steps.into()]).collect()
}

/// Which auxiliary tasks a probe found to help.
pub fn probed(name: &str, report: &probe::Report) -> Section {
    let mut section = Section::new("Which auxiliary tasks help?", name);
    section.text(&format!(
        "Short runs, {} of the experiment's steps each; candidates are halved in rounds of {} new seeds. Differences are points of the dev score \
         with a candidate to that without, seed by seed; the probability is that of a mean difference above 0.",
        report.fraction, report.seeds
    ));
    if let Some(comparison) = &report.comparison {
        section.text(&comparison.to_string());
    }
    for advice in &report.advice {
        let cut = if advice.cut_short { ", ended by the budget" } else { "" };
        let caption = format!("{}: {} steps, {:.0} s{cut}", advice.main, advice.steps, advice.seconds);
        let mut table =
            Table::new(&caption, &["candidate", "weight", "helps with probability", "difference", "seeds", "rounds"]);
        for found in &advice.findings {
            let differences = Spread::of(found.differences.clone());
            let difference =
                if found.differences.is_empty() { "–".into() } else { spread(&differences, 100.0, 2, true) };
            let numbers = [found.candidate.weight.to_string(), format!("{:.2}", found.helps), difference];
            let counts = [found.differences.len().to_string(), found.rounds.to_string()];
            let name = Cell::from(&found.candidate.auxiliary);
            table.rows.push(std::iter::once(name).chain(numbers.into_iter().chain(counts).map(Cell::from)).collect());
        }
        section.table(&table);
    }
    section
}
