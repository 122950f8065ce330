//! The shared task's logistic regression, as its starter kit trains it (seeds B.8).

use super::config::Feature;
use super::data::TrackData;
use crate::random;
use libmtl::scorer::Exercise;
use libmtl::scorer::slam::Record;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::collections::HashMap;

const PASSES: u64 = 10;
const RATE: f64 = 0.1;
const SIGMA: f64 = 20.0;
/// Where the score is cut off, so that no prediction is certain.
const LARGEST: f64 = 17.0;

/// The number of the feature that every instance has, and that is not drawn towards zero.
const BIAS: u32 = 0;

/// P(mistake) of each word of `data.test`, in their order, by what is learnt from `data.train`.
pub fn predict(data: &TrackData<Record>, ignore: &[Feature], seed: u64) -> Vec<f64> {
    let mut names = Features::new();
    let mut instances = |records: &[Record]| -> Vec<Instance> {
        records.iter().flat_map(|record| Instance::all(record, ignore, &mut names)).collect()
    };
    let (train, test) = (instances(&data.train), instances(&data.test));
    let model = Logistic::train(&mut train.iter().collect::<Vec<_>>(), names.len(), seed);
    test.iter().map(|instance| model.predict(instance)).collect()
}

/// The numbers of features by name.
type Features = HashMap<String, u32>;

/// A word of an exercise. All features are 1.
struct Instance {
    /// Whether it was a mistake.
    mistake: bool,
    features: Vec<u32>,
}

impl Instance {
    /// The labelled words of an exercise; new features get the next number.
    fn all(record: &Record, ignore: &[Feature], names: &mut Features) -> Vec<Self> {
        let mut number = |name: String| {
            let next = names.len() as u32;
            *names.entry(name).or_insert(next)
        };
        let mut instances = Vec::new();
        for (word, token) in record.exercise.words.iter().zip(&record.tokens) {
            let mut features = vec![number("bias".into())];
            let Exercise { user, format, .. } = &record.exercise;
            for (feature, name, value) in [(Feature::User, "user", user), (Feature::Format, "format", format)] {
                if !ignore.contains(&feature) {
                    features.push(number(format!("{name}:{value}")));
                }
            }
            features.extend([
                number(format!("token:{}", word.to_lowercase())),
                number(format!("part_of_speech:{}", token.part_of_speech)),
                number(format!("dependency:{}", token.dependency)),
            ]);
            // The starter kit looks at the names of the morphological features only.
            let mut keys: Vec<&str> = token.morphology.split('|').filter_map(|m| m.split('=').next()).collect();
            keys.sort_unstable();
            keys.dedup();
            features.extend(keys.into_iter().map(|key| number(format!("morphology:{key}"))));
            instances.extend(token.mistake.map(|mistake| Self { mistake, features }));
        }
        instances
    }
}

/// A weight for each feature.
struct Logistic {
    weights: Vec<f64>,
}

impl Logistic {
    /// Stochastic gradient descent, one instance at a time in an order that `seed` draws anew in each pass. A feature's
    /// rate falls with the square root of how often it was seen; weights start between -1 and 1, those that only the test
    /// data have stay there.
    fn train(instances: &mut [&Instance], features: usize, seed: u64) -> Self {
        let mut random = random::stream(seed, "logistic regression", 0);
        let mut model = Self { weights: (0..features).map(|_| random.random_range(-1.0..1.0)).collect() };
        let mut seen = vec![0_u32; features];
        for _ in 0..PASSES {
            instances.shuffle(&mut random);
            for instance in &*instances {
                let error = f64::from(u8::from(instance.mistake)) - model.predict(instance);
                for &feature in &instance.features {
                    let (weight, seen) = (&mut model.weights[feature as usize], &mut seen[feature as usize]);
                    let rate = RATE / (1.0 + f64::from(*seen)).sqrt();
                    if feature != BIAS {
                        *weight -= rate * *weight / (SIGMA * SIGMA);
                    }
                    *weight += rate * error;
                    *seen += 1;
                }
            }
        }
        model
    }

    /// The probability of a mistake.
    fn predict(&self, instance: &Instance) -> f64 {
        let score: f64 = instance.features.iter().map(|&feature| self.weights[feature as usize]).sum();
        1.0 / (1.0 + (-score.clamp(-LARGEST, LARGEST)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libmtl::scorer::slam::Token;

    fn record(user: &str, words: &[(&str, bool)]) -> Record {
        let token = |&(_, mistake): &(&str, bool)| Token {
            morphology: "Case=Nom|Number=Sing|Case=Acc".into(),
            mistake: Some(mistake),
            ..Token::default()
        };
        Record {
            exercise: Exercise {
                user: user.into(),
                words: words.iter().map(|(word, _)| (*word).to_string()).collect(),
                ..Exercise::default()
            },
            tokens: words.iter().map(token).collect(),
            ..Record::default()
        }
    }

    #[test]
    fn features_are_those_of_the_starter_kit() {
        let mut names = Features::new();
        let instances = Instance::all(&record("u", &[("Uno", true), ("uno", false)]), &[], &mut names);
        assert_eq!(instances[0].features, instances[1].features, "words are lower-cased");
        assert_eq!(names["bias"], BIAS);
        let mut found: Vec<&str> = names.keys().map(String::as_str).collect();
        found.sort_unstable();
        let expected = ["bias", "dependency:", "format:", "morphology:Case", "morphology:Number"];
        assert_eq!(found[..5], expected);
        assert_eq!(found[5..], ["part_of_speech:", "token:uno", "user:u"]);
        let without = &Instance::all(&record("u", &[("uno", true)]), &[Feature::User, Feature::Days], &mut names)[0];
        let user = names["user:u"];
        assert!(instances[0].features.contains(&user) && !without.features.contains(&user));
        assert_eq!(without.features.len(), instances[0].features.len() - 1, "days are no feature of it");
    }

    /// One instance, once: every weight moves by the same step but for the pull towards zero, which spares the bias.
    #[test]
    fn a_step_is_that_of_the_starter_kit() {
        let mut names = Features::new();
        let instances = Instance::all(&record("u", &[("uno", true)]), &[], &mut names);
        let model = Logistic::train(&mut instances.iter().collect::<Vec<_>>(), names.len(), 1);
        let mut random = random::stream(1, "logistic regression", 0);
        let mut weights: Vec<f64> = (0..names.len()).map(|_| random.random_range(-1.0..1.0)).collect();
        for seen in 0..PASSES {
            let rate = 0.1 / ((1 + seen) as f64).sqrt();
            let error = 1.0 - 1.0 / (1.0 + (-weights.iter().sum::<f64>()).exp());
            for (feature, weight) in weights.iter_mut().enumerate() {
                *weight += rate * (error - if feature == 0 { 0.0 } else { *weight / 400.0 });
            }
        }
        for (found, expected) in model.weights.iter().zip(&weights) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn hard_words_and_weak_learners_are_learnt_and_seeds_repeat() {
        let mut names = Features::new();
        let mut instances = Vec::new();
        for _ in 0..50 {
            instances.extend(Instance::all(&record("weak", &[("easy", true), ("hard", true)]), &[], &mut names));
            instances.extend(Instance::all(&record("strong", &[("easy", false), ("hard", true)]), &[], &mut names));
        }
        let train = |seed| {
            let model = Logistic::train(&mut instances.iter().collect::<Vec<_>>(), names.len(), seed);
            [0, 1, 2, 3].map(|index| model.predict(&instances[index]))
        };
        let [weak_easy, weak_hard, strong_easy, strong_hard] = train(1);
        assert!(strong_easy < 0.5 && 0.5 < weak_easy.min(strong_hard) && weak_hard > weak_easy.max(strong_hard));
        assert_eq!(train(1), train(1));
        assert_ne!(train(1), train(2));
    }
}
