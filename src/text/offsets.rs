//! Offsets in the unit that the caller's language counts in.
//!
//! Everything inside the library is in bytes. C++, Go and Rust want it so; Java, JavaScript, C# and Swift's `NSString`
//! count UTF-16 units; Python counts code points.

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What an offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// UTF-8 code units.
    #[default]
    Bytes,
    /// UTF-16 code units: two for a character beyond the Basic Multilingual Plane.
    Utf16,
    /// Unicode code points.
    CodePoints,
}

impl Unit {
    /// How long `text` is in this unit.
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            // A UTF-8 sequence is one UTF-16 unit, and two if it is four bytes long. Counting bytes vectorises.
            Self::Utf16 => text.bytes().map(|b| usize::from(b & 0xC0 != 0x80) + usize::from(b >= 0xF0)).sum(),
            Self::CodePoints => text.bytes().filter(|b| b & 0xC0 != 0x80).count(),
        }
    }
}

/// Converts byte offsets into one text, in one pass when they come in order.
#[derive(Debug, Clone)]
pub struct Converter<'a> {
    text: &'a str,
    unit: Unit,
    /// The place of the last answer, in bytes and in units.
    byte: usize,
    count: usize,
}

impl<'a> Converter<'a> {
    /// A converter of byte offsets into `text`.
    pub fn new(text: &'a str, unit: Unit) -> Self {
        Self { text, unit, byte: 0, count: 0 }
    }

    /// The offset of the character that begins at `byte` (or of the end), or an error if none does.
    ///
    /// Costs the distance from the offset asked for before, in either direction.
    pub fn convert(&mut self, byte: usize) -> Result<usize> {
        let between = |a, b| {
            self.text.get(a..b).map(|text| self.unit.length(text)).ok_or_else(|| {
                Error::new(ErrorKind::Argument, format!("byte offset {byte} is no character boundary"))
                    .remedy(format!("pass offsets of the same text; it is {} bytes long", self.text.len()))
            })
        };
        self.count = if byte >= self.byte {
            self.count + between(self.byte, byte)?
        } else {
            self.count - between(byte, self.byte)?
        };
        self.byte = byte;
        Ok(self.count)
    }

    /// Both ends of a range.
    pub fn range(&mut self, bytes: &Range<usize>) -> Result<Range<usize>> {
        Ok(self.convert(bytes.start)?..self.convert(bytes.end)?)
    }
}

/// Converts the ranges of one text, in order or not.
pub fn convert(text: &str, ranges: &[Range<usize>], unit: Unit) -> Result<Vec<Range<usize>>> {
    let mut converter = Converter::new(text, unit);
    ranges.iter().map(|range| converter.range(range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_text_in_three_units() {
        let text = "aé€😀z";
        let starts = [0, 1, 3, 6, 10, 11];
        for (unit, expected) in [
            (Unit::Bytes, [0, 1, 3, 6, 10, 11]),
            (Unit::Utf16, [0, 1, 2, 3, 5, 6]),
            (Unit::CodePoints, [0, 1, 2, 3, 4, 5]),
        ] {
            let mut converter = Converter::new(text, unit);
            assert_eq!(starts.map(|b| converter.convert(b).unwrap()), expected);
        }
    }

    #[test]
    fn offsets_between_characters_are_refused() {
        let mut converter = Converter::new("aé", Unit::Utf16);
        for byte in [2, 4, usize::MAX] {
            assert_eq!(converter.convert(byte).unwrap_err().kind(), ErrorKind::Argument);
        }
        assert_eq!(converter.convert(3).unwrap(), 2);
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(text: String, picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let boundaries: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
            let (mut utf16, mut points) = (Converter::new(&text, Unit::Utf16), Converter::new(&text, Unit::CodePoints));
            for pick in picks {
                let byte = boundaries[pick.index(boundaries.len())];
                prop_assert_eq!(utf16.convert(byte).unwrap(), text[..byte].encode_utf16().count());
                prop_assert_eq!(points.convert(byte).unwrap(), text[..byte].chars().count());
            }
            prop_assert_eq!(Unit::Bytes.length(&text), text.len());
        }
    }
}
