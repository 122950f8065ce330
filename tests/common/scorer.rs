//! Small random scorers, and exercises for them.

use half::f16;
use libmtl::bundle::manifest::*;
use libmtl::bundle::{Contents, Tensor, layout, write};
use libmtl::scorer::Exercise;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use tempfile::TempDir;

const ALPHABET: &str = "abcdefghij";

/// A scorer with random weights in a folder of its own; `change` changes its sizes.
pub fn random_scorer(seed: u64, change: impl FnOnce(&mut Scorer)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &random_contents(seed, change)).unwrap();
    dir
}

/// The settings of a scorer's contents.
pub fn settings(contents: &mut Contents) -> &mut Scorer {
    contents.manifest.scorer.as_mut().unwrap()
}

/// Sets how the decoder joins, and with `Combine::None` leaves no ids.
pub fn combine(settings: &mut Scorer, combine: Combine) {
    let a = &mut settings.architecture;
    a.combine = combine;
    if combine == Combine::None {
        (a.users, a.countries, a.clients, a.sessions, a.formats) = (1, 1, 1, 1, 1);
    }
}

/// Lets whoever scores give word vectors of `width` numbers.
pub fn given_vectors(settings: &mut Scorer, width: usize) {
    let a = &mut settings.architecture;
    (a.word_width, a.word_vectors) = (Some(width), WordVectors::Given);
    a.words.iter_mut().for_each(|rows| *rows = 1);
}

/// The contents of such a scorer.
pub fn random_contents(seed: u64, change: impl FnOnce(&mut Scorer)) -> Contents {
    let scaling = Scaling { transform: Transform::Log1p, limit: 100.0, mean: 1.0, scale: 0.7 };
    let mut scorer = Scorer {
        tracks: ["aa_bb", "cc_dd"].map(String::from).to_vec(),
        architecture: ScorerArchitecture {
            embedding: 5,
            hidden: 7,
            users: 6,
            countries: 4,
            clients: 3,
            sessions: 3,
            formats: 4,
            words: vec![20, 31],
            word_width: None,
            word_vectors: WordVectors::Table,
            chars: vec![12, 9],
            char_widths: vec![2, 3],
            char_filters: 3,
            char_convolutions: 1,
            char_summary: Summary::Mean,
            encoders: vec![Encoder::Word, Encoder::CharLstm, Encoder::CharCnn],
            word_layers: 2,
            char_layers: 1,
            context: Context::Shared,
            combine: Combine::Product,
            user_bias: false,
            history: false,
        },
        days: scaling,
        time: scaling,
        alpha: 0.7,
    };
    change(&mut scorer);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let a = scorer.architecture.clone();
    let ids = |prefix: &str, rows: usize| (1..rows as u32).map(|row| (format!("{prefix}{row}"), row)).collect();
    let mut words = BTreeMap::new();
    let mut tables: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::from([
        (layout::USERS.to_string(), ids("u", a.users)),
        (layout::COUNTRIES.to_string(), ids("c", a.countries)),
        (layout::CLIENTS.to_string(), ids("k", a.clients)),
        (layout::SESSIONS.to_string(), ids("s", a.sessions)),
        (layout::FORMATS.to_string(), ids("f", a.formats)),
    ]);
    for (i, track) in scorer.tracks.iter().enumerate() {
        let chars = ALPHABET.chars().map(String::from).zip(2..a.chars[i] as u32);
        tables.insert(layout::chars(track), chars.collect());
        let own: BTreeMap<String, u32> = (1..a.words[i] as u32).map(|row| (word(&mut rng), row)).collect();
        words.insert(track.clone(), own);
    }
    let manifest = manifest(scorer);
    let tensors = layout::expected(&manifest).into_iter().map(|(name, shape)| {
        let count = shape.iter().product();
        let mut data: Vec<f16> = (0..count).map(|_| f16::from_f32(rng.random::<f32>() - 0.5)).collect();
        if name.ends_with("char.embedding") {
            data[..a.embedding].fill(f16::ZERO);
        }
        (name, Tensor { shape, data })
    });
    let tensors = tensors.collect();
    Contents { manifest, tensors, words, tables, golden: Vec::new(), exercises: Vec::new() }
}

fn manifest(scorer: Scorer) -> Manifest {
    Manifest {
        format: FORMAT,
        oldest_reader: 1,
        id: "random-scorer".into(),
        version: "0.1.0".into(),
        kind: Kind::Scorer,
        description: "Random weights, for tests".into(),
        languages: Vec::new(),
        tasks: Vec::new(),
        architecture: Architecture::default(),
        text: TextSettings::default(),
        scorer: Some(scorer),
        files: BTreeMap::new(),
        metrics: Vec::new(),
        licences: Licences { code: "MIT".into(), weights: "CC0-1.0".into(), data: Vec::new() },
        training: Training { command: "none".into(), commit: "none".into(), seed: 0 },
    }
}

fn word(rng: &mut ChaCha8Rng) -> String {
    let letters: Vec<char> = ALPHABET.chars().collect();
    (0..rng.random_range(1..9)).map(|_| letters[rng.random_range(0..letters.len())]).collect()
}

/// `count` exercises of one to nine words, known and unknown ones.
pub fn exercises(seed: u64, count: usize) -> Vec<Exercise> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let exercise = |_| {
        let mut id = |prefix: &str, rows: u32| format!("{prefix}{}", rng.random_range(0..rows + 2));
        let (user, country) = (id("u", 6), id("c", 4));
        let (client, session, format) = (id("k", 3), id("s", 3), id("f", 4));
        Exercise {
            track: ["aa_bb", "cc_dd"][rng.random_range(0..2)].into(),
            user,
            countries: vec![country],
            days: rng.random::<f64>() * 30.0,
            client,
            session,
            format,
            time: rng.random::<bool>().then(|| f64::from(rng.random_range(0..60))),
            words: (0..rng.random_range(1..10)).map(|_| word(&mut rng)).collect(),
            vectors: Vec::new(),
        }
    };
    (0..count).map(exercise).collect()
}
