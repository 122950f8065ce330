//! One JSON object a sentence; docs/cli.md describes the fields.

use super::{Sink, Tagged, TaskTags};
use crate::input::Item;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes JSON lines.
pub struct Jsonl {
    /// The name of the unit of offsets.
    pub unit: &'static str,
}

#[derive(Serialize)]
struct Record<'a> {
    document: &'a str,
    sentence: u64,
    line: u64,
    language: &'a str,
    language_detected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    tokens: Vec<Token<'a>>,
    tasks: BTreeMap<&'a str, Task<'a>>,
}

#[derive(Serialize)]
struct Token<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

#[derive(Serialize)]
struct Task<'a> {
    tags: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scores: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<Span<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nbest: Vec<Path<'a>>,
}

#[derive(Serialize)]
struct Span<'a> {
    label: &'a str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    first_token: usize,
    last_token: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

#[derive(Serialize)]
struct Path<'a> {
    tags: &'a [String],
    probability: f64,
}

impl Sink for Jsonl {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &Tagged<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &self.record(tagged))?;
        out.write_all(b"\n")
    }
}

impl Jsonl {
    fn record<'a>(&self, tagged: &'a Tagged<'_>) -> Record<'a> {
        let item = tagged.item;
        Record {
            document: &item.document,
            sentence: item.number,
            line: item.line,
            language: &item.language,
            language_detected: item.detected,
            offsets: item.offsets.first().map(|_| self.unit),
            start: item.offsets.first().map(|first| first.start),
            end: item.offsets.last().map(|last| last.end),
            tokens: tokens(item),
            tasks: tagged.tasks.iter().map(|tags| (tags.task, task(item, tags))).collect(),
        }
    }
}

fn tokens<'a>(item: &'a Item) -> Vec<Token<'a>> {
    let token = |(index, text): (usize, &'a String)| {
        let range = item.offsets.get(index);
        Token { text, start: range.map(|r| r.start), end: range.map(|r| r.end) }
    };
    item.tokens.iter().enumerate().map(token).collect()
}

fn task<'a>(item: &Item, tags: &'a TaskTags<'_>) -> Task<'a> {
    let tagging = &tags.tagging;
    let span = |span: &'a libmtl::tagger::TaggedSpan| Span {
        label: &span.label,
        text: item.surface(span.start, span.end),
        start: item.offsets.get(span.start).map(|first| first.start),
        end: item.offsets.get(span.end - 1).map(|last| last.end),
        first_token: span.start,
        last_token: span.end - 1,
        score: span.score.map(rounded),
    };
    let path = |path: &'a libmtl::tagger::Alternative| Path { tags: &path.labels, probability: path.probability };
    Task {
        tags: &tagging.labels,
        scores: tagging.scores.iter().copied().map(rounded).collect(),
        spans: (!tags.plain).then(|| tagging.spans.iter().map(span).collect()),
        nbest: tagging.nbest.iter().map(path).collect(),
    }
}

/// Six decimals: what a single-precision probability means.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1e6).round() / 1e6
}
