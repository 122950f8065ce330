//! The bytes of a text file, unpacked, from a place on.

use crate::batch::source::{Packed, Source};
use crate::{Error, Result};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file was read, for the progress.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Metered {
    file: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.meter.0.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// The bytes of `source` from `offset` on. A packed file is unpacked from its beginning.
pub(super) fn open(source: &Source, offset: u64) -> Result<(Box<dyn BufRead + Send>, Meter)> {
    let failed = |e| Error::io(&source.known.path, e);
    let meter = Meter::default();
    let mut file = source.open()?;
    if source.packed == Packed::Not {
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        meter.0.store(offset, Ordering::Relaxed);
    }
    let metered = Metered { file, meter: meter.clone() };
    let plain = BufReader::with_capacity(1 << 16, metered);
    let mut unpacked: Box<dyn Read + Send> = match source.packed {
        Packed::Not => return Ok((Box::new(plain), meter)),
        Packed::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(plain)),
        Packed::Zstd => Box::new(zstd::Decoder::with_buffer(plain).map_err(failed)?),
    };
    io::copy(&mut unpacked.by_ref().take(offset), &mut io::sink()).map_err(failed)?;
    Ok((Box::new(BufReader::with_capacity(1 << 16, unpacked)), meter))
}
