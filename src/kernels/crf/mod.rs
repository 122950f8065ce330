//! Linear-chain conditional random field: Viterbi, n-best, marginals, and the gradient of the likelihood.
//!
//! score(y, z) = start[z_1] + sum_t y_t[z_t] + sum_t A[z_t, z_{t-1}] + end[z_L]  (Lin 2018, eq. 4, with the end term).
//! Emissions are `[length, labels]`, row-major. Transitions are indexed `[to, from]`.

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

/// Per-token probabilities and what span confidences need.
#[derive(Debug, Clone)]
pub struct Marginals {
    /// log Z.
    pub log_z: f64,
    /// `[length, labels]`: P(z_t = k | sentence).
    pub unary: Vec<f32>,
    /// `[length, labels]`: log alpha, forward scores including the emission at t.
    pub log_alpha: Vec<f32>,
    /// `[length, labels]`: log beta, backward scores excluding the emission at t.
    pub log_beta: Vec<f32>,
}

/// The best path and its score. An empty sentence has an empty path and score 0.
pub fn viterbi(emissions: &[f32], transitions: &Transitions) -> (Vec<u16>, f32) {
    let _ = (emissions, transitions);
    (Vec::new(), 0.0)
}

/// The `n` best paths, best first, with their scores; fewer when fewer exist.
pub fn nbest(emissions: &[f32], transitions: &Transitions, n: usize) -> Vec<(Vec<u16>, f32)> {
    let _ = (emissions, transitions, n);
    Vec::new()
}

/// Forward-backward in log space at `temperature`: every score is divided by it first.
pub fn marginals(emissions: &[f32], transitions: &Transitions, temperature: f32) -> Marginals {
    let _ = (emissions, transitions, temperature);
    Marginals { log_z: 0.0, unary: Vec::new(), log_alpha: Vec::new(), log_beta: Vec::new() }
}

/// P(z_start..z_end = `path` | sentence), `path` being the labels of the tokens from `start` on. `emissions`,
/// `transitions` and `temperature` are those that gave `marginals`.
pub fn path_probability(
    marginals: &Marginals,
    emissions: &[f32],
    transitions: &Transitions,
    temperature: f32,
    start: usize,
    path: &[u16],
) -> f32 {
    let _ = (marginals, emissions, transitions, temperature, start, path);
    0.0
}

/// The negative log-likelihood log Z - score(gold) of one sentence, and its gradient *added* to `emission_gradient`
/// (`[length, labels]`) and `transition_gradient`. Computed in f64 inside.
pub fn negative_log_likelihood(
    emissions: &[f32],
    transitions: &Transitions,
    gold: &[u16],
    emission_gradient: &mut [f32],
    transition_gradient: &mut Transitions,
) -> f64 {
    let _ = (emissions, transitions, gold, emission_gradient, transition_gradient);
    0.0
}
