//! The published files of the shared task on second language acquisition modelling, known by name, size and digest.

use crate::Result;
use crate::error::fail;
use libmtl::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

const LIST: &str = include_str!("../../data/slam-20190204.txt");
const REMEDY: &str = "get the data of version 4 (2019-02-04) from doi:10.7910/DVN/8SWHNO and unpack them into --data";

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether it is one of the shared task's files.
    pub official: bool,
}

/// Names, sizes and SHA-256 of the published files.
fn published() -> impl Iterator<Item = (&'static str, u64, &'static str)> {
    LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (path, rest) = line.split_once(' ')?;
        let (digest, bytes) = rest.split_once(' ')?;
        Some((path.rsplit('/').next()?, bytes.parse().ok()?, digest))
    })
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether `path` has the name of a published file.
pub fn is_published(path: &Path) -> bool {
    published().any(|(published, ..)| published == name(path))
}

/// What `path` is. A file that has the name of a published one must be that one.
pub fn identify(path: &Path) -> Result<DataFile> {
    let name = name(path);
    let expected = published().find(|(published, ..)| *published == name);
    identify_as(path, name, expected.map(|(_, bytes, digest)| (bytes, digest)))
}

fn identify_as(path: &Path, name: String, expected: Option<(u64, &str)>) -> Result<DataFile> {
    let differs = |what: String| fail(what).at(path.display()).remedy(REMEDY);
    let mut file = std::fs::File::open(path).map_err(|e| match expected {
        Some((bytes, digest)) => differs(format!("{e}; expected {bytes} bytes with the SHA-256 {digest}")).caused_by(e),
        None => Error::io(path.display(), e),
    })?;
    let bytes = file.metadata().map_err(|e| Error::io(path.display(), e))?.len();
    if let Some((published, _)) = expected.filter(|(published, _)| *published != bytes) {
        return Err(differs(format!("has {bytes} bytes, and the published file of this name {published}")));
    }
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(|e| Error::io(path.display(), e))? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    let sha256 = crate::checkpoint::hex(&hasher.finalize());
    match expected {
        Some((_, published)) if published != sha256 => {
            Err(differs(format!("has the SHA-256 {sha256}, and the published file of this name {published}")))
        }
        _ => Ok(DataFile { name, bytes, sha256, official: expected.is_some() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn the_list_has_every_file_once() {
        let names: std::collections::BTreeSet<&str> = published().map(|(name, ..)| name).collect();
        assert_eq!((names.len(), published().count()), (15, 15));
        for track in ["en_es", "es_en", "fr_en"] {
            for set in ["train", "dev", "dev.key", "test", "test.key"] {
                assert!(names.contains(format!("{track}.slam.20190204.{set}").as_str()), "{track} {set}");
            }
        }
        assert!(published().all(|(_, bytes, digest)| bytes > 2_000_000 && digest.len() == 64));
    }

    #[test]
    fn a_file_is_what_its_name_says_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("word");
        std::fs::write(&path, "hello").unwrap();
        let found = |expected| identify_as(&path, "word".into(), expected);
        assert!(found(Some((5, WORD))).unwrap().official && !found(None).unwrap().official);
        assert_eq!(found(None).unwrap().sha256, WORD);
        let error = found(Some((6, WORD))).unwrap_err().to_string();
        assert!(error.contains("5 bytes") && error.contains('6') && error.contains("8SWHNO"), "{error}");
        let other = "0".repeat(64);
        let error = found(Some((5, &other))).unwrap_err().to_string();
        assert!(error.contains(WORD) && error.contains(&other) && error.contains("8SWHNO"), "{error}");
    }

    #[test]
    fn a_published_file_that_is_not_there_is_told_with_its_size_and_digest() {
        let folder = tempfile::tempdir().unwrap();
        let error = identify(&folder.path().join("fr_en.slam.20190204.test.key")).unwrap_err().to_string();
        for part in ["fr_en.slam.20190204.test.key", "2032815 bytes", "707aaeca7ee8", "8SWHNO"] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}
