//! Status codes.

use crate::ErrorKind;
use std::ffi::{CStr, c_char};

/// What a call came to. Numbers are never reused, and new ones may come: a program takes one that it does not know for
/// a failure.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mtl_status {
    /// It did what was asked.
    MTL_OK = 0,
    /// An argument is wrong: NULL where an object is required, an unknown task, language or option.
    MTL_ERROR_ARGUMENT = 1,
    /// The text that was given is malformed.
    MTL_ERROR_INPUT = 2,
    /// The operating system refused: no such file, no permission, a full disk.
    MTL_ERROR_IO = 3,
    /// A bundle is malformed.
    MTL_ERROR_BUNDLE = 4,
    /// A bundle's bytes are not those that its manifest promises.
    MTL_ERROR_INTEGRITY = 5,
    /// A stated limit was exceeded.
    MTL_ERROR_LIMIT = 6,
    /// An engine could not be opened, or failed while it ran.
    MTL_ERROR_ENGINE = 7,
    /// A required execution provider is not available.
    MTL_ERROR_PROVIDER = 8,
    /// The call's cancel token was fired.
    MTL_ERROR_CANCELLED = 9,
    /// The deadline of the call's cancel token has passed.
    MTL_ERROR_DEADLINE = 10,
    /// libmtl has a defect: it panicked. The object concerned is poisoned; others live on. Please report it.
    MTL_ERROR_PANIC = 11,
    /// An earlier call on this object ended in `MTL_ERROR_PANIC`.
    MTL_ERROR_POISONED = 12,
    /// The object was made before `fork()`, and this is the child: open another one here.
    MTL_ERROR_FORKED = 13,
    /// This build or this version of libmtl cannot do it.
    MTL_ERROR_UNSUPPORTED = 14,
}

use mtl_status::*;

/// Every status, by number.
const ALL: &[mtl_status] = &[
    MTL_OK,
    MTL_ERROR_ARGUMENT,
    MTL_ERROR_INPUT,
    MTL_ERROR_IO,
    MTL_ERROR_BUNDLE,
    MTL_ERROR_INTEGRITY,
    MTL_ERROR_LIMIT,
    MTL_ERROR_ENGINE,
    MTL_ERROR_PROVIDER,
    MTL_ERROR_CANCELLED,
    MTL_ERROR_DEADLINE,
    MTL_ERROR_PANIC,
    MTL_ERROR_POISONED,
    MTL_ERROR_FORKED,
    MTL_ERROR_UNSUPPORTED,
];

impl mtl_status {
    fn name(self) -> &'static CStr {
        match self {
            MTL_OK => c"MTL_OK",
            MTL_ERROR_ARGUMENT => c"MTL_ERROR_ARGUMENT",
            MTL_ERROR_INPUT => c"MTL_ERROR_INPUT",
            MTL_ERROR_IO => c"MTL_ERROR_IO",
            MTL_ERROR_BUNDLE => c"MTL_ERROR_BUNDLE",
            MTL_ERROR_INTEGRITY => c"MTL_ERROR_INTEGRITY",
            MTL_ERROR_LIMIT => c"MTL_ERROR_LIMIT",
            MTL_ERROR_ENGINE => c"MTL_ERROR_ENGINE",
            MTL_ERROR_PROVIDER => c"MTL_ERROR_PROVIDER",
            MTL_ERROR_CANCELLED => c"MTL_ERROR_CANCELLED",
            MTL_ERROR_DEADLINE => c"MTL_ERROR_DEADLINE",
            MTL_ERROR_PANIC => c"MTL_ERROR_PANIC",
            MTL_ERROR_POISONED => c"MTL_ERROR_POISONED",
            MTL_ERROR_FORKED => c"MTL_ERROR_FORKED",
            MTL_ERROR_UNSUPPORTED => c"MTL_ERROR_UNSUPPORTED",
        }
    }
}

impl From<ErrorKind> for mtl_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Argument => MTL_ERROR_ARGUMENT,
            ErrorKind::Input => MTL_ERROR_INPUT,
            ErrorKind::Io => MTL_ERROR_IO,
            ErrorKind::Bundle => MTL_ERROR_BUNDLE,
            ErrorKind::Integrity => MTL_ERROR_INTEGRITY,
            ErrorKind::Limit => MTL_ERROR_LIMIT,
            ErrorKind::Engine => MTL_ERROR_ENGINE,
            ErrorKind::Provider => MTL_ERROR_PROVIDER,
            ErrorKind::Interrupted => MTL_ERROR_CANCELLED,
            ErrorKind::Deadline => MTL_ERROR_DEADLINE,
        }
    }
}

/// The name of a status as it stands here, such as `"MTL_ERROR_ARGUMENT"`; `"MTL_ERROR_UNKNOWN"` for a number that this
/// version does not have. The string is static. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_status_name(status: i32) -> *const c_char {
    let known = ALL.iter().find(|s| **s as i32 == status);
    known.map_or(c"MTL_ERROR_UNKNOWN", |s| s.name()).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_list_and_names_are_unique() {
        assert!((0..).zip(ALL).all(|(number, status)| *status as i32 == number));
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|status| status.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
