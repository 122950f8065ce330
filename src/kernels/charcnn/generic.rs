//! Responses of one width's filters, for any vector length.

use super::{Convolution, LANES, Word};
use pulp::{Simd, WithSimd};

/// Writes each filter's largest response over the windows of a word.
pub(super) struct Largest<'a> {
    pub convolution: &'a Convolution,
    pub word: Word<'a>,
    pub features: &'a mut [f32],
}

impl WithSimd for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { convolution, word, features } = self;
        for (lane, features) in features.chunks_mut(LANES).enumerate() {
            let mut best = [f32::NEG_INFINITY; LANES];
            for start in 0..=word.length - convolution.width {
                let sums = response(convolution, word, start, lane);
                best.iter_mut().zip(&sums).for_each(|(best, &sum)| *best = if sum > *best { sum } else { *best });
            }
            features.copy_from_slice(&best[..features.len()]);
        }
    }
}

/// Writes every filter's response, `[windows, filters padded]`, to the windows from `start` on.
pub(super) struct Each<'a> {
    pub convolution: &'a Convolution,
    pub word: Word<'a>,
    pub start: usize,
    pub rows: &'a mut [f32],
}

impl WithSimd for Each<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { convolution, word, start, rows } = self;
        for (window, row) in rows.chunks_exact_mut(convolution.bias.len()).enumerate() {
            for (lane, out) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                *out = response(convolution, word, start + window, lane);
            }
        }
    }
}

/// The responses of the `lane`-th group of filters to the window that begins at `start`.
#[inline(always)]
fn response(convolution: &Convolution, word: Word, start: usize, lane: usize) -> [f32; LANES] {
    let Convolution { width, terms, bias, .. } = convolution;
    let (terms, lanes) = (terms.as_chunks::<LANES>().0, bias.len() / LANES);
    let mut sums = bias.as_chunks::<LANES>().0[lane];
    for position in 0..*width {
        let character = word.chars.get(start + position).map_or(0, |&character| character as usize);
        assert!(character < word.table, "character {character} of {}", word.table);
        let term = &terms[(position * word.table + character) * lanes + lane];
        sums.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
    }
    sums
}
