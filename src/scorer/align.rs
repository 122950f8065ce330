//! Which words of the right answer a learner got wrong: the alignment of Hu 2020, Fig. 1, and of the shared task
//! SLAM 2018 (Settles et al. 2018, section 2).

use crate::text::tokens::tokenise;
use crate::{Cancel, Error, ErrorKind, Result};
use std::ops::Range;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The longest sentence that is aligned, in bytes. Time and memory grow with the product of the lengths of the two: at this
/// length some tenths of a second at most.
pub const MAX_SENTENCE_BYTES: usize = 4 << 10;

/// A sentence to compare. Cut both alike: `don't` is one word of a text, and may be two tokens.
#[derive(Debug, Clone, Copy)]
pub enum Sentence<'a> {
    /// Running text, cut by those rules of [`tokenise`] that all languages have in common.
    Text(&'a str),
    /// Words as the caller cut them.
    Tokens(&'a [&'a str]),
}

/// What counts as a difference between two words. By default, as in the shared task, none of it does.
///
/// Never a difference: how a character is encoded (`é` in one code point or two), the shape of an apostrophe, and
/// characters without a shape, such as marks of direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlignOptions {
    /// `Yes` is not `yes`.
    pub case: bool,
    /// `well-known` is not `wellknown`, and marks are words: a missing full stop is a mistake.
    pub punctuation: bool,
    /// `sí` is not `si`, `año` not `ano`. Without it letters are compared without the signs above and below them, and
    /// without the points of Hebrew and Arabic.
    pub accents: bool,
}

/// How a sentence became another. Numbers count words of [`Alignment::words`] and [`Alignment::answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The learner wrote the word.
    Match {
        /// The word of the correct sentence.
        word: usize,
        /// The word of the answer.
        answer: usize,
    },
    /// The learner wrote another one.
    Substitute {
        /// The word of the correct sentence.
        word: usize,
        /// The word of the answer.
        answer: usize,
    },
    /// The learner left the word out.
    Delete {
        /// The word of the correct sentence.
        word: usize,
    },
    /// The learner wrote a word too many.
    Insert {
        /// The word of the answer.
        answer: usize,
    },
}

/// What [`align`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// Where the words of the correct sentence stand in it, in bytes; of tokens, in their concatenation.
    pub words: Vec<Range<usize>>,
    /// The same for the answer.
    pub answer: Vec<Range<usize>>,
    /// For each word of the correct sentence whether the learner got it wrong. A word of which the options leave
    /// nothing, such as a full stop, never is.
    pub mistakes: Vec<bool>,
    /// The fewest edits that make the answer of the correct sentence, in order; words of which the options leave nothing
    /// take no part.
    pub operations: Vec<Operation>,
}

impl Alignment {
    /// (substitutions + deletions + insertions) / words of the correct sentence that take part; may exceed 1. Where no
    /// word takes part, the number of insertions.
    pub fn word_error_rate(&self) -> f64 {
        let count = |wanted: fn(&Operation) -> bool| self.operations.iter().filter(|o| wanted(o)).count();
        let edits = count(|o| !matches!(o, Operation::Match { .. }));
        let words = count(|o| !matches!(o, Operation::Insert { .. }));
        edits as f64 / words.max(1) as f64
    }
}

/// Aligns a learner's answer with the correct sentence by the fewest insertions, deletions and substitutions of words.
///
/// Of several such alignments the one is taken that edits the fewest characters (a substitution costs the edit distance
/// of its words, an insertion or deletion the length of its word), so that a misspelt word stands against the word that
/// was meant; and of these, from the left, a match or substitution before a deletion before an insertion.
///
/// Fails with [`ErrorKind::Limit`] where a sentence is longer than [`MAX_SENTENCE_BYTES`].
///
/// ```
/// use libmtl::Cancel;
/// use libmtl::scorer::align::{AlignOptions, Sentence, align};
///
/// let correct = Sentence::Text("I love my mother and my father.");
/// let answer = Sentence::Text("I love mader and fhader");
/// let found = align(correct, answer, &AlignOptions::default(), &Cancel::new())?;
/// assert_eq!(found.mistakes, [false, false, true, true, false, true, true, false]);
/// assert_eq!(found.word_error_rate(), 4.0 / 7.0);
/// # Ok::<(), libmtl::Error>(())
/// ```
pub fn align(
    correct: Sentence<'_>,
    answer: Sentence<'_>,
    options: &AlignOptions,
    cancel: &Cancel,
) -> Result<Alignment> {
    let (words, word_keys) = cut(correct, options).map_err(|e| e.at("the correct sentence"))?;
    let (answers, answer_keys) = cut(answer, options).map_err(|e| e.at("the answer"))?;
    let operations = edits(&word_keys, &answer_keys, cancel)?;
    let mut mistakes = vec![false; words.len()];
    for operation in &operations {
        if let Operation::Substitute { word, .. } | Operation::Delete { word } = *operation {
            mistakes[word] = true;
        }
    }
    Ok(Alignment { words, answer: answers, mistakes, operations })
}

/// What is compared of a word: its number in the sentence, and the characters that count.
struct Key {
    index: usize,
    chars: Vec<char>,
}

/// The words of a sentence, and the keys of those that take part.
fn cut(sentence: Sentence<'_>, options: &AlignOptions) -> Result<(Vec<Range<usize>>, Vec<Key>)> {
    let length = match sentence {
        Sentence::Text(text) => text.len(),
        Sentence::Tokens(tokens) => tokens.iter().map(|token| token.len()).sum(),
    };
    if length > MAX_SENTENCE_BYTES {
        return Err(Error::new(ErrorKind::Limit, format!("{length} bytes, at most {MAX_SENTENCE_BYTES} are aligned"))
            .remedy("pass one sentence at a time"));
    }
    let words: Vec<(Range<usize>, &str)> = match sentence {
        Sentence::Text(text) => tokenise(text, "").into_iter().map(|range| (range.clone(), &text[range])).collect(),
        Sentence::Tokens(tokens) => {
            let mut end = 0;
            let place = |token: &&str| {
                let start = end;
                end += token.len();
                start..end
            };
            tokens.iter().map(place).zip(tokens.iter().copied()).collect()
        }
    };
    let keys = words.iter().enumerate().map(|(index, (_, word))| Key { index, chars: key(word, options) });
    let keys = keys.filter(|key| !key.chars.is_empty()).collect();
    Ok((words.into_iter().map(|(range, _)| range).collect(), keys))
}

/// The characters of a word that count, canonically decomposed.
fn key(word: &str, options: &AlignOptions) -> Vec<char> {
    let mut folded = word.replace(['’', '‘', 'ʼ'], "'");
    if !options.case {
        // Upper case first: `ß` is `ss`, and the Greek sigma has one form.
        folded = folded.to_uppercase().to_lowercase();
    }
    let counts = |c: &char| match c.general_category() {
        GeneralCategory::Format => false,
        // ´, ` and ^ beside a letter, and the skin of an emoji.
        GeneralCategory::ModifierSymbol => options.punctuation,
        _ if c.general_category_group() == GeneralCategoryGroup::Punctuation => options.punctuation,
        _ => options.accents || !matches!(canonical_combining_class(*c), 10..=36 | 200..=240),
    };
    folded.nfd().filter(counts).collect()
}

/// Edits of words, then edits of characters.
type Cost = (usize, usize);

/// A step through both sentences.
#[derive(Clone, Copy)]
enum Step {
    Pair,
    Delete,
    Insert,
}

/// The cheapest operations.
fn edits(words: &[Key], answers: &[Key], cancel: &Cancel) -> Result<Vec<Operation>> {
    let steps = steps(words, answers, cancel)?;
    let mut operations = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < words.len() || j < answers.len() {
        let step = steps[i * (answers.len() + 1) + j];
        operations.push(match step {
            Step::Pair => {
                let (word, answer) = (words[i].index, answers[j].index);
                let right = words[i].chars == answers[j].chars;
                if right { Operation::Match { word, answer } } else { Operation::Substitute { word, answer } }
            }
            Step::Delete => Operation::Delete { word: words[i].index },
            Step::Insert => Operation::Insert { answer: answers[j].index },
        });
        i += usize::from(!matches!(step, Step::Insert));
        j += usize::from(!matches!(step, Step::Delete));
    }
    Ok(operations)
}

/// The first step of the cheapest way from each place (word, answer) to the end, row by row. It is found from the end, so
/// that the walk from the beginning settles ties from the left.
fn steps(words: &[Key], answers: &[Key], cancel: &Cancel) -> Result<Vec<Step>> {
    let width = answers.len() + 1;
    let mut steps = vec![Step::Insert; (words.len() + 1) * width];
    let mut row: Vec<Cost> = vec![(0, 0); width];
    let mut below = row.clone();
    let mut scratch = Vec::new();
    for i in (0..=words.len()).rev() {
        std::mem::swap(&mut row, &mut below);
        for j in (0..width).rev() {
            cancel.check_at(j)?;
            let after = |rest: Cost, edits: usize, chars: usize| (rest.0 + edits, rest.1 + chars);
            let (word, answer) = (words.get(i), answers.get(j));
            let mut ways = [None; 3];
            if let (Some(word), Some(answer)) = (word, answer) {
                let chars = distance(&word.chars, &answer.chars, &mut scratch, cancel)?;
                ways[0] = Some((after(below[j + 1], usize::from(chars > 0), chars), Step::Pair));
            }
            ways[1] = word.map(|word| (after(below[j], 1, word.chars.len()), Step::Delete));
            ways[2] = answer.map(|answer| (after(row[j + 1], 1, answer.chars.len()), Step::Insert));
            // The first of those that cost the same; none at the end of both.
            if let Some((cost, step)) = ways.into_iter().flatten().min_by_key(|(cost, _)| *cost) {
                (row[j], steps[i * width + j]) = (cost, step);
            }
        }
    }
    Ok(steps)
}

/// The edit distance of two words in characters; `row` is room to work in.
fn distance(word: &[char], answer: &[char], row: &mut Vec<usize>, cancel: &Cancel) -> Result<usize> {
    if word == answer {
        return Ok(0);
    }
    row.clear();
    row.extend(0..=answer.len());
    for (i, a) in word.iter().enumerate() {
        cancel.check_at(i)?;
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in answer.iter().enumerate() {
            let pair = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = pair.min(diagonal + 1).min(row[j] + 1);
        }
    }
    Ok(row[answer.len()])
}

#[cfg(test)]
mod tests;
