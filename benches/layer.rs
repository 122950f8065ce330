//! One bidirectional LSTM layer, our kernels beside ONNX Runtime's operator LSTM in single precision: `make bench-layer`.
//!
//! Both get the same rows and weights, which half precision can hold, as a bundle's do. They take turns, block by block;
//! the ratio of a round is of blocks side by side, so that neighbours on the machine and a clock that moves disturb little.
//! On one thread the CPU time of the process counts, on two the wall clock. Results are medians over the rounds.

#[path = "../tests/common/mod.rs"]
mod common;
mod rounds;

use half::f16;
use libmtl::Cancel;
use libmtl::bundle::graph::*;
use libmtl::kernels::Kernel;
use libmtl::kernels::lstm::{Direction, Place, Scratch};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rounds::{cpu_seconds, quartiles};
use rustix::time::ClockId;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

const INPUTS: usize = 110;
const STEPS: usize = 25;
/// Sentences that run in lock-step, as in the native engine.
const GROUP: usize = 8;
const ROUNDS: usize = 31;

/// The tensors of ONNX's operator LSTM, and the rows `[STEPS, batch, INPUTS]`.
struct Layer {
    hidden: usize,
    batch: usize,
    input: Vec<f32>,
    recurrent: Vec<f32>,
    bias: Vec<f32>,
    rows: Vec<f32>,
}

impl Layer {
    fn new(hidden: usize, batch: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut draw = |n: usize, scale: f32| -> Vec<f32> {
            (0..n).map(|_| f16::from_f32((rng.random::<f32>() * 2.0 - 1.0) * scale).to_f32()).collect()
        };
        let scale = 1.0 / (hidden as f32).sqrt();
        Self {
            hidden,
            batch,
            input: draw(2 * 4 * hidden * INPUTS, scale),
            recurrent: draw(2 * 4 * hidden * hidden, scale),
            bias: draw(2 * 8 * hidden, scale),
            rows: draw(STEPS * batch * INPUTS, 1.0),
        }
    }

    fn direction(&self, kernel: Kernel, backward: bool) -> Direction {
        let [input, recurrent, bias] = [&self.input, &self.recurrent, &self.bias].map(|all| {
            let (first, second) = all.split_at(all.len() / 2);
            if backward { second } else { first }
        });
        Direction::new(kernel, INPUTS, self.hidden, backward, input, recurrent, bias)
    }

    /// The states of one direction, `[STEPS, batch, hidden]`.
    fn run(&self, direction: &Direction, scratch: &mut Scratch, states: &mut [f32]) {
        for first in (0..self.batch).step_by(GROUP) {
            let lengths = vec![STEPS; GROUP.min(self.batch - first)];
            let row = |token: usize, sequence: usize| token * self.batch + first + sequence;
            let fill = |place: Place, out: &mut [f32]| {
                out.copy_from_slice(&self.rows[row(place.token, place.sequence) * INPUTS..][..INPUTS]);
            };
            let emit = |places: &[Place], found: &[f32]| {
                for (place, found) in places.iter().zip(found.chunks_exact(direction.width())) {
                    states[row(place.token, place.sequence) * self.hidden..][..self.hidden]
                        .copy_from_slice(&found[..self.hidden]);
                }
            };
            direction.run(&lengths, scratch, &Cancel::new(), fill, emit).unwrap();
        }
    }

    /// A model of this one operator.
    fn onnx(&self) -> Vec<u8> {
        let tensor = |name: &str, dims: &[usize], values: &[f32]| TensorProto {
            name: Some(name.into()),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(data_type::FLOAT),
            raw_data: Some(bytemuck::cast_slice(values).to_vec()),
            ..TensorProto::default()
        };
        let attribute = |name: &str, kind: i32| AttributeProto {
            name: Some(name.into()),
            r#type: Some(kind),
            ..AttributeProto::default()
        };
        let value = |name: &str| ValueInfoProto {
            name: Some(name.into()),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto { elem_type: Some(data_type::FLOAT), shape: None }),
            }),
        };
        let node = NodeProto {
            input: ["X", "W", "R", "B"].map(String::from).into(),
            output: vec!["Y".into()],
            op_type: Some("LSTM".into()),
            attribute: vec![
                AttributeProto { s: Some(b"bidirectional".into()), ..attribute("direction", attribute_type::STRING) },
                AttributeProto { i: Some(self.hidden as i64), ..attribute("hidden_size", attribute_type::INT) },
            ],
            ..NodeProto::default()
        };
        let gates = 4 * self.hidden;
        let graph = GraphProto {
            name: Some("layer".into()),
            node: vec![node],
            initializer: vec![
                tensor("W", &[2, gates, INPUTS], &self.input),
                tensor("R", &[2, gates, self.hidden], &self.recurrent),
                tensor("B", &[2, 2 * gates], &self.bias),
            ],
            input: vec![value("X")],
            output: vec![value("Y")],
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto { domain: None, version: Some(17) };
        let model =
            ModelProto { ir_version: Some(8), graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() };
        model.encode_to_vec()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let environment = ort::init_from(common::onnx_options().library.unwrap()).unwrap();
    let environment = environment.with_telemetry(false).build().unwrap();
    let mut results = Vec::new();
    for threads in [1, 2] {
        for hidden in [100, 171, 225] {
            for batch in [1, 8, 32] {
                results.push(compare(&environment, &Layer::new(hidden, batch), threads));
            }
        }
    }
    let results = json!({
        "command": "make bench-layer", "machine": processor(), "inputs": INPUTS, "steps": STEPS, "results": results,
    });
    if let Some(path) = arguments.first() {
        std::fs::write(path, serde_json::to_string_pretty(&results).unwrap() + "\n").unwrap();
    }
}

/// The processor's name.
fn processor() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    format!("{} {}", std::env::consts::ARCH, name.trim_start_matches([' ', '\t', ':']))
}

/// Microseconds a sentence, and how many times faster each kernel is than ONNX Runtime.
fn compare(environment: &Environment, layer: &Layer, threads: usize) -> Value {
    let mut builder = Session::builder(environment).unwrap();
    // Threads that wait by spinning would take the core from those whose turn it is.
    builder = builder.with_intra_threads(threads).unwrap().with_intra_op_spinning(false).unwrap();
    let mut session = builder.commit_from_memory(&layer.onnx()).unwrap();
    let mut theirs = || {
        let rows = TensorRef::from_array_view(([STEPS, layer.batch, INPUTS], &*layer.rows)).unwrap();
        let outputs = session.run(ort::inputs!["X" => rows]).unwrap();
        outputs["Y"].try_extract_tensor::<f32>().unwrap().1.to_vec()
    };
    let expected = theirs();
    let kernels: Vec<Kernel> = Kernel::available().skip(1).collect();
    let directions: Vec<[Direction; 2]> =
        kernels.iter().map(|&kernel| [false, true].map(|backward| layer.direction(kernel, backward))).collect();
    let work = [(); 2].map(|()| Mutex::new((Scratch::default(), vec![0.0; layer.rows.len() / INPUTS * layer.hidden])));
    let half = |kernel: usize, backward: usize| {
        let (scratch, states) = &mut *work[backward].lock().unwrap();
        layer.run(&directions[kernel][backward], scratch, states);
    };
    let (begin, end, wanted) = (Barrier::new(threads), Barrier::new(threads), AtomicUsize::new(0));
    let times = std::thread::scope(|scope| {
        if threads == 2 {
            scope.spawn(|| {
                loop {
                    begin.wait();
                    let kernel = wanted.load(Ordering::Relaxed);
                    if kernel == kernels.len() {
                        return;
                    }
                    half(kernel, 1);
                    end.wait();
                }
            });
        }
        let ours = |kernel: usize| {
            wanted.store(kernel, Ordering::Relaxed);
            begin.wait();
            half(kernel, 0);
            if threads == 1 {
                half(kernel, 1);
            }
            end.wait();
        };
        for (number, kernel) in kernels.iter().enumerate() {
            ours(number);
            let most = if kernel.name().rounds() { 5e-2 } else { 1e-4 };
            check(layer, &expected, most, [0, 1].map(|backward| work[backward].lock().unwrap().1.clone()));
        }
        let times = measure(threads, (800 * 50 / layer.batch / layer.hidden).max(1), kernels.len() + 1, |contender| {
            match contender.checked_sub(1) {
                None => drop(black_box(theirs())),
                Some(kernel) => ours(kernel),
            }
        });
        wanted.store(kernels.len(), Ordering::Relaxed);
        begin.wait();
        times
    });
    let onnx = quartiles(times.iter().map(|round| round[0]).collect())[1] / layer.batch as f64;
    let mut found = json!({"hidden": layer.hidden, "batch": layer.batch, "threads": threads, "onnx_us": onnx.round()});
    print!("hidden {}, batch {}, threads {threads}: onnx {onnx:.0} us", layer.hidden, layer.batch);
    for (index, kernel) in kernels.iter().enumerate() {
        let us = quartiles(times.iter().map(|round| round[index + 1]).collect())[1] / layer.batch as f64;
        let ratios = times.iter().map(|round| round[0] / round[index + 1]).collect();
        let [low, median, high] = quartiles(ratios).map(|ratio| (ratio * 100.0).round() / 100.0);
        print!("; {} {us:.0} us, {median} ({low} to {high})", kernel.name());
        found[kernel.name().name()] = json!({"us": us.round(), "ratio": median, "quartiles": [low, high]});
    }
    println!();
    found
}

/// For each round, the microseconds that each contender takes for a call.
fn measure(threads: usize, calls: usize, contenders: usize, mut call: impl FnMut(usize)) -> Vec<Vec<f64>> {
    let mut round = || -> Vec<f64> {
        let time = |contender| {
            let begun = seconds(threads);
            (0..calls).for_each(|_| call(contender));
            (seconds(threads) - begun) / calls as f64 * 1e6
        };
        (0..contenders).map(time).collect()
    };
    // The first one warms up.
    (0..=ROUNDS).map(|_| round()).skip(1).collect()
}

/// Ours is what ONNX Runtime computes, within the errors of both sides' activations, and what the kernel rounds.
fn check(layer: &Layer, expected: &[f32], most: f32, states: [Vec<f32>; 2]) {
    let width = layer.batch * layer.hidden;
    for (token, row) in expected.chunks_exact(2 * width).enumerate() {
        for (theirs, states) in row.chunks_exact(width).zip(&states) {
            let ours = &states[token * width..][..width];
            assert!(theirs.iter().zip(ours).all(|(a, b)| (a - b).abs() < most), "token {token} differs");
        }
    }
}

/// CPU time of this process, or the wall clock where several threads work.
fn seconds(threads: usize) -> f64 {
    if threads == 1 { cpu_seconds() } else { rounds::seconds(ClockId::Monotonic) }
}
