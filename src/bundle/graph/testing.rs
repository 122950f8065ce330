//! Manifests for unit tests, and regions that lie one after the other.

use super::Region;
use crate::bundle::manifest::Manifest;

/// A manifest with two tasks over two languages.
pub fn manifest(specific_layers: bool) -> Manifest {
    let value = serde_json::json!({
        "format": 1, "oldest_reader": 1, "id": "toy", "version": "1.0.0", "kind": "tagger", "description": "a toy",
        "languages": ["en", "nl"],
        "tasks": [
            {"name": "ner", "scheme": "bioes", "labels": ["O", "S-PER", "S-LOC"], "languages": ["en", "nl"],
             "constrained": true},
            {"name": "upos", "scheme": "plain", "labels": ["NOUN", "VERB"], "languages": ["en"], "constrained": false},
        ],
        "architecture": {
            "word_dim": 5, "words": 7, "char_dim": 4, "chars": 9, "char_widths": [2, 3], "char_filters": 6,
            "highway_layers": 1, "highway_activation": "selu", "hidden": 8, "specific_layers": specific_layers,
        },
        "text": {"tokeniser": "ud", "word_lookup": ["exact", "lower"], "ptb_escapes": false, "char_boundaries": false},
        "files": {}, "metrics": [],
        "licences": {"code": "MIT", "weights": "MIT", "data": []},
        "training": {"command": "none", "commit": "none", "seed": 1},
    });
    serde_json::from_value(value).expect("a manifest")
}

/// The tensors of `manifest`, as they would lie in a file whose header takes 128 bytes.
pub fn regions(manifest: &Manifest) -> Vec<Region> {
    let a = &manifest.architecture;
    let c = a.char_filters * a.char_widths.len();
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("word.embedding".into(), vec![a.words, a.word_dim]),
        ("char.embedding".into(), vec![a.chars, a.char_dim]),
        ("lstm.weight_ih".into(), vec![2, 4 * a.hidden, a.word_dim + c]),
        ("lstm.weight_hh".into(), vec![2, 4 * a.hidden, a.hidden]),
        ("lstm.bias".into(), vec![2, 8 * a.hidden]),
    ];
    for w in &a.char_widths {
        shapes.push((format!("char.conv.{w}.weight"), vec![a.char_filters, a.char_dim, *w]));
        shapes.push((format!("char.conv.{w}.bias"), vec![a.char_filters]));
    }
    for part in (0..a.highway_layers).flat_map(|i| [format!("highway.{i}.transform"), format!("highway.{i}.gate")]) {
        shapes.push((format!("{part}.weight"), vec![c, c]));
        shapes.push((format!("{part}.bias"), vec![c]));
    }
    for task in &manifest.tasks {
        let (name, k) = (&task.name, task.labels.len());
        shapes.push((format!("task.{name}.universal.weight"), vec![k, 2 * a.hidden]));
        shapes.push((format!("task.{name}.universal.bias"), vec![k]));
        for part in ["specific", "gate"].iter().filter(|_| a.specific_layers) {
            shapes.push((format!("task.{name}.{part}.weight"), vec![task.languages.len(), k, 2 * a.hidden]));
            shapes.push((format!("task.{name}.{part}.bias"), vec![task.languages.len(), k]));
        }
        shapes.push((format!("task.{name}.crf.transitions"), vec![k, k]));
        shapes.extend(["start", "end"].map(|part| (format!("task.{name}.crf.{part}"), vec![k])));
    }
    let mut offset = 128;
    let place = |(name, shape): (String, Vec<usize>)| {
        let length = 2 * shape.iter().product::<usize>() as u64;
        offset += length;
        (name, shape, offset - length, length)
    };
    shapes.into_iter().map(place).collect()
}
