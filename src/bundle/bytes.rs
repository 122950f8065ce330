//! The bytes of one file, cheap to clone: read into memory, or mapped.

use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// A file's bytes, aligned to 8 and shared between clones.
#[derive(Clone)]
pub struct Bytes(Arc<Owner>);

enum Owner {
    /// `u64`s, so that half-precision numbers can be viewed in place.
    Heap {
        words: Vec<u64>,
        length: usize,
    },
    Mapped(memmap2::Mmap),
}

impl Bytes {
    /// Reads exactly `length` bytes; a file that turns out shorter or longer is an error.
    pub(super) fn read(mut file: File, length: usize) -> Result<Self> {
        let mut words = zeroed(length)?;
        let buffer = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..length];
        file.read_exact(buffer).map_err(refused)?;
        match file.read_exact(&mut [0]) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                Ok(Self(Arc::new(Owner::Heap { words, length })))
            }
            Err(e) => Err(refused(e)),
            Ok(()) => Err(changed()),
        }
    }

    /// Maps the file, whose length the caller has checked.
    pub(super) fn map(file: File, length: usize) -> Result<Self> {
        if length == 0 {
            return Ok(Self::from(&[][..]));
        }
        // SAFETY: mapping is undefined only if the file changes beneath it; the caller of a trusted open promises that
        // nobody writes to it (see `OpenOptions::trusted`).
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&file) };
        let map = map.map_err(refused)?;
        Ok(Self(Arc::new(Owner::Mapped(map))))
    }
}

fn refused(e: std::io::Error) -> Error {
    if e.kind() == std::io::ErrorKind::UnexpectedEof {
        return changed();
    }
    Error::new(ErrorKind::Io, e.to_string()).remedy("check the disk that holds the bundle").caused_by(e)
}

fn changed() -> Error {
    Error::new(ErrorKind::Integrity, "its length changed while it was read")
        .remedy("try again when nobody writes to it")
}

/// Room for `length` bytes; too little memory is an error, not an abort.
fn zeroed(length: usize) -> Result<Vec<u64>> {
    let count = length.div_ceil(8);
    let mut words = Vec::new();
    words.try_reserve_exact(count).map_err(|e| {
        Error::new(ErrorKind::Limit, format!("no memory for {length} bytes"))
            .remedy("free some memory, or open the bundle as trusted so that it is mapped")
            .caused_by(e)
    })?;
    words.resize(count, 0);
    Ok(words)
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self(Arc::new(Owner::Heap { words, length: bytes.len() }))
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match &*self.0 {
            Owner::Heap { words, length } => &bytemuck::cast_slice(words)[..*length],
            Owner::Mapped(map) => map,
        }
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
        let how = if matches!(*self.0, Owner::Mapped(_)) { "mapped" } else { "read" };
        write!(f, "Bytes({} bytes, {how})", self.len())
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

    #[test]
    fn read_and_mapped_bytes_are_the_files_and_aligned() {
        for length in [0usize, 1, 7, 8, 9, 4097] {
            let content: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            for bytes in [Bytes::read(file(&content), length), Bytes::map(file(&content), length)] {
                let bytes = bytes.unwrap();
                assert_eq!(&*bytes, &content[..]);
                assert_eq!(bytes.as_ptr() as usize % 8, 0);
                assert_eq!(bytes.clone().as_ptr(), bytes.as_ptr());
            }
        }
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
