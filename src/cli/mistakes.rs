//! `mtl eval` of a scorer, on exercises whose labels are known.

use crate::args::EvalArgs;
use crate::predictions::Scores;
use crate::score::TOGETHER;
use crate::stop::{CANCEL, OK, Outcome};
use crate::{adapt, input, model};
use libmtl::bundle::{Bundle, SCORER_TASK};
use libmtl::metrics::Predictions;
use libmtl::scorer::slam::{self, Record};
use libmtl::scorer::{Exercise, ScoreOptions};
use libmtl::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// What the command prints; docs/cli.md describes the fields.
#[derive(Serialize)]
struct Line<'a> {
    task: &'a str,
    track: &'a str,
    calibrated: bool,
    exercises: usize,
    #[serde(flatten)]
    scores: Scores,
}

/// Scores the exercises of `--data` against their labels.
pub fn run(bundle: Arc<Bundle>, args: &EvalArgs) -> Outcome<u8> {
    refuse_options_of_taggers(args)?;
    let scorer = model::scorer(bundle, model::engine_options(&args.engine)?, args.vectors.as_deref())?;
    let track = scorer.track_of(&args.data, args.track.as_deref())?;
    let key = args.key.as_deref().map(key).transpose()?;
    let learners = args.learners.as_deref().map_or(Ok(Vec::new()), adapt::read)?;
    let options = ScoreOptions { calibrated: args.calibrated, learners: &learners };
    let mut records = slam::read(input::open(&args.data)?, &track).peekable();
    let (mut exercises, mut mistakes, mut probabilities) = (0, Vec::new(), Vec::new());
    while records.peek().is_some() {
        let together = records.by_ref().take(TOGETHER).collect::<Result<Vec<Record>>>();
        let together = together.map_err(|e| e.at(args.data.display()))?;
        for record in &together {
            let place = |e: Error| e.at(format_args!("exercise of line {}", record.line)).at(args.data.display());
            mistakes.extend(labels(record, key.as_ref()).map_err(place)?);
        }
        let batch: Vec<Exercise> = together.iter().map(|record| record.exercise.clone()).collect();
        for (record, scored) in together.iter().zip(scorer.score(&batch, &options, &CANCEL)?) {
            let place = |e: Error| e.at(format_args!("exercise of line {}", record.line)).at(args.data.display());
            probabilities.extend(scored.map_err(place)?.into_iter().map(f64::from));
        }
        exercises += together.len();
    }
    let predictions = Predictions::new(mistakes, probabilities).map_err(|e| e.at(args.data.display()))?;
    let scores = Scores::new(&predictions);
    let line = Line { task: SCORER_TASK, track: &track, calibrated: args.calibrated, exercises, scores };
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(OK)
}

/// The labels of a key file, by instance.
pub fn key(file: &Path) -> Result<HashMap<String, bool>> {
    let labels = slam::keys(input::open(file)?).map_err(|e| e.at(file.display()))?;
    Ok(labels.into_iter().collect())
}

/// Whether each word was a mistake, by the file's own column or the key.
pub fn labels(record: &Record, key: Option<&HashMap<String, bool>>) -> Result<Vec<bool>> {
    let label = |token: &slam::Token| {
        let known = key.map_or(token.mistake, |key| key.get(&token.id).copied());
        known.ok_or_else(|| {
            let remedy = "pass a labelled file, or its key with --key";
            Error::new(ErrorKind::Input, format!("nothing says whether {} was a mistake", token.id)).remedy(remedy)
        })
    };
    record.tokens.iter().map(label).collect()
}

/// What only an evaluation of labels can mean.
fn refuse_options_of_taggers(args: &EvalArgs) -> Result<()> {
    let given = [
        ("--task", args.task.is_some()),
        ("--lang", args.lang.is_some()),
        ("--input", args.input.is_some()),
        ("--token-column", args.token_column.is_some()),
        ("--label-column", args.label_column.is_some()),
        ("--scheme", args.scheme.is_some()),
        ("--map", !args.map.is_empty()),
        ("--map-predicted", !args.map_predicted.is_empty()),
        ("--comments", args.comments),
        ("--zero-shot", args.zero_shot),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            Err(Error::new(ErrorKind::Argument, format!("{option} is for taggers, and this model is a scorer"))
                .remedy("leave it out"))
        }
    }
}
