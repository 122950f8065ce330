//! A bundle comes back as it was written, read or mapped, from a folder or an archive.

mod common;

use common::scorer::random_scorer;
use common::ustar::Ustar;
use common::{Sizes, random_bundle, random_contents};
use libmtl::ErrorKind;
use libmtl::bundle::{Bundle, Bytes, Contents, OpenOptions, fuse, layout, write, write_manifest};
use std::fs::File;

#[test]
fn comes_back_as_written() {
    let sizes = Sizes::default();
    let dir = random_bundle(1, &sizes);
    let contents = random_contents(1, &sizes);
    for trusted in [false, true] {
        let bundle = Bundle::open_with(dir.path(), OpenOptions { trusted }).unwrap();
        assert_eq!(bundle.place(), dir.path().to_str().unwrap());
        for (name, tensor) in &contents.tensors {
            let view = bundle.tensor(name).unwrap();
            assert_eq!((view.shape, view.data), (&tensor.shape[..], &tensor.data[..]), "{name}");
        }
        for (language, words) in &contents.words {
            let vocabulary = bundle.words(language).unwrap();
            assert_eq!(vocabulary.len(), words.len());
            assert!(words.iter().all(|(word, &row)| vocabulary.get(word) == Some(row)));
        }
        assert!(bundle.words("xx").is_none());
        for (file, entries) in &contents.tables {
            let table = bundle.table(file).unwrap();
            assert!(entries.iter().all(|(c, &row)| table.get(c) == Some(row)));
        }
        assert_eq!(bundle.golden().unwrap(), contents.golden);
        assert_eq!(bundle.manifest().tasks, contents.manifest.tasks);
        assert_eq!(bundle.manifest().files.len(), layout::files(bundle.manifest()).len());
        assert_eq!(*bundle.weights(), *std::fs::read(dir.path().join(layout::WEIGHTS)).unwrap());
        assert!(bundle.tensor("none").unwrap_err().to_string().contains("none"));
    }
}

#[test]
fn writing_repeats_and_replaces() {
    let (first, second) = (random_bundle(2, &Sizes::default()), random_bundle(3, &Sizes::default()));
    write(second.path(), &random_contents(2, &Sizes::default())).unwrap();
    let open = |dir: &tempfile::TempDir| Bundle::open(dir.path()).unwrap();
    assert_eq!(open(&first).digest(), open(&second).digest());
    let names = |dir: &tempfile::TempDir| {
        let mut names: Vec<_> = dir.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&first), names(&second));
}

/// Whatever a build can run, it opens the fused graph beside the portable one, and both are what they were.
#[test]
fn a_fused_graph_stands_beside_the_portable_one() {
    let (from, to) = (random_bundle(7, &Sizes::default()), tempfile::tempdir().unwrap());
    std::fs::write(from.path().join(layout::CARD), "a card").unwrap();
    let plain = Bundle::open(from.path()).unwrap();
    assert!(plain.fused_graph().is_none());
    let manifest = fuse(from.path(), to.path()).unwrap();
    let bundle = Bundle::open(to.path()).unwrap();
    assert_eq!((bundle.manifest(), bundle.graph()), (&manifest, plain.graph()));
    let files = [&["model.fused.onnx".to_string()][..], &plain.manifest().files.keys().cloned().collect::<Vec<_>>()];
    assert!(files.concat().iter().all(|name| manifest.files.contains_key(name)));
    assert_eq!(std::fs::read_to_string(to.path().join(layout::CARD)).unwrap(), "a card");
    assert_eq!(std::fs::read(to.path().join(layout::FUSED_GRAPH)).unwrap(), bundle.fused_graph().unwrap());
    assert!(bundle.fused_graph().unwrap().len() < plain.graph().len());
    assert_ne!(bundle.digest(), plain.digest());
    // Of an archive, and of itself, it is the same.
    let archive = to.path().join("archive.mtl");
    std::fs::write(&archive, Ustar::of_folder(from.path()).bytes()).unwrap();
    for from in [&archive, &to.path().to_path_buf()] {
        fuse(from, to.path()).unwrap();
        assert_eq!(Bundle::open(to.path()).unwrap().digest(), bundle.digest());
    }
    let packed = Bundle::open_memory(Ustar::of_folder(to.path()).bytes(), OpenOptions::default());
    assert!(packed.unwrap_err().to_string().contains("archive.mtl"));
    std::fs::remove_file(archive).unwrap();
    let packed = Bundle::open_memory(Ustar::of_folder(to.path()).bytes(), OpenOptions::default()).unwrap();
    assert_eq!(packed.fused_graph(), bundle.fused_graph());
}

#[test]
fn what_cannot_be_fused_is_refused_and_nothing_is_written() {
    let (scorer, to) = (random_scorer(7, |_| ()), tempfile::tempdir().unwrap());
    let error = fuse(scorer.path(), to.path()).unwrap_err();
    assert!(error.kind() == ErrorKind::Argument && error.to_string().contains("only taggers"), "{error}");
    assert_eq!(fuse(&to.path().join("none"), to.path()).unwrap_err().kind(), ErrorKind::Io);
    let tagger = random_bundle(8, &Sizes::default());
    std::fs::write(tagger.path().join(layout::GRAPH), "damaged").unwrap();
    assert_eq!(fuse(tagger.path(), to.path()).unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(to.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_manifest_can_be_replaced_alone() {
    let dir = random_bundle(4, &Sizes::default());
    let mut manifest = Bundle::open(dir.path()).unwrap().manifest().clone();
    manifest.description = "scored".into();
    write_manifest(dir.path(), &manifest).unwrap();
    assert_eq!(Bundle::open(dir.path()).unwrap().manifest(), &manifest);
    manifest.files.clear();
    assert!(write_manifest(dir.path(), &manifest).unwrap_err().to_string().contains("files"));
}

/// Weights written by us are what the `safetensors` crate reads.
#[test]
fn other_readers_read_the_weights() {
    let dir = random_bundle(5, &Sizes::default());
    let bundle = Bundle::open(dir.path()).unwrap();
    let bytes = bundle.weights();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in layout::expected(bundle.manifest()) {
        let (view, ours) = (theirs.tensor(&name).unwrap(), bundle.tensor(&name).unwrap());
        assert_eq!((view.shape(), ours.shape), (&shape[..], &shape[..]));
        assert_eq!(view.data(), bytemuck::cast_slice::<_, u8>(ours.data));
    }
}

/// A change to what is to be written.
type Change = fn(&mut Contents);

#[test]
fn what_no_reader_accepts_is_not_written() {
    let good = random_contents(6, &Sizes::default());
    let changes: [(&str, Change); 7] = [
        ("bundle.json: id", |c| c.manifest.id = "A".into()),
        ("words", |c| drop(c.words.remove("da"))),
        ("weights.safetensors: lstm.bias: missing", |c| drop(c.tensors.remove("lstm.bias"))),
        ("weights.safetensors: lstm.bias: inf at index 1", |c| {
            c.tensors.get_mut("lstm.bias").unwrap().data[1] = half::f16::INFINITY;
        }),
        ("vocab.chars: entry 0: row 1", |c| c.tables.get_mut(layout::CHARS).unwrap().extend([("!".into(), 1)])),
        ("vocab.words.en: entry 0: empty", |c| c.words.get_mut("en").unwrap().extend([(String::new(), 1)])),
        ("golden.jsonl: golden case 0: labels", |c| c.golden[0].labels[0] = "x".into()),
    ];
    for (words, change) in changes {
        let mut contents = good.clone();
        change(&mut contents);
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("bundle"), &contents).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!dir.path().join("bundle").exists(), "{words}: something was written");
    }
}

/// Engines share an open bundle between threads.
#[test]
fn an_open_bundle_may_be_shared() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Bundle>();
}

/// Whether both hold the same to the last bit.
fn assert_same(bundle: &Bundle, other: &Bundle) {
    assert_eq!((bundle.digest(), bundle.manifest()), (other.digest(), other.manifest()));
    assert_eq!((&*bundle.weights(), bundle.graph()), (&*other.weights(), other.graph()));
    for (name, _) in layout::expected(bundle.manifest()) {
        assert_eq!(bundle.tensor(&name).unwrap(), other.tensor(&name).unwrap(), "{name}");
    }
    for language in &bundle.manifest().languages {
        assert!(bundle.words(language).unwrap().iter().eq(other.words(language).unwrap().iter()), "{language}");
    }
    let chars = |bundle: &Bundle| {
        bundle.table(layout::CHARS).unwrap().iter().map(|(c, row)| (c.into_owned(), row)).collect::<Vec<_>>()
    };
    assert_eq!(chars(bundle), chars(other));
    assert_eq!(bundle.golden().unwrap(), other.golden().unwrap());
}

#[test]
fn an_archive_is_the_same_as_its_folder_wherever_it_lies() {
    let dir = random_bundle(7, &Sizes::default());
    let folder = Bundle::open(dir.path()).unwrap();
    let archive = Ustar::of_folder(dir.path()).bytes();
    let path = dir.path().join("bundle.mtl");
    for trusted in [false, true] {
        let options = OpenOptions { trusted };
        assert_same(&Bundle::open_memory(&archive[..], options).unwrap(), &folder);
        assert_same(&Bundle::open_memory(archive.clone(), options).unwrap(), &folder);
        for offset in [0, 1, 2, 8, 4096, 5000] {
            std::fs::write(&path, [&vec![7; offset], &archive[..], &[7; 99]].concat()).unwrap();
            let file = File::open(&path).unwrap();
            let bundle = Bundle::open_file(file, offset as u64, archive.len() as u64, options).unwrap();
            assert_same(&bundle, &folder);
        }
        std::fs::write(&path, &archive).unwrap();
        let bundle = Bundle::open_with(&path, options).unwrap();
        assert_same(&bundle, &folder);
        assert_eq!(bundle.place(), path.to_str().unwrap());
    }
}

/// The caller's memory, of which a part is the archive.
struct Memory(Vec<u64>, std::ops::Range<usize>);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[self.1.clone()]
    }
}

#[test]
fn memory_is_used_in_place_where_it_is_aligned() {
    let dir = random_bundle(8, &Sizes::default());
    let folder = Bundle::open(dir.path()).unwrap();
    let archive = Ustar::of_folder(dir.path()).bytes();
    for start in [0, 1, 2, 4, 8, 12, 16] {
        let mut words = vec![0u64; archive.len() / 8 + 2];
        let part = start..start + archive.len();
        bytemuck::cast_slice_mut(&mut words)[part.clone()].copy_from_slice(&archive);
        let memory = Bytes::from_owner(Memory(words, part));
        let range = memory.as_ptr_range();
        let bundle = Bundle::open_memory(memory, OpenOptions { trusted: true }).unwrap();
        assert_same(&bundle, &folder);
        assert_eq!(range.contains(&bundle.weights().as_ptr()), start % 8 == 0, "at {start}");
    }
}

/// An archive that was read does not change with its file.
#[test]
fn an_archive_that_was_read_is_read_for_good() {
    let dir = random_bundle(9, &Sizes::default());
    let folder = Bundle::open(dir.path()).unwrap();
    let path = dir.path().join("bundle.mtl");
    std::fs::write(&path, Ustar::of_folder(dir.path()).bytes()).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_same(&bundle, &folder);
}

/// The descriptor may be shared with others: its cursor is not ours.
#[cfg(unix)]
#[test]
fn the_cursor_of_an_open_file_stays_where_it_is() {
    use std::io::{Seek, SeekFrom};
    let dir = random_bundle(10, &Sizes::default());
    let path = dir.path().join("bundle.mtl");
    let archive = Ustar::of_folder(dir.path()).bytes();
    std::fs::write(&path, &archive).unwrap();
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(77)).unwrap();
    let shared = file.try_clone().unwrap();
    Bundle::open_file(shared, 0, archive.len() as u64, OpenOptions::default()).unwrap();
    assert_eq!(file.stream_position().unwrap(), 77);
}

/// The lines of docs/bundle-format.md.
#[cfg(unix)]
#[test]
fn what_tar_makes_is_opened() {
    let dir = random_bundle(11, &Sizes::default());
    let folder = Bundle::open(dir.path()).unwrap();
    std::fs::write(dir.path().join(layout::CARD), "# A card").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("bundle.mtl");
    let tar = |format: &str, names: &str| {
        let line = format!("tar --format={format} -cf {} -C {} {names}", path.display(), dir.path().display());
        let status = std::process::Command::new("tar").args(line.split(' ').skip(1)).status();
        assert!(status.expect("there is a tar").success(), "{line}");
    };
    for names in [
        ".",
        "bundle.json bundle.sha256 golden.jsonl model.onnx vocab.chars vocab.words.da vocab.words.en \
                        vocab.words.ru weights.safetensors README.md",
    ] {
        tar("ustar", names);
        for trusted in [false, true] {
            assert_same(&Bundle::open_with(&path, OpenOptions { trusted }).unwrap(), &folder);
        }
    }
    for format in ["gnu", "pax", "v7"] {
        tar(format, ".");
        let error = Bundle::open(&path).unwrap_err().to_string();
        assert!(error.contains("ustar"), "{format}: {error}");
    }
}
