//! Every bundle of `models/` gives what the trainer computed with libtorch: on every kernel that this processor has, and on
//! ONNX Runtime where it is built in.

mod common;

use libmtl::bundle::manifest::Kind;
use libmtl::bundle::{Bundle, GoldenCase};
use libmtl::engine::{self, EngineOptions, Head};
use libmtl::kernels::{Kernel, KernelName};
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::tagger::{Tagger, features};
use libmtl::zoo::{self, EngineCheck, Pass};
use libmtl::{Cancel, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// By how much `amx-bf16` may move an emission.
const AMX_BF16: f32 = 3e-2;

/// The folders of `models/` that hold a bundle.
fn models() -> Vec<PathBuf> {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut folders: Vec<_> = std::fs::read_dir(zoo).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("bundle.json").is_file());
    folders.sort();
    assert!(!folders.is_empty(), "models/ holds no bundle");
    folders
}

fn check(bundle: &Arc<Bundle>, options: &EngineOptions) -> Result<EngineCheck> {
    let (bundle, cancel) = (Arc::clone(bundle), Cancel::new());
    if bundle.manifest().kind == Kind::Scorer {
        let golden = bundle.golden_exercises()?;
        zoo::verify_scorer(&Scorer::open(bundle, options)?, &golden, &cancel)
    } else {
        let golden = bundle.golden()?;
        zoo::verify(&Tagger::open(bundle, options)?, &golden, &cancel)
    }
}

/// Whether the engine is the kernel `amx-bf16` and only numbers are wrong, within its bound: bfloat16 moves emissions further than
/// golden cases tolerate. Labels are looked at first.
fn rounded(engine: &str, check: &EngineCheck) -> bool {
    let near = |pass: &Pass| {
        pass.difference <= AMX_BF16 && pass.failures.iter().all(|failure| failure.reason.contains(" differs by "))
    };
    engine == KernelName::AmxBf16.name() && near(&check.alone) && near(&check.batched)
}

fn every_model_passes(engine: &str, options: &EngineOptions, between_batches: f32) {
    for folder in models() {
        let check = check(&Arc::new(Bundle::open(&folder).unwrap()), options).unwrap();
        assert!(check.alone.cases > 0, "{}: no golden cases", folder.display());
        assert!(check.passed() || rounded(engine, &check), "{} on {engine}: {check:?}", folder.display());
        assert!(check.batch_difference <= between_batches, "{} on {engine}: {check:?}", folder.display());
        let largest = check.alone.difference.max(check.batched.difference);
        println!("{}: {} cases on {engine}: {largest:e}", folder.display(), check.alone.cases);
    }
}

#[test]
fn every_model_gives_what_the_trainer_computed() {
    for kernel in Kernel::available() {
        let options = EngineOptions { kernel: Some(kernel.name()), ..EngineOptions::default() };
        every_model_passes(kernel.name().name(), &options, 0.0);
    }
}

#[cfg(feature = "onnx")]
#[test]
fn every_model_gives_it_on_onnx_runtime_too() {
    every_model_passes("onnx", &common::onnx_options(), 1e-4);
}

/// What a model computes of its golden cases: a tagger's emissions, a scorer's probabilities.
fn numbers(bundle: &Arc<Bundle>, options: &EngineOptions) -> Vec<f32> {
    let cancel = Cancel::new();
    if bundle.manifest().kind == Kind::Scorer {
        let exercises: Vec<Exercise> = bundle.golden_exercises().unwrap().iter().map(Exercise::from).collect();
        let scorer = Scorer::open(Arc::clone(bundle), options).unwrap();
        let scored = scorer.score(&exercises, &ScoreOptions::default(), &cancel).unwrap();
        return scored.into_iter().flat_map(Result::unwrap).collect();
    }
    let engine = engine::open(bundle, options).unwrap();
    let emissions = |case: GoldenCase| {
        let tasks = &bundle.manifest().tasks;
        let task = tasks.iter().position(|task| task.name == case.task).unwrap();
        let language = tasks[task].languages.iter().position(|language| *language == case.language);
        let batch = features::encode(bundle, &case.language, &[&case.tokens], &cancel).unwrap();
        engine.emissions(&batch, &[Head { task, language }], &cancel).unwrap().remove(0).remove(0)
    };
    bundle.golden().unwrap().into_iter().flat_map(emissions).collect()
}

/// By how much the kernels differ from the generic one; some round what an LSTM multiplies. docs/determinism.md has the figures.
#[test]
fn kernels_differ_in_their_last_digits() {
    for folder in models() {
        let bundle = Arc::new(Bundle::open(&folder).unwrap());
        let of = |name| numbers(&bundle, &EngineOptions { kernel: Some(name), ..EngineOptions::default() });
        let generic = of(KernelName::Generic);
        for name in Kernel::available().map(Kernel::name) {
            let found = of(name);
            assert_eq!(found.len(), generic.len());
            let largest = found.iter().zip(&generic).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{}: {name} against generic: {largest:e}", folder.display());
            let bound = match name {
                KernelName::Avx512Int16 => 5e-3,
                KernelName::Avx512Fp16 => 1e-2,
                KernelName::AmxBf16 => AMX_BF16,
                KernelName::NeonFhm => 2e-3,
                _ => 5e-5,
            };
            assert!(largest <= bound, "{name}: {largest:e}");
        }
        // What is proved of the one is proved of the other.
        if Kernel::named(KernelName::Avx512).is_ok() {
            assert_eq!(of(KernelName::Avx512), of(KernelName::Avx2));
        }
    }
}
