//! Where sentences end: UAX #29, and what it leaves to the language: abbreviations, initials, line breaks, quotations.

use super::abbreviations::Abbreviations;
use super::base_language;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// How many closing quotes and brackets are looked at behind a full stop, and how long an abbreviation may be.
const NEAR: usize = 24;

/// The sentences of `text` as byte ranges, in order, without white space at their ends. All of `text` that is not
/// white space lies in one.
///
/// An empty line and U+2029 always end a sentence; a single line break does so only where a blank would, or before an
/// item of a list. Takes time linear in the length of `text`.
pub fn split(text: &str, language: &str) -> Vec<Range<usize>> {
    let abbreviations = Abbreviations::of(base_language(language));
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        let trimmed = piece.trim();
        if trimmed.is_empty() {
            continue;
        }
        let start = start + piece.len() - piece.trim_start().len();
        let range = start..start + trimmed.len();
        match sentences.last_mut() {
            Some(last) if !parted(text, last, &range, &abbreviations) => last.end = range.end,
            _ => sentences.push(range),
        }
    }
    sentences
}

/// Whether a sentence ends between two neighbours that UAX #29 parts.
fn parted(text: &str, last: &Range<usize>, next: &Range<usize>, abbreviations: &Abbreviations) -> bool {
    let gap = &text[last.end..next.start];
    if is_paragraph_break(gap) {
        return true;
    }
    let (before, after) = (&text[last.clone()], &text[next.clone()]);
    if !after.chars().any(char::is_alphanumeric) {
        return false;
    }
    let closers = before.chars().rev().take(NEAR).take_while(|&c| is_closer(c)).map(char::len_utf8).sum::<usize>();
    let stem = &before[..before.len() - closers];
    let Some(end) = stem.chars().next_back().filter(|&c| is_terminator(c)) else {
        return is_list_item(after);
    };
    if gap.is_empty() {
        return !end.is_ascii();
    }
    let first = after.trim_start_matches(is_opener).chars().next();
    if first.is_some_and(char::is_lowercase) && (matches!(end, '.' | '…') || closers > 0) {
        return false;
    }
    end != '.' || full_stop_ends(&stem[..stem.len() - 1], after, abbreviations)
}

/// Whether the full stop after `stem` ends a sentence.
fn full_stop_ends(stem: &str, after: &str, abbreviations: &Abbreviations) -> bool {
    let word = last_word(stem);
    // "1." and "B." alone number what follows.
    let numbering = word.len() == stem.len() && word.chars().count() < 4 && word.bytes().all(|b| b.is_ascii_digit());
    !(numbering || word.is_empty() && stem.is_empty()) && abbreviations.may_end(word, after)
}

/// The characters before the full stop, back to white space or a mark that abbreviations do not hold.
fn last_word(stem: &str) -> &str {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '/');
    let length: usize = stem.chars().rev().take(NEAR).take_while(|&c| inside(c)).map(char::len_utf8).sum();
    &stem[stem.len() - length..]
}

/// Two line breaks, or a paragraph separator.
fn is_paragraph_break(gap: &str) -> bool {
    let breaks = gap.replace("\r\n", "\n").chars().filter(|c| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}')).count();
    breaks > 1 || gap.contains('\u{2029}')
}

/// A line that begins with a bullet.
fn is_list_item(line: &str) -> bool {
    let mut chars = line.chars();
    matches!(chars.next(), Some('-' | '*' | '•' | '–' | '—' | '·' | '▪'))
        && chars.next().is_some_and(char::is_whitespace)
}

fn is_terminator(c: char) -> bool {
    matches!(
        c,
        '.' | '!'
            | '?'
            | '…'
            | '。'
            | '！'
            | '？'
            | '．'
            | '｡'
            | '।'
            | '॥'
            | '؟'
            | '۔'
            | '‼'
            | '⁇'
            | '⁈'
            | '⁉'
            | '։'
            | '።'
            | '။'
    )
}

fn is_closer(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '}' | '»' | '”' | '’' | '›' | '」' | '』' | '“' | '‘')
}

fn is_opener(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '"' | '\'' | '(' | '[' | '{' | '«' | '“' | '‘' | '‹' | '„' | '‚' | '¿' | '¡' | '”' | '’' | '`')
}
