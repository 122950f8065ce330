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
/// The characters.
pub const CHARS: &str = "vocab.chars";
/// The golden cases.
pub const GOLDEN: &str = "golden.jsonl";

/// The model card, for people; readers ignore it.
pub const CARD: &str = "README.md";

/// The words of `language`.
pub fn words(language: &str) -> String {
    format!("vocab.words.{language}")
}

/// The files that the manifest must list: all but itself, its digest and the card.
pub fn files(manifest: &Manifest) -> Vec<String> {
    let fixed = [WEIGHTS, GRAPH, CHARS, GOLDEN].map(String::from);
    fixed.into_iter().chain(manifest.languages.iter().map(|l| words(l))).collect()
}

/// Name and shape of every tensor, as docs/bundle-format.md lists them. The manifest must have been checked.
pub fn expected(manifest: &Manifest) -> Vec<(String, Vec<usize>)> {
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
