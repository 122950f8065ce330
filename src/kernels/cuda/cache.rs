//! Machine code of the kernels, kept for the next process in a folder that the caller names.
//!
//! A file is one kernel for one architecture, as one version of this library compiles it: its name says so, with a digest
//! of source and options, so that whatever changes gets a file of its own. It begins with a digest of the rest. A file
//! appears whole or not at all, and processes that compile the same kernel at once overwrite each other's equal files.

use super::compile::options;
use super::{Architecture, Kernel};
use crate::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind as Fault, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of the digest that a file begins with.
const DIGEST: usize = 32;

/// The largest file that is read; kernels have some ten thousand bytes.
const MOST: u64 = 64 << 20;

/// A folder of compiled kernels.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// Where a kernel's machine code came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The folder had it.
    Found,
    /// It was compiled, and is in the folder now.
    Compiled,
    /// The folder's file could not be used, for this reason; it was compiled, and has replaced that file.
    Rebuilt(String),
}

impl Cache {
    /// A cache in an existing folder, to which nobody else may write: what lies there runs on the GPU.
    pub fn new(folder: &Path) -> Result<Self> {
        if folder.is_dir() {
            return Ok(Self { folder: folder.to_owned() });
        }
        Err(Error::new(ErrorKind::Io, "the cache of compiled kernels is not a folder")
            .at(folder.display())
            .remedy("create it, or name another"))
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of `kernel`, whether it is there or not.
    pub fn path(&self, kernel: &Kernel, architecture: Architecture) -> PathBuf {
        let mut digest = Sha256::new();
        let options = options(kernel, architecture);
        let headers = Kernel::HEADERS.iter().flat_map(|&(name, text)| [name, text]);
        for text in [kernel.source()].into_iter().chain(headers).chain(options.iter().map(String::as_str)) {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        let key: String = digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let (stem, version) = (kernel.file.trim_end_matches(".cu"), env!("CARGO_PKG_VERSION"));
        self.folder.join(format!("{stem}-{architecture}-{version}-{key}.cubin"))
    }

    /// The machine code of `kernel`: the folder's, or what `compile` gives, which is then put there. Fails before it
    /// compiles where the folder cannot be written to.
    pub fn get(
        &self,
        kernel: &Kernel,
        architecture: Architecture,
        compile: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<(Vec<u8>, Origin)> {
        let origin = match read(&self.path(kernel, architecture)) {
            Ok(Some(code)) => return Ok((code, Origin::Found)),
            Ok(None) => Origin::Compiled,
            Err(reason) => Origin::Rebuilt(reason),
        };
        Ok((self.replace(kernel, architecture, compile)?, origin))
    }

    /// Puts what `compile` gives into the folder, whatever is there, and returns it.
    pub fn replace(
        &self,
        kernel: &Kernel,
        architecture: Architecture,
        compile: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let path = self.path(kernel, architecture);
        let unwritable = |fault| {
            Error::io(path.display(), fault).remedy("name a folder for compiled kernels that can be written to")
        };
        let mut partial = Partial::create(&path).map_err(unwritable)?;
        let code = compile()?;
        partial.finish(&digest(&path, &code), &code).map_err(unwritable)?;
        Ok(code)
    }
}

/// A digest of the code and of the name of its file.
fn digest(path: &Path, code: &[u8]) -> [u8; DIGEST] {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    Sha256::new().chain_update(name).chain_update([0]).chain_update(code).finalize().into()
}

/// The code in the file, if there is a file, or why it cannot be used.
fn read(path: &Path) -> std::result::Result<Option<Vec<u8>>, String> {
    let size = match fs::metadata(path) {
        // Whatever else has the name may never end, or never begin.
        Ok(found) if !found.is_file() => return Err("it is not a file".into()),
        Ok(found) => found.len(),
        Err(fault) if fault.kind() == Fault::NotFound => return Ok(None),
        Err(fault) => return Err(fault.to_string()),
    };
    if size > MOST {
        return Err(format!("it has {size} bytes"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)).map_err(|fault| fault.to_string())?;
    match bytes.split_first_chunk::<DIGEST>() {
        Some((expected, code)) if *expected == digest(path, code) => Ok(Some(code.to_vec())),
        _ => Err(format!("its {} bytes are not those that were written", bytes.len())),
    }
}

/// A file beside `target` that becomes it; deleted where it does not.
struct Partial<'a> {
    target: &'a Path,
    path: PathBuf,
    file: File,
}

impl<'a> Partial<'a> {
    fn create(target: &'a Path) -> std::io::Result<Self> {
        // Process numbers are not enough: containers that share a folder may have equal ones.
        let path = target.with_added_extension(format!("{:016x}.tmp", RandomState::new().hash_one(std::process::id())));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { target, path, file })
    }

    fn finish(&mut self, digest: &[u8], code: &[u8]) -> std::io::Result<()> {
        self.file.write_all(digest)?;
        self.file.write_all(code)?;
        fs::rename(&self.path, self.target)
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        // Not there any more where it was finished; there is nothing to do where it cannot be deleted.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::Sizes;
    use std::sync::Barrier;

    fn kernel(labels: usize) -> Kernel {
        Sizes::new(1, 1, labels, Architecture::HOPPER).unwrap().crf()
    }

    fn never() -> Result<Vec<u8>> {
        panic!("compiled although the folder has it")
    }

    /// The names in `folder`.
    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_kernel_is_compiled_once_for_each_size_and_architecture() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path()).unwrap();
        let targets = [(2, Architecture::HOPPER), (3, Architecture::HOPPER), (2, Architecture::AMPERE)];
        for (number, (labels, architecture)) in targets.into_iter().enumerate() {
            let code = vec![number as u8; 100];
            let found = cache.get(&kernel(labels), architecture, || Ok(code.clone())).unwrap();
            assert_eq!(found, (code.clone(), Origin::Compiled));
            assert_eq!(cache.get(&kernel(labels), architecture, never).unwrap(), (code, Origin::Found));
        }
        let names = names(folder.path());
        assert_eq!(names.len(), targets.len(), "{names:?}");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(names.iter().filter(|name| name.starts_with(&format!("crf-sm_90a-{version}-"))).count(), 2);
    }

    #[test]
    fn what_was_damaged_is_compiled_anew_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, kernel) = (Cache::new(folder.path()).unwrap(), kernel(2));
        let path = cache.path(&kernel, Architecture::HOPPER);
        let get = |byte| cache.get(&kernel, Architecture::HOPPER, || Ok(vec![byte; 100])).unwrap();
        get(1);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[DIGEST + 50] ^= 1;
        let damaged: [&[u8]; 5] = [&[], &whole[..20], &whole[..DIGEST], &whole[..whole.len() - 1], &flipped];
        for bytes in damaged {
            fs::write(&path, bytes).unwrap();
            let (code, origin) = get(2);
            assert!(matches!(&origin, Origin::Rebuilt(reason) if reason.contains("bytes")), "{origin:?}");
            assert_eq!((code, get(3)), (vec![2; 100], (vec![2; 100], Origin::Found)));
        }
        // Another kernel's file under this name.
        let other = cache.path(&super::tests::kernel(3), Architecture::HOPPER);
        fs::rename(&path, &other).unwrap();
        let origin = cache.get(&super::tests::kernel(3), Architecture::HOPPER, || Ok(vec![4; 100])).unwrap().1;
        assert!(matches!(origin, Origin::Rebuilt(_)), "{origin:?}");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path()).unwrap();
        let broken = || Err(Error::new(ErrorKind::Engine, "does not compile"));
        let error = cache.get(&kernel(2), Architecture::HOPPER, broken).unwrap_err();
        assert_eq!(error.message(), "does not compile");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Cache::new(&folder.path().join("none")).unwrap_err();
        assert!(error.message().contains("not a folder") && error.advice().contains("create it"), "{error}");
        // Gone since: root may write to any folder that there is.
        let gone = folder.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let cache = Cache::new(&gone).unwrap();
        fs::remove_dir(&gone).unwrap();
        let error = cache.get(&kernel(2), Architecture::HOPPER, never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.advice().contains("can be written to"), "{error}");
        // A folder has the kernel's name.
        let cache = Cache::new(folder.path()).unwrap();
        fs::create_dir(cache.path(&kernel(2), Architecture::HOPPER)).unwrap();
        let error = cache.get(&kernel(2), Architecture::HOPPER, || Ok(vec![1])).unwrap_err();
        assert_eq!((error.kind(), names(folder.path()).len()), (ErrorKind::Io, 1));
    }

    /// Nothing of a cache is in memory, so threads stand for processes.
    #[test]
    fn many_at_once_get_whole_kernels() {
        let folder = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let cache = Cache::new(folder.path()).unwrap();
                    for labels in 1..=20 {
                        let code = vec![labels as u8; 100_000];
                        barrier.wait();
                        let found = cache.get(&kernel(labels), Architecture::HOPPER, || Ok(code.clone())).unwrap();
                        assert!(found.0 == code && !matches!(found.1, Origin::Rebuilt(_)), "{:?}", found.1);
                    }
                });
            }
        });
        assert_eq!(names(folder.path()).len(), 20);
    }
}
