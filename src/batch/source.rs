//! The files of a job: found, told apart by format and compression, and known by their digests.

use super::Progress;
use crate::{Cancel, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes between two looks at the cancel token.
const BLOCK: usize = 1 << 20;

/// What a file of the input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Arrow's IPC format, file or stream.
    Arrow,
    /// A header and records as in RFC 4180; with tabs where the name says `.tsv`.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One token a line, an empty line between sentences.
    Conll,
    /// Universal Dependencies' format.
    Conllu,
    /// Exercises of the shared task on second language acquisition modelling.
    Slam,
    /// A text a line.
    Text,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] =
        [Self::Parquet, Self::Arrow, Self::Csv, Self::Jsonl, Self::Conll, Self::Conllu, Self::Slam, Self::Text];

    /// Its name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Conll => "conll",
            Self::Conllu => "conllu",
            Self::Slam => "slam",
            Self::Text => "text",
        }
    }

    /// What the name of a file says.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        if name.split('.').skip(1).any(|part| part == "slam") {
            return Some(Self::Slam);
        }
        match name.rsplit_once('.')?.1 {
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "conll" | "iob2" | "bio" => Some(Self::Conll),
            "conllu" => Some(Self::Conllu),
            "txt" | "text" => Some(Self::Text),
            _ => None,
        }
    }

    /// Whether a file can be compressed as a whole.
    pub(super) fn is_text(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Not,
    Gzip,
    Zstd,
}

/// A file of the input.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub path: PathBuf,
    pub format: Format,
    pub packed: Packed,
    pub known: Known,
    modified: Option<SystemTime>,
}

/// What identifies a file: a job is not resumed on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Source {
    /// Opens the file, which must be what its digest was computed of.
    pub fn open(&self) -> Result<File> {
        let (file, metadata) = open(&self.path)?;
        self.check(&metadata)?;
        Ok(file)
    }

    /// That the file is what its digest was computed of, by its length and time.
    pub fn check(&self, metadata: &Metadata) -> Result<()> {
        if metadata.len() == self.known.bytes && metadata.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Input, "the file has changed since the job began")
            .at(&self.known.path)
            .remedy("run the job anew, into another folder"))
    }

    /// Whether a tab separates the columns of this CSV.
    pub fn tabs(&self) -> bool {
        let name = self.path.to_string_lossy().to_ascii_lowercase();
        name.trim_end_matches(".gz").trim_end_matches(".zst").ends_with(".tsv")
    }
}

/// Opens a regular file.
fn open(path: &Path) -> Result<(File, Metadata)> {
    let failed = |e| Error::io(path.display(), e);
    // A pipe would block until somebody writes to it.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Input, "no regular file")
            .at(path.display())
            .remedy("a job reads its input more than once: write it to a file first"));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, metadata))
}

/// The files that `inputs` name, each with its format and digest; in the order of `inputs`, and those of one sorted.
pub(super) fn find(
    inputs: &[PathBuf],
    format: Option<Format>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    for input in inputs {
        paths.extend(expand(input)?);
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = paths.iter().find(|path| !seen.insert(*path)) {
        return Err(Error::new(ErrorKind::Argument, "the file is named twice")
            .at(twice.display())
            .remedy("name each once; a glob or a folder may hold it too"));
    }
    let formats = formats(&paths, format)?;
    let lengths =
        paths.iter().map(|path| open(path).map(|(_, metadata)| metadata.len())).collect::<Result<Vec<_>>>()?;
    let mut told = Progress { checking: true, total: lengths.iter().sum(), ..Progress::default() };
    let mut sources = Vec::with_capacity(paths.len());
    for (path, format) in paths.into_iter().zip(formats) {
        sources.push(source(path, format, cancel, &mut |bytes| {
            told.bytes += bytes;
            progress(&told);
        })?);
    }
    Ok(sources)
}

/// The format of each file, which is one for all.
fn formats(paths: &[PathBuf], format: Option<Format>) -> Result<Vec<Format>> {
    let mut formats: Vec<Format> = Vec::with_capacity(paths.len());
    for path in paths {
        let found = format.or_else(|| Format::of(path)).ok_or_else(|| {
            Error::new(ErrorKind::Argument, "the name says no format")
                .at(path.display())
                .remedy(format!("say --format, one of {}", Format::ALL.map(Format::name).join(", ")))
        })?;
        if let Some(first) = formats.first().filter(|first| **first != found) {
            let message = format!("{} among files that are {}", found.name(), first.name());
            return Err(Error::new(ErrorKind::Argument, message)
                .at(path.display())
                .remedy("give each format a job of its own, or say --format"));
        }
        formats.push(found);
    }
    Ok(formats)
}

/// The files that one path, folder or glob stands for.
fn expand(input: &Path) -> Result<Vec<PathBuf>> {
    let text = input.to_string_lossy();
    let (pattern, folder) = match std::fs::metadata(input) {
        Ok(metadata) if metadata.is_dir() => {
            let folder = glob::Pattern::escape(text.trim_end_matches('/'));
            (format!("{folder}/**/*"), true)
        }
        Ok(_) => return Ok(vec![input.to_path_buf()]),
        // What does not exist may be a glob.
        Err(_) if text.contains(['*', '?', '[']) => (text.to_string(), false),
        Err(e) => return Err(Error::io(input.display(), e)),
    };
    // As in a shell, what is hidden has to be named.
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let found = glob::glob_with(&pattern, options).map_err(|e| foreign(input, &e))?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|e| Error::io(e.path().display(), std::io::Error::from(e.error().kind())))?;
        let below = path.strip_prefix(input).unwrap_or(&path);
        let hidden = folder && below.iter().any(|part| part.to_string_lossy().starts_with(['.', '_']));
        if !path.is_dir() && !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        let message = if folder { "the folder holds no files" } else { "no file matches" };
        return Err(Error::new(ErrorKind::Argument, message)
            .at(input.display())
            .remedy("check the path; quote a glob, so that the shell leaves it alone"));
    }
    Ok(paths)
}

fn foreign(input: &Path, error: &glob::PatternError) -> Error {
    Error::new(ErrorKind::Argument, format!("no glob: {error}"))
        .at(input.display())
        .remedy("`*` and `?` stand for characters of a name, `**` for folders, [ab] for one of some")
}

fn source(path: PathBuf, format: Format, cancel: &Cancel, told: &mut dyn FnMut(u64)) -> Result<Source> {
    let (mut file, metadata) = open(&path)?;
    let failed = |e| Error::io(path.display(), e);
    let (mut digest, mut bytes, mut head) = (Sha256::new(), 0, [0; 4]);
    let mut block = vec![0; BLOCK];
    loop {
        cancel.check()?;
        let length = file.read(&mut block).map_err(failed)?;
        if length == 0 {
            break;
        }
        if bytes == 0 {
            let known = length.min(head.len());
            head[..known].copy_from_slice(&block[..known]);
        }
        digest.update(&block[..length]);
        bytes += length as u64;
        told(length as u64);
    }
    let packed = match head {
        _ if !format.is_text() => Packed::Not,
        [0x1F, 0x8B, ..] => Packed::Gzip,
        [0x28, 0xB5, 0x2F, 0xFD] => Packed::Zstd,
        _ => Packed::Not,
    };
    let known = Known { path: path.to_string_lossy().into_owned(), bytes, sha256: hex(&digest.finalize()) };
    let source = Source { format, packed, known, modified: metadata.modified().ok(), path };
    // One that grew meanwhile is refused here already.
    source.check(&file.metadata().map_err(|e| Error::io(source.path.display(), e))?)?;
    Ok(source)
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_formats() {
        for (name, format) in [
            ("a.parquet", Some(Format::Parquet)),
            ("a.b.CSV.gz", Some(Format::Csv)),
            ("a.tsv", Some(Format::Csv)),
            ("en_es.slam.20190204.test.zst", Some(Format::Slam)),
            ("slam.txt", Some(Format::Text)),
            ("a.jsonl.zst", Some(Format::Jsonl)),
            ("a.conllu", Some(Format::Conllu)),
            ("README", None),
            ("a.gz", None),
            ("a.pdf", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
