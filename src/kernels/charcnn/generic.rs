//! Responses of one width's filters, for any vector length.

use super::{Convolution, LANES};
use pulp::{Simd, WithSimd};

/// Writes each filter's largest response over the windows of a word.
pub(super) struct Responses<'a> {
    pub convolution: &'a Convolution,
    /// Number of characters in the table.
    pub table: usize,
    /// The word's length, padding included.
    pub length: usize,
    pub chars: &'a [u32],
    pub features: &'a mut [f32],
}

impl WithSimd for Responses<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { convolution, table, length, chars, features } = self;
        let Convolution { width, terms, bias } = convolution;
        let (terms, bias) = (terms.as_chunks::<LANES>().0, bias.as_chunks::<LANES>().0);
        for (lane, (bias, features)) in bias.iter().zip(features.chunks_mut(LANES)).enumerate() {
            let mut best = [f32::NEG_INFINITY; LANES];
            for start in 0..=length - width {
                let mut sums = *bias;
                for position in 0..*width {
                    let character = chars.get(start + position).map_or(0, |&character| character as usize);
                    assert!(character < table, "character {character} of {table}");
                    let term = &terms[(position * table + character) * (terms.len() / (width * table)) + lane];
                    sums.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
                }
                best.iter_mut().zip(&sums).for_each(|(best, &sum)| *best = if sum > *best { sum } else { *best });
            }
            features.copy_from_slice(&best[..features.len()]);
        }
    }
}
