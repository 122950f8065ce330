//! From text to tokens with byte offsets, and from tags to spans. Knows nothing of models.

pub mod offsets;
pub mod readers;
pub mod scheme;
pub mod sentences;
pub mod tokens;

use std::ops::Range;

/// One sentence on its way through the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The word forms, in order.
    pub tokens: Vec<String>,
    /// Where each token stands in the text it came from, in bytes; empty when the input came as tokens.
    pub offsets: Vec<Range<usize>>,
    /// The gold label of each token, as written in the file; empty when there are none.
    pub labels: Vec<String>,
    /// The line of the input, from 1, on which the sentence begins; 0 when it came from no file.
    pub line: u64,
}
