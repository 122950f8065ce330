//! Both engines give the same labels on random networks.
#![cfg(feature = "onnx")]

mod common;

use common::scorer::{combine as combine_by, exercises, given_vectors, random_scorer};
use common::{Sizes, onnx_options, random_batch, random_bundle, random_contents};
use libmtl::Cancel;
use libmtl::bundle::manifest::{Activation, Combine, Context, Encoder, Scorer as Settings, Summary, Task};
use libmtl::bundle::{Bundle, write};
use libmtl::engine::{self, Batch, Engine, EngineOptions, Head};
use libmtl::kernels::Kernel;
use libmtl::kernels::crf::{Constraints, Transitions, viterbi};
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The largest difference of an emission between the engines. Both compute in 32 bits, in other orders.
const BETWEEN_ENGINES: f32 = 1e-3;
/// The largest difference that ONNX Runtime's choice of kernels by batch size may make.
const BETWEEN_BATCHES: f32 = 1e-4;
/// Both, for a probability of a small scorer.
const OF_A_SCORER: f32 = 1e-5;

fn random_sizes(rng: &mut ChaCha8Rng) -> Sizes {
    let mut char_widths = vec![1, 2, 3, 4, 5];
    char_widths.shuffle(rng);
    char_widths.truncate(rng.random_range(1..5));
    Sizes {
        word_dim: rng.random_range(1..40),
        char_dim: rng.random_range(1..20),
        char_widths,
        char_filters: rng.random_range(1..20),
        highway_layers: rng.random_range(0..3),
        highway_activation: if rng.random() { Activation::Selu } else { Activation::Relu },
        hidden: rng.random_range(1..40),
        specific_layers: rng.random(),
        constrained: rng.random(),
        scale: rng.random_range(0.05..0.5),
        ..Sizes::default()
    }
}

/// Every output layer of a bundle.
fn heads(bundle: &Bundle) -> Vec<Head> {
    let of = |(task, t): (usize, &Task)| {
        let languages = (0..t.languages.len()).map(Some).chain([None]);
        languages.map(|language| Head { task, language }).collect::<Vec<_>>()
    };
    bundle.manifest().tasks.iter().enumerate().flat_map(of).collect()
}

fn labels(bundle: &Bundle, task: &Task, emissions: &[f32]) -> Vec<u16> {
    let weights = |part: &str| {
        let tensor = bundle.tensor(&format!("task.{}.crf.{part}", task.name)).unwrap();
        tensor.data.iter().map(|value| value.to_f32()).collect::<Vec<f32>>()
    };
    let (start, end, pairs) = (weights("start"), weights("end"), weights("transitions"));
    let mut transitions = Transitions { labels: task.labels.len(), start, end, pairs };
    if task.constrained {
        transitions = Constraints::from_labels(&task.labels, task.scheme).apply(&transitions);
    }
    viterbi(emissions, &transitions, &Cancel::new()).unwrap().0
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn shuffled(batch: &Batch, rng: &mut ChaCha8Rng) -> (Vec<usize>, Batch) {
    let mut order: Vec<usize> = (0..batch.sentences.len()).collect();
    order.shuffle(rng);
    let sentences = order.iter().map(|&sentence| batch.sentences[sentence].clone()).collect();
    (order, Batch { words: batch.words.clone(), sentences })
}

/// The largest difference between the engines, with equal labels.
fn compare(bundle: &Bundle, native: &dyn Engine, onnx: &dyn Engine, batch: &Batch) -> f32 {
    let mut largest: f32 = 0.0;
    for head in heads(bundle) {
        let task = &bundle.manifest().tasks[head.task];
        let ours = native.emissions(batch, &[head], &Cancel::new()).unwrap().remove(0);
        let theirs = onnx.emissions(batch, &[head], &Cancel::new()).unwrap().remove(0);
        assert_eq!(ours.len(), batch.sentences.len());
        for (sentence, (a, b)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(a.len(), batch.sentences[sentence].len() * task.labels.len());
            largest = largest.max(difference(a, b));
            assert_eq!(labels(bundle, task, a), labels(bundle, task, b), "{head:?}, sentence {sentence}");
        }
    }
    largest
}

#[test]
fn engines_agree_on_random_networks() {
    let mut largest: f32 = 0.0;
    for seed in 100..124 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let folder = random_bundle(seed, &random_sizes(&mut rng));
        let bundle = Bundle::open(folder.path()).unwrap();
        // Labels of a random network are near ties: only a kernel that rounds nothing gives them all.
        let exact = Some(Kernel::exact().name());
        let native = engine::open(&bundle, &EngineOptions { kernel: exact, ..EngineOptions::default() }).unwrap();
        let onnx = engine::open(&bundle, &onnx_options()).unwrap();
        let lengths: Vec<usize> = (0..30).map(|_| rng.random_range(1..40)).collect();
        let batch = random_batch(seed, &bundle, &lengths);
        largest = largest.max(compare(&bundle, &*native, &*onnx, &batch));
    }
    println!("largest difference between engines: {largest:e}");
    assert!(largest <= BETWEEN_ENGINES, "{largest}");
}

/// A random network with hidden sizes up to 512, whose word vectors are ordinary, subnormal in half precision, or so large that
/// they saturate the gates.
fn extreme_bundle(rng: &mut ChaCha8Rng) -> tempfile::TempDir {
    let hidden = 512f64.powf(rng.random()).round() as usize;
    // Larger recurrent weights make the network chaotic: any rounding would grow with the length.
    let scale = 1.0 / (hidden as f32).sqrt().max(2.5);
    let mut contents = random_contents(rng.random(), &Sizes { hidden, scale, ..random_sizes(rng) });
    let width = contents.manifest.architecture.word_dim;
    let table = contents.tensors.get_mut("word.embedding").unwrap();
    for (i, value) in table.data.iter_mut().enumerate() {
        *value = half::f16::from_f32(value.to_f32() * [1.0, 1e-5, 300.0][i / width % 3]);
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &contents).unwrap();
    folder
}

/// Each kernel beside ONNX Runtime: hidden 1 to 512, batch 1 to 65, lengths 1 to 200 mixed, extreme word vectors. Emissions are
/// within `BETWEEN_ENGINES` (1 + |y|), and labels the same, but in one sentence of a hundred where two paths tie. Kernels that round
/// an LSTM's factors are left out: the library's unit tests bound what they differ by.
#[test]
fn each_kernel_agrees_with_onnx_runtime_on_random_shapes() {
    let seed = std::env::var("MTL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("MTL_TEST_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut largest, mut ties, mut sentences): (f32, usize, usize) = (0.0, 0, 0);
    for _ in 0..8 {
        let folder = extreme_bundle(&mut rng);
        let bundle = Bundle::open(folder.path()).unwrap();
        let batch = 65f64.powf(rng.random()).round() as usize;
        let lengths: Vec<usize> = (0..batch).map(|_| rng.random_range(1..=200)).collect();
        let batch = random_batch(rng.random(), &bundle, &lengths);
        let head = heads(&bundle)[rng.random_range(0..heads(&bundle).len())];
        let task = &bundle.manifest().tasks[head.task];
        let emissions = |options: &EngineOptions| {
            engine::open(&bundle, options).unwrap().emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0)
        };
        let theirs = emissions(&onnx_options());
        for kernel in Kernel::available().filter(|kernel| !kernel.name().rounds()) {
            let options = EngineOptions { kernel: Some(kernel.name()), ..EngineOptions::default() };
            for (ours, theirs) in emissions(&options).iter().zip(&theirs) {
                let relative = |(a, b): (&f32, &f32)| (a - b).abs() / (1.0 + b.abs());
                assert_eq!(ours.len(), theirs.len());
                assert!(ours.iter().all(|value| value.is_finite()));
                largest = ours.iter().zip(theirs).map(relative).fold(largest, f32::max);
                assert!(largest <= BETWEEN_ENGINES, "kernel {}: {largest:e}", kernel.name());
                sentences += 1;
                if labels(&bundle, task, ours) != labels(&bundle, task, theirs) {
                    ties += 1;
                }
            }
        }
    }
    println!("largest difference {largest:e}, other labels in {ties} of {sentences} sentences");
    assert!(ties * 100 <= sentences, "other labels in {ties} of {sentences} sentences");
}

#[test]
fn engines_agree_at_the_sizes_of_a_real_model() {
    let sizes = Sizes {
        words_per_language: 500,
        word_dim: 50,
        char_dim: 30,
        char_filters: 50,
        hidden: 100,
        scale: 0.08,
        ..Sizes::default()
    };
    let folder = random_bundle(200, &sizes);
    let bundle = Bundle::open(folder.path()).unwrap();
    let native = engine::open(&bundle, &EngineOptions::default()).unwrap();
    let onnx = engine::open(&bundle, &onnx_options()).unwrap();
    let batch = random_batch(200, &bundle, &[1, 7, 80, 23, 24, 25, 300, 2]);
    let largest = compare(&bundle, &*native, &*onnx, &batch);
    println!("largest difference between engines: {largest:e}");
    assert!(largest <= BETWEEN_ENGINES, "{largest}");
}

#[test]
fn a_sentence_does_not_depend_on_its_neighbours() {
    for seed in 300..306 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let folder = random_bundle(seed, &random_sizes(&mut rng));
        let bundle = Bundle::open(folder.path()).unwrap();
        let native = engine::open(&bundle, &EngineOptions::default()).unwrap();
        let onnx = engine::open(&bundle, &onnx_options()).unwrap();
        let lengths: Vec<usize> = (0..100).map(|_| rng.random_range(1..30)).collect();
        let batch = random_batch(seed, &bundle, &lengths);
        let head = heads(&bundle)[rng.random_range(0..heads(&bundle).len())];
        let (order, mixed) = shuffled(&batch, &mut rng);
        for (engine, tolerance) in [(&native, 0.0), (&onnx, BETWEEN_BATCHES)] {
            let together = engine.emissions(&mixed, &[head], &Cancel::new()).unwrap().remove(0);
            for (place, &sentence) in order.iter().enumerate() {
                let alone = Batch { words: batch.words.clone(), sentences: vec![batch.sentences[sentence].clone()] };
                let alone = engine.emissions(&alone, &[head], &Cancel::new()).unwrap().remove(0);
                let found = difference(&together[place], &alone[0]);
                assert!(found <= tolerance, "{}: seed {seed}, {head:?}: {found}", engine.report().engine);
            }
        }
    }
}

/// ONNX Runtime computes several heads in one run of the graph; groups of sentences may then be others.
#[test]
fn a_head_does_not_depend_on_the_others() {
    for seed in 400..406 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let folder = random_bundle(seed, &random_sizes(&mut rng));
        let bundle = Bundle::open(folder.path()).unwrap();
        let lengths: Vec<usize> = (0..100).map(|_| rng.random_range(1..30)).collect();
        let batch = random_batch(seed, &bundle, &lengths);
        let mut heads = heads(&bundle);
        heads.shuffle(&mut rng);
        let other = heads.iter().position(|head| head.task != heads[0].task).unwrap();
        let heads = [heads[0], heads[other]];
        for (options, tolerance) in [(EngineOptions::default(), 0.0), (onnx_options(), BETWEEN_BATCHES)] {
            let engine = engine::open(&bundle, &options).unwrap();
            let together = engine.emissions(&batch, &heads, &Cancel::new()).unwrap();
            assert_eq!(together.len(), 2);
            for (head, together) in heads.into_iter().zip(&together) {
                let alone = engine.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0);
                assert_eq!(together.len(), alone.len());
                let found = together.iter().zip(&alone).map(|(a, b)| difference(a, b)).fold(0.0, f32::max);
                assert!(found <= tolerance, "{}: seed {seed}, {head:?}: {found}", engine.report().engine);
            }
        }
    }
}

fn score(scorer: &Scorer, exercises: &[Exercise]) -> Vec<Vec<f32>> {
    let scored = scorer.score(exercises, &ScoreOptions::default(), &Cancel::new()).unwrap();
    scored.into_iter().map(Result::unwrap).collect()
}

/// Every choice of encoders, in some order, with every way to join them, one to three layers, one or two
/// convolutions, and word vectors of its own or given.
fn scorer_architectures(rng: &mut ChaCha8Rng) -> Vec<impl Fn(&mut Settings) + use<>> {
    let mut architectures = Vec::new();
    for subset in 1..8 {
        let all = [Encoder::Word, Encoder::CharLstm, Encoder::CharCnn];
        let mut encoders: Vec<Encoder> = (0..3).filter(|i| subset & (1 << i) != 0).map(|i| all[i]).collect();
        encoders.shuffle(rng);
        for (context, combine) in [
            (Context::Shared, Combine::Product),
            (Context::Shared, Combine::Concat),
            (Context::Own, Combine::Product),
            (Context::Own, Combine::Concat),
            (Context::Shared, Combine::None),
        ] {
            let (encoders, layers) = (encoders.clone(), [rng.random_range(1..4), rng.random_range(1..4)]);
            let (convolutions, last) = (rng.random_range(1..3), rng.random::<bool>());
            let given = (encoders.contains(&Encoder::Word) && rng.random::<bool>()).then_some(6);
            let [user_bias, history] = [0; 2].map(|_| combine != Combine::None && rng.random::<bool>());
            architectures.push(move |settings: &mut Settings| {
                let a = &mut settings.architecture;
                (a.encoders, a.context) = (encoders.clone(), context);
                [a.word_layers, a.char_layers] = layers;
                (a.char_convolutions, a.user_bias, a.history) = (convolutions, user_bias, history);
                a.char_summary = if last { Summary::Last } else { Summary::Mean };
                combine_by(settings, combine);
                if let Some(width) = given {
                    given_vectors(settings, width);
                }
            });
        }
    }
    architectures
}

/// The engines agree on every architecture, and an exercise scores alike in any company.
#[test]
fn engines_agree_on_random_scorers() {
    let mut rng = ChaCha8Rng::seed_from_u64(500);
    let mut given = 0;
    let (mut between_engines, mut between_batches): (f32, f32) = (0.0, 0.0);
    for (seed, architecture) in scorer_architectures(&mut rng).iter().enumerate() {
        let folder = random_scorer(seed as u64, architecture);
        let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
        let native = Scorer::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
        let onnx = Scorer::open(bundle, &onnx_options()).unwrap();
        let mut exercises = exercises(seed as u64, 120);
        for exercise in exercises.iter_mut() {
            let numbers = exercise.words.len() * native.given_width().unwrap_or(0);
            exercise.vectors = (0..numbers).map(|_| rng.random::<f32>() - 0.5).collect();
        }
        given += usize::from(native.given_width().is_some());
        let together = score(&onnx, &exercises);
        let distinct: BTreeSet<u32> = together.iter().flatten().map(|p| p.to_bits()).collect();
        assert!(distinct.len() > 50, "{} probabilities", distinct.len());
        for (exercise, (ours, theirs)) in exercises.iter().zip(score(&native, &exercises).iter().zip(&together)) {
            between_engines = between_engines.max(difference(ours, theirs));
            let alone = score(&onnx, std::slice::from_ref(exercise));
            between_batches = between_batches.max(difference(&alone[0], theirs));
        }
    }
    println!("largest difference between engines: {between_engines:e}, between batches: {between_batches:e}");
    assert!(given > 3, "{given} architectures that are given word vectors");
    assert!(between_engines <= OF_A_SCORER && between_batches <= OF_A_SCORER);
}
