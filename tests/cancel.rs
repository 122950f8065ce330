//! Cancelling and deadlines: calls stop soon, give nothing but the error, and leave the model as it was. And a pool of
//! threads that models share.

mod common;

use common::{Sizes, random_batch, random_bundle, random_word};
use libmtl::bundle::Bundle;
use libmtl::engine::native::Native;
use libmtl::engine::{Engine, EngineOptions, Head, Pool};
use libmtl::tagger::{DecodeOptions, MAX_TOKEN_BYTES, Tagger, Tagging};
use libmtl::{Cancel, ErrorKind, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a stop may take here: tests run unoptimised, beside others. The figure to keep is [`PROMISED`].
const BOUND: Duration = Duration::from_millis(250);

/// What a stop may take of an optimised build on a machine of its own.
const PROMISED: Duration = Duration::from_millis(10);

/// The size of the published network, and one that leaves all the time to decoding.
fn sizes(network: bool) -> Sizes {
    let published = Sizes { word_dim: 50, char_dim: 50, char_filters: 20, hidden: 171, scale: 0.1, ..Sizes::default() };
    if network { published } else { Sizes { hidden: 1, char_filters: 1, highway_layers: 0, ..Sizes::default() } }
}

/// Something that takes long.
struct Work {
    tagger: Tagger,
    sentences: Vec<Vec<String>>,
    options: DecodeOptions,
    _folder: TempDir,
}

impl Work {
    fn new(network: bool, threads: usize, sentences: Vec<Vec<String>>, options: DecodeOptions) -> Self {
        let folder = random_bundle(1, &sizes(network));
        let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
        let tagger = Tagger::open(bundle, &EngineOptions { threads, ..EngineOptions::default() }).unwrap();
        Self { tagger, sentences, options, _folder: folder }
    }

    fn tag(&self, cancel: &Cancel) -> Result<Vec<Tagging>> {
        let sentences: Vec<&[String]> = self.sentences.iter().map(Vec::as_slice).collect();
        self.tagger.tag(&sentences, "ner", "da", &self.options, cancel)
    }

    /// Cancels `count` calls at random times; how long each took from there, the shortest first.
    fn delays(&self, count: usize) -> Vec<Duration> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let begin = Instant::now();
        let _ = self.tag(&Cancel::new().with_deadline(begin + Duration::from_secs(1)));
        let window = begin.elapsed();
        let mut delays = Vec::new();
        for _ in 0..count {
            let (cancel, wait) = (Cancel::new(), window.mul_f64(rng.random_range(0.0..0.8)));
            let cancelled = std::thread::scope(|scope| {
                let canceller = scope.spawn(|| {
                    std::thread::sleep(wait);
                    let now = Instant::now();
                    cancel.cancel();
                    now
                });
                let result = self.tag(&cancel);
                let end = Instant::now();
                result.err().map(|e| (e, end.saturating_duration_since(canceller.join().unwrap())))
            });
            // A call that was quicker than the first one may have ended before.
            if let Some((error, delay)) = cancelled {
                assert_eq!(error.kind(), ErrorKind::Interrupted);
                delays.push(delay);
            }
        }
        assert!(delays.len() * 2 > count, "{} of {count} calls were cancelled", delays.len());
        delays.sort();
        delays
    }
}

/// Tokens of `forms` random forms.
fn tokens(length: usize, forms: usize) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let forms: Vec<String> = (0..forms).map(|_| random_word(&mut rng)).collect();
    (0..length).map(|_| forms[rng.random_range(0..forms.len())].clone()).collect()
}

fn long_batch(threads: usize) -> Work {
    let sentences = tokens(1024 * 25, 20_000).chunks(25).map(<[String]>::to_vec).collect();
    Work::new(true, threads, sentences, DecodeOptions::default())
}

/// Work whose time goes into the network.
fn networks() -> Vec<(&'static str, Work)> {
    let alone = |sentence| Work::new(true, 1, vec![sentence], DecodeOptions::default());
    let huge = (0..64).map(|i| format!("{i:02}{}", "x".repeat(MAX_TOKEN_BYTES - 2))).collect();
    vec![
        ("1,024 sentences, one thread", long_batch(1)),
        ("1,024 sentences, two threads", long_batch(2)),
        ("a sentence of 100,000 tokens", alone(tokens(100_000, 1000))),
        ("tokens of 64 KiB", alone(huge)),
    ]
}

/// Work whose time goes into decoding. Giving back its memory, some 100 MB, is most of what a stop takes.
fn decoding() -> (&'static str, Work) {
    let options = DecodeOptions { scores: true, nbest: 3, zero_shot: false };
    ("confidences and n-best of 100,000 tokens", Work::new(false, 1, vec![tokens(100_000, 1000)], options))
}

#[test]
fn work_stops_soon_after_it_is_cancelled() {
    for (name, work) in networks().into_iter().chain([decoding()]) {
        let delays = work.delays(5);
        println!("{name}: {delays:?}");
        assert!(delays[delays.len() / 2] < BOUND, "{name}: {delays:?}");
    }
}

/// `cargo test --release --test cancel -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: it needs an optimised build and a machine of its own"]
fn work_stops_within_the_promised_time() {
    for (name, work) in networks() {
        let delays = work.delays(20);
        println!("{name}: median {:?}, longest {:?}", delays[delays.len() / 2], delays[delays.len() - 1]);
        assert!(delays[delays.len() / 2] <= PROMISED, "{name}");
    }
}

#[test]
fn a_model_works_on_after_a_call_was_stopped() {
    let work = long_batch(2);
    let few = |cancel: &Cancel| work.tagger.tag(&[&work.sentences[0]], "ner", "da", &work.options, cancel);
    let before = few(&Cancel::new()).unwrap();
    let deadline = Instant::now() + Duration::from_millis(40);
    let cancel = Cancel::new().with_deadline(deadline);
    assert_eq!(work.tag(&cancel).unwrap_err().kind(), ErrorKind::Deadline);
    let late = Instant::now().checked_duration_since(deadline).expect("not before the deadline");
    assert!(late < BOUND, "{late:?} late");
    assert_eq!(few(&cancel).unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(few(&Cancel::new()).unwrap(), before);
}

#[test]
fn nothing_is_begun_that_is_cancelled_or_too_late() {
    let work = long_batch(1);
    let cancelled = Cancel::new();
    cancelled.cancel();
    cancelled.cancel();
    let late = Cancel::new().with_deadline(Instant::now());
    for (cancel, kind) in [(&cancelled, ErrorKind::Interrupted), (&late, ErrorKind::Deadline)] {
        for _ in 0..2 {
            let begin = Instant::now();
            assert_eq!(work.tag(cancel).unwrap_err().kind(), kind);
            assert!(begin.elapsed() < BOUND);
            assert_eq!(work.tagger.emissions(&[], "ner", "da", cancel).unwrap_err().kind(), kind);
        }
    }
}

/// Two models on one pool, under more callers than it has threads: the same bits as each alone on one thread.
#[test]
fn a_shared_pool_changes_no_bit() {
    let pool = Arc::new(Pool::new(3).unwrap());
    let folders = [11, 12].map(|seed| random_bundle(seed, &Sizes { hidden: 23, ..Sizes::default() }));
    let bundles = folders.each_ref().map(|folder| Bundle::open(folder.path()).unwrap());
    let lengths: Vec<usize> = (0..40).map(|i| 1 + i * 7 % 31).collect();
    let (head, cancel) = (Head { task: 0, language: Some(0) }, Cancel::new());
    let cases = bundles.each_ref().map(|bundle| {
        let options = EngineOptions { threads: 3, pool: Some(Arc::clone(&pool)), ..EngineOptions::default() };
        let shared = Native::open(bundle, &options).unwrap();
        assert_eq!(shared.report().threads, 3);
        let batch = random_batch(3, bundle, &lengths);
        let alone = Native::open(bundle, &EngineOptions::default()).unwrap();
        let expected = bits(&alone.emissions(&batch, &[head], &cancel).unwrap()[0]);
        (shared, batch, expected)
    });
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let (shared, batch, expected) = &cases[caller % 2];
            let cancel = &cancel;
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(&bits(&shared.emissions(batch, &[head], cancel).unwrap()[0]), expected);
                }
            });
        }
    });
    drop(cases);
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn a_pool_without_threads_leaves_the_callers() {
    let folder = random_bundle(1, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let pool = Some(Arc::new(Pool::new(0).unwrap()));
    let native = Native::open(&bundle, &EngineOptions { threads: 8, pool, ..EngineOptions::default() }).unwrap();
    assert_eq!(native.report().threads, 1);
    let batch = random_batch(3, &bundle, &[3, 1]);
    assert_eq!(native.emissions(&batch, &[Head { task: 0, language: None }], &Cancel::new()).unwrap()[0].len(), 2);
}

fn bits(emissions: &[Vec<f32>]) -> Vec<Vec<u32>> {
    emissions.iter().map(|sentence| sentence.iter().map(|value| value.to_bits()).collect()).collect()
}
