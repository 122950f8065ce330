//! A good bundle in a folder of its own, and the means to harm it.

use crate::common::{Sizes, random_contents, scorer};
use libmtl::bundle::{fuse, layout, write};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A bundle to be harmed.
pub struct Victim {
    dir: TempDir,
}

/// The files of a good bundle.
fn good() -> &'static [(String, Vec<u8>)] {
    static GOOD: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let sizes = Sizes { languages: vec!["da", "en"], words_per_language: 8, word_dim: 3, ..Sizes::default() };
        let dir = tempfile::tempdir().unwrap();
        let manifest = write(dir.path(), &random_contents(7, &sizes)).unwrap();
        let mut names = layout::files(&manifest);
        names.extend([layout::MANIFEST.into(), layout::DIGEST.into()]);
        names.into_iter().map(|name| (name.clone(), std::fs::read(dir.path().join(name)).unwrap())).collect()
    })
}

/// Thousands of small files: in memory where there is such a place.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

impl Victim {
    pub fn new() -> Self {
        let dir = folder();
        for (name, bytes) in good() {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        Self { dir }
    }

    /// A bundle that has the fused graph too.
    pub fn fused() -> Self {
        let victim = Self::new();
        fuse(victim.path(), victim.path()).unwrap();
        victim
    }

    /// A bundle of the kind `scorer`.
    pub fn scorer() -> Self {
        let dir = folder();
        write(dir.path(), &scorer::random_contents(7, |_| ())).unwrap();
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    /// Changes a file and nothing else.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        change(&mut bytes);
        std::fs::write(self.file(name), bytes).unwrap();
    }

    /// Changes a file, and the manifest so that length and digest fit.
    pub fn forge(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.damage(name, change);
        let bytes = self.read(name);
        self.json(|m| {
            let entry = &mut m["files"][name];
            entry["bytes"] = bytes.len().into();
            entry["sha256"] = sha256(&bytes).into();
        });
    }

    /// Changes the manifest's bytes, and its digest so that it fits.
    pub fn manifest(&self, change: impl FnOnce(&mut Vec<u8>)) {
        self.damage(layout::MANIFEST, change);
        let line = format!("{}  bundle.json\n", sha256(&self.read(layout::MANIFEST)));
        std::fs::write(self.file(layout::DIGEST), line).unwrap();
    }

    /// Changes the manifest's text: the first `from` becomes `to`.
    pub fn text(&self, from: &str, to: &str) {
        self.manifest(|bytes| {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            *bytes = text.replacen(from, to, 1).into_bytes();
        });
    }

    /// Changes the manifest's values.
    pub fn json(&self, change: impl FnOnce(&mut Value)) {
        self.manifest(|bytes| {
            let mut value = serde_json::from_slice(bytes).unwrap();
            change(&mut value);
            *bytes = serde_json::to_vec_pretty(&value).unwrap();
        });
    }

    /// Sets one value of the manifest, by its JSON pointer.
    pub fn set(&self, pointer: &str, value: impl Into<Value>) {
        self.json(|m| *m.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.into());
    }

    /// Changes the text of the weights' header; the file stays well-formed around it.
    pub fn header(&self, change: impl FnOnce(&mut String)) {
        self.forge(layout::WEIGHTS, |bytes| {
            let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            let data = bytes.split_off(8 + length);
            let mut text = String::from_utf8(bytes.split_off(8)).unwrap();
            change(&mut text);
            let padded = text.len().next_multiple_of(8);
            text.extend(std::iter::repeat_n(' ', padded - text.len()));
            *bytes = [&(padded as u64).to_le_bytes(), text.as_bytes(), &data].concat();
        });
    }

    /// Changes the weights' header as JSON.
    pub fn tensors(&self, change: impl FnOnce(&mut Map<String, Value>)) {
        self.header(|text| {
            let mut value: Value = serde_json::from_str(text).unwrap();
            change(value.as_object_mut().unwrap());
            *text = value.to_string();
        });
    }

    /// Sets one member of one tensor in the weights' header.
    pub fn tensor(&self, name: &str, member: &str, value: impl Into<Value>) {
        self.tensors(|t| t[name][member] = value.into());
    }

    /// Sets one weight.
    pub fn weight(&self, name: &str, index: usize, bits: u16) {
        self.forge(layout::WEIGHTS, |bytes| {
            let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
            let begin = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
            let at = 8 + length + begin + 2 * index;
            bytes[at..at + 2].copy_from_slice(&bits.to_le_bytes());
        });
    }
}
