//! `mtl eval` of a model, on an annotated file.

use crate::args::{EvalArgs, EvalInput};
use crate::stop::{self, Outcome, Stop};
use crate::{input, mistakes, model, predictions, warn};
use indicatif::{ProgressBar, ProgressStyle};
use libmtl::bundle::manifest::{Kind, Task};
use libmtl::metrics::Counts;
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::text::Sentence;
use libmtl::text::readers::{self, ConllOptions};
use libmtl::text::scheme::{self, Scheme};
use libmtl::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Tokens that are tagged together at most, unless one sentence is longer.
const TOKENS_A_CHUNK: usize = 8192;

/// What the command prints.
#[derive(Serialize)]
struct Scores<'a> {
    task: &'a str,
    lang: &'a str,
    sentences: u64,
    tokens: u64,
    precision: f64,
    recall: f64,
    f1: f64,
    strict_f1: f64,
    accuracy: f64,
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
    serde_json::to_writer(&mut out, &evaluation.scores()).map_err(io::Error::from)?;
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
    args: &'a EvalArgs,
    scheme: Scheme,
    map: BTreeMap<&'a str, &'a str>,
    map_predicted: BTreeMap<&'a str, &'a str>,
    known: BTreeSet<&'a str>,
    unknown: BTreeMap<String, u64>,
    waiting: Vec<Sentence>,
    tokens: usize,
    counts: Counts,
}

impl<'a> Evaluation<'a> {
    fn new(tagger: &'a Tagger, task: &'a Task, lang: &'a str, args: &'a EvalArgs) -> Result<Self> {
        // IOB1 reads IOB2 as well, stray `I-` included, as conlleval does.
        let usual = if task.scheme == Scheme::Plain { Scheme::Plain } else { Scheme::Iob1 };
        let scheme = args.scheme.map_or(usual, Scheme::from);
        if (scheme == Scheme::Plain) != (task.scheme == Scheme::Plain) {
            let what = if scheme == Scheme::Plain { "plain labels" } else { "spans" };
            let message = format!("--scheme {} reads {what}, and task {} gives none", name(scheme), task.name);
            return Err(Error::new(ErrorKind::Argument, message).remedy("leave --scheme out, or choose another task"));
        }
        let known = kinds(task);
        let mut map = mapping(&args.map);
        // The first version of Universal Dependencies' name, which some files of the second still have.
        if known.contains("CCONJ") && !known.contains("CONJ") {
            map.entry("CONJ").or_insert("CCONJ");
        }
        for (_, new) in &args.map {
            check_label(new, &known, "--map", scheme)?;
        }
        for (old, _) in &args.map_predicted {
            check_label(old, &known, "--map-predicted", Scheme::Plain)?;
        }
        let map_predicted = mapping(&args.map_predicted);
        let counts = Counts::new(task.scheme);
        Ok(Self {
            tagger,
            task,
            lang,
            args,
            scheme,
            map,
            map_predicted,
            known,
            unknown: BTreeMap::new(),
            waiting: Vec::new(),
            tokens: 0,
            counts,
        })
    }

    fn add(&mut self, mut sentence: Sentence) -> Result<()> {
        let place = |e: Error| e.at(format!("sentence of line {}", sentence.line));
        if self.scheme != Scheme::Plain {
            sentence.labels = scheme::convert(&sentence.labels, self.scheme, Scheme::Bioes).map_err(place)?;
        }
        rename(&mut sentence.labels, &self.map, self.scheme);
        for label in &sentence.labels {
            let kind = kind(label, self.scheme);
            if kind.is_some_and(|kind| !self.known.contains(kind)) {
                *self.unknown.entry(kind.unwrap_or_default().to_string()).or_default() += 1;
            }
        }
        self.tokens += sentence.tokens.len();
        self.waiting.push(sentence);
        if self.tokens >= TOKENS_A_CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let sentences: Vec<&[String]> = self.waiting.iter().map(|sentence| sentence.tokens.as_slice()).collect();
        let options = DecodeOptions { zero_shot: self.args.zero_shot, ..DecodeOptions::default() };
        let taggings = self.tagger.tag(&sentences, &self.task.name, self.lang, &options, &stop::CANCEL)?;
        for (sentence, tagging) in self.waiting.iter().zip(taggings) {
            let mut predicted = tagging.labels;
            if !matches!(self.task.scheme, Scheme::Plain | Scheme::Bioes) {
                predicted = scheme::write(&scheme::spans_lenient(&predicted), predicted.len(), Scheme::Bioes)?;
            }
            rename(&mut predicted, &self.map_predicted, self.scheme);
            self.counts.add(&sentence.labels, &predicted);
        }
        self.waiting.clear();
        self.tokens = 0;
        Ok(())
    }

    fn warnings(&self, data: &Path) {
        if self.counts.sentences == 0 {
            warn(&format!("{}: no sentences", data.display()));
        }
        if !self.unknown.is_empty() {
            let labels: Vec<String> = self.unknown.iter().map(|(label, n)| format!("{label} ({n} tokens)")).collect();
            let (labels, task) = (labels.join(", "), &self.task.name);
            let drops = if self.scheme == Scheme::Plain { "" } else { ", OLD=O drops" };
            warn(&format!(
                "{}: gold labels that {task} does not know count as errors: {labels}; --map OLD=NEW renames{drops}",
                data.display()
            ));
        }
    }

    fn scores(&self) -> Scores<'_> {
        let counts = &self.counts;
        let accuracy = counts.accuracy();
        let (lang, task) = (self.lang, &self.task.name);
        let (sentences, tokens) = (counts.sentences, counts.tokens);
        // One label a token, predicted for every token: precision, recall and F1 are all the accuracy.
        let (precision, recall, f1, strict_f1) = if self.scheme == Scheme::Plain {
            (accuracy, accuracy, accuracy, accuracy)
        } else {
            (counts.lenient.precision(), counts.lenient.recall(), counts.lenient.f1(), counts.strict.f1())
        };
        Scores { task, lang, sentences, tokens, precision, recall, f1, strict_f1, accuracy }
    }
}

fn mapping(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
    pairs.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect()
}

fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Plain => "plain",
        Scheme::Iob1 => "iob1",
        Scheme::Iob2 => "iob2",
        Scheme::Bioes => "bioes",
    }
}

/// What the task tells apart: types of spans, or labels.
fn kinds(task: &Task) -> BTreeSet<&str> {
    task.labels.iter().filter_map(|label| kind(label, task.scheme)).collect()
}

/// The type of a label; none for `O` where there are spans.
fn kind(label: &str, scheme: Scheme) -> Option<&str> {
    if scheme == Scheme::Plain { Some(label) } else { label.split_once('-').map(|(_, kind)| kind) }
}

fn check_label(label: &str, known: &BTreeSet<&str>, option: &str, scheme: Scheme) -> Result<()> {
    if known.contains(label) || (label == "O" && scheme != Scheme::Plain) {
        return Ok(());
    }
    let labels: Vec<&str> = known.iter().copied().collect();
    Err(Error::new(ErrorKind::Argument, format!("{option}: the task has no label \"{label}\""))
        .remedy(format!("its labels are {}", labels.join(", "))))
}

/// Renames labels, in BIOES or plain; `O` takes a span away.
fn rename(labels: &mut [String], map: &BTreeMap<&str, &str>, scheme: Scheme) {
    if map.is_empty() {
        return;
    }
    for label in labels {
        let Some(new) = kind(label, scheme).and_then(|kind| map.get(kind)) else { continue };
        *label = match label.split_once('-') {
            _ if scheme == Scheme::Plain || *new == "O" => (*new).to_string(),
            Some((prefix, _)) => format!("{prefix}-{new}"),
            None => continue,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(labels: &str, pairs: &[(&str, &str)], scheme: Scheme) -> String {
        let mut labels: Vec<String> = labels.split(' ').map(String::from).collect();
        rename(&mut labels, &pairs.iter().copied().collect(), scheme);
        labels.join(" ")
    }

    #[test]
    fn labels_are_renamed_or_dropped() {
        let map = [("person", "PER"), ("product", "O")];
        let before = "B-person E-person O S-product S-LOC";
        assert_eq!(renamed(before, &map, Scheme::Bioes), "B-PER E-PER O O S-LOC");
        assert_eq!(renamed("NN -LRB- X", &[("NN", "NOUN"), ("-LRB-", "PUNCT")], Scheme::Plain), "NOUN PUNCT X");
    }
}
