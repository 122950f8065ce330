//! Which task trains next, and on which sentences. Everything is a function of (seed, step): nothing to save.

use crate::config::{Config, Mixing, TaskSettings};
use crate::random;
use rand::RngExt;
use rand::seq::SliceRandom;

/// The i.i.d. task sampler of Lin 2018, sec. 3.3: r_i = mu_i * zeta_i * sqrt(N_i), p_i = r_i / sum r.
#[derive(Debug, Clone)]
pub struct TaskSampler {
    cumulative: Vec<f64>,
    seed: u64,
}

/// The probability of each task; one without sentences has none.
pub fn probabilities(config: &Config, sizes: &[usize]) -> Vec<f64> {
    let t = &config.training;
    let target: Option<&TaskSettings> = t.target.as_ref().and_then(|k| config.tasks.iter().find(|t| &t.key() == k));
    let rate = |(task, &size): (&TaskSettings, &usize)| {
        if t.mixing == Mixing::Uniform {
            return if size > 0 { task.weight } else { 0.0 };
        }
        let mu = if target.is_none_or(|g| g.name == task.name) { 1.0 } else { t.mu };
        let zeta = if target.is_none_or(|g| g.language == task.language) { 1.0 } else { t.zeta };
        task.weight * mu * zeta * (size as f64).sqrt()
    };
    let rates: Vec<f64> = config.tasks.iter().zip(sizes).map(rate).collect();
    let sum: f64 = rates.iter().sum();
    rates.into_iter().map(|r| r / sum).collect()
}

impl TaskSampler {
    /// A sampler with these probabilities.
    pub fn new(probabilities: &[f64], seed: u64) -> Self {
        let mut sum = 0.0;
        let cumulative = probabilities
            .iter()
            .map(|p| {
                sum += p;
                sum
            })
            .collect();
        Self { cumulative, seed }
    }

    /// The task of `step`.
    pub fn draw(&self, step: u64) -> usize {
        let last = self.cumulative.last().copied().unwrap_or(0.0);
        let x = random::stream(self.seed, "task", step).random::<f64>() * last;
        self.cumulative.iter().position(|&c| x < c).unwrap_or(self.cumulative.len() - 1)
    }
}

/// One task's sentences without replacement, reshuffled when exhausted.
#[derive(Debug, Clone)]
pub struct SentenceSampler {
    lengths: Vec<usize>,
    batch: usize,
    bucket: usize,
    seed: u64,
    purpose: String,
    epoch: Option<(u64, Vec<Vec<usize>>)>,
}

impl SentenceSampler {
    /// Batches of `batch` among sentences of these lengths; `bucket` batches are drawn, sorted by length and cut.
    pub fn new(lengths: Vec<usize>, batch: usize, bucket: usize, seed: u64, key: &str) -> Self {
        Self { lengths, batch, bucket, seed, purpose: format!("sentences {key}"), epoch: None }
    }

    /// Indices of the `count`-th batch of this task.
    pub fn batch(&mut self, count: u64) -> &[usize] {
        let per_epoch = self.lengths.len().div_ceil(self.batch) as u64;
        let (epoch, index) = (count / per_epoch, (count % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(e, _)| *e != epoch) {
            self.epoch = Some((epoch, self.shuffle(epoch)));
        }
        self.epoch.as_ref().map_or(&[], |(_, batches)| &batches[index])
    }

    fn shuffle(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut rng = random::stream(self.seed, &self.purpose, epoch);
        let mut order: Vec<usize> = (0..self.lengths.len()).collect();
        order.shuffle(&mut rng);
        let mut batches = Vec::new();
        for pool in order.chunks_mut(self.batch * self.bucket) {
            if self.bucket > 1 {
                pool.sort_by_key(|&i| self.lengths[i]);
            }
            batches.extend(pool.chunks(self.batch).map(<[usize]>::to_vec));
        }
        batches.shuffle(&mut rng);
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn mixing(sizes: [usize; 4]) -> Vec<f64> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fixture::config(folder.path());
        config.training.target = Some("ner/xx".into());
        probabilities(&config, &sizes)
    }

    /// The check values of seeds A.9: target, cross-lingual, cross-task, both (here in the order of the fixture).
    #[test]
    fn probabilities_match_the_published_table() {
        for (target, expected) in [
            (10, [0.116, 0.436, 0.407, 0.041]),
            (50, [0.227, 0.381, 0.356, 0.036]),
            (200, [0.370, 0.310, 0.290, 0.029]),
            (15_806, [0.839, 0.079, 0.074, 0.007]),
        ] {
            let found = mixing([target, 14_041, 12_269, 12_543]);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 6e-4, "N = {target}: {found:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn uniform_mixing_heeds_weights_and_not_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fixture::config(folder.path());
        config.training.mixing = Mixing::Uniform;
        config.tasks[3].weight = 2.0;
        assert_eq!(probabilities(&config, &[10, 2_000, 0, 3]), [0.25, 0.25, 0.0, 0.5]);
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let probabilities = mixing([200, 14_041, 12_269, 12_543]);
        let sampler = TaskSampler::new(&probabilities, 3);
        let mut counts = [0usize; 4];
        let draws = 20_000;
        (0..draws).for_each(|step| counts[sampler.draw(step)] += 1);
        for (count, p) in counts.iter().zip(&probabilities) {
            let deviation = (p * (1.0 - p) / draws as f64).sqrt();
            assert!((*count as f64 / draws as f64 - p).abs() < 4.0 * deviation, "{counts:?} {probabilities:?}");
        }
    }

    #[test]
    fn an_epoch_holds_every_sentence_once_and_fewer_than_a_batch_still_train() {
        for bucket in [1, 3] {
            let mut sampler = SentenceSampler::new((0..50).collect(), 8, bucket, 1, "x");
            for epoch in 0..3 {
                let mut seen: Vec<usize> = (0..7).flat_map(|i| sampler.batch(epoch * 7 + i).to_vec()).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..50).collect::<Vec<_>>());
            }
        }
        assert_eq!(SentenceSampler::new(vec![3, 4], 19, 1, 1, "x").batch(5).len(), 2);
    }
}
