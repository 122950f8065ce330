//! D4, Plank et al. 2016: a(w) = floor(ln count(w)) of each word, or of the next one, from its states.
//!
//! Counts are of the training data. The loss is the sum over a sentence's words, the mean over sentences.

use super::{Classifier, Objective, Seen, Setup, cross_entropy, settings};
use crate::batch::Batch;
use crate::vocabulary::{count_words, counted_form};
use std::collections::BTreeMap;
use tch::Tensor;

/// The classifier of each language.
pub struct DataStatistics {
    heads: BTreeMap<String, Classifier>,
    /// By entry of the lexicon; none for a word that training does not have.
    of_entry: Vec<Option<u32>>,
    offset: usize,
    layer: usize,
}

impl DataStatistics {
    pub(super) fn new(settings: &settings::DataStatistics, setup: &mut Setup) -> Self {
        let (mut heads, mut tables) = (BTreeMap::new(), BTreeMap::new());
        for (language, tasks) in setup.languages() {
            let counts = count_words(setup.config, setup.data, &language);
            let table: BTreeMap<String, u32> = counts.into_iter().map(|(word, n)| (word, class(n))).collect();
            let classes = table.values().max().map_or(1, |&largest| largest as usize + 1);
            let sizes = [2 * setup.config.model.hidden, 0, classes];
            heads.insert(language.clone(), setup.classifier(&language, sizes, &tasks));
            tables.insert(language, table);
        }
        let met = setup.lexicon.met();
        let lowercase = setup.config.vocabulary.lowercase;
        let class_of =
            |(language, word): (&str, &str)| tables.get(language)?.get(&counted_form(lowercase, word)).copied();
        let of_entry = met.into_iter().map(class_of).collect();
        Self { heads, of_entry, offset: settings.offset, layer: setup.layer }
    }

    /// The cells that predict, and the classes of what they predict.
    pub fn targets(&self, batch: &Batch) -> (Vec<i64>, Vec<i64>) {
        let (mut cells, mut targets) = (Vec::new(), Vec::new());
        for (b, words) in batch.words.iter().enumerate() {
            for (t, &word) in words.iter().enumerate().skip(self.offset) {
                if let Some(class) = self.of_entry[word as usize] {
                    cells.push(batch.cell(b, t - self.offset) as i64);
                    targets.push(i64::from(class));
                }
            }
        }
        (cells, targets)
    }
}

/// The class of a word that occurs `count` times.
pub fn class(count: usize) -> u32 {
    (count.max(1) as f64).ln().floor() as u32
}

impl Objective for DataStatistics {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let (cells, targets) = self.targets(seen.batch);
        if cells.is_empty() {
            return None;
        }
        let states = seen.states.layer(self.layer).index_select(0, &Tensor::from_slice(&cells));
        let head = &self.heads[&seen.model.tasks[seen.task].language];
        Some(cross_entropy(&head.logits(seen.model, &states), &targets, None) / seen.batch.size() as f64)
    }
}
