//! The kernels that round against single precision and against the formulas.

use super::range_tests::Case;
use crate::kernels::simd::test_seed;
use crate::kernels::{Kernel, KernelName};
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
const OTHERS: [(KernelName, f64); 3] =
    [(KernelName::Avx512Int16, 5e-3), (KernelName::Avx512Fp16, 1e-2), (KernelName::AmxBf16, 5e-2)];

/// Weights of the size that training leaves, all of them halves, and `count` sequences; some have inputs that saturate the gates.
fn case(rng: &mut ChaCha8Rng, hidden: usize, count: usize) -> Case {
    let (inputs, reverse) = (rng.random_range(1..=40), rng.random());
    let scale = 2.0 / (hidden as f32).sqrt();
    let mut draw = |n: usize, scale: f32| -> Vec<f32> {
        (0..n).map(|_| f16::from_f32((rng.random::<f32>() * 2.0 - 1.0) * scale).to_f32()).collect()
    };
    let weights = [draw(4 * hidden * inputs, scale), draw(4 * hidden * hidden, scale), draw(8 * hidden, 0.2)];
    let mut sequence = |number: usize| -> Vec<Vec<f32>> {
        let scale = if number % 5 == 4 { 30.0 } else { 1.0 };
        (0..number * 7 % 13).map(|_| draw(inputs, scale)).collect()
    };
    let mut x: Vec<_> = (0..count).map(&mut sequence).collect();
    x.sort_by_key(|tokens| std::cmp::Reverse(tokens.len()));
    Case { inputs, hidden, reverse, weights, x }
}

#[test]
fn states_come_near_those_of_single_precision_and_do_not_depend_on_neighbours() {
    let mut rng = ChaCha8Rng::seed_from_u64(test_seed());
    let fixed = [(1, 65), (5, 4), (171, 9), (512, 2)];
    let random: Vec<_> = (0..3).map(|_| (rng.random_range(1..=512), rng.random_range(1..=65))).collect();
    let cases: Vec<_> =
        fixed.into_iter().chain(random).map(|(hidden, count)| (case(&mut rng, hidden, count), count)).collect();
    for (name, bound) in OTHERS {
        let kernel = match Kernel::named(name) {
            Ok(kernel) => kernel,
            Err(error) => {
                println!("{name}: NOT RUN: {error}");
                continue;
            }
        };
        let mut largest: f64 = 0.0;
        for (case, count) in &cases {
            let single = case.run(Kernel::named(SINGLE).unwrap(), 0..*count);
            let together = case.run(kernel, 0..*count);
            let chosen = rng.random_range(0..*count);
            assert_eq!(case.run(kernel, chosen..chosen + 1)[0], together[chosen], "sequence {chosen} alone");
            for (a, b) in together.iter().flatten().flatten().zip(single.iter().flatten().flatten()) {
                largest = largest.max(f64::from((a - b).abs()));
            }
        }
        println!("{name}: the largest difference is {largest:e}");
        assert!(largest <= bound, "{name}: {largest:e}");
    }
}
