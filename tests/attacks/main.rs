//! Hostile and broken bundles: each is a good one with one change, and is refused for its own reason.
//!
//! Changes that would be caught by a digest are sealed again (lengths and digests made to fit), so that it is the
//! inner check that is tested.

#[path = "../common/mod.rs"]
mod common;

mod archive;
mod files;
mod fused;
mod golden;
mod graph;
mod manifest;
mod random;
mod scorer;
mod victim;
mod vocabulary;
mod weights;

use common::ustar::Ustar;
use libmtl::bundle::{Bundle, OpenOptions};
use libmtl::{ErrorKind, Result};
use victim::Victim;

/// A change to a good bundle, and the refusal that it must meet.
struct Attack<C = fn(&Victim)> {
    name: &'static str,
    change: C,
    kind: ErrorKind,
    /// What the message must contain: file, field, fault or remedy.
    words: &'static [&'static str],
}

const fn attack<C>(name: &'static str, change: C, kind: ErrorKind, words: &'static [&'static str]) -> Attack<C>
where
    C: Copy,
{
    Attack { name, change, kind, words }
}

/// Runs the attacks on a folder, and on an archive of the same files.
fn run(attacks: &[Attack]) {
    run_on(Victim::new, attacks);
}

/// Runs the attacks on victims of another kind.
fn run_on(good: fn() -> Victim, attacks: &[Attack]) {
    let mut failures = Vec::new();
    for attack in attacks {
        let victim = good();
        (attack.change)(&victim);
        failures.extend(fault(attack, victim.path().to_str().unwrap(), Bundle::open(victim.path())));
        let archive = Ustar::of_folder(victim.path()).bytes();
        failures.extend(fault(attack, "bundle in memory", Bundle::open_memory(archive, OpenOptions::default())));
    }
    report(attacks.len(), &failures);
}

/// Runs attacks that only a folder can suffer.
fn run_in_folder(attacks: &[Attack]) {
    let mut failures = Vec::new();
    for attack in attacks {
        let victim = Victim::new();
        (attack.change)(&victim);
        failures.extend(fault(attack, victim.path().to_str().unwrap(), Bundle::open(victim.path())));
    }
    report(attacks.len(), &failures);
}

/// Why this is not the refusal that the attack must meet at `place`.
fn fault<C>(attack: &Attack<C>, place: &str, result: Result<Bundle>) -> Option<String> {
    let Err(error) = result else { return Some(format!("{}: {place}: accepted", attack.name)) };
    let message = error.to_string();
    let missing = attack.words.iter().find(|word| !message.contains(*word));
    let here = message.starts_with(&format!("{place}: "));
    let clean = !message.contains(char::is_control) && message.len() < 2000 && message.contains("; ");
    let refused = error.kind() == attack.kind && missing.is_none() && clean && here;
    (!refused).then(|| format!("{}: {place}: {:?}: {message:?} lacks {missing:?}", attack.name, error.kind()))
}

/// Reports every attack that was not refused as it should be.
fn report(attacks: usize, failures: &[String]) {
    assert!(failures.is_empty(), "{} faults in {attacks} attacks:\n{}", failures.len(), failures.join("\n"));
    println!("{attacks} attacks refused");
}
