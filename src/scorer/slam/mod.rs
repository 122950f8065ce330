//! The `.slam` format of the shared task on second language acquisition modelling (Settles et al. 2018), versions 3 and 4.
//!
//! ```text
//! # prompt:Yo soy un niño.
//! # user:XEinXf5+  countries:CO|US  days:1.793  client:web  session:lesson  format:reverse_translate  time:9
//! DRihrVmh0101  I                    PRON     Case=Nom|fPOS=PRON++PRP  nsubj  4  0
//! DRihrVmh0102  am                   VERB     Mood=Ind|fPOS=VERB++VBP  cop  4  0
//! ```
//!
//! An exercise ends with an empty line. The line of the prompt came with version 4, and is missing where the format shows
//! none. Words have a seventh column, 1 for a mistake, in all of a file or in none of it. Beside such a file there may be
//! its *key* (a line `instance label` for each word), and *predictions* are lines `instance probability`.
//!
//! All readers take UTF-8 with or without a byte order mark and lines that end in LF or CRLF, name the line of an error,
//! and stop after the first.

mod instances;
mod read;
mod write;

pub use instances::{gold, keys, pair, predictions};
pub use read::read;

use super::Exercise;

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 64 << 10;

/// The most words of an exercise.
pub const MAX_WORDS: usize = 4096;

/// An exercise of a `.slam` file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The line that it begins on, from 1; 0 where it comes from no file.
    pub line: u64,
    /// What the learner was shown.
    pub prompt: Option<String>,
    /// Who did what, and the words.
    pub exercise: Exercise,
    /// What else is known of each word.
    pub tokens: Vec<Token>,
}

/// The columns of a word beside its form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Token {
    /// The instance: 8 characters for the session, two digits for the exercise in it, two for the word.
    pub id: String,
    /// Universal part of speech.
    pub part_of_speech: String,
    /// `Key=Value|Key=Value`.
    pub morphology: String,
    /// The label of the edge to the head.
    pub dependency: String,
    /// The head's number in the sentence, from 1; 0 is the root. Marks, which have no line, count.
    pub head: u32,
    /// Whether the learner got the word wrong, where the file says.
    pub mistake: Option<bool>,
}

/// Whether `id` has the form of an instance.
fn is_instance(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == 12 && bytes.iter().all(u8::is_ascii_graphic) && bytes[8..].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
