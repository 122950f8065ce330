//! Running text, and tokens that someone else has cut.

use super::lines::{Ends, Lines};
use crate::text::offsets::Converter;
use crate::text::{Sentence, offsets::Unit, sentences_of};
use crate::{Error, Result};
use std::collections::VecDeque;
use std::io::BufRead;

/// A paragraph longer than this many bytes is read in pieces.
const MAX_PARAGRAPH: usize = 1 << 20;

/// How to read running text.
#[derive(Debug, Clone, Default)]
pub struct TextOptions {
    /// The language of the text, ISO 639-1; decides how words are cut.
    pub language: String,
    /// What the offsets of the sentences count.
    pub unit: Unit,
    /// Whether every line is a paragraph of its own: for somebody who types and waits for answers.
    pub lines: bool,
}

/// Reads running text: cuts it into sentences and words, with offsets into the whole stream (a byte order mark counts).
///
/// An empty line ends a paragraph and so a sentence; a single line break does not. Lines end in LF, CRLF or CR. Of a
/// paragraph longer than 1 MiB all complete sentences are given out before the next line is read, so memory is bounded
/// by the longest line.
pub fn text<R: BufRead>(input: R, options: TextOptions) -> impl Iterator<Item = Result<Sentence>> {
    let language = options.language.clone();
    text_by(input, options, move |_| language.clone())
}

/// As [`text`], but `language` names the language of each paragraph (or piece of one) just before its sentences are
/// given out, and the option is not looked at.
pub fn text_by<R: BufRead>(
    input: R,
    options: TextOptions,
    language: impl FnMut(&str) -> String,
) -> impl Iterator<Item = Result<Sentence>> {
    let mut reader = Text {
        lines: Lines::new(input, Ends::Any),
        options,
        language,
        paragraph: String::new(),
        base: 0,
        line: 1,
        ready: VecDeque::new(),
        failed: None,
        done: false,
    };
    std::iter::from_fn(move || reader.next())
}

struct Text<R, F> {
    lines: Lines<R>,
    options: TextOptions,
    language: F,
    /// Lines read and not yet given out, with their endings.
    paragraph: String,
    /// Where the paragraph begins, in the unit asked for.
    base: usize,
    /// The number of its first line.
    line: u64,
    ready: VecDeque<Sentence>,
    /// Comes after the sentences before it.
    failed: Option<Error>,
    done: bool,
}

impl<R: BufRead, F: FnMut(&str) -> String> Text<R, F> {
    fn next(&mut self) -> Option<Result<Sentence>> {
        while self.ready.is_empty() && !self.done {
            if let Err(error) = self.read() {
                self.failed = Some(error);
                self.done = true;
                self.release(true);
            }
        }
        self.ready.pop_front().map(Ok).or_else(|| self.failed.take().map(Err))
    }

    /// Reads one line, and cuts the paragraph where it ends.
    fn read(&mut self) -> Result<()> {
        let Some(line) = self.lines.next_raw()? else {
            self.done = true;
            self.release(true);
            return Ok(());
        };
        let ends = self.options.lines || line.trim().is_empty();
        self.paragraph.push_str(line);
        if self.lines.number() == 1 {
            // Only a byte order mark stands before the first line.
            self.base = if self.options.unit == Unit::Bytes {
                self.lines.offset() as usize
            } else {
                usize::from(self.lines.offset() > 0)
            };
        }
        if ends {
            self.release(true);
        } else if self.paragraph.len() > MAX_PARAGRAPH {
            self.release(false);
        }
        Ok(())
    }

    /// Cuts the paragraph into sentences. If it is not `complete`, its last sentence stays, unless it is the only one.
    fn release(&mut self, complete: bool) {
        let mut sentences = Vec::new();
        if !self.paragraph.trim().is_empty() {
            let language = (self.language)(&self.paragraph);
            sentences = sentences_of(&self.paragraph, 0, &language);
        }
        let mut end = self.paragraph.len();
        if !complete && sentences.len() > 1 {
            let last = sentences.pop();
            end = last.and_then(|s| s.offsets.first().map(|o| o.start)).unwrap_or(end);
        }
        let done = &self.paragraph[..end];
        let (mut at, mut line) = (0, self.line);
        let mut converter = Converter::new(done, self.options.unit);
        for mut sentence in sentences {
            let start = sentence.offsets.first().map_or(at, |o| o.start);
            line += line_breaks(&done[at..start]);
            at = start;
            sentence.line = line;
            for offset in &mut sentence.offsets {
                if let Ok(converted) = converter.range(offset) {
                    *offset = self.base + converted.start..self.base + converted.end;
                }
            }
            self.ready.push_back(sentence);
        }
        self.base += self.options.unit.length(done);
        self.line = line + line_breaks(&done[at..]);
        self.paragraph.drain(..end);
    }
}

/// How many lines end in `text`. A CR whose LF is missing is a line break of its own.
pub(super) fn line_breaks(text: &str) -> u64 {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|&(i, &b)| b == b'\n' || (b == b'\r' && bytes.get(i + 1) != Some(&b'\n'))).count()
        as u64
}

/// Reads sentences that are cut already: one a line, tokens between blanks. Lines without a token are no sentences.
pub fn tokens<R: BufRead>(input: R) -> impl Iterator<Item = Result<Sentence>> {
    let mut lines = Lines::new(input, Ends::Unix);
    let mut done = false;
    std::iter::from_fn(move || {
        while !done {
            let words: Vec<String> = match lines.next() {
                Ok(Some(line)) => line.split_whitespace().map(str::to_owned).collect(),
                Ok(None) => return None,
                Err(error) => {
                    done = true;
                    return Some(Err(error));
                }
            };
            if !words.is_empty() {
                return Some(Ok(Sentence { tokens: words, line: lines.number(), ..Sentence::default() }));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn read(bytes: &[u8], unit: Unit) -> Vec<Sentence> {
        text(bytes, TextOptions { language: "en".into(), unit, lines: false }).collect::<Result<_>>().unwrap()
    }

    #[test]
    fn offsets_are_into_the_whole_stream() {
        let stream = "\u{FEFF}Dé one.\r\n\r\n\rTwo 😀 and\rthree. Four\n\n\n5";
        let points: Vec<char> = stream.chars().collect();
        let units: Vec<u16> = stream.encode_utf16().collect();
        for unit in [Unit::Bytes, Unit::CodePoints, Unit::Utf16] {
            let found = read(stream.as_bytes(), unit);
            let lines: Vec<_> = found.iter().map(|s| (s.line, s.tokens.join(" "))).collect();
            let expected = [(1, "Dé one ."), (4, "Two 😀 and three ."), (5, "Four"), (8, "5")];
            assert_eq!(lines, expected.map(|(n, s)| (n, s.to_owned())), "{unit:?}");
            for (token, place) in found.into_iter().flat_map(|s| s.tokens.into_iter().zip(s.offsets)) {
                let again = match unit {
                    Unit::Bytes => stream[place].to_owned(),
                    Unit::CodePoints => points[place].iter().collect(),
                    Unit::Utf16 => String::from_utf16(&units[place]).unwrap(),
                };
                assert_eq!(again, token, "{unit:?}");
            }
        }
    }

    #[test]
    fn an_error_comes_after_the_sentences_before_it() {
        let mut found = text(&b"One.\nTwo\xFF.\nThree.\n"[..], TextOptions::default());
        assert_eq!(found.next().unwrap().unwrap().tokens, ["One", "."]);
        let error = found.next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::Input, "line 2, byte 4"));
        assert!(found.next().is_none());
    }

    #[test]
    fn the_language_may_change_between_paragraphs_or_lines() {
        let stream = "Don't.\n\n \nDon't.\nDon't.";
        let cut = |lines: bool| {
            let mut seen = Vec::new();
            let language = |paragraph: &str| {
                seen.push(paragraph.trim().to_owned());
                if seen.len() == 1 { "en".to_owned() } else { "da".to_owned() }
            };
            let options = TextOptions { lines, ..TextOptions::default() };
            let found: Vec<_> = text_by(stream.as_bytes(), options, language).collect::<Result<_>>().unwrap();
            (found.iter().map(|s| (s.line, s.tokens[0].clone())).collect::<Vec<_>>(), seen)
        };
        let ends = [(1, "Do".to_owned()), (4, "Don't".to_owned()), (5, "Don't".to_owned())];
        let (found, seen) = cut(true);
        assert_eq!((&found[..], seen.len()), (&ends[..], 3));
        let (found, seen) = cut(false);
        assert_eq!(found, ends);
        assert_eq!(seen, ["Don't.", "Don't.\nDon't."]);
    }

    #[test]
    fn nothing_gives_nothing() {
        for bytes in ["", "\n\n", " \t\r\n", "\u{FEFF}", "\u{2028}\n"] {
            assert_eq!(read(bytes.as_bytes(), Unit::Bytes), [], "{bytes:?}");
            assert_eq!(tokens(bytes.as_bytes()).count(), 0, "{bytes:?}");
        }
    }

    #[test]
    fn a_long_paragraph_is_read_in_pieces_and_loses_nothing() {
        let stream = "This is a sentence\nof two lines. ".repeat(70_000);
        let found = read(stream.as_bytes(), Unit::Bytes);
        assert_eq!(found.len(), 70_000);
        assert!(found.iter().all(|s| s.tokens.join(" ") == "This is a sentence of two lines ."));
        for (sentence, line) in found.iter().zip(1..) {
            assert_eq!(sentence.line, line);
        }
        let last = found.last().unwrap();
        assert_eq!(&stream[last.offsets[7].clone()], ".");
        assert_eq!(last.offsets[7].end, stream.len() - 1);
    }

    #[test]
    fn tokens_are_taken_as_they_are() {
        let found: Vec<_> = tokens("\u{FEFF}Do n't  stop\r\n\n#x\t.\n".as_bytes()).collect::<Result<_>>().unwrap();
        assert_eq!(found[0].tokens, ["Do", "n't", "stop"]);
        assert_eq!((found[1].tokens.join(" "), found[1].line), ("#x .".into(), 3));
        let error = tokens(&b"a\n\xFF"[..]).nth(1).unwrap().unwrap_err();
        assert_eq!(error.place(), "line 2, byte 1");
    }
}
