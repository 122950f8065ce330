//! What a bundle must hold: the names of its files, the names and shapes of its tensors.

use super::manifest::Manifest;

/// The manifest.
pub const MANIFEST: &str = "bundle.json";
/// The manifest's own digest, in the format of `sha256sum`.
pub const DIGEST: &str = "bundle.sha256";
/// The weights.
pub const WEIGHTS: &str = "weights.safetensors";
/// The graph.
pub const GRAPH: &str = "model.onnx";
/// The graph with the operator of libmtl's own, which a tagger may have beside [`GRAPH`].
pub const FUSED_GRAPH: &str = "model.fused.onnx";
/// The characters.
pub const CHARS: &str = "vocab.chars";
/// The golden cases.
pub const GOLDEN: &str = "golden.jsonl";

/// The model card, for people; readers ignore it.
pub const CARD: &str = "README.md";

/// The learners that a scorer knows.
pub const USERS: &str = "vocab.users";
/// The countries that a scorer knows.
pub const COUNTRIES: &str = "vocab.countries";
/// The clients that a scorer knows.
pub const CLIENTS: &str = "vocab.clients";
/// The sessions that a scorer knows.
pub const SESSIONS: &str = "vocab.sessions";
/// The formats that a scorer knows.
pub const FORMATS: &str = "vocab.formats";

/// The words of `language`, or of a scorer's track.
pub fn words(language: &str) -> String {
    format!("vocab.words.{language}")
}

/// The characters of a scorer's `track`.
pub fn chars(track: &str) -> String {
    format!("vocab.chars.{track}")
}

/// The vocabularies beside those of words: name, rows of their tensor, and how many of its first rows are reserved.
pub fn tables(manifest: &Manifest) -> Vec<(String, usize, u32)> {
    let Some(scorer) = &manifest.scorer else {
        let reserved = if manifest.text.char_boundaries { 4 } else { 2 };
        return vec![(CHARS.to_string(), manifest.architecture.chars, reserved)];
    };
    let a = &scorer.architecture;
    let ids = [
        (USERS, a.users),
        (COUNTRIES, a.countries),
        (CLIENTS, a.clients),
        (SESSIONS, a.sessions),
        (FORMATS, a.formats),
    ];
    let ids = ids.map(|(name, rows)| (name.to_string(), rows, 1));
    let chars = scorer.tracks.iter().zip(&a.chars).map(|(track, &rows)| (chars(track), rows, 2));
    ids.into_iter().chain(chars).collect()
}

/// The vocabularies of words: of which language or track, rows of their tensor, and how many of its first rows are
/// reserved.
pub fn word_tables(manifest: &Manifest) -> Vec<(&str, usize, u32)> {
    match &manifest.scorer {
        Some(scorer) => {
            let tracks = scorer.tracks.iter().zip(&scorer.architecture.words);
            tracks.map(|(track, &rows)| (track.as_str(), rows, 1)).collect()
        }
        None => manifest.languages.iter().map(|l| (l.as_str(), manifest.architecture.words, 0)).collect(),
    }
}

/// Whether the bundle of `manifest` has [`FUSED_GRAPH`].
pub fn is_fused(manifest: &Manifest) -> bool {
    manifest.scorer.is_none() && manifest.files.contains_key(FUSED_GRAPH)
}

/// The files that the manifest must list: all but itself, its digest and the card, and the fused graph only where it lists
/// that.
pub fn files(manifest: &Manifest) -> Vec<String> {
    let fixed = [WEIGHTS, GRAPH, GOLDEN].into_iter().chain(is_fused(manifest).then_some(FUSED_GRAPH)).map(String::from);
    let tables = tables(manifest).into_iter().map(|(name, ..)| name);
    fixed.chain(tables).chain(word_tables(manifest).into_iter().map(|(of, ..)| words(of))).collect()
}

/// Name and shape of every tensor, as docs/bundle-format.md lists them. The manifest must have been checked.
pub fn expected(manifest: &Manifest) -> Vec<(String, Vec<usize>)> {
    if let Some(scorer) = &manifest.scorer {
        return scorer.tensors();
    }
    let a = &manifest.architecture;
    let features = a.char_filters * a.char_widths.len();
    let hidden = a.hidden;
    let mut tensors = Tensors(Vec::new());
    tensors.push("word.embedding", &[a.words, a.word_dim]);
    tensors.push("char.embedding", &[a.chars, a.char_dim]);
    for &width in &a.char_widths {
        tensors.push(format!("char.conv.{width}.weight"), &[a.char_filters, a.char_dim, width]);
        tensors.push(format!("char.conv.{width}.bias"), &[a.char_filters]);
    }
    for i in 0..a.highway_layers {
        for part in ["transform", "gate"] {
            tensors.push(format!("highway.{i}.{part}.weight"), &[features, features]);
            tensors.push(format!("highway.{i}.{part}.bias"), &[features]);
        }
    }
    tensors.push("lstm.weight_ih", &[2, 4 * hidden, a.word_dim + features]);
    tensors.push("lstm.weight_hh", &[2, 4 * hidden, hidden]);
    tensors.push("lstm.bias", &[2, 8 * hidden]);
    for task in &manifest.tasks {
        let (name, labels, languages) = (&task.name, task.labels.len(), task.languages.len());
        tensors.push(format!("task.{name}.universal.weight"), &[labels, 2 * hidden]);
        tensors.push(format!("task.{name}.universal.bias"), &[labels]);
        if a.specific_layers {
            for part in ["specific", "gate"] {
                tensors.push(format!("task.{name}.{part}.weight"), &[languages, labels, 2 * hidden]);
                tensors.push(format!("task.{name}.{part}.bias"), &[languages, labels]);
            }
        }
        tensors.push(format!("task.{name}.crf.transitions"), &[labels, labels]);
        tensors.push(format!("task.{name}.crf.start"), &[labels]);
        tensors.push(format!("task.{name}.crf.end"), &[labels]);
    }
    tensors.0
}

struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    fn push(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.0.push((name.into(), shape.to_vec()));
    }
}
