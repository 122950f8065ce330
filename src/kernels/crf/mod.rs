//! Linear-chain conditional random field: Viterbi, n-best, marginals, and the gradient of the likelihood.
//!
//! `score(y, z) = start[z_1] + sum_t y_t[z_t] + sum_t A[z_t, z_{t-1}] + end[z_L]` (Lin 2018, eq. 4, with the end term).
//! Emissions are `[length, labels]`, row-major. Transitions are indexed `[to, from]`.
//!
//! A score of minus infinity forbids: a start, an end, a pair of labels (see [`Constraints`]). Where every path is
//! forbidden, decoding still answers with one that breaks the fewest rules.
//!
//! Slices whose lengths contradict each other are a programming error, and panic.

mod constraints;
mod decode;
mod log_space;
mod marginals;
mod prepared;
mod scaled;
#[cfg(test)]
mod tests;

pub use constraints::Constraints;
pub use decode::{Viterbi, nbest, viterbi};
pub use marginals::{Marginals, marginals, path_probability};
pub use prepared::Prepared;

/// The parameters of a CRF over `labels` labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Transitions {
    /// Number of labels, K.
    pub labels: usize,
    /// `[K]`: score of beginning with a label.
    pub start: Vec<f32>,
    /// `[K]`: score of ending with a label.
    pub end: Vec<f32>,
    /// `[K, K]`: `pairs[to * K + from]`.
    pub pairs: Vec<f32>,
}

impl Transitions {
    /// All zero: every path scores its emissions alone.
    pub fn zeros(labels: usize) -> Self {
        Self { labels, start: vec![0.0; labels], end: vec![0.0; labels], pairs: vec![0.0; labels * labels] }
    }

    /// Number of tokens in `emissions`.
    fn length(&self, emissions: &[f32]) -> usize {
        assert!(
            self.start.len() == self.labels
                && self.end.len() == self.labels
                && self.pairs.len() == self.labels * self.labels,
            "transitions of {} labels have {} starts, {} ends, {} pairs",
            self.labels,
            self.start.len(),
            self.end.len(),
            self.pairs.len()
        );
        length(emissions.len(), self.labels)
    }
}

/// Number of tokens in `values` scores of `labels` labels each.
fn length(values: usize, labels: usize) -> usize {
    let length = values.checked_div(labels).unwrap_or(0);
    assert_eq!(length * labels, values, "emissions are not a whole number of rows of {labels} labels");
    length
}

/// The negative log-likelihood log Z - score(gold) of one sentence, and its gradient *added* to `emission_gradient`
/// (`[length, labels]`) and `transition_gradient`. Computed in f64 inside.
///
/// For several sentences with the same transitions, use [`Prepared`], which shares their exponentials.
pub fn negative_log_likelihood(
    emissions: &[f32],
    transitions: &Transitions,
    gold: &[u16],
    emission_gradient: &mut [f32],
    transition_gradient: &mut Transitions,
) -> f64 {
    Prepared::new(transitions).negative_log_likelihood(emissions, gold, emission_gradient, transition_gradient)
}
