//! Made-up words that look like those of a language, for simulated learners.

use super::simulate::normal;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// The sounds of a language: what begins a syllable, its vowels, and endings with what they add to a word's difficulty.
struct Sounds {
    onsets: &'static [&'static str],
    vowels: &'static [&'static str],
    endings: &'static [(&'static str, f64)],
}

const ENGLISH: Sounds = Sounds {
    onsets: &["b", "br", "c", "ch", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "sh", "st", "t", "th", "w"],
    vowels: &["a", "e", "i", "o", "u", "ea", "oo"],
    endings: &[("", 0.0), ("n", 0.0), ("ck", 0.1), ("s", 0.2), ("ing", 0.4), ("ed", 0.5), ("ght", 0.7)],
};
const SPANISH: Sounds = Sounds {
    onsets: &["b", "c", "d", "f", "g", "l", "ll", "m", "n", "p", "pr", "r", "s", "t", "tr", "v", "ch"],
    vowels: &["a", "e", "i", "o", "u", "ie"],
    endings: &[("", 0.0), ("s", 0.1), ("r", 0.2), ("mos", 0.4), ("ción", 0.3), ("ría", 0.7), ("ñe", 0.5)],
};
const FRENCH: Sounds = Sounds {
    onsets: &["b", "c", "ch", "d", "f", "g", "j", "l", "m", "n", "p", "qu", "r", "s", "t", "v"],
    vowels: &["a", "e", "i", "o", "u", "ou", "é", "ai"],
    endings: &[("", 0.0), ("e", 0.0), ("s", 0.2), ("ment", 0.3), ("eux", 0.5), ("ez", 0.4), ("aient", 0.8)],
};

/// A word and how hard it is, in logits.
pub struct WordForm {
    /// Lower case.
    pub text: String,
    /// 0 is an average word.
    pub difficulty: f64,
}

/// The words of a language, the most frequent first.
pub struct Lexicon {
    /// The words.
    pub words: Vec<WordForm>,
}

impl Lexicon {
    /// `count` different words of `language`; other languages than English and French sound Spanish.
    pub fn new(language: &str, count: usize, rng: &mut ChaCha8Rng) -> Self {
        let sounds = match language {
            "en" => ENGLISH,
            "fr" => FRENCH,
            _ => SPANISH,
        };
        let mut seen = HashSet::new();
        let mut words = Vec::with_capacity(count);
        while words.len() < count {
            let rank = words.len() as f64 / count as f64;
            // Frequent words are short.
            let syllables = 1 + (rank * 2.5 + rng.random::<f64>() * 1.3) as usize;
            let (text, ending) = word(&sounds, syllables, rng);
            if seen.insert(text.clone()) {
                let length = text.chars().count() as f64 / 6.0;
                let difficulty = 0.7 * (length - 1.0) + ending + 0.6 * (rank - 0.5) + 0.5 * normal(rng);
                words.push(WordForm { text, difficulty });
            }
        }
        Self { words }
    }

    /// The index of one of the `known` most frequent words, by Zipf's law.
    pub fn draw(&self, known: usize, rng: &mut ChaCha8Rng) -> usize {
        let known = known.clamp(1, self.words.len()) as f64;
        // Rank r with a density of 1 / (r + 1): its distribution is logarithmic.
        (((known + 1.0).ln() * rng.random::<f64>()).exp() - 1.0).min(known - 1.0) as usize
    }
}

/// A word and what its ending adds to its difficulty.
fn word(sounds: &Sounds, syllables: usize, rng: &mut ChaCha8Rng) -> (String, f64) {
    let mut draw = |from: &[&'static str]| from[rng.random_range(0..from.len())];
    let stem: String = (0..syllables).map(|_| format!("{}{}", draw(sounds.onsets), draw(sounds.vowels))).collect();
    let (ending, difficulty) = sounds.endings[rng.random_range(0..sounds.endings.len())];
    (stem + ending, difficulty)
}
