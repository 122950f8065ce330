//! `mtl score`: which words of the exercises of `.slam` files a learner will get wrong.

use crate::args::{ScoreArgs, ScoreOutput};
use crate::output::RiskPage;
use crate::stop::{self, CANCEL, Outcome};
use crate::{adapt, input, model, note, report};
use libmtl::bundle::Manifest;
use libmtl::scorer::slam::{self, Record};
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Error, Result};
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Exercises that are scored together.
pub const TOGETHER: usize = 256;

/// Runs the command. Of several files, each is scored or refused by itself.
pub fn run(args: &ScoreArgs) -> Outcome<u8> {
    let scorer = model::scorer(
        model::open(&args.model, &args.zoo)?,
        model::engine_options(&args.engine)?,
        args.vectors.as_deref(),
    )?;
    if !args.quiet {
        note(&format!("{}: {}", scorer.manifest().id, scorer.manifest().description));
        if args.files == [Path::new("-")] && io::stdin().is_terminal() {
            note("reading from the terminal; end with Ctrl-D");
        }
    }
    let output = if args.html { ScoreOutput::Html } else { args.output };
    let page = (output == ScoreOutput::Html).then(|| RiskPage::new(&scorer, args.calibrated));
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let learners = args.learners.as_deref().map_or(Ok(Vec::new()), adapt::read)?;
    let options = ScoreOptions { calibrated: args.calibrated, learners: &learners };
    let mut scoring = Scoring { scorer: &scorer, options, output, page, out, refused: false };
    if let Some(page) = &scoring.page {
        page.begin(&mut scoring.out)?;
    }
    for file in &args.files {
        match scorer.track_of(file, args.track.as_deref()).and_then(|track| Ok((input::open(file)?, track))) {
            Ok((input, track)) => scoring.file(file, slam::read(input, &track))?,
            Err(error) => scoring.refuse(&error),
        }
    }
    if let Some(page) = &scoring.page {
        page.end(&mut scoring.out)?;
    }
    scoring.out.flush()?;
    Ok(if scoring.refused { stop::REFUSED } else { stop::OK })
}

/// Scores files, one after the other.
struct Scoring<'a, W> {
    scorer: &'a Scorer,
    options: ScoreOptions<'a>,
    output: ScoreOutput,
    page: Option<RiskPage>,
    out: W,
    /// Whether something was.
    refused: bool,
}

impl<W: Write> Scoring<'_, W> {
    fn refuse(&mut self, error: &Error) {
        report(error);
        self.refused = true;
    }

    /// Scores the exercises of a file.
    fn file(&mut self, file: &Path, mut records: impl Iterator<Item = Result<Record>>) -> Outcome<()> {
        let mut more = true;
        while more {
            let mut together = Vec::new();
            while more && together.len() < TOGETHER {
                match records.next() {
                    Some(Ok(record)) => together.push(record),
                    end => {
                        more = false;
                        end.into_iter().filter_map(Result::err).for_each(|e| self.refuse(&e.at(file.display())));
                    }
                }
            }
            let exercises: Vec<Exercise> = together.iter().map(|record| record.exercise.clone()).collect();
            let scored = self.scorer.score(&exercises, &self.options, &CANCEL)?;
            for (record, probabilities) in together.iter().zip(scored) {
                match probabilities {
                    Ok(probabilities) => self.write(&file.to_string_lossy(), record, &probabilities)?,
                    Err(error) => {
                        self.refuse(&error.at(format_args!("line {}", record.line)).at(file.display()));
                    }
                }
            }
            self.out.flush()?;
        }
        Ok(())
    }

    fn write(&mut self, document: &str, record: &Record, probabilities: &[f32]) -> Outcome<()> {
        match self.output {
            ScoreOutput::Predictions => {
                let mut text = String::new();
                record.write_predictions(probabilities, &mut text)?;
                self.out.write_all(text.as_bytes())?;
            }
            ScoreOutput::Jsonl => {
                let line = Line::new(self.scorer.manifest(), document, record, probabilities);
                serde_json::to_writer(&mut self.out, &line).map_err(io::Error::from)?;
                writeln!(self.out)?;
            }
            ScoreOutput::Html => {
                if let Some(page) = &mut self.page {
                    let adapted = self.options.learners.iter().any(|l| l.user() == record.exercise.user);
                    page.exercise(&mut self.out, document, record, probabilities, adapted)?;
                }
            }
        }
        Ok(())
    }
}

/// A line of JSON output; docs/cli.md describes the fields.
#[derive(Serialize)]
struct Line<'a> {
    model: Model<'a>,
    document: &'a str,
    line: u64,
    track: &'a str,
    user: &'a str,
    words: Vec<Word<'a>>,
}

/// Whose probabilities they are; the description says what the model is good for.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    version: &'a str,
    description: &'a str,
}

impl<'a> Line<'a> {
    fn new(manifest: &'a Manifest, document: &'a str, record: &'a Record, probabilities: &[f32]) -> Self {
        let exercise = &record.exercise;
        let words = exercise.words.iter().zip(&record.tokens).zip(probabilities);
        Self {
            model: Model { id: &manifest.id, version: &manifest.version, description: &manifest.description },
            document,
            line: record.line,
            track: &exercise.track,
            user: &exercise.user,
            words: words.map(|((text, token), &mistake)| Word { id: &token.id, text, mistake }).collect(),
        }
    }
}

#[derive(Serialize)]
struct Word<'a> {
    id: &'a str,
    text: &'a str,
    mistake: f32,
}
