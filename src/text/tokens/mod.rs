//! Where words begin and end, as the Universal Dependencies corpus of each language has it.
//!
//! UAX #29 gives the atoms. They are joined where a rule of `special` (addresses, emoticons), `joins` (numbers,
//! hyphens) or `marks` (`...`, `--`) says so, given their full stop where it belongs to an abbreviation, and cut where
//! `clitics` are words of their own. docs/tokenisation.md has the rules and the scores.

mod clitics;
mod joins;
mod marks;
mod special;

use super::abbreviations::Abbreviations;
use super::base_language;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// The words and marks of one sentence as byte ranges, in order, never overlapping. Every character that is not white
/// space lies in one, and no token holds white space. An unknown language gets the rules common to all.
///
/// Takes time linear in the length of `sentence`.
pub fn tokenise(sentence: &str, language: &str) -> Vec<Range<usize>> {
    let language = base_language(language);
    let mut cutter = Cutter {
        text: sentence,
        language,
        abbreviations: Abbreviations::of(language),
        end: marks::before_closers(sentence),
        parentheses: 0,
        tokens: Vec::new(),
    };
    let mut at = 0;
    for (start, atom) in sentence.split_word_bound_indices() {
        let end = start + atom.len();
        let mut rest = start.max(at).min(end)..end;
        while let Some(piece) = first_piece(sentence, rest.clone()) {
            at = cutter.cut(piece.clone());
            rest.start = at.min(rest.end);
        }
    }
    cutter.tokens
}

/// The part of an atom up to white space. UAX #29 may leave white space beside a combining mark in one atom.
fn first_piece(text: &str, atom: Range<usize>) -> Option<Range<usize>> {
    let rest = &text[atom.clone()];
    let start = rest.find(|c: char| !c.is_whitespace())?;
    let length = rest[start..].find(char::is_whitespace).unwrap_or(rest.len() - start);
    Some(atom.start + start..atom.start + start + length)
}

/// Whether an atom is a word or a number, not a mark.
fn is_word(atom: &str) -> bool {
    atom.chars().any(char::is_alphanumeric)
}

struct Cutter<'a> {
    text: &'a str,
    language: &'a str,
    abbreviations: Abbreviations,
    /// Where the sentence's last full stop ends, were there one: before closing quotes and brackets.
    end: usize,
    /// Parentheses open at this place: `))` closes two of them, or smiles.
    parentheses: usize,
    tokens: Vec<Range<usize>>,
}

impl Cutter<'_> {
    /// Adds the tokens of what begins with this atom, and says where they end.
    fn cut(&mut self, atom: Range<usize>) -> usize {
        let before = self.text[..atom.start].chars().next_back();
        if let Some(end) = special::end(self.text, atom.start, before, self.language) {
            self.tokens.push(atom.start..end);
            return end;
        }
        let sign = joins::signed(self.text, atom.start, before);
        if sign || is_word(&self.text[atom.clone()]) {
            let end = if sign { joins::number_end(self.text, atom.end) } else { atom.end };
            let end = joins::end(self.text, atom.start, end, self.language);
            let word = self.with_full_stop(atom.start..end);
            let end = word.end;
            clitics::split(self.text, word, self.language, &mut self.tokens);
            return end;
        }
        let end = marks::end(self.text, atom.clone(), self.parentheses, self.language);
        match &self.text[atom.clone()] {
            "(" => self.parentheses += 1,
            ")" => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        self.tokens.push(atom.start..end);
        end
    }

    /// The word with the full stop that follows it, if it is an abbreviation or an ordinal; or, if the abbreviation
    /// ends inside the word (`Dr.Michael`), only so much of it.
    fn with_full_stop(&self, word: Range<usize>) -> Range<usize> {
        if let Some(end) = self.abbreviations.inner_end(&self.text[word.clone()]) {
            return word.start..word.start + end;
        }
        let after = &self.text[word.end..];
        if !after.starts_with('.') || after.starts_with("..") {
            return word;
        }
        let last = word.end + 1 >= self.end;
        if self.abbreviations.keeps_stop(&self.text[word.clone()], &after[1..], last) {
            return word.start..word.end + 1;
        }
        word
    }
}
