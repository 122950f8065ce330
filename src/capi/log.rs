//! What the library tells the host, if the host listens.

use super::boundary::call;
use super::error::mtl_error;
use super::status::mtl_status;
use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{PoisonError, RwLock, TryLockError};

/// A log message's level: something that was asked for is not to be had, and something else is used instead.
pub const MTL_LOG_WARN: u32 = 2;
/// A log message's level: what happened, about once an opened object.
pub const MTL_LOG_INFO: u32 = 3;

/// Receives a log message (UTF-8, not ended by a NUL) that is valid during the call. It comes on the thread that made
/// the call of libmtl, from several threads at once if several call. It must not call `mtl_log_set`.
pub type mtl_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: u32, message: *const c_char, length: usize)>;

struct Listener {
    function: unsafe extern "C" fn(*mut c_void, u32, *const c_char, usize),
    user: *mut c_void,
    level: u32,
}

// SAFETY: law 9: the host promises that its function may be called with `user` from any thread.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

/// The listener of a process. A lock that another thread held at a fork() never opens in the child: it gets its own.
struct Ears {
    process: u32,
    listener: RwLock<Option<Listener>>,
}

/// This process's, made when it is first asked for; never freed, as other threads may be reading it.
fn ears() -> &'static Ears {
    static EARS: AtomicPtr<Ears> = AtomicPtr::new(std::ptr::null_mut());
    let found = EARS.load(Ordering::Acquire);
    // SAFETY: null, or a box that was leaked below.
    if let Some(ears) = unsafe { found.as_ref() }.filter(|ears| ears.process == std::process::id()) {
        return ears;
    }
    let fresh = Box::into_raw(Box::new(Ears { process: std::process::id(), listener: RwLock::new(None) }));
    match EARS.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: a box that is leaked here.
        Ok(_) => unsafe { &*fresh },
        Err(theirs) => {
            // SAFETY: nobody else has seen the new box; another thread was quicker and has leaked its own.
            unsafe {
                drop(Box::from_raw(fresh));
                &*theirs
            }
        }
    }
}

/// Tells the host something; never a user's text. Costs the formatting only where somebody listens.
pub(super) fn log(level: u32, message: impl FnOnce() -> String) {
    // A listener may call the library: to wait for somebody who waits for that listener would never end.
    let listener = match ears().listener.try_read() {
        Ok(listener) => listener,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    if let Some(listener) = listener.as_ref().filter(|l| level <= l.level) {
        let text = message();
        // SAFETY: law 9: the function and `user` are valid until another is set, which the lock keeps from happening now.
        unsafe { (listener.function)(listener.user, level, text.as_ptr().cast(), text.len()) }
    }
}

/// Sends messages of at most `level` (`MTL_LOG_WARN`, `MTL_LOG_INFO`) to `function`, in place of the one before; NULL
/// silences the library, as it is at the start. Messages never hold a user's text; one that comes while the listener is
/// being changed is lost. When the call returns, the function set before runs no more and is not called again. A child of
/// `fork()` is silent at first. `MTL_ERROR_ARGUMENT` for another level. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_log_set(
    function: mtl_log_fn,
    user: *mut c_void,
    level: u32,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        if function.is_some() && !(MTL_LOG_WARN..=MTL_LOG_INFO).contains(&level) {
            let remedy = "pass MTL_LOG_WARN or MTL_LOG_INFO";
            return Err(super::boundary::argument(format!("{level} is no log level"), remedy));
        }
        let listener = function.map(|function| Listener { function, user, level });
        *ears().listener.write().unwrap_or_else(PoisonError::into_inner) = listener;
        Ok(())
    })
}
