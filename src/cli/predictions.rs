//! `mtl eval --predictions`: scores predicted mistakes as the shared task does.

use crate::args::EvalArgs;
use crate::stop::{self, Outcome};
use crate::{input, warn};
use libmtl::Error;
use libmtl::metrics::{Bin, Predictions, reliability_svg};
use libmtl::scorer::slam;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// What the command prints; docs/cli.md describes the fields.
#[derive(Serialize)]
pub struct Scores {
    instances: usize,
    mistakes: usize,
    auc: Option<f64>,
    f1: f64,
    accuracy: f64,
    log_loss: Option<f64>,
    calibration_error: f64,
}

impl Scores {
    /// A score that the data do not define is null, with a warning, and the others stand.
    pub fn new(predictions: &Predictions) -> Self {
        let defined = |score: libmtl::Result<f64>| score.inspect_err(|e| warn(&e.to_string())).ok();
        Self {
            instances: predictions.len(),
            mistakes: predictions.mistakes(),
            auc: defined(predictions.auc()),
            f1: predictions.f1(),
            accuracy: predictions.accuracy(),
            log_loss: defined(predictions.log_loss()),
            calibration_error: predictions.calibration_error(),
        }
    }
}

/// Scores the predictions of `file` against the labels of `--data`.
pub fn run(file: &Path, args: &EvalArgs) -> Outcome<u8> {
    let at = |path: &Path| {
        let place = path.display().to_string();
        move |e: Error| e.at(place)
    };
    let gold = slam::gold(input::open(&args.data)?).map_err(at(&args.data))?;
    let predicted = slam::predictions(input::open(file)?).map_err(at(file))?;
    let (mistakes, probabilities) = slam::pair(&gold, &predicted).map_err(at(file))?;
    let mut predictions = Predictions::new(mistakes, probabilities)?;
    let mut bins = vec![("as predicted".to_string(), predictions.reliability(10))];
    if let Some(alpha) = args.alpha {
        predictions = predictions.unweighted(alpha).map_err(|e| e.at("--alpha"))?;
        bins.push((format!("alpha {alpha} undone"), predictions.reliability(10)));
    }
    if let Some(path) = &args.reliability {
        let series: Vec<(&str, &[Bin])> = bins.iter().map(|(name, bins)| (name.as_str(), bins.as_slice())).collect();
        std::fs::write(path, reliability_svg(&series)).map_err(|e| Error::io(path.display(), e))?;
    }
    if !args.quiet && predicted.len() > gold.len() {
        let extra = predicted.len() - gold.len();
        warn(&format!("{}: {extra} predictions of instances that the labels do not have", file.display()));
    }
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &Scores::new(&predictions)).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(stop::OK)
}
