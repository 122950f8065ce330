//! What a tagger answers: precision and recall of each type, confusions, and how tags are distributed.

use super::charts::{self, Part};
use super::experiment::{Experiment, Run};
use super::page::{Cell, Section, Table, percent};
use super::svg::{COLOURS, colour};
use crate::picture::{Answers, Confusion, Picture};
use crate::summary::Spread;
use libmtl::metrics::SpanCounts;
use libmtl::text::scheme::span_label;
use std::collections::BTreeSet;

/// So many labels have a row of their own in a matrix; the rarer ones share one.
const LARGEST: usize = 30;

/// A task's answers of each seed, on test or, where there is none, on dev.
struct Found<'a> {
    task: &'a str,
    set: &'static str,
    seeds: Vec<&'a Answers>,
}

fn found(runs: &[Run]) -> Vec<Found<'_>> {
    let pictures: Vec<&Picture> = runs.iter().filter_map(|run| run.picture.as_ref()).collect();
    let tasks: BTreeSet<&str> = pictures.iter().flat_map(|picture| picture.dev.keys()).map(String::as_str).collect();
    let mut all = Vec::new();
    for task in tasks {
        let test: Vec<&Answers> = pictures.iter().filter_map(|picture| picture.test.get(task)).collect();
        let dev = || pictures.iter().filter_map(|picture| picture.dev.get(task)).collect();
        let (set, seeds) = if test.is_empty() { ("dev", dev()) } else { ("test", test) };
        all.push(Found { task, set, seeds });
    }
    all
}

/// A section for each task.
pub fn sections(name: &str, runs: &[Run]) -> Vec<Section> {
    let missing = runs.iter().filter(|run| run.picture.is_none()).count();
    found(runs).iter().map(|task| task.section(name, missing)).collect()
}

impl Found<'_> {
    fn section(&self, name: &str, missing: usize) -> Section {
        let mut section = Section::new(&format!("Answers: {}", self.task), &format!("{name}, {}", self.set));
        if missing > 0 {
            section.text(&format!("{missing} of the runs have no picture.json, and take no part in this section."));
        }
        let whole = self.whole();
        let spans = self.seeds.iter().any(|answers| answers.spans.is_some());
        section.heading(if spans { "Each type" } else { "Each label" });
        section.table(&self.types(&whole));
        section.heading("Confusions");
        section.text(if spans {
            "Spans of the data by type (rows) and what was answered for the same words (columns), of all seeds together. A span \
             whose words are not those of the other side is missed, or spurious."
        } else {
            "Tokens by their label in the data (rows) and the label that was answered (columns), of all seeds together."
        });
        section.table(&matrix(&whole, spans));
        section.heading("Distribution of tags");
        section.text(
            "How often each tag is in the data, how often it was answered, and how often rightly; outside of spans (O) is left out. \
             The height of a stack is the number of tags, the mean over seeds.",
        );
        let tags = Tags::of(self.seeds.iter().map(|answers| &answers.tags));
        let column = |name: &str, pick: fn(SpanCounts) -> u64| (name.to_string(), tags.mean(&self.seeds, pick));
        let columns =
            [column("gold", |c| c.gold), column("predicted", |c| c.predicted), column("right", |c| c.correct)];
        section.figure("", &charts::stacks("tags", &columns, &tags.parts));
        section.table(&tags.table(&columns));
        section
    }

    /// Of all seeds together.
    fn whole(&self) -> Confusion {
        let mut whole = Confusion::default();
        self.seeds.iter().for_each(|answers| whole.merge(answers.scored()));
        whole
    }

    /// Precision, recall and F1, the most frequent first.
    fn types(&self, whole: &Confusion) -> Table {
        let mut table = Table::new(
            "In percent, mean ± sd over seeds; counts are means",
            &["", "precision", "recall", "F1", "gold", "predicted"],
        );
        for label in by_frequency(whole) {
            let counts: Vec<SpanCounts> = self.seeds.iter().map(|answers| answers.scored().counts(label)).collect();
            let over = |pick: fn(&SpanCounts) -> f64| Spread::of(counts.iter().map(pick).collect());
            let rates = [SpanCounts::precision, SpanCounts::recall, SpanCounts::f1]
                .map(|rate| Cell::from(percent(&over(rate))));
            let sizes = [over(|c| c.gold as f64), over(|c| c.predicted as f64)];
            let sizes = sizes.map(|size| Cell::from(format!("{:.1}", size.mean).trim_end_matches(".0")));
            table.rows.push([vec![shown(label).into()], rates.to_vec(), sizes.to_vec()].concat());
        }
        table
    }
}

/// A bare `B` makes a span of the type "".
fn shown(label: &str) -> &str {
    if label.is_empty() { "(no type)" } else { label }
}

/// Labels, the most frequent in the data first.
fn by_frequency(confusion: &Confusion) -> Vec<&str> {
    let mut labels: Vec<(&str, u64)> =
        confusion.labels().into_iter().map(|label| (label, confusion.counts(label).gold)).collect();
    labels.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    labels.into_iter().map(|(label, _)| label).collect()
}

/// Counts, each on a shade of its share of its row.
fn matrix(confusion: &Confusion, spans: bool) -> Table {
    let labels = by_frequency(confusion);
    let (own, rest) = labels.split_at(labels.len().min(LARGEST));
    type Wanted<'a> = Box<dyn Fn(Option<&str>) -> bool + 'a>;
    let mut groups: Vec<(String, Wanted)> = Vec::new();
    for label in own {
        groups.push((shown(label).to_string(), Box::new(move |found| found == Some(*label))));
    }
    if !rest.is_empty() {
        groups.push((
            format!("{} others", rest.len()),
            Box::new(move |found| found.is_some_and(|label| rest.contains(&label))),
        ));
    }
    let mut head: Vec<String> =
        std::iter::once("gold \\ answered".to_string()).chain(groups.iter().map(|g| g.0.clone())).collect();
    let nothing: Wanted = Box::new(|found| found.is_none());
    head.extend(spans.then(|| "missed".to_string()));
    let columns = || groups.iter().map(|group| &group.1).chain(spans.then_some(&nothing));
    let row = |name: &str, wanted: &Wanted| {
        let counts: Vec<u64> = columns().map(|column| confusion.count(wanted, column)).collect();
        let sum = counts.iter().sum::<u64>().max(1);
        let cell = |&count: &u64| match count {
            0 => Cell::from("·"),
            count => Cell::from(count.to_string()).shade(count as f64 / sum as f64),
        };
        std::iter::once(name.into()).chain(counts.iter().map(cell)).collect::<Vec<Cell>>()
    };
    let mut rows: Vec<Vec<Cell>> = groups.iter().map(|(name, wanted)| row(name, wanted)).collect();
    rows.extend(spans.then(|| {
        let mut cells = row("spurious", &nothing);
        cells.pop();
        cells.into_iter().chain(["".into()]).collect()
    }));
    Table { caption: "Counts; the shade is the share of the row".into(), head, rows, matrix: true }
}

/// The tags of a task, in the order in which they are stacked.
struct Tags {
    parts: Vec<Part>,
}

impl Tags {
    /// Of all of these. Tags of a type have its colour, paler from B to E.
    fn of<'a>(all: impl Iterator<Item = &'a Confusion>) -> Self {
        let mut whole = Confusion::default();
        all.for_each(|tags| whole.merge(tags));
        let kind = |tag: &str| span_label(tag).unwrap_or(tag).to_string();
        let mut kinds: Vec<String> = Vec::new();
        for tag in by_frequency(&whole).into_iter().filter(|tag| *tag != "O") {
            if !kinds.contains(&kind(tag)) {
                kinds.push(kind(tag));
            }
        }
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for tag in whole.labels().into_iter().filter(|tag| *tag != "O") {
            let place = kinds.iter().position(|k| *k == kind(tag)).unwrap_or(0);
            let position = ["S-", "B-", "I-", "E-"].iter().position(|prefix| tag.starts_with(prefix)).unwrap_or(0);
            let opacity = [1.0, 0.8, 0.6, 0.42][position] * [1.0, 0.55, 0.3][(place / COLOURS.len()).min(2)];
            parts.push((place * 4 + position, (tag.to_string(), colour(place), opacity)));
        }
        parts.sort_by_key(|(order, _)| *order);
        Self { parts: parts.into_iter().map(|(_, part)| part).collect() }
    }

    /// A number for each tag: the mean over seeds.
    fn mean(&self, seeds: &[&Answers], pick: fn(SpanCounts) -> u64) -> Vec<f64> {
        let sum = |(tag, ..): &Part| seeds.iter().map(|answers| pick(answers.tags.counts(tag))).sum::<u64>();
        self.parts.iter().map(|part| sum(part) as f64 / seeds.len().max(1) as f64).collect()
    }

    fn table(&self, columns: &[(String, Vec<f64>)]) -> Table {
        let head: Vec<&str> = std::iter::once("tag").chain(columns.iter().map(|(name, _)| name.as_str())).collect();
        let mut table = Table::new("The same in numbers", &head);
        for (place, (tag, ..)) in self.parts.iter().enumerate() {
            let cell =
                |(_, values): &(String, Vec<f64>)| Cell::from(format!("{:.1}", values[place]).trim_end_matches(".0"));
            table.rows.push(std::iter::once(tag.into()).chain(columns.iter().map(cell)).collect());
        }
        table
    }
}

/// Of every task that several experiments have: how many tags of each kind each of them finds (Lin 2018, Figure 6).
pub fn side_by_side(experiments: &[Experiment]) -> Vec<Section> {
    let all: Vec<(&str, Vec<Found>)> = experiments.iter().map(|e| (e.name.as_str(), found(&e.runs))).collect();
    let tasks: BTreeSet<&str> = all.iter().flat_map(|(_, tasks)| tasks).map(|found| found.task).collect();
    let mut sections = Vec::new();
    for task in tasks {
        let own: Vec<(&str, &Found)> = all
            .iter()
            .flat_map(|(name, tasks)| tasks.iter().filter(|f| f.task == task).map(move |f| (*name, f)))
            .collect();
        if own.len() < 2 {
            continue;
        }
        let tags = Tags::of(own.iter().flat_map(|(_, found)| &found.seeds).map(|answers| &answers.tags));
        let right =
            |(name, found): &(&str, &Found)| (name.to_string(), tags.mean(&found.seeds, |counts| counts.correct));
        let gold = ("gold".to_string(), tags.mean(&own[0].1.seeds, |counts| counts.gold));
        let columns: Vec<(String, Vec<f64>)> = std::iter::once(gold).chain(own.iter().map(right)).collect();
        let mut section = Section::new(&format!("Right tags: {task}"), "experiments side by side");
        section.text("How many tags of each kind are in the data, and how many of them each experiment answers rightly; means over seeds.");
        section.figure("", &charts::stacks("right tags", &columns, &tags.parts));
        section.table(&tags.table(&columns));
        sections.push(section);
    }
    sections
}
