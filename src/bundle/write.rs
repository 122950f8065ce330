//! Writing a bundle: what is written is what the reader, run on the same bytes, accepts.

use super::graph::{self, Form};
use super::manifest::{FileEntry, Kind, Manifest};
use super::source::Source;
use super::weights::{self, Tensor, Weights};
use super::{
    Bytes, GoldenCase, GoldenExercise, Parts, digest_line, golden, layout, limits, read_files, read_manifest, sha256,
    vocabulary,
};
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
    /// By language or track, each word's row.
    pub words: BTreeMap<String, BTreeMap<String, u32>>,
    /// By file, each other entry's row: characters, and what else a scorer knows.
    pub tables: BTreeMap<String, BTreeMap<String, u32>>,
    /// The golden cases of a tagger.
    pub golden: Vec<GoldenCase>,
    /// The golden cases of a scorer.
    pub exercises: Vec<GoldenExercise>,
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

/// Writes the tagger at `from`, a folder or an archive, into the folder `dir`, with the fused graph beside the portable one, and
/// returns the manifest as written. `dir` may be `from` itself; otherwise the model card, if there is one, goes along.
pub fn fuse(from: &Path, dir: &Path) -> Result<Manifest> {
    let (mut manifest, mut files, card) = read(from).map_err(|e| e.at(from.display()))?;
    let parts = Parts::check(&manifest, files.clone(), false).map_err(|e| e.at(from.display()))?;
    if manifest.kind != Kind::Tagger {
        let message = format!("{} is a scorer, and only taggers have a fused graph", manifest.id);
        return Err(Error::new(ErrorKind::Argument, message).at(from.display()).remedy("use it as it is"));
    }
    let fused = graph::build(&manifest, &parts.weights.regions(), Form::Fused);
    let entry = FileEntry { bytes: fused.len() as u64, sha256: sha256(&fused) };
    manifest.files.insert(layout::FUSED_GRAPH.to_string(), entry);
    files.insert(layout::FUSED_GRAPH.to_string(), Bytes::from(&fused[..]));
    let json = encode_manifest(&manifest)?;
    Parts::check(&manifest, files.clone(), false)?;
    let files: Vec<(String, Bytes)> = files.into_iter().chain(card).chain(json).collect();
    replace(dir, &files)?;
    Ok(manifest)
}

/// What a bundle holds: manifest, verified files, and the model card, if there is one.
type Whole = (Manifest, BTreeMap<String, Bytes>, Option<(String, Bytes)>);

/// Reads the bundle at `from`.
fn read(from: &Path) -> Result<Whole> {
    let source = Source::open(from, false)?;
    let (manifest, _) = read_manifest(&source)?;
    source.check_names(&manifest)?;
    let files = read_files(&source, &manifest, false)?;
    let card = source.read(layout::CARD, false, |length| limits::at_most("bytes", length, limits::MANIFEST_BYTES));
    match card {
        Ok(card) => Ok((manifest, files, Some((layout::CARD.to_string(), card)))),
        Err(error) if is_missing(&error) => Ok((manifest, files, None)),
        Err(error) => Err(error.at(layout::CARD)),
    }
}

/// Whether a file could not be read because there is none.
fn is_missing(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
}

/// Every file but the manifest.
fn encode(contents: &Contents, manifest: &Manifest) -> Result<BTreeMap<String, Bytes>> {
    let wanted = layout::word_tables(manifest);
    if !contents.words.keys().eq(wanted.iter().map(|(of, ..)| of)) {
        let message = format!("word vocabularies for {:?}", contents.words.keys().collect::<Vec<_>>());
        return Err(Error::new(ErrorKind::Argument, message).at("words").remedy("give one for each language or track"));
    }
    let encoded = weights::write(&contents.tensors).map_err(|e| e.at(layout::WEIGHTS))?;
    let weights = Weights::open(Bytes::from(&encoded[..]), &layout::expected(manifest), false)
        .map_err(|e| e.at(layout::WEIGHTS))?;
    let golden = match manifest.kind {
        Kind::Tagger => golden::write(&contents.golden, manifest),
        Kind::Scorer => golden::write_exercises(&contents.exercises, manifest),
    };
    let mut files: BTreeMap<String, Bytes> = BTreeMap::new();
    let mut insert = |name: &str, bytes: &[u8]| files.insert(name.to_string(), Bytes::from(bytes));
    insert(layout::GRAPH, &graph::build(manifest, &weights.regions(), Form::Portable));
    insert(layout::GOLDEN, &golden.map_err(|e| e.at(layout::GOLDEN))?);
    for (name, table) in &contents.tables {
        insert(name, &vocabulary::write(table));
    }
    for (of, words) in &contents.words {
        insert(&layout::words(of), &vocabulary::write(words));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn files(content: &str) -> Vec<(String, Bytes)> {
        ["a", "b"].map(|name| (name.to_string(), Bytes::from(content.as_bytes()))).to_vec()
    }

    #[test]
    fn files_are_replaced_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/folder");
        for content in ["first", "second"] {
            replace(&folder, &files(content)).unwrap();
            assert_eq!(std::fs::read_to_string(folder.join("b")).unwrap(), content);
            assert_eq!(folder.read_dir().unwrap().count(), 2);
        }
    }

    #[test]
    fn a_failure_leaves_no_temporary_file_and_is_an_error_of_the_system() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("b")).unwrap();
        let error = replace(dir.path(), &files("x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.place().ends_with("b"), "{error}");
        let left: Vec<_> = dir.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".partial")), "{left:?}");
        assert_eq!(replace(&dir.path().join("a"), &files("x")).unwrap_err().kind(), ErrorKind::Io);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_a_temporary_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "kept").unwrap();
        let link = dir.path().join(format!(".a.{}.partial", std::process::id()));
        std::os::unix::fs::symlink(&precious, link).unwrap();
        replace(dir.path(), &files("x")).unwrap();
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "kept");
    }
}
