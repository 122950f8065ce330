//! Adapting to a learner, by the words of their history: `cargo bench --bench adapt -- --quick`.
//!
//! Once with the zoo's scorer, and once with random weights of the published sizes. CPU time of one thread: compare figures
//! of one run only.

#[path = "../tests/common/mod.rs"]
mod common;
mod cpu_time;

use common::scorer::{exercises, random_scorer};
use cpu_time::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libmtl::Cancel;
use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Labelled, Scorer};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

/// The answers of somebody whom no model knows: so many words, about a seventh of them mistakes.
fn history(track: &str, words: usize) -> Vec<Labelled> {
    let mut history = Vec::new();
    let mut rest = words;
    for (number, mut exercise) in exercises(1, words).into_iter().enumerate() {
        exercise.words.truncate(rest);
        rest -= exercise.words.len();
        (exercise.track, exercise.user) = (track.into(), "nobody".into());
        let mistakes = (0..exercise.words.len()).map(|word| (number + word) % 7 == 0).collect();
        history.push(Labelled { exercise, mistakes });
        if rest == 0 {
            break;
        }
    }
    history
}

fn adapt(c: &mut Criterion<CpuTime>) {
    // As export/configs/slam-paper.toml has them: those of Hu 2020's released code.
    let published = random_scorer(1, |settings| {
        let a = &mut settings.architecture;
        (a.embedding, a.hidden, a.word_layers, a.char_layers) = (150, 150, 2, 3);
        (a.char_widths, a.char_filters, a.char_convolutions) = (vec![2, 3, 4, 5], 256, 2);
        a.users = 500;
    });
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sla-demo");
    for (name, folder) in [("sla-demo", demo.as_path()), ("published sizes", published.path())] {
        let bundle = Arc::new(Bundle::open(folder).unwrap());
        let scorer = Scorer::open(bundle, &EngineOptions::default()).unwrap();
        let mut group = c.benchmark_group(format!("adapt, {name}"));
        for words in [20, 100, 500] {
            let history = history(&scorer.tracks()[0], words);
            group.throughput(Throughput::Elements(words as u64));
            group.bench_function(format!("{words} words"), |b| {
                b.iter(|| black_box(scorer.adapt(black_box(&history), None, &Cancel::new()).unwrap()));
            });
        }
    }
}

criterion_group!(name = benches; config = Criterion::default().with_measurement(CpuTime); targets = adapt);
criterion_main!(benches);
