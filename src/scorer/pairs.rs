//! Alignment of many answers, with offsets in the unit that the caller counts in.

use super::align::{AlignOptions, Alignment, Sentence, align};
use crate::tagger::Document;
use crate::text::offsets::{Converter, Unit};
use crate::text::utf8::{self, Repaired};
use crate::{Cancel, Error, ErrorKind, Result};
use std::ops::Range;

/// What to do with pairs of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairOptions {
    /// What counts as a difference.
    pub align: AlignOptions,
    /// What offsets count.
    pub unit: Unit,
    /// Reads U+FFFD for bytes that are not UTF-8; else such a pair is an error of its own.
    pub replace_invalid: bool,
}

/// Aligns each answer with the correct sentence of the same number, in order: each pair has a result or an error of its
/// own. Ranges are in `options.unit`. The outer error is one that concerns all: other numbers of sentences than of
/// answers ([`ErrorKind::Argument`]), a cancelled call.
pub fn align_documents(
    correct: &[Document],
    answers: &[Document],
    options: &PairOptions,
    cancel: &Cancel,
) -> Result<Vec<Result<Alignment>>> {
    if correct.len() != answers.len() {
        let message = format!("{} correct sentences and {} answers", correct.len(), answers.len());
        return Err(Error::new(ErrorKind::Argument, message).remedy("pass one answer for each sentence"));
    }
    let pair = |(correct, answer)| match align_pair(correct, answer, options, cancel) {
        // What ends the call is not the pair's error.
        Err(error) => cancel.check().map(|()| Err(error)),
        aligned => Ok(aligned),
    };
    correct.iter().zip(answers).map(pair).collect()
}

fn align_pair(correct: &Document, answer: &Document, options: &PairOptions, cancel: &Cancel) -> Result<Alignment> {
    let correct = Side::read(correct, options).map_err(|e| e.at("the correct sentence"))?;
    let answer = Side::read(answer, options).map_err(|e| e.at("the answer"))?;
    let (words, answers) = (correct.texts(), answer.texts());
    let mut found = align(correct.sentence(&words), answer.sentence(&answers), &options.align, cancel)?;
    correct.place(&mut found.words, options.unit)?;
    answer.place(&mut found.answer, options.unit)?;
    Ok(found)
}

/// One sentence of a pair, as UTF-8.
enum Side<'a> {
    Text(Repaired<'a>),
    Tokens(Vec<Repaired<'a>>),
}

impl<'a> Side<'a> {
    fn read(document: &Document<'a>, options: &PairOptions) -> Result<Self> {
        let read = |bytes: &'a [u8]| match options.replace_invalid {
            true => Ok(utf8::repair(bytes)),
            false => utf8::strict(bytes).map(|_| utf8::repair(bytes)),
        };
        Ok(match document {
            Document::Text(bytes) => Self::Text(read(bytes)?),
            Document::Tokens(tokens) => {
                let named = |(index, token)| read(token).map_err(|e| e.at(format!("token {index}")));
                Self::Tokens(tokens.iter().copied().enumerate().map(named).collect::<Result<_>>()?)
            }
        })
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![&text.text],
            Self::Tokens(tokens) => tokens.iter().map(|token| &*token.text).collect(),
        }
    }

    /// The sentence, of what [`texts`](Self::texts) gave.
    fn sentence<'b>(&self, texts: &'b [&'b str]) -> Sentence<'b> {
        match self {
            Self::Text(_) => Sentence::Text(texts[0]),
            Self::Tokens(_) => Sentence::Tokens(texts),
        }
    }

    /// Turns ranges of bytes of the repaired text into ranges of the text as it was given.
    fn place(&self, ranges: &mut [Range<usize>], unit: Unit) -> Result<()> {
        match self {
            Self::Text(text) => {
                let mut converter = Converter::new(&text.text, unit);
                for range in ranges {
                    *range = match unit {
                        Unit::Bytes => text.original(range.start)..text.original(range.end),
                        _ => converter.range(range)?,
                    };
                }
            }
            Self::Tokens(tokens) => {
                let mut end = 0;
                for (range, token) in ranges.iter_mut().zip(tokens) {
                    let start = end;
                    end += match unit {
                        Unit::Bytes => token.original(token.text.len()),
                        _ => unit.length(&token.text),
                    };
                    *range = start..end;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KITTEN: &[u8] = "Die 🐱 schläft.".as_bytes();

    fn one(correct: Document, answer: Document, options: &PairOptions) -> Result<Alignment> {
        align_documents(&[correct], &[answer], options, &Cancel::new()).unwrap().remove(0)
    }

    #[test]
    fn offsets_are_in_the_callers_unit() {
        for (unit, expected) in [
            (Unit::Bytes, [0..3, 4..8, 9..17, 17..18]),
            (Unit::Utf16, [0..3, 4..6, 7..14, 14..15]),
            (Unit::CodePoints, [0..3, 4..5, 6..13, 13..14]),
        ] {
            let options = PairOptions { unit, ..PairOptions::default() };
            let found = one(Document::Text(KITTEN), Document::Text(b"die schlaft"), &options).unwrap();
            assert_eq!(found.words, expected);
            let tokens: [&[u8]; 2] = ["🐱".as_bytes(), "é".as_bytes()];
            let found = one(Document::Tokens(&tokens), Document::Text(KITTEN), &options).unwrap();
            let length = |text| unit.length(text);
            assert_eq!(found.words, [0..length("🐱"), length("🐱")..length("🐱é")]);
            assert_eq!(found.answer, expected);
        }
    }

    #[test]
    fn a_pair_at_fault_does_not_disturb_the_others() {
        let (good, bad) = (Document::Text(b"a b"), Document::Text(b"a \xff b"));
        let found =
            align_documents(&[good, bad, good], &[good, good, bad], &PairOptions::default(), &Cancel::new()).unwrap();
        assert!(found[0].is_ok());
        assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::Input);
        let message = found[2].as_ref().unwrap_err().to_string();
        assert!(message.contains("the answer") && message.contains("byte 2"), "{message}");
        let replaced = PairOptions { replace_invalid: true, ..PairOptions::default() };
        let found = one(good, bad, &replaced).unwrap();
        assert_eq!(found.answer.last(), Some(&(4..5)), "into the bytes as given");
    }

    #[test]
    fn what_concerns_all_ends_the_call() {
        let good = Document::Text(b"a b");
        let error = align_documents(&[good], &[], &PairOptions::default(), &Cancel::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        let cancel = Cancel::new();
        cancel.cancel();
        let error = align_documents(&[good], &[good], &PairOptions::default(), &cancel).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
}
