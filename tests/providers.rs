//! ONNX Runtime's build for GPUs, on a machine that has none or lacks CUDA's libraries: refusals and reports. The build is
//! large, so nobody fetches it for a test: `MTL_TEST_ORT_GPU` names its `libonnxruntime.so.1.28.0`. A process loads one
//! ONNX Runtime, so these tests have a program of their own.
#![cfg(feature = "onnx")]

mod common;

use common::{Sizes, random_batch, random_bundle};
use libmtl::bundle::Bundle;
use libmtl::engine::{self, Attempt, Engine, EngineKind, EngineOptions, GpuOptions, Head, Provider, ProviderRequest};
use libmtl::{Cancel, ErrorKind};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Engines on the build for GPUs, with these providers; `None`, and a line in the log, where none is named.
fn with(test: &str, requests: &[(Provider, bool)]) -> Option<EngineOptions> {
    let Some(library) = std::env::var_os("MTL_TEST_ORT_GPU").map(PathBuf::from) else {
        // Not by `eprintln`: the harness would keep that to itself.
        let mut log = std::io::stderr();
        writeln!(log, "skipped: {test}: MTL_TEST_ORT_GPU names no build for GPUs").unwrap();
        return None;
    };
    let providers = requests.iter().map(|&(provider, required)| ProviderRequest { provider, required }).collect();
    Some(EngineOptions { engine: EngineKind::Onnx, library: Some(library), providers, ..EngineOptions::default() })
}

/// A provider that cannot run says which file or device it misses; one that runs, what and where.
fn check(attempt: &Attempt) {
    let known = if attempt.used {
        attempt.reason.contains("operators on device 0")
    } else {
        [".so", "CUDA", "device"].iter().any(|word| attempt.reason.contains(word))
            && !attempt.reason.contains("is built without")
    };
    assert!(known, "{attempt:?}");
    assert!(!attempt.used || Path::new("/dev/nvidiactl").exists(), "{attempt:?}");
}

#[test]
fn what_cannot_run_falls_through_and_the_report_names_what_is_missing() {
    let requests = [(Provider::TensorRt, false), (Provider::Cuda, false), (Provider::Cpu, true)];
    let Some(mut options) = with("preferred providers", &requests) else { return };
    let folder = random_bundle(1, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let caches = tempfile::tempdir().unwrap();
    options.gpu =
        GpuOptions { tensorrt_cache: Some(caches.path().into()), tensorrt_fp16: true, ..GpuOptions::default() };
    let gpu = engine::open(&bundle, &options).unwrap();
    let report = gpu.report();
    println!("{report:#?}");
    let names: Vec<&str> = report.providers.iter().map(|attempt| attempt.provider.as_str()).collect();
    assert_eq!(names, ["tensorrt", "cuda", "cpu"]);
    report.providers[..2].iter().for_each(check);
    assert!(report.providers[2].used);
    let native = engine::open(&bundle, &EngineOptions::default()).unwrap();
    let (batch, head) = (random_batch(1, &bundle, &[3, 17, 1]), Head { task: 0, language: None });
    let [found, expected] =
        [&*gpu, &*native].map(|engine: &dyn Engine| engine.emissions(&batch, &[head], &Cancel::new()).unwrap());
    for (found, expected) in found.iter().flatten().flatten().zip(expected.iter().flatten().flatten()) {
        assert!((found - expected).abs() < if report.providers[0].used { 0.05 } else { 1e-3 }, "{found}, {expected}");
    }
}

#[test]
fn what_must_run_and_cannot_is_an_error_that_names_what_is_missing() {
    let folder = random_bundle(2, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let Some(options) = with("required providers", &[(provider, true)]) else { return };
        match engine::open(&bundle, &options) {
            Ok(engine) => check(&engine.report().providers[0]),
            Err(error) => {
                println!("{error}");
                assert_eq!(error.kind(), ErrorKind::Provider);
                assert_eq!(error.place(), format!("required provider {provider}"));
                let reason = error.message().to_string();
                check(&Attempt { provider: provider.to_string(), required: true, used: false, reason });
            }
        }
    }
}
