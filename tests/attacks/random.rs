//! Random damage: whatever happens to a bundle's bytes, it is refused, and nothing panics.

use crate::Victim;
use libmtl::bundle::{Bundle, OpenOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;

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
