//! Lines of bounded length, decoded and numbered.

use crate::{Error, ErrorKind, Result};
use std::io::BufRead;

/// The longest line that the readers take, in bytes.
pub const MAX_LINE: usize = 16 << 20;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// LF or CRLF.
    Unix,
    /// LF, CRLF or CR alone: running text from anywhere.
    Any,
}

/// Reads lines without their endings (LF or CRLF), each with its number, from 1.
pub fn lines<R: BufRead>(input: R) -> impl Iterator<Item = Result<(u64, String)>> {
    let mut lines = Lines::new(input, Ends::Unix);
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let line = lines.next().map(|line| line.map(str::to_owned)).transpose();
        done = !matches!(line, Some(Ok(_)));
        line.map(|line| Ok((lines.number(), line?)))
    })
}

/// Reads one line after another into a buffer of its own.
pub(crate) struct Lines<R> {
    input: R,
    ends: Ends,
    buffer: Vec<u8>,
    /// Number of the line in the buffer, from 1.
    number: u64,
    /// Where the line in the buffer begins in the stream, in bytes.
    offset: u64,
    /// Bytes of the stream consumed so far.
    consumed: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, ends: Ends) -> Self {
        Self { input, ends, buffer: Vec::new(), number: 0, offset: 0, consumed: 0 }
    }

    /// The number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the line read last begins in the stream, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line with its ending, or `None` at the end of the stream.
    pub(super) fn next_raw(&mut self) -> Result<Option<&str>> {
        self.number += 1;
        self.offset = self.consumed;
        self.fill()?;
        if self.number == 1 && self.buffer.starts_with(BOM) {
            self.buffer.drain(..BOM.len());
            self.offset = BOM.len() as u64;
        }
        if self.buffer.is_empty() && self.consumed == self.offset {
            return Ok(None);
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(line) => Ok(Some(line)),
            Err(e) => Err(Error::new(ErrorKind::Input, "invalid UTF-8")
                .at(format_args!("line {}, byte {}", self.number, e.valid_up_to() + 1))
                .remedy("convert the input to UTF-8, with iconv for example")
                .caused_by(e)),
        }
    }

    /// The next line without its ending.
    pub(crate) fn next(&mut self) -> Result<Option<&str>> {
        Ok(self.next_raw()?.map(|line| {
            let line = line.strip_suffix('\n').unwrap_or(line);
            line.strip_suffix('\r').unwrap_or(line)
        }))
    }

    /// Reads up to and with the next line ending.
    fn fill(&mut self) -> Result<()> {
        self.buffer.clear();
        loop {
            let available = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io(format_args!("line {}", self.number), e)),
            };
            if available.is_empty() {
                return Ok(());
            }
            // A CR at the end of what was there before: a LF now belongs to it, anything else is the next line.
            if self.ends == Ends::Any && self.buffer.last() == Some(&b'\r') {
                if available[0] == b'\n' {
                    self.take(1);
                }
                return Ok(());
            }
            let end = available.iter().position(|&b| b == b'\n' || (b == b'\r' && self.ends == Ends::Any));
            let carriage_return = end.is_some_and(|i| available[i] == b'\r');
            let length = end.map_or(available.len(), |i| i + 1);
            if self.buffer.len() + length > MAX_LINE + 2 {
                return Err(Error::new(ErrorKind::Limit, format!("the line is longer than {} MiB", MAX_LINE >> 20))
                    .at(format_args!("line {}", self.number))
                    .remedy("break it into lines"));
            }
            self.take(length);
            if end.is_some() && !carriage_return {
                return Ok(());
            }
        }
    }

    fn take(&mut self, length: usize) {
        if let Ok(available) = self.input.fill_buf() {
            self.buffer.extend_from_slice(&available[..length]);
        }
        self.input.consume(length);
        self.consumed += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(bytes: &[u8], ends: Ends, capacity: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, bytes), ends);
        let mut found = Vec::new();
        while let Some(line) = lines.next_raw().unwrap().map(str::to_owned) {
            found.push((lines.offset(), line));
        }
        found
    }

    #[test]
    fn every_ending_at_every_buffer_size() {
        for capacity in 1..8 {
            let unix = all(b"a\r\nb\rc\n\nd", Ends::Unix, capacity);
            let lines = [(0, "a\r\n"), (3, "b\rc\n"), (7, "\n"), (8, "d")];
            assert_eq!(unix, lines.map(|(o, l)| (o, l.to_owned())), "{capacity}");
            let any = all(b"a\r\nb\rc\n\r\rd\r", Ends::Any, capacity);
            let lines = [(0, "a\r\n"), (3, "b\r"), (5, "c\n"), (7, "\r"), (8, "\r"), (9, "d\r")];
            assert_eq!(any, lines.map(|(o, l)| (o, l.to_owned())), "{capacity}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_text_but_counts_in_offsets() {
        assert_eq!(all(b"\xEF\xBB\xBFa\nb", Ends::Any, 2), [(3, "a\n".to_owned()), (5, "b".to_owned())]);
        assert_eq!(all(b"\xEF\xBB\xBF", Ends::Any, 2), []);
        assert_eq!(all(b"a\n\xEF\xBB\xBFb", Ends::Any, 9), [(0, "a\n".to_owned()), (2, "\u{FEFF}b".to_owned())]);
    }

    #[test]
    fn invalid_utf8_names_line_and_byte() {
        for (bytes, place) in [
            (&b"a\nb\xFFc\n"[..], "line 2, byte 2"),
            (b"\xC3", "line 1, byte 1"),
            (b"ab\xED\xA0\x80", "line 1, byte 3"),
            (b"\n\n\xC3\xA9\xE2\x82\n", "line 3, byte 3"),
            (b"\xC0\x80", "line 1, byte 1"),
            (b"\xF5\x80\x80\x80", "line 1, byte 1"),
        ] {
            let mut lines = Lines::new(bytes, Ends::Any);
            let error = loop {
                match lines.next_raw() {
                    Ok(line) => assert!(line.is_some()),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.place(), place);
        }
    }

    #[test]
    fn an_endless_line_is_refused_in_bounded_memory() {
        let mut lines = Lines::new(BufReader::new(std::io::repeat(b'a')), Ends::Unix);
        let error = lines.next_raw().unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::Limit, "line 1"));
        let longest = vec![b'a'; MAX_LINE];
        assert_eq!(Lines::new(&longest[..], Ends::Unix).next().unwrap().map(str::len), Some(MAX_LINE));
    }
}
