//! `vocab.*`: a sorted table of strings with a row number each, searched where it lies, never parsed.
//!
//! Layout, little-endian: magic `MTLVOC1\0`; `count: u32`; `reserved: u32 = 0`; `offsets: u32[count + 1]`, from the
//! start of the text; `rows: u32[count]`; the text, UTF-8, entries sorted by bytes, no separators.

use super::limits::malformed;
use super::manifest::LookupStep;
use crate::Result;
use std::borrow::Cow;
use std::collections::BTreeMap;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The bytes at the head of a vocabulary file.
pub const MAGIC: &[u8; 8] = b"MTLVOC1\0";

/// Length of what precedes the offsets.
const HEAD: usize = 16;

/// Entries between two samples.
const STRIDE: usize = 32;

/// A vocabulary over the bytes of its file.
#[derive(Debug, Clone)]
pub struct Vocabulary<B> {
    bytes: B,
    count: usize,
    /// The first bytes of every [`STRIDE`]-th entry: most of a search needs nothing else.
    samples: Vec<u64>,
    /// The row of each entry of one ASCII character: most look-ups of characters are for them.
    ascii: Ascii,
}

type Ascii = Box<[Option<u32>; 128]>;

impl<B: AsRef<[u8]>> Vocabulary<B> {
    /// Checks the table (lengths, order, UTF-8, every row below `rows`) and wraps its bytes.
    pub fn open(bytes: B, rows: u32) -> Result<Self> {
        let (count, ascii) = check(bytes.as_ref(), rows)?;
        let table = Table::new(bytes.as_ref(), count);
        let samples = (0..count).step_by(STRIDE).map(|i| prefix(table.entry(i))).collect();
        Ok(Self { bytes, count, samples, ascii })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row of exactly `entry`.
    pub fn get(&self, entry: &str) -> Option<u32> {
        match entry.as_bytes() {
            [c] => self.ascii[usize::from(*c)],
            bytes => self.search(bytes),
        }
    }

    fn search(&self, entry: &[u8]) -> Option<u32> {
        let (table, first) = (self.table(), prefix(entry));
        // A prefix never decreases from one entry to the next, so the entry lies after the last sample that is less and
        // before the first that is more.
        let less = self.samples.partition_point(|&sample| sample < first);
        let equal = self.samples[less..].partition_point(|&sample| sample == first);
        let (mut low, mut high) = (less.saturating_sub(1) * STRIDE, self.count.min((less + equal) * STRIDE));
        while low < high {
            let middle = low + (high - low) / 2;
            match table.entry(middle).cmp(entry) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(table.row(middle)),
            }
        }
        None
    }

    /// The row of `word` by the first of `steps` that finds one.
    pub fn look_up(&self, word: &str, steps: &[LookupStep]) -> Option<u32> {
        steps.iter().find_map(|&step| self.get(&normalise(word, step)))
    }

    /// Every entry with its row, sorted by the entry's bytes.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, u32)> {
        let table = self.table();
        (0..self.count).map(move |i| (String::from_utf8_lossy(table.entry(i)), table.row(i)))
    }

    /// The row of every entry, sorted by the entries' bytes.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        let table = self.table();
        (0..self.count).map(move |i| table.row(i))
    }

    fn table(&self) -> Table<'_> {
        Table::new(self.bytes.as_ref(), self.count)
    }
}

/// The parts of a file whose length has been checked.
#[derive(Clone, Copy)]
struct Table<'a> {
    offsets: &'a [u8],
    rows: &'a [u8],
    text: &'a [u8],
}

impl<'a> Table<'a> {
    fn new(bytes: &'a [u8], count: usize) -> Self {
        let (offsets, rest) = bytes[HEAD..].split_at(4 * (count + 1));
        let (rows, text) = rest.split_at(4 * count);
        Self { offsets, rows, text }
    }

    fn offset(&self, i: usize) -> usize {
        number(self.offsets, i) as usize
    }

    fn row(&self, i: usize) -> u32 {
        number(self.rows, i)
    }

    /// Empty rather than a panic where a mapped file has changed since it was checked.
    fn entry(&self, i: usize) -> &'a [u8] {
        self.text.get(self.offset(i)..self.offset(i + 1)).unwrap_or_default()
    }
}

/// The first eight bytes as a number, filled up with zeros: it orders as the bytes do.
fn prefix(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = bytes.len().min(8);
    first[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(first)
}

/// The `i`-th little-endian number.
fn number(bytes: &[u8], i: usize) -> u32 {
    u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
}

/// The number of entries of a well-formed file, and the rows of those of one ASCII character, in one pass over it.
fn check(bytes: &[u8], rows: u32) -> Result<(usize, Ascii)> {
    if bytes.len() < HEAD + 4 || !bytes.starts_with(MAGIC) {
        return Err(malformed("does not begin as a vocabulary does (`MTLVOC1`)").at("magic"));
    }
    if number(bytes, 3) != 0 {
        return Err(malformed(format!("{} where 0 is needed", number(bytes, 3))).at("reserved"));
    }
    let count = number(bytes, 2);
    let tables = HEAD as u64 + 4 * (u64::from(count) + 1) + 4 * u64::from(count);
    if tables > bytes.len() as u64 {
        return Err(malformed(format!("{count} entries do not fit into {} bytes", bytes.len())).at("count"));
    }
    let count = count as usize;
    let table = Table::new(bytes, count);
    let text = std::str::from_utf8(table.text)
        .map_err(|e| malformed(format!("not UTF-8 at byte {} of the text", e.valid_up_to())).at("text").caused_by(e))?;
    if table.offset(0) != 0 || table.offset(count) != text.len() {
        return Err(malformed("the entries do not cover the text").at("offsets"));
    }
    let mut ascii = Box::new([None; 128]);
    let mut previous = "";
    for i in 0..count {
        let entry = text.get(table.offset(i)..table.offset(i + 1));
        let entry = entry.ok_or_else(|| malformed("not the bounds of characters in ascending order").at(place(i)))?;
        if entry <= previous {
            let fault = if entry.is_empty() { "empty" } else { "not sorted, or twice there" };
            return Err(malformed(fault).at(place(i)));
        }
        if table.row(i) >= rows {
            return Err(malformed(format!("row {} of a table of {rows} rows", table.row(i))).at(place(i)));
        }
        if let [c] = entry.as_bytes() {
            ascii[usize::from(*c)] = Some(table.row(i));
        }
        previous = entry;
    }
    Ok((count, ascii))
}

fn place(i: usize) -> String {
    format!("entry {i}")
}

/// `word` as `step` changes it.
pub fn normalise(word: &str, step: LookupStep) -> Cow<'_, str> {
    match step {
        LookupStep::Exact => Cow::Borrowed(word),
        LookupStep::Lower => lower(word),
        LookupStep::Digits => {
            let lowered = lower(word);
            if lowered.contains(is_digit) { Cow::Owned(lowered.replace(is_digit, "0")) } else { lowered }
        }
    }
}

fn lower(word: &str) -> Cow<'_, str> {
    let lowered = word.to_lowercase();
    if lowered == word { Cow::Borrowed(word) } else { Cow::Owned(lowered) }
}

/// Whether `c` is a decimal digit of any script (category Nd).
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.general_category() == GeneralCategory::DecimalNumber)
}

/// The entries, and an alias for each lower-cased form and each with digits as 0, so that plain look-ups find what
/// seeds A.4 finds: for each step the first entry of the table wins, and `entries` are in the table's order.
///
/// An entry beats an alias: of `Paris` and `paris`, both in the table, `PARIS` takes `paris` whichever comes first.
pub fn with_aliases(entries: &[(String, u32)]) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    for step in [LookupStep::Exact, LookupStep::Lower, LookupStep::Digits] {
        for (word, row) in entries {
            all.entry(normalise(word, step).into_owned()).or_insert(*row);
        }
    }
    all
}

/// The file's bytes for `entries`, whose text must be shorter than 4 GiB.
pub fn write(entries: &BTreeMap<String, u32>) -> Vec<u8> {
    let text: usize = entries.keys().map(String::len).sum();
    let mut bytes = Vec::with_capacity(HEAD + 8 * entries.len() + 4 + text);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    let mut offset = 0u32;
    for entry in entries.keys() {
        bytes.extend_from_slice(&offset.to_le_bytes());
        offset = offset.wrapping_add(entry.len() as u32);
    }
    bytes.extend_from_slice(&offset.to_le_bytes());
    for row in entries.values() {
        bytes.extend_from_slice(&row.to_le_bytes());
    }
    for entry in entries.keys() {
        bytes.extend_from_slice(entry.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use LookupStep::{Digits, Exact, Lower};

    fn entries(list: &[(&str, u32)]) -> BTreeMap<String, u32> {
        list.iter().map(|&(word, row)| (word.to_string(), row)).collect()
    }

    #[test]
    fn finds_every_entry_and_no_other() {
        for count in 0..70u32 {
            let all: BTreeMap<String, u32> = (0..count).map(|i| (format!("w{}", i * 7 % 101), i)).collect();
            let vocabulary = Vocabulary::open(write(&all), count).unwrap();
            assert_eq!(vocabulary.len(), all.len());
            assert_eq!(vocabulary.is_empty(), count == 0);
            for (word, &row) in &all {
                assert_eq!(vocabulary.get(word), Some(row));
            }
            for absent in ["", "a", "w", "w1010", "z", "\u{10ffff}"] {
                assert_eq!(vocabulary.get(absent), None);
            }
            let listed: BTreeMap<String, u32> = vocabulary.iter().map(|(w, r)| (w.into_owned(), r)).collect();
            assert_eq!(listed, all);
        }
    }

    /// Far more entries than one sample, many of them with the same first eight bytes, and some that end in zeros.
    #[test]
    fn entries_with_equal_beginnings_are_found() {
        let words = (0..300u32).map(|i| format!("{}{i:03}", ["", "beginning", "beginnin\0", "z"][i as usize % 4]));
        let all: BTreeMap<String, u32> =
            words.chain(["b", "beginnin", "b\0", "b\0\0"].map(String::from)).zip(0..).collect();
        let vocabulary = Vocabulary::open(write(&all), 400).unwrap();
        assert!(vocabulary.samples.len() > 5);
        for (word, &row) in &all {
            assert_eq!(vocabulary.get(word), Some(row), "{word:?}");
            assert_eq!(vocabulary.get(&format!("{word}x")), None);
        }
        for absent in ["", "\0", "beginning", "beginnin\0", "b\0\0\0", "zz"] {
            assert_eq!(vocabulary.get(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn the_three_steps_in_order() {
        let vocabulary = Vocabulary::open(write(&entries(&[("Paris", 1), ("paris", 2), ("00-x", 3)])), 4).unwrap();
        let steps = [Exact, Lower, Digits];
        assert_eq!(vocabulary.look_up("Paris", &steps), Some(1));
        assert_eq!(vocabulary.look_up("PARIS", &steps), Some(2));
        assert_eq!(vocabulary.look_up("PARIS", &steps[..1]), None);
        assert_eq!(vocabulary.look_up("19-X", &steps), Some(3));
        assert_eq!(vocabulary.look_up("١٩-X", &steps), Some(3));
        assert_eq!(vocabulary.look_up("19-X", &steps[..2]), None);
        assert_eq!(vocabulary.look_up("Paris", &[]), None);
    }

    #[test]
    fn digits_are_decimal_digits_of_every_script_only() {
        assert_eq!(normalise("A1²٣½Ⅻ９", Digits), "a0²0½ⅻ0");
        assert_eq!(normalise("ΑΣ", Lower), "ας");
        assert!(matches!(normalise("lower", Digits), Cow::Borrowed(_)));
    }

    #[test]
    fn aliases_take_the_first_of_the_table_and_never_replace_an_entry() {
        let table = [("Paris", 5), ("PARIS", 6), ("A1", 7), ("a2", 8), ("a0", 9), ("Paris", 10)];
        let table: Vec<_> = table.iter().map(|&(w, r)| (w.to_string(), r)).collect();
        let all = with_aliases(&table);
        let wanted = [("Paris", 5), ("PARIS", 6), ("paris", 5), ("A1", 7), ("a1", 7), ("a2", 8), ("a0", 9)];
        assert_eq!(all, entries(&wanted));
    }

    /// A well-formed file with its bytes at `at` replaced.
    fn patched(at: usize, with: &[u8]) -> Vec<u8> {
        let mut bytes = write(&entries(&[("ab", 0), ("b", 1), ("é", 2)]));
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    }

    #[test]
    fn malformed_files_are_refused_with_the_field() {
        let text = HEAD + 4 * 4 + 4 * 3;
        let cases: [(Vec<u8>, &str); 12] = [
            (Vec::new(), "magic"),
            (patched(6, b"2"), "magic"),
            (patched(12, &[1]), "reserved"),
            (patched(8, &[0xff; 4]), "count"),
            (patched(8, &[2]), "offsets"),
            (patched(HEAD, &[1]), "offsets"),
            (patched(HEAD + 4, &[0]), "entry 0: empty"),
            (patched(HEAD + 4, &[0xff, 0xff, 0xff, 0xff]), "entry 0"),
            (patched(HEAD + 8, &[4]), "entry 1"),
            (patched(HEAD + 16, &[3]), "entry 0: row 3"),
            (patched(text, b"c"), "entry 1: not sorted"),
            (patched(text, &[0xff]), "text: not UTF-8 at byte 0"),
        ];
        for (bytes, words) in cases {
            let error = Vocabulary::open(bytes, 3).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("again"), "{words:?}: {error}");
        }
        let good = patched(0, MAGIC);
        for length in 0..good.len() {
            assert!(Vocabulary::open(&good[..length], 3).is_err(), "cut at {length}");
        }
        assert!(Vocabulary::open([&good[..], b"x"].concat(), 3).is_err());
        assert!(Vocabulary::open(good, 3).is_ok());
    }
}
