//! Weights in the order in which the kernels read them.

use super::Sizes;
use crate::kernels::crf::Transitions;
use crate::kernels::dense::Affine;
use half::f16;

/// Packs a layer of 4 outputs a unit: `[units / 8 groups, tile 2, inputs / 16 steps, lane 32, 8]`, which is what each lane
/// of a warp holds of the left-hand side of `mma.m16n8k16` (PTX manual, "Matrix Fragments for mma.m16n8k16"). Row `r` of a
/// tile is output `2 * tile + r / 8` of unit `r % 8` of the group.
///
/// `weight(unit, output, input)` gives the entries; `units` is rounded up to 8, `inputs` to 16.
pub fn pack(units: usize, inputs: usize, weight: impl Fn(usize, usize, usize) -> f32) -> Vec<f16> {
    let steps = inputs.div_ceil(16);
    let mut packed = Vec::with_capacity(units.div_ceil(8) * 2 * steps * 32 * 8);
    for group in 0..units.div_ceil(8) {
        for tile in 0..2 {
            for step in 0..steps {
                for (lane, place) in (0..32).flat_map(|lane| (0..8).map(move |place| (lane, place))) {
                    // Four registers of two halves: upper rows, lower rows, then the same 8 columns on.
                    let (register, half) = (place / 2, place % 2);
                    let (unit, output) = (8 * group + lane / 4, 2 * tile + register % 2);
                    let input = 16 * step + register / 2 * 8 + lane % 4 * 2 + half;
                    packed.push(f16::from_f32(weight(unit, output, input)));
                }
            }
        }
    }
    packed
}

/// One direction's weights as a bundle holds them, gates i, o, f, c (ONNX's order).
#[derive(Debug, Clone, Copy)]
pub struct Lstm<'a> {
    /// `[4 hidden, inputs]`.
    pub input: &'a [f32],
    /// `[4 hidden, hidden]`.
    pub recurrent: &'a [f32],
    /// `[8 hidden]`: input biases, then recurrent biases.
    pub bias: &'a [f32],
}

/// Where the kernels' gates i, f, g, o stand in ONNX's order.
const GATES: [usize; 4] = [0, 2, 3, 1];

/// What the projection and the BiLSTM read, which stays from call to call.
#[derive(Debug, Clone)]
pub struct Weights {
    /// For `project.cu`.
    pub projection: Vec<f16>,
    /// `[2 units, 4]`: both biases of each gate.
    pub projection_bias: Vec<f32>,
    /// For both BiLSTM kernels.
    pub recurrent: Vec<f16>,
}

impl Weights {
    /// Packs a forward and a backward direction.
    ///
    /// Panics where a slice has another length than `sizes` say.
    pub fn new(sizes: &Sizes, directions: [Lstm; 2]) -> Self {
        let &Sizes { inputs, hidden, .. } = sizes;
        let units = sizes.units();
        for lstm in &directions {
            let found = (lstm.input.len(), lstm.recurrent.len(), lstm.bias.len());
            assert_eq!(found, (4 * hidden * inputs, 4 * hidden * hidden, 8 * hidden));
        }
        // A padded unit has zero weights and biases: its candidate is 0, so its state stays 0.
        let gate = |unit: usize, gate: usize| (unit % units < hidden).then(|| GATES[gate] * hidden + unit % units);
        let projection = pack(2 * units, inputs, |unit, output, input| match gate(unit, output) {
            Some(row) if input < inputs => directions[unit / units].input[row * inputs + input],
            _ => 0.0,
        });
        let recurrent = pack(2 * units, units, |unit, output, input| match gate(unit, output) {
            Some(row) if input < hidden => directions[unit / units].recurrent[row * hidden + input],
            _ => 0.0,
        });
        let both = |unit: usize, output: usize| {
            let bias = directions[unit / units].bias;
            gate(unit, output).map_or(0.0, |row| bias[row] + bias[4 * hidden + row])
        };
        let projection_bias = (0..8 * units).map(|i| both(i / 4, i % 4)).collect();
        Self { projection, projection_bias, recurrent }
    }

    /// Whether they are for these sizes.
    pub(super) fn fit(&self, sizes: &Sizes) -> bool {
        let units = sizes.units();
        let found = [self.projection.len(), self.projection_bias.len(), self.recurrent.len()];
        found == [8 * units * sizes.row(), 8 * units, 8 * units * units]
    }
}

/// What `crf.cu` reads of a head, which stays from call to call.
#[derive(Debug, Clone)]
pub struct HeadWeights {
    /// Universal, specific, gate.
    pub output: Vec<f16>,
    /// `[labels rounded up to 8, 4]`.
    pub output_bias: Vec<f32>,
    /// `[labels]`.
    pub start: Vec<f32>,
    /// `[labels]`.
    pub end: Vec<f32>,
    /// `[from, to]`.
    pub entering: Vec<f32>,
    /// `[to, from]`.
    pub leaving: Vec<f32>,
}

impl HeadWeights {
    /// Packs the output layer of [`Output`](crate::kernels::output::Output) over `2 * hidden` inputs, and the CRF.
    ///
    /// Panics where a slice has another length than `sizes` say.
    pub fn new(
        sizes: &Sizes,
        universal: Affine,
        specific: Option<(Affine, Affine)>,
        transitions: &Transitions,
    ) -> Self {
        let labels = sizes.labels;
        let (output, output_bias) = output(sizes, universal, specific);
        let entering = (0..labels * labels).map(|i| transitions.pairs[i % labels * labels + i / labels]).collect();
        Self {
            output,
            output_bias,
            start: transitions.start.clone(),
            end: transitions.end.clone(),
            entering,
            leaving: transitions.pairs.clone(),
        }
    }

    /// Whether they are for these sizes.
    pub(super) fn fit(&self, sizes: &Sizes) -> bool {
        let (labels, padded) = (sizes.labels, sizes.labels.next_multiple_of(8));
        let Self { output, output_bias, start, end, entering, leaving } = self;
        (output.len(), output_bias.len()) == (padded * 4 * 2 * sizes.units(), 4 * padded)
            && [start.len(), end.len(), entering.len(), leaving.len()]
                == [labels, labels, labels * labels, labels * labels]
    }
}

/// The output layer and its biases. Without a specific layer the gate is shut, by its bias.
fn output(sizes: &Sizes, universal: Affine, specific: Option<(Affine, Affine)>) -> (Vec<f16>, Vec<f32>) {
    /// Its sigmoid is 0.
    const SHUT: f32 = -1e4;
    let &Sizes { hidden, labels, .. } = sizes;
    let units = sizes.units();
    let layers = [Some(universal), specific.map(|layers| layers.0), specific.map(|layers| layers.1), None];
    for layer in layers.iter().flatten() {
        assert_eq!((layer.weights.len(), layer.bias.len()), (labels * 2 * hidden, labels));
    }
    let weights = pack(labels, 2 * units, |label, output, input| match layers[output] {
        Some(layer) if label < labels && input % units < hidden => {
            layer.weights[label * 2 * hidden + input / units * hidden + input % units]
        }
        _ => 0.0,
    });
    let bias = |i: usize| match layers[i % 4] {
        Some(layer) if i / 4 < labels => layer.bias[i / 4],
        _ if i % 4 == 2 => SHUT,
        _ => 0.0,
    };
    (weights, (0..4 * labels.next_multiple_of(8)).map(bias).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_packed_once() {
        let (units, inputs) = (24, 48);
        let number = |unit: usize, output: usize, input: usize| (unit * 4 + output) * inputs + input;
        let mut seen = vec![0; units * 4 * inputs];
        let cells = std::cell::RefCell::new(&mut seen);
        let packed = pack(units, inputs, |unit, output, input| {
            cells.borrow_mut()[number(unit, output, input)] += 1;
            0.0
        });
        assert_eq!(packed.len(), units * 4 * inputs);
        assert!(seen.iter().all(|&times| times == 1));
    }
}
