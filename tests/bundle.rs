//! A bundle comes back as it was written, read or mapped.

mod common;

use common::{Sizes, random_bundle, random_contents};
use libmtl::bundle::{Bundle, OpenOptions, layout, write, write_manifest};

#[test]
fn comes_back_as_written() {
    let sizes = Sizes::default();
    let dir = random_bundle(1, &sizes);
    let contents = random_contents(1, &sizes);
    for trusted in [false, true] {
        let bundle = Bundle::open_with(dir.path(), OpenOptions { trusted }).unwrap();
        assert_eq!(bundle.path(), dir.path());
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
