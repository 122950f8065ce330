//! Every function against enumeration of all paths, and the scaled pass against log space.

use super::*;
use crate::kernels::simd::on_each_kernel;
use crate::kernels::simd::test_seed;
use crate::{Cancel, ErrorKind};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::convert::Infallible;

fn viterbi(emissions: &[f32], transitions: &Transitions) -> (Vec<u16>, f32) {
    super::viterbi(emissions, transitions, &Cancel::new()).unwrap()
}

fn nbest(emissions: &[f32], transitions: &Transitions, n: usize) -> Vec<(Vec<u16>, f32)> {
    super::nbest(emissions, transitions, n, &Cancel::new()).unwrap()
}

fn marginals(emissions: &[f32], transitions: &Transitions, temperature: f32) -> Marginals {
    super::marginals(emissions, transitions, temperature, &Cancel::new()).unwrap()
}

/// Never stops a pass.
fn go_on(_: usize) -> Result<(), Infallible> {
    Ok(())
}

/// A random CRF and sentence; scores uniform in `-scale..scale`, rounded to quarters where ties are wanted.
fn random(rng: &mut ChaCha8Rng, labels: usize, length: usize, scale: f32, ties: bool) -> (Vec<f32>, Transitions) {
    let mut draw = |n: usize| -> Vec<f32> {
        let value = |rng: &mut ChaCha8Rng| (rng.random::<f32>() * 2.0 - 1.0) * scale;
        (0..n).map(|_| if ties { (value(rng) * 2.0).round() / 2.0 } else { value(rng) }).collect()
    };
    let emissions = draw(length * labels);
    (emissions, Transitions { labels, start: draw(labels), end: draw(labels), pairs: draw(labels * labels) })
}

/// All paths with their scores, in the order of `nbest`.
fn enumerate(emissions: &[f32], transitions: &Transitions) -> Vec<(Vec<u16>, f64)> {
    let k = transitions.labels;
    let length = emissions.len() / k;
    let mut paths: Vec<(Vec<u16>, f64)> = (0..k.pow(length as u32))
        .map(|code| (0..length).map(|t| (code / k.pow(t as u32) % k) as u16).collect::<Vec<_>>())
        .map(|path| (path.clone(), score(emissions, transitions, &path)))
        .collect();
    paths.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.iter().rev().cmp(b.0.iter().rev())));
    paths
}

fn score(emissions: &[f32], transitions: &Transitions, path: &[u16]) -> f64 {
    let k = transitions.labels;
    let (Some(&first), Some(&last)) = (path.first(), path.last()) else { return 0.0 };
    let mut sum = 0.0 + f64::from(transitions.start[usize::from(first)]);
    for (t, &label) in path.iter().enumerate() {
        if t > 0 {
            sum += f64::from(transitions.pairs[usize::from(label) * k + usize::from(path[t - 1])]);
        }
        sum += f64::from(emissions[t * k + usize::from(label)]);
    }
    sum + f64::from(transitions.end[usize::from(last)])
}

fn assert_close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()) || a == b, "{what}: {a} instead of {b}");
}

/// Random small cases: labels 1..=4, lengths 0..=5, scales 0.1..10, with and without ties and forbidden pairs.
fn small_cases(mut check: impl FnMut(&[f32], &Transitions)) {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    for case in 0..600 {
        let scale = 10f32.powf(rng.random_range(-1.0..=1.0));
        let (labels, length) = (rng.random_range(1..=4), rng.random_range(0..=5));
        let (emissions, mut transitions) = random(&mut rng, labels, length, scale, case % 3 == 0);
        if case % 4 == 1 {
            transitions
                .pairs
                .iter_mut()
                .filter(|_| rng.random::<f32>() < 0.2)
                .for_each(|pair| *pair = f32::NEG_INFINITY);
        }
        check(&emissions, &transitions);
    }
}

#[test]
fn viterbi_and_nbest_equal_enumeration() {
    on_each_kernel(|| {
        small_cases(|emissions, transitions| {
            let paths = enumerate(emissions, transitions);
            let (best, best_score) = viterbi(emissions, transitions);
            let possible = paths.iter().filter(|path| path.1 > f64::NEG_INFINITY).count();
            if possible > 0 {
                assert_eq!((&best, best_score), (&paths[0].0, paths[0].1 as f32));
            } else {
                assert_eq!(best_score, f32::NEG_INFINITY);
            }
            for n in [0, 1, 2, 7, 2000] {
                let listed = nbest(emissions, transitions, n);
                assert_eq!(listed.len(), n.min(possible.max(1)));
                assert!(n == 0 || listed[0] == (best.clone(), best_score));
                for (path, expected) in listed.iter().zip(&paths[..possible]) {
                    assert_eq!((&path.0, path.1), (&expected.0, expected.1 as f32));
                }
            }
        });
    });
}

#[test]
fn marginals_and_paths_equal_enumeration() {
    on_each_kernel(|| {
        small_cases(|emissions, transitions| {
            let k = transitions.labels;
            for temperature in [1.0, 0.5, 3.0] {
                let paths = enumerate(emissions, transitions);
                let weight = |score: f64| ((score - paths[0].1) / f64::from(temperature)).exp();
                let z: f64 = paths.iter().map(|path| weight(path.1)).sum();
                let found = marginals(emissions, transitions, temperature);
                if paths[0].1 == f64::NEG_INFINITY {
                    assert!(found.log_z == f64::NEG_INFINITY && found.unary.iter().all(|&p| p == 0.0));
                    continue;
                }
                assert_close(found.log_z, z.ln() + paths[0].1 / f64::from(temperature), 1e-12, "log Z");
                let probability = |start: usize, run: &[u16]| -> f64 {
                    let matching = paths.iter().filter(|path| path.0[start..].starts_with(run));
                    matching.map(|path| weight(path.1)).sum::<f64>() / z
                };
                for start in 0..emissions.len() / k {
                    for label in 0..k as u16 {
                        let unary = f64::from(found.unary[start * k + usize::from(label)]);
                        assert_close(unary, probability(start, &[label]), 1e-6, "marginal");
                    }
                    for end in start..=emissions.len() / k {
                        for run in [&paths[0].0[start..end], &paths[paths.len() / 2].0[start..end]] {
                            let p = path_probability(&found, emissions, transitions, temperature, start, run);
                            assert_close(f64::from(p), probability(start, run), 1e-6, "path");
                        }
                    }
                }
            }
        });
    });
}

#[test]
fn likelihood_equals_enumeration_and_its_gradient_finite_differences() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    small_cases(|emissions, transitions| {
        let paths = enumerate(emissions, transitions);
        let gold = paths[rng.random_range(0..paths.len())].0.clone();
        let gold_score = score(emissions, transitions, &gold);
        let (mut dy, mut da) = (vec![0.0; emissions.len()], Transitions::zeros(transitions.labels));
        let loss = negative_log_likelihood(emissions, transitions, &gold, &mut dy, &mut da);
        if gold_score == f64::NEG_INFINITY {
            assert!(loss == f64::INFINITY && dy.iter().all(|&g| g == 0.0));
            return;
        }
        let log_z = paths[0].1 + paths.iter().map(|path| (path.1 - paths[0].1).exp()).sum::<f64>().ln();
        assert_close(loss, log_z - gold_score, 1e-12, "loss");
        let scalar = |emissions: &[f32], transitions: &Transitions| {
            let (mut dy, mut da) = (vec![0.0; emissions.len()], Transitions::zeros(transitions.labels));
            negative_log_likelihood(emissions, transitions, &gold, &mut dy, &mut da)
        };
        let mut parameters: Vec<f32> = emissions.to_vec();
        let flat = |t: &Transitions| [&t.start[..], &t.end, &t.pairs].concat();
        parameters.extend(flat(transitions));
        let gradient = [&dy[..], &flat(&da)].concat();
        let evaluate = |p: &[f32]| {
            let (k, n) = (transitions.labels, emissions.len());
            let [start, end] = [n, n + k].map(|at| p[at..at + k].to_vec());
            scalar(&p[..n], &Transitions { labels: k, start, end, pairs: p[n + 2 * k..].to_vec() })
        };
        for i in 0..parameters.len() {
            let kept = parameters[i];
            let mut at = |h: f32| {
                parameters[i] = kept + h;
                (evaluate(&parameters), f64::from(parameters[i]))
            };
            let ((above, high), (below, low)) = (at(1.0 / 512.0), at(-1.0 / 512.0));
            parameters[i] = kept;
            if kept.is_finite() {
                assert_close(f64::from(gradient[i]), (above - below) / (high - low), 4e-6, "gradient");
            } else {
                assert_eq!(gradient[i], 0.0);
            }
        }
    });
}

/// The scaled pass where it answers, and the function as a whole, against log space.
#[test]
fn scaled_pass_equals_log_space_at_every_scale() {
    on_each_kernel(|| {
        let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
        let mut answered = [0; 4];
        for case in 0..400 {
            let scale = [1.0, 10.0, 100.0, 1000.0][case % 4];
            let (labels, length) = (rng.random_range(1..=19), rng.random_range(1..=60));
            let (emissions, mut transitions) = random(&mut rng, labels, length, scale, false);
            let forbidden = [0.0, -1e4, f32::NEG_INFINITY][rng.random_range(0..3)];
            if forbidden < 0.0 {
                for score in transitions.pairs.iter_mut().chain(&mut transitions.start).chain(&mut transitions.end) {
                    *score = if rng.random::<f32>() < 0.3 { forbidden } else { *score / scale };
                }
            }
            let prepared = Prepared::new(&transitions);
            let Ok(reference) = log_space::expectations(&prepared, &emissions, go_on);
            assert!(reference.states.iter().all(|p| p.is_finite()));
            let compare = |found: &prepared::Expectations| {
                assert_close(found.log_z, reference.log_z, 1e-12, "log Z");
                for (a, b) in found.states.iter().zip(&reference.states).chain(found.pairs.iter().zip(&reference.pairs))
                {
                    assert_close(*a, *b, 1e-9, "expectation");
                }
            };
            if let Ok(Some(found)) = scaled::expectations(&prepared, &emissions, true, go_on) {
                answered[case % 4] += 1;
                compare(&found);
            }
            let Ok(found) = prepared.expectations(&emissions, false, go_on);
            compare(&found);
        }
        println!("scaled pass answered {answered:?} of 100 cases each");
        assert!(answered[0] >= 70 && answered[1] >= 70, "the fast pass is hardly used: {answered:?}");
    });
}

/// Decoding is no engine's: what it computes depends on no kernel.
#[test]
fn every_kernel_computes_the_same_bits() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    for labels in [1, 9, 20, 50] {
        let (emissions, transitions) = random(&mut rng, labels, 25, 4.0, false);
        let found = std::cell::RefCell::new(Vec::new());
        on_each_kernel(|| {
            let marginals = marginals(&emissions, &transitions, 0.9);
            let found_now = (viterbi(&emissions, &transitions), marginals.log_z.to_bits(), marginals.unary);
            found.borrow_mut().push(found_now);
        });
        let found = found.into_inner();
        assert!(found.iter().all(|other| *other == found[0]));
    }
}

/// A sentence whose best path starts by steps that look hopeless: scaling alone would lose it.
#[test]
fn improbable_beginnings_are_not_lost() {
    let pairs = vec![0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0];
    let transitions = Transitions { labels: 2, start: vec![0.0; 2], end: vec![f32::NEG_INFINITY, 0.0], pairs };
    let emissions: Vec<f32> = (0..40).flat_map(|_| [0.0, -100.0]).collect();
    let found = marginals(&emissions, &transitions, 1.0);
    assert_close(found.log_z, -4000.0, 1e-12, "log Z");
    assert!(found.unary.chunks(2).all(|row| row == [0.0, 1.0]));
    assert_eq!(viterbi(&emissions, &transitions), (vec![1; 40], -4000.0));
}

#[test]
fn impossible_sentences_still_decode() {
    let mut transitions = Transitions::zeros(2);
    transitions.start = vec![f32::NEG_INFINITY; 2];
    transitions.end[0] = f32::NEG_INFINITY;
    assert_eq!(viterbi(&[5.0, 1.0], &transitions), (vec![1], f32::NEG_INFINITY));
    assert_eq!(nbest(&[5.0, 1.0], &transitions, 3), [(vec![1], f32::NEG_INFINITY)]);
    assert_eq!(marginals(&[5.0, 1.0], &transitions, 1.0).unary, [0.0, 0.0]);
}

#[test]
fn not_a_number_does_not_panic() {
    let transitions = Transitions::zeros(3);
    let emissions = [f32::NAN, 1.0, f32::INFINITY, f32::NAN, f32::NAN, f32::NAN];
    assert_eq!(viterbi(&emissions, &transitions).0.len(), 2);
    assert!(!nbest(&emissions, &transitions, 4).is_empty());
    let _ = marginals(&emissions, &transitions, 1.0);
    let _ = negative_log_likelihood(&emissions, &transitions, &[0, 1], &mut [0.0; 6], &mut Transitions::zeros(3));
}

#[test]
fn long_sentences_keep_their_precision() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    let (row, transitions) = random(&mut rng, 9, 100_000, 4.0, false);
    let (path, total) = viterbi(&row, &transitions);
    assert_close(f64::from(total), score(&row, &transitions, &path), 1e-6, "score");
    let found = marginals(&row, &transitions, 1.0);
    for sums in found.unary.chunks(9).map(|row| row.iter().sum::<f32>()) {
        assert_close(f64::from(sums), 1.0, 1e-5, "sum of marginals");
    }
    let tail = &path[99_990..];
    let p = path_probability(&found, &row, &transitions, 1.0, 99_990, tail);
    assert!((0.0..=1.0).contains(&p) && p > 0.0);
}

/// Every loop over a sentence can be stopped, at whichever of its calls: the n-th look fails, for each n.
#[test]
fn every_pass_stops_where_it_is_told_to() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    let (emissions, transitions) = random(&mut rng, 5, 7, 2.0, false);
    let prepared = Prepared::new(&transitions);
    type Check<'a> = &'a dyn Fn(usize) -> Result<(), usize>;
    let stops = |pass: &dyn Fn(Check) -> Result<(), usize>, looks: usize| {
        for last in 0..looks {
            let seen = std::cell::Cell::new(0);
            let check = |_: usize| if seen.replace(seen.get() + 1) == last { Err(last) } else { Ok(()) };
            assert_eq!((pass(&check), seen.get()), (Err(last), last + 1));
        }
        assert_eq!(pass(&|_| Ok(())), Ok(()));
    };
    stops(&|check| scaled::expectations(&prepared, &emissions, true, check).map(drop), 3 * 7);
    stops(&|check| log_space::expectations(&prepared, &emissions, check).map(drop), 6 + 7);
}

#[test]
fn a_cancelled_sentence_is_not_decoded() {
    let transitions = Transitions::zeros(2);
    let cancel = Cancel::new();
    cancel.cancel();
    let errors = [
        super::viterbi(&[0.0; 4], &transitions, &cancel).map(drop),
        super::nbest(&[0.0; 4], &transitions, 2, &cancel).map(drop),
        super::marginals(&[0.0; 4], &transitions, 1.0, &cancel).map(drop),
    ];
    assert!(errors.map(|e| e.unwrap_err().kind()) == [ErrorKind::Interrupted; 3]);
}

#[test]
fn runs_outside_the_sentence_are_impossible() {
    let transitions = Transitions::zeros(2);
    let found = marginals(&[0.0; 4], &transitions, 1.0);
    for (start, path) in [(1, &[0, 0][..]), (2, &[0]), (usize::MAX, &[0]), (0, &[2])] {
        assert_eq!(path_probability(&found, &[0.0; 4], &transitions, 1.0, start, path), 0.0);
    }
    assert_eq!(path_probability(&found, &[0.0; 4], &transitions, 1.0, 0, &[]), 1.0);
}

#[test]
fn no_labels_and_no_tokens_are_harmless() {
    for labels in [0, 3] {
        let transitions = Transitions::zeros(labels);
        assert_eq!(viterbi(&[], &transitions), (vec![], 0.0));
        assert_eq!(nbest(&[], &transitions, 2), [(vec![], 0.0)]);
        assert_eq!(marginals(&[], &transitions, 1.0).log_z, 0.0);
        assert_eq!(negative_log_likelihood(&[], &transitions, &[], &mut [], &mut Transitions::zeros(labels)), 0.0);
    }
}
