//! Attacks on `golden.jsonl`, which is parsed only when it is asked for.

use crate::Victim;
use libmtl::ErrorKind;
use libmtl::bundle::Bundle;
use serde_json::{Value, json};

/// A change to the second line, and what the message must contain.
type Change = (&'static str, fn(&mut Value), &'static str);

const CHANGES: &[Change] = &[
    ("unknown field", |c| c["x"] = 1.into(), "line 2: unknown field `x`"),
    ("unknown task", |c| c["task"] = "x".into(), "line 2: task: no task `x`"),
    ("unknown language", |c| c["language"] = "x".into(), "line 2: language: no language `x`"),
    ("no tokens", |c| c["tokens"] = json!([]), "line 2: tokens: an empty sentence"),
    ("an empty token", |c| c["tokens"][0] = "".into(), "line 2: tokens: an empty sentence or token"),
    ("a label too few", |c| drop(c["labels"].as_array_mut().unwrap().pop()), "line 2: labels: 3 labels for 4 tokens"),
    ("unknown label", |c| c["labels"][0] = "B-X".into(), "line 2: labels: `B-X` is no label of"),
    ("a row too few", |c| drop(c["emissions"].as_array_mut().unwrap().pop()), "line 2: emissions: 3 rows for 4 tokens"),
    ("a short row", |c| c["emissions"][1] = json!([0.0]), "line 2: emissions: row 1: "),
    // The parser refuses it where serde_json's `float_roundtrip` is on, as beside the trainer; else we do.
    ("infinity", |c| c["emissions"][3][0] = json!(1e300), "line 2: "),
    ("no number", |c| c["emissions"][0][0] = Value::Null, "line 2: invalid type: null"),
    ("any tolerance", |c| c["tolerance"] = json!(1e30), "line 2: tolerance: "),
    ("no tolerance", |c| c["tolerance"] = json!(0), "line 2: tolerance: 0, where it must be in (0, 1]"),
    ("no object", |c| *c = json!(7), "line 2: invalid type"),
];

#[test]
fn golden_cases() {
    for (name, change, words) in CHANGES {
        let victim = Victim::new();
        victim.forge("golden.jsonl", |bytes| {
            let text = String::from_utf8(std::mem::take(bytes)).unwrap();
            for (i, line) in text.lines().enumerate() {
                let mut case: Value = serde_json::from_str(line).unwrap();
                if i == 1 {
                    change(&mut case);
                }
                bytes.extend(format!("{case}\n").bytes());
            }
        });
        refused(&victim, name, words);
    }
}

#[test]
fn broken_lines() {
    let cases: [(&str, &[u8], &str); 4] = [
        ("an empty line", b"\n", "line 1: EOF"),
        ("no UTF-8", b"\xff\n", "not UTF-8 at byte 0"),
        ("nested 10,000 deep", &[b'['; 10_000], "line 1: "),
        ("10,001 lines", &[b'\n'; 10_001], "line 1: "),
    ];
    for (name, bytes, words) in cases {
        let victim = Victim::new();
        victim.forge("golden.jsonl", |b| *b = bytes.to_vec());
        refused(&victim, name, words);
    }
}

#[test]
fn no_more_cases_than_the_limit() {
    let victim = Victim::new();
    victim.forge("golden.jsonl", |bytes| {
        let line: Vec<u8> = bytes.split_inclusive(|&b| b == b'\n').next().unwrap().to_vec();
        *bytes = line.repeat(10_001);
    });
    let error = Bundle::open(victim.path()).unwrap().golden().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("golden.jsonl: line 10001: 10001 cases, where at most 10000"), "{error}");
}

fn refused(victim: &Victim, name: &str, words: &str) {
    let error = Bundle::open(victim.path()).unwrap().golden().expect_err(name);
    let message = error.to_string();
    assert!(error.kind() == ErrorKind::Bundle && message.contains("golden.jsonl: "), "{name}: {message}");
    assert!(message.contains(words) && message.contains("again"), "{name}: {message}");
}
