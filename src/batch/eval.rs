//! Comparing a tagger with the labels that the rows of a job have.

use super::columns::{Text, TextColumn, Texts, check, extended, joined, string_lists, structure};
use super::read::{Fault, Input, Rows};
use super::source::Format;
use super::tag::{annotate, sifted};
use super::{Chosen, Done, Worker, find};
use crate::metrics::Counts;
use crate::tagger::gold::{Gold, Scores};
use crate::tagger::{Annotation, DecodeOptions, DocumentOptions, Tagger};
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, Schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Evaluates a task on each row.
pub struct Eval<'a> {
    /// What is evaluated.
    pub tagger: &'a Tagger,
    /// The task.
    pub task: String,
    /// The language of all rows, ISO 639-1.
    pub language: String,
    /// Whether the task need not have been trained on the language.
    pub zero_shot: bool,
    /// How gold labels are read.
    pub gold: Gold,
    /// The column of the words.
    pub words: TextColumn,
    /// The column of the gold labels; without it, `upos` of CoNLL-U and the last one of CoNLL.
    pub labels: Option<String>,
    /// The name of the column of results.
    pub column: String,
}

/// What an evaluation comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The task.
    pub task: String,
    /// The language.
    pub lang: String,
    /// Sentences that were compared.
    pub sentences: u64,
    /// Their tokens.
    pub tokens: u64,
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// Gold labels that the task does not know, each with its number of tokens: they count as errors.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unknown: BTreeMap<String, u64>,
}

/// What was counted of some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    counts: Counts,
    unknown: BTreeMap<String, u64>,
}

impl Tally {
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        for (label, tokens) in &other.unknown {
            *self.unknown.entry(label.clone()).or_default() += tokens;
        }
    }
}

fn result_fields() -> Fields {
    let lists = || super::columns::strings();
    Fields::from(vec![Field::new("gold", lists(), true), Field::new("predicted", lists(), true)])
}

impl Eval<'_> {
    fn options(&self) -> DocumentOptions {
        DocumentOptions {
            tasks: vec![self.task.clone()],
            language: Some(self.language.clone()),
            decode: DecodeOptions { zero_shot: self.zero_shot, ..DecodeOptions::default() },
            ..DocumentOptions::default()
        }
    }

    fn gold_column(&self, input: &Input) -> Result<usize> {
        let fields = input.schema.fields();
        let name = match (&self.labels, input.format) {
            (Some(name), _) => name.clone(),
            (None, Format::Conllu) => "upos".into(),
            (None, Format::Conll) => fields.last().map(|field| field.name().clone()).unwrap_or_default(),
            (None, _) => {
                return Err(Error::new(ErrorKind::Argument, "nothing says which column has the gold labels")
                    .remedy("name it with --gold"));
            }
        };
        let index = find(&input.schema, &name, "--gold")?;
        check(input.schema.field(index), true)?;
        Ok(index)
    }

    /// What the counts of a job come to.
    pub(super) fn metrics(&self, tally: Tally) -> Metrics {
        Metrics {
            task: self.task.clone(),
            lang: self.language.clone(),
            sentences: tally.counts.sentences,
            tokens: tally.counts.tokens,
            scores: self.gold.scores(&tally.counts),
            unknown: tally.unknown,
        }
    }

    /// Nothing counted yet.
    pub(super) fn tally(&self) -> Tally {
        Tally { counts: self.gold.counts(), unknown: BTreeMap::new() }
    }

    /// The labels of a row that can be compared: gold and predicted.
    fn row(&self, found: Annotation, gold: Option<&Text>) -> Result<(Vec<String>, Vec<String>)> {
        let Some(Text::Words(gold)) = gold else {
            return Err(Error::new(ErrorKind::Input, "no gold labels").remedy("leave the row out"));
        };
        let gold = gold.as_ref().map_err(Clone::clone)?;
        if gold.len() != found.tokens.len() {
            let message = format!("{} gold labels for {} words", gold.len(), found.tokens.len());
            return Err(Error::new(ErrorKind::Input, message).remedy("give each word a label"));
        }
        let gold: Vec<String> = gold.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect();
        let labels = found.tasks.into_iter().flatten().flatten().flat_map(|tagging| tagging.labels);
        Ok((self.gold.read(&gold)?, self.gold.predicted(labels.collect())?))
    }
}

impl Worker for Eval<'_> {
    fn name(&self) -> &'static str {
        "eval"
    }

    fn digest(&self) -> &str {
        self.tagger.bundle().digest()
    }

    fn identity(&self) -> serde_json::Value {
        serde_json::json!({
            "engine": self.tagger.report().engine,
            "engine_version": self.tagger.report().version,
            "kernel": self.tagger.report().kernel,
            "task": self.task,
            "language": self.language,
            "zero_shot": self.zero_shot,
            "gold": self.gold,
            "words": self.words,
            "labels": self.labels,
            "column": self.column,
        })
    }

    fn choose(&self, input: &Input) -> Result<Chosen> {
        self.tagger.check(&self.task, &self.language, self.zero_shot)?;
        let (chosen, labels) = (self.words.choose(input)?, self.gold_column(input)?);
        if !chosen.tokens {
            return Err(Error::new(ErrorKind::Argument, "gold labels belong to words that are cut already")
                .remedy("name their column with --tokens"));
        }
        if labels == chosen.text {
            return Err(Error::new(ErrorKind::Argument, "the column of the words is that of the gold labels")
                .remedy("name another one with --gold"));
        }
        Ok(Chosen { labels: Some(labels), ..chosen })
    }

    fn schema(&self, kept: &Schema) -> Result<Schema> {
        let field = Field::new(&self.column, DataType::Struct(result_fields()), true);
        extended(kept, vec![field], "name the column of results with --as, or those to keep with --keep")
    }

    fn work(&self, rows: &Rows, chosen: Chosen, kept: RecordBatch, size: usize, cancel: &Cancel) -> Result<Done> {
        let words = Texts::new(rows.columns.column(chosen.text), true)?;
        let gold = Texts::new(rows.columns.column(chosen.labels.unwrap_or(chosen.text)), true)?;
        let (words, gold) = (words.rows(), gold.rows());
        let (mut good, mut faults, mut lists) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
        let mut tally = self.tally();
        let annotated = annotate(self.tagger, &self.options(), &words, size, cancel)?;
        for ((annotation, gold), place) in annotated.into_iter().zip(&gold).zip(&rows.places) {
            let Some(annotation) = annotation else {
                good.push(true);
                lists.0.push(None);
                lists.1.push(None);
                continue;
            };
            let row = annotation.and_then(|found| self.row(found, gold.as_ref()));
            good.push(row.is_ok());
            match row {
                Ok((gold, predicted)) => {
                    for kind in self.gold.unknown(&gold) {
                        *tally.unknown.entry(kind.to_string()).or_default() += 1;
                    }
                    tally.counts.add(&gold, &predicted);
                    lists.0.push(Some(gold));
                    lists.1.push(Some(predicted));
                }
                Err(error) => faults.push(Fault { place: *place, stage: "eval", error }),
            }
        }
        let kept = sifted(kept, good)?;
        let schema = self.schema(&kept.schema())?;
        let result = structure(result_fields(), vec![string_lists(&lists.0), string_lists(&lists.1)], None);
        Ok(Done { batch: joined(&kept, schema, vec![result])?, faults, counts: Some(tally) })
    }
}
