//! Threads that several engines share.

use crate::{Error, ErrorKind, Result};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// What each of a pool's threads is called.
pub(crate) const THREAD_NAME: &str = "mtl";

/// Threads that help the calls of every engine they are given to (see [`EngineOptions::pool`]).
///
/// A call's own thread always does its part, and waits for no help that has not begun: any number of calls may share
/// a pool of any size, one without threads included. Dropping the pool ends its threads.
///
/// [`EngineOptions::pool`]: super::EngineOptions::pool
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What the workers wait for.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Calls that want a helper, once for each.
    wanted: VecDeque<Arc<Call>>,
    closed: bool,
}

/// A call that has helpers, or waits for some.
#[derive(Debug)]
struct Call {
    /// What a helper runs; valid until the call ends.
    work: *const (dyn Fn() + Sync),
    helpers: Mutex<Helpers>,
    /// A helper has ended.
    ended: Condvar,
}

// SAFETY: `work` points to something `Sync`, and is read only while a helper is counted in `helpers`, for whom the
// call waits.
unsafe impl Send for Call {}
// SAFETY: as above.
unsafe impl Sync for Call {}

#[derive(Debug, Default)]
struct Helpers {
    running: usize,
    /// What the first of them that panicked left.
    panic: Option<Box<dyn Any + Send>>,
}

impl Pool {
    /// Starts `threads` threads, 0 to [`MAX_THREADS`](super::MAX_THREADS): with none, each call has the caller's thread alone.
    pub fn new(threads: usize) -> Result<Self> {
        super::check_threads(threads)?;
        let mut pool = Self { shared: Arc::default(), workers: Vec::new() };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = Builder::new().name(THREAD_NAME.into()).spawn(move || shared.serve()).map_err(|e| {
                let message = format!("no thread {} of {threads}: {e}", pool.workers.len() + 1);
                Error::new(ErrorKind::Io, message).remedy("ask for fewer threads").caused_by(e)
            })?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// How many threads it has; a call may use its own besides.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Runs `work` on this thread, and on up to `threads - 1` of the pool's while this one is at it. Returns when all
    /// of them have ended; a panic of any of them goes on here.
    pub(crate) fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        let helpers = threads.saturating_sub(1).min(self.threads());
        if helpers == 0 {
            return work();
        }
        // SAFETY: only the lifetime changes. `end`, which a panic of `work` does not skip, takes the call off the queue
        // and waits for those who had it from there, so nobody reads `work` after this function.
        let erased = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(work) };
        let call = Arc::new(Call { work: erased, helpers: Mutex::default(), ended: Condvar::new() });
        lock(&self.shared.queue).wanted.extend((0..helpers).map(|_| Arc::clone(&call)));
        (0..helpers).for_each(|_| self.shared.filled.notify_one());
        let own = catch_unwind(AssertUnwindSafe(work));
        let theirs = self.end(&call);
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }

    /// Asks for no more helpers, waits for those that have begun, and returns what a panic of theirs left.
    fn end(&self, call: &Arc<Call>) -> Option<Box<dyn Any + Send>> {
        lock(&self.shared.queue).wanted.retain(|other| !Arc::ptr_eq(other, call));
        let mut helpers = lock(&call.helpers);
        while helpers.running > 0 {
            helpers = call.ended.wait(helpers).unwrap_or_else(PoisonError::into_inner);
        }
        helpers.panic.take()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.filled.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches what it runs, so none ends by a panic.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// What a worker does.
    fn serve(&self) {
        while let Some(call) = self.next() {
            // SAFETY: `next` has counted this helper while the call was on the queue, so the call has not ended, and
            // will not before this helper is taken off below.
            let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*call.work)() }));
            let mut helpers = lock(&call.helpers);
            helpers.running -= 1;
            if let Err(panic) = outcome {
                helpers.panic.get_or_insert(panic);
            }
            call.ended.notify_one();
        }
    }

    /// The call that has waited longest, counted as having one more helper; `None` when the pool is dropped.
    fn next(&self) -> Option<Arc<Call>> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(call) = queue.wanted.pop_front() {
                lock(&call.helpers).running += 1;
                return Some(call);
            }
            if queue.closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The lock; nothing here panics while holding one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MAX_THREADS;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[test]
    fn a_call_gets_the_helpers_that_are_free_and_no_more_than_it_asked_for() {
        let pool = Pool::new(2).unwrap();
        for threads in [0, 1, 2, 3] {
            let (count, barrier) = (AtomicUsize::new(0), Barrier::new(threads.max(1)));
            pool.run(threads, &|| {
                barrier.wait();
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), threads.max(1));
        }
        let count = AtomicUsize::new(0);
        pool.run(100, &|| _ = count.fetch_add(1, Ordering::Relaxed));
        assert!((1..=3).contains(&count.into_inner()));
    }

    #[test]
    fn a_busy_pool_keeps_nobody_waiting() {
        let pool = Pool::new(1).unwrap();
        let (busy, free) = (Barrier::new(3), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pool.run(2, &|| {
                    busy.wait();
                    while !free.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                });
            });
            busy.wait();
            // The only worker is held until this thread's call has ended without it; inside, a call of a call.
            let count = AtomicUsize::new(0);
            pool.run(2, &|| pool.run(2, &|| _ = count.fetch_add(1, Ordering::Relaxed)));
            assert_eq!(count.into_inner(), 1);
            free.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2).unwrap();
        let caller = std::thread::current().id();
        for on_caller in [true, false] {
            let barrier = Barrier::new(3);
            let work = || {
                barrier.wait();
                assert_ne!((std::thread::current().id() == caller), on_caller, "meant to be");
            };
            let panic = catch_unwind(AssertUnwindSafe(|| pool.run(3, &work))).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("meant to be"));
        }
        let barrier = Barrier::new(3);
        pool.run(3, &|| _ = barrier.wait());
    }

    #[test]
    fn dropping_ends_the_threads() {
        let pool = Pool::new(3).unwrap();
        let shared = Arc::downgrade(&pool.shared);
        drop(pool);
        assert_eq!(shared.strong_count(), 0);
    }

    #[test]
    fn too_many_threads_are_refused() {
        assert_eq!(Pool::new(MAX_THREADS + 1).unwrap_err().kind(), ErrorKind::Argument);
    }
}
