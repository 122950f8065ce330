//! JSON lines: a row an object.

use super::lines::{Bad, Parse};
use super::shape::Shape;
use super::{Fault, Place, Rows, Taken};
use crate::batch::foreign;
use crate::{Error, ErrorKind, Result};
use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, SchemaRef};
use std::sync::Arc;

pub(super) struct Json {
    schema: SchemaRef,
}

impl Json {
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }

    /// The columns of some lines.
    fn decode<'a>(
        &self,
        lines: impl ExactSizeIterator<Item = &'a str>,
    ) -> std::result::Result<RecordBatch, ArrowError> {
        // One more than there are: a full decoder leaves what follows for later.
        let mut decoder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_batch_size(lines.len() + 1)
            .with_coerce_primitive(true)
            .with_strict_mode(true)
            .build_decoder()?;
        for line in lines {
            decoder.decode(line.as_bytes())?;
        }
        Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(&self.schema))))
    }

    /// The lines that decode alone, and what is wrong with the others.
    fn sift(&self, rows: Vec<(Place, String)>) -> (Vec<(Place, String)>, Vec<Fault>) {
        let mut faults = Vec::new();
        let good = rows.into_iter().filter(|(place, line)| match self.decode(std::iter::once(line.as_str())) {
            Ok(_) => true,
            Err(error) => {
                let remedy = "a field has one type in all objects: that which it has first";
                let error = foreign(ErrorKind::Input, error).remedy(remedy);
                faults.push(Fault { place: *place, stage: "read", error });
                false
            }
        });
        (good.collect(), faults)
    }
}

impl Parse for Json {
    type Row = String;
    const BLOCKS: bool = false;

    fn parse(&mut self, text: &str) -> std::result::Result<Option<String>, Bad> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Shape::default().read(text).map_err(|e| fault(&e))?;
        Ok(Some(text.to_string()))
    }

    fn collect(&mut self, rows: Vec<(Place, String)>) -> Result<Taken> {
        let (mut rows, mut faults) = (rows, Vec::new());
        let columns = match self.decode(rows.iter().map(|(_, line)| line.as_str())) {
            Ok(columns) => columns,
            Err(_) => {
                (rows, faults) = self.sift(rows);
                self.decode(rows.iter().map(|(_, line)| line.as_str())).map_err(|e| foreign(ErrorKind::Input, e))?
            }
        };
        let places = rows.into_iter().map(|(place, _)| place).collect();
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults })
    }
}

/// The error for a line that is no object.
pub(super) fn fault(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let place = format!("column {}", error.column());
    Error::new(ErrorKind::Input, text).at(place).remedy("write one JSON object a line, no field twice")
}
