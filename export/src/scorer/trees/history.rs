//! A learner's past, as it stood before an exercise.
//!
//! Before a test exercise the labels of training exercises are known, and none since. A training exercise sees its past
//! likewise: without the labels of a number of exercises before it, drawn anew for each (seeds B.9).

use crate::scorer::data::TrackData;
use libmtl::scorer::slam::Record;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};

/// The features of a past, and whether each is of days: exercises before; days since the last one; times this sentence
/// was done; words whose labels are known, and the rate of mistakes among all, the last 10 and the last 50 of them; of
/// the same word: times seen, days since, labels known, their rate of mistakes, the last label.
pub const PAST: [bool; 12] = [false, true, false, false, false, false, false, false, true, false, false, false];

/// How many words at a rate of one in eight a rate starts with.
const PRIOR: (f64, f64) = (4.0, 0.5);

/// What is kept of a learner.
#[derive(Default)]
struct Learner {
    /// By exercise: how many labelled words come before it.
    before: Vec<usize>,
    /// How many exercises have labels: the first ones.
    labelled: usize,
    /// Prefix sums of the mistakes among the labelled words.
    mistakes: Vec<usize>,
    /// Of the exercise before.
    days: Option<f64>,
    sentences: HashMap<String, usize>,
    /// By word, in the order of time: the exercise's number, its days, and whether it was a mistake.
    words: HashMap<String, Vec<(usize, f64, bool)>>,
}

type Past = [f64; PAST.len()];

/// The past of each word of train and test, in the data's order.
pub fn past(data: &TrackData<Record>, rng: &mut ChaCha8Rng) -> (Vec<Past>, Vec<Past>) {
    let mut learners: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
    for (set, records) in [&data.train, &data.test].into_iter().enumerate() {
        for (index, record) in records.iter().enumerate() {
            learners.entry(&record.exercise.user).or_default()[set].push(index);
        }
    }
    let mut out = [&data.train, &data.test].map(|records| vec![Vec::new(); records.len()]);
    for sets in learners.values_mut() {
        let mut learner = Learner::default();
        // A test set holds the last part of the exercises; a past hides as much, at most.
        let hidden = sets[1].len().max(sets[0].len() / 8);
        for (set, records) in [&data.train, &data.test].into_iter().enumerate() {
            sets[set].sort_by(|&a, &b| records[a].exercise.days.total_cmp(&records[b].exercise.days));
            for &index in &sets[set] {
                let now = learner.before.len();
                let hidden = if set == 0 { rng.random_range(0..=hidden) } else { 0 };
                out[set][index] = learner.read(&records[index], now.saturating_sub(hidden));
                learner.add(&records[index], set == 0);
            }
        }
    }
    out.map(|records| records.into_iter().flatten().collect()).into()
}

fn rate(mistakes: usize, words: usize) -> f64 {
    (mistakes as f64 + PRIOR.1) / (words as f64 + PRIOR.0)
}

impl Learner {
    /// The past of each word of `record`, where labels are known of the first `labelled` exercises alone.
    fn read(&self, record: &Record, labelled: usize) -> Vec<Past> {
        let exercise = &record.exercise;
        let labelled = labelled.min(self.labelled);
        let words = self.before.get(labelled).copied().unwrap_or(self.mistakes.len());
        let until = |count: usize| count.checked_sub(1).map_or(0, |last| self.mistakes[last]);
        let last = |count: usize| rate(until(words) - until(words.saturating_sub(count)), words.min(count));
        let sentence = exercise.words.join(" ").to_lowercase();
        let sentences = self.sentences.get(&sentence).copied().unwrap_or(0);
        let word = |word: &String| {
            let seen = self.words.get(&word.to_lowercase()).map_or(&[][..], Vec::as_slice);
            let labels = &seen[..seen.partition_point(|&(number, ..)| number < labelled)];
            let wrong = labels.iter().filter(|(.., mistake)| *mistake).count();
            [
                self.before.len() as f64,
                self.days.map_or(f64::NAN, |days| exercise.days - days),
                sentences as f64,
                words as f64,
                last(usize::MAX),
                last(10),
                last(50),
                seen.len() as f64,
                seen.last().map_or(f64::NAN, |(_, days, _)| exercise.days - days),
                labels.len() as f64,
                rate(wrong, labels.len()),
                labels.last().map_or(f64::NAN, |&(.., mistake)| f64::from(u8::from(mistake))),
            ]
        };
        exercise.words.iter().map(word).collect()
    }

    /// Adds an exercise to the past; `labelled` ones come before all others.
    fn add(&mut self, record: &Record, labelled: bool) {
        let (number, exercise) = (self.before.len(), &record.exercise);
        self.before.push(self.mistakes.len());
        self.labelled += usize::from(labelled);
        self.days = Some(exercise.days);
        *self.sentences.entry(exercise.words.join(" ").to_lowercase()).or_default() += 1;
        for (word, token) in exercise.words.iter().zip(&record.tokens) {
            let mistake = labelled && token.mistake == Some(true);
            self.words.entry(word.to_lowercase()).or_default().push((number, exercise.days, mistake));
            if labelled {
                self.mistakes.push(self.mistakes.last().copied().unwrap_or(0) + usize::from(mistake));
            }
        }
    }
}
