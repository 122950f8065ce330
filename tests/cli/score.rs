//! `mtl score`, and what the other commands make of a scorer.

use super::*;
use common::onnx_options;
use common::scorer::{exercises, random_contents, random_scorer};
use libmtl::bundle::{Bundle, GoldenExercise, write};
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Cancel, Error};
use std::sync::Arc;

const EXERCISES: &str = "\
# user:u1  countries:c1|c2  days:1.793  client:k1  session:s1  format:f1  time:9
DRihrVmh0101  abc  PRON  fPOS=PRON++PRP  nsubj  2  0
DRihrVmh0102  Bad  VERB  fPOS=VERB++VBP  root  0  1

# user:nobody  countries:  days:0  client:  session:  format:  time:null
DRihrVmh0201  Ωx  NOUN  fPOS=NOUN++NN  root  0  0

";

/// The same by the library.
fn scored(model: &TempDir, exercises: &[Exercise], calibrated: bool) -> Vec<Vec<f32>> {
    let scorer = Scorer::open(Arc::new(Bundle::open(model.path()).unwrap()), &EngineOptions::default()).unwrap();
    let scored = scorer.score(exercises, &ScoreOptions { calibrated }, &Cancel::new()).unwrap();
    scored.into_iter().collect::<Result<_, Error>>().unwrap()
}

fn read() -> Vec<Exercise> {
    let records = libmtl::scorer::slam::read(EXERCISES.as_bytes(), "cc_dd");
    records.map(|record| record.unwrap().exercise).collect()
}

#[test]
fn every_word_has_a_line_with_its_probability() {
    let model = random_scorer(1, |_| ());
    let args = ["score", "-m", path(&model), "--track", "cc_dd"];
    for (more, calibrated) in [(&[][..], false), (&["--calibrated"], true)] {
        let output = run(&[&args[..], more].concat(), EXERCISES.as_bytes());
        assert!(output.stderr.contains("note: random-scorer: Random weights, for tests"), "{}", output.stderr);
        let lines = output.good();
        let ids = ["DRihrVmh0101", "DRihrVmh0102", "DRihrVmh0201"];
        let expected: Vec<String> = ids
            .iter()
            .zip(scored(&model, &read(), calibrated).concat())
            .map(|(id, probability)| format!("{id} {probability}"))
            .collect();
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }
    let output = run(&[&args[..], &["--quiet"]].concat(), EXERCISES.as_bytes());
    assert_eq!(output.stderr, "");
}

#[test]
fn onnx_runtime_gives_the_same_probabilities() {
    let model = random_scorer(1, |_| ());
    let library = onnx_options().library.unwrap();
    let onnx = ["--engine", "onnx", "--ort-library", library.to_str().unwrap()];
    let args = ["score", "-q", "-m", path(&model), "-t", "cc_dd"];
    let [native, onnx] = [&[][..], &onnx].map(|more| run(&[&args[..], more].concat(), EXERCISES.as_bytes()).good());
    assert_eq!(native.lines().count(), 3);
    for (native, onnx) in native.lines().zip(onnx.lines()) {
        let ((id, native), (other, onnx)) = (native.split_once(' ').unwrap(), onnx.split_once(' ').unwrap());
        let difference = native.parse::<f32>().unwrap() - onnx.parse::<f32>().unwrap();
        assert!(id == other && difference.abs() < 1e-5, "{id}: {native}, {onnx}");
    }
}

#[test]
fn json_lines_say_whose_words_they_are() {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let data = file(&folder, "cc_dd.slam.test", EXERCISES);
    let lines = run(&["score", "-m", path(&model), "-o", "jsonl", &data], b"").json_lines();
    let expected = scored(&model, &read(), false);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["document"], &lines[1]["line"]), (&data.as_str().into(), &5.into()));
    assert_eq!((&lines[0]["track"], &lines[0]["user"]), (&"cc_dd".into(), &"u1".into()));
    let word = &lines[0]["words"][1];
    assert_eq!((&word["id"], &word["text"]), (&"DRihrVmh0102".into(), &"Bad".into()));
    assert_eq!(word["mistake"].as_f64().unwrap() as f32, expected[0][1]);
}

#[test]
fn what_cannot_be_scored_is_refused_and_the_rest_is_scored() {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let score = |args: &[&str]| run(&[&["score", "-q", "-m", path(&model)], args].concat(), EXERCISES.as_bytes());
    score(&[]).refused(&["nothing says which track", "--track", "aa_bb, cc_dd"]);
    score(&["-t", "xx_yy"]).refused(&["--track", "no track \"xx_yy\"", "aa_bb, cc_dd"]);
    let broken = file(&folder, "cc_dd.broken", format!("{EXERCISES}# user:u1\n"));
    let good = file(&folder, "cc_dd.good", EXERCISES);
    let output = score(&[&broken, "nowhere/cc_dd.slam", &good]);
    output.refused(&["cc_dd.broken: line 8", "nowhere"]);
    assert_eq!(output.stdout.lines().count(), 6);
    let tagger = bundle();
    run(&["score", "-m", path(&tagger)], b"").refused(&["random is a tagger, not a scorer", "mtl tag"]);
    run(&["tag", "-m", path(&model)], b"a").refused(&["random-scorer is a scorer, not a tagger", "mtl score"]);
}

#[test]
fn a_scorer_is_verified_and_listed() {
    let zoo = tempfile::tempdir().unwrap();
    let model = random_scorer(1, |_| ());
    let mut contents = random_contents(1, |_| ());
    let exercises = exercises(2, 5);
    let case = |(e, probabilities): (&Exercise, Vec<f32>)| GoldenExercise {
        track: e.track.clone(),
        user: e.user.clone(),
        countries: e.countries.clone(),
        days: e.days,
        client: e.client.clone(),
        session: e.session.clone(),
        format: e.format.clone(),
        time: e.time,
        words: e.words.clone(),
        probabilities,
        tolerance: 1e-5,
    };
    contents.exercises = exercises.iter().zip(scored(&model, &exercises, false)).map(case).collect();
    let folder = zoo.path().join("random-scorer");
    write(&folder, &contents).unwrap();
    file(&zoo, "catalogue.json", r#"[{"id": "random-scorer", "folder": "random-scorer", "description": "a toy"}]"#);
    let library = onnx_options().library.unwrap();
    let verify = ["verify", "--zoo", path(&zoo), "--ort-library", library.to_str().unwrap(), "random-scorer"];
    let text = run(&verify, b"").good();
    for words in ["5 of 5 cases", "changes no bit", "onnx ", "passed, 5 golden cases"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("not tried"), "{text}");
    let text = run(&["models", "--zoo", path(&zoo)], b"").good();
    assert!(text.contains("tracks") && text.contains("aa_bb cc_dd"), "{text}");
    contents.exercises[3].probabilities[0] = 1.0 - contents.exercises[3].probabilities[0];
    write(&folder, &contents).unwrap();
    let output = run(&verify, b"");
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("case 3 (mistakes, ") && output.stdout.contains("tolerated"), "{}", output.stdout);
}
