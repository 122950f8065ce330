//! Jobs over files of any size: rows are read, tagged, scored or evaluated, and written in order, in bounded memory.
//!
//! A job writes one folder: parts of a fixed number of records of the input, each under its name only when it is whole, a
//! journal of the finished ones, what was quarantined, and `_SUCCESS` at the end. A job that was killed is
//! [resumed](Job::resume) and gives the same bytes. `docs/batch.md` describes what goes in and comes out. Not for streams: a
//! job reads its input more than once.

mod columns;
mod eval;
mod folder;
mod journal;
mod pipeline;
mod plan;
mod read;
mod score;
mod source;
mod spans;
mod tag;
mod write;

pub use columns::TextColumn;
pub use eval::{Eval, Metrics};
pub use journal::{Part, PartFile};
pub use score::Score;
pub use source::Format;
pub use tag::Tag;
pub use write::{Compression, OutputFormat};

use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use read::{Fault, Input, Rows};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// The most rows that are read, worked on and written as one piece; the pieces do not depend on threads or batches.
pub const MAX_BATCH: usize = 512;

/// What to do, with which files, and where to.
pub struct Job<'a> {
    /// Files, folders and globs.
    pub inputs: Vec<PathBuf>,
    /// Their format; without it, their names say.
    pub format: Option<Format>,
    /// How CoNLL is read.
    pub conll: Conll,
    /// The folder to write. It must not exist, be empty, or be this job's own, to be resumed.
    pub output: PathBuf,
    /// What to write.
    pub to: OutputFormat,
    /// How to compress it; without it, as the format usually is.
    pub compression: Option<Compression>,
    /// The columns of the input that go along; none is all.
    pub keep: Vec<String>,
    /// Adds where each row stood: the columns `source` and `row`.
    pub source: bool,
    /// What to do with the rows.
    pub work: Work<'a>,
    /// Records of the input a part; 0 is one.
    pub rows_per_part: u64,
    /// Rows that go through the model together, at most [`MAX_BATCH`]; 0 is one. No byte of the output depends on it.
    pub rows_per_batch: usize,
    /// Threads that work on rows, beside the reader and the writer; 0 is one. No byte of the output depends on it.
    pub threads: usize,
    /// What becomes of a record at fault.
    pub on_error: OnError,
    /// Goes on where a job of the same input, model and options ended; begins where there is none.
    pub resume: bool,
}

/// What to do with the rows of a job.
pub enum Work<'a> {
    /// Tag them.
    Tag(Tag<'a>),
    /// Predict mistakes.
    Score(Score<'a>),
    /// Compare with the labels that they have.
    Eval(Eval<'a>),
}

/// How CoNLL is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Conll {
    /// The column of the token, from 0.
    pub token_column: usize,
    /// Whether lines that begin with `# ` are comments.
    pub comments: bool,
}

/// How results are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A row of the output is a row of the input.
    #[default]
    Nested,
    /// A row of the output is a span, or a scored word.
    Spans,
}

/// What becomes of a record at fault. Not a part of a job's identity: what failed may be resumed with quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// It ends the job, with the parts before it kept.
    #[default]
    Fail,
    /// It is written to the quarantine instead of the output, up to so many of them in a job.
    Quarantine(u64),
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the input's digests are still being computed.
    pub checking: bool,
    /// Records of the input that were written or quarantined, those of an earlier run included.
    pub rows: u64,
    /// Of them, those that an earlier run had finished.
    pub resumed: u64,
    /// Bytes of the input that were read (or checked).
    pub bytes: u64,
    /// Bytes that the input has.
    pub total: u64,
}

/// What a job came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The job's number, 128 random bits in hexadecimal digits.
    pub job: String,
    /// Records of the input.
    pub rows: u64,
    /// Of them, those in the output.
    pub good: u64,
    /// Of them, those in the quarantine.
    pub quarantined: u64,
    /// Rows of the output: one a record, or one a span.
    pub written: u64,
    /// Of an evaluation, its scores.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metrics: Option<Metrics>,
    /// The parts.
    pub parts: Vec<Part>,
}

/// Runs `job`. An error leaves the finished parts in place, for [`Job::resume`]; `progress` is told how far it is. `cancel`
/// ends it early, likewise.
pub fn run(job: &Job, cancel: &Cancel, progress: &mut dyn FnMut(&Progress)) -> Result<Summary> {
    let plan = plan::Plan::new(job, cancel, progress)?;
    let mut folder = folder::Folder::open(&plan)?;
    if folder.finished() {
        return folder.summary();
    }
    pipeline::run(&plan, &mut folder, cancel, progress)?;
    folder.succeed(&plan)
}

/// Whether a job was begun in the folder at `path`, finished or not.
pub fn begun(path: &std::path::Path) -> bool {
    folder::Folder::begun(path)
}

/// What does the work on a piece of the input.
trait Worker: Sync {
    /// Its name: `tag`, `score`, `eval`.
    fn name(&self) -> &'static str;
    /// The SHA-256 of the manifest of its model.
    fn digest(&self) -> &str;
    /// All that decides its results, beside the input and the model.
    fn identity(&self) -> serde_json::Value;
    /// The columns that it works on, of those of the input. Refuses what cannot be done before anything is written.
    fn choose(&self, input: &Input) -> Result<Chosen>;
    /// The track of a file of exercises.
    fn track(&self, _file: &std::path::Path) -> Result<String> {
        Ok(String::new())
    }
    /// The columns of the output: `kept` and the results.
    fn schema(&self, kept: &Schema) -> Result<Schema>;
    /// Works on `rows`, `size` of them at a time; `kept` are their columns that go along.
    fn work(&self, rows: &Rows, chosen: Chosen, kept: RecordBatch, size: usize, cancel: &Cancel) -> Result<Done>;
}

/// Places among the columns of the input.
#[derive(Debug, Clone, Copy)]
struct Chosen {
    /// The column of the text.
    text: usize,
    /// Whether it holds words.
    tokens: bool,
    /// The column of the gold labels, where there are any.
    labels: Option<usize>,
}

/// What came of a piece of the input.
struct Done {
    /// The rows of the output.
    batch: RecordBatch,
    /// Rows at fault, in order; they are not in the batch.
    faults: Vec<Fault>,
    /// What an evaluation counted.
    counts: Option<eval::Tally>,
}

impl Work<'_> {
    fn worker(&self) -> &dyn Worker {
        match self {
            Self::Tag(tag) => tag,
            Self::Score(score) => score,
            Self::Eval(eval) => eval,
        }
    }
}

/// The column called `name`.
fn find(input: &Schema, name: &str, option: &str) -> Result<usize> {
    input.fields().iter().position(|field| field.name() == name).ok_or_else(|| {
        let names: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
        Error::new(ErrorKind::Argument, format!("the input has no column \"{name}\""))
            .remedy(format!("name one with {option}; its columns are {}", names.join(", ")))
    })
}

/// An error of Arrow or Parquet, whose words are kept.
fn foreign(kind: ErrorKind, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = error.into();
    Error::new(kind, error.to_string()).caused_by(error)
}

/// What `work` gives; a panic is an error, so that a damaged file does not end the process, and nobody waits for ever.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Error::new(ErrorKind::Engine, format!("a fault of the program: {}", text.unwrap_or("a panic"))))
    })
}
