//! The four ways to write tagged sentences, and what they share with each other and with alignments.

mod conll;
mod grid;
mod html;
mod jsonl;
mod pretty;
mod risk;

pub use conll::Conll;
pub use grid::{Column, grid};
pub use html::Html;
pub use jsonl::Jsonl;
pub use pretty::Pretty;
pub use risk::RiskPage;

use crate::args::OffsetUnit;
use crate::input::Item;
use libmtl::tagger::{TaggedSpan, Tagging};
use libmtl::text::scheme;
use std::borrow::Cow;
use std::io::{self, Write};

/// A sentence and its tags.
pub struct Tagged<'a> {
    /// The sentence.
    pub item: &'a Item,
    /// Each task that it was tagged with, in the order of the run's columns.
    pub tasks: Vec<TaskTags<'a>>,
}

/// One task's tags of a sentence.
pub struct TaskTags<'a> {
    /// The task's name.
    pub task: &'a str,
    /// Whether its labels form no spans.
    pub plain: bool,
    /// The tags.
    pub tagging: Tagging,
}

/// Writes sentences in one format.
pub trait Sink {
    /// Before the first sentence.
    fn begin(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
    /// One sentence.
    fn sentence(&mut self, out: &mut dyn Write, tagged: &Tagged<'_>) -> io::Result<()>;
    /// After the last sentence; also after an error or an interruption, so that what was written is whole.
    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Columns of the terminal; a file gets lines that suit most of them.
pub fn width() -> usize {
    const DEFAULT: usize = 100;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(DEFAULT)
}

/// The name of a unit in JSON.
pub fn unit_name(unit: OffsetUnit) -> &'static str {
    match unit {
        OffsetUnit::Bytes => "bytes",
        OffsetUnit::Utf16 => "utf16",
        OffsetUnit::Codepoints => "codepoints",
    }
}

/// A run of a sentence's surface: some tokens, and the span that covers them if one does.
struct Piece<'a> {
    /// Whether something blank stands before it.
    spaced: bool,
    /// First token.
    start: usize,
    /// One past the last token.
    end: usize,
    /// The span that covers exactly these tokens.
    span: Option<&'a TaggedSpan>,
}

/// The surface of a sentence, cut at the borders of `spans`: one piece a span, one piece a token outside spans.
fn pieces<'a>(item: &Item, spans: &'a [TaggedSpan]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut spans = spans.iter().peekable();
    let mut start = 0;
    while start < item.tokens.len() {
        let span = spans.next_if(|span| span.start == start);
        let end = span.map_or(start + 1, |span| span.end.max(start + 1));
        pieces.push(Piece { spaced: item.spaced(start), start, end, span });
        start = end;
    }
    pieces
}

/// The text with characters that would steer a terminal replaced.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The spans of an alternative path.
fn spans_of(labels: &[String]) -> Vec<TaggedSpan> {
    let spans = scheme::spans_lenient(labels).into_iter();
    spans.map(|span| TaggedSpan { start: span.start, end: span.end, label: span.label, score: None }).collect()
}

/// A confidence for people.
fn percent(score: f32) -> String {
    format!("{:.2}", score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{7f}\u{9b}"), "a\u{FFFD}[2Jb\u{FFFD}\u{FFFD}");
        assert!(matches!(printable("zażółć"), Cow::Borrowed(_)));
    }
}
