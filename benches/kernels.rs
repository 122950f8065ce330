//! Each operation on each kernel of this processor: `cargo bench --bench kernels -- --quick`.
//!
//! Times are the process's CPU time. The clock of a machine moves: compare figures of one run only.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libmtl::Cancel;
use libmtl::kernels::Kernel;
use libmtl::kernels::charcnn::{CharCnn, Filters};
use libmtl::kernels::crf::{Transitions, viterbi};
use libmtl::kernels::dense::Matrix;
use libmtl::kernels::lstm::{Direction, Scratch};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const INPUTS: usize = 110;
const STEPS: usize = 25;

fn draw(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * 0.1).collect()
}

fn lstm(c: &mut Criterion<CpuTime>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut group = c.benchmark_group("LSTM direction");
    for hidden in [100, 171, 225] {
        let [input, recurrent, bias] =
            [4 * hidden * INPUTS, 4 * hidden * hidden, 8 * hidden].map(|count| draw(&mut rng, count));
        for batch in [1, 8, 32] {
            let (rows, lengths) = (draw(&mut rng, batch * STEPS * INPUTS), vec![STEPS; batch]);
            group.throughput(Throughput::Elements((batch * STEPS) as u64));
            for kernel in Kernel::available() {
                let direction = Direction::new(kernel, INPUTS, hidden, false, &input, &recurrent, &bias);
                let mut scratch = Scratch::default();
                group.bench_function(format!("hidden {hidden}, batch {batch}, {}", kernel.name()), |b| {
                    b.iter(|| {
                        direction.run(
                            &lengths,
                            &mut scratch,
                            &Cancel::new(),
                            |place, row| {
                                let token = place.sequence * STEPS + place.token;
                                row.copy_from_slice(&rows[token * INPUTS..][..INPUTS]);
                            },
                            |_, states| {
                                black_box(states);
                            },
                        )
                    })
                });
            }
        }
    }
    group.finish();
}

fn dense(c: &mut Criterion<CpuTime>) {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (outputs, inputs) = (4 * 176, INPUTS);
    let weights = draw(&mut rng, outputs * inputs);
    let mut group = c.benchmark_group("dense, 704 x 110");
    for rows in [1, 8, 32, 128] {
        let input = draw(&mut rng, rows * inputs);
        group.throughput(Throughput::Elements(rows as u64));
        for kernel in Kernel::available() {
            let matrix = Matrix::new(kernel, outputs, inputs, |output| {
                let row = &weights[output * inputs..];
                move |input| row[input]
            });
            let mut sums = vec![0.0; rows * matrix.width()];
            group.bench_function(format!("{rows} rows, {}", kernel.name()), |b| {
                b.iter(|| {
                    sums.fill(0.0);
                    matrix.multiply_add(black_box(&input), inputs, &mut sums);
                })
            });
        }
    }
    group.finish();
}

fn charcnn(c: &mut Criterion<CpuTime>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (chars, dim, filters) = (200, 50, 20);
    let embedding = draw(&mut rng, chars * dim);
    let weights = [2, 3, 4].map(|width| (width, draw(&mut rng, filters * dim * width), draw(&mut rng, filters)));
    let given: Vec<Filters> =
        weights.iter().map(|(width, weights, bias)| Filters { width: *width, weights, bias, second: None }).collect();
    let word: Vec<u32> = (0..8).map(|_| rng.random_range(1..chars as u32)).collect();
    let mut group = c.benchmark_group("CharCNN, a word of 8 characters");
    for kernel in Kernel::available() {
        let cnn = CharCnn::new(kernel, &embedding, dim, filters, &given).unwrap();
        let mut features = vec![0.0; cnn.width()];
        group.bench_function(kernel.name().name(), |b| {
            b.iter(|| cnn.apply(black_box(&word), &mut features, &Cancel::new()))
        });
    }
    group.finish();
}

/// Decoding is no engine's: it always runs on the fastest kernel.
fn decoding(c: &mut Criterion<CpuTime>) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut group = c.benchmark_group("Viterbi, 25 tokens");
    for labels in [9, 20, 50] {
        let emissions = draw(&mut rng, STEPS * labels);
        let [start, end, pairs] = [labels, labels, labels * labels].map(|count| draw(&mut rng, count));
        let transitions = Transitions { labels, start, end, pairs };
        group.bench_function(format!("{labels} labels, {}", Kernel::best().name()), |b| {
            b.iter(|| viterbi(black_box(&emissions), &transitions, &Cancel::new()))
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = lstm, dense, charcnn, decoding
}
criterion_main!(benches);
