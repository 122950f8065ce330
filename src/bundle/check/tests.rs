//! Where the limits lie: what is just allowed, and what is not.

use super::*;
use serde_json::{Value, json};

fn manifest() -> Value {
    json!({
        "format": 1, "oldest_reader": 1, "id": "a-1", "version": "1.20.3-rc.1+5", "kind": "tagger", "description": "",
        "languages": ["de", "gsw"],
        "tasks": [{
            "name": "ner", "scheme": "bioes", "labels": ["O", "S-X-Y", "B-X"], "languages": ["gsw", "de"],
            "temperature": {"de": 0.01, "gsw": 100.0}, "constrained": true
        }],
        "architecture": {
            "word_dim": 1, "words": 1, "char_dim": 1, "chars": 2, "char_widths": [16], "char_filters": 1,
            "highway_layers": 0, "highway_activation": "relu", "hidden": 1, "specific_layers": false
        },
        "text": {"tokeniser": "ud", "word_lookup": ["digits"], "ptb_escapes": false, "char_boundaries": false},
        "files": {},
        "metrics": [{
            "task": "ner", "language": "de", "set": "s", "metric": "f1", "value": 1.0, "mean": 0.0, "sd": 1.0, "seeds": 3
        }],
        "licences": {"code": "MIT", "weights": "MIT", "data": [{"name": "n", "licence": "MIT"}]},
        "training": {"command": "", "commit": "", "seed": 0}
    })
}

/// Checks the manifest with one value changed.
fn with(pointer: &str, value: Value) -> Result<()> {
    let mut manifest = manifest();
    *manifest.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    manifest["metrics"][0]["task"] = manifest["tasks"][0]["name"].clone();
    serde_json::from_value::<Manifest>(manifest).unwrap().check()
}

#[test]
fn the_least_manifest_passes() {
    serde_json::from_value::<Manifest>(manifest()).unwrap().check().unwrap();
}

#[test]
fn what_is_just_allowed_and_just_not() {
    let text = |n: usize| Value::from("x".repeat(n));
    let labels = |n: usize| Value::from((0..n).map(|i| format!("S-{i}")).chain(["O".to_string()]).collect::<Vec<_>>());
    let cases: Vec<(&str, Value, Value)> = vec![
        ("/id", text(64), text(65)),
        ("/id", json!("a"), json!("1a")),
        ("/id", json!("a-b"), json!("a_b")),
        ("/version", json!("0.0.0"), json!("0.0.0.0")),
        ("/version", json!("999999999.0.0"), json!("1000000000.0.0")),
        ("/version", json!("1.0.0-e"), json!("1.0.0-é")),
        ("/description", text(2000), text(2001)),
        ("/tasks/0/name", text(32), text(33)),
        ("/tasks/0/labels", labels(1023), labels(1024)),
        ("/tasks/0/labels/1", json!(format!("S-{}", "x".repeat(62))), json!(format!("S-{}", "x".repeat(63)))),
        ("/tasks/0/temperature/de", json!(0.02), json!(0.009)),
        ("/tasks/0/temperature/de", json!(99.0), json!(100.1)),
        ("/architecture/word_dim", json!(2048), json!(2049)),
        ("/architecture/char_dim", json!(1024), json!(1025)),
        ("/architecture/words", json!(1 << 24), json!((1 << 24) + 1)),
        ("/architecture/chars", json!(1_114_114), json!(1_114_115)),
        ("/architecture/chars", json!(2), json!(1)),
        ("/architecture/char_widths", json!([1, 2, 3, 4, 5, 6, 7, 8]), json!([1, 2, 3, 4, 5, 6, 7, 8, 9])),
        ("/architecture/char_widths", json!([16, 1]), json!([17, 1])),
        ("/architecture/char_filters", json!(1024), json!(1025)),
        ("/architecture/highway_layers", json!(8), json!(9)),
        ("/architecture/hidden", json!(2048), json!(2049)),
        ("/text/word_lookup", json!(["lower", "exact", "digits"]), json!([])),
        ("/metrics/0/value", json!(0.0), json!(-0.1)),
        ("/metrics/0/mean", Value::Null, json!(1.1)),
        ("/metrics/0/sd", Value::Null, json!(-1.0)),
        ("/metrics/0/set", text(200), text(201)),
        ("/metrics/0/metric", text(64), text(0)),
        ("/licences/weights", text(200), text(0)),
        ("/licences/data/0/name", text(400), text(401)),
        ("/licences/data/0/licence", text(200), text(0)),
        ("/training/command", text(4000), text(4001)),
        ("/training/commit", text(200), json!("a\nb")),
    ];
    for (pointer, good, bad) in cases {
        with(pointer, good.clone()).unwrap_or_else(|e| panic!("{pointer} {good}: {e}"));
        let error = with(pointer, bad.clone()).expect_err(pointer);
        let field = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap();
        assert!(error.place().contains(field), "{pointer} {bad}: {error}");
    }
}

#[test]
fn labels_follow_their_scheme() {
    let good = [("iob1", "I-X"), ("iob2", "B-X"), ("bioes", "E-X"), ("bioes", "S--"), ("plain", "B-"), ("plain", "É")];
    let bad = [("iob1", "E-X"), ("iob2", "S-X"), ("bioes", "BI-X"), ("bioes", "-X"), ("iob2", "o"), ("bioes", "É-X")];
    let task = |(scheme, label): (&str, &str)| {
        let mut manifest = manifest();
        manifest["tasks"][0]["scheme"] = scheme.into();
        manifest["tasks"][0]["labels"] = json!(["O", label]);
        serde_json::from_value::<Manifest>(manifest).unwrap().check()
    };
    for case in good {
        task(case).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    }
    for case in bad {
        assert!(task(case).is_err(), "{case:?}");
    }
}

#[test]
fn the_table_of_files_has_lengths_that_can_be() {
    let mut manifest: Manifest = serde_json::from_value(manifest()).unwrap();
    for name in layout::files(&manifest) {
        manifest.files.insert(name, FileEntry { bytes: 1000, sha256: "0".repeat(64) });
    }
    manifest.check_files().unwrap();
    let weights = weight_bytes(&manifest);
    let mut check = |name: &str, bytes| {
        let entry = FileEntry { bytes, sha256: "9".repeat(64) };
        let before = manifest.files.insert(name.into(), entry).unwrap();
        let result = manifest.check_files();
        manifest.files.insert(name.into(), before);
        result.map_err(|e| e.kind())
    };
    assert_eq!(check(layout::WEIGHTS, weights + 7), Err(ErrorKind::Bundle));
    assert_eq!(check(layout::WEIGHTS, weights + 8), Ok(()));
    assert_eq!(check(layout::WEIGHTS, weights + 8 + (1 << 20)), Ok(()));
    assert_eq!(check(layout::WEIGHTS, weights + 9 + (1 << 20)), Err(ErrorKind::Limit));
    assert_eq!(check(layout::GOLDEN, 0), Ok(()));
    assert_eq!(check(layout::GOLDEN, (1 << 24) + 1), Err(ErrorKind::Limit));
    assert_eq!(check("vocab.words.de", 1 << 30), Ok(()));
    assert_eq!(check(layout::CHARS, (1 << 30) + 1), Err(ErrorKind::Limit));
    assert_eq!(check(layout::GRAPH, 0), Err(ErrorKind::Bundle));
}

/// Word and character tables, a convolution, an LSTM, a universal layer and a CRF, counted by hand.
#[test]
fn the_weights_are_counted() {
    let manifest: Manifest = serde_json::from_value(manifest()).unwrap();
    let elements = 1 + 2 + (16 + 1) + (2 * 4 * 2 + 2 * 4 + 2 * 8) + (3 * 2 + 3) + (9 + 3 + 3);
    assert_eq!(weight_bytes(&manifest), 2 * elements);
}

#[test]
fn versions_are_named_when_they_are_refused() {
    for (format, oldest) in [(0, 1), (1, 0), (1, 2), (2, 3), (7, 2)] {
        let error = check_versions(format, oldest).unwrap_err().to_string();
        assert!(error.contains("reads format versions 1 to 1"), "{format}, {oldest}: {error}");
    }
    assert!(check_versions(1, 1).is_ok() && check_versions(9, 1).is_ok());
}
