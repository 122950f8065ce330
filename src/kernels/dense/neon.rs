//! Weights in half precision on aarch64: half of what the generic kernel keeps and reads.
//!
//! [`Arithmetic::Widening`] converts weights as it reads them and computes in single precision, bit for bit what the generic
//! kernel of NEON computes. [`Arithmetic::Fused`] multiplies halves by halves into sums of single precision (FMLAL of
//! FEAT_FHM: Arm Architecture Reference Manual, C7.2), without a conversion; its inputs are rounded to half precision,
//! its products are exact. Both add one term per input, in the inputs' order.
//!
//! In assembly, because Rust's type of halves is younger than the oldest Rust that we promise.

use super::PANEL;
use crate::kernels::processor;
use half::f16;
use std::arch::aarch64::{float32x4_t, uint16x8_t, vdupq_n_f32, vfmaq_n_f32, vld1q_f32, vld1q_u16, vst1q_f32};
use std::arch::asm;

/// Registers of eight halves in a line.
const VECTORS: usize = PANEL / 8;

/// Rows of a tile: its sums fill 24 of the 32 registers.
const ROWS: usize = 3;

/// One input's weights for the outputs of a panel, on a cache line's boundary.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f16; PANEL]);

/// How weights in half precision are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// In single precision.
    Widening,
    /// By FEAT_FHM, inputs rounded to half precision: for inputs between -1 and 1.
    Fused,
}

/// A packed matrix of halves.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    arithmetic: Arithmetic,
    inputs: usize,
    panels: usize,
    /// `[panel, input]`.
    lines: Vec<Line>,
}

impl Halves {
    /// Packs lines `[panel, input]` of single precision; nothing where a weight is no half. `arithmetic` must be one that this processor has.
    pub(super) fn new(arithmetic: Arithmetic, inputs: usize, lines: &[super::Line]) -> Option<Self> {
        let needed = if arithmetic == Arithmetic::Fused { "fhm" } else { "neon" };
        assert!(processor::has(needed), "the kernel was chosen for another processor");
        let exact = |line: &super::Line| {
            let halves = line.0.map(f16::from_f32);
            let same = halves.iter().zip(line.0).all(|(half, single)| half.to_f32().to_bits() == single.to_bits());
            same.then_some(Line(halves))
        };
        let panels = lines.len().checked_div(inputs)?;
        Some(Self { arithmetic, inputs, panels, lines: lines.iter().map(exact).collect::<Option<_>>()? })
    }

    /// As [`super::Matrix::multiply_add`].
    pub(super) fn multiply_add(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        let width = self.panels * PANEL;
        for (panel, lines) in self.lines.chunks_exact(self.inputs).enumerate() {
            for (block, outputs) in outputs.chunks_mut(ROWS * width).enumerate() {
                let rows = &rows[block * ROWS * stride..];
                let count = outputs.len() / width;
                let tile = Tile { lines, rows, stride, outputs: &mut outputs[panel * PANEL..], width };
                // SAFETY: NEON is part of aarch64, and `new` has seen FEAT_FHM.
                unsafe {
                    match (self.arithmetic, count) {
                        (Arithmetic::Widening, 1) => tile.widening::<1>(),
                        (Arithmetic::Widening, 2) => tile.widening::<2>(),
                        (Arithmetic::Widening, _) => tile.widening::<ROWS>(),
                        (Arithmetic::Fused, 1) => tile.fused::<1>(),
                        (Arithmetic::Fused, 2) => tile.fused::<2>(),
                        (Arithmetic::Fused, _) => tile.fused::<ROWS>(),
                    }
                }
            }
        }
    }
}

/// The sums of M rows, eight registers each.
type Sums<const M: usize> = [[float32x4_t; 2 * VECTORS]; M];

/// What a tile reads and writes, from its first row and panel on.
struct Tile<'a> {
    lines: &'a [Line],
    rows: &'a [f32],
    stride: usize,
    outputs: &'a mut [f32],
    width: usize,
}

impl Tile<'_> {
    #[target_feature(enable = "neon")]
    fn widening<const M: usize>(mut self) {
        let rows: [&[f32]; M] = self.rows();
        let mut sums = self.sums::<M>();
        for (i, line) in self.lines.iter().enumerate() {
            for v in 0..VECTORS {
                let (low, high) = widen(line.vector(v));
                for m in 0..M {
                    sums[m][2 * v] = vfmaq_n_f32(sums[m][2 * v], low, rows[m][i]);
                    sums[m][2 * v + 1] = vfmaq_n_f32(sums[m][2 * v + 1], high, rows[m][i]);
                }
            }
        }
        self.keep(&sums);
    }

    #[target_feature(enable = "fhm")]
    fn fused<const M: usize>(mut self) {
        let rows: [&[f32]; M] = self.rows();
        let mut sums = self.sums::<M>();
        let mut inputs = [narrow(vdupq_n_f32(0.0)); M];
        let fours = self.lines.chunks_exact(4);
        let (rest, first) = (fours.remainder(), self.lines.len() / 4 * 4);
        for (block, lines) in fours.enumerate() {
            for m in 0..M {
                inputs[m] = narrow(load(rows[m], 4 * block));
            }
            multiply_line::<M, 0>(&mut sums, &lines[0], &inputs);
            multiply_line::<M, 1>(&mut sums, &lines[1], &inputs);
            multiply_line::<M, 2>(&mut sums, &lines[2], &inputs);
            multiply_line::<M, 3>(&mut sums, &lines[3], &inputs);
        }
        for (i, line) in rest.iter().enumerate() {
            for m in 0..M {
                inputs[m] = narrow(vdupq_n_f32(rows[m][first + i]));
            }
            multiply_line::<M, 0>(&mut sums, line, &inputs);
        }
        self.keep(&sums);
    }

    /// The tile's input rows.
    #[inline(always)]
    fn rows<const M: usize>(&self) -> [&'_ [f32]; M] {
        std::array::from_fn(|m| &self.rows[m * self.stride..][..self.lines.len()])
    }

    /// What the outputs hold so far.
    #[inline(always)]
    fn sums<const M: usize>(&self) -> Sums<M> {
        std::array::from_fn(|m| std::array::from_fn(|v| load(self.outputs, m * self.width + 4 * v)))
    }

    #[inline(always)]
    fn keep<const M: usize>(&mut self, sums: &Sums<M>) {
        for (m, sums) in sums.iter().enumerate() {
            let outputs = &mut self.outputs[m * self.width..][..PANEL];
            for (four, &sum) in outputs.chunks_exact_mut(4).zip(sums) {
                // SAFETY: there are four.
                unsafe { vst1q_f32(four.as_mut_ptr(), sum) }
            }
        }
    }
}

impl Line {
    /// Eight of the weights.
    #[inline(always)]
    fn vector(&self, v: usize) -> uint16x8_t {
        let eight = &self.0[8 * v..8 * v + 8];
        // SAFETY: there are eight, and a half is two bytes.
        unsafe { vld1q_u16(eight.as_ptr().cast()) }
    }
}

/// Four values from `first` on.
#[inline(always)]
fn load(values: &[f32], first: usize) -> float32x4_t {
    let four = &values[first..first + 4];
    // SAFETY: there are four.
    unsafe { vld1q_f32(four.as_ptr()) }
}

/// The lower and the upper four of eight halves, exactly.
#[inline(always)]
fn widen(halves: uint16x8_t) -> (float32x4_t, float32x4_t) {
    let (low, high);
    // SAFETY: converts registers, nothing else.
    unsafe {
        asm!("fcvtl {low:v}.4s, {halves:v}.4h", low = lateout(vreg) low, halves = in(vreg) halves,
            options(pure, nomem, nostack));
        asm!("fcvtl2 {high:v}.4s, {halves:v}.8h", high = lateout(vreg) high, halves = in(vreg) halves,
            options(pure, nomem, nostack));
    }
    (low, high)
}

/// Four values as the nearest halves, in the lower half of the register.
#[inline(always)]
fn narrow(singles: float32x4_t) -> uint16x8_t {
    let halves;
    // SAFETY: converts a register, nothing else.
    unsafe {
        asm!("fcvtn {halves:v}.4h, {singles:v}.4s", halves = lateout(vreg) halves, singles = in(vreg) singles,
            options(pure, nomem, nostack));
    }
    halves
}

/// Adds the products of a line with input LANE of each row.
#[inline]
#[target_feature(enable = "fhm")]
fn multiply_line<const M: usize, const LANE: usize>(sums: &mut Sums<M>, line: &Line, inputs: &[uint16x8_t; M]) {
    for v in 0..VECTORS {
        let weights = line.vector(v);
        for m in 0..M {
            // SAFETY: computes on registers, nothing else; the function has FEAT_FHM.
            unsafe {
                asm!("fmlal {sum:v}.4s, {weights:v}.4h, {input:v}.h[{lane}]", sum = inout(vreg) sums[m][2 * v],
                    weights = in(vreg) weights, input = in(vreg_low16) inputs[m], lane = const LANE,
                    options(pure, nomem, nostack));
                asm!("fmlal2 {sum:v}.4s, {weights:v}.4h, {input:v}.h[{lane}]", sum = inout(vreg) sums[m][2 * v + 1],
                    weights = in(vreg) weights, input = in(vreg_low16) inputs[m], lane = const LANE,
                    options(pure, nomem, nostack));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, Rows, Weights};
    use super::*;
    use crate::kernels::{Kernel, KernelName};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn half(value: f32) -> f32 {
        f16::from_f32(value).to_f32()
    }

    /// Shapes of an LSTM's recurrent product: 4 * `hidden` outputs, inputs `[rows, stride]` between -1 and 1.
    struct Case {
        hidden: usize,
        stride: usize,
        weights: Vec<f32>,
        rows: Vec<f32>,
        start: Vec<f32>,
    }

    impl Case {
        fn random(rng: &mut ChaCha8Rng, hidden: usize, count: usize) -> Self {
            let stride = hidden + rng.random_range(0..9);
            let scale = 2.0 / (hidden as f32).sqrt();
            // One weight in eight is a denormal half.
            let mut weight = || half((rng.random::<f32>() - 0.5) * if rng.random_bool(0.125) { 6e-5 } else { scale });
            let weights = (0..4 * hidden * hidden).map(|_| weight()).collect();
            let rows = (0..count * stride).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect();
            let start = (0..count * (4 * hidden).next_multiple_of(PANEL)).map(|_| rng.random()).collect();
            Self { hidden, stride, weights, rows, start }
        }

        fn matrix(&self, name: KernelName) -> Matrix {
            let kernel = Kernel::named(name).unwrap();
            Matrix::for_rows(Rows::STATES, kernel, 4 * self.hidden, self.hidden, |o| {
                move |i| self.weights[o * self.hidden + i]
            })
        }

        fn run(matrix: &Matrix, rows: &[f32], stride: usize, start: &[f32]) -> Vec<f32> {
            let mut outputs = start.to_vec();
            matrix.multiply_add(rows, stride, &mut outputs);
            outputs
        }
    }

    fn on_random_cases(check: impl Fn(&Case, &mut ChaCha8Rng)) {
        let seed = rand::random();
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for (hidden, count) in [(1, 1), (3, 2), (8, 3), (33, 65), (171, 4), (512, 7)] {
            check(&Case::random(&mut rng, hidden, count), &mut rng);
        }
        for _ in 0..6 {
            let (hidden, count) = (rng.random_range(1..=512), rng.random_range(1..=65));
            check(&Case::random(&mut rng, hidden, count), &mut rng);
        }
    }

    #[test]
    fn widened_halves_give_what_single_precision_gives() {
        on_random_cases(|case, _| {
            let [single, halves] = [KernelName::Neon, KernelName::NeonFp16].map(|name| case.matrix(name));
            assert!(matches!(halves.weights, Weights::Half(_)));
            let [single, halves] = [single, halves].map(|m| Case::run(&m, &case.rows, case.stride, &case.start));
            assert_eq!(single, halves);
        });
    }

    #[test]
    fn fused_products_are_exact_but_for_the_rounding_of_their_inputs() {
        if !processor::has("fhm") {
            println!("not run: this processor lacks fhm");
            return;
        }
        on_random_cases(|case, rng| {
            let fused = case.matrix(KernelName::NeonFhm);
            assert!(matches!(&fused.weights, Weights::Half(halves) if halves.arithmetic == Arithmetic::Fused));
            let together = Case::run(&fused, &case.rows, case.stride, &case.start);
            // On rounded inputs, bit for bit the kernel of single precision.
            let rounded: Vec<f32> = case.rows.iter().map(|&value| half(value)).collect();
            assert_eq!(Case::run(&case.matrix(KernelName::Neon), &rounded, case.stride, &case.start), together);
            let width = fused.width();
            for (r, found) in together.chunks_exact(width).enumerate() {
                let (row, start) = (&case.rows[r * case.stride..][..case.hidden], &case.start[r * width..][..width]);
                assert_eq!(Case::run(&fused, row, case.stride, start), found, "row {r} alone");
                // Half of the last place of a half below 1 is 2^-12.
                for o in (0..8).map(|_| rng.random_range(0..4 * case.hidden)) {
                    let weights = &case.weights[o * case.hidden..][..case.hidden];
                    let terms = row.iter().zip(weights).map(|(&x, &w)| f64::from(x) * f64::from(w));
                    let expected = f64::from(start[o]) + terms.sum::<f64>();
                    let bound = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / 4096.0 + 1e-5;
                    assert!((f64::from(found[o]) - expected).abs() < bound, "{} instead of {expected}", found[o]);
                }
            }
        });
    }

    #[test]
    fn a_weight_that_is_no_half_keeps_single_precision() {
        let kernel = Kernel::named(KernelName::NeonFp16).unwrap();
        for (value, fits) in [(0.5, true), (-0.0, true), (6e-8, false), (0.1, false), (7e4, false)] {
            let matrix = Matrix::new(kernel, 5, 3, |o| move |i| if (o, i) == (4, 2) { value } else { 1.0 });
            assert_eq!(matches!(matrix.weights, Weights::Half(_)), fits, "{value}");
        }
    }
}
