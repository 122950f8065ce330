//! The ways a command ends, and Ctrl-C.

use libmtl::{Cancel, Error, ErrorKind};
use std::io;

/// Exit code: all went well.
pub const OK: u8 = 0;
/// Exit code: a check failed.
pub const FAILED: u8 = 1;
/// Exit code: a refusal.
pub const REFUSED: u8 = 2;
/// Exit code: interrupted.
pub const INTERRUPTED: u8 = 130;

/// Why a command ends before its end.
#[derive(Debug)]
pub enum Stop {
    /// Something was refused.
    Error(Error),
    /// Nobody reads the output any more (`| head`): no fault.
    Pipe,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// What a command returns: an exit code, or why it ended before.
pub type Outcome<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Interrupted { Self::Interrupted } else { Self::Error(error) }
    }
}

/// Errors of standard output.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Pipe
        } else {
            Self::Error(Error::io("standard output", error))
        }
    }
}

/// Ctrl-C, for the library: what every call is given.
pub static CANCEL: Cancel = Cancel::new();

/// From now on the first Ctrl-C asks for an orderly end, and the second ends at once.
pub fn watch() {
    let handler = || {
        if interrupted() {
            std::process::exit(i32::from(INTERRUPTED));
        }
        CANCEL.cancel();
    };
    // Without a handler Ctrl-C still ends the process, only less orderly.
    let _ = ctrlc::set_handler(handler);
}

/// Whether the user asked for an end.
pub fn interrupted() -> bool {
    CANCEL.is_cancelled()
}
