//! Sentences of one task as tensors' contents. Time-major: cell = time * size + sentence.

use crate::vocabulary::{Encoded, Entry};
use libmtl::tagger::features::UNKNOWN_WORD;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use tch::Tensor;

/// Sentences of one task as tensors.
pub struct Batch {
    /// Tokens of each sentence.
    pub lengths: Vec<usize>,
    /// Tokens of the longest one.
    pub time: usize,
    /// Gold labels of each sentence.
    pub labels: Vec<Vec<u16>>,
    /// The lexicon's entries of each sentence.
    pub words: Vec<Vec<u32>>,
    /// Rows of the word table that the batch touches, distinct.
    pub rows: Vec<i64>,
    /// By cell, the index into `rows`.
    pub row_index: Vec<i64>,
    /// By cell, the word type, in the order of `characters`.
    pub type_index: Vec<i64>,
    /// By cell, the cell that stands there when the sequence runs backward.
    pub reverse_index: Vec<i64>,
    /// The batch's word types.
    pub characters: Vec<Characters>,
}

/// Word types of similar length: padding them together wastes little.
pub struct Characters {
    /// Rows of the character table, `[types, width]`, padded with 0.
    pub ids: Vec<i64>,
    /// Characters of each type, or what the widest convolution needs if that is more.
    pub lengths: Vec<i64>,
    /// That of the longest.
    pub width: usize,
}

impl Batch {
    /// Packs `sentences`; `unknown` is the rate at which rare words are read as the unknown word.
    pub fn new(
        sentences: &[&Encoded],
        entries: &[Entry],
        widest: usize,
        unknown: Option<(f64, &mut ChaCha8Rng)>,
    ) -> Self {
        let lengths: Vec<usize> = sentences.iter().map(|s| s.words.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let mut types: Vec<u32> = sentences.iter().flat_map(|s| s.words.iter().copied()).collect();
        types.sort_unstable_by_key(|&t| (entries[t as usize].features.chars.len(), t));
        types.dedup();
        let position: HashMap<u32, i64> = types.iter().copied().zip(0..).collect();
        let characters = group_characters(&types, entries, widest);

        let (mut rows, mut row_of) = (Vec::new(), HashMap::new());
        let mut unknown = unknown;
        let cells = time * sentences.len();
        let (mut row_index, mut type_index) = (vec![0; cells], vec![0; cells]);
        let mut reverse_index: Vec<i64> = (0..cells as i64).collect();
        for (b, sentence) in sentences.iter().enumerate() {
            for (t, &word) in sentence.words.iter().enumerate() {
                let entry = &entries[word as usize];
                let hidden = entry.rare && unknown.as_mut().is_some_and(|(rate, rng)| rng.random::<f64>() < *rate);
                let row = if hidden { 0 } else { i64::from(entry.features.row) };
                let cell = t * sentences.len() + b;
                row_index[cell] = *row_of.entry(row).or_insert_with(|| {
                    rows.push(row);
                    rows.len() as i64 - 1
                });
                type_index[cell] = position[&word];
                reverse_index[cell] = ((lengths[b] - 1 - t) * sentences.len() + b) as i64;
            }
        }
        let labels = sentences.iter().map(|s| s.labels.clone()).collect();
        let words = sentences.iter().map(|s| s.words.clone()).collect();
        Self { lengths, time, labels, words, rows, row_index, type_index, reverse_index, characters }
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// The batch's rows, of the rows `values` of the word table that are called `ids`, of which they are a part.
    pub fn rows_within(&self, ids: &[i64], values: &Tensor) -> Tensor {
        let position: HashMap<i64, i64> = ids.iter().copied().zip(0..).collect();
        let own: Vec<i64> = self.rows.iter().map(|row| position[row]).collect();
        values.index_select(0, &Tensor::from_slice(&own))
    }

    /// Number of sentences.
    pub fn size(&self) -> usize {
        self.lengths.len()
    }

    /// The cell of token `t` of sentence `b`.
    pub fn cell(&self, b: usize, t: usize) -> usize {
        t * self.size() + b
    }

    /// Whether the network reads a cell's word as the unknown one.
    pub fn reads_unknown(&self, cell: usize) -> bool {
        self.rows[self.row_index[cell] as usize] == i64::from(UNKNOWN_WORD)
    }
}

fn group_characters(types: &[u32], entries: &[Entry], widest: usize) -> Vec<Characters> {
    let length = |t: &u32| entries[*t as usize].features.chars.len().max(widest);
    let mut groups = Vec::new();
    for part in types.chunk_by(|a, b| length(a).ilog2() == length(b).ilog2()) {
        let width = part.last().map(length).unwrap_or(widest);
        let mut ids = vec![0; part.len() * width];
        for (row, t) in ids.chunks_exact_mut(width).zip(part) {
            for (cell, &c) in row.iter_mut().zip(&entries[*t as usize].features.chars) {
                *cell = i64::from(c);
            }
        }
        groups.push(Characters { ids, lengths: part.iter().map(|t| length(t) as i64).collect(), width });
    }
    groups
}
