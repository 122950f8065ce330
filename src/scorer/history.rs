//! What a learner's answers so far say of the next ones: counts and rates, of all words, of a format's, of the word itself.
//!
//! As in the shared task's best systems (Osika 2018; seeds B.9): how often, how long ago, and how often wrong, late answers
//! counting for more in some rates. Without any answer, all of it is zero.

use super::Exercise;
use super::learner::{array, bytes, malformed};
use crate::Result;
use crate::bundle::manifest::HISTORY;
use std::collections::BTreeMap;

/// What an answer counts for, after each word answered since, in the rates of all words.
const DECAYS: [f32; 3] = [1.0, 0.98, 0.9];
/// A rate begins as that of so many words ...
const PRIOR_WORDS: f32 = 4.0;
/// ... with this rate of mistakes, which is about that of the shared task's learners.
const PRIOR_RATE: f32 = 0.125;
/// Days that are told apart: as many as in the trainer's scaling of days.
const MAX_DAYS: f64 = 1000.0;
/// Distinct words that are kept of a learner; beyond it, the one whose last answer is the longest ago is forgotten.
const MAX_WORDS: usize = 1 << 16;
/// The most words that a tally can hold: with a decay of 1, single precision counts no further.
const MAX_TALLY: f32 = (1 << 24) as f32;

/// The answers of one learner, as far as a network reads them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    all: [Tally; DECAYS.len()],
    /// Day of the last answer.
    days: f64,
    /// By row of the table of formats.
    formats: BTreeMap<u32, Tally>,
    /// By track and lower-cased form.
    words: BTreeMap<(u16, String), Seen>,
}

/// Words answered, and mistakes among them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    words: f32,
    mistakes: f32,
}

/// A word that was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    tally: Tally,
    /// Of the last answer.
    days: f64,
    /// The last answer.
    mistake: bool,
}

impl Tally {
    fn add(&mut self, mistake: bool, decay: f32) {
        self.words = (self.words * decay + 1.0).min(MAX_TALLY);
        self.mistakes = (self.mistakes * decay + f32::from(u8::from(mistake))).min(self.words);
    }

    /// Log odds of a mistake, beyond those of a learner of whom nothing is known.
    fn odds(&self) -> f32 {
        let (mistakes, words) = (self.mistakes + PRIOR_WORDS * PRIOR_RATE, self.words + PRIOR_WORDS);
        (mistakes / (words - mistakes)).ln() - (PRIOR_RATE / (1.0 - PRIOR_RATE)).ln()
    }
}

/// ln(1 + days) from `then` to `now`, within bounds; a day that is not known is today.
fn since(now: f64, then: f64) -> f32 {
    let days = now - then;
    if days > 0.0 { days.min(MAX_DAYS).ln_1p() as f32 } else { 0.0 }
}

impl History {
    /// Adds an answered exercise; they come in the order in which they were answered. `track` is the index of its track,
    /// `format` the row of its format, `mistakes` one a word.
    pub fn add(&mut self, track: usize, format: u32, exercise: &Exercise, mistakes: &[bool]) {
        for (word, &mistake) in exercise.words.iter().zip(mistakes) {
            self.all.iter_mut().zip(DECAYS).for_each(|(tally, decay)| tally.add(mistake, decay));
            self.formats.entry(format).or_default().add(mistake, 1.0);
            let seen = self.words.entry((track as u16, word.to_lowercase())).or_default();
            seen.tally.add(mistake, 1.0);
            (seen.days, seen.mistake) = (exercise.days, mistake);
        }
        self.days = exercise.days;
        while self.words.len() > MAX_WORDS {
            let oldest = self.words.iter().min_by(|a, b| a.1.days.total_cmp(&b.1.days)).map(|(key, _)| key.clone());
            oldest.map(|key| self.words.remove(&key));
        }
    }

    /// What the network reads of each word of an exercise, `[words, HISTORY]`.
    pub fn read(&self, track: usize, format: u32, exercise: &Exercise) -> Vec<f32> {
        let [all, slow, fast] = self.all;
        if all.words == 0.0 {
            return vec![0.0; HISTORY * exercise.words.len()];
        }
        let format = self.formats.get(&format).copied().unwrap_or_default();
        let word = |word: &String| -> [f32; HISTORY] {
            let seen = self.words.get(&(track as u16, word.to_lowercase()));
            let tally = seen.map_or_else(Tally::default, |seen| seen.tally);
            [
                all.words.ln_1p(),
                all.odds(),
                slow.odds(),
                fast.odds(),
                since(exercise.days, self.days),
                format.words.ln_1p(),
                format.odds(),
                tally.words.ln_1p(),
                tally.odds(),
                seen.map_or(0.0, |seen| if seen.mistake { 1.0 } else { -1.0 }),
                seen.map_or(0.0, |seen| since(exercise.days, seen.days)),
            ]
        };
        exercise.words.iter().flat_map(word).collect()
    }

    /// For storage (docs/adapting.md).
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        fn tally(tally: Tally, out: &mut Vec<u8>) {
            [tally.words, tally.mistakes].iter().for_each(|x| out.extend(x.to_le_bytes()));
        }
        self.all.iter().for_each(|&all| tally(all, out));
        out.extend(self.days.to_le_bytes());
        out.extend((self.formats.len() as u32).to_le_bytes());
        for (format, &own) in &self.formats {
            out.extend(format.to_le_bytes());
            tally(own, out);
        }
        out.extend((self.words.len() as u32).to_le_bytes());
        for ((track, word), seen) in &self.words {
            out.extend(track.to_le_bytes());
            out.extend(u16::from(seen.mistake).to_le_bytes());
            tally(seen.tally, out);
            out.extend(seen.days.to_le_bytes());
            out.extend((word.len() as u32).to_le_bytes());
            out.extend(word.as_bytes());
        }
    }

    /// Reads what [`write`](Self::write) wrote, and leaves what follows it.
    pub(super) fn take(rest: &mut &[u8]) -> Result<Self> {
        let mut history = Self::default();
        for all in &mut history.all {
            *all = Tally::take(rest)?;
        }
        history.days = f64::from_le_bytes(array(rest)?);
        for _ in 0..u32::from_le_bytes(array(rest)?) {
            let format = u32::from_le_bytes(array(rest)?);
            ascending(history.formats.last_key_value(), &format)?;
            history.formats.insert(format, Tally::take(rest)?);
        }
        let words = u32::from_le_bytes(array(rest)?);
        if words as usize > MAX_WORDS {
            return Err(malformed(format!("{words} distinct words, where {MAX_WORDS} are kept")));
        }
        for _ in 0..words {
            let track = u16::from_le_bytes(array(rest)?);
            let mistake = match u16::from_le_bytes(array(rest)?) {
                0 => false,
                1 => true,
                other => return Err(malformed(format!("the last answer to a word is {other}"))),
            };
            let seen = Seen { tally: Tally::take(rest)?, days: f64::from_le_bytes(array(rest)?), mistake };
            let length = u32::from_le_bytes(array(rest)?) as usize;
            let word = std::str::from_utf8(bytes(rest, length)?);
            let word = word.map_err(|e| malformed("a word is not UTF-8").caused_by(e))?;
            let key = (track, word.to_string());
            ascending(history.words.last_key_value(), &key)?;
            history.words.insert(key, seen);
        }
        Ok(history)
    }
}

impl Tally {
    fn take(rest: &mut &[u8]) -> Result<Self> {
        let [words, mistakes] = [f32::from_le_bytes(array(rest)?), f32::from_le_bytes(array(rest)?)];
        match (0.0..=MAX_TALLY).contains(&words) && (0.0..=words).contains(&mistakes) {
            true => Ok(Self { words, mistakes }),
            false => Err(malformed(format!("{mistakes} mistakes among {words} words"))),
        }
    }
}

/// Refuses a key that does not come after the last one: each history has one form.
fn ascending<K: Ord, V>(last: Option<(&K, &V)>, next: &K) -> Result<()> {
    match last.is_none_or(|(last, _)| last < next) {
        true => Ok(()),
        false => Err(malformed("what it keeps is not sorted, or twice there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercise(days: f64, words: &[&str]) -> Exercise {
        Exercise { days, words: words.iter().map(|word| word.to_string()).collect(), ..Exercise::default() }
    }

    /// The formulas of docs/training.md, by hand.
    #[test]
    fn features_are_those_of_the_definition() {
        let mut history = History::default();
        history.add(0, 2, &exercise(1.0, &["Yo", "como"]), &[false, true]);
        history.add(0, 1, &exercise(3.5, &["yo"]), &[true]);
        let read = history.read(0, 2, &exercise(5.5, &["YO", "pan"]));
        let odds = |mistakes: f64, words: f64| {
            let p = (mistakes + 0.5) / (words + 4.0);
            ((p / (1.0 - p)).ln() - (0.125f64 / 0.875).ln()) as f32
        };
        let ln = |x: f64| x.ln_1p() as f32;
        let decayed = |d: f64| odds(d + 1.0, d * d + d + 1.0);
        let shared = [ln(3.0), odds(2.0, 3.0), decayed(0.98), decayed(0.9), ln(2.0), ln(2.0), odds(1.0, 2.0)];
        let expected = [&shared[..], &[ln(2.0), odds(1.0, 2.0), 1.0, ln(2.0)], &shared, &[0.0; 4]].concat();
        assert_eq!(read.len(), expected.len());
        for (i, (found, expected)) in read.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-6, "{i}: {found} instead of {expected}");
        }
        // The same word of another track is another word.
        assert_eq!(history.read(1, 2, &exercise(5.5, &["yo"]))[7..], [0.0; 4]);
    }

    #[test]
    fn without_answers_there_is_nothing_to_read() {
        assert_eq!(History::default().read(0, 0, &exercise(9.0, &["a", "b"])), vec![0.0; 2 * HISTORY]);
        let mut history = History::default();
        history.add(0, 0, &exercise(9.0, &[]), &[]);
        assert_eq!(history.read(0, 0, &exercise(9.0, &["a"])), vec![0.0; HISTORY]);
    }

    #[test]
    fn days_that_are_none_harm_nothing() {
        for days in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 1e300] {
            let mut history = History::default();
            history.add(0, 0, &exercise(days, &["a"]), &[true]);
            for now in [days, 0.0, f64::INFINITY] {
                assert!(history.read(0, 0, &exercise(now, &["a"])).iter().all(|x| x.abs() < 10.0), "{days} {now}");
            }
        }
    }

    #[test]
    fn the_word_answered_the_longest_ago_is_forgotten_first() {
        let names: Vec<String> = (0..=MAX_WORDS).map(|i| format!("w{i}")).collect();
        let mut history = History::default();
        for (i, name) in names.iter().enumerate() {
            history.add(0, 0, &exercise(if i == 7 { -1.0 } else { i as f64 }, &[name]), &[true]);
        }
        assert_eq!(history.words.len(), MAX_WORDS);
        let met = |name: &str| history.read(0, 0, &exercise(0.0, &[name]))[7] > 0.0;
        assert_eq!([met("w0"), met("w7"), met("w8"), met(&names[MAX_WORDS])], [true, false, true, true]);
    }

    #[test]
    fn what_was_stored_comes_back_and_anything_else_is_refused() {
        let mut history = History::default();
        history.add(3, 2, &exercise(1.25, &["niño", "come"]), &[false, true]);
        let mut stored = Vec::new();
        history.write(&mut stored);
        let take = |stored: &[u8]| {
            let mut rest = stored;
            History::take(&mut rest).map(|history| (history, rest.len()))
        };
        assert_eq!(take(&stored).unwrap(), (history, 0));
        for length in 0..stored.len() {
            assert!(take(&stored[..length]).unwrap_err().to_string().contains("end too early"));
        }
        let changed = |at: usize, to: &[u8]| {
            let mut changed = stored.clone();
            changed[at..at + to.len()].copy_from_slice(to);
            take(&changed).unwrap_err().to_string()
        };
        assert!(changed(0, &(-1f32).to_le_bytes()).contains("among -1 words"));
        assert!(changed(4, &f32::NAN.to_le_bytes()).contains("NaN mistakes"));
        assert!(changed(4, &3f32.to_le_bytes()).contains("3 mistakes among 2 words"));
        // The first word: behind three tallies, the day, one format and the number of words.
        let word = 24 + 8 + 4 + 12 + 4;
        assert!(changed(word - 4, &[1, 0, 1, 0]).contains("65537 distinct words"));
        assert!(changed(word + 2, &[2]).contains("last answer to a word is 2"));
        assert!(changed(word + 24, &[0xff]).contains("UTF-8"));
        assert!(changed(word, &[4]).contains("not sorted"));
    }
}
