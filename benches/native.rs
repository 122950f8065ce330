//! The native engine and CRF decoding, in tokens per second: `cargo bench --bench native -- --quick`.
//!
//! The network is of the published size (words 50, characters 60, 171 hidden units a direction) with random weights;
//! sentences have 25 tokens. Times are the process's CPU time, all threads together (engines get one each), so that
//! neighbours on the machine disturb little; its clock still moves: compare figures of one run only.

#[path = "../tests/common/mod.rs"]
mod common;
mod cpu_time;

use common::{Sizes, random_batch, random_bundle};
use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use libmtl::Cancel;
use libmtl::bundle::Bundle;
use libmtl::engine::native::Native;
use libmtl::engine::{Batch, Engine, EngineOptions, Head};
use libmtl::kernels::crf::{self, Transitions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const TOKENS: usize = 25;

fn published() -> Sizes {
    Sizes {
        words_per_language: 4000,
        word_dim: 50,
        char_dim: 50,
        char_filters: 20,
        hidden: 171,
        scale: 0.1,
        ..Sizes::default()
    }
}

fn engines(c: &mut Criterion<CpuTime>) {
    let folder = random_bundle(1, &published());
    let bundle = Bundle::open(folder.path()).unwrap();
    let native = Native::open(&bundle, &EngineOptions::default()).unwrap();
    #[cfg(feature = "onnx")]
    let onnx = libmtl::engine::open(&bundle, &common::onnx_options()).unwrap();
    let (head, cancel) = (Head { task: 0, language: Some(0) }, Cancel::new());
    let mut group = c.benchmark_group("emissions, H=171");
    for sentences in [1, 8, 32] {
        let batch = distinct(random_batch(2, &bundle, &vec![TOKENS; sentences]));
        group.throughput(Throughput::Elements((sentences * TOKENS) as u64));
        group.bench_function(format!("native, batch {sentences}"), |b| {
            b.iter(|| native.emissions(black_box(&batch), &[head], &cancel))
        });
        #[cfg(feature = "onnx")]
        group.bench_function(format!("onnx, batch {sentences}"), |b| {
            b.iter(|| onnx.emissions(black_box(&batch), &[head], &cancel))
        });
    }
    group.finish();
    c.bench_function("open, H=171", |b| b.iter(|| Native::open(black_box(&bundle), &EngineOptions::default())));
}

/// The batch with the words that its sentences use, and no others.
fn distinct(batch: Batch) -> Batch {
    let mut used: Vec<u32> = batch.sentences.iter().flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    let place = |word: &u32| used.binary_search(word).unwrap() as u32;
    Batch {
        sentences: batch.sentences.iter().map(|sentence| sentence.iter().map(place).collect()).collect(),
        words: used.iter().map(|&word| batch.words[word as usize].clone()).collect(),
    }
}

fn decoding(c: &mut Criterion<CpuTime>) {
    let (mut rng, cancel) = (ChaCha8Rng::seed_from_u64(3), Cancel::new());
    let mut group = c.benchmark_group("CRF");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for labels in [9, 17, 50] {
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 6.0 - 3.0).collect() };
        let emissions = draw(TOKENS * labels);
        let transitions = Transitions { labels, start: draw(labels), end: draw(labels), pairs: draw(labels * labels) };
        let gold: Vec<u16> = (0..TOKENS).map(|t| (t * 7 % labels) as u16).collect();
        group.bench_function(format!("viterbi, {labels} labels"), |b| {
            b.iter(|| crf::viterbi(black_box(&emissions), &transitions, &cancel))
        });
        group.bench_function(format!("5 best, {labels} labels"), |b| {
            b.iter(|| crf::nbest(black_box(&emissions), &transitions, 5, &cancel))
        });
        group.bench_function(format!("marginals, {labels} labels"), |b| {
            b.iter(|| crf::marginals(black_box(&emissions), &transitions, 1.0, &cancel));
        });
        let prepared = crf::Prepared::new(&transitions);
        group.bench_function(format!("likelihood and gradient, {labels} labels"), |b| {
            b.iter_batched_ref(
                || (vec![0.0; emissions.len()], Transitions::zeros(labels)),
                |(dy, da)| prepared.negative_log_likelihood(black_box(&emissions), &gold, dy, da),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = engines, decoding
}
criterion_main!(benches);
