//! Attacks on `bundle.json`.

use crate::{Attack, Victim, attack, run};
use libmtl::ErrorKind::{Bundle, Integrity, Io, Limit};
use serde_json::{Value, json};

const BOTH_VERSIONS: &[&str] = &["this library reads format versions 1 to 1"];

const FORM: &[Attack] = &[
    attack("no manifest", |v| std::fs::remove_file(v.file("bundle.json")).unwrap(), Io, &["bundle.json:"]),
    attack("no digest", |v| std::fs::remove_file(v.file("bundle.sha256")).unwrap(), Io, &["bundle.sha256:"]),
    attack(
        "a changed manifest",
        |v| v.damage("bundle.json", |b| b.push(b' ')),
        Integrity,
        &["bundle.sha256: is not the digest of bundle.json", "sha256sum bundle.json"],
    ),
    attack(
        "a digest in capitals",
        |v| v.damage("bundle.sha256", |b| b.make_ascii_uppercase()),
        Integrity,
        &["bundle.sha256"],
    ),
    attack("text after the digest", |v| v.damage("bundle.sha256", |b| b.push(b'\n')), Integrity, &["bundle.sha256"]),
    attack(
        "a digest of 2 MiB",
        |v| v.damage("bundle.sha256", |b| b.resize(2 << 20, b'0')),
        Limit,
        &["bundle.sha256: 2097152 bytes, where at most 1048576"],
    ),
    attack(
        "2 MiB of manifest",
        |v| v.manifest(|b| b.resize(2 << 20, b' ')),
        Limit,
        &["bundle.json: 2097152 bytes, where at most 1048576"],
    ),
    attack("an empty manifest", |v| v.manifest(Vec::clear), Bundle, &["bundle.json: EOF"]),
    attack("no JSON", |v| v.manifest(|b| b.truncate(100)), Bundle, &["bundle.json: EOF"]),
    attack("no UTF-8", |v| v.manifest(|b| b[200] = 0xff), Bundle, &["bundle.json:"]),
    attack("a byte order mark", |v| v.text("{", "\u{feff}{"), Bundle, &["bundle.json:"]),
    attack("an array", |v| v.manifest(|b| *b = b"[1, 1]".to_vec()), Bundle, &["bundle.json:"]),
    attack(
        "nested 10,000 deep",
        |v| v.text("\"Random weights, for tests\"", &"[".repeat(10_000)),
        Bundle,
        &["bundle.json:"],
    ),
    attack(
        "a missing field",
        |v| v.json(|m| drop(m.as_object_mut().unwrap().remove("metrics"))),
        Bundle,
        &["missing field `metrics`"],
    ),
    attack(
        "a missing field of taggers",
        |v| v.json(|m| drop(m.as_object_mut().unwrap().remove("tasks"))),
        Bundle,
        &["tasks: a bundle has at least one task"],
    ),
    attack(
        "a tagger that calls itself a scorer",
        |v| v.set("/kind", "scorer"),
        Bundle,
        &["languages: a scorer has no such field"],
    ),
    attack("an unknown field", |v| v.json(|m| m["extra"] = 1.into()), Bundle, &["bundle.json: unknown field `extra`"]),
    attack(
        "an unknown field within",
        |v| v.json(|m| m["architecture"]["extra"] = 1.into()),
        Bundle,
        &["bundle.json: unknown field `extra`"],
    ),
    attack("a field twice", |v| v.text("\"id\"", "\"id\": \"x\", \"id\""), Bundle, &["duplicate field `id`"]),
    attack(
        "a file twice",
        |v| v.text("\"files\": {", r#""files": { "model.onnx": { "bytes": 1, "sha256": "" },"#),
        Bundle,
        &["bundle.json: duplicate key `model.onnx`"],
    ),
    attack(
        "a temperature twice",
        |v| v.text("\"da\": 1.5", "\"da\": 1.5, \"d\\u0061\": 2"),
        Bundle,
        &["bundle.json: duplicate key `da`"],
    ),
    attack("a text for a number", |v| v.set("/format", "1"), Bundle, &["bundle.json: invalid type"]),
    attack("a negative size", |v| v.set("/architecture/hidden", -9), Bundle, &["bundle.json: invalid value"]),
    attack("an unknown kind", |v| v.set("/kind", "virus"), Bundle, &["bundle.json: unknown variant `virus`"]),
];

const FIELDS: &[Attack] = &[
    attack(
        "a later format",
        |v| versions(v, 2, 2),
        Bundle,
        &["bundle.json: oldest_reader: format 2 needs", "update libmtl"],
    ),
    attack("a later format says what is read", |v| versions(v, 9, 9), Bundle, BOTH_VERSIONS),
    attack("format 0", |v| versions(v, 0, 0), Bundle, &["bundle.json: format: format 0 is no longer read", "1 to 1"]),
    attack("no oldest reader", |v| versions(v, 1, 0), Bundle, &["bundle.json: oldest_reader: 0 is not in 1..=1"]),
    attack("an identifier that is a path", |v| v.set("/id", "../x"), Bundle, &["bundle.json: id: `../x`"]),
    attack("an identifier without end", |v| v.set("/id", "a".repeat(65)), Bundle, &["bundle.json: id:"]),
    attack("no version", |v| v.set("/version", "1.0"), Bundle, &["bundle.json: version: `1.0` is no semantic version"]),
    attack("a version with a path", |v| v.set("/version", "1.0.0/.."), Bundle, &["bundle.json: version:"]),
    attack(
        "a NUL",
        |v| v.set("/description", "a\0b"),
        Bundle,
        &["bundle.json: description: the control character U+0000"],
    ),
    attack(
        "an escape",
        |v| v.set("/licences/code", "\u{1b}[2J"),
        Bundle,
        &["licences.code: the control character U+001B"],
    ),
    attack("an endless description", |v| v.set("/description", "x".repeat(2001)), Limit, &["description: 2001 bytes"]),
    attack(
        "no languages",
        |v| v.set("/languages", json!([])),
        Bundle,
        &["bundle.json: languages: a bundle has at least"],
    ),
    attack(
        "languages out of order",
        |v| v.set("/languages", json!(["en", "da"])),
        Bundle,
        &["languages[1]: `da` is not sorted"],
    ),
    attack(
        "a language twice",
        |v| v.set("/languages", json!(["da", "en", "en"])),
        Bundle,
        &["languages[2]: `en` is not"],
    ),
    attack(
        "a language in words",
        |v| v.set("/languages/0", "Danish"),
        Bundle,
        &["languages[0]: `Danish` is not a code"],
    ),
    attack(
        "a language that is a path",
        |v| v.set("/languages/0", "../"),
        Bundle,
        &["languages[0]: `../` is not a code"],
    ),
    attack(
        "a language that no task has",
        |v| v.set("/languages", json!(["da", "en", "ru"])),
        Bundle,
        &["bundle.json: languages[2]: no task has the language `ru`"],
    ),
    attack(
        "a task's language that the bundle has not",
        |v| v.set("/tasks/0/languages", json!(["fr"])),
        Bundle,
        &["bundle.json: tasks[0]: languages: `fr` is not among"],
    ),
    attack(
        "a task's language twice",
        |v| v.set("/tasks/0/languages", json!(["da", "da"])),
        Bundle,
        &["tasks[0]: languages: `da` is there twice"],
    ),
    attack("a task without languages", |v| v.set("/tasks/0/languages", json!([])), Bundle, &["tasks[0]: languages:"]),
    attack("no tasks", |v| v.set("/tasks", json!([])), Bundle, &["bundle.json: "]),
    attack("a task twice", |v| v.set("/tasks/1/name", "ner"), Bundle, &["tasks[1]: name: `ner` is there twice"]),
    attack("a task's name with a dot", |v| v.set("/tasks/0/name", "a.b"), Bundle, &["tasks[0]: name: `a.b`"]),
    attack(
        "two labels alike",
        |v| v.set("/tasks/1/labels/1", "NOUN"),
        Bundle,
        &["tasks[1]: labels[1]: `NOUN` is there twice"],
    ),
    attack("an empty label", |v| v.set("/tasks/1/labels/1", ""), Bundle, &["tasks[1]: labels[1]: empty"]),
    attack(
        "a NUL in a label",
        |v| v.set("/tasks/1/labels/1", "V\0"),
        Bundle,
        &["tasks[1]: labels[1]: the control character"],
    ),
    attack(
        "a blank in a label",
        |v| v.set("/tasks/1/labels/1", "A B"),
        Bundle,
        &["tasks[1]: labels[1]: `A B` contains white"],
    ),
    attack(
        "a label of another scheme",
        |v| v.set("/tasks/0/labels/1", "L-PER"),
        Bundle,
        &["tasks[0]: labels[1]: `L-PER` is no label"],
    ),
    attack(
        "a label without a type",
        |v| v.set("/tasks/0/labels/1", "B-"),
        Bundle,
        &["tasks[0]: labels[1]: `B-` is no label"],
    ),
    attack(
        "spans without O",
        |v| v.set("/tasks/0/labels/0", "B-ORG"),
        Bundle,
        &["tasks[0]: labels: a scheme of spans needs"],
    ),
    attack(
        "no labels",
        |v| v.set("/tasks/0/labels", json!([])),
        Bundle,
        &["tasks[0]: labels: a task has at least one"],
    ),
    attack(
        "a label too many for the weights",
        |v| v.json(|m| m["tasks"][1]["labels"].as_array_mut().unwrap().push("Y".into())),
        Bundle,
        &["weights.safetensors: task.upos.", "shape", "the manifest implies"],
    ),
    attack(
        "a label too few for the weights",
        |v| v.json(|m| drop(m["tasks"][1]["labels"].as_array_mut().unwrap().pop())),
        Bundle,
        &["weights.safetensors: task.upos.", "shape", "the manifest implies"],
    ),
    attack(
        "10,000 labels",
        |v| v.set("/tasks/1/labels", (0..10_000).map(|i| i.to_string()).collect::<Vec<_>>()),
        Limit,
        &["bundle.json: tasks[1]: labels: 10000 labels, where at most 1024"],
    ),
    attack("a temperature of zero", |v| v.set("/tasks/0/temperature/da", 0), Bundle, &["temperature[`da`]: 0, where"]),
    attack(
        "a temperature below zero",
        |v| v.set("/tasks/0/temperature/da", -1),
        Bundle,
        &["temperature[`da`]: -1, where"],
    ),
    // The parser refuses it where serde_json's `float_roundtrip` is on, as beside the trainer; else we do.
    attack("an infinite temperature", |v| v.text("\"da\": 1.5", "\"da\": 1e39"), Bundle, &["bundle.json: "]),
    attack(
        "a temperature beyond numbers",
        |v| v.text("\"da\": 1.5", "\"da\": 1e999"),
        Bundle,
        &["number out of range"],
    ),
    attack(
        "a temperature that is no number",
        |v| v.set("/tasks/0/temperature/da", Value::Null),
        Bundle,
        &["bundle.json:"],
    ),
    attack(
        "a temperature of another language",
        |v| v.text("\"da\": 1.5", "\"en\": 1.5"),
        Bundle,
        &["temperature[`en`]: the task"],
    ),
    attack(
        "no units",
        |v| v.set("/architecture/hidden", 0),
        Bundle,
        &["bundle.json: architecture: hidden: 0, where at least 1"],
    ),
    attack(
        "an allocation bomb",
        |v| v.set("/architecture/words", 1u64 << 40),
        Limit,
        &["bundle.json: architecture: words:"],
    ),
    attack(
        "a size of 2^64 - 1",
        |v| v.set("/architecture/chars", u64::MAX),
        Limit,
        &["bundle.json: architecture: chars:"],
    ),
    attack(
        "sizes whose product is a bomb",
        |v| {
            v.set("/architecture/words", 1 << 24);
            v.set("/architecture/word_dim", 2048);
        },
        Limit,
        &["bundle.json: architecture:", "bytes of weights"],
    ),
    attack(
        "a million highways",
        |v| v.set("/architecture/highway_layers", 1_000_000),
        Limit,
        &["architecture: highway_layers:"],
    ),
    attack(
        "a width twice",
        |v| v.set("/architecture/char_widths", json!([2, 2, 4])),
        Bundle,
        &["char_widths: 2 is zero, or there twice"],
    ),
    attack("a width of zero", |v| v.set("/architecture/char_widths", json!([0])), Bundle, &["char_widths: 0 is zero"]),
    attack(
        "a width of 2^32",
        |v| v.set("/architecture/char_widths", json!([1u64 << 32])),
        Limit,
        &["architecture: char_widths:"],
    ),
    attack("no widths", |v| v.set("/architecture/char_widths", json!([])), Bundle, &["architecture: char_widths:"]),
    attack(
        "other sizes than the weights'",
        |v| v.set("/architecture/hidden", 8),
        Bundle,
        &["weights.safetensors: ", "the manifest implies"],
    ),
    attack(
        "an unknown tokeniser",
        |v| v.set("/text/tokeniser", "sh -c"),
        Bundle,
        &["text.tokeniser: `sh -c` is unknown"],
    ),
    attack("a step twice", |v| v.set("/text/word_lookup", json!(["exact", "exact"])), Bundle, &["text.word_lookup:"]),
    attack(
        "an unknown language to fall back on",
        |v| v.json(|m| m["text"]["fallback_language"] = "xx".into()),
        Bundle,
        &["bundle.json: text.fallback_language: `xx` is not among the languages"],
    ),
    attack(
        "a score of two",
        |v| v.set("/metrics", json!([metric("ner", "da", 2.0)])),
        Bundle,
        &["metrics[0].value: scores lie"],
    ),
    attack(
        "a score of another task",
        |v| v.set("/metrics", json!([metric("x", "da", 0.5)])),
        Bundle,
        &["metrics[0].task: no task `x`"],
    ),
    attack(
        "a score of another language",
        |v| v.set("/metrics", json!([metric("ner", "x", 0.5)])),
        Bundle,
        &["metrics[0].language: no"],
    ),
];

const FILES: &[Attack] = &[
    attack(
        "an absolute path",
        |v| add(v, "/etc/passwd"),
        Bundle,
        &["bundle.json: files[`/etc/passwd`]: ", "is not the plain name"],
    ),
    attack("a path upwards", |v| add(v, "../weights"), Bundle, &["files[`../weights`]: ", "is not the plain name"]),
    attack("two dots", |v| add(v, ".."), Bundle, &["files[`..`]: ", "is not the plain name"]),
    attack("a drive letter", |v| add(v, "C:weights"), Bundle, &["files[`C:weights`]: ", "is not the plain name"]),
    attack("a path of Windows", |v| add(v, "a\\b"), Bundle, &["is not the plain name"]),
    attack("a NUL in a path", |v| add(v, "model.onnx\0"), Bundle, &["is not the plain name"]),
    attack("an empty name", |v| add(v, ""), Bundle, &["is not the plain name"]),
    attack(
        "a file that the format has not",
        |v| add(v, "run.sh"),
        Bundle,
        &["files[`run.sh`]: format 1 has no such file"],
    ),
    attack(
        "a file is not listed",
        |v| v.json(|m| drop(m["files"].as_object_mut().unwrap().remove("golden.jsonl"))),
        Bundle,
        &["bundle.json: files: `golden.jsonl` is not listed"],
    ),
    attack(
        "a digest of another length",
        |v| v.set("/files/model.onnx/sha256", "00"),
        Bundle,
        &["files[`model.onnx`]: sha256: 64"],
    ),
    attack(
        "a digest in capitals",
        |v| v.json(|m| m["files"]["model.onnx"]["sha256"] = "A".repeat(64).into()),
        Bundle,
        &["files[`model.onnx`]: sha256: 64 lower-case"],
    ),
    attack(
        "another digest",
        |v| v.set("/files/model.onnx/sha256", "0".repeat(64)),
        Integrity,
        &["model.onnx: its SHA-256 is", "where the manifest says 0000", "fetch the bundle again"],
    ),
    attack(
        "another length",
        |v| v.set("/files/golden.jsonl/bytes", 1),
        Integrity,
        &["golden.jsonl: ", "bytes long, where the manifest says 1", "fetch the bundle again"],
    ),
    attack(
        "a length without end",
        |v| v.set("/files/weights.safetensors/bytes", u64::MAX),
        Limit,
        &["bundle.json: files[`weights.safetensors`]: bytes: 18446744073709551615 bytes"],
    ),
    attack(
        "a vocabulary of 2 GiB",
        |v| v.set("/files/vocab.words.da/bytes", 1u64 << 31),
        Limit,
        &["files[`vocab.words.da`]: bytes:"],
    ),
    attack(
        "a graph of 1 GiB",
        |v| v.set("/files/model.onnx/bytes", 1u64 << 30),
        Limit,
        &["files[`model.onnx`]: bytes:"],
    ),
];

#[test]
fn form() {
    run(FORM);
}

#[test]
fn fields() {
    run(FIELDS);
}

#[test]
fn files() {
    run(FILES);
}

fn versions(victim: &Victim, format: u32, oldest_reader: u32) {
    victim.json(|m| {
        m["format"] = format.into();
        m["oldest_reader"] = oldest_reader.into();
        // What a later format may have, and must not distract from the reason.
        m["later"] = json!({});
    });
}

/// Lists another file, which is a copy of the graph.
fn add(victim: &Victim, name: &str) {
    victim.json(|m| m["files"][name] = m["files"]["model.onnx"].clone());
}

fn metric(task: &str, language: &str, value: f64) -> Value {
    json!({"task": task, "language": language, "set": "test", "metric": "f1", "value": value, "seeds": 1})
}

/// A later format that this reader understands may list files that it does not know, and never opens.
#[test]
fn a_later_format_may_add_files() {
    let victim = Victim::new();
    add(&victim, "fused.onnx");
    victim.set("/format", 2);
    libmtl::bundle::Bundle::open(victim.path()).unwrap();
}
