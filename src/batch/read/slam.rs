//! `.slam`: a row an exercise.

use super::lines::{Bad, Parse};
use super::{Place, Rows, Taken};
use crate::batch::foreign;
use crate::scorer::slam::{self, Record};
use crate::{Error, ErrorKind, Result};
use arrow_array::builder::{BooleanBuilder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

pub(super) struct Exercises {
    schema: SchemaRef,
    track: String,
}

impl Exercises {
    pub fn new(schema: SchemaRef, track: &str) -> Self {
        Self { schema, track: track.to_string() }
    }
}

pub(super) fn schema() -> Schema {
    let list = |of| DataType::List(Arc::new(Field::new("item", of, true)));
    let strings = || list(DataType::Utf8);
    let fields = [
        ("prompt", DataType::Utf8),
        ("user", DataType::Utf8),
        ("countries", strings()),
        ("days", DataType::Float64),
        ("client", DataType::Utf8),
        ("session", DataType::Utf8),
        ("format", DataType::Utf8),
        ("time", DataType::Float64),
        ("instances", strings()),
        ("words", strings()),
        ("part_of_speech", strings()),
        ("morphology", strings()),
        ("dependency", strings()),
        ("head", list(DataType::Int64)),
        ("label", list(DataType::Boolean)),
    ];
    Schema::new(fields.into_iter().map(|(name, of)| Field::new(name, of, true)).collect::<Vec<_>>())
}

impl Parse for Exercises {
    type Row = Record;
    const BLOCKS: bool = true;

    fn parse(&mut self, text: &str) -> std::result::Result<Option<Record>, Bad> {
        match slam::read(text.as_bytes(), &self.track).next() {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(error)) => Err(placed(&error)),
        }
    }

    fn collect(&mut self, rows: Vec<(Place, Record)>) -> Result<Taken> {
        let (places, records): (Vec<Place>, Vec<Record>) = rows.into_iter().unzip();
        let text =
            |of: fn(&Record) -> Option<&str>| Arc::new(records.iter().map(of).collect::<StringArray>()) as ArrayRef;
        let number =
            |of: fn(&Record) -> Option<f64>| Arc::new(records.iter().map(of).collect::<Float64Array>()) as ArrayRef;
        let columns = vec![
            text(|record| record.prompt.as_deref()),
            text(|record| Some(&record.exercise.user)),
            strings(&records, |record| record.exercise.countries.iter().map(String::as_str).collect()),
            number(|record| Some(record.exercise.days)),
            text(|record| Some(&record.exercise.client)),
            text(|record| Some(&record.exercise.session)),
            text(|record| Some(&record.exercise.format)),
            number(|record| record.exercise.time),
            strings(&records, |record| record.tokens.iter().map(|token| token.id.as_str()).collect()),
            strings(&records, |record| record.exercise.words.iter().map(String::as_str).collect()),
            strings(&records, |record| record.tokens.iter().map(|token| token.part_of_speech.as_str()).collect()),
            strings(&records, |record| record.tokens.iter().map(|token| token.morphology.as_str()).collect()),
            strings(&records, |record| record.tokens.iter().map(|token| token.dependency.as_str()).collect()),
            heads(&records),
            labels(&records),
        ];
        let columns = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let columns = columns.map_err(|e| foreign(ErrorKind::Input, e))?;
        Ok(Taken { rows: Rows { columns, places, records }, faults: Vec::new() })
    }
}

fn strings(records: &[Record], of: fn(&Record) -> Vec<&str>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    records.iter().for_each(|record| lists.append_value(of(record).into_iter().map(Some)));
    Arc::new(lists.finish())
}

fn heads(records: &[Record]) -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new());
    records.iter().for_each(|record| lists.append_value(record.tokens.iter().map(|token| Some(i64::from(token.head)))));
    Arc::new(lists.finish())
}

fn labels(records: &[Record]) -> ArrayRef {
    let mut lists = ListBuilder::new(BooleanBuilder::new());
    records.iter().for_each(|record| lists.append_value(record.tokens.iter().map(|token| token.mistake)));
    Arc::new(lists.finish())
}

/// The error without its line, which counts from the beginning of the record.
fn placed(error: &Error) -> Bad {
    let rest = error.place().strip_prefix("line ").unwrap_or_default();
    let (line, rest) = rest.split_once(", ").unwrap_or((rest, ""));
    let line: u64 = line.parse().unwrap_or(1);
    let mut bare = Error::new(error.kind(), error.message()).remedy(error.advice());
    if !rest.is_empty() {
        bare = bare.at(rest);
    }
    Bad { error: bare, line: line.saturating_sub(1) }
}
