//! The elementwise part of a step, for any vector length.

use crate::kernels::activation::decay;
use crate::kernels::simd::fused;
use pulp::{Simd, WithSimd};

/// Updates cells and hidden states `[rows, width]` from the gates `[rows, 4, width]`.
pub(super) struct Cell<'a> {
    pub width: usize,
    pub gates: &'a [f32],
    pub cells: &'a mut [f32],
    pub hidden: &'a mut [f32],
}

impl WithSimd for Cell<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { width, gates, cells, hidden } = self;
        let states = cells.chunks_exact_mut(width).zip(hidden.chunks_exact_mut(width));
        for (gates, (cells, hidden)) in gates.chunks_exact(4 * width).zip(states) {
            let (i, rest) = gates.split_at(width);
            let (o, rest) = rest.split_at(width);
            let (f, c) = rest.split_at(width);
            for k in 0..width {
                // sigmoid(x) = 1 / (1 + e^-x), tanh(x) = (1 - e^-2x) / (1 + e^-2x), brought to a common denominator: a
                // division costs as much as an exponential.
                let [i, o, f] = [i, o, f].map(|gate| decay::<S>(gate[k], 1.0));
                let c = decay::<S>(c[k], 2.0);
                let candidate = (1.0 + i) * (1.0 + c);
                let sum = fused::<S>(cells[k], candidate, (1.0 - c) * (1.0 + f));
                cells[k] = sum / (candidate * (1.0 + f));
                let t = decay::<S>(cells[k], 2.0);
                hidden[k] = (1.0 - t) / ((1.0 + o) * (1.0 + t));
            }
        }
    }
}
