//! Exercises a second of the scorer: the native engine, the same without the cache of its characters' features, and ONNX Runtime:
//! `make bench-scorer`.
//!
//! All get the same exercises (one track, one to nine words that the model does not know) on one thread each, over and over, so
//! that the cache is warm. They take turns, block by block, and what counts is the CPU time of the process: the ratio of a round is of blocks side
//! by side, so that neighbours on the machine and a clock that moves disturb little. Results are medians over the rounds.

#[path = "../tests/common/mod.rs"]
mod common;
mod rounds;

use common::onnx_options;
use common::scorer::{exercises, random_scorer};
use libmtl::Cancel;
use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use rounds::{cpu_seconds, quartiles};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

/// Exercises of the work list; each block goes over all of them, in calls of one or of many.
const EXERCISES: usize = 256;

fn main() {
    // `cargo bench` passes `--bench`; a path beside it takes the JSON.
    let output = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    // As export/configs/slam-paper.toml has them: those of Hu 2020's released code.
    let published = random_scorer(1, |settings| {
        let a = &mut settings.architecture;
        (a.embedding, a.hidden, a.word_layers, a.char_layers) = (150, 150, 2, 3);
        (a.char_widths, a.char_filters, a.char_convolutions) = (vec![2, 3, 4, 5], 256, 2);
    });
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sla-demo");
    let mut results = Vec::new();
    for (name, folder, rounds) in [("sla-demo", demo.as_path(), 41), ("published sizes", published.path(), 9)] {
        let bundle = Arc::new(Bundle::open(folder).unwrap());
        let uncached = EngineOptions { word_cache: Some(0), ..EngineOptions::default() };
        let scorers = [EngineOptions::default(), uncached, onnx_options()];
        let [native, uncached, onnx] = scorers.map(|o| Scorer::open(Arc::clone(&bundle), &o).unwrap());
        let mut work = exercises(1, EXERCISES);
        work.iter_mut().for_each(|exercise| exercise.track.clone_from(&native.tracks()[0]));
        for size in [1, EXERCISES] {
            results.push(compare(name, [&native, &uncached, &onnx], &work, size, rounds));
        }
    }
    let words: usize = exercises(1, EXERCISES).iter().map(|exercise| exercise.words.len()).sum();
    let results = json!({
        "command": "make bench-scorer", "machine": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "threads": 1, "exercises": EXERCISES, "words": words, "results": results,
    });
    if let Some(path) = output {
        std::fs::write(&path, serde_json::to_string_pretty(&results).unwrap() + "\n").unwrap();
    }
}

/// Exercises a second of each at `size` exercises a call, and how many times faster the native engine is than the others.
fn compare(model: &str, scorers: [&Scorer; 3], work: &[Exercise], size: usize, rounds: usize) -> Value {
    let mut seconds = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (scorer, seconds) in scorers.iter().zip(&mut seconds) {
            let begun = cpu_seconds();
            for call in work.chunks(size) {
                black_box(scorer.score(black_box(call), &ScoreOptions::default(), &Cancel::new()).unwrap());
            }
            // The first round warms up.
            if round > 0 {
                seconds.push(cpu_seconds() - begun);
            }
        }
    }
    let ratio = |other: &[f64]| {
        let ratios = seconds[0].iter().zip(other).map(|(native, other)| other / native).collect();
        quartiles(ratios).map(|ratio| (ratio * 100.0).round() / 100.0)
    };
    let ratios = [ratio(&seconds[1]), ratio(&seconds[2])];
    let [uncached, onnx] = ratios.map(|[low, median, high]| json!({ "median": median, "quartiles": [low, high] }));
    let speed = seconds.map(|seconds| (work.len() as f64 / quartiles(seconds)[1]).round());
    println!(
        "{model}, {size} a call: native {} exercises a second, without its cache {}, onnx {}; its speed over theirs {:?}",
        speed[0], speed[1], speed[2], ratios
    );
    json!({
        "model": model, "exercises_a_call": size, "rounds": rounds,
        "exercises_a_second": { "native": speed[0], "native_without_cache": speed[1], "onnx": speed[2] },
        "native_to_onnx": onnx, "native_to_native_without_cache": uncached,
    })
}
