//! Systems of the shared task to compare with: they see one track, and what they predict is scored alike.

use super::config::Feature;
use super::data::TrackData;
use super::logistic;
use super::slam::records;
use super::train::Scores;
use super::trees;
use crate::Result;
use clap::ValueEnum;
use libmtl::Error;
use libmtl::metrics::Predictions;
use libmtl::scorer::slam::Record;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The logistic regression of the task's starter kit
    Logistic,
    /// Gradient-boosted trees
    Trees,
}

/// `mtl-export scorer baseline`.
#[derive(clap::Args)]
pub struct Options {
    /// The system
    #[arg(long, value_enum, default_value_t = Kind::Logistic)]
    kind: Kind,
    /// A labelled .slam file to train on; may be repeated
    #[arg(long, required = true)]
    train: Vec<PathBuf>,
    /// The .slam file to score on, labelled or with its key in FILE.key
    #[arg(long)]
    test: PathBuf,
    /// The seed; may be repeated
    #[arg(long, default_values_t = [1])]
    seed: Vec<u64>,
    /// Write the predictions of the last seed
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
}

/// Trains and scores with each seed.
pub fn baseline(options: &Options) -> Result<Vec<Scores>> {
    let mut train = Vec::new();
    for path in &options.train {
        train.extend(records(path, "")?);
    }
    let data = TrackData { train, dev: Vec::new(), test: records(&options.test, "")? };
    let mut scores = Vec::new();
    for &seed in &options.seed {
        let probabilities = options.kind.predict(&data, &[], seed)?;
        if let Some(path) = &options.predictions {
            write(path, &data.test, &probabilities)?;
        }
        scores.push(score(&data.test, probabilities)?);
    }
    Ok(scores)
}

impl Kind {
    /// P(mistake) of each word of `data.test`, in their order, by what is learnt from `data.train` without the features
    /// that are ignored.
    pub fn predict(self, data: &TrackData<Record>, ignore: &[Feature], seed: u64) -> Result<Vec<f64>> {
        match self {
            Kind::Logistic => Ok(logistic::predict(data, ignore, seed)),
            Kind::Trees => trees::predict(data, ignore, seed),
        }
    }
}

/// Writes predictions as the task has them: `instance probability`.
fn write(path: &Path, exercises: &[Record], probabilities: &[f64]) -> Result<()> {
    let mut text = String::new();
    for (token, p) in exercises.iter().flat_map(|record| &record.tokens).zip(probabilities) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {p}", token.id);
    }
    std::fs::write(path, text).map_err(|e| Error::io(path.display(), e))
}

/// Scores of the words of `exercises`.
pub fn score(exercises: &[Record], probabilities: Vec<f64>) -> Result<Scores> {
    let mistakes =
        exercises.iter().flat_map(|record| &record.tokens).map(|token| token.mistake == Some(true)).collect();
    let predictions = Predictions::new(mistakes, probabilities)?;
    Scores::new(exercises.len(), &predictions, &predictions)
}
