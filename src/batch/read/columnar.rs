//! Parquet and Arrow IPC: pieces without dictionaries, cut at places that do not depend on the file's batches nor on where reading began.

use super::{Fault, MAX_BATCH, MAX_RECORD, PIECE_BYTES, Place, Position, Reader, Rows, Taken, overlong, sizes};
use crate::batch::foreign;
use crate::batch::source::{Format, Source};
use crate::{Error, ErrorKind, Result};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use std::collections::VecDeque;
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
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let (schema, total) = (Arc::clone(metadata.schema()), metadata.metadata().file_metadata().num_rows());
    let step = step(metadata.metadata());
    // Views leave strings in their pages: of a dictionary with a long one, each row would have a copy.
    let views =
        Schema::new_with_metadata(schema.fields().iter().map(viewed).collect::<Fields>(), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(views));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
    let skipped = usize::try_from(row).unwrap_or(usize::MAX);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let reader = builder.with_batch_size(step).with_offset(skipped).build()?;
    Ok(Opened { schema, before: row, total: u64::try_from(total).ok(), batches: Box::new(reader) })
}

/// How many rows are fetched at a time: as many as make a piece, in the row group whose rows are longest.
fn step(metadata: &ParquetMetaData) -> usize {
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let groups = metadata.row_groups().iter().filter(|group| group.num_rows() > 0);
    let rows =
        groups.map(|group| PIECE_BYTES * number(group.num_rows()) / number(group.total_byte_size()).max(1)).min();
    rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(MAX_BATCH).clamp(1, MAX_BATCH)
}

/// The field with views in the place of strings, as Parquet is read.
fn viewed(field: &Arc<Field>) -> Arc<Field> {
    let of = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::List(item) => DataType::List(viewed(item)),
        DataType::LargeList(item) => DataType::LargeList(viewed(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(viewed(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(viewed).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(of))
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
        left: RecordBatch::new_empty(Arc::clone(&schema)),
        schema,
        batches: opened.batches,
        total: opened.total,
        sizes: VecDeque::new(),
        row: opened.before,
        path,
        length,
        ended: false,
    };
    // Over what was read before, batch by batch.
    while reader.row < at.row && reader.fetch()? {
        let passed = usize::try_from(at.row - reader.row).unwrap_or(usize::MAX);
        reader.pass(passed.min(reader.left.num_rows()));
    }
    Ok(Box::new(reader))
}

struct Columns {
    schema: SchemaRef,
    batches: Batches,
    total: Option<u64>,
    /// Rows that were fetched and not given out.
    left: RecordBatch,
    /// The bytes of the first of them.
    sizes: VecDeque<u64>,
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

    /// Sees to rows that are left; false at the end.
    fn fetch(&mut self) -> Result<bool> {
        while self.left.num_rows() == 0 {
            let Some(batch) = self.batches.next() else {
                self.ended = true;
                return Ok(false);
            };
            self.left = batch.map_err(|e| self.failed(e))?;
        }
        Ok(true)
    }

    /// The next `count` rows of those that are left, as they were fetched.
    fn pass(&mut self, count: usize) -> RecordBatch {
        let passed = self.left.slice(0, count);
        self.left = self.left.slice(count, self.left.num_rows() - count);
        self.sizes.drain(..count.min(self.sizes.len()));
        self.row += count as u64;
        passed
    }

    /// How many of the rows that are left, `most` at most, go into a piece that has `bytes` already; adds theirs.
    fn fitting(&mut self, most: usize, bytes: &mut u64) -> usize {
        if self.sizes.is_empty() {
            self.sizes = sizes::of(&self.left.slice(0, MAX_BATCH.min(self.left.num_rows()))).into();
        }
        let mut count = 0;
        for size in self.sizes.iter().take(most).take_while(|size| **size <= MAX_RECORD as u64) {
            if *bytes >= PIECE_BYTES {
                break;
            }
            *bytes += size;
            count += 1;
        }
        count
    }
}

/// The batch with values in the place of dictionaries and views.
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
        let (mut parts, mut places, mut faults, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        // Where a piece ends depends on rows and their bytes alone, not on how they were fetched.
        while places.len() + faults.len() < most && bytes < PIECE_BYTES && self.fetch()? {
            let place = |row: u64| Place { row, offset: None, line: None };
            let count = self.fitting(most - places.len() - faults.len(), &mut bytes);
            if count == 0 {
                self.pass(1);
                faults.push(Fault {
                    place: place(self.row),
                    stage: "read",
                    error: overlong().remedy("cut it into several"),
                });
                continue;
            }
            places.extend((self.row + 1..).take(count).map(place));
            let part = self.pass(count);
            parts.push(values(&part, &self.schema).map_err(|e| self.failed(e))?);
        }
        let columns = match parts.len() {
            1 => parts.remove(0),
            _ => concat_batches(&self.schema, &parts).map_err(|e| self.failed(e))?,
        };
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults })
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
