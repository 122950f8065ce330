//! The kernels of half precision against single precision and against the formulas.

use super::*;
use crate::kernels::KernelName;
use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The greatest difference of a state that rounding states to half precision makes, at weights of the size that training leaves.
const OF_ROUNDED_STATES: f64 = 2e-3;

/// Weights, all of them halves, and sequences, the longest first.
struct Case {
    inputs: usize,
    hidden: usize,
    reverse: bool,
    /// Input, recurrent, bias.
    weights: [Vec<f32>; 3],
    x: Vec<Vec<Vec<f32>>>,
}

impl Case {
    fn random(rng: &mut ChaCha8Rng, hidden: usize, count: usize) -> Self {
        let (inputs, reverse) = (rng.random_range(1..=40), rng.random());
        let scale = 2.0 / (hidden as f32).sqrt();
        let mut draw = |n: usize, scale: f32| -> Vec<f32> {
            (0..n).map(|_| f16::from_f32((rng.random::<f32>() * 2.0 - 1.0) * scale).to_f32()).collect()
        };
        let weights = [draw(4 * hidden * inputs, scale), draw(4 * hidden * hidden, scale), draw(8 * hidden, 0.2)];
        // Inputs that saturate the gates among them.
        let mut x: Vec<Vec<Vec<f32>>> = (0..count)
            .map(|sequence| {
                (0..sequence * 7 % 13).map(|_| draw(inputs, if sequence % 5 == 4 { 30.0 } else { 1.0 })).collect()
            })
            .collect();
        x.sort_by_key(|tokens| std::cmp::Reverse(tokens.len()));
        Self { inputs, hidden, reverse, weights, x }
    }

    fn direction(&self, name: KernelName) -> Direction {
        let ([w, u, b], kernel) = (&self.weights, Kernel::named(name).unwrap());
        Direction::new(kernel, self.inputs, self.hidden, self.reverse, w, u, b)
    }

    /// The states of the `chosen` sequences, run together.
    fn run(&self, direction: &Direction, chosen: std::ops::Range<usize>) -> Vec<Vec<Vec<f32>>> {
        let x = &self.x[chosen];
        let lengths: Vec<usize> = x.iter().map(Vec::len).collect();
        let mut states: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| vec![Vec::new(); n]).collect();
        let fill = |place: Place, row: &mut [f32]| row.copy_from_slice(&x[place.sequence][place.token]);
        let emit = |places: &[Place], rows: &[f32]| {
            for (place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                states[place.sequence][place.token] = row.to_vec();
            }
        };
        direction.run(&lengths, &mut Scratch::default(), &Cancel::new(), fill, emit).unwrap();
        states
    }

    /// The states of a sequence in double precision.
    fn expected(&self, sequence: usize) -> Vec<Vec<f64>> {
        let ([w, u, b], mut x) = (&self.weights, self.x[sequence].clone());
        if self.reverse {
            x.reverse();
        }
        let mut states = tests::reference(self.inputs, self.hidden, w, u, b, &x);
        if self.reverse {
            states.reverse();
        }
        states
    }
}

#[test]
fn halves_give_the_states_of_single_precision_and_rounded_states_come_near() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut largest: f64 = 0.0;
    for shape in [Some((1, 65)), Some((5, 4)), Some((171, 9)), Some((512, 2)), None, None, None] {
        let (hidden, count) = shape.unwrap_or_else(|| (rng.random_range(1..=512), rng.random_range(1..=65)));
        let case = Case::random(&mut rng, hidden, count);
        let single = case.run(&case.direction(KernelName::Neon), 0..count);
        assert_eq!(case.run(&case.direction(KernelName::NeonFp16), 0..count), single);
        let Ok(_) = Kernel::named(KernelName::NeonFhm) else {
            println!("neon-fhm: not run, this processor lacks it");
            continue;
        };
        let direction = case.direction(KernelName::NeonFhm);
        let together = case.run(&direction, 0..count);
        let chosen = rng.random_range(0..count);
        assert_eq!(case.run(&direction, chosen..chosen + 1)[0], together[chosen], "sequence {chosen} alone");
        for (found, expected) in together[chosen].iter().zip(case.expected(chosen)) {
            assert!(found[hidden..].iter().all(|&padding| padding == 0.0));
            for (a, b) in found.iter().zip(expected) {
                largest = largest.max((f64::from(*a) - b).abs());
            }
        }
        for (a, b) in together.iter().flatten().flatten().zip(single.iter().flatten().flatten()) {
            largest = largest.max(f64::from((a - b).abs()));
        }
    }
    println!("largest difference of rounded states: {largest:e}");
    assert!(largest < OF_ROUNDED_STATES, "{largest:e}");
}
