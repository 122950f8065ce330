//! Word vectors by sentence: a scorer that has none of its own, and tables that are wrong.

mod common;

use common::scorer::{exercises, given_vectors, random_scorer};
use half::f16;
use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer, SentenceVectors};
use libmtl::{Cancel, ErrorKind, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const WIDTH: usize = 6;

/// A safetensors file of tensors with these names, types, shapes and bytes.
fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (name.to_string(), TensorView::new(*dtype, shape.to_vec(), bytes).unwrap()));
    safetensors::serialize(views.collect::<BTreeMap<_, _>>(), None).unwrap()
}

/// One tensor of single precision.
fn one(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    file(&[(name, Dtype::F32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())])
}

/// Vectors for each of `exercises`, in half precision; with `single`, in single.
fn table(exercises: &[Exercise], single: bool) -> SentenceVectors {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut tensors = BTreeMap::new();
    for exercise in exercises {
        let values: Vec<f16> =
            (0..exercise.words.len() * WIDTH).map(|_| f16::from_f32(rng.random::<f32>() - 0.5)).collect();
        let bytes: Vec<u8> = match single {
            true => values.iter().flat_map(|v| v.to_f32().to_le_bytes()).collect(),
            false => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        tensors.insert(exercise.words.join(" "), (exercise.words.len(), bytes));
    }
    let dtype = if single { Dtype::F32 } else { Dtype::F16 };
    let shapes: Vec<[usize; 2]> = tensors.values().map(|(words, _)| [*words, WIDTH]).collect();
    let all: Vec<_> = tensors
        .iter()
        .zip(&shapes)
        .map(|((name, (_, bytes)), shape)| (name.as_str(), dtype, &shape[..], bytes.clone()))
        .collect();
    SentenceVectors::from_bytes(file(&all)).unwrap()
}

fn open(path: &Path) -> Scorer {
    Scorer::open(Arc::new(Bundle::open(path).unwrap()), &EngineOptions { threads: 2, ..EngineOptions::default() })
        .unwrap()
}

fn score(scorer: &Scorer, exercises: &[Exercise]) -> Vec<Result<Vec<f32>>> {
    scorer.score(exercises, &ScoreOptions::default(), &Cancel::new()).unwrap()
}

#[test]
fn vectors_come_from_a_table_or_with_the_exercise_and_make_no_difference() {
    let bundle = random_scorer(3, |settings| given_vectors(settings, WIDTH));
    let exercises = exercises(5, 60);
    let half = table(&exercises, false);
    let with = |table: &SentenceVectors| open(bundle.path()).with_vectors(Arc::new(table.clone())).unwrap();
    assert_eq!((open(bundle.path()).given_width(), half.width()), (Some(WIDTH), WIDTH));
    let expected: Vec<Vec<f32>> = score(&with(&half), &exercises).into_iter().map(Result::unwrap).collect();
    let carried: Vec<Exercise> =
        exercises.iter().map(|e| Exercise { vectors: half.get(&e.words).unwrap(), ..e.clone() }).collect();
    let upper: Vec<Exercise> = exercises
        .iter()
        .map(|e| Exercise { words: e.words.iter().map(|w| w.to_uppercase()).collect(), ..e.clone() })
        .collect();
    let single = table(&exercises, true);
    for (scorer, exercises) in
        [(open(bundle.path()), &carried), (with(&single), &exercises), (with(&half), &upper), (with(&half), &carried)]
    {
        let found: Vec<Vec<f32>> = score(&scorer, exercises).into_iter().map(Result::unwrap).collect();
        assert_eq!(found, expected);
    }
    // They are read at all: others give other scores, alone as in company.
    let mut other = carried[0].clone();
    other.vectors.iter_mut().for_each(|value| *value += 0.5);
    assert_ne!(score(&open(bundle.path()), &[other]).remove(0).unwrap(), expected[0]);
    assert_eq!(score(&open(bundle.path()), &carried[..1]).remove(0).unwrap(), expected[0]);
}

#[test]
fn a_sentence_without_vectors_is_a_fault_of_its_exercise() {
    let bundle = random_scorer(3, |settings| given_vectors(settings, WIDTH));
    let exercises = exercises(5, 4);
    let scorer = open(bundle.path()).with_vectors(Arc::new(table(&exercises[1..], false))).unwrap();
    let mut all = exercises.clone();
    all[2].vectors = vec![0.0; WIDTH * all[2].words.len() - 1];
    all[3].vectors = vec![f32::NAN; WIDTH * all[3].words.len()];
    let results = score(&scorer, &all);
    let error = |i: usize| results[i].as_ref().unwrap_err().to_string();
    assert!(
        error(0).contains(&format!(
            "exercise 0: vectors: the table of word vectors lacks the sentence {:?}",
            exercises[0].words.join(" ")
        )),
        "{}",
        error(0)
    );
    assert!(error(2).contains("all finite; give one row a word") && error(3).contains("all finite"), "{}", error(2));
    assert_eq!(results[1].as_ref().unwrap().len(), exercises[1].words.len());
    let without = score(&open(bundle.path()), &exercises[..1]).remove(0).unwrap_err();
    assert_eq!(without.kind(), ErrorKind::Argument);
    let message = without.to_string();
    assert!(message.contains("width 6") && message.contains("mtl score --vectors"), "{message}");
    // No words need no vectors.
    assert!(
        score(&open(bundle.path()), &[Exercise { words: Vec::new(), ..exercises[0].clone() }])
            .remove(0)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let exercises = exercises(5, 2);
    let vectors = Arc::new(table(&exercises, false));
    let own = random_scorer(3, |_| ());
    let error = open(own.path()).with_vectors(Arc::clone(&vectors)).unwrap_err();
    assert!(error.to_string().contains("has word vectors of its own"), "{error}");
    let carried = Exercise { vectors: vec![0.0; WIDTH], ..exercises[0].clone() };
    let error = score(&open(own.path()), &[carried]).remove(0).unwrap_err();
    assert!(error.to_string().contains("exercise 0: vectors: the model has word vectors of its own"), "{error}");
    let wider = random_scorer(3, |settings| given_vectors(settings, WIDTH + 1));
    let error = open(wider.path()).with_vectors(vectors).unwrap_err();
    assert!(error.to_string().contains("width 6, where the model reads 7"), "{error}");
}

#[test]
fn tables_that_are_wrong_are_refused() {
    let refused = |bytes: Vec<u8>, words: &[&str]| {
        let error = SentenceVectors::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.len() < 2000 && error.contains("docs/training.md says how"), "{error}");
        words.iter().for_each(|word| assert!(error.contains(word), "{word:?} is not in: {error}"));
    };
    refused(Vec::new(), &["shorter than the length of its header"]);
    refused(file(&[]), &["its first tensor is not `[words, width]`"]);
    refused(one("a b", &[12], &[0.0; 12]), &["not `[words, width]`"]);
    refused(one("a", &[1, 0], &[]), &["a width of 1 to 2048"]);
    refused(one("a", &[1, 2049], &[0.0; 2049]), &["a width of 1 to 2048"]);
    refused(one("a b", &[3, 4], &[0.0; 12]), &["\"a b\": shape [3, 4], where its 2 words make [2, 4]"]);
    refused(one("a b", &[2, 2, 3], &[0.0; 12]), &["shape [2, 2, 3]"]);
    let two = [("a", Dtype::F32, &[1, 2][..], vec![0; 8]), ("b", Dtype::F32, &[1, 1][..], vec![0; 4])];
    refused(file(&two), &["words make [1,"]);
    refused(file(&[("a", Dtype::F64, &[1, 1], vec![0; 8])]), &["a: dtype: `F64`, where F16 or F32 is allowed"]);
    refused([&(1u64 << 60).to_le_bytes()[..], b"{}"].concat(), &["at most 67108864 are allowed"]);
    let whole = one("a b", &[2, 4], &[1.0; 8]);
    for cut in 0..whole.len() {
        refused(whole[..cut].to_vec(), &[]);
    }
    // Numbers are looked at where a sentence is scored: a table may be larger than memory.
    let words = ["a".to_string()];
    for value in [f32::NAN, f32::INFINITY] {
        let table = SentenceVectors::from_bytes(one("a", &[1, 2], &[0.0, value])).unwrap();
        assert!(table.get(&words).unwrap_err().to_string().contains("not all finite"));
    }
    let error = SentenceVectors::open(Path::new(".")).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
    assert_eq!(SentenceVectors::open(Path::new("nowhere")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_file_is_read_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.safetensors");
    std::fs::write(&path, one("le chat", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
    let table = SentenceVectors::open(&path).unwrap();
    let words = ["Le".to_string(), "chat".to_string()];
    assert_eq!(table.get(&words).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    // One word with a blank in it is not two.
    assert!(table.get(&["le chat".to_string()]).unwrap_err().to_string().contains("lacks the sentence"));
}
