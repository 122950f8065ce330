//! Probabilities of labels and of runs of labels.

use super::{Prepared, Transitions, length, log_space::log_sum_exp};
use crate::{Cancel, Result};

/// Per-token probabilities and what span confidences need.
#[derive(Debug, Clone)]
pub struct Marginals {
    /// log Z.
    pub log_z: f64,
    /// `[length, labels]`: P(z_t = k | sentence). All zero where every path is forbidden.
    pub unary: Vec<f32>,
    /// `[length, labels]`: log beta, backward scores excluding the emission at t, up to a constant per token.
    pub log_beta: Vec<f64>,
}

/// Forward-backward at `temperature`: every score is divided by it first. The only error is that of `cancel`.
///
/// For several sentences with the same transitions, use [`Prepared::marginals`].
pub fn marginals(emissions: &[f32], transitions: &Transitions, temperature: f32, cancel: &Cancel) -> Result<Marginals> {
    Prepared::with_temperature(transitions, temperature).marginals(emissions, cancel)
}

impl Prepared {
    /// Forward-backward at the temperature that these transitions were prepared for. The only error is that of
    /// `cancel`.
    pub fn marginals(&self, emissions: &[f32], cancel: &Cancel) -> Result<Marginals> {
        if length(emissions.len(), self.labels) == 0 {
            return Ok(Marginals { log_z: 0.0, unary: Vec::new(), log_beta: Vec::new() });
        }
        let expected = self.expectations(emissions, true, |t| cancel.check_at(t))?;
        let rows = |padded: &[f64]| -> Vec<f64> {
            padded.chunks_exact(self.width).flat_map(|row| &row[..self.labels]).copied().collect()
        };
        cancel.check()?;
        let unary = rows(&expected.states).into_iter().map(|p| p.clamp(0.0, 1.0) as f32).collect();
        cancel.check()?;
        Ok(Marginals { log_z: expected.log_z, unary, log_beta: rows(&expected.log_beta) })
    }
}

/// P(z_start..z_end = `path` | sentence), `path` being the labels of the tokens from `start` on. `emissions`,
/// `transitions` and `temperature` are those that gave `marginals`. The empty path is certain; one that leaves the
/// sentence or the label set is impossible.
pub fn path_probability(
    marginals: &Marginals,
    emissions: &[f32],
    transitions: &Transitions,
    temperature: f32,
    start: usize,
    path: &[u16],
) -> f32 {
    let (length, labels) = (transitions.length(emissions), transitions.labels);
    let Some(&first) = path.first() else { return 1.0 };
    if start >= length || path.len() > length - start || path.iter().any(|&label| usize::from(label) >= labels) {
        return 0.0;
    }
    let scale = 1.0 / f64::from(temperature);
    let mut probability = f64::from(marginals.unary[start * labels + usize::from(first)]);
    for (i, pair) in path.windows(2).enumerate() {
        // P(z_t | z_{t-1}, sentence) is proportional to exp(A + y_t) beta_t: constants per token cancel.
        let (from, to, row) = (usize::from(pair[0]), usize::from(pair[1]), (start + i + 1) * labels);
        let weight = |k: usize| {
            let score = f64::from(transitions.pairs[k * labels + from]) + f64::from(emissions[row + k]);
            score * scale + marginals.log_beta[row + k]
        };
        let total = log_sum_exp((0..labels).map(weight));
        if probability <= 0.0 || total == f64::NEG_INFINITY {
            return 0.0;
        }
        probability *= (weight(to) - total).exp();
    }
    probability as f32
}
