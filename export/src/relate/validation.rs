//! How well classes are predicted that took no part in fitting.

use super::logistic::Logistic;
use crate::Result;
use crate::random;
use clap::ValueEnum;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

const FOLDS: usize = 5;

/// What is left out of fitting, and predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// All pairs with one main task, in turn.
    MainOut,
    /// All pairs with one auxiliary task, in turn.
    AuxOut,
    /// The two pairs of two tasks, which are one joint run, in turn.
    PairOut,
    /// The same, and nothing that has either task is fitted.
    BothOut,
    /// A fifth of all pairs, shuffled, in turn; repeated with other shuffles.
    FiveFold,
}

/// Which pairs are fitted, and which of the others predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Fitted.
    pub train: Vec<usize>,
    /// Predicted.
    pub test: Vec<usize>,
}

impl Validation {
    /// The splits of `pairs`; `seed` and `repeat` shuffle.
    pub fn splits(self, pairs: &[(usize, usize)], seed: u64, repeat: u64) -> Vec<Split> {
        let tasks = 0..pairs.iter().map(|&(main, aux)| main.max(aux) + 1).max().unwrap_or(0);
        let select = |wanted: &dyn Fn((usize, usize)) -> bool| -> Vec<usize> {
            (0..pairs.len()).filter(|&i| wanted(pairs[i])).collect()
        };
        let split = |test: &dyn Fn((usize, usize)) -> bool| Split { train: select(&|p| !test(p)), test: select(test) };
        let couples = || tasks.clone().flat_map(|a| (0..a).map(move |b| (b, a)));
        let of = |(main, aux): (usize, usize), (a, b): (usize, usize)| (main, aux) == (a, b) || (main, aux) == (b, a);
        let all: Vec<Split> = match self {
            Self::MainOut => tasks.map(|t| split(&|(main, _)| main == t)).collect(),
            Self::AuxOut => tasks.map(|t| split(&|(_, aux)| aux == t)).collect(),
            Self::PairOut => couples().map(|c| split(&|p| of(p, c))).collect(),
            Self::BothOut => {
                let apart = |(main, aux): (usize, usize), (a, b)| ![main, aux].iter().any(|&t| t == a || t == b);
                couples().map(|c| Split { train: select(&|p| apart(p, c)), test: select(&|p| of(p, c)) }).collect()
            }
            Self::FiveFold => {
                let mut order: Vec<usize> = (0..pairs.len()).collect();
                order.shuffle(&mut random::stream(seed, "folds", repeat));
                let fold = |f: usize| order.len() * f / FOLDS..order.len() * (f + 1) / FOLDS;
                let part = |f: usize| Split { train: without(&order, fold(f)), test: order[fold(f)].to_vec() };
                (0..FOLDS).map(part).collect()
            }
        };
        all.into_iter().filter(|s| !s.test.is_empty() && !s.train.is_empty()).collect()
    }
}

fn without(order: &[usize], range: std::ops::Range<usize>) -> Vec<usize> {
    order[..range.start].iter().chain(&order[range.end..]).copied().collect()
}

/// What min-max scaling to 0..1 is fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// All pairs, those to be predicted too (the paper).
    All,
    /// The pairs that are fitted.
    Train,
}

/// Inputs whose columns are 0 at the least and 1 at the largest value among `rows`; 0 where these are one.
pub fn scale(inputs: &[Vec<f64>], rows: &[usize]) -> Vec<Vec<f64>> {
    let width = inputs.first().map_or(0, Vec::len);
    let range = |column: usize| {
        let values = rows.iter().map(|&row| inputs[row][column]);
        values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ranges: Vec<(f64, f64)> = (0..width).map(range).collect();
    let scaled =
        |(value, &(low, high)): (&f64, &(f64, f64))| if high > low { (value - low) / (high - low) } else { 0.0 };
    inputs.iter().map(|row| row.iter().zip(&ranges).map(scaled).collect()).collect()
}

/// Counts of a two-class prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confusion {
    right: usize,
    total: usize,
    both: usize,
    claimed: usize,
    actual: usize,
}

impl Confusion {
    /// Counts one.
    pub fn add(&mut self, predicted: bool, actual: bool) {
        self.right += usize::from(predicted == actual);
        self.total += 1;
        self.both += usize::from(predicted && actual);
        self.claimed += usize::from(predicted);
        self.actual += usize::from(actual);
    }

    /// Accuracy, and F1 of the positive class; 0 where nothing was to be counted.
    pub fn score(&self) -> Score {
        let ratio = |a: usize, b: usize| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        Score { accuracy: ratio(self.right, self.total), f1: ratio(2 * self.both, self.claimed + self.actual) }
    }
}

/// Accuracy, and F1 of gains.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Accuracy.
    pub accuracy: f64,
    /// F1 of the class of gains.
    pub f1: f64,
}

impl Score {
    /// The mean of some.
    pub fn mean(scores: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| scores.iter().map(of).sum::<f64>() / scores.len().max(1) as f64;
        Self { accuracy: mean(|s| s.accuracy), f1: mean(|s| s.f1) }
    }
}

/// Fits and predicts each split of one repeat. Shuffled folds are scored each by itself and averaged, as the paper does;
/// what a task or a pair left out predicts is scored together, for a fold of two pairs has no F1 to speak of.
pub fn validate(
    inputs: &[Vec<f64>],
    classes: &[bool],
    pairs: &[(usize, usize)],
    how: Validation,
    (scaling, seed, repeat): (Scaling, u64, u64),
) -> Result<Score> {
    let whole: Vec<usize> = (0..inputs.len()).collect();
    let of_all = (scaling == Scaling::All).then(|| scale(inputs, &whole));
    let (mut together, mut each) = (Confusion::default(), Vec::new());
    for split in how.splits(pairs, seed, repeat) {
        let own = of_all.is_none().then(|| scale(inputs, &split.train));
        let scaled = own.as_ref().or(of_all.as_ref()).expect("one of the two");
        let train: Vec<Vec<f64>> = split.train.iter().map(|&i| scaled[i].clone()).collect();
        let model = Logistic::fit(&train, &split.train.iter().map(|&i| classes[i]).collect::<Vec<_>>())?;
        let mut fold = Confusion::default();
        for &i in &split.test {
            let predicted = model.predict(&scaled[i]);
            fold.add(predicted, classes[i]);
            together.add(predicted, classes[i]);
        }
        each.push(fold.score());
    }
    Ok(if how == Validation::FiveFold { Score::mean(&each) } else { together.score() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relate::study::tests::study;

    const ALL: [Validation; 5] =
        [Validation::MainOut, Validation::AuxOut, Validation::PairOut, Validation::BothOut, Validation::FiveFold];

    #[test]
    fn every_pair_is_predicted_once_and_never_by_itself() {
        let pairs = study().pairs;
        for how in ALL {
            let splits = how.splits(&pairs, 1, 0);
            let mut tested: Vec<usize> = splits.iter().flat_map(|s| s.test.clone()).collect();
            tested.sort_unstable();
            assert_eq!(tested, (0..12).collect::<Vec<_>>(), "{how:?}");
            assert!(splits.iter().all(|s| s.test.iter().all(|i| !s.train.contains(i))), "{how:?}");
        }
        assert_ne!(ALL[4].splits(&pairs, 1, 0), ALL[4].splits(&pairs, 1, 1));
    }

    #[test]
    fn what_is_left_out_is_nowhere_in_training() {
        let pairs = study().pairs;
        let check = |how: Validation, count: usize, seen: &dyn Fn((usize, usize), (usize, usize)) -> bool| {
            let splits = how.splits(&pairs, 1, 0);
            assert_eq!(splits.len(), count);
            for s in splits {
                assert!(!s.train.iter().any(|&i| seen(pairs[i], pairs[s.test[0]])), "{how:?} {s:?}");
            }
        };
        check(Validation::MainOut, 4, &|p, out| p.0 == out.0);
        check(Validation::AuxOut, 4, &|p, out| p.1 == out.1);
        check(Validation::PairOut, 6, &|p, out| p == out || p == (out.1, out.0));
        check(Validation::BothOut, 6, &|p, out| [p.0, p.1].iter().any(|&t| t == out.0 || t == out.1));
    }

    #[test]
    fn scaling_on_training_may_leave_the_range_and_a_constant_says_nothing() {
        let inputs = [vec![1.0, 5.0], vec![3.0, 5.0], vec![7.0, 5.0]];
        assert_eq!(scale(&inputs, &[0, 1]), [vec![0.0, 0.0], vec![1.0, 0.0], vec![3.0, 0.0]]);
        assert_eq!(scale(&inputs, &[0, 1, 2])[1], [1.0 / 3.0, 0.0]);
    }

    #[test]
    fn confusion_by_hand() {
        let mut found = Confusion::default();
        for (predicted, actual) in [(true, true), (true, false), (false, true), (false, false), (true, true)] {
            found.add(predicted, actual);
        }
        assert_eq!(found.score(), Score { accuracy: 0.6, f1: 2.0 / 3.0 });
        assert_eq!(Confusion::default().score(), Score::default());
    }

    /// The made-up gains depend on the main task alone: knowing it is enough, unless it was never seen.
    #[test]
    fn identity_predicts_known_main_tasks_and_no_others() {
        let study = study();
        let classes = study.gains[0].classes();
        let score =
            |how| validate(&study.identities(false), &classes, &study.pairs, how, (Scaling::Train, 1, 0)).unwrap();
        assert_eq!(score(Validation::AuxOut).accuracy, 1.0);
        assert_eq!(score(Validation::PairOut).f1, 1.0);
        // Without a main task that gains, more of the others lose: it is predicted to lose, and the other way round.
        assert_eq!(score(Validation::MainOut).accuracy, 0.0);
    }
}
