//! Attacks on `model.fused.onnx`.

use crate::{Attack, Victim, attack, run_on};
use libmtl::ErrorKind::{Bundle, Io, Limit};
use libmtl::bundle::graph::*;
use libmtl::bundle::layout::{FUSED_GRAPH, GRAPH};
use prost::Message;

/// The file, and the libmtl operator's place in it.
const FILE: &str = "model.fused.onnx";
const NODE: &str = "model.fused.onnx: node `bilstm_crf`";

const FORM: &[Attack] = &[
    attack("a listed graph that is not there", |v| std::fs::remove_file(v.file(FILE)).unwrap(), Io, &[FILE]),
    attack("another file", |v| v.forge(FILE, |bytes| *bytes = b"not a graph".to_vec()), Bundle, &["not an ONNX graph"]),
    attack("half of it", |v| v.forge(FILE, |bytes| bytes.truncate(bytes.len() / 2)), Bundle, &[FILE]),
    attack("a huge one", |v| v.forge(FILE, |bytes| bytes.resize((1 << 20) + 1, 0)), Limit, &[FILE, "at most 1048576"]),
    attack(
        "the portable graph under its name",
        |v| v.forge(FUSED_GRAPH, |bytes| *bytes = v.read(GRAPH)),
        Bundle,
        &[FILE, "1 operator sets where 2 are needed"],
    ),
    attack(
        "the fused graph as the portable one",
        |v| v.forge(GRAPH, |bytes| *bytes = v.read(FUSED_GRAPH)),
        Bundle,
        &["model.onnx: opset_import", "domain `ai.libmtl` is not allowed"],
    ),
    attack("no operators of its own", |v| model(v, |m| drop(m.opset_import.pop())), Bundle, &["1 operator sets"]),
    attack(
        "operators of a later version",
        |v| model(v, |m| m.opset_import[1].version = Some(2)),
        Bundle,
        &["opset 2 is not within 1..=1"],
    ),
    attack(
        "operators of somebody else",
        |v| model(v, |m| m.opset_import[1].domain = Some("com.microsoft".into())),
        Bundle,
        &["domain `com.microsoft` is not allowed"],
    ),
    attack(
        "its operators twice",
        |v| model(v, |m| m.opset_import.push(m.opset_import[1].clone())),
        Bundle,
        &["3 operator sets where 2 are needed"],
    ),
    attack("no path", |v| graph(v, |g| drop(g.output.remove(0))), Bundle, &["output `labels`: is missing"]),
    attack(
        "fewer tasks than there are",
        |v| {
            graph(v, |g| {
                let labels = g.output[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
                labels.shape.as_mut().unwrap().dim[0].dim_value = Some(1);
            });
        },
        Bundle,
        &["output `labels`: dimension 0 is not 2"],
    ),
];

const NODES: &[Attack] = &[
    attack("an operator less", |v| graph(v, |g| drop(g.node.pop())), Bundle, &["output `labels`", "no node makes it"]),
    attack(
        "an operator more",
        |v| {
            graph(v, |g| {
                let mut second = node(g).clone();
                second.name = Some("second".into());
                second.output.iter_mut().for_each(|output| output.push('2'));
                g.node.push(second);
            });
        },
        Bundle,
        &[FILE, "node: BiLstmCrf is not there once"],
    ),
    attack(
        "an operator that there is not",
        |v| graph(v, |g| node(g).op_type = Some("BiLstmCrf2".into())),
        Bundle,
        &[NODE, "domain `ai.libmtl` is not allowed"],
    ),
    attack(
        "the operator of another domain",
        |v| graph(v, |g| node(g).domain = Some("ai.other".into())),
        Bundle,
        &[NODE, "domain `ai.other` is not allowed"],
    ),
    attack(
        "the operator of no domain",
        |v| graph(v, |g| node(g).domain = None),
        Bundle,
        &[NODE, "operator `BiLstmCrf` is not allowed"],
    ),
    attack(
        "ONNX's operators under its domain",
        |v| graph(v, |g| g.node[0].domain = Some("ai.libmtl".into())),
        Bundle,
        &["node `word/rows16`: domain `ai.libmtl` is not allowed"],
    ),
    attack(
        "an input less",
        |v| graph(v, |g| drop(node(g).input.pop())),
        Bundle,
        &[NODE, "27 inputs where the manifest implies 28"],
    ),
    attack("an input more", |v| graph(v, |g| node(g).input.push("tokens".into())), Bundle, &[NODE, "29 inputs"]),
    attack("hardly any input", |v| graph(v, |g| node(g).input.truncate(2)), Bundle, &[NODE, "2 inputs"]),
    attack(
        "another task's weights",
        |v| graph(v, |g| node(g).input.swap(6, 17)),
        Bundle,
        &[NODE, "reads `task.upos.universal.weight` where `task.ner.universal.weight` belongs"],
    ),
    attack(
        "weights that are computed",
        |v| {
            graph(v, |g| {
                let rows = NodeProto {
                    input: vec!["lstm.bias".into(), "language.ner".into()],
                    output: vec!["rows".into()],
                    op_type: Some("Gather".into()),
                    ..NodeProto::default()
                };
                g.node.insert(0, rows);
                node(g).input[5] = "rows".into();
            });
        },
        Bundle,
        &[NODE, "reads `rows` where `lstm.bias` belongs"],
    ),
    attack("an output less", |v| graph(v, |g| drop(node(g).output.pop())), Bundle, &[FILE, "no node makes it"]),
    attack(
        "an output more",
        |v| graph(v, |g| node(g).output.push("x".into())),
        Bundle,
        &[NODE, "has 5 outputs where 4"],
    ),
    attack(
        "outputs in another order",
        |v| graph(v, |g| node(g).output.swap(2, 3)),
        Bundle,
        &["output `emissions.ner`: has not the type and shape"],
    ),
    attack("no attribute", |v| graph(v, |g| node(g).attribute.clear()), Bundle, &[NODE, "`specific_layers` of 1"]),
    attack(
        "another attribute",
        |v| graph(v, |g| node(g).attribute[0].name = Some("hidden_size".into())),
        Bundle,
        &[NODE, "has not the one attribute"],
    ),
    attack(
        "another value",
        |v| graph(v, |g| node(g).attribute[0].i = Some(0)),
        Bundle,
        &[NODE, "`specific_layers` of 1"],
    ),
    attack(
        "a graph as attribute",
        |v| graph(v, |g| node(g).attribute[0].g = Some(vec![1])),
        Bundle,
        &[NODE, "has not the one attribute"],
    ),
];

const SHAPES: &[Attack] = &[
    attack(
        "words without characters",
        |v| graph(v, |g| node(g).input[0] = "word/rows".into()),
        Bundle,
        &[NODE, "is no BiLstmCrf over words"],
    ),
    attack(
        "words of half precision",
        |v| graph(v, |g| node(g).input[0] = "word/rows16".into()),
        Bundle,
        &[NODE, "is no"],
    ),
    attack("one sentence", |v| graph(v, |g| node(g).input[1] = "word_rows".into()), Bundle, &[NODE, "is no BiLstmCrf"]),
    attack("characters for tokens", |v| graph(v, |g| node(g).input[1] = "chars".into()), Bundle, &[NODE, "is no"]),
    attack("tokens that are no numbers", |v| graph(v, |g| node(g).input[1] = "word/rows".into()), Bundle, &[NODE]),
    attack("lengths of words", |v| graph(v, |g| node(g).input[2] = "char_lengths".into()), Bundle, &[NODE, "is no"]),
    attack(
        "sentences without end",
        |v| {
            graph(v, |g| {
                let name = |i: usize| if i == 0 { "tokens".to_string() } else { format!("d{i}") };
                let axis = AttributeProto {
                    name: Some("axis".into()),
                    i: Some(0),
                    r#type: Some(attribute_type::INT),
                    ..AttributeProto::default()
                };
                for i in 0..30 {
                    let twice = NodeProto {
                        input: vec![name(i); 2],
                        output: vec![name(i + 1)],
                        op_type: Some("Concat".into()),
                        attribute: vec![axis.clone()],
                        ..NodeProto::default()
                    };
                    g.node.insert(i, twice);
                }
                node(g).input[1] = name(30);
            });
        },
        Limit,
        &[FILE, "makes values far beyond"],
    ),
];

#[test]
fn form() {
    run_on(Victim::fused, FORM);
}

#[test]
fn nodes() {
    run_on(Victim::fused, NODES);
}

#[test]
fn shapes() {
    run_on(Victim::fused, SHAPES);
}

/// A scorer's bundle that lists one.
#[test]
fn of_a_scorer() {
    let list = |v: &Victim| v.json(|m| m["files"][FILE] = m["files"][GRAPH].clone());
    run_on(Victim::scorer, &[attack("a scorer's", list, Bundle, &["files[`model.fused.onnx`]", "no such file"])]);
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

/// The node of libmtl's operator.
fn node(graph: &mut GraphProto) -> &mut NodeProto {
    graph.node.iter_mut().find(|node| node.name.as_deref() == Some("bilstm_crf")).unwrap()
}
