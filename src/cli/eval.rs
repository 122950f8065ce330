//! `mtl eval` of a model, on an annotated file.

use crate::args::{EvalArgs, EvalInput};
use crate::stop::{self, Outcome, Stop};
use crate::{input, mistakes, model, predictions, warn};
use indicatif::{ProgressBar, ProgressStyle};
use libmtl::bundle::manifest::{Kind, Task};
use libmtl::metrics::Counts;
use libmtl::tagger::gold::{Gold, Scores};
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::text::Sentence;
use libmtl::text::readers::{self, ConllOptions};
use libmtl::text::scheme::Scheme;
use libmtl::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Tokens that are tagged together at most, unless one sentence is longer.
const TOKENS_A_CHUNK: usize = 8192;

/// What the command prints.
#[derive(Serialize)]
struct Line<'a> {
    task: &'a str,
    lang: &'a str,
    sentences: u64,
    tokens: u64,
    #[serde(flatten)]
    scores: Scores,
}

/// Runs the command.
pub fn run(args: &EvalArgs) -> Outcome<u8> {
    if let Some(file) = &args.predictions {
        return predictions::run(file, args);
    }
    let bundle = args.model.as_ref().map(|model| model::open(model, &args.zoo)).transpose()?;
    if let Some(bundle) = bundle.as_ref().filter(|bundle| bundle.manifest().kind == Kind::Scorer) {
        return mistakes::run(Arc::clone(bundle), args);
    }
    let (Some(bundle), Some(task), Some(lang)) = (bundle, &args.task, &args.lang) else {
        let error = Error::new(ErrorKind::Argument, "what is to be scored is not named");
        return Err(error.remedy("pass --model, and --task and --lang for a tagger, or --predictions").into());
    };
    let of_scorers = [
        ("--track", args.track.is_some()),
        ("--vectors", args.vectors.is_some()),
        ("--key", args.key.is_some()),
        ("--calibrated", args.calibrated),
        ("--learners", args.learners.is_some()),
    ];
    if let Some((option, _)) = of_scorers.iter().find(|(_, given)| *given) {
        let message = format!("{option} is for scorers, and this model is a tagger");
        return Err(Error::new(ErrorKind::Argument, message).remedy("leave it out").into());
    }
    let tagger = Tagger::open(bundle, &model::engine_options(&args.engine)?)?;
    tagger.check(task, lang, args.zero_shot)?;
    let task = tagger.task(task)?;
    let progress = progress(&args.data, args.quiet);
    let data = args.data.display();
    let input = BufReader::new(progress.wrap_read(input::open(&args.data)?));
    let mut evaluation = Evaluation::new(&tagger, task, lang, args)?;
    for sentence in sentences(input, args)? {
        if stop::interrupted() {
            return Err(Stop::Interrupted);
        }
        let sentence = sentence.map_err(|e| e.at(&data))?;
        evaluation.add(sentence).map_err(|e| e.at(&data))?;
        progress.set_message(format!("{} sentences", evaluation.counts.sentences));
    }
    evaluation.flush()?;
    progress.finish_and_clear();
    if !args.quiet {
        evaluation.warnings(&args.data);
    }
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &evaluation.line()).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(stop::OK)
}

/// Bytes read of those there are; nothing where standard error is no terminal.
fn progress(path: &Path, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let length = std::fs::metadata(path).ok().filter(|_| path != Path::new("-")).map(|metadata| metadata.len());
    let template = if length.is_some() { "{bar:30} {percent:>3} %  {msg}  {eta} left" } else { "{spinner} {msg}" };
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The annotated sentences of the file.
fn sentences<'a>(input: impl BufRead + 'a, args: &EvalArgs) -> Result<Box<dyn Iterator<Item = Result<Sentence>> + 'a>> {
    let by_name = match args.data.extension().and_then(|e| e.to_str()) {
        Some("conllu") => EvalInput::Conllu,
        Some("iob2") => EvalInput::Iob2,
        _ => EvalInput::Conll,
    };
    let columns = |token: usize, label: isize, comments: bool| ConllOptions {
        token_column: args.token_column.unwrap_or(token),
        label_column: Some(args.label_column.unwrap_or(label)),
        comments: args.comments || comments,
        ..ConllOptions::default()
    };
    match args.input.unwrap_or(by_name) {
        EvalInput::Conll => Ok(Box::new(readers::conll(input, columns(0, -1, false)))),
        EvalInput::Iob2 => Ok(Box::new(readers::conll(input, columns(1, 2, true)))),
        EvalInput::Conllu if args.token_column.is_some() => {
            Err(Error::new(ErrorKind::Argument, "--token-column has no meaning in CoNLL-U")
                .remedy("leave it out, or pass --input conll"))
        }
        EvalInput::Conllu => {
            const UPOS: usize = 3;
            let column = match args.label_column {
                None => UPOS,
                Some(column) => usize::try_from(column).map_err(|_| {
                    Error::new(ErrorKind::Argument, format!("--label-column {column} in CoNLL-U"))
                        .remedy("its ten columns are 0 to 9")
                })?,
            };
            Ok(Box::new(readers::conllu(input, Some(column))))
        }
    }
}

/// Gold against predicted, chunk by chunk.
struct Evaluation<'a> {
    tagger: &'a Tagger,
    task: &'a Task,
    lang: &'a str,
    zero_shot: bool,
    gold: Gold,
    unknown: BTreeMap<String, u64>,
    waiting: Vec<Sentence>,
    tokens: usize,
    counts: Counts,
}

impl<'a> Evaluation<'a> {
    fn new(tagger: &'a Tagger, task: &'a Task, lang: &'a str, args: &EvalArgs) -> Result<Self> {
        let gold = Gold::new(task, args.scheme.map(Scheme::from), &args.map, &args.map_predicted)?;
        let counts = gold.counts();
        let (unknown, waiting) = (BTreeMap::new(), Vec::new());
        Ok(Self { tagger, task, lang, zero_shot: args.zero_shot, gold, unknown, waiting, tokens: 0, counts })
    }

    fn add(&mut self, mut sentence: Sentence) -> Result<()> {
        let place = |e: Error| e.at(format!("sentence of line {}", sentence.line));
        sentence.labels = self.gold.read(&sentence.labels).map_err(place)?;
        for kind in self.gold.unknown(&sentence.labels) {
            *self.unknown.entry(kind.to_string()).or_default() += 1;
        }
        self.tokens += sentence.tokens.len();
        self.waiting.push(sentence);
        if self.tokens >= TOKENS_A_CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let sentences: Vec<&[String]> = self.waiting.iter().map(|sentence| sentence.tokens.as_slice()).collect();
        let options = DecodeOptions { zero_shot: self.zero_shot, ..DecodeOptions::default() };
        let taggings = self.tagger.tag(&sentences, &self.task.name, self.lang, &options, &stop::CANCEL)?;
        for (sentence, tagging) in self.waiting.iter().zip(taggings) {
            self.counts.add(&sentence.labels, &self.gold.predicted(tagging.labels)?);
        }
        self.waiting.clear();
        self.tokens = 0;
        Ok(())
    }

    fn warnings(&self, data: &Path) {
        if self.counts.sentences == 0 {
            warn(&format!("{}: no sentences", data.display()));
        }
        if let Some(warning) = self.gold.warning(&self.unknown, &self.task.name) {
            warn(&format!("{}: {warning}", data.display()));
        }
    }

    fn line(&self) -> Line<'_> {
        let (counts, task) = (&self.counts, &self.task.name);
        let scores = self.gold.scores(counts);
        Line { task, lang: self.lang, sentences: counts.sentences, tokens: counts.tokens, scores }
    }
}
