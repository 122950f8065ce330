//! Tagging the rows of a job.

use super::columns::{Text, TextColumn, Texts, check, extended, joined, result_type, results};
use super::read::{Fault, Input, Rows};
use super::source::Format;
use super::{Chosen, Done, Layout, Worker, find, foreign, spans};
use crate::bundle::manifest::Task;
use crate::tagger::{Annotation, DocumentOptions, Tagger};
use crate::text::offsets::Unit;
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Field, Schema};
use arrow_select::filter::filter_record_batch;

/// Tags each row.
pub struct Tag<'a> {
    /// With this.
    pub tagger: &'a Tagger,
    /// Tasks, language, unit of offsets, scores. n best paths have no column.
    pub options: DocumentOptions,
    /// The column of the texts.
    pub text: TextColumn,
    /// How results are laid out.
    pub layout: Layout,
    /// The name of the column of results.
    pub column: String,
}

/// The name of a unit.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Utf16 => "utf16",
        Unit::CodePoints => "codepoints",
    }
}

impl TextColumn {
    /// The column in `input`.
    pub(super) fn choose(&self, input: &Input) -> Result<Chosen> {
        let schema = &input.schema;
        let (text, tokens) = match (self, input.format) {
            (Self::Text(name), _) => (find(schema, name, "--text")?, false),
            (Self::Tokens(name), _) => (find(schema, name, "--tokens")?, true),
            (Self::Default, Format::Conll) => {
                (find(schema, &format!("column_{}", input.conll.token_column), "--tokens")?, true)
            }
            (Self::Default, Format::Conllu) => (find(schema, "form", "--tokens")?, true),
            (Self::Default, Format::Slam) => (find(schema, "words", "--tokens")?, true),
            (Self::Default, _) => (find(schema, "text", "--text or --tokens")?, false),
        };
        check(schema.field(text), tokens)?;
        Ok(Chosen { text, tokens, labels: None })
    }
}

/// The annotations of `texts`, `size` at a time; `None` where a text is null.
pub(super) fn annotate(
    tagger: &Tagger,
    options: &DocumentOptions,
    texts: &[Option<Text>],
    size: usize,
    cancel: &Cancel,
) -> Result<Vec<Option<Result<Annotation>>>> {
    let mut found = Vec::with_capacity(texts.len());
    for some in texts.chunks(size.max(1)) {
        let documents: Vec<_> = some.iter().map(|text| text.as_ref().map(Text::document)).collect();
        let good: Vec<_> = documents.iter().flatten().filter_map(|document| document.as_ref().ok().copied()).collect();
        let mut annotations = tagger.annotate(&good, options, cancel)?.into_iter();
        found.extend(documents.into_iter().map(|document| match document {
            None => None,
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(_)) => annotations.next(),
        }));
    }
    Ok(found)
}

/// The rows of `kept` that `good` names.
pub(super) fn sifted(kept: RecordBatch, good: Vec<bool>) -> Result<RecordBatch> {
    if good.iter().all(|good| *good) {
        return Ok(kept);
    }
    filter_record_batch(&kept, &BooleanArray::from(good)).map_err(|e| foreign(ErrorKind::Engine, e))
}

impl Tag<'_> {
    fn tasks(&self) -> Result<Vec<&Task>> {
        self.tagger.tasks_asked(&self.options).into_iter().map(|name| self.tagger.task(name)).collect()
    }
}

impl Worker for Tag<'_> {
    fn name(&self) -> &'static str {
        "tag"
    }

    fn digest(&self) -> &str {
        self.tagger.bundle().digest()
    }

    fn identity(&self) -> serde_json::Value {
        let options = &self.options;
        serde_json::json!({
            "engine": self.tagger.report().engine,
            "engine_version": self.tagger.report().version,
            "kernel": self.tagger.report().kernel,
            "tasks": self.tagger.tasks_asked(options),
            "language": options.language,
            "offsets": unit(options.unit),
            "scores": options.decode.scores,
            "zero_shot": options.decode.zero_shot,
            "replace_invalid": options.replace_invalid,
            "text": self.text,
            "layout": self.layout,
            "column": self.column,
        })
    }

    fn choose(&self, input: &Input) -> Result<Chosen> {
        if self.options.decode.nbest > 0 {
            let error = Error::new(ErrorKind::Argument, "n best paths have no column");
            return Err(error.remedy("ask for none"));
        }
        // Unknown tasks and languages are refused here, before anything is written.
        self.tagger.annotate(&[], &self.options, &Cancel::new())?;
        self.text.choose(input)
    }

    fn schema(&self, kept: &Schema) -> Result<Schema> {
        let mut schema = match self.layout {
            Layout::Nested => {
                let result = result_type(&self.tasks()?, self.options.decode.scores);
                let field = Field::new(&self.column, result, true);
                extended(kept, vec![field], "name the column of results with --as, or those to keep with --keep")?
            }
            Layout::Spans => extended(kept, spans::fields(kept), "name the columns to keep with --keep")?,
        };
        let manifest = self.tagger.manifest();
        for (key, value) in [
            ("libmtl.version", env!("CARGO_PKG_VERSION").to_string()),
            ("libmtl.model", format!("{} {}", manifest.id, manifest.version)),
            ("libmtl.digest", self.digest().to_string()),
            ("libmtl.offsets", unit(self.options.unit).to_string()),
        ] {
            schema.metadata.insert(key.to_string(), value);
        }
        Ok(schema)
    }

    fn work(&self, rows: &Rows, chosen: Chosen, kept: RecordBatch, size: usize, cancel: &Cancel) -> Result<Done> {
        let texts = Texts::new(rows.columns.column(chosen.text), chosen.tokens)?;
        let texts = texts.rows();
        let (mut good, mut faults, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut of_good = Vec::new();
        let annotated = annotate(self.tagger, &self.options, &texts, size, cancel)?;
        for ((annotation, text), place) in annotated.into_iter().zip(&texts).zip(&rows.places) {
            let annotation = annotation.transpose();
            good.push(annotation.is_ok());
            match annotation {
                Ok(annotation) => {
                    found.push(annotation);
                    of_good.push(text.as_ref());
                }
                Err(error) => faults.push(Fault { place: *place, stage: "tag", error }),
            }
        }
        let kept = sifted(kept, good)?;
        let (tasks, schema) = (self.tasks()?, self.schema(&kept.schema())?);
        let batch = match self.layout {
            Layout::Nested => joined(&kept, schema, vec![results(&found, &tasks, self.options.decode.scores)])?,
            Layout::Spans => spans::batch(&kept, schema, &found, &of_good, &tasks, self.options.unit)?,
        };
        Ok(Done { batch, faults, counts: None })
    }
}
