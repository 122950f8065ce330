//! Archives as `tar --format=ustar` makes them, piece by piece, so that each piece can be harmed.

use std::path::Path;

const BLOCK: usize = 512;

/// An archive: entries of whole blocks, and what closes it.
#[derive(Clone)]
pub struct Ustar {
    pub entries: Vec<(String, Vec<u8>)>,
    pub end: Vec<u8>,
}

impl Ustar {
    /// The regular files of a folder, sorted.
    pub fn of_folder(folder: &Path) -> Self {
        let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let archive = Self { entries: Vec::new(), end: vec![0; 2 * BLOCK] };
        paths.iter().fold(archive, |archive, path| {
            archive.with(path.file_name().unwrap().to_str().unwrap(), &std::fs::read(path).unwrap())
        })
    }

    /// With one more file at the end.
    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        let mut entry = header(name, content.len());
        entry.extend(content);
        entry.resize(entry.len().next_multiple_of(BLOCK), 0);
        self.entries.push((name.to_string(), entry));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        let count = self.entries.len();
        self.entries.retain(|(n, _)| n != name);
        assert_eq!(self.entries.len(), count - 1, "{name}");
        self
    }

    /// With the header of one file changed, and its checksum made to fit.
    pub fn header(mut self, name: &str, change: impl FnOnce(&mut [u8])) -> Self {
        let header = &mut self.entry(name)[..BLOCK];
        change(header);
        seal(header);
        self
    }

    /// With the header and the content of one file changed, and nothing made to fit.
    pub fn damage(mut self, name: &str, change: impl FnOnce(&mut [u8])) -> Self {
        change(self.entry(name));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let entries: Vec<u8> = self.entries.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        [entries, self.end.clone()].concat()
    }

    fn entry(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.entries.iter_mut().find(|(n, _)| n == name).unwrap().1
    }
}

/// The header of a regular file.
fn header(name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    let mut put = |at: usize, field: &str| header[at..at + field.len()].copy_from_slice(field.as_bytes());
    put(0, name);
    put(100, "0000644\x000000000\x000000000\0");
    put(124, &format!("{size:011o}\x0000000000000\0"));
    put(156, "0");
    put(257, "ustar\x0000");
    seal(&mut header);
    header
}

/// Makes the checksum fit.
pub fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
