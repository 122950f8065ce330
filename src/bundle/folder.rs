//! A bundle's folder: each file is opened once, beneath one directory descriptor, and only if it is a regular file.

use super::bytes::{Bytes, addressable};
use super::limits;
use crate::{Error, ErrorKind, Result};
use std::fs::File;

/// An open folder.
pub(super) struct Folder {
    #[cfg(unix)]
    descriptor: rustix::fd::OwnedFd,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl Folder {
    /// The folder that `file` is an open descriptor of.
    #[cfg(unix)]
    pub fn new(file: File) -> Self {
        Self { descriptor: file.into() }
    }

    /// The folder at `path`.
    #[cfg(not(unix))]
    pub fn new(path: &std::path::Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Opens the regular file `name`. A flat name, opened without following a link, cannot leave the folder.
    #[cfg(unix)]
    fn open_file(&self, name: &str) -> Result<File> {
        use rustix::fs::{Mode, OFlags};
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(File::from(descriptor)),
            Err(rustix::io::Errno::LOOP) => Err(not_regular("a symbolic link")),
            Err(e) => Err(refused_file(e.into())),
        }
    }

    /// Opens the regular file `name`. Without descriptors of folders, the check and the opening are two steps.
    #[cfg(not(unix))]
    fn open_file(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        if std::fs::symlink_metadata(&path).map_err(refused_file)?.is_symlink() {
            return Err(not_regular("a symbolic link"));
        }
        File::open(&path).map_err(refused_file)
    }

    /// Reads or maps the file `name`, whose length `accept` judges before any memory is taken.
    pub fn read(&self, name: &str, mapped: bool, accept: impl FnOnce(u64) -> Result<()>) -> Result<Bytes> {
        limits::flat_name(name)?;
        let file = self.open_file(name)?;
        let metadata = file.metadata().map_err(refused_file)?;
        if !metadata.is_file() {
            return Err(not_regular("not a regular file"));
        }
        accept(metadata.len())?;
        let length = addressable(metadata.len())?;
        if mapped { Bytes::map(&file, 0, length) } else { Bytes::read(file, length) }
    }
}

fn not_regular(what: &str) -> Error {
    Error::new(ErrorKind::Bundle, format!("{what}, where a bundle holds only regular files"))
        .remedy("put the file itself into the folder")
}

pub(super) fn refused_file(e: std::io::Error) -> Error {
    let remedy = match e.kind() {
        std::io::ErrorKind::NotFound => "the bundle is incomplete: fetch or export it again",
        _ => "check the permissions of the bundle's folder",
    };
    Error::new(ErrorKind::Io, e.to_string()).remedy(remedy).caused_by(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: u64) -> Result<()> {
        Ok(())
    }

    fn open(dir: &tempfile::TempDir) -> Folder {
        #[cfg(unix)]
        return Folder::new(File::open(dir.path()).unwrap());
        #[cfg(not(unix))]
        return Folder::new(dir.path());
    }

    #[test]
    fn reads_only_flat_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let folder = open(&dir);
        assert_eq!(&*folder.read("a", false, any).unwrap(), b"x");
        for name in ["", ".", "..", "../a", "/etc/passwd", "a/b", "a\\b", "C:a", "a\0", "a\n"] {
            assert_eq!(folder.read(name, false, any).unwrap_err().kind(), ErrorKind::Bundle, "{name:?}");
        }
        assert_eq!(folder.read("b", false, any).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn the_length_is_judged_before_reading() {
        let dir = tempfile::tempdir().unwrap();
        let sparse = File::create(dir.path().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let folder = open(&dir);
        let refuse = |n: u64| Err(Error::new(ErrorKind::Limit, n.to_string()));
        assert!(folder.read("sparse", false, refuse).unwrap_err().to_string().contains("1099511627776"));
    }

    #[cfg(unix)]
    #[test]
    fn links_folders_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let at = std::fs::File::open(dir.path()).unwrap();
        rustix::fs::mknodat(&at, "pipe", rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let folder = open(&dir);
        for name in ["link", "folder", "pipe"] {
            let error = folder.read(name, false, any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle, "{name}: {error}");
        }
    }
}
