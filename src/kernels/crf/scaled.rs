//! Forward-backward in probability space, normalised at each token.
//!
//! Exact or refused. Every factor is at most 1 (scores are taken relative to the largest of their kind), and factors
//! below exp(-DROP) are dropped. A forward value between 0 and exp(-FLOOR), or a normaliser below exp(-FLOOR), refuses;
//! so products of kept factors stay above exp(-FLOOR - 2 DROP), in the normal range. All dropped paths together weigh
//! at most K^L exp(-gap); unless that is below exp(-MARGIN) of what was summed, the pass refuses too.

use super::prepared::{DROP, Expectations, LANES, Prepared, exponentiate, largest};
use crate::kernels::Kernel;
use pulp::{Simd, WithSimd};

const FLOOR: f64 = 200.0;
const MARGIN: f64 = 40.0;
const _: () = assert!(FLOOR + 2.0 * DROP < 690.0);

/// The sums, or `None` where scaling might lose something; the tables are `prepared`'s. `check` is called with the
/// number of each token, and may stop the pass.
pub(super) fn expectations<E>(
    prepared: &Prepared,
    emissions: &[f32],
    log_beta: bool,
    check: impl Fn(usize) -> Result<(), E>,
) -> Result<Option<Expectations>, E> {
    let (labels, width) = (prepared.labels, prepared.width);
    let length = emissions.len() / labels;
    let mut factors = vec![0.0; length * width];
    let (mut offset, mut gap) = (prepared.exp_start.offset + prepared.exp_end.offset, prepared.gap);
    offset += prepared.forward.offset * (length - 1) as f64;
    for (t, (row, emissions)) in factors.chunks_exact_mut(width).zip(emissions.chunks_exact(labels)).enumerate() {
        check(t)?;
        let scores = emissions.iter().map(|&score| f64::from(score) * prepared.scale);
        let highest = largest(scores.clone());
        offset += highest;
        gap = gap.min(exponentiate(row, scores, highest));
    }
    let mut pass = Pass {
        prepared,
        factors,
        alpha: vec![0.0; length * width],
        norms: Vec::with_capacity(length + 1),
        pairs: vec![0.0; labels * width],
        log_beta,
    };
    let Some(mut log_z) = Kernel::best().dispatch(Forward(&mut pass, &check))? else { return Ok(None) };
    if log_z < (length as f64 + 1.0) * (labels as f64).ln() - gap + MARGIN {
        return Ok(None);
    }
    log_z += offset;
    Kernel::best().dispatch(Backward(&mut pass, &check))?;
    Ok(Some(Expectations { log_z, states: pass.alpha, pairs: pass.pairs, log_beta: pass.factors }))
}

/// The state of one sentence's two passes.
struct Pass<'a> {
    prepared: &'a Prepared,
    /// `[length, width]`: exp(emission - largest of its token); afterwards log beta, where asked for.
    factors: Vec<f64>,
    /// `[length, width]`: normalised forward values; afterwards marginals.
    alpha: Vec<f64>,
    /// What each token's forward values were divided by, and last the weight of the ends.
    norms: Vec<f64>,
    /// `[from, width]`: expected pairs.
    pairs: Vec<f64>,
    log_beta: bool,
}

struct Forward<'a, 'b, F>(&'a mut Pass<'b>, F);

impl<F: Fn(usize) -> Result<(), E>, E> WithSimd for Forward<'_, '_, F> {
    type Output = Result<Option<f64>, E>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Result<Option<f64>, E> {
        let Pass { prepared, factors, alpha, norms, .. } = self.0;
        let width = prepared.width;
        let mut log_sum = 0.0;
        for (t, factors) in factors.chunks_exact(width).enumerate() {
            self.1(t)?;
            let (before, rest) = alpha.split_at_mut(t * width);
            let row = &mut rest[..width];
            match before.chunks_exact(width).next_back() {
                None => row.copy_from_slice(&prepared.exp_start.values),
                Some(previous) => multiply(row, &previous[..prepared.labels], &prepared.forward.values),
            }
            row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
            let norm = sum(row);
            let Some(ln) = checked_ln(norm) else { return Ok(None) };
            log_sum += ln;
            norms.push(norm);
            let inverse = 1.0 / norm;
            row.iter_mut().for_each(|value| *value *= inverse);
            let floor = (-FLOOR).exp();
            if row.iter().fold(false, |low, &value| low | ((value < floor) & (value > 0.0))) {
                return Ok(None);
            }
        }
        let last = &alpha[alpha.len() - width..];
        let norm: f64 = last.iter().zip(&prepared.exp_end.values).map(|(value, end)| value * end).sum();
        norms.push(norm);
        Ok(checked_ln(norm).map(|ln| log_sum + ln))
    }
}

/// ln(norm), unless the norm is too small or not a number.
#[inline(always)]
fn checked_ln(norm: f64) -> Option<f64> {
    let ln = norm.ln();
    (ln > -FLOOR).then_some(ln)
}

struct Backward<'a, 'b, F>(&'a mut Pass<'b>, F);

impl<F: Fn(usize) -> Result<(), E>, E> WithSimd for Backward<'_, '_, F> {
    type Output = Result<(), E>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Result<(), E> {
        let Pass { prepared, factors, alpha, norms, pairs, log_beta } = self.0;
        let (labels, width) = (prepared.labels, prepared.width);
        let mut beta = prepared.exp_end.values.clone();
        let end = norms.pop().unwrap_or(1.0);
        beta.iter_mut().for_each(|value| *value /= end);
        let mut weights = vec![0.0; width];
        for t in (0..norms.len()).rev() {
            self.1(t)?;
            let (before, rest) = alpha.split_at_mut(t * width);
            let (row, factors) = (&mut rest[..width], &mut factors[t * width..][..width]);
            // A label that no path reaches has no part in the normalisation.
            beta.iter_mut().zip(&*row).for_each(|(beta, &alpha)| *beta = if alpha > 0.0 { *beta } else { 0.0 });
            row.iter_mut().zip(&beta).for_each(|(alpha, beta)| *alpha *= beta);
            let inverse = 1.0 / norms[t];
            for ((weight, &beta), &factor) in weights.iter_mut().zip(&beta).zip(&*factors) {
                *weight = beta * factor * inverse;
            }
            if *log_beta {
                factors.iter_mut().zip(&beta).for_each(|(out, beta)| *out = beta.ln());
            }
            if let Some(previous) = before.chunks_exact(width).next_back() {
                for (row, &alpha) in pairs.chunks_exact_mut(width).zip(&previous[..labels]) {
                    row.iter_mut().zip(&weights).for_each(|(sum, &weight)| *sum += alpha * weight);
                }
                multiply(&mut beta, &weights[..labels], &prepared.backward);
            }
        }
        pairs.iter_mut().zip(&prepared.forward.values).for_each(|(sum, factor)| *sum *= factor);
        Ok(())
    }
}

/// `out[j] = sum_i vector[i] * matrix[i, j]`, rows as long as `out`.
#[inline(always)]
fn multiply(out: &mut [f64], vector: &[f64], matrix: &[f64]) {
    let width = out.len();
    for (chunk, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for (&value, row) in vector.iter().zip(matrix.chunks_exact(width)) {
            let row = &row.as_chunks::<LANES>().0[chunk];
            for (sum, &entry) in sums.iter_mut().zip(row) {
                *sum += value * entry;
            }
        }
        *out = sums;
    }
}

/// The sum of a padded row, lane by lane.
#[inline(always)]
fn sum(row: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for chunk in row.as_chunks::<LANES>().0 {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum()
}
