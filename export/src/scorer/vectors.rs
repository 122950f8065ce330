//! Word vectors of a scorer: those that its trained tables begin with, and those of whole sentences.

use super::config::{Config, Track};
use super::data::{Lexicon, TrackLexicon};
use super::model::Model;
use crate::Result;
use crate::error::fail;
use crate::vectors::{Table, read_text};
use libmtl::scorer::SentenceVectors;
use std::collections::HashMap;
use tch::Tensor;

/// The vectors that a track's sentences are given, each sentence once.
#[derive(Debug)]
pub struct Given {
    table: SentenceVectors,
    sentences: Vec<Vec<f32>>,
    index: HashMap<String, u32>,
}

impl Given {
    /// The table of `track`, where the experiment gives one and reads words.
    pub fn open(config: &Config, track: &Track) -> Result<Option<Self>> {
        let path = track.sentence_vectors.as_ref().filter(|_| config.reads_words());
        let open = |path: &String| -> Result<Self> {
            let table = SentenceVectors::open(&config.resolve(path)?)?;
            Ok(Self { table, sentences: Vec::new(), index: HashMap::new() })
        };
        path.map(open).transpose()
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.table.width()
    }

    /// The number of the sentence of `words`; fails where the table lacks it.
    pub fn number(&mut self, words: &[String]) -> Result<u32> {
        let name = words.join(" ").to_lowercase();
        if let Some(&number) = self.index.get(&name) {
            return Ok(number);
        }
        let number = self.sentences.len() as u32;
        self.sentences.push(self.table.get(words)?);
        self.index.insert(name, number);
        Ok(number)
    }

    /// `[words, width]` of a sentence.
    pub fn sentence(&self, number: u32) -> &[f32] {
        &self.sentences[number as usize]
    }
}

/// Copies the vectors of the words that each track's file has into its table; the others stay as they are. Of forms that
/// differ in case alone the first one counts, which in most files is the most frequent.
pub fn initialise(model: &mut Model, config: &Config, lexicon: &Lexicon) -> Result<()> {
    for (track, own) in config.tracks.iter().zip(&lexicon.tracks).filter(|_| config.reads_words()) {
        if let Some(path) = &track.vectors {
            let file = config.resolve(path)?;
            let vectors = read_text(&file)?;
            copy(model, config, track, own, &vectors).map_err(|e| e.at(file.display()))?;
        }
    }
    Ok(())
}

fn copy(model: &mut Model, config: &Config, track: &Track, lexicon: &TrackLexicon, vectors: &Table) -> Result<()> {
    let width = config.model.word_width.unwrap_or(config.model.embedding);
    if vectors.dim != width {
        return Err(fail(format!("vectors of width {}, where the table has {width}", vectors.dim))
            .remedy(format!("set [model] word_width = {}", vectors.dim)));
    }
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, word) in vectors.words.iter().enumerate() {
        first.entry(word.to_lowercase()).or_insert(index);
    }
    let known: Vec<(i64, usize)> =
        lexicon.words.iter().filter_map(|(word, &row)| Some((i64::from(row), *first.get(word)?))).collect();
    if known.is_empty() {
        return Err(fail(format!("none of the {} words of {}", lexicon.words.len(), track.name))
            .remedy("give the vectors of the language that is learnt"));
    }
    eprintln!("{}: {} of {} words have a vector", track.name, known.len(), lexicon.words.len());
    let rows: Vec<i64> = known.iter().map(|(row, _)| *row).collect();
    let values: Vec<f32> = known.iter().flat_map(|&(_, index)| vectors.row(index)).copied().collect();
    let values = Tensor::from_slice(&values).view([known.len() as i64, width as i64]);
    if let Some(table) = model.parameters.get_mut(&format!("track.{}.word.embedding", track.name)) {
        tch::no_grad(|| {
            let _ = table.index_copy_(0, &Tensor::from_slice(&rows), &values);
        });
    }
    Ok(())
}
