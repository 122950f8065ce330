//! Attacks on `weights.safetensors`.

use crate::{Attack, attack, run};
use libmtl::ErrorKind::{Bundle, Limit};
use serde_json::{Value, json};

const FILE: &str = "weights.safetensors";
const HEADER: &[&str] = &["weights.safetensors: header:", "again"];

const ATTACKS: &[Attack] = &[
    attack(
        "header length of 2^63",
        |v| v.forge(FILE, |b| b[..8].copy_from_slice(&(1u64 << 63).to_le_bytes())),
        Limit,
        &["weights.safetensors: header: 9223372036854775808 bytes", "at most 1048576"],
    ),
    attack(
        "header length of 2^64 - 8",
        |v| v.forge(FILE, |b| b[..8].copy_from_slice(&(u64::MAX - 7).to_le_bytes())),
        Limit,
        &["weights.safetensors: header:"],
    ),
    attack(
        "header longer than the file",
        |v| v.forge(FILE, |b| b[..8].copy_from_slice(&(1u64 << 20).to_le_bytes())),
        Bundle,
        &["weights.safetensors: header: runs past the end"],
    ),
    attack(
        "header of odd length",
        |v| v.forge(FILE, |b| b[0] += 1),
        Bundle,
        &["weights.safetensors: header:", "multiple of 8"],
    ),
    attack("empty header", |v| v.header(String::clear), Bundle, &["header: does not begin with `{`"]),
    attack("header is no JSON", |v| v.header(|h| h.truncate(h.len() / 2)), Bundle, HEADER),
    attack("text after the header", |v| v.header(|h| h.push_str("{}")), Bundle, &["header: trailing characters"]),
    attack("header is an array", |v| v.header(|h| *h = "[]".into()), Bundle, &["does not begin with `{`"]),
    attack("blank before the header", |v| v.header(|h| h.insert(0, ' ')), Bundle, &["does not begin with `{`"]),
    attack(
        "header is no UTF-8",
        |v| v.forge(FILE, |b| b[10] = 0xff),
        Bundle,
        &["weights.safetensors: header: not UTF-8"],
    ),
    attack(
        "nested 10,000 deep",
        |v| v.header(|h| *h = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))),
        Bundle,
        HEADER,
    ),
    attack(
        "metadata nested 10,000 deep",
        |v| v.header(|h| *h = format!("{{\"__metadata__\":{}{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000))),
        Bundle,
        HEADER,
    ),
    attack(
        "a tensor twice",
        |v| v.header(|h| h.insert_str(1, r#""lstm.bias":{"dtype":"F16","shape":[0],"data_offsets":[0,0]},"#)),
        Bundle,
        &["weights.safetensors: header: duplicate key `lstm.bias`"],
    ),
    attack(
        "a tensor twice, once escaped",
        |v| v.header(|h| h.insert_str(1, r#""\u006cstm.bias":{"dtype":"F16","shape":[0],"data_offsets":[0,0]},"#)),
        Bundle,
        &["weights.safetensors: header: duplicate key `lstm.bias`"],
    ),
    attack(
        "a member twice",
        |v| v.header(|h| *h = h.replacen("\"dtype\":\"F16\"", "\"dtype\":\"F16\",\"dtype\":\"F16\"", 1)),
        Bundle,
        &["weights.safetensors: header: duplicate field `dtype`"],
    ),
    attack(
        "an unknown member",
        |v| v.tensor("lstm.bias", "offset", 0),
        Bundle,
        &["weights.safetensors: header: unknown field `offset`"],
    ),
    attack(
        "metadata twice",
        |v| v.header(|h| h.insert_str(1, r#""__metadata__":{},"__metadata__":{},"#)),
        Bundle,
        &["duplicate key `__metadata__`"],
    ),
    attack(
        "metadata that are not text",
        |v| v.header(|h| h.insert_str(1, r#""__metadata__":{"a":1},"#)),
        Bundle,
        HEADER,
    ),
    attack(
        "twice as wide numbers",
        |v| v.tensor("lstm.bias", "dtype", "F32"),
        Bundle,
        &["weights.safetensors: lstm.bias: dtype: `F32`"],
    ),
    attack(
        "other numbers of the same width",
        |v| v.tensor("lstm.bias", "dtype", "BF16"),
        Bundle,
        &["lstm.bias: dtype: `BF16`, where F16 is allowed"],
    ),
    attack(
        "a shape of [0, 2^64 - 1]",
        |v| v.tensor("lstm.bias", "shape", json!([0, u64::MAX])),
        Limit,
        &["weights.safetensors: lstm.bias: shape:", "at most 2147483648"],
    ),
    attack(
        "a shape beyond 64 bits",
        |v| v.header(|h| *h = h.replacen("\"shape\":[", "\"shape\":[18446744073709551616,", 1)),
        Bundle,
        HEADER,
    ),
    attack("a negative shape", |v| v.tensor("lstm.bias", "shape", json!([-2, 72])), Bundle, HEADER),
    attack("a fractional shape", |v| v.tensor("lstm.bias", "shape", json!([2.0, 72])), Bundle, HEADER),
    attack(
        "a product that overflows",
        |v| v.tensor("lstm.bias", "shape", json!([1u64 << 31, 1u64 << 31, 1u64 << 31])),
        Bundle,
        &["weights.safetensors: lstm.bias: shape: the product overflows"],
    ),
    attack(
        "a product that wraps to the right size",
        |v| v.tensor("lstm.bias", "shape", json!([1u64 << 31, 1u64 << 31, 4, 1, 144])),
        Bundle,
        &["lstm.bias: shape: the product overflows"],
    ),
    attack(
        "a zero dimension",
        |v| {
            v.tensors(|t| {
                t["lstm.bias"]["shape"] = json!([0, 72]);
                t["lstm.bias"]["data_offsets"] = json!([0, 0]);
            });
        },
        Bundle,
        &["lstm.bias: shape: shape [0, 72], where the manifest implies [2, 72]"],
    ),
    attack(
        "a huge dimension",
        |v| v.tensor("lstm.bias", "shape", json!([1u64 << 31, 72])),
        Bundle,
        &["lstm.bias: data_offsets:", "needs 309237645312"],
    ),
    attack(
        "nine dimensions",
        |v| v.tensor("lstm.bias", "shape", json!([2, 72, 1, 1, 1, 1, 1, 1, 1])),
        Limit,
        &["lstm.bias: shape: 9 dimensions", "at most 8"],
    ),
    attack(
        "two dimensions exchanged",
        |v| v.tensor("lstm.bias", "shape", json!([72, 2])),
        Bundle,
        &["lstm.bias: shape: shape [72, 2], where the manifest implies [2, 72]"],
    ),
    attack(
        "two tensors in one place",
        |v| v.tensors(|t| t["task.ner.crf.start"]["data_offsets"] = t["task.ner.crf.end"]["data_offsets"].clone()),
        Bundle,
        &["weights.safetensors: task.ner.crf.", "data_offsets: overlaps the tensor before it"],
    ),
    attack(
        "a gap before the first tensor",
        |v| {
            shift_all(v, 2);
            v.forge(FILE, |b| b.extend([0, 0]));
        },
        Bundle,
        &["weights.safetensors:", "data_offsets: follows a gap"],
    ),
    attack(
        "bytes after the last tensor",
        |v| v.forge(FILE, |b| b.extend([0, 0])),
        Bundle,
        &["weights.safetensors: data: 2 bytes after the last tensor"],
    ),
    attack(
        "data past the end",
        |v| shift_all(v, 2),
        Bundle,
        &["weights.safetensors:", "data_offsets:", "does not lie within"],
    ),
    attack(
        "data that end before they begin",
        |v| v.tensor("lstm.bias", "data_offsets", json!([288, 0])),
        Bundle,
        &["lstm.bias: data_offsets: 288..0 does not lie within"],
    ),
    attack(
        "data at the end of the address space",
        |v| v.tensor("lstm.bias", "data_offsets", json!([u64::MAX - 288, u64::MAX])),
        Bundle,
        &["lstm.bias: data_offsets:", "does not lie within"],
    ),
    attack(
        "a byte count that the shape does not need",
        |v| {
            v.tensors(|t| {
                t["lstm.bias"]["data_offsets"][1] = (t["lstm.bias"]["data_offsets"][1].as_u64().unwrap() - 2).into()
            })
        },
        Bundle,
        &["lstm.bias: data_offsets: 286 bytes, where shape [2, 72] needs 288"],
    ),
    attack("a tensor of another name", |v| rename(v, "lstm.biases"), Bundle, &["lstm.biases: the architecture has no"]),
    attack("a NUL in a name", |v| rename(v, "lstm.bias\0"), Bundle, &["lstm.bias\u{fffd}: the architecture has no"]),
    attack("an endless name", |v| rename(v, &"x".repeat(500_000)), Bundle, &["xxx…: the architecture has no"]),
    attack(
        "a tensor is missing",
        |v| v.tensors(|t| drop(t.remove("word.embedding"))),
        Bundle,
        &["weights.safetensors: word.embedding: missing, though the manifest implies it"],
    ),
    attack(
        "a tensor too many",
        |v| v.tensors(|t| drop(t.insert("x".into(), json!({"dtype": "F16", "shape": [0], "data_offsets": [0, 0]})))),
        Bundle,
        &["weights.safetensors: x: the architecture has no such tensor"],
    ),
    attack(
        "5,000 tensors",
        |v| {
            v.tensors(|t| {
                let empty = json!({"dtype": "F16", "shape": [0], "data_offsets": [0, 0]});
                t.extend((0..5000).map(|i| (i.to_string(), empty.clone())));
            });
        },
        Limit,
        &["weights.safetensors: header: 50", "at most 4096"],
    ),
    attack(
        "a NaN",
        |v| v.weight("task.upos.universal.bias", 2, 0x7e00),
        Bundle,
        &["weights.safetensors: task.upos.universal.bias: NaN at index 2", "finite"],
    ),
    attack("a signalling NaN", |v| v.weight("word.embedding", 0, 0xfc01), Bundle, &["word.embedding: NaN at index 0"]),
    attack("infinity", |v| v.weight("lstm.bias", 143, 0x7c00), Bundle, &["lstm.bias: inf at index 143"]),
    attack("minus infinity", |v| v.weight("lstm.weight_hh", 1, 0xfc00), Bundle, &["lstm.weight_hh: -inf at index 1"]),
    attack(
        "half of the body",
        |v| v.forge(FILE, |b| b.truncate(b.len() / 2)),
        Bundle,
        &["bundle.json: files[`weights.safetensors`]: bytes:", "the architecture implies at least"],
    ),
    attack(
        "an empty file",
        |v| v.forge(FILE, Vec::clear),
        Bundle,
        &["bundle.json: files[`weights.safetensors`]: bytes: 0, where the architecture implies"],
    ),
];

#[test]
fn weights() {
    run(ATTACKS);
}

/// Moves every tensor by `by` bytes, without moving the data.
fn shift_all(victim: &crate::Victim, by: u64) {
    victim.tensors(|tensors| {
        for tensor in tensors.values_mut() {
            for offset in tensor["data_offsets"].as_array_mut().unwrap() {
                *offset = Value::from(offset.as_u64().unwrap() + by);
            }
        }
    });
}

/// Gives `lstm.bias` another name.
fn rename(victim: &crate::Victim, name: &str) {
    victim.tensors(|tensors| {
        let tensor = tensors.remove("lstm.bias").unwrap();
        tensors.insert(name.into(), tensor);
    });
}

/// A file cut anywhere in its header is refused by the header's own checks, digests made to fit.
#[test]
fn truncated_at_every_byte_of_the_header() {
    let victim = crate::Victim::new();
    let whole = victim.read(FILE);
    let header = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let data = &whole[header..];
    for cut in 8..header {
        // The data follow, so that the length of the file alone does not betray it.
        victim.forge(FILE, |b| *b = [&whole[..cut], data].concat());
        let error = libmtl::bundle::Bundle::open(victim.path()).unwrap_err();
        assert!(error.to_string().contains("weights.safetensors: "), "cut at {cut}: {error}");
        victim.forge(FILE, |b| *b = whole[..cut].to_vec());
        assert!(libmtl::bundle::Bundle::open(victim.path()).is_err(), "cut at {cut}");
    }
}
