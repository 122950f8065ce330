//! The tagger's graph.

use super::{Builder, Extent, Port, data_type, int, ints};
use crate::bundle::manifest::{Activation, Architecture, Manifest, Task};

/// Whether `task` has language-specific layers, and so the inputs that select one.
pub fn has_specific(manifest: &Manifest, task: &Task) -> bool {
    manifest.architecture.specific_layers && !task.languages.is_empty()
}

/// The input that holds the row of a task's language in the stacks of its specific layers.
pub fn language_name(task: &Task) -> String {
    format!("language.{}", task.name)
}

/// The input that is 1 for the gate as it was trained, and 0 for the universal layer alone.
pub fn gate_name(task: &Task) -> String {
    format!("gate.{}", task.name)
}

/// The output that holds a task's emissions.
pub fn output_name(task: &Task) -> String {
    format!("emissions.{}", task.name)
}

/// The inputs that the graph of `manifest` has, in order.
pub fn inputs(manifest: &Manifest) -> Vec<Port> {
    use Extent::{Fixed, Named};
    let mut ports = vec![
        Port::new("word_rows", data_type::INT64, &[Named("words")]),
        Port::new("chars", data_type::INT64, &[Named("words"), Named("chars")]),
        Port::new("char_lengths", data_type::INT64, &[Named("words")]),
        Port::new("tokens", data_type::INT64, &[Named("time"), Named("batch")]),
        Port::new("lengths", data_type::INT32, &[Named("batch")]),
    ];
    for task in manifest.tasks.iter().filter(|task| has_specific(manifest, task)) {
        ports.push(Port::new(language_name(task), data_type::INT64, &[Fixed(1)]));
        ports.push(Port::new(gate_name(task), data_type::FLOAT, &[Fixed(1)]));
    }
    ports
}

/// The outputs that the graph of `manifest` has, in order.
pub fn outputs(manifest: &Manifest) -> Vec<Port> {
    let dims = |task: &Task| [Extent::Named("batch"), Extent::Named("time"), Extent::Fixed(task.labels.len())];
    manifest.tasks.iter().map(|task| Port::new(output_name(task), data_type::FLOAT, &dims(task))).collect()
}

impl Builder<'_> {
    /// Adds the nodes of the tagger that `manifest` describes.
    pub(super) fn tagger(&mut self, manifest: &Manifest) {
        let words = self.word_features(&manifest.architecture);
        let hidden = self.encoder(&words, manifest.architecture.hidden);
        for task in &manifest.tasks {
            self.head(manifest, task, &hidden);
        }
    }

    /// `[words, word_dim + characters]`: each distinct word's vector and character features.
    pub(super) fn word_features(&mut self, a: &Architecture) -> String {
        let rows = self.rows("word.embedding", "word_rows", "word/rows");
        let characters = self.rows("char.embedding", "chars", "char/rows");
        let mut characters = self.char_cnn(&characters, (&a.char_widths, 1), "char", "char.conv");
        for layer in 0..a.highway_layers {
            characters = self.highway(layer, a.highway_activation, &characters);
        }
        self.node("Concat", &[&rows, &characters], "word/features", vec![int("axis", 1)])
    }

    /// z + g * (f(Wz + b) - z), with g = sigmoid(W'z + b').
    fn highway(&mut self, layer: usize, activation: Activation, input: &str) -> String {
        let base = format!("highway/{layer}");
        let candidate = self.affine(&format!("highway.{layer}.transform"), input, &format!("{base}/affine"));
        let activation = match activation {
            Activation::Relu => "Relu",
            Activation::Selu => "Selu",
        };
        let candidate = self.node(activation, &[&candidate], &format!("{base}/candidate"), vec![]);
        let gate = self.affine(&format!("highway.{layer}.gate"), input, &format!("{base}/gate_affine"));
        let gate = self.node("Sigmoid", &[&gate], &format!("{base}/gate"), vec![]);
        self.blend(input, &candidate, &gate, &base)
    }

    /// `[batch, time, 2 * hidden]`: the states of the bidirectional LSTM.
    fn encoder(&mut self, words: &str, hidden: usize) -> String {
        let steps = self.node("Gather", &[words, "tokens"], "lstm/input", vec![int("axis", 0)]);
        let weights = self.lstm_weights("lstm");
        let states = self.lstm(&steps, &weights, ("bidirectional", hidden), Some("lengths"), "lstm/states");
        self.by_sentence(&states, "lstm")
    }

    /// `emissions.{task}`.
    fn head(&mut self, manifest: &Manifest, task: &Task, hidden: &str) {
        let (name, base) = (&task.name, format!("task/{}", task.name));
        let output = output_name(task);
        let specific = has_specific(manifest, task);
        let target = if specific { format!("{base}/universal") } else { output.clone() };
        let weight = self.float(&format!("task.{name}.universal.weight"));
        let bias = self.float(&format!("task.{name}.universal.bias"));
        let universal = self.project(hidden, &weight, &bias, vec![ints("perm", &[1, 0])], &target);
        if specific {
            let own = self.selected(task, "specific", hidden);
            let gate = self.selected(task, "gate", hidden);
            let gate = self.node("Sigmoid", &[&gate], &format!("{base}/sigmoid"), vec![]);
            let gate = self.node("Mul", &[&gate, &gate_name(task)], &format!("{base}/scaled"), vec![]);
            let difference = self.node("Sub", &[&own, &universal], &format!("{base}/difference"), vec![]);
            let share = self.node("Mul", &[&gate, &difference], &format!("{base}/share"), vec![]);
            self.node("Add", &[&universal, &share], &output, vec![]);
        }
    }

    /// The language's row of a stack of output layers, applied.
    fn selected(&mut self, task: &Task, part: &str, hidden: &str) -> String {
        let (base, row) = (format!("task/{}/{part}", task.name), language_name(task));
        let [weight, bias] = ["weight", "bias"].map(|kind| {
            let stack = self.weight(&format!("task.{}.{part}.{kind}", task.name));
            let own = self.node("Gather", &[&stack, &row], &format!("{base}/{kind}16"), vec![int("axis", 0)]);
            self.cast(&own, &format!("{base}/{kind}"))
        });
        self.project(hidden, &weight, &bias, vec![ints("perm", &[0, 2, 1])], &base)
    }

    /// from + gate * (to - from).
    fn blend(&mut self, from: &str, to: &str, gate: &str, base: &str) -> String {
        let difference = self.node("Sub", &[to, from], &format!("{base}/difference"), vec![]);
        let share = self.node("Mul", &[gate, &difference], &format!("{base}/share"), vec![]);
        self.node("Add", &[from, &share], &format!("{base}/output"), vec![])
    }
}
