//! Attacks on `vocab.*`.

use crate::{Attack, Victim, attack, run};
use libmtl::ErrorKind::Bundle;
use libmtl::bundle::vocabulary;
use std::collections::BTreeMap;

const WORDS: &str = "vocab.words.da";
const CHARS: &str = "vocab.chars";

const ATTACKS: &[Attack] = &[
    attack("another magic", |v| v.forge(WORDS, |b| b[6] = b'2'), Bundle, &["vocab.words.da: magic:", "again"]),
    attack("an empty file", |v| v.forge(WORDS, Vec::clear), Bundle, &["vocab.words.da: magic:"]),
    attack("reserved bytes in use", |v| v.forge(WORDS, |b| b[15] = 1), Bundle, &["vocab.words.da: reserved:"]),
    attack(
        "2^32 - 1 entries",
        |v| v.forge(WORDS, |b| b[8..12].fill(0xff)),
        Bundle,
        &["vocab.words.da: count: 4294967295 entries do not fit"],
    ),
    attack("one entry more", |v| v.forge(WORDS, |b| b[8] += 1), Bundle, &["vocab.words.da: "]),
    attack("a truncated text", |v| v.forge(WORDS, |b| b.truncate(b.len() - 1)), Bundle, &["vocab.words.da: "]),
    attack(
        "a longer text",
        |v| v.forge(WORDS, |b| b.push(b'z')),
        Bundle,
        &["vocab.words.da: offsets: the entries do not cover"],
    ),
    attack(
        "an offset beyond the text",
        |v| v.forge(WORDS, |b| b[20..24].fill(0xff)),
        Bundle,
        &["vocab.words.da: entry 0:"],
    ),
    attack("offsets that descend", |v| swap(v, 20, 24), Bundle, &["vocab.words.da: entry 1:"]),
    attack("an empty entry", |v| v.forge(WORDS, |b| b[20..24].fill(0)), Bundle, &["vocab.words.da: entry 0: empty"]),
    attack(
        "no UTF-8",
        |v| v.forge(WORDS, |b| *b.last_mut().unwrap() = 0xff),
        Bundle,
        &["vocab.words.da: text: not UTF-8"],
    ),
    attack(
        "a surrogate",
        |v| table(v, WORDS, &[(b"\xed\xa0\x80", 1)]),
        Bundle,
        &["vocab.words.da: text: not UTF-8 at byte 0"],
    ),
    attack(
        "entries that cut a character in two",
        |v| table(v, WORDS, &[(b"\xc3", 1), (b"\xa9", 2)]),
        Bundle,
        &["vocab.words.da: entry 0: not the bounds of characters"],
    ),
    attack(
        "not sorted",
        |v| table(v, WORDS, &[(b"b", 1), (b"a", 2)]),
        Bundle,
        &["vocab.words.da: entry 1: not sorted"],
    ),
    attack("an entry twice", |v| table(v, WORDS, &[(b"a", 1), (b"a", 2)]), Bundle, &["entry 1: not sorted, or twice"]),
    attack("a row of no table", |v| table(v, WORDS, &[(b"a", 17)]), Bundle, &["entry 0: row 17 of a table of 17 rows"]),
    attack("the last row there is", |v| table(v, WORDS, &[(b"a", u32::MAX)]), Bundle, &["entry 0: row 4294967295"]),
    attack("two characters", |v| table(v, CHARS, &[(b"ab", 2)]), Bundle, &["vocab.chars: entry 0: not one character"]),
    attack(
        "the padding's row",
        |v| table(v, CHARS, &[(b"a", 0)]),
        Bundle,
        &["vocab.chars: entry 0: row 0, which is reserved"],
    ),
    attack(
        "the unknown's row",
        |v| table(v, CHARS, &[(b"a", 1)]),
        Bundle,
        &["vocab.chars: entry 0: row 1, which is reserved"],
    ),
    attack(
        "a boundary's row",
        |v| {
            v.set("/text/char_boundaries", true);
            table(v, CHARS, &[(b"a", 3)]);
        },
        Bundle,
        &["vocab.chars: entry 0: row 3, which is reserved"],
    ),
];

#[test]
fn vocabularies() {
    run(ATTACKS);
}

/// Exchanges two numbers.
fn swap(victim: &Victim, a: usize, b: usize) {
    victim.forge(WORDS, |bytes| (0..4).for_each(|i| bytes.swap(a + i, b + i)));
}

/// Replaces a vocabulary by one that holds exactly these bytes, sorted or not.
fn table(victim: &Victim, name: &str, entries: &[(&[u8], u32)]) {
    victim.forge(name, |bytes| {
        // A well-formed table of entries as long, whose text is then replaced.
        let stand_in = |i: usize, text: &[u8]| char::from(b'a' + i as u8).to_string().repeat(text.len());
        let good: BTreeMap<String, u32> =
            entries.iter().enumerate().map(|(i, &(text, row))| (stand_in(i, text), row)).collect();
        *bytes = vocabulary::write(&good);
        let text: Vec<u8> = entries.iter().flat_map(|(text, _)| text.iter().copied()).collect();
        let start = bytes.len() - text.len();
        bytes[start..].copy_from_slice(&text);
    });
}
