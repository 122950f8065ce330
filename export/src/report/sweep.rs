//! A sweep: gains as a heat map, scores alone and in pairs, learning curves; and what `relate` says of it.

use super::charts::{self, Axes, Series};
use super::heat;
use super::page::{Cell, Section, Table, list, percent};
use super::svg::colour;
use crate::relate;
use crate::summary::Spread;
use crate::sweep::{Finished, map, paired, tasks};
use std::collections::{BTreeMap, BTreeSet};

/// Gains, scores, curves.
pub fn sections(finished: &[Finished]) -> Vec<Section> {
    let name = finished.first().map_or("", |run| run.sweep.as_str());
    [gains(name, finished), scores(name, finished)].into_iter().chain(curves(name, finished)).collect()
}

/// Which runs there are, and which are missing of all tasks and pairs.
fn complete(section: &mut Section, finished: &[Finished]) {
    let tasks = tasks(finished);
    let pairs = (0..tasks.len()).flat_map(|a| (a + 1..tasks.len()).map(move |b| vec![a, b]));
    let sets: Vec<Vec<usize>> = (0..tasks.len()).map(|a| vec![a]).chain(pairs).collect();
    let seeds: BTreeSet<u64> = finished.iter().map(|run| run.seed).collect();
    let mut missing = Table::new("Runs that are missing", &["tasks", "seed"]);
    for &seed in &seeds {
        for set in &sets {
            let wanted: BTreeSet<&str> = set.iter().map(|&task| tasks[task].as_str()).collect();
            let is = |run: &&Finished| {
                run.seed == seed && run.tasks.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted
            };
            if finished.iter().find(is).is_none() {
                missing.rows.push(vec![list(wanted).into(), seed.to_string().into()]);
            }
        }
    }
    let steps: u64 = finished.iter().map(|run| run.steps).sum();
    let minutes = finished.iter().map(|run| run.seconds).sum::<f64>() / 60.0;
    section.text(&format!(
        "{} runs of {} tasks, seeds {}; {steps} steps, {minutes:.0} minutes in all. Of all tasks alone and in pairs with these seeds, {} runs \
         are missing.",
        finished.len(),
        tasks.len(),
        list(&seeds),
        missing.rows.len()
    ));
    if !missing.rows.is_empty() {
        section.folded(&missing);
    }
}

fn gains(name: &str, finished: &[Finished]) -> Section {
    let mut section = Section::new("Gains", name);
    complete(&mut section, finished);
    let map = map(finished);
    if map.cells.is_empty() {
        section.text(
            "No two tasks have been trained alone and together with the same seed yet: there is no gain to tell.",
        );
        return section;
    }
    section.text(
        "What a main task gains from an auxiliary task, in percent of its score alone: the mean on test over the seeds that have both \
         runs, ± their standard deviation.",
    );
    section.figure("", &heat::svg(&map));
    let gain = map.cells.iter().filter(|cell| cell.2 > 0.0).count();
    section.text(&format!("{gain} of {} pairs gain.", map.cells.len()));
    section
}

/// Scores on test by main task: alone, then with each auxiliary task; below, on how many seeds.
fn scores(name: &str, finished: &[Finished]) -> Section {
    let mut section = Section::new("Scores alone and in pairs", name);
    section.text(
        "F1 of spans or accuracy of plain labels on test, in percent: mean ± sd over seeds. Below a joint score its gain, in percent of the \
         score alone, over the seeds that have both. Bold: a gain above 0.",
    );
    let names = tasks(finished);
    let head: Vec<String> =
        ["main task".into(), "alone".into()].into_iter().chain(names.iter().map(|n| format!("+ {n}"))).collect();
    let mut table = Table { caption: "Scores on test".into(), head, ..Table::default() };
    for main in &names {
        let cell = |set: &[&str]| {
            let of = |run: &&Finished| {
                run.tasks.len() == set.len() && set.iter().all(|name| run.tasks.iter().any(|t| t == name))
            };
            let values: Vec<f64> =
                finished.iter().filter(of).filter_map(|run| Some(run.main.get(main)?.test)).collect();
            match values.len() {
                0 => Cell::from("–"),
                seeds => Cell::from(percent(&Spread::of(values)))
                    .below(format!("{seeds} seed{}", if seeds > 1 { "s" } else { "" })),
            }
        };
        let joint = |aux: &String| {
            let gain = paired(finished, main, aux, |m| m.test).and_then(|p| Some((p.gain()?, p.deviation())));
            let sd = |sd: Option<f64>| sd.map_or(String::new(), |sd| format!(" ± {sd:.1}"));
            match gain {
                Some((gain, deviation)) => {
                    cell(&[main, aux]).below(format!("{gain:+.1}{}", sd(deviation))).strong(gain > 0.0)
                }
                None => cell(&[main, aux]),
            }
        };
        let row = names.iter().map(|aux| if aux == main { Cell::from("") } else { joint(aux) });
        table.rows.push([main.into(), cell(&[main])].into_iter().chain(row).collect());
    }
    section.table(&table);
    section.table(&quantities(finished, &names));
    section
}

/// What the data of each task are like.
fn quantities(finished: &[Finished], names: &[String]) -> Table {
    let head = ["task", "sentences", "labels", "tokens a type", "without a vector, %", "label entropy", "divergence"];
    let mut table = Table::new("Data of each task", &head);
    for name in names {
        let data = finished.iter().filter(|run| run.tasks == [name.clone()]).find_map(|run| run.data);
        let Some(data) = data else { continue };
        let rest = [data.tokens_per_type, data.oov_percent, data.label_entropy, data.divergence]
            .map(|v| format!("{v:.2}").into());
        let sizes = [data.size, data.labels].map(|v| format!("{v:.0}").into());
        table.rows.push(std::iter::once(name.into()).chain(sizes).chain(rest).collect());
    }
    table
}

/// Training losses of the tasks alone.
fn curves(name: &str, finished: &[Finished]) -> Option<Section> {
    let names = tasks(finished);
    let mut section = Section::new("Learning curves", name);
    let mut series = Vec::new();
    let mut by_step: BTreeMap<u64, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        for run in finished.iter().filter(|run| run.tasks == [name.clone()] && !run.losses.is_empty()) {
            let point = |&(step, loss): &(u64, f64)| charts::Point { at: step as f64, mean: loss, sd: 0.0 };
            series.push(Series {
                name: name.clone(),
                colour: colour(place),
                points: run.losses.iter().map(point).collect(),
                broken: false,
            });
            run.losses.iter().for_each(|&(step, loss)| {
                by_step.entry(step).or_default().entry(name).or_default().push(loss);
            });
        }
    }
    if series.is_empty() {
        return None;
    }
    section.text("Training losses of the tasks alone: the mean since the point before, a line for each seed.");
    section.figure("", &charts::lines(Axes { x: "steps", y: "loss", ..Axes::default() }, &series));
    let head: Vec<&str> = std::iter::once("step").chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new("The same in numbers, means over seeds", &head);
    for (step, losses) in &by_step {
        let mean = |name: &String| {
            losses.get(name.as_str()).map_or("–".into(), |l| format!("{:.4}", Spread::of(l.clone()).mean).into())
        };
        table.rows.push(std::iter::once(step.to_string().into()).chain(names.iter().map(mean)).collect());
    }
    section.folded(&table);
    Some(section)
}

/// Do features of the tasks tell gains? The table of `relate`.
pub fn related(report: &relate::Report) -> Section {
    let mut section = Section::new("Do features of tasks tell their gains?", &report.command);
    let gains = list(report.positive.iter().map(|(name, count)| format!("{count} {name}")));
    section.text(&format!(
        "{} tasks, {} pairs; gains: {gains}. A predictor is worth something where it does better than the identity of the main task and \
         random features do in the same rows.",
        report.tasks.len(),
        report.pairs.len()
    ));
    let mut table = Table::new("mean ± sd over shuffles or draws", &["inputs", "left out", "accuracy", "F1 of gains"]);
    for row in &report.rows {
        let left_out: Cell = row.validation.map_or("nothing is fitted", relate::left_out).into();
        table.rows.push(vec![
            row.label(report).into(),
            left_out,
            row.accuracy.to_string().into(),
            row.f1.to_string().into(),
        ]);
    }
    section.table(&table);
    let mut weights = Table::new("Largest weights of the features", &["input", "weight"]);
    let largest = report.weights.iter().take(10);
    weights.rows.extend(largest.map(|(name, weight)| vec![name.into(), format!("{weight:+.3}").into()]));
    section.folded(&weights);
    section
}
