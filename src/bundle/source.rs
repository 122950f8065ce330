//! Where a bundle's files lie: in a folder, or in an archive that is a file, a part of one, or a block of memory.

use super::archive::{Archive, Body};
use super::bytes::{Bytes, addressable};
use super::folder::Folder;
use super::manifest::Manifest;
use crate::{Error, ErrorKind, Result};
use std::fs::File;
use std::path::Path;

/// A bundle's files, none of which has been read.
pub(super) enum Source {
    Folder(Folder),
    Archive(Archive),
}

impl Source {
    /// Opens the folder or the archive at `path`, which may be a symbolic link: the caller named it.
    #[cfg(unix)]
    pub fn open(path: &Path, mapped: bool) -> Result<Self> {
        use rustix::fs::{Mode, OFlags};
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refused(e.into()))?);
        let metadata = file.metadata().map_err(refused)?;
        if metadata.is_dir() {
            return Ok(Self::Folder(Folder::new(file)));
        }
        Self::file(file, 0, metadata.len(), mapped)
    }

    /// Opens the folder or the archive at `path`.
    #[cfg(not(unix))]
    pub fn open(path: &Path, mapped: bool) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(refused)?;
        if metadata.is_dir() {
            return Ok(Self::Folder(Folder::new(path)));
        }
        Self::file(File::open(path).map_err(refused)?, 0, metadata.len(), mapped)
    }

    /// The archive in the `length` bytes of `file` from `offset` on.
    pub fn file(file: File, offset: u64, length: u64, mapped: bool) -> Result<Self> {
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Bundle, "neither a folder nor a regular file")
                .remedy("name the bundle's folder, or an archive of it"));
        }
        if offset.checked_add(length).is_none_or(|end| end > metadata.len()) {
            let message = format!("{length} bytes from byte {offset} on, where the file has {}", metadata.len());
            return Err(Error::new(ErrorKind::Argument, message).remedy("pass where the archive lies in the file"));
        }
        if mapped {
            return Self::memory(Bytes::map(&file, offset, addressable(length)?)?);
        }
        Archive::open(Body::File { file, offset }, length).map(Self::Archive)
    }

    /// The archive in `bytes`.
    pub fn memory(bytes: Bytes) -> Result<Self> {
        let length = bytes.len() as u64;
        Archive::open(Body::Memory(bytes), length).map(Self::Archive)
    }

    /// The file `name`, whose length `accept` judges before any memory is taken; mapped only where asked to.
    pub fn read(&self, name: &str, mapped: bool, accept: impl FnOnce(u64) -> Result<()>) -> Result<Bytes> {
        match self {
            Self::Folder(folder) => folder.read(name, mapped, accept),
            Self::Archive(archive) => archive.read(name, accept),
        }
    }

    /// Refuses an archive that holds more than the format has; what else lies in a folder is nobody's business.
    pub fn check_names(&self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Archive(archive) => archive.check_names(manifest),
        }
    }
}

fn refused(e: std::io::Error) -> Error {
    let remedy = match e.kind() {
        std::io::ErrorKind::NotFound => "check the path, or see `mtl models` for the identifiers of the zoo",
        _ => "check the permissions",
    };
    Error::new(ErrorKind::Io, e.to_string()).remedy(remedy).caused_by(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(result: Result<Source>) -> ErrorKind {
        result.err().unwrap().kind()
    }

    #[test]
    fn what_is_neither_a_folder_nor_an_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, [0; 2048]).unwrap();
        for mapped in [false, true] {
            assert!(matches!(Source::open(dir.path(), mapped), Ok(Source::Folder(_))));
            assert_eq!(kind(Source::open(&dir.path().join("none"), mapped)), ErrorKind::Io);
            assert_eq!(kind(Source::open(&path, mapped)), ErrorKind::Bundle);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let at = File::open(dir.path()).unwrap();
        rustix::fs::mknodat(&at, "pipe", rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(kind(Source::open(&dir.path().join("pipe"), false)), ErrorKind::Bundle);
        assert_eq!(kind(Source::file(at, 0, 0, false)), ErrorKind::Bundle);
    }

    #[test]
    fn a_range_outside_the_file_is_the_callers_fault() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&path, [0; 2048]).unwrap();
        for (offset, length) in [(0, 2049), (2049, 0), (1, 2048), (u64::MAX, 2), (2, u64::MAX)] {
            for mapped in [false, true] {
                let file = File::open(path.path()).unwrap();
                assert_eq!(kind(Source::file(file, offset, length, mapped)), ErrorKind::Argument);
            }
        }
    }
}
