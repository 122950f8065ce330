//! CoNLL and CoNLL-U: a row a sentence, a list a column.

use super::lines::{Bad, Parse, trimmed};
use super::{Input, Place, Rows, Taken, stream};
use crate::batch::source::{Format, Source};
use crate::batch::{Conll, foreign};
use crate::text::readers::{self, ConllOptions, conll_columns, conllu_columns};
use crate::{Error, ErrorKind, Result};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// The columns of CoNLL-U.
const CONLLU: [&str; 10] = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"];

pub(super) struct Columns {
    schema: SchemaRef,
    /// Of CoNLL; without them it is CoNLL-U.
    options: Option<ConllOptions>,
}

impl Columns {
    pub fn new(schema: SchemaRef, input: &Input) -> Self {
        Self { schema, options: (input.format == Format::Conll).then(|| options(input.conll)) }
    }

    /// How many lists there are of words' columns.
    fn width(&self) -> usize {
        self.schema.fields().len() - usize::from(self.options.is_none())
    }
}

fn options(conll: Conll) -> ConllOptions {
    ConllOptions { token_column: conll.token_column, comments: conll.comments, ..ConllOptions::default() }
}

fn list(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))), true)
}

pub(super) fn schema_of_conllu() -> Schema {
    Schema::new(std::iter::once("comments").chain(CONLLU).map(list).collect::<Vec<_>>())
}

/// As many columns as the first token has.
pub(super) fn schema(source: &Source, conll: Conll) -> Result<Schema> {
    let (input, _) = stream::open(source, 0)?;
    let options = options(conll);
    for line in readers::lines(input) {
        let (number, line) = line?;
        let columns = if line.trim().is_empty() {
            None
        } else {
            conll_columns(&line, &options).map_err(|e| e.at(format_args!("line {number}")))?
        };
        if let Some(columns) = columns {
            return Ok(Schema::new((0..columns.len()).map(|n| list(&format!("column_{n}"))).collect::<Vec<_>>()));
        }
    }
    Err(Error::new(ErrorKind::Input, "no sentence").remedy("leave the file out, or say another --format"))
}

/// A sentence.
#[derive(Default)]
pub(super) struct Sentence {
    comments: Vec<String>,
    /// Of each word, its cells; as many as there are columns.
    words: Vec<Vec<Option<String>>>,
}

impl Parse for Columns {
    type Row = Sentence;
    const BLOCKS: bool = true;

    fn parse(&mut self, text: &str) -> std::result::Result<Option<Sentence>, Bad> {
        let mut sentence = Sentence::default();
        for (number, line) in (0..).zip(text.lines().map(trimmed)) {
            let cells = match &self.options {
                Some(options) => conll_columns(line, options),
                None => conllu_columns(line),
            };
            let cells = cells.map_err(|error| Bad { error, line: number })?;
            let Some(cells) = cells else {
                if self.options.is_none() && line.starts_with('#') {
                    sentence.comments.push(line.to_string());
                }
                continue;
            };
            if cells.len() > self.width() {
                let message = format!("{} columns, where the first word has {}", cells.len(), self.width());
                let error = Error::new(ErrorKind::Input, message).remedy("give every word as many columns");
                return Err(Bad { error, line: number });
            }
            let mut cells: Vec<Option<String>> = cells.into_iter().map(|cell| Some(cell.to_string())).collect();
            cells.resize(self.width(), None);
            sentence.words.push(cells);
        }
        Ok((!sentence.words.is_empty()).then_some(sentence))
    }

    fn collect(&mut self, rows: Vec<(Place, Sentence)>) -> Result<Taken> {
        let builder = || ListBuilder::new(StringBuilder::new());
        let (mut comments, mut lists) = (builder(), (0..self.width()).map(|_| builder()).collect::<Vec<_>>());
        let mut places = Vec::with_capacity(rows.len());
        for (place, sentence) in rows {
            places.push(place);
            comments.append_value(sentence.comments.into_iter().map(Some));
            for (column, list) in lists.iter_mut().enumerate() {
                list.append_value(sentence.words.iter().map(|cells| cells[column].as_deref()));
            }
        }
        let comments = self.options.is_none().then(|| Arc::new(comments.finish()) as ArrayRef);
        let columns = comments.into_iter().chain(lists.iter_mut().map(|list| Arc::new(list.finish()) as ArrayRef));
        let columns = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect());
        let columns = columns.map_err(|e| foreign(ErrorKind::Input, e))?;
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults: Vec::new() })
    }
}
