//! From word forms to what the network reads: rows of the word and the character table.

use crate::bundle::{Bundle, layout};
use crate::engine::{Batch, WordType};
use crate::{Cancel, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The row of a word that the look-up does not find.
pub const UNKNOWN_WORD: u32 = 0;
/// The row of a character that the table does not have; row 0 is padding.
pub const UNKNOWN_CHAR: u32 = 1;
/// The row before a word's first character, where a model marks boundaries.
pub const BEGIN: u32 = 2;
/// The row after its last character.
pub const END: u32 = 3;

/// The features of `sentences`, none of them empty. A language without a vocabulary has the fallback's words only. The
/// only error is that of `cancel`.
pub fn encode(bundle: &Bundle, language: &str, sentences: &[&[String]], cancel: &Cancel) -> Result<Batch> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut batch = Batch::default();
    for sentence in sentences {
        let indices = sentence.iter().map(|token| match seen.entry(token.as_str()) {
            Entry::Occupied(index) => Ok(*index.get()),
            Entry::Vacant(place) => {
                // A word form may have thousands of characters: each is looked at.
                cancel.check()?;
                batch.words.push(word_type(bundle, language, token));
                Ok(*place.insert((batch.words.len() - 1) as u32))
            }
        });
        let indices = indices.collect::<Result<_>>()?;
        batch.sentences.push(indices);
    }
    Ok(batch)
}

/// The features of one word form.
pub fn word_type(bundle: &Bundle, language: &str, token: &str) -> WordType {
    let text = &bundle.manifest().text;
    let word = if text.ptb_escapes { unescape(token) } else { token };
    let look_up = |language: &str| bundle.words(language).and_then(|words| words.look_up(word, &text.word_lookup));
    let row = look_up(language).or_else(|| look_up(text.fallback_language.as_deref()?));
    let table = bundle.table(layout::CHARS);
    let chars = characters(word, text.char_boundaries, |c| table.and_then(|table| table.get(c)));
    WordType { row: row.unwrap_or(UNKNOWN_WORD), chars }
}

/// The rows of a word's characters, between the boundaries if the model has them.
pub fn characters(word: &str, boundaries: bool, row: impl Fn(&str) -> Option<u32>) -> Vec<u32> {
    let mut buffer = [0; 4];
    let inner = word.chars().map(|c| row(c.encode_utf8(&mut buffer)).unwrap_or(UNKNOWN_CHAR));
    let (begin, end) = (boundaries.then_some(BEGIN), boundaries.then_some(END));
    begin.into_iter().chain(inner).chain(end).collect()
}

/// What an escape of the Penn Treebank stands for; every other word is itself (seeds A.3).
pub fn unescape(word: &str) -> &str {
    match word {
        "-LRB-" => "(",
        "-RRB-" => ")",
        "-LSB-" => "[",
        "-RSB-" => "]",
        "-LCB-" => "{",
        "-RCB-" => "}",
        "``" | "''" => "\"",
        "/." => ".",
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_stand_around_the_characters() {
        let row = |c: &str| (c == "a").then_some(7);
        assert_eq!(characters("ab", true, row), [BEGIN, 7, UNKNOWN_CHAR, END]);
        assert_eq!(characters("ab", false, row), [7, UNKNOWN_CHAR]);
    }

    #[test]
    fn only_whole_words_are_unescaped() {
        assert_eq!(unescape("-LRB-"), "(");
        assert_eq!(unescape("''"), "\"");
        assert_eq!(unescape("x-LRB-"), "x-LRB-");
        assert_eq!(unescape("'"), "'");
    }
}
