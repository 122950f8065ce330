//! Punctuation: what is one mark though it is several characters.

use std::ops::Range;

/// Closing quotes and brackets, which may follow the full stop of a sentence.
fn is_closer(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ')' | ']' | '}' | '»' | '”' | '’' | '›' | '“' | '‘' | '>')
}

/// Where `sentence` ends, closing quotes, brackets and white space aside.
pub(super) fn before_closers(sentence: &str) -> usize {
    sentence.trim_end_matches(is_closer).len()
}

/// The end of the mark that begins with `atom`, with `open` parentheses before it.
pub(super) fn end(text: &str, atom: Range<usize>, open: usize, language: &str) -> usize {
    let mark = &text[atom.clone()];
    let rest = &text[atom.end..];
    let same = |c: char| atom.end + rest.len() - rest.trim_start_matches(c).len();
    match mark {
        "." | "…" => atom.end + run(rest, |c| matches!(c, '.' | '…')),
        "!" | "?" => {
            let exclaimed = atom.end + run(rest, |c| matches!(c, '!' | '?'));
            let dots = run(&text[exclaimed..], |c| c == '.');
            // Russian's `?..` is one mark; one full stop after a question mark is another.
            exclaimed + if dots > 1 { dots } else { 0 }
        }
        "-" | "*" | "=" | "_" | "~" | "+" | "#" | "–" | "—" | "•" | "|" | "<" | ">" | "^" | "`" | "´" => {
            same(mark.chars().next().unwrap_or(' '))
        }
        "'" | "," if rest.starts_with(mark) && (mark == "'" || language == "nl") => atom.end + 1,
        "‘" | "’" if rest.starts_with('’') => atom.end + '’'.len_utf8(),
        ")" => {
            let length = 1 + run(rest, |c| c == ')');
            if length > open.max(1) && (language == "ru" || length > 2) { atom.start + length } else { atom.end }
        }
        _ => atom.end,
    }
}

/// The length of the longest run of such characters at the start of `text`.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(of).len()
}
