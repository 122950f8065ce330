//! Transitions made ready for the sum over all paths, shared by any number of sentences.

use super::{Transitions, length, log_space, scaled};
use std::convert::Infallible;

/// Rows of the tables are padded with zeros to a multiple of this, so that inner loops have no remainder.
pub(super) const LANES: usize = 8;

/// Factors below `exp(-DROP)` of the largest are left out of the scaled pass, which then proves that they were negligible.
pub(super) const DROP: f64 = 240.0;

/// Transitions with their exponentials, computed once.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// K.
    pub(super) labels: usize,
    /// K rounded up to [`LANES`]: the stride of padded rows.
    pub(super) width: usize,
    /// 1 / temperature; the scores below are multiplied by it already.
    pub(super) scale: f64,
    /// `[K]`.
    pub(super) start: Vec<f64>,
    /// `[K]`.
    pub(super) end: Vec<f64>,
    /// `[from, to]`, K by K.
    pub(super) pairs: Vec<f64>,
    /// Exponentials `[width]` of start.
    pub(super) exp_start: Exponentials,
    /// Exponentials `[width]` of end.
    pub(super) exp_end: Exponentials,
    /// Exponentials `[from, width]` of the pairs.
    pub(super) forward: Exponentials,
    /// The same, `[to, width]`.
    pub(super) backward: Vec<f64>,
    /// The least distance from the largest score of its kind to one that was dropped; infinite if none was.
    pub(super) gap: f64,
}

/// exp(x - offset) for rows of scores.
#[derive(Debug, Clone)]
pub(super) struct Exponentials {
    pub values: Vec<f64>,
    /// The largest score.
    pub offset: f64,
    /// The least distance below `offset` of a finite score that became 0.
    pub gap: f64,
}

impl Exponentials {
    fn new(scores: &[f64], columns: usize, width: usize) -> Self {
        let mut values = vec![0.0; scores.len().checked_div(columns).unwrap_or(0) * width];
        let (offset, mut gap) = (largest(scores.iter().copied()), f64::INFINITY);
        for (row, scores) in values.chunks_exact_mut(width.max(1)).zip(scores.chunks_exact(columns.max(1))) {
            gap = gap.min(exponentiate(row, scores.iter().copied(), offset));
        }
        Self { values, offset, gap }
    }
}

/// The largest of `scores`; 0 where there is none above minus infinity.
pub(super) fn largest(scores: impl Iterator<Item = f64>) -> f64 {
    let largest = scores.fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
    if largest == f64::NEG_INFINITY { 0.0 } else { largest }
}

/// Writes exp(score - offset), 0 where that is below exp(-DROP); returns the least distance of a dropped score.
pub(super) fn exponentiate(row: &mut [f64], scores: impl Iterator<Item = f64>, offset: f64) -> f64 {
    let mut gap = f64::INFINITY;
    for (value, score) in row.iter_mut().zip(scores) {
        let below = offset - score;
        *value = if below > DROP {
            gap = gap.min(below);
            0.0
        } else {
            (-below).exp()
        };
    }
    gap
}

/// Expected counts under the model of one sentence.
#[derive(Debug)]
pub(super) struct Expectations {
    pub log_z: f64,
    /// `[length, width]`: P(z_t = k).
    pub states: Vec<f64>,
    /// `[from, width]`: expected number of times that `to` follows `from`.
    pub pairs: Vec<f64>,
    /// `[length, width]`, where asked for: log beta, up to a constant per token.
    pub log_beta: Vec<f64>,
}

impl Prepared {
    /// Computes the exponentials of `transitions`.
    pub fn new(transitions: &Transitions) -> Self {
        Self::with_temperature(transitions, 1.0)
    }

    /// The same where every score, emissions included, is divided by `temperature`.
    pub fn with_temperature(transitions: &Transitions, temperature: f32) -> Self {
        transitions.length(&[]);
        let (labels, scale) = (transitions.labels, 1.0 / f64::from(temperature));
        let width = labels.next_multiple_of(LANES);
        let scaled = |scores: &[f32]| -> Vec<f64> { scores.iter().map(|&score| f64::from(score) * scale).collect() };
        let (start, end) = (scaled(&transitions.start), scaled(&transitions.end));
        let pairs = transpose(&scaled(&transitions.pairs), labels, labels);
        let exp_start = Exponentials::new(&start, labels, width);
        let exp_end = Exponentials::new(&end, labels, width);
        let forward = Exponentials::new(&pairs, labels, width);
        let backward = transpose(&forward.values, labels, width);
        let gap = exp_start.gap.min(exp_end.gap).min(forward.gap);
        Self { labels, width, scale, start, end, pairs, exp_start, exp_end, forward, backward, gap }
    }

    /// The negative log-likelihood log Z - score(gold) of one sentence, and its gradient *added* to `emission_gradient`
    /// (`[length, labels]`) and `transition_gradient`. Infinite, without a gradient, where `gold` is forbidden.
    pub fn negative_log_likelihood(
        &self,
        emissions: &[f32],
        gold: &[u16],
        emission_gradient: &mut [f32],
        transition_gradient: &mut Transitions,
    ) -> f64 {
        let tokens = length(emissions.len(), self.labels);
        assert_eq!(tokens, gold.len(), "one gold label per token");
        assert_eq!(emissions.len(), emission_gradient.len(), "one gradient per emission");
        assert_eq!(self.labels, transition_gradient.labels, "gradients of the same number of labels");
        if tokens == 0 {
            return 0.0;
        }
        let gold_score = self.score(emissions, gold);
        if gold_score == f64::NEG_INFINITY {
            return f64::INFINITY;
        }
        let Ok(mut expected) = self.expectations(emissions, false, |_| Ok::<_, Infallible>(()));
        self.subtract_gold(&mut expected, gold);
        self.add_gradient(&expected, emission_gradient, transition_gradient);
        expected.log_z - gold_score
    }

    /// The score of one path.
    fn score(&self, emissions: &[f32], path: &[u16]) -> f64 {
        let (first, last) = (usize::from(path[0]), usize::from(path[path.len() - 1]));
        let states: f64 =
            emissions.chunks_exact(self.labels).zip(path).map(|(row, &k)| f64::from(row[usize::from(k)])).sum();
        let pairs: f64 =
            path.windows(2).map(|pair| self.pairs[usize::from(pair[0]) * self.labels + usize::from(pair[1])]).sum();
        self.start[first] + states * self.scale + pairs + self.end[last]
    }

    /// Turns expected counts into expected minus observed counts.
    fn subtract_gold(&self, expected: &mut Expectations, gold: &[u16]) {
        for (row, &label) in expected.states.chunks_exact_mut(self.width).zip(gold) {
            row[usize::from(label)] -= 1.0;
        }
        for pair in gold.windows(2) {
            expected.pairs[usize::from(pair[0]) * self.width + usize::from(pair[1])] -= 1.0;
        }
    }

    fn add_gradient(
        &self,
        counts: &Expectations,
        emission_gradient: &mut [f32],
        transition_gradient: &mut Transitions,
    ) {
        let add = |gradient: &mut f32, count: f64| *gradient += (count * self.scale) as f32;
        let rows = counts.states.chunks_exact(self.width);
        for (gradient, row) in emission_gradient.chunks_exact_mut(self.labels).zip(rows.clone()) {
            gradient.iter_mut().zip(row).for_each(|(g, &count)| add(g, count));
        }
        // The first token's label counts as a start, the last one's as an end.
        let ends = [(&mut transition_gradient.start, rows.clone().next()), (&mut transition_gradient.end, rows.last())];
        for (gradient, row) in ends {
            gradient.iter_mut().zip(row.into_iter().flatten()).for_each(|(g, &count)| add(g, count));
        }
        for (from, row) in counts.pairs.chunks_exact(self.width).enumerate() {
            for (to, &count) in row[..self.labels].iter().enumerate() {
                add(&mut transition_gradient.pairs[to * self.labels + from], count);
            }
        }
    }

    /// Forward-backward: in probability space, scaled per token, where that is provably exact; else in log space.
    /// `check` is called with the number of each token in each pass, and may stop it.
    pub(super) fn expectations<E>(
        &self,
        emissions: &[f32],
        log_beta: bool,
        check: impl Fn(usize) -> Result<(), E>,
    ) -> Result<Expectations, E> {
        match scaled::expectations(self, emissions, log_beta, &check)? {
            Some(expectations) => Ok(expectations),
            None => log_space::expectations(self, emissions, &check),
        }
    }
}

/// The transpose of a square matrix whose rows are padded with zeros to `width`.
fn transpose(matrix: &[f64], size: usize, width: usize) -> Vec<f64> {
    let mut transposed = vec![0.0; matrix.len()];
    for (i, row) in matrix.chunks_exact(width.max(1)).enumerate() {
        row[..size].iter().enumerate().for_each(|(j, &value)| transposed[j * width + i] = value);
    }
    transposed
}
