//! Every bundle of `models/` gives what the trainer computed with libtorch: on every kernel that this processor has, and on
//! ONNX Runtime where it is built in.

mod common;

use libmtl::bundle::Bundle;
use libmtl::bundle::manifest::Kind;
use libmtl::engine::EngineOptions;
use libmtl::kernels::Kernel;
use libmtl::scorer::Scorer;
use libmtl::tagger::Tagger;
use libmtl::zoo::{self, EngineCheck};
use libmtl::{Cancel, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

fn every_model_passes(engine: &str, options: &EngineOptions, between_batches: f32) {
    for folder in models() {
        let check = check(&Arc::new(Bundle::open(&folder).unwrap()), options).unwrap();
        assert!(check.alone.cases > 0, "{}: no golden cases", folder.display());
        assert!(check.passed(), "{} on {engine}: {check:?}", folder.display());
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
