//! From a word to the network's input: its vector, and the features of its characters.

use super::cache::{Rows, WordCache};
use super::network::read;
use super::schedule::in_parallel;
use crate::bundle::manifest::Activation;
use crate::bundle::{Bundle, Bytes};
use crate::engine::{Batch, Pool};
use crate::kernels::Kernel;
use crate::kernels::activation::Function;
use crate::kernels::charcnn::{CharCnn, Filters};
use crate::kernels::dense::Affine;
use crate::kernels::highway::Highway;
use crate::kernels::lstm::Direction;
use crate::{Cancel, Result};
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Words that a thread encodes at a time.
const BLOCK: usize = 64;

/// Word table, character convolutions, highway.
#[derive(Debug)]
pub(in crate::engine) struct Encoder {
    words: WordTable,
    convolutions: CharCnn,
    highway: Vec<Highway>,
    cache: WordCache,
}

/// The word vectors, where they lie in the bundle.
#[derive(Debug)]
struct WordTable {
    bytes: Bytes,
    range: Range<usize>,
    dim: usize,
}

/// A batch's distinct words, each ready for the LSTM or at least for its projection.
pub(in crate::engine) struct Words {
    /// The rows that are kept: projected for both directions, or, where there are none, the LSTM's input.
    projected: Vec<Option<Rows>>,
    /// The rows in `features` of those that were not.
    places: Vec<usize>,
    /// `[words that were not projected, features]`.
    features: Vec<f32>,
}

impl Encoder {
    /// Unpacks the weights; the cache is for words.
    pub fn open(bundle: &Bundle, kernel: Kernel, cache: WordCache) -> Result<Self> {
        let sizes = &bundle.manifest().architecture;
        let mut parts = Vec::new();
        for &width in &sizes.char_widths {
            let part = |part: &str| read(bundle, &format!("char.conv.{width}.{part}"));
            parts.push((width, part("weight")?, part("bias")?));
        }
        let filters: Vec<Filters> =
            parts.iter().map(|(width, weights, bias)| Filters { width: *width, weights, bias, second: None }).collect();
        let embedding = read(bundle, "char.embedding")?;
        let convolutions = CharCnn::new(kernel, &embedding, sizes.char_dim, sizes.char_filters, &filters)?;
        let function = match sizes.highway_activation {
            Activation::Relu => Function::Relu,
            Activation::Selu => Function::Selu,
        };
        let highway = (0..sizes.highway_layers)
            .map(|layer| {
                let part = |part: &str| read(bundle, &format!("highway.{layer}.{part}"));
                let (w, b, v, a) =
                    (part("transform.weight")?, part("transform.bias")?, part("gate.weight")?, part("gate.bias")?);
                let [transform, gate] = [(&w, &b), (&v, &a)].map(|(weights, bias)| Affine { weights, bias });
                Ok(Highway::new(kernel, convolutions.width(), transform, gate, function))
            })
            .collect::<Result<_>>()?;
        Ok(Self { words: WordTable::open(bundle)?, convolutions, highway, cache })
    }

    /// Prepares each distinct word for `directions`: from the cache, or projected for it, or its character features. Without
    /// directions, what is kept is the LSTM's input. Calls of one encoder all have the same directions.
    /// The only error is that of `cancel`; a call that ends with it leaves the cache as it was.
    pub fn encode(
        &self,
        batch: &Batch,
        directions: &[Direction],
        pool: &Pool,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Words> {
        let projected = self.cache.get(&batch.words);
        let mut missing: Vec<usize> = (0..projected.len()).filter(|&word| projected[word].is_none()).collect();
        // What comes most is projected once, as many words as the cache may take; the others where they stand.
        let mut counts = vec![0usize; batch.words.len()];
        batch.sentences.iter().flatten().for_each(|&word| counts[word as usize] += 1);
        missing.sort_by_key(|&word| (!WordCache::keeps(&batch.words[word]), Reverse(counts[word])));
        let kept = missing.partition_point(|&word| WordCache::keeps(&batch.words[word])).min(self.cache.capacity());
        let (frequent, rare) = missing.split_at(kept);
        let width = self.convolutions.width();
        let mut words =
            Words { projected, places: vec![0; batch.words.len()], features: vec![0.0; rare.len() * width] };
        rare.iter().enumerate().for_each(|(place, &word)| words.places[word] = place);

        let mut rows = vec![None; frequent.len()];
        let task = Encoding { encoder: self, batch, directions, cancel };
        in_blocks(pool, threads, frequent, &mut rows, 1, |words, rows, scratch| task.project(words, rows, scratch))?;
        in_blocks(pool, threads, rare, &mut words.features, width, |words, features, scratch| {
            task.features(words, features, &mut scratch.highway)
        })?;
        self.cache
            .put(frequent.iter().zip(&rows).filter_map(|(&word, rows)| Some((&batch.words[word], rows.clone()?))));
        frequent.iter().zip(rows).for_each(|(&word, rows)| words.projected[word] = rows);
        Ok(words)
    }

    /// Length of the LSTM's input.
    #[cfg(feature = "cuda")]
    pub fn width(&self) -> usize {
        self.words.dim + self.convolutions.width()
    }

    /// Writes the input row of a word of the batch that was not projected.
    pub fn fill(&self, batch: &Batch, words: &Words, word: usize, row: &mut [f32]) {
        let (vector, rest) = row.split_at_mut(self.words.dim);
        self.words.row(batch.words[word].row as usize).convert_to_f32_slice(vector);
        rest.copy_from_slice(&words.features[words.places[word] * rest.len()..][..rest.len()]);
    }
}

impl Words {
    /// The row of a word that is kept.
    #[cfg(feature = "cuda")]
    pub fn kept(&self, word: usize) -> Option<&[f32]> {
        self.projected[word].as_deref()
    }

    /// What a direction of the LSTM reads of a word, where it was projected.
    pub fn projected(&self, word: usize, backward: bool) -> Option<&[f32]> {
        let rows = self.projected[word].as_deref()?;
        let (forward, reverse) = rows.split_at(rows.len() / 2);
        Some(if backward { reverse } else { forward })
    }
}

/// What every block of an encoding reads.
struct Encoding<'a> {
    encoder: &'a Encoder,
    batch: &'a Batch,
    directions: &'a [Direction],
    cancel: &'a Cancel,
}

/// What a thread works in.
#[derive(Default)]
struct Buffers {
    highway: Vec<f32>,
    features: Vec<f32>,
    inputs: Vec<f32>,
    gates: [Vec<f32>; 2],
}

impl Encoding<'_> {
    /// Writes the character features of `words`, `[words, features]`.
    fn features(&self, words: &[usize], features: &mut [f32], scratch: &mut Vec<f32>) -> Result<()> {
        let Encoder { convolutions, highway, .. } = self.encoder;
        for (&word, features) in words.iter().zip(features.chunks_exact_mut(convolutions.width())) {
            convolutions.apply(&self.batch.words[word].chars, features, self.cancel)?;
        }
        for layer in highway {
            self.cancel.check()?;
            layer.apply(features, scratch);
        }
        Ok(())
    }

    /// Projects `words` for both directions.
    fn project(&self, words: &[usize], rows: &mut [Option<Rows>], scratch: &mut Buffers) -> Result<()> {
        let Buffers { highway, features, inputs, gates } = scratch;
        let (dim, width) = (self.encoder.words.dim, self.encoder.convolutions.width());
        features.resize(words.len() * width, 0.0);
        self.features(words, features, highway)?;
        inputs.resize(words.len() * (dim + width), 0.0);
        for (index, row) in inputs.chunks_exact_mut(dim + width).enumerate() {
            let (vector, rest) = row.split_at_mut(dim);
            self.encoder.words.row(self.batch.words[words[index]].row as usize).convert_to_f32_slice(vector);
            rest.copy_from_slice(&features[index * width..][..width]);
        }
        if self.directions.is_empty() {
            let inputs = inputs.chunks_exact(dim + width);
            rows.iter_mut().zip(inputs).for_each(|(row, inputs)| *row = Some(inputs.into()));
            return Ok(());
        }
        for (direction, gates) in self.directions.iter().zip(&mut *gates) {
            self.cancel.check()?;
            gates.resize(words.len() * direction.gates(), 0.0);
            direction.project(inputs, gates);
        }
        let [forward, backward] = gates.each_ref().map(|gates| gates.chunks_exact(self.directions[0].gates()));
        for ((rows, forward), backward) in rows.iter_mut().zip(forward).zip(backward) {
            *rows = Some([forward, backward].concat().into());
        }
        Ok(())
    }
}

/// Calls `work` on blocks of `words` with their part of `results`, `width` elements a word.
fn in_blocks<T: Send>(
    pool: &Pool,
    threads: usize,
    words: &[usize],
    results: &mut [T],
    width: usize,
    work: impl Fn(&[usize], &mut [T], &mut Buffers) -> Result<()> + Sync,
) -> Result<()> {
    let blocks: Vec<_> = words.chunks(BLOCK).zip(results.chunks_mut((BLOCK * width).max(1))).map(Mutex::new).collect();
    in_parallel(pool, threads, blocks.len(), Buffers::default, |block, scratch| {
        let mut block = blocks[block].lock().unwrap_or_else(PoisonError::into_inner);
        let (words, results) = &mut *block;
        work(words, results, scratch)
    })
}

impl WordTable {
    fn open(bundle: &Bundle) -> Result<Self> {
        let bytes = bundle.weights();
        let table: &[u8] = bytemuck::cast_slice(bundle.tensor("word.embedding")?.data);
        let start = table.as_ptr() as usize - bytes.as_ptr() as usize;
        Ok(Self { range: start..start + table.len(), bytes, dim: bundle.manifest().architecture.word_dim })
    }

    fn row(&self, row: usize) -> &[f16] {
        &bytemuck::cast_slice(&self.bytes[self.range.clone()])[row * self.dim..][..self.dim]
    }
}
