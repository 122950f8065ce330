//! The quantities of a task's data (Bingel & Søgaard 2017, Table 2), as the paper describes them.

use crate::data::Gold;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The seven quantities of a task's data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataQuantities {
    /// Training sentences.
    pub size: f64,
    /// Distinct labels.
    pub labels: f64,
    /// Tokens over types of the training data.
    pub tokens_per_type: f64,
    /// Percent of training tokens without a word vector.
    pub oov_percent: f64,
    /// Entropy of the labels, in nats.
    pub label_entropy: f64,
    /// Frobenius norm of the matrix of counts, sentences by words.
    pub frobenius: f64,
    /// Jensen-Shannon divergence of the words of training and test, in nats.
    pub divergence: f64,
}

/// Of `train`, and of the words of `test`; `known` says which words have a vector. Words are lower-cased.
pub fn describe(train: &[Gold], test: &[Gold], known: impl Fn(&str) -> bool) -> DataQuantities {
    let words = |set: &[Gold]| counts(set.iter().flat_map(|g| &g.tokens).map(|t| t.to_lowercase()));
    let (of_train, of_test) = (words(train), words(test));
    let tokens: f64 = of_train.values().sum();
    let unknown = train.iter().flat_map(|g| &g.tokens).filter(|t| !known(t)).count() as f64;
    let labels = counts(train.iter().flat_map(|g| &g.tags).cloned());
    DataQuantities {
        size: train.len() as f64,
        labels: labels.len() as f64,
        tokens_per_type: tokens / of_train.len().max(1) as f64,
        oov_percent: 100.0 * unknown / tokens.max(1.0),
        label_entropy: entropy(&labels),
        frobenius: frobenius(train),
        divergence: divergence(&of_train, &of_test),
    }
}

type Counts = BTreeMap<String, f64>;

fn counts(items: impl Iterator<Item = String>) -> Counts {
    items.fold(Counts::new(), |mut counts, item| {
        *counts.entry(item).or_insert(0.0) += 1.0;
        counts
    })
}

fn entropy(counts: &Counts) -> f64 {
    let sum: f64 = counts.values().sum();
    counts.values().map(|n| -(n / sum) * (n / sum).ln()).sum()
}

/// Of the counts of terms by sentence, where a term is two or more letters, digits or underscores in a row.
fn frobenius(sentences: &[Gold]) -> f64 {
    let square = |gold: &Gold| -> f64 {
        let text = gold.tokens.join(" ").to_lowercase();
        let terms = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|term| term.chars().count() > 1);
        counts(terms.map(str::to_string)).values().map(|n| n * n).sum()
    };
    sentences.iter().map(square).sum::<f64>().sqrt()
}

/// Jensen-Shannon, in nats; 0 where either side is empty.
fn divergence(a: &Counts, b: &Counts) -> f64 {
    let (sum_a, sum_b): (f64, f64) = (a.values().sum(), b.values().sum());
    if sum_a == 0.0 || sum_b == 0.0 {
        return 0.0;
    }
    let words: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let half = |p: f64, q: f64| if p > 0.0 { p / 2.0 * (2.0 * p / (p + q)).ln() } else { 0.0 };
    let share = |counts: &Counts, word, sum| counts.get(word).copied().unwrap_or(0.0) / sum;
    let both = |word| (share(a, word, sum_a), share(b, word, sum_b));
    words.into_iter().map(both).map(|(p, q)| half(p, q) + half(q, p)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold(text: &str, tags: &str) -> Gold {
        let list = |s: &str| s.split(' ').map(str::to_string).collect();
        Gold { tokens: list(text), tags: list(tags) }
    }

    #[test]
    fn quantities_of_two_sentences_by_hand() {
        let train = [gold("The cat saw the cat .", "D N V D N P"), gold("A x-ray", "D N")];
        let found = describe(&train, &[gold("a cat", "D N")], |word| word != "x-ray" && word != ".");
        assert_eq!((found.size, found.labels), (2.0, 4.0));
        // Types: the, cat, saw, ., a, x-ray.
        assert_eq!((found.tokens_per_type, found.oov_percent), (8.0 / 6.0, 25.0));
        // D 3, N 3, V 1, P 1 of 8.
        let entropy = 2.0 * (3.0 / 8.0) * (8.0_f64 / 3.0).ln() + 2.0 / 8.0 * 8.0_f64.ln();
        assert!((found.label_entropy - entropy).abs() < 1e-12);
        // the 2, cat 2, saw 1; ray 1 (one letter is no term).
        assert!((found.frobenius - 10.0_f64.sqrt()).abs() < 1e-12);
        let kl = |p: f64, q: f64| p * (p / q).ln();
        // Shares in train: the 1/4, cat 1/4, saw ., a, x-ray 1/8 each; in test: a 1/2, cat 1/2.
        let one = kl(0.25, 0.125) + kl(0.25, 0.375) + 3.0 * kl(0.125, 0.0625) + kl(0.125, 0.3125);
        let other = kl(0.5, 0.375) + kl(0.5, 0.3125);
        assert!((found.divergence - (one + other) / 2.0).abs() < 1e-12, "{}", found.divergence);
    }

    #[test]
    fn divergence_is_0_of_equals_and_ln_2_of_strangers() {
        let [a, b] = ["a b a", "c d"].map(|text| counts(text.split(' ').map(str::to_string)));
        assert!(divergence(&a, &a).abs() < 1e-12);
        assert!((divergence(&a, &b) - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(divergence(&a, &Counts::new()), 0.0);
    }
}
