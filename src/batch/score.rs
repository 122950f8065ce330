//! Predicting the mistakes of the exercises of a job.

use super::columns::{TextColumn, extended, joined, structure};
use super::read::{Fault, Input, Rows};
use super::source::Format;
use super::tag::sifted;
use super::{Chosen, Done, Layout, Worker, foreign};
use crate::scorer::slam::Record;
use crate::scorer::{Exercise, Learner, ScoreOptions, Scorer};
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::{ArrayRef, Float32Array, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields, Schema};
use arrow_select::take::take_record_batch;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// Predicts, for each word of each exercise, the probability of a mistake.
pub struct Score<'a> {
    /// With this.
    pub scorer: &'a Scorer,
    /// The track of all files; without it, their names say, as for `mtl score`.
    pub track: Option<String>,
    /// Whether the bias of training is undone.
    pub calibrated: bool,
    /// Learners that the model was adapted to.
    pub learners: Vec<Learner>,
    /// How results are laid out.
    pub layout: Layout,
    /// The name of the column of results.
    pub column: String,
}

fn word_fields() -> Fields {
    Fields::from(vec![
        Field::new("instance", DataType::Utf8, true),
        Field::new("word", DataType::Utf8, true),
        Field::new("mistake", DataType::Float32, true),
    ])
}

fn result_fields() -> Fields {
    let word = Arc::new(Field::new("item", DataType::Struct(word_fields()), true));
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Fields::from(vec![text("track"), text("error"), Field::new("words", DataType::List(word), true)])
}

impl Worker for Score<'_> {
    fn name(&self) -> &'static str {
        "score"
    }

    fn digest(&self) -> &str {
        self.scorer.bundle().digest()
    }

    fn identity(&self) -> serde_json::Value {
        let learners: Vec<u8> = self.learners.iter().flat_map(Learner::to_bytes).collect();
        serde_json::json!({
            "engine": self.scorer.report().engine,
            "engine_version": self.scorer.report().version,
            "kernel": self.scorer.report().kernel,
            "track": self.track,
            "calibrated": self.calibrated,
            "learners": super::source::hex(&Sha256::digest(learners)),
            "layout": self.layout,
            "column": self.column,
        })
    }

    fn choose(&self, input: &Input) -> Result<Chosen> {
        if input.format != Format::Slam {
            let message = format!("the input is {}, and a scorer reads exercises", input.format.name());
            return Err(Error::new(ErrorKind::Argument, message).remedy("pass files in the format slam"));
        }
        TextColumn::Default.choose(input)
    }

    fn track(&self, file: &Path) -> Result<String> {
        self.scorer.track_of(file, self.track.as_deref())
    }

    fn schema(&self, kept: &Schema) -> Result<Schema> {
        let mut schema = match self.layout {
            Layout::Nested => {
                let field = Field::new(&self.column, DataType::Struct(result_fields()), true);
                extended(kept, vec![field], "name the column of results with --as, or those to keep with --keep")?
            }
            Layout::Spans => {
                let mut fields = vec![Field::new("track", DataType::Utf8, true)];
                fields.extend(word_fields().iter().map(|field| Field::clone(field)));
                extended(kept, fields, "name the columns to keep with --keep")?
            }
        };
        let manifest = self.scorer.manifest();
        for (key, value) in [
            ("libmtl.version", env!("CARGO_PKG_VERSION").to_string()),
            ("libmtl.model", format!("{} {}", manifest.id, manifest.version)),
            ("libmtl.digest", self.digest().to_string()),
        ] {
            schema.metadata.insert(key.to_string(), value);
        }
        Ok(schema)
    }

    fn work(&self, rows: &Rows, _: Chosen, kept: RecordBatch, size: usize, cancel: &Cancel) -> Result<Done> {
        let options = ScoreOptions { calibrated: self.calibrated, learners: &self.learners };
        let (mut good, mut faults, mut scored) = (Vec::new(), Vec::new(), Vec::new());
        for (records, places) in rows.records.chunks(size.max(1)).zip(rows.places.chunks(size.max(1))) {
            let exercises: Vec<Exercise> = records.iter().map(|record| record.exercise.clone()).collect();
            let found = self.scorer.score(&exercises, &options, cancel)?;
            for ((probabilities, record), place) in found.into_iter().zip(records).zip(places) {
                good.push(probabilities.is_ok());
                match probabilities {
                    Ok(probabilities) => scored.push((record, probabilities)),
                    Err(error) => faults.push(Fault { place: *place, stage: "score", error }),
                }
            }
        }
        let kept = sifted(kept, good)?;
        let schema = self.schema(&kept.schema())?;
        let batch = match self.layout {
            Layout::Nested => joined(&kept, schema, vec![nested(&scored)])?,
            Layout::Spans => flat(&kept, schema, &scored)?,
        };
        Ok(Done { batch, faults, counts: None })
    }
}

/// The columns of all words.
fn words(scored: &[(&Record, Vec<f32>)]) -> Vec<ArrayRef> {
    let records = || scored.iter().map(|(record, _)| record);
    let instances: StringArray = records().flat_map(|record| &record.tokens).map(|token| Some(&token.id)).collect();
    let forms: StringArray = records().flat_map(|record| &record.exercise.words).map(Some).collect();
    let mistakes: Float32Array = scored.iter().flat_map(|(_, p)| p).copied().map(Some).collect();
    vec![Arc::new(instances), Arc::new(forms), Arc::new(mistakes)]
}

fn nested(scored: &[(&Record, Vec<f32>)]) -> ArrayRef {
    let tracks: StringArray = scored.iter().map(|(record, _)| Some(&record.exercise.track)).collect();
    let offsets = OffsetBuffer::from_lengths(scored.iter().map(|(_, probabilities)| probabilities.len()));
    let item = Arc::new(Field::new("item", DataType::Struct(word_fields()), true));
    let lists = ListArray::new(item, offsets, structure(word_fields(), words(scored), None), None);
    let errors = StringArray::new_null(scored.len());
    structure(result_fields(), vec![Arc::new(tracks), Arc::new(errors), Arc::new(lists)], None)
}

fn flat(kept: &RecordBatch, schema: Schema, scored: &[(&Record, Vec<f32>)]) -> Result<RecordBatch> {
    let each = || (0..).zip(scored).flat_map(|(row, (record, p))| p.iter().map(move |_| (row, *record)));
    let rows: UInt32Array = each().map(|(row, _)| Some(row)).collect();
    let tracks: StringArray = each().map(|(_, record)| Some(&record.exercise.track)).collect();
    let kept = take_record_batch(kept, &rows).map_err(|e| foreign(ErrorKind::Engine, e))?;
    let mut columns: Vec<ArrayRef> = vec![Arc::new(tracks)];
    columns.extend(words(scored));
    joined(&kept, schema, columns)
}
