//! What becomes of a panic: a failure of the call, and not a word on the host's standard error.

use super::boundary::Failure;
use super::status::mtl_status;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// How many calls of the library this thread is in.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic of this thread was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body`; a panic in it becomes a failure.
pub fn caught<R>(body: impl FnOnce() -> R) -> Result<R, Failure> {
    silence();
    take_place();
    let outside = INSIDE.replace(INSIDE.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "fault")]
        fault::crossing();
        body()
    }));
    INSIDE.set(outside);
    outcome.map_err(|payload| failure(&*payload))
}

/// Rust tells of a panic on standard error, where a library has no business; the host's own panics still are told of.
fn silence() {
    static SILENT: AtomicBool = AtomicBool::new(false);
    if SILENT.swap(true, Ordering::Relaxed) {
        return;
    }
    let before = take_hook();
    set_hook(Box::new(move |panic: &PanicHookInfo| {
        // A pool's thread passes its panic on to the call that it helps.
        let helping = std::thread::current().name() == Some(crate::engine::THREAD_NAME);
        if INSIDE.get() == 0 && !helping {
            return before(panic);
        }
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let _ = PLACE.try_with(|last| last.replace(place));
    }));
}

/// Where the last panic was; nowhere while the thread is being torn down, when it has no such variable any more.
fn take_place() -> String {
    PLACE.try_with(RefCell::take).unwrap_or_default()
}

fn failure(payload: &(dyn Any + Send)) -> Failure {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let message = format!("libmtl panicked{}: {text}", take_place());
    Failure::Here(mtl_status::MTL_ERROR_PANIC, message, "please report it with this message")
}

/// Panics on demand, in a build for tests.
#[cfg(feature = "fault")]
mod fault {
    use std::sync::atomic::{AtomicU32, Ordering};

    static LEFT: AtomicU32 = AtomicU32::new(0);

    /// Lets the `crossing`-th crossing of the boundary from now on panic; 0 lets none. Returns how many were still to
    /// come before the one that an earlier call asked for: 0 if that has panicked.
    #[unsafe(no_mangle)]
    pub extern "C" fn mtl_x_panic_at(crossing: u32) -> u32 {
        LEFT.swap(crossing, Ordering::Relaxed)
    }

    /// What each crossing passes.
    pub fn crossing() {
        let left = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "on demand");
    }
}
