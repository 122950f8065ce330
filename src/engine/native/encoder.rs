//! From a word to the network's input: its vector, and the features of its characters.

use super::network::read;
use super::schedule::in_parallel;
use crate::bundle::manifest::Activation;
use crate::bundle::{Bundle, Bytes};
use crate::engine::{Batch, Pool, WordType};
use crate::kernels::Kernel;
use crate::kernels::activation::Function;
use crate::kernels::charcnn::{CharCnn, Filters};
use crate::kernels::dense::Affine;
use crate::kernels::highway::Highway;
use crate::{Cancel, Result};
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Words that a thread encodes at a time.
const BLOCK: usize = 64;

/// Word table, character convolutions, highway.
#[derive(Debug)]
pub(super) struct Encoder {
    words: WordTable,
    convolutions: CharCnn,
    highway: Vec<Highway>,
}

/// The word vectors, where they lie in the bundle.
#[derive(Debug)]
struct WordTable {
    bytes: Bytes,
    range: Range<usize>,
    dim: usize,
}

/// `[words, features]` of a batch's distinct words.
pub(super) struct Features(Vec<f32>);

impl Encoder {
    pub fn open(bundle: &Bundle, kernel: Kernel) -> Result<Self> {
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
        Ok(Self { words: WordTable::open(bundle)?, convolutions, highway })
    }

    /// Computes the character features of each distinct word. The only error is that of `cancel`.
    pub fn encode(&self, batch: &Batch, pool: &Pool, threads: usize, cancel: &Cancel) -> Result<Features> {
        let width = self.convolutions.width();
        let mut features = vec![0.0; batch.words.len() * width];
        {
            let blocks = batch.words.chunks(BLOCK).zip(features.chunks_mut((BLOCK * width).max(1)));
            let blocks: Vec<_> = blocks.map(Mutex::new).collect();
            in_parallel(pool, threads, blocks.len(), Vec::new, |block, scratch| {
                let mut block = blocks[block].lock().unwrap_or_else(PoisonError::into_inner);
                let (words, features) = &mut *block;
                self.encode_block(words, features, scratch, cancel)
            })?;
        }
        Ok(Features(features))
    }

    fn encode_block(
        &self,
        words: &[WordType],
        features: &mut [f32],
        scratch: &mut Vec<f32>,
        cancel: &Cancel,
    ) -> Result<()> {
        for (word, features) in words.iter().zip(features.chunks_exact_mut(self.convolutions.width())) {
            self.convolutions.apply(&word.chars, features, cancel)?;
        }
        for layer in &self.highway {
            cancel.check()?;
            layer.apply(features, scratch);
        }
        Ok(())
    }

    /// Writes the input row of a word of the batch.
    pub fn fill(&self, batch: &Batch, features: &Features, word: usize, row: &mut [f32]) {
        let (vector, rest) = row.split_at_mut(self.words.dim);
        self.words.row(batch.words[word].row as usize).convert_to_f32_slice(vector);
        rest.copy_from_slice(&features.0[word * rest.len()..][..rest.len()]);
    }
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
