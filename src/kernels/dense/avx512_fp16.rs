//! Weights in half precision on x86-64, multiplied in half precision (AVX512-FP16).
//!
//! Inputs are rounded to halves. The terms of [`BLOCK`] inputs are summed in half precision, those of even and of odd
//! inputs apart, then both together are added to the output in single precision. A row with an input above 8, or so large that such a sum could
//! overflow, is computed in single precision, bit for bit as by the kernel `avx512`.
//!
//! `VFMADD231PH` and `VADDPH` (Intel's manual, volume 2C) stand in assembly: their intrinsics are younger than the oldest
//! Rust that we promise.

use super::{PANEL, in_runs};
use crate::kernels::processor;
use half::f16;
use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_ph,
    _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

/// Inputs whose terms are summed in half precision.
const BLOCK: usize = 64;

/// Rows of a tile, and panels: with two sums each they fill 24 of the 32 registers.
const ROWS: usize = 3;
const PANELS: usize = 4;

/// What a sum in half precision may reach by the weights and the row's largest input. The largest half is 65,504; rounding the input
/// and each sum adds less than a twentieth.
const LARGEST: f32 = 62_000.0;

/// Above this, rounding an input would move a gate by more than a hundredth.
const INPUT: f32 = 8.0;

/// One input's weights for the outputs of a panel: a register.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f16; PANEL]);

/// A block of a row's inputs, each half twice: broadcasts of 32 bits need no shuffle.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Twice([u32; BLOCK]);

/// A packed matrix of halves.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    inputs: usize,
    panels: usize,
    /// `[panel, input]`.
    lines: Vec<Line>,
    /// The largest input that is rounded: with it, no sum of a block overflows.
    limit: f32,
}

impl Halves {
    /// Packs lines `[panel, input]` of single precision; nothing where a weight is no half. The processor must have AVX512-FP16.
    pub(super) fn new(inputs: usize, lines: &[super::Line]) -> Option<Self> {
        assert!(
            processor::has("avx512f") && processor::has("avx512_fp16"),
            "the kernel was chosen for another processor"
        );
        let exact = |line: &super::Line| {
            let halves = line.0.map(f16::from_f32);
            let same = halves.iter().zip(line.0).all(|(half, single)| half.to_f32().to_bits() == single.to_bits());
            same.then_some(Line(halves))
        };
        let panels = lines.len().checked_div(inputs)?;
        let blocks = lines.chunks_exact(inputs).flat_map(|panel| panel.chunks(BLOCK));
        let sums = blocks.flat_map(|lines| (0..PANEL).map(|o| lines.iter().map(|line| line.0[o].abs()).sum::<f32>()));
        let limit = LARGEST / sums.fold(f32::MIN_POSITIVE, f32::max);
        Some(Self { inputs, panels, lines: lines.iter().map(exact).collect::<Option<_>>()?, limit: limit.min(INPUT) })
    }

    /// As [`super::Matrix::multiply_add`].
    pub(super) fn multiply_add(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        let shape = [self.inputs, stride, self.panels * PANEL];
        in_runs(self.limit, shape, rows, outputs, |fit, rows, outputs| {
            // SAFETY: `new` has seen AVX-512 and AVX512-FP16.
            unsafe {
                match fit {
                    true => self.sweep(rows, stride, outputs),
                    false => self.widen(rows, stride, outputs),
                }
            }
        });
    }

    /// All panels, a few at a time; within them all rows, so that a panel's weights stay in the first cache.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn sweep(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        let width = self.panels * PANEL;
        let mut panel = 0;
        while panel < self.panels {
            let whole = panel + PANELS <= self.panels;
            let lines = &self.lines[panel * self.inputs..];
            for (group, outputs) in outputs.chunks_mut(ROWS * width).enumerate() {
                let (rows, count) = (&rows[group * ROWS * stride..], outputs.len() / width);
                let outputs = &mut outputs[panel * PANEL..];
                let tile = Tile { lines, inputs: self.inputs, rows, stride, outputs, width };
                match (whole, count) {
                    (true, 1) => tile.run::<1, PANELS>(),
                    (true, 2) => tile.run::<2, PANELS>(),
                    (true, _) => tile.run::<ROWS, PANELS>(),
                    (false, 1) => tile.run::<1, 1>(),
                    (false, 2) => tile.run::<2, 1>(),
                    (false, _) => tile.run::<ROWS, 1>(),
                }
            }
            panel += if whole { PANELS } else { 1 };
        }
    }

    /// In single precision, in the inputs' order.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn widen(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        for (row, outputs) in outputs.chunks_exact_mut(self.panels * PANEL).enumerate() {
            let row = &rows[row * stride..][..self.inputs];
            for (lines, outputs) in self.lines.chunks_exact(self.inputs).zip(outputs.chunks_exact_mut(PANEL)) {
                let mut sums = [load(&outputs[..16]), load(&outputs[16..])];
                for (line, &input) in lines.iter().zip(row) {
                    let weights = singles(vector(line));
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = _mm512_fmadd_ps(_mm512_set1_ps(input), weights, *sum);
                    }
                }
                store(&mut outputs[..16], sums[0]);
                store(&mut outputs[16..], sums[1]);
            }
        }
    }
}

/// What a tile reads and writes, from its first row and panel on.
struct Tile<'a> {
    lines: &'a [Line],
    inputs: usize,
    rows: &'a [f32],
    stride: usize,
    outputs: &'a mut [f32],
    width: usize,
}

impl Tile<'_> {
    #[target_feature(enable = "avx512f,avx512bw")]
    #[allow(
        clippy::needless_range_loop,
        reason = "iterators over these arrays are not unrolled in time to keep the sums in registers"
    )]
    fn run<const M: usize, const P: usize>(self) {
        let Self { lines, inputs, rows, stride, outputs, width } = self;
        let panels: [&[Line]; P] = std::array::from_fn(|p| &lines[p * inputs..][..inputs]);
        let rows: [&[f32]; M] = std::array::from_fn(|m| &rows[m * stride..][..inputs]);
        let mut twice = [Twice([0; BLOCK]); M];
        for first in (0..inputs).step_by(BLOCK) {
            let count = BLOCK.min(inputs - first);
            for m in 0..M {
                round(&rows[m][first..first + count], &mut twice[m]);
            }
            // Of even and of odd inputs.
            let mut sums = [[[_mm512_setzero_si512(); P]; M]; 2];
            for (i, pair) in (0..count / 2).map(|pair| (2 * pair, first + 2 * pair)) {
                for odd in 0..2 {
                    for m in 0..M {
                        let input = _mm512_set1_epi32(twice[m].0[i + odd].cast_signed());
                        for p in 0..P {
                            multiply(&mut sums[odd][m][p], vector(&panels[p][pair + odd]), input);
                        }
                    }
                }
            }
            if count % 2 == 1 {
                for m in 0..M {
                    let input = _mm512_set1_epi32(twice[m].0[count - 1].cast_signed());
                    for p in 0..P {
                        multiply(&mut sums[0][m][p], vector(&panels[p][first + count - 1]), input);
                    }
                }
            }
            for m in 0..M {
                for p in 0..P {
                    let [low, high] = singles(add(sums[0][m][p], sums[1][m][p]));
                    let (first, second) = outputs[m * width + p * PANEL..][..PANEL].split_at_mut(16);
                    store(first, _mm512_add_ps(load(first), low));
                    store(second, _mm512_add_ps(load(second), high));
                }
            }
        }
    }
}

/// Rounds a block of a row to halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round(values: &[f32], twice: &mut Twice) {
    for (values, twice) in values.chunks(16).zip(twice.0.chunks_exact_mut(16)) {
        let there = u16::MAX >> (16 - values.len());
        // SAFETY: the mask leaves out what lies behind the values.
        let singles = unsafe { _mm512_maskz_loadu_ps(there, values.as_ptr()) };
        // 0: to the nearest, ties to even.
        let halves = _mm512_cvtepu16_epi32(_mm512_cvtps_ph::<0>(singles));
        let both = _mm512_or_si512(halves, _mm512_slli_epi32::<16>(halves));
        // SAFETY: there are sixteen.
        unsafe { _mm512_storeu_si512(twice.as_mut_ptr().cast(), both) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn vector(line: &Line) -> __m512i {
    // SAFETY: a line is a register's 64 bytes.
    unsafe { _mm512_loadu_si512(line.0.as_ptr().cast()) }
}

/// 32 halves in single precision.
#[inline]
#[target_feature(enable = "avx512f")]
fn singles(halves: __m512i) -> [__m512; 2] {
    [_mm512_cvtph_ps(_mm512_castsi512_si256(halves)), _mm512_cvtph_ps(_mm512_extracti64x4_epi64::<1>(halves))]
}

/// Adds the products of halves to sums of halves, each in one rounding.
#[inline]
#[target_feature(enable = "avx512f")]
fn multiply(sums: &mut __m512i, weights: __m512i, inputs: __m512i) {
    // SAFETY: computes on registers, nothing else; `Halves::new` has seen AVX512-FP16.
    unsafe {
        asm!("vfmadd231ph {sums}, {weights}, {inputs}", sums = inout(zmm_reg) *sums, weights = in(zmm_reg) weights,
            inputs = in(zmm_reg) inputs, options(pure, nomem, nostack, preserves_flags));
    }
}

/// The sums of halves.
#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    let sums;
    // SAFETY: as in `multiply`.
    unsafe {
        asm!("vaddph {sums}, {a}, {b}", sums = lateout(zmm_reg) sums, a = in(zmm_reg) a, b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(sixteen: &[f32]) -> __m512 {
    let sixteen = &sixteen[..16];
    // SAFETY: there are sixteen.
    unsafe { _mm512_loadu_ps(sixteen.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(sixteen: &mut [f32], values: __m512) {
    let sixteen = &mut sixteen[..16];
    // SAFETY: there are sixteen.
    unsafe { _mm512_storeu_ps(sixteen.as_mut_ptr(), values) }
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, Rows, Weights};
    use super::*;
    use crate::kernels::simd::test_seed;
    use crate::kernels::{Kernel, KernelName};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn half(value: f32) -> f32 {
        f16::from_f32(value).to_f32()
    }

    /// Both products of a processor that has the instructions, else nothing.
    fn kernels() -> Option<[Kernel; 2]> {
        let found =
            Kernel::named(KernelName::Avx512Fp16).map(|halves| [Kernel::named(KernelName::Avx512).unwrap(), halves]);
        found.inspect_err(|error| println!("NOT RUN: {error}")).ok()
    }

    /// The nearest half, ties to even; for values within a half's range.
    fn nearest(value: f64) -> f64 {
        // The last place: below 2^-14, where halves are denormal, that of 2^-14.
        let exponent = (value.abs().to_bits() >> 52) as i32 - 1023;
        let place = 2f64.powi(exponent.max(-14) - 10);
        (value / place).round_ties_even() * place
    }

    /// What the instructions make of one output. (Two halves' product and a half fit into double precision.)
    fn model(weights: impl Fn(usize) -> f32, row: &[f32], start: f32) -> f32 {
        row.chunks(BLOCK).enumerate().fold(start, |total, (block, values)| {
            let mut sums = [0.0; 2];
            for (i, &value) in values.iter().enumerate() {
                sums[i % 2] = nearest(sums[i % 2] + f64::from(weights(block * BLOCK + i)) * f64::from(half(value)));
            }
            total + nearest(sums[0] + sums[1]) as f32
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
        /// Weights and rows of which some are denormal, and `large` rows.
        fn random(rng: &mut ChaCha8Rng, [outputs, inputs, count]: [usize; 3], large: f32) -> Self {
            let stride = inputs + rng.random_range(0..9);
            let mut weight =
                || half((rng.random::<f32>() * 2.0 - 1.0) * if rng.random_bool(0.125) { 6e-5 } else { 0.3 });
            let weights = (0..outputs * inputs).map(|_| weight()).collect();
            let mut row = |r| {
                let scale = [1.0, 1e-5, 1.0, 1e-40, large][r % 5];
                (0..stride).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * scale).collect::<Vec<f32>>()
            };
            let rows = (0..count).flat_map(&mut row).collect();
            let start = (0..count * outputs.next_multiple_of(PANEL)).map(|_| rng.random()).collect();
            Self { outputs, inputs, stride, weights, rows, start }
        }

        fn matrix(&self, kernel: Kernel) -> Matrix {
            Matrix::for_rows(Rows::INPUTS, kernel, self.outputs, self.inputs, |o| {
                move |i| self.weights[o * self.inputs + i]
            })
        }

        /// The outputs of rows from `first` on.
        fn run(&self, matrix: &Matrix, first: usize, count: usize) -> Vec<f32> {
            let mut outputs = self.start[first * matrix.width()..][..count * matrix.width()].to_vec();
            matrix.multiply_add(&self.rows[first * self.stride..], self.stride, &mut outputs);
            outputs
        }
    }

    #[test]
    fn products_are_those_of_the_model_bit_for_bit_and_do_not_depend_on_neighbours() {
        let Some([single, halves]) = kernels() else { return };
        let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
        let fixed = [[1, 1, 1], [33, 64, 7], [32, 65, 3], [704, 171, 5], [160, 110, 65], [2048, 512, 2]];
        let random = (0..6).map(|_| [rng.random_range(1..=700), rng.random_range(1..=512), rng.random_range(1..=65)]);
        for shape in fixed.into_iter().chain(random.collect::<Vec<_>>()) {
            let case = Case::random(&mut rng, shape, 1e5);
            let [single, matrix] = [single, halves].map(|kernel| case.matrix(kernel));
            let Weights::Half(Halves { limit, .. }) = matrix.weights else { panic!("the weights are halves") };
            let [_, inputs, count] = shape;
            let together = case.run(&matrix, 0, count);
            for (r, found) in together.chunks_exact(matrix.width()).enumerate() {
                let row = &case.rows[r * case.stride..][..inputs];
                assert_eq!(case.run(&matrix, r, 1), found, "row {r} of {shape:?} alone");
                if row.iter().any(|value| value.abs() > limit) {
                    assert_eq!(case.run(&single, r, 1), found, "row {r} of {shape:?}, which is large");
                    continue;
                }
                for _ in 0..16 {
                    let o = rng.random_range(0..case.outputs);
                    let expected = model(|i| case.weights[o * inputs + i], row, case.start[r * matrix.width() + o]);
                    assert_eq!(found[o].to_bits(), expected.to_bits(), "output {o} of row {r} of {shape:?}");
                }
            }
        }
    }

    #[test]
    fn rows_that_could_overflow_are_computed_in_single_precision() {
        let Some([single, halves]) = kernels() else { return };
        // 64 terms of 128 make 8,192 x, of 1/8 no large sum.
        let cases = [(7.5, 128.0, true), (7.6, 128.0, false), (8.0, 0.125, true), (8.1, 0.125, false)];
        let others = [f32::INFINITY, f32::NAN].map(|value| (value, 0.125, false));
        for (value, weight, rounded) in cases.into_iter().chain(others) {
            let [single, halves] =
                [single, halves].map(|kernel| Matrix::for_rows(Rows::INPUTS, kernel, 40, 100, |_| move |_| weight));
            let row: Vec<f32> = (0..100).map(|i| if i == 70 { value } else { 0.37 }).collect();
            let [single, halves] = [single, halves].map(|matrix| {
                let mut outputs = vec![0.0; matrix.width()];
                matrix.multiply_add(&row, 100, &mut outputs);
                outputs
            });
            let same = single.iter().zip(&halves).all(|(a, b)| a.to_bits() == b.to_bits());
            assert_eq!(same, !rounded, "{value} times {weight}");
        }
    }

    #[test]
    fn a_weight_that_is_no_half_keeps_single_precision_and_so_do_rows_that_must_not_be_rounded() {
        let Some([_, kernel]) = kernels() else { return };
        for (value, fits) in [(0.5, true), (-0.0, true), (6e-8, false), (0.1, false), (7e4, false)] {
            let weight = |o| move |i| if (o, i) == (4, 2) { value } else { 1.0 };
            assert_eq!(
                matches!(Matrix::for_rows(Rows::STATES, kernel, 5, 3, weight).weights, Weights::Half(_)),
                fits,
                "{value}"
            );
            assert!(matches!(Matrix::new(kernel, 5, 3, weight).weights, Weights::Single(_)));
        }
    }
}
