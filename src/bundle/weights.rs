//! `weights.safetensors`: a reader that admits exactly the tensors the manifest implies, and the writer.
//!
//! The `safetensors` crate checks structure; it accepts duplicate keys, unbounded shapes, NaN, and headers that cost a
//! gigabyte to parse. So the header is read here, and the crate only writes.

use super::bytes::Bytes;
use super::graph::Region;
use super::limits::{self, at_most, malformed};
use super::unique::Pairs;
use crate::{Error, ErrorKind, Result};
use half::f16;
use safetensors::tensor::{Dtype, View};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

#[cfg(target_endian = "big")]
compile_error!("weights are little-endian and are viewed in place: big-endian processors are not supported");

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: Vec<f16>,
}

/// A tensor where it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    /// Dimensions.
    pub shape: &'a [usize],
    /// Values, row-major.
    pub data: &'a [f16],
}

/// The checked file.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    bytes: Bytes,
    tensors: BTreeMap<String, Place>,
}

/// Where a tensor lies, in bytes from the start of the file.
#[derive(Debug, Clone)]
struct Place {
    shape: Vec<usize>,
    range: Range<usize>,
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
        let (mut tensors, mut seen) = (Vec::new(), BTreeSet::new());
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

impl Weights {
    /// Checks that the file holds exactly the tensors of `expected`, in half precision, without gaps or overlaps, and
    /// - unless `trusted` - that each value is finite.
    pub fn open(bytes: Bytes, expected: &[(String, Vec<usize>)], trusted: bool) -> Result<Self> {
        let (header, start) = header(&bytes)?;
        let size = (bytes.len() - start) as u64;
        let mut wanted: BTreeMap<&str, &[usize]> = expected.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
        let mut tensors = Vec::new();
        for (name, entry) in header {
            let check = || -> Result<Place> {
                let range = extent(&entry, size)?;
                let shape =
                    wanted.get(name.as_str()).ok_or_else(|| malformed("the architecture has no such tensor"))?;
                if !entry.shape.iter().copied().eq(shape.iter().map(|&d| d as u64)) {
                    let message = format!("shape {:?}, where the manifest implies {shape:?}", entry.shape);
                    return Err(malformed(message).at("shape"));
                }
                Ok(Place { shape: shape.to_vec(), range: start + range.start as usize..start + range.end as usize })
            };
            let place = check().map_err(|e| e.at(limits::clip(&name)))?;
            wanted.remove(name.as_str());
            tensors.push((name, place));
        }
        if let Some(name) = wanted.keys().next() {
            return Err(malformed("missing, though the manifest implies it").at(*name));
        }
        contiguous(&mut tensors, start, bytes.len())?;
        let weights = Self { bytes, tensors: tensors.into_iter().collect() };
        if !trusted {
            weights.finite()?;
        }
        Ok(weights)
    }

    /// The whole file.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let place = self.tensors.get(name)?;
        Some(TensorView { shape: &place.shape, data: bytemuck::cast_slice(&self.bytes[place.range.clone()]) })
    }

    /// Where each tensor lies.
    pub fn regions(&self) -> Vec<Region> {
        let region = |(name, place): (&String, &Place)| {
            (name.clone(), place.shape.clone(), place.range.start as u64, place.range.len() as u64)
        };
        self.tensors.iter().map(region).collect()
    }

    fn finite(&self) -> Result<()> {
        /// All ones in infinities and NaN only.
        const EXPONENT: u16 = 0x7c00;
        for (name, place) in &self.tensors {
            let values: &[u16] = bytemuck::cast_slice(&self.bytes[place.range.clone()]);
            if let Some(i) = values.iter().position(|v| v & EXPONENT == EXPONENT) {
                let message =
                    format!("{} at index {i}, where only finite numbers are allowed", f16::from_bits(values[i]));
                return Err(malformed(message).at(name));
            }
        }
        Ok(())
    }
}

/// The header's tensors, and where the data begin.
fn header(bytes: &[u8]) -> Result<(Vec<(String, Entry)>, usize)> {
    let place = |e: Error| e.at("header");
    let head = bytes.first_chunk::<8>().ok_or_else(|| place(malformed("shorter than the length of its header")))?;
    let length = u64::from_le_bytes(*head);
    at_most("bytes", length, limits::HEADER_BYTES).map_err(place)?;
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
    at_most("tensors", tensors.0.len() as u64, limits::TENSORS as u64).map_err(place)?;
    Ok((tensors.0, start))
}

/// The tensor's bytes within data of `size` bytes, if they are what its type and shape need.
fn extent(entry: &Entry, size: u64) -> Result<Range<u64>> {
    if entry.dtype != "F16" {
        return Err(malformed(format!("`{}`, where weights are F16", entry.dtype)).at("dtype"));
    }
    at_most("dimensions", entry.shape.len() as u64, limits::RANK as u64).map_err(|e| e.at("shape"))?;
    let mut needed = 2u64;
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
    Ok(begin..end)
}

/// Sorts by place and refuses gaps and overlaps.
fn contiguous(tensors: &mut [(String, Place)], start: usize, end: usize) -> Result<()> {
    tensors.sort_by_key(|(_, place)| (place.range.start, place.range.end));
    let mut reached = start;
    for (name, place) in tensors.iter() {
        if place.range.start != reached {
            let fault = if place.range.start < reached { "overlaps the tensor before it" } else { "follows a gap" };
            return Err(malformed(fault).at("data_offsets").at(name));
        }
        reached = place.range.end;
    }
    if reached != end {
        return Err(malformed(format!("{} bytes after the last tensor", end - reached)).at("data"));
    }
    Ok(())
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(&self.data))
    }

    fn data_len(&self) -> usize {
        self.data.len() * 2
    }
}

/// The file's bytes for `tensors`.
pub(super) fn write(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    for (name, tensor) in tensors {
        let needed = tensor.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if needed != Some(tensor.data.len()) {
            let message = format!("{} values, which shape {:?} does not hold", tensor.data.len(), tensor.shape);
            return Err(Error::new(ErrorKind::Argument, message)
                .at(name)
                .remedy("give as many values as the shape says"));
        }
    }
    safetensors::serialize(tensors, None)
        .map_err(|e| Error::new(ErrorKind::Bundle, e.to_string()).at(super::layout::WEIGHTS).caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<(String, Vec<usize>)> {
        vec![("b".into(), vec![3]), ("a".into(), vec![2, 2]), ("c".into(), vec![1])]
    }

    fn tensors() -> BTreeMap<String, Tensor> {
        let tensor = |shape: Vec<usize>| {
            let count = shape.iter().product::<usize>();
            Tensor { data: (0..count).map(|i| f16::from_f32(i as f32 / 4.0)).collect(), shape }
        };
        shapes().into_iter().map(|(name, shape)| (name, tensor(shape))).collect()
    }

    fn open(bytes: &[u8]) -> Result<Weights> {
        Weights::open(Bytes::from(bytes), &shapes(), false)
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&tensors()).unwrap();
        let weights = open(&bytes).unwrap();
        assert_eq!(&**weights.bytes(), &bytes[..]);
        for (name, tensor) in tensors() {
            let view = weights.tensor(&name).unwrap();
            assert_eq!((view.shape, view.data), (&tensor.shape[..], &tensor.data[..]));
        }
        assert!(weights.tensor("d").is_none());
        for (name, shape, offset, length) in weights.regions() {
            let view = weights.tensor(&name).unwrap();
            assert_eq!(view.shape, shape);
            assert_eq!(&bytes[offset as usize..(offset + length) as usize], bytemuck::cast_slice::<_, u8>(view.data));
        }
    }

    #[test]
    fn order_and_metadata_are_free() {
        let header = r#"{"c":{"shape":[1],"dtype":"F16","data_offsets":[6,8]},"__metadata__":{"by":"hand"},
            "b":{"dtype":"F16","data_offsets":[0,6],"shape":[3]},"a":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]}}"#;
        for length in [header.len().next_multiple_of(8), limits::HEADER_BYTES as usize] {
            let padding = " ".repeat(length - header.len());
            let head = (length as u64).to_le_bytes();
            open(&[&head, header.as_bytes(), padding.as_bytes(), &[0; 16]].concat()).unwrap();
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = write(&tensors()).unwrap();
        for cut in 0..bytes.len() {
            let message = open(&bytes[..cut]).unwrap_err().to_string();
            assert!(message.contains("again"), "cut at {cut}: {message}");
        }
    }

    #[test]
    fn every_value_but_infinities_and_nan_is_finite() {
        for bits in 0..=u16::MAX {
            let mut tensors = tensors();
            tensors.get_mut("b").unwrap().data[1] = f16::from_bits(bits);
            let opened = open(&write(&tensors).unwrap());
            assert_eq!(opened.is_ok(), f16::from_bits(bits).is_finite(), "{bits:#x}");
        }
        let mut tensors = tensors();
        tensors.get_mut("b").unwrap().data[1] = f16::NAN;
        let bytes = write(&tensors).unwrap();
        assert_eq!(open(&bytes).unwrap_err().place(), "b");
        assert!(Weights::open(Bytes::from(&bytes[..]), &shapes(), true).is_ok());
    }

    #[test]
    fn values_that_do_not_fill_the_shape_are_not_written() {
        let mut tensors = tensors();
        tensors.get_mut("a").unwrap().data.pop();
        let error = write(&tensors).unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::Argument, "a"));
    }

    #[test]
    fn shapes_are_bounded() {
        let entry = |shape: &[u64], end| Entry { dtype: "F16".into(), shape: shape.to_vec(), data_offsets: (0, end) };
        assert_eq!(extent(&entry(&[1 << 31], 1 << 32), 1 << 32).unwrap(), 0..1 << 32);
        assert_eq!(extent(&entry(&[1; 8], 2), 2).unwrap(), 0..2);
        assert_eq!(extent(&entry(&[], 2), 2).unwrap(), 0..2);
        let limit = |shape: &[u64]| extent(&entry(shape, 2), 2).unwrap_err().kind() == ErrorKind::Limit;
        assert!(limit(&[(1 << 31) + 1]) && limit(&[1; 9]) && limit(&[0, u64::MAX]));
        assert!(extent(&entry(&[3], 4), 8).is_err() && extent(&entry(&[2], 4), 3).is_err());
    }
}
