//! Convolutions over a word's characters, ReLU, max over time; or two convolutions on top of each other (Hu 2020).
//!
//! A filter's response to a window is a sum over its positions of one term per (position, character). The terms are
//! computed once for every character, so that a window costs `width` additions per filter instead of
//! `width * char_dim` multiplications. Characters are walked once, in constant memory.

mod generic;

use super::Kernel;
use super::activation::relu;
use super::dense::{Affine, Dense, Matrix};
use crate::{Cancel, Error, ErrorKind, Result};

/// Filters are padded to a multiple of this.
const LANES: usize = 8;

/// Windows of a second convolution that are computed together.
const BLOCK: usize = 32;

/// Entries that the tables of all widths may have together: 256 MiB.
const LIMIT: usize = 1 << 26;

/// The convolutions of all widths.
#[derive(Debug, Clone)]
pub struct CharCnn {
    kernel: Kernel,
    filters: usize,
    chars: usize,
    convolutions: Vec<Convolution>,
    /// Words are padded with character 0 to this length: what the widest convolutions need.
    least: usize,
}

/// The filters of one width.
#[derive(Debug, Clone)]
struct Convolution {
    width: usize,
    /// `[position, character, filters padded]`: what a character adds at a position of the window.
    terms: Vec<f32>,
    /// `[filters padded]`.
    bias: Vec<f32>,
    /// Over as many rows of `[filters padded]` responses.
    second: Option<Dense>,
}

/// Filters of one width as a bundle holds them.
#[derive(Debug, Clone, Copy)]
pub struct Filters<'a> {
    /// Characters in a window; at least 1.
    pub width: usize,
    /// `[filters, char_dim, width]`.
    pub weights: &'a [f32],
    /// `[filters]`.
    pub bias: &'a [f32],
    /// A second convolution of the same width over the responses, `[filters, filters, width]` and `[filters]`.
    pub second: Option<Affine<'a>>,
}

impl Filters<'_> {
    /// Characters that a response depends on.
    fn span(&self) -> usize {
        if self.second.is_some() { 2 * self.width - 1 } else { self.width }
    }
}

impl CharCnn {
    /// Tabulates for `kernel` the terms of `embedding` `[chars, char_dim]` under each of `widths`.
    ///
    /// Panics where a slice has another length or a width is 0.
    pub fn new(kernel: Kernel, embedding: &[f32], char_dim: usize, filters: usize, widths: &[Filters]) -> Result<Self> {
        let chars = embedding.len().checked_div(char_dim).unwrap_or(0);
        let padded = filters.next_multiple_of(LANES);
        let positions = widths.iter().map(|filters| filters.width).fold(0, usize::saturating_add);
        if positions.saturating_mul(chars).saturating_mul(padded) > LIMIT {
            let message = format!(
                "{chars} characters, {filters} filters and {positions} filter positions need a table over 256 MiB"
            );
            let remedy = "use fewer characters or filters, or the ONNX Runtime engine";
            return Err(Error::new(ErrorKind::Limit, message).remedy(remedy));
        }
        let convolutions = widths.iter().map(|w| Convolution::new(kernel, w, embedding, char_dim, filters)).collect();
        let least = widths.iter().map(Filters::span).max().unwrap_or(0);
        Ok(Self { kernel, filters, chars, convolutions, least })
    }

    /// Features of a word: filters times widths.
    pub fn width(&self) -> usize {
        self.filters * self.convolutions.len()
    }

    /// Number of characters in the table.
    pub fn chars(&self) -> usize {
        self.chars
    }

    /// Writes the features of the word spelt `chars`, in the order of the widths. The only error is that of `cancel`.
    ///
    /// Panics where a character is not below [`CharCnn::chars`].
    pub fn apply(&self, chars: &[u32], features: &mut [f32], cancel: &Cancel) -> Result<()> {
        cancel.check()?;
        let length = self.least.max(chars.len());
        for (convolution, features) in self.convolutions.iter().zip(features.chunks_exact_mut(self.filters.max(1))) {
            let word = Word { table: self.chars, length, chars };
            match &convolution.second {
                None => self.kernel.dispatch(generic::Largest { convolution, word, features: &mut *features }),
                Some(second) => convolution.apply_second(second, word, features, cancel)?,
            }
            features.iter_mut().for_each(|value| *value = relu(*value));
        }
        Ok(())
    }
}

/// A word to convolve.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    /// Number of characters in the table.
    table: usize,
    /// The word's length, padding included.
    length: usize,
    chars: &'a [u32],
}

impl Convolution {
    fn new(kernel: Kernel, given: &Filters, embedding: &[f32], char_dim: usize, filters: usize) -> Self {
        let width = given.width;
        assert!(width > 0 && given.weights.len() == filters * char_dim * width && given.bias.len() == filters);
        let padded = filters.next_multiple_of(LANES);
        let characters = embedding.len().checked_div(char_dim).unwrap_or(0);
        let mut terms = Vec::with_capacity(characters * width * padded);
        for position in 0..width {
            let matrix = Matrix::new(kernel, padded, char_dim, |filter| {
                move |dimension| {
                    given.weights.get((filter * char_dim + dimension) * width + position).copied().unwrap_or(0.0)
                }
            });
            let mut rows = vec![0.0; characters * matrix.width()];
            matrix.multiply_add(embedding, char_dim, &mut rows);
            rows.chunks_exact(matrix.width()).for_each(|row| terms.extend_from_slice(&row[..padded]));
        }
        let bias = (0..padded).map(|filter| given.bias.get(filter).copied().unwrap_or(0.0)).collect();
        let second = given.second.map(|Affine { weights, bias }| {
            assert!(weights.len() == filters * filters * width && bias.len() == filters);
            // An input of the window is (position, filter padded).
            let of = |output: usize| {
                move |input: usize| match input % padded {
                    filter if filter < filters => weights[(output * filters + filter) * width + input / padded],
                    _ => 0.0,
                }
            };
            Dense::new(kernel, filters, width * padded, of, |output| bias[output])
        });
        Self { width, terms, bias, second }
    }

    /// Writes the largest response of each filter of the second convolution, block by block.
    fn apply_second(&self, second: &Dense, word: Word, features: &mut [f32], cancel: &Cancel) -> Result<()> {
        let padded = self.bias.len();
        let windows = word.length - 2 * (self.width - 1);
        let mut rows = vec![0.0; (windows.min(BLOCK) + self.width - 1) * padded];
        let mut outputs = vec![0.0; windows.min(BLOCK) * second.width()];
        features.fill(f32::NEG_INFINITY);
        for start in (0..windows).step_by(BLOCK) {
            cancel.check()?;
            let count = (windows - start).min(BLOCK);
            let rows = &mut rows[..(count + self.width - 1) * padded];
            second.kernel().dispatch(generic::Each { convolution: self, word, start, rows: &mut *rows });
            rows.iter_mut().for_each(|value| *value = relu(*value));
            let outputs = &mut outputs[..count * second.width()];
            second.apply(rows, padded, outputs);
            for row in outputs.chunks_exact(second.width()) {
                let largest = |(best, &value): (&mut f32, &f32)| *best = if value > *best { value } else { *best };
                features.iter_mut().zip(row).for_each(largest);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::on_each_kernel;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const WIDTHS: [usize; 3] = [2, 3, 4];

    #[test]
    fn features_are_right_and_padding_stops_at_the_largest_width() {
        on_each_kernel(|| {
            let widths = WIDTHS.map(|width| (width, false));
            check(&mut ChaCha8Rng::seed_from_u64(5), [9, 5, 11], &widths, &[0, 1, 2, 3, 4, 5, 30], &[1.0]);
        });
    }

    /// Words that end in a block, fill it, and go beyond.
    #[test]
    fn two_convolutions_are_right() {
        on_each_kernel(|| {
            let lengths = [0, 1, 4, 5, 6, BLOCK + 4, BLOCK + 5, 3 * BLOCK];
            check(&mut ChaCha8Rng::seed_from_u64(6), [9, 4, 10], &[(3, true), (2, false)], &lengths, &[1.0]);
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there; fixed shapes have every access")]
    fn features_are_right_for_random_shapes_and_extreme_characters() {
        let seed = crate::kernels::simd::test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for case in 0..10 {
                // Every other network has a second convolution over some of its widths.
                let sizes = [rng.random_range(2..=60), rng.random_range(1..=40), rng.random_range(1..=60)];
                let mut width = || (rng.random_range(1..=6), case % 2 == 1 && rng.random());
                let mut widths: Vec<(usize, bool)> = (0..4).map(|_| width()).collect();
                widths.truncate(rng.random_range(1..=4));
                let lengths: Vec<usize> = (0..3).map(|_| rng.random_range(0..=60)).collect();
                println!("{sizes:?} characters, dimensions, filters; widths, second {widths:?}; lengths {lengths:?}");
                check(&mut rng, sizes, &widths, &lengths, &[1.0, 1e-40, 1e4]);
            }
        });
    }

    /// A sum in double precision, and the sum of its terms' sizes, which is what rounding grows with.
    type Sum = (f64, f64);

    /// The rectified responses, `[windows, filters]`, to each window of `rows`.
    fn convolve(rows: &[Vec<Sum>], width: usize, weights: &[f32], bias: &[f32]) -> Vec<Vec<Sum>> {
        let response = |window: &[Vec<Sum>], f: usize| {
            let mut sum = (f64::from(bias[f]), f64::from(bias[f].abs()));
            for (position, row) in window.iter().enumerate() {
                for (d, (value, size)) in row.iter().enumerate() {
                    let weight = f64::from(weights[(f * row.len() + d) * width + position]);
                    sum = (sum.0 + weight * value, sum.1 + weight.abs() * size);
                }
            }
            (sum.0.max(0.0), sum.1)
        };
        rows.windows(width).map(|window| (0..bias.len()).map(|f| response(window, f)).collect()).collect()
    }

    /// Compares words of these lengths with sums in double precision, where character 0 is padding. Characters are of
    /// these scales in turn; a width says whether there is a second convolution of it.
    fn check(
        rng: &mut ChaCha8Rng,
        [chars, dim, filters]: [usize; 3],
        widths: &[(usize, bool)],
        lengths: &[usize],
        scales: &[f32],
    ) {
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() - 0.5).collect() };
        let mut embedding = draw(chars * dim);
        embedding[..dim].fill(0.0);
        embedding.iter_mut().enumerate().for_each(|(i, value)| *value *= scales[i / dim % scales.len()]);
        let weights: Vec<_> = (widths.iter())
            .map(|(width, _)| [filters * dim * width, filters, filters * filters * width, filters].map(&mut draw))
            .collect();
        let given: Vec<Filters> = (widths.iter().zip(&weights))
            .map(|(&(width, second), [weights, bias, above, bias_above])| {
                let second = second.then_some(Affine { weights: above, bias: bias_above });
                Filters { width, weights, bias, second }
            })
            .collect();
        let cnn = CharCnn::new(Kernel::best(), &embedding, dim, filters, &given).unwrap();
        assert_eq!(cnn.width(), filters * widths.len());
        let least = given.iter().map(Filters::span).max().unwrap();
        for &length in lengths {
            let word: Vec<u32> = (0..length).map(|i| 1 + ((i * i + 3) % (chars - 1)) as u32).collect();
            let mut features = vec![0.0; cnn.width()];
            cnn.apply(&word, &mut features, &Cancel::new()).unwrap();
            let row = |position: usize| {
                let character = word.get(position).map_or(0, |&c| c as usize);
                embedding[character * dim..][..dim].iter().map(|&x| (f64::from(x), f64::from(x.abs()))).collect()
            };
            let rows: Vec<Vec<Sum>> = (0..length.max(least)).map(row).collect();
            for (given, features) in given.iter().zip(features.chunks_exact(filters)) {
                let first = convolve(&rows, given.width, given.weights, given.bias);
                let last = match given.second {
                    None => first,
                    Some(second) => convolve(&first, given.width, second.weights, second.bias),
                };
                for (f, &feature) in features.iter().enumerate() {
                    let larger = |a: Sum, b: &Vec<Sum>| (a.0.max(b[f].0), a.1.max(b[f].1));
                    let (expected, size) = last.iter().fold((0.0, 0.0), larger);
                    let error = (f64::from(feature) - expected).abs();
                    assert!(error <= 2e-6 * (1.0 + size), "{length}: {feature} instead of {expected}");
                }
            }
        }
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(cnn.apply(&[1], &mut vec![0.0; cnn.width()], &cancel).is_err());
    }

    #[test]
    fn tables_beyond_the_limit_are_refused() {
        let (weights, bias) = (vec![0.0; 4096], vec![0.0; 4096]);
        let given = Filters { width: 1, weights: &weights, bias: &bias, second: None };
        let error = CharCnn::new(Kernel::best(), &vec![0.0; 20_000], 1, 4096, &[given]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
