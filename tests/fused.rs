//! The fused graph: written by `fuse`, run by ONNX Runtime with libmtl's own operator, and the same as the portable graph.
#![cfg(feature = "onnx")]

mod common;

use common::scorer::random_scorer;
use common::{Sizes, onnx_options, paths, random_batch, random_bundle};
use libmtl::bundle::{self, Bundle};
use libmtl::engine::{self, Batch, Engine, EngineKind, EngineOptions, Form, Head, Provider, ProviderRequest};
use libmtl::kernels::crf::{Constraints, Transitions, viterbi};
use libmtl::kernels::{Kernel, KernelName};
use libmtl::scorer::Scorer;
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::{Cancel, ErrorKind, zoo};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The largest difference of an emission between the graphs: both compute in 32 bits, in other orders.
const BETWEEN_GRAPHS: f32 = 1e-4;
/// The same, where the kernel rounds.
const ROUNDED: f32 = 2e-2;
/// The largest difference that ONNX Runtime's choice of kernels by batch size may make to the words' features.
const BETWEEN_BATCHES: f32 = 1e-4;

fn fused_options(threads: usize) -> EngineOptions {
    EngineOptions { graph: Form::Fused, threads, ..onnx_options() }
}

/// The bundle at `from` with its fused graph, in a folder of its own.
fn fused(from: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    bundle::fuse(from, folder.path()).unwrap_or_else(|e| panic!("{e}"));
    folder
}

fn open(bundle: &Bundle, options: &EngineOptions) -> Box<dyn Engine> {
    engine::open(bundle, options).unwrap_or_else(|e| panic!("{e}"))
}

/// Every output layer of a bundle.
fn heads(bundle: &Bundle) -> Vec<Head> {
    let tasks = bundle.manifest().tasks.iter().enumerate();
    let of = |(task, languages): (usize, usize)| {
        (0..languages).map(Some).chain([None]).map(move |language| Head { task, language })
    };
    tasks.map(|(task, t)| (task, t.languages.len())).flat_map(of).collect()
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The labels of one head's sentences, decoded from emissions.
fn decoded(bundle: &Bundle, head: Head, emissions: &[Vec<f32>]) -> Vec<Vec<u16>> {
    let task = &bundle.manifest().tasks[head.task];
    let read = |part: &str| -> Vec<f32> {
        let tensor = bundle.tensor(&format!("task.{}.crf.{part}", task.name)).unwrap();
        tensor.data.iter().map(|value| value.to_f32()).collect()
    };
    let (start, end, pairs) = (read("start"), read("end"), read("transitions"));
    let mut transitions = Transitions { labels: task.labels.len(), start, end, pairs };
    if task.constrained {
        transitions = Constraints::from_labels(&task.labels, task.scheme).apply(&transitions);
    }
    emissions.iter().map(|e| viterbi(e, &transitions, &Cancel::new()).unwrap().0).collect()
}

/// Both graphs of random networks, on random sentences: emissions alike, paths those that the emissions decode to.
#[test]
fn graphs_agree_on_random_networks() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut largest: f32 = 0.0;
    for case in 0..8 {
        let sizes = Sizes {
            hidden: rng.random_range(1..40),
            specific_layers: case % 2 == 0,
            constrained: rng.random(),
            scale: rng.random_range(0.05..0.5),
            ..Sizes::default()
        };
        let folder = fused(random_bundle(rng.random(), &sizes).path());
        let bundle = Bundle::open(folder.path()).unwrap();
        let options = EngineOptions { kernel: Some(Kernel::exact().name()), ..fused_options(1 + case % 3) };
        let (portable, fused) = (open(&bundle, &onnx_options()), open(&bundle, &options));
        let lengths: Vec<usize> = (0..40).map(|_| rng.random_range(1..40)).collect();
        let batch = random_batch(rng.random(), &bundle, &lengths);
        for head in heads(&bundle) {
            let [ours, theirs] =
                [&fused, &portable].map(|engine| engine.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0));
            largest = ours.iter().zip(&theirs).map(|(a, b)| difference(a, b)).fold(largest, f32::max);
            let best = paths(&*fused, &batch, &[head], &Cancel::new()).unwrap().remove(0);
            assert_eq!(best, decoded(&bundle, head, &ours), "seed {seed}, {head:?}");
            assert!(paths(&*portable, &batch, &[head], &Cancel::new()).unwrap()[0].iter().all(Vec::is_empty));
        }
    }
    println!("largest difference between graphs: {largest:e}");
    assert!(largest > 0.0 && largest <= BETWEEN_GRAPHS, "seed {seed}: {largest}");
}

/// A sentence's results hardly depend on its neighbours, its place, or the threads; ONNX Runtime computes the words' features.
#[test]
fn a_sentence_does_not_depend_on_its_neighbours() {
    let folder = fused(random_bundle(31, &Sizes { hidden: 33, ..Sizes::default() }).path());
    let bundle = Bundle::open(folder.path()).unwrap();
    let lengths: Vec<usize> = (0..70).map(|i| 1 + i * 7 % 29).collect();
    let batch = random_batch(31, &bundle, &lengths);
    let all = heads(&bundle);
    let heads = [all[1], all[all.len() - 1]];
    let kernel = Some(Kernel::exact().name());
    let engines = [1, 4].map(|threads| open(&bundle, &EngineOptions { kernel, ..fused_options(threads) }));
    let [together, threaded] =
        engines.each_ref().map(|engine| engine.emissions(&batch, &heads, &Cancel::new()).unwrap());
    for (together, threaded) in together.iter().flatten().zip(threaded.iter().flatten()) {
        assert!(difference(together, threaded) <= BETWEEN_BATCHES);
    }
    let mut largest: f32 = 0.0;
    for (sentence, tokens) in batch.sentences.iter().enumerate() {
        let alone = Batch { words: batch.words.clone(), sentences: vec![tokens.clone()] };
        let alone = engines[0].emissions(&alone, &heads, &Cancel::new()).unwrap();
        for (alone, together) in alone.iter().zip(&together) {
            largest = largest.max(difference(&alone[0], &together[sentence]));
        }
    }
    println!("largest difference between batches: {largest:e}");
    assert!(largest <= BETWEEN_BATCHES, "{largest}");
}

/// Every golden case and every label of the taggers of `models/`, alone and in batches.
#[test]
fn graphs_agree_on_the_models_of_the_zoo() {
    for id in ["mtl-base", "mtl-mobile"] {
        let folder = fused(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(id));
        let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
        for kernel in Kernel::available().map(Kernel::name) {
            let fused_options = EngineOptions { kernel: Some(kernel), ..fused_options(2) };
            let [portable, fused] =
                [onnx_options(), fused_options].map(|options| Tagger::open(Arc::clone(&bundle), &options).unwrap());
            let cases = bundle.golden().unwrap();
            let check = zoo::verify(&fused, &cases, &Cancel::new()).unwrap();
            assert!(check.passed() && check.alone.cases == cases.len() && cases.len() >= 10, "{id}: {check:?}");
            // Rounding may turn the last digit of a feature into one of its own.
            let between_batches = if kernel.rounds() { 10.0 * BETWEEN_BATCHES } else { BETWEEN_BATCHES };
            assert!(check.batch_difference <= between_batches, "{id}: {check:?}");
            let sentences: Vec<&[String]> = cases.iter().map(|case| &case.tokens[..]).collect();
            let mut largest: f32 = 0.0;
            for task in &bundle.manifest().tasks {
                for language in &bundle.manifest().languages {
                    let [ours, theirs] = [&fused, &portable].map(|tagger| {
                        let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
                        let tagged = tagger.tag(&sentences, &task.name, language, &options, &Cancel::new()).unwrap();
                        let emissions = tagger.emissions(&sentences, &task.name, language, &Cancel::new()).unwrap();
                        (tagged, emissions)
                    });
                    assert_eq!(ours.0, theirs.0, "{id}, {}, {language}", task.name);
                    largest = ours.1.iter().zip(&theirs.1).map(|(a, b)| difference(a, b)).fold(largest, f32::max);
                }
            }
            println!("{id}, {kernel}: {} golden cases, largest difference between graphs {largest:e}", cases.len());
            let bound = if kernel.rounds() { ROUNDED } else { BETWEEN_GRAPHS };
            assert!(largest <= bound, "{id}, {kernel}: {largest}");
        }
    }
}

/// Confidences and n-best come from the same emissions as the path.
#[test]
fn scores_and_paths_belong_together() {
    let folder = fused(random_bundle(32, &Sizes::default()).path());
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let tagger = Tagger::open(bundle, &fused_options(1)).unwrap();
    let words = ["Anna", "bor", "i", "Odense", "."].map(String::from);
    let tag = |options| tagger.tag(&[&words, &words[..2], &[]], "ner", "da", &options, &Cancel::new()).unwrap();
    let plain = tag(DecodeOptions::default());
    let scored = tag(DecodeOptions { scores: true, nbest: 2, ..DecodeOptions::default() });
    for (plain, scored) in plain.iter().zip(&scored) {
        assert_eq!((&plain.labels, plain.spans.len()), (&scored.labels, scored.spans.len()));
        assert!(plain.scores.is_empty() && scored.scores.len() == scored.labels.len());
    }
}

/// A sentence of 100,000 tokens beside a short one, on several threads; and a call that is stopped leaves the engine as it was.
#[test]
fn long_sentences_and_stopped_calls() {
    let folder = fused(random_bundle(35, &Sizes::default()).path());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &fused_options(2));
    let head = Head { task: 0, language: Some(1) };
    let long = random_batch(35, &bundle, &[100_000, 2]);
    let found = engine.emissions(&long, &[head], &Cancel::new()).unwrap().remove(0);
    let best = paths(&*engine, &long, &[head], &Cancel::new()).unwrap().remove(0);
    assert_eq!(best.iter().map(Vec::len).collect::<Vec<_>>(), [100_000, 2]);
    assert_eq!(best, decoded(&bundle, head, &found));
    let many = random_batch(35, &bundle, &vec![25; 50_000]);
    let late = Cancel::new().with_deadline(Instant::now() + Duration::from_millis(20));
    assert_eq!(paths(&*engine, &many, &[head], &late).unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(paths(&*engine, &long, &[head], &Cancel::new()).unwrap().remove(0), best);
}

#[test]
fn the_report_names_the_kernel_and_counts_fewer_operators() {
    let folder = fused(random_bundle(33, &Sizes::default()).path());
    let bundle = Bundle::open(folder.path()).unwrap();
    let [portable, fused] = [onnx_options(), fused_options(1)].map(|options| open(&bundle, &options));
    assert_eq!(portable.report().kernel, None);
    assert_eq!(fused.report().kernel.as_deref(), Some(Kernel::best().name().name()));
    let generic = EngineOptions { kernel: Some(KernelName::Generic), ..fused_options(1) };
    let report = open(&bundle, &generic).report().clone();
    assert_eq!((report.kernel.as_deref(), &*report.precision), (Some("generic"), "fp32 arithmetic on fp16 weights"));
    let operators = |engine: &dyn Engine| -> usize {
        let reason = &engine.report().providers[0].reason;
        reason.split(' ').find_map(|word| word.parse().ok()).unwrap()
    };
    assert!(operators(&*fused) + 10 < operators(&*portable), "{:?}", fused.report());
}

#[track_caller]
fn refused(bundle: &Bundle, options: &EngineOptions, kind: ErrorKind, words: &[&str]) {
    let error = engine::open(bundle, options).err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
}

#[test]
fn what_cannot_run_the_fused_graph_says_so() {
    let folder = random_bundle(34, &Sizes::default());
    let without = Bundle::open(folder.path()).unwrap();
    refused(&without, &fused_options(1), ErrorKind::Argument, &["random has no fused graph", "mtl fuse"]);
    let folder = fused(folder.path());
    let bundle = Bundle::open(folder.path()).unwrap();
    let native = EngineOptions { engine: EngineKind::Native, ..fused_options(1) };
    refused(&bundle, &native, ErrorKind::Argument, &["the fused graph is for ONNX Runtime", "native"]);
    let missing = if cfg!(feature = "cuda") { "is built without cuda" } else { "runs on the processor only" };
    for (provider, words) in [(Provider::Cuda, missing), (Provider::TensorRt, "runs on the processor and on cuda")] {
        let with = |required| {
            let providers = vec![ProviderRequest { provider, required }];
            EngineOptions { providers, ..fused_options(1) }
        };
        let place = format!("required provider {provider}");
        refused(&bundle, &with(true), ErrorKind::Provider, &[&place, words]);
        let engine = open(&bundle, &with(false));
        let attempts = &engine.report().providers;
        assert!(!attempts[0].used && attempts[0].reason.contains(words), "{attempts:?}");
        assert!(attempts[1].used, "{attempts:?}");
    }
    let scorer = random_scorer(34, |_| ());
    for (options, words) in [(fused_options(1), "for taggers"), (native, "for ONNX Runtime")] {
        let error = Scorer::open(Arc::new(Bundle::open(scorer.path()).unwrap()), &options).unwrap_err();
        assert!(error.kind() == ErrorKind::Argument && error.to_string().contains(words), "{error}");
    }
}
