//! Learners that the model has not seen: fitted to what they have answered, stored as bytes.

use super::boundary::{
    Object, Outcome, boxed, call, call_on, free, get, optional, optional_value, out, slice, value, view, write_length,
};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::exercises::mtl_exercises;
use super::model::mtl_model;
use super::status::mtl_status;
use crate::cancel::Cancel;
use crate::scorer::{Labelled, Learner, Scorer};
use std::ffi::{c_char, c_void};

/// What was learnt of one learner: the state of their session.
pub type mtl_learner = Object<Stored>;

/// A learner, and their bytes.
pub struct Stored {
    pub(super) learner: Learner,
    bytes: Vec<u8>,
}

impl Stored {
    fn new(learner: Learner) -> Self {
        Self { bytes: learner.to_bytes(), learner }
    }
}

/// Fits a learner to what they have answered, so that a model which has never seen them scores them as who they are.
/// `model` is one of kind `scorer`; it does not change. `history` holds exercises of one user (`mtl_exercises_set`, key
/// `user`), with what came of them (`mtl_exercises_set_mistakes`). `prior`, which may be NULL, is what was found of the
/// same learner before: then the history holds new answers only, and old ones go on counting. A model that reads what was
/// answered before wants the exercises in the order in which they were answered. `cancel` may be NULL. The caller frees the
/// learner, passes it on by `mtl_exercises_add_learner`, and keeps it by `mtl_learner_save`. An exercise at fault is the call's
/// error. `MTL_ERROR_ARGUMENT` (a model of another kind, a history of two users or without mistakes, a prior of another user or
/// model), `MTL_ERROR_INPUT`, `MTL_ERROR_LIMIT`, `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_scorer_adapt(
    model: *const mtl_model,
    history: *const mtl_exercises,
    prior: *const mtl_learner,
    cancel: *const mtl_cancel,
    out_learner: *mut *mut mtl_learner,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    learn(Scorer::adapt, model, history, prior, cancel, out_learner, out_error)
}

/// Keeps what a learner has answered and fits nothing: for answers that the model was trained on with them. Only for a model
/// that reads what was answered before (`architecture.history` of its manifest); any other is refused by
/// `MTL_ERROR_ARGUMENT`. Everything else is as with `mtl_scorer_adapt`, which may go on from the learner. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_scorer_remember(
    model: *const mtl_model,
    history: *const mtl_exercises,
    prior: *const mtl_learner,
    cancel: *const mtl_cancel,
    out_learner: *mut *mut mtl_learner,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    learn(Scorer::remember, model, history, prior, cancel, out_learner, out_error)
}

/// `Scorer::adapt` or `Scorer::remember`.
type Learn = fn(&Scorer, &[Labelled], Option<&Learner>, &Cancel) -> crate::Result<Learner>;

fn learn(
    how: Learn,
    model: *const mtl_model,
    history: *const mtl_exercises,
    prior: *const mtl_learner,
    cancel: *const mtl_cancel,
    out_learner: *mut *mut mtl_learner,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(model, "model", out_error, |model| {
        let out = out(out_learner, "out_learner")?;
        let history = value(history, "history")?;
        let prior = optional_value(prior)?.map(|stored: &Stored| &stored.learner);
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);
        let scorer = model.scorer()?;
        out.write(boxed(Stored::new(how(scorer, &history.labelled()?, prior, cancel)?)));
        Ok(())
    })
}

/// The learner's bytes, for storage: a few hundred, and with a model that reads what was answered before some 30 a word; any
/// machine reads them. They belong to the learner. NULL for a NULL learner. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_learner_save(learner: *const mtl_learner, out_length: *mut usize) -> *const c_void {
    get(std::ptr::null(), || {
        let bytes = &optional(learner)?.peek().bytes;
        write_length(out_length, bytes.len());
        Some(bytes.as_ptr().cast())
    })
}

/// Makes a learner from the `length` bytes at `data` that `mtl_learner_save` gave. The caller frees it. Bytes of anything
/// else are refused: `MTL_ERROR_INPUT`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_learner_load(
    data: *const c_void,
    length: usize,
    out_learner: *mut *mut mtl_learner,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || -> Outcome<()> {
        let out = out(out_learner, "out_learner")?;
        let bytes: &[u8] = slice(data.cast(), length, "data")?;
        out.write(boxed(Stored::new(Learner::from_bytes(bytes)?)));
        Ok(())
    })
}

/// The user whose exercises the learner is for, not ended by a NUL; it belongs to the learner. NULL for a NULL learner.
/// Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_learner_user(learner: *const mtl_learner, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(optional(learner)?.peek().learner.user(), out_length)))
}

/// How many answered words the learner was fitted to, over all calls; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_learner_words(learner: *const mtl_learner) -> u64 {
    get(0, || Some(optional(learner)?.peek().learner.words()))
}

/// Frees the learner; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_learner_free(learner: *mut mtl_learner) {
    free(learner);
}
