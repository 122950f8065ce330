//! What several tests need: small random bundles.
#![allow(dead_code)]

pub mod scorer;
pub mod ustar;

use half::f16;
use libmtl::bundle::manifest::*;
use libmtl::bundle::{Contents, GoldenCase, Tensor, layout, write};
use libmtl::engine::{Batch, Engine, Found, Head};
use libmtl::text::scheme::Scheme;
use libmtl::{Cancel, Result};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Mutex;
use tempfile::TempDir;

/// The shape of a random bundle.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub languages: Vec<&'static str>,
    pub words_per_language: usize,
    pub word_dim: usize,
    pub char_dim: usize,
    pub char_widths: Vec<usize>,
    pub char_filters: usize,
    pub highway_layers: usize,
    pub highway_activation: Activation,
    pub hidden: usize,
    pub specific_layers: bool,
    pub constrained: bool,
    /// Standard deviation of the weights.
    pub scale: f32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            languages: vec!["da", "en", "ru"],
            words_per_language: 40,
            word_dim: 7,
            char_dim: 5,
            char_widths: vec![2, 3, 4],
            char_filters: 6,
            highway_layers: 2,
            highway_activation: Activation::Selu,
            hidden: 9,
            specific_layers: true,
            constrained: true,
            scale: 0.4,
        }
    }
}

/// The characters that the words are made of; the alphabets of the languages.
pub const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJæøåéABCабвгдежзАБВ0123456789.,'-";

/// A bundle with random weights in a folder of its own.
pub fn random_bundle(seed: u64, sizes: &Sizes) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &random_contents(seed, sizes)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    dir
}

/// What [`random_bundle`] writes. Its golden cases have emissions of zero: nobody has computed them.
pub fn random_contents(seed: u64, sizes: &Sizes) -> Contents {
    println!("random bundle: seed {seed}, {sizes:?}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chars: BTreeMap<String, u32> = distinct_chars().into_iter().zip(2..).collect();
    let mut next_row = 1;
    let mut words = BTreeMap::new();
    for language in &sizes.languages {
        words.insert(language.to_string(), random_words(&mut rng, sizes.words_per_language, &mut next_row));
    }
    let manifest = manifest(sizes, next_row as usize, chars.len() + 2);
    let mut tensors = BTreeMap::new();
    for (name, shape) in layout::expected(&manifest) {
        let count = shape.iter().product();
        let mut data: Vec<f16> = (0..count).map(|_| f16::from_f32(normal(&mut rng) * sizes.scale)).collect();
        if name == "char.embedding" {
            data[..sizes.char_dim].fill(f16::ZERO);
        }
        tensors.insert(name, Tensor { shape, data });
    }
    let golden = golden(&manifest, &words);
    let tables = BTreeMap::from([(layout::CHARS.to_string(), chars)]);
    Contents { manifest, tensors, words, tables, golden, exercises: Vec::new() }
}

/// A random word form, known or not.
pub fn random_word(rng: &mut impl Rng) -> String {
    let alphabet: Vec<char> = ALPHABET.chars().collect();
    let length = rng.random_range(1..12);
    (0..length).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect()
}

fn distinct_chars() -> Vec<String> {
    let all: std::collections::BTreeSet<char> = ALPHABET.chars().collect();
    all.into_iter().map(String::from).collect()
}

fn random_words(rng: &mut impl Rng, count: usize, next_row: &mut u32) -> BTreeMap<String, u32> {
    let mut words = BTreeMap::new();
    while words.len() < count {
        if let std::collections::btree_map::Entry::Vacant(place) = words.entry(random_word(rng)) {
            place.insert(*next_row);
            *next_row += 1;
        }
    }
    words
}

/// A number of about the standard normal distribution.
fn normal(rng: &mut impl Rng) -> f32 {
    (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0
}

fn manifest(sizes: &Sizes, words: usize, chars: usize) -> Manifest {
    let languages: Vec<String> = sizes.languages.iter().map(ToString::to_string).collect();
    let kinds = ["PER", "LOC"];
    let spans = kinds.iter().flat_map(|kind| ["B", "I", "E", "S"].map(|prefix| format!("{prefix}-{kind}")));
    let ner = Task {
        name: "ner".into(),
        scheme: Scheme::Bioes,
        labels: std::iter::once("O".to_string()).chain(spans).collect(),
        languages: languages[..languages.len().div_ceil(2)].to_vec(),
        temperature: BTreeMap::from([(languages[0].clone(), 1.5)]),
        constrained: sizes.constrained,
    };
    let upos = Task {
        name: "upos".into(),
        scheme: Scheme::Plain,
        labels: ["NOUN", "VERB", "X"].map(String::from).to_vec(),
        languages,
        temperature: BTreeMap::new(),
        constrained: false,
    };
    Manifest {
        format: FORMAT,
        oldest_reader: 1,
        id: "random".into(),
        version: "0.1.0".into(),
        kind: Kind::Tagger,
        description: "Random weights, for tests".into(),
        languages: upos.languages.clone(),
        tasks: vec![ner, upos],
        architecture: architecture(sizes, words, chars),
        text: TextSettings {
            tokeniser: "ud".into(),
            word_lookup: vec![LookupStep::Exact, LookupStep::Lower, LookupStep::Digits],
            fallback_language: None,
            ptb_escapes: true,
            char_boundaries: false,
        },
        scorer: None,
        files: BTreeMap::new(),
        metrics: Vec::new(),
        licences: Licences { code: "MIT".into(), weights: "CC0-1.0".into(), data: Vec::new() },
        training: Training { command: "none".into(), commit: "none".into(), seed: 0 },
    }
}

fn architecture(sizes: &Sizes, words: usize, chars: usize) -> Architecture {
    Architecture {
        word_dim: sizes.word_dim,
        words,
        char_dim: sizes.char_dim,
        chars,
        char_widths: sizes.char_widths.clone(),
        char_filters: sizes.char_filters,
        highway_layers: sizes.highway_layers,
        highway_activation: sizes.highway_activation,
        hidden: sizes.hidden,
        specific_layers: sizes.specific_layers,
    }
}

/// One case for each task and language.
fn golden(manifest: &Manifest, words: &BTreeMap<String, BTreeMap<String, u32>>) -> Vec<GoldenCase> {
    let mut cases = Vec::new();
    for task in &manifest.tasks {
        for language in &task.languages {
            let tokens: Vec<String> = words[language].keys().take(4).cloned().collect();
            cases.push(GoldenCase {
                task: task.name.clone(),
                language: language.clone(),
                labels: vec![task.labels[0].clone(); tokens.len()],
                emissions: vec![vec![0.0; task.labels.len()]; tokens.len()],
                tolerance: 0.02,
                tokens,
            });
        }
    }
    cases
}

/// ONNX Runtime from `ORT_DYLIB_PATH`, or from the folder that `make deps` fills.
#[cfg(feature = "onnx")]
pub fn onnx_options() -> libmtl::engine::EngineOptions {
    let fetched = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime");
    let library = libmtl::engine::onnx::library_from_environment().unwrap_or_else(fetched);
    assert!(library.exists(), "{} does not exist: run `make deps`, or set ORT_DYLIB_PATH", library.display());
    libmtl::engine::EngineOptions {
        engine: libmtl::engine::EngineKind::Onnx,
        library: Some(library),
        ..Default::default()
    }
}

/// Sentences of these lengths over random word types, known and unknown ones, short and long.
pub fn random_batch(seed: u64, bundle: &libmtl::bundle::Bundle, lengths: &[usize]) -> Batch {
    println!("random batch: seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let architecture = &bundle.manifest().architecture;
    let mut word = || {
        let length = if rng.random_range(0..20) == 0 { rng.random_range(1..60) } else { rng.random_range(1..9) };
        libmtl::engine::WordType {
            row: rng.random_range(0..architecture.words as u32),
            chars: (0..length).map(|_| rng.random_range(1..architecture.chars as u32)).collect(),
        }
    };
    let words: Vec<_> = (0..60).map(|_| word()).collect();
    let mut token = || rng.random_range(0..words.len() as u32);
    let sentences = lengths.iter().map(|&length| (0..length).map(|_| token()).collect()).collect();
    Batch { words, sentences }
}

/// For each of `heads`, the best path that `engine` finds of each sentence; empty where it hands over emissions.
pub fn paths(engine: &dyn Engine, batch: &Batch, heads: &[Head], cancel: &Cancel) -> Result<Vec<Vec<Vec<u16>>>> {
    let paths = Mutex::new(vec![vec![Vec::new(); batch.sentences.len()]; heads.len()]);
    engine.run(batch, heads, true, cancel, &|head, sentence, found| {
        if let Found::Path(path) = found {
            paths.lock().unwrap()[head][sentence] = path.to_vec();
        }
        Ok(())
    })?;
    Ok(paths.into_inner().unwrap())
}
