//! A bundle's folder as one file: a POSIX ustar archive, read where it lies.
//!
//! A ustar archive is a row of blocks of 512 bytes: a header for each file, then its content, filled up with zeros; two
//! blocks of zeros close it. Contents therefore lie at multiples of 512 and can be used in place. What `tar` has beyond
//! that (folders, links, extended headers, sparse files) has no use here and is refused; so is every byte that means
//! nothing and is not zero.

use super::bytes::{Bytes, addressable};
use super::folder::refused_file;
use super::layout;
use super::limits::{self, at_most, clip, flat_name, malformed};
use super::manifest::{FORMAT, Manifest};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;

const BLOCK: u64 = 512;

/// How an archive of the right format is made.
const MAKE: &str = "make the archive with `tar --format=ustar`, as docs/bundle-format.md shows";

/// How files begin that are compressed, and with what.
const COMPRESSED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
];

/// An archive whose headers have been checked.
pub(super) struct Archive {
    body: Body,
    /// Where each file's content lies.
    files: BTreeMap<String, Range<u64>>,
}

/// Where an archive lies.
pub(super) enum Body {
    /// In a file, from `offset` on; read piece by piece.
    File { file: File, offset: u64 },
    /// In memory; used in place.
    Memory(Bytes),
}

impl Body {
    /// A part of the archive, aligned to 8; the range must lie within it.
    fn part(&self, range: Range<u64>) -> Result<Bytes> {
        let length = addressable(range.end - range.start)?;
        match self {
            Self::File { file, offset } => Bytes::read_at(file, offset + range.start, length),
            Self::Memory(bytes) => {
                let start = addressable(range.start)?;
                bytes.part(start..start + length)
            }
        }
    }
}

impl Archive {
    /// Checks the headers of the archive of `length` bytes, and that nothing is hidden between the contents.
    pub fn open(body: Body, length: u64) -> Result<Self> {
        recognise(&body.part(0..length.min(BLOCK))?)?;
        let mut archive = Self { body, files: BTreeMap::new() };
        let (mut at, mut headers) = (0, 0);
        loop {
            let place = |e: Error| e.at(format!("header at byte {at}"));
            if length - at < 2 * BLOCK {
                return Err(place(malformed("the archive is cut short: two blocks of zeros close it")));
            }
            let header = archive.body.part(at..at + BLOCK)?;
            if zeros(&header) {
                return archive.close(at, length).map_err(place);
            }
            headers += 1;
            at_most("entries", headers, limits::ARCHIVE_HEADERS as u64)?;
            at = archive.entry(&header, at + BLOCK, length).map_err(place)?;
        }
    }

    /// Takes in the entry whose content begins at `start`; where the next header is.
    fn entry(&mut self, header: &[u8], start: u64, length: u64) -> Result<u64> {
        let Some((name, size)) = parse(header)? else { return Ok(start) };
        // A size has at most 12 octal digits: nothing overflows.
        let (end, next) = (start + size, start + size.next_multiple_of(BLOCK));
        if next > length {
            return Err(malformed(format!("`{name}` has {size} bytes, which run past the end of the archive")));
        }
        if !zeros(&self.body.part(end..next)?) {
            return Err(malformed(format!("what fills up the last block of `{name}` is not zeros")));
        }
        if self.files.insert(name.clone(), start..end).is_some() {
            return Err(malformed(format!("`{name}` is there twice")));
        }
        Ok(next)
    }

    /// Checks that from `at` on there are zeros only: two blocks, and what `tar` adds to fill a record.
    fn close(self, at: u64, length: u64) -> Result<Self> {
        let rest = length - at;
        at_most("bytes after the last entry", rest, limits::ARCHIVE_TAIL)?;
        if !rest.is_multiple_of(BLOCK) || !zeros(&self.body.part(at..length)?) {
            return Err(malformed("something other than whole blocks of zeros follows the last entry"));
        }
        Ok(self)
    }

    /// The file `name`, whose length `accept` judges before any memory is taken.
    pub fn read(&self, name: &str, accept: impl FnOnce(u64) -> Result<()>) -> Result<Bytes> {
        let range = self.files.get(name).ok_or_else(|| refused_file(std::io::ErrorKind::NotFound.into()))?;
        accept(range.end - range.start)?;
        self.body.part(range.clone())
    }

    /// Refuses files that the format does not have. A later format may have files that this reader never opens.
    pub fn check_names(&self, manifest: &Manifest) -> Result<()> {
        let mut known = layout::files(manifest);
        known.extend([layout::MANIFEST, layout::DIGEST, layout::CARD].map(String::from));
        match self.files.keys().find(|name| !known.contains(name)) {
            Some(name) if manifest.format <= FORMAT => {
                Err(Error::new(ErrorKind::Bundle, "no file of a bundle with this manifest")
                    .at(clip(name))
                    .remedy("leave it out of the archive"))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses what is no archive at all, by its first bytes.
fn recognise(head: &[u8]) -> Result<()> {
    let refuse = |message: String, remedy: &str| Err(Error::new(ErrorKind::Bundle, message).remedy(remedy));
    if head.is_empty() {
        return refuse("the archive is empty".into(), limits::AGAIN);
    }
    if let Some((_, how)) = COMPRESSED.iter().find(|(magic, _)| head.starts_with(magic)) {
        let message = format!("compressed with {how}, where an archive is plain, so that it can be used in place");
        return refuse(message, "decompress it first");
    }
    if head.get(257..262) != Some(b"ustar") {
        let remedy = "name the bundle's folder, the one that holds bundle.json, or an archive of it";
        return refuse("neither a folder nor a ustar archive".into(), remedy);
    }
    Ok(())
}

/// Name and length of a regular file; nothing for the folder itself, which `tar -C folder .` adds.
fn parse(header: &[u8]) -> Result<Option<(String, u64)>> {
    let refuse = |message: String| Error::new(ErrorKind::Bundle, clip(&message)).remedy(MAKE);
    if &header[257..265] != b"ustar\x0000" {
        return Err(refuse("not a header of ustar, version 00".into()));
    }
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = header[148..156].iter().map(|&byte| u32::from(byte)).sum();
    // The field itself counts as blanks.
    let sum = sum - own + 8 * u32::from(b' ');
    if header[148..156] != *format!("{sum:06o}\0 ").as_bytes() {
        return Err(malformed(format!("its checksum is not that of its bytes, which is {sum:06o}")));
    }
    let mut name = text(&header[..100]);
    if header[345] != 0 {
        name = format!("{}/{name}", text(&header[345..500]));
    }
    let size = octal(&header[124..136]).ok_or_else(|| refuse(format!("the size of `{name}` is no octal number")))?;
    let what = match header[156] {
        b'0' | 0 => {
            let name = name.strip_prefix("./").unwrap_or(&name);
            return flat_name(name).map(|()| Some((name.to_owned(), size)));
        }
        b'5' if size == 0 && matches!(name.as_str(), "." | "./") => return Ok(None),
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' | b'6' => "a device or a pipe",
        b'5' => "a folder",
        b'x' | b'g' => "an extended header of pax",
        b'L' | b'K' => "a long name of GNU tar",
        _ => "of an unknown type",
    };
    Err(refuse(format!("`{name}` is {what}, where an archive of a bundle holds only regular files")))
}

/// A field of text, up to its first NUL.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// An octal number, with blanks before it, and blanks or NULs after it.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii_start();
    let count = digits.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (digits, rest) = digits.split_at(count);
    let closed = rest.iter().all(|byte| matches!(byte, b' ' | 0));
    (count > 0 && closed).then(|| digits.iter().fold(0, |n, digit| n * 8 + u64::from(digit - b'0')))
}

fn zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_numbers_are_read_and_others_are_not() {
        for (field, number) in [
            (&b"00000000012\0"[..], Some(10)),
            (b"         12 ", Some(10)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"0\0          ", Some(0)),
            (b"            ", None),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", None),
            (b"0000000001a\0", None),
            (b"00000000018\0", None),
            (b"-0000000012\0", None),
            (b"12\0" as &[u8], Some(10)),
            (b"12\x0012\0", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\0\x01", None),
        ] {
            assert_eq!(octal(field), number, "{field:?}");
        }
    }
}
