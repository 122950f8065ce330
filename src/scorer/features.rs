//! From an exercise to what the network reads: rows of tables, scaled numbers, distinct words.

use super::slam::MAX_WORDS;
use super::vectors::{Rows, SentenceVectors};
use super::{Exercise, History};
use crate::bundle::manifest::Scorer as Settings;
use crate::bundle::{Bundle, layout};
use crate::engine::WordType;
use crate::tagger::features::{UNKNOWN_CHAR, UNKNOWN_WORD};
use crate::tagger::{MAX_TOKEN_BYTES, token_too_long};
use crate::{Cancel, Error, ErrorKind, Result};
use std::collections::HashMap;

/// The row of whatever a table of ids does not have.
const UNKNOWN: u32 = 0;

/// An exercise as the network reads it.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    /// Index of the track.
    pub track: usize,
    /// Learner, country.
    pub user: [u32; 2],
    /// Client, session, format.
    pub setting: [u32; 3],
    /// Scaled.
    pub days: f32,
    /// Scaled.
    pub time: f32,
    /// Indices into the distinct words of the call.
    pub words: Vec<u32>,
    /// Added to the learner's row: `[embedding]`, or none.
    pub offset: Vec<f32>,
    /// The words' vectors, where the model has none of its own.
    pub vectors: Rows<'a>,
    /// What the learner's answers say of the words, `[words, HISTORY]`, where the network reads it.
    pub history: Vec<f32>,
}

impl Encoded<'_> {
    /// Reads what `history` says of the words of `exercise`, whose features these are.
    pub fn read(&mut self, history: &History, exercise: &Exercise) {
        self.history = history.read(self.track, self.setting[2], exercise);
    }
}

/// A distinct word of a track.
#[derive(Debug)]
pub(super) struct Word {
    /// Index of the track.
    pub track: usize,
    /// Row of the track's word table.
    pub row: u32,
    /// Rows of the track's character table; never none.
    pub chars: Vec<u32>,
}

impl Word {
    /// What the features of its characters depend on, as the cache knows it: the track stands for the row.
    pub fn form(&self) -> WordType {
        WordType { row: self.track as u32, chars: self.chars.clone() }
    }
}

/// The exercises of a call.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// Each exercise, or what is wrong with it.
    pub exercises: Vec<Result<Encoded<'a>>>,
    /// Their distinct words.
    pub words: Vec<Word>,
}

/// The features of `exercises`. The only error is that of `cancel`.
pub(super) fn encode<'a>(
    bundle: &'a Bundle,
    settings: &'a Settings,
    vectors: Option<&'a SentenceVectors>,
    exercises: impl ExactSizeIterator<Item = &'a Exercise>,
    cancel: &Cancel,
) -> Result<Batch<'a>> {
    let mut encoder = Encoder { bundle, settings, vectors, seen: HashMap::new(), words: Vec::new() };
    let mut encoded = Vec::with_capacity(exercises.len());
    for (number, exercise) in exercises.enumerate() {
        cancel.check()?;
        encoded.push(encoder.exercise(exercise).map_err(|e| e.at(format!("exercise {number}"))));
    }
    Ok(Batch { exercises: encoded, words: encoder.words })
}

struct Encoder<'a> {
    bundle: &'a Bundle,
    settings: &'a Settings,
    vectors: Option<&'a SentenceVectors>,
    /// By track and lower-cased form.
    seen: HashMap<(usize, String), u32>,
    words: Vec<Word>,
}

impl<'a> Encoder<'a> {
    fn exercise(&mut self, exercise: &'a Exercise) -> Result<Encoded<'a>> {
        let track = track(self.settings, &exercise.track).map_err(|e| e.at("track"))?;
        if exercise.words.len() > MAX_WORDS {
            let message = format!("{} words, where {MAX_WORDS} are the limit", exercise.words.len());
            return Err(Error::new(ErrorKind::Limit, message).remedy("split the exercise"));
        }
        let words = exercise.words.iter().enumerate();
        let words = words.map(|(i, word)| self.word(track, word).map_err(|e| e.at(format!("word {i}"))));
        let words = words.collect::<Result<_>>()?;
        let vectors = self.rows(exercise).map_err(|e| e.at("vectors"))?;
        let row = |file: &str, id: &str| self.bundle.table(file).and_then(|table| table.get(id)).unwrap_or(UNKNOWN);
        let country = exercise.countries.first().map_or("", String::as_str);
        Ok(Encoded {
            track,
            user: [row(layout::USERS, &exercise.user), row(layout::COUNTRIES, country)],
            setting: [
                row(layout::CLIENTS, &exercise.client),
                row(layout::SESSIONS, &exercise.session),
                row(layout::FORMATS, &exercise.format),
            ],
            days: self.settings.days.apply(Some(exercise.days)),
            time: self.settings.time.apply(exercise.time),
            words,
            offset: Vec::new(),
            vectors,
            history: Vec::new(),
        })
    }

    /// The words' vectors, where the model has none of its own.
    fn rows(&self, exercise: &'a Exercise) -> Result<Rows<'a>> {
        let own = Rows::Single(&exercise.vectors);
        let fault = |message: String, remedy: &str| Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        let Some(width) = self.settings.architecture.given_width() else {
            return match exercise.vectors.is_empty() {
                true => Ok(own),
                false => fault("the model has word vectors of its own".into(), "leave them empty"),
            };
        };
        let (given, needed) = (exercise.vectors.len(), exercise.words.len() * width);
        match self.vectors {
            _ if given == needed && own.is_finite() => Ok(own),
            _ if given > 0 => {
                fault(format!("{given} numbers, where {needed} are needed, all finite"), "give one row a word")
            }
            Some(table) => table.rows(&exercise.words),
            None => fault(
                format!("the model reads word vectors of width {width}, and there are none"),
                "open it with a table of them (`mtl score --vectors`, in C the option `vectors`): docs/training.md",
            ),
        }
    }

    fn word(&mut self, track: usize, word: &str) -> Result<u32> {
        if word.is_empty() {
            return Err(Error::new(ErrorKind::Input, "an empty word").remedy("leave it out"));
        }
        if word.len() > MAX_TOKEN_BYTES {
            return Err(token_too_long(word.len()));
        }
        let key = (track, word.to_lowercase());
        if let Some(&index) = self.seen.get(&key) {
            return Ok(index);
        }
        let name = &self.settings.tracks[track];
        let row = self.bundle.words(name).and_then(|table| table.get(&key.1)).unwrap_or(UNKNOWN_WORD);
        let table = self.bundle.table(&layout::chars(name));
        let mut buffer = [0; 4];
        let char_row = |c: char| table.and_then(|t| t.get(c.encode_utf8(&mut buffer))).unwrap_or(UNKNOWN_CHAR);
        let chars = key.1.chars().map(char_row).collect();
        let index = self.words.len() as u32;
        self.words.push(Word { track, row, chars });
        self.seen.insert(key, index);
        Ok(index)
    }
}

/// Index of the track called `name`; where there is one track, it need not be named.
pub(super) fn track(settings: &Settings, name: &str) -> Result<usize> {
    if name.is_empty() && settings.tracks.len() == 1 {
        return Ok(0);
    }
    settings.tracks.iter().position(|track| track == name).ok_or_else(|| {
        Error::new(ErrorKind::Argument, format!("the model has no track \"{name}\""))
            .remedy(format!("its tracks are {}", settings.tracks.join(", ")))
    })
}
