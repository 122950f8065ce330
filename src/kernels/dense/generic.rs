//! Register-blocked matrix product for any vector length.
//!
//! A tile keeps the sums of M rows and P panels in registers while it walks the inputs once; M and P are chosen so
//! that the registers suffice and enough sums are under way to hide the latency of a multiply-add.

use super::{Line, Matrix, PANEL};
use pulp::{Simd, WithSimd};

pub(super) struct MultiplyAdd<'a> {
    pub matrix: &'a Matrix,
    pub lines: &'a [Line],
    pub rows: &'a [f32],
    pub stride: usize,
    pub outputs: &'a mut [f32],
}

impl WithSimd for MultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.matrix.inputs == 0 {
            return;
        }
        // V registers hold one input's weights for a panel, or for a part of it.
        match S::F32_LANES {
            16 => wide(simd, self),
            8 => narrow::<S, { PANEL / 8 }, { PANEL / 16 }>(simd, self),
            4 => narrow::<S, { PANEL / 4 }, { PANEL / 8 }>(simd, self),
            _ => sweep::<S, PANEL, 1, 1>(simd, self),
        }
    }
}

/// 32 registers of 16 lanes.
#[inline(always)]
fn wide<S: Simd>(simd: S, task: MultiplyAdd<'_>) {
    let (eights, rest) = task.split::<8>();
    sweep::<S, 2, 1, 8>(simd, eights);
    match rest.count() {
        0 => {}
        1 => sweep::<S, 2, 4, 1>(simd, rest),
        2 => sweep::<S, 2, 4, 2>(simd, rest),
        3 => sweep::<S, 2, 2, 3>(simd, rest),
        4 => sweep::<S, 2, 2, 4>(simd, rest),
        5 => sweep::<S, 2, 1, 5>(simd, rest),
        6 => sweep::<S, 2, 1, 6>(simd, rest),
        _ => sweep::<S, 2, 1, 7>(simd, rest),
    }
}

/// 16 registers of 8 lanes, or 32 of 4. More than two rows take half a panel at a time: sums, weights and an input would
/// not all find a register.
#[inline(always)]
fn narrow<S: Simd, const V: usize, const HALF: usize>(simd: S, task: MultiplyAdd<'_>) {
    let (sixes, rest) = task.split::<6>();
    sweep::<S, HALF, 1, 6>(simd, sixes);
    match rest.count() {
        0 => {}
        1 => sweep::<S, V, 2, 1>(simd, rest),
        2 => sweep::<S, V, 1, 2>(simd, rest),
        3 => sweep::<S, HALF, 1, 3>(simd, rest),
        4 => sweep::<S, HALF, 1, 4>(simd, rest),
        _ => sweep::<S, HALF, 1, 5>(simd, rest),
    }
}

impl<'a> MultiplyAdd<'a> {
    /// Number of rows.
    fn count(&self) -> usize {
        self.outputs.len() / self.matrix.width()
    }

    /// The largest whole number of times M rows, and the rest.
    #[inline(always)]
    fn split<const M: usize>(self) -> (Self, Self) {
        let Self { matrix, lines, rows, stride, outputs } = self;
        let count = outputs.len() / matrix.width() / M * M;
        let (first, rest) = outputs.split_at_mut(count * matrix.width());
        let rows_left = if rest.is_empty() { &[] } else { &rows[count * stride..] };
        (
            Self { matrix, lines, rows, stride, outputs: first },
            Self { matrix, lines, rows: rows_left, stride, outputs: rest },
        )
    }
}

/// All panels, P at a time; within them all rows, M at a time, so that a panel's weights stay in the first cache.
#[inline(always)]
fn sweep<S: Simd, const V: usize, const P: usize, const M: usize>(simd: S, task: MultiplyAdd<'_>) {
    let MultiplyAdd { matrix, lines, rows, stride, outputs } = task;
    let (inputs, width) = (matrix.inputs, matrix.width());
    let mut panel = 0;
    while panel < matrix.panels {
        let whole = panel + P <= matrix.panels;
        let lines = &lines[panel * inputs..];
        for row in (0..outputs.len() / width).step_by(M) {
            let (input, output) = (&rows[row * stride..], &mut outputs[row * width + panel * PANEL..]);
            let mut tile = Tile { lines, inputs, rows: input, stride, outputs: output, width };
            if whole {
                tile.run::<S, V, P, M, 0>(simd)
            } else {
                tile.run::<S, V, 1, M, 0>(simd)
            }
            if V * S::F32_LANES < PANEL {
                if whole { tile.run::<S, V, P, M, V>(simd) } else { tile.run::<S, V, 1, M, V>(simd) }
            }
        }
        panel += if whole { P } else { 1 };
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
    /// The vectors C to C + V of each of P panels: constants, so that no bounds are checked where the time is spent.
    #[inline(always)]
    #[allow(
        clippy::needless_range_loop,
        reason = "iterators over these arrays are not unrolled in time to keep the sums in registers"
    )]
    fn run<S: Simd, const V: usize, const P: usize, const M: usize, const C: usize>(&mut self, simd: S) {
        let (inputs, stride, width) = (self.inputs, self.stride, self.width);
        // Vectors of a panel.
        let each = PANEL / S::F32_LANES;
        let panels: [&[Line]; P] = std::array::from_fn(|p| &self.lines[p * inputs..][..inputs]);
        let rows: [&[f32]; M] = std::array::from_fn(|m| &self.rows[m * stride..][..inputs]);
        let mut sums = [[[simd.splat_f32s(0.0); V]; P]; M];
        for m in 0..M {
            let (before, _) = S::as_simd_f32s(&self.outputs[m * width..][..P * PANEL]);
            for p in 0..P {
                for v in 0..V {
                    sums[m][p][v] = before[p * each + C + v];
                }
            }
        }
        for i in 0..inputs {
            let weights: [&[S::f32s]; P] = std::array::from_fn(|p| S::as_simd_f32s(&panels[p][i].0).0);
            for m in 0..M {
                let input = simd.splat_f32s(rows[m][i]);
                for p in 0..P {
                    for v in 0..V {
                        sums[m][p][v] = simd.mul_add_e_f32s(input, weights[p][C + v], sums[m][p][v]);
                    }
                }
            }
        }
        for m in 0..M {
            let (after, _) = S::as_mut_simd_f32s(&mut self.outputs[m * width..][..P * PANEL]);
            for p in 0..P {
                for v in 0..V {
                    after[p * each + C + v] = sums[m][p][v];
                }
            }
        }
    }
}
