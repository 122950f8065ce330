//! The word-error scorer: which words of an exercise a learner will get wrong.

mod exercise;

pub use exercise::Exercise;
