//! Weights in bfloat16 on x86-64, multiplied in tiles (AMX-BF16).
//!
//! Inputs and weights are rounded to bfloat16, whose products single precision holds exactly. A product of tiles sums the terms of
//! [`DEPTH`] inputs in single precision, those of even and of odd inputs apart, each sum rounded to the nearest and subnormal
//! ones taken for zero, and adds both together to the output (`TDPBF16PS` in Intel's manual, volume 2B). Each row of a tile is
//! computed by itself, so that its outputs do not depend on the others. A row of inputs with one above 4 keeps single precision.
//!
//! The instructions stand in assembly: their intrinsics are unstable.

use super::PANEL;
use crate::kernels::processor;
use half::bf16;
use std::arch::asm;

/// Inputs of a tile.
const DEPTH: usize = 32;

/// Rows of a tile; a weights' tile has as many pairs of inputs, and two of them make a panel.
const ROWS: usize = 16;

/// Tiles of inputs that are rounded together.
const BLOCK: usize = 8;

/// Above this, rounding an input would move a gate by more than a hundredth.
pub(super) const INPUT: f32 = 4.0;

/// The weights of [`DEPTH`] inputs for the outputs of a panel: two tiles `[pair of inputs, output, input of the pair]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Pairs([[[[bf16; 2]; PANEL / 2]; ROWS]; 2]);

/// Up to R rows, rounded: tiles `[row, input]`.
#[repr(C, align(64))]
struct Rounded<const R: usize>([[[bf16; DEPTH]; R]; BLOCK]);

/// What `LDTILECFG` reads: the shapes of the eight tiles.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row.
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// A packed matrix of bfloat16.
#[derive(Debug, Clone)]
pub(super) struct Tiles {
    inputs: usize,
    panels: usize,
    /// `[panel, inputs / DEPTH rounded up]`; padding is zero.
    weights: Vec<Pairs>,
}

impl Tiles {
    /// Packs lines `[panel, input]`, at least one input. The processor must have AMX-BF16, and the operating system permit it.
    pub(super) fn new(inputs: usize, lines: &[super::Line]) -> Self {
        assert!(
            processor::has("avx512f") && processor::has("amx_bf16") && processor::permit_tiles().is_ok(),
            "the kernel was chosen for another processor"
        );
        let pack = |lines: &[super::Line]| {
            let weight = |output: usize, input: usize| lines.get(input).map_or(0.0, |line| line.0[output]);
            let pair = |output, pair| [0, 1].map(|i| bf16::from_f32(weight(output, 2 * pair + i)));
            Pairs(
                [0, PANEL / 2]
                    .map(|first| std::array::from_fn(|row| std::array::from_fn(|output| pair(first + output, row)))),
            )
        };
        let weights = lines.chunks_exact(inputs).flat_map(|panel| panel.chunks(DEPTH).map(pack)).collect();
        Self { inputs, panels: lines.len() / inputs, weights }
    }

    /// As [`super::Matrix::multiply_add`].
    pub(super) fn multiply_add(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        for (group, outputs) in outputs.chunks_mut(2 * ROWS * self.panels * PANEL).enumerate() {
            let rows = &rows[group * 2 * ROWS * stride..];
            // SAFETY: `new` has seen AVX-512 and AMX, and that the operating system permits it.
            unsafe {
                if outputs.len() <= ROWS * self.panels * PANEL {
                    self.group::<ROWS>(rows, stride, outputs);
                } else {
                    self.group::<{ 2 * ROWS }>(rows, stride, outputs);
                }
            }
        }
    }

    /// Up to R rows: a tile of them, or two.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn group<const R: usize>(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        let count = outputs.len() / (self.panels * PANEL);
        let mut rounded = Rounded([[[bf16::ZERO; DEPTH]; R]; BLOCK]);
        for first in (0..self.inputs).step_by(BLOCK * DEPTH) {
            let inputs = (BLOCK * DEPTH).min(self.inputs - first);
            for row in 0..count {
                let values = &rows[row * stride + first..][..inputs];
                for (values, tile) in values.chunks(DEPTH).zip(&mut rounded.0) {
                    round(values, &mut tile[row]);
                }
            }
            // SAFETY: as for this function.
            unsafe { self.multiply(first / DEPTH, inputs.div_ceil(DEPTH), &rounded, count, outputs) }
        }
    }

    /// Adds the products with `depth` tiles of inputs, whose weights begin at tile `first` of a panel, to `count` rows of outputs.
    ///
    /// # Safety
    ///
    /// The processor has AMX-BF16 and the operating system lets this process use it.
    unsafe fn multiply<const R: usize>(
        &self,
        first: usize,
        depth: usize,
        rounded: &Rounded<R>,
        count: usize,
        outputs: &mut [f32],
    ) {
        let (tiles, width) = (self.inputs.div_ceil(DEPTH), self.panels * PANEL);
        assert!(first + depth <= tiles && depth <= BLOCK && outputs.len() == count * width);
        assert!(self.weights.len() == self.panels * tiles && (R - ROWS + 1..=R).contains(&count) && self.panels > 0);
        let shapes = Shapes::new(count);
        let (weights, outputs) = (self.weights[first..].as_ptr(), outputs.as_mut_ptr());
        // The rows of the second tile, where there is one.
        let below = outputs.wrapping_add(ROWS * width);
        // SAFETY: the caller has seen the instructions. The shapes are those of palette 1: `count` rows of outputs and inputs, 16 of
        // weights, 64 bytes each. So of each panel 128 bytes of `count` rows of outputs are read and written, and read are
        // `depth` pairs of weights and tiles of rounded rows, all of which the assertions have shown to be there. The tiles are
        // released, in their first state, at the end.
        unsafe {
            if R > ROWS {
                asm!(
                    "ldtilecfg [{shapes}]",
                    "2:",
                    "tileloadd tmm0, [{outputs} + {width}*1]",
                    "tileloadd tmm1, [{outputs} + {width}*1 + 64]",
                    "tileloadd tmm2, [{below} + {width}*1]",
                    "tileloadd tmm3, [{below} + {width}*1 + 64]",
                    "mov {inputs}, {rounded}",
                    "mov {left}, {depth}",
                    "3:",
                    "tileloadd tmm4, [{inputs} + {line}*1]",
                    "tileloadd tmm6, [{weights} + {line}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{weights} + {line}*1 + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{inputs} + {line}*1 + 1024]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {inputs}, 2048",
                    "add {weights}, 2048",
                    "dec {left}",
                    "jnz 3b",
                    "tilestored [{outputs} + {width}*1], tmm0",
                    "tilestored [{outputs} + {width}*1 + 64], tmm1",
                    "tilestored [{below} + {width}*1], tmm2",
                    "tilestored [{below} + {width}*1 + 64], tmm3",
                    "add {weights}, {rest}",
                    "add {outputs}, 128",
                    "add {below}, 128",
                    "dec {panels}",
                    "jnz 2b",
                    "tilerelease",
                    shapes = in(reg) &shapes,
                    outputs = inout(reg) outputs => _,
                    below = inout(reg) below => _,
                    width = in(reg) 4 * width,
                    inputs = out(reg) _,
                    rounded = in(reg) rounded,
                    left = out(reg) _,
                    depth = in(reg) depth,
                    line = in(reg) 64usize,
                    weights = inout(reg) weights => _,
                    rest = in(reg) (tiles - depth) * size_of::<Pairs>(),
                    panels = inout(reg) self.panels => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "ldtilecfg [{shapes}]",
                    "2:",
                    "tileloadd tmm0, [{outputs} + {width}*1]",
                    "tileloadd tmm1, [{outputs} + {width}*1 + 64]",
                    "mov {inputs}, {rounded}",
                    "mov {left}, {depth}",
                    "3:",
                    "tileloadd tmm4, [{inputs} + {line}*1]",
                    "tileloadd tmm6, [{weights} + {line}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{weights} + {line}*1 + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {inputs}, 1024",
                    "add {weights}, 2048",
                    "dec {left}",
                    "jnz 3b",
                    "tilestored [{outputs} + {width}*1], tmm0",
                    "tilestored [{outputs} + {width}*1 + 64], tmm1",
                    "add {weights}, {rest}",
                    "add {outputs}, 128",
                    "dec {panels}",
                    "jnz 2b",
                    "tilerelease",
                    shapes = in(reg) &shapes,
                    outputs = inout(reg) outputs => _,
                    width = in(reg) 4 * width,
                    inputs = out(reg) _,
                    rounded = in(reg) rounded,
                    left = out(reg) _,
                    depth = in(reg) depth,
                    line = in(reg) 64usize,
                    weights = inout(reg) weights => _,
                    rest = in(reg) (tiles - depth) * size_of::<Pairs>(),
                    panels = inout(reg) self.panels => _,
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}

impl Shapes {
    /// Tiles 0 to 3: sums of the first rows' first and second half of a panel, then the other rows'; 4 and 5: inputs of the first rows
    /// and of the others; 6 and 7: weights.
    fn new(count: usize) -> Self {
        let (above, below) = (count.min(ROWS) as u8, count.saturating_sub(ROWS) as u8);
        let mut rows = [0; 16];
        rows[..8].copy_from_slice(&[above, above, below, below, above, below, ROWS as u8, ROWS as u8]);
        // A tile without rows must have no bytes either.
        let bytes = rows.map(|rows| if rows > 0 { 64 } else { 0 });
        Self { palette: 1, start_row: 0, reserved: [0; 14], bytes, rows }
    }
}

/// Rounds a tile's part of a row to the nearest, ties to even; what is missing of it is zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round(values: &[f32], row: &mut [bf16; DEPTH]) {
    let (there, missing) = row.split_at_mut(values.len());
    there.iter_mut().zip(values).for_each(|(there, &value)| *there = bf16::from_f32(value));
    missing.fill(bf16::ZERO);
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, Rows, Weights};
    use super::*;
    use crate::kernels::simd::test_seed;
    use crate::kernels::{Kernel, KernelName};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The kernel beside that of single precision, on a processor that has it.
    fn kernels() -> Option<[Kernel; 2]> {
        let found = Kernel::named(KernelName::AmxBf16).map(|tiles| [Kernel::named(KernelName::Avx512).unwrap(), tiles]);
        found.inspect_err(|error| println!("NOT RUN: {error}")).ok()
    }

    /// Subnormal numbers are zero.
    fn flushed(value: f32) -> f32 {
        if value.is_subnormal() { 0.0f32.copysign(value) } else { value }
    }

    /// What the instructions make of one output.
    fn model(weights: impl Fn(usize) -> f32, row: &[f32], start: f32) -> f32 {
        let near = |value| flushed(bf16::from_f32(value).to_f32());
        row.chunks(DEPTH).enumerate().fold(start, |total, (tile, values)| {
            let mut sums = [0.0f32; 2];
            for (i, &value) in values.iter().enumerate() {
                sums[i % 2] = flushed(near(value).mul_add(near(weights(tile * DEPTH + i)), sums[i % 2]));
            }
            flushed(flushed(total) + flushed(sums[0] + sums[1]))
        })
    }

    struct Case {
        outputs: usize,
        inputs: usize,
        stride: usize,
        weights: Vec<f32>,
        rows: Vec<f32>,
        start: Vec<f32>,
    }

    impl Case {
        /// Ordinary weights and rows, and such as are subnormal or whose products are; rows with inputs up to `large`.
        fn random(rng: &mut ChaCha8Rng, [outputs, inputs, count]: [usize; 3], large: f32) -> Self {
            let stride = inputs + rng.random_range(0..9);
            let mut draw = |scales: &[f32]| {
                let scale = scales[rng.random_range(0..scales.len())];
                (rng.random::<f32>() * 2.0 - 1.0) * scale
            };
            let weights = (0..outputs * inputs).map(|_| draw(&[0.3, 0.3, 0.3, 6e-5, 1e-20, 1e-40])).collect();
            let scales = [1.0, 1e-5, 4.0, 1e-20, 1e-40, large];
            let rows = (0..count * stride).map(|i| draw(&[scales[i / stride % 6]])).collect();
            let start = (0..count * outputs.next_multiple_of(PANEL)).map(|_| draw(&[1.0, 1.0, 1e-38])).collect();
            Self { outputs, inputs, stride, weights, rows, start }
        }

        /// Packed for `kernel` as those of an LSTM's states, or of its inputs.
        fn matrix(&self, kernel: Kernel, states: bool) -> Matrix {
            let weight = |o: usize| move |i: usize| self.weights[o * self.inputs + i];
            let rows = if states { Rows::STATES } else { Rows::INPUTS };
            Matrix::for_rows(rows, kernel, self.outputs, self.inputs, weight)
        }

        /// The outputs of rows from `first` on.
        fn run(&self, matrix: &Matrix, first: usize, count: usize) -> Vec<u32> {
            let mut outputs = self.start[first * matrix.width()..][..count * matrix.width()].to_vec();
            matrix.multiply_add(&self.rows[first * self.stride..], self.stride, &mut outputs);
            outputs.into_iter().map(f32::to_bits).collect()
        }
    }

    #[test]
    fn products_are_those_of_the_model_bit_for_bit_and_do_not_depend_on_neighbours() {
        let Some([single, tiles]) = kernels() else { return };
        let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
        let fixed =
            [[1, 1, 1], [33, 32, 16], [32, 33, 17], [704, 171, 5], [160, 110, 65], [64, 257, 33], [2048, 512, 2]];
        let random = (0..6).map(|_| [rng.random_range(1..=700), rng.random_range(1..=512), rng.random_range(1..=65)]);
        for shape in fixed.into_iter().chain(random.collect::<Vec<_>>()) {
            let case = Case::random(&mut rng, shape, 1e5);
            let [_, inputs, count] = shape;
            for states in [true, false] {
                let [single, matrix] = [single, tiles].map(|kernel| case.matrix(kernel, states));
                assert!(matches!(&matrix.weights, Weights::Tiles(_, lines) if lines.is_some() != states));
                let together = case.run(&matrix, 0, count);
                for (r, found) in together.chunks_exact(matrix.width()).enumerate() {
                    let row = &case.rows[r * case.stride..][..inputs];
                    assert_eq!(case.run(&matrix, r, 1), found, "row {r} of {shape:?} alone");
                    if !states && row.iter().any(|value| value.abs() > INPUT) {
                        assert_eq!(case.run(&single, r, 1), found, "row {r} of {shape:?}, which is large");
                        continue;
                    }
                    for o in (0..16).map(|_| rng.random_range(0..case.outputs)) {
                        let start = case.start[r * matrix.width() + o];
                        let expected = model(|i| case.weights[o * inputs + i], row, start);
                        let found = f32::from_bits(found[o]);
                        assert!(found == expected, "output {o} of row {r} of {shape:?}: {found:e}, not {expected:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_must_not_be_rounded_keep_single_precision() {
        let Some([single, tiles]) = kernels() else { return };
        for (value, rounded) in
            [(4.0, true), (4.01, false), (f32::MAX, false), (f32::INFINITY, false), (f32::NAN, false)]
        {
            let run = |kernel| {
                let matrix = Matrix::for_rows(Rows::INPUTS, kernel, 40, 100, |_| |_| 0.123);
                let row: Vec<f32> = (0..100).map(|i| if i == 70 { value } else { 0.37 }).collect();
                let mut outputs = vec![0.0f32; matrix.width()];
                matrix.multiply_add(&row, 100, &mut outputs);
                outputs.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(run(single) == run(tiles), !rounded, "{value}");
        }
        assert!(matches!(Matrix::new(tiles, 5, 3, |_| |_| 0.5).weights, Weights::Single(_)));
    }
}
