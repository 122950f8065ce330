//! Our product of rows and a packed matrix beside the crate `gemm`: `make bench-gemm`.
//!
//! Both add to what is in the outputs, on one thread, taking turns; times are the process's CPU time, figures the medians of the
//! rounds' ratios. The crate is given the weights in the order that it is fastest with; packing them is part of its call,
//! as it has no packed form, where ours are packed once. A matrix of one column (padded to 32 by us) is the worst case for us.

use gemm::{Parallelism, gemm};
use libmtl::kernels::{Kernel, dense::Matrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 21;
/// Multiply-adds of one side in a round.
const WORK: usize = 40_000_000;

fn seconds(work: impl FnOnce()) -> f64 {
    let now = || clock_gettime(ClockId::ProcessCPUTime);
    let start = now();
    work();
    let end = now();
    (end.tv_sec - start.tv_sec) as f64 + (end.tv_nsec - start.tv_nsec) as f64 * 1e-9
}

/// Adds `rows` `[count, inputs]` times `weights` `[inputs, outputs]` to `sums` `[count, outputs]`.
fn theirs(rows: &[f32], weights: &[f32], inputs: usize, sums: &mut [f32]) {
    let outputs = weights.len() / inputs;
    let count = rows.len() / inputs;
    assert_eq!(sums.len(), count * outputs);
    let (sums, rows, weights) = (sums.as_mut_ptr(), rows.as_ptr(), weights.as_ptr());
    let (wide, deep) = (outputs as isize, inputs as isize);
    let none = Parallelism::None;
    // SAFETY: the three lengths were checked against the sizes and strides that are given.
    unsafe {
        gemm(
            count, outputs, inputs, sums, 1, wide, true, rows, 1, deep, weights, 1, wide, 1.0, 1.0, false, false,
            false, none,
        )
    };
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() - 0.5).collect() };
    println!("kernel {}; gemm's time over ours, and whether a row gets the same bits alone", Kernel::best().name());
    for (outputs, inputs) in [(684, 110), (704, 171), (64, 128), (128, 300), (256, 512), (1, 128)] {
        for count in [1, 8, 32, 128, 800] {
            let (weights, rows) = (draw(outputs * inputs), draw(count * inputs));
            let of = |output: usize| {
                let weights = &weights;
                move |input: usize| weights[input * outputs + output]
            };
            let matrix = Matrix::new(Kernel::best(), outputs, inputs, of);
            let repeats = (WORK / (count * outputs * inputs)).max(1);
            let (mut a, mut b) = (vec![0.0; count * matrix.width()], vec![0.0; count * outputs]);
            matrix.multiply_add(&rows, inputs, &mut a);
            theirs(&rows, &weights, inputs, &mut b);
            for (a, b) in a.chunks_exact(matrix.width()).zip(b.chunks_exact(outputs)) {
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4), "the products differ");
            }
            let mut alone = vec![0.0; outputs];
            let same = rows.chunks_exact(inputs).zip(b.chunks_exact(outputs)).all(|(row, together)| {
                alone.fill(0.0);
                theirs(row, &weights, inputs, &mut alone);
                alone == together
            });
            let mut ratios: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let ours = seconds(|| (0..repeats).for_each(|_| matrix.multiply_add(&rows, inputs, &mut a)));
                    let theirs = seconds(|| (0..repeats).for_each(|_| theirs(&rows, &weights, inputs, &mut b)));
                    theirs / ours
                })
                .collect();
            ratios.sort_by(f64::total_cmp);
            let same = if same { "same" } else { "other" };
            println!("{outputs:4} x {inputs:3}, {count:3} rows: {:.2}  {same} bits", ratios[ROUNDS / 2]);
        }
    }
}
