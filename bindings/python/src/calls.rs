//! What every call needs: errors as exceptions, cancelling, the interpreter's signals, and the answer to `fork()`.

use libmtl::{Error, ErrorKind};
use pyo3::prelude::*;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// `MTL_ERROR_FORKED` of mtl.h, which has no kind: a Rust program does not fork.
const FORKED: i32 = 13;

/// How often this process is a fork of one that had loaded the module.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Registered with `os.register_at_fork`, for the child.
#[pyfunction]
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The status that mtl.h has for a kind of error.
fn code(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::Argument => 1,
        ErrorKind::Input => 2,
        ErrorKind::Io => 3,
        ErrorKind::Bundle => 4,
        ErrorKind::Integrity => 5,
        ErrorKind::Limit => 6,
        ErrorKind::Engine => 7,
        ErrorKind::Provider => 8,
        ErrorKind::Interrupted => 9,
        ErrorKind::Deadline => 10,
        _ => 14,
    }
}

fn make<'py>(py: Python<'py>, code: i32, place: &str, message: &str, remedy: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("libmtl._errors")?.getattr("make")?.call1((code, place, message, remedy))
}

/// The exception for `error`, not raised.
pub fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    make(py, code(error.kind()), error.place(), error.message(), error.advice())
}

/// `error` to be raised.
pub fn raised(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

/// An argument error to be raised.
pub fn refused(py: Python<'_>, message: impl Into<String>, remedy: &str) -> PyErr {
    raised(py, &Error::new(ErrorKind::Argument, message).remedy(remedy))
}

/// What has threads, and so belongs to the process that made it: a fork has neither its threads nor a right to end them.
pub struct Owned<T> {
    value: ManuallyDrop<T>,
    forks: u64,
}

impl<T> Owned<T> {
    pub fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), forks: FORKS.load(Ordering::Relaxed) }
    }

    /// The value, unless this is a child of the process that made it.
    pub fn get(&self, py: Python<'_>) -> PyResult<&T> {
        if self.here() {
            return Ok(&self.value);
        }
        let (message, remedy) = ("made before fork()", "open it in the child, or start processes with \"spawn\"");
        Err(make(py, FORKED, "", message, remedy).map_or_else(|failed| failed, PyErr::from_value))
    }

    fn here(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.here() {
            // SAFETY: nothing reads the value after this: it is the drop of what owns it.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// Stops the calls that it is passed to.
#[pyclass(frozen, module = "libmtl")]
pub struct Cancel {
    token: Arc<libmtl::Cancel>,
}

#[pymethods]
impl Cancel {
    #[new]
    #[pyo3(signature = (timeout=None))]
    fn new(py: Python<'_>, timeout: Option<f64>) -> PyResult<Self> {
        let mut token = libmtl::Cancel::new();
        if let Some(seconds) = timeout {
            let length = Duration::try_from_secs_f64(seconds)
                .map_err(|_| refused(py, format!("a timeout of {seconds} seconds"), "pass a number from 0 on"))?;
            // A time that the clock cannot reach is none.
            if let Some(deadline) = Instant::now().checked_add(length) {
                token = token.with_deadline(deadline);
            }
        }
        Ok(Self { token: Arc::new(token) })
    }

    /// Stops every call that has it, now and later.
    fn cancel(&self) {
        self.token.cancel();
    }

    #[getter]
    fn cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

/// The token that came with a call, or one that nothing fires.
pub fn token(cancel: Option<&Bound<'_, Cancel>>) -> Arc<libmtl::Cancel> {
    cancel.map_or_else(Arc::default, |cancel| Arc::clone(&cancel.get().token))
}

/// Runs `work` without the interpreter's lock.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> libmtl::Result<T> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| raised(py, &error))
}
