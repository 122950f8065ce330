//! Answer alignment: which words of the right sentence a learner got wrong.

use super::batch::mtl_batch;
use super::boundary::{
    Failure, Object, Outcome, boxed, call_on, free, get, library, optional, optional_value, out, value,
};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::options::{Options, Scope, mtl_options};
use super::result::{MTL_NONE, fill, pointer};
use super::status::mtl_status;
use crate::ErrorKind;
use crate::cancel::Cancel;
use crate::scorer::align::{Alignment, Operation};
use crate::scorer::pairs::align_documents;
use std::collections::HashMap;
use std::ops::Range;

/// Kind of an edit: the learner wrote the word.
pub const MTL_EDIT_MATCH: u8 = 0;
/// Kind of an edit: the learner wrote another word.
pub const MTL_EDIT_SUBSTITUTE: u8 = 1;
/// Kind of an edit: the learner left the word out.
pub const MTL_EDIT_DELETE: u8 = 2;
/// Kind of an edit: the learner wrote a word too many.
pub const MTL_EDIT_INSERT: u8 = 3;

/// What `mtl_align` found. Views of it are valid until it is freed.
pub type mtl_alignment = Object<Columns>;

/// The columns behind the views.
#[derive(Default)]
pub struct Columns {
    status: Vec<i32>,
    word_error_rate: Vec<f64>,
    /// Where each pair's words begin, and the end; the same of its edits.
    words: Vec<u32>,
    edits: Vec<u32>,
    start: Vec<u32>,
    end: Vec<u32>,
    mistake: Vec<u8>,
    kind: Vec<u8>,
    word: Vec<u32>,
    answer_start: Vec<u32>,
    answer_end: Vec<u32>,
    errors: HashMap<usize, Box<mtl_error>>,
}

impl Columns {
    fn new(alignments: Vec<crate::Result<Alignment>>) -> Outcome<Self> {
        let mut columns = Self { words: vec![0], edits: vec![0], ..Self::default() };
        for (pair, alignment) in alignments.into_iter().enumerate() {
            columns.status.push(alignment.as_ref().map_or_else(|e| mtl_status::from(e.kind()) as i32, |_| 0));
            columns.word_error_rate.push(alignment.as_ref().map_or(f64::NAN, Alignment::word_error_rate));
            match alignment {
                Ok(alignment) => columns.add(&alignment)?,
                Err(error) => {
                    columns.errors.insert(pair, Box::new(mtl_error::new(Failure::Library(error))));
                }
            }
            columns.words.push(columns.start.len() as u32);
            columns.edits.push(columns.kind.len() as u32);
        }
        Ok(columns)
    }

    fn add(&mut self, alignment: &Alignment) -> Outcome<()> {
        let first = self.start.len();
        if (first + alignment.words.len()).max(self.kind.len() + alignment.operations.len()) >= MTL_NONE as usize {
            return Err(library(ErrorKind::Limit, "more than 4,294,967,294 words or edits", "align fewer at once"));
        }
        self.start.extend(alignment.words.iter().map(|range| range.start as u32));
        self.end.extend(alignment.words.iter().map(|range| range.end as u32));
        self.mistake.extend(alignment.mistakes.iter().map(|&mistake| u8::from(mistake)));
        for operation in &alignment.operations {
            let (kind, word, answer) = match *operation {
                Operation::Match { word, answer } => (MTL_EDIT_MATCH, Some(word), Some(answer)),
                Operation::Substitute { word, answer } => (MTL_EDIT_SUBSTITUTE, Some(word), Some(answer)),
                Operation::Delete { word } => (MTL_EDIT_DELETE, Some(word), None),
                Operation::Insert { answer } => (MTL_EDIT_INSERT, None, Some(answer)),
            };
            let nowhere = MTL_NONE as usize..MTL_NONE as usize;
            let place: Range<usize> = answer.map_or(nowhere, |answer| alignment.answer[answer].clone());
            self.kind.push(kind);
            self.word.push(word.map_or(MTL_NONE, |word| (first + word) as u32));
            self.answer_start.push(place.start as u32);
            self.answer_end.push(place.end as u32);
        }
        Ok(())
    }
}

/// The pairs of an alignment, in the batches' order.
#[repr(C)]
pub struct mtl_pairs {
    /// Size of this structure; the caller sets it to `sizeof(mtl_pairs)` before the call.
    pub struct_size: u32,
    /// How many there are.
    pub count: u32,
    /// What came of each: `MTL_OK`, or an error code; `mtl_alignment_error` has the error.
    pub status: *const i32,
    /// (substitutions + deletions + insertions) / words of the correct sentence that take part; the insertions where none
    /// does; NaN for a pair with an error.
    pub word_error_rate: *const f64,
    /// `count + 1` elements: pair `i` has the words `words[i] .. words[i + 1]` of `mtl_words`.
    pub words: *const u32,
    /// `count + 1` elements: pair `i` has the edits `edits[i] .. edits[i + 1]` of `mtl_edits`.
    pub edits: *const u32,
}

/// The words of an alignment's correct sentences.
#[repr(C)]
pub struct mtl_words {
    /// Size of this structure; the caller sets it to `sizeof(mtl_words)` before the call.
    pub struct_size: u32,
    /// How many there are.
    pub count: u32,
    /// Where each begins in its correct sentence, in the unit asked for.
    pub start: *const u32,
    /// Where it ends: one past the last.
    pub end: *const u32,
    /// 1 where the learner got it wrong, else 0.
    pub mistake: *const u8,
}

/// The edits that make the answers of an alignment's correct sentences, in the order of the text.
#[repr(C)]
pub struct mtl_edits {
    /// Size of this structure; the caller sets it to `sizeof(mtl_edits)` before the call.
    pub struct_size: u32,
    /// How many there are.
    pub count: u32,
    /// `MTL_EDIT_MATCH`, `MTL_EDIT_SUBSTITUTE`, `MTL_EDIT_DELETE`, `MTL_EDIT_INSERT`.
    pub kind: *const u8,
    /// The word of the correct sentence, in `mtl_words`; `MTL_NONE` for an insertion.
    pub word: *const u32,
    /// Where the answer's word begins in its answer, in the unit asked for; `MTL_NONE` for a deletion.
    pub start: *const u32,
    /// Where it ends: one past the last; `MTL_NONE` for a deletion.
    pub end: *const u32,
}

/// Aligns what learners typed with what is right: document `i` of `answers` with document `i` of `correct`, each one
/// sentence, as text or as words. Each pair gets a result or an error of its own (`mtl_pairs.status`). Of all alignments
/// with the fewest insertions, deletions and substitutions of words one is chosen by rules that the manual states.
/// `options` and `cancel` may be NULL. The caller frees the alignment. `MTL_ERROR_ARGUMENT` (batches of other lengths),
/// `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`, `MTL_ERROR_LIMIT`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_align(
    correct: *const mtl_batch,
    answers: *const mtl_batch,
    options: *const mtl_options,
    cancel: *const mtl_cancel,
    out_alignment: *mut *mut mtl_alignment,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(correct, "correct", out_error, |correct| {
        let out = out(out_alignment, "out_alignment")?;
        let answers = value(answers, "answers")?;
        let given = optional_value(options)?.map(|o: &Options| o.only(Scope::Align)).transpose()?;
        let default = Options::default();
        let options = given.unwrap_or(&default).pairs();
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);
        let (words, typed) = (correct.tokens(), answers.tokens());
        let alignments = align_documents(&correct.documents(&words), &answers.documents(&typed), &options, cancel)?;
        out.write(boxed(Columns::new(alignments)?));
        Ok(())
    })
}

/// A view of the pairs. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_alignment_pairs(
    alignment: *const mtl_alignment,
    out_pairs: *mut mtl_pairs,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(alignment, "alignment", out_error, |columns| {
        let view = mtl_pairs {
            struct_size: 0,
            count: columns.status.len() as u32,
            status: pointer(&columns.status),
            word_error_rate: pointer(&columns.word_error_rate),
            words: pointer(&columns.words),
            edits: pointer(&columns.edits),
        };
        fill(out_pairs, view, "out_pairs", |view| &mut view.struct_size)
    })
}

/// A view of the words of the correct sentences. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_alignment_words(
    alignment: *const mtl_alignment,
    out_words: *mut mtl_words,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(alignment, "alignment", out_error, |columns| {
        let view = mtl_words {
            struct_size: 0,
            count: columns.start.len() as u32,
            start: pointer(&columns.start),
            end: pointer(&columns.end),
            mistake: pointer(&columns.mistake),
        };
        fill(out_words, view, "out_words", |view| &mut view.struct_size)
    })
}

/// A view of the edits. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_alignment_edits(
    alignment: *const mtl_alignment,
    out_edits: *mut mtl_edits,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(alignment, "alignment", out_error, |columns| {
        let view = mtl_edits {
            struct_size: 0,
            count: columns.kind.len() as u32,
            kind: pointer(&columns.kind),
            word: pointer(&columns.word),
            start: pointer(&columns.answer_start),
            end: pointer(&columns.answer_end),
        };
        fill(out_edits, view, "out_edits", |view| &mut view.struct_size)
    })
}

/// The error of a pair, which belongs to the alignment; NULL where it has none. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_alignment_error(alignment: *const mtl_alignment, pair: u32) -> *const mtl_error {
    get(std::ptr::null(), || {
        let errors = &optional(alignment)?.peek().errors;
        errors.get(&(pair as usize)).map(|error| &raw const **error)
    })
}

/// Frees the alignment; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_alignment_free(alignment: *mut mtl_alignment) {
    free(alignment);
}
