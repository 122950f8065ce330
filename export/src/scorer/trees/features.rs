//! What the trees read of a word: docs/training.md lists it. Labels of training words only, and never a word's own.

use super::history::{self, PAST};
use crate::random;
use crate::scorer::config::Feature;
use crate::scorer::data::TrackData;
use libmtl::scorer::slam::Record;
use rand::RngExt;
use std::collections::{BTreeSet, HashMap};

/// Parts of the training data: a rate that a training word reads is that of the other parts.
const FOLDS: usize = 10;

/// How many words at the mean rate a rate starts with.
const PRIOR: f64 = 10.0;

/// A feature of every word.
pub struct Column {
    /// Of the training words.
    pub train: Vec<f64>,
    /// Of the test words.
    pub test: Vec<f64>,
}

/// All features.
pub struct Table {
    /// One a feature.
    pub columns: Vec<Column>,
}

/// What words are grouped by: which features it takes, and a word's group.
type Key = (&'static [Feature], fn(&Record, usize) -> String);

/// Every group has a rate of mistakes and a size.
const KEYS: [Key; 15] = [
    (&[], token),
    (&[Feature::Format], |r, i| format!("{} {}", token(r, i), r.exercise.format)),
    (&[], |r, i| format!("{} {}", token(r, i), at(r, i, -1))),
    (&[], |r, i| format!("{} {}", token(r, i), at(r, i, 1))),
    (&[], |r, _| r.exercise.words.join(" ").to_lowercase()),
    (&[], |r, i| format!("{} {i}", r.exercise.words.join(" ").to_lowercase())),
    (&[], |r, i| r.tokens[i].part_of_speech.clone()),
    (&[], |r, i| r.tokens[i].morphology.clone()),
    (&[], |r, i| format!("{} {}", r.tokens[i].dependency, r.tokens[i].part_of_speech)),
    (&[Feature::Format, Feature::Session, Feature::Client], |r, _| {
        format!("{} {} {}", r.exercise.format, r.exercise.session, r.exercise.client)
    }),
    (&[Feature::Country], |r, _| r.exercise.countries.first().cloned().unwrap_or_default()),
    (&[Feature::User], |r, _| r.exercise.user.clone()),
    (&[Feature::User], |r, i| format!("{} {}", r.exercise.user, token(r, i))),
    (&[Feature::User, Feature::Format], |r, _| format!("{} {}", r.exercise.user, r.exercise.format)),
    (&[Feature::User], |r, i| format!("{} {}", r.exercise.user, r.tokens[i].part_of_speech)),
];

fn token(record: &Record, at: usize) -> String {
    record.exercise.words[at].to_lowercase()
}

/// The word `offset` from the one at `index`; a mark outside.
fn at(record: &Record, index: usize, offset: isize) -> String {
    let found = index.checked_add_signed(offset).and_then(|i| record.exercise.words.get(i));
    found.map_or("|".into(), |word| word.to_lowercase())
}

/// What an exercise or a word says by itself: which feature it is, and its number.
type Plain = (Option<Feature>, fn(&Record, usize) -> f64);

const PLAIN: [Plain; 9] = [
    (Some(Feature::Days), |r, _| r.exercise.days),
    (Some(Feature::Time), |r, _| r.exercise.time.filter(|&seconds| seconds >= 0.0).unwrap_or(f64::NAN)),
    (Some(Feature::Country), |r, _| r.exercise.countries.len() as f64),
    (None, |r, _| r.exercise.words.len() as f64),
    (None, |_, i| i as f64),
    (None, |r, i| (r.exercise.words.len() - i) as f64),
    (None, |r, i| r.exercise.words[i].chars().count() as f64),
    (None, |r, i| f64::from(r.tokens[i].head) - (i + 1) as f64),
    (None, |r, _| r.prompt.as_ref().map_or(f64::NAN, |prompt| prompt.split_whitespace().count() as f64)),
];

/// Names, which become numbers in the order of the alphabet.
type Name = (Option<Feature>, fn(&Record, usize) -> &str);

const NAMES: [Name; 5] = [
    (Some(Feature::Client), |r, _| &r.exercise.client),
    (Some(Feature::Session), |r, _| &r.exercise.session),
    (Some(Feature::Format), |r, _| &r.exercise.format),
    (None, |r, i| &r.tokens[i].part_of_speech),
    (None, |r, i| &r.tokens[i].dependency),
];

impl Table {
    /// The features of `data` that are not ignored; `seed` draws the parts, and which labels a past hides.
    pub fn build(data: &TrackData<Record>, ignore: &[Feature], seed: u64) -> Self {
        let kept = |feature: &Feature| !ignore.contains(feature);
        let mut rng = random::stream(seed, "trees", 0);
        let folds: Vec<usize> = data.train.iter().map(|_| rng.random_range(0..FOLDS)).collect();
        let mut columns = Vec::new();
        for (_, value) in PLAIN.iter().filter(|(feature, _)| feature.iter().all(kept)) {
            columns.push(Column::of(data, value));
        }
        for (_, name) in NAMES.iter().filter(|(feature, _)| feature.iter().all(kept)) {
            let known: BTreeSet<&str> = places(&data.train).map(|(_, record, i)| name(record, i)).collect();
            let numbers: HashMap<&str, f64> = known.into_iter().zip(0_u32..).map(|(n, i)| (n, f64::from(i))).collect();
            columns.push(Column::of(data, |record, i| numbers.get(name(record, i)).copied().unwrap_or(f64::NAN)));
        }
        for (_, key) in KEYS.iter().filter(|(features, _)| features.iter().all(kept)) {
            columns.extend(rates(data, &folds, *key));
        }
        if kept(&Feature::User) {
            let (train, test) = history::past(data, &mut rng);
            let column = |index: usize| {
                let values = |past: &[[f64; PAST.len()]]| past.iter().map(|values| values[index]).collect();
                Column { train: values(&train), test: values(&test) }
            };
            let days = |index: &usize| kept(&Feature::Days) || !PAST[*index];
            columns.extend((0..PAST.len()).filter(days).map(column));
        }
        Self { columns }
    }
}

impl Column {
    fn of(data: &TrackData<Record>, value: impl Fn(&Record, usize) -> f64) -> Self {
        let values = |records: &[Record]| places(records).map(|(_, record, i)| value(record, i)).collect();
        Self { train: values(&data.train), test: values(&data.test) }
    }
}

/// Every word: the number of its exercise, the exercise, and the word's number in it.
fn places(records: &[Record]) -> impl Iterator<Item = (usize, &Record, usize)> {
    records.iter().enumerate().flat_map(|(n, record)| (0..record.tokens.len()).map(move |i| (n, record, i)))
}

/// The rate of mistakes in each word's group, and the group's size, both of the other parts of the training data.
fn rates(data: &TrackData<Record>, folds: &[usize], key: fn(&Record, usize) -> String) -> [Column; 2] {
    // Words and mistakes of each part, and of all in the last place.
    let mut groups: HashMap<String, [(u32, u32); FOLDS + 1]> = HashMap::new();
    let (mut words, mut mistakes) = (0_u32, 0_u32);
    for (n, record, i) in places(&data.train) {
        let mistake = u32::from(record.tokens[i].mistake == Some(true));
        let group = groups.entry(key(record, i)).or_insert([(0, 0); FOLDS + 1]);
        for part in [folds[n], FOLDS] {
            group[part] = (group[part].0 + 1, group[part].1 + mistake);
        }
        (words, mistakes) = (words + 1, mistakes + mistake);
    }
    let mean = f64::from(mistakes) / f64::from(words.max(1));
    let read = |records: &[Record], fold: &dyn Fn(usize) -> Option<usize>| -> (Vec<f64>, Vec<f64>) {
        let value = |(n, record, i): (usize, &Record, usize)| {
            let group = groups.get(&key(record, i)).copied().unwrap_or([(0, 0); FOLDS + 1]);
            let own = fold(n).map_or((0, 0), |part| group[part]);
            let (words, mistakes) = (f64::from(group[FOLDS].0 - own.0), f64::from(group[FOLDS].1 - own.1));
            ((mistakes + PRIOR * mean) / (words + PRIOR), words.ln_1p())
        };
        places(records).map(value).unzip()
    };
    let (train, test) = (read(&data.train, &|n| Some(folds[n])), read(&data.test, &|_| None));
    [Column { train: train.0, test: test.0 }, Column { train: train.1, test: test.1 }]
}
