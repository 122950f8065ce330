//! Plain text: a row a line.

use super::lines::{Bad, Parse, trimmed};
use super::{Place, Rows, Taken};
use crate::batch::foreign;
use crate::{ErrorKind, Result};
use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

pub(super) struct Text {
    schema: SchemaRef,
}

impl Text {
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }
}

pub(super) fn schema() -> Schema {
    Schema::new(vec![Field::new("text", DataType::Utf8, true)])
}

impl Parse for Text {
    type Row = String;
    const BLOCKS: bool = false;

    fn parse(&mut self, text: &str) -> std::result::Result<Option<String>, Bad> {
        Ok(Some(trimmed(text).to_string()))
    }

    fn collect(&mut self, rows: Vec<(Place, String)>) -> Result<Taken> {
        let (places, texts): (Vec<Place>, Vec<String>) = rows.into_iter().unzip();
        let columns = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(StringArray::from(texts))])
            .map_err(|e| foreign(ErrorKind::Input, e))?;
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults: Vec::new() })
    }
}
