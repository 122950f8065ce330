//! A model on disk: manifest, weights, vocabulary, graph and golden cases, and their integrity.
//!
//! It is a folder, or an uncompressed archive of one: a file, a part of a file, or a block of memory.
//!
//! Opening trusts nothing: each file is read whole, its length and digest are compared with the manifest's before any
//! parser sees it, and the parsers admit only what the manifest implies. The format is docs/bundle-format.md.

mod archive;
mod bytes;
mod check;
mod folder;
mod golden;
pub mod graph;
pub mod layout;
mod limits;
pub mod manifest;
pub mod preflight;
mod scorer;
mod source;
pub(crate) mod tensors;
mod unique;
pub mod vocabulary;
mod weights;
mod write;

pub use bytes::Bytes;
pub(crate) use bytes::addressable;
pub use check::{OLDEST_FORMAT, SCORER_TASK};
pub use golden::{GoldenCase, GoldenExercise};
pub use manifest::Manifest;
pub use vocabulary::Vocabulary;
pub(crate) use weights::Weights;
pub use weights::{Tensor, TensorView};
pub use write::{Contents, fuse, write, write_manifest};

use crate::{Error, ErrorKind, Result};
use graph::Form;
use manifest::{FileEntry, Kind};
use sha2::{Digest, Sha256};
use source::Source;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// How to open a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Maps files instead of reading them, and checks their structure but neither their digests nor that the weights
    /// are finite.
    ///
    /// Only for a bundle that came inside something already verified, such as an app's signed package, and that nobody
    /// writes to while it is open: where a mapped file is truncated, the operating system ends the process (SIGBUS).
    pub trusted: bool,
}

/// An opened bundle: checked, immutable, shared freely between threads.
#[derive(Debug)]
pub struct Bundle {
    place: String,
    digest: String,
    manifest: Manifest,
    parts: Parts,
}

/// The files' contents, checked against the manifest.
#[derive(Debug)]
struct Parts {
    weights: Arc<Weights>,
    graph: Vec<u8>,
    fused: Option<Vec<u8>>,
    /// By language or track.
    words: BTreeMap<String, Vocabulary<Bytes>>,
    /// The other vocabularies, by the names of their files.
    tables: BTreeMap<String, Vocabulary<Bytes>>,
    golden: Bytes,
}

impl Bundle {
    /// Opens the bundle at `path`, a folder or an archive, trusting nothing.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, OpenOptions::default())
    }

    /// Opens the bundle at `path`, a folder or an archive.
    pub fn open_with(path: &Path, options: OpenOptions) -> Result<Self> {
        Self::from_source(path.display().to_string(), Source::open(path, options.trusted), options)
    }

    /// Opens the archive in the `length` bytes of `file` from `offset` on, as an asset lies in an Android package.
    ///
    /// The file's cursor is left where it is on Unix. An offset that is no multiple of 8 costs a trusted bundle a copy
    /// of each file, since nothing can then be used in place.
    pub fn open_file(file: File, offset: u64, length: u64, options: OpenOptions) -> Result<Self> {
        let place = format!("bundle at byte {offset} of an open file");
        Self::from_source(place, Source::file(file, offset, length, options.trusted), options)
    }

    /// Opens the archive in `bytes`, without a copy where these lie at a multiple of 8.
    ///
    /// Whether memory is copied before that is decided by how `bytes` are made: [`Bytes::copy_of`] is for memory that
    /// others may write to, [`Bytes::from_owner`] for memory that does not change while the bundle is open.
    /// `options.trusted` only omits the digests and the search for infinite weights.
    pub fn open_memory(bytes: impl Into<Bytes>, options: OpenOptions) -> Result<Self> {
        Self::from_source("bundle in memory".to_string(), Source::memory(bytes.into()), options)
    }

    fn from_source(place: String, source: Result<Source>, options: OpenOptions) -> Result<Self> {
        let check = |source: Source| {
            let (manifest, digest) = read_manifest(&source)?;
            source.check_names(&manifest)?;
            let files = read_files(&source, &manifest, options.trusted)?;
            let parts = Parts::check(&manifest, files, options.trusted)?;
            Ok((digest, manifest, parts))
        };
        let (digest, manifest, parts) = source.and_then(check).map_err(|e: Error| e.at(&place))?;
        Ok(Self { place, digest, manifest, parts })
    }

    /// What the bundle says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of `bundle.json`, which names every other file's: it identifies the bundle to the last bit.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The weights called `name`, where they lie.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        self.parts.weights.tensor(name)
    }

    /// The words of `language`, or of a scorer's track.
    pub fn words(&self, language: &str) -> Option<&Vocabulary<Bytes>> {
        self.parts.words.get(language)
    }

    /// The vocabulary in `file` ([`layout`] has the names): characters, and what else a scorer knows.
    pub fn table(&self, file: &str) -> Option<&Vocabulary<Bytes>> {
        self.parts.tables.get(file)
    }

    /// The graph, after its preflight, in canonical encoding.
    pub fn graph(&self) -> &[u8] {
        &self.parts.graph
    }

    /// The fused graph, where the bundle has one, after its preflight.
    pub fn fused_graph(&self) -> Option<&[u8]> {
        self.parts.fused.as_deref()
    }

    /// The whole of `weights.safetensors`.
    pub fn weights(&self) -> Bytes {
        self.parts.weights.bytes().clone()
    }

    /// The tensors, for one who may need them after the bundle is gone.
    pub(crate) fn shared_weights(&self) -> Arc<Weights> {
        Arc::clone(&self.parts.weights)
    }

    /// Refuses a bundle that is not of `kind`.
    pub fn expect(&self, kind: Kind) -> Result<()> {
        let names = |kind| match kind {
            Kind::Tagger => ("tagger", "`mtl tag`"),
            Kind::Scorer => ("scorer", "`mtl score`"),
        };
        let ((found, command), (wanted, _)) = (names(self.manifest.kind), names(kind));
        if self.manifest.kind == kind {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Argument, format!("{} is a {found}, not a {wanted}", self.manifest.id))
            .at(&self.place)
            .remedy(format!("open it as a {found} (on the command line, {command})")))
    }

    /// Parses the golden cases of a scorer.
    pub fn golden_exercises(&self) -> Result<Vec<GoldenExercise>> {
        self.expect(Kind::Scorer)?;
        golden::parse_exercises(&self.parts.golden, &self.manifest).map_err(|e| e.at(layout::GOLDEN).at(&self.place))
    }

    /// Parses the golden cases of a tagger.
    pub fn golden(&self) -> Result<Vec<GoldenCase>> {
        self.expect(Kind::Tagger)?;
        golden::parse(&self.parts.golden, &self.manifest).map_err(|e| e.at(layout::GOLDEN).at(&self.place))
    }

    /// Where it was opened from, as errors name it: its path, or what kind of place it is.
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// Reads `bundle.json`, whose digest stands in a file of its own.
fn read_manifest(source: &Source) -> Result<(Manifest, String)> {
    let capped = |length| limits::at_most("bytes", length, limits::MANIFEST_BYTES);
    let bytes = source.read(layout::MANIFEST, false, capped).map_err(|e| e.at(layout::MANIFEST))?;
    let digest = sha256(&bytes);
    let stated = source.read(layout::DIGEST, false, capped).map_err(|e| e.at(layout::DIGEST))?;
    if *stated != *digest_line(&digest).as_bytes() {
        let message = format!("is not the digest of {}, which is {digest}", layout::MANIFEST);
        let remedy = "fetch the bundle again; after an edit of your own, run `sha256sum bundle.json > bundle.sha256`";
        return Err(Error::new(ErrorKind::Integrity, message).at(layout::DIGEST).remedy(remedy));
    }
    let manifest = Manifest::parse(&bytes).map_err(|e| e.at(layout::MANIFEST))?;
    Ok((manifest, digest))
}

/// Reads or maps every file that the format has; none is parsed before all are verified.
fn read_files(source: &Source, manifest: &Manifest, trusted: bool) -> Result<BTreeMap<String, Bytes>> {
    let mut files = BTreeMap::new();
    for name in layout::files(manifest) {
        let entry = manifest.files.get(&name);
        let bytes = entry.ok_or_else(|| limits::malformed("not listed in the manifest"));
        let bytes = bytes.and_then(|entry| read_file(source, &name, entry, trusted)).map_err(|e| e.at(&name))?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn read_file(source: &Source, name: &str, entry: &FileEntry, trusted: bool) -> Result<Bytes> {
    let again = "fetch the bundle again";
    let bytes = source.read(name, trusted, |length| {
        if length == entry.bytes {
            return Ok(());
        }
        let message = format!("{length} bytes long, where the manifest says {}", entry.bytes);
        Err(Error::new(ErrorKind::Integrity, message).remedy(again))
    })?;
    if !trusted {
        let digest = sha256(&bytes);
        if digest != entry.sha256 {
            let message = format!("its SHA-256 is {digest}, where the manifest says {}", entry.sha256);
            return Err(Error::new(ErrorKind::Integrity, message).remedy(again));
        }
    }
    Ok(bytes)
}

impl Parts {
    /// Parses the files of `layout::files`.
    fn check(manifest: &Manifest, mut files: BTreeMap<String, Bytes>, trusted: bool) -> Result<Self> {
        let mut take = |name: &str| {
            let missing = || limits::malformed("missing").at(name);
            files.remove(name).ok_or_else(missing)
        };
        let weights = Weights::open(take(layout::WEIGHTS)?, &layout::expected(manifest), trusted)
            .map_err(|e| e.at(layout::WEIGHTS))?;
        let mut graph = |name: &str, form| {
            preflight::check(&take(name)?, manifest, &weights.regions(), form).map_err(|e| e.at(name))
        };
        let fused = layout::is_fused(manifest).then(|| graph(layout::FUSED_GRAPH, Form::Fused)).transpose()?;
        let graph = graph(layout::GRAPH, Form::Portable)?;
        let mut tables = BTreeMap::new();
        for (name, rows, reserved) in layout::tables(manifest) {
            let characters = name.starts_with(layout::CHARS);
            let table = open_table(take(&name)?, rows, reserved, characters).map_err(|e| e.at(&name))?;
            tables.insert(name, table);
        }
        let mut words = BTreeMap::new();
        for (of, rows, reserved) in layout::word_tables(manifest) {
            let name = layout::words(of);
            let table = open_table(take(&name)?, rows, reserved, false).map_err(|e| e.at(&name))?;
            words.insert(of.to_string(), table);
        }
        Ok(Self { weights: Arc::new(weights), graph, fused, words, tables, golden: take(layout::GOLDEN)? })
    }
}

/// A vocabulary, which leaves the first rows to what has no name: unknown entries, padding, boundaries.
fn open_table(bytes: Bytes, rows: usize, reserved: u32, characters: bool) -> Result<Vocabulary<Bytes>> {
    let table = Vocabulary::open(bytes, rows as u32)?;
    let at = |i: usize| format!("entry {i}");
    if let Some((i, row)) = table.rows().enumerate().find(|(_, row)| *row < reserved) {
        let what = if characters { "0 padding, 1 unknown, 2 and 3 boundaries" } else { "0 unknown" };
        return Err(limits::malformed(format!("row {row}, which is reserved ({what})")).at(at(i)));
    }
    if characters && let Some(i) = table.iter().position(|(entry, _)| entry.chars().count() != 1) {
        return Err(limits::malformed("not one character").at(at(i)));
    }
    Ok(table)
}

/// SHA-256 in lower-case hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The content of `bundle.sha256`.
fn digest_line(digest: &str) -> String {
    format!("{digest}  {}\n", layout::MANIFEST)
}
