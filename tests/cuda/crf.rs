//! Emissions, best paths and marginals.

use crate::emulator::Emulated;
use crate::{address, address_mut, draw, offsets, random};
use half::f16;
use libmtl::Cancel;
use libmtl::kernels::Kernel;
use libmtl::kernels::crf::{Transitions, marginals, nbest, viterbi};
use libmtl::kernels::cuda::{Architecture, Crf, HeadWeights, Sizes};
use libmtl::kernels::dense::Affine;
use libmtl::kernels::output::Output;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Sums of some hundred terms below 1, in single precision and another order.
const EMISSION_TOLERANCE: f32 = 2e-5;

/// A token's part in the error of a score: two roundings of sums up to some hundred, in single precision.
const SCORE_TOLERANCE: f64 = 3e-5;

/// Relative errors of probabilities: logarithms of some hundred in single precision.
const PROBABILITY_TOLERANCE: f32 = 1e-4;

/// What the kernel gives.
#[derive(PartialEq)]
struct Found {
    emissions: Vec<f32>,
    path: Vec<u16>,
    marginals: Vec<f32>,
    log_beta: Vec<f32>,
    log_z: Vec<f32>,
}

/// An output layer and a CRF with random weights, packed for the kernel.
struct Model {
    sizes: Sizes,
    output: Output,
    transitions: Transitions,
    weights: HeadWeights,
    kernel: Emulated,
    scale: f32,
}

impl Model {
    /// Without a specific layer where `specific` is false; some transitions are forbidden where `rules` is true.
    fn random(rng: &mut ChaCha8Rng, hidden: usize, labels: usize, specific: bool, rules: bool) -> Self {
        let sizes = Sizes::new(1, hidden, labels, Architecture::HOPPER).unwrap();
        let layers: Vec<_> = (0..3).map(|_| (draw(rng, labels * 2 * hidden, 1.0), draw(rng, labels, 1.0))).collect();
        let layers: Vec<Affine> = layers.iter().map(|(weights, bias)| Affine { weights, bias }).collect();
        let [universal, own, gate] = layers[..] else { unreachable!() };
        let mut pairs = draw(rng, labels * labels, 3.0);
        let (mut start, mut end) = (draw(rng, labels, 3.0), draw(rng, labels, 3.0));
        if rules {
            for scores in [&mut pairs, &mut start, &mut end] {
                scores.iter_mut().filter(|_| rng.random::<f32>() < 0.3).for_each(|score| *score = f32::NEG_INFINITY);
            }
        }
        let transitions = Transitions { labels, start, end, pairs };
        let own = specific.then_some((own, gate));
        Self {
            sizes,
            output: Output::new(Kernel::generic(), labels, hidden, universal, own),
            weights: HeadWeights::new(&sizes, universal, own, &transitions),
            transitions,
            kernel: Emulated::new(sizes.crf()),
            scale: rng.random_range(0.5..2.0),
        }
    }

    /// Runs the kernel on states `[token, 2, hidden]`.
    fn run(&self, states: &[f32], lengths: &[usize], seed: u32) -> Found {
        let (hidden, units, labels) = (self.sizes.hidden, self.sizes.units(), self.sizes.labels);
        let offsets = offsets(lengths);
        let tokens = offsets[lengths.len()] as usize;
        let mut padded = vec![f16::ZERO; tokens * 2 * units];
        for (row, states) in padded.chunks_exact_mut(units).zip(states.chunks_exact(hidden)) {
            row.iter_mut().zip(states).for_each(|(half, &state)| *half = f16::from_f32(state));
        }
        let scores = || vec![f32::NAN; tokens * labels];
        let mut found = Found {
            emissions: scores(),
            path: vec![u16::MAX; tokens],
            marginals: scores(),
            log_beta: scores(),
            log_z: vec![f32::NAN; lengths.len()],
        };
        let mut pointers = vec![0u8; tokens * labels];
        let weights = &self.weights;
        let arguments = Crf {
            weights: address(&weights.output),
            bias: address(&weights.output_bias),
            states: address(&padded),
            offsets: address(&offsets),
            start: address(&weights.start),
            end: address(&weights.end),
            entering: address(&weights.entering),
            leaving: address(&weights.leaving),
            emissions: address_mut(&mut found.emissions),
            pointers: address_mut(&mut pointers),
            path: address_mut(&mut found.path),
            marginals: address_mut(&mut found.marginals),
            log_beta: address_mut(&mut found.log_beta),
            log_z: address_mut(&mut found.log_z),
            scale: self.scale,
        };
        self.kernel.run(lengths.len(), &arguments, seed);
        found
    }

    /// Compares what was found with the CPU's kernels.
    fn check(&self, states: &[f32], lengths: &[usize], found: &Found) {
        let (hidden, labels) = (self.sizes.hidden, self.sizes.labels);
        let rows = |half: usize| -> Vec<f32> {
            states.chunks_exact(2 * hidden).flat_map(|row| row[half * hidden..][..hidden].to_vec()).collect()
        };
        let sums = [0, 1].map(|half| {
            let (states, width) = (rows(half), self.output.width());
            let mut sums = vec![0.0; states.len() / hidden * width];
            self.output.sum(half == 1, &states, hidden, &mut sums);
            sums.chunks(width).flat_map(|row| row[..self.output.columns()].to_vec()).collect::<Vec<f32>>()
        });
        let mut expected = Vec::new();
        self.output.combine(&sums[0], &sums[1], &mut expected, &Cancel::new()).unwrap();
        for (a, b) in found.emissions.iter().zip(&expected) {
            assert!((a - b).abs() < EMISSION_TOLERANCE * (1.0 + b.abs()), "emission {a} instead of {b}");
        }
        let starts = offsets(lengths);
        for s in 0..lengths.len() {
            let (begin, end) = (starts[s] as usize, starts[s + 1] as usize);
            let scores = begin * labels..end * labels;
            let emissions = &found.emissions[scores.clone()];
            self.check_path(emissions, &found.path[begin..end]);
            let (unary, log_beta) = (&found.marginals[scores.clone()], &found.log_beta[scores]);
            self.check_marginals(emissions, unary, log_beta, found.log_z[s]);
        }
    }

    /// The path is the best one, or as good within the tolerance; where all are forbidden it breaks as few rules.
    fn check_path(&self, emissions: &[f32], path: &[u16]) {
        let (best, score) = viterbi(emissions, &self.transitions, &Cancel::new()).unwrap();
        let ((found, broken), (highest, fewest)) = (self.score(emissions, path), self.score(emissions, &best));
        assert_eq!(broken, fewest, "rules broken");
        if score == f32::NEG_INFINITY {
            return;
        }
        let tolerance = SCORE_TOLERANCE * path.len() as f64;
        assert!(highest - found <= tolerance, "a path of {found} where the best has {highest}");
        let two = nbest(emissions, &self.transitions, 2, &Cancel::new()).unwrap();
        if two.len() == 1 || f64::from(two[0].1 - two[1].1) > tolerance {
            assert_eq!(path, best);
        }
    }

    /// The score of a path without the rules that it breaks, and how many it breaks.
    fn score(&self, emissions: &[f32], path: &[u16]) -> (f64, usize) {
        let labels = self.sizes.labels;
        let at = |t: usize| usize::from(path[t]);
        let Some(last) = path.len().checked_sub(1) else { return (0.0, 0) };
        let mut scores = vec![self.transitions.start[at(0)], self.transitions.end[at(last)]];
        scores.extend((1..path.len()).map(|t| self.transitions.pairs[at(t) * labels + at(t - 1)]));
        let broken = scores.iter().filter(|&&score| score == f32::NEG_INFINITY).count();
        scores.extend((0..path.len()).map(|t| emissions[t * labels + at(t)]));
        (scores.iter().filter(|&&score| score > f32::NEG_INFINITY).map(|&score| f64::from(score)).sum(), broken)
    }

    fn check_marginals(&self, emissions: &[f32], unary: &[f32], log_beta: &[f32], log_z: f32) {
        let expected = marginals(emissions, &self.transitions, 1.0 / self.scale, &Cancel::new()).unwrap();
        let exact = expected.log_z as f32;
        assert!(
            log_z == exact || (log_z - exact).abs() < PROBABILITY_TOLERANCE * (1.0 + exact.abs()),
            "{log_z} {exact}"
        );
        for (a, b) in unary.iter().zip(&expected.unary) {
            assert!((a - b).abs() < PROBABILITY_TOLERANCE, "marginal {a} instead of {b}");
        }
        // Where a label cannot be reached, its backward score has no meaning.
        let labels = self.sizes.labels;
        for ((found, expected), unary) in
            log_beta.chunks(labels).zip(expected.log_beta.chunks(labels)).zip(unary.chunks(labels))
        {
            let both = found.iter().zip(expected).zip(unary).filter(|&(_, &p)| p > 1e-6);
            let shifts: Vec<f64> = both.map(|((&a, &b), _)| f64::from(a) - b).collect();
            for shift in &shifts {
                assert!((shift - shifts[0]).abs() < f64::from(PROBABILITY_TOLERANCE) * 10.0, "{shifts:?}");
            }
        }
    }
}

fn check(rng: &mut ChaCha8Rng, hidden: usize, labels: usize, longest: usize) {
    let (specific, rules) = (rng.random(), rng.random());
    println!("{hidden} hidden units, {labels} labels, up to {longest} tokens; specific {specific}, rules {rules}");
    let model = Model::random(rng, hidden, labels, specific, rules);
    let mut lengths: Vec<usize> = (0..rng.random_range(1..=6)).map(|_| rng.random_range(0..=longest)).collect();
    lengths.push(longest);
    let tokens = lengths.iter().sum::<usize>();
    let states = draw(rng, 2 * hidden * tokens, 1.0);
    let found = model.run(&states, &lengths, rng.random());
    model.check(&states, &lengths, &found);
    let alone = model.run(&states[2 * hidden * (tokens - longest)..], &[longest], rng.random());
    assert!(alone.path == found.path[tokens - longest..] && alone.log_z[0] == found.log_z[lengths.len() - 1]);
    assert!(alone.marginals == found.marginals[(tokens - longest) * labels..]);
}

#[test]
fn up_to_32_labels_paths_and_marginals_are_those_of_the_cpu() {
    let mut rng = random();
    for labels in [1, 2, 9, 32] {
        let hidden = rng.random_range(1..=40);
        check(&mut rng, hidden, labels, 40);
    }
}

#[test]
fn beyond_32_labels_paths_and_marginals_are_those_of_the_cpu() {
    let mut rng = random();
    for labels in [33, 100] {
        let hidden = rng.random_range(1..=20);
        check(&mut rng, hidden, labels, 20);
    }
}

/// Back pointers that do not fit shared memory, and sums that would lose their digits if they were not shifted.
#[test]
fn a_long_sentence_is_decoded() {
    let mut rng = random();
    check(&mut rng, 3, 20, 1000);
}
