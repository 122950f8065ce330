//! Attacks on what a scorer's manifest says of its network.

use crate::{Attack, Victim, attack, run_on};
use libmtl::ErrorKind::{Bundle, Limit};

/// Sets a field that has a default, or one that is there.
fn set(victim: &Victim, field: &str, value: impl Into<serde_json::Value>) {
    victim.json(|m| m["scorer"]["architecture"][field] = value.into());
}

const ARCHITECTURE: &[Attack] = &[
    attack(
        "no convolution",
        |v| set(v, "char_convolutions", 0),
        Bundle,
        &["scorer: architecture: char_convolutions: 0, where at least 1"],
    ),
    attack(
        "a third convolution",
        |v| set(v, "char_convolutions", 3),
        Limit,
        &["scorer: architecture: char_convolutions: 3", "at most 2"],
    ),
    attack(
        "a second convolution that has no weights",
        |v| set(v, "char_convolutions", 2),
        Bundle,
        &["weights.safetensors", "implies"],
    ),
    attack("word vectors without width", |v| set(v, "word_width", 0), Bundle, &["architecture: word_width: 0, where"]),
    attack("word vectors without end", |v| set(v, "word_width", 2049), Limit, &["architecture: word_width: 2049"]),
    attack(
        "word vectors of another width",
        |v| set(v, "word_width", 4),
        Bundle,
        &["weights.safetensors: track.aa_bb.word.", "where the manifest implies"],
    ),
    attack(
        "word vectors from nowhere",
        |v| set(v, "word_vectors", "internet"),
        Bundle,
        &["bundle.json: unknown variant `internet`"],
    ),
    attack(
        "a table beside given word vectors",
        |v| set(v, "word_vectors", "given"),
        Bundle,
        &["architecture: word_vectors: given ones need the encoder `word`, and leave 1 row"],
    ),
    attack(
        "given word vectors that nothing reads",
        |v| {
            set(v, "word_vectors", "given");
            set(v, "encoders", vec!["char_cnn"]);
            set(v, "words", vec![1, 1]);
        },
        Bundle,
        &["architecture: word_vectors: given ones need"],
    ),
    attack(
        "an unknown summary",
        |v| set(v, "char_summary", "median"),
        Bundle,
        &["bundle.json: unknown variant `median`"],
    ),
    attack(
        "learners' biases that have no tensor",
        |v| set(v, "user_bias", true),
        Bundle,
        &["weights.safetensors", "implies"],
    ),
    attack(
        "learners without a meta encoder",
        |v| set(v, "combine", "none"),
        Bundle,
        &["scorer: architecture: combine: 6 rows of the table user"],
    ),
    attack(
        "learners' biases without a meta encoder",
        |v| {
            set(v, "combine", "none");
            set(v, "user_bias", true);
            ["users", "countries", "clients", "sessions", "formats"].iter().for_each(|ids| set(v, ids, 1));
        },
        Bundle,
        &["scorer: architecture: user_bias: true, where there is no meta encoder"],
    ),
    attack("answers that no weights are for", |v| set(v, "history", true), Bundle, &["weights.safetensors", "implies"]),
    attack(
        "learners' answers without a meta encoder",
        |v| {
            set(v, "combine", "none");
            set(v, "history", true);
            ["users", "countries", "clients", "sessions", "formats"].iter().for_each(|ids| set(v, ids, 1));
        },
        Bundle,
        &["scorer: architecture: history: true, where there is no meta encoder"],
    ),
    attack(
        "a meta encoder that nothing reads",
        |v| {
            set(v, "combine", "none");
            ["users", "countries", "clients", "sessions", "formats"].iter().for_each(|ids| set(v, ids, 1));
        },
        Bundle,
        &["weights.safetensors", "the architecture has no such tensor"],
    ),
];

#[test]
fn architectures_that_the_weights_are_not_of() {
    run_on(Victim::scorer, ARCHITECTURE);
}
