//! What was learnt of one learner: an offset to their embedding, and how sure it is; a few hundred bytes that an app keeps.

use super::History;
use crate::{Error, ErrorKind, Result};

/// What a learner's bytes begin with; the last byte is the version.
const MAGIC: &[u8; 8] = b"MTLLRNR\x02";
/// The longest name of a user, in bytes.
pub(super) const MAX_USER: usize = 1024;
/// The widest embedding: as a bundle's.
const MAX_EMBEDDING: usize = 2048;
/// The most directions that a learner is fitted in: the first one carries nearly all that tells learners apart.
pub(super) const MAX_RANK: usize = 4;
/// The largest number of an offset or a precision. Fitted ones are far below; beyond it, arithmetic could overflow.
const MAX_NUMBER: f32 = 1e9;

/// A learner as [`Scorer::adapt`](super::Scorer::adapt) has fitted them: N(offset, precision⁻¹), the posterior of what to
/// add to the row of `user.embedding` that the model has for them, the unknown one for a learner that it does not know.
///
/// It is the whole state of a learner's session: adapt to what was answered, keep the bytes, go on from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Learner {
    pub(super) user: String,
    /// `[embedding]`.
    pub(super) offset: Vec<f32>,
    /// Words observed so far.
    pub(super) words: u64,
    /// SHA-256 of the bundle's `bundle.json`, as 64 hexadecimal digits.
    pub(super) model: String,
    /// The lower triangle, row by row, of the precision in the coordinates of the model's directions.
    pub(super) precision: Vec<f32>,
    /// The answers, where the model reads them; else none.
    pub(super) history: History,
}

impl Learner {
    /// The learner: exercises of this `user` are scored with the offset.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What is added to the user's row of `user.embedding`, `[embedding]`.
    pub fn offset(&self) -> &[f32] {
        &self.offset
    }

    /// The digest of the model that it was fitted to: [`Bundle::digest`](crate::bundle::Bundle::digest).
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How many answered words it was fitted to, over all calls.
    pub fn words(&self) -> u64 {
        self.words
    }

    /// In how many directions it was fitted.
    pub(super) fn rank(&self) -> usize {
        rank(self.precision.len())
    }

    /// For storage: little-endian, 4 bytes for each number of the embedding, about 170 more, and the name; with a model that
    /// reads what was answered before, about 30 more for each distinct word.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.model.as_bytes());
        bytes.extend(self.words.to_le_bytes());
        for count in [self.user.len(), self.offset.len(), self.rank()] {
            bytes.extend((count as u32).to_le_bytes());
        }
        bytes.extend(self.user.as_bytes());
        bytes.extend(self.offset.iter().chain(&self.precision).flat_map(|x| x.to_le_bytes()));
        self.history.write(&mut bytes);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Bytes of anything else are an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let learner = Self::take(&mut rest)?;
        match rest.len() {
            0 => Ok(learner),
            more => Err(malformed(format!("{more} bytes follow its end"))),
        }
    }

    /// Reads learners that stand one behind the other.
    pub fn all_from_bytes(mut bytes: &[u8]) -> Result<Vec<Self>> {
        let mut learners = Vec::new();
        while !bytes.is_empty() {
            learners.push(Self::take(&mut bytes).map_err(|e| e.at(format!("learner {}", learners.len())))?);
        }
        Ok(learners)
    }

    /// Reads a learner and leaves what follows it.
    fn take(rest: &mut &[u8]) -> Result<Self> {
        let magic: [u8; 8] = array(rest)?;
        if magic[..7] != MAGIC[..7] {
            return Err(malformed("it does not begin as a learner does"));
        }
        if magic[7] != MAGIC[7] {
            let message = format!("a learner of version {}, where this libmtl reads {}", magic[7], MAGIC[7]);
            return Err(Error::new(ErrorKind::Input, message).remedy("adapt anew from the history"));
        }
        let model: [u8; 64] = array(rest)?;
        if !model.iter().all(u8::is_ascii_hexdigit) {
            return Err(malformed("the model's digest is none"));
        }
        let (model, words) = (model.map(char::from).iter().collect(), u64::from_le_bytes(array(rest)?));
        let mut count = |name: &str, least: usize, most: usize| -> Result<usize> {
            let count = u32::from_le_bytes(array(rest)?) as usize;
            match (least..=most).contains(&count) {
                true => Ok(count),
                false => Err(malformed(format!("{name} is {count}, where it must be {least} to {most}"))),
            }
        };
        let user = count("the length of the user's name", 1, MAX_USER)?;
        let embedding = count("the embedding's width", 1, MAX_EMBEDDING)?;
        let rank = count("the number of directions", 1, MAX_RANK)?;
        let user = String::from_utf8(bytes(rest, user)?.to_vec())
            .map_err(|e| malformed("the user's name is not UTF-8").caused_by(e))?;
        let (offset, precision) = (numbers(rest, embedding)?, numbers(rest, rank * (rank + 1) / 2)?);
        super::linear::factor(&square(&precision), rank)
            .ok_or_else(|| malformed("its precision is not positive definite"))?;
        let history = History::take(rest)?;
        Ok(Self { user, offset, words, model, precision, history })
    }
}

/// The rank of a lower triangle of so many numbers.
fn rank(triangle: usize) -> usize {
    (0..).find(|r| r * (r + 1) / 2 >= triangle).unwrap_or(0)
}

/// The lower triangle of a symmetric matrix, row by row.
pub(super) fn triangle(matrix: &[f64], rank: usize) -> Vec<f32> {
    (0..rank).flat_map(|row| &matrix[row * rank..][..=row]).map(|&x| x as f32).collect()
}

/// The symmetric matrix of a lower triangle.
pub(super) fn square(triangle: &[f32]) -> Vec<f64> {
    let rank = rank(triangle.len());
    let mut matrix = vec![0.0; rank * rank];
    let mut values = triangle.iter();
    for row in 0..rank {
        for (column, &value) in (0..=row).zip(values.by_ref()) {
            matrix[row * rank + column] = f64::from(value);
            matrix[column * rank + row] = f64::from(value);
        }
    }
    matrix
}

pub(super) fn bytes<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (first, behind) = rest.split_at_checked(count).ok_or_else(|| malformed("its bytes end too early"))?;
    *rest = behind;
    Ok(first)
}

pub(super) fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let mut array = [0; N];
    array.copy_from_slice(bytes(rest, N)?);
    Ok(array)
}

fn numbers(rest: &mut &[u8], count: usize) -> Result<Vec<f32>> {
    let numbers: Vec<f32> = bytes(rest, 4 * count)?
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()))
        .collect();
    match numbers.iter().find(|number| !(-MAX_NUMBER..=MAX_NUMBER).contains(*number)) {
        None => Ok(numbers),
        Some(number) => Err(malformed(format!("one of its numbers is {number}"))),
    }
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Input, format!("not a stored learner: {}", message.into()))
        .remedy("pass the bytes that were stored, whole")
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
