//! Parquet and Arrow IPC: batches as they come, without dictionaries, cut at places that do not depend on where reading began.

use super::{MAX_BATCH, Place, Position, Reader, Rows, Taken};
use crate::batch::foreign;
use crate::batch::source::{Format, Source};
use crate::{Error, ErrorKind, Result};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;

/// How an Arrow file, as opposed to a stream, begins.
const MAGIC: &[u8] = b"ARROW1";

type Batches = Box<dyn Iterator<Item = std::result::Result<RecordBatch, ArrowError>> + Send>;

/// What a file has, and its batches from one on.
struct Opened {
    schema: SchemaRef,
    /// Rows before the first batch.
    before: u64,
    /// Rows in all, where the file says.
    total: Option<u64>,
    batches: Batches,
}

/// Opens `source` at the last place before `row` at which reading can begin.
fn begin(source: &Source, row: u64) -> Result<Opened> {
    let mut file = source.open()?;
    let failed = |e| foreign(ErrorKind::Input, e).at(&source.known.path).remedy("is it whole, and of this format?");
    if source.format == Format::Parquet {
        return parquet(file, row).map_err(|e| failed(e.into()));
    }
    let mut head = [0; MAGIC.len()];
    let is_file = file.read_exact(&mut head).is_ok() && head == MAGIC;
    file.rewind().map_err(|e| Error::io(&source.known.path, e))?;
    if is_file {
        return arrow_file(file).map_err(failed);
    }
    let reader = StreamReader::try_new(BufReader::new(file), None).map_err(failed)?;
    Ok(Opened { schema: reader.schema(), before: 0, total: None, batches: Box::new(reader) })
}

fn parquet(file: File, row: u64) -> parquet::errors::Result<Opened> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let (schema, total) = (Arc::clone(builder.schema()), builder.metadata().file_metadata().num_rows());
    let before = row - row % MAX_BATCH as u64;
    let skipped = usize::try_from(before).unwrap_or(usize::MAX);
    let reader = builder.with_batch_size(MAX_BATCH).with_offset(skipped).build()?;
    Ok(Opened { schema, before, total: u64::try_from(total).ok(), batches: Box::new(reader) })
}

fn arrow_file(file: File) -> std::result::Result<Opened, ArrowError> {
    let reader = FileReader::try_new(BufReader::new(file), None)?;
    Ok(Opened { schema: reader.schema(), before: 0, total: None, batches: Box::new(reader) })
}

/// The columns of a file, without dictionaries.
pub(super) fn schema(source: &Source) -> Result<Schema> {
    let schema = begin(source, 0)?.schema;
    Ok(Schema::new(plain_fields(schema.fields())))
}

fn plain_fields(fields: &Fields) -> Fields {
    fields.iter().map(plain_field).collect()
}

fn plain_field(field: &Arc<Field>) -> Arc<Field> {
    // Notes of other programs on a column do not describe it once it is written anew.
    Arc::new(Field::new(field.name(), plain(field.data_type()), true))
}

/// The type with values in the place of dictionaries.
fn plain(of: &DataType) -> DataType {
    match of {
        DataType::Dictionary(_, value) => plain(value),
        DataType::RunEndEncoded(_, value) => plain(value.data_type()),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(plain_field(item), *length),
        DataType::Struct(fields) => DataType::Struct(plain_fields(fields)),
        other => other.clone(),
    }
}

pub(super) fn open(source: &Source, schema: SchemaRef, at: Position) -> Result<Box<dyn Reader>> {
    let opened = begin(source, at.row)?;
    let (path, length) = (source.known.path.clone(), source.known.bytes);
    let mut reader = Columns {
        schema,
        batches: opened.batches,
        total: opened.total,
        current: None,
        used: 0,
        row: opened.before,
        path,
        length,
        ended: false,
    };
    // Over what was read before, batch by batch.
    while reader.row < at.row && reader.fill()? {
        let left = reader.current.as_ref().map_or(0, |batch| batch.num_rows() - reader.used);
        let passed = left.min(usize::try_from(at.row - reader.row).unwrap_or(usize::MAX));
        reader.used += passed;
        reader.row += passed as u64;
    }
    Ok(Box::new(reader))
}

struct Columns {
    schema: SchemaRef,
    batches: Batches,
    total: Option<u64>,
    current: Option<RecordBatch>,
    /// Rows of the current batch that were given out.
    used: usize,
    row: u64,
    path: String,
    length: u64,
    ended: bool,
}

impl Columns {
    fn failed(&self, error: ArrowError) -> Error {
        let place = format!("row {}", self.row + 1);
        foreign(ErrorKind::Input, error).at(place).at(&self.path).remedy("is the file whole?")
    }

    /// Sees to a current batch with rows left; false at the end.
    fn fill(&mut self) -> Result<bool> {
        while self.current.as_ref().is_none_or(|batch| self.used == batch.num_rows()) {
            match self.batches.next() {
                None => {
                    self.ended = true;
                    return Ok(false);
                }
                Some(batch) => {
                    let batch = batch.and_then(|batch| values(&batch, &self.schema));
                    (self.current, self.used) = (Some(batch.map_err(|e| self.failed(e))?), 0);
                }
            }
        }
        Ok(true)
    }
}

/// The batch with values in the place of dictionaries.
fn values(batch: &RecordBatch, schema: &SchemaRef) -> std::result::Result<RecordBatch, ArrowError> {
    let pairs = batch.columns().iter().zip(schema.fields());
    let columns = pairs.map(|(column, field)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => cast(column, field.data_type()),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<std::result::Result<_, _>>()?, &options)
}

impl Reader for Columns {
    fn read(&mut self, most: usize) -> Result<Taken> {
        let columns = match self.fill()? {
            false => RecordBatch::new_empty(Arc::clone(&self.schema)),
            true => {
                let batch = self
                    .current
                    .as_ref()
                    .map_or_else(|| RecordBatch::new_empty(Arc::clone(&self.schema)), Clone::clone);
                // Pieces end at multiples of their size within a batch, wherever reading began.
                let border = MAX_BATCH - self.used % MAX_BATCH;
                let length = most.min(border).min(batch.num_rows() - self.used);
                batch.slice(self.used, length)
            }
        };
        let count = columns.num_rows();
        let places = (1..=count as u64).map(|n| Place { row: self.row + n, offset: None, line: None }).collect();
        self.used += count;
        self.row += count as u64;
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults: Vec::new() })
    }

    fn position(&self) -> Position {
        Position { row: self.row, ..Position::default() }
    }

    fn consumed(&self) -> u64 {
        match self.total {
            Some(0) | None => {
                if self.ended {
                    self.length
                } else {
                    0
                }
            }
            Some(total) => (self.length as u128 * u128::from(self.row) / u128::from(total)) as u64,
        }
    }
}
