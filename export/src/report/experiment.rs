//! An experiment: its scores, its learning curves, and what a tagger answers.

use super::charts::{self, Axes, Series};
use super::page::{Cell, Section, Table, list, percent, spread};
use super::svg::colour;
use crate::Result;
use crate::checkpoint::read_json;
use crate::curves::Point;
use crate::picture::{Picture, Size};
use crate::summary::{Spread, Spreads, spreads};
use crate::train::RunResult;
use libmtl::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A run's scores, whatever they are of.
type Outcome = RunResult<BTreeMap<String, f64>>;

/// Scores of spans, which plain labels do not have.
const OF_SPANS: [&str; 4] = ["precision", "recall", "f1", "strict_f1"];

/// Which numbers of a curve's point.
type Pick = fn(&Point) -> &BTreeMap<String, f64>;

/// Runs that differ in their seeds.
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// In the order of their folders.
    pub runs: Vec<Run>,
}

/// One run, finished or not.
pub struct Run {
    folder: String,
    curve: Vec<Point>,
    outcome: Option<Outcome>,
    /// What a tagger answers.
    pub picture: Option<Picture>,
}

impl Run {
    /// None where `folder` is no run's.
    fn read(folder: &Path) -> Result<Option<Self>> {
        let existing = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        let (curve, outcome) = (existing("curve.json"), existing("result.json"));
        if curve.is_none() && outcome.is_none() {
            return Ok(None);
        }
        // Scorers have a picture as well, of other fields.
        let of_tagger =
            |path: &PathBuf| -> Result<bool> { Ok(read_json::<serde_json::Value>(path)?.get("dev").is_some()) };
        let picture = existing("picture.json");
        let picture = if picture.as_ref().map(of_tagger).transpose()? == Some(true) { picture } else { None };
        Ok(Some(Self {
            folder: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            curve: curve.map(|path| read_json(&path)).transpose()?.unwrap_or_default(),
            outcome: outcome.map(|path| read_json(&path)).transpose()?,
            picture: picture.map(|path| read_json(&path)).transpose()?,
        }))
    }
}

impl Experiment {
    /// The run of `folder`, or the runs in it; none where there are none.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let mut runs: Vec<Run> = Run::read(folder)?.into_iter().collect();
        if runs.is_empty() {
            let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?;
            let mut folders: Vec<PathBuf> =
                entries.flatten().map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
            folders.sort();
            for folder in &folders {
                runs.extend(Run::read(folder)?);
            }
        }
        let name = runs.iter().find_map(|run| run.outcome.as_ref().map(|outcome| outcome.experiment.clone()));
        let of_folder = || folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok((!runs.is_empty()).then(|| Self { name: name.unwrap_or_else(of_folder), runs }))
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.runs.iter().filter_map(|run| run.outcome.clone()).collect()
    }

    /// Scores, curves and, of taggers, answers and data.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![self.scores()];
        sections.extend(self.curves());
        sections.extend(super::answers::sections(&self.name, &self.runs));
        sections.extend(self.data());
        sections
    }

    fn scores(&self) -> Section {
        let mut section = Section::new("Scores", &self.name);
        let outcomes = self.outcomes();
        let open = self.runs.iter().filter(|run| run.outcome.is_none()).map(|run| run.folder.as_str());
        let open: Vec<&str> = open.collect();
        if !open.is_empty() {
            section.text(&format!("Not finished: {}. The same command goes on.", open.join(", ")));
        }
        let Some(first) = outcomes.first() else { return section };
        let selected =
            list(outcomes.iter().map(|o| format!("{} of {} with seed {}", o.selected_step, o.steps, o.seed)));
        section.text(&format!(
            "Parameters are those of the step that dev selected: {selected}. Means over the seeds, ± one sample standard deviation; \
             libtorch's threads: {}.",
            first.threads
        ));
        for (set, table) in [("test", spreads(&outcomes, |o| &o.test)), ("dev", spreads(&outcomes, |o| &o.dev))] {
            if !table.is_empty() {
                section.table(&scores(set, &table));
            }
        }
        section
    }

    fn curves(&self) -> Option<Section> {
        let mut section = Section::new("Learning curves", &self.name);
        if self.runs.iter().all(|run| run.curve.is_empty()) {
            return None;
        }
        section.text(
            "A line for each seed, by task or objective. Losses are smoothed; those of objectives have no weight.",
        );
        let charts: [(&str, &str, Pick, f64); 3] = [
            ("Score on dev", "dev score, %", |point| &point.dev, 100.0),
            ("Training loss of the tasks", "loss", |point| &point.loss, 1.0),
            ("Loss of the objectives", "loss", |point| &point.objectives, 1.0),
        ];
        for (caption, y, pick, times) in charts {
            let points = || self.runs.iter().flat_map(|run| &run.curve);
            let names: BTreeSet<&String> = points().flat_map(|point| pick(point).keys()).collect();
            if names.is_empty() {
                continue;
            }
            let lines: Vec<Vec<Series>> =
                names.iter().enumerate().map(|(place, name)| self.lines(name, colour(place), pick, times)).collect();
            // The losses of objectives are of all sizes: each has axes of its own.
            let apart = caption == "Loss of the objectives";
            let drawn = if apart { lines } else { vec![lines.into_iter().flatten().collect()] };
            section.heading(caption);
            for series in &drawn {
                section.figure("", &charts::lines(Axes { x: "steps", y, ..Axes::default() }, series));
            }
            section.folded(&numbers(caption, &names, points().map(|point| (point.step, pick(point))), times));
        }
        Some(section)
    }

    /// A line for each seed.
    fn lines(&self, name: &str, colour: &'static str, pick: Pick, times: f64) -> Vec<Series> {
        let point = |point: &Point| {
            let value = times * pick(point).get(name)?;
            Some(charts::Point { at: point.step as f64, mean: value, sd: 0.0 })
        };
        let line = |run: &Run| Series {
            name: name.to_string(),
            colour,
            points: run.curve.iter().filter_map(point).collect(),
            broken: false,
        };
        self.runs.iter().map(line).collect()
    }

    fn data(&self) -> Option<Section> {
        let picture = self.runs.iter().find_map(|run| run.picture.as_ref())?;
        let mut section = Section::new("Data and settings", &self.name);
        let mut table = Table::new("Sentences and tokens of each task", &["task", "labels", "train", "dev", "test"]);
        for (task, sizes) in &picture.data {
            let size = |size: Size| Cell::from(size.sentences.to_string()).below(format!("{} tokens", size.tokens));
            let labels = sizes.labels.to_string().into();
            table.rows.push(vec![task.into(), labels, size(sizes.train), size(sizes.dev), size(sizes.test)]);
        }
        section.table(&table);
        section.verbatim("The experiment file, as it was read", &picture.settings);
        Some(section)
    }
}

/// What a chart of curves draws: means over the seeds, by step.
fn numbers<'a>(
    caption: &str,
    names: &BTreeSet<&String>,
    points: impl Iterator<Item = (u64, &'a BTreeMap<String, f64>)>,
    times: f64,
) -> Table {
    let mut by_step: BTreeMap<u64, Vec<&BTreeMap<String, f64>>> = BTreeMap::new();
    points.for_each(|(step, values)| by_step.entry(step).or_default().push(values));
    let head: Vec<&str> = std::iter::once("step").chain(names.iter().map(|name| name.as_str())).collect();
    let mut table = Table::new(&format!("{caption}, in numbers"), &head);
    for (step, found) in by_step {
        let cell = |name: &&String| {
            let values: Vec<f64> = found.iter().filter_map(|values| values.get(*name).copied()).collect();
            Cell::from(if values.is_empty() { "–".into() } else { spread(&Spread::of(values), times, 3, false) })
        };
        table.rows.push(std::iter::once(step.to_string().into()).chain(names.iter().map(cell)).collect());
    }
    table
}

/// The scores of one set: a row a task.
fn scores(set: &str, found: &Spreads) -> Table {
    let all: BTreeSet<&str> = found.values().flat_map(|columns| columns.keys().map(String::as_str)).collect();
    let known = ["f1", "precision", "recall", "strict_f1", "accuracy", "unseen_accuracy", "auc", "log_loss"];
    let counts = ["sentences", "exercises", "tokens", "words", "mistakes", "unseen"];
    let names: Vec<&str> = known.into_iter().chain(counts).filter(|name| all.contains(name)).collect();
    let head: Vec<String> = names.iter().map(|name| titled(name)).collect();
    let caption = format!("Scores on {set}; rates in percent");
    let mut table = Table { caption, head: [vec!["task".to_string()], head].concat(), ..Table::default() };
    for (task, columns) in found {
        let spans = OF_SPANS.iter().filter_map(|name| columns.get(*name)).any(|s| s.values.iter().any(|&v| v > 0.0));
        let cell = |name: &&str| -> Cell {
            match columns.get(*name) {
                Some(found) if counts.contains(name) => format!("{:.0}", found.mean).into(),
                Some(found) if matches!(*name, "auc" | "log_loss") => spread(found, 1.0, 4, false).into(),
                Some(found) if spans || !OF_SPANS.contains(name) => percent(found).into(),
                _ => "–".into(),
            }
        };
        table.rows.push(std::iter::once(task.into()).chain(names.iter().map(cell)).collect());
    }
    table
}

/// The name of a score as people write it.
pub fn titled(score: &str) -> String {
    score.replace('_', " ").replace("f1", "F1").replace("auc", "AUC")
}
