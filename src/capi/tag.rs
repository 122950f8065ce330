//! Tagging.

use super::batch::mtl_batch;
use super::boundary::{boxed, call_on, optional_value, out, value};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::model::mtl_model;
use super::options::{Options, Scope, mtl_options};
use super::result::{Columns, mtl_result};
use super::status::mtl_status;
use crate::cancel::Cancel;

/// Tags every document of `batch`. Each gets a result or an error of its own (`mtl_documents.status`); the call itself
/// fails only for what concerns all. `options` and `cancel` may be NULL. The caller frees the result. A document's result
/// does not depend on the others. `MTL_ERROR_ARGUMENT` (an unknown task or language), `MTL_ERROR_CANCELLED`,
/// `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`, `MTL_ERROR_LIMIT`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_tag(
    model: *const mtl_model,
    batch: *const mtl_batch,
    options: *const mtl_options,
    cancel: *const mtl_cancel,
    out_result: *mut *mut mtl_result,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(model, "model", out_error, |model| {
        let out = out(out_result, "out_result")?;
        let batch = value(batch, "batch")?;
        let given = optional_value(options)?.map(|o: &Options| o.only(Scope::Tag)).transpose()?;
        let default = Options::default();
        let options = &given.unwrap_or(&default).documents;
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);

        let tagger = model.tagger()?;
        let tokens = batch.tokens();
        let annotations = tagger.annotate(&batch.documents(&tokens), options, cancel)?;
        let asked = tagger.tasks_asked(options).into_iter().map(|name| tagger.task_index(name));
        let tasks = asked.collect::<crate::Result<Vec<usize>>>()?;
        out.write(boxed(Columns::new(model, &tasks, annotations, options.decode.scores, cancel)?));
        Ok(())
    })
}
