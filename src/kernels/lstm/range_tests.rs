//! Every kernel beside the generic one, over the whole range of shapes that models have.

use super::*;
use crate::kernels::KernelName;
use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;

/// The greatest factor of a row that saturates the gates.
const LARGE: f32 = 300.0;

/// The greatest difference of a state from the generic kernel's: sums in another order, whose rounding grows with the terms; and where a
/// kernel rounds states to half precision.
fn tolerance(kernel: KernelName, case: &Case) -> f32 {
    let terms = LARGE * case.inputs as f32 / (case.hidden as f32).sqrt();
    let rounding = f32::EPSILON * terms;
    match kernel {
        KernelName::Avx512Int16 => 5e-3,
        KernelName::NeonFhm => 5e-3,
        KernelName::Avx512Fp16 => 1e-2,
        KernelName::AmxBf16 => 3e-2,
        _ => rounding.max(1e-4),
    }
}

/// Weights, all of them halves, and sequences, the longest first.
pub(super) struct Case {
    pub inputs: usize,
    pub hidden: usize,
    pub reverse: bool,
    /// Input, recurrent, bias.
    pub weights: [Vec<f32>; 3],
    pub x: Vec<Vec<Vec<f32>>>,
}

impl Case {
    fn random(rng: &mut ChaCha8Rng, hidden: usize, lengths: &[usize]) -> Self {
        let (inputs, reverse) = (rng.random_range(1..=64), rng.random());
        let scale = 1.0 / (hidden as f32).sqrt();
        // Some weights are so small that halves are subnormal there.
        let mut draw = |n: usize| -> Vec<f32> {
            let mut weight = || (rng.random::<f32>() * 2.0 - 1.0) * if rng.random_bool(0.1) { 1e-6 } else { scale };
            (0..n).map(|_| f16::from_f32(weight()).to_f32()).collect()
        };
        let weights = [4 * hidden * inputs, 4 * hidden * hidden, 8 * hidden].map(&mut draw);
        // Ordinary rows, subnormal ones, and such as saturate the gates.
        let mut row = || -> Vec<f32> {
            let scale = [1.0, 1e-40, LARGE][rng.random_range(0..3)];
            (0..inputs).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * scale).collect()
        };
        let x = lengths.iter().map(|&n| (0..n).map(|_| row()).collect()).collect();
        Self { inputs, hidden, reverse, weights, x }
    }

    /// The states of the `chosen` sequences, run together.
    pub fn run(&self, kernel: Kernel, chosen: std::ops::Range<usize>) -> Vec<Vec<Vec<f32>>> {
        let ([w, u, b], x) = (&self.weights, &self.x[chosen]);
        let direction = Direction::new(kernel, self.inputs, self.hidden, self.reverse, w, u, b);
        let lengths: Vec<usize> = x.iter().map(Vec::len).collect();
        let mut states: Vec<Vec<Vec<f32>>> = lengths.iter().map(|&n| vec![Vec::new(); n]).collect();
        let fill = |place: Place, row: &mut [f32]| row.copy_from_slice(&x[place.sequence][place.token]);
        let emit = |places: &[Place], rows: &[f32]| {
            for (place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                assert!(row[self.hidden..].iter().all(|&padding| padding == 0.0));
                // False of NaN.
                assert!(row.iter().all(|state| state.abs() <= 1.0));
                states[place.sequence][place.token] = row[..self.hidden].to_vec();
            }
        };
        direction.run(&lengths, &mut Scratch::default(), &Cancel::new(), fill, emit).unwrap();
        states
    }
}

/// Hidden sizes 1 to 512, batches 1 to 65, lengths 0 to 200 mixed. A sequence alone is the same, bit for bit.
#[test]
#[cfg_attr(miri, ignore = "takes hours there; fixed shapes have every access")]
fn kernels_agree_on_the_whole_range_of_shapes() {
    let mut rng = ChaCha8Rng::seed_from_u64(crate::kernels::simd::test_seed());
    // The corners, where the work stays small; then shapes at random, the small ones as often as the large.
    let corners =
        [(512, vec![200]), (512, (0..65).map(|i| i % 4).collect()), (1, (0..65).map(|i| i * 200 / 64).collect())];
    let mut shapes = corners.to_vec();
    for _ in 0..5 {
        let [hidden, batch] = [512f64, 65.0].map(|most| most.powf(rng.random()).round() as usize);
        shapes.push((hidden, (0..batch).map(|_| rng.random_range(0..=200)).collect()));
    }
    for (hidden, mut lengths) in shapes {
        lengths.sort_by_key(|&length| Reverse(length));
        let (batch, longest) = (lengths.len(), lengths[0]);
        let case = Case::random(&mut rng, hidden, &lengths);
        let generic = case.run(Kernel::generic(), 0..batch);
        let chosen = rng.random_range(0..batch);
        for kernel in Kernel::available() {
            let found = case.run(kernel, 0..batch);
            assert_eq!(case.run(kernel, chosen..chosen + 1)[0], found[chosen], "{}, {chosen} alone", kernel.name());
            let pairs = found.iter().flatten().flatten().zip(generic.iter().flatten().flatten());
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{}: hidden {hidden}, batch {batch}, longest {longest}: {worst:.1e}", kernel.name());
            assert!(worst <= tolerance(kernel.name(), &case), "{worst:e}");
        }
    }
}
