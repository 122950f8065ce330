//! The engines that TensorRT has built, kept for the next process: a folder a bundle. TensorRT's own names of the files in
//! it tell graphs, precisions, architectures and versions apart.

use crate::{ErrorKind, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one bundle.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// Why its content was deleted.
    lost: Option<String>,
}

impl Cache {
    /// The folder below `root` for the bundle of this digest; it need not exist.
    pub fn new(root: &Path, digest: &str) -> Self {
        Self { folder: root.join(digest), lost: None }
    }

    /// Makes the folder where it is missing: its absolute path, as TensorRT takes it.
    pub fn prepare(&self) -> std::result::Result<String, String> {
        let unusable = |e: io::Error| format!("cannot keep engines in {}: {e}", self.folder.display());
        fs::create_dir_all(&self.folder).map_err(unusable)?;
        let path = fs::canonicalize(&self.folder).map_err(unusable)?;
        path.into_os_string().into_string().map_err(|path| format!("{} is not UTF-8", path.display()))
    }

    /// Does `work`. Where that fails over a folder that was not empty, its engines may be what is wrong: they are deleted,
    /// and `work` is done once more. Short memory is no fault of theirs.
    pub fn attempt<T>(&mut self, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        let filled = fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some());
        match work() {
            Err(error) if filled && self.lost.is_none() && error.kind() != ErrorKind::Limit => {
                if self.clear().is_err() {
                    return Err(error);
                }
                self.lost = Some(error.to_string());
                work().map_err(|error| error.at(format!("after {} was emptied", self.folder.display())))
            }
            done => done,
        }
    }

    fn clear(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)?;
        fs::create_dir(&self.folder)
    }

    /// For the report: where the engines are, and what happened to earlier ones.
    pub fn note(&self) -> String {
        let place = self.folder.display();
        match &self.lost {
            None => format!("engines kept in {place}"),
            Some(reason) => format!("engines kept in {place}, deleted and built anew after: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// A cache below `root` with an engine in it, and the path of that engine.
    fn filled(root: &Path) -> (Cache, PathBuf) {
        let cache = Cache::new(root, "0123abcd");
        let engine = Path::new(&cache.prepare().unwrap()).join("graph_sm90.engine");
        fs::write(&engine, "not an engine").unwrap();
        (cache, engine)
    }

    /// Work that fails as long as `engine` is there, and then builds it.
    fn build(engine: &Path) -> Result<()> {
        if engine.exists() {
            return Err(Error::new(ErrorKind::Engine, "could not deserialize engine"));
        }
        fs::write(engine, "an engine").map_err(|e| Error::io(engine.display(), e))
    }

    #[test]
    fn a_corrupt_cache_is_rebuilt_once_and_the_note_says_so() {
        let root = tempfile::tempdir().unwrap();
        let (mut cache, engine) = filled(root.path());
        let other = root.path().join("of-another-bundle");
        fs::write(&other, "").unwrap();
        assert!(!cache.note().contains("anew"));
        cache.attempt(|| build(&engine)).unwrap();
        assert_eq!(fs::read_to_string(&engine).unwrap(), "an engine");
        assert!(cache.note().contains("built anew after: could not deserialize engine"), "{}", cache.note());
        assert!(other.exists());
        let (mut cache, engine) = filled(root.path());
        let broken = || Err::<(), _>(Error::new(ErrorKind::Engine, "broken"));
        let error = cache.attempt(broken).unwrap_err();
        assert!(error.place().ends_with("0123abcd was emptied") && !engine.exists(), "{error}");
        fs::write(&engine, "an engine").unwrap();
        assert!(cache.attempt(|| build(&engine)).is_err());
        assert!(engine.exists());
    }

    #[test]
    fn a_failure_that_the_cache_cannot_have_caused_leaves_it_alone() {
        let root = tempfile::tempdir().unwrap();
        let (mut cache, engine) = filled(root.path());
        let short = || Err::<(), _>(Error::new(ErrorKind::Limit, "not enough memory"));
        assert_eq!(cache.attempt(short).unwrap_err().kind(), ErrorKind::Limit);
        assert!(engine.exists());
        let mut empty = Cache::new(root.path(), "4567");
        let mut attempts = 0;
        let broken = || {
            attempts += 1;
            Err::<(), _>(Error::new(ErrorKind::Engine, "broken"))
        };
        assert_eq!(empty.attempt(broken).unwrap_err().message(), "broken");
        assert_eq!(attempts, 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reason = Cache::new(file.path(), "0123abcd").prepare().unwrap_err();
        assert!(reason.contains("0123abcd"), "{reason}");
    }
}
