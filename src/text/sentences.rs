//! Where sentences end: UAX #29, and what it leaves to the language: abbreviations, initials, line breaks, quotations.

use super::abbreviations::Abbreviations;
use super::base_language;
use crate::{Cancel, Result};
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
    split_until(text, language, &Cancel::new()).unwrap_or_default()
}

/// As [`split`]; the only error is that of `cancel`.
pub(crate) fn split_until(text: &str, language: &str, cancel: &Cancel) -> Result<Vec<Range<usize>>> {
    let language = base_language(language);
    let splitter = Splitter {
        text,
        abbreviations: Abbreviations::of(language),
        // The English and Russian of the web begin sentences with small letters, too.
        small: matches!(language, "en" | "ru"),
    };
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        cancel.check()?;
        for range in candidates(start, piece) {
            match sentences.last_mut() {
                Some(last) if !splitter.parts(last, &range) => last.end = range.end,
                _ => sentences.push(range),
            }
        }
    }
    Ok(sentences)
}

/// A sentence of UAX #29, cut further where it goes on too far (before a number or the dash of a dialogue), and before
/// what follows closing quotes that white space parts from their sentence. White space at the ends is left out.
fn candidates(start: usize, piece: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut push = |from: usize, to: usize| {
        let trimmed = piece[from..to].trim();
        if !trimmed.is_empty() {
            let begin = start + from + piece[from..to].len() - piece[from..to].trim_start().len();
            found.push(begin..begin + trimmed.len());
        }
    };
    let closed = ["''", "\"", "»", "”"].into_iter().find(|q| piece.starts_with(q)).map_or(0, str::len);
    if closed > 0 && piece[closed..].starts_with(char::is_whitespace) {
        push(0, closed);
        from = closed;
    }
    let mut ended = false;
    let mut blank = false;
    for (i, c) in piece.char_indices() {
        if c.is_whitespace() {
            blank = ended;
        } else {
            if blank && (c.is_ascii_digit() || is_dash(c) && begins_speech(&piece[i..])) {
                push(from, i);
                from = i;
            }
            ended = is_terminator(c) || ended && !blank && is_closer(c);
            blank = false;
        }
    }
    push(from, piece.len());
    found
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—')
}

/// A dash, white space and a capital.
fn begins_speech(text: &str) -> bool {
    let after = text.trim_start_matches(is_dash);
    after.starts_with(char::is_whitespace)
        && after.chars().take(4).find(|&c| !is_opener(c)).is_some_and(|c| c.is_uppercase())
}

struct Splitter<'a> {
    text: &'a str,
    abbreviations: Abbreviations,
    /// Whether a sentence may begin with a small letter after an exclamation or a question mark.
    small: bool,
}

impl Splitter<'_> {
    /// Whether a sentence ends between two neighbours that UAX #29 or [`candidates`] parts.
    fn parts(&self, last: &Range<usize>, next: &Range<usize>) -> bool {
        let gap = &self.text[last.end..next.start];
        if is_paragraph_break(gap) {
            return true;
        }
        let (before, after) = (&self.text[last.clone()], &self.text[next.clone()]);
        if !after.chars().any(char::is_alphanumeric) {
            return false;
        }
        let closers = before
            .chars()
            .rev()
            .take(NEAR)
            .take_while(|&c| is_closer(c) || c.is_whitespace())
            .map(char::len_utf8)
            .sum::<usize>();
        let stem = &before[..before.len() - closers];
        let Some(end) = stem.chars().next_back().filter(|&c| is_terminator(c)) else {
            return is_list_item(after);
        };
        if gap.is_empty() {
            return !end.is_ascii();
        }
        let first = after.trim_start_matches(is_opener).chars().next();
        if first.is_some_and(char::is_lowercase) && (matches!(end, '.' | '…') || closers > 0 || !self.small) {
            return false;
        }
        end != '.' || self.full_stop_ends(&stem[..stem.len() - 1], after)
    }

    /// Whether the full stop after `stem` ends a sentence.
    fn full_stop_ends(&self, stem: &str, after: &str) -> bool {
        let word = last_word(stem);
        // "1." alone numbers what follows.
        let numbering = word.len() == stem.len() && word.len() < 4 && word.bytes().all(|b| b.is_ascii_digit());
        !numbering && self.abbreviations.may_end(word, after)
    }
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

#[cfg(test)]
mod tests {
    use super::split;

    /// Each case is the sentences with `|` between them; white space at the cuts is not shown.
    fn check(language: &str, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let found: Vec<&str> = split(text, language).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found.join("|"), *expected, "{language}");
        }
    }

    #[test]
    fn line_breaks() {
        check(
            "en",
            &[
                ("A line\nthat goes on. Another\r\nline.", "A line\nthat goes on.|Another\r\nline."),
                ("Title\n\nText\n \t\nmore\r\n\r\nend", "Title|Text|more|end"),
                ("one\rtwo\r\rthree\u{2029}four", "one\rtwo|three|four"),
                ("To buy:\n- bread\n- milk\n• eggs", "To buy:|- bread|- milk|• eggs"),
                (" \n ", ""),
            ],
        );
    }

    #[test]
    fn full_stops() {
        check(
            "en",
            &[
                ("Dr. Smith met J. K. Rowling. She left.", "Dr. Smith met J. K. Rowling.|She left."),
                (
                    "It costs 3.50 at No. 5, i.e. Main St. today. Yes.",
                    "It costs 3.50 at No. 5, i.e. Main St. today.|Yes.",
                ),
                ("The U.S. Army left the U.S. The end.", "The U.S. Army left the U.S.|The end."),
                (
                    "Apples, pears etc. Then he left at 5 p.m. It rained.",
                    "Apples, pears etc.|Then he left at 5 p.m.|It rained.",
                ),
                ("On Sept. 11 it rained. 17 people saw it.", "On Sept. 11 it rained.|17 people saw it."),
                ("1. First. 2. Second.", "1. First.|2. Second."),
                ("He left... and came back. Really... Yes.", "He left... and came back.|Really...|Yes."),
                ("See www.x.org/a?b=C. Or not.", "See www.x.org/a?b=C.|Or not."),
            ],
        );
        check("da", &[("Den 3. Verdens lande. Kl. 5 kom hr. Jensen.", "Den 3. Verdens lande.|Kl. 5 kom hr. Jensen.")]);
        check("hr", &[("Bilo je to 2008. Tada je dr. Horvat otišao.", "Bilo je to 2008.|Tada je dr. Horvat otišao.")]);
        check(
            "ru",
            &[(
                "В 1941 г. в г. Москве. А.С. Пушкин. 17 июля было.",
                "В 1941 г. в г. Москве.|А.С. Пушкин.|17 июля было.",
            )],
        );
    }

    #[test]
    fn quotations_and_dialogue() {
        check(
            "en",
            &[
                ("\"Stop!\" he cried. \"Now.\" He left.", "\"Stop!\" he cried.|\"Now.\"|He left."),
                ("(He left.) [She did too.] So.", "(He left.)|[She did too.]|So."),
                ("Great! :) 😀 Thanks!!! ...", "Great! :) 😀 Thanks!!! ..."),
            ],
        );
        check("fr", &[("Il dit « non. » Elle part. — Oui ? — Non.", "Il dit « non. »|Elle part.|— Oui ?|— Non.")]);
        check("ru", &[("— Куда? — спросил он. — Туда! — А ты?", "— Куда? — спросил он.|— Туда!|— А ты?")]);
    }

    #[test]
    fn other_scripts() {
        check("zh", &[("你好。世界！好吗？是的", "你好。|世界！|好吗？|是的")]);
        check("hi", &[("नमस्ते। आप कैसे हैं?", "नमस्ते।|आप कैसे हैं?")]);
        check("ar", &[("مرحبا بك؟ نعم.", "مرحبا بك؟|نعم.")]);
    }
}
