//! Attacks on the archive that holds a bundle's files: each is a good one with one change.
//!
//! Headers that were changed have the checksum that fits, unless it is the checksum that is attacked.

use crate::common::ustar::Ustar;
use crate::{Attack, Victim, attack, fault, report};
use libmtl::ErrorKind::{Bundle as Broken, Integrity, Io, Limit};
use libmtl::bundle::{Bundle, Bytes, OpenOptions};
use std::fs::{self, File};

/// Where fields lie in a header.
const SIZE: std::ops::Range<usize> = 124..136;
const TYPE: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;
const PREFIX: usize = 345;

const TAR: &str = "tar --format=ustar";

type ArchiveAttack = Attack<fn(Ustar) -> Vec<u8>>;

const LENGTHS: &[ArchiveAttack] = &[
    attack("empty", |_| Vec::new(), Broken, &["the archive is empty", "fetch the bundle again"]),
    attack("shorter than a header", |t| t.bytes()[..300].to_vec(), Broken, &["header at byte 0: ", "cut short"]),
    attack("cut within a header", |t| cut(&t, 100), Broken, &["cut short", "fetch the bundle again"]),
    attack("cut within a content", |t| cut(&t, 2100), Broken, &["`golden.jsonl` has ", "run past the end"]),
    attack("not closed", |t| Ustar { end: vec![], ..t }.bytes(), Broken, &["two blocks of zeros close it"]),
    attack("half closed", |t| Ustar { end: vec![0; 512], ..t }.bytes(), Broken, &["two blocks of zeros close it"]),
    attack("a byte too long", |t| Ustar { end: vec![0; 1025], ..t }.bytes(), Broken, &["whole blocks of zeros"]),
    attack(
        "hidden after the end",
        |mut t| {
            t.end.resize(2048, 0);
            t.end[1500] = 1;
            t.bytes()
        },
        Broken,
        &["whole blocks of zeros"],
    ),
    attack("a second archive after the end", |t| [t.bytes(), t.bytes()].concat(), Broken, &["whole blocks of zeros"]),
    attack(
        "a terabyte of zeros, begun",
        |t| Ustar { end: vec![0; 1 << 17], ..t }.bytes(),
        Limit,
        &["131072 bytes after the last entry, where at most 65536"],
    ),
    attack(
        "hidden behind a content",
        |t| t.damage("model.onnx", |b| *b.last_mut().unwrap() = 1).bytes(),
        Broken,
        &["the last block of `model.onnx` is not zeros"],
    ),
    attack(
        "size beyond the end",
        |t| size(t, b"00001000000\0"),
        Broken,
        &["`model.onnx` has 262144 bytes, which run past the end"],
    ),
    attack(
        "the greatest size",
        |t| size(t, b"777777777777"),
        Broken,
        &["`model.onnx` has 68719476735 bytes, which run past"],
    ),
    attack(
        "size of 2^63 in base 256",
        |t| size(t, b"\x80\0\0\0\x80\0\0\0\0\0\0\0"),
        Broken,
        &["the size of `model.onnx` is no octal number", TAR],
    ),
    attack("negative size in base 256", |t| size(t, &[0xff; 12]), Broken, &["no octal number", TAR]),
    attack("size of letters", |t| size(t, b"0000000001f\0"), Broken, &["no octal number"]),
    attack("no size", |t| size(t, &[0; 12]), Broken, &["no octal number"]),
    attack(
        "size of a byte less",
        |t| t.header("bundle.sha256", |h| h[SIZE].copy_from_slice(b"00000000115\0")).bytes(),
        Broken,
        &["the last block of `bundle.sha256` is not zeros"],
    ),
    attack(
        "size of a byte more",
        |t| t.header("golden.jsonl", lengthen).bytes(),
        Integrity,
        &["golden.jsonl: ", "bytes long, where the manifest says"],
    ),
];

const HEADERS: &[ArchiveAttack] = &[
    attack(
        "a wrong checksum",
        |t| t.damage("model.onnx", |b| b[148] ^= 1).bytes(),
        Broken,
        &["header at byte ", "its checksum is not that of its bytes"],
    ),
    attack(
        "a checksum without its end",
        |t| t.damage("model.onnx", |b| b[155] = 0).bytes(),
        Broken,
        &["its checksum is not that of its bytes"],
    ),
    attack(
        "a damaged name",
        |t| t.damage("model.onnx", |b| b[0] = b'n').bytes(),
        Broken,
        &["its checksum", "fetch the bundle again"],
    ),
    attack("GNU tar's own format", |t| magic(t, b"ustar  \0"), Broken, &["not a header of ustar, version 00", TAR]),
    attack("ustar, version 11", |t| magic(t, b"ustar\x0011"), Broken, &["not a header of ustar, version 00", TAR]),
    attack("the format of version 7", |t| magic(t, &[0; 8]), Broken, &["neither a folder nor a ustar archive"]),
    attack(
        "version 7 within",
        |t| t.header("model.onnx", |h| h[MAGIC].fill(0)).bytes(),
        Broken,
        &["not a header of ustar", TAR],
    ),
    attack("a hard link", |t| kind(t, b'1'), Broken, &["`model.onnx` is a hard link", "only regular files"]),
    attack("a symbolic link", |t| kind(t, b'2'), Broken, &["`model.onnx` is a symbolic link", "only regular files"]),
    attack("a character device", |t| kind(t, b'3'), Broken, &["`model.onnx` is a device or a pipe"]),
    attack("a block device", |t| kind(t, b'4'), Broken, &["`model.onnx` is a device or a pipe"]),
    attack("a folder with content", |t| kind(t, b'5'), Broken, &["`model.onnx` is a folder"]),
    attack("a pipe", |t| kind(t, b'6'), Broken, &["`model.onnx` is a device or a pipe"]),
    attack("a contiguous file", |t| kind(t, b'7'), Broken, &["`model.onnx` is of an unknown type"]),
    attack("a sparse file of GNU tar", |t| kind(t, b'S'), Broken, &["`model.onnx` is of an unknown type", TAR]),
    attack(
        "an extended header of pax",
        |t| record(t, "./PaxHeaders/model.onnx", b'x'),
        Broken,
        &["an extended header of pax", TAR],
    ),
    attack(
        "a global header of pax",
        |t| record(t, "pax_global_header", b'g'),
        Broken,
        &["an extended header of pax", TAR],
    ),
    attack("a long name of GNU tar", |t| record(t, "././@LongLink", b'L'), Broken, &["a long name of GNU tar", TAR]),
    attack("a long link of GNU tar", |t| record(t, "././@LongLink", b'K'), Broken, &["a long name of GNU tar", TAR]),
];

const NAMES: &[ArchiveAttack] = &[
    attack("a file is missing", |t| t.without("model.onnx").bytes(), Io, &["model.onnx: ", "the bundle is incomplete"]),
    attack("the manifest is missing", |t| t.without("bundle.json").bytes(), Io, &["bundle.json: ", "incomplete"]),
    attack(
        "no file at all",
        |t| Ustar { entries: vec![], ..t }.bytes(),
        Broken,
        &["neither a folder nor a ustar archive"],
    ),
    attack("a file twice", |t| t.with("model.onnx", b"other").bytes(), Broken, &["`model.onnx` is there twice"]),
    attack(
        "a file twice, disguised",
        |t| t.with("./model.onnx", b"other").bytes(),
        Broken,
        &["`model.onnx` is there twice"],
    ),
    attack("a way out", |t| t.with("../x", b"").bytes(), Broken, &["`../x` is not the plain name of a file"]),
    attack("a way out, disguised", |t| t.with("./../x", b"").bytes(), Broken, &["`../x` is not the plain name"]),
    attack(
        "an absolute name",
        |t| t.with("/etc/passwd", b"").bytes(),
        Broken,
        &["`/etc/passwd` is not the plain name"],
    ),
    attack("a drive", |t| t.with("C:x", b"").bytes(), Broken, &["`C:x` is not the plain name"]),
    attack("a backslash", |t| t.with("..\\x", b"").bytes(), Broken, &["`..\\x` is not the plain name"]),
    attack(
        "a file in a folder",
        |t| t.with("a/model.onnx", b"").bytes(),
        Broken,
        &["`a/model.onnx` is not the plain name"],
    ),
    attack(
        "a file in a prefix",
        |t| t.header("model.onnx", |h| h[PREFIX] = b'a').bytes(),
        Broken,
        &["`a/model.onnx` is not the plain name"],
    ),
    attack("a folder", |t| record(t, "a/", b'5'), Broken, &["`a/` is a folder"]),
    attack("no name", |t| t.header("model.onnx", |h| h[..100].fill(0)).bytes(), Broken, &["`` is not the plain name"]),
    attack("a name of a dot", |t| t.with(".", b"").bytes(), Broken, &["`.` is not the plain name"]),
    attack(
        "a control character",
        |t| t.with("a\x1b[2J", b"").bytes(),
        Broken,
        &["`a\u{fffd}[2J` is not the plain name"],
    ),
    attack(
        "a name of 100 bytes",
        |t| t.with(&"n".repeat(100), b"").bytes(),
        Broken,
        &["nnnn: no file of a bundle", "leave it out"],
    ),
    attack(
        "a name that is not UTF-8",
        |t| t.header("model.onnx", |h| h[0] = 0xff).bytes(),
        Broken,
        &["odel.onnx: no file of a bundle", "leave it out"],
    ),
    attack(
        "an unknown file",
        |t| t.with("run.sh", b"rm").bytes(),
        Broken,
        &["run.sh: no file of a bundle", "leave it out"],
    ),
    attack(
        "words of another language",
        |t| t.with("vocab.words.xx", b"").bytes(),
        Broken,
        &["vocab.words.xx: no file"],
    ),
    attack(
        "too many files",
        |t| (0..300).fold(t, |t, n| t.with(&format!("f{n}"), b"")).bytes(),
        Limit,
        &["266 entries, where at most 265"],
    ),
    attack("too many folders", |t| (0..300).fold(t, dot).bytes(), Limit, &["266 entries, where at most 265"]),
];

const NO_ARCHIVES: &[ArchiveAttack] = &[
    attack(
        "gzip",
        |t| [b"\x1f\x8b\x08\0", &t.bytes()[4..]].concat(),
        Broken,
        &["compressed with gzip", "decompress it first"],
    ),
    attack(
        "zstd",
        |t| [b"\x28\xb5\x2f\xfd", &t.bytes()[4..]].concat(),
        Broken,
        &["compressed with zstd", "decompress it first"],
    ),
    attack("xz", |_| b"\xfd7zXZ\0\0".to_vec(), Broken, &["compressed with xz", "decompress it first"]),
    attack("bzip2", |_| b"BZh91AY".to_vec(), Broken, &["compressed with bzip2", "decompress it first"]),
    attack("zip", |_| b"PK\x03\x04".to_vec(), Broken, &["compressed with zip", "decompress it first"]),
    attack(
        "the manifest alone",
        |_| b"{\"format\": 1}".to_vec(),
        Broken,
        &["neither a folder nor a ustar archive", "name the bundle's folder"],
    ),
    attack("zeros", |_| vec![0; 10_240], Broken, &["neither a folder nor a ustar archive"]),
    attack(
        "a damaged weight",
        |t| t.damage("weights.safetensors", flip_last).bytes(),
        Integrity,
        &["weights.safetensors: its SHA-256 is", "fetch the bundle again"],
    ),
    attack(
        "a damaged manifest",
        |t| t.damage("bundle.json", |b| b[520] ^= 1).bytes(),
        Integrity,
        &["bundle.sha256: is not the digest of bundle.json"],
    ),
];

/// The first entry, and so much of the rest.
fn cut(archive: &Ustar, more: usize) -> Vec<u8> {
    archive.bytes()[..archive.entries[0].1.len() + more].to_vec()
}

fn size(archive: Ustar, size: &[u8; 12]) -> Vec<u8> {
    archive.header("model.onnx", |header| header[SIZE].copy_from_slice(size)).bytes()
}

/// Adds one to the size.
fn lengthen(header: &mut [u8]) {
    let text = std::str::from_utf8(&header[SIZE.start..SIZE.end - 1]).unwrap();
    let size = u64::from_str_radix(text, 8).unwrap() + 1;
    assert!(size % 512 != 1, "there is no room for another byte");
    header[SIZE].copy_from_slice(format!("{size:011o}\0").as_bytes());
}

fn magic(archive: Ustar, magic: &[u8; 8]) -> Vec<u8> {
    archive.header("bundle.json", |header| header[MAGIC].copy_from_slice(magic)).bytes()
}

fn kind(archive: Ustar, kind: u8) -> Vec<u8> {
    archive.header("model.onnx", |header| header[TYPE] = kind).bytes()
}

/// Adds an entry without content, of any type.
fn record(archive: Ustar, name: &str, kind: u8) -> Vec<u8> {
    archive.with(name, b"").header(name, |header| header[TYPE] = kind).bytes()
}

/// Adds the folder itself.
fn dot(archive: Ustar, _: usize) -> Ustar {
    let mut archive = archive.with("./", b"");
    let last = archive.entries.len() - 1;
    archive.entries[last].1[TYPE] = b'5';
    crate::common::ustar::seal(&mut archive.entries[last].1);
    archive
}

/// Changes the last byte that is not filling.
fn flip_last(entry: &mut [u8]) {
    let last = entry.iter().rposition(|&byte| byte != 0).unwrap();
    entry[last] ^= 0x80;
}

/// Opens each archive by its path, in memory, in place in memory that is not aligned, and within another file.
fn run(attacks: &[ArchiveAttack]) {
    let victim = Victim::new();
    let good = Ustar::of_folder(victim.path());
    let path = victim.file("bundle.mtl");
    let mut failures = Vec::new();
    for attack in attacks {
        let bytes = (attack.change)(good.clone());
        fs::write(&path, &bytes).unwrap();
        let mut check = |place: &str, result| failures.extend(fault(attack, place, result));
        check(path.to_str().unwrap(), Bundle::open(&path));
        check("bundle in memory", Bundle::open_memory(&bytes[..], OpenOptions::default()));
        check("bundle in memory", Bundle::open_memory(shifted(&bytes), OpenOptions::default()));
        fs::write(&path, [&[7; 1000][..], &bytes, &[7; 1000]].concat()).unwrap();
        let file = File::open(&path).unwrap();
        let opened = Bundle::open_file(file, 1000, bytes.len() as u64, OpenOptions::default());
        check("bundle at byte 1000 of an open file", opened);
    }
    report(attacks.len(), &failures);
}

/// The same bytes, one byte away from where they would be aligned.
fn shifted(bytes: &[u8]) -> Bytes {
    struct Shifted(Vec<u8>);
    impl AsRef<[u8]> for Shifted {
        fn as_ref(&self) -> &[u8] {
            &self.0[1..]
        }
    }
    Bytes::from_owner(Shifted([&[7], bytes].concat()))
}

#[test]
fn lengths() {
    run(LENGTHS);
}

#[test]
fn headers() {
    run(HEADERS);
}

#[test]
fn names() {
    run(NAMES);
}

#[test]
fn no_archives() {
    run(NO_ARCHIVES);
}

/// A reader never opens the files that a later format adds, and does not refuse them.
#[test]
fn a_later_format_may_have_more_files() {
    let victim = Victim::new();
    victim.set("/format", 2);
    let archive = Ustar::of_folder(victim.path()).with("vocab.users", b"of a later format");
    Bundle::open_memory(archive.bytes(), OpenOptions::default()).unwrap();
}

/// What is not checked in a trusted bundle is the digests; the archive's structure is.
#[test]
fn trust_has_its_limits() {
    let victim = Victim::new();
    let good = Ustar::of_folder(victim.path());
    let trusted = OpenOptions { trusted: true };
    let open = |archive: Ustar| Bundle::open_memory(archive.bytes(), trusted);
    open(good.clone().damage("golden.jsonl", flip_last)).unwrap();
    assert_eq!(open(good.clone().header("golden.jsonl", lengthen)).unwrap_err().kind(), Integrity);
    assert_eq!(open(good.damage("golden.jsonl", |b| b[0] = b'x')).unwrap_err().kind(), Broken);
}
