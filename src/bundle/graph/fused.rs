//! The tagger's graph with one node for all that stands above the words: BiLSTM, output layers and Viterbi.

use super::{AttributeProto, Builder, Extent, NodeProto, Port, data_type, int, tagger};
use crate::bundle::manifest::{Manifest, Task};

/// The domain of libmtl's operators.
pub const DOMAIN: &str = "ai.libmtl";
/// Its version.
pub const VERSION: i64 = 1;
/// The operator: inputs as [`node_inputs`] says; outputs [`LABELS`], [`SCORES`], and each task's emissions.
pub const OPERATOR: &str = "BiLstmCrf";
/// Whether tasks have language-specific layers and gates, 0 or 1: the operator's one attribute.
pub const SPECIFIC: &str = "specific_layers";
/// `[tasks, batch, time]`: the best path of each sentence under the rules of its task's scheme, 0 after its end; on a GPU, -1
/// throughout a sentence that has an emission that is not finite.
pub const LABELS: &str = "labels";
/// `[tasks, batch]`: the scores of these paths.
pub const SCORES: &str = "scores";
/// How many of the node's inputs come before those that [`node_inputs`] names.
pub const VALUES: usize = 3;

/// What the node reads after the distinct words' features `[words, features]`, `tokens` and `lengths`: tensors of the
/// bundle and inputs of the graph, in this order.
pub fn node_inputs(manifest: &Manifest) -> Vec<String> {
    let mut names = ["weight_ih", "weight_hh", "bias"].map(|part| format!("lstm.{part}")).to_vec();
    for task in &manifest.tasks {
        let layer = |part: &str| ["weight", "bias"].map(|kind| format!("task.{}.{part}.{kind}", task.name));
        names.extend(layer("universal"));
        if manifest.architecture.specific_layers {
            names.extend(layer("specific"));
            names.extend(layer("gate"));
            names.extend([tagger::language_name(task), tagger::gate_name(task)]);
        }
        names.extend(["transitions", "start", "end"].map(|part| format!("task.{}.crf.{part}", task.name)));
    }
    names
}

/// How many of them are of a task.
pub(in crate::bundle) fn inputs_a_task(specific_layers: bool) -> usize {
    if specific_layers { 11 } else { 5 }
}

/// The names of the node's outputs.
pub fn node_outputs(manifest: &Manifest) -> Vec<String> {
    let emissions = manifest.tasks.iter().map(tagger::output_name);
    [LABELS, SCORES].map(String::from).into_iter().chain(emissions).collect()
}

/// The outputs that the graph of `manifest` has, in order.
pub(super) fn outputs(manifest: &Manifest) -> Vec<Port> {
    use Extent::{Fixed, Named};
    let (tasks, [batch, time]) = (Fixed(manifest.tasks.len()), ["batch", "time"].map(Named));
    let mut ports = vec![
        Port::new(LABELS, data_type::INT64, &[tasks, batch, time]),
        Port::new(SCORES, data_type::FLOAT, &[tasks, batch]),
    ];
    ports.extend(tagger::outputs(manifest));
    ports
}

/// The node's attribute.
pub(in crate::bundle) fn specific(manifest: &Manifest) -> AttributeProto {
    int(SPECIFIC, manifest.architecture.specific_layers.into())
}

impl Builder<'_> {
    /// Adds the nodes of the tagger that `manifest` describes.
    pub(super) fn fused_tagger(&mut self, manifest: &Manifest) {
        let words = self.word_features(&manifest.architecture);
        let own = node_inputs(manifest);
        own.iter().filter(|name| !is_selector(manifest, name)).for_each(|name| drop(self.weight(name)));
        self.graph.node.push(NodeProto {
            input: [words, "tokens".into(), "lengths".into()].into_iter().chain(own).collect(),
            output: node_outputs(manifest),
            name: Some("bilstm_crf".into()),
            op_type: Some(OPERATOR.into()),
            attribute: vec![specific(manifest)],
            domain: Some(DOMAIN.into()),
        });
    }
}

/// Whether `name` is an input of the graph that selects a layer, and no tensor.
pub fn is_selector(manifest: &Manifest, name: &str) -> bool {
    let of = |task: &Task| name == tagger::language_name(task) || name == tagger::gate_name(task);
    manifest.tasks.iter().any(of)
}
