//! Records that are lines, or blocks of lines with an empty line behind them.

use super::stream::{self, Meter};
use super::{Fault, MAX_RECORD, PIECE_BYTES, Place, Position, Reader, Taken, overlong};
use crate::batch::source::Source;
use crate::{Error, ErrorKind, Result};
use std::io::BufRead;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What is wrong with a record.
pub(super) struct Bad {
    pub error: Error,
    /// In which of the record's lines, from 0.
    pub line: u64,
}

impl From<Error> for Bad {
    fn from(error: Error) -> Self {
        Self { error, line: 0 }
    }
}

/// A format of such records.
pub(super) trait Parse: Send {
    /// A record.
    type Row;
    /// Whether an empty line, rather than each line, ends a record.
    const BLOCKS: bool;
    /// The record in `text`; `None` where it holds nothing.
    fn parse(&mut self, text: &str) -> std::result::Result<Option<Self::Row>, Bad>;
    /// The columns of `rows`. May find more at fault.
    fn collect(&mut self, rows: Vec<(Place, Self::Row)>) -> Result<Taken>;
}

/// A reader of `source` from `at` on.
pub(super) fn open<P: Parse + 'static>(source: &Source, format: P, at: Position) -> Result<Box<dyn Reader>> {
    let (input, meter) = stream::open(source, at.offset)?;
    let path = source.known.path.clone();
    Ok(Box::new(Records { input, meter, format, at, path, buffer: Vec::new() }))
}

struct Records<P> {
    input: Box<dyn BufRead + Send>,
    meter: Meter,
    format: P,
    at: Position,
    path: String,
    buffer: Vec<u8>,
}

/// A record as it stands in the file.
struct Raw {
    place: Place,
    overlong: bool,
}

impl<P: Parse> Reader for Records<P> {
    fn read(&mut self, most: usize) -> Result<Taken> {
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        let begun = self.at.offset;
        // A piece without a record would be taken for the end: lines that hold none do not end it.
        while rows.len() + faults.len() < most
            && (rows.len() + faults.len() == 0 || self.at.offset - begun < PIECE_BYTES)
        {
            let Some(raw) = self.record()? else { break };
            let parsed = match text(&self.buffer, &raw) {
                Ok(text) => self.format.parse(text),
                Err(bad) => Err(bad),
            };
            match parsed {
                Ok(None) => continue,
                Ok(Some(row)) => rows.push((raw.place, row)),
                Err(bad) => {
                    let line = raw.place.line.map(|line| line + bad.line);
                    faults.push(Fault { place: Place { line, ..raw.place }, stage: "read", error: bad.error });
                }
            }
            self.at.row += 1;
        }
        let mut taken = self.format.collect(rows)?;
        taken.faults.append(&mut faults);
        taken.faults.sort_by_key(|fault| fault.place.row);
        Ok(taken)
    }

    fn position(&self) -> Position {
        self.at
    }

    fn consumed(&self) -> u64 {
        self.meter.bytes()
    }
}

impl<P: Parse> Records<P> {
    /// Reads the next record into the buffer.
    fn record(&mut self) -> Result<Option<Raw>> {
        self.buffer.clear();
        let (mut place, mut overlong) = (self.here(), false);
        loop {
            let begun = self.buffer.len();
            let fits = match self.line()? {
                None if self.buffer.is_empty() && !overlong => return Ok(None),
                None => break,
                Some(fits) => fits,
            };
            overlong |= !fits || self.buffer.len() > MAX_RECORD;
            if !P::BLOCKS {
                break;
            }
            if fits && std::str::from_utf8(&self.buffer[begun..]).is_ok_and(|line| line.trim().is_empty()) {
                // Empty lines before and behind a record are none of it.
                self.buffer.truncate(begun);
                if begun > 0 || overlong {
                    break;
                }
                place = self.here();
            } else if overlong {
                // What is thrown away must not look like an empty record.
                self.buffer.clear();
            }
        }
        Ok(Some(Raw { place, overlong }))
    }

    /// The place of the record that begins here.
    fn here(&self) -> Place {
        Place { row: self.at.row + 1, offset: Some(self.at.offset), line: Some(self.at.line + 1) }
    }

    /// Appends the next line with its ending: whether it fits; `None` at the end.
    fn line(&mut self) -> Result<Option<bool>> {
        let (begun, offset) = (self.buffer.len(), self.at.offset);
        let mut fits = true;
        loop {
            let available = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io(&self.path, e)),
            };
            let end = available.iter().position(|&byte| byte == b'\n').map(|index| index + 1);
            let length = end.unwrap_or(available.len());
            if length == 0 {
                break;
            }
            fits &= self.buffer.len() - begun + length <= MAX_RECORD;
            if fits {
                self.buffer.extend_from_slice(&available[..length]);
            }
            self.input.consume(length);
            self.at.offset += length as u64;
            if end.is_some() {
                break;
            }
        }
        if self.at.offset == offset {
            return Ok(None);
        }
        self.at.line += 1;
        if offset == 0 && self.buffer.starts_with(BOM) {
            self.buffer.drain(..BOM.len());
        }
        Ok(Some(fits))
    }
}

/// The text of a record.
fn text<'a>(bytes: &'a [u8], raw: &Raw) -> std::result::Result<&'a str, Bad> {
    if raw.overlong {
        return Err(overlong().remedy("is it of this format?").into());
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
        let error = Error::new(ErrorKind::Input, "invalid UTF-8")
            .at(format_args!("byte {} of the line", before.len() - start + 1))
            .remedy("convert the input to UTF-8, with iconv for example")
            .caused_by(e);
        Bad { error, line }
    })
}

/// A line without its ending.
pub(super) fn trimmed(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
