//! What each value of a graph would be: element type and dimensions, computed at some sizes of the inputs without
//! computing anything else. A graph whose shapes do not fit together, or that takes far more room than the network it
//! claims to be, is refused before ONNX Runtime allocates for it.

use super::{limit, refusal, shown};
use crate::Result;
use crate::bundle::graph::{AttributeProto, Extent, GraphProto, NodeProto, Port, Region, data_type, fused};
use std::collections::HashMap;

/// Sizes of the inputs at which shapes are computed.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Distinct words.
    pub words: u64,
    /// Characters of the longest.
    pub chars: u64,
    /// Tokens of the longest sentence.
    pub time: u64,
    /// Sentences.
    pub batch: u64,
}

/// The longest vector of integers whose values are followed.
const KNOWN: u64 = 4096;

#[derive(Debug, Clone)]
struct Value {
    element: i32,
    dims: Vec<u64>,
    /// The values of a short integer tensor, where they follow from the shapes.
    known: Option<Vec<i64>>,
}

/// The most dimensions.
const RANK: usize = 8;

/// Something, or why a node's shapes do not fit.
type Fit<T> = std::result::Result<T, String>;

/// Computes every shape, checks those of the outputs, and returns how many elements all values have together.
pub fn elements(
    graph: &GraphProto,
    ports: (&[Port], &[Port]),
    tensors: &[Region],
    probe: Probe,
    most: u64,
) -> Result<u64> {
    let mut values: HashMap<&str, Value> = HashMap::new();
    let size = |extent: &Extent| match extent {
        Extent::Named("words") => probe.words,
        Extent::Named("chars") => probe.chars,
        Extent::Named("time") => probe.time,
        Extent::Named(_) => probe.batch,
        Extent::Fixed(size) => *size as u64,
    };
    for port in ports.0 {
        values.insert(&port.name, Value::new(port.element, port.dims.iter().map(size).collect()));
    }
    for tensor in graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()) {
        if let Some(region) = tensors.iter().find(|region| region.0 == tensor) {
            let dims = region.1.iter().map(|&size| size as u64).collect();
            values.insert(tensor, Value::new(data_type::FLOAT16, dims));
        }
    }
    let mut total: u64 = 0;
    for node in &graph.node {
        let output = node.output.first().map_or("", String::as_str);
        let place = format!("node {}", shown(node.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(output)));
        let inputs: Option<Vec<&Value>> = node.input.iter().map(|name| values.get(name.as_str())).collect();
        let inputs = inputs.ok_or_else(|| refusal(&place, "reads a value that nothing makes"))?;
        for (output, value) in node.output.iter().zip(outputs(node, &inputs).map_err(|misfit| refusal(&place, misfit))?)
        {
            if value.dims.len() > RANK {
                let ranks = value.dims.len();
                return Err(limit(&place, format!("makes {ranks} dimensions where at most {RANK} are allowed")));
            }
            total = total.saturating_add(value.count());
            if total > most {
                let what = "makes values far beyond those of the network that the manifest describes";
                return Err(limit(&place, format!("{what} ({total} elements so far, at most {most})")));
            }
            values.insert(output, value);
        }
    }
    for port in ports.1 {
        let dims: Vec<u64> = port.dims.iter().map(size).collect();
        let fits = values.get(port.name.as_str()).is_some_and(|v| v.element == port.element && v.dims == dims);
        if !fits {
            return Err(refusal(
                &format!("output {}", shown(&port.name)),
                "has not the type and shape that the manifest implies",
            ));
        }
    }
    Ok(total)
}

impl Value {
    fn new(element: i32, dims: Vec<u64>) -> Self {
        Self { element, dims, known: None }
    }

    /// Integers whose values are known.
    fn integers(dims: Vec<u64>, values: Vec<i64>) -> Self {
        Self { element: data_type::INT64, dims, known: Some(values) }
    }

    fn count(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }

    fn is_float(&self) -> bool {
        self.element == data_type::FLOAT
    }

    fn known(&self) -> Fit<&[i64]> {
        self.known.as_deref().ok_or_else(|| "takes a shape, an axis or a bound that is not constant".to_owned())
    }
}

/// What a node makes, in the order of its outputs.
fn outputs(node: &NodeProto, inputs: &[&Value]) -> Fit<Vec<Value>> {
    match (node.op_type.as_deref(), inputs) {
        (Some(fused::OPERATOR), [words, tokens, lengths, weights @ ..]) => {
            bilstm_crf(node, [words, tokens, lengths], weights)
        }
        _ => Ok(vec![infer(node, inputs)?]),
    }
}

fn infer(node: &NodeProto, inputs: &[&Value]) -> Fit<Value> {
    let kind = node.op_type.as_deref().unwrap_or("");
    match (kind, inputs) {
        ("Add" | "Sub" | "Mul" | "LessOrEqual", [a, b]) => arithmetic(kind, a, b),
        ("Cast", [x]) => cast(node, x),
        ("Concat", parts) => concat(node, parts),
        ("Constant", []) => constant(node),
        ("Conv", [x, w, b]) => conv(node, x, w, b),
        ("Gather", [data, indices]) => gather(node, data, indices),
        ("Gemm", [a, b, c]) => gemm(node, a, b, c),
        ("LSTM", [x, w, r, b, lengths @ ..]) => lstm(node, x, [w, r, b], lengths.first().copied()),
        ("MatMul", [a, b]) => matmul(a, b),
        ("Range", [start, end, step]) => range(start, end, step),
        ("ReduceMax", [x]) => reduce(node, x),
        ("Relu" | "Selu" | "Sigmoid" | "Tanh", [x]) if x.is_float() => Ok(Value::new(x.element, x.dims.clone())),
        ("Reshape", [x, shape]) => reshape(x, shape),
        ("Shape", [x]) => {
            Ok(Value::integers(vec![x.dims.len() as u64], x.dims.iter().map(|&dim| dim as i64).collect()))
        }
        ("Transpose", [x]) => transpose(node, x),
        ("Unsqueeze", [x, axes]) => unsqueeze(x, axes),
        _ => Err(format!("{kind} cannot take these inputs")),
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
}

fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).and_then(|attribute| attribute.i)
}

/// The axis that `axis` means among `rank`.
fn axis(axis: i64, rank: usize) -> Fit<usize> {
    let place = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let place = place.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
    place.ok_or_else(|| format!("axis {axis} is not one of {rank}"))
}

/// The dimensions to which `a` and `b` broadcast.
fn broadcast(a: &[u64], b: &[u64]) -> Fit<Vec<u64>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[u64], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("shapes {a:?} and {b:?} do not fit together")),
        })
        .collect()
}

fn arithmetic(kind: &str, a: &Value, b: &Value) -> Fit<Value> {
    if a.element != b.element || ![data_type::FLOAT, data_type::INT64].contains(&a.element) {
        return Err(format!("{kind} of element types {} and {}", a.element, b.element));
    }
    let element = if kind == "LessOrEqual" { data_type::BOOL } else { a.element };
    Ok(Value::new(element, broadcast(&a.dims, &b.dims)?))
}

fn cast(node: &NodeProto, x: &Value) -> Fit<Value> {
    match int(node, "to") {
        Some(to) if to == i64::from(data_type::FLOAT) => Ok(Value::new(data_type::FLOAT, x.dims.clone())),
        _ => Err("casts to another type than 32-bit floating point".to_owned()),
    }
}

fn concat(node: &NodeProto, parts: &[&Value]) -> Fit<Value> {
    let first = parts.first().ok_or("concatenates nothing")?;
    let axis = axis(int(node, "axis").ok_or("has no axis")?, first.dims.len())?;
    let mut dims = first.dims.clone();
    for part in &parts[1..] {
        let same = part.element == first.element && part.dims.len() == dims.len();
        if !same || (0..dims.len()).any(|i| i != axis && part.dims[i] != dims[i]) {
            return Err("concatenates shapes or types that do not fit".to_owned());
        }
        dims[axis] = dims[axis].saturating_add(part.dims[axis]);
    }
    Ok(Value::new(first.element, dims))
}

fn constant(node: &NodeProto) -> Fit<Value> {
    let values = attribute(node, "value_ints").map(|attribute| attribute.ints.clone());
    match (int(node, "value_int"), values) {
        (Some(value), None) => Ok(Value::integers(Vec::new(), vec![value])),
        (None, Some(values)) => Ok(Value::integers(vec![values.len() as u64], values)),
        _ => Err("needs exactly one value".to_owned()),
    }
}

fn conv(node: &NodeProto, x: &Value, w: &Value, b: &Value) -> Fit<Value> {
    let kernel = attribute(node, "kernel_shape").map(|attribute| &attribute.ints[..]);
    match (&x.dims[..], &w.dims[..]) {
        (&[n, c, length], &[filters, channels, width])
            if [x, w, b].iter().all(|v| v.is_float())
                && c == channels
                && (1..=length).contains(&width)
                && b.dims == [filters]
                && kernel.is_none_or(|kernel| kernel == [width as i64]) =>
        {
            Ok(Value::new(data_type::FLOAT, vec![n, filters, length - width + 1]))
        }
        _ => Err(format!("convolves {:?} with {:?}", x.dims, w.dims)),
    }
}

fn gather(node: &NodeProto, data: &Value, indices: &Value) -> Fit<Value> {
    let axis = axis(int(node, "axis").unwrap_or(0), data.dims.len())?;
    if indices.element != data_type::INT64 || data.dims[axis] == 0 {
        return Err("takes rows by other than 64-bit integers, or from nothing".to_owned());
    }
    let dims = [&data.dims[..axis], &indices.dims[..], &data.dims[axis + 1..]].concat();
    let known = match (&data.known, &indices.known) {
        (Some(values), Some(indices)) if data.dims.len() == 1 => {
            let at = |&index: &i64| usize::try_from(index).ok().and_then(|index| values.get(index)).copied();
            Some(indices.iter().map(at).collect::<Option<Vec<_>>>().ok_or("takes a row beyond the last")?)
        }
        _ => None,
    };
    Ok(Value { element: data.element, dims, known })
}

fn gemm(node: &NodeProto, a: &Value, b: &Value, c: &Value) -> Fit<Value> {
    let transposed = int(node, "transB").unwrap_or(0) != 0;
    if let (&[m, inner], &[first, second], true) = (&a.dims[..], &b.dims[..], [a, b, c].iter().all(|v| v.is_float())) {
        let (k, n) = if transposed { (second, first) } else { (first, second) };
        if inner == k && broadcast(&[m, n], &c.dims)? == [m, n] {
            return Ok(Value::new(data_type::FLOAT, vec![m, n]));
        }
    }
    Err(format!("multiplies {:?} with {:?}", a.dims, b.dims))
}

fn lstm(node: &NodeProto, x: &Value, [w, r, b]: [&Value; 3], lengths: Option<&Value>) -> Fit<Value> {
    let direction = attribute(node, "direction").and_then(|attribute| attribute.s.as_deref());
    let directions = match direction {
        Some(b"bidirectional") => 2,
        Some(b"forward" | b"reverse") => 1,
        _ => 0,
    };
    let hidden = int(node, "hidden_size").and_then(|hidden| u64::try_from(hidden).ok()).unwrap_or(0);
    let gates = hidden.saturating_mul(4);
    let fits = [x, w, r, b].iter().all(|v| v.is_float())
        && directions > 0
        && x.dims.len() == 3
        && lengths.is_none_or(|lengths| lengths.element == data_type::INT32 && lengths.dims == x.dims[1..2])
        && w.dims == [directions, gates, x.dims[2]]
        && r.dims == [directions, gates, hidden]
        && b.dims == [directions, gates.saturating_mul(2)];
    if !fits {
        return Err(format!("is not an LSTM of {hidden} units over {:?}", x.dims));
    }
    Ok(Value::new(data_type::FLOAT, vec![x.dims[0], directions, x.dims[1], hidden]))
}

/// libmtl's own operator. That its weights are the bundle's tensors, of the manifest's shapes, is checked elsewhere.
fn bilstm_crf(node: &NodeProto, [words, tokens, lengths]: [&Value; 3], weights: &[&Value]) -> Fit<Vec<Value>> {
    let misfit = || format!("is no {} over words of shape {:?}", fused::OPERATOR, words.dims);
    let (&[_, features], &[time, batch]) = (&words.dims[..], &tokens.dims[..]) else { return Err(misfit()) };
    let inputs = weights.first().and_then(|weight| weight.dims.last());
    let fits = words.is_float()
        && inputs == Some(&features)
        && tokens.element == data_type::INT64
        && (lengths.element, &lengths.dims[..]) == (data_type::INT32, &[batch]);
    if !fits {
        return Err(misfit());
    }
    let heads =
        weights.get(3..).unwrap_or_default().chunks(fused::inputs_a_task(int(node, fused::SPECIFIC) == Some(1)));
    let tasks = heads.len() as u64;
    let emissions = heads.map(|head| match &head[0].dims[..] {
        &[labels, _] => Ok(Value::new(data_type::FLOAT, vec![batch, time, labels])),
        _ => Err(misfit()),
    });
    let paths = [(data_type::INT64, vec![tasks, batch, time]), (data_type::FLOAT, vec![tasks, batch])];
    paths.into_iter().map(|(element, dims)| Ok(Value::new(element, dims))).chain(emissions).collect()
}

fn matmul(a: &Value, b: &Value) -> Fit<Value> {
    if let ([left @ .., m, inner], [right @ .., k, n], true) = (&a.dims[..], &b.dims[..], a.is_float() && b.is_float())
        && inner == k
    {
        let mut dims = broadcast(left, right)?;
        dims.extend([m, n]);
        return Ok(Value::new(data_type::FLOAT, dims));
    }
    Err(format!("multiplies {:?} with {:?}", a.dims, b.dims))
}

fn range(start: &Value, end: &Value, step: &Value) -> Fit<Value> {
    let (&[start], &[end], &[step]) = (start.known()?, end.known()?, step.known()?) else {
        return Err("counts between vectors".to_owned());
    };
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    if step <= 0 {
        return Err("counts by a step that is not positive".to_owned());
    }
    let count = ((end - start).max(0) + step - 1) / step;
    let known = (count <= i128::from(KNOWN)).then(|| (0..count).map(|i| (start + i * step) as i64).collect());
    Ok(Value { element: data_type::INT64, dims: vec![u64::try_from(count).unwrap_or(u64::MAX)], known })
}

fn reduce(node: &NodeProto, x: &Value) -> Fit<Value> {
    let keep = int(node, "keepdims").unwrap_or(1) != 0;
    let axes = attribute(node, "axes").ok_or("has no axes")?;
    let axes = axes.ints.iter().map(|&a| axis(a, x.dims.len())).collect::<Fit<Vec<_>>>()?;
    let size = |(i, &dim): (usize, &u64)| match axes.contains(&i) {
        true => keep.then_some(1),
        false => Some(dim),
    };
    if !x.is_float() {
        return Err(format!("takes the largest of element type {}", x.element));
    }
    Ok(Value::new(x.element, x.dims.iter().enumerate().filter_map(size).collect()))
}

fn reshape(x: &Value, shape: &Value) -> Fit<Value> {
    let shape = shape.known()?;
    let misfit = || format!("gives {:?} the shape {shape:?}", x.dims);
    let mut dims = Vec::new();
    for (i, &size) in shape.iter().enumerate() {
        dims.push(match size {
            0 => *x.dims.get(i).ok_or_else(misfit)?,
            -1 => 1,
            size => u64::try_from(size).map_err(|_| misfit())?,
        });
    }
    let rest = dims.iter().fold(1u64, |product, &dim| product.saturating_mul(dim));
    if let Some(open) = shape.iter().position(|&size| size == -1) {
        if rest == 0 || !x.count().is_multiple_of(rest) || shape.iter().filter(|&&size| size == -1).count() > 1 {
            return Err(misfit());
        }
        dims[open] = x.count() / rest;
    } else if rest != x.count() {
        return Err(misfit());
    }
    Ok(Value::new(x.element, dims))
}

fn transpose(node: &NodeProto, x: &Value) -> Fit<Value> {
    let order = attribute(node, "perm").ok_or("has no order of axes")?;
    let order = order.ints.iter().map(|&a| axis(a, x.dims.len())).collect::<Fit<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..x.dims.len()) {
        return Err(format!("has an order of axes that does not fit {:?}", x.dims));
    }
    Ok(Value::new(x.element, order.into_iter().map(|axis| x.dims[axis]).collect()))
}

fn unsqueeze(x: &Value, axes: &Value) -> Fit<Value> {
    let axes = axes.known()?;
    let rank = x.dims.len() + axes.len();
    let mut places = axes.iter().map(|&a| axis(a, rank)).collect::<Fit<Vec<_>>>()?;
    places.sort_unstable();
    places.dedup();
    if places.len() != axes.len() {
        return Err("adds an axis twice".to_owned());
    }
    let mut old = x.dims.iter();
    let dims = (0..rank).map(|i| if places.contains(&i) { 1 } else { old.next().copied().unwrap_or(1) });
    Ok(Value::new(x.element, dims.collect()))
}
