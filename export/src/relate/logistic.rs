//! Logistic regression with an L2 penalty, as liblinear solves it with C = 1: the intercept is a weight like the others.

use crate::Result;
use crate::error::fail;

/// Gradients below this, in the largest component, end the search: far below liblinear's own tolerance of 1e-4.
const TOLERANCE: f64 = 1e-8;
const MOST_STEPS: usize = 100;

/// A weight for each input, and the intercept last.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// `inputs + 1` numbers.
    pub weights: Vec<f64>,
}

/// Rows of equal width, each with a 1 behind it, and their classes as +1 and -1.
struct Problem {
    rows: Vec<f64>,
    signs: Vec<f64>,
    width: usize,
}

impl Logistic {
    /// Minimises `|w|^2 / 2 + sum ln(1 + exp(-y w.x))` by Newton's method with halved steps.
    pub fn fit(inputs: &[Vec<f64>], classes: &[bool]) -> Result<Self> {
        let problem = Problem::new(inputs, classes);
        let mut weights = vec![0.0; problem.width];
        let mut value = problem.value(&weights);
        for _ in 0..MOST_STEPS {
            let (gradient, mut hessian) = problem.derivatives(&weights);
            if gradient.iter().all(|g| g.abs() < TOLERANCE) {
                return Ok(Self { weights });
            }
            let step = solve(&mut hessian, gradient);
            let (mut part, mut next, mut lower) = (1.0, weights.clone(), value);
            while part > 1e-10 {
                next = weights.iter().zip(&step).map(|(w, s)| w - part * s).collect();
                lower = problem.value(&next);
                // Near the minimum a whole step changes the value by less than its rounding.
                if lower <= value + 1e-12 * value.abs() {
                    break;
                }
                part /= 2.0;
            }
            (weights, value) = (next, lower);
        }
        Err(fail(format!("logistic regression: no minimum in {MOST_STEPS} steps"))
            .remedy("inputs must be finite and of a scale near 1"))
    }

    /// Whether `input` is rather of the positive class.
    pub fn predict(&self, input: &[f64]) -> bool {
        let (intercept, weights) = self.weights.split_last().expect("an intercept");
        dot(weights, input) + intercept > 0.0
    }
}

impl Problem {
    fn new(inputs: &[Vec<f64>], classes: &[bool]) -> Self {
        let width = inputs.first().map_or(0, Vec::len) + 1;
        let rows = inputs.iter().flat_map(|row| row.iter().copied().chain([1.0])).collect();
        Self { rows, signs: classes.iter().map(|&c| if c { 1.0 } else { -1.0 }).collect(), width }
    }

    fn rows(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.rows.chunks_exact(self.width).zip(self.signs.iter().copied())
    }

    fn value(&self, weights: &[f64]) -> f64 {
        let loss = |(row, sign): (&[f64], f64)| {
            let margin = sign * dot(row, weights);
            (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
        };
        dot(weights, weights) / 2.0 + self.rows().map(loss).sum::<f64>()
    }

    /// The gradient, and the lower triangle of the Hessian, row-major.
    fn derivatives(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let width = self.width;
        let mut gradient = weights.to_vec();
        let mut hessian = vec![0.0; width * width];
        (0..width).for_each(|i| hessian[i * width + i] = 1.0);
        for (row, sign) in self.rows() {
            let p = 1.0 / (1.0 + (sign * dot(row, weights)).exp());
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g -= sign * p * x);
            for (i, x) in row.iter().enumerate() {
                let factor = p * (1.0 - p) * x;
                if factor != 0.0 {
                    hessian[i * width..=i * width + i].iter_mut().zip(row).for_each(|(h, x)| *h += factor * x);
                }
            }
        }
        (gradient, hessian)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `x` with `A x = b`, by Cholesky; `a` holds the lower triangle of a positive definite A, and then its factor.
fn solve(a: &mut [f64], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i * n + j] - dot(&a[i * n..i * n + j], &a[j * n..j * n + j]);
            a[i * n + j] = if i == j { sum.sqrt() } else { sum / a[j * n + j] };
        }
        b[i] = (b[i] - dot(&a[i * n..i * n + i], &b[..i])) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|j| a[j * n + i] * b[j]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    #[test]
    fn one_input_and_one_class_by_hand() {
        // Without inputs: w minimises w^2 / 2 + 2 ln(1 + exp(-w)), so w = 2 / (1 + exp(w)).
        let model = Logistic::fit(&[vec![], vec![]], &[true, true]).unwrap();
        let w = model.weights[0];
        assert!((w - 2.0 / (1.0 + w.exp())).abs() < 1e-8, "{w}");
        assert!(model.predict(&[]));
    }

    #[test]
    fn nothing_near_the_minimum_is_lower() {
        let mut random = random::stream(7, "logistic test", 0);
        let inputs: Vec<Vec<f64>> = (0..30).map(|_| (0..5).map(|_| random.random::<f64>()).collect()).collect();
        let classes: Vec<bool> = inputs.iter().map(|x| x[0] + random.random::<f64>() > 1.0).collect();
        let model = Logistic::fit(&inputs, &classes).unwrap();
        let problem = Problem::new(&inputs, &classes);
        let lowest = problem.value(&model.weights);
        for i in 0..6 {
            for by in [-1e-3, 1e-3] {
                let mut moved = model.weights.clone();
                moved[i] += by;
                assert!(problem.value(&moved) > lowest, "weight {i} by {by}");
            }
        }
        assert!(model.weights[0] > 1.0, "{:?}", model.weights);
    }

    #[test]
    fn classes_that_a_line_parts_have_finite_weights() {
        let inputs: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i) - 3.5]).collect();
        let classes: Vec<bool> = (0..8).map(|i| i > 3).collect();
        let model = Logistic::fit(&inputs, &classes).unwrap();
        assert!(inputs.iter().zip(&classes).all(|(x, &c)| model.predict(x) == c));
        assert!(model.weights[0].is_finite() && model.weights[1].abs() < 1e-6, "{:?}", model.weights);
    }

    #[test]
    fn inputs_that_are_no_numbers_are_refused() {
        let error = Logistic::fit(&[vec![f64::NAN], vec![1.0]], &[true, false]).unwrap_err().to_string();
        assert!(error.contains("finite"), "{error}");
    }
}
