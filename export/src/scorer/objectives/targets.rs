//! What objectives predict of training exercises, as classes.

use super::settings::{Setting, Settings, Statistic};
use crate::scorer::data::{Labelled, TrackData};
use std::collections::{BTreeMap, BTreeSet};

/// Error rates are told apart by tenths, up to so many.
const TENTHS: u32 = 5;

/// Classes by track and training exercise: one a word, or one an exercise; none where nothing is known.
pub struct Targets {
    /// See the type.
    pub of: Vec<Vec<Vec<Option<u32>>>>,
    /// How many classes there are.
    pub classes: usize,
}

impl Targets {
    /// Of the training exercises of each track.
    pub fn new(settings: &Settings, data: &[TrackData]) -> Self {
        let of = match settings {
            Settings::GradientReversal(s) => by_value(data, |l| s.attribute.of(&l.exercise)),
            Settings::InitialState(_) => Vec::new(),
            Settings::Presence(_) => by_exercise(data, |l| Some(u32::from(l.mistakes.contains(&true)))),
            Settings::DataStatistics(s) => match s.statistic {
                Statistic::TimesSeen => times_seen(data),
                Statistic::Days => by_exercise(data, |l| Some(logarithm(l.exercise.days))),
                Statistic::Time => by_exercise(data, |l| l.exercise.time.map(logarithm)),
                Statistic::ErrorRate => error_rates(data),
            },
            Settings::Inverse(s) => match s.setting {
                Setting::Format => by_value(data, |l| &l.exercise.format),
                Setting::Session => by_value(data, |l| &l.exercise.session),
                Setting::Time => by_exercise(data, |l| l.exercise.time.map(logarithm)),
            },
        };
        let classes = of.iter().flatten().flatten().flatten().max().map_or(0, |&largest| largest as usize + 1);
        Self { of, classes }
    }
}

/// floor(ln(1 + x)); what is below 0, as some times are, counts as 0.
fn logarithm(x: f64) -> u32 {
    x.max(0.0).ln_1p().floor() as u32
}

fn by_exercise(data: &[TrackData], class: impl Fn(&Labelled) -> Option<u32>) -> Vec<Vec<Vec<Option<u32>>>> {
    data.iter().map(|d| d.train.iter().map(|l| vec![class(l)]).collect()).collect()
}

/// A class for each value that occurs in any track; an empty one is not known.
fn by_value<'a>(data: &'a [TrackData], value: impl Fn(&'a Labelled) -> &'a str) -> Vec<Vec<Vec<Option<u32>>>> {
    let values: BTreeSet<&str> = data.iter().flat_map(|d| &d.train).map(&value).filter(|v| !v.is_empty()).collect();
    let classes: BTreeMap<&str, u32> = values.into_iter().zip(0..).collect();
    data.iter().map(|d| d.train.iter().map(|l| vec![classes.get(value(l)).copied()]).collect()).collect()
}

/// Of each word, how often its learner has met it in the same track before, by days.
fn times_seen(data: &[TrackData]) -> Vec<Vec<Vec<Option<u32>>>> {
    let of_track = |d: &TrackData| {
        let mut order: Vec<usize> = (0..d.train.len()).collect();
        order.sort_by(|&a, &b| d.train[a].exercise.days.total_cmp(&d.train[b].exercise.days));
        let mut times: BTreeMap<(&str, String), usize> = BTreeMap::new();
        let mut out = vec![Vec::new(); d.train.len()];
        for number in order {
            let exercise = &d.train[number].exercise;
            let key = |word: &String| (exercise.user.as_str(), word.to_lowercase());
            let class = |word: &String| match times.get(&key(word)) {
                Some(&n) => Some(1 + (n as f64).ln().floor() as u32),
                None => Some(0),
            };
            out[number] = exercise.words.iter().map(class).collect();
            exercise.words.iter().for_each(|word| *times.entry(key(word)).or_insert(0) += 1);
        }
        out
    };
    data.iter().map(of_track).collect()
}

/// Of each exercise, its learner's rate of mistakes in the training exercises of all tracks.
fn error_rates(data: &[TrackData]) -> Vec<Vec<Vec<Option<u32>>>> {
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for labelled in data.iter().flat_map(|d| &d.train) {
        let [mistakes, words] = counts.entry(&labelled.exercise.user).or_default();
        *mistakes += labelled.mistakes.iter().filter(|&&mistake| mistake).count();
        *words += labelled.mistakes.len();
    }
    by_exercise(data, |l| {
        let [mistakes, words] = counts[l.exercise.user.as_str()];
        (words > 0).then(|| (10 * mistakes / words) as u32).map(|tenths| tenths.min(TENTHS))
    })
}
