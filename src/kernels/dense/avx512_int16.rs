//! Weights and inputs in fixed point of 16 bits on x86-64, multiplied as integers (AVX512-VNNI).
//!
//! Each output has a scale for its weights and each row one for its inputs, so chosen by their norms that the sum of all products fits
//! into 32 bits: by Cauchy and Schwarz no sum, nor a part of it, is larger than the product of both norms. Such a sum is exact. It is
//! added to the output in single precision, in one rounding. A row of inputs with one above 32 keeps single precision.
//!
//! `VPDPWSSD` (Intel's manual, volume 2B) multiplies and adds 32 terms, a multiply-add of single precision 16, and the weights are half
//! as long to read. Rounding moves a sum less than half precision does: with 171 inputs both factors keep some 11 bits beside the root of
//! their mean square.

use super::PANEL;
use crate::kernels::processor;
use std::arch::x86_64::{
    __m512, __m512i, _mm256_storeu_si256, _mm512_add_ps, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_cvtsepi32_epi16, _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_reduce_add_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
};

/// Inputs that are rounded together.
const BLOCK: usize = 512;

/// Rows that are rounded together, at most; those of a tile.
const ROWS: usize = 8;

/// The norm of a row of inputs, as integers, before they are rounded. So none is beyond 16 bits.
const INPUTS: f32 = 32_000.0;

/// The largest norm of an output's weights, likewise: the product of both is below 2^31 with what rounding to integers adds, and what
/// single precision may have lost of the norms.
fn weights_norm(inputs: usize) -> f32 {
    let (rounding, lost) = (0.5 * (inputs as f32).sqrt(), (1e-7 * inputs as f32).min(0.5));
    2_147_000_000.0 * (1.0 - lost) / (INPUTS + rounding) - rounding
}

/// Above this, rounding the inputs beside it would move a gate by more than a hundredth.
pub(super) const INPUT: f32 = 32.0;

/// Two inputs' weights for the outputs of a panel: two registers `[output, input]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Pairs([[i16; 2]; PANEL]);

/// What stands for one in each output's weights.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Scales([f32; PANEL]);

/// A block of a row's inputs, as integers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Rounded([[i16; 2]; BLOCK / 2]);

/// A packed matrix of integers.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    inputs: usize,
    panels: usize,
    /// `[panel, inputs / 2 rounded up]`; padding is zero.
    weights: Vec<Pairs>,
    scales: Vec<Scales>,
}

impl Fixed {
    /// Packs lines `[panel, input]`, at least one input. The processor must have AVX512-VNNI.
    pub(super) fn new(inputs: usize, lines: &[super::Line]) -> Self {
        assert!(
            processor::has("avx512f") && processor::has("avx512_vnni"),
            "the kernel was chosen for another processor"
        );
        let mut fixed = Self {
            inputs,
            panels: lines.len() / inputs,
            weights: Vec::with_capacity(lines.len() / inputs * inputs.div_ceil(2)),
            scales: Vec::with_capacity(lines.len() / inputs),
        };
        // SAFETY: just seen.
        lines.chunks_exact(inputs).for_each(|panel| unsafe { fixed.pack(panel) });
        fixed
    }

    /// Appends a panel.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn pack(&mut self, panel: &[super::Line]) {
        let factors = factors(panel);
        self.scales.push(Scales(factors.map(|factor| 1.0 / factor)));
        for pair in panel.chunks(2) {
            let mut packed = Pairs([[0; 2]; PANEL]);
            for (half, packed) in packed.0.chunks_exact_mut(PANEL / 2).enumerate() {
                let factors = load(&factors[16 * half..]);
                let integers =
                    |line: &super::Line| _mm512_cvtps_epi32(_mm512_mul_ps(load(&line.0[16 * half..]), factors));
                let first = _mm512_and_si512(integers(&pair[0]), _mm512_set1_epi32(0xffff));
                let second = pair.get(1).map_or(_mm512_setzero_si512(), |line| _mm512_slli_epi32::<16>(integers(line)));
                // SAFETY: there are sixteen pairs, 64 bytes.
                unsafe { _mm512_storeu_si512(packed.as_mut_ptr().cast(), _mm512_or_si512(first, second)) }
            }
            self.weights.push(packed);
        }
    }

    /// As [`super::Matrix::multiply_add`].
    pub(super) fn multiply_add(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        // No output has no panel either.
        if outputs.is_empty() {
            return;
        }
        let width = self.panels * PANEL;
        for (group, outputs) in outputs.chunks_mut(ROWS * width).enumerate() {
            let rows = &rows[group * ROWS * stride..];
            // SAFETY: `new` has seen AVX-512 and AVX512-VNNI.
            unsafe {
                if outputs.len() == width {
                    self.group::<1>(rows, stride, outputs);
                } else {
                    self.group::<ROWS>(rows, stride, outputs);
                }
            }
        }
    }

    /// Up to R rows: their inputs are rounded once, then multiplied with all panels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn group<const R: usize>(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        let count = outputs.len() / (self.panels * PANEL);
        let (mut rounded, mut units) = ([Rounded([[0; 2]; BLOCK / 2]); R], [0.0; R]);
        for row in 0..count {
            units[row] = unit(&rows[row * stride..][..self.inputs]);
        }
        for first in (0..self.inputs).step_by(BLOCK) {
            let inputs = BLOCK.min(self.inputs - first);
            for row in 0..count {
                round(&rows[row * stride + first..][..inputs], 1.0 / units[row], &mut rounded[row]);
            }
            let block = Block { fixed: self, first: first / 2, pairs: inputs.div_ceil(2) };
            let (mut rounded, mut units, mut outputs) = (&rounded[..count], &units[..count], &mut *outputs);
            while !rounded.is_empty() {
                // Sums and weights of a tile fill no more than the registers; few rows take more panels, so that enough sums are under way.
                let rows = match rounded.len() {
                    ROWS => block.sweep::<ROWS, 1>(rounded, units, outputs),
                    4..ROWS => block.sweep::<4, 2>(rounded, units, outputs),
                    3 => block.sweep::<3, 2>(rounded, units, outputs),
                    2 => block.sweep::<2, 4>(rounded, units, outputs),
                    _ => block.sweep::<1, 4>(rounded, units, outputs),
                };
                (rounded, units) = (&rounded[rows..], &units[rows..]);
                outputs = &mut outputs[rows * self.panels * PANEL..];
            }
        }
    }
}

/// Inputs that have been rounded, and their weights.
struct Block<'a> {
    fixed: &'a Fixed,
    /// The first pair of inputs, and how many there are.
    first: usize,
    pairs: usize,
}

impl Block<'_> {
    /// Adds the products of the first M rows with all panels, P at a time, to those rows of `outputs`; returns M.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn sweep<const M: usize, const P: usize>(&self, rounded: &[Rounded], units: &[f32], outputs: &mut [f32]) -> usize {
        let Fixed { inputs, panels, weights, scales } = self.fixed;
        // The caller has matched their number.
        let (rounded, units) = (rounded.first_chunk().expect("M rows"), units.first_chunk().expect("M rows"));
        let mut panel = 0;
        while panel < *panels {
            let whole = panel + P <= *panels;
            let tile = Tile::<M> {
                weights: &weights[panel * inputs.div_ceil(2) + self.first..],
                each: inputs.div_ceil(2),
                scales: &scales[panel..],
                pairs: self.pairs,
                rounded,
                units,
                outputs: &mut outputs[panel * PANEL..],
                width: panels * PANEL,
            };
            if whole {
                tile.run::<P>()
            } else {
                tile.run::<1>()
            }
            panel += if whole { P } else { 1 };
        }
        M
    }
}

/// By how much each output's weights are multiplied before they are rounded: so that neither one of them nor their norm grows too large.
#[target_feature(enable = "avx512f,avx512bw")]
fn factors(panel: &[super::Line]) -> [f32; PANEL] {
    let (mut largest, mut squares) = ([0.0f32; PANEL], [0.0f32; PANEL]);
    for line in panel {
        for lane in 0..PANEL {
            largest[lane] = largest[lane].max(line.0[lane].abs());
            squares[lane] += line.0[lane] * line.0[lane];
        }
    }
    std::array::from_fn(|lane| factor(panel.len(), largest[lane], squares[lane]))
}

/// The same, of one output by its largest weight and the sum of their squares.
fn factor(inputs: usize, largest: f32, squares: f32) -> f32 {
    // Squares beyond single precision's range are taken for as large as they can be.
    let norm = if (1e-20..1e30).contains(&squares) { squares.sqrt() } else { largest * (inputs as f32).sqrt() };
    // An output without weights has any factor; its inverse must be finite.
    (f32::from(i16::MAX) / largest).min(weights_norm(inputs) / norm).min(1e30)
}

/// What a tile of M rows reads and writes, from its first panel on.
struct Tile<'a, const M: usize> {
    weights: &'a [Pairs],
    /// Pairs of a panel.
    each: usize,
    scales: &'a [Scales],
    /// Pairs of this block.
    pairs: usize,
    rounded: &'a [Rounded; M],
    /// What stands for one in each row's inputs.
    units: &'a [f32; M],
    outputs: &'a mut [f32],
    width: usize,
}

impl<const M: usize> Tile<'_, M> {
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[allow(
        clippy::needless_range_loop,
        reason = "iterators over these arrays are not unrolled in time to keep the sums in registers"
    )]
    fn run<const P: usize>(self) {
        let Self { weights, each, scales, pairs, rounded, units, outputs, width } = self;
        let panels: [&[Pairs]; P] = std::array::from_fn(|p| &weights[p * each..][..pairs]);
        let mut sums = [[[_mm512_setzero_si512(); 2]; P]; M];
        // So the compiler sees that every pair is in the block.
        for pair in 0..pairs.min(BLOCK / 2) {
            let mut weights = [[_mm512_setzero_si512(); 2]; P];
            for p in 0..P {
                weights[p] = vectors(&panels[p][pair]);
            }
            for m in 0..M {
                let inputs = _mm512_set1_epi32(bytemuck::cast(rounded[m].0[pair]));
                for p in 0..P {
                    for half in 0..2 {
                        sums[m][p][half] = _mm512_dpwssd_epi32(sums[m][p][half], weights[p][half], inputs);
                    }
                }
            }
        }
        for p in 0..P {
            for half in 0..2 {
                let scale = load(&scales[p].0[16 * half..]);
                for m in 0..M {
                    let output = &mut outputs[m * width + p * PANEL + 16 * half..][..16];
                    let unit = _mm512_mul_ps(scale, _mm512_set1_ps(units[m]));
                    store(output, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[m][p][half]), unit, load(output)));
                }
            }
        }
    }
}

/// What stands for one in a row's inputs; never so little that it could not be divided by.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn unit(row: &[f32]) -> f32 {
    // Four sums, so that one does not wait for the other.
    let mut squares = [_mm512_setzero_ps(); 4];
    for values in row.chunks(64) {
        for (sum, values) in squares.iter_mut().zip(values.chunks(16)) {
            let values = part(values);
            *sum = _mm512_fmadd_ps(values, values, *sum);
        }
    }
    let [a, b, c, d] = squares;
    let sum = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
    // NaN stays NaN, and with it the row's outputs.
    (if sum < 1e-30 { 1e-30 } else { sum }).sqrt() / INPUTS
}

/// Rounds a block of a row, times `factor`, to the nearest, ties to even; what is missing of its last pair is zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round(values: &[f32], factor: f32, rounded: &mut Rounded) {
    for (values, rounded) in values.chunks(16).zip(rounded.0.chunks_exact_mut(8)) {
        let integers = _mm512_cvtps_epi32(_mm512_mul_ps(part(values), _mm512_set1_ps(factor)));
        // SAFETY: there are eight pairs, 32 bytes.
        unsafe { _mm256_storeu_si256(rounded.as_mut_ptr().cast(), _mm512_cvtsepi32_epi16(integers)) }
    }
}

/// Up to sixteen values, and zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn part(values: &[f32]) -> __m512 {
    let there = u16::MAX >> (16 - values.len().min(16));
    // SAFETY: the mask leaves out what lies behind the values.
    unsafe { _mm512_maskz_loadu_ps(there, values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn vectors(pairs: &Pairs) -> [__m512i; 2] {
    let (first, second) = pairs.0.split_at(PANEL / 2);
    // SAFETY: each half is a register's 64 bytes.
    unsafe { [_mm512_loadu_si512(first.as_ptr().cast()), _mm512_loadu_si512(second.as_ptr().cast())] }
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

/// By how much rounding moves a row's product with an output's weights, at most.
#[cfg(test)]
pub(super) fn moved(weights: &[f32], row: &[f32], bounded: bool) -> f64 {
    let largest = |values: &[f32]| values.iter().fold(0.0f64, |most, value| most.max(f64::from(value.abs())));
    let size = |values: &[f32]| values.iter().map(|value| f64::from(value.abs())).sum::<f64>();
    let norm = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !bounded && largest(row) > f64::from(INPUT) {
        return 0.0;
    }
    let input = norm(row).max(1e-15) / f64::from(INPUTS);
    let squares = weights.iter().map(|weight| weight * weight).sum();
    let weight = 1.0 / f64::from(factor(weights.len(), largest(weights) as f32, squares));
    // Half a unit of each, of both, and what single precision rounds of scales and sums.
    let both = 0.25 * input * weight * row.len() as f64;
    0.5 * (input * size(weights) + weight * size(row)) + both + 1e-6 * size(weights) * largest(row)
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
        let found =
            Kernel::named(KernelName::Avx512Int16).map(|fixed| [Kernel::named(KernelName::Avx512).unwrap(), fixed]);
        found.inspect_err(|error| println!("NOT RUN: {error}")).ok()
    }

    /// What the instructions make of one output.
    fn model(weights: &[f32], row: &[f32], start: f32) -> f32 {
        let largest = weights.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
        let squares: f32 = weights.iter().map(|weight| weight * weight).sum();
        let factor = factor(row.len(), largest, squares);
        // SAFETY: the kernel is there.
        let unit = unsafe { unit(row) };
        let integer = |value: f32| i64::from(value.round_ties_even() as i16);
        row.chunks(BLOCK).zip(weights.chunks(BLOCK)).fold(start, |total, (row, weights)| {
            let terms = row.iter().zip(weights).map(|(x, w)| integer(x * (1.0 / unit)) * integer(w * factor));
            let sum = i32::try_from(terms.sum::<i64>()).expect("it fits by the choice of scales");
            (sum as f32).mul_add(1.0 / factor * unit, total)
        })
    }

    struct Case {
        shape: [usize; 3],
        stride: usize,
        weights: Vec<f32>,
        rows: Vec<f32>,
        start: Vec<f32>,
    }

    impl Case {
        /// Of outputs, inputs and rows. Some weights are subnormal or nothing, some outputs have weights of one sign and size; some
        /// rows are subnormal, at their bound, or beyond it.
        fn random(rng: &mut ChaCha8Rng, shape: [usize; 3], bounded: bool) -> Self {
            let [outputs, inputs, count] = shape;
            let stride = inputs + rng.random_range(0..9);
            let mut draw = |scale: f32| (rng.random::<f32>() * 2.0 - 1.0) * scale;
            let weights = (0..outputs * inputs)
                .map(|i| match i / inputs % 7 {
                    0 => 0.7,
                    5 => 1e-23,
                    6 => 1e20,
                    1 => draw([1e-40, 0.0, 6e-5][i % 3]),
                    _ => draw(0.3),
                })
                .collect();
            let rows = (0..count * stride)
                .map(|i| match i / stride % 5 {
                    0 => 1.0,
                    1 => draw(1e-40),
                    2 if !bounded => draw(40.0),
                    3 if !bounded => draw(1e5),
                    _ => draw(1.0),
                })
                .collect();
            let start = (0..count * outputs.next_multiple_of(PANEL)).map(|_| draw(1.0)).collect();
            Self { shape, stride, weights, rows, start }
        }

        fn matrix(&self, kernel: Kernel, bounded: bool) -> Matrix {
            let [outputs, inputs, _] = self.shape;
            let rows = if bounded { Rows::STATES } else { Rows::INPUTS };
            Matrix::for_rows(rows, kernel, outputs, inputs, |o| move |i| self.weights[o * inputs + i])
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
        let Some([single, fixed]) = kernels() else { return };
        let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
        let fixed_shapes =
            [[1, 1, 1], [33, 64, 7], [32, 65, 3], [704, 171, 5], [160, 110, 65], [40, 513, 4], [5, 16384, 2]];
        let random = (0..6).map(|_| [rng.random_range(1..=700), rng.random_range(1..=1100), rng.random_range(1..=65)]);
        for shape in fixed_shapes.into_iter().chain(random.collect::<Vec<_>>()) {
            for bounded in [true, false] {
                let case = Case::random(&mut rng, shape, bounded);
                let [single, matrix] = [single, fixed].map(|kernel| case.matrix(kernel, bounded));
                assert!(matches!(&matrix.weights, Weights::Fixed(_, lines) if lines.is_some() != bounded));
                let [outputs, inputs, count] = shape;
                let together = case.run(&matrix, 0, count);
                for (r, found) in together.chunks_exact(matrix.width()).enumerate() {
                    let row = &case.rows[r * case.stride..][..inputs];
                    assert_eq!(case.run(&matrix, r, 1), found, "row {r} of {shape:?} alone");
                    let in_single = case.run(&single, r, 1);
                    if !bounded && row.iter().any(|value| value.abs() > INPUT) {
                        assert_eq!(in_single, found, "row {r} of {shape:?}, which is large");
                        continue;
                    }
                    for o in (0..16).map(|_| rng.random_range(0..outputs)) {
                        let weights = &case.weights[o * inputs..][..inputs];
                        let expected = model(weights, row, case.start[r * matrix.width() + o]);
                        assert_eq!(found[o], expected, "output {o} of row {r} of {shape:?}");
                        let most = moved(weights, row, bounded) + 1e-6;
                        let moved = f64::from(found[o] - in_single[o]).abs();
                        assert!(moved <= most, "output {o} of row {r} of {shape:?}: moved by {moved:e} over {most:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_must_not_be_rounded_keep_single_precision() {
        let Some([single, fixed]) = kernels() else { return };
        let values = [(32.0, true), (32.1, false), (f32::MAX, false), (f32::INFINITY, false), (f32::NAN, false)];
        for (value, rounded) in values {
            let run = |kernel| {
                let matrix = Matrix::for_rows(Rows::INPUTS, kernel, 40, 100, |_| |_| 0.123);
                let row: Vec<f32> = (0..100).map(|i| if i == 70 { value } else { 0.37 }).collect();
                let mut outputs = vec![0.0f32; matrix.width()];
                matrix.multiply_add(&row, 100, &mut outputs);
                outputs.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(run(single) == run(fixed), !rounded, "{value}");
        }
        assert!(matches!(Matrix::new(fixed, 5, 3, |_| |_| 0.5).weights, Weights::Single(_)));
        Matrix::for_rows(Rows::OUTPUTS, fixed, 0, 3, |_| |_| 0.5).multiply_add(&[0.5; 6], 3, &mut []);
        let states = Matrix::for_rows(Rows::STATES, fixed, 32, 40, |_| |_| 0.5);
        let mut outputs = [0.0; 64];
        states.multiply_add(&[[0.5; 40], [f32::NAN; 40]].concat(), 40, &mut outputs);
        assert!(
            outputs[..32].iter().all(|value| value.is_finite()) && outputs[32..].iter().all(|value| value.is_nan())
        );
    }
}
