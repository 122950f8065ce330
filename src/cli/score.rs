//! `mtl score`: which words of the exercises of `.slam` files a learner will get wrong.

use crate::args::{ScoreArgs, ScoreOutput};
use crate::stop::{self, CANCEL, Outcome};
use crate::{input, model, note, report};
use libmtl::scorer::slam::{self, Record};
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Error, ErrorKind, Result};
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Exercises that are scored together.
const TOGETHER: usize = 256;

/// Runs the command. Of several files, each is scored or refused by itself.
pub fn run(args: &ScoreArgs) -> Outcome<u8> {
    let scorer = Scorer::open(model::open(&args.model, &args.zoo)?, &model::engine_options(&args.engine)?)?;
    if !args.quiet {
        note(&format!("{}: {}", scorer.manifest().id, scorer.manifest().description));
        if args.files == [Path::new("-")] && io::stdin().is_terminal() {
            note("reading from the terminal; end with Ctrl-D");
        }
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut refused = false;
    for file in &args.files {
        match track(&scorer, file, args).and_then(|track| Ok((input::open(file)?, track))) {
            Ok((input, track)) => refused |= score(&scorer, file, slam::read(input, &track), args, &mut out)?,
            Err(error) => {
                report(&error);
                refused = true;
            }
        }
    }
    out.flush()?;
    Ok(if refused { stop::REFUSED } else { stop::OK })
}

/// The track that `--track` names, or the file's name (`en_es.slam.test`), or the model's only one.
fn track(scorer: &Scorer, file: &Path, args: &ScoreArgs) -> Result<String> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let named = || scorer.tracks().iter().find(|track| name.split('.').next() == Some(track.as_str())).cloned();
    let track = args.track.clone().or_else(named).unwrap_or_default();
    scorer.check_track(&track).map_err(|e| match &args.track {
        Some(_) => e.at("--track"),
        None => Error::new(ErrorKind::Argument, "nothing says which track it is of")
            .at(file.display())
            .remedy(format!("pass --track with one of {}", scorer.tracks().join(", "))),
    })?;
    Ok(track)
}

/// Scores the exercises of a file; whether something was refused.
fn score(
    scorer: &Scorer,
    file: &Path,
    mut records: impl Iterator<Item = Result<Record>>,
    args: &ScoreArgs,
    out: &mut impl Write,
) -> Outcome<bool> {
    let options = ScoreOptions { calibrated: args.calibrated };
    let mut refused = false;
    let mut refuse = |error: Error| {
        report(&error.at(file.display()));
        refused = true;
    };
    let mut more = true;
    while more {
        let mut together = Vec::new();
        while more && together.len() < TOGETHER {
            match records.next() {
                Some(Ok(record)) => together.push(record),
                end => {
                    more = false;
                    end.into_iter().filter_map(Result::err).for_each(&mut refuse);
                }
            }
        }
        let exercises: Vec<Exercise> = together.iter().map(|record| record.exercise.clone()).collect();
        let scored = scorer.score(&exercises, &options, &CANCEL)?;
        for (record, probabilities) in together.iter().zip(scored) {
            match probabilities {
                Ok(probabilities) => write(out, file, record, &probabilities, args.output)?,
                Err(error) => refuse(error.at(format_args!("line {}", record.line))),
            }
        }
        out.flush()?;
    }
    Ok(refused)
}

fn write(
    out: &mut impl Write,
    file: &Path,
    record: &Record,
    probabilities: &[f32],
    output: ScoreOutput,
) -> Outcome<()> {
    match output {
        ScoreOutput::Predictions => {
            let mut text = String::new();
            record.write_predictions(probabilities, &mut text)?;
            out.write_all(text.as_bytes())?;
        }
        ScoreOutput::Jsonl => {
            let exercise = &record.exercise;
            let words = exercise.words.iter().zip(&record.tokens).zip(probabilities);
            let line = Line {
                document: &file.to_string_lossy(),
                line: record.line,
                track: &exercise.track,
                user: &exercise.user,
                words: words.map(|((text, token), &mistake)| Word { id: &token.id, text, mistake }).collect(),
            };
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

/// A line of JSON output; docs/cli.md describes the fields.
#[derive(Serialize)]
struct Line<'a> {
    document: &'a str,
    line: u64,
    track: &'a str,
    user: &'a str,
    words: Vec<Word<'a>>,
}

#[derive(Serialize)]
struct Word<'a> {
    id: &'a str,
    text: &'a str,
    mistake: f32,
}
