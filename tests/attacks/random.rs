//! Random damage: whatever happens to a bundle's bytes, it is refused, and nothing panics.

use crate::Victim;
use crate::common::scorer;
use crate::common::ustar::{Ustar, seal};
use libmtl::Cancel;
use libmtl::bundle::{Bundle, OpenOptions};
use libmtl::engine::EngineOptions;
use libmtl::scorer::{ScoreOptions, Scorer};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::sync::Arc;

const ROUNDS: usize = 10_000;

/// Changes a few bytes, or the length.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.random()),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff].get(rng.random_range(0..5)).unwrap(),
            4 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            _ if at < bytes.len() => bytes[at] = rng.random(),
            _ => bytes.push(rng.random()),
        }
    }
}

fn files(victim: &Victim) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<_> =
        victim.path().read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), victim.read(&name))).collect()
}

/// Ten thousand damaged bundles, none accepted.
#[test]
fn damage_is_refused() {
    let seed = 20_261_123;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let victim = Victim::new();
    let files = files(&victim);
    for round in 0..ROUNDS {
        let (name, good) = &files[rng.random_range(0..files.len())];
        let mut bytes = good.clone();
        mutate(&mut bytes, &mut rng);
        if bytes == *good {
            continue;
        }
        fs::write(victim.file(name), &bytes).unwrap();
        assert!(Bundle::open(victim.path()).is_err(), "seed {seed}, round {round}: damage to {name} was accepted");
        fs::write(victim.file(name), good).unwrap();
    }
    Bundle::open(victim.path()).unwrap();
}

/// Damage whose digests were made to fit meets the parsers themselves: they may accept harmless changes (another
/// weight, another word), but do not panic.
#[test]
fn forged_damage_does_not_panic() {
    let seed = 11_232_026;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let victim = Victim::new();
    let mut files = files(&victim);
    files.retain(|(name, _)| name != "bundle.sha256");
    let manifest = victim.read("bundle.json");
    let mut accepted = 0;
    for round in 0..ROUNDS / 4 {
        let (name, good) = &files[rng.random_range(0..files.len())];
        let mut bytes = good.clone();
        mutate(&mut bytes, &mut rng);
        if name == "bundle.json" {
            victim.manifest(|b| *b = bytes);
        } else {
            victim.forge(name, |b| *b = bytes);
        }
        let trusted = round % 2 == 0;
        if let Ok(bundle) = Bundle::open_with(victim.path(), OpenOptions { trusted }) {
            accepted += 1;
            let _ = bundle.golden();
            assert!(
                bundle
                    .words("da")
                    .unwrap()
                    .iter()
                    .all(|(word, row)| bundle.words("da").unwrap().get(&word) == Some(row))
            );
        }
        fs::write(victim.file(name), good).unwrap();
        victim.manifest(|b| b.clone_from(&manifest));
    }
    println!("{accepted} of {} forgeries were harmless", ROUNDS / 4);
}

/// The same for a scorer, which is then run.
#[test]
fn forged_damage_to_a_scorer_does_not_panic() {
    let seed = 25_112_026;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let victim = Victim::scorer();
    let mut files = files(&victim);
    files.retain(|(name, _)| name != "bundle.sha256");
    let manifest = victim.read("bundle.json");
    let exercises = scorer::exercises(1, 4);
    let mut accepted = 0;
    for round in 0..ROUNDS / 4 {
        let (name, good) = &files[rng.random_range(0..files.len())];
        let mut bytes = good.clone();
        mutate(&mut bytes, &mut rng);
        match name.as_str() {
            "bundle.json" => victim.manifest(|b| *b = bytes),
            _ => victim.forge(name, |b| *b = bytes),
        }
        if let Ok(bundle) = Bundle::open_with(victim.path(), OpenOptions { trusted: round % 2 == 0 }) {
            accepted += 1;
            let _ = bundle.golden_exercises();
            if let Ok(scorer) = Scorer::open(Arc::new(bundle), &EngineOptions::default()) {
                let _ = scorer.score(&exercises, &ScoreOptions::default(), &Cancel::new());
            }
        }
        fs::write(victim.file(name), good).unwrap();
        victim.manifest(|b| b.clone_from(&manifest));
    }
    assert!(accepted > 100, "{accepted} forgeries were harmless: the scorer was hardly run");
}

/// Five thousand damaged archives, none accepted; trusted ones at least do not panic.
#[test]
fn damage_to_an_archive_is_refused() {
    let seed = 20_261_124;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let victim = Victim::new();
    let good = Ustar::of_folder(victim.path()).bytes();
    for round in 0..ROUNDS / 2 {
        let mut bytes = good.clone();
        mutate(&mut bytes, &mut rng);
        if bytes == good {
            continue;
        }
        let opened = Bundle::open_memory(bytes.clone(), OpenOptions::default());
        assert!(opened.is_err(), "seed {seed}, round {round}: accepted");
        if let Ok(bundle) = Bundle::open_memory(bytes, OpenOptions { trusted: true }) {
            let _ = bundle.golden();
        }
    }
    Bundle::open_memory(good, OpenOptions::default()).unwrap();
}

/// Damage to headers whose checksums were made to fit is refused, or changes nothing of the bundle (a date, a mode).
#[test]
fn forged_headers_change_nothing() {
    let seed = 11_242_026;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let victim = Victim::new();
    let good = Ustar::of_folder(victim.path());
    let open = |archive: &Ustar| Bundle::open_memory(archive.bytes(), OpenOptions::default());
    let digest = open(&good).unwrap().digest().to_string();
    let mut accepted = 0;
    for round in 0..ROUNDS / 4 {
        let mut forged = good.clone();
        let entry = rng.random_range(0..forged.entries.len());
        let header = &mut forged.entries[entry].1[..512];
        for _ in 0..rng.random_range(1..4) {
            header[rng.random_range(0..512)] = *[0, b' ', b'0', b'7', 0x80, 0xff].get(rng.random_range(0..6)).unwrap();
        }
        seal(header);
        if let Ok(bundle) = open(&forged) {
            accepted += 1;
            assert_eq!(bundle.digest(), digest, "seed {seed}, round {round}");
        }
    }
    assert!(accepted > 0, "no forgery was harmless");
    println!("{accepted} of {} forgeries were harmless", ROUNDS / 4);
}
