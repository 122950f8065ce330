//! The elementwise part of a step, for any vector length.

use crate::kernels::activation::{sigmoid, tanh};
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
                let candidate = sigmoid::<S>(i[k]) * tanh::<S>(c[k]);
                cells[k] = fused::<S>(sigmoid::<S>(f[k]), cells[k], candidate);
                hidden[k] = sigmoid::<S>(o[k]) * tanh::<S>(cells[k]);
            }
        }
    }
}
