//! Readers: each gives the records of one file as columns, in order, with their places, and those at fault apart.
//!
//! A piece of the input has the same borders however it is reached: from the beginning of the file, or from the position at which an
//! earlier run stopped.

mod columnar;
mod conll;
mod csv;
mod json;
mod lines;
mod shape;
mod sizes;
mod slam;
mod stream;
mod text;

use super::source::{Format, Source};
use super::{Conll, MAX_BATCH};
use crate::scorer::slam::Record;
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes of text, or of columns, after which a piece of the input ends, unless a single record is longer.
const PIECE_BYTES: u64 = 4 << 20;

/// The longest record that is read, in bytes.
pub(super) const MAX_RECORD: usize = 16 << 20;

/// The error for a record that is longer.
fn overlong() -> Error {
    Error::new(ErrorKind::Limit, format!("a record of more than {} MiB", MAX_RECORD >> 20))
}

/// Where a record stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number, from 1.
    pub row: u64,
    /// Where it begins, in bytes of the uncompressed file; nothing in a columnar one.
    pub offset: Option<u64>,
    /// Its line, from 1; nothing in a columnar file.
    pub line: Option<u64>,
}

/// A record at fault.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub place: Place,
    /// What found it: `read`, or the work.
    pub stage: &'static str,
    pub error: Error,
}

/// Records as columns.
pub(super) struct Rows {
    pub columns: RecordBatch,
    /// Of each row.
    pub places: Vec<Place>,
    /// Of each row, where it is an exercise.
    pub records: Vec<Record>,
}

/// A piece of a file.
pub(super) struct Taken {
    pub rows: Rows,
    /// Records that could not be read, in order.
    pub faults: Vec<Fault>,
}

impl Taken {
    /// How many records of the input it is.
    pub fn count(&self) -> u64 {
        (self.rows.places.len() + self.faults.len()) as u64
    }
}

/// What stands before a place in a file; the default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Records.
    pub row: u64,
    /// Bytes of the uncompressed file; 0 in a columnar one.
    pub offset: u64,
    /// Lines; 0 in a columnar file.
    pub line: u64,
}

/// Reads one file.
pub(super) trait Reader: Send {
    /// The next piece, of `most` records at most; none are left where it has none.
    fn read(&mut self, most: usize) -> Result<Taken>;
    /// What has been read, in records, bytes and lines.
    fn position(&self) -> Position;
    /// How much of the file on disk has been read, in bytes: for the progress.
    fn consumed(&self) -> u64;
}

/// What all files of a job have in common.
pub(super) struct Input {
    pub format: Format,
    pub conll: Conll,
    pub schema: SchemaRef,
}

impl Input {
    /// Finds the columns of `sources`, of which there is at least one; refuses files whose columns are not those of the
    /// first. Reads all of JSON, and the heads of the others.
    pub fn new(sources: &[Source], conll: Conll, cancel: &Cancel) -> Result<Self> {
        let format = sources[0].format;
        let schema = match format {
            Format::Jsonl => shape::schema(sources, cancel)?,
            _ => {
                let schema = schema(&sources[0], conll)?;
                for source in &sources[1..] {
                    cancel.check()?;
                    same(&schema, &self::schema(source, conll)?, &sources[0]).map_err(|e| e.at(&source.known.path))?;
                }
                schema
            }
        };
        Ok(Self { format, conll, schema: Arc::new(schema) })
    }

    /// A reader of `source`, whose exercises are of `track`, from `at` on.
    pub fn open(&self, source: &Source, track: &str, at: Position) -> Result<Box<dyn Reader>> {
        let schema = Arc::clone(&self.schema);
        let opened: Result<Box<dyn Reader>> = match self.format {
            Format::Parquet | Format::Arrow => columnar::open(source, schema, at),
            Format::Csv => csv::open(source, schema, at),
            Format::Jsonl => lines::open(source, json::Json::new(schema), at),
            Format::Conll | Format::Conllu => lines::open(source, conll::Columns::new(schema, self), at),
            Format::Slam => lines::open(source, slam::Exercises::new(schema, track), at),
            Format::Text => lines::open(source, text::Text::new(schema), at),
        };
        opened.map_err(|e| named(e, source))
    }
}

/// Names the file, unless the error does so.
pub(super) fn named(error: Error, source: &Source) -> Error {
    if error.place().starts_with(&source.known.path) { error } else { error.at(&source.known.path) }
}

/// The columns of a file.
fn schema(source: &Source, conll: Conll) -> Result<Schema> {
    let schema = match source.format {
        Format::Parquet | Format::Arrow => columnar::schema(source),
        Format::Csv => csv::schema(source),
        Format::Jsonl => shape::schema(std::slice::from_ref(source), &Cancel::new()),
        Format::Conll => conll::schema(source, conll),
        Format::Conllu => Ok(conll::schema_of_conllu()),
        Format::Slam => Ok(slam::schema()),
        Format::Text => Ok(text::schema()),
    };
    schema.map_err(|e| named(e, source))
}

/// That a file has the columns of the first.
fn same(first: &Schema, other: &Schema, source: &Source) -> Result<()> {
    if first.fields().len() != other.fields().len() {
        let message =
            format!("{} columns, where {} has {}", other.fields().len(), source.known.path, first.fields().len());
        return Err(Error::new(ErrorKind::Input, message).remedy("give files of other columns a job of their own"));
    }
    let alike = |(a, b): &(&Arc<arrow_schema::Field>, &Arc<arrow_schema::Field>)| {
        a.name() == b.name() && a.data_type() == b.data_type()
    };
    match first.fields().iter().zip(other.fields()).find(|pair| !alike(pair)) {
        None => Ok(()),
        Some((a, b)) => {
            let message = format!(
                "a column {} of {} where {} has {} of {}",
                b.name(),
                b.data_type(),
                source.known.path,
                a.name(),
                a.data_type()
            );
            Err(Error::new(ErrorKind::Input, message).remedy("give files of other columns a job of their own"))
        }
    }
}
