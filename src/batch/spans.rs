//! One row a span: the columns of the input beside task, label, place and text.

use super::columns::{Text, joined, sentences};
use super::foreign;
use crate::bundle::manifest::Task;
use crate::tagger::Annotation;
use crate::text::offsets::Unit;
use crate::{ErrorKind, Result};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take_record_batch;
use std::ops::Range;
use std::sync::Arc;

/// The columns that a span has.
pub(super) fn fields(kept: &Schema) -> Vec<Field> {
    let text = if kept.field_with_name("text").is_ok() { "span_text" } else { "text" };
    let fields = [
        ("task", DataType::Utf8),
        ("label", DataType::Utf8),
        ("start", DataType::Int64),
        ("end", DataType::Int64),
        (text, DataType::Utf8),
        ("confidence", DataType::Float32),
    ];
    fields.into_iter().map(|(name, of)| Field::new(name, of, true)).collect()
}

/// The spans of `found`, in the order of rows, tasks and starts.
pub(super) fn batch(
    kept: &RecordBatch,
    schema: Schema,
    found: &[Option<Annotation>],
    texts: &[Option<&Text>],
    tasks: &[&Task],
    unit: Unit,
) -> Result<RecordBatch> {
    let (mut rows, mut of_task, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut starts, mut ends, mut surfaces, mut confidences) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((row, found), text) in (0..).zip(found).zip(texts) {
        let (Some(found), Some(text)) = (found, text) else { continue };
        let surface = Surface::new(text, unit);
        for (index, task) in tasks.iter().enumerate() {
            for (tagging, sentence) in sentences(found, index) {
                for span in &tagging.spans {
                    let tokens = sentence.start + span.start..sentence.start + span.end;
                    let place = found.tokens[tokens.start].start..found.tokens[tokens.end - 1].end;
                    rows.push(row);
                    of_task.push(task.name.as_str());
                    labels.push(span.label.as_str());
                    starts.push(place.start as i64);
                    ends.push(place.end as i64);
                    surfaces.push(surface.of(&place, tokens));
                    confidences.push(span.score);
                }
            }
        }
    }
    let kept = take_record_batch(kept, &UInt32Array::from(rows)).map_err(|e| foreign(ErrorKind::Engine, e))?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(of_task)),
        Arc::new(StringArray::from(labels)),
        Arc::new(Int64Array::from(starts)),
        Arc::new(Int64Array::from(ends)),
        Arc::new(StringArray::from(surfaces)),
        Arc::new(Float32Array::from(confidences)),
    ];
    joined(&kept, schema, columns)
}

/// What stands between two offsets.
struct Surface<'a> {
    text: &'a Text<'a>,
    /// The byte at which each unit begins, and the end; nothing where the unit is the byte.
    starts: Vec<usize>,
}

impl<'a> Surface<'a> {
    fn new(text: &'a Text<'a>, unit: Unit) -> Self {
        let starts = match (text, unit) {
            (Text::Running(text), Unit::CodePoints) => {
                text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect()
            }
            (Text::Running(text), Unit::Utf16) => {
                let units = text.char_indices().flat_map(|(byte, c)| std::iter::repeat_n(byte, c.len_utf16()));
                units.chain([text.len()]).collect()
            }
            _ => Vec::new(),
        };
        Self { text, starts }
    }

    fn of(&self, place: &Range<usize>, tokens: Range<usize>) -> String {
        match self.text {
            Text::Running(text) => {
                let byte = |offset: usize| if self.starts.is_empty() { offset } else { self.starts[offset] };
                text[byte(place.start)..byte(place.end)].to_string()
            }
            Text::Words(words) => {
                let words = words.as_deref().unwrap_or_default();
                let words: Vec<_> = words[tokens].iter().map(|word| String::from_utf8_lossy(word)).collect();
                words.join(" ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_in_every_unit() {
        let text = Text::Running("aé😀 Zoë");
        for (unit, place) in [(Unit::Bytes, 8..12), (Unit::CodePoints, 4..7), (Unit::Utf16, 5..8)] {
            assert_eq!(Surface::new(&text, unit).of(&place, 0..1), "Zoë", "{unit:?}");
        }
        let words = Text::Words(Ok(vec![b"New", b"York", b"!"]));
        assert_eq!(Surface::new(&words, Unit::CodePoints).of(&(0..7), 0..2), "New York");
    }
}
