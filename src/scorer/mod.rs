//! The word-error scorer: which words of an exercise a learner will get wrong.

pub mod align;
mod exercise;
pub mod pairs;
pub mod slam;

pub use exercise::Exercise;
