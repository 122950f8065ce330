//! Annotations in columns, as numpy and Arrow read them.

use crate::calls::exception;
use crate::model::bytes;
use libmtl::bundle::manifest::Task;
use libmtl::tagger::Annotation;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::HashMap;

/// What stands for the label of a token whose language a task does not know.
const UNKNOWN: i32 = -1;

/// Rows of tokens and of spans; documents are counted from 0.
pub struct Columns<'a> {
    scores: bool,
    languages: Vec<Option<String>>,
    errors: Vec<Option<Py<PyAny>>>,
    /// Tokens: their document, their sentence within it, and where they stand.
    document: Vec<i64>,
    sentence: Vec<i64>,
    start: Vec<i64>,
    end: Vec<i64>,
    tasks: Vec<TaskColumns<'a>>,
}

struct TaskColumns<'a> {
    name: &'a str,
    labels: HashMap<&'a str, i32>,
    span_labels: HashMap<&'a str, i32>,
    /// One a token.
    label: Vec<i32>,
    score: Vec<f32>,
    spans: Spans,
}

#[derive(Default)]
struct Spans {
    document: Vec<i64>,
    start: Vec<i64>,
    end: Vec<i64>,
    /// Rows of the tokens' columns.
    first: Vec<i64>,
    last: Vec<i64>,
    label: Vec<i32>,
    score: Vec<f32>,
}

fn numbered(labels: &[String]) -> HashMap<&str, i32> {
    labels.iter().map(String::as_str).zip(0..).collect()
}

impl<'a> Columns<'a> {
    /// For these tasks, each with the labels of its spans.
    pub fn new(tasks: &'a [(&'a Task, Vec<String>)], scores: bool) -> Self {
        let columns = |(task, span_labels): &'a (&'a Task, Vec<String>)| TaskColumns {
            name: &task.name,
            labels: numbered(&task.labels),
            span_labels: numbered(span_labels),
            label: Vec::new(),
            score: Vec::new(),
            spans: Spans::default(),
        };
        Self {
            scores,
            languages: Vec::new(),
            errors: Vec::new(),
            document: Vec::new(),
            sentence: Vec::new(),
            start: Vec::new(),
            end: Vec::new(),
            tasks: tasks.iter().map(columns).collect(),
        }
    }

    /// Adds a document.
    pub fn push(&mut self, py: Python<'_>, annotation: &libmtl::Result<Annotation>) -> PyResult<()> {
        let number = self.languages.len() as i64;
        let found = match annotation {
            Ok(found) => found,
            Err(error) => {
                self.languages.push(None);
                self.errors.push(Some(exception(py, error)?.unbind()));
                return Ok(());
            }
        };
        self.languages.push(Some(found.language.clone()));
        self.errors.push(None);
        let base = self.start.len();
        self.document.extend(found.tokens.iter().map(|_| number));
        self.start.extend(found.tokens.iter().map(|token| token.start as i64));
        self.end.extend(found.tokens.iter().map(|token| token.end as i64));
        for (index, sentence) in (0..).zip(&found.sentences) {
            self.sentence.extend(sentence.clone().map(|_| index));
        }
        for (columns, taggings) in self.tasks.iter_mut().zip(&found.tasks) {
            let Some(taggings) = taggings else {
                columns.label.resize(self.start.len(), UNKNOWN);
                if self.scores {
                    columns.score.resize(self.start.len(), f32::NAN);
                }
                continue;
            };
            for (tagging, sentence) in taggings.iter().zip(&found.sentences) {
                columns.label.extend(tagging.labels.iter().map(|label| columns.labels[label.as_str()]));
                columns.score.extend_from_slice(&tagging.scores);
                for span in &tagging.spans {
                    let (first, end) = (sentence.start + span.start, sentence.start + span.end);
                    let spans = &mut columns.spans;
                    spans.document.push(number);
                    spans.start.push(found.tokens[first].start as i64);
                    spans.end.push(found.tokens[end - 1].end as i64);
                    spans.first.push((base + first) as i64);
                    spans.last.push((base + end) as i64);
                    spans.label.push(columns.span_labels[span.label.as_str()]);
                    spans.score.extend(span.score);
                }
            }
        }
        Ok(())
    }

    /// By name: lists of languages and errors, little-endian numbers of everything else.
    pub fn into_dict(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dict = PyDict::new(py);
        let long = |values: &[i64]| bytes(py, values, i64::to_le_bytes);
        dict.set_item("language", self.languages)?;
        dict.set_item("error", self.errors)?;
        for (name, values) in
            [("document", &self.document), ("sentence", &self.sentence), ("start", &self.start), ("end", &self.end)]
        {
            dict.set_item(name, long(values))?;
        }
        let tasks = PyDict::new(py);
        for columns in &self.tasks {
            let (task, spans) = (PyDict::new(py), PyDict::new(py));
            task.set_item("label", bytes(py, &columns.label, i32::to_le_bytes))?;
            let of = &columns.spans;
            for (name, values) in [
                ("document", &of.document),
                ("start", &of.start),
                ("end", &of.end),
                ("token_start", &of.first),
                ("token_end", &of.last),
            ] {
                spans.set_item(name, long(values))?;
            }
            spans.set_item("label", bytes(py, &of.label, i32::to_le_bytes))?;
            if self.scores {
                task.set_item("score", bytes(py, &columns.score, f32::to_le_bytes))?;
                spans.set_item("score", bytes(py, &of.score, f32::to_le_bytes))?;
            }
            task.set_item("spans", spans)?;
            tasks.set_item(columns.name, task)?;
        }
        dict.set_item("tasks", tasks)?;
        Ok(dict)
    }
}
