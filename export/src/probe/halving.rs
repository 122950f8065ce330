//! Successive halving (Karnin et al. 2013; Jamieson & Talwalkar 2016) with paired seeds as the resource: each round tries every
//! arm that is left with new seeds, and the less promising half is tried no further.

use super::posterior;
use crate::Result;

/// What was found of an arm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arm {
    /// A difference for each seed, in the order of the seeds.
    pub differences: Vec<f64>,
    /// Rounds that it took part in.
    pub rounds: u32,
}

impl Arm {
    /// Mean difference; 0 of none.
    pub fn mean(&self) -> f64 {
        self.differences.iter().sum::<f64>() / self.differences.len().max(1) as f64
    }
}

/// P(mean > 0) of each arm.
pub fn helps(arms: &[Arm]) -> Vec<f64> {
    posterior::helps(&arms.iter().map(|arm| arm.differences.as_slice()).collect::<Vec<_>>())
}

/// Tries `count` arms with `seeds` new seeds a round, from 1 on, until one is left or `trial` has no more to spend, which it
/// says by none.
pub fn halve(count: usize, seeds: u64, mut trial: impl FnMut(usize, u64) -> Result<Option<f64>>) -> Result<Vec<Arm>> {
    let mut arms = vec![Arm::default(); count];
    let mut left: Vec<usize> = (0..count).collect();
    let mut next = 1;
    while !left.is_empty() {
        left.iter().for_each(|&arm| arms[arm].rounds += 1);
        for seed in next..next + seeds {
            for &arm in &left {
                match trial(arm, seed)? {
                    Some(difference) => arms[arm].differences.push(difference),
                    None => return Ok(arms),
                }
            }
        }
        next += seeds;
        let helps = helps(&arms);
        // After one seed nothing is known of the spread, and every probability is a half.
        left.sort_by(|&a, &b| helps[b].total_cmp(&helps[a]).then(arms[b].mean().total_cmp(&arms[a].mean())));
        left.truncate(if left.len() == 1 { 0 } else { left.len().div_ceil(2) });
        left.sort_unstable();
    }
    Ok(arms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    /// Arm k helps by (k - 3) / 2 on average, with noise of about that size.
    fn noisy(arm: usize, seed: u64) -> f64 {
        let noise: f64 = random::stream(seed, "halving test", arm as u64).random_range(-1.0..1.0);
        (arm as f64 - 3.0) / 2.0 + noise
    }

    #[test]
    fn the_best_arm_is_tried_longest() {
        let arms = halve(6, 2, |arm, seed| Ok(Some(noisy(arm, seed)))).unwrap();
        let tried: Vec<usize> = arms.iter().map(|arm| arm.differences.len()).collect();
        assert_eq!(tried.iter().sum::<usize>(), 2 * (6 + 3 + 2 + 1));
        assert_eq!((tried[5], arms[5].rounds), (8, 4), "{tried:?}");
        assert!(tried[0] == 2 && arms[0].rounds == 1, "{tried:?}");
        let helps = helps(&arms);
        assert!(helps[5] > 0.95 && helps[0] < 0.05, "{helps:?}");
    }

    #[test]
    fn it_ends_where_there_is_no_more_to_spend() {
        let mut budget = 9;
        let spend = |arm, seed| {
            budget -= 1;
            Ok((budget >= 0).then(|| noisy(arm, seed)))
        };
        let arms = halve(6, 2, spend).unwrap();
        assert_eq!(arms.iter().map(|arm| arm.differences.len()).collect::<Vec<_>>(), [2, 2, 2, 1, 1, 1]);
    }

    #[test]
    fn after_one_seed_the_larger_differences_go_on() {
        let arms = halve(4, 1, |arm, _| Ok(Some([0.3, 0.1, 0.4, 0.2][arm]))).unwrap();
        assert_eq!(arms.iter().map(|arm| arm.differences.len()).collect::<Vec<_>>(), [2, 1, 3, 1]);
    }

    #[test]
    fn a_failed_trial_ends_it() {
        let error = halve(2, 1, |_, _| Err(crate::error::fail("no data"))).unwrap_err().to_string();
        assert!(error.contains("no data"), "{error}");
        assert!(halve(0, 1, |_, _| Ok(Some(1.0))).unwrap().is_empty());
    }
}
