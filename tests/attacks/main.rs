//! Hostile and broken bundles: each is a good one with one change, and is refused for its own reason.
//!
//! Changes that would be caught by a digest are sealed again (lengths and digests made to fit), so that it is the
//! inner check that is tested.

#[path = "../common/mod.rs"]
mod common;

mod files;
mod golden;
mod graph;
mod manifest;
mod random;
mod victim;
mod vocabulary;
mod weights;

use libmtl::ErrorKind;
use libmtl::bundle::Bundle;
use victim::Victim;

/// A change to a good bundle, and the refusal that it must meet.
struct Attack {
    name: &'static str,
    change: fn(&Victim),
    kind: ErrorKind,
    /// What the message must contain: file, field, fault or remedy.
    words: &'static [&'static str],
}

const fn attack(name: &'static str, change: fn(&Victim), kind: ErrorKind, words: &'static [&'static str]) -> Attack {
    Attack { name, change, kind, words }
}

/// Runs the attacks and reports every one that is not refused as it should be.
fn run(attacks: &[Attack]) {
    let mut failures = Vec::new();
    for attack in attacks {
        let victim = Victim::new();
        (attack.change)(&victim);
        let Err(error) = Bundle::open(victim.path()) else {
            failures.push(format!("{}: accepted", attack.name));
            continue;
        };
        let message = error.to_string();
        let missing = attack.words.iter().find(|word| !message.contains(*word));
        let here = message.contains(victim.path().to_str().unwrap());
        let clean = !message.contains(char::is_control) && message.len() < 2000 && message.contains("; ");
        if error.kind() != attack.kind || missing.is_some() || !clean || !here {
            failures.push(format!("{}: {:?}: {message:?} lacks {missing:?}", attack.name, error.kind()));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), attacks.len(), failures.join("\n"));
    println!("{} attacks refused", attacks.len());
}
