//! Attacks on `model.onnx`.

use crate::{Attack, Victim, attack, run, run_on};
use libmtl::ErrorKind::{Bundle, Limit};
use libmtl::bundle::graph::*;
use prost::Message;

const FILE: &str = "model.onnx";

const WEIGHTS: &[Attack] = &[
    attack(
        "a path upwards",
        |v| external(v, 0, "../weights.safetensors"),
        Bundle,
        &["model.onnx: initialiser", "`location` is `../"],
    ),
    attack(
        "an absolute path",
        |v| external(v, 0, "/etc/passwd"),
        Bundle,
        &["model.onnx: initialiser", "`location` is `/etc/passwd`"],
    ),
    attack("another file of the bundle", |v| external(v, 0, "vocab.chars"), Bundle, &["`location` is `vocab.chars`"]),
    attack("an offset before the tensor", |v| external(v, 1, "0"), Bundle, &["initialiser", "`offset` is `0`"]),
    attack(
        "an offset beyond the file",
        |v| external(v, 1, "18446744073709551615"),
        Bundle,
        &["initialiser", "`offset` is"],
    ),
    attack("a negative offset", |v| external(v, 1, "-8"), Bundle, &["initialiser", "`offset` is `-8`"]),
    attack("a length beyond the tensor", |v| external(v, 2, "1000000000000"), Bundle, &["initialiser", "`length` is"]),
    attack(
        "an entry more",
        |v| {
            graph(v, |g| {
                let entry = StringStringEntryProto { key: Some("location".into()), value: Some("/etc/passwd".into()) };
                g.initializer[0].external_data.push(entry);
            });
        },
        Bundle,
        &["model.onnx: initialiser", "external data need"],
    ),
    attack(
        "weights inside, as bytes",
        |v| graph(v, |g| g.initializer[0].raw_data = Some(vec![0; 8])),
        Bundle,
        &["holds data"],
    ),
    attack(
        "weights inside, as numbers",
        |v| graph(v, |g| g.initializer[0].float_data = Some(vec![0; 8])),
        Bundle,
        &["holds data"],
    ),
    attack(
        "weights inside, as integers",
        |v| graph(v, |g| g.initializer[0].int64_data = Some(vec![0; 8])),
        Bundle,
        &["holds data"],
    ),
    attack(
        "weights that are not outside",
        |v| graph(v, |g| g.initializer[0].data_location = None),
        Bundle,
        &["is not external data"],
    ),
    attack(
        "weights of another type",
        |v| graph(v, |g| g.initializer[0].data_type = Some(1)),
        Bundle,
        &["has element type 1"],
    ),
    attack("weights of another shape", |v| graph(v, |g| g.initializer[0].dims[0] += 1), Bundle, &["has not the shape"]),
    attack(
        "weights of a negative shape",
        |v| graph(v, |g| g.initializer[0].dims[0] = -1),
        Bundle,
        &["has not the shape"],
    ),
    attack(
        "weights of another name",
        |v| graph(v, |g| g.initializer[0].name = Some("x".into())),
        Bundle,
        &["model.onnx: initialiser `x`", "no tensor of weights.safetensors"],
    ),
    attack("weights twice", |v| graph(v, |g| g.initializer.push(g.initializer[0].clone())), Bundle, &["appears twice"]),
    attack("sparse weights", |v| graph(v, |g| g.sparse_initializer.push(vec![])), Bundle, &["sparse"]),
    attack(
        "a tensor in an attribute",
        |v| graph(v, |g| of_kind(g, "Constant").attribute[0].t = Some(vec![0; 8])),
        Bundle,
        &["model.onnx: node", "holds a tensor"],
    ),
];

const FORM: &[Attack] = &[
    attack("no protobuf", |v| v.forge(FILE, |b| b.fill(0xff)), Bundle, &["model.onnx: not an ONNX graph"]),
    attack("an empty file", |v| v.forge(FILE, Vec::clear), Bundle, &["model.onnx"]),
    attack("no graph", |v| model(v, |m| m.graph = None), Bundle, &["model.onnx: has no graph"]),
    attack("a truncated file", |v| v.forge(FILE, |b| b.truncate(b.len() / 2)), Bundle, &["model.onnx"]),
    attack(
        "an unknown field",
        |v| v.forge(FILE, |b| b.extend([0x98, 0x06, 0x01])),
        Bundle,
        &["model.onnx: holds fields that are not"],
    ),
    attack("a field twice", |v| v.forge(FILE, |b| b.extend([0x08, 0x08])), Bundle, &["model.onnx: ", "canonical"]),
    attack(
        "a longer graph than the limit",
        |v| v.forge(FILE, |b| b.resize(libmtl::bundle::preflight::MAX_BYTES + 1, 0)),
        Limit,
        &["bundle.json: files[`model.onnx`]: bytes: ", "where at most"],
    ),
    attack("another opset", |v| model(v, |m| m.opset_import[0].version = Some(1)), Bundle, &["opset_import: opset 1"]),
    attack("another representation", |v| model(v, |m| m.ir_version = Some(99)), Bundle, &["ir_version: 99"]),
    attack(
        "another domain",
        |v| model(v, |m| m.opset_import.push(OperatorSetIdProto { domain: Some("com.evil".into()), version: Some(1) })),
        Bundle,
        &["opset_import: domain `com.evil` is not allowed"],
    ),
    attack(
        "a local function",
        |v| model(v, |m| m.functions.push(vec![])),
        Bundle,
        &["local functions are not allowed"],
    ),
    attack("training information", |v| model(v, |m| m.training_info.push(vec![])), Bundle, &["training information"]),
    attack(
        "a NUL in a name",
        |v| graph(v, |g| g.node[0].name = Some("a\0".into())),
        Bundle,
        &["node", "control characters"],
    ),
    attack("an endless name", |v| graph(v, |g| g.node[0].name = Some("x".repeat(10_000))), Limit, &["10000 bytes"]),
];

const NODES: &[Attack] = &[
    attack(
        "an unknown operator",
        |v| retype(v, "Evil"),
        Bundle,
        &["model.onnx: node", "operator `Evil` is not allowed"],
    ),
    attack("a branch", |v| retype(v, "If"), Bundle, &["operator `If` is not allowed"]),
    attack("a loop that never ends", |v| retype(v, "Loop"), Bundle, &["operator `Loop` is not allowed"]),
    attack("a scan", |v| retype(v, "Scan"), Bundle, &["operator `Scan` is not allowed"]),
    attack(
        "an operator of another domain",
        |v| graph(v, |g| g.node[0].domain = Some("com.evil".into())),
        Bundle,
        &["domain `com.evil`"],
    ),
    attack(
        "a gigabyte from 68 bytes",
        |v| {
            graph(v, |g| {
                let shape =
                    attribute("value_ints", |a| (a.ints, a.r#type) = (vec![1 << 30], Some(attribute_type::INTS)));
                g.node.insert(0, node("Constant", &[], "bomb/shape", vec![shape]));
                g.node.insert(1, node("ConstantOfShape", &["bomb/shape"], "bomb", vec![]));
            });
        },
        Bundle,
        &["operator `ConstantOfShape` is not allowed"],
    ),
    attack(
        "a subgraph",
        |v| graph(v, |g| of_kind(g, "Constant").attribute[0].g = Some(vec![])),
        Bundle,
        &["subgraphs and control flow are not allowed"],
    ),
    attack(
        "an unknown attribute",
        |v| graph(v, |g| of_kind(g, "Relu").attribute.push(attribute("x", |a| a.i = Some(1)))),
        Bundle,
        &["model.onnx: node", "Relu has 1 attributes"],
    ),
    attack(
        "an input too few",
        |v| graph(v, |g| drop(of_kind(g, "Gather").input.pop())),
        Bundle,
        &["Gather has 1 inputs where 2 to 2 belong"],
    ),
    attack("an output too many", |v| graph(v, |g| g.node[0].output.push("x".into())), Bundle, &["has 2 outputs"]),
    attack(
        "a value made twice",
        |v| graph(v, |g| g.node[1].output = g.node[0].output.clone()),
        Bundle,
        &["made twice"],
    ),
    attack(
        "a cycle",
        |v| graph(v, |g| g.node[0].input[0] = g.node.last().unwrap().output[0].clone()),
        Bundle,
        &["is not made before it is read", "a cycle"],
    ),
    attack(
        "a node that reads itself",
        |v| graph(v, |g| g.node[0].input[0] = g.node[0].output[0].clone()),
        Bundle,
        &["a cycle"],
    ),
    attack(
        "a value that nobody makes",
        |v| graph(v, |g| g.node[0].input[0] = "x".into()),
        Bundle,
        &["input `x`", "unknown value"],
    ),
    attack(
        "10,000 nodes",
        |v| graph(v, |g| g.node.extend((0..10_000).map(|i| node("Relu", &["chars"], &format!("x{i}"), vec![])))),
        Limit,
        &["model.onnx: node: ", "nodes where at most 8192"],
    ),
];

const PORTS: &[Attack] = &[
    attack(
        "another input",
        |v| graph(v, |g| g.input[0].name = Some("x".into())),
        Bundle,
        &["input `x`: the manifest has none"],
    ),
    attack("an input too few", |v| graph(v, |g| drop(g.input.pop())), Bundle, &["model.onnx: input", "is missing"]),
    attack("an input twice", |v| graph(v, |g| g.input.push(g.input[0].clone())), Bundle, &["appears twice"]),
    attack(
        "another output",
        |v| graph(v, |g| g.output[0].name = Some("x".into())),
        Bundle,
        &["output `x`: the manifest has none"],
    ),
    attack("an output too few", |v| graph(v, |g| drop(g.output.pop())), Bundle, &["model.onnx: output", "is missing"]),
    attack(
        "an input of another type",
        |v| graph(v, |g| tensor(&mut g.input[0]).elem_type = Some(1)),
        Bundle,
        &["has element type 1"],
    ),
    attack(
        "an output of another rank",
        |v| graph(v, |g| drop(tensor(&mut g.output[0]).shape.as_mut().unwrap().dim.pop())),
        Bundle,
        &["output `emissions.", "has rank 2 where 3 is needed"],
    ),
    attack(
        "an output of another size",
        |v| graph(v, |g| tensor(&mut g.output[0]).shape.as_mut().unwrap().dim[2].dim_value = Some(1000)),
        Bundle,
        &["output `emissions.", "dimension 2 is not 9"],
    ),
    attack(
        "an input that is no tensor",
        |v| graph(v, |g| g.input[0].r#type.as_mut().unwrap().tensor_type = None),
        Bundle,
        &["input `word_rows`: is not a tensor"],
    ),
];

/// What only a scorer's graph has.
const SCORER: &[Attack] = &[
    attack(
        "no graph",
        |v| v.json(|m| drop(m["files"].as_object_mut().unwrap().remove(FILE))),
        Bundle,
        &["bundle.json: files: `model.onnx` is not listed"],
    ),
    attack(
        "an output of another track",
        |v| graph(v, |g| g.output[1].name = Some("logits.xx_yy".into())),
        Bundle,
        &["output `logits.xx_yy`: the manifest has none"],
    ),
    attack(
        "a track that nobody computes",
        |v| graph(v, |g| of_name(g, "logits.aa_bb").output[0] = "elsewhere".into()),
        Bundle,
        &["output `logits.aa_bb`", "no node makes it"],
    ),
    attack(
        "an offset of another size",
        |v| graph(v, |g| size(input(g, "learner"), 1, 1 << 40)),
        Bundle,
        &["input `learner`: dimension 1 is not 5"],
    ),
    attack(
        "a learner for each word",
        |v| graph(v, |g| tensor(input(g, "user")).shape.as_mut().unwrap().dim[0].dim_param = Some("words".into())),
        Bundle,
        &["input `user`: dimension 0 is not the size `batch`"],
    ),
    attack(
        "one direction where there are two",
        |v| graph(v, |g| direction(g, "track.aa_bb/word/states", b"forward")),
        Bundle,
        &["node `track.aa_bb/word/states`: is not an LSTM of 7 units"],
    ),
    attack(
        "a direction that there is not",
        |v| graph(v, |g| direction(g, "track.aa_bb/char_lstm/chars/states", b"sideways")),
        Bundle,
        &["node `track.aa_bb/char_lstm/chars/states`: is not an LSTM"],
    ),
    attack(
        "another track's words",
        |v| graph(v, |g| of_name(g, "track.aa_bb/word/rows16").input[0] = "track.zz_zz.word.embedding".into()),
        Bundle,
        &["input `track.zz_zz.word.embedding` is not made before it is read"],
    ),
    attack(
        "a mean over no axis",
        |v| graph(v, |g| of_name(g, "track.aa_bb/char_lstm/chars/axes").attribute[0].ints = vec![7, 7]),
        Bundle,
        &["node `track.aa_bb/char_lstm/chars/shares`: axis 7 is not one of 4"],
    ),
    attack(
        "halves of a layer that there are not",
        |v| graph(v, |g| of_name(g, "track.cc_dd/shape").attribute[0].ints = vec![0, 0, 0, 0]),
        Bundle,
        &["node `logits.cc_dd`: gives"],
    ),
];

#[test]
fn a_scorers_graph() {
    run_on(Victim::scorer, SCORER);
}

#[test]
fn external_data() {
    run(WEIGHTS);
}

#[test]
fn form() {
    run(FORM);
}

#[test]
fn nodes() {
    run(NODES);
}

#[test]
fn ports() {
    run(PORTS);
}

fn model(victim: &Victim, change: impl FnOnce(&mut ModelProto)) {
    victim.forge(FILE, |bytes| {
        let mut model = ModelProto::decode(&bytes[..]).unwrap();
        change(&mut model);
        *bytes = model.encode_to_vec();
    });
}

fn graph(victim: &Victim, change: impl FnOnce(&mut GraphProto)) {
    model(victim, |m| change(m.graph.as_mut().unwrap()));
}

/// Sets location (0), offset (1) or length (2) of the last initialiser.
fn external(victim: &Victim, entry: usize, value: &str) {
    graph(victim, |g| g.initializer.last_mut().unwrap().external_data[entry].value = Some(value.into()));
}

fn retype(victim: &Victim, operator: &str) {
    graph(victim, |g| g.node[0].op_type = Some(operator.into()));
}

fn of_kind<'a>(graph: &'a mut GraphProto, operator: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.op_type.as_deref() == Some(operator)).unwrap()
}

fn tensor(port: &mut ValueInfoProto) -> &mut TensorTypeProto {
    port.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap()
}

fn attribute(name: &str, fill: impl FnOnce(&mut AttributeProto)) -> AttributeProto {
    let mut attribute = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    fill(&mut attribute);
    attribute
}

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        name: Some(output.into()),
        op_type: Some(operator.into()),
        attribute,
        domain: None,
    }
}

fn of_name<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.name.as_deref() == Some(name)).unwrap()
}

fn input<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut ValueInfoProto {
    graph.input.iter_mut().find(|port| port.name.as_deref() == Some(name)).unwrap()
}

fn size(port: &mut ValueInfoProto, axis: usize, value: i64) {
    tensor(port).shape.as_mut().unwrap().dim[axis].dim_value = Some(value);
}

fn direction(graph: &mut GraphProto, node: &str, value: &[u8]) {
    of_name(graph, node).attribute[0].s = Some(value.to_vec());
}
