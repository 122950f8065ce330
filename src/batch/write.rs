//! Writers of parts: columns into a file, whose digest is taken on the way.

use super::foreign;
use super::source::hex;
use crate::{Error, ErrorKind, Result};
use arrow_array::{Array, RecordBatch, new_empty_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_json::LineDelimitedWriter;
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Rows and bytes of a row group of Parquet: what is kept in memory while it is written.
const GROUP_ROWS: usize = 16 << 10;
const GROUP_BYTES: usize = 64 << 20;

/// What a job writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// Apache Parquet.
    #[default]
    Parquet,
    /// Arrow's IPC file format.
    Arrow,
    /// One JSON object a line, without the fields that are null.
    Jsonl,
    /// A header and records; lists and structs as JSON.
    Csv,
}

/// How it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip does; Arrow has none.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl OutputFormat {
    /// How it is compressed where nobody says.
    pub fn usual(self) -> Compression {
        if self == Self::Parquet { Compression::Zstd } else { Compression::None }
    }

    /// How the names of its files end.
    pub(super) fn extension(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Self::Parquet, _) => "parquet",
            (Self::Arrow, _) => "arrow",
            (Self::Jsonl, Compression::None) => "jsonl",
            (Self::Jsonl, Compression::Gzip) => "jsonl.gz",
            (Self::Jsonl, Compression::Zstd) => "jsonl.zst",
            (Self::Csv, Compression::None) => "csv",
            (Self::Csv, Compression::Gzip) => "csv.gz",
            (Self::Csv, Compression::Zstd) => "csv.zst",
        }
    }

    /// That it can be compressed so.
    pub(super) fn check(self, compression: Compression) -> Result<()> {
        if self == Self::Arrow && compression == Compression::Gzip {
            return Err(Error::new(ErrorKind::Argument, "Arrow's format has no gzip").remedy("use zstd, or none"));
        }
        Ok(())
    }

    /// That it has a place for columns like these.
    pub(super) fn check_columns(self, schema: &SchemaRef) -> Result<()> {
        for field in schema.fields() {
            self.check_column(field).map_err(|e| {
                let message = format!("the column {} cannot be written as {}: {e}", field.name(), self.name());
                Error::new(ErrorKind::Argument, message)
                    .remedy("leave it out, by naming the others with --keep, or write another format with --to")
            })?;
        }
        Ok(())
    }

    fn check_column(self, field: &FieldRef) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let alone = Arc::new(Schema::new(vec![Arc::clone(field)]));
        match self {
            Self::Parquet => ArrowWriter::try_new(io::sink(), alone, None).map(drop)?,
            Self::Arrow => FileWriter::try_new(io::sink(), &alone).map(drop)?,
            Self::Csv if !field.data_type().is_nested() => {
                ArrayFormatter::try_new(&new_empty_array(field.data_type()), &FormatOptions::default()).map(drop)?;
            }
            Self::Jsonl | Self::Csv => {
                make_encoder(field, &new_empty_array(field.data_type()), &EncoderOptions::default()).map(drop)?;
            }
        }
        Ok(())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

/// A file whose bytes are counted and digested as they are written.
pub(super) struct Digested {
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Digested {
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
        Ok(Self { file, digest: Sha256::new(), bytes: 0 })
    }

    /// Sees the bytes onto the disk: how many they are, and their SHA-256.
    pub fn sync(self) -> io::Result<(u64, String)> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok((self.bytes, hex(&self.digest.finalize())))
    }
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.digest.update(&bytes[..length]);
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Text on its way into a file.
pub(super) enum Packer {
    Plain(Digested),
    Gzip(GzEncoder<Digested>),
    Zstd(zstd::Encoder<'static, Digested>),
}

impl Packer {
    fn new(file: Digested, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(file),
            Compression::Gzip => Self::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    fn finish(self) -> io::Result<Digested> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Writes the rows of one part.
pub(super) enum Sink {
    Parquet(Box<ArrowWriter<Digested>>),
    Arrow(Box<FileWriter<Digested>>),
    Jsonl(Box<Packer>),
    Csv(Box<csv::Writer<Packer>>),
}

impl Sink {
    /// A sink of rows of `schema` into `file`.
    pub fn new(file: Digested, to: OutputFormat, compression: Compression, schema: &SchemaRef) -> Result<Self> {
        Ok(match to {
            OutputFormat::Parquet => {
                let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties(compression, schema)?));
                Self::Parquet(Box::new(writer.map_err(failed)?))
            }
            OutputFormat::Arrow => {
                let packed = (compression == Compression::Zstd).then_some(CompressionType::ZSTD);
                let options = IpcWriteOptions::default().try_with_compression(packed).map_err(failed)?;
                Self::Arrow(Box::new(FileWriter::try_new_with_options(file, schema, options).map_err(failed)?))
            }
            OutputFormat::Jsonl => Self::Jsonl(Box::new(Packer::new(file, compression).map_err(failed)?)),
            OutputFormat::Csv => {
                let mut writer = csv::Writer::from_writer(Packer::new(file, compression).map_err(failed)?);
                writer.write_record(schema.fields().iter().map(|field| field.name())).map_err(failed)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(failed),
            Self::Arrow(writer) => writer.write(batch).map_err(failed),
            Self::Jsonl(packer) => {
                let mut writer = LineDelimitedWriter::new(packer.as_mut());
                writer.write(batch).map_err(failed)?;
                writer.finish().map_err(failed)
            }
            Self::Csv(writer) => write_csv(writer, batch),
        }
    }

    /// Ends the file, which is not on the disk yet.
    pub fn finish(self) -> Result<Digested> {
        match self {
            Self::Parquet(writer) => writer.into_inner().map_err(failed),
            Self::Arrow(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().map_err(failed)
            }
            Self::Jsonl(packer) => packer.finish().map_err(failed),
            Self::Csv(writer) => {
                let packer = writer.into_inner().map_err(|e| failed(e.into_error()))?;
                packer.finish().map_err(failed)
            }
        }
    }
}

/// What went wrong while rows were written: nearly always the disk.
pub(super) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    foreign(ErrorKind::Io, error).remedy("see to room and permissions, and go on with --resume")
}

fn properties(compression: Compression, schema: &SchemaRef) -> Result<WriterProperties> {
    let codec = match compression {
        Compression::None => parquet::basic::Compression::UNCOMPRESSED,
        Compression::Gzip => parquet::basic::Compression::GZIP(GzipLevel::default()),
        Compression::Zstd => parquet::basic::Compression::ZSTD(ZstdLevel::default()),
    };
    let notes = schema.metadata().iter();
    let notes = notes.map(|(key, value)| KeyValue::new(key.to_string(), value.to_string())).collect();
    Ok(WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_key_value_metadata(Some(notes))
        .build())
}

/// Writes rows as records; a null is an empty field.
fn write_csv(writer: &mut csv::Writer<Packer>, batch: &RecordBatch) -> Result<()> {
    let (schema, json) = (batch.schema(), EncoderOptions::default());
    let plain = FormatOptions::default();
    let mut cells = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        cells.push(match field.data_type().is_nested() {
            true => Cell::Json(make_encoder(field, column, &json).map_err(failed)?),
            false => Cell::Plain(ArrayFormatter::try_new(column, &plain).map_err(failed)?),
        });
    }
    let mut text = Vec::new();
    for row in 0..batch.num_rows() {
        for (cell, column) in cells.iter_mut().zip(batch.columns()) {
            text.clear();
            match cell {
                _ if column.is_null(row) => {}
                Cell::Json(encoder) => encoder.encode(row, &mut text),
                Cell::Plain(formatter) => write!(text, "{}", formatter.value(row)).map_err(failed)?,
            }
            writer.write_field(&text).map_err(failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failed)?;
    }
    Ok(())
}

/// How the cells of a column are written.
enum Cell<'a> {
    Json(NullableEncoder<'a>),
    Plain(ArrayFormatter<'a>),
}
