//! The engines that TensorRT has built, kept for the next process: a folder a bundle. TensorRT's own names of the files in
//! it tell graphs, precisions, architectures and versions apart.

use crate::{ErrorKind, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one bundle.
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

    /// The folder; TensorRT makes it where it is missing.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does `work`. Where that fails over a folder that was not empty, its engines may be what is wrong: they are deleted,
    /// and `work` is done once more. Short memory is no fault of theirs.
    pub fn attempt<T>(&mut self, work: &dyn Fn() -> Result<T>) -> Result<T> {
        let filled = fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some());
        let first = work();
        let Err(error) = first else { return first };
        if !filled || self.lost.is_some() || error.kind() == ErrorKind::Limit || self.clear().is_err() {
            return Err(error);
        }
        self.lost = Some(error.to_string());
        work().map_err(|error| error.at(format!("after {} was emptied", self.folder.display())))
    }

    /// Deletes the files; TensorRT makes no folders.
    fn clear(&self) -> io::Result<()> {
        fs::read_dir(&self.folder)?.try_for_each(|entry| fs::remove_file(entry?.path()))
    }

    /// To be appended in the report: where the engines are, and what happened to earlier ones.
    pub fn note(&self) -> String {
        let place = self.folder.display();
        let (lost, reason) = self.lost.as_deref().map_or(("", ""), |reason| (", built anew after: ", reason));
        format!(", engines kept in {place}{lost}{reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use std::cell::Cell;

    /// A cache below `root` with an engine in it, and the path of that engine.
    fn filled(root: &Path) -> (Cache, PathBuf) {
        let cache = Cache::new(root, "0123abcd");
        fs::create_dir_all(cache.folder()).unwrap();
        let engine = cache.folder().join("graph_sm90.engine");
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
        cache.attempt(&|| build(&engine)).unwrap();
        assert_eq!(fs::read_to_string(&engine).unwrap(), "an engine");
        assert!(cache.note().contains("built anew after: could not deserialize engine"), "{}", cache.note());
        assert!(other.exists());
        let (mut cache, engine) = filled(root.path());
        let broken = || Err::<(), _>(Error::new(ErrorKind::Engine, "broken"));
        let error = cache.attempt(&broken).unwrap_err();
        assert!(error.place().ends_with("0123abcd was emptied") && !engine.exists(), "{error}");
        fs::write(&engine, "an engine").unwrap();
        assert!(cache.attempt(&|| build(&engine)).is_err());
        assert!(engine.exists());
    }

    #[test]
    fn a_failure_that_the_cache_cannot_have_caused_leaves_it_alone() {
        let root = tempfile::tempdir().unwrap();
        let (mut cache, engine) = filled(root.path());
        let short = || Err::<(), _>(Error::new(ErrorKind::Limit, "not enough memory"));
        assert_eq!(cache.attempt(&short).unwrap_err().kind(), ErrorKind::Limit);
        assert!(engine.exists());
        let mut empty = Cache::new(root.path(), "4567");
        let attempts = Cell::new(0);
        let broken = || {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(Error::new(ErrorKind::Engine, "broken"))
        };
        assert_eq!(empty.attempt(&broken).unwrap_err().message(), "broken");
        assert_eq!(attempts.get(), 1);
    }
}
