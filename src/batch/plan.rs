//! A job made ready: files found, columns chosen, options checked. Nothing is written before all of it holds.

use super::columns::extended;
use super::read::{Input, Rows};
use super::source::{self, Source};
use super::write::Compression;
use super::{Chosen, Eval, Job, Progress, Work, Worker, find, guarded};
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) struct Plan<'a> {
    pub job: &'a Job<'a>,
    pub worker: &'a dyn Worker,
    pub sources: Vec<Source>,
    /// The track of each, where they hold exercises.
    pub tracks: Vec<String>,
    pub input: Input,
    pub chosen: Chosen,
    /// The columns of the input that go along.
    keep: Vec<usize>,
    /// They, and `source` and `row` where these are asked for.
    kept: SchemaRef,
    /// The columns of the output.
    pub schema: SchemaRef,
    pub compression: Compression,
    /// All that decides the output, beside the input.
    pub identity: Value,
}

impl<'a> Plan<'a> {
    pub fn new(job: &'a Job<'a>, cancel: &Cancel, progress: &mut dyn FnMut(&Progress)) -> Result<Self> {
        let worker = job.work.worker();
        if job.inputs.is_empty() {
            return Err(Error::new(ErrorKind::Argument, "the job has no input").remedy("name one with --input"));
        }
        let compression = job.compression.unwrap_or(job.to.usual());
        job.to.check(compression)?;
        let sources = source::find(&job.inputs, job.format, cancel, progress)?;
        let tracks = sources.iter().map(|source| worker.track(&source.path)).collect::<Result<_>>()?;
        let input = guarded(|| Input::new(&sources, job.conll, cancel))?;
        let chosen = worker.choose(&input)?;
        let keep = keep(job, &input.schema)?;
        let mut kept = input.schema.project(&keep).map_err(|e| super::foreign(ErrorKind::Argument, e))?;
        kept.metadata.clear();
        if job.source {
            let fields = vec![Field::new("source", DataType::Utf8, true), Field::new("row", DataType::Int64, true)];
            kept = extended(&kept, fields, "leave it out with --keep, or do without --source")?;
        }
        let schema = Arc::new(worker.schema(&kept)?);
        job.to.check_columns(&schema)?;
        let identity = json!({
            "libmtl": env!("CARGO_PKG_VERSION"),
            "command": worker.name(),
            "model": worker.digest(),
            "format": input.format,
            "conll": job.conll,
            "to": job.to,
            "compress": compression,
            "keep": job.keep,
            "source": job.source,
            "rows_per_part": job.rows_per_part.max(1),
            "work": worker.identity(),
        });
        let kept = Arc::new(kept);
        Ok(Self { job, worker, sources, tracks, input, chosen, keep, kept, schema, compression, identity })
    }

    /// The columns of `rows` that go along.
    pub fn kept(&self, rows: &Rows, source: &str) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> =
            self.keep.iter().map(|&index| Arc::clone(rows.columns.column(index))).collect();
        if self.job.source {
            columns.push(Arc::new(rows.places.iter().map(|_| Some(source)).collect::<StringArray>()));
            columns.push(Arc::new(rows.places.iter().map(|place| Some(place.row as i64)).collect::<Int64Array>()));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.places.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.kept), columns, &options)
            .map_err(|e| super::foreign(ErrorKind::Engine, e))
    }

    /// The evaluation, if it is one.
    pub fn evaluation(&self) -> Option<&Eval<'a>> {
        match &self.job.work {
            Work::Eval(eval) => Some(eval),
            _ => None,
        }
    }

    /// Bytes of the files before the one of this number.
    pub fn bytes_before(&self, file: usize) -> u64 {
        self.sources[..file].iter().map(|source| source.known.bytes).sum()
    }
}

/// The places of the columns to keep, in their own order.
fn keep(job: &Job, input: &Schema) -> Result<Vec<usize>> {
    if job.keep.is_empty() {
        return Ok((0..input.fields().len()).collect());
    }
    let mut places = job.keep.iter().map(|name| find(input, name, "--keep")).collect::<Result<Vec<_>>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(places)
}
