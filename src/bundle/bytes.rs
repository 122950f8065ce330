//! Bytes that are cheap to clone and to divide: read into memory, mapped, or the caller's own.

use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// What a file's bytes are aligned to, so that half-precision numbers can be viewed in place.
const ALIGNMENT: usize = 8;

/// Bytes from which on memory is asked of the system itself.
const LARGE: usize = 4 << 20;

/// Immutable bytes, and a share in whatever keeps them alive.
#[derive(Clone)]
pub struct Bytes {
    view: NonNull<[u8]>,
    /// What `view` points into.
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
}

// SAFETY: `view` is only read, and what it points into is `Send + Sync`.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

/// Memory aligned to 8.
struct Words {
    words: Vec<u64>,
    length: usize,
}

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}

impl Bytes {
    /// The bytes of `owner`, which lives until the last clone is gone; nothing is copied.
    ///
    /// A `&'static [u8]`, a `Vec<u8>`, a memory map: whatever owns bytes that do not change.
    pub fn from_owner(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let owner: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(owner);
        Self { view: NonNull::from((*owner).as_ref()), owner }
    }

    /// A copy of `bytes`; too little memory is an error.
    pub fn copy_of(bytes: &[u8]) -> Result<Self> {
        Self::filled(bytes.len(), |buffer| {
            buffer.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// Reads exactly `length` bytes; a file that turns out shorter or longer is an error.
    pub(super) fn read(mut file: File, length: usize) -> Result<Self> {
        let bytes = Self::filled(length, |buffer| file.read_exact(buffer))?;
        match file.read_exact(&mut [0]) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(bytes),
            Err(e) => Err(refused(e)),
            Ok(()) => Err(changed()),
        }
    }

    /// Reads the `length` bytes of the file that begin at `offset`.
    pub(super) fn read_at(file: &File, offset: u64, length: usize) -> Result<Self> {
        Self::filled(length, |buffer| read_exact_at(file, offset, buffer))
    }

    /// Maps `length` bytes of the file from `offset` on, which the caller has checked to be there.
    pub(crate) fn map(file: &File, offset: u64, length: usize) -> Result<Self> {
        if length == 0 {
            return Ok(Self::from(&[][..]));
        }
        // SAFETY: mapping is undefined only if the file changes beneath it; the caller of a trusted open, or of a table
        // of vectors, promises that nobody writes to it (see `OpenOptions::trusted`, `SentenceVectors::open`).
        let map = unsafe { memmap2::MmapOptions::new().offset(offset).len(length).map(file) };
        Ok(Self::from_owner(map.map_err(refused)?))
    }

    /// A part, aligned to 8: where it lies, or copied if it lies elsewhere than at a multiple of 8.
    ///
    /// # Panics
    ///
    /// Where `range` is not within the bytes, as a slice does.
    pub(super) fn part(&self, range: Range<usize>) -> Result<Self> {
        let part = &self[range];
        if !part.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Self::copy_of(part);
        }
        Ok(Self { view: NonNull::from(part), owner: Arc::clone(&self.owner) })
    }

    /// New memory that `fill` writes to; too little memory is an error, not an abort.
    fn filled(length: usize, fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> Result<Self> {
        if length >= LARGE {
            let mut map = memmap2::MmapMut::map_anon(length).map_err(|e| no_memory(length).caused_by(e))?;
            // A fault for each 2 MiB instead of each 4 KiB; a system without such pages says no, and takes longer.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            fill(&mut map).map_err(refused)?;
            return Ok(Self::from_owner(map));
        }
        let count = length.div_ceil(ALIGNMENT);
        let mut words = Vec::new();
        words.try_reserve_exact(count).map_err(|e| no_memory(length).caused_by(e))?;
        words.resize(count, 0u64);
        fill(&mut bytemuck::cast_slice_mut(&mut words)[..length]).map_err(refused)?;
        Ok(Self::from_owner(Words { words, length }))
    }
}

fn no_memory(length: usize) -> Error {
    Error::new(ErrorKind::Limit, format!("no memory for {length} bytes"))
        .remedy("free some memory, or open the bundle as trusted so that it is mapped")
}

/// Fills `buffer` with the file's bytes from `offset` on, wherever its cursor stands.
#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills `buffer` with the file's bytes from `offset` on, and moves its cursor.
#[cfg(not(unix))]
fn read_exact_at(mut file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// The length as this machine counts.
pub(crate) fn addressable(length: u64) -> Result<usize> {
    usize::try_from(length).map_err(|_| {
        Error::new(ErrorKind::Limit, format!("{length} bytes, more than this machine can address"))
            .remedy("open the bundle on a 64-bit machine")
    })
}

/// A read that failed; a file that ends too early has changed since its length was taken.
fn refused(e: io::Error) -> Error {
    if e.kind() == io::ErrorKind::UnexpectedEof {
        return changed();
    }
    Error::new(ErrorKind::Io, e.to_string()).remedy("check the disk that holds the bundle").caused_by(e)
}

fn changed() -> Error {
    Error::new(ErrorKind::Integrity, "its length changed while it was read")
        .remedy("try again when nobody writes to it")
}

impl From<&[u8]> for Bytes {
    /// Copies; see [`Bytes::copy_of`] for bytes that may be too many for the memory there is.
    fn from(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(ALIGNMENT)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self::from_owner(Words { words, length: bytes.len() })
    }
}

impl From<Vec<u8>> for Bytes {
    /// Takes the memory over.
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_owner(bytes)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `view` was made from a borrow of what `owner` holds. That value was moved into `owner` first, is
        // never lent mutably, and lives as long as `self`; so the borrow lasts as long as this one.
        unsafe { self.view.as_ref() }
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file.reopen().unwrap()
    }

    fn aligned(bytes: &Bytes) -> bool {
        bytes.as_ptr().addr().is_multiple_of(ALIGNMENT)
    }

    #[test]
    fn read_mapped_and_copied_bytes_are_the_files_and_aligned() {
        for length in [0usize, 1, 7, 8, 9, 4097] {
            let content: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            for bytes in [
                Bytes::read(file(&content), length),
                Bytes::read_at(&file(&content), 0, length),
                Bytes::map(&file(&content), 0, length),
                Bytes::copy_of(&content),
                Ok(Bytes::from(&content[..])),
            ] {
                let bytes = bytes.unwrap();
                assert_eq!(&*bytes, &content[..]);
                assert!(aligned(&bytes));
                assert_eq!(bytes.clone().as_ptr(), bytes.as_ptr());
            }
        }
    }

    #[test]
    fn a_file_is_read_and_mapped_from_any_offset() {
        let content: Vec<u8> = (0..10_000).map(|i| (i % 251) as u8).collect();
        let file = file(&content);
        for offset in [1, 8, 4095, 4096, 5000] {
            let expected = &content[offset..][..3000];
            assert_eq!(&*Bytes::read_at(&file, offset as u64, 3000).unwrap(), expected);
            assert_eq!(&*Bytes::map(&file, offset as u64, 3000).unwrap(), expected);
        }
        assert_eq!(Bytes::read_at(&file, 9_999, 2).unwrap_err().kind(), ErrorKind::Integrity);
    }

    #[test]
    fn a_part_lies_in_place_unless_that_is_misaligned() {
        let whole = Bytes::copy_of(&(0..64).collect::<Vec<u8>>()).unwrap();
        for start in 0..17 {
            let part = whole.part(start..start + 40).unwrap();
            assert_eq!(&*part, &whole[start..start + 40]);
            assert!(aligned(&part));
            assert_eq!(part.as_ptr() == whole[start..].as_ptr(), start % 8 == 0);
        }
    }

    #[test]
    fn the_owner_lives_as_long_as_the_last_part() {
        struct Owner {
            words: [u64; 2],
            _alive: Arc<()>,
        }
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                bytemuck::cast_slice(&self.words)
            }
        }
        let alive = Arc::new(());
        let whole = Bytes::from_owner(Owner { words: [0x0101_0101_0101_0101; 2], _alive: Arc::clone(&alive) });
        let part = whole.part(8..16).unwrap();
        drop(whole);
        assert_eq!((&*part, Arc::strong_count(&alive)), (&[1u8; 8][..], 2));
        drop(part);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn a_file_that_changed_its_length_is_refused() {
        assert_eq!(Bytes::read(file(b"four"), 5).unwrap_err().kind(), ErrorKind::Integrity);
        assert_eq!(Bytes::read(file(b"four"), 3).unwrap_err().kind(), ErrorKind::Integrity);
    }

    #[test]
    fn too_much_memory_is_an_error() {
        assert_eq!(Bytes::read(file(b""), usize::MAX / 2).unwrap_err().kind(), ErrorKind::Limit);
    }
}
