//! Simulated learners: SYNTHETIC exercises in the format of the shared task, for tests, demonstrations and studies that
//! the public data cannot carry.
//!
//! P(right) follows item response theory (Rasch 1960) with forgetting (half-life regression, Settles & Meeder 2016):
//!   logit P(right) = BASE + ability(learner) - difficulty(word) + MEMORY * 2^(-days since last seen / half-life)
//!                    + effects of format, session and client + the word before
//!   log2(half-life) = ability / 2 + GROWTH * (times right) - (times wrong) / 4
//! A learner's ability is one, whatever tracks they are in; difficulty has parts that can be read off a word (length,
//! ending, rank) and a part that cannot. Learners with low ability take longer.

use super::data::Labelled;
use super::words::{Lexicon, WordForm};
use crate::Result;
use crate::error::fail;
use crate::random;
use libmtl::scorer::Exercise;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashSet};

const BASE: f64 = 1.35;
const MEMORY: f64 = 1.6;
const GROWTH: f64 = 0.5;
/// What it costs to follow a hard word.
const SPILL: f64 = 0.45;

const COUNTRIES: [&str; 10] = ["AR", "BR", "CA", "CO", "DE", "ES", "FR", "GB", "MX", "US"];
/// Names, how often, and what they add to the logit of P(right): tapping words is easier than typing them.
const FORMATS: [Choice; 3] = [("reverse_translate", 0.45, -0.35), ("reverse_tap", 0.3, 0.9), ("listen", 0.25, -0.1)];
const SESSIONS: [Choice; 3] = [("lesson", 0.75, 0.2), ("practice", 0.2, -0.3), ("test", 0.05, -0.4)];
const CLIENTS: [Choice; 3] = [("web", 0.35, -0.15), ("ios", 0.3, 0.05), ("android", 0.35, 0.1)];

type Choice = (&'static str, f64, f64);

/// What to simulate.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// A track, LEARNT_KNOWN; may be repeated
    #[arg(long = "track", default_values = ["en_es", "es_en", "fr_en"])]
    pub tracks: Vec<String>,
    /// Learners of each track
    #[arg(long, default_value_t = 150)]
    pub users: usize,
    /// How many of a track's learners are in the next track as well
    #[arg(long, default_value_t = 30)]
    pub shared: usize,
    /// Exercises of a learner in a track, on average
    #[arg(long, default_value_t = 120)]
    pub exercises: usize,
    /// Words of each language
    #[arg(long, default_value_t = 600)]
    pub words: usize,
    /// Days that a learner is watched
    #[arg(long, default_value_t = 30.0)]
    pub days: f64,
    /// The seed: the same options give the same files
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// A track's exercises, those of each learner split by time: 80 % train, 10 % dev, 10 % test.
pub struct Track {
    /// Its name.
    pub name: String,
    /// Train, dev, test.
    pub sets: [Vec<Labelled>; 3],
}

struct Learner {
    id: String,
    country: &'static str,
    ability: f64,
    client: usize,
}

/// Memory of a word.
#[derive(Default)]
struct Trace {
    last: f64,
    right: u32,
    wrong: u32,
}

/// Simulates every track.
pub fn simulate(options: &Options) -> Result<Vec<Track>> {
    options.check()?;
    let mut rng = random::stream(options.seed, "learners", 0);
    let mut ids = HashSet::new();
    let mut learner = || {
        let mut id = identifier(&mut rng, 8);
        while !ids.insert(id.clone()) {
            id = identifier(&mut rng, 8);
        }
        let country = COUNTRIES[rng.random_range(0..COUNTRIES.len())];
        Learner { id, country, ability: normal(&mut rng), client: pick(&CLIENTS, &mut rng) }
    };
    let mut tracks = Vec::new();
    let mut before: Vec<Learner> = Vec::new();
    for name in &options.tracks {
        let mut learners: Vec<Learner> = before.drain(..).take(options.shared).collect();
        while learners.len() < options.users {
            learners.push(learner());
        }
        tracks.push(track(options, name, &learners));
        // The next track shares the newest of this one: nobody is in three.
        before = learners.into_iter().rev().take(options.shared).collect();
    }
    Ok(tracks)
}

impl Options {
    fn check(&self) -> Result<()> {
        if (1..self.tracks.len()).any(|i| self.tracks[..i].contains(&self.tracks[i])) {
            return Err(fail("a track stands twice").remedy("name each --track once"));
        }
        if 2 * self.shared > self.users || self.users == 0 {
            return Err(fail(format!("{} learners, of whom {} are shared", self.users, self.shared))
                .remedy("--users must be at least 1, and twice --shared"));
        }
        if self.words < 10 || self.words > 100_000 || self.exercises < 10 || self.days.is_nan() || self.days <= 0.0 {
            return Err(fail("too little or too much to simulate")
                .remedy("--words must be 10 to 100000, --exercises at least 10, and --days above 0"));
        }
        Ok(())
    }
}

fn track(options: &Options, name: &str, learners: &[Learner]) -> Track {
    let language = name.split('_').next().unwrap_or(name);
    let lexicon = Lexicon::new(language, options.words, &mut random::stream(options.seed, language, 0));
    let mut sets = [Vec::new(), Vec::new(), Vec::new()];
    for (number, learner) in learners.iter().enumerate() {
        let mut rng = random::stream(options.seed, name, number as u64);
        let all = exercises(options, name, &lexicon, learner, &mut rng);
        let count = all.len();
        for (i, exercise) in all.into_iter().enumerate() {
            sets[if 10 * i < 8 * count { 0 } else { 1 + usize::from(10 * i >= 9 * count) }].push(exercise);
        }
    }
    Track { name: name.to_string(), sets }
}

/// One learner's exercises in the order of time.
fn exercises(
    options: &Options,
    track: &str,
    lexicon: &Lexicon,
    learner: &Learner,
    rng: &mut ChaCha8Rng,
) -> Vec<Labelled> {
    let count = rng.random_range(options.exercises / 2..=options.exercises + options.exercises / 2).max(10);
    let mut times: Vec<f64> = Vec::new();
    while times.len() < count {
        // A session: some exercises within minutes.
        let start = rng.random::<f64>() * options.days;
        let length = rng.random_range(5..15).min(count - times.len());
        times.extend((0..length).map(|i| start + i as f64 * 0.0004));
    }
    times.sort_by(f64::total_cmp);
    let mut memory: BTreeMap<usize, Trace> = BTreeMap::new();
    times.into_iter().map(|days| exercise(options, track, lexicon, learner, days, &mut memory, rng)).collect()
}

fn exercise(
    options: &Options,
    track: &str,
    lexicon: &Lexicon,
    learner: &Learner,
    days: f64,
    memory: &mut BTreeMap<usize, Trace>,
    rng: &mut ChaCha8Rng,
) -> Labelled {
    let (format, session) = (pick(&FORMATS, rng), pick(&SESSIONS, rng));
    let client = if rng.random::<f64>() < 0.9 { learner.client } else { pick(&CLIENTS, rng) };
    let setting = FORMATS[format].2 + SESSIONS[session].2 + CLIENTS[client].2;
    // Lessons go on from frequent words to rare ones.
    let known = (0.15 + 0.85 * days / options.days) * lexicon.words.len() as f64;
    let sentence: Vec<usize> = (0..rng.random_range(1..=6)).map(|_| lexicon.draw(known as usize, rng)).collect();
    let (mut mistakes, mut struggle, mut before) = (Vec::new(), 0.0, None);
    for &word in &sentence {
        let form: &WordForm = &lexicon.words[word];
        let trace = memory.entry(word).or_insert(Trace { last: f64::NEG_INFINITY, ..Trace::default() });
        let log_life = learner.ability / 2.0 + GROWTH * f64::from(trace.right) - f64::from(trace.wrong) / 4.0;
        let recall = (-(days - trace.last) / log_life.exp2()).exp2();
        let spill = before.map_or(0.0, |difficulty: f64| SPILL * difficulty.max(0.0));
        let logit = BASE + learner.ability - form.difficulty + MEMORY * recall + setting - spill;
        let wrong = rng.random::<f64>() > 1.0 / (1.0 + (-logit).exp());
        trace.last = days;
        *(if wrong { &mut trace.wrong } else { &mut trace.right }) += 1;
        struggle += (-logit).max(0.0) / sentence.len() as f64;
        before = Some(form.difficulty);
        mistakes.push(wrong);
    }
    let pace = 2.0 + 0.8 * struggle - 0.3 * learner.ability + 0.4 * normal(rng);
    let time = (rng.random::<f64>() > 0.03).then(|| (pace.exp() * (0.5 + 0.25 * sentence.len() as f64)).round());
    let exercise = Exercise {
        track: track.to_string(),
        user: learner.id.clone(),
        countries: vec![learner.country.to_string()],
        days: (days * 1000.0).round() / 1000.0,
        client: CLIENTS[client].0.to_string(),
        session: SESSIONS[session].0.to_string(),
        format: FORMATS[format].0.to_string(),
        time,
        words: sentence.iter().map(|&word| lexicon.words[word].text.clone()).collect(),
    };
    Labelled { exercise, mistakes }
}

/// An index into `choices`, by how often each one is taken.
fn pick(choices: &[Choice], rng: &mut ChaCha8Rng) -> usize {
    let mut rest = rng.random::<f64>();
    choices
        .iter()
        .position(|&(_, share, _)| {
            rest -= share;
            rest < 0.0
        })
        .unwrap_or(choices.len() - 1)
}

/// `length` letters and digits.
fn identifier(rng: &mut ChaCha8Rng, length: usize) -> String {
    const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length).map(|_| char::from(SYMBOLS[rng.random_range(0..SYMBOLS.len())])).collect()
}

/// A standard normal number (Box & Muller 1958).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let tracks = ["en_es", "es_en", "fr_en"].map(String::from).to_vec();
        Options { tracks, users: 40, shared: 10, exercises: 60, words: 200, days: 30.0, seed: 5 }
    }

    fn users(track: &Track) -> HashSet<String> {
        track.sets.iter().flatten().map(|l| l.exercise.user.clone()).collect()
    }

    #[test]
    fn some_learners_are_in_two_tracks_and_none_in_three() {
        let tracks = simulate(&options()).unwrap();
        let users: Vec<_> = tracks.iter().map(users).collect();
        assert!(users.iter().all(|u| u.len() == 40));
        assert_eq!([0, 1].map(|i| users[i].intersection(&users[i + 1]).count()), [10, 10]);
        assert_eq!(users[0].intersection(&users[2]).count(), 0);
    }

    #[test]
    fn splits_follow_the_time_of_each_learner() {
        for track in simulate(&options()).unwrap() {
            for user in users(&track) {
                let days = |set: usize| {
                    let own = track.sets[set].iter().filter(|l| l.exercise.user == user).map(|l| l.exercise.days);
                    own.collect::<Vec<f64>>()
                };
                let last = |set| days(set).into_iter().fold(f64::MIN, f64::max);
                let first = |set| days(set).into_iter().fold(f64::MAX, f64::min);
                assert!(last(0) <= first(1) && last(1) <= first(2), "{user}");
                assert!(days(0).len() >= 8);
            }
        }
    }

    #[test]
    fn mistakes_are_about_as_frequent_as_in_the_shared_task_and_repeat_with_the_seed() {
        let all = |seed| simulate(&Options { seed, ..options() }).unwrap();
        let exercises: Vec<Labelled> = all(5).into_iter().flat_map(|t| t.sets).flatten().collect();
        let mistakes: Vec<bool> = exercises.iter().flat_map(|l| l.mistakes.clone()).collect();
        let rate = mistakes.iter().filter(|&&m| m).count() as f64 / mistakes.len() as f64;
        assert!((0.1..0.25).contains(&rate), "{rate}");
        let again: Vec<Labelled> = all(5).into_iter().flat_map(|t| t.sets).flatten().collect();
        assert!(exercises == again);
        assert!(all(6)[0].sets[0] != all(5)[0].sets[0]);
    }
}
