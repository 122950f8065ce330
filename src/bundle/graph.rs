//! `model.onnx`: the network as standard ONNX operators. The graph holds no weights: every initialiser is external
//! data that points into `weights.safetensors`, and is cast to 32-bit floating point where it is used.

mod proto;
#[cfg(test)]
pub(crate) mod testing;

use super::manifest::{Activation, Manifest, Task};
pub use proto::*;

/// The operator set of the graph.
pub const OPSET: i64 = 17;
/// The version of ONNX's intermediate representation that goes with it.
pub const IR_VERSION: i64 = 8;
/// The file of the weights, as external data name it.
pub const WEIGHTS: &str = "weights.safetensors";

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
    let port = |name: &str, element, dims: &[Extent]| Port { name: name.into(), element, dims: dims.into() };
    let mut ports = vec![
        port("word_rows", data_type::INT64, &[Named("words")]),
        port("chars", data_type::INT64, &[Named("words"), Named("chars")]),
        port("char_lengths", data_type::INT64, &[Named("words")]),
        port("tokens", data_type::INT64, &[Named("time"), Named("batch")]),
        port("lengths", data_type::INT32, &[Named("batch")]),
    ];
    for task in manifest.tasks.iter().filter(|task| has_specific(manifest, task)) {
        ports.push(port(&language_name(task), data_type::INT64, &[Fixed(1)]));
        ports.push(port(&gate_name(task), data_type::FLOAT, &[Fixed(1)]));
    }
    ports
}

/// The outputs that the graph of `manifest` has, in order.
pub fn outputs(manifest: &Manifest) -> Vec<Port> {
    let port = |task: &Task| Port {
        name: output_name(task),
        element: data_type::FLOAT,
        dims: vec![Extent::Named("batch"), Extent::Named("time"), Extent::Fixed(task.labels.len())],
    };
    manifest.tasks.iter().map(port).collect()
}

/// The bytes of `model.onnx` for a network with these sizes, whose weights lie at `tensors`.
pub fn build(manifest: &Manifest, tensors: &[Region]) -> Vec<u8> {
    prost::Message::encode_to_vec(&model(manifest, tensors))
}

/// As [`build`], before it is encoded.
pub(super) fn model(manifest: &Manifest, tensors: &[Region]) -> ModelProto {
    let mut builder = Builder { manifest, tensors, graph: GraphProto::default() };
    let words = builder.word_features();
    let hidden = builder.encoder(&words);
    for task in &manifest.tasks {
        builder.head(task, &hidden);
    }
    let mut graph = builder.graph;
    graph.name = Some("libmtl".into());
    graph.input = inputs(manifest).iter().map(Port::info).collect();
    graph.output = outputs(manifest).iter().map(Port::info).collect();
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("libmtl".into()),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
        ..ModelProto::default()
    }
}

impl Port {
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
    manifest: &'a Manifest,
    tensors: &'a [Region],
    graph: GraphProto,
}

impl Builder<'_> {
    /// `[words, word_dim + characters]`: each distinct word's vector and character features.
    fn word_features(&mut self) -> String {
        let table = self.weight("word.embedding");
        // The table is large: take rows first, then cast those.
        let rows = self.node("Gather", &[&table, "word_rows"], "word/rows16", vec![int("axis", 0)]);
        let rows = self.cast(&rows, "word/rows");
        let mut characters = self.char_features();
        for layer in 0..self.manifest.architecture.highway_layers {
            characters = self.highway(layer, &characters);
        }
        self.node("Concat", &[&rows, &characters], "word/features", vec![int("axis", 1)])
    }

    /// `[words, filters]`: convolutions over the characters, the largest value over the places of the word.
    fn char_features(&mut self) -> String {
        let table = self.weight("char.embedding");
        let rows = self.node("Gather", &[&table, "chars"], "char/rows16", vec![int("axis", 0)]);
        let rows = self.cast(&rows, "char/rows");
        let signal = self.node("Transpose", &[&rows], "char/signal", vec![ints("perm", &[0, 2, 1])]);
        let column = self.constant("char/column", ints("value_ints", &[1]));
        let lengths = self.node("Unsqueeze", &["char_lengths", &column], "char/lengths", vec![]);
        let zero = self.constant("char/zero", int("value_int", 0));
        let one = self.constant("char/one", int("value_int", 1));
        let maxima: Vec<String> = self
            .manifest
            .architecture
            .char_widths
            .iter()
            .map(|&width| {
                let base = format!("char/{width}");
                let weight = self.float(&format!("char.conv.{width}.weight"));
                let bias = self.float(&format!("char.conv.{width}.bias"));
                let kernel = vec![ints("kernel_shape", &[width as i64])];
                let windows = self.node("Conv", &[&signal, &weight, &bias], &format!("{base}/conv"), kernel);
                let windows = self.node("Relu", &[&windows], &format!("{base}/relu"), vec![]);
                // A window counts when it ends within its word, so a word's features do not depend on its neighbours.
                let shape = self.node("Shape", &[&windows], &format!("{base}/shape"), vec![]);
                let last = self.constant(&format!("{base}/last"), int("value_int", 2));
                let count = self.node("Gather", &[&shape, &last], &format!("{base}/count"), vec![int("axis", 0)]);
                let starts = self.node("Range", &[&zero, &count, &one], &format!("{base}/starts"), vec![]);
                let reach = self.constant(&format!("{base}/reach"), int("value_int", width as i64));
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
        self.node("Concat", &maxima, "char/features", vec![int("axis", 1)])
    }

    /// z + g * (f(Wz + b) - z), with g = sigmoid(W'z + b').
    fn highway(&mut self, layer: usize, input: &str) -> String {
        let base = format!("highway/{layer}");
        let candidate = self.affine(&format!("highway.{layer}.transform"), input, &format!("{base}/affine"));
        let activation = match self.manifest.architecture.highway_activation {
            Activation::Relu => "Relu",
            Activation::Selu => "Selu",
        };
        let candidate = self.node(activation, &[&candidate], &format!("{base}/candidate"), vec![]);
        let gate = self.affine(&format!("highway.{layer}.gate"), input, &format!("{base}/gate_affine"));
        let gate = self.node("Sigmoid", &[&gate], &format!("{base}/gate"), vec![]);
        self.blend(input, &candidate, &gate, &base)
    }

    /// `[batch, time, 2 * hidden]`: the states of the bidirectional LSTM.
    fn encoder(&mut self, words: &str) -> String {
        let steps = self.node("Gather", &[words, "tokens"], "lstm/input", vec![int("axis", 0)]);
        let input = self.float("lstm.weight_ih");
        let recurrent = self.float("lstm.weight_hh");
        let bias = self.float("lstm.bias");
        let hidden = int("hidden_size", self.manifest.architecture.hidden as i64);
        let attributes = vec![text("direction", "bidirectional"), hidden];
        let states = self.node("LSTM", &[&steps, &input, &recurrent, &bias, "lengths"], "lstm/states", attributes);
        let states = self.node("Transpose", &[&states], "lstm/by_sentence", vec![ints("perm", &[2, 0, 1, 3])]);
        let shape = self.constant("lstm/shape", ints("value_ints", &[0, 0, -1]));
        self.node("Reshape", &[&states, &shape], "lstm/output", vec![])
    }

    /// `emissions.{task}`.
    fn head(&mut self, task: &Task, hidden: &str) {
        let (name, base) = (&task.name, format!("task/{}", task.name));
        let output = output_name(task);
        let specific = has_specific(self.manifest, task);
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

    /// from + gate * (to - from).
    fn blend(&mut self, from: &str, to: &str, gate: &str, base: &str) -> String {
        let difference = self.node("Sub", &[to, from], &format!("{base}/difference"), vec![]);
        let share = self.node("Mul", &[gate, &difference], &format!("{base}/share"), vec![]);
        self.node("Add", &[from, &share], &format!("{base}/output"), vec![])
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
