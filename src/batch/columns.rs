//! Columns in: texts and words out of Arrow's arrays. Columns out: annotations as nested columns, the same as those of
//! `libmtl.arrow.tag` in Python.

use super::foreign;
use crate::bundle::manifest::Task;
use crate::tagger::{Annotation, Document, Tagging};
use crate::{Error, ErrorKind, Result};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use serde::Serialize;
use std::sync::Arc;

/// Which column is worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextColumn {
    /// As the format has it: `form` of CoNLL-U, the token column of CoNLL, `words` of exercises, else running text in `text`.
    #[default]
    Default,
    /// Running text, in the column of this name.
    Text(String),
    /// Words that somebody has cut, in the column of this name: a list of strings, or a string with blanks between them.
    Tokens(String),
}

/// The texts of a column.
pub(super) enum Texts {
    Running(ArrayRef),
    /// A list of strings a row.
    Words(ArrayRef),
    /// A string a row, with blanks between the words.
    Blanks(ArrayRef),
}

/// A row's text.
pub(super) enum Text<'a> {
    Running(&'a str),
    /// `Err` names a word that is null.
    Words(Result<Vec<&'a [u8]>>),
}

fn is_string(of: &DataType) -> bool {
    matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The item of a list, or nothing.
pub(super) fn item(of: &DataType) -> Option<&DataType> {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item.data_type()),
        _ => None,
    }
}

/// A list of strings.
pub(super) fn strings() -> DataType {
    list(DataType::Utf8)
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", of, true)))
}

/// That a column can be read as texts, or as words where `tokens` are wanted.
pub(super) fn check(field: &Field, tokens: bool) -> Result<()> {
    let of = field.data_type();
    if is_string(of) || (tokens && item(of).is_some_and(is_string)) {
        return Ok(());
    }
    let remedy = match (tokens, item(of)) {
        (false, Some(_)) => "name a column of lists with --tokens",
        (false, None) => "name a column of strings with --text",
        (true, _) => "name a column of lists of strings with --tokens, or one of strings with blanks between the words",
    };
    let message = format!("the column {} has the type {of}, which holds no text", field.name());
    Err(Error::new(ErrorKind::Argument, message).remedy(remedy))
}

impl Texts {
    /// Those of `column`, which [`check`] has passed.
    pub fn new(column: &ArrayRef, tokens: bool) -> Result<Self> {
        let to = |of: &DataType| cast(column, of).map_err(|e| foreign(ErrorKind::Input, e));
        match (tokens, is_string(column.data_type())) {
            (false, _) => Ok(Self::Running(to(&DataType::Utf8)?)),
            (true, true) => Ok(Self::Blanks(to(&DataType::Utf8)?)),
            (true, false) => Ok(Self::Words(to(&strings())?)),
        }
    }

    /// Each row's.
    pub fn rows(&self) -> Vec<Option<Text<'_>>> {
        match self {
            Self::Running(array) => array.as_string::<i32>().iter().map(|text| text.map(Text::Running)).collect(),
            Self::Blanks(array) => {
                let words = |text: Option<_>| text.map(blanks);
                array.as_string::<i32>().iter().map(words).collect()
            }
            Self::Words(array) => {
                let lists = array.as_list::<i32>();
                let values = lists.values().as_string::<i32>();
                let row = |index| {
                    let range = lists.offsets()[index] as usize..lists.offsets()[index + 1] as usize;
                    lists.is_valid(index).then(|| Text::Words(words(values, range)))
                };
                (0..lists.len()).map(row).collect()
            }
        }
    }
}

/// Words between blanks.
fn blanks(text: &str) -> Text<'_> {
    Text::Words(Ok(text.split_whitespace().map(str::as_bytes).collect()))
}

fn words(values: &StringArray, range: std::ops::Range<usize>) -> Result<Vec<&[u8]>> {
    let start = range.start;
    let word = |index: usize| match values.is_valid(index) {
        true => Ok(values.value(index).as_bytes()),
        false => Err(Error::new(ErrorKind::Input, "a word that is null")
            .at(format_args!("token {}", index - start))
            .remedy("leave it out")),
    };
    range.map(word).collect()
}

impl Text<'_> {
    /// What the library calls it; the error is the row's own.
    pub fn document(&self) -> Result<Document<'_>> {
        match self {
            Self::Running(text) => Ok(Document::Text(text.as_bytes())),
            Self::Words(Ok(words)) => Ok(Document::Tokens(words)),
            Self::Words(Err(error)) => Err(error.clone()),
        }
    }
}

/// `kept` with more columns.
pub(super) fn joined(kept: &RecordBatch, schema: Schema, more: Vec<ArrayRef>) -> Result<RecordBatch> {
    let columns = kept.columns().iter().cloned().chain(more).collect();
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|e| foreign(ErrorKind::Engine, e))
}

/// `kept` with the fields of `more`, of which none may have its name.
pub(super) fn extended(kept: &Schema, more: Vec<Field>, remedy: &str) -> Result<Schema> {
    if let Some(taken) = more.iter().find(|field| kept.field_with_name(field.name()).is_ok()) {
        let message = format!("the input has a column {}, as the output would", taken.name());
        return Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
    }
    let fields = kept.fields().iter().cloned().chain(more.into_iter().map(Arc::new));
    Ok(Schema::new_with_metadata(fields.collect::<Fields>(), kept.metadata().clone()))
}

/// Lists of values, each row's of its own length.
struct Lists(Vec<usize>);

impl Lists {
    fn array(&self, values: ArrayRef) -> ArrayRef {
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(self.0.iter().copied()), values, None))
    }
}

/// Lists of strings; a row is null where it has none.
pub(super) fn string_lists(rows: &[Option<Vec<String>>]) -> ArrayRef {
    let values: StringArray = rows.iter().flatten().flatten().map(Some).collect();
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let nulls = NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<bool>>());
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    Arc::new(ListArray::new(field, offsets, Arc::new(values), Some(nulls)))
}

/// A struct of columns; a row is null where `valid` says so.
pub(super) fn structure(fields: Fields, columns: Vec<ArrayRef>, valid: Option<&[bool]>) -> ArrayRef {
    let length = columns.first().map_or(0, |column| column.len());
    let nulls = valid.filter(|valid| valid.contains(&false)).map(|valid| NullBuffer::from(valid.to_vec()));
    debug_assert!(columns.iter().all(|column| column.len() == length));
    Arc::new(StructArray::new(fields, columns, nulls))
}

fn field(name: &str, of: DataType) -> FieldRef {
    Arc::new(Field::new(name, of, true))
}

/// The type of the column of results.
pub(super) fn result_type(tasks: &[&Task], scores: bool) -> DataType {
    let token = Fields::from(vec![field("start", DataType::Int64), field("end", DataType::Int64)]);
    let mut fields = vec![
        field("language", DataType::Utf8),
        field("error", DataType::Utf8),
        field("tokens", list(DataType::Struct(token))),
    ];
    fields.extend(tasks.iter().map(|task| field(&task.name, DataType::Struct(task_fields(scores)))));
    DataType::Struct(fields.into())
}

fn task_fields(scores: bool) -> Fields {
    let mut span = vec![field("label", DataType::Utf8), field("start", DataType::Int64), field("end", DataType::Int64)];
    let mut fields = vec![field("labels", strings())];
    if scores {
        span.push(field("score", DataType::Float32));
        fields.push(field("scores", list(DataType::Float32)));
    }
    fields.push(field("spans", list(DataType::Struct(span.into()))));
    fields.into()
}

/// The column of results: one row for each of `rows`, `None` where the text is null.
pub(super) fn results(rows: &[Option<Annotation>], tasks: &[&Task], scores: bool) -> ArrayRef {
    let DataType::Struct(fields) = result_type(tasks, scores) else { unreachable!("the type of results is a struct") };
    let valid: Vec<bool> = rows.iter().map(Option::is_some).collect();
    let languages: StringArray = rows.iter().map(|row| row.as_ref().map(|found| found.language.as_str())).collect();
    let found = || rows.iter().flatten();
    let lengths = Lists(rows.iter().map(|row| row.as_ref().map_or(0, |found| found.tokens.len())).collect());
    let start: Int64Array = found().flat_map(|f| &f.tokens).map(|token| Some(token.start as i64)).collect();
    let end: Int64Array = found().flat_map(|f| &f.tokens).map(|token| Some(token.end as i64)).collect();
    let places = Fields::from(vec![field("start", DataType::Int64), field("end", DataType::Int64)]);
    let tokens = structure(places, vec![Arc::new(start), Arc::new(end)], None);
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(languages), Arc::new(StringArray::new_null(rows.len())), lengths.array(tokens)];
    columns.extend((0..tasks.len()).map(|task| task_column(rows, task, &lengths, scores)));
    structure(fields, columns, Some(&valid))
}

/// What a task says of each row.
fn task_column(rows: &[Option<Annotation>], task: usize, tokens: &Lists, scores: bool) -> ArrayRef {
    let (mut labels, mut confidences) = (Vec::new(), Vec::new());
    let (mut of_span, mut starts, mut ends, mut of_spans) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut counts = Vec::with_capacity(rows.len());
    for row in rows {
        let before = of_span.len();
        if let Some(found) = row {
            let known = labels.len() + found.tokens.len();
            for (tagging, sentence) in sentences(found, task) {
                labels.extend(tagging.labels.iter().map(|label| Some(label.as_str())));
                confidences.extend(tagging.scores.iter().copied().map(Some));
                for span in &tagging.spans {
                    let (first, end) = (sentence.start + span.start, sentence.start + span.end);
                    of_span.push(span.label.as_str());
                    starts.push(found.tokens[first].start as i64);
                    ends.push(found.tokens[end - 1].end as i64);
                    of_spans.push(span.score);
                }
            }
            // A task that does not know the language says nothing.
            labels.resize(known, None);
            confidences.resize(known, None);
        }
        counts.push(of_span.len() - before);
    }
    let mut span: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(of_span)),
        Arc::new(Int64Array::from(starts)),
        Arc::new(Int64Array::from(ends)),
    ];
    let mut columns = vec![tokens.array(Arc::new(StringArray::from(labels)))];
    if scores {
        span.push(Arc::new(Float32Array::from(of_spans)));
        columns.push(tokens.array(Arc::new(Float32Array::from(confidences))));
    }
    let fields = task_fields(scores);
    let Some(DataType::Struct(of)) = fields.iter().last().and_then(|spans| item(spans.data_type())) else {
        unreachable!("the last field of a task is a list of structs")
    };
    columns.push(Lists(counts).array(structure(of.clone(), span, None)));
    structure(fields, columns, None)
}

/// The taggings of a task, each with the tokens of its sentence; none where the task does not know the language.
pub(super) fn sentences(found: &Annotation, task: usize) -> impl Iterator<Item = (&Tagging, &std::ops::Range<usize>)> {
    found.tasks.get(task).and_then(Option::as_ref).into_iter().flatten().zip(&found.sentences)
}
