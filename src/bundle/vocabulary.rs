//! `vocab.*`: a sorted table of strings with a row number each, searched where it lies, never parsed.
//!
//! Layout, little-endian: magic `MTLVOC1\0`; `count: u32`; `reserved: u32 = 0`; `offsets: u32[count + 1]`, from the
//! start of the text; `rows: u32[count]`; the text, UTF-8, entries sorted by bytes, no separators.

use super::manifest::LookupStep;
use crate::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The bytes at the head of a vocabulary file.
pub const MAGIC: &[u8; 8] = b"MTLVOC1\0";

/// A vocabulary over the bytes of its file.
#[derive(Debug, Clone)]
pub struct Vocabulary<B> {
    bytes: B,
    count: usize,
}

impl<B: AsRef<[u8]>> Vocabulary<B> {
    /// Checks the table (lengths, order, UTF-8, every row below `rows`) and wraps its bytes.
    pub fn open(bytes: B, rows: u32) -> Result<Self> {
        let _ = (bytes, rows);
        Err(Error::new(ErrorKind::Bundle, "skeleton"))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row of exactly `entry`.
    pub fn get(&self, entry: &str) -> Option<u32> {
        let _ = (entry, self.bytes.as_ref());
        None
    }

    /// The row of `word` by the first of `steps` that finds one.
    pub fn look_up(&self, word: &str, steps: &[LookupStep]) -> Option<u32> {
        let _ = (word, steps);
        None
    }
}

/// `word` as `step` changes it.
pub fn normalise<'a>(word: &'a str, step: LookupStep) -> Cow<'a, str> {
    let _ = step;
    Cow::Borrowed(word)
}

/// The file's bytes for `entries`.
pub fn write(entries: &BTreeMap<String, u32>) -> Vec<u8> {
    let _ = entries;
    Vec::new()
}
