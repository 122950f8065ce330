//! Bytes that ought to be UTF-8: refused with the place of the fault, or read with U+FFFD for what is none.

use crate::{Error, ErrorKind, Result};
use std::borrow::Cow;

/// A text whose invalid bytes were replaced, and where its characters stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired<'a> {
    /// The text, with U+FFFD for each maximal run of bytes that begins no character.
    pub text: Cow<'a, str>,
    /// Where the text's bytes and the original's run apart: (offset in the text, offset in the original), each just
    /// behind a replacement, in order.
    shifts: Vec<(usize, usize)>,
}

/// The text of `bytes`; an error names the first byte that is not UTF-8.
pub fn strict(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| {
        Error::new(ErrorKind::Input, "not valid UTF-8")
            .at(format!("byte {}", e.valid_up_to()))
            .remedy("pass UTF-8, or ask for invalid bytes to be replaced")
    })
}

/// The text of `bytes` with U+FFFD for what is not UTF-8.
pub fn repair(bytes: &[u8]) -> Repaired<'_> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Repaired { text: Cow::Borrowed(text), shifts: Vec::new() };
    }
    let (mut text, mut shifts, mut read) = (String::with_capacity(bytes.len()), Vec::new(), 0);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        read += chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            shifts.push((text.len(), read));
        }
    }
    Repaired { text: Cow::Owned(text), shifts }
}

impl Repaired<'_> {
    /// The byte of the original at which the character at `byte` of the text begins (or its end).
    pub fn original(&self, byte: usize) -> usize {
        match self.shifts.partition_point(|&(text, _)| text <= byte) {
            0 => byte,
            after => {
                let (text, original) = self.shifts[after - 1];
                original + (byte - text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_fault_is_named() {
        let error = strict(b"ab\xFFc").unwrap_err();
        assert!(error.to_string().starts_with("byte 2: not valid UTF-8"), "{error}");
        assert_eq!(strict("aé".as_bytes()).unwrap(), "aé");
    }

    #[test]
    fn offsets_are_into_the_original() {
        let repaired = repair(b"\xFFa\xE2\x82b");
        assert_eq!(repaired.text, "\u{FFFD}a\u{FFFD}b");
        let places: Vec<usize> = repaired.text.char_indices().map(|(i, _)| repaired.original(i)).collect();
        assert_eq!(places, [0, 1, 2, 4]);
        assert_eq!(repaired.original(repaired.text.len()), 5);
    }

    proptest! {
        #[test]
        fn valid_characters_keep_their_place(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let repaired = repair(&bytes);
            prop_assert_eq!(&repaired.text, &String::from_utf8_lossy(&bytes));
            for (i, c) in repaired.text.char_indices().filter(|(_, c)| *c != char::REPLACEMENT_CHARACTER) {
                let start = repaired.original(i);
                let mut buffer = [0; 4];
                prop_assert_eq!(&bytes[start..start + c.len_utf8()], c.encode_utf8(&mut buffer).as_bytes());
            }
            prop_assert_eq!(repaired.original(repaired.text.len()), bytes.len());
        }
    }
}
