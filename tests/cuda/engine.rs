//! The engine `cuda` on the stand-in for the driver, against the native engine; and its refusals.

use crate::common::{Sizes as Shape, paths, random_batch, random_bundle, scorer};
use crate::fake::{Fake, OUT_OF_MEMORY};
use crate::random;
use libmtl::bundle::Bundle;
use libmtl::engine::{self, EngineKind, EngineOptions, GpuOptions, Head, Provider, ProviderRequest};
use libmtl::kernels::crf::{Transitions, viterbi};
use libmtl::kernels::cuda::{Architecture, Sizes};
use libmtl::scorer::Scorer;
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::{Cancel, Error, ErrorKind, zoo};
use rand::RngExt;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Feature rows and states are rounded to half precision.
const TOLERANCE: f32 = 1e-2;

/// The engine on the stand-in, whose kernels are in its folder.
fn options(fake: &Fake) -> EngineOptions {
    let gpu = GpuOptions { kernel_cache: Some(fake.folder.path().into()), ..GpuOptions::default() };
    EngineOptions { engine: EngineKind::Cuda, library: Some(fake.path.clone()), gpu, ..EngineOptions::default() }
}

/// A bundle with random weights whose kernels the stand-in has.
fn bundle(fake: &Fake, seed: u64, architecture: Architecture) -> (TempDir, Arc<Bundle>) {
    let folder = random_bundle(seed, &Shape::default());
    let bundle = provided(fake, folder.path(), architecture);
    (folder, bundle)
}

/// The bundle in this folder, whose kernels the stand-in gets.
fn provided(fake: &Fake, folder: &Path, architecture: Architecture) -> Arc<Bundle> {
    let bundle = Bundle::open(folder).unwrap();
    let shape = &bundle.manifest().architecture;
    let inputs = shape.word_dim + shape.char_filters * shape.char_widths.len();
    let sizes = Sizes::new(inputs, shape.hidden, 1, architecture).unwrap();
    let labels: Vec<usize> = bundle.manifest().tasks.iter().map(|task| task.labels.len()).collect();
    fake.provide_network(sizes, &labels, architecture);
    Arc::new(bundle)
}

/// What the tagger decodes a task with.
fn transitions(tagger: &Tagger, task: usize) -> &Transitions {
    tagger.transitions(&tagger.manifest().tasks[task].name).unwrap()
}

/// The score of a path that breaks no rule, or minus infinity.
fn score(transitions: &Transitions, emissions: &[f32], path: &[u16]) -> f32 {
    let labels = transitions.labels;
    let at = |t: usize| usize::from(path[t]);
    let steps: f32 = (1..path.len()).map(|t| transitions.pairs[at(t) * labels + at(t - 1)]).sum();
    let states: f32 = (0..path.len()).map(|t| emissions[t * labels + at(t)]).sum();
    transitions.start[at(0)] + transitions.end[at(path.len() - 1)] + steps + states
}

#[test]
fn emissions_and_paths_are_those_of_the_native_engine() {
    let mut rng = random();
    for (architecture, capability) in [(Architecture::AMPERE, [8, 0]), (Architecture::HOPPER, [9, 0])] {
        let fake = Fake::new();
        fake.gpu(1, capability);
        let (_folder, bundle) = bundle(&fake, rng.random(), architecture);
        let native = engine::open(&bundle, &EngineOptions::default()).unwrap();
        let tagger = Tagger::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
        let cuda = engine::open(&bundle, &options(&fake)).unwrap();
        let heads = [Head { task: 1, language: None }, Head { task: 0, language: Some(1) }];
        // More sentences than run together, of which the last call has none left in the cache of words.
        let lengths: Vec<usize> = (0..40).map(|_| rng.random_range(1..=9)).collect();
        let batch = random_batch(rng.random(), &bundle, &lengths);
        let expected = native.emissions(&batch, &heads, &Cancel::new()).unwrap();
        let found = cuda.emissions(&batch, &heads, &Cancel::new()).unwrap();
        let paths = paths(&*cuda, &batch, &heads, &Cancel::new()).unwrap();
        for (head, (paths, (found, expected))) in heads.iter().zip(paths.iter().zip(found.iter().zip(&expected))) {
            let transitions = transitions(&tagger, head.task);
            for (path, (found, expected)) in paths.iter().zip(found.iter().zip(expected)) {
                assert_eq!((found.len(), path.len() * transitions.labels), (expected.len(), expected.len()));
                for (a, b) in found.iter().zip(expected) {
                    assert!((a - b).abs() < TOLERANCE * (1.0 + b.abs()), "emission {a} instead of {b}");
                }
                let (best, highest) = viterbi(found, transitions, &Cancel::new()).unwrap();
                let score = score(transitions, found, path);
                assert!(*path == best || (score - highest).abs() < 1e-4, "a path of {score}, the best has {highest}");
            }
        }
        let alone = cuda.emissions(&batch, &heads[1..], &Cancel::new()).unwrap();
        assert!(alone[0] == found[1], "a head alone differs");
        drop(cuda);
        fake.check();
    }
}

#[test]
fn a_tagger_takes_the_path_that_the_engine_found_and_says_where_it_runs() {
    let fake = Fake::new();
    let (_folder, bundle) = bundle(&fake, 7, Architecture::HOPPER);
    let native = Tagger::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
    let cuda = Tagger::open(Arc::clone(&bundle), &options(&fake)).unwrap();
    let report = cuda.report();
    assert_eq!((report.engine.as_str(), report.kernel.as_deref()), ("cuda", Some("bilstm_cluster")));
    let place = fake.folder.path().display();
    let reason = format!("GPU 0, Emulated GPU, sm_90a, driver of CUDA 13.2; 5 kernels found in {place}; NOT RUN");
    assert!(report.providers[0].used && report.providers[0].reason.starts_with(&reason), "{report:?}");
    let sentence: Vec<String> = ["Anna", "ser", "en", "by", "."].map(String::from).to_vec();
    let (sentences, options) = ([&sentence[..], &sentence[1..], &[]], DecodeOptions::default());
    // Of other random weights, two labels may be as good as each other.
    for task in ["upos", "ner"] {
        let [native, cuda] = [&native, &cuda].map(|t| t.tag(&sentences, task, "da", &options, &Cancel::new()).unwrap());
        assert_eq!(cuda, native, "{task}");
        assert!(cuda[2].labels.is_empty() && cuda[0].labels.len() == 5);
    }
    drop(cuda);
    fake.check();
}

/// A shipped model: its golden cases alone and together, with the clusters of an H100.
#[test]
fn the_golden_cases_of_a_shipped_model_pass() {
    let fake = Fake::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-mobile");
    let tagger = Tagger::open(provided(&fake, &folder, Architecture::HOPPER), &options(&fake)).unwrap();
    let found = zoo::verify(&tagger, &tagger.bundle().golden().unwrap(), &Cancel::new()).unwrap();
    println!("emissions differ by {:.1e} at most", found.alone.difference);
    assert!(found.passed() && found.alone.cases > 0 && found.batch_difference == 0.0, "{found:?}");
    drop(tagger);
    fake.check();
}

#[test]
fn short_memory_leaves_the_engine_usable_and_calls_may_come_at_once() {
    let mut rng = random();
    let fake = Fake::new();
    let (_folder, bundle) = bundle(&fake, rng.random(), Architecture::HOPPER);
    let cuda = engine::open(&bundle, &options(&fake)).unwrap();
    let (heads, cancel) = ([Head { task: 1, language: Some(0) }], Cancel::new());
    let batch = random_batch(rng.random(), &bundle, &[4, 1, 3]);
    fake.fail("cuMemAlloc_v2", 1, OUT_OF_MEMORY);
    let error = paths(&*cuda, &batch, &heads, &cancel).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.advice().contains("the model can be used on"), "{error}");
    let expected = paths(&*cuda, &batch, &heads, &cancel).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(paths(&*cuda, &batch, &heads, &Cancel::new()).unwrap(), expected));
        }
    });
    cancel.cancel();
    assert_eq!(paths(&*cuda, &batch, &heads, &cancel).unwrap_err().kind(), ErrorKind::Interrupted);
    drop(cuda);
    fake.check();
}

/// The error of opening `bundle`.
fn refused(bundle: &Bundle, options: EngineOptions) -> Error {
    engine::open(bundle, &options).err().expect("a refusal")
}

#[test]
fn what_the_engine_cannot_do_is_refused() {
    let fake = Fake::new();
    let folder = random_bundle(1, &Shape::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let none = EngineOptions { library: Some(Path::new("/nowhere/libcuda.so.1").into()), ..options(&fake) };
    let error = refused(&bundle, none);
    assert_eq!((error.kind(), error.place()), (ErrorKind::Engine, "/nowhere/libcuda.so.1"));
    assert!(error.message().starts_with("no CUDA driver (") && error.advice().contains("native engine"), "{error}");
    let gpu = |gpu| EngineOptions { gpu, ..options(&fake) };
    let memory = GpuOptions { memory: Some(1 << 30), ..GpuOptions::default() };
    assert!(refused(&bundle, gpu(memory)).message().starts_with("option gpu_memory "));
    let missing = GpuOptions { kernel_cache: Some(fake.folder.path().join("none")), ..GpuOptions::default() };
    assert!(refused(&bundle, gpu(missing)).message().contains("is not a folder"));
    let second = GpuOptions { device: Some(1), ..GpuOptions::default() };
    assert_eq!(refused(&bundle, gpu(second)).message(), "there is no GPU 1: the CUDA driver has 1");
    let providers = vec![ProviderRequest { provider: Provider::Cuda, required: false }];
    let error = refused(&bundle, EngineOptions { providers, ..options(&fake) });
    assert!(error.kind() == ErrorKind::Argument && error.message().contains("belong to ONNX Runtime"), "{error}");
    let folder = scorer::random_scorer(1, |_| ());
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let error = Scorer::open(bundle, &options(&fake)).err().unwrap();
    assert_eq!(error.message(), "the engine cuda runs taggers, and this is a scorer");
    fake.check();
}

#[test]
fn the_gpus_of_a_machine_are_named() {
    let fake = Fake::new();
    let found = engine::cuda::available(&options(&fake)).unwrap();
    assert_eq!(found, "driver of CUDA 13.2; GPU 0: Emulated GPU, sm_90a");
    fake.gpu(0, [9, 0]);
    assert_eq!(engine::cuda::available(&options(&fake)).unwrap_err().message(), "the CUDA driver has no GPU");
    fake.check();
}
