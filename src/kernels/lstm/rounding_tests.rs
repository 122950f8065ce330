//! The kernels of half precision against single precision and against the formulas.

use super::*;
use crate::kernels::KernelName;
use crate::kernels::simd::test_seed;
use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A kernel that rounds nothing, that of each other kernel's single precision.
#[cfg(target_arch = "aarch64")]
const SINGLE: KernelName = KernelName::Neon;
#[cfg(target_arch = "x86_64")]
const SINGLE: KernelName = KernelName::Avx512;

/// Those with the greatest difference of a state that their rounding makes, at weights of the size that training leaves.
#[cfg(target_arch = "aarch64")]
const OTHERS: [(KernelName, f64); 2] = [(KernelName::NeonFp16, 0.0), (KernelName::NeonFhm, 2e-3)];
#[cfg(target_arch = "x86_64")]
const OTHERS: [(KernelName, f64); 1] = [(KernelName::Avx512Fp16, 1e-2)];

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
}

#[test]
fn states_come_near_those_of_single_precision_and_do_not_depend_on_neighbours() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    let fixed = [(1, 65), (5, 4), (171, 9), (512, 2)];
    let random: Vec<_> = (0..3).map(|_| (rng.random_range(1..=512), rng.random_range(1..=65))).collect();
    let cases: Vec<_> =
        fixed.into_iter().chain(random).map(|(hidden, count)| (Case::random(&mut rng, hidden, count), count)).collect();
    for (name, bound) in OTHERS {
        if let Err(error) = Kernel::named(name) {
            println!("{name}: NOT RUN: {error}");
            continue;
        }
        let mut largest: f64 = 0.0;
        for (case, count) in &cases {
            let (single, direction) = (case.run(&case.direction(SINGLE), 0..*count), case.direction(name));
            let together = case.run(&direction, 0..*count);
            let chosen = rng.random_range(0..*count);
            assert_eq!(case.run(&direction, chosen..chosen + 1)[0], together[chosen], "sequence {chosen} alone");
            let mut padding = together.iter().flatten().flat_map(|state| &state[case.hidden..]);
            assert!(padding.all(|&value| value == 0.0));
            for (a, b) in together.iter().flatten().flatten().zip(single.iter().flatten().flatten()) {
                largest = largest.max(f64::from((a - b).abs()));
            }
        }
        println!("{name}: the largest difference is {largest:e}");
        assert!(largest <= bound, "{name}: {largest:e}");
    }
}
