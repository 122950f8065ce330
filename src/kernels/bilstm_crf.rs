//! BiLSTM, output layer and Viterbi in one pass, over feature rows of any encoder.
//!
//! Sentences run in [`tiles`](super::tiles). A sentence's path is the same bit for bit whatever stands beside it.

use super::crf::{Transitions, Viterbi};
use super::lstm::{Direction, Place};
use super::output::Output;
use super::tiles::{Buffers, Tiles};
use crate::Cancel;

/// A tagger above its features.
#[derive(Debug, Clone)]
pub struct BilstmCrf {
    directions: [Direction; 2],
    output: Output,
    viterbi: Viterbi,
}

impl BilstmCrf {
    /// Joins a forward and a backward direction, an output layer over `[fw ; bw]`, and a CRF over its labels.
    ///
    /// Panics where the sizes contradict each other.
    pub fn new(directions: [Direction; 2], output: Output, transitions: Transitions) -> Self {
        let [forward, backward] = &directions;
        assert_eq!((forward.inputs(), forward.hidden()), (backward.inputs(), backward.hidden()));
        assert_eq!(output.labels(), transitions.labels);
        Self { directions, output, viterbi: Viterbi::new(&transitions) }
    }

    /// Length of a feature row.
    pub fn inputs(&self) -> usize {
        self.directions[0].inputs()
    }

    /// The best path of each sentence and its score. `fill` writes the features of a token; `take` is given each
    /// sentence's number, emissions `[length, labels]`, path and score, in an order that is not the sentences'. Both can
    /// end the run with an error of their own; else the only one is that of `cancel`.
    pub fn decode<E: From<crate::Error>>(
        &self,
        lengths: &[usize],
        cancel: &Cancel,
        mut fill: impl FnMut(Place, &mut [f32]),
        mut take: impl FnMut(usize, &[f32], Vec<u16>, f32) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let outputs = [&self.output];
        let tiles = Tiles::new(&self.directions, &outputs, lengths.iter().copied(), 1, cancel);
        let mut buffers = Buffers::default();
        let mut decode = |_: usize, sentence: usize, emissions: &[f32]| {
            let (path, score) = self.viterbi.best(emissions, cancel)?;
            take(sentence, emissions, path, score)
        };
        (0..tiles.pieces()).try_for_each(|piece| tiles.run(piece, &mut buffers, &|_, _| None, &mut fill, &mut decode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::kernels::Kernel;
    use crate::kernels::crf::viterbi;
    use crate::kernels::dense::{self, Affine};
    use crate::kernels::lstm::Scratch;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn it_is_its_parts_and_a_sentence_alone_is_the_same() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect() };
        let (inputs, hidden, labels) = (7, 5, 4);
        let directions = [false, true].map(|reverse| {
            let (w, u, b) = (draw(4 * hidden * inputs), draw(4 * hidden * hidden), draw(8 * hidden));
            Direction::new(Kernel::best(), inputs, hidden, reverse, &w, &u, &b)
        });
        let (weights, bias) = (draw(labels * 2 * hidden), draw(labels));
        let output = Output::new(Kernel::best(), labels, hidden, Affine { weights: &weights, bias: &bias }, None);
        let transitions = Transitions { labels, start: draw(labels), end: draw(labels), pairs: draw(labels * labels) };
        let network = BilstmCrf::new(directions.clone(), output, transitions.clone());

        let lengths = [3, 0, 41, 1, 12, 12, 2, 9, 5, 17];
        let features: Vec<Vec<f32>> = lengths.iter().map(|length| draw(length * inputs)).collect();
        let decode = |chosen: &[usize]| {
            let lengths: Vec<usize> = chosen.iter().map(|&s| lengths[s]).collect();
            let mut found = vec![(Vec::new(), Vec::new(), 0.0); chosen.len()];
            let fill = |p: Place, row: &mut [f32]| {
                row.copy_from_slice(&features[chosen[p.sequence]][p.token * inputs..][..inputs]);
            };
            let take = |sentence: usize, emissions: &[f32], path, score| -> Result<()> {
                found[sentence] = (emissions.to_vec(), path, score);
                Ok(())
            };
            network.decode(&lengths, &Cancel::new(), fill, take).unwrap();
            found
        };
        let together = decode(&(0..lengths.len()).collect::<Vec<_>>());
        for (s, (emissions, path, score)) in together.iter().enumerate() {
            assert_eq!(decode(&[s])[0], together[s], "sentence {s} alone");
            let mut states = vec![vec![0.0f64; 2 * hidden]; lengths[s]];
            for (half, direction) in directions.iter().enumerate() {
                let fill = |p: Place, row: &mut [f32]| row.copy_from_slice(&features[s][p.token * inputs..][..inputs]);
                let emit = |places: &[Place], rows: &[f32]| {
                    for (place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                        for (k, &value) in row[..hidden].iter().enumerate() {
                            states[place.token][half * hidden + k] = f64::from(value);
                        }
                    }
                };
                direction.run(&[lengths[s]], &mut Scratch::default(), &Cancel::new(), fill, emit).unwrap();
            }
            for (state, row) in states.iter().zip(emissions.chunks_exact(labels)) {
                for (k, &found) in row.iter().enumerate() {
                    let terms = state.iter().zip(&weights[k * 2 * hidden..]);
                    let expected: f64 = f64::from(bias[k]) + terms.map(|(h, &w)| h * f64::from(w)).sum::<f64>();
                    let halves = state.chunks_exact(hidden).zip(weights[k * 2 * hidden..].chunks_exact(hidden));
                    let single = |half: &[f64]| half.iter().map(|&h| h as f32).collect::<Vec<f32>>();
                    let moved: f64 = halves.map(|(half, w)| dense::moved(w, &single(half), true)).sum();
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < 2e-5 + moved, "{found} instead of {expected}");
                }
            }
            let (best, highest) = viterbi(emissions, &transitions, &Cancel::new()).unwrap();
            assert_eq!((path, *score), (&best, highest));
        }
    }

    #[test]
    fn a_caller_can_end_it() {
        let ones = |n: usize| vec![1.0; n];
        let directions =
            [false, true].map(|reverse| Direction::new(Kernel::best(), 1, 1, reverse, &ones(4), &ones(4), &ones(8)));
        let output = Output::new(Kernel::best(), 1, 1, Affine { weights: &ones(2), bias: &ones(1) }, None);
        let network = BilstmCrf::new(directions, output, Transitions::zeros(1));
        let stop =
            |_: usize, _: &[f32], _: Vec<u16>, _: f32| Err(crate::Error::new(crate::ErrorKind::Argument, "enough"));
        let error = network.decode(&[2, 1], &Cancel::new(), |_, row| row.fill(0.0), stop).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Argument);
        let cancel = Cancel::new();
        cancel.cancel();
        let none = |_: usize, _: &[f32], _: Vec<u16>, _: f32| -> Result<()> { Ok(()) };
        assert!(network.decode(&[2], &cancel, |_, row| row.fill(0.0), none).is_err());
    }
}
