//! The ONNX Runtime engine: providers, limits, threads, and errors that say what to do.
#![cfg(feature = "onnx")]

mod common;

use common::scorer::{exercises, random_scorer};
use common::ustar::Ustar;
use common::{Sizes, onnx_options, random_batch, random_bundle};
use libmtl::bundle::{Bundle, OpenOptions};
use libmtl::engine::{self, Engine, EngineKind, EngineOptions, GpuOptions, Head, Provider, ProviderRequest, WordType};
use libmtl::kernels::KernelName;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Cancel, Error, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn open(bundle: &Bundle, options: &EngineOptions) -> Box<dyn Engine> {
    engine::open(bundle, options).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(bundle: &Bundle, options: &EngineOptions) -> Error {
    engine::open(bundle, options).err().expect("an error")
}

fn with(requests: &[(Provider, bool)]) -> EngineOptions {
    let providers = requests.iter().map(|&(provider, required)| ProviderRequest { provider, required }).collect();
    EngineOptions { providers, ..onnx_options() }
}

#[test]
fn the_report_says_what_runs() {
    let folder = random_bundle(1, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &EngineOptions { threads: 2, ..onnx_options() });
    let report = engine.report();
    assert_eq!((report.engine.as_str(), report.threads), ("onnx", 2));
    assert!(report.version.starts_with("1."), "{report:?}");
    assert_eq!(report.providers.len(), 1);
    assert!(report.providers[0].provider == "cpu" && report.providers[0].used);
    let reason = &report.providers[0].reason;
    let counts: Vec<usize> = reason.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(reason.starts_with("runs ") && counts[0] > 10 && counts[0] == counts[1], "{reason}");
}

#[test]
fn onnx_runtime_opens_no_file_of_the_bundle() {
    let folder = random_bundle(9, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    folder.close().unwrap();
    let engine = open(&bundle, &onnx_options());
    let batch = random_batch(9, &bundle, &[5]);
    assert_eq!(engine.emissions(&batch, &[Head { task: 0, language: None }], &Cancel::new()).unwrap()[0].len(), 1);
}

/// The graph's external data are found by name in memory, not beside a file.
#[test]
fn an_archive_in_memory_computes_what_its_folder_does() {
    let folder = random_bundle(11, &Sizes::default());
    let archive = Ustar::of_folder(folder.path()).bytes();
    let bundles =
        [Bundle::open(folder.path()), Bundle::open_memory(archive, OpenOptions::default())].map(Result::unwrap);
    folder.close().unwrap();
    for options in [EngineOptions::default(), onnx_options()] {
        let batch = random_batch(11, &bundles[0], &[5, 1, 3]);
        let [of_folder, of_archive] = bundles.each_ref().map(|bundle| {
            open(bundle, &options).emissions(&batch, &[Head { task: 0, language: None }], &Cancel::new()).unwrap()
        });
        assert_eq!(of_folder, of_archive);
    }
}

#[test]
fn a_kernel_is_refused_for_the_portable_graph() {
    let folder = random_bundle(12, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let error = refused(&bundle, &EngineOptions { kernel: Some(KernelName::Generic), ..onnx_options() });
    assert!(error.to_string().contains("kernel generic") && error.kind() == ErrorKind::Argument, "{error}");
}

#[test]
fn a_word_cache_is_refused() {
    let error_of = |opened: Result<(), Error>| opened.expect_err("an error");
    let options = EngineOptions { word_cache: Some(0), ..onnx_options() };
    let (tagger, scorer) = (random_bundle(12, &Sizes::default()), random_scorer(12, |_| ()));
    let [tagger, scorer] = [&tagger, &scorer].map(|folder| Arc::new(Bundle::open(folder.path()).unwrap()));
    for error in
        [error_of(engine::open(&tagger, &options).map(drop)), error_of(Scorer::open(scorer, &options).map(drop))]
    {
        assert!(error.to_string().contains("word_cache") && error.kind() == ErrorKind::Argument, "{error}");
    }
}

#[test]
fn too_many_threads_are_refused() {
    let folder = random_bundle(10, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    for options in [EngineOptions::default(), onnx_options()] {
        let error = refused(&bundle, &EngineOptions { threads: 1 << 40, ..options });
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains("at most 1024"), "{error}");
    }
}

#[test]
fn a_preferred_provider_that_is_missing_falls_through_and_the_report_says_why() {
    let folder = random_bundle(2, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let options = with(&[(Provider::TensorRt, false), (Provider::Cuda, false), (Provider::Cpu, true)]);
    let engine = open(&bundle, &options);
    let attempts = &engine.report().providers;
    assert_eq!(attempts.iter().map(|a| a.provider.as_str()).collect::<Vec<_>>(), ["tensorrt", "cuda", "cpu"]);
    for attempt in &attempts[..2] {
        assert!(!attempt.used && !attempt.required, "{attempt:?}");
        assert!(attempt.reason.contains("onnxruntime-gpu"), "{attempt:?}");
    }
    assert!(attempts[2].used && attempts[2].required, "{attempts:?}");
}

#[test]
fn a_required_provider_that_is_missing_is_an_error_that_says_why() {
    let folder = random_bundle(3, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let error = refused(&bundle, &with(&[(provider, true)]));
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert!(error.to_string().contains(&format!("required provider {provider}")), "{error}");
        assert!(error.to_string().contains("is built without"), "{error}");
    }
}

#[test]
fn options_of_gpus_go_with_their_providers_or_are_refused() {
    let folder = random_bundle(12, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let caches = tempfile::tempdir().unwrap();
    let gpu = GpuOptions {
        device: Some(1),
        memory: Some(1 << 30),
        tensorrt_cache: Some(caches.path().join("engines")),
        tensorrt_fp16: true,
        kernel_cache: None,
    };
    let both = EngineOptions { gpu: gpu.clone(), ..with(&[(Provider::TensorRt, false), (Provider::Cuda, false)]) };
    let engine = open(&bundle, &both);
    assert!(engine.report().providers[..2].iter().all(|attempt| !attempt.used), "{:?}", engine.report());
    assert_eq!(engine.report().precision, "fp32 arithmetic on fp16 weights");
    assert!(!caches.path().join("engines").exists());
    for (options, remedy) in [
        (EngineOptions { gpu: gpu.clone(), ..with(&[(Provider::Cpu, true)]) }, "cuda or tensorrt"),
        (EngineOptions { gpu: gpu.clone(), ..with(&[(Provider::Cuda, false)]) }, "provider tensorrt"),
        (EngineOptions { engine: EngineKind::Native, ..both }, "ask the engine `onnx`"),
    ] {
        let error = refused(&bundle, &options);
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains("option ") && error.to_string().contains(remedy), "{error}");
    }
}

#[test]
fn the_native_engine_says_that_it_has_no_provider_but_the_cpu() {
    let folder = random_bundle(13, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let options = with(&[(Provider::Cuda, false), (Provider::Cpu, true)]);
    let engine = open(&bundle, &EngineOptions { engine: EngineKind::Native, ..options });
    let providers = &engine.report().providers;
    let seen: Vec<_> = providers.iter().map(|a| (a.provider.as_str(), a.required, a.used)).collect();
    assert_eq!(seen, [("cuda", false, false), ("cpu", true, true)]);
    assert!(providers[0].reason.contains("processor"), "{providers:?}");
}

#[test]
fn another_library_in_the_same_process_is_refused() {
    let folder = random_bundle(4, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    open(&bundle, &onnx_options());
    let other = tempfile::NamedTempFile::new().unwrap();
    let error = refused(&bundle, &EngineOptions { library: Some(other.path().into()), ..onnx_options() });
    assert!(error.to_string().contains("has loaded another ONNX Runtime already"), "{error}");
    // Without a name, the one that is loaded is taken.
    open(&bundle, &EngineOptions { library: None, ..onnx_options() });
}

#[test]
fn what_the_network_cannot_compute_is_refused() {
    let folder = random_bundle(5, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &onnx_options());
    let good = random_batch(5, &bundle, &[3, 1]);
    let head = Head { task: 0, language: None };
    assert_eq!(engine.emissions(&good, &[head], &Cancel::new()).unwrap()[0].len(), 2);
    let mut cases = vec![(good.clone(), vec![head, Head { task: 9, language: None }], "no task of this number")];
    cases.push((good.clone(), vec![Head { task: 0, language: Some(99) }], "no language of this number"));
    cases.push((good.clone(), vec![head, head], "asked for twice"));
    let mut batch = good.clone();
    batch.words[0].row = u32::MAX;
    cases.push((batch, vec![head], "beyond the word table"));
    let mut batch = good.clone();
    batch.words[0].chars.push(u32::MAX);
    cases.push((batch, vec![head], "beyond the character table"));
    let mut batch = good.clone();
    batch.sentences[1][0] = u32::MAX;
    cases.push((batch, vec![head], "not in the batch"));
    let mut batch = good;
    batch.sentences[0].clear();
    cases.push((batch, vec![head], "is empty"));
    for (batch, heads, words) in cases {
        let error = engine.emissions(&batch, &heads, &Cancel::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_long_sentence_works_and_a_word_beyond_the_limit_is_refused() {
    let folder = random_bundle(6, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &onnx_options());
    let head = Head { task: 1, language: Some(0) };
    let mut batch = random_batch(6, &bundle, &[100_000, 2]);
    let emissions = engine.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0);
    let labels = bundle.manifest().tasks[1].labels.len();
    assert_eq!(emissions.iter().map(|e| e.len() / labels).collect::<Vec<_>>(), [100_000, 2]);
    assert!(emissions.iter().flatten().all(|value| value.is_finite()));
    batch.words.push(WordType { row: 0, chars: vec![3; 50_000_000] });
    batch.sentences.push(vec![batch.words.len() as u32 - 1]);
    let error = engine.emissions(&batch, &[head], &Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("native engine"), "{error}");
}

#[test]
fn no_sentences_give_no_emissions() {
    let folder = random_bundle(7, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &onnx_options());
    assert!(
        engine.emissions(&Default::default(), &[Head { task: 0, language: None }], &Cancel::new()).unwrap()[0]
            .is_empty()
    );
}

#[test]
fn many_threads_share_an_engine() {
    let folder = random_bundle(8, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &onnx_options());
    let batch = random_batch(8, &bundle, &[4, 9, 1]);
    let head = Head { task: 0, language: Some(1) };
    let expected = engine.emissions(&batch, &[head], &Cancel::new()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..5).for_each(|_| assert_eq!(engine.emissions(&batch, &[head], &Cancel::new()).unwrap(), expected))
            });
        }
    });
}

#[test]
fn a_cancelled_call_stops_between_sub_batches_and_the_engine_lives_on() {
    let folder = random_bundle(9, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = open(&bundle, &onnx_options());
    let (head, small) = (Head { task: 0, language: Some(1) }, random_batch(9, &bundle, &[4, 9, 1]));
    let expected = engine.emissions(&small, &[head], &Cancel::new()).unwrap();
    let large = random_batch(9, &bundle, &vec![25; 50_000]);
    let late = Cancel::new().with_deadline(Instant::now() + Duration::from_millis(20));
    assert_eq!(engine.emissions(&large, &[head], &late).unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(engine.emissions(&small, &[head], &late).unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(engine.emissions(&small, &[head], &Cancel::new()).unwrap(), expected);
}

fn scorer(folder: &tempfile::TempDir, options: &EngineOptions) -> Result<Scorer, Error> {
    Scorer::open(Arc::new(Bundle::open(folder.path()).unwrap()), options)
}

#[test]
fn a_scorer_reports_what_runs_and_which_provider_is_missing() {
    let folder = random_scorer(20, |_| ());
    let report = scorer(&folder, &with(&[(Provider::Cuda, false)])).unwrap().report().clone();
    assert_eq!((report.engine.as_str(), report.threads, report.providers.len()), ("onnx", 1, 2));
    assert!(!report.providers[0].used && report.providers[0].reason.contains("onnxruntime-gpu"), "{report:?}");
    let counts = report.providers[1].reason.split(' ').filter_map(|word| word.parse().ok()).collect::<Vec<usize>>();
    assert!(report.providers[1].used && counts[0] > 50 && counts[0] == counts[1], "{report:?}");
    let error = scorer(&folder, &with(&[(Provider::Cuda, true)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Provider);
}

#[test]
fn threads_share_a_scorer_and_a_fault_is_that_of_its_exercise() {
    let folder = random_scorer(21, |_| ());
    let mut all = exercises(3, 40);
    all[7].words[0].clear();
    all[9].words.clear();
    all[11].track = "xx_yy".into();
    let options = [EngineOptions::default(), EngineOptions { threads: 2, ..onnx_options() }];
    let [native, onnx] = options.map(|options| scorer(&folder, &options).unwrap());
    let score = |scorer: &Scorer, exercises: &[Exercise]| {
        scorer.score(exercises, &ScoreOptions::default(), &Cancel::new()).unwrap()
    };
    let expected = score(&native, &all);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (found, expected) in score(&onnx, &all).iter().zip(&expected) {
                    match (found, expected) {
                        (Ok(found), Ok(expected)) => {
                            assert_eq!(found.len(), expected.len());
                            found.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a}, not {b}"));
                        }
                        (found, expected) => assert_eq!(
                            found.as_ref().unwrap_err().to_string(),
                            expected.as_ref().unwrap_err().to_string()
                        ),
                    }
                }
            });
        }
    });
    assert!(expected[9].as_ref().unwrap().is_empty());
}

#[test]
fn scoring_stops_between_sub_batches_and_the_scorer_lives_on() {
    let folder = random_scorer(22, |settings| settings.architecture.hidden = 64);
    let scorer = scorer(&folder, &onnx_options()).unwrap();
    let many = exercises(4, 20_000);
    let cancel = Cancel::new().with_deadline(Instant::now() + Duration::from_millis(50));
    let begun = Instant::now();
    let error = scorer.score(&many, &ScoreOptions::default(), &cancel).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(scorer.score(&many[..3], &ScoreOptions::default(), &Cancel::new()).unwrap().iter().all(Result::is_ok));
}
