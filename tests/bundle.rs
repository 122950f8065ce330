//! A bundle comes back as it was written, read or mapped.

mod common;

use common::{Sizes, random_bundle, random_contents};
use libmtl::bundle::{Bundle, Contents, OpenOptions, layout, write, write_manifest};

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
        assert!(contents.chars.iter().all(|(c, &row)| bundle.chars().get(c) == Some(row)));
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
        ("vocab.chars: entry 0: row 1", |c| c.chars.extend([("!".into(), 1)])),
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
