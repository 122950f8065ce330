//! The safetensors format under suspicion: which tensors a file holds, and where; not what their values are.
//!
//! The `safetensors` crate checks structure; it accepts duplicate keys, unbounded shapes, and headers that cost a gigabyte
//! to parse. So the header is read here, and the crate only writes.

use super::limits::{self, at_most, malformed};
use super::unique::Pairs;
use crate::{Error, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// The most that a file may have.
pub(crate) struct Most {
    /// Bytes of the header.
    pub header: u64,
    /// Tensors.
    pub tensors: usize,
}

/// Types of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
}

impl Element {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub element: Element,
    pub shape: Vec<usize>,
    /// In bytes from the start of the file.
    pub range: Range<usize>,
}

/// A tensor as the header describes it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The header: tensors in the order of the text. `__metadata__` is checked for its form and ignored.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
        let (mut tensors, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("duplicate key `{name}`")));
            }
            if name == "__metadata__" {
                map.next_value::<Pairs<String>>()?;
            } else {
                tensors.push((name, map.next_value()?));
            }
        }
        Ok(Header(tensors))
    }
}

/// The tensors of a file, of one of the types `elements`, and where their data begin. Whether they cover the data is
/// another question: [`contiguous`] answers it.
pub(crate) fn read(bytes: &[u8], most: &Most, elements: &[Element]) -> Result<(Vec<(String, Place)>, usize)> {
    let (header, start) = header(bytes, most)?;
    let size = (bytes.len() - start) as u64;
    let place = |(name, entry): (String, Entry)| match extent(&entry, size, elements) {
        Err(error) => Err(error.at(limits::clip(&name))),
        Ok((element, range)) => {
            let range = start + range.start as usize..start + range.end as usize;
            Ok((name, Place { element, shape: entry.shape.iter().map(|&n| n as usize).collect(), range }))
        }
    };
    Ok((header.into_iter().map(place).collect::<Result<_>>()?, start))
}

/// The header's tensors, and where the data begin.
fn header(bytes: &[u8], most: &Most) -> Result<(Vec<(String, Entry)>, usize)> {
    let place = |e: Error| e.at("header");
    let head = bytes.first_chunk::<8>().ok_or_else(|| place(malformed("shorter than the length of its header")))?;
    let length = u64::from_le_bytes(*head);
    at_most("bytes", length, most.header).map_err(place)?;
    if length % 8 != 0 {
        return Err(place(malformed(format!("{length} bytes long, which is no multiple of 8"))));
    }
    let start = 8 + length as usize;
    let text = bytes.get(8..start).ok_or_else(|| place(malformed("runs past the end of the file")))?;
    let text = std::str::from_utf8(text).map_err(|e| place(malformed("not UTF-8").caused_by(e)))?;
    if !text.starts_with('{') {
        return Err(place(malformed("does not begin with `{`")));
    }
    let tensors: Header = serde_json::from_str(text).map_err(|e| place(malformed(e.to_string()).caused_by(e)))?;
    at_most("tensors", tensors.0.len() as u64, most.tensors as u64).map_err(place)?;
    Ok((tensors.0, start))
}

/// The tensor's type, and its bytes within data of `size` bytes, if they are what type and shape need.
fn extent(entry: &Entry, size: u64, elements: &[Element]) -> Result<(Element, Range<u64>)> {
    let element = elements.iter().copied().find(|element| element.name() == entry.dtype).ok_or_else(|| {
        let names: Vec<&str> = elements.iter().map(|element| element.name()).collect();
        malformed(format!("`{}`, where {} is allowed", entry.dtype, names.join(" or "))).at("dtype")
    })?;
    at_most("dimensions", entry.shape.len() as u64, limits::RANK as u64).map_err(|e| e.at("shape"))?;
    let mut needed = element.bytes() as u64;
    for &dimension in &entry.shape {
        at_most("elements in a dimension", dimension, limits::DIMENSION).map_err(|e| e.at("shape"))?;
        needed = needed.checked_mul(dimension).ok_or_else(|| malformed("the product overflows").at("shape"))?;
    }
    let (begin, end) = entry.data_offsets;
    if begin > end || end > size {
        let message = format!("{begin}..{end} does not lie within the {size} bytes of data");
        return Err(malformed(message).at("data_offsets"));
    }
    if end - begin != needed {
        let message = format!("{} bytes, where shape {:?} needs {needed}", end - begin, entry.shape);
        return Err(malformed(message).at("data_offsets"));
    }
    Ok((element, begin..end))
}

/// Sorts by place and refuses gaps and overlaps between `start` and `end`.
pub(crate) fn contiguous(tensors: &mut [(String, Place)], start: usize, end: usize) -> Result<()> {
    tensors.sort_by_key(|(_, place)| (place.range.start, place.range.end));
    let mut reached = start;
    for (name, place) in tensors.iter() {
        if place.range.start != reached {
            let fault = if place.range.start < reached { "overlaps the tensor before it" } else { "follows a gap" };
            return Err(malformed(fault).at("data_offsets").at(limits::clip(name)));
        }
        reached = place.range.end;
    }
    if reached != end {
        return Err(malformed(format!("{} bytes after the last tensor", end - reached)).at("data"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn shapes_are_bounded() {
        const HALF: &[Element] = &[Element::F16];
        let entry = |shape: &[u64], end| Entry { dtype: "F16".into(), shape: shape.to_vec(), data_offsets: (0, end) };
        assert_eq!(extent(&entry(&[1 << 31], 1 << 32), 1 << 32, HALF).unwrap().1, 0..1 << 32);
        assert_eq!(extent(&entry(&[1; 8], 2), 2, HALF).unwrap().1, 0..2);
        assert_eq!(extent(&entry(&[], 2), 2, HALF).unwrap().1, 0..2);
        let limit = |shape: &[u64]| extent(&entry(shape, 2), 2, HALF).unwrap_err().kind() == ErrorKind::Limit;
        assert!(limit(&[(1 << 31) + 1]) && limit(&[1; 9]) && limit(&[0, u64::MAX]));
        assert!(extent(&entry(&[3], 4), 8, HALF).is_err() && extent(&entry(&[2], 4), 3, HALF).is_err());
    }
}
