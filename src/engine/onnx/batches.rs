//! Sentences become padded sub-batches of bounded memory.

use crate::engine::Batch;
use crate::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// How much memory a sub-batch may take, as [`Costs`] estimate it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sentences are put together up to this many bytes.
    pub group: u64,
    /// A sentence that needs more than this on its own is refused.
    pub sentence: u64,
    /// The most sentences together.
    pub sentences: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { group: 64 << 20, sentence: 2 << 30, sentences: 64 }
    }
}

/// The inputs of the graph for some sentences.
#[derive(Debug)]
pub struct Padded {
    /// The batch's words that occur.
    pub words: Vec<u32>,
    /// `[words]`.
    pub word_rows: Vec<i64>,
    /// `[words, width]`.
    pub chars: Vec<i64>,
    /// `[words]`.
    pub char_lengths: Vec<i64>,
    /// `[time, batch]`.
    pub tokens: Vec<i64>,
    /// `[batch]`.
    pub lengths: Vec<i32>,
    /// Characters of the longest word.
    pub width: usize,
    /// Tokens of the longest sentence.
    pub time: usize,
}

/// Bytes that ONNX Runtime holds at once for a sub-batch: an upper estimate.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// For each character of each distinct word, padding included.
    pub character: u64,
    /// For each distinct word.
    pub word: u64,
    /// For each token of each sentence, padding included.
    pub token: u64,
    /// Characters that every word is padded to, so that each convolution has a place.
    pub widest: usize,
}

/// The size of a sub-batch.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    words: usize,
    width: usize,
    time: usize,
    batch: usize,
}

impl Costs {
    fn bytes(&self, size: Size) -> u64 {
        let [words, width, time, batch] = [size.words, size.width, size.time, size.batch].map(|n| n as u64);
        let parts = [
            (words.saturating_mul(width), self.character),
            (words, self.word),
            (time.saturating_mul(batch), self.token),
        ];
        parts.iter().fold(0u64, |sum, &(count, each)| sum.saturating_add(count.saturating_mul(each)))
    }
}

/// Groups sentences of one [`class`], shortest first, so that each group is within the limits and holds little padding;
/// an error names the `place` of its sentence.
pub fn split(
    costs: &Costs,
    limits: &Limits,
    batch: &Batch,
    place: impl Fn(usize) -> String,
) -> Result<Vec<Vec<usize>>> {
    let mut order: Vec<usize> = (0..batch.sentences.len()).collect();
    order.sort_by_key(|&sentence| (class(batch, sentence), batch.sentences[sentence].len()));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut size = Size::default();
    // The last group in which each word occurred, counted from 1.
    let mut seen = vec![0; batch.words.len()];
    for sentence in order {
        let extended = extend(costs, batch, sentence, size, |word| seen[word] == groups.len());
        let alike = groups.last().is_some_and(|group| class(batch, group[0]) == class(batch, sentence));
        let fits = alike && costs.bytes(extended) <= limits.group && extended.batch <= limits.sentences;
        if fits && let Some(group) = groups.last_mut() {
            group.push(sentence);
            size = extended;
        } else {
            size = extend(costs, batch, sentence, Size::default(), |_| false);
            let needed = costs.bytes(size);
            if needed > limits.sentence {
                return Err(too_large(size, needed, limits.sentence).at(place(sentence)));
            }
            groups.push(vec![sentence]);
        }
        batch.sentences[sentence].iter().for_each(|&word| seen[word as usize] = groups.len());
    }
    Ok(groups)
}

/// Characters of a sentence's longest word and its number of words, as powers of two from 16 and from 8 up. In a group
/// every word is padded to the longest, and every sentence.
fn class(batch: &Batch, sentence: usize) -> (usize, usize) {
    let words = &batch.sentences[sentence];
    let longest = words.iter().map(|&word| batch.words[word as usize].chars.len()).max().unwrap_or(0);
    (longest.max(16).next_power_of_two(), words.len().max(8).next_power_of_two())
}

/// The size of a group of `size` with one sentence more; `known` says whether the group has a word already.
fn extend(costs: &Costs, batch: &Batch, sentence: usize, size: Size, known: impl Fn(usize) -> bool) -> Size {
    let tokens = &batch.sentences[sentence];
    let mut new: Vec<u32> = tokens.iter().copied().filter(|&word| !known(word as usize)).collect();
    new.sort_unstable();
    new.dedup();
    let longest = new.iter().map(|&word| batch.words[word as usize].chars.len()).max().unwrap_or(0);
    Size {
        words: size.words + new.len(),
        width: size.width.max(longest).max(costs.widest),
        time: size.time.max(tokens.len()),
        batch: size.batch + 1,
    }
}

fn too_large(size: Size, needed: u64, limit: u64) -> Error {
    let message = format!(
        "a sentence of {} tokens whose longest word has {} characters needs about {} MiB; ONNX Runtime may use {} MiB",
        size.time,
        size.width,
        needed >> 20,
        limit >> 20
    );
    Error::new(ErrorKind::Limit, message).remedy("split it, or use the native engine, which needs less")
}

/// The inputs for the sentences of `group`, words being padded to `widest` characters at least.
pub fn pad(widest: usize, batch: &Batch, group: &[usize]) -> Padded {
    let time = group.iter().map(|&sentence| batch.sentences[sentence].len()).max().unwrap_or(0);
    let mut words: Vec<u32> = Vec::new();
    let mut places: HashMap<u32, i64> = HashMap::new();
    let mut tokens = vec![0; time * group.len()];
    let mut lengths = Vec::with_capacity(group.len());
    for (column, &sentence) in group.iter().enumerate() {
        for (step, &word) in batch.sentences[sentence].iter().enumerate() {
            let place = *places.entry(word).or_insert_with(|| {
                words.push(word);
                words.len() as i64 - 1
            });
            tokens[step * group.len() + column] = place;
        }
        lengths.push(batch.sentences[sentence].len() as i32);
    }
    let types: Vec<_> = words.iter().map(|&word| &batch.words[word as usize]).collect();
    let width = types.iter().map(|word| word.chars.len()).max().unwrap_or(0).max(widest);
    let mut chars = vec![0; types.len() * width];
    for (row, word) in chars.chunks_exact_mut(width).zip(&types) {
        row.iter_mut().zip(&word.chars).for_each(|(place, &char)| *place = i64::from(char));
    }
    Padded {
        word_rows: types.iter().map(|word| i64::from(word.row)).collect(),
        chars,
        char_lengths: types.iter().map(|word| word.chars.len().max(widest) as i64).collect(),
        words,
        tokens,
        lengths,
        width,
        time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::WordType;

    const COSTS: Costs = Costs { character: 120, word: 100, token: 600, widest: 3 };

    fn batch(lengths: &[usize]) -> Batch {
        let word = |i: usize| WordType { row: i as u32 % 7, chars: vec![2; 1 + i % 5] };
        let sentence = |&length: &usize| (0..length).map(|token| (token * 3 % 11) as u32).collect();
        Batch { words: (0..11).map(word).collect(), sentences: lengths.iter().map(sentence).collect() }
    }

    #[test]
    fn every_sentence_is_in_one_group_and_groups_keep_the_limits() {
        let batch = batch(&[3, 1, 400, 2, 2, 9, 1, 30, 31]);
        let limits = Limits { group: 40_000, sentence: 1 << 30, sentences: 3 };
        let groups = split(&COSTS, &limits, &batch, |i| format!("sentence {i}")).unwrap();
        let mut all: Vec<usize> = groups.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
        for group in &groups {
            let padded = pad(COSTS.widest, &batch, group);
            let (words, width, time) = (padded.word_rows.len(), padded.width, padded.time);
            let size = Size { words, width, time, batch: group.len() };
            assert!(group.len() == 1 || COSTS.bytes(size) <= limits.group && group.len() <= 3, "{group:?}");
        }
    }

    #[test]
    fn long_words_and_long_sentences_go_apart() {
        let mut batch = batch(&[3, 8, 9, 3, 40]);
        batch.words.push(WordType { row: 0, chars: vec![2; 60] });
        batch.sentences[3][0] = 11;
        let groups = split(&COSTS, &Limits::default(), &batch, |i| format!("sentence {i}")).unwrap();
        assert_eq!(groups, [vec![0, 1], vec![2], vec![4], vec![3]]);
    }

    #[test]
    fn a_sentence_beyond_the_limit_is_refused() {
        let limits = Limits { group: 1 << 10, sentence: 1 << 20, sentences: 8 };
        let mut batch = batch(&[2, 3]);
        batch.words[3].chars = vec![2; 1_000_000];
        let error = split(&COSTS, &limits, &batch, |i| format!("sentence {i}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("1000000 characters"), "{error}");
        assert_eq!(error.place(), "sentence 0");
    }

    #[test]
    fn padding_restores_to_the_sentences() {
        let batch = batch(&[3, 5]);
        let padded = pad(COSTS.widest, &batch, &[1, 0]);
        assert_eq!((padded.time, &padded.lengths[..]), (5, &[5, 3][..]));
        for (column, sentence) in [1, 0].into_iter().enumerate() {
            for (step, &word) in batch.sentences[sentence].iter().enumerate() {
                let place = padded.tokens[step * 2 + column] as usize;
                let word = &batch.words[word as usize];
                assert_eq!(padded.word_rows[place], i64::from(word.row));
                let row = &padded.chars[place * padded.width..][..padded.width];
                assert!(row.iter().enumerate().all(|(i, &char)| char == if i < word.chars.len() { 2 } else { 0 }));
                assert_eq!(padded.char_lengths[place], word.chars.len().max(3) as i64);
            }
        }
    }

    #[test]
    fn estimates_do_not_overflow() {
        let size = Size { words: usize::MAX, width: usize::MAX, time: usize::MAX, batch: usize::MAX };
        assert_eq!(COSTS.bytes(size), u64::MAX);
    }
}
