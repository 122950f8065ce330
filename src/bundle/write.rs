//! Writing a bundle: what is written is what the reader, run on the same bytes, accepts.

use super::manifest::{FileEntry, Manifest};
use super::weights::{self, Tensor, Weights};
use super::{Bytes, GoldenCase, Parts, digest_line, golden, graph, layout, limits, sha256, vocabulary};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What goes into a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The manifest; its `files` are filled in.
    pub manifest: Manifest,
    /// The weights by the names of docs/bundle-format.md.
    pub tensors: BTreeMap<String, Tensor>,
    /// By language, each word's row.
    pub words: BTreeMap<String, BTreeMap<String, u32>>,
    /// Each character's row.
    pub chars: BTreeMap<String, u32>,
    /// The golden cases.
    pub golden: Vec<GoldenCase>,
}

/// Writes the bundle into the folder `dir`, which is made if need be, and returns the manifest as written.
///
/// The contents pass every check of a reader before the first byte is written, and a bundle that was there before is
/// replaced only once all of the new one is on the disk.
pub fn write(dir: &Path, contents: &Contents) -> Result<Manifest> {
    let mut manifest = Manifest { files: BTreeMap::new(), ..contents.manifest.clone() };
    manifest.check().map_err(|e| e.at(layout::MANIFEST))?;
    let files = encode(contents, &manifest)?;
    for (name, bytes) in &files {
        manifest.files.insert(name.clone(), FileEntry { bytes: bytes.len() as u64, sha256: sha256(bytes) });
    }
    let json = encode_manifest(&manifest)?;
    Parts::check(&manifest, files.clone(), false)?;
    let mut files: Vec<(String, Bytes)> = files.into_iter().collect();
    files.extend(json);
    replace(dir, &files)?;
    Ok(manifest)
}

/// Replaces the manifest of the bundle in `dir`, to record scores measured after it was written, for example.
pub fn write_manifest(dir: &Path, manifest: &Manifest) -> Result<()> {
    replace(dir, &encode_manifest(manifest)?)
}

/// Every file but the manifest.
fn encode(contents: &Contents, manifest: &Manifest) -> Result<BTreeMap<String, Bytes>> {
    if !contents.words.keys().eq(&manifest.languages) {
        let message = format!("word vocabularies for {:?}", contents.words.keys().collect::<Vec<_>>());
        return Err(Error::new(ErrorKind::Argument, message).at("words").remedy("give one for each language"));
    }
    let encoded = weights::write(&contents.tensors).map_err(|e| e.at(layout::WEIGHTS))?;
    let weights = Weights::open(Bytes::from(&encoded[..]), &layout::expected(manifest), false)
        .map_err(|e| e.at(layout::WEIGHTS))?;
    let golden = golden::write(&contents.golden, manifest).map_err(|e| e.at(layout::GOLDEN))?;
    let mut files: BTreeMap<String, Bytes> = BTreeMap::new();
    let mut insert = |name: &str, bytes: &[u8]| files.insert(name.to_string(), Bytes::from(bytes));
    insert(layout::GRAPH, &graph::build(manifest, &weights.regions()));
    insert(layout::CHARS, &vocabulary::write(&contents.chars));
    insert(layout::GOLDEN, &golden);
    for (language, words) in &contents.words {
        insert(&layout::words(language), &vocabulary::write(words));
    }
    files.insert(layout::WEIGHTS.to_string(), weights.bytes().clone());
    Ok(files)
}

/// The manifest and its digest, if a reader accepts them.
fn encode_manifest(manifest: &Manifest) -> Result<Vec<(String, Bytes)>> {
    let place = |e: Error| e.at(layout::MANIFEST);
    let mut json = serde_json::to_vec_pretty(manifest).map_err(|e| place(limits::malformed(e.to_string())))?;
    json.push(b'\n');
    Manifest::parse(&json).map_err(place)?;
    let line = digest_line(&sha256(&json));
    let manifest = (layout::MANIFEST.to_string(), Bytes::from(&json[..]));
    Ok(vec![manifest, (layout::DIGEST.to_string(), Bytes::from(line.as_bytes()))])
}

/// Writes the files under temporary names, then renames them all.
fn replace(dir: &Path, files: &[(String, Bytes)]) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir.display(), e))?;
    let temporary = |name: &str| dir.join(format!(".{name}.{}.partial", std::process::id()));
    let written = files.iter().try_for_each(|(name, bytes)| {
        let path = temporary(name);
        write_file(&path, bytes).map_err(|e| Error::io(path.display(), e))
    });
    let renamed = written.and_then(|()| {
        files.iter().try_for_each(|(name, _)| {
            let path: PathBuf = dir.join(name);
            std::fs::rename(temporary(name), &path).map_err(|e| Error::io(path.display(), e))
        })
    });
    if renamed.is_err() {
        for (name, _) in files {
            // What was renamed is gone already; what cannot be removed does no harm.
            let _ = std::fs::remove_file(temporary(name));
        }
    }
    renamed?;
    sync_folder(dir).map_err(|e| Error::io(dir.display(), e))
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A leftover of a process that was killed; `create_new` then follows no link.
    let _ = std::fs::remove_file(path);
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the renames durable, where the operating system lets folders be synchronised.
fn sync_folder(dir: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
