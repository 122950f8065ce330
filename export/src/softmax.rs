//! A softmax for each token instead of a CRF for the sentence.

use tch::{Kind, Tensor};

/// Where a position has no token: its label takes no part in the loss.
const PADDING: i64 = -100;

/// The mean over sentences of the mean cross-entropy of a sentence's tokens, and the same as a tensor to differentiate.
/// `emissions` are `[batch, time, labels]`.
pub fn loss(emissions: &Tensor, labels: &[Vec<u16>]) -> (f64, Tensor) {
    let (size, time, width) = emissions.size3().expect("three dimensions");
    let mut gold = vec![PADDING; (size * time) as usize];
    let mut weights = vec![0_f32; gold.len()];
    for (b, sentence) in labels.iter().enumerate() {
        let at = b * time as usize;
        for (t, &label) in sentence.iter().enumerate() {
            gold[at + t] = i64::from(label);
            weights[at + t] = 1.0 / (sentence.len() as f32 * size as f32);
        }
    }
    let none = None::<Tensor>;
    let gold = Tensor::from_slice(&gold);
    let each =
        emissions.reshape([size * time, width]).cross_entropy_loss(&gold, none, tch::Reduction::None, PADDING, 0.0);
    let loss = (each * Tensor::from_slice(&weights)).sum(Kind::Float);
    (loss.double_value(&[]), loss)
}

/// The likeliest label of each token; the first of equals. `emissions` are `[length, labels]`, row-major.
pub fn best(emissions: &[f32], labels: usize) -> Vec<u16> {
    let best = |row: &[f32]| (0..labels).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0) as u16;
    emissions.chunks_exact(labels).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_mean_of_means_and_padding_is_not_seen() {
        let values = [[[1.0_f32, 2.0, 3.0], [0.5, 0.0, -0.5]], [[0.0, 0.0, 0.0], [9.0, -9.0, 1e3]]];
        let flat: Vec<f32> = values.iter().flatten().flatten().copied().collect();
        let emissions = Tensor::from_slice(&flat).view([2, 2, 3]).set_requires_grad(true);
        let (loss, tensor) = loss(&emissions, &[vec![0, 2], vec![1]]);
        let entropy = |row: [f32; 3], gold: usize| row.iter().map(|x| x.exp()).sum::<f32>().ln() - row[gold];
        let expected = (entropy(values[0][0], 0) + entropy(values[0][1], 2)) / 4.0 + entropy(values[1][0], 1) / 2.0;
        assert!((loss - f64::from(expected)).abs() < 1e-6, "{loss} {expected}");
        tensor.backward();
        let gradient = crate::model::flat(&emissions.grad());
        assert_eq!(gradient[9..], [0.0; 3], "padding");
        let third = 1.0 / 3.0;
        for (found, expected) in gradient[6..9].iter().zip([third / 2.0, (third - 1.0) / 2.0, third / 2.0]) {
            assert!((found - expected).abs() < 1e-6, "{gradient:?}");
        }
    }

    #[test]
    fn the_best_label_is_the_first_of_equals() {
        assert_eq!(best(&[0.0, 2.0, 2.0, 5.0, 1.0, 1.0], 3), [1, 0]);
        assert!(best(&[], 3).is_empty());
    }
}
