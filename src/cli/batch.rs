//! `mtl batch`: jobs over files of any size.

use crate::args::EngineArgs;
use crate::args::batch::{
    BatchArgs, BatchCommand, BatchEvalArgs, BatchScoreArgs, BatchTagArgs, ColumnArgs, JobArgs, OnError,
};
use crate::stop::{self, CANCEL, Outcome};
use crate::{adapt, model, note, warn};
use indicatif::{ProgressBar, ProgressStyle};
use libmtl::batch::{self, Conll, Eval, Job, Progress, Score, Summary, Tag, TextColumn, Work};
use libmtl::engine::{EngineOptions, Report};
use libmtl::tagger::gold::Gold;
use libmtl::tagger::{DecodeOptions, DocumentOptions, Tagger};
use libmtl::text::scheme::Scheme;
use serde::Serialize;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often the progress is told, at most.
const TELL: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: &BatchArgs) -> Outcome<u8> {
    match &args.command {
        BatchCommand::Tag(args) => tag(args),
        BatchCommand::Score(args) => score(args),
        BatchCommand::Eval(args) => eval(args),
    }
}

impl BatchArgs {
    /// Who does the arithmetic.
    pub fn engine(&mut self) -> &mut EngineArgs {
        match &mut self.command {
            BatchCommand::Tag(args) => &mut args.engine,
            BatchCommand::Score(args) => &mut args.engine,
            BatchCommand::Eval(args) => &mut args.engine,
        }
    }
}

fn tag(args: &BatchTagArgs) -> Outcome<u8> {
    let (options, threads) = engine(&args.engine)?;
    let tagger = Tagger::open(model::open(&args.model, &args.zoo)?, &options)?;
    notes(args.job.quiet, &args.engine, tagger.report());
    let options = DocumentOptions {
        tasks: args.task.clone(),
        language: args.lang.clone(),
        unit: args.offsets.into(),
        replace_invalid: false,
        decode: DecodeOptions { scores: args.scores, nbest: 0, zero_shot: args.zero_shot },
    };
    let (text, layout, column) = (args.column.column(), args.layout.into(), args.job.column.clone());
    let work = Work::Tag(Tag { tagger: &tagger, options, text, layout, column });
    finish(&args.job, &args.job.job(work, threads, args.column.token_column))?;
    Ok(stop::OK)
}

fn score(args: &BatchScoreArgs) -> Outcome<u8> {
    let (options, threads) = engine(&args.engine)?;
    let scorer = model::scorer(model::open(&args.model, &args.zoo)?, options, args.vectors.as_deref())?;
    notes(args.job.quiet, &args.engine, scorer.report());
    if !args.job.quiet {
        note(&format!("{}: {}", scorer.manifest().id, scorer.manifest().description));
    }
    let work = Work::Score(Score {
        scorer: &scorer,
        track: args.track.clone(),
        calibrated: args.calibrated,
        learners: args.learners.as_deref().map_or(Ok(Vec::new()), adapt::read)?,
        layout: args.layout.into(),
        column: args.job.column.clone(),
    });
    finish(&args.job, &args.job.job(work, threads, 0))?;
    Ok(stop::OK)
}

/// What an evaluation prints: the same fields as `mtl eval`.
#[derive(Serialize)]
struct Line<'a> {
    task: &'a str,
    lang: &'a str,
    sentences: u64,
    tokens: u64,
    #[serde(flatten)]
    scores: libmtl::tagger::gold::Scores,
}

fn eval(args: &BatchEvalArgs) -> Outcome<u8> {
    let (options, threads) = engine(&args.engine)?;
    let tagger = Tagger::open(model::open(&args.model, &args.zoo)?, &options)?;
    notes(args.job.quiet, &args.engine, tagger.report());
    let gold = Gold::new(tagger.task(&args.task)?, args.scheme.map(Scheme::from), &args.map, &args.map_predicted)?;
    let work = Work::Eval(Eval {
        tagger: &tagger,
        task: args.task.clone(),
        language: args.lang.clone(),
        zero_shot: args.zero_shot,
        gold: gold.clone(),
        words: args.column.column(),
        labels: args.gold.clone(),
        column: args.job.column.clone(),
    });
    let summary = finish(&args.job, &args.job.job(work, threads, args.column.token_column))?;
    let Some(found) = &summary.metrics else { return Ok(stop::OK) };
    if let Some(warning) = gold.warning(&found.unknown, &found.task).filter(|_| !args.job.quiet) {
        warn(&warning);
    }
    let scores = found.scores;
    let (sentences, tokens) = (found.sentences, found.tokens);
    let line = Line { task: &found.task, lang: &found.lang, sentences, tokens, scores };
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(stop::OK)
}

/// The engine for jobs, which work on a piece of the input a thread, and the threads.
fn engine(args: &EngineArgs) -> libmtl::Result<(EngineOptions, usize)> {
    let options = model::engine_options(args)?;
    let threads = options.threads;
    Ok((EngineOptions { threads: 1, ..options }, threads))
}

fn notes(quiet: bool, engine: &EngineArgs, report: &Report) {
    if !quiet && !engine.order.is_empty() {
        model::provider_notes(report).iter().for_each(|text| note(text));
    }
}

impl ColumnArgs {
    fn column(&self) -> TextColumn {
        match (&self.text, &self.tokens) {
            (Some(name), _) => TextColumn::Text(name.clone()),
            (None, Some(name)) => TextColumn::Tokens(name.clone()),
            (None, None) => TextColumn::Default,
        }
    }
}

impl JobArgs {
    fn job<'a>(&self, work: Work<'a>, threads: usize, token_column: usize) -> Job<'a> {
        Job {
            inputs: self.input.clone(),
            format: self.format.map(Into::into),
            conll: Conll { token_column, comments: self.comments },
            output: self.output.clone(),
            to: self.to.into(),
            compression: self.compress.map(Into::into),
            keep: self.keep.clone(),
            source: self.source,
            work,
            rows_per_part: self.rows_per_part,
            rows_per_batch: usize::from(self.rows_per_batch),
            threads,
            on_error: match self.on_error {
                OnError::Fail => batch::OnError::Fail,
                OnError::Quarantine => batch::OnError::Quarantine(self.max_errors),
            },
            resume: self.resume,
        }
    }
}

/// Runs the job, tells how far it is, and says at the end what became of it.
fn finish(args: &JobArgs, job: &Job) -> Outcome<Summary> {
    let mut teller = Teller::new(args.quiet);
    let outcome = batch::run(job, &CANCEL, &mut |progress| teller.tell(progress));
    teller.bar.finish_and_clear();
    let place = args.output.display();
    match outcome {
        Ok(summary) => {
            if !args.quiet {
                let aside = match summary.quarantined {
                    0 => String::new(),
                    count => format!(", {count} of them in {place}/_quarantine"),
                };
                let parts = if summary.parts.len() == 1 { "part" } else { "parts" };
                note(&format!("{place}: {} records in {} {parts}{aside}", summary.rows, summary.parts.len()));
            }
            Ok(summary)
        }
        Err(error) => {
            if !args.quiet && batch::begun(&args.output) {
                note(&format!("{place} keeps the parts that are finished: the same command with --resume goes on"));
            }
            Err(error.into())
        }
    }
}

/// Shows how far a job is; nothing where standard error is no terminal.
struct Teller {
    bar: ProgressBar,
    begun: Option<Instant>,
    last: Option<Instant>,
}

impl Teller {
    fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let template = "{bar:30} {percent:>3} %  {msg}  {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, begun: None, last: None }
    }

    fn tell(&mut self, progress: &Progress) {
        if self.bar.is_hidden() || self.last.is_some_and(|last| last.elapsed() < TELL) {
            return;
        }
        self.last = Some(Instant::now());
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.bytes);
        if progress.checking {
            self.bar.set_message("checking the input");
            return;
        }
        let begun = *self.begun.get_or_insert_with(|| {
            // What was checked, or finished before, says nothing of the time that is left.
            self.bar.reset_eta();
            Instant::now()
        });
        let rate = (progress.rows - progress.resumed) as f64 / begun.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{} rows, {rate:.0} rows/s", progress.rows));
    }
}
