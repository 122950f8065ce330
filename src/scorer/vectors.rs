//! Word vectors by sentence: what an encoder outside of the library (ELMo, BERT) made of each word where it stands.
//!
//! A table is a safetensors file (docs/training.md): for each sentence a tensor `[words, width]`, called by the lower-cased
//! words with a blank between them.

use crate::bundle::tensors::{self, Element, Most, Place};
use crate::bundle::{Bytes, addressable};
use crate::{Error, ErrorKind, Result};
use half::f16;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// The most that a table may have: a million sentences, 64 MiB of their names.
const MOST: Most = Most { header: 64 << 20, tensors: 1 << 20 };
/// The most numbers of a vector, as a bundle's.
const MAX_WIDTH: usize = 2048;
/// What to do about a table that is refused.
const AGAIN: &str = "make the table again: docs/training.md says how";

/// A table of word vectors by sentence.
#[derive(Debug, Clone)]
pub struct SentenceVectors {
    bytes: Bytes,
    width: usize,
    sentences: HashMap<String, Place>,
}

impl SentenceVectors {
    /// Maps the file at `path`, which nobody may write to while the table is open: where a mapped file is truncated, the
    /// operating system ends the process (SIGBUS). [`SentenceVectors::from_bytes`] takes memory of the caller's own.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path.display(), e);
        // Asked before it is opened: opening a FIFO would wait for its writer.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(Error::new(ErrorKind::Input, "not a regular file").remedy(AGAIN).at(path.display()));
        }
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let bytes = addressable(length).and_then(|length| Bytes::map(&file, 0, length));
        bytes.and_then(Self::from_bytes).map_err(|e| e.at(path.display()))
    }

    /// The table in `bytes`. The names and shapes of all tensors are checked here, the numbers of a sentence where it is
    /// scored.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        let refused = |message: String| Error::new(ErrorKind::Input, message).remedy(AGAIN);
        let again = |e: Error| e.remedy(AGAIN);
        let (mut tensors, start) = tensors::read(&bytes, &MOST, &[Element::F16, Element::F32]).map_err(again)?;
        tensors::contiguous(&mut tensors, start, bytes.len()).map_err(again)?;
        let width = tensors.first().and_then(|(_, place)| place.shape.get(1).copied()).unwrap_or_default();
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(refused(format!("its first tensor is not `[words, width]`, with a width of 1 to {MAX_WIDTH}")));
        }
        let other = tensors.iter().find(|(name, place)| place.shape != [name.split(' ').count(), width]);
        if let Some((name, place)) = other {
            let words = name.split(' ').count();
            let message = format!("shape {:?}, where its {words} words make [{words}, {width}]", place.shape);
            return Err(refused(message).at(format!("{name:.80?}")));
        }
        Ok(Self { bytes, width, sentences: tensors.into_iter().collect() })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vectors of `words`, `[words, width]`. Fails where the table lacks the sentence, or has numbers for it that are
    /// not finite.
    pub fn get(&self, words: &[String]) -> Result<Vec<f32>> {
        let rows = self.rows(words)?;
        let mut values = vec![0.0; words.len() * self.width];
        values.chunks_exact_mut(self.width).enumerate().for_each(|(word, row)| rows.copy(word, row));
        Ok(values)
    }

    /// The same where it lies.
    pub(super) fn rows(&self, words: &[String]) -> Result<Rows<'_>> {
        let name = words.join(" ").to_lowercase();
        let Some(place) = self.sentences.get(&name).filter(|place| place.shape[0] == words.len()) else {
            return Err(Error::new(
                ErrorKind::Input,
                format!("the table of word vectors lacks the sentence {name:.80?}"),
            )
            .remedy("add it to the table: docs/training.md says how"));
        };
        let rows = Rows::File(&self.bytes[place.range.clone()], place.element);
        if !rows.is_finite() {
            let message = format!("the word vectors of {name:.80?} are not all finite");
            return Err(Error::new(ErrorKind::Input, message).remedy(AGAIN));
        }
        Ok(rows)
    }
}

/// The vectors of a sentence's words, `[words, width]`, where they lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// In memory.
    Single(&'a [f32]),
    /// In a file, little-endian.
    File(&'a [u8], Element),
}

impl Rows<'_> {
    /// Writes the vector of the `word`-th word, which is as long as `row`.
    pub fn copy(&self, word: usize, row: &mut [f32]) {
        let width = row.len();
        match *self {
            Self::Single(values) => row.copy_from_slice(&values[word * width..][..width]),
            // A file's numbers may lie anywhere.
            Self::File(bytes, Element::F16) => row
                .iter_mut()
                .zip(bytes[2 * word * width..].as_chunks().0)
                .for_each(|(out, &number)| *out = f16::from_le_bytes(number).to_f32()),
            Self::File(bytes, Element::F32) => row
                .iter_mut()
                .zip(bytes[4 * word * width..].as_chunks().0)
                .for_each(|(out, &number)| *out = f32::from_le_bytes(number)),
        }
    }

    /// Whether each number is.
    pub fn is_finite(&self) -> bool {
        match *self {
            Self::Single(values) => values.iter().all(|value| value.is_finite()),
            Self::File(bytes, Element::F16) => {
                bytes.as_chunks().0.iter().all(|&number| f16::from_le_bytes(number).is_finite())
            }
            Self::File(bytes, Element::F32) => {
                bytes.as_chunks().0.iter().all(|&number| f32::from_le_bytes(number).is_finite())
            }
        }
    }
}
