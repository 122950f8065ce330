//! Stopping work that another thread no longer wants, or that takes too long.

use crate::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Steps of a fine loop between two looks at a token.
const STRIDE: usize = 64;

/// A token that stops the calls it is passed to: for good once [cancelled](Self::cancel), or when its deadline passes.
///
/// Shared as `&Cancel` or `Arc<Cancel>`, also by calls that run at the same time. A call that is stopped returns an
/// error of the kind [`ErrorKind::Interrupted`] or [`ErrorKind::Deadline`] and nothing else; what it was called on
/// stays as it was. It looks at the token every few milliseconds at least, and gives back its memory before it returns.
///
/// ```
/// use libmtl::{Cancel, ErrorKind};
/// use std::time::{Duration, Instant};
///
/// let cancel = Cancel::new().with_deadline(Instant::now() + Duration::from_secs(60));
/// assert!(cancel.check().is_ok());
/// cancel.cancel();
/// assert_eq!(cancel.check().unwrap_err().kind(), ErrorKind::Interrupted);
/// ```
#[derive(Debug, Default)]
pub struct Cancel {
    cancelled: AtomicBool,
    deadline: Option<Instant>,
}

impl Cancel {
    /// A token without a deadline: nothing stops until it is cancelled.
    pub const fn new() -> Self {
        Self { cancelled: AtomicBool::new(false), deadline: None }
    }

    /// The token with `deadline`, which replaces the one it had.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Stops every call that has this token, now and later. Doing so twice does no more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled; a deadline that has passed does not count.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// When calls stop by themselves.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The error for a call that is to stop. Costs a load, and a look at the clock where there is a deadline.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(cancelled());
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(passed()),
            _ => Ok(()),
        }
    }

    /// [`check`](Self::check) at some of the steps of a loop, the first among them: for loops whose steps take less
    /// than some microseconds.
    #[inline]
    pub(crate) fn check_at(&self, step: usize) -> Result<()> {
        if step.is_multiple_of(STRIDE) { self.check() } else { Ok(()) }
    }
}

#[cold]
fn cancelled() -> Error {
    Error::new(ErrorKind::Interrupted, "cancelled")
}

#[cold]
fn passed() -> Error {
    Error::new(ErrorKind::Deadline, "the deadline has passed").remedy("allow more time, or pass less at once")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_cancelled_token_stays_cancelled() {
        let cancel = Cancel::new();
        assert!(cancel.check().is_ok() && !cancel.is_cancelled());
        for _ in 0..2 {
            cancel.cancel();
            assert!(cancel.is_cancelled());
            assert_eq!(cancel.check().unwrap_err().kind(), ErrorKind::Interrupted);
        }
        let later = cancel.with_deadline(Instant::now() + Duration::from_secs(3600));
        assert_eq!(later.check().unwrap_err().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn a_deadline_stops_when_it_passes() {
        let deadline = Instant::now() + Duration::from_millis(50);
        let cancel = Cancel::new().with_deadline(deadline);
        while cancel.check().is_ok() {
            std::thread::yield_now();
        }
        assert!(Instant::now() >= deadline);
        assert_eq!(cancel.check().unwrap_err().kind(), ErrorKind::Deadline);
        assert!(!cancel.is_cancelled());
        let extended = cancel.with_deadline(Instant::now() + Duration::from_secs(3600));
        assert!(extended.check().is_ok());
    }

    #[test]
    fn the_first_step_of_a_loop_is_looked_at() {
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(cancel.check_at(0).is_err() && cancel.check_at(1).is_ok() && cancel.check_at(STRIDE).is_err());
    }
}
