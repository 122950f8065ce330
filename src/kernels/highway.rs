//! Highway layer: z <- g * f(W z + b) + (1 - g) * z, g = sigmoid(W' z + b').

use super::Kernel;
use super::activation::{Function, relu, selu, sigmoid};
use super::dense::{Affine, Dense, Matrix, Rows};
use super::simd::fused;
use pulp::{Simd, WithSimd};

/// One layer; its two matrices packed side by side.
#[derive(Debug, Clone)]
pub struct Highway {
    size: usize,
    layer: Dense,
    function: Function,
}

impl Highway {
    /// Packs for `kernel` a layer over vectors of `size`; `function` is f.
    ///
    /// Panics where a slice has another length.
    pub fn new(kernel: Kernel, size: usize, transform: Affine, gate: Affine, function: Function) -> Self {
        for part in [transform, gate] {
            assert_eq!((part.weights.len(), part.bias.len()), (size * size, size));
        }
        let part = |output: usize| if output < size { (transform, output) } else { (gate, output - size) };
        let weights = |output: usize| {
            let (part, row) = part(output);
            let weights = &part.weights[row * size..][..size];
            move |input: usize| weights[input]
        };
        let bias = |output: usize| {
            let (part, row) = part(output);
            part.bias[row]
        };
        let matrix = Matrix::for_rows(Rows::FEATURES, kernel, 2 * size, size, weights);
        Self { size, layer: Dense::with(matrix, 2 * size, bias), function }
    }

    /// Columns that a row of `scratch` needs.
    pub fn width(&self) -> usize {
        self.layer.width()
    }

    /// Applies the layer to `rows` `[count, size]` in place; `scratch` is resized as needed.
    pub fn apply(&self, rows: &mut [f32], scratch: &mut Vec<f32>) {
        if self.size == 0 {
            return;
        }
        scratch.resize(rows.len() / self.size * self.width(), 0.0);
        self.layer.apply(rows, self.size, scratch);
        self.layer.kernel().dispatch(Mix { layer: self, rows, scratch });
    }
}

struct Mix<'a> {
    layer: &'a Highway,
    rows: &'a mut [f32],
    scratch: &'a [f32],
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.layer.function {
            Function::Selu => self.mix::<S>(selu::<S>),
            Function::Relu => self.mix::<S>(relu),
            Function::Sigmoid => self.mix::<S>(sigmoid::<S>),
            Function::Tanh => self.mix::<S>(super::activation::tanh::<S>),
        }
    }
}

impl Mix<'_> {
    #[inline(always)]
    fn mix<S: Simd>(self, f: impl Fn(f32) -> f32) {
        let size = self.layer.size;
        for (z, sums) in self.rows.chunks_exact_mut(size).zip(self.scratch.chunks_exact(self.layer.width())) {
            let (transform, gate) = sums[..2 * size].split_at(size);
            for ((z, &transform), &gate) in z.iter_mut().zip(transform).zip(gate) {
                // g f + (1 - g) z = z + g (f - z)
                *z = fused::<S>(sigmoid::<S>(gate), f(transform) - *z, *z);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::on_each_kernel;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const FUNCTIONS: [Function; 4] = [Function::Relu, Function::Selu, Function::Tanh, Function::Sigmoid];

    #[test]
    fn layer_equals_its_formula() {
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            for (size, function) in [1, 60, 33, 7].into_iter().zip(FUNCTIONS) {
                check(&mut rng, size, 5, &[1.0], function);
            }
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there; fixed shapes have every access")]
    fn layer_equals_its_formula_for_random_shapes_and_extreme_rows() {
        let seed = crate::kernels::simd::test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for function in FUNCTIONS.into_iter().cycle().take(12) {
                let (size, count) = (rng.random_range(1..=300), rng.random_range(1..=65));
                println!("size {size}, {count} rows, {function:?}");
                // Ordinary rows, subnormal ones, and such as saturate the gate.
                check(&mut rng, size, count, &[1.0, 1e-40, 1e4], function);
            }
        });
    }

    /// Compares rows, of these scales in turn, with the formula in double precision.
    fn check(rng: &mut ChaCha8Rng, size: usize, count: usize, scales: &[f32], function: Function) {
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect() };
        let ([w, v], [b, a]) = ([draw(size * size), draw(size * size)], [draw(size), draw(size)]);
        let [transform, gate] = [(&w, &b), (&v, &a)].map(|(weights, bias)| Affine { weights, bias });
        let layer = Highway::new(Kernel::best(), size, transform, gate, function);
        let scale = |i: usize| scales[i / size % scales.len()];
        let rows: Vec<f32> = draw(count * size).into_iter().enumerate().map(|(i, x)| x * scale(i)).collect();
        let (mut found, mut scratch) = (rows.clone(), Vec::new());
        layer.apply(&mut found, &mut scratch);
        let f = |x: f64| match function {
            Function::Relu => x.max(0.0),
            Function::Selu if x > 0.0 => 1.050_700_987_355_480_5 * x,
            Function::Selu => 1.050_700_987_355_480_5 * 1.673_263_242_354_377_2 * x.exp_m1(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for (z, found) in rows.chunks(size).zip(found.chunks(size)) {
            // A sum, and what rounding may move it by: it grows with the size of the terms.
            let affine = |layer: Affine, o: usize| -> (f64, f64) {
                let weights = &layer.weights[o * size..][..size];
                let terms = weights.iter().zip(z).map(|(w, z)| f64::from(*w) * f64::from(*z));
                let moved = 2e-6 + crate::kernels::dense::moved(weights, z, false);
                terms.fold((f64::from(layer.bias[o]), moved), |(sum, moved), t| (sum + t, moved + 2e-6 * t.abs()))
            };
            for (o, &value) in found.iter().enumerate() {
                let ((x, moved_x), (y, moved_y), z) = (affine(transform, o), affine(gate, o), f64::from(z[o]));
                let (f_x, g) = (f(x), sigmoid(y));
                let expected = z + g * (f_x - z);
                let of_gate = (sigmoid(y + moved_y) - sigmoid(y - moved_y)) * (f_x - z).abs();
                let most = 2e-6 * (1.0 + f_x.abs() + z.abs()) + f(x + moved_x) - f(x - moved_x) + of_gate;
                let error = (f64::from(value) - expected).abs();
                assert!(error <= most, "{value} instead of {expected}, {most:e} at most");
            }
        }
    }
}
