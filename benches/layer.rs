//! One bidirectional LSTM layer, our kernels beside ONNX Runtime's operator LSTM in single precision: `make bench-layer`.
//!
//! Both get the same rows and weights, which half precision can hold, as a bundle's do. They take turns, block by block;
//! the ratio of a round is of blocks side by side, so that neighbours on the machine and a clock that moves disturb little.
//! On one thread the CPU time of the process counts, on two the wall clock. Results are medians over the rounds.

#[path = "../tests/common/mod.rs"]
mod common;

use half::f16;
use libmtl::Cancel;
use libmtl::kernels::Kernel;
use libmtl::kernels::lstm::{Direction, Place, Scratch};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
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
        let tensor = |name: &str, dims: &[usize], values: &[f32]| {
            let dims: Vec<u8> = dims.iter().flat_map(|&dim| int(1, dim)).collect();
            message(
                5,
                &[dims, int(2, 1), message(8, name.as_bytes()), message(9, bytemuck::cast_slice(values))].concat(),
            )
        };
        let attribute = |name: &str, kind: usize, value: Vec<u8>| {
            message(5, &[message(1, name.as_bytes()), value, int(20, kind)].concat())
        };
        let value = |tag: usize, name: &str| {
            message(tag, &[message(1, name.as_bytes()), message(2, &message(1, &int(1, 1)))].concat())
        };
        let names: Vec<u8> = ["X", "W", "R", "B"].iter().flat_map(|name| message(1, name.as_bytes())).collect();
        let node = [
            names,
            message(2, b"Y"),
            message(4, b"LSTM"),
            attribute("direction", 3, message(4, b"bidirectional")),
            attribute("hidden_size", 2, int(3, self.hidden)),
        ];
        let gates = 4 * self.hidden;
        let graph = [
            message(1, &node.concat()),
            message(2, b"layer"),
            tensor("W", &[2, gates, INPUTS], &self.input),
            tensor("R", &[2, gates, self.hidden], &self.recurrent),
            tensor("B", &[2, 2 * gates], &self.bias),
            value(11, "X"),
            value(12, "Y"),
        ];
        [int(1, 8), message(7, &graph.concat()), message(8, &[message(1, b""), int(2, 17)].concat())].concat()
    }
}

/// A field of protobuf that holds a number.
fn int(tag: usize, value: usize) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

/// A field of protobuf that holds bytes.
fn message(tag: usize, bytes: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.len()), bytes.to_vec()].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
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
    builder = builder.with_intra_threads(threads).unwrap();
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
        for kernel in 0..kernels.len() {
            ours(kernel);
            check(layer, &expected, [0, 1].map(|backward| work[backward].lock().unwrap().1.clone()));
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

/// Ours is what ONNX Runtime computes, within the errors of both sides' activations.
fn check(layer: &Layer, expected: &[f32], states: [Vec<f32>; 2]) {
    let width = layer.batch * layer.hidden;
    for (token, row) in expected.chunks_exact(2 * width).enumerate() {
        for (theirs, states) in row.chunks_exact(width).zip(&states) {
            let ours = &states[token * width..][..width];
            assert!(theirs.iter().zip(ours).all(|(a, b)| (a - b).abs() < 1e-4), "token {token} differs");
        }
    }
}

/// CPU time of this process, or the wall clock where several threads work.
fn seconds(threads: usize) -> f64 {
    let now = clock_gettime(if threads == 1 { ClockId::ProcessCPUTime } else { ClockId::Monotonic });
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[quarter * (values.len() - 1) / 4])
}
