//! Slots: a place for a model that another may take while calls run.

use super::boundary::{Object, boxed, call, call_on, free, out};
use super::error::mtl_error;
use super::model::{mtl_model, retained};
use super::status::mtl_status;
use std::sync::{Arc, Mutex, PoisonError};

/// Holds one model, to be swapped while other threads take it out and use it.
pub type mtl_slot = Object<Slot>;

/// The model that is current.
pub struct Slot(Mutex<Arc<mtl_model>>);

/// Makes a slot that holds a reference of its own to `model`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_slot_new(
    model: *const mtl_model,
    out_slot: *mut *mut mtl_slot,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_slot, "out_slot")?;
        out.write(boxed(Slot(Mutex::new(retained(model, "model")?))));
        Ok(())
    })
}

/// Gives a reference to the model that the slot holds now; the caller releases it. Calls that use it go on with it when
/// the slot gets another. Any thread. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_slot_get(
    slot: *const mtl_slot,
    out_model: *mut *const mtl_model,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(slot, "slot", out_error, |slot| {
        let out = out(out_model, "out_model")?;
        out.write(Arc::into_raw(Arc::clone(&slot.0.lock().unwrap_or_else(PoisonError::into_inner))));
        Ok(())
    })
}

/// Puts a reference of its own to `model` in place of the one before, whose last user frees it. Any thread. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_slot_set(
    slot: *const mtl_slot,
    model: *const mtl_model,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(slot, "slot", out_error, |slot| {
        let new = retained(model, "model")?;
        let old = std::mem::replace(&mut *slot.0.lock().unwrap_or_else(PoisonError::into_inner), new);
        // Outside the lock: the last reference may free a whole model.
        drop(old);
        Ok(())
    })
}

/// Frees the slot and its reference; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_slot_free(slot: *mut mtl_slot) {
    free(slot);
}
