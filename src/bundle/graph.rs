//! `model.onnx`: the network as standard ONNX operators, and `model.fused.onnx`: most of it as one operator of libmtl's own.
//! The graphs hold no weights: every initialiser is external data that points into `weights.safetensors`, and is widened
//! to 32-bit floating point where it is used.

pub mod fused;
mod proto;
mod scorer;
mod tagger;
#[cfg(test)]
pub(crate) mod testing;

use super::manifest::Manifest;
use crate::{Error, ErrorKind, Result};
use prost::Message;
pub use proto::*;
pub use scorer::{ID_INPUTS, logits_name};
use std::collections::HashSet;
pub use tagger::{gate_name, has_specific, language_name, output_name};

/// The operator set of the graph.
pub const OPSET: i64 = 17;
/// The version of ONNX's intermediate representation that goes with it.
pub const IR_VERSION: i64 = 8;
/// The file of the weights, as external data name it.
pub const WEIGHTS: &str = "weights.safetensors";

/// The graphs of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// ONNX's own operators alone: any provider runs it.
    #[default]
    Portable,
    /// The operator of [`fused`], which libmtl computes on the processor: only for taggers.
    Fused,
}

/// A tensor of `weights.safetensors`: name, shape, offset from the start of the file and length, both in bytes.
pub type Region = (String, Vec<usize>, u64, u64);

/// An input or output of the graph: its name, its element type and its dimensions by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name.
    pub name: String,
    /// Element type: see [`data_type`].
    pub element: i32,
    /// Dimensions.
    pub dims: Vec<Extent>,
}

/// A dimension of a [`Port`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Known when the graph runs.
    Named(&'static str),
    /// Fixed by the manifest.
    Fixed(usize),
}

/// The inputs that the graph of `manifest` has, in order.
pub fn inputs(manifest: &Manifest) -> Vec<Port> {
    match &manifest.scorer {
        Some(scorer) => scorer::inputs(scorer),
        None => tagger::inputs(manifest),
    }
}

/// The outputs that the graph of `manifest` has, in order; a scorer has only one form.
pub fn outputs(manifest: &Manifest, form: Form) -> Vec<Port> {
    match (&manifest.scorer, form) {
        (Some(scorer), _) => scorer::outputs(scorer),
        (None, Form::Portable) => tagger::outputs(manifest),
        (None, Form::Fused) => fused::outputs(manifest),
    }
}

/// The bytes of the graph for a network with these sizes, whose weights lie at `tensors`.
pub fn build(manifest: &Manifest, tensors: &[Region], form: Form) -> Vec<u8> {
    model(manifest, tensors, form).encode_to_vec()
}

/// As [`build`], before it is encoded.
pub(super) fn model(manifest: &Manifest, tensors: &[Region], form: Form) -> ModelProto {
    let mut builder = Builder { tensors, graph: GraphProto::default() };
    match (&manifest.scorer, form) {
        (Some(scorer), _) => builder.scorer(scorer),
        (None, Form::Portable) => builder.tagger(manifest),
        (None, Form::Fused) => builder.fused_tagger(manifest),
    }
    let mut graph = builder.graph;
    graph.name = Some("libmtl".into());
    graph.input = inputs(manifest).iter().map(Port::info).collect();
    graph.output = outputs(manifest, form).iter().map(Port::info).collect();
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("libmtl".into()),
        graph: Some(graph),
        opset_import: opsets(form),
        ..ModelProto::default()
    }
}

/// The operator sets that a graph of this form names.
fn opsets(form: Form) -> Vec<OperatorSetIdProto> {
    let set = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
    match form {
        Form::Portable => vec![set("", OPSET)],
        Form::Fused => vec![set("", OPSET), set(fused::DOMAIN, fused::VERSION)],
    }
}

/// The part of `graph`, a checked one, that makes `output`, with every input; ONNX Runtime computes all of a graph,
/// whatever is asked of it.
pub fn part(graph: &[u8], output: &str) -> Result<Vec<u8>> {
    let unreadable = |e| Error::new(ErrorKind::Bundle, format!("not an ONNX graph: {e}")).at(super::layout::GRAPH);
    let mut model = ModelProto::decode(graph).map_err(unreadable)?;
    if let Some(graph) = &mut model.graph {
        let mut needed = HashSet::from([output.to_string()]);
        // Nodes are in topological order: from the last one back, each is met after all that read it.
        for node in graph.node.iter().rev() {
            if node.output.iter().any(|made| needed.contains(made)) {
                needed.extend(node.input.iter().cloned());
            }
        }
        graph.node.retain(|node| node.output.iter().any(|made| needed.contains(made)));
        graph.initializer.retain(|tensor| tensor.name.as_ref().is_some_and(|name| needed.contains(name)));
        graph.output.retain(|port| port.name.as_deref() == Some(output));
    }
    Ok(model.encode_to_vec())
}

impl Port {
    fn new(name: impl Into<String>, element: i32, dims: &[Extent]) -> Self {
        Self { name: name.into(), element, dims: dims.into() }
    }

    fn info(&self) -> ValueInfoProto {
        let dim = |extent: &Extent| match extent {
            Extent::Named(name) => DimensionProto { dim_param: Some((*name).into()), dim_value: None },
            Extent::Fixed(size) => DimensionProto { dim_param: None, dim_value: Some(*size as i64) },
        };
        let shape = TensorShapeProto { dim: self.dims.iter().map(dim).collect() };
        let tensor = TensorTypeProto { elem_type: Some(self.element), shape: Some(shape) };
        ValueInfoProto { name: Some(self.name.clone()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
    }
}

/// Adds nodes; each method returns the name of the value that it made.
struct Builder<'a> {
    tensors: &'a [Region],
    graph: GraphProto,
}

impl Builder<'_> {
    /// `[words, filters]`: convolutions over the characters' `rows`, `[words, chars, width]`; the largest value over the
    /// places of the word. Each width has one convolution, or two on top of each other. Nodes have names below `at`,
    /// tensors below `tensor`.
    fn char_cnn(&mut self, rows: &str, (widths, convolutions): (&[usize], usize), at: &str, tensor: &str) -> String {
        let signal = self.node("Transpose", &[rows], &format!("{at}/signal"), vec![ints("perm", &[0, 2, 1])]);
        let column = self.constant(&format!("{at}/column"), ints("value_ints", &[1]));
        let lengths = self.node("Unsqueeze", &["char_lengths", &column], &format!("{at}/lengths"), vec![]);
        let zero = self.constant(&format!("{at}/zero"), int("value_int", 0));
        let one = self.constant(&format!("{at}/one"), int("value_int", 1));
        let maxima: Vec<String> = widths
            .iter()
            .map(|&width| {
                let (base, span) = (format!("{at}/{width}"), convolutions * (width - 1) + 1);
                let mut windows = self.convolution(&signal, width, &base, &format!("{tensor}.{width}"));
                if convolutions == 2 {
                    let (base, tensor) = (format!("{base}/second"), format!("{tensor}.{width}.second"));
                    windows = self.convolution(&windows, width, &base, &tensor);
                }
                // A window counts when it ends within its word, so a word's features do not depend on its neighbours.
                let shape = self.node("Shape", &[&windows], &format!("{base}/shape"), vec![]);
                let last = self.constant(&format!("{base}/last"), int("value_int", 2));
                let count = self.node("Gather", &[&shape, &last], &format!("{base}/count"), vec![int("axis", 0)]);
                let starts = self.node("Range", &[&zero, &count, &one], &format!("{base}/starts"), vec![]);
                let reach = self.constant(&format!("{base}/reach"), int("value_int", span as i64));
                let ends = self.node("Add", &[&starts, &reach], &format!("{base}/ends"), vec![]);
                let inside = self.node("LessOrEqual", &[&ends, &lengths], &format!("{base}/inside"), vec![]);
                let mask = self.cast(&inside, &format!("{base}/mask"));
                let mask = self.node("Unsqueeze", &[&mask, &column], &format!("{base}/mask3"), vec![]);
                let masked = self.node("Mul", &[&windows, &mask], &format!("{base}/masked"), vec![]);
                let reduce = vec![ints("axes", &[2]), int("keepdims", 0)];
                self.node("ReduceMax", &[&masked], &format!("{base}/max"), reduce)
            })
            .collect();
        let maxima: Vec<&str> = maxima.iter().map(String::as_str).collect();
        self.node("Concat", &maxima, &format!("{at}/features"), vec![int("axis", 1)])
    }

    /// relu(convolution).
    fn convolution(&mut self, signal: &str, width: usize, at: &str, tensor: &str) -> String {
        let [weight, bias] = ["weight", "bias"].map(|part| self.float(&format!("{tensor}.{part}")));
        let kernel = vec![ints("kernel_shape", &[width as i64])];
        let windows = self.node("Conv", &[signal, &weight, &bias], &format!("{at}/conv"), kernel);
        self.node("Relu", &[&windows], &format!("{at}/relu"), vec![])
    }

    /// An LSTM over `steps`, `[time, batch, width]`, with the weights `[input, recurrent, bias]`: `[time, directions,
    /// batch, hidden]`.
    fn lstm(
        &mut self,
        steps: &str,
        weights: &[String; 3],
        way: (&str, usize),
        lengths: Option<&str>,
        output: &str,
    ) -> String {
        let (direction, hidden) = way;
        let [input, recurrent, bias] = weights.each_ref().map(String::as_str);
        let inputs: Vec<&str> = [steps, input, recurrent, bias].into_iter().chain(lengths).collect();
        self.node("LSTM", &inputs, output, vec![text("direction", direction), int("hidden_size", hidden as i64)])
    }

    /// The weights of an LSTM, in 32 bits.
    fn lstm_weights(&mut self, tensor: &str) -> [String; 3] {
        ["weight_ih", "weight_hh", "bias"].map(|part| self.float(&format!("{tensor}.{part}")))
    }

    /// `[batch, time, 2 * hidden]` from the states of both directions, `[time, 2, batch, hidden]`.
    fn by_sentence(&mut self, states: &str, at: &str) -> String {
        let states = self.node("Transpose", &[states], &format!("{at}/by_sentence"), vec![ints("perm", &[2, 0, 1, 3])]);
        let shape = self.constant(&format!("{at}/shape"), ints("value_ints", &[0, 0, -1]));
        self.node("Reshape", &[&states, &shape], &format!("{at}/output"), vec![])
    }

    /// Rows of the table `tensor`. It is large: take rows first, then cast those.
    fn rows(&mut self, tensor: &str, rows: &str, output: &str) -> String {
        let table = self.weight(tensor);
        let rows = self.node("Gather", &[&table, rows], &format!("{output}16"), vec![int("axis", 0)]);
        self.cast(&rows, output)
    }

    /// hidden * transposed(weight) + bias.
    fn project(&mut self, hidden: &str, weight: &str, bias: &str, perm: Vec<AttributeProto>, output: &str) -> String {
        let transposed = self.node("Transpose", &[weight], &format!("{output}/transposed"), perm);
        let product = self.node("MatMul", &[hidden, &transposed], &format!("{output}/product"), vec![]);
        self.node("Add", &[&product, bias], output, vec![])
    }

    /// An affine layer over rows.
    fn affine(&mut self, layer: &str, input: &str, output: &str) -> String {
        let weight = self.float(&format!("{layer}.weight"));
        let bias = self.float(&format!("{layer}.bias"));
        self.node("Gemm", &[input, &weight, &bias], output, vec![int("transB", 1)])
    }

    /// An initialiser over the tensor `name`. A tensor that is missing stays undefined, and the preflight says so.
    fn weight(&mut self, name: &str) -> String {
        if let Some(region) = self.tensors.iter().find(|region| region.0 == name) {
            self.graph.initializer.push(external(region));
        }
        name.into()
    }

    /// The same, cast to 32 bits.
    fn float(&mut self, name: &str) -> String {
        let weight = self.weight(name);
        self.cast(&weight, &format!("{name}/f32"))
    }

    fn cast(&mut self, value: &str, output: &str) -> String {
        self.node("Cast", &[value], output, vec![int("to", data_type::FLOAT.into())])
    }

    fn constant(&mut self, output: &str, value: AttributeProto) -> String {
        self.node("Constant", &[], output, vec![value])
    }

    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            name: Some(output.into()),
            op_type: Some(operator.into()),
            attribute,
            domain: None,
        });
        output.into()
    }
}

/// The initialiser that stands for a tensor of the weights.
pub(super) fn external((name, shape, offset, length): &Region) -> TensorProto {
    let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
    TensorProto {
        dims: shape.iter().map(|&size| size as i64).collect(),
        data_type: Some(data_type::FLOAT16),
        name: Some(name.clone()),
        external_data: vec![
            entry("location", WEIGHTS.into()),
            entry("offset", offset.to_string()),
            entry("length", length.to_string()),
        ],
        data_location: Some(EXTERNAL),
        ..TensorProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    let kind = Some(attribute_type::INT);
    AttributeProto { name: Some(name.into()), i: Some(value), r#type: kind, ..AttributeProto::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let kind = Some(attribute_type::INTS);
    AttributeProto { name: Some(name.into()), ints: values.into(), r#type: kind, ..AttributeProto::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let kind = Some(attribute_type::STRING);
    AttributeProto { name: Some(name.into()), s: Some(value.into()), r#type: kind, ..AttributeProto::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_makes_one_output_from_every_input() {
        let manifest = testing::manifest(true);
        let whole = model(&manifest, &testing::regions(&manifest), Form::Portable);
        let part = part(&whole.encode_to_vec(), "emissions.upos").unwrap();
        let [whole, part] = [whole.graph.unwrap(), ModelProto::decode(&part[..]).unwrap().graph.unwrap()];
        assert_eq!(part.input, whole.input);
        assert_eq!(part.output, whole.output[1..]);
        let others = |node: &&NodeProto| !node.output[0].contains(".ner") && !node.output[0].contains("/ner");
        assert!(part.node.iter().eq(whole.node.iter().filter(others)));
        let own = |tensor: &&TensorProto| !tensor.name().contains("task.ner");
        assert!(part.initializer.iter().eq(whole.initializer.iter().filter(own)));
    }

    #[test]
    fn what_is_no_graph_has_no_part() {
        assert_eq!(part(b"not protobuf", "x").unwrap_err().kind(), ErrorKind::Bundle);
    }
}
