//! What still moves: `mtl_x_*`, in a header of its own.

use super::batch::mtl_batch;
use super::boundary::{argument, call_on, optional_value, text, value};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::kernels::{buffer, mtl_crf};
use super::model::mtl_model;
use super::result::fill;
use super::status::mtl_status;
use crate::cancel::Cancel;
use crate::text::utf8;
use std::ffi::c_char;

/// A view of the CRF of the model's task of this number, for `mtl_crf_viterbi` and `mtl_crf_marginals`; valid as long as the
/// model. Where the task decodes under its scheme's constraints, what they forbid is minus infinity in it. The caller sets
/// `out_crf->struct_size` before the call. `MTL_ERROR_ARGUMENT`: no such task.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_x_model_crf(
    model: *const mtl_model,
    task: u32,
    out_crf: *mut mtl_crf,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(model, "model", out_error, |model| {
        let crf = model.tagger()?.transitions(model.task_name(task)?)?;
        let view = mtl_crf {
            struct_size: 0,
            labels: crf.labels as u32,
            start: crf.start.as_ptr(),
            end: crf.end.as_ptr(),
            transitions: crf.pairs.as_ptr(),
        };
        fill(out_crf, view, "out_crf", |view| &mut view.struct_size)
    })
}

/// The emissions that the model's task of this number has for sentences in `language`: what its CRF decodes, for a decoder
/// of your own. Each document of `sentences` was added as words (`mtl_batch_add_tokens*`). `out_emissions` receives
/// `[words, labels]` numbers, the sentences one behind the other, and has room for `emissions_room`. A language that the
/// task was not trained on is served by the layer that all share. `cancel` may be NULL. Nothing is written on failure.
/// `MTL_ERROR_ARGUMENT`, `MTL_ERROR_INPUT` (a word that is empty or not UTF-8), `MTL_ERROR_CANCELLED`,
/// `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_x_model_emissions(
    model: *const mtl_model,
    task: u32,
    language: *const c_char,
    language_length: usize,
    sentences: *const mtl_batch,
    cancel: *const mtl_cancel,
    out_emissions: *mut f32,
    emissions_room: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(model, "model", out_error, |model| {
        let task = model.task_name(task)?;
        let language = text(language, language_length, "language")?;
        let batch = value(sentences, "sentences")?;
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);
        if let Some(document) = batch.first_text() {
            let message = format!("document {document} of sentences is running text");
            return Err(argument(message, "add sentences as words, by mtl_batch_add_tokens"));
        }
        let mut owned = Vec::new();
        for (sentence, tokens) in batch.tokens().into_iter().enumerate() {
            let read = |(index, token): (usize, &[u8])| {
                let place = |e: crate::Error| e.at(format!("sentence {sentence}, word {index}"));
                utf8::strict(token).map(String::from).map_err(place)
            };
            owned.push(tokens.into_iter().enumerate().map(read).collect::<crate::Result<Vec<String>>>()?);
        }
        let sentences: Vec<&[String]> = owned.iter().map(Vec::as_slice).collect();
        let labels = model.tagger()?.task(task)?.labels.len();
        let count = owned.iter().map(|sentence| sentence.len() * labels).sum();
        let out = buffer(out_emissions, emissions_room, count, "out_emissions")?;
        let found = model.tagger()?.emissions(&sentences, task, language, cancel)?;
        out.iter_mut().zip(found.iter().flatten()).for_each(|(out, emission)| *out = *emission);
        Ok(())
    })
}
