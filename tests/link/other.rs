//! Another Rust library in the same program, with a standard library of its own.

use std::collections::HashMap;
use std::panic::{catch_unwind, set_hook};

/// Counts letters on a thread: 24. Where `panics` is not 0 the thread panics, which is caught: -1.
#[unsafe(no_mangle)]
pub extern "C" fn other_work(panics: i32) -> i32 {
    let work = move || {
        let words: HashMap<_, _> = "two libraries in one process".split(' ').map(|w| (w.to_owned(), w.len())).collect();
        assert!(panics == 0, "on purpose");
        words.values().sum::<usize>() as i32
    };
    set_hook(Box::new(|_| {}));
    catch_unwind(|| std::thread::spawn(work).join().unwrap_or(-1)).unwrap_or(-2)
}
