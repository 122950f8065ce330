//! Checks `model.onnx` and `model.fused.onnx` before ONNX Runtime sees it, and decides what ONNX Runtime gets to see.
//!
//! A graph is refused unless it is made of a short list of operators, is in topological order, takes and gives exactly
//! what the manifest says, and has no initialiser but the bundle's own tensors where they lie. What this module does
//! not know, it refuses: the bytes must be those that the decoded graph encodes to.

mod shapes;

use super::graph::{self, *};
use super::manifest::Manifest;
use crate::{Error, ErrorKind, Result};
use prost::Message;
use shapes::Probe;
use std::collections::HashSet;

/// The largest `model.onnx`, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most nodes.
pub const MAX_NODES: usize = 8192;
/// The longest name, in bytes.
pub const MAX_NAME: usize = 256;
/// The most inputs of a node.
pub const MAX_INPUTS: usize = 64;
/// The most bytes in an attribute: room for a few axes, and none for weights.
pub const MAX_ATTRIBUTE: usize = 64;
/// The operator sets that a graph may name.
pub const OPSETS: std::ops::RangeInclusive<i64> = 15..=17;
/// The versions of the intermediate representation that it may name.
pub const IR_VERSIONS: std::ops::RangeInclusive<i64> = 8..=10;

/// How much more room than libmtl's own graph one may take.
const SLACK: u64 = 4;
const REMEDY: &str =
    "write the graph again with `mtl-export export`, or fetch the bundle again from where it is published";

/// Operator, fewest and most inputs, attributes: all that a graph may use.
const OPERATORS: &[(&str, usize, usize, &[&str])] = &[
    ("Add", 2, 2, &[]),
    ("Cast", 1, 1, &["to"]),
    ("Concat", 1, MAX_INPUTS, &["axis"]),
    ("Constant", 0, 0, &["value_int", "value_ints"]),
    ("Conv", 3, 3, &["kernel_shape"]),
    ("Gather", 2, 2, &["axis"]),
    ("Gemm", 3, 3, &["transB"]),
    ("LSTM", 4, 5, &["direction", "hidden_size"]),
    ("LessOrEqual", 2, 2, &[]),
    ("MatMul", 2, 2, &[]),
    ("Mul", 2, 2, &[]),
    ("Range", 3, 3, &[]),
    ("ReduceMax", 1, 1, &["axes", "keepdims"]),
    ("Relu", 1, 1, &[]),
    ("Reshape", 2, 2, &[]),
    ("Selu", 1, 1, &[]),
    ("Shape", 1, 1, &[]),
    ("Sigmoid", 1, 1, &[]),
    ("Sub", 2, 2, &[]),
    ("Tanh", 1, 1, &[]),
    ("Transpose", 1, 1, &["perm"]),
    ("Unsqueeze", 2, 2, &[]),
];

/// Checks the graph of a bundle whose weights lie at `tensors`, and returns the bytes to give to ONNX Runtime. Errors
/// name the place within the file; the caller names the file.
pub fn check(bytes: &[u8], manifest: &Manifest, tensors: &[Region], form: Form) -> Result<Vec<u8>> {
    if bytes.len() > MAX_BYTES {
        return Err(limit("", format!("{} bytes where at most {MAX_BYTES} are allowed", bytes.len())));
    }
    let model = ModelProto::decode(bytes).map_err(|e| refusal("", format!("not an ONNX graph: {e}")).caused_by(e))?;
    header(&model, form)?;
    let graph = model.graph.as_ref().ok_or_else(|| refusal("", "has no graph"))?;
    if !graph.sparse_initializer.is_empty() {
        return Err(refusal("sparse_initializer", "sparse initialisers are not allowed"));
    }
    ports("input", &graph.input, &graph::inputs(manifest))?;
    ports("output", &graph.output, &graph::outputs(manifest, form))?;
    initialisers(&graph.initializer, tensors)?;
    nodes(graph, form)?;
    if form == Form::Fused {
        fused_node(graph, manifest)?;
    }
    budget(graph, manifest, tensors, form)?;
    let canonical = model.encode_to_vec();
    if canonical != bytes {
        let difference = bytes.len().abs_diff(canonical.len());
        let what = "holds fields that are not part of the bundle format, or is not in the canonical encoding";
        return Err(refusal("", format!("{what} ({difference} bytes differ in length)")));
    }
    Ok(canonical)
}

/// The graph's shapes fit together, and take no more than [`SLACK`] times the room of the graph that libmtl writes for
/// this manifest: at sizes so small that only what is folded when the graph is loaded counts, and at larger ones.
fn budget(graph: &GraphProto, manifest: &Manifest, tensors: &[Region], form: Form) -> Result<()> {
    let (inputs, outputs) = (graph::inputs(manifest), graph::outputs(manifest, form));
    let own = graph::model(manifest, tensors, form).graph.unwrap_or_default();
    let widest = match &manifest.scorer {
        Some(scorer) => scorer.architecture.least_characters(),
        None => manifest.architecture.char_widths.iter().copied().max().unwrap_or(1),
    };
    for (words, chars, time, batch) in [(3, 1, 5, 2), (130, 60, 70, 50)] {
        let probe = Probe { words, chars: widest as u64 + chars, time, batch };
        let usual = shapes::elements(&own, (&inputs, &outputs), tensors, probe, u64::MAX)?;
        shapes::elements(graph, (&inputs, &outputs), tensors, probe, usual.saturating_mul(SLACK))?;
    }
    Ok(())
}

fn refusal(place: &str, message: impl Into<String>) -> Error {
    of_kind(ErrorKind::Bundle, place, message)
}

fn limit(place: &str, message: impl Into<String>) -> Error {
    of_kind(ErrorKind::Limit, place, message)
}

fn of_kind(kind: ErrorKind, place: &str, message: impl Into<String>) -> Error {
    let error = Error::new(kind, message).remedy(REMEDY);
    if place.is_empty() { error } else { error.at(place) }
}

/// A name from the file as a message may show it.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    format!("`{}{}`", short.escape_debug(), if short.len() < name.len() { "…" } else { "" })
}

fn header(model: &ModelProto, form: Form) -> Result<()> {
    if !model.functions.is_empty() {
        return Err(refusal("functions", "local functions are not allowed"));
    }
    if !model.training_info.is_empty() {
        return Err(refusal("training_info", "training information is not allowed"));
    }
    let version = model.ir_version.unwrap_or(0);
    if !IR_VERSIONS.contains(&version) {
        return Err(refusal("ir_version", format!("{version} is not within {IR_VERSIONS:?}")));
    }
    operator_sets(&model.opset_import, form)?;
    [&model.producer_name, &model.producer_version].into_iter().flatten().try_for_each(|name| named("producer", name))
}

/// ONNX's own operators, and in the fused graph those of libmtl, each once.
fn operator_sets(sets: &[OperatorSetIdProto], form: Form) -> Result<()> {
    let own = [("", OPSETS), (fused::DOMAIN, fused::VERSION..=fused::VERSION)];
    let allowed = if form == Form::Fused { &own[..] } else { &own[..1] };
    let domain = |set: &OperatorSetIdProto| set.domain.clone().unwrap_or_default();
    if let Some(set) = sets.iter().find(|set| allowed.iter().all(|(name, _)| *name != domain(set))) {
        return Err(refusal("opset_import", format!("domain {} is not allowed", shown(&domain(set)))));
    }
    for (name, versions) in allowed {
        let mut found = sets.iter().filter(|set| domain(set) == *name);
        let (Some(set), None) = (found.next(), found.next()) else {
            let what = format!("{} operator sets where {} are needed, each once", sets.len(), allowed.len());
            return Err(refusal("opset_import", what));
        };
        let version = set.version.unwrap_or(0);
        if !versions.contains(&version) {
            return Err(refusal("opset_import", format!("opset {version} is not within {versions:?}")));
        }
    }
    Ok(())
}

/// Refuses names that are too long or that would not survive a C string or a terminal.
fn named(place: &str, name: &str) -> Result<()> {
    if name.len() > MAX_NAME {
        return Err(limit(
            place,
            format!("name {} has {} bytes; at most {MAX_NAME} are allowed", shown(name), name.len()),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(refusal(place, format!("name {} has control characters", shown(name))));
    }
    Ok(())
}

/// Compares the graph's inputs or outputs with the manifest's.
fn ports(side: &str, found: &[ValueInfoProto], expected: &[Port]) -> Result<()> {
    if found.len() > expected.len() + MAX_INPUTS {
        return Err(limit(side, format!("{} where the manifest has {}", found.len(), expected.len())));
    }
    let mut seen = HashSet::new();
    for info in found {
        let name = info.name.as_deref().unwrap_or("");
        named(side, name)?;
        let place = format!("{side} {}", shown(name));
        if !seen.insert(name) {
            return Err(refusal(&place, "appears twice"));
        }
        let port = expected.iter().find(|port| port.name == name);
        let port = port.ok_or_else(|| refusal(&place, "the manifest has none of this name"))?;
        of_type(&place, info, port)?;
    }
    match expected.iter().find(|port| !seen.contains(port.name.as_str())) {
        Some(port) => Err(refusal(&format!("{side} {}", shown(&port.name)), "is missing")),
        None => Ok(()),
    }
}

/// Compares the declared type of an input or output with the manifest's.
fn of_type(place: &str, info: &ValueInfoProto, port: &Port) -> Result<()> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| refusal(place, "is not a tensor"))?;
    let element = tensor.elem_type.unwrap_or(0);
    if element != port.element {
        return Err(refusal(place, format!("has element type {element} where {} is needed", port.element)));
    }
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    if dims.len() != port.dims.len() {
        return Err(refusal(place, format!("has rank {} where {} is needed", dims.len(), port.dims.len())));
    }
    for (axis, (dim, &extent)) in dims.iter().zip(&port.dims).enumerate() {
        let same = match extent {
            Extent::Named(name) => dim.dim_value.is_none() && dim.dim_param.as_deref() == Some(name),
            Extent::Fixed(size) => dim.dim_param.is_none() && dim.dim_value == Some(size as i64),
        };
        if !same {
            return Err(refusal(place, format!("dimension {axis} is not {}", extent.describe())));
        }
    }
    Ok(())
}

impl Extent {
    fn describe(self) -> String {
        match self {
            Extent::Named(name) => format!("the size `{name}`, which is known only when the graph runs"),
            Extent::Fixed(size) => size.to_string(),
        }
    }
}

/// Every initialiser is one of the bundle's tensors, where it lies.
fn initialisers(found: &[TensorProto], tensors: &[Region]) -> Result<()> {
    let mut seen = HashSet::new();
    for tensor in found {
        let name = tensor.name.as_deref().unwrap_or("");
        named("initialiser", name)?;
        let place = format!("initialiser {}", shown(name));
        if !seen.insert(name) {
            return Err(refusal(&place, "appears twice"));
        }
        let data = [&tensor.float_data, &tensor.int32_data, &tensor.int64_data, &tensor.raw_data];
        if data.into_iter().any(Option::is_some) {
            return Err(refusal(&place, format!("holds data; weights belong in {WEIGHTS}")));
        }
        if tensor.data_location != Some(EXTERNAL) {
            return Err(refusal(&place, "is not external data"));
        }
        let region = tensors.iter().find(|region| region.0 == name);
        let region = region.ok_or_else(|| refusal(&place, format!("no tensor of {WEIGHTS} has this name")))?;
        at_region(&place, tensor, region)?;
    }
    Ok(())
}

/// Compares an initialiser with the tensor that it stands for.
fn at_region(place: &str, tensor: &TensorProto, region: &Region) -> Result<()> {
    if tensor.data_type != Some(data_type::FLOAT16) {
        let found = tensor.data_type.unwrap_or(0);
        return Err(refusal(place, format!("has element type {found} where {} (fp16) is needed", data_type::FLOAT16)));
    }
    let expected = graph::external(region);
    if tensor.dims != expected.dims {
        return Err(refusal(place, format!("has not the shape {:?} of the tensor", region.1)));
    }
    if tensor.external_data.len() != expected.external_data.len() {
        return Err(refusal(
            place,
            "external data need `location`, `offset` and `length`, once each, and nothing else",
        ));
    }
    for entry in &expected.external_data {
        let (key, value) = (entry.key.as_deref().unwrap_or(""), entry.value.as_deref().unwrap_or(""));
        let found = tensor.external_data.iter().find(|found| found.key == entry.key);
        let found = found.and_then(|found| found.value.as_deref());
        if found != Some(value) {
            let found = shown(found.unwrap_or(""));
            return Err(refusal(place, format!("external data: `{key}` is {found} where the tensor has `{value}`")));
        }
    }
    Ok(())
}

/// Nodes in order: each from the list, each input made before it is read, each name made once.
fn nodes(graph: &GraphProto, form: Form) -> Result<()> {
    if graph.node.len() > MAX_NODES {
        return Err(limit("node", format!("{} nodes where at most {MAX_NODES} are allowed", graph.node.len())));
    }
    named("name", graph.name.as_deref().unwrap_or(""))?;
    let inputs = graph.input.iter().filter_map(|info| info.name.as_deref());
    let mut made: HashSet<&str> = HashSet::new();
    for name in inputs.chain(graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref())) {
        if !made.insert(name) {
            return Err(refusal(&format!("value {}", shown(name)), "is both an input and an initialiser"));
        }
    }
    let mut names = HashSet::new();
    for (index, node) in graph.node.iter().enumerate() {
        let name = node.name.as_deref().unwrap_or("");
        named("node", name)?;
        let place = if name.is_empty() { format!("node {index}") } else { format!("node {}", shown(name)) };
        if !name.is_empty() && !names.insert(name) {
            return Err(refusal(&place, "two nodes have this name"));
        }
        operator(&place, node, form)?;
        for input in &node.input {
            if !made.contains(input.as_str()) {
                let what = "is not made before it is read: an unknown value, a cycle, or nodes out of order";
                return Err(refusal(&place, format!("input {} {what}", shown(input))));
            }
        }
        for output in &node.output {
            named(&place, output)?;
            if output.is_empty() || !made.insert(output) {
                return Err(refusal(&place, format!("output {} is empty or made twice", shown(output))));
            }
        }
    }
    let outputs = graph.output.iter().filter_map(|info| info.name.as_deref());
    let mut made_by_nodes = graph.node.iter().flat_map(|node| &node.output).map(String::as_str).collect::<HashSet<_>>();
    for name in outputs {
        if !made_by_nodes.remove(name) {
            return Err(refusal(&format!("output {}", shown(name)), "no node makes it"));
        }
    }
    Ok(())
}

/// Whether a node is of libmtl's own operator.
fn is_fused(node: &NodeProto) -> bool {
    node.domain.as_deref() == Some(fused::DOMAIN) && node.op_type.as_deref() == Some(fused::OPERATOR)
}

/// The graph has libmtl's operator once, since each takes the memory of a network, and it reads what libmtl's own graph
/// gives it: its sizes are the manifest's.
fn fused_node(graph: &GraphProto, manifest: &Manifest) -> Result<()> {
    let mut found = graph.node.iter().filter(|node| is_fused(node));
    let (Some(node), None) = (found.next(), found.next()) else {
        return Err(refusal("node", format!("{} is not there once", fused::OPERATOR)));
    };
    let place = format!("node {}", shown(node.name.as_deref().unwrap_or("")));
    let own = fused::node_inputs(manifest);
    if node.input.len() != fused::VALUES + own.len() {
        let what = format!("{} inputs where the manifest implies {}", node.input.len(), fused::VALUES + own.len());
        return Err(refusal(&place, what));
    }
    if let Some((found, own)) = node.input[fused::VALUES..].iter().zip(&own).find(|(found, own)| found != own) {
        return Err(refusal(&place, format!("reads {} where `{own}` belongs", shown(found))));
    }
    if node.output.len() != fused::node_outputs(manifest).len() {
        let belong = fused::node_outputs(manifest).len();
        return Err(refusal(&place, format!("has {} outputs where {belong} belong", node.output.len())));
    }
    if node.attribute != [fused::specific(manifest)] {
        let value = manifest.architecture.specific_layers;
        return Err(refusal(
            &place,
            format!("has not the one attribute `{}` of {}", fused::SPECIFIC, i64::from(value)),
        ));
    }
    Ok(())
}

/// A node's operator is on the list and has the inputs and attributes that it may have.
fn operator(place: &str, node: &NodeProto, form: Form) -> Result<()> {
    // What it may have depends on the manifest: see `fused_node`.
    if form == Form::Fused && is_fused(node) {
        return Ok(());
    }
    let domain = node.domain.as_deref().unwrap_or("");
    if !domain.is_empty() {
        return Err(refusal(place, format!("domain {} is not allowed", shown(domain))));
    }
    let kind = node.op_type.as_deref().unwrap_or("");
    let row = OPERATORS.iter().find(|row| row.0 == kind);
    let &(_, fewest, most, allowed) =
        row.ok_or_else(|| refusal(place, format!("operator {} is not allowed", shown(kind))))?;
    if !(fewest..=most).contains(&node.input.len()) {
        return Err(refusal(place, format!("{kind} has {} inputs where {fewest} to {most} belong", node.input.len())));
    }
    if node.output.len() != 1 {
        return Err(refusal(place, format!("has {} outputs where 1 belongs", node.output.len())));
    }
    if node.attribute.len() > allowed.len() {
        return Err(refusal(
            place,
            format!("{kind} has {} attributes where {} belong", node.attribute.len(), allowed.len()),
        ));
    }
    let mut seen = HashSet::new();
    for attribute in &node.attribute {
        let name = attribute.name.as_deref().unwrap_or("");
        if !allowed.contains(&name) || !seen.insert(name) {
            return Err(refusal(place, format!("attribute {} of {kind} is not allowed, or there twice", shown(name))));
        }
        small(&format!("{place}: attribute `{name}`"), attribute)?;
    }
    Ok(())
}

/// An attribute holds one small value, and of the kind that it says.
fn small(place: &str, attribute: &AttributeProto) -> Result<()> {
    if attribute.g.is_some() || !attribute.graphs.is_empty() {
        return Err(refusal(place, "subgraphs and control flow are not allowed"));
    }
    if attribute.t.is_some() || !attribute.tensors.is_empty() {
        return Err(refusal(place, format!("holds a tensor; weights belong in {WEIGHTS}")));
    }
    let size = attribute.s.as_ref().map_or(0, Vec::len).max(attribute.ints.len() * 8);
    if size > MAX_ATTRIBUTE {
        return Err(limit(place, format!("{size} bytes where at most {MAX_ATTRIBUTE} are allowed")));
    }
    let held = [
        (attribute.f.is_some(), attribute_type::FLOAT),
        (attribute.i.is_some(), attribute_type::INT),
        (attribute.s.is_some(), attribute_type::STRING),
        (!attribute.ints.is_empty(), attribute_type::INTS),
    ];
    let mut held = held.into_iter().filter(|held| held.0).map(|held| held.1);
    if held.next() != attribute.r#type || held.next().is_some() {
        return Err(refusal(place, "does not hold one value of the type that it names"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
