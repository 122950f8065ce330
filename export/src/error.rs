//! Errors of the trainer: the library's own type, so that every message says what to do.

use libmtl::{Error, ErrorKind};

/// An error about a configuration, a run or its data.
pub fn fail(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}

/// An error that libtorch reported.
pub fn torch(error: tch::TchError) -> Error {
    Error::new(ErrorKind::Engine, format!("libtorch: {error}"))
}
