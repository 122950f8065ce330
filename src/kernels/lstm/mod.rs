//! Bidirectional LSTM: one direction at a time, several sequences in lock-step.
//!
//! Gates i, o, f, c (ONNX's order): c_t = f * c_{t-1} + i * tanh(..), h_t = o * tanh(c_t), zero initial state.
//! Sequences that run together share each read of the weights; a sequence's arithmetic is the same alone.

mod generic;
#[cfg(test)]
mod range_tests;
#[cfg(all(test, any(target_arch = "aarch64", target_arch = "x86_64")))]
mod rounding_tests;

use super::dense::{Matrix, Rows};
use super::{Kernel, KernelName};
use crate::{Cancel, Result};

/// Hidden units are padded to a multiple of this, so that the four gates fill whole panels.
const UNITS: usize = 8;

/// Rows (steps times sequences) whose inputs are projected together.
const BLOCK: usize = 128;

/// The weights of one direction.
#[derive(Debug, Clone)]
pub struct Direction {
    kernel: Kernel,
    hidden: usize,
    /// `hidden` padded.
    units: usize,
    input: Matrix,
    recurrent: Matrix,
    /// `[4 * units]`: input bias plus recurrent bias.
    bias: Vec<f32>,
    reverse: bool,
}

/// A token of a run: which sequence, and which position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the sequence.
    pub sequence: usize,
    /// Position of the token, from the sequence's start in either direction.
    pub token: usize,
}

impl Direction {
    /// Packs for `kernel` `input` `[4 hidden, inputs]`, `inputs` and `hidden` at least 1, `recurrent` `[4 hidden, hidden]` and `bias` `[8 hidden]` (input biases, then
    /// recurrent biases); gate order i, o, f, c. `reverse` runs from the last token to the first.
    ///
    /// Panics where a slice has another length.
    pub fn new(
        kernel: Kernel,
        inputs: usize,
        hidden: usize,
        reverse: bool,
        input: &[f32],
        recurrent: &[f32],
        bias: &[f32],
    ) -> Self {
        assert_eq!((input.len(), recurrent.len(), bias.len()), (4 * hidden * inputs, 4 * hidden * hidden, 8 * hidden));
        let units = hidden.next_multiple_of(UNITS);
        // A padded unit has zero weights: its gates are 1/2, its candidate 0, so its state stays 0.
        let row = |column: usize| (column % units < hidden).then(|| column / units * hidden + column % units);
        let both = |column: usize| row(column).map_or(0.0, |row| bias[row] + bias[4 * hidden + row]);
        Self {
            kernel,
            hidden,
            units,
            input: Matrix::for_rows(Rows::INPUTS, kernel, 4 * units, inputs, |column| {
                weights(input, inputs, row(column))
            }),
            recurrent: Matrix::for_rows(Rows::STATES, kernel, 4 * units, hidden, |column| {
                weights(recurrent, hidden, row(column))
            }),
            bias: (0..4 * units).map(both).collect(),
            reverse,
        }
    }

    /// Length of an input row.
    pub fn inputs(&self) -> usize {
        self.input.inputs()
    }

    /// Length of a row of hidden states, padding included.
    pub fn width(&self) -> usize {
        self.units
    }

    /// Runs sequences of the given `lengths`, the longest first, in lock-step. `fill` writes the input row of a token;
    /// `emit` is given runs of tokens with their hidden states, `[places, width]`. `scratch` holds what the run works
    /// in: its size does not grow with the lengths.
    ///
    /// The only error is that of `cancel`, which is looked at before each step. Panics where the lengths are not in
    /// descending order.
    pub fn run(
        &self,
        lengths: &[usize],
        scratch: &mut Scratch,
        cancel: &Cancel,
        fill: impl FnMut(Place, &mut [f32]),
        emit: impl FnMut(&[Place], &[f32]),
    ) -> Result<()> {
        self.run_projected(lengths, scratch, cancel, |_| None, fill, emit)
    }

    /// As [`Direction::run`], where `projected` gives what [`Direction::project`] made of some tokens' input rows; `fill`
    /// is asked for the others. The result is the same, bit for bit.
    pub fn run_projected<'a>(
        &self,
        lengths: &[usize],
        scratch: &mut Scratch,
        cancel: &Cancel,
        projected: impl Fn(Place) -> Option<&'a [f32]>,
        mut fill: impl FnMut(Place, &mut [f32]),
        mut emit: impl FnMut(&[Place], &[f32]),
    ) -> Result<()> {
        assert!(lengths.is_sorted_by(|a, b| a >= b), "the longest sequence comes first");
        let (inputs, width) = (self.inputs(), self.units);
        let mut active = lengths.partition_point(|&length| length > 0);
        scratch.start(active * width);
        let mut step = 0;
        while active > 0 {
            // The steps of a block, each with the sequences that are still running.
            scratch.places.clear();
            scratch.counts.clear();
            while active > 0 && scratch.places.len() < BLOCK {
                scratch
                    .places
                    .extend((0..active).map(|sequence| Place { sequence, token: self.token(lengths[sequence], step) }));
                scratch.counts.push(active);
                step += 1;
                active = lengths[..active].partition_point(|&length| length > step);
            }
            scratch.reserve(inputs, width);
            let first = step == scratch.counts.len();
            self.start_gates(scratch, &projected, &mut fill);
            self.recur(scratch, first, cancel)?;
            emit(&scratch.places, &scratch.states);
        }
        Ok(())
    }

    /// Writes the input's part of the gates of a block: the rows that are not known side by side, in one product, then each
    /// where it belongs.
    fn start_gates<'a>(
        &self,
        scratch: &mut Scratch,
        projected: &impl Fn(Place) -> Option<&'a [f32]>,
        fill: &mut impl FnMut(Place, &mut [f32]),
    ) {
        let (inputs, width) = (self.inputs(), self.gates());
        let Scratch { places, unknown, inputs: x, gates, .. } = scratch;
        unknown.clear();
        unknown.extend((0..places.len()).filter(|&index| projected(places[index]).is_none()));
        let x = &mut x[..unknown.len() * inputs];
        unknown.iter().zip(x.chunks_exact_mut(inputs)).for_each(|(&index, x)| fill(places[index], x));
        self.project(x, &mut gates[..unknown.len() * width]);
        // The last first: no row is written over before it has moved.
        for (from, &to) in unknown.iter().enumerate().rev().take_while(|(from, to)| from != *to) {
            gates.copy_within(from * width..(from + 1) * width, to * width);
        }
        for (&place, gates) in places.iter().zip(gates.chunks_exact_mut(width)) {
            if let Some(row) = projected(place) {
                gates.copy_from_slice(row);
            }
        }
    }

    /// Length of a row of gates, padding included.
    pub fn gates(&self) -> usize {
        4 * self.units
    }

    /// Writes what the gates are before the recurrent part is added, `[count, gates]`, for input rows `[count, inputs]`.
    pub fn project(&self, rows: &[f32], gates: &mut [f32]) {
        gates.chunks_exact_mut(self.gates()).for_each(|row| row.copy_from_slice(&self.bias));
        self.input.multiply_add(rows, self.inputs(), gates);
    }

    /// Position of the token at `step` of a sequence.
    fn token(&self, length: usize, step: usize) -> usize {
        if self.reverse { length - 1 - step } else { step }
    }

    /// The recurrent part of a block; the `first` one begins with states that are zero and add nothing.
    fn recur(&self, scratch: &mut Scratch, first: bool, cancel: &Cancel) -> Result<()> {
        let width = self.units;
        let Scratch { counts, gates, states, cells, hidden, .. } = scratch;
        let mut row = 0;
        for &count in &*counts {
            cancel.check()?;
            let gates = &mut gates[row * 4 * width..][..count * 4 * width];
            if row > 0 || !first {
                self.recurrent.multiply_add(&hidden[..count * width], width, gates);
            }
            let (cells, hidden) = (&mut cells[..count * width], &mut hidden[..count * width]);
            self.kernel.dispatch(generic::Cell { width, gates, cells, hidden });
            states[row * width..][..count * width].copy_from_slice(hidden);
            row += count;
        }
        Ok(())
    }

    /// How many sequences best run together: enough to share each read of the weights, or to fill two tiles.
    pub fn group(&self) -> usize {
        if self.kernel.name() == KernelName::AmxBf16 { 32 } else { 8 }
    }

    /// Number of hidden units.
    pub fn hidden(&self) -> usize {
        self.hidden
    }
}

/// The weights of a row of `matrix`, or those of padding.
fn weights(matrix: &[f32], inputs: usize, row: Option<usize>) -> impl Fn(usize) -> f32 {
    let row = row.map(|row| &matrix[row * inputs..][..inputs]);
    move |input| row.map_or(0.0, |row| row[input])
}

/// What a run works in; reused, it saves allocations.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The tokens of a block, step by step.
    places: Vec<Place>,
    /// How many of them each step has.
    counts: Vec<usize>,
    /// Those whose gates are not known, by their index in the block.
    unknown: Vec<usize>,
    /// `[places, inputs]`.
    inputs: Vec<f32>,
    /// `[places, 4 * width]`.
    gates: Vec<f32>,
    /// `[places, width]`: hidden states of the block.
    states: Vec<f32>,
    /// `[sequences, width]`: what passes from one step to the next.
    cells: Vec<f32>,
    /// `[sequences, width]`.
    hidden: Vec<f32>,
}

impl Scratch {
    /// Zero initial states.
    fn start(&mut self, size: usize) {
        for state in [&mut self.cells, &mut self.hidden] {
            state.clear();
            state.resize(size, 0.0);
        }
    }

    /// Room for the block's rows.
    fn reserve(&mut self, inputs: usize, width: usize) {
        let rows = self.places.len();
        self.inputs.resize(rows * inputs, 0.0);
        self.gates.resize(rows * 4 * width, 0.0);
        self.states.resize(rows * width, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::on_each_kernel;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The formulas, one token after the other, in double precision; tokens in the order of processing.
    fn reference(inputs: usize, hidden: usize, w: &[f32], u: &[f32], b: &[f32], x: &[Vec<f32>]) -> Vec<Vec<f64>> {
        let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
        let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
        let mut states = Vec::new();
        for x in x {
            let gate = |g: usize, k: usize| -> f64 {
                let row = g * hidden + k;
                let from_input: f64 = (0..inputs).map(|i| f64::from(w[row * inputs + i]) * f64::from(x[i])).sum();
                let from_state: f64 = (0..hidden).map(|i| f64::from(u[row * hidden + i]) * h[i]).sum();
                from_input + from_state + f64::from(b[row]) + f64::from(b[4 * hidden + row])
            };
            let gates: Vec<[f64; 4]> = (0..hidden).map(|k| [0, 1, 2, 3].map(|g| gate(g, k))).collect();
            for (k, [i, o, f, g]) in gates.into_iter().enumerate() {
                c[k] = sigmoid(f) * c[k] + sigmoid(i) * g.tanh();
                h[k] = sigmoid(o) * c[k].tanh();
            }
            states.push(h.clone());
        }
        states
    }

    /// The greatest error of a state: `single`, but where weights and states are rounded to bfloat16 or fixed point.
    fn bound(single: f64) -> f64 {
        match Kernel::best().name() {
            KernelName::AmxBf16 => 3e-2,
            KernelName::Avx512Int16 => single.max(1e-2),
            _ => single,
        }
    }

    #[test]
    fn states_are_right_and_do_not_depend_on_neighbours() {
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            let shapes = [(1, 1, false), (3, 5, true), (16, 8, false), (9, 33, true), (110, 171, true)];
            for (inputs, hidden, reverse) in shapes.into_iter().take(if cfg!(miri) { 2 } else { shapes.len() }) {
                let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 0.8 - 0.4).collect() };
                let (w, u, b) = (draw(4 * hidden * inputs), draw(4 * hidden * hidden), draw(8 * hidden));
                let direction = Direction::new(Kernel::best(), inputs, hidden, reverse, &w, &u, &b);
                let longest = if cfg!(miri) { 70 } else { 300 };
                let lengths = [longest, 40, 40, 23, 9, 2, 1, 1, 1, 0];
                let x: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| (0..n).map(|_| draw(inputs)).collect()).collect();
                let mut scratch = Scratch::default();
                let mut run = |chosen: &[usize]| {
                    let lengths: Vec<usize> = chosen.iter().map(|&s| lengths[s]).collect();
                    let mut states: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| vec![Vec::new(); n]).collect();
                    direction
                        .run(
                            &lengths,
                            &mut scratch,
                            &Cancel::new(),
                            |place, row| row.copy_from_slice(&x[chosen[place.sequence]][place.token]),
                            |places, rows| {
                                for (place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                                    states[place.sequence][place.token] = row.to_vec();
                                }
                            },
                        )
                        .unwrap();
                    states
                };
                let together = run(&(0..lengths.len()).collect::<Vec<_>>());
                for s in 0..lengths.len() {
                    assert_eq!(run(&[s])[0], together[s], "sequence {s} alone");
                    let mut order: Vec<Vec<f32>> = x[s].clone();
                    if reverse {
                        order.reverse();
                    }
                    let mut expected = reference(inputs, hidden, &w, &u, &b, &order);
                    if reverse {
                        expected.reverse();
                    }
                    for (found, expected) in together[s].iter().zip(&expected) {
                        for (a, b) in found.iter().zip(expected) {
                            assert!((f64::from(*a) - b).abs() < bound(2e-5), "{a} instead of {b}");
                        }
                        assert!(found[hidden..].iter().all(|&padding| padding == 0.0));
                    }
                }
            }
        });
    }

    #[test]
    fn rows_projected_before_change_nothing() {
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(13);
            let (inputs, hidden, lengths) = (9, 33, [70, 40, 5, 5, 1, 0]);
            let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 0.8 - 0.4).collect() };
            let (w, u, b) = (draw(4 * hidden * inputs), draw(4 * hidden * hidden), draw(8 * hidden));
            let direction = Direction::new(Kernel::best(), inputs, hidden, true, &w, &u, &b);
            let x: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| (0..n).map(|_| draw(inputs)).collect()).collect();
            let project = |x: &Vec<f32>| {
                let mut gates = vec![0.0; direction.gates()];
                direction.project(x, &mut gates);
                gates
            };
            let rows: Vec<Vec<Vec<f32>>> = x.iter().map(|x| x.iter().map(project).collect()).collect();
            let states = |known: &dyn Fn(Place) -> bool| {
                let mut states = Vec::new();
                let projected = |place: Place| known(place).then(|| &rows[place.sequence][place.token][..]);
                let fill = |place: Place, row: &mut [f32]| {
                    assert!(!known(place));
                    row.copy_from_slice(&x[place.sequence][place.token]);
                };
                let emit = |_: &[Place], rows: &[f32]| states.extend(rows.iter().map(|value| value.to_bits()));
                let mut scratch = Scratch::default();
                direction.run_projected(&lengths, &mut scratch, &Cancel::new(), projected, fill, emit).unwrap();
                states
            };
            let expected = states(&|_| false);
            assert_eq!(expected.len(), lengths.iter().sum::<usize>() * direction.width());
            assert_eq!(states(&|_| true), expected);
            assert_eq!(states(&|place| place.token % 3 == place.sequence % 2), expected);
        });
    }

    /// Shapes, lengths and rows at random, subnormal and saturating ones among them, on every kernel.
    #[test]
    fn states_are_right_for_random_shapes_and_extreme_rows() {
        let seed = crate::kernels::simd::test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for case in 0..6 {
                // Few of the sizes are large: the reference takes its time.
                let hidden = [rng.random_range(1..=40), rng.random_range(1..=512)][usize::from(rng.random_bool(0.2))];
                let (inputs, batch) = (rng.random_range(1..=64), rng.random_range(1..=65));
                let most = (40_000_000 / (hidden * (hidden + inputs) * 4 * batch)).clamp(1, 200);
                let mut lengths: Vec<usize> = (0..batch).map(|_| rng.random_range(0..=most)).collect();
                lengths.sort_by(|a, b| b.cmp(a));
                let scale = 1.0 / (hidden as f32).sqrt();
                let mut draw =
                    |n: usize| -> Vec<f32> { (0..n).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * scale).collect() };
                let (w, u, b) = (draw(4 * hidden * inputs), draw(4 * hidden * hidden), draw(8 * hidden));
                let direction = Direction::new(Kernel::best(), inputs, hidden, false, &w, &u, &b);
                let saturating = case % 2 == 1;
                let mut row = || -> Vec<f32> {
                    let scale = [1.0, 1e-40, if saturating { 1e4 } else { 1.0 }][rng.random_range(0..3)];
                    (0..inputs).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * scale).collect()
                };
                let x: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| (0..n).map(|_| row()).collect()).collect();
                let mut states: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| vec![Vec::new(); n]).collect();
                let fill = |place: Place, row: &mut [f32]| row.copy_from_slice(&x[place.sequence][place.token]);
                let emit = |places: &[Place], rows: &[f32]| {
                    for (place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                        states[place.sequence][place.token] = row.to_vec();
                    }
                };
                direction.run(&lengths, &mut Scratch::default(), &Cancel::new(), fill, emit).unwrap();
                let mut worst = 0.0f64;
                for (x, found) in x.iter().zip(&states) {
                    for (found, expected) in found.iter().zip(reference(inputs, hidden, &w, &u, &b, x)) {
                        let errors = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs());
                        worst = errors.fold(worst, |worst, e| if e <= worst { worst } else { e });
                    }
                }
                println!(
                    "hidden {hidden}, inputs {inputs}, batch {batch}, lengths to {most}: largest error {worst:.1e}"
                );
                // Sums of terms near 10,000 are rounded by 1e-3, which a gate sees where it is not saturated.
                assert!(worst < bound(if saturating { 5e-3 } else { 2e-5 }), "{worst}");
            }
        });
    }
}
