//! From text to tokens with byte offsets, and from tags to spans. Knows nothing of models.

mod abbreviations;
pub mod offsets;
pub mod readers;
pub mod scheme;
pub mod sentences;
pub mod tokens;
pub mod utf8;

use crate::{Cancel, Result};
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

/// The primary subtag of a language tag: `en` of `en-GB`.
fn base_language(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

/// The tokenised sentences of a text in `language` (ISO 639-1); `base` is added to every offset.
///
/// ```
/// let sentences = libmtl::text::sentences_of("Don't panic. It works.", 0, "en");
/// assert_eq!(sentences[0].tokens, ["Do", "n't", "panic", "."]);
/// assert_eq!(sentences[1].offsets[0], 13..15);
/// ```
pub fn sentences_of(text: &str, base: usize, language: &str) -> Vec<Sentence> {
    sentences_until(text, base, language, &Cancel::new()).unwrap_or_default()
}

/// As [`sentences_of`]; the only error is that of `cancel`.
pub(crate) fn sentences_until(text: &str, base: usize, language: &str, cancel: &Cancel) -> Result<Vec<Sentence>> {
    let cut = |range: Range<usize>| {
        let sentence = &text[range.clone()];
        let words = tokens::tokenise_until(sentence, language, cancel)?;
        Ok(Sentence {
            tokens: words.iter().map(|word| sentence[word.clone()].to_owned()).collect(),
            offsets: words.iter().map(|word| base + range.start + word.start..base + range.start + word.end).collect(),
            ..Sentence::default()
        })
    };
    sentences::split_until(text, language, cancel)?.into_iter().map(cut).collect()
}
