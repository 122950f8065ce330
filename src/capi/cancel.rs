//! Cancel tokens and deadlines.

use super::boundary::{Object, boxed, call, call_on, free, out};
use super::error::mtl_error;
use super::status::mtl_status;
use crate::cancel::Cancel;
use std::time::{Duration, Instant};

/// Stops calls: when another thread fires it, or at a deadline. One token may be given to several calls.
pub type mtl_cancel = Object<Cancel>;

/// Makes a token. Where `milliseconds` is not negative, calls that have it end in `MTL_ERROR_DEADLINE` so long after this
/// one; -1 sets no deadline. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_cancel_new(
    milliseconds: i64,
    out_cancel: *mut *mut mtl_cancel,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_cancel, "out_cancel")?;
        let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        // A deadline beyond what the clock can say is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        out.write(boxed(deadline.map_or_else(Cancel::new, |deadline| Cancel::new().with_deadline(deadline))));
        Ok(())
    })
}

/// Fires the token: calls that have it, and those that get it later, end in `MTL_ERROR_CANCELLED`, within about 10 ms.
/// May be called from any thread, also from a signal handler of the host's as far as the library is concerned. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_cancel_fire(cancel: *const mtl_cancel, out_error: *mut *mut mtl_error) -> mtl_status {
    call_on(cancel, "cancel", out_error, |cancel| {
        cancel.cancel();
        Ok(())
    })
}

/// Frees the token; NULL is ignored. No call may be using it. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_cancel_free(cancel: *mut mtl_cancel) {
    free(cancel);
}
