//! Kernels for callers with an encoder of their own: rows of sentences as C gives them, and the CRF.

use super::boundary::{Outcome, argument, call, shared, slice};
use super::error::mtl_error;
use super::status::mtl_status;
use crate::cancel::Cancel;
use crate::kernels::crf::{Prepared, Transitions, viterbi};
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::ffi::c_void;

/// Type of numbers: 32-bit floating point.
pub const MTL_F32: u32 = 1;
/// Type of numbers: 16-bit floating point (IEEE 754 binary16).
pub const MTL_F16: u32 = 2;

/// The most labels that a CRF can have here.
pub const MTL_CRF_MAX_LABELS: u32 = 4096;

/// The parameters of a linear-chain CRF: a path scores `start[z_1] + sum_t emission_t[z_t] + sum_t transitions[z_t][z_t-1]
/// + end[z_n]`. Minus infinity forbids.
#[repr(C)]
pub struct mtl_crf {
    /// Size of this structure; the caller sets it to `sizeof(mtl_crf)`.
    pub struct_size: u32,
    /// Number of labels K, from 1 to `MTL_CRF_MAX_LABELS`.
    pub labels: u32,
    /// K scores of beginning with a label.
    pub start: *const f32,
    /// K scores of ending with a label.
    pub end: *const f32,
    /// K x K scores: `transitions[to * K + from]`.
    pub transitions: *const f32,
}

/// The rows of several sentences, one a token: emissions for a CRF, features for a BiLSTM. With N numbers a row, number k
/// of token t of sentence s is element `s * sentence_stride + t * token_stride + k`.
#[repr(C)]
pub struct mtl_sequences {
    /// Size of this structure; the caller sets it to `sizeof(mtl_sequences)`.
    pub struct_size: u32,
    /// `MTL_F32` or `MTL_F16`.
    pub element: u32,
    /// The elements; all that belong to a token are finite.
    pub data: *const c_void,
    /// How many elements `data` has.
    pub data_count: usize,
    /// Elements from a sentence to the next.
    pub sentence_stride: usize,
    /// Elements from a token to the next, at least N.
    pub token_stride: usize,
    /// How many sentences there are.
    pub sentences: u32,
    /// The number of tokens of each.
    pub lengths: *const u32,
}

pub(super) fn versioned<T>(size: u32, name: &str) -> Outcome<()> {
    if (size as usize) < size_of::<T>() {
        let message = format!("{name}: struct_size is {size}, less than {}", size_of::<T>());
        return Err(argument(message, "set struct_size to the structure's size"));
    }
    Ok(())
}

pub(super) fn transitions(crf: *const mtl_crf) -> Outcome<Transitions> {
    let crf = shared(crf, "crf")?;
    versioned::<mtl_crf>(crf.struct_size, "crf")?;
    if crf.labels == 0 || crf.labels > MTL_CRF_MAX_LABELS {
        return Err(argument(format!("{} labels", crf.labels), "a CRF has 1 to MTL_CRF_MAX_LABELS labels"));
    }
    let labels = crf.labels as usize;
    let read = |values, count, name: &str| -> Outcome<Vec<f32>> {
        let values: &[f32] = slice(values, count, name)?;
        match values.iter().position(|&v| v.is_nan() || v == f32::INFINITY) {
            None => Ok(values.to_vec()),
            Some(index) => {
                let message = format!("{name}[{index}] is {}", values[index]);
                Err(argument(message, "scores are finite, or minus infinity to forbid"))
            }
        }
    };
    Ok(Transitions {
        labels,
        start: read(crf.start, labels, "crf.start")?,
        end: read(crf.end, labels, "crf.end")?,
        pairs: read(crf.transitions, labels * labels, "crf.transitions")?,
    })
}

/// Numbers of either type.
pub(super) enum Elements<'a> {
    Single(&'a [f32]),
    Half(&'a [f16]),
}

impl<'a> Elements<'a> {
    /// `count` numbers of the type `element` at `data`; `name` says where the two were given.
    pub fn new(element: u32, data: *const c_void, count: usize, name: &str) -> Outcome<Self> {
        match element {
            MTL_F32 => Ok(Self::Single(slice(data.cast(), count, name)?)),
            MTL_F16 => Ok(Self::Half(slice(data.cast(), count, name)?)),
            other => Err(argument(format!("the element of {name} is {other}"), "pass MTL_F32 or MTL_F16")),
        }
    }

    /// Writes the numbers from `start` on into `row`.
    pub fn read(&self, start: usize, row: &mut [f32]) {
        match self {
            Self::Single(values) => row.copy_from_slice(&values[start..start + row.len()]),
            Self::Half(values) => values[start..start + row.len()].convert_to_f32_slice(row),
        }
    }
}

/// Rows of sentences whose strides and lengths were checked.
pub(super) struct Sequences<'a> {
    elements: Elements<'a>,
    lengths: &'a [u32],
    sentence_stride: usize,
    token_stride: usize,
    width: usize,
    name: &'static str,
}

impl<'a> Sequences<'a> {
    /// Reads what the argument `name` points to; `width` is how many numbers a row has.
    pub fn new(sequences: *const mtl_sequences, width: usize, name: &'static str) -> Outcome<Self> {
        let given: &mtl_sequences = shared(sequences, name)?;
        versioned::<mtl_sequences>(given.struct_size, name)?;
        let elements = Elements::new(given.element, given.data, given.data_count, &format!("{name}.data"))?;
        let lengths = slice(given.lengths, given.sentences as usize, &format!("{name}.lengths"))?;
        let (sentence_stride, token_stride) = (given.sentence_stride, given.token_stride);
        for (sentence, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            if token_stride < width {
                let message = format!("{name}.token_stride is {token_stride}, less than the {width} numbers of a row");
                return Err(argument(message, "a token's row does not overlap the next one's"));
            }
            let last = (length as usize - 1).checked_mul(token_stride);
            let end = sentence.checked_mul(sentence_stride).and_then(|s| last?.checked_add(s)?.checked_add(width));
            if end.is_none_or(|end| end > given.data_count) {
                let message = format!("sentence {sentence} of {length} tokens ends beyond {name}.data_count");
                return Err(argument(message, "check lengths and strides"));
            }
        }
        Ok(Self { elements, lengths, sentence_stride, token_stride, width, name })
    }

    /// The number of tokens of each sentence.
    pub fn lengths(&self) -> Vec<usize> {
        self.lengths.iter().map(|&length| length as usize).collect()
    }

    /// The number of tokens of all sentences.
    pub fn tokens(&self) -> usize {
        self.lengths().iter().sum()
    }

    /// Writes the row of a token into `row`.
    pub fn row(&self, sentence: usize, token: usize, row: &mut [f32]) {
        self.elements.read(sentence * self.sentence_stride + token * self.token_stride, row);
    }

    /// The rows of a sentence, `[length, width]`; one that is not finite is an error.
    pub fn sentence(&self, sentence: usize, rows: &mut Vec<f32>) -> Outcome<()> {
        rows.resize(self.lengths[sentence] as usize * self.width, 0.0);
        rows.chunks_exact_mut(self.width).enumerate().for_each(|(token, row)| self.row(sentence, token, row));
        match rows.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(index) => {
                let (name, token, number) = (self.name, index / self.width, index % self.width);
                let message =
                    format!("number {number} of token {token} of sentence {sentence} of {name} is not finite");
                Err(argument(message, "check the encoder"))
            }
        }
    }
}

/// A buffer of the caller's for `count` elements.
pub(super) fn buffer<'a, T>(pointer: *mut T, room: usize, count: usize, name: &str) -> Outcome<&'a mut [T]> {
    if room < count {
        return Err(argument(
            format!("{name} has room for {room} elements, and {count} are needed"),
            "pass a larger one",
        ));
    }
    slice(pointer, count, name)?;
    // SAFETY: law 5: the caller lends the buffer exclusively; `slice` has seen that it is neither NULL nor misaligned
    // where there is something to write, and the caller states its room.
    Ok(if count == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(pointer, count) } })
}

/// The best path of each sentence (Viterbi). `out_labels` receives the labels of all tokens, the sentences one behind the
/// other, and has room for `labels_room` of them; `out_scores` (may be NULL) the score of each sentence's path. Nothing is
/// written on failure. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_crf_viterbi(
    crf: *const mtl_crf,
    emissions: *const mtl_sequences,
    out_labels: *mut u32,
    labels_room: usize,
    out_scores: *mut f32,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let transitions = transitions(crf)?;
        let emissions = Sequences::new(emissions, transitions.labels, "emissions")?;
        let out = buffer(out_labels, labels_room, emissions.tokens(), "out_labels")?;
        let never = Cancel::new();
        let (mut labels, mut scores, mut rows) = (Vec::with_capacity(out.len()), Vec::new(), Vec::new());
        for sentence in 0..emissions.lengths.len() {
            emissions.sentence(sentence, &mut rows)?;
            let (path, score) = viterbi(&rows, &transitions, &never)?;
            labels.extend(path.into_iter().map(u32::from));
            scores.push(score);
        }
        out.copy_from_slice(&labels);
        if !out_scores.is_null() {
            buffer(out_scores, scores.len(), scores.len(), "out_scores")?.copy_from_slice(&scores);
        }
        Ok(())
    })
}

/// P(label of the token | sentence) for each token and label (forward-backward), at `temperature` (1 for the CRF as it
/// is). `out_marginals` receives `[tokens, labels]` values, the sentences one behind the other, and has room for
/// `marginals_room`; `out_log_z` (may be NULL) the logarithm of each sentence's partition function. Nothing is written on
/// failure. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_crf_marginals(
    crf: *const mtl_crf,
    emissions: *const mtl_sequences,
    temperature: f32,
    out_marginals: *mut f32,
    marginals_room: usize,
    out_log_z: *mut f64,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        if !temperature.is_finite() || temperature <= 0.0 {
            return Err(argument(format!("the temperature is {temperature}"), "pass a positive number"));
        }
        let transitions = transitions(crf)?;
        let emissions = Sequences::new(emissions, transitions.labels, "emissions")?;
        let count = emissions.tokens().saturating_mul(transitions.labels);
        let out = buffer(out_marginals, marginals_room, count, "out_marginals")?;
        let prepared = Prepared::with_temperature(&transitions, temperature);
        let never = Cancel::new();
        let (mut values, mut log_z, mut rows) = (Vec::with_capacity(count), Vec::new(), Vec::new());
        for sentence in 0..emissions.lengths.len() {
            emissions.sentence(sentence, &mut rows)?;
            let found = prepared.marginals(&rows, &never)?;
            values.extend(found.unary);
            log_z.push(found.log_z);
        }
        out.copy_from_slice(&values);
        if !out_log_z.is_null() {
            buffer(out_log_z, log_z.len(), log_z.len(), "out_log_z")?.copy_from_slice(&log_z);
        }
        Ok(())
    })
}
