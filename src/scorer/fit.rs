//! Fitting a learner to their history: the part of the network that depends on the learner, its derivatives, and the
//! most probable point of the posterior by damped Gauss-Newton steps (Nocedal & Wright 2006, section 10.3), which leave
//! the posterior's precision behind (Laplace's approximation).
//!
//! With z the learner's place in the model's directions, N(0, I) before anything was observed:
//!   user  = tanh(observation.user + U z)          U = the learner's columns of meta.user, times the directions
//!   meta  = sigmoid(observation.exercise + J user)
//!   logit = product: bias + last (context * meta);  concat: bias + last tanh(observation.words + H meta)
//! `bias` has the weight of mistakes undone, so that the logits are those of the answers as they come: their likelihood
//! needs no weights, and is of the size that the prior's is.

use super::linear::{self, Matrix, add_scaled, dot};
use crate::{Cancel, Result};

/// Steps at most; about five are needed.
const STEPS: usize = 50;
/// Halvings of a step that does not lead down.
const HALVINGS: usize = 12;
/// The fit ends with a step shorter than this, in standard deviations of the prior.
const SHORT: f64 = 1e-6;

/// What the network does with a learner.
#[derive(Debug)]
pub(super) struct Head {
    /// U: `[width, rank]`.
    pub user: Matrix,
    /// J: `[width, width]`.
    pub joint: Matrix,
    /// H: `[width, width]`; none for a product.
    pub hidden: Option<Matrix>,
    /// `[width]`.
    pub last: Vec<f64>,
    pub bias: f64,
}

/// An answered exercise, without the learner.
#[derive(Debug)]
pub(super) struct Observation {
    /// What meta.user makes of the learner's row, country and days, before its activation: `[width]`.
    pub user: Vec<f64>,
    /// What meta.joint makes of the setting, with its bias: `[width]`.
    pub exercise: Vec<f64>,
    /// Of each word, the context, or what decoder.hidden makes of it, with its bias: `[words, width]`.
    pub words: Vec<f64>,
    /// What is added to each word's logit.
    pub bias: f64,
    /// One a word.
    pub mistakes: Vec<bool>,
}

/// N(mean, precision⁻¹).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gaussian {
    pub mean: Vec<f64>,
    /// `[rank, rank]`.
    pub precision: Vec<f64>,
}

/// Minus the logarithm of a posterior at a point, up to a constant.
#[derive(Debug)]
struct Objective {
    value: f64,
    gradient: Vec<f64>,
    /// Gauss-Newton's approximation of the second derivatives, which is positive definite.
    curvature: Vec<f64>,
}

/// The posterior of z after `observations`, `prior` being what was known before.
pub(super) fn fit(head: &Head, observations: &[Observation], prior: &Gaussian, cancel: &Cancel) -> Result<Gaussian> {
    let rank = prior.mean.len();
    let mut z = prior.mean.clone();
    let mut at = head.objective(observations, prior, &z, cancel)?;
    for _ in 0..STEPS {
        let mut step: Vec<f64> = at.gradient.iter().map(|g| -g).collect();
        // Always there: the prior is positive definite, and what observations add is semi-definite.
        let Some(factor) = linear::factor(&at.curvature, rank) else { break };
        linear::solve(&factor, &mut step);
        let length = dot(&step, &step).sqrt();
        let mut taken = None;
        for halving in 0..HALVINGS {
            let mut next = z.clone();
            add_scaled(&mut next, 0.5f64.powi(halving as i32), &step);
            let there = head.objective(observations, prior, &next, cancel)?;
            if there.value <= at.value {
                taken = Some((next, there));
                break;
            }
        }
        // Where no step leads down, rounding is all that is left.
        let Some((next, there)) = taken else { break };
        (z, at) = (next, there);
        if length < SHORT {
            break;
        }
    }
    Ok(Gaussian { mean: z, precision: at.curvature })
}

impl Head {
    fn objective(
        &self,
        observations: &[Observation],
        prior: &Gaussian,
        z: &[f64],
        cancel: &Cancel,
    ) -> Result<Objective> {
        let rank = z.len();
        let away: Vec<f64> = z.iter().zip(&prior.mean).map(|(z, mean)| z - mean).collect();
        let pull: Vec<f64> = prior.precision.chunks_exact(rank).map(|row| dot(row, &away)).collect();
        let mut sum = Objective { value: dot(&pull, &away) / 2.0, gradient: pull, curvature: prior.precision.clone() };
        for observation in observations {
            cancel.check()?;
            let (logits, slopes) = self.logits(observation, z);
            for ((&logit, slope), &mistake) in logits.iter().zip(slopes.rows()).zip(&observation.mistakes) {
                let p = 1.0 / (1.0 + (-logit).exp());
                // -ln P(answer), from the logit.
                let toward = if mistake { -logit } else { logit };
                sum.value += toward.max(0.0) + (-toward.abs()).exp().ln_1p();
                add_scaled(&mut sum.gradient, p - f64::from(mistake), slope);
                for (row, &factor) in sum.curvature.chunks_exact_mut(rank).zip(slope) {
                    add_scaled(row, p * (1.0 - p) * factor, slope);
                }
            }
        }
        Ok(sum)
    }

    /// The logits of the words, and their derivatives by z, `[words, rank]`.
    fn logits(&self, observation: &Observation, z: &[f64]) -> (Vec<f64>, Matrix) {
        let mut user = observation.user.clone();
        self.user.add_product(z, &mut user);
        user.iter_mut().for_each(|x| *x = x.tanh());
        let by_user = scaled(&self.user, user.iter().map(|t| 1.0 - t * t));
        let mut meta = observation.exercise.clone();
        self.joint.add_product(&user, &mut meta);
        meta.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
        let by_meta = scaled(&self.joint.times(&by_user), meta.iter().map(|s| s * (1.0 - s)));
        // What stands before the last layer changes with z by `factors` times `by_joined`.
        let width = self.last.len();
        let (joined, factors, by_joined) = match &self.hidden {
            None => {
                let words = observation.words.chunks_exact(width);
                let joined = words.flat_map(|word| word.iter().zip(&meta).map(|(a, b)| a * b)).collect::<Vec<f64>>();
                (joined, observation.words.clone(), by_meta)
            }
            Some(hidden) => {
                let mut shift = vec![0.0; width];
                hidden.add_product(&meta, &mut shift);
                let words = observation.words.chunks_exact(width);
                let joined: Vec<f64> =
                    words.flat_map(|word| word.iter().zip(&shift).map(|(a, b)| (a + b).tanh())).collect();
                let slopes = joined.iter().map(|t| 1.0 - t * t).collect();
                (joined, slopes, hidden.times(&by_meta))
            }
        };
        let logits =
            joined.chunks_exact(width).map(|word| self.bias + observation.bias + dot(word, &self.last)).collect();
        let weights = factors.chunks_exact(width).flat_map(|word| word.iter().zip(&self.last).map(|(a, b)| a * b));
        let weights = Matrix { columns: width, data: weights.collect() };
        (logits, weights.times(&by_joined))
    }
}

/// Each row of `matrix` times its factor.
fn scaled(matrix: &Matrix, factors: impl Iterator<Item = f64>) -> Matrix {
    let rows = matrix.rows().zip(factors);
    let data = rows.flat_map(|(row, factor)| row.iter().map(move |x| factor * x)).collect();
    Matrix { columns: matrix.columns, data }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
