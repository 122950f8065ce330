//! What the network reads of learners' answers, in training and in scoring.
//!
//! A set that is scored lies behind the training data: of its exercises no answer is known, and a learner is read as
//! training has left them. A training exercise likewise does not read the answers to a number of exercises just before
//! it, drawn anew from time to time (seeds B.9).

use super::data::{Encoded, Labelled, TrackData};
use libmtl::scorer::History;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Exercises of each track as the file has them and as the network reads them.
type Sets<'a> = (Vec<&'a [Labelled]>, &'a mut [Vec<Encoded>]);

/// By learner, their exercises over all tracks in the order of time, as track and number.
type Paths<'a> = BTreeMap<&'a str, Vec<(usize, usize)>>;

fn paths<'a>(sets: &[&'a [Labelled]]) -> Paths<'a> {
    let mut paths = Paths::new();
    for (track, set) in sets.iter().enumerate() {
        for (number, labelled) in set.iter().enumerate() {
            paths.entry(&labelled.exercise.user).or_default().push((track, number));
        }
    }
    let days = |&(track, number): &(usize, usize)| sets[track][number].exercise.days;
    paths.values_mut().for_each(|path| path.sort_by(|a, b| days(a).total_cmp(&days(b))));
    paths
}

fn add(history: &mut History, track: usize, labelled: &Labelled, encoded: &Encoded) {
    history.add(track, encoded.format(), &labelled.exercise, &labelled.mistakes);
}

fn read(history: &History, track: usize, labelled: &Labelled, encoded: &mut Encoded) {
    encoded.history = history.read(track, encoded.format(), &labelled.exercise);
}

/// Lets each training exercise read what its learner answered before, but for up to the share `hidden` of their exercises.
pub fn before(data: &[TrackData], train: &mut [Vec<Encoded>], hidden: f64, rng: &mut ChaCha8Rng) {
    let sets: Vec<&[Labelled]> = data.iter().map(|d| &d.train[..]).collect();
    for path in paths(&sets).values() {
        let most = (hidden * path.len() as f64).ceil() as usize;
        // By place in the path, who reads the history as it is before the exercise there.
        let mut readers = vec![Vec::new(); path.len()];
        for (place, &exercise) in path.iter().enumerate() {
            readers[place.saturating_sub(rng.random_range(0..=most))].push(exercise);
        }
        let mut history = History::default();
        for (&(track, number), readers) in path.iter().zip(readers) {
            for (track, number) in readers {
                read(&history, track, &sets[track][number], &mut train[track][number]);
            }
            add(&mut history, track, &sets[track][number], &train[track][number]);
        }
    }
}

/// Lets each exercise of `scored` read all that its learner answered in training.
pub fn after(data: &[TrackData], train: &[Vec<Encoded>], (sets, scored): Sets) {
    let trained: Vec<&[Labelled]> = data.iter().map(|d| &d.train[..]).collect();
    let past = paths(&trained);
    for (user, path) in paths(&sets) {
        let mut history = History::default();
        for &(track, number) in past.get(user).into_iter().flatten() {
            add(&mut history, track, &trained[track][number], &train[track][number]);
        }
        for (track, number) in path {
            read(&history, track, &sets[track][number], &mut scored[track][number]);
        }
    }
}
