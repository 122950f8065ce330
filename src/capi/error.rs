//! Error objects.

use super::boundary::{Failure, get, optional, view, write_length};
use super::status::mtl_status;
use std::ffi::{CString, c_char};

/// Why a call failed. Belongs to the caller, who frees it.
pub struct mtl_error {
    pub(super) status: mtl_status,
    message: CString,
    details: Vec<(&'static str, CString)>,
}

impl mtl_error {
    /// The error object of a failure.
    pub(super) fn new(failure: Failure) -> Self {
        let (status, message, details) = failure.into_parts();
        let details = details.into_iter().map(|(key, value)| (key, c_string(value))).collect();
        Self { status, message: c_string(message), details }
    }
}

/// A C string for people: a NUL inside becomes U+2400.
fn c_string(text: String) -> CString {
    CString::new(text.replace('\0', "\u{2400}")).unwrap_or_default()
}

/// The error's status; `MTL_OK` for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_error_status(error: *const mtl_error) -> mtl_status {
    optional(error).map_or(mtl_status::MTL_OK, |error| error.status)
}

/// The message for people: where, what was wrong, and what to do, ended by a NUL; `""` for NULL. `out_length` (may be
/// NULL) receives its length in bytes. The string belongs to the error. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_error_message(error: *const mtl_error, out_length: *mut usize) -> *const c_char {
    let message = optional(error).map_or(c"", |error| error.message.as_c_str());
    write_length(out_length, message.count_bytes());
    message.as_ptr()
}

/// One detail of the error, for programs, ended by a NUL: `key` is `"place"`, `"fault"` or `"remedy"`. NULL where the
/// error has no such detail. The string belongs to the error. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_error_detail(
    error: *const mtl_error,
    key: *const c_char,
    key_length: usize,
    out_length: *mut usize,
) -> *const c_char {
    get(std::ptr::null(), || {
        let error = optional(error)?;
        let key = super::boundary::text(key, key_length, "key").ok()?;
        let (_, value) = error.details.iter().find(|(name, _)| *name == key)?;
        Some(view(value.to_str().ok()?, out_length))
    })
}

/// Frees an error; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_error_free(error: *mut mtl_error) {
    if !error.is_null() {
        // SAFETY: law 3: it came from this library and the caller gives it up.
        drop(unsafe { Box::from_raw(error) });
    }
}
