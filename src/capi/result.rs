//! Results: columns that a batch's documents, sentences, tokens and spans fill.

use super::boundary::{Failure, Object, Outcome, argument, call_on, free, get, library, null, optional};
use super::error::mtl_error;
use super::model::Model;
use super::status::mtl_status;
use crate::tagger::{Annotation, Tagging};
use crate::{Cancel, Error, ErrorKind};
use std::collections::HashMap;

/// In a column of labels or languages: there is none.
pub const MTL_NONE: u32 = u32::MAX;

/// What `mtl_tag` found. Views of it are valid until it is freed.
pub type mtl_result = Object<Columns>;

/// The columns behind the views.
#[derive(Default)]
pub struct Columns {
    status: Vec<i32>,
    language: Vec<u32>,
    /// Where each document's sentences begin, and the end.
    sentences: Vec<u32>,
    /// Where each sentence's tokens begin, and the end.
    tokens: Vec<u32>,
    start: Vec<u32>,
    end: Vec<u32>,
    /// By the model's tasks; those that were not asked for have none.
    tasks: Vec<Option<TaskColumns>>,
    errors: HashMap<usize, Box<mtl_error>>,
    /// Whether scores were asked for.
    scores: bool,
}

#[derive(Default)]
struct TaskColumns {
    label: Vec<u32>,
    score: Vec<f32>,
    spans: SpanColumns,
    paths: PathColumns,
}

#[derive(Default)]
struct SpanColumns {
    document: Vec<u32>,
    first_token: Vec<u32>,
    end_token: Vec<u32>,
    start: Vec<u32>,
    end: Vec<u32>,
    label: Vec<u32>,
    score: Vec<f32>,
}

#[derive(Default)]
struct PathColumns {
    sentence: Vec<u32>,
    probability: Vec<f64>,
    offsets: Vec<u32>,
    label: Vec<u32>,
}

/// The numbers of a task's labels.
pub(super) struct Labels {
    tokens: HashMap<String, u32>,
    spans: HashMap<String, u32>,
}

impl Columns {
    /// Columns of `annotations`; `tasks` are the model's numbers of the tasks that were asked for, in their order.
    pub(super) fn new(
        model: &Model,
        tasks: &[usize],
        annotations: Vec<crate::Result<Annotation>>,
        scores: bool,
        cancel: &Cancel,
    ) -> Outcome<Self> {
        let manifest = model.manifest();
        let mut columns = Self { sentences: vec![0], tokens: vec![0], scores, ..Self::default() };
        columns.tasks.resize_with(manifest.tasks.len(), || None);
        for &task in tasks {
            let paths = PathColumns { offsets: vec![0], ..PathColumns::default() };
            columns.tasks[task] = Some(TaskColumns { paths, ..TaskColumns::default() });
        }
        for (document, annotation) in annotations.into_iter().enumerate() {
            cancel.check()?;
            let annotation = annotation.and_then(narrow);
            columns.status.push(annotation.as_ref().map_or_else(|e| mtl_status::from(e.kind()) as i32, |_| 0));
            match annotation {
                Ok(annotation) => {
                    let language = manifest.languages.iter().position(|l| *l == annotation.language);
                    columns.language.push(language.map_or(MTL_NONE, |index| index as u32));
                    columns.add(document as u32, &annotation, tasks, &model.labels, cancel)?;
                }
                Err(error) => {
                    columns.language.push(MTL_NONE);
                    columns.errors.insert(document, Box::new(mtl_error::new(Failure::Library(error))));
                }
            }
            columns.sentences.push(columns.tokens.len() as u32 - 1);
        }
        Ok(columns)
    }

    fn add(
        &mut self,
        document: u32,
        annotation: &Annotation,
        tasks: &[usize],
        labels: &[Labels],
        cancel: &Cancel,
    ) -> Outcome<()> {
        let base = self.start.len();
        if base + annotation.tokens.len() >= MTL_NONE as usize {
            return Err(library(ErrorKind::Limit, "more than 4,294,967,294 tokens in a batch", "tag fewer at once"));
        }
        self.start.extend(annotation.tokens.iter().map(|range| range.start as u32));
        self.end.extend(annotation.tokens.iter().map(|range| range.end as u32));
        let first_sentence = self.tokens.len() - 1;
        self.tokens.extend(annotation.sentences.iter().map(|range| (base + range.end) as u32));
        for (&task, taggings) in tasks.iter().zip(&annotation.tasks) {
            let (Some(columns), labels) = (&mut self.tasks[task], &labels[task]) else { continue };
            let count = annotation.tokens.len();
            match taggings {
                None => {
                    columns.label.resize(base + count, MTL_NONE);
                    columns.score.resize(if self.scores { base + count } else { 0 }, f32::NAN);
                }
                Some(taggings) => {
                    let sentences = annotation.sentences.iter().zip(taggings).enumerate();
                    for (number, (range, tagging)) in sentences {
                        cancel.check()?;
                        let place = Place { document, base: base + range.start, first: range.start };
                        columns.add(&place, annotation, tagging, labels);
                        columns.paths.add((first_sentence + number) as u32, tagging, labels);
                    }
                }
            }
        }
        Ok(())
    }

    fn task(&self, task: u32) -> Outcome<&TaskColumns> {
        let columns = self.tasks.get(task as usize).ok_or_else(|| {
            argument(format!("the model has no task {task}"), "mtl_model_task_count tells how many there are")
        })?;
        let remedy = "name it in the option `tasks`, or leave that out";
        columns.as_ref().ok_or_else(|| argument(format!("task {task} was not asked for"), remedy))
    }
}

/// Refuses a document whose offsets do not fit into a column.
fn narrow(annotation: Annotation) -> crate::Result<Annotation> {
    match annotation.tokens.last() {
        Some(last) if last.end > u32::MAX as usize => {
            Err(Error::new(ErrorKind::Limit, "a document of 4 GiB or more").remedy("cut it into parts"))
        }
        _ => Ok(annotation),
    }
}

struct Place {
    document: u32,
    /// The sentence's first token in the batch and in the document.
    base: usize,
    first: usize,
}

impl TaskColumns {
    fn add(&mut self, place: &Place, annotation: &Annotation, tagging: &Tagging, labels: &Labels) {
        self.label.extend(tagging.labels.iter().map(|label| labels.token(label)));
        self.score.extend(&tagging.scores);
        for span in &tagging.spans {
            let spans = &mut self.spans;
            spans.document.push(place.document);
            spans.first_token.push((place.base + span.start) as u32);
            spans.end_token.push((place.base + span.end) as u32);
            spans.start.push(annotation.tokens[place.first + span.start].start as u32);
            spans.end.push(annotation.tokens[place.first + span.end - 1].end as u32);
            spans.label.push(labels.spans.get(span.label.as_str()).copied().unwrap_or(MTL_NONE));
            spans.score.extend(span.score);
        }
    }
}

impl PathColumns {
    fn add(&mut self, sentence: u32, tagging: &Tagging, labels: &Labels) {
        for path in &tagging.nbest {
            self.sentence.push(sentence);
            self.probability.push(path.probability);
            self.label.extend(path.labels.iter().map(|label| labels.token(label)));
            self.offsets.push(self.label.len() as u32);
        }
    }
}

impl Labels {
    /// Of a task's labels of tokens and of spans, each in the order of their numbers.
    pub(super) fn new(tokens: &[String], spans: &[String]) -> Self {
        let number = |labels: &[String]| labels.iter().cloned().zip(0..).collect();
        Self { tokens: number(tokens), spans: number(spans) }
    }

    fn token(&self, label: &str) -> u32 {
        self.tokens.get(label).copied().unwrap_or(MTL_NONE)
    }
}

/// The documents of a result, in the batch's order.
#[repr(C)]
pub struct mtl_documents {
    /// Size of this structure; the caller sets it to `sizeof(mtl_documents)` before the call.
    pub struct_size: u32,
    /// How many there are.
    pub count: u32,
    /// What came of each: `MTL_OK`, or an error code; `mtl_result_error` has the error.
    pub status: *const i32,
    /// The number of each one's language in the model; `MTL_NONE` for a document with an error.
    pub language: *const u32,
    /// `count + 1` elements: document `i` has the sentences `sentences[i] .. sentences[i + 1]`.
    pub sentences: *const u32,
}

/// The sentences and tokens of a result.
#[repr(C)]
pub struct mtl_tokens {
    /// Size of this structure; the caller sets it to `sizeof(mtl_tokens)` before the call.
    pub struct_size: u32,
    /// How many tokens there are.
    pub count: u32,
    /// Where each token begins in its document's text, in the unit asked for.
    pub start: *const u32,
    /// Where it ends: one past the last.
    pub end: *const u32,
    /// How many sentences there are.
    pub sentence_count: u32,
    /// `sentence_count + 1` elements: sentence `i` has the tokens `sentences[i] .. sentences[i + 1]`.
    pub sentences: *const u32,
}

/// The labels of a result's tokens in one task.
#[repr(C)]
pub struct mtl_tags {
    /// Size of this structure; the caller sets it to `sizeof(mtl_tags)` before the call.
    pub struct_size: u32,
    /// How many tokens there are: as many as in `mtl_tokens`.
    pub count: u32,
    /// The number of each token's label; `MTL_NONE` where the task does not know the document's language.
    pub label: *const u32,
    /// P(label of the token | sentence), calibrated; NULL unless `scores` was asked for, NaN where there is no label.
    pub score: *const f32,
}

/// The spans of a result in one task, in the order of the text.
#[repr(C)]
pub struct mtl_spans {
    /// Size of this structure; the caller sets it to `sizeof(mtl_spans)` before the call.
    pub struct_size: u32,
    /// How many there are.
    pub count: u32,
    /// The number of each one's document.
    pub document: *const u32,
    /// The first of its tokens, in `mtl_tokens`.
    pub first_token: *const u32,
    /// One past the last of its tokens.
    pub end_token: *const u32,
    /// Where it begins in its document's text, in the unit asked for.
    pub start: *const u32,
    /// Where it ends: one past the last.
    pub end: *const u32,
    /// The number of its label, for `mtl_model_span_label`.
    pub label: *const u32,
    /// P(the labels of its tokens | sentence), calibrated; NULL unless `scores` was asked for.
    pub score: *const f32,
}

/// The best paths of a result's sentences in one task: by sentence, the best first.
#[repr(C)]
pub struct mtl_paths {
    /// Size of this structure; the caller sets it to `sizeof(mtl_paths)` before the call.
    pub struct_size: u32,
    /// How many there are; none unless `nbest` was asked for.
    pub count: u32,
    /// The number of each one's sentence, in `mtl_tokens`.
    pub sentence: *const u32,
    /// P(all labels | sentence), calibrated.
    pub probability: *const f64,
    /// `count + 1` elements: path `i` has the labels `label[labels[i] .. labels[i + 1]]`.
    pub labels: *const u32,
    /// The labels of all paths, one behind the other.
    pub label: *const u32,
}

/// Writes `view` into the caller's structure, whose first field is the size that the caller knows; `size` is that field.
pub(super) fn fill<V>(out_view: *mut V, mut view: V, name: &str, size: fn(&mut V) -> &mut u32) -> Outcome<()> {
    if out_view.is_null() {
        return Err(null(name));
    }
    // SAFETY: law 8: the caller has written the structure's size into its first field.
    let known = unsafe { out_view.cast::<u32>().read() };
    let full = size_of::<V>();
    if (known as usize) < full {
        let message = format!("{name}: struct_size is {known}, less than the {full} bytes of ABI version 1");
        return Err(argument(message, "set struct_size to the structure's size before the call"));
    }
    *size(&mut view) = full as u32;
    // SAFETY: law 8: the caller's structure has at least this size.
    unsafe { out_view.write(view) };
    Ok(())
}

/// Where a column begins; NULL for an empty one, whose Rust pointer is no address.
pub(super) fn pointer<T>(column: &[T]) -> *const T {
    if column.is_empty() { std::ptr::null() } else { column.as_ptr() }
}

/// A view of the documents. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_documents(
    result: *const mtl_result,
    out_documents: *mut mtl_documents,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(result, "result", out_error, |columns| {
        let view = mtl_documents {
            struct_size: 0,
            count: columns.status.len() as u32,
            status: pointer(&columns.status),
            language: pointer(&columns.language),
            sentences: pointer(&columns.sentences),
        };
        fill(out_documents, view, "out_documents", |view| &mut view.struct_size)
    })
}

/// A view of the sentences and tokens. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_tokens(
    result: *const mtl_result,
    out_tokens: *mut mtl_tokens,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(result, "result", out_error, |columns| {
        let view = mtl_tokens {
            struct_size: 0,
            count: columns.start.len() as u32,
            start: pointer(&columns.start),
            end: pointer(&columns.end),
            sentence_count: columns.tokens.len() as u32 - 1,
            sentences: pointer(&columns.tokens),
        };
        fill(out_tokens, view, "out_tokens", |view| &mut view.struct_size)
    })
}

/// A view of the tokens' labels in the model's task of this number. `MTL_ERROR_ARGUMENT` where it was not asked for.
/// Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_tags(
    result: *const mtl_result,
    task: u32,
    out_tags: *mut mtl_tags,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(result, "result", out_error, |columns| {
        let task = columns.task(task)?;
        let view = mtl_tags {
            struct_size: 0,
            count: task.label.len() as u32,
            label: pointer(&task.label),
            score: pointer(&task.score),
        };
        fill(out_tags, view, "out_tags", |view| &mut view.struct_size)
    })
}

/// A view of the spans in the model's task of this number; a task with plain labels has none. `MTL_ERROR_ARGUMENT` where
/// it was not asked for. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_spans(
    result: *const mtl_result,
    task: u32,
    out_spans: *mut mtl_spans,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(result, "result", out_error, |columns| {
        let spans = &columns.task(task)?.spans;
        let view = mtl_spans {
            struct_size: 0,
            count: spans.label.len() as u32,
            document: pointer(&spans.document),
            first_token: pointer(&spans.first_token),
            end_token: pointer(&spans.end_token),
            start: pointer(&spans.start),
            end: pointer(&spans.end),
            label: pointer(&spans.label),
            score: pointer(&spans.score),
        };
        fill(out_spans, view, "out_spans", |view| &mut view.struct_size)
    })
}

/// A view of the best paths in the model's task of this number. `MTL_ERROR_ARGUMENT` where it was not asked for. Since
/// 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_paths(
    result: *const mtl_result,
    task: u32,
    out_paths: *mut mtl_paths,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(result, "result", out_error, |columns| {
        let paths = &columns.task(task)?.paths;
        let view = mtl_paths {
            struct_size: 0,
            count: paths.sentence.len() as u32,
            sentence: pointer(&paths.sentence),
            probability: pointer(&paths.probability),
            labels: pointer(&paths.offsets),
            label: pointer(&paths.label),
        };
        fill(out_paths, view, "out_paths", |view| &mut view.struct_size)
    })
}

/// The error of a document, which belongs to the result; NULL where it has none. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_error(result: *const mtl_result, document: u32) -> *const mtl_error {
    get(std::ptr::null(), || {
        let errors = &optional(result)?.peek().errors;
        errors.get(&(document as usize)).map(|error| &raw const **error)
    })
}

/// Frees the result; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_result_free(result: *mut mtl_result) {
    free(result);
}
