//! Simulated learners: SYNTHETIC exercises in the format of the shared task, for tests, demonstrations and studies that
//! the public data cannot carry.
//!
//! P(right) follows item response theory (Rasch 1960) with forgetting (half-life regression, Settles & Meeder 2016, eq. 1 and 2):
//!   logit P(right) = BASE + ability + skill(format) - difficulty(word) + MEMORY * 2^(-days since last seen / half-life)
//!                    + effects of format, session and client - SPILL * max(0, difficulty of the word before)
//!   log2(half-life) = RETENTION * retention + GROWTH * (times right) - (times wrong) / 4
//! A learner has traits: ability, a skill at each format (a testlet effect: Bradlow, Wainer & Wang 1999), retention (its rate
//! differs between people and is stable: Sense et al. 2016) and pace, a part of the log of the time that an exercise takes
//! (van der Linden 2006). Each is standard normal, and `transfer` is its correlation between two tracks of one learner.
//! A word's difficulty has parts that can be read off it (length, ending, rank) and a part that cannot.

use super::data::Labelled;
use super::words::{Lexicon, WordForm};
use crate::Result;
use crate::error::fail;
use crate::random;
use libmtl::scorer::Exercise;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashSet};

const BASE: f64 = 1.7;
const MEMORY: f64 = 1.6;
const RETENTION: f64 = 0.7;
const GROWTH: f64 = 0.5;
const PACE: f64 = 0.3;
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
    /// How many of them are in every track; the others are in one
    #[arg(long, default_value_t = 30)]
    pub shared: usize,
    /// How far a learner's traits (ability, skills, retention, pace) in one track are those in another: a correlation
    #[arg(long, default_value_t = 0.8)]
    pub transfer: f64,
    /// Standard deviation of a learner's skill at a format, in logits; that of ability is 1
    #[arg(long, default_value_t = 0.5)]
    pub skills: f64,
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

#[derive(Clone)]
struct Learner {
    id: String,
    country: &'static str,
    client: usize,
    traits: Traits,
}

/// Ability, retention, pace, and the skill at each of [`FORMATS`]: standard normal.
type Traits = [f64; 3 + FORMATS.len()];

/// Memory of a word.
#[derive(Default)]
struct Trace {
    last: f64,
    right: u32,
    wrong: u32,
}

/// Simulates every track. The first one is the same whatever is `shared`.
pub fn simulate(options: &Options) -> Result<Vec<Track>> {
    options.check()?;
    let mut ids = HashSet::new();
    let mut first: Vec<Learner> = Vec::new();
    let mut tracks = Vec::new();
    for name in &options.tracks {
        let mut rng = random::stream(options.seed, &format!("learners of {name}"), 0);
        let drawn: Vec<Learner> = (0..options.users).map(|_| learner(&mut ids, &mut rng)).collect();
        if first.is_empty() {
            first = drawn.clone();
        }
        let learners = first[..options.shared].iter().chain(&drawn[options.shared..]);
        tracks.push(track(options, name, learners));
    }
    Ok(tracks)
}

/// A learner, whose name is not among `ids`.
fn learner(ids: &mut HashSet<String>, rng: &mut ChaCha8Rng) -> Learner {
    let mut id = identifier(rng, 8);
    while !ids.insert(id.clone()) {
        id = identifier(rng, 8);
    }
    let country = COUNTRIES[rng.random_range(0..COUNTRIES.len())];
    Learner { id, country, client: pick(&CLIENTS, rng), traits: std::array::from_fn(|_| normal(rng)) }
}

impl Options {
    /// Two tracks of few learners.
    #[cfg(test)]
    pub fn small() -> Self {
        let tracks = ["en_es", "fr_en"].map(String::from).to_vec();
        Self { tracks, users: 8, shared: 2, transfer: 0.8, skills: 0.5, exercises: 20, words: 40, days: 20.0, seed: 1 }
    }

    fn check(&self) -> Result<()> {
        if (1..self.tracks.len()).any(|i| self.tracks[..i].contains(&self.tracks[i])) {
            return Err(fail("a track stands twice").remedy("name each --track once"));
        }
        if self.shared > self.users || self.users == 0 {
            return Err(fail(format!("{} learners, of whom {} are shared", self.users, self.shared))
                .remedy("--users must be at least 1, and at least --shared"));
        }
        if !((0.0..=1.0).contains(&self.transfer) && (0.0..f64::INFINITY).contains(&self.skills)) {
            return Err(fail(format!("--transfer {} --skills {}", self.transfer, self.skills))
                .remedy("--transfer must be 0 to 1, and --skills at least 0"));
        }
        if self.words < 10 || self.words > 100_000 || self.exercises < 10 || self.days.is_nan() || self.days <= 0.0 {
            return Err(fail("too little or too much to simulate")
                .remedy("--words must be 10 to 100000, --exercises at least 10, and --days above 0"));
        }
        Ok(())
    }
}

/// A track as it is taught.
struct Course<'a> {
    options: &'a Options,
    track: &'a str,
    lexicon: Lexicon,
}

fn track<'a>(options: &Options, name: &str, learners: impl Iterator<Item = &'a Learner>) -> Track {
    let language = name.split('_').next().unwrap_or(name);
    let lexicon = Lexicon::new(language, options.words, &mut random::stream(options.seed, language, 0));
    let course = Course { options, track: name, lexicon };
    let mut sets = [Vec::new(), Vec::new(), Vec::new()];
    for (number, learner) in learners.enumerate() {
        let all = course.exercises(learner, &mut random::stream(options.seed, name, number as u64));
        let count = all.len();
        for (i, exercise) in all.into_iter().enumerate() {
            sets[if 10 * i < 8 * count { 0 } else { 1 + usize::from(10 * i >= 9 * count) }].push(exercise);
        }
    }
    Track { name: name.to_string(), sets }
}

impl Course<'_> {
    /// A learner's exercises in the order of time.
    fn exercises(&self, learner: &Learner, rng: &mut ChaCha8Rng) -> Vec<Labelled> {
        let (common, own) = (self.options.transfer.sqrt(), (1.0 - self.options.transfer).sqrt());
        let traits = learner.traits.map(|general| common * general + own * normal(rng));
        let learner = Learner { traits, ..learner.clone() };
        let mean = self.options.exercises;
        let count = rng.random_range(mean / 2..=mean + mean / 2).max(10);
        let mut times: Vec<f64> = Vec::new();
        while times.len() < count {
            // A session: some exercises within minutes.
            let start = rng.random::<f64>() * self.options.days;
            let length = rng.random_range(5..15).min(count - times.len());
            times.extend((0..length).map(|i| start + i as f64 * 0.0004));
        }
        times.sort_by(f64::total_cmp);
        let mut memory = BTreeMap::new();
        times.into_iter().map(|days| self.exercise(&learner, days, &mut memory, rng)).collect()
    }

    fn exercise(
        &self,
        learner: &Learner,
        days: f64,
        memory: &mut BTreeMap<usize, Trace>,
        rng: &mut ChaCha8Rng,
    ) -> Labelled {
        let [ability, retention, pace, skills @ ..] = learner.traits;
        let (format, session) = (pick(&FORMATS, rng), pick(&SESSIONS, rng));
        let client = if rng.random::<f64>() < 0.9 { learner.client } else { pick(&CLIENTS, rng) };
        let setting = FORMATS[format].2 + SESSIONS[session].2 + CLIENTS[client].2;
        let skill = ability + self.options.skills * skills[format];
        // Lessons go on from frequent words to rare ones.
        let known = (0.15 + 0.85 * days / self.options.days) * self.lexicon.words.len() as f64;
        let sentence: Vec<usize> =
            (0..rng.random_range(1..=6)).map(|_| self.lexicon.draw(known as usize, rng)).collect();
        let (mut mistakes, mut struggle, mut before) = (Vec::new(), 0.0, None);
        for &word in &sentence {
            let form: &WordForm = &self.lexicon.words[word];
            let trace = memory.entry(word).or_insert(Trace { last: f64::NEG_INFINITY, ..Trace::default() });
            let log_life = RETENTION * retention + GROWTH * f64::from(trace.right) - f64::from(trace.wrong) / 4.0;
            let recall = (-(days - trace.last) / log_life.exp2()).exp2();
            let spill = before.map_or(0.0, |difficulty: f64| SPILL * difficulty.max(0.0));
            let logit = BASE + skill - form.difficulty + MEMORY * recall + setting - spill;
            let wrong = rng.random::<f64>() > 1.0 / (1.0 + (-logit).exp());
            trace.last = days;
            *(if wrong { &mut trace.wrong } else { &mut trace.right }) += 1;
            struggle += (-logit).max(0.0) / sentence.len() as f64;
            before = Some(form.difficulty);
            mistakes.push(wrong);
        }
        let log_time = 2.0 + 0.8 * struggle - 0.3 * ability - PACE * pace + 0.4 * normal(rng);
        let time =
            (rng.random::<f64>() > 0.03).then(|| (log_time.exp() * (0.5 + 0.25 * sentence.len() as f64)).round());
        let exercise = Exercise {
            track: self.track.to_string(),
            user: learner.id.clone(),
            countries: vec![learner.country.to_string()],
            days: (days * 1000.0).round() / 1000.0,
            client: CLIENTS[client].0.to_string(),
            session: SESSIONS[session].0.to_string(),
            format: FORMATS[format].0.to_string(),
            time,
            words: sentence.iter().map(|&word| self.lexicon.words[word].text.clone()).collect(),
            ..Exercise::default()
        };
        Labelled { exercise, mistakes }
    }
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
        Options { tracks, users: 40, shared: 10, exercises: 60, words: 200, days: 30.0, seed: 5, ..Options::small() }
    }

    fn users(track: &Track) -> HashSet<String> {
        track.sets.iter().flatten().map(|l| l.exercise.user.clone()).collect()
    }

    /// The share of words that each learner gets right, in the exercises that are `counted`.
    fn right(track: &Track, counted: impl Fn(&Exercise) -> bool) -> BTreeMap<String, f64> {
        let mut words: BTreeMap<String, [f64; 2]> = BTreeMap::new();
        for labelled in track.sets.iter().flatten().filter(|l| counted(&l.exercise)) {
            let [right, all] = words.entry(labelled.exercise.user.clone()).or_default();
            *right += labelled.mistakes.iter().filter(|&&m| !m).count() as f64;
            *all += labelled.mistakes.len() as f64;
        }
        words.into_iter().map(|(user, [right, all])| (user, right / all)).collect()
    }

    #[test]
    fn shared_learners_are_in_every_track_and_the_first_track_does_not_depend_on_them() {
        let tracks = simulate(&options()).unwrap();
        let users: Vec<_> = tracks.iter().map(users).collect();
        assert!(users.iter().all(|u| u.len() == 40));
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            assert_eq!(users[a].intersection(&users[b]).count(), 10);
        }
        let strangers = simulate(&Options { shared: 0, ..options() }).unwrap();
        assert!(strangers[0].sets == tracks[0].sets && strangers[1].sets != tracks[1].sets);
    }

    #[test]
    fn a_learners_success_in_two_tracks_correlates_as_far_as_traits_transfer() {
        let correlation = |transfer| {
            let tracks = simulate(&Options { shared: 40, transfer, ..options() }).unwrap();
            let [a, b] = [0, 1].map(|t| right(&tracks[t], |_| true).into_values().collect::<Vec<f64>>());
            let centred = |x: &[f64]| {
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                x.iter().map(|v| v - mean).collect::<Vec<f64>>()
            };
            let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let (a, b) = (centred(&a), centred(&b));
            product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
        };
        let (none, all) = (correlation(0.0), correlation(1.0));
        assert!(none < 0.4 && all > 0.75, "{none} {all}");
    }

    #[test]
    fn learners_differ_in_what_formats_suit_them_as_far_as_skills_vary() {
        let spread = |skills| {
            let tracks = simulate(&Options { skills, ..options() }).unwrap();
            let [typed, heard] = [FORMATS[0].0, FORMATS[2].0].map(|f| right(&tracks[0], |e| e.format == f));
            let gaps: Vec<f64> = typed.iter().map(|(user, typed)| typed - heard[user]).collect();
            crate::export::mean_and_deviation(&gaps).1
        };
        let (none, much) = (spread(0.0), spread(1.5));
        assert!(much > 1.5 * none, "{none} {much}");
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let refused = |options: Options| simulate(&options).err().unwrap().to_string();
        for (options, word) in [
            (Options { tracks: vec!["fr_en".into(), "fr_en".into()], ..options() }, "twice"),
            (Options { shared: 41, ..options() }, "shared"),
            (Options { users: 0, shared: 0, ..options() }, "--users"),
            (Options { transfer: 1.1, ..options() }, "--transfer"),
            (Options { transfer: f64::NAN, ..options() }, "--transfer"),
            (Options { skills: -0.1, ..options() }, "--skills"),
            (Options { skills: f64::INFINITY, ..options() }, "--skills"),
            (Options { days: 0.0, ..options() }, "--days"),
        ] {
            let error = refused(options);
            assert!(error.contains(word), "{error}");
        }
        simulate(&Options { shared: 40, transfer: 1.0, skills: 0.0, ..options() }).unwrap();
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
        assert!((0.12..0.17).contains(&rate), "{rate}");
        let again: Vec<Labelled> = all(5).into_iter().flat_map(|t| t.sets).flatten().collect();
        assert!(exercises == again);
        assert!(all(6)[0].sets[0] != all(5)[0].sets[0]);
    }
}
