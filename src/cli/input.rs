//! Reads sentences on a thread of its own, names their language, and hands them on in order.

use crate::args::{TagArgs, TagInput};
use libmtl::tagger::language::{self, Detector};
use libmtl::tagger::{MAX_TOKEN_BYTES, token_too_long};
use libmtl::text::Sentence;
use libmtl::text::offsets::Unit;
use libmtl::text::readers::{self, ConllOptions, TextOptions};
use libmtl::{Error, Result};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Sentences read ahead of those that are tagged.
const AHEAD: usize = 128;

/// Sentences of a CoNLL file that are read before its language is decided.
const DETECTION_SENTENCES: usize = 50;

/// Tokens of them that the detection sees.
const DETECTION_TOKENS: usize = 1000;

/// A sentence to tag.
#[derive(Debug, Clone)]
pub struct Item {
    /// The name of the file; `-` for standard input.
    pub document: Arc<str>,
    /// Its number in the document, from 1.
    pub number: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its language.
    pub language: Arc<str>,
    /// Whether the language was detected.
    pub detected: bool,
    /// Its tokens.
    pub tokens: Vec<String>,
    /// Where they stand in the document, in the unit asked for; empty when the input came as tokens.
    pub offsets: Vec<Range<usize>>,
}

impl Item {
    /// Whether something blank stands before a token.
    pub fn spaced(&self, token: usize) -> bool {
        token > 0 && (self.offsets.is_empty() || self.offsets[token].start > self.offsets[token - 1].end)
    }

    /// The text of some tokens, with one blank where there is white space between them.
    pub fn surface(&self, start: usize, end: usize) -> String {
        let mut text = String::new();
        for token in start..end {
            if token > start && self.spaced(token) {
                text.push(' ');
            }
            text.push_str(&self.tokens[token]);
        }
        text
    }
}

/// What the reader sends.
pub enum Message {
    /// The next sentence.
    Item(Item),
    /// Something to tell the user.
    Note(String),
    /// A file ends here because of an error; the next one follows.
    Fault(Error),
}

/// Which language the sentences have.
pub enum Languages {
    /// The one that the user named.
    Given(Arc<str>),
    /// To be found among those of the detector; the text names one that is taken when nothing speaks for any.
    Detect(Detector, Arc<str>),
}

/// Starts to read `files`; sentences, notes and errors come in order.
pub fn read(files: Vec<PathBuf>, options: &TagArgs, languages: Languages) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(AHEAD);
    let format = Format {
        input: options.input,
        unit: options.offsets.into(),
        token_column: options.token_column,
        comments: options.comments,
    };
    std::thread::spawn(move || {
        for file in files {
            let document = Document::new(&file, &languages, &sender);
            let outcome = open(&file).and_then(|input| document.read(input, &format).map_err(|e| e.at(file.display())));
            let fault = match outcome {
                Ok(Flow::Continue) => continue,
                Ok(Flow::Stop) => return,
                Err(error) => error,
            };
            if sender.send(Message::Fault(fault)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Opens a file, or standard input for `-`.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, io::stdin())));
    }
    let failed = |e| Error::io(path.display(), e);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Error::io(path.display(), io::Error::from(io::ErrorKind::IsADirectory)).remedy("pass its files"));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Whether anybody still wants sentences.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

struct Format {
    input: TagInput,
    unit: Unit,
    token_column: usize,
    comments: bool,
}

/// One file on its way.
struct Document<'a> {
    name: Arc<str>,
    number: Cell<u64>,
    language: RefCell<Choice<'a>>,
    sender: &'a SyncSender<Message>,
}

impl<'a> Document<'a> {
    fn new(path: &Path, languages: &'a Languages, sender: &'a SyncSender<Message>) -> Self {
        let name: Arc<str> = path.to_string_lossy().into();
        let choice = Choice { languages, document: Arc::clone(&name), told: Vec::new(), last: None, sender };
        Self { name, number: Cell::new(0), language: RefCell::new(choice), sender }
    }

    fn read(&self, input: Box<dyn BufRead + Send>, format: &Format) -> Result<Flow> {
        match format.input {
            TagInput::Text => self.text(input, format),
            TagInput::Tokens => self.tokens(input),
            TagInput::Conll => {
                let options = ConllOptions {
                    token_column: format.token_column,
                    comments: format.comments,
                    ..ConllOptions::default()
                };
                self.columns(readers::conll(input, options))
            }
            TagInput::Conllu => self.columns(readers::conllu(input, None)),
        }
    }

    /// Running text: the language is chosen paragraph by paragraph.
    fn text(&self, input: Box<dyn BufRead + Send>, format: &Format) -> Result<Flow> {
        // Somebody who types wants an answer to each line, not to each paragraph.
        let typed = &*self.name == "-" && io::stdin().is_terminal();
        let options = TextOptions { unit: format.unit, lines: typed, ..TextOptions::default() };
        let choose = |paragraph: &str| self.language.borrow_mut().choose(paragraph).to_string();
        for sentence in readers::text_by(input, options, choose) {
            // A paragraph's sentences all come before the next paragraph is read.
            let language = self.language.borrow().current();
            if self.send(sentence?, language)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// One sentence a line: the language is chosen line by line, so that no line waits for others.
    fn tokens(&self, input: Box<dyn BufRead + Send>) -> Result<Flow> {
        for sentence in readers::tokens(input) {
            let sentence = sentence?;
            let language = self.language.borrow_mut().choose(&sentence.tokens.join(" "));
            if self.send(sentence, language)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Annotated files: the language is chosen once, from the first sentences.
    fn columns(&self, sentences: impl Iterator<Item = Result<Sentence>>) -> Result<Flow> {
        let mut sentences = sentences.fuse();
        let wanted = if self.language.borrow().given() { 1 } else { DETECTION_SENTENCES };
        let head: Vec<Result<Sentence>> = sentences.by_ref().take(wanted).collect();
        let tokens = head.iter().flatten().flat_map(|sentence| &sentence.tokens);
        let text = tokens.take(DETECTION_TOKENS).map(String::as_str).collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return head.into_iter().collect::<Result<Vec<_>>>().map(|_| Flow::Continue);
        }
        let language = self.language.borrow_mut().choose(&text);
        for sentence in head.into_iter().chain(sentences) {
            if self.send(sentence?, Arc::clone(&language))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn send(&self, sentence: Sentence, language: Arc<str>) -> Result<Flow> {
        if let Some(token) = sentence.tokens.iter().position(|token| token.len() > MAX_TOKEN_BYTES) {
            let place = match sentence.offsets.get(token) {
                Some(offset) => format!("sentence of line {}, offset {}", sentence.line, offset.start),
                None => format!("sentence of line {}, token {}", sentence.line, token + 1),
            };
            return Err(token_too_long(sentence.tokens[token].len()).at(place));
        }
        self.number.set(self.number.get() + 1);
        let item = Item {
            document: Arc::clone(&self.name),
            number: self.number.get(),
            line: sentence.line,
            language,
            detected: !self.language.borrow().given(),
            tokens: sentence.tokens,
            offsets: sentence.offsets,
        };
        Ok(if self.sender.send(Message::Item(item)).is_ok() { Flow::Continue } else { Flow::Stop })
    }
}

/// Chooses the language of a document's parts.
struct Choice<'a> {
    languages: &'a Languages,
    document: Arc<str>,
    /// The languages that the user was told of.
    told: Vec<Arc<str>>,
    last: Option<Arc<str>>,
    sender: &'a SyncSender<Message>,
}

impl Choice<'_> {
    fn given(&self) -> bool {
        matches!(self.languages, Languages::Given(_))
    }

    /// The language chosen last.
    fn current(&self) -> Arc<str> {
        match (&self.last, self.languages) {
            (Some(last), _) => Arc::clone(last),
            (None, Languages::Given(language) | Languages::Detect(_, language)) => Arc::clone(language),
        }
    }

    /// The language of `text`. Where the text itself leaves doubt, the one before it in the document decides.
    fn choose(&mut self, text: &str) -> Arc<str> {
        let Languages::Detect(detector, _) = self.languages else { return self.current() };
        let language: Arc<str> = match (detector.detect(text), &self.last) {
            (Some(found), last) if found.reliable || last.is_none() => found.language.into(),
            _ => self.current(),
        };
        if !self.told.contains(&language) {
            let code = &*language;
            let document = if &*self.document == "-" { "standard input" } else { &self.document };
            let note = format!("{document}: taken as {} ({code}); --lang names another", language::name(code));
            // A receiver that is gone is noticed with the next sentence.
            let _ = self.sender.send(Message::Note(note));
            self.told.push(Arc::clone(&language));
        }
        self.last = Some(Arc::clone(&language));
        language
    }
}
