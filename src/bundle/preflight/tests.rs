use super::*;
use crate::bundle::graph::testing;
use proptest::prelude::*;
use std::sync::LazyLock;

struct Toy {
    manifest: Manifest,
    regions: Vec<Region>,
}

static TOY: LazyLock<Toy> = LazyLock::new(|| {
    let manifest = testing::manifest(true);
    Toy { regions: testing::regions(&manifest), manifest }
});

fn checked(bytes: &[u8]) -> Result<Vec<u8>> {
    check(bytes, &TOY.manifest, &TOY.regions, Form::Portable)
}

/// The kind and words of the refusal of libmtl's own graph after `change`.
fn refused(change: impl FnOnce(&mut GraphProto)) -> (ErrorKind, String) {
    refused_model(|model| change(model.graph.as_mut().unwrap()))
}

fn refused_model(change: impl FnOnce(&mut ModelProto)) -> (ErrorKind, String) {
    let mut model = graph::model(&TOY.manifest, &TOY.regions, Form::Portable);
    change(&mut model);
    let error = checked(&model.encode_to_vec()).unwrap_err();
    assert!(error.to_string().ends_with(REMEDY), "{error}");
    (error.kind(), error.to_string())
}

#[track_caller]
fn says((kind, message): (ErrorKind, String), place: &str, words: &str) {
    assert!(message.starts_with(place) && message.contains(words), "{message}");
    assert!([ErrorKind::Bundle, ErrorKind::Limit].contains(&kind));
}

fn find<'a>(graph: &'a mut GraphProto, output: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.output == [output]).unwrap()
}

fn node(kind: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        op_type: Some(kind.into()),
        attribute,
        ..NodeProto::default()
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

#[test]
fn accepts_what_the_writer_writes() {
    for specific_layers in [false, true] {
        let manifest = testing::manifest(specific_layers);
        let regions = testing::regions(&manifest);
        for form in [Form::Portable, Form::Fused] {
            let bytes = graph::build(&manifest, &regions, form);
            assert_eq!(check(&bytes, &manifest, &regions, form).unwrap(), bytes);
        }
    }
}

#[test]
fn refuses_what_is_not_a_graph() {
    let bytes = graph::build(&TOY.manifest, &TOY.regions, Form::Portable);
    assert!(checked(b"").unwrap_err().to_string().contains("ir_version"));
    assert!(checked(b"not protobuf").unwrap_err().to_string().contains("not an ONNX graph"));
    assert_eq!(checked(&vec![0; MAX_BYTES + 1]).unwrap_err().kind(), ErrorKind::Limit);
    for length in 0..bytes.len() {
        assert!(checked(&bytes[..length]).is_err(), "the first {length} bytes");
    }
}

#[test]
fn refuses_unknown_fields_and_other_encodings() {
    let bytes = graph::build(&TOY.manifest, &TOY.regions, Form::Portable);
    // Field 100, a string.
    let unknown = [&bytes[..], &[0xa2, 0x06, 0x01, b'x']].concat();
    assert!(checked(&unknown).unwrap_err().to_string().contains("not part of the bundle format"));
    // The version again, in a longer varint: the value stays, the bytes do not.
    let longer = [&[0x08, 0x88, 0x00], &bytes[2..]].concat();
    assert_eq!(&bytes[..2], &[0x08, 0x08]);
    assert!(checked(&longer).unwrap_err().to_string().contains("canonical"));
    // The version twice: the last one counts, and the first is lost.
    let twice = [&[0x08, 0x07], &bytes[..]].concat();
    assert!(checked(&twice).unwrap_err().to_string().contains("canonical"));
}

#[test]
fn refuses_a_wrong_header() {
    says(refused_model(|m| m.ir_version = Some(3)), "ir_version", "3 is not within 8..=10");
    says(refused_model(|m| m.opset_import[0].version = Some(7)), "opset_import", "opset 7");
    says(refused_model(|m| m.opset_import.clear()), "opset_import", "0 operator sets");
    says(refused_model(|m| m.opset_import.push(m.opset_import[0].clone())), "opset_import", "2 operator sets");
    let custom = OperatorSetIdProto { domain: Some("com.microsoft".into()), version: Some(1) };
    says(refused_model(|m| m.opset_import.push(custom)), "opset_import", "`com.microsoft` is not allowed");
    says(refused_model(|m| m.functions.push(vec![])), "functions", "local functions");
    says(refused_model(|m| m.training_info.push(vec![])), "training_info", "not allowed");
    says(refused_model(|m| m.graph = None), "", "has no graph");
    says(refused_model(|m| m.producer_name = Some("a\0b".into())), "producer", "control characters");
}

#[test]
fn refuses_operators_and_domains_off_the_list() {
    for kind in ["If", "Loop", "Scan", "ConstantOfShape", "Expand", "Tile", "", "conv"] {
        let words = format!("operator `{kind}` is not allowed");
        says(refused(|g| g.node[3].op_type = Some(kind.into())), "node `", &words);
    }
    says(refused(|g| g.node[3].domain = Some("ai.libmtl".into())), "node `", "domain `ai.libmtl`");
    says(refused(|g| g.sparse_initializer.push(vec![])), "sparse_initializer", "not allowed");
}

#[test]
fn refuses_wrong_attributes() {
    let subgraph = |a: &mut AttributeProto| a.g = Some(vec![]);
    says(refused(|g| subgraph(&mut find(g, "lstm/states").attribute[0])), "node `lstm/states`", "control flow");
    says(refused(|g| find(g, "lstm/states").attribute[0].graphs.push(vec![])), "node `lstm/states`", "control flow");
    says(refused(|g| find(g, "char/one").attribute[0].t = Some(vec![1])), "node `char/one`", "holds a tensor");
    says(refused(|g| find(g, "lstm/shape").attribute[0].ints = vec![0; 9]), "node `lstm/shape`", "72 bytes where");
    says(refused(|g| find(g, "char/one").attribute[0].f = Some(1.0)), "node `char/one`", "one value of the type");
    says(refused(|g| find(g, "char/one").attribute[0].r#type = Some(1)), "node `char/one`", "one value of the type");
    says(refused(|g| find(g, "char/2/conv").attribute[0].name = Some("pads".into())), "node", "`pads` of Conv");
    let twice = |g: &mut GraphProto| find(g, "char/one").attribute.push(int("value_int", 5));
    says(refused(twice), "node `char/one`", "there twice");
    says(refused(|g| find(g, "char/2/relu").attribute.push(int("x", 5))), "node", "1 attributes where 0");
}

#[test]
fn refuses_other_inputs_and_outputs() {
    says(refused(|g| g.input[0].name = Some("other".into())), "input `other`", "has none of this name");
    says(refused(|g| g.input.push(g.input[0].clone())), "input `word_rows`", "twice");
    says(refused(|g| drop(g.input.remove(5))), "input `language.ner`", "is missing");
    says(refused(|g| drop(g.output.remove(1))), "output `emissions.upos`", "is missing");
    fn tensor(info: &mut ValueInfoProto) -> &mut TensorTypeProto {
        info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap()
    }
    says(refused(|g| tensor(&mut g.input[0]).elem_type = Some(6)), "input `word_rows`", "element type 6");
    let rank = |g: &mut GraphProto| drop(tensor(&mut g.input[0]).shape.as_mut().unwrap().dim.pop());
    says(refused(rank), "input `word_rows`", "rank 0 where 1");
    let fixed = |g: &mut GraphProto| {
        tensor(&mut g.output[0]).shape.as_mut().unwrap().dim[2].dim_value = Some(1 << 40);
    };
    says(refused(fixed), "output `emissions.ner`", "dimension 2 is not 3");
    says(refused(|g| g.input[0].r#type = None), "input `word_rows`", "is not a tensor");
}

#[test]
fn refuses_initialisers_that_are_not_the_tensors() {
    let first = "initialiser `word.embedding`";
    says(refused(|g| g.initializer[0].raw_data = Some(vec![0; 8])), first, "holds data");
    says(refused(|g| g.initializer[0].float_data = Some(vec![0; 8])), first, "holds data");
    says(refused(|g| g.initializer[0].data_location = None), first, "not external");
    says(refused(|g| g.initializer[0].data_type = Some(1)), first, "element type 1");
    says(refused(|g| g.initializer[0].dims = vec![35]), first, "shape [7, 5]");
    says(refused(|g| g.initializer[0].dims[0] = i64::MAX), first, "shape [7, 5]");
    says(refused(|g| g.initializer.push(g.initializer[0].clone())), first, "twice");
    says(refused(|g| g.initializer[0].name = Some("secret".into())), "initialiser `secret`", "no tensor");
    for (key, value) in [(0, "/etc/passwd"), (0, "../weights.safetensors"), (1, "0"), (1, "+128"), (2, "99999")] {
        let change = |g: &mut GraphProto| g.initializer[0].external_data[key].value = Some(value.into());
        says(refused(change), first, &format!("`{value}` where"));
    }
    says(refused(|g| drop(g.initializer[0].external_data.pop())), first, "once each, and nothing else");
    let extra = StringStringEntryProto { key: Some("checksum".into()), value: Some("0".into()) };
    says(refused(|g| g.initializer[0].external_data.push(extra)), first, "once each, and nothing else");
    says(refused(|g| drop(g.initializer.remove(0))), "node `word/rows16`", "not made before it is read");
}

#[test]
fn refuses_cycles_disorder_and_duplicates() {
    says(refused(|g| g.node.swap(0, 1)), "node `word/rows`", "not made before it is read");
    says(refused(|g| find(g, "char/one").output[0] = "char/zero".into()), "node `char/one`", "made twice");
    says(refused(|g| find(g, "char/one").output[0] = "chars".into()), "node `char/one`", "made twice");
    says(refused(|g| g.node[1].name = g.node[0].name.clone()), "node `word/rows16`", "two nodes");
    says(refused(|g| find(g, "char/one").output.push("more".into())), "node `char/one`", "2 outputs");
    says(refused(|g| find(g, "char/2/relu").input.push(String::new())), "node `char/2/relu`", "2 inputs");
    says(refused(|g| find(g, "char/2/relu").input[0] = "char/2/max".into()), "node `char/2/relu`", "a cycle");
    let odd = |g: &mut GraphProto| find(g, "char/2/relu").output[0] = "a\u{1b}[31m".into();
    says(refused(odd), "node `char/2/relu`", "control characters");
    let gone = |g: &mut GraphProto| find(g, "emissions.upos").output[0] = "elsewhere".into();
    says(refused(gone), "output `emissions.upos`", "no node makes it");
}

#[test]
fn refuses_more_than_the_limits() {
    let many = |g: &mut GraphProto| {
        (0..=MAX_NODES).for_each(|i| g.node.push(node("Relu", &["word/rows"], &format!("r{i}"), vec![])));
    };
    says(refused(many), "node", "nodes where at most");
    says(refused(|g| g.node[0].name = Some("x".repeat(MAX_NAME + 1))), "node", "has 257 bytes");
    says(refused(|g| g.name = Some("x".repeat(MAX_NAME + 1))), "name", "has 257 bytes");
    let wide = |g: &mut GraphProto| find(g, "word/features").input = vec!["word/rows".into(); MAX_INPUTS + 1];
    says(refused(wide), "node `word/features`", "65 inputs");
}

#[test]
fn refuses_bombs_of_allowed_operators() {
    let counting = |g: &mut GraphProto| {
        g.node.push(node("Constant", &[], "big", vec![int("value_int", 1 << 40)]));
        g.node.push(node("Range", &["char/zero", "big", "char/one"], "bomb", vec![]));
    };
    says(refused(counting), "node `bomb`", "far beyond");
    let doubling = |g: &mut GraphProto| {
        let name = |i| if i == 0 { "word/rows".to_owned() } else { format!("d{i}") };
        for i in 0..40 {
            g.node.push(node("Concat", &[&name(i), &name(i)], &name(i + 1), vec![int("axis", 0)]));
        }
    };
    says(refused(doubling), "node `d", "far beyond");
    // [2, 64, 1, 1] times [2, 1, 64, 1] times [2, 1, 1, 64]
    let outer = |g: &mut GraphProto| {
        for (i, axes) in [[2, 3], [1, 3], [1, 2]].iter().enumerate() {
            g.node.push(node("Constant", &[], &format!("axes{i}"), vec![ints("value_ints", axes)]));
            g.node.push(node("Unsqueeze", &["lstm.bias/f32", &format!("axes{i}")], &format!("side{i}"), vec![]));
        }
        g.node.push(node("Mul", &["side0", "side1"], "square", vec![]));
        g.node.push(node("Mul", &["square", "side2"], "cube", vec![]));
    };
    says(refused(outer), "node `", "far beyond");
    let ranks = |g: &mut GraphProto| {
        let name = |i| if i == 0 { "chars".to_owned() } else { format!("d{i}") };
        for i in 0..40 {
            g.node.push(node("Gather", &[&name(i), &name(i)], &name(i + 1), vec![int("axis", 0)]));
        }
    };
    says(refused(ranks), "node `d", "dimensions where at most 8");
}

#[test]
fn refuses_shapes_that_do_not_fit() {
    says(refused(|g| find(g, "lstm/states").attribute[1].i = Some(9)), "node `lstm/states`", "LSTM of 9 units");
    says(refused(|g| find(g, "lstm/states").attribute[1].i = Some(-1)), "node `lstm/states`", "LSTM of 0 units");
    says(refused(|g| find(g, "word/features").attribute[0].i = Some(2)), "node `word/features`", "axis 2");
    says(refused(|g| find(g, "word/features").attribute[0].i = Some(i64::MIN)), "node `word/features`", "axis");
    says(refused(|g| find(g, "lstm/by_sentence").attribute[0].ints[0] = 1), "node `lstm/by_sentence`", "order");
    says(refused(|g| find(g, "lstm/shape").attribute[0].ints = vec![7, 7]), "node `lstm/output`", "the shape [7, 7]");
    says(refused(|g| find(g, "char/2/last").attribute[0].i = Some(3)), "node `char/2/count`", "beyond the last");
    says(refused(|g| find(g, "word/rows").attribute[0].i = Some(10)), "node `word/rows`", "casts to another");
    says(refused(|g| find(g, "char/2/max").attribute[0].ints = vec![1]), "node `highway/0/affine`", "multiplies");
    let shape = |g: &mut GraphProto| find(g, "lstm/output").input[1] = "chars".into();
    says(refused(shape), "node `lstm/output`", "not constant");
    let swapped = |g: &mut GraphProto| {
        find(g, "emissions.upos").output[0] = "other".into();
        find(g, "emissions.ner").output[0] = "emissions.upos".into();
        find(g, "other").output[0] = "emissions.ner".into();
    };
    says(refused(swapped), "output `emissions.ner`", "type and shape");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes, the check ends, and what it lets through is canonical.
    #[test]
    fn survives_damage(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        static GRAPHS: LazyLock<[(Form, Vec<u8>); 2]> = LazyLock::new(|| {
            [Form::Portable, Form::Fused].map(|form| (form, graph::build(&TOY.manifest, &TOY.regions, form)))
        });
        for (form, mut bytes) in GRAPHS.clone() {
            for (place, value) in &edits {
                *place.get_mut(&mut bytes) = *value;
            }
            if let Ok(canonical) = check(&bytes, &TOY.manifest, &TOY.regions, form) {
                prop_assert_eq!(canonical, bytes);
            }
        }
    }
}
