//! Work over the threads of a pool.

use crate::Result;
use crate::engine::Pool;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` for each of `pieces`, in order of their numbers, on up to `threads` threads, this one included. Each
/// thread has buffers of its own. After an error no piece is begun; the first one is returned.
pub(crate) fn in_parallel<B>(
    pool: &Pool,
    threads: usize,
    pieces: usize,
    buffers: impl Fn() -> B + Sync,
    work: impl Fn(usize, &mut B) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failure = OnceLock::new();
    pool.run(threads.min(pieces), &|| {
        let mut buffers = buffers();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return;
            }
            if let Err(error) = work(piece, &mut buffers) {
                next.store(pieces, Ordering::Relaxed);
                let _ = failure.set(error);
            }
        }
    });
    failure.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    fn none() {}

    #[test]
    fn every_piece_is_done_once() {
        let pool = Pool::new(3).unwrap();
        for (threads, pieces) in [(1, 0), (1, 5), (4, 2), (3, 100), (64, 7)] {
            let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            in_parallel(&pool, threads, pieces, none, |piece, ()| {
                done[piece].fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .unwrap();
            assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let pool = Pool::new(3).unwrap();
        for threads in [1, 4] {
            let begun = AtomicUsize::new(0);
            let error = in_parallel(&pool, threads, usize::MAX / 2, none, |_, ()| {
                begun.fetch_add(1, Ordering::Relaxed);
                Err(Error::new(ErrorKind::Interrupted, "stop"))
            })
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert!((1..=threads).contains(&begun.into_inner()));
        }
    }
}
