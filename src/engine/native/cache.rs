//! What is computed of a word, kept for the words that come again.
//!
//! It depends on the word type alone: for a tagger the products of both directions of the LSTM with its vector and its
//! characters' features, for a scorer those features. A result is the same, bit for bit, with the cache and without. Memory is bounded; when the cache is full, the
//! word that came back the least makes room (the CLOCK algorithm, with a count instead of a bit).

use crate::engine::WordType;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that the cache of an engine takes at most unless its options say otherwise, as near as its own sizes tell.
const LIMIT: u64 = 2 << 20;

/// Longer words are not kept: they hardly come again.
const MAX_CHARS: usize = 32;

/// What a place takes beside its rows: the word, and its entries in both tables.
const OVERHEAD: usize = MAX_CHARS * size_of::<u32>() + 3 * size_of::<WordType>() + 2 * size_of::<Slot>();

/// The most that a word's returns are counted.
const MOST: u8 = 7;

/// What is kept of a word; for a tagger both directions' gates before the recurrent part, one after the other.
pub(crate) type Rows = Arc<[f32]>;

/// The rows of the words that came last and most, shared by all calls.
#[derive(Debug)]
pub(crate) struct WordCache {
    /// Words that it holds at most.
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Indices into `slots`.
    places: HashMap<Arc<WordType>, usize>,
    slots: Vec<Slot>,
    /// The next slot to consider for eviction.
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    word: Arc<WordType>,
    rows: Rows,
    /// How often it came back, less the passes of the hand since.
    returns: u8,
}

impl WordCache {
    /// A cache for rows of `width` floats, of as many bytes as the option `word_cache` says.
    pub fn new(width: usize, limit: Option<u64>) -> Self {
        let capacity = limit.unwrap_or(LIMIT) / (width * size_of::<f32>() + OVERHEAD) as u64;
        Self::with_capacity(usize::try_from(capacity).unwrap_or(usize::MAX))
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    /// Words that it holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The rows of each of `words` that it has.
    pub fn get(&self, words: &[WordType]) -> Vec<Option<Rows>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        words.iter().map(|word| kept.get(word)).collect()
    }

    /// Keeps `rows`, the words' own, as far as there is room for them.
    pub fn put<'a>(&self, rows: impl Iterator<Item = (&'a WordType, Rows)>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        rows.filter(|(word, _)| Self::keeps(word)).for_each(|(word, rows)| kept.put(word, rows, self.capacity));
    }

    /// Whether it would keep the rows of `word`.
    pub fn keeps(word: &WordType) -> bool {
        word.chars.len() <= MAX_CHARS
    }
}

impl Kept {
    fn get(&mut self, word: &WordType) -> Option<Rows> {
        let slot = &mut self.slots[*self.places.get(word)?];
        slot.returns = MOST.min(slot.returns + 1);
        Some(Arc::clone(&slot.rows))
    }

    fn put(&mut self, word: &WordType, rows: Rows, capacity: usize) {
        // Another call may have been first; its rows are the same.
        if capacity == 0 || self.places.contains_key(word) {
            return;
        }
        let word = Arc::new(word.clone());
        let slot = Slot { word: Arc::clone(&word), rows, returns: 0 };
        let place = if self.slots.len() < capacity {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.least();
            self.places.remove(&self.slots[place].word);
            self.slots[place] = slot;
            place
        };
        self.places.insert(word, place);
    }

    /// Moves the hand to a word that has not come back since it passed, and beyond.
    fn least(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.slots.len();
            match &mut self.slots[place].returns {
                0 => return place,
                returns => *returns -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(row: u32) -> WordType {
        WordType { row, chars: vec![row % 5 + 1] }
    }

    fn put(cache: &WordCache, rows: impl IntoIterator<Item = u32>) {
        let words: Vec<WordType> = rows.into_iter().map(word).collect();
        cache.put(words.iter().map(|word| (word, Rows::from([word.row as f32]))));
    }

    /// Which of `rows` it has, with the right value.
    fn has(cache: &WordCache, rows: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let words: Vec<WordType> = rows.into_iter().map(word).collect();
        let found = words.iter().zip(cache.get(&words)).filter_map(|(word, rows)| {
            assert_eq!(rows.as_deref()?, [word.row as f32]);
            Some(word.row)
        });
        found.collect()
    }

    #[test]
    fn words_that_came_back_outlive_those_that_did_not() {
        let cache = WordCache::with_capacity(4);
        put(&cache, 0..4);
        assert_eq!(has(&cache, [1, 3, 9]), [1, 3]);
        put(&cache, [4, 5]);
        assert_eq!(has(&cache, 0..6), [1, 3, 4, 5]);
        put(&cache, [4]);
        let kept = cache.kept.lock().unwrap();
        assert_eq!((kept.slots.len(), kept.places.len()), (4, 4));
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        for capacity in [0, 1, 3] {
            let cache = WordCache::with_capacity(capacity);
            for row in 0..50 {
                put(&cache, [row, row / 2]);
                let kept = cache.kept.lock().unwrap();
                assert!(kept.slots.len() <= capacity && kept.places.len() == kept.slots.len());
            }
            assert_eq!(has(&cache, 0..50).len(), capacity);
        }
    }

    #[test]
    fn the_bound_is_in_bytes_and_long_words_are_not_kept() {
        for width in [8, 1408, 1 << 30] {
            for limit in [None, Some(0), Some(100_000), Some(8 << 20)] {
                let cache = WordCache::new(width, limit);
                assert!((cache.capacity() * (width * 4 + MAX_CHARS * 4)) as u64 <= limit.unwrap_or(LIMIT));
            }
        }
        assert!(WordCache::new(1408, Some(8 << 20)).capacity() > 3 * WordCache::new(1408, None).capacity());
        let long = WordType { row: 1, chars: vec![1; MAX_CHARS + 1] };
        let cache = WordCache::with_capacity(2);
        cache.put([(&long, Rows::from([1.0]))].into_iter());
        assert_eq!(cache.get(&[long]), [None]);
    }
}
