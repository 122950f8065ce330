//! The output layers of a task: universal, language-specific, and the gate between them.
//!
//! y = g * ys + (1 - g) * yu, g = sigmoid(Wg h + bg), elementwise; without a specific layer y = yu. h = [fw ; bw] is
//! never put together: each direction adds up its half, and [`Output::combine`] joins the two sums.

use super::Kernel;
use super::activation::sigmoid;
use super::dense::{Affine, Matrix, Rows};
use super::simd::fused;
use crate::{Cancel, Result};
use pulp::{Simd, WithSimd};

/// The packed layers.
#[derive(Debug, Clone)]
pub struct Output {
    kernel: Kernel,
    labels: usize,
    specific: bool,
    /// Forward half, backward half; columns universal, specific, gate.
    halves: [Matrix; 2],
    bias: Vec<f32>,
}

impl Output {
    /// Packs for `kernel` layers over `2 * hidden` inputs; `specific` is the language-specific layer and its gate.
    ///
    /// Panics where a slice has another length.
    pub fn new(
        kernel: Kernel,
        labels: usize,
        hidden: usize,
        universal: Affine,
        specific: Option<(Affine, Affine)>,
    ) -> Self {
        let layers: Vec<Affine> =
            [universal].into_iter().chain(specific.into_iter().flat_map(|(s, g)| [s, g])).collect();
        for layer in &layers {
            assert_eq!((layer.weights.len(), layer.bias.len()), (labels * 2 * hidden, labels));
        }
        let columns = labels * layers.len();
        let half = |first: usize| {
            Matrix::for_rows(Rows::OUTPUTS, kernel, columns, hidden, |column| {
                let weights = &layers[column / labels].weights[column % labels * 2 * hidden + first..][..hidden];
                move |input: usize| weights[input]
            })
        };
        let halves = [half(0), half(hidden)];
        let mut bias: Vec<f32> = layers.iter().flat_map(|layer| layer.bias).copied().collect();
        bias.resize(halves[0].width(), 0.0);
        Self { kernel, labels, specific: specific.is_some(), halves, bias }
    }

    /// Number of labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// Columns of a row of sums, padding included.
    pub fn width(&self) -> usize {
        self.bias.len()
    }

    /// Columns of a row of sums that [`Output::combine`] reads.
    pub fn columns(&self) -> usize {
        if self.specific { 3 * self.labels } else { self.labels }
    }

    /// Writes one direction's part of the sums, `[rows, width]`, of states `[rows, stride]`.
    pub fn sum(&self, backward: bool, states: &[f32], stride: usize, sums: &mut [f32]) {
        if backward {
            sums.fill(0.0);
        } else {
            sums.chunks_exact_mut(self.width()).for_each(|row| row.copy_from_slice(&self.bias));
        }
        self.halves[usize::from(backward)].multiply_add(states, stride, sums);
    }

    /// Makes `emissions` those, `[rows, labels]`, of both directions' sums, each `[rows, columns]`, in either order. The only
    /// error is that of `cancel`.
    pub fn combine(&self, a: &[f32], b: &[f32], emissions: &mut Vec<f32>, cancel: &Cancel) -> Result<()> {
        emissions.resize(a.len() / self.columns().max(1) * self.labels, 0.0);
        self.kernel.dispatch(Combine { layer: self, a, b, emissions, cancel })
    }
}

struct Combine<'a> {
    layer: &'a Output,
    a: &'a [f32],
    b: &'a [f32],
    emissions: &'a mut [f32],
    cancel: &'a Cancel,
}

impl WithSimd for Combine<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Result<()> {
        let Self { layer, a, b, emissions, cancel } = self;
        let (labels, columns) = (layer.labels, layer.columns());
        if labels == 0 {
            return Ok(());
        }
        let rows = a.chunks_exact(columns).zip(b.chunks_exact(columns));
        for (row, (y, (a, b))) in emissions.chunks_exact_mut(labels).zip(rows).enumerate() {
            cancel.check_at(row)?;
            y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = a + b);
            if layer.specific {
                for k in 0..labels {
                    let specific = a[labels + k] + b[labels + k];
                    let gate = sigmoid::<S>(a[2 * labels + k] + b[2 * labels + k]);
                    y[k] = fused::<S>(gate, specific - y[k], y[k]);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dense;
    use crate::kernels::simd::on_each_kernel;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn layers_equal_their_formula() {
        let seed = crate::kernels::simd::test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut shapes = vec![(1, 1, true), (9, 12, false), (17, 33, true)];
            // Miri, a thousand times as slow, is after accesses: small shapes have them all.
            shapes.extend(
                (0..if cfg!(miri) { 0 } else { 8 })
                    .map(|case| (rng.random_range(1..=60), rng.random_range(1..=512), case % 2 == 0)),
            );
            for (labels, hidden, specific) in shapes {
                let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect() };
                let weights: [Vec<f32>; 3] = std::array::from_fn(|_| draw(labels * 2 * hidden));
                let biases: [Vec<f32>; 3] = std::array::from_fn(|_| draw(labels));
                let [universal, own, gate] = std::array::from_fn(|i| Affine { weights: &weights[i], bias: &biases[i] });
                let layer = Output::new(Kernel::best(), labels, hidden, universal, specific.then_some((own, gate)));
                let (rows, stride) = (4, hidden + 3);
                let halves = [draw(rows * stride), draw(rows * stride)];
                let sums = [false, true].map(|backward| {
                    let mut sums = vec![0.0; rows * layer.width()];
                    layer.sum(backward, &halves[usize::from(backward)], stride, &mut sums);
                    sums.chunks(layer.width()).flat_map(|row| row[..layer.columns()].to_vec()).collect::<Vec<_>>()
                });
                let mut emissions = vec![f32::NAN; 7];
                layer.combine(&sums[0], &sums[1], &mut emissions, &Cancel::new()).unwrap();
                assert_eq!(emissions.len(), rows * labels);
                for row in 0..rows {
                    let state = |i: usize| f64::from(halves[i / hidden][row * stride + i % hidden]);
                    for k in 0..labels {
                        let terms = |layer: Affine| -> Vec<f64> {
                            (0..2 * hidden).map(|i| f64::from(layer.weights[k * 2 * hidden + i]) * state(i)).collect()
                        };
                        let affine = |layer: Affine| f64::from(layer.bias[k]) + terms(layer).iter().sum::<f64>();
                        // What rounding may do grows with the terms' sizes, and by the gate's slope with the layers' difference.
                        let moved = |layer: Affine| -> f64 {
                            let weights = &layer.weights[k * 2 * hidden..][..2 * hidden];
                            let halves = weights.chunks_exact(hidden).zip(&halves);
                            halves.map(|(w, half)| dense::moved(w, &half[row * stride..][..hidden], true)).sum()
                        };
                        let size = |layer: Affine| {
                            1.0 + terms(layer).iter().map(|term| term.abs()).sum::<f64>() + moved(layer) / 2e-6
                        };
                        let g = if specific { 1.0 / (1.0 + (-affine(gate)).exp()) } else { 0.0 };
                        let expected = g * affine(own) + (1.0 - g) * affine(universal);
                        let between = 0.25 * (affine(own) - affine(universal)).abs() * size(gate);
                        let error = (f64::from(emissions[row * labels + k]) - expected).abs();
                        let most = 2e-6 * (size(universal) + size(own) + between);
                        assert!(error <= most, "{labels} labels, {hidden} units: {error:e} over {most:e}");
                    }
                }
            }
        });
    }
}
