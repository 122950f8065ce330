//! CSV: a row a record, all columns strings.

use super::stream::{self, Meter};
use super::{Fault, MAX_RECORD, PIECE_BYTES, Place, Position, Reader, Rows, Taken};
use crate::batch::foreign;
use crate::batch::source::Source;
use crate::{Error, ErrorKind, Result};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, ReaderBuilder};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stops a record that does not end: csv would take it into memory.
struct Guarded {
    input: Box<dyn BufRead + Send>,
    /// Bytes since the last record ended.
    since: Arc<AtomicUsize>,
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        if self.since.fetch_add(length, Ordering::Relaxed) > MAX_RECORD {
            let message = format!("a record of more than {} MiB: is a quote left open?", MAX_RECORD >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(length)
    }
}

struct Records {
    input: csv::Reader<Guarded>,
    meter: Meter,
    since: Arc<AtomicUsize>,
    schema: SchemaRef,
    /// What stood before the place at which reading began.
    base: Position,
    at: Position,
    path: String,
}

fn begin(source: &Source, offset: u64) -> Result<(csv::Reader<Guarded>, Meter, Arc<AtomicUsize>)> {
    let (input, meter) = stream::open(source, offset)?;
    let since = Arc::new(AtomicUsize::new(0));
    let guarded = Guarded { input, since: Arc::clone(&since) };
    let delimiter = if source.tabs() { b'\t' } else { b',' };
    let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(guarded);
    Ok((reader, meter, since))
}

/// The columns that the first record names.
pub(super) fn schema(source: &Source) -> Result<Schema> {
    let (mut reader, ..) = begin(source, 0)?;
    let header = header(&mut reader)?;
    let refused = |message: String| {
        Error::new(ErrorKind::Input, message).at("the header").remedy("name each column once in the first line")
    };
    let mut fields: Vec<Field> = Vec::with_capacity(header.len());
    for name in &header {
        let name = std::str::from_utf8(name).map_err(|_| refused("invalid UTF-8".into()))?;
        if fields.iter().any(|field| field.name() == name) {
            return Err(refused(format!("the column {name:?} stands twice")));
        }
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    if fields.is_empty() {
        return Err(refused("it is empty".into()));
    }
    Ok(Schema::new(fields))
}

fn header(reader: &mut csv::Reader<Guarded>) -> Result<ByteRecord> {
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(|e| foreign(ErrorKind::Input, e))?;
    Ok(record)
}

pub(super) fn open(source: &Source, schema: SchemaRef, at: Position) -> Result<Box<dyn Reader>> {
    let (mut input, meter, since) = begin(source, at.offset)?;
    if at == Position::default() {
        header(&mut input)?;
    }
    let path = source.known.path.clone();
    let mut reader = Records { input, meter, since, schema, base: at, at, path };
    reader.advance(at.row);
    Ok(Box::new(reader))
}

impl Records {
    /// Takes the place that csv has come to.
    fn advance(&mut self, row: u64) {
        let position = self.input.position();
        // csv counts lines from 1.
        self.at =
            Position { row, offset: self.base.offset + position.byte(), line: self.base.line + position.line() - 1 };
        self.since.store(0, Ordering::Relaxed);
    }
}

impl Reader for Records {
    fn read(&mut self, most: usize) -> Result<Taken> {
        let mut columns: Vec<StringBuilder> = self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let (mut places, mut faults, mut record) = (Vec::new(), Vec::new(), ByteRecord::new());
        let begun = self.at.offset;
        while places.len() + faults.len() < most && self.at.offset - begun < PIECE_BYTES {
            let more = self.input.read_byte_record(&mut record);
            if !more.map_err(|e| {
                foreign(ErrorKind::Input, e).at(format_args!("the record of line {}", self.at.line + 1)).at(&self.path)
            })? {
                self.advance(self.at.row);
                break;
            }
            let (row, start) = (self.at.row + 1, record.position().map_or((0, 1), |p| (p.byte(), p.line())));
            let place = Place { row, offset: Some(self.base.offset + start.0), line: Some(self.base.line + start.1) };
            match fields(&record, columns.len()) {
                Ok(fields) => {
                    columns.iter_mut().zip(fields).for_each(|(column, field)| column.append_value(field));
                    places.push(place);
                }
                Err(error) => faults.push(Fault { place, stage: "read", error }),
            }
            self.advance(row);
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let columns =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|e| foreign(ErrorKind::Input, e))?;
        Ok(Taken { rows: Rows { columns, places, records: Vec::new() }, faults })
    }

    fn position(&self) -> Position {
        self.at
    }

    fn consumed(&self) -> u64 {
        self.meter.bytes()
    }
}

/// The fields of a record, of which there must be `count`.
fn fields(record: &ByteRecord, count: usize) -> Result<Vec<&str>> {
    if record.len() != count {
        let fields = if record.len() == 1 { "field" } else { "fields" };
        let message = format!("{} {fields}, where the header has {count}", record.len());
        return Err(Error::new(ErrorKind::Input, message).remedy("quote what holds a separator; close every quote"));
    }
    let field = |(index, bytes)| {
        std::str::from_utf8(bytes).map_err(|e| {
            Error::new(ErrorKind::Input, "invalid UTF-8")
                .at(format_args!("field {}", index + 1))
                .remedy("convert the input to UTF-8, with iconv for example")
                .caused_by(e)
        })
    };
    record.iter().enumerate().map(field).collect()
}
