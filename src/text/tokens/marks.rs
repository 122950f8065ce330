//! Punctuation: what is one mark though it is several characters.

use std::ops::Range;

/// So many parentheses in a row are no punctuation. Bounds what is looked ahead at each of them.
const MOST_OPEN: usize = 64;

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
    let (mark, rest) = (&text[atom.clone()], &text[atom.start..]);
    let Some(first) = mark.chars().next() else { return atom.end };
    let length = match first {
        '.' | '…' if language != "en" => run(rest, |c| matches!(c, '.' | '…')),
        '!' | '?' if language == "es" => run(rest, |c| matches!(c, '!' | '?')),
        '.' | '!' | '?' | '…' => run(rest, |c| matches!(c, '.' | '!' | '?' | '…')),
        '<' | '>' | '$' | '#' | '–' | '—' | '•' | '´' => run(rest, |c| c == first),
        '+' if rest.starts_with("+/-") => 3,
        _ if is_decoration(first) => run(rest, is_decoration),
        '\'' | '`' if doubled(rest, first) && matches!(language, "en" | "nl" | "ru") => 2,
        ',' if doubled(rest, first) && language == "nl" => 2,
        '‘' | '’' if rest[first.len_utf8()..].starts_with('’') => 2 * first.len_utf8(),
        ')' | '(' => smile(rest, first, open, language),
        // 9 °C, but 9°C is three tokens.
        '°' if text[..atom.start].ends_with(char::is_whitespace) && rest[2..].starts_with(['C', 'F']) => 3,
        _ if is_pictograph(first) => return pictographs(text, atom.end),
        _ => 0,
    };
    atom.end.max(atom.start + length)
}

fn doubled(rest: &str, mark: char) -> bool {
    rest[1..].starts_with(mark)
}

/// Rules and arrows that people draw: `-----`, `*~*`, `-->`.
fn is_decoration(c: char) -> bool {
    matches!(c, '-' | '*' | '=' | '_' | '~' | '+' | '|' | '^' | '\\' | '<' | '>')
}

/// Parentheses that smile or frown: more of them than are open, or more than anyone opens.
fn smile(rest: &str, mark: char, open: usize, language: &str) -> usize {
    let length = rest.chars().take(MOST_OPEN).take_while(|&c| c == mark).count();
    if length == MOST_OPEN {
        return run(rest, |c| c == mark);
    }
    let enough = if language == "ru" { 2 } else { 3 };
    let apart = mark == ')' || !rest[length..].starts_with(char::is_alphanumeric);
    if length >= enough && apart && (mark == '(' || length > open) { length } else { 1 }
}

/// Emoji and dingbats.
pub(super) fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}')
}

/// The end of the emoji that go on at `start`, with their modifiers and joiners.
fn pictographs(text: &str, start: usize) -> usize {
    start + run(&text[start..], |c| is_pictograph(c) || matches!(c, '\u{200D}' | '\u{FE0F}' | '\u{20E3}'))
}

/// The length of the longest run of such characters at the start of `text`.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(of).len()
}
