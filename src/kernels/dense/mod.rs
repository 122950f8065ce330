//! Matrices of weights, packed once, times any number of rows.
//!
//! An output element is always the same sum in the same order (what was there, then one term per input), whatever
//! stands beside it: results do not depend on how many rows a call has.

#[cfg(target_arch = "x86_64")]
mod amx_bf16;
#[cfg(target_arch = "x86_64")]
mod avx512_fp16;
#[cfg(target_arch = "x86_64")]
mod avx512_int16;
mod generic;
#[cfg(target_arch = "aarch64")]
mod neon;

use super::Kernel;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use super::KernelName;

/// Outputs of a packed matrix come in panels of this many columns.
pub const PANEL: usize = 32;

/// One input's weights for the outputs of a panel, on a cache line's boundary.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; PANEL]);

/// A weight matrix, packed so that the inner loop runs over outputs.
#[derive(Debug, Clone)]
pub struct Matrix {
    kernel: Kernel,
    inputs: usize,
    panels: usize,
    weights: Weights,
}

/// The weights, `[panel, input]`.
#[derive(Debug, Clone)]
enum Weights {
    Single(Vec<Line>),
    /// Where the kernel keeps halves, and every weight is one.
    #[cfg(target_arch = "aarch64")]
    Half(neon::Halves),
    #[cfg(target_arch = "x86_64")]
    Half(avx512_fp16::Halves),
    /// With what multiplies rows that must not be rounded, where there are any.
    #[cfg(target_arch = "x86_64")]
    Fixed(avx512_int16::Fixed, Option<Vec<Line>>),
    /// Likewise.
    #[cfg(target_arch = "x86_64")]
    Tiles(amx_bf16::Tiles, Option<Vec<Line>>),
}

/// Which rows a matrix multiplies, and so what a kernel may do to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    rounding: Rounding,
    /// They are between -1 and 1.
    bounded: bool,
}

/// How far a kernel may round, where it sees to the rows' range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rounding {
    /// Not at all.
    Exact,
    /// To fixed point of 16 bits with a scale for each row.
    Fixed,
    /// To half precision or bfloat16, too.
    Half,
}

impl Rows {
    /// Any, which are not rounded.
    pub const EXACT: Self = Self { rounding: Rounding::Exact, bounded: false };
    /// Those of a layer before the LSTM.
    pub const FEATURES: Self = Self { rounding: Rounding::Fixed, bounded: false };
    /// An LSTM's inputs.
    pub const INPUTS: Self = Self { rounding: Rounding::Half, bounded: false };
    /// An LSTM's states, that it reads itself.
    pub const STATES: Self = Self { rounding: Rounding::Half, bounded: true };
    /// An LSTM's states, that an output layer reads.
    pub const OUTPUTS: Self = Self { rounding: Rounding::Fixed, bounded: true };
}

impl Matrix {
    /// Packs for `kernel` a matrix of `outputs` columns; `weights(output)(input)` gives its entries. Padding columns are zero.
    pub fn new<R: Fn(usize) -> f32>(
        kernel: Kernel,
        outputs: usize,
        inputs: usize,
        weights: impl Fn(usize) -> R,
    ) -> Self {
        Self::for_rows(Rows::EXACT, kernel, outputs, inputs, weights)
    }

    /// As [`Matrix::new`], for `rows` that the kernel may round.
    pub fn for_rows<R: Fn(usize) -> f32>(
        rows: Rows,
        kernel: Kernel,
        outputs: usize,
        inputs: usize,
        weights: impl Fn(usize) -> R,
    ) -> Self {
        let panels = outputs.div_ceil(PANEL);
        let mut lines = vec![Line([0.0; PANEL]); panels * inputs];
        // An output's weights are read one behind the other, and each panel is written while it is in the first cache.
        for output in 0..outputs {
            let (panel, lane, weight) = (output / PANEL, output % PANEL, weights(output));
            let lines = &mut lines[panel * inputs..][..inputs];
            lines.iter_mut().enumerate().for_each(|(input, line)| line.0[lane] = weight(input));
        }
        Self { kernel, inputs, panels, weights: Weights::new(kernel, inputs, lines, rows) }
    }

    /// Inputs of a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of an output row, padding included: a multiple of [`PANEL`].
    pub fn width(&self) -> usize {
        self.panels * PANEL
    }

    /// Adds the product of each input row to its output row. Input row `r` begins at `rows[r * stride]` (rows may
    /// overlap); output rows lie one after another, [`Matrix::width`] wide.
    pub fn multiply_add(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        match &self.weights {
            Weights::Single(lines) => self.multiply_singly(lines, rows, stride, outputs),
            #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
            Weights::Half(halves) => halves.multiply_add(rows, stride, outputs),
            #[cfg(target_arch = "x86_64")]
            Weights::Fixed(fixed, lines) => {
                let multiply = |rows: &[f32], outputs: &mut [f32]| fixed.multiply_add(rows, stride, outputs);
                self.multiply_rounded(lines.as_deref(), avx512_int16::INPUT, rows, stride, outputs, multiply);
            }
            #[cfg(target_arch = "x86_64")]
            Weights::Tiles(tiles, lines) => {
                let multiply = |rows: &[f32], outputs: &mut [f32]| tiles.multiply_add(rows, stride, outputs);
                self.multiply_rounded(lines.as_deref(), amx_bf16::INPUT, rows, stride, outputs, multiply);
            }
        }
    }

    /// By `multiply`, but in single precision by `lines`, where there are any, each row with an input above `limit`.
    #[cfg(target_arch = "x86_64")]
    fn multiply_rounded(
        &self,
        lines: Option<&[Line]>,
        limit: f32,
        rows: &[f32],
        stride: usize,
        outputs: &mut [f32],
        multiply: impl Fn(&[f32], &mut [f32]),
    ) {
        let Some(lines) = lines else { return multiply(rows, outputs) };
        in_runs(limit, [self.inputs, stride, self.width()], rows, outputs, |fit, rows, outputs| match fit {
            true => multiply(rows, outputs),
            false => self.multiply_singly(lines, rows, stride, outputs),
        });
    }

    /// In single precision.
    fn multiply_singly(&self, lines: &[Line], rows: &[f32], stride: usize, outputs: &mut [f32]) {
        self.kernel.dispatch(generic::MultiplyAdd { matrix: self, lines, rows, stride, outputs });
    }
}

/// Calls `multiply` for runs of rows whose inputs are all within `limit` (true), or with a larger one or NaN in each.
#[cfg(target_arch = "x86_64")]
fn in_runs(
    limit: f32,
    [inputs, stride, width]: [usize; 3],
    rows: &[f32],
    outputs: &mut [f32],
    mut multiply: impl FnMut(bool, &[f32], &mut [f32]),
) {
    // To the end without a branch, so that it vectorises. A NaN is not within the limit either.
    let fits = |row: usize| rows[row * stride..][..inputs].iter().fold(true, |all, value| all & (value.abs() <= limit));
    let (mut first, mut rest) = (0, outputs);
    while !rest.is_empty() {
        let (fit, count) = (fits(first), rest.len() / width);
        let run = 1 + (first + 1..first + count).take_while(|&row| fits(row) == fit).count();
        let (outputs, after) = rest.split_at_mut(run * width);
        multiply(fit, &rows[first * stride..], outputs);
        (first, rest) = (first + run, after);
    }
}

impl Weights {
    #[cfg(target_arch = "aarch64")]
    fn new(kernel: Kernel, inputs: usize, lines: Vec<Line>, rows: Rows) -> Self {
        let arithmetic = match kernel.name() {
            KernelName::NeonFp16 => neon::Arithmetic::Widening,
            KernelName::NeonFhm if rows == Rows::STATES => neon::Arithmetic::Fused,
            KernelName::NeonFhm => neon::Arithmetic::Widening,
            _ => return Self::Single(lines),
        };
        neon::Halves::new(arithmetic, inputs, &lines).map_or(Self::Single(lines), Self::Half)
    }

    #[cfg(target_arch = "x86_64")]
    fn new(kernel: Kernel, inputs: usize, lines: Vec<Line>, rows: Rows) -> Self {
        match kernel.name() {
            KernelName::Avx512Fp16 if rows.rounding == Rounding::Half => {
                avx512_fp16::Halves::new(inputs, &lines).map_or(Self::Single(lines), Self::Half)
            }
            KernelName::Avx512Int16 if rows.rounding >= Rounding::Fixed && inputs > 0 => {
                let fixed = avx512_int16::Fixed::new(inputs, &lines);
                Self::Fixed(fixed, (!rows.bounded).then_some(lines))
            }
            KernelName::AmxBf16 if rows.rounding == Rounding::Half && inputs > 0 => {
                Self::Tiles(amx_bf16::Tiles::new(inputs, &lines), (!rows.bounded).then_some(lines))
            }
            _ => Self::Single(lines),
        }
    }

    #[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
    fn new(_: Kernel, _: usize, lines: Vec<Line>, _: Rows) -> Self {
        Self::Single(lines)
    }
}

/// Weights as a bundle holds them.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// `[outputs, inputs]`.
    pub weights: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
}

/// A matrix and what is added to each row's product.
#[derive(Debug, Clone)]
pub struct Dense {
    matrix: Matrix,
    bias: Vec<f32>,
}

impl Dense {
    /// Packs the layer for `kernel`; `weights(output)(input)` and `bias(output)` give its parameters.
    pub fn new<R: Fn(usize) -> f32>(
        kernel: Kernel,
        outputs: usize,
        inputs: usize,
        weights: impl Fn(usize) -> R,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        Self::with(Matrix::new(kernel, outputs, inputs, weights), outputs, bias)
    }

    /// A layer of `matrix`, whose columns from `outputs` on are padding.
    pub fn with(matrix: Matrix, outputs: usize, bias: impl Fn(usize) -> f32) -> Self {
        let bias = (0..matrix.width()).map(|output| if output < outputs { bias(output) } else { 0.0 }).collect();
        Self { matrix, bias }
    }

    /// The kernel that it was packed for.
    pub fn kernel(&self) -> Kernel {
        self.matrix.kernel
    }

    /// Columns of an output row, padding included.
    pub fn width(&self) -> usize {
        self.matrix.width()
    }

    /// Writes the layer's output for each input row.
    pub fn apply(&self, rows: &[f32], stride: usize, outputs: &mut [f32]) {
        outputs.chunks_exact_mut(self.width()).for_each(|row| row.copy_from_slice(&self.bias));
        self.matrix.multiply_add(rows, stride, outputs);
    }
}

/// By how much the best kernel's rounding moves a row's product with an output's weights, at most, beside single precision.
/// `bounded` are rows of states.
#[cfg(test)]
pub(crate) fn moved(weights: &[f32], row: &[f32], bounded: bool) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if Kernel::best().name() == KernelName::Avx512Int16 {
        return avx512_int16::moved(weights, row, bounded);
    }
    let _ = (weights, row, bounded);
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::on_each_kernel;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn products_are_right_and_do_not_depend_on_neighbours() {
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let shapes = [(1, 1, 1), (5, 3, 3), (64, 0, 1), (32, 7, 9), (33, 64, 64), (100, 40, 10), (704, 171, 176)];
            // Miri, a thousand times as slow, is after accesses: small shapes have them all.
            for (outputs, inputs, stride) in shapes.into_iter().take(if cfg!(miri) { 4 } else { shapes.len() }) {
                let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() - 0.5).collect() };
                let (weights, bias) = (draw(outputs * inputs), draw(outputs));
                let layer = Dense::new(
                    Kernel::best(),
                    outputs,
                    inputs,
                    |o| {
                        let row = &weights[o * inputs..];
                        move |i| row[i]
                    },
                    |o| bias[o],
                );
                for count in 1..=19 {
                    let rows = draw((count - 1) * stride + inputs);
                    let mut together = vec![0.0; count * layer.width()];
                    layer.apply(&rows, stride, &mut together);
                    for (r, found) in together.chunks_exact(layer.width()).enumerate() {
                        let row = &rows[r * stride..][..inputs];
                        let mut alone = vec![0.0; layer.width()];
                        layer.apply(row, stride, &mut alone);
                        assert_eq!(found, alone);
                        for (o, &value) in found[..outputs].iter().enumerate() {
                            let term = |i: usize| f64::from(row[i]) * f64::from(weights[o * inputs + i]);
                            let expected = f64::from(bias[o]) + (0..inputs).map(term).sum::<f64>();
                            assert!((f64::from(value) - expected).abs() < 1e-5);
                        }
                        assert!(found[outputs..].iter().all(|&padding| padding == 0.0));
                    }
                }
            }
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there; fixed shapes have every access")]
    fn products_are_right_for_random_shapes_and_extreme_rows() {
        let seed = crate::kernels::simd::test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..12 {
                let (outputs, inputs, count) =
                    (rng.random_range(1..=200), rng.random_range(1..=512), rng.random_range(1..=65));
                let mut draw = |n: usize, scale: f32| -> Vec<f32> {
                    (0..n).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * scale).collect()
                };
                let (weights, bias) = (draw(outputs * inputs, 1.0), draw(outputs, 1.0));
                let layer = Dense::new(
                    Kernel::best(),
                    outputs,
                    inputs,
                    |o| {
                        let row = &weights[o * inputs..];
                        move |i| row[i]
                    },
                    |o| bias[o],
                );
                // Rows of ordinary numbers, of denormals, and of large ones.
                let rows: Vec<f32> = (0..count).flat_map(|r| draw(inputs, [1.0, 1e-40, 1e4][r % 3])).collect();
                let mut found = vec![0.0; count * layer.width()];
                layer.apply(&rows, inputs, &mut found);
                for (row, found) in rows.chunks_exact(inputs).zip(found.chunks_exact(layer.width())) {
                    for (o, &value) in found[..outputs].iter().enumerate() {
                        let terms = row.iter().zip(&weights[o * inputs..]).map(|(x, w)| f64::from(*x) * f64::from(*w));
                        let (sum, size) =
                            terms.fold((f64::from(bias[o]), 1.0), |(sum, size), t| (sum + t, size + t.abs()));
                        let error = (f64::from(value) - sum).abs();
                        assert!(error <= 2e-6 * size, "{outputs} x {inputs}, {count} rows: {error:e} of {size:e}");
                    }
                }
            }
        });
    }
}
