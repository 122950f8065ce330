//! Attacks by the file system: what stands where a bundle's file should stand.

use crate::{Attack, Victim, attack, run_in_folder};
use libmtl::ErrorKind::{Bundle, Integrity, Io};
use libmtl::bundle::{self, OpenOptions};
use std::fs;

const ATTACKS: &[Attack] = &[
    attack(
        "a file is missing",
        |v| fs::remove_file(v.file("model.onnx")).unwrap(),
        Io,
        &["model.onnx: ", "incomplete"],
    ),
    attack(
        "a folder",
        |v| {
            fs::remove_file(v.file("vocab.chars")).unwrap();
            fs::create_dir(v.file("vocab.chars")).unwrap();
        },
        Bundle,
        &["vocab.chars: not a regular file"],
    ),
    attack(
        "a truncated file",
        |v| v.damage("vocab.chars", |b| b.truncate(b.len() - 1)),
        Integrity,
        &["vocab.chars: ", "bytes long"],
    ),
    attack(
        "a longer file",
        |v| v.damage("golden.jsonl", |b| b.push(b'\n')),
        Integrity,
        &["golden.jsonl: ", "bytes long"],
    ),
    attack(
        "a sparse file of a terabyte",
        |v| fs::File::options().write(true).open(v.file("golden.jsonl")).unwrap().set_len(1 << 40).unwrap(),
        Integrity,
        &["golden.jsonl: 1099511627776 bytes long"],
    ),
    attack(
        "a damaged byte",
        |v| v.damage("weights.safetensors", |b| *b.last_mut().unwrap() ^= 1),
        Integrity,
        &["weights.safetensors: its SHA-256 is", "fetch the bundle again"],
    ),
    attack(
        "a file of another bundle",
        |v| assert!(fs::copy(v.file("vocab.words.en"), v.file("vocab.words.da")).is_ok()),
        Integrity,
        &["vocab.words.da: ", "fetch the bundle again"],
    ),
];

#[cfg(unix)]
const UNIX: &[Attack] = &[
    attack(
        "a link out of the folder",
        |v| link(v, "weights.safetensors", "/etc/hostname"),
        Bundle,
        &["weights.safetensors: a symbolic link", "put the file itself into the folder"],
    ),
    attack(
        "a link within the folder",
        |v| link(v, "vocab.words.da", "vocab.words.en"),
        Bundle,
        &["vocab.words.da: a symbolic"],
    ),
    attack("a link to nothing", |v| link(v, "golden.jsonl", "nothing"), Bundle, &["golden.jsonl: a symbolic link"]),
    attack(
        "a manifest that is a link",
        |v| link(v, "bundle.json", "/etc/hostname"),
        Bundle,
        &["bundle.json: a symbolic link"],
    ),
    attack("a link to itself", |v| link(v, "model.onnx", "model.onnx"), Bundle, &["model.onnx: a symbolic link"]),
    attack("a device", |v| link(v, "model.onnx", "/dev/zero"), Bundle, &["model.onnx: a symbolic link"]),
    attack(
        "a pipe that nobody writes to",
        |v| {
            fs::remove_file(v.file("model.onnx")).unwrap();
            let folder = fs::File::open(v.path()).unwrap();
            rustix::fs::mknodat(&folder, "model.onnx", rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        },
        Bundle,
        &["model.onnx: not a regular file"],
    ),
    attack(
        "a socket",
        |v| {
            fs::remove_file(v.file("model.onnx")).unwrap();
            drop(std::os::unix::net::UnixListener::bind(v.file("model.onnx")).unwrap());
        },
        Io,
        &["model.onnx: "],
    ),
];

#[test]
fn ordinary() {
    run_in_folder(ATTACKS);
}

#[cfg(unix)]
#[test]
fn unix() {
    run_in_folder(UNIX);
}

#[cfg(unix)]
fn link(victim: &Victim, name: &str, target: &str) {
    fs::remove_file(victim.file(name)).unwrap();
    std::os::unix::fs::symlink(target, victim.file(name)).unwrap();
}

/// The caller's own path may be a link; what else lies in the folder is of no interest.
#[cfg(unix)]
#[test]
fn neither_a_linked_folder_nor_other_files_disturb() {
    let victim = Victim::new();
    fs::write(victim.file("README.md"), "card").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", victim.file("other")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(victim.path(), elsewhere.path().join("link")).unwrap();
    bundle::Bundle::open(&elsewhere.path().join("link")).unwrap();
}

#[test]
fn no_folder() {
    let victim = Victim::new();
    for (path, kind, words) in [("none", Io, "mtl models"), ("bundle.json", Bundle, "name the bundle's folder")] {
        let error = bundle::Bundle::open(&victim.file(path)).unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(words), "{error}");
    }
}

/// Trusted bundles are not hashed, yet lengths and structure are checked.
#[test]
fn trust_has_its_limits() {
    let open = |victim: &Victim| bundle::Bundle::open_with(victim.path(), OpenOptions { trusted: true });
    let victim = Victim::new();
    victim.damage("weights.safetensors", |b| *b.last_mut().unwrap() ^= 1);
    open(&victim).unwrap();
    victim.damage("weights.safetensors", |b| b.truncate(b.len() - 1));
    assert_eq!(open(&victim).unwrap_err().kind(), Integrity);
    let victim = Victim::new();
    victim.damage("vocab.chars", |b| b[0] ^= 1);
    assert_eq!(open(&victim).unwrap_err().kind(), Bundle);
}

/// A file that is replaced, or truncated in place, after it was opened changes nothing: the bytes were copied.
#[test]
fn an_open_bundle_does_not_see_later_changes() {
    let victim = Victim::new();
    let bundle = bundle::Bundle::open(victim.path()).unwrap();
    let before = bundle.weights().to_vec();
    victim.damage("weights.safetensors", Vec::clear);
    fs::remove_file(victim.file("model.onnx")).unwrap();
    assert_eq!(*bundle.weights(), before);
    assert!(bundle.tensor("lstm.bias").unwrap().data.iter().all(|v| v.is_finite()));
}
