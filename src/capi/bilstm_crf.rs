//! BiLSTM, output layer and CRF in one pass, for callers with an encoder of their own.

use super::boundary::{
    Object, Outcome, argument, boxed, call, call_on, free, get, optional, optional_value, out, shared,
};
use super::cancel::mtl_cancel;
use super::error::mtl_error;
use super::kernels::{Elements, MTL_F16, Sequences, buffer, mtl_crf, mtl_sequences, transitions, versioned};
use super::status::mtl_status;
use crate::cancel::Cancel;
use crate::kernels::Kernel;
use crate::kernels::bilstm_crf::BilstmCrf;
use crate::kernels::dense::Affine;
use crate::kernels::lstm::Direction;
use crate::kernels::output::Output;
use std::ffi::c_void;

/// The largest row of features, and the most hidden units of a direction.
pub const MTL_BILSTM_MAX_WIDTH: u32 = 16384;

/// A BiLSTM, a linear layer over both its directions and a CRF, packed for the processor: immutable, to be used from many
/// threads at once.
pub type mtl_bilstm_crf = Object<BilstmCrf>;

/// The weights of a BiLSTM with hidden size H over rows of D features, and of the linear layer that makes K emissions of
/// it. `input`, `recurrent` and `bias` are W, R and B of ONNX's operator LSTM (bidirectional: the forward direction, then
/// the backward one; gates in the order i, o, f, c; zero initial states).
#[repr(C)]
pub struct mtl_bilstm {
    /// Size of this structure; the caller sets it to `sizeof(mtl_bilstm)`.
    pub struct_size: u32,
    /// Type of all weights: `MTL_F32` or `MTL_F16`. All are finite. Those of `MTL_F16` are multiplied by the fastest kernel of this
    /// processor, which may round what it multiplies to 16 bits; those of `MTL_F32` by the fastest one that does not.
    pub element: u32,
    /// D, from 1 to `MTL_BILSTM_MAX_WIDTH`.
    pub inputs: u32,
    /// H, from 1 to `MTL_BILSTM_MAX_WIDTH`.
    pub hidden: u32,
    /// `[2, 4 H, D]`.
    pub input: *const c_void,
    /// `[2, 4 H, H]`.
    pub recurrent: *const c_void,
    /// `[2, 8 H]`: the biases of the input, then those of the recurrence.
    pub bias: *const c_void,
    /// `[K, 2 H]`: the linear layer, over the forward states, then the backward ones.
    pub output: *const c_void,
    /// `[K]`.
    pub output_bias: *const c_void,
}

/// The `count` weights at `data`, in single precision.
fn weights(data: *const c_void, element: u32, count: usize, name: &str) -> Outcome<Vec<f32>> {
    let mut values = vec![0.0; count];
    Elements::new(element, data, count, name)?.read(0, &mut values);
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(index) => Err(argument(format!("{name}[{index}] is {}", values[index]), "weights are finite")),
    }
}

fn size(value: u32, name: &str) -> Outcome<usize> {
    if (1..=MTL_BILSTM_MAX_WIDTH).contains(&value) {
        return Ok(value as usize);
    }
    Err(argument(format!("{name} is {value}"), "it is from 1 to MTL_BILSTM_MAX_WIDTH"))
}

fn network(bilstm: *const mtl_bilstm, crf: *const mtl_crf) -> Outcome<BilstmCrf> {
    let given: &mtl_bilstm = shared(bilstm, "bilstm")?;
    versioned::<mtl_bilstm>(given.struct_size, "bilstm")?;
    let transitions = transitions(crf)?;
    let (inputs, hidden) = (size(given.inputs, "bilstm.inputs")?, size(given.hidden, "bilstm.hidden")?);
    let labels = transitions.labels;
    let read = |data, count, name: &str| weights(data, given.element, count, &format!("bilstm.{name}"));
    let input = read(given.input, 2 * 4 * hidden * inputs, "input")?;
    let recurrent = read(given.recurrent, 2 * 4 * hidden * hidden, "recurrent")?;
    let bias = read(given.bias, 2 * 8 * hidden, "bias")?;
    let output = read(given.output, labels * 2 * hidden, "output")?;
    let output_bias = read(given.output_bias, labels, "output_bias")?;
    let kernel = if given.element == MTL_F16 { Kernel::best() } else { Kernel::exact() };
    let directions = [false, true].map(|reverse| {
        let half = |all: &'_ [f32]| -> std::ops::Range<usize> {
            let middle = all.len() / 2;
            if reverse { middle..all.len() } else { 0..middle }
        };
        let [input, recurrent, bias] = [&input, &recurrent, &bias].map(|all| &all[half(all)]);
        Direction::new(kernel, inputs, hidden, reverse, input, recurrent, bias)
    });
    let output = Output::new(kernel, labels, hidden, Affine { weights: &output, bias: &output_bias }, None);
    Ok(BilstmCrf::new(directions, output, transitions))
}

/// Packs the weights of a BiLSTM with its linear layer, and the CRF over its labels; what they point to may be freed
/// afterwards. The caller frees the object. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bilstm_crf_new(
    bilstm: *const mtl_bilstm,
    crf: *const mtl_crf,
    out_network: *mut *mut mtl_bilstm_crf,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_network, "out_network")?;
        out.write(boxed(network(bilstm, crf)?));
        Ok(())
    })
}

/// Length of the rows of features that it takes; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bilstm_crf_inputs(network: *const mtl_bilstm_crf) -> u32 {
    get(0, || Some(optional(network)?.peek().inputs() as u32))
}

/// The best path of each sentence, from rows of features to labels, on the thread that calls. `out_labels` receives the
/// labels of all tokens, the sentences one behind the other, and has room for `labels_room` of them; `out_scores` (may be
/// NULL) the score of each sentence's path. `cancel` may be NULL. A sentence's path does not depend on the others. Nothing
/// is written on failure. `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bilstm_crf_decode(
    network: *const mtl_bilstm_crf,
    features: *const mtl_sequences,
    cancel: *const mtl_cancel,
    out_labels: *mut u32,
    labels_room: usize,
    out_scores: *mut f32,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on(network, "network", out_error, |network| {
        let features = Sequences::new(features, network.inputs(), "features")?;
        let out = buffer(out_labels, labels_room, features.tokens(), "out_labels")?;
        let never = Cancel::new();
        let cancel = optional_value(cancel)?.unwrap_or(&never);
        let lengths = features.lengths();
        let mut rows = Vec::new();
        for sentence in 0..lengths.len() {
            cancel.check()?;
            features.sentence(sentence, &mut rows)?;
        }
        let mut found = vec![(Vec::new(), 0.0); lengths.len()];
        network.decode(
            &lengths,
            cancel,
            |place, row| features.row(place.sequence, place.token, row),
            |sentence, emissions, path, score| {
                if emissions.iter().all(|value| value.is_finite()) {
                    found[sentence] = (path, score);
                    return Ok(());
                }
                let message = format!("the emissions of sentence {sentence} are too large for single precision");
                Err(argument(message, "check the weights"))
            },
        )?;
        let labels = found.iter().flat_map(|(path, _)| path).map(|&label| u32::from(label));
        out.iter_mut().zip(labels).for_each(|(out, label)| *out = label);
        if !out_scores.is_null() {
            let scores = buffer(out_scores, found.len(), found.len(), "out_scores")?;
            scores.iter_mut().zip(&found).for_each(|(out, (_, score))| *out = *score);
        }
        Ok(())
    })
}

/// Frees it; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bilstm_crf_free(network: *mut mtl_bilstm_crf) {
    free(network);
}
