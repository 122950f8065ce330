//! `mtl align`: which words of the right answer a learner got wrong.

use crate::args::{AlignArgs, AlignOutput, OffsetUnit, PairInput};
use crate::output::{self, Column, grid, printable};
use crate::stop::{self, CANCEL, Outcome, Stop};
use crate::{input, note};
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use libmtl::scorer::align::{AlignOptions, Alignment, Operation, Sentence, align};
use libmtl::text::{offsets, readers};
use libmtl::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::Range;
use std::path::Path;

/// A line of JSON input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    correct: Side,
    answer: Side,
}

/// A sentence, whole or cut.
#[derive(Deserialize)]
#[serde(untagged)]
enum Side {
    Text(String),
    Tokens(Vec<String>),
}

/// Runs the command.
pub fn run(args: &AlignArgs) -> Outcome<u8> {
    let mut out = BufWriter::new(io::stdout().lock());
    if let [correct, answer] = &args.sentences[..] {
        write(&mut out, &Pair::texts(correct, answer), None, args)?;
        return Ok(stop::OK);
    }
    if args.data == Path::new("-") && io::stdin().is_terminal() && !args.quiet {
        note("reading from the terminal; end with Ctrl-D");
    }
    for line in readers::lines(input::open(&args.data)?) {
        let (number, line) = line.map_err(|e| e.at(args.data.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let at_line = |e: Error| e.at(format_args!("line {number}")).at(args.data.display());
        let pair = Pair::read(&line, args.input).map_err(at_line)?;
        write(&mut out, &pair, Some(number), args).map_err(|stop| match stop {
            Stop::Error(error) if error.kind() == ErrorKind::Limit => Stop::Error(at_line(error)),
            stop => stop,
        })?;
    }
    Ok(stop::OK)
}

/// Aligns a pair and writes what is found at once: somebody may wait for it.
fn write(out: &mut impl Write, pair: &Pair, line: Option<u64>, args: &AlignArgs) -> Outcome<()> {
    let options = AlignOptions { case: args.case, punctuation: args.punctuation, accents: args.accents };
    let (correct, answer) = (pair.correct.tokens(), pair.answer.tokens());
    let found = align(pair.correct.sentence(&correct), pair.answer.sentence(&answer), &options, &CANCEL)?;
    let mut correct = pair.correct.words(&found.words, args.offsets)?;
    let answer = pair.answer.words(&found.answer, args.offsets)?;
    match args.output {
        AlignOutput::Pretty => pretty(out, &correct, &answer, &found)?,
        AlignOutput::Jsonl => {
            for (word, &mistake) in correct.iter_mut().zip(&found.mistakes) {
                word.mistake = Some(mistake);
            }
            let record = Record {
                document: line.map(|_| args.data.to_string_lossy()),
                line,
                offsets: correct
                    .iter()
                    .chain(&answer)
                    .any(|w| w.start.is_some())
                    .then(|| output::unit_name(args.offsets)),
                operations: found.operations.iter().map(Edit::from).collect(),
                word_error_rate: found.word_error_rate(),
                correct,
                answer,
            };
            serde_json::to_writer(&mut *out, &record).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(out.flush()?)
}

/// The words that take part, below them what the learner wrote, below these marks where they differ.
fn pretty(out: &mut dyn Write, correct: &[Word<'_>], answer: &[Word<'_>], found: &Alignment) -> io::Result<()> {
    let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    let word = |index: usize| printable(correct[index].text).into_owned();
    let typed = |index: usize| printable(answer[index].text).into_owned();
    let wrong = found.operations.iter().any(|operation| !matches!(operation, Operation::Match { .. }));
    let (mut columns, mut styles) = (Vec::new(), Vec::new());
    for operation in &found.operations {
        let (word, typed, mark, style) = match *operation {
            Operation::Match { word: w, answer: a } => (word(w), typed(a), "", Style::new()),
            Operation::Substitute { word: w, answer: a } => (word(w), typed(a), "~", AnsiColor::Yellow.on_default()),
            Operation::Delete { word: w } => (word(w), String::new(), "-", AnsiColor::Red.on_default()),
            Operation::Insert { answer: a } => (String::new(), typed(a), "+", AnsiColor::Magenta.on_default()),
        };
        columns.push(Column::new([word, typed].into_iter().chain(wrong.then(|| mark.to_string())).collect()));
        styles.push(if colour { style } else { Style::new() });
    }
    grid(out, &columns, output::width(), |_| Ok(()), |column, _| styles[column])?;
    let mistakes = found.mistakes.iter().filter(|&&mistake| mistake).count();
    let plural = if mistakes == 1 { "" } else { "s" };
    writeln!(out, "{mistakes} mistake{plural}, word error rate {:.2}\n", found.word_error_rate())
}

impl Pair {
    fn read(line: &str, format: PairInput) -> Result<Self> {
        match format {
            PairInput::Tsv => match line.split('\t').collect::<Vec<_>>()[..] {
                [correct, answer] => Ok(Self::texts(correct, answer)),
                ref columns => {
                    let what = if columns.len() == 1 {
                        "no tab in the line".into()
                    } else {
                        format!("{} columns where 2 are needed", columns.len())
                    };
                    Err(Error::new(ErrorKind::Input, what)
                        .remedy("separate the correct sentence and the answer by one tab, or pass --input jsonl"))
                }
            },
            PairInput::Jsonl => serde_json::from_str(line).map_err(|e| {
                Error::new(ErrorKind::Input, e.to_string())
                    .remedy("write {\"correct\": ..., \"answer\": ...}, each a text or a list of words")
            }),
        }
    }

    fn texts(correct: &str, answer: &str) -> Self {
        Self { correct: Side::Text(correct.to_string()), answer: Side::Text(answer.to_string()) }
    }
}

impl Side {
    fn tokens(&self) -> Vec<&str> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Tokens(tokens) => tokens.iter().map(String::as_str).collect(),
        }
    }

    fn sentence<'a>(&'a self, tokens: &'a [&'a str]) -> Sentence<'a> {
        match self {
            Self::Text(text) => Sentence::Text(text),
            Self::Tokens(_) => Sentence::Tokens(tokens),
        }
    }

    fn words(&self, ranges: &[Range<usize>], unit: OffsetUnit) -> Result<Vec<Word<'_>>> {
        let word = |text, start, end| Word { text, start, end, mistake: None };
        match self {
            Self::Text(text) => {
                let places = offsets::convert(text, ranges, unit.into())?;
                let words = ranges.iter().zip(places);
                Ok(words.map(|(range, at)| word(&text[range.clone()], Some(at.start), Some(at.end))).collect())
            }
            Self::Tokens(tokens) => Ok(tokens.iter().map(|token| word(token, None, None)).collect()),
        }
    }
}

/// A line of JSON output; docs/cli.md describes the fields.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<&'a str>,
    correct: Vec<Word<'a>>,
    answer: Vec<Word<'a>>,
    operations: Vec<Edit>,
    word_error_rate: f64,
}

#[derive(Serialize)]
struct Word<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mistake: Option<bool>,
}

/// An operation, with the numbers of its words in `correct` and `answer`.
#[derive(Serialize)]
struct Edit {
    edit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    word: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<usize>,
}

impl From<&Operation> for Edit {
    fn from(operation: &Operation) -> Self {
        let (edit, word, answer) = match *operation {
            Operation::Match { word, answer } => ("match", Some(word), Some(answer)),
            Operation::Substitute { word, answer } => ("substitute", Some(word), Some(answer)),
            Operation::Delete { word } => ("delete", Some(word), None),
            Operation::Insert { answer } => ("insert", None, Some(answer)),
        };
        Self { edit, word, answer }
    }
}
