//! Classes of words, as objectives predict them (Rei 2017): the most frequent words of a language's training data.

use super::Setup;
use crate::batch::Batch;
use std::collections::BTreeMap;

/// The class of a word that the network reads as the unknown one.
const UNKNOWN: u32 = 0;

/// By entry of the lexicon, the class of the word in its language.
pub struct Classes {
    of_entry: Vec<u32>,
    /// By language, how often each class stands in the training data.
    counts: BTreeMap<String, Vec<usize>>,
}

impl Classes {
    /// At most `most` classes a language: 0 for what is read as unknown, then the most frequent words, and one for all
    /// rarer ones. Words are told apart lower-cased, with 0 for every digit.
    pub fn new(setup: &Setup, most: usize) -> Self {
        let mut classes = Self { of_entry: Vec::new(), counts: BTreeMap::new() };
        let mut tables = BTreeMap::new();
        for (language, tasks) in setup.languages() {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for word in tasks.iter().flat_map(|&t| &setup.data[t].train).flat_map(|gold| &gold.tokens) {
                *counts.entry(form(word)).or_insert(0) += 1;
            }
            let mut words: Vec<(String, usize)> = counts.into_iter().collect();
            words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            let rarer = words.split_off(words.len().min(most - 2)).into_iter().map(|(_, count)| count).sum();
            let counts = [0].into_iter().chain(words.iter().map(|(_, count)| *count)).chain([rarer]);
            classes.counts.insert(language.clone(), counts.collect());
            let table: BTreeMap<String, u32> = words.into_iter().map(|(word, _)| word).zip(1..).collect();
            tables.insert(language, table);
        }
        classes.of_entry = setup
            .lexicon
            .met()
            .into_iter()
            .map(|(language, word)| {
                let rarer = classes.size(language) as u32 - 1;
                tables.get(language).and_then(|table| table.get(&form(word))).copied().unwrap_or(rarer)
            })
            .collect();
        classes
    }

    /// Classes of a language's words.
    pub fn size(&self, language: &str) -> usize {
        self.counts.get(language).map_or(2, Vec::len)
    }

    /// How often each class of a language stands in the training data; the unknown word never does.
    pub fn counts(&self, language: &str) -> &[usize] {
        &self.counts[language]
    }

    /// The class of token `t` of sentence `b`.
    pub fn class(&self, batch: &Batch, b: usize, t: usize) -> i64 {
        let unknown = batch.reads_unknown(batch.cell(b, t));
        i64::from(if unknown { UNKNOWN } else { self.of_entry[batch.words[b][t] as usize] })
    }
}

fn form(word: &str) -> String {
    word.to_lowercase().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}
