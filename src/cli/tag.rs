//! `mtl tag`: reads sentences, tags what is there, writes in order.

use crate::args::{OffsetUnit, OutputFormat, TagArgs};
use crate::input::{self, Item, Languages, Message};
use crate::output::{self, Conll, Html, Jsonl, Pretty, Sink, Tagged, TaskTags};
use crate::stop::{self, Outcome, Stop};
use crate::{model, note, report};
use anstream::{AutoStream, ColorChoice};
use libmtl::tagger::language::Detector;
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::text::offsets::Unit;
use libmtl::text::scheme::Scheme;
use libmtl::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Tokens that are tagged together at most, unless one sentence is longer.
const TOKENS_A_CHUNK: usize = 8192;

/// How often a wait for input looks for Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: TagArgs) -> Outcome<u8> {
    if args.nbest.is_some() && !matches!(args.output, OutputFormat::Pretty | OutputFormat::Jsonl) {
        let message = "--nbest has no place in this output format";
        return Err(Error::new(ErrorKind::Argument, message).remedy("use --output jsonl or pretty").into());
    }
    let engine = model::engine_options(&args.engine)?;
    let tagger = Tagger::open(model::open(&args.model, &args.zoo)?, &engine)?;
    let plan = Plan::new(&tagger, &args)?;
    if !args.quiet {
        if !args.engine.order.is_empty() {
            model::provider_notes(tagger.report()).iter().for_each(|text| note(text));
        }
        notes_before(&args, &plan);
    }
    let mut sink = sink(&args, &tagger, &plan);
    let languages = plan.languages(&args);
    // On a page or a screen the language stands beside the sentence.
    let quiet = args.quiet || matches!(args.output, OutputFormat::Pretty | OutputFormat::Html);
    let mut run = Run { tagger: &tagger, plan: &plan, quiet, refused: false };
    let messages = input::read(args.files.clone(), &args, languages);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    sink.begin(&mut out)?;
    let outcome = run.all(&messages, sink.as_mut(), &mut out);
    if !matches!(outcome, Err(Stop::Pipe)) {
        sink.end(&mut out)?;
        out.flush()?;
    }
    outcome.map(|()| if run.refused { stop::REFUSED } else { stop::OK })
}

fn notes_before(args: &TagArgs, plan: &Plan) {
    if args.files == [Path::new("-")] && io::stdin().is_terminal() {
        note("reading from the terminal; end with Ctrl-D");
    }
    if args.output == OutputFormat::Conll && plan.tasks.len() > 1 {
        note(&format!("columns: token, {}", plan.tasks.join(", ")));
    }
}

/// Which tasks to run on which languages.
struct Plan {
    /// The tasks, in the order of the output.
    tasks: Vec<String>,
    /// The tasks of each language that can occur.
    by_language: BTreeMap<String, Vec<String>>,
    options: DecodeOptions,
}

impl Plan {
    fn new(tagger: &Tagger, args: &TagArgs) -> Result<Self> {
        let options =
            DecodeOptions { scores: args.scores, nbest: args.nbest.map_or(0, usize::from), zero_shot: args.zero_shot };
        if let Some(task) = &args.task {
            tagger.task(task)?;
        }
        let manifest = tagger.manifest();
        let mut by_language = BTreeMap::new();
        for language in args.lang.as_ref().map_or(&manifest.languages[..], std::slice::from_ref) {
            let mut tasks: Vec<String> = tagger.tasks_of(language).iter().map(|task| task.name.clone()).collect();
            match &args.task {
                // An explicit pair is checked; a language that is only possible may lack the task.
                Some(task) if args.lang.is_some() => {
                    tagger.check(task, language, args.zero_shot)?;
                    tasks = vec![task.clone()];
                }
                Some(task) => tasks.retain(|name| name == task),
                None if args.lang.is_some() => tagger.check_language(language)?,
                None => {}
            }
            if !tasks.is_empty() {
                by_language.insert(language.clone(), tasks);
            }
        }
        let used = |name: &String| by_language.values().flatten().any(|task| task == name);
        let tasks: Vec<String> = manifest.tasks.iter().map(|task| task.name.clone()).filter(used).collect();
        if tasks.is_empty() {
            return Err(Error::new(ErrorKind::Argument, format!("{} has no task for this", manifest.id)).remedy(
                "`mtl models` lists languages and tasks; --zero-shot tags a language that a task was not trained on",
            ));
        }
        Ok(Self { tasks, by_language, options })
    }

    /// How the reader finds a sentence's language.
    fn languages(&self, args: &TagArgs) -> Languages {
        let possible: Vec<&String> = self.by_language.keys().collect();
        match &args.lang {
            Some(language) => Languages::Given(language.as_str().into()),
            None => {
                let detector = Detector::new(&possible);
                for language in detector.undetectable().iter().filter(|_| possible.len() > 1 && !args.quiet) {
                    note(&format!("\"{language}\" cannot be detected; --lang {language} names it"));
                }
                let default = possible.iter().find(|l| **l == "en").or(possible.first());
                Languages::Detect(detector, default.map_or("", |l| l.as_str()).into())
            }
        }
    }
}

/// The writer of the format that was asked for.
fn sink(args: &TagArgs, tagger: &Tagger, plan: &Plan) -> Box<dyn Sink> {
    match args.output {
        OutputFormat::Pretty => {
            let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
            Box::new(Pretty::new(colour, output::width(), args.files.len() > 1))
        }
        OutputFormat::Conll => Box::new(Conll { tasks: plan.tasks.clone(), scores: args.scores }),
        OutputFormat::Jsonl => Box::new(Jsonl { unit: output::unit_name(args.offsets) }),
        OutputFormat::Html => Box::new(Html::new(tagger.manifest(), tagger.report(), &plan.tasks)),
    }
}

impl From<OffsetUnit> for Unit {
    fn from(unit: OffsetUnit) -> Self {
        match unit {
            OffsetUnit::Bytes => Self::Bytes,
            OffsetUnit::Utf16 => Self::Utf16,
            OffsetUnit::Codepoints => Self::CodePoints,
        }
    }
}

/// The loop from messages to output.
struct Run<'a> {
    tagger: &'a Tagger,
    plan: &'a Plan,
    quiet: bool,
    /// Whether an input was refused; the others are tagged all the same.
    refused: bool,
}

impl Run<'_> {
    fn all(&mut self, messages: &Receiver<Message>, sink: &mut dyn Sink, out: &mut dyn Write) -> Outcome<()> {
        while let Some(first) = next(messages)? {
            let (chunk, fault) = self.chunk(first, messages);
            self.write(&chunk, sink, out)?;
            out.flush()?;
            if let Some(fault) = fault {
                report(&fault);
                self.refused = true;
            }
        }
        Ok(())
    }

    /// What is there to tag without waiting, up to the budget or a fault.
    fn chunk(&self, first: Message, messages: &Receiver<Message>) -> (Vec<Item>, Option<Error>) {
        let mut chunk = Vec::new();
        let mut tokens = 0;
        let mut message = Some(first);
        while let Some(current) = message {
            match current {
                Message::Item(item) => {
                    tokens += item.tokens.len();
                    chunk.push(item);
                }
                Message::Note(text) if self.quiet => drop(text),
                Message::Note(text) => note(&text),
                Message::Fault(error) => return (chunk, Some(error)),
            }
            message = if tokens < TOKENS_A_CHUNK { messages.try_recv().ok() } else { None };
        }
        (chunk, None)
    }

    /// Tags the sentences of a chunk, each language together, and writes them in order.
    fn write(&self, chunk: &[Item], sink: &mut dyn Sink, out: &mut dyn Write) -> Outcome<()> {
        let mut groups: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
        for (index, item) in chunk.iter().enumerate() {
            groups.entry(&item.language).or_default().push(index);
        }
        let mut tags: Vec<Vec<TaskTags<'_>>> = chunk.iter().map(|_| Vec::new()).collect();
        for (language, indices) in groups {
            let sentences: Vec<&[String]> = indices.iter().map(|&index| chunk[index].tokens.as_slice()).collect();
            for task in self.plan.by_language.get(&**language).into_iter().flatten() {
                let plain = self.tagger.task(task)?.scheme == Scheme::Plain;
                let taggings = self.tagger.tag(&sentences, task, language, &self.plan.options, &stop::CANCEL)?;
                for (&index, tagging) in indices.iter().zip(taggings) {
                    tags[index].push(TaskTags { task, plain, tagging });
                }
            }
        }
        for (item, tasks) in chunk.iter().zip(tags) {
            sink.sentence(out, &Tagged { item, tasks })?;
        }
        Ok(())
    }
}

/// The next message; `None` at the end.
fn next(messages: &Receiver<Message>) -> Outcome<Option<Message>> {
    loop {
        if stop::interrupted() {
            return Err(Stop::Interrupted);
        }
        match messages.recv_timeout(PATIENCE) {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}
