//! `summary.json` of a protocol, and its tables.

use super::System;
use crate::scorer::official::DataFile;
use crate::scorer::train::Scores;
use crate::summary::{Columns, Spread};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a protocol found. In JSON, an object that docs/training.md describes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The experiment.
    pub experiment: String,
    /// The protocol.
    pub protocol: String,
    /// The data.
    pub files: Vec<DataFile>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// In the order of the table.
    pub rows: Vec<Row>,
}

/// What the systems reach on one track.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What the row is called.
    pub row: String,
    /// The track.
    pub track: String,
    /// Test words, one number a seed.
    pub words: Vec<u64>,
    /// By system and score.
    pub systems: BTreeMap<System, BTreeMap<String, Spread>>,
}

impl Summary {
    /// Of no seed yet.
    pub fn new(experiment: &str, protocol: &str, files: Vec<DataFile>) -> Self {
        let (experiment, protocol) = (experiment.into(), protocol.into());
        Self { experiment, protocol, files, seeds: Vec::new(), rows: Vec::new() }
    }

    /// Adds the scores of the next seed.
    pub fn add(&mut self, name: &str, system: System, test: &BTreeMap<String, Scores>) {
        for (track, scores) in test {
            let found = self.rows.iter().position(|row| row.row == name && row.track == *track);
            let index = found.unwrap_or_else(|| {
                let (row, track) = (name.into(), track.clone());
                self.rows.push(Row { row, track, words: Vec::new(), systems: BTreeMap::new() });
                self.rows.len() - 1
            });
            let row = &mut self.rows[index];
            let columns = row.systems.entry(system).or_default();
            for (score, value) in scores.columns() {
                let spread = columns.entry(score.into()).or_insert_with(|| Spread::of(Vec::new()));
                let values = spread.values.iter().copied().chain([value]).collect();
                *spread = Spread::of(values);
            }
            // Once a seed: the systems score the same words.
            if columns.values().all(|spread| spread.values.len() > row.words.len()) {
                row.words.push(scores.words);
            }
        }
    }
}

/// A table of each score: mean and standard deviation over the seeds.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = |system: &System| self.rows.iter().any(|row| row.systems.contains_key(system));
        let systems: Vec<System> = System::ALL.into_iter().filter(present).collect();
        let data = if self.files.iter().all(|file| file.official) { "the shared task's files" } else { "other data" };
        for score in ["auc", "f1", "log_loss"] {
            let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
            let (experiment, protocol, seeds) = (&self.experiment, &self.protocol, seeds.join(", "));
            writeln!(f, "\n{experiment} {protocol}: test {score}, mean ± sd over seeds {seeds} ({data})\n")?;
            write!(f, "| {:<22} | {:<7} | {:>8} |", "", "track", "words")?;
            systems.iter().try_for_each(|system| write!(f, " {:>15} |", system.name()))?;
            write!(f, "\n|{:-<24}|{:-<9}|{:->9}:|", "", "", "")?;
            systems.iter().try_for_each(|_| write!(f, "{:->16}:|", ""))?;
            writeln!(f)?;
            for row in &self.rows {
                let words = row.words.iter().sum::<u64>() / (row.words.len() as u64).max(1);
                write!(f, "| {:<22} | {:<7} | {words:>8} |", row.row, row.track)?;
                for system in &systems {
                    let spread = row.systems.get(system).and_then(|columns| columns.get(score));
                    let cell = spread.map_or("–".into(), |s| format!("{:.4} ± {:.4}", s.mean, s.sd));
                    write!(f, " {cell:>15} |")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
