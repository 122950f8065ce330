//! `weights.safetensors`: a reader that admits exactly the tensors the manifest implies, and the writer.

use super::bytes::Bytes;
use super::graph::Region;
use super::limits::{self, malformed};
use super::tensors::{self, Element, Most, Place};
use crate::{Error, ErrorKind, Result};
use half::f16;
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::BTreeMap;

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
#[derive(Debug)]
pub(crate) struct Weights {
    bytes: Bytes,
    tensors: BTreeMap<String, Place>,
}

impl Weights {
    /// Checks that the file holds exactly the tensors of `expected`, in half precision, without gaps or overlaps, and
    /// - unless `trusted` - that each value is finite.
    pub fn open(bytes: Bytes, expected: &[(String, Vec<usize>)], trusted: bool) -> Result<Self> {
        let most = Most { header: limits::HEADER_BYTES, tensors: limits::TENSORS };
        let (mut tensors, start) = tensors::read(&bytes, &most, &[Element::F16])?;
        let mut wanted: BTreeMap<&str, &[usize]> = expected.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
        for (name, place) in &tensors {
            let shape = wanted.remove(name.as_str()).ok_or_else(|| malformed("the architecture has no such tensor"));
            let shape = shape.map_err(|e| e.at(limits::clip(name)))?;
            if place.shape != shape {
                let message = format!("shape {:?}, where the manifest implies {shape:?}", place.shape);
                return Err(malformed(message).at("shape").at(limits::clip(name)));
            }
        }
        if let Some(name) = wanted.keys().next() {
            return Err(malformed("missing, though the manifest implies it").at(*name));
        }
        tensors::contiguous(&mut tensors, start, bytes.len())?;
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
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        let place = self.tensors.get(name).ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("no tensor `{name}`"))
                .at(super::layout::WEIGHTS)
                .remedy("docs/bundle-format.md lists the tensors")
        })?;
        Ok(TensorView { shape: &place.shape, data: bytemuck::cast_slice(&self.bytes[place.range.clone()]) })
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
            // Block by block without a branch inside, so that it vectorises.
            let infinite = |block: &[u16]| block.iter().fold(false, |any, v| any | (v & EXPONENT == EXPONENT));
            if let Some(i) = values.chunks(1 << 12).position(infinite) {
                let first = i << 12;
                let i = first + values[first..].iter().take_while(|&v| v & EXPONENT != EXPONENT).count();
                let message =
                    format!("{} at index {i}, where only finite numbers are allowed", f16::from_bits(values[i]));
                return Err(malformed(message).at(name));
            }
        }
        Ok(())
    }
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
        assert!(weights.tensor("d").is_err());
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
}
