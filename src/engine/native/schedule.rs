//! Work over threads that live for one call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls `work` for each of `pieces`, in order of their numbers, on up to `threads` threads, this one included. Each
/// thread has a state of its own. Where a thread cannot be had the others do its part.
pub(super) fn in_parallel<B>(
    threads: usize,
    pieces: usize,
    buffers: impl Fn() -> B + Sync,
    work: impl Fn(usize, &mut B) + Sync,
) {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut buffers = buffers();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return;
            }
            work(piece, &mut buffers);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(pieces) {
            if std::thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

/// Brings together the two directions of a group; whichever comes second computes the emissions.
#[derive(Default)]
pub(super) struct Joined(Mutex<Vec<Vec<f32>>>);

impl Joined {
    /// Adds one direction's half; `combine` joins both halves of a sentence, in either order.
    pub fn add(&self, half: Vec<Vec<f32>>, combine: impl Fn(&[f32], &[f32]) -> Vec<f32>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = if slot.is_empty() { half } else { slot.iter().zip(&half).map(|(a, b)| combine(a, b)).collect() };
    }

    /// The emissions, after both halves were added.
    pub fn into_result(self) -> Vec<Vec<f32>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        for (threads, pieces) in [(1, 0), (1, 5), (4, 2), (3, 100), (64, 7)] {
            let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            in_parallel(
                threads,
                pieces,
                || (),
                |piece, ()| {
                    done[piece].fetch_add(1, Ordering::Relaxed);
                },
            );
            assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }
}
