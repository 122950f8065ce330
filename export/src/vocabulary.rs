//! Words, characters and labels of an experiment, and sentences as ids.

use crate::Result;
use crate::config::{Config, Policy};
use crate::data::{self, Gold, TaskData};
use crate::vectors::Table;
use libmtl::bundle::manifest::LookupStep;
use libmtl::bundle::vocabulary::{self, Vocabulary};
use libmtl::engine::WordType;
use libmtl::tagger::features::{self, END, UNKNOWN_CHAR, UNKNOWN_WORD};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One task type's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskType {
    /// Its name.
    pub name: String,
    /// Labels, in the order of the emissions.
    pub labels: Vec<String>,
    /// Its languages, in the order of the configuration.
    pub languages: Vec<String>,
}

/// A word type of the training run: features, and whether it may be read as the unknown word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Row and characters.
    pub features: WordType,
    /// Seen once in training and without a vector.
    pub rare: bool,
    /// Whether a training sentence of its language has it.
    pub seen: bool,
}

/// A sentence as ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Indices into `Lexicon::entries`.
    pub words: Vec<u32>,
    /// Gold label ids; `u16::MAX` where the label is not in the label set (dev and test only).
    pub labels: Vec<u16>,
}

/// All vocabularies.
pub struct Lexicon {
    /// Word vocabularies by language: the bundle's entries.
    pub words: BTreeMap<String, BTreeMap<String, u32>>,
    /// Characters to rows; 0 pads, 1 is unknown.
    pub chars: BTreeMap<String, u32>,
    /// Task types, sorted by name.
    pub types: Vec<TaskType>,
    /// Rows of the character table.
    pub char_rows: usize,
    /// Rows of the word table.
    pub rows: usize,
    /// Whether a row of the word table was initialised by a vector.
    pub has_vector: Vec<bool>,
    /// Steps of the look-up.
    pub steps: Vec<LookupStep>,
    /// Distinct words met so far.
    pub entries: Vec<Entry>,
    index: HashMap<(String, String), u32>,
    tables: BTreeMap<String, Vocabulary<Vec<u8>>>,
    rare_rows: BTreeSet<u32>,
    trained: BTreeMap<String, BTreeSet<String>>,
    lowercase: bool,
    boundaries: bool,
    fallback: Option<String>,
}

impl Lexicon {
    /// Builds the vocabularies and the initial word table `[rows, word_dim]` (zeros where there is no vector).
    pub fn build(config: &Config, data: &[TaskData]) -> Result<(Self, Vec<f32>)> {
        let steps = match config.vocabulary.lowercase {
            true => vec![LookupStep::Lower, LookupStep::Digits],
            false => vec![LookupStep::Exact, LookupStep::Lower, LookupStep::Digits],
        };
        let dim = config.model.word_dim;
        let boundaries = config.model.char_boundaries;
        let first = if boundaries { END } else { UNKNOWN_CHAR } + 1;
        let chars = char_rows(data, first);
        let mut lexicon = Self {
            words: BTreeMap::new(),
            char_rows: first as usize + chars.len(),
            chars,
            types: task_types(config, data),
            rows: 1,
            has_vector: vec![false],
            steps,
            entries: Vec::new(),
            index: HashMap::new(),
            tables: BTreeMap::new(),
            rare_rows: BTreeSet::new(),
            trained: BTreeMap::new(),
            lowercase: config.vocabulary.lowercase,
            boundaries,
            fallback: config.vocabulary.fallback_language.clone(),
        };
        let mut table = vec![0.0; dim];
        let fallback = config.vocabulary.fallback_language.as_deref();
        let languages: BTreeSet<&str> = config.tasks.iter().map(|t| t.language.as_str()).chain(fallback).collect();
        for language in languages {
            lexicon.add_language(config, data, language, &mut table)?;
        }
        Ok((lexicon, table))
    }

    fn add_language(&mut self, config: &Config, data: &[TaskData], language: &str, table: &mut Vec<f32>) -> Result<()> {
        let settings = &config.vocabulary;
        let counts = count_words(config, data, language);
        let own = config.vectors.get(language);
        let borrowed = settings.fallback_language.as_ref().and_then(|l| config.vectors.get(l));
        let vectors = match own.or(borrowed) {
            Some(v) => Table::read(config, v, config.model.word_dim)?,
            None => Table { dim: config.model.word_dim, ..Table::default() },
        };
        let in_file_order: Vec<(String, u32)> = (0u32..).zip(&vectors.words).map(|(i, w)| (w.clone(), i)).collect();
        let vector_index = vocabulary::write(&vocabulary::with_aliases(&in_file_order));
        let vector_index = Vocabulary::open(vector_index, vectors.words.len() as u32)?;
        let every_step = [LookupStep::Exact, LookupStep::Lower, LookupStep::Digits];

        self.trained.insert(language.to_string(), counts.keys().cloned().collect());
        let mut by_count: Vec<(&String, &usize)> = counts.iter().collect();
        by_count.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut chosen: Vec<(String, Option<u32>, bool)> = Vec::new();
        for (word, &count) in by_count {
            let vector = vector_index.look_up(word, &every_step);
            // A word that only the fallback knows is found there.
            if (own.is_some() && vector.is_some()) || count >= settings.min_count {
                chosen.push((word.clone(), vector, vector.is_none() && count == 1));
            }
        }
        if settings.policy == Policy::All && own.is_some() {
            let known: BTreeSet<&str> = chosen.iter().map(|(w, ..)| w.as_str()).collect();
            let more = in_file_order.iter().filter(|(w, _)| !known.contains(w.as_str()));
            let more: Vec<_> = more.take(settings.max_vector_words.unwrap_or(usize::MAX)).cloned().collect();
            chosen.extend(more.into_iter().map(|(w, row)| (w, Some(row), false)));
        }
        let most = settings.max_words.get(language).or(settings.max_words.get("default"));
        chosen.truncate(most.copied().unwrap_or(usize::MAX));

        let mut entries = Vec::with_capacity(chosen.len());
        for (word, vector, rare) in chosen {
            let row = self.rows as u32;
            self.rows += 1;
            self.has_vector.push(vector.is_some());
            match vector {
                Some(v) => table.extend_from_slice(vectors.row(v as usize)),
                None => table.extend(std::iter::repeat_n(0.0, config.model.word_dim)),
            }
            if rare {
                self.rare_rows.insert(row);
            }
            entries.push((word, row));
        }
        self.add_words(language, vocabulary::with_aliases(&entries))
    }

    fn add_words(&mut self, language: &str, entries: BTreeMap<String, u32>) -> Result<()> {
        let table = Vocabulary::open(vocabulary::write(&entries), self.rows as u32)?;
        self.tables.insert(language.to_string(), table);
        self.words.insert(language.to_string(), entries);
        Ok(())
    }

    /// Encodes `gold`, a sentence of `language` for task type `kind`.
    pub fn encode(&mut self, gold: &Gold, language: &str, kind: usize) -> Encoded {
        let labels: HashMap<&str, u16> = (0u16..).zip(&self.types[kind].labels).map(|(i, l)| (l.as_str(), i)).collect();
        let labels = gold.tags.iter().map(|t| labels.get(t.as_str()).copied().unwrap_or(u16::MAX)).collect();
        let words = gold.tokens.iter().map(|token| self.entry(token, language)).collect();
        Encoded { words, labels }
    }

    fn entry(&mut self, token: &str, language: &str) -> u32 {
        let key = (language.to_string(), token.to_string());
        if let Some(&index) = self.index.get(&key) {
            return index;
        }
        let word = features::unescape(token);
        let look_up = |language: &str| self.tables.get(language).and_then(|t| t.look_up(word, &self.steps));
        let row = look_up(language).or_else(|| look_up(self.fallback.as_deref()?)).unwrap_or(UNKNOWN_WORD);
        let chars = features::characters(word, self.boundaries, |c| self.chars.get(c).copied());
        let index = self.entries.len() as u32;
        let seen = self.trained.get(language).is_some_and(|words| words.contains(&counted_form(self.lowercase, token)));
        self.entries.push(Entry { features: WordType { row, chars }, rare: self.rare_rows.contains(&row), seen });
        self.index.insert(key, index);
        index
    }

    /// Language and word of every entry; empty of the hidden one.
    pub fn met(&self) -> Vec<(&str, &str)> {
        let mut words = vec![("", ""); self.entries.len()];
        for ((language, word), &index) in &self.index {
            words[index as usize] = (language, word);
        }
        words
    }

    /// An entry that reads as an unknown word of one unknown character.
    pub fn hidden_entry(&mut self) -> u32 {
        let features = WordType { row: UNKNOWN_WORD, chars: vec![UNKNOWN_CHAR] };
        self.entries.push(Entry { features, rare: false, seen: false });
        self.entries.len() as u32 - 1
    }

    /// The index of a task type.
    pub fn type_of(&self, name: &str) -> usize {
        self.types.iter().position(|t| t.name == name).unwrap_or(0)
    }
}

/// How often each word of a language occurs in the training data.
pub fn count_words(config: &Config, data: &[TaskData], language: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let of_language = config.tasks.iter().zip(data).filter(|(task, _)| task.language == language);
    for token in of_language.flat_map(|(_, d)| &d.train).flat_map(|gold| &gold.tokens) {
        *counts.entry(counted_form(config.vocabulary.lowercase, token)).or_insert(0) += 1;
    }
    counts
}

/// What a token counts as.
pub fn counted_form(lowercase: bool, token: &str) -> String {
    let word = features::unescape(token);
    if lowercase { word.to_lowercase() } else { word.to_string() }
}

/// Characters of the training data; those seen once stay unknown, so that the unknown character is trained.
fn char_rows(data: &[TaskData], first: u32) -> BTreeMap<String, u32> {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for c in data.iter().flat_map(|d| &d.train).flat_map(|g| &g.tokens).flat_map(|t| features::unescape(t).chars()) {
        *counts.entry(c).or_insert(0) += 1;
    }
    let kept = counts.into_iter().filter(|&(_, n)| n > 1).map(|(c, _)| c.to_string());
    kept.zip(first..).collect()
}

fn task_types(config: &Config, data: &[TaskData]) -> Vec<TaskType> {
    let names: BTreeSet<&str> = config.tasks.iter().map(|t| t.name.as_str()).collect();
    let of = |name: &str| config.tasks.iter().zip(data).filter(move |(t, _)| t.name == name).collect::<Vec<_>>();
    names
        .into_iter()
        .map(|name| {
            let tasks = of(name);
            let scheme = tasks[0].0.scheme;
            TaskType {
                name: name.to_string(),
                labels: data::label_set(scheme, tasks.iter().flat_map(|(_, d)| &d.train)),
                languages: tasks.iter().map(|(t, _)| t.language.clone()).collect(),
            }
        })
        .collect()
}
