//! Forward-backward in log space: slower than the scaled pass, and right for every finite or forbidden score.

use super::prepared::{Expectations, Prepared};

/// log(sum(exp(terms))).
pub(super) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        highest
    } else {
        highest + terms.map(|term| (term - highest).exp()).sum::<f64>().ln()
    }
}

/// Marginals and expected pairs of one sentence; all zero where no path is allowed. `check` is called with
/// the number of each token, and may stop the pass.
pub(super) fn expectations<E>(
    prepared: &Prepared,
    emissions: &[f32],
    check: impl Fn(usize) -> Result<(), E>,
) -> Result<Expectations, E> {
    let Prepared { labels, width, .. } = *prepared;
    let length = emissions.len() / labels;
    let emission = |t: usize, k: usize| f64::from(emissions[t * labels + k]) * prepared.scale;
    let alpha = forward(prepared, length, emission, &check)?;
    let last = &alpha[(length - 1) * labels..];
    let log_z = log_sum_exp(last.iter().zip(&prepared.end).map(|(alpha, end)| alpha + end));
    let mut expected = Expectations {
        log_z,
        states: vec![0.0; length * width],
        pairs: vec![0.0; labels * width],
        log_beta: vec![f64::NEG_INFINITY; length * width],
    };
    if log_z == f64::NEG_INFINITY {
        return Ok(expected);
    }
    let mut beta = prepared.end.clone();
    for t in (0..length).rev() {
        check(t)?;
        let row = &alpha[t * labels..][..labels];
        for (k, (alpha, beta)) in row.iter().zip(&beta).enumerate() {
            expected.states[t * width + k] = (alpha + beta - log_z).exp();
            expected.log_beta[t * width + k] = *beta;
        }
        if t > 0 {
            let previous = &alpha[(t - 1) * labels..][..labels];
            let weights: Vec<f64> = beta.iter().enumerate().map(|(to, beta)| beta + emission(t, to)).collect();
            for (from, (alpha, pairs)) in previous.iter().zip(prepared.pairs.chunks_exact(labels)).enumerate() {
                for (to, (pair, weight)) in pairs.iter().zip(&weights).enumerate() {
                    expected.pairs[from * width + to] += (alpha + pair + weight - log_z).exp();
                }
                beta[from] = log_sum_exp(pairs.iter().zip(&weights).map(|(pair, weight)| pair + weight));
            }
        }
    }
    Ok(expected)
}

/// `[length, labels]`: log of the weight of all paths up to and with a label.
fn forward<E>(
    prepared: &Prepared,
    length: usize,
    emission: impl Fn(usize, usize) -> f64,
    check: impl Fn(usize) -> Result<(), E>,
) -> Result<Vec<f64>, E> {
    let labels = prepared.labels;
    let mut alpha = Vec::with_capacity(length * labels);
    alpha.extend(prepared.start.iter().enumerate().map(|(k, start)| start + emission(0, k)));
    for t in 1..length {
        check(t)?;
        for to in 0..labels {
            let previous = &alpha[(t - 1) * labels..][..labels];
            let terms = previous.iter().enumerate().map(|(from, alpha)| alpha + prepared.pairs[from * labels + to]);
            let value = log_sum_exp(terms) + emission(t, to);
            alpha.push(value);
        }
    }
    Ok(alpha)
}
