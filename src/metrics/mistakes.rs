//! Scores of predicted mistakes: those of the shared task on second language acquisition modelling, bit for bit as its
//! script computes them (seeds B.7), and how well probabilities are calibrated.

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Which words were mistakes, and the probability that was predicted of each.
///
/// ```
/// use libmtl::metrics::Predictions;
///
/// let predictions = Predictions::new(vec![true, false, false], vec![0.5, 0.5, 0.1])?;
/// assert_eq!(predictions.auc()?, 0.75);
/// assert_eq!((predictions.f1(), predictions.accuracy()), (2.0 / 3.0, 2.0 / 3.0));
/// # Ok::<(), libmtl::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    mistakes: Vec<bool>,
    probabilities: Vec<f64>,
}

/// The instances whose probability lies in one part of 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Instances in it.
    pub instances: usize,
    /// The mean of their probabilities; 0 where there are none.
    pub probability: f64,
    /// The share of mistakes among them; 0 where there are none.
    pub rate: f64,
}

impl Predictions {
    /// At least one instance, and as many probabilities (0 to 1) as labels.
    pub fn new(mistakes: Vec<bool>, probabilities: Vec<f64>) -> Result<Self> {
        let argument = |message: String| Error::new(ErrorKind::Argument, message);
        if mistakes.len() != probabilities.len() {
            return Err(argument(format!("{} labels and {} probabilities", mistakes.len(), probabilities.len()))
                .remedy("pass one of each for every instance"));
        }
        if mistakes.is_empty() {
            return Err(argument("no instances to score".into()).remedy("pass at least one"));
        }
        if let Some(index) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(argument(format!("the probability is {}", probabilities[index]))
                .at(format_args!("instance {index}"))
                .remedy("pass numbers from 0 to 1"));
        }
        Ok(Self { mistakes, probabilities })
    }

    /// How many instances there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.mistakes.len()
    }

    /// How many of them are mistakes.
    pub fn mistakes(&self) -> usize {
        self.mistakes.iter().filter(|&&mistake| mistake).count()
    }

    fn pairs(&self) -> impl Iterator<Item = (bool, f64)> + '_ {
        self.mistakes.iter().copied().zip(self.probabilities.iter().copied())
    }

    /// The area under the receiver operating characteristic: the probability that a mistake has a higher probability than
    /// a word that is right, ties counting half. Fails where all labels are alike.
    pub fn auc(&self) -> Result<f64> {
        let positive = self.mistakes();
        let negative = self.len() - positive;
        if positive == 0 || negative == 0 {
            return Err(Error::new(ErrorKind::Input, "all labels are alike, so that there is no AUC")
                .remedy("score more instances together"));
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        // Twice the sum of the mistakes' ranks, which are means where probabilities are tied.
        let (mut ranks, mut before) = (0, 0);
        for tied in order.chunk_by(|&a, &b| self.probabilities[a] == self.probabilities[b]) {
            let mistakes = tied.iter().filter(|&&index| self.mistakes[index]).count() as u64;
            ranks += mistakes * (2 * before + 1 + tied.len() as u64);
            before += tied.len() as u64;
        }
        let (positive, negative) = (positive as u64, negative as u64);
        Ok((ranks - positive * (positive + 1)) as f64 / 2.0 / (positive * negative) as f64)
    }

    /// The harmonic mean of precision and recall of mistakes, predicted where the probability is at least 0.5; 0 where it
    /// is not defined.
    pub fn f1(&self) -> f64 {
        let count = |mistake: bool, predicted: bool| {
            self.pairs().filter(|&(m, p)| m == mistake && (p >= 0.5) == predicted).count() as f64
        };
        let (hits, false_alarms, misses) = (count(true, true), count(false, true), count(true, false));
        if hits == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (hits / (hits + false_alarms), hits / (hits + misses));
        2.0 * precision * recall / (precision + recall)
    }

    /// The share of instances whose label is the probability rounded to even: 0.5 is no mistake here, as it is in
    /// [`f1`](Self::f1).
    pub fn accuracy(&self) -> f64 {
        self.pairs().filter(|&(mistake, p)| mistake == (p > 0.5)).count() as f64 / self.len() as f64
    }

    /// The mean of -ln of what was predicted of the label that came true. Fails where that is 0.
    pub fn log_loss(&self) -> Result<f64> {
        let mut loss = 0.0;
        for (index, (mistake, p)) in self.pairs().enumerate() {
            let of_label = if mistake { p } else { 1.0 - p };
            if of_label == 0.0 {
                return Err(Error::new(ErrorKind::Input, format!("probability {p}, and the opposite came true"))
                    .at(format_args!("instance {index}"))
                    .remedy("predict no certainties; without the log loss the other scores stand"));
            }
            loss -= of_label.ln();
        }
        Ok(loss / self.len() as f64)
    }

    /// The reliability diagram: 0 to 1 in `bins` parts of the same width, at least one.
    pub fn reliability(&self, bins: usize) -> Vec<Bin> {
        let bins = bins.max(1);
        let mut sums = vec![(0, 0.0, 0); bins];
        for (mistake, p) in self.pairs() {
            let sum = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
            *sum = (sum.0 + 1, sum.1 + p, sum.2 + usize::from(mistake));
        }
        let bin = |(instances, probabilities, mistakes): (usize, f64, usize)| {
            let of = |sum: f64| if instances == 0 { 0.0 } else { sum / instances as f64 };
            Bin { instances, probability: of(probabilities), rate: of(mistakes as f64) }
        };
        sums.into_iter().map(bin).collect()
    }

    /// The expected calibration error: how far probabilities are from rates, in the mean over the instances of ten bins.
    pub fn calibration_error(&self) -> f64 {
        let error = |bin: &Bin| bin.instances as f64 * (bin.probability - bin.rate).abs();
        self.reliability(10).iter().map(error).sum::<f64>() / self.len() as f64
    }

    /// The predictions of a model that was trained with mistakes weighted by `alpha` and other words by 1 - `alpha`,
    /// without the shift that this gives them. `alpha` lies between 0 and 1.
    pub fn unweighted(mut self, alpha: f64) -> Result<Self> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(
                Error::new(ErrorKind::Argument, format!("alpha is {alpha}")).remedy("pass a number between 0 and 1")
            );
        }
        self.probabilities.iter_mut().for_each(|p| *p = unweighted(*p, alpha));
        Ok(self)
    }
}

/// p (1 - a) / (p (1 - a) + a (1 - p)): what a probability would be had mistakes not been weighted by `alpha`, between 0
/// and 1, and other words by 1 - `alpha` (seeds B.5).
pub fn unweighted(p: f64, alpha: f64) -> f64 {
    let mistake = p * (1.0 - alpha);
    mistake / (mistake + alpha * (1.0 - p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scores(predictions: &Predictions) -> [f64; 4] {
        [predictions.auc().unwrap(), predictions.f1(), predictions.accuracy(), predictions.log_loss().unwrap()]
    }

    #[test]
    fn the_official_self_test() {
        let mistakes = [1, 0, 0, 1, 1, 0, 0, 1, 0, 1].map(|label| label == 1).to_vec();
        let predictions = Predictions::new(mistakes, vec![0.8, 0.2, 0.6, 0.3, 0.1, 0.2, 0.3, 0.9, 0.2, 0.7]).unwrap();
        assert_eq!(scores(&predictions).map(|score| format!("{score:.3}")), ["0.740", "0.667", "0.700", "0.613"]);
    }

    /// The numbers are those of the official script in Python, to the last bit; ties, and 0.5 itself, are among the
    /// probabilities.
    #[test]
    fn the_official_script_to_the_last_bit() {
        let probability = |i: usize| ((i * 7919) % 201 + 1) as f64 / 202.0;
        let mistake = |i: usize| (i * 31 + i * i) % 7 < 2 || ((i * 7919) % 201 > 150 && i.is_multiple_of(3));
        let predictions = Predictions::new((0..1000).map(mistake).collect(), (0..1000).map(probability).collect());
        assert_eq!(scores(&predictions.unwrap()), [0.5944048952167653, 0.4733727810650888, 0.558, 0.865106354438285]);
    }

    #[test]
    fn a_half_is_a_mistake_for_f1_and_none_for_accuracy() {
        let half = |mistake| Predictions::new(vec![mistake], vec![0.5]).unwrap();
        assert_eq!((half(true).f1(), half(true).accuracy()), (1.0, 0.0));
        assert_eq!((half(false).f1(), half(false).accuracy()), (0.0, 1.0));
    }

    #[test]
    fn what_is_not_defined_is_refused() {
        assert!(Predictions::new(vec![], vec![]).is_err());
        assert!(Predictions::new(vec![true], vec![]).is_err());
        for p in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(Predictions::new(vec![true, true], vec![0.5, p]).unwrap_err().place(), "instance 1");
        }
        let sure = Predictions::new(vec![true, true], vec![1.0, 0.0]).unwrap();
        assert_eq!(sure.log_loss().unwrap_err().place(), "instance 1");
        assert!(sure.auc().is_err() && sure.clone().unweighted(1.0).is_err() && sure.unweighted(f64::NAN).is_err());
    }

    #[test]
    fn calibration() {
        let predictions = Predictions::new(vec![true, false, false, true], vec![0.25, 0.15, 0.15, 1.0]).unwrap();
        let bins = predictions.reliability(10);
        assert_eq!(bins[1], Bin { instances: 2, probability: 0.15, rate: 0.0 });
        assert_eq!(bins[9], Bin { instances: 1, probability: 1.0, rate: 1.0 });
        assert_eq!(bins[5], Bin { instances: 0, probability: 0.0, rate: 0.0 });
        assert!((predictions.calibration_error() - (2.0 * 0.15 + 0.75) / 4.0).abs() < 1e-12);
        assert_eq!(predictions.reliability(0).len(), 1);
    }

    /// Minimises the weighted cross-entropy of seeds B.5 for a true probability, and takes the weight away again.
    #[test]
    fn the_weight_is_undone() {
        for (truth, alpha) in [(0.15, 0.7), (0.5, 0.7), (0.9, 0.2), (0.0, 0.7), (1.0, 0.7)] {
            let shifted = alpha * truth / (alpha * truth + (1.0 - alpha) * (1.0 - truth));
            assert!((unweighted(shifted, alpha) - truth).abs() < 1e-12, "{truth} {alpha}");
        }
        let predictions = Predictions::new(vec![true, false], vec![0.7, 0.3]).unwrap();
        assert_eq!(predictions.clone().unweighted(0.5).unwrap(), predictions);
    }

    proptest! {
        /// AUC by its definition, over all pairs.
        #[test]
        fn auc_counts_pairs(instances in prop::collection::vec((any::<bool>(), 0u8..8), 2..40)) {
            let (mistakes, levels): (Vec<bool>, Vec<u8>) = instances.iter().copied().unzip();
            let predictions = Predictions::new(mistakes, levels.iter().map(|&l| f64::from(l) / 8.0).collect()).unwrap();
            let of = |wanted: bool| instances.iter().filter(move |(m, _)| *m == wanted).map(|(_, level)| *level);
            let (mut won, mut pairs) = (0.0, 0.0);
            for mistake in of(true) {
                for right in of(false) {
                    won += if mistake > right { 1.0 } else if mistake == right { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            match predictions.auc() {
                Ok(auc) => prop_assert!((auc - won / pairs).abs() < 1e-12),
                Err(_) => prop_assert_eq!(pairs, 0.0),
            }
        }
    }
}
