//! Word-error scoring: which words of an exercise a learner will get wrong.

use super::boundary::{
    Failure, Object, Outcome, boxed, call_on, free, get, library, optional, optional_value, out, value,
};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::exercises::mtl_exercises;
use super::model::mtl_model;
use super::options::{Options, Scope, mtl_options};
use super::result::{MTL_NONE, fill, pointer};
use super::status::mtl_status;
use crate::ErrorKind;
use crate::cancel::Cancel;
use crate::scorer::ScoreOptions;
use std::collections::HashMap;

/// What `mtl_score` found. Views of it are valid until it is freed.
pub type mtl_scores = Object<Columns>;

/// The columns behind the view.
#[derive(Default)]
pub struct Columns {
    status: Vec<i32>,
    /// Where each exercise's words begin, and the end.
    words: Vec<u32>,
    probability: Vec<f32>,
    errors: HashMap<usize, Box<mtl_error>>,
}

impl Columns {
    fn new(scores: Vec<crate::Result<Vec<f32>>>) -> Outcome<Self> {
        let mut columns = Self { words: vec![0], ..Self::default() };
        for (exercise, probabilities) in scores.into_iter().enumerate() {
            columns.status.push(probabilities.as_ref().map_or_else(|e| mtl_status::from(e.kind()) as i32, |_| 0));
            match probabilities {
                Ok(probabilities) => columns.probability.extend(probabilities),
                Err(error) => {
                    columns.errors.insert(exercise, Box::new(mtl_error::new(Failure::Library(error))));
                }
            }
            if columns.probability.len() >= MTL_NONE as usize {
                return Err(library(ErrorKind::Limit, "more than 4,294,967,294 words", "score fewer at once"));
            }
            columns.words.push(columns.probability.len() as u32);
        }
        Ok(columns)
    }
}

/// The scored exercises, in the order that they were added in.
#[repr(C)]
pub struct mtl_probabilities {
    /// Size of this structure; the caller sets it to `sizeof(mtl_probabilities)` before the call.
    pub struct_size: u32,
    /// How many exercises there are.
    pub count: u32,
    /// What came of each: `MTL_OK`, or an error code; `mtl_scores_error` has the error.
    pub status: *const i32,
    /// `count + 1` elements: exercise `i` has the probabilities `words[i] .. words[i + 1]`, one a word; none with an error.
    pub words: *const u32,
    /// P(the learner gets the word wrong).
    pub probability: *const f32,
}

/// Predicts for each word of each exercise how probable it is that the learner gets it wrong. `model` is one of kind
/// `scorer`; `mtl_tag` takes the others. Each exercise gets a result or an error of its own (`mtl_probabilities.status`);
/// a learner, a country, a word that the model does not know is none. Learners that it was adapted to are among the
/// `exercises` (`mtl_exercises_add_learner`). `options` and `cancel` may be NULL. The caller frees
/// the scores. An exercise's scores do not depend on the others. `MTL_ERROR_ARGUMENT` (a model of another kind),
/// `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_score(
    model: *const mtl_model,
    exercises: *const mtl_exercises,
    options: *const mtl_options,
    cancel: *const mtl_cancel,
    out_scores: *mut *mut mtl_scores,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(model, "model", out_error, |model| {
        let out = out(out_scores, "out_scores")?;
        let exercises = value(exercises, "exercises")?;
        let given = optional_value(options)?.map(|o: &Options| o.only(Scope::Score)).transpose()?;
        let default = Options::default();
        let options = given.unwrap_or(&default);
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);
        let options = ScoreOptions { learners: &exercises.learners, ..options.score };
        let mut scores = model.scorer()?.score(&exercises.good, &options, cancel)?.into_iter();
        let mut faults = exercises.faults.iter().peekable();
        // An exercise that is at fault already keeps its error.
        let each = (0..exercises.count()).filter_map(|place| match faults.next_if(|(fault, _)| *fault == place) {
            Some((_, error)) => Some(Err(error.clone())),
            None => scores.next(),
        });
        out.write(boxed(Columns::new(each.collect())?));
        Ok(())
    })
}

/// A view of the probabilities. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_scores_probabilities(
    scores: *const mtl_scores,
    out_probabilities: *mut mtl_probabilities,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(scores, "scores", out_error, |columns| {
        let view = mtl_probabilities {
            struct_size: 0,
            count: columns.status.len() as u32,
            status: pointer(&columns.status),
            words: pointer(&columns.words),
            probability: pointer(&columns.probability),
        };
        fill(out_probabilities, view, "out_probabilities", |view| &mut view.struct_size)
    })
}

/// The error of an exercise, which belongs to the scores; NULL where it has none. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_scores_error(scores: *const mtl_scores, exercise: u32) -> *const mtl_error {
    get(std::ptr::null(), || {
        let errors = &optional(scores)?.peek().errors;
        errors.get(&(exercise as usize)).map(|error| &raw const **error)
    })
}

/// Frees the scores; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_scores_free(scores: *mut mtl_scores) {
    free(scores);
}
