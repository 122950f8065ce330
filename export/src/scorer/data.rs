//! Labelled exercises: vocabularies, scaling, and batches as tensors.

use super::config::{Config, Feature, Track};
use super::vectors::Given;
use crate::Result;
use crate::error::fail;
use crate::random;
use libmtl::bundle::manifest::{Combine, Scaling, Transform};
use libmtl::scorer::Exercise;
use libmtl::scorer::slam::Record;
use libmtl::tagger::features::{UNKNOWN_CHAR, UNKNOWN_WORD};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The largest numbers that are told apart: days, and seconds (seeds B.3).
const LIMITS: [f32; 2] = [1000.0, 100.0];

/// Entries with their rows, as a bundle holds them.
pub type Table = BTreeMap<String, u32>;

/// An exercise and which of its words the learner got wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The exercise.
    pub exercise: Exercise,
    /// One a word: whether it was a mistake.
    pub mistakes: Vec<bool>,
}

impl From<Record> for Labelled {
    fn from(record: Record) -> Self {
        let mistakes = record.tokens.iter().map(|token| token.mistake == Some(true)).collect();
        Self { exercise: record.exercise, mistakes }
    }
}

/// A track's exercises, as the network needs them or as the file has them.
pub struct TrackData<T = Labelled> {
    /// Training.
    pub train: Vec<T>,
    /// Selection.
    pub dev: Vec<T>,
    /// Held out.
    pub test: Vec<T>,
}

impl<T: From<Record> + Clone> TrackData<T> {
    /// Reads the files of `track`.
    pub fn read(config: &Config, track: &Track, seed: u64) -> Result<Self> {
        let read = |path: &String, keep: &dyn Fn(&String) -> bool| -> Result<Vec<T>> {
            let records = super::slam::records(&config.resolve(path)?, &track.name)?;
            Ok(records.into_iter().filter(|record| keep(&record.exercise.user)).map(T::from).collect())
        };
        let known = |user: &String| !track.without.contains(user);
        let scored = |user: &String| track.only.is_empty() || track.only.contains(user);
        let mut train = read(&track.train, &known)?;
        let dev = read(&track.dev, &known)?;
        if config.training.with_dev {
            train.extend(dev.iter().cloned());
        }
        if let Some(limit) = track.limit {
            train.shuffle(&mut random::stream(seed, &format!("limit {}", track.name), 0));
            train.truncate(limit);
        }
        if train.is_empty() {
            return Err(fail("no exercise to train on").at(&track.train));
        }
        let test = track.test.as_ref().map_or(Ok(Vec::new()), |path| read(path, &scored))?;
        Ok(Self { train, dev, test })
    }
}

/// A distinct word of a track: its row (0 where training does not have it) and its characters' rows.
#[derive(Debug)]
pub struct Word {
    /// Row of the word table.
    pub row: u32,
    /// Rows of the character table.
    pub chars: Vec<u32>,
}

/// Words and characters of a track.
#[derive(Debug, Default)]
pub struct TrackLexicon {
    /// The training data's words, lower-cased.
    pub words: Table,
    /// Their characters.
    pub chars: Table,
    /// Every word of the data.
    pub entries: Vec<Word>,
    /// The vectors of its sentences, if they are given.
    pub given: Option<Given>,
    index: HashMap<String, u32>,
}

/// All vocabularies, and the scaling of numbers.
#[derive(Debug)]
pub struct Lexicon {
    /// Users, countries, clients, sessions, formats.
    pub ids: [Table; 5],
    /// Of days and time.
    pub scaling: [Scaling; 2],
    /// By track.
    pub tracks: Vec<TrackLexicon>,
}

/// An exercise as the network reads it.
#[derive(Debug)]
pub struct Encoded {
    ids: [u32; 5],
    numbers: [f32; 2],
    /// Indices into the track's entries.
    pub words: Vec<u32>,
    /// Number of the sentence, where its vectors are given.
    pub sentence: u32,
    mistakes: Vec<bool>,
    /// What its learner's answers say of the words, `[words, HISTORY]`, where the network reads it.
    pub history: Vec<f32>,
}

impl Encoded {
    /// Row of the format.
    pub fn format(&self) -> u32 {
        self.ids[4]
    }
}

fn ids(exercise: &Exercise) -> [&str; 5] {
    let country = exercise.countries.first().map_or("", String::as_str);
    [&exercise.user, country, &exercise.client, &exercise.session, &exercise.format]
}

const ID_FEATURES: [Feature; 5] = [Feature::User, Feature::Country, Feature::Client, Feature::Session, Feature::Format];

impl Lexicon {
    /// Of the training data alone. The only error is that of a table of given vectors.
    pub fn build(config: &Config, data: &[TrackData]) -> Result<Self> {
        let train = || data.iter().flat_map(|d| &d.train).map(|l| &l.exercise);
        let ignored =
            |feature: Feature| config.features.ignore.contains(&feature) || config.model.combine == Combine::None;
        let ids = std::array::from_fn(|i| {
            let values = train().map(|exercise| ids(exercise)[i]);
            table(values.filter(|value| !value.is_empty() && !ignored(ID_FEATURES[i])), 1)
        });
        let days = train().map(|exercise| exercise.days).collect();
        let time = train().filter_map(|exercise| exercise.time).collect();
        let transform = config.features.numbers;
        let scaling = [
            scaling(days, LIMITS[0], transform, ignored(Feature::Days)),
            scaling(time, LIMITS[1], transform, ignored(Feature::Time)),
        ];
        let tracks = data.iter().zip(&config.tracks).map(|(d, track)| {
            let given = Given::open(config, track)?;
            let words: Vec<String> =
                d.train.iter().flat_map(|l| &l.exercise.words).map(|word| word.to_lowercase()).collect();
            let chars: BTreeSet<String> = words.iter().flat_map(|w| w.chars()).map(String::from).collect();
            let known = words.iter().map(String::as_str).filter(|_| given.is_none());
            Ok(TrackLexicon {
                words: table(known, UNKNOWN_WORD + 1),
                chars: table(chars.iter().map(String::as_str), UNKNOWN_CHAR + 1),
                given,
                ..TrackLexicon::default()
            })
        });
        let tracks: Vec<TrackLexicon> = tracks.collect::<Result<_>>()?;
        let widths: BTreeSet<usize> = tracks.iter().filter_map(|t| Some(t.given.as_ref()?.width())).collect();
        if widths.len() > 1 {
            return Err(fail(format!("[[track]] sentence_vectors of widths {widths:?}; give vectors of one width")));
        }
        Ok(Self { ids, scaling, tracks })
    }

    /// What the network reads of an exercise of the `track`-th track; fails where a sentence's given vectors are missing.
    pub fn encode(&mut self, track: usize, labelled: &Labelled) -> Result<Encoded> {
        let exercise = &labelled.exercise;
        let values = ids(exercise);
        let given = self.tracks[track].given.as_mut().filter(|_| !exercise.words.is_empty());
        let sentence = given.map_or(Ok(0), |given| given.number(&exercise.words))?;
        Ok(Encoded {
            sentence,
            ids: std::array::from_fn(|i| self.ids[i].get(values[i]).copied().unwrap_or(0)),
            numbers: [self.scaling[0].apply(Some(exercise.days)), self.scaling[1].apply(exercise.time)],
            words: exercise.words.iter().map(|word| self.tracks[track].entry(&word.to_lowercase())).collect(),
            mistakes: labelled.mistakes.clone(),
            history: Vec::new(),
        })
    }
}

impl TrackLexicon {
    fn entry(&mut self, word: &str) -> u32 {
        if let Some(&index) = self.index.get(word) {
            return index;
        }
        let char_row = |c: char| self.chars.get(c.encode_utf8(&mut [0; 4]) as &str).copied().unwrap_or(UNKNOWN_CHAR);
        let chars = word.chars().map(char_row).collect();
        let index = self.entries.len() as u32;
        self.entries.push(Word { row: self.words.get(word).copied().unwrap_or(UNKNOWN_WORD), chars });
        self.index.insert(word.to_string(), index);
        index
    }
}

/// The distinct `values`, sorted, with rows from `first` on.
fn table<'a>(values: impl Iterator<Item = &'a str>, first: u32) -> Table {
    let distinct: BTreeSet<&str> = values.collect();
    distinct.into_iter().map(String::from).zip(first..).collect()
}

/// Standardises the logarithms of `values`, or leaves them raw.
fn scaling(values: Vec<f64>, limit: f32, transform: Transform, ignored: bool) -> Scaling {
    let plain = Scaling { transform, limit, mean: 0.0, scale: if ignored { 0.0 } else { 1.0 } };
    if transform == Transform::Raw || ignored {
        return plain;
    }
    let values: Vec<f64> = values.iter().map(|&x| f64::from(plain.apply(Some(x)))).collect();
    let (mean, sd) = crate::export::mean_and_deviation(&values);
    Scaling { mean: mean as f32, scale: if sd > 0.0 { (1.0 / sd) as f32 } else { 0.0 }, ..plain }
}

/// Exercises of one track as tensors' contents. Sequences are time-major: cell = time * size + exercise.
pub struct Batch {
    /// Exercises.
    pub size: usize,
    /// Words of the longest one.
    pub time: usize,
    /// Words of each.
    pub lengths: Vec<usize>,
    /// Rows by table, then exercise.
    pub ids: [Vec<i64>; 5],
    /// Days and time of each exercise.
    pub numbers: [Vec<f32>; 2],
    /// By cell, the row of the word.
    pub rows: Vec<i64>,
    /// By cell, the vector of the word, `[cells, width]`, where it is given.
    pub vectors: Option<Vec<f32>>,
    /// By cell, the distinct word.
    pub types: Vec<i64>,
    /// By cell, the cell that stands there when the sequence runs backward.
    pub reverse: Vec<i64>,
    /// The cells that hold words, one exercise after the other.
    pub cells: Vec<i64>,
    /// By word, its exercise.
    pub owner: Vec<i64>,
    /// By word: 1 for a mistake.
    pub mistakes: Vec<f32>,
    /// What the learners' answers say of the words, `[words, HISTORY]`, where it is read; zeros are nothing known.
    pub history: Vec<f32>,
    /// Characters of each distinct word, `[distinct, width]`, padded with 0.
    pub chars: Vec<i64>,
    /// Characters of the longest distinct word, or what the convolutions need if that is more.
    pub width: usize,
    /// Characters of each distinct word.
    pub char_lengths: Vec<i64>,
}

impl Batch {
    /// Packs `exercises`, of which there is at least one and none is empty; `least` is how wide words are at
    /// least, `unknown` the rate at which ids, words and histories are read as unknown.
    pub fn new(
        exercises: &[&Encoded],
        lexicon: &TrackLexicon,
        least: usize,
        mut unknown: Option<(f64, &mut ChaCha8Rng)>,
    ) -> Self {
        let mut row = |row: u32| {
            let hidden = unknown.as_mut().is_some_and(|(rate, rng)| rng.random::<f64>() < *rate);
            if hidden { 0 } else { i64::from(row) }
        };
        let entries = &lexicon.entries;
        let size = exercises.len();
        let lengths: Vec<usize> = exercises.iter().map(|e| e.words.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let types: BTreeSet<u32> = exercises.iter().flat_map(|e| &e.words).copied().collect();
        let position: HashMap<u32, i64> = types.iter().copied().zip(0..).collect();
        let characters = |t: &u32| &entries[*t as usize].chars;
        let width = types.iter().map(|t| characters(t).len()).max().unwrap_or(0).max(least);
        let mut chars = vec![0; types.len() * width];
        for (cells, t) in chars.chunks_exact_mut(width).zip(&types) {
            cells.iter_mut().zip(characters(t)).for_each(|(cell, &c)| *cell = i64::from(c));
        }
        let mut batch = Self {
            size,
            time,
            ids: std::array::from_fn(|i| exercises.iter().map(|e| row(e.ids[i])).collect()),
            numbers: std::array::from_fn(|i| exercises.iter().map(|e| e.numbers[i]).collect()),
            rows: vec![0; time * size],
            vectors: lexicon.given.as_ref().map(|given| vec![0.0; time * size * given.width()]),
            types: vec![0; time * size],
            reverse: (0..(time * size) as i64).collect(),
            cells: Vec::new(),
            owner: Vec::new(),
            mistakes: exercises.iter().flat_map(|e| &e.mistakes).map(|&m| f32::from(u8::from(m))).collect(),
            history: Vec::new(),
            char_lengths: types.iter().map(|t| characters(t).len() as i64).collect(),
            lengths,
            chars,
            width,
        };
        for (b, exercise) in exercises.iter().enumerate() {
            if !exercise.history.is_empty() {
                let known = row(1) as f32;
                batch.history.extend(exercise.history.iter().map(|x| x * known));
            }
            for (t, word) in exercise.words.iter().enumerate() {
                let cell = t * size + b;
                batch.rows[cell] = row(entries[*word as usize].row);
                batch.types[cell] = position[word];
                batch.reverse[cell] = ((batch.lengths[b] - 1 - t) * size + b) as i64;
                batch.cells.push(cell as i64);
                batch.owner.push(b as i64);
                if let (Some(given), Some(vectors)) = (&lexicon.given, &mut batch.vectors) {
                    let width = given.width();
                    let own = &given.sentence(exercise.sentence)[t * width..][..width];
                    vectors[cell * width..][..width].copy_from_slice(own);
                }
            }
        }
        batch
    }
}
