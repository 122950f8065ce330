//! A bundle's folder: each file is opened once, beneath one directory descriptor, and only if it is a regular file.

use super::bytes::Bytes;
use super::limits;
use crate::{Error, ErrorKind, Result};
use std::fs::File;
use std::path::Path;

/// An open folder.
pub(super) struct Folder {
    #[cfg(unix)]
    descriptor: rustix::fd::OwnedFd,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl Folder {
    /// Opens the folder at `path`, which may be a symbolic link: the caller named it.
    #[cfg(unix)]
    pub fn open(path: &Path) -> Result<Self> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { descriptor }),
            Err(e) => Err(refused_folder(path, e.into())),
        }
    }

    /// Opens the folder at `path`.
    #[cfg(not(unix))]
    pub fn open(path: &Path) -> Result<Self> {
        match std::fs::metadata(path) {
            Ok(m) if m.is_dir() => Ok(Self { path: path.to_owned() }),
            Ok(_) => Err(refused_folder(path, std::io::ErrorKind::NotADirectory.into())),
            Err(e) => Err(refused_folder(path, e)),
        }
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
        let length = usize::try_from(metadata.len())
            .map_err(|_| Error::new(ErrorKind::Limit, "longer than this machine can address"))?;
        if mapped { Bytes::map(file, length) } else { Bytes::read(file, length) }
    }
}

fn not_regular(what: &str) -> Error {
    Error::new(ErrorKind::Bundle, format!("{what}, where a bundle holds only regular files"))
        .remedy("put the file itself into the folder")
}

fn refused_file(e: std::io::Error) -> Error {
    let remedy = match e.kind() {
        std::io::ErrorKind::NotFound => "the bundle is incomplete: fetch or export it again",
        _ => "check the permissions of the bundle's folder",
    };
    Error::new(ErrorKind::Io, e.to_string()).remedy(remedy).caused_by(e)
}

fn refused_folder(path: &Path, e: std::io::Error) -> Error {
    let remedy = match e.kind() {
        std::io::ErrorKind::NotFound => "check the path, or see `mtl models` for the identifiers of the zoo",
        std::io::ErrorKind::NotADirectory => "name the bundle's folder, the one that holds bundle.json",
        _ => "check the permissions",
    };
    Error::new(ErrorKind::Io, e.to_string()).at(path.display()).remedy(remedy).caused_by(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: u64) -> Result<()> {
        Ok(())
    }

    #[test]
    fn reads_only_flat_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
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
        let folder = Folder::open(dir.path()).unwrap();
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
        let folder = Folder::open(dir.path()).unwrap();
        for name in ["link", "folder", "pipe"] {
            let error = folder.read(name, false, any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle, "{name}: {error}");
        }
        assert_eq!(Folder::open(&dir.path().join("a")).err().unwrap().kind(), ErrorKind::Io);
        assert_eq!(Folder::open(&dir.path().join("none")).err().unwrap().kind(), ErrorKind::Io);
    }
}
