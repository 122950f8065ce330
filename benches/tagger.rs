//! The whole tagger, from token strings to label strings, the native engine beside ONNX Runtime:
//! `make bench-tagger CONLLU=file`.
//!
//! Both engines tag the sentences of a CoNLL-U file with `models/mtl-base` on one thread each and take turns, pass by
//! pass; what counts is the CPU time of the process, and the ratio of a round is of passes side by side. Results are
//! medians over the rounds. Where the native engine's time goes comes from passes that stop earlier. Opening and memory
//! are measured in processes of their own, with the model's files in the system's cache.

#[path = "../tests/common/mod.rs"]
mod common;
mod rounds;

use common::onnx_options;
use half::slice::HalfFloatSliceExt;
use libmtl::Cancel;
use libmtl::bundle::{Bundle, OpenOptions};
use libmtl::engine::{self, Batch, EngineOptions, Found, Head};
use libmtl::kernels::crf::{Transitions, Viterbi};
use libmtl::tagger::{DecodeOptions, Tagger, features};
use libmtl::text::readers;
use rounds::{cpu_seconds, quartiles};
use serde_json::{Value, json};
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const TASK: &str = "upos";
const LANGUAGE: &str = "en";

/// Rounds of the comparison, after one that warms up.
const ROUNDS: usize = 11;

/// Processes that open the model, of each kind.
const OPENINGS: usize = 11;

/// The first argument of a process that only opens the model.
const PROBE: &str = "probe";

fn main() {
    // `cargo bench` passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match &arguments[..] {
        [probe, kind, text] if probe == PROBE => println!("{}", probe_opening(kind == "trusted", Path::new(text))),
        [text, output @ ..] => {
            let results = measure(Path::new(text));
            println!("{results:#}");
            if let Some(path) = output.first() {
                std::fs::write(path, format!("{results:#}\n")).unwrap();
            }
        }
        [] => println!("nothing measured: name a CoNLL-U file, `make bench-tagger CONLLU=file`"),
    }
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-base")
}

fn read(text: &Path) -> Vec<Vec<String>> {
    let file = BufReader::new(File::open(text).unwrap_or_else(|e| panic!("{}: {e}", text.display())));
    readers::conllu(file, None).map(|sentence| sentence.unwrap().tokens).collect()
}

fn measure(text: &Path) -> Value {
    let sentences = read(text);
    let sentences: Vec<&[String]> = sentences.iter().map(Vec::as_slice).collect();
    let bundle = Arc::new(Bundle::open(&model()).unwrap());
    let [native, onnx] =
        [EngineOptions::default(), onnx_options()].map(|options| Tagger::open(Arc::clone(&bundle), &options).unwrap());
    let results: Vec<Value> = [1, 32].map(|size| compare(&native, &onnx, &sentences, size)).into();
    json!({
        "command": "make bench-tagger CONLLU=file", "machine": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "kernel": native.report().kernel, "onnx": onnx.report().version, "threads": 1,
        "model": bundle.manifest().id, "task": TASK, "text": text.file_name().unwrap().to_string_lossy(),
        "sentences": sentences.len(), "tokens": sentences.iter().map(|sentence| sentence.len()).sum::<usize>(),
        "results": results, "open": [openings("trusted", text), openings("verified", text)],
    })
}

/// Tokens a second of both engines at `size` sentences a call, and where the native engine spends its time.
fn compare(native: &Tagger, onnx: &Tagger, sentences: &[&[String]], size: usize) -> Value {
    let (options, cancel) = (DecodeOptions::default(), Cancel::new());
    let bundle = native.bundle();
    let engine = engine::open(bundle, &EngineOptions::default()).unwrap();
    let encode = |call: &[&[String]]| features::encode(bundle, LANGUAGE, call, &cancel).unwrap();
    let batches: Vec<Batch> = sentences.chunks(size).map(encode).collect();
    let task = native.task_index(TASK).unwrap();
    let language = bundle.manifest().tasks[task].languages.iter().position(|language| language == LANGUAGE);
    let head = Head { task, language };
    let tag = |tagger: &Tagger| {
        for call in sentences.chunks(size) {
            black_box(tagger.tag(black_box(call), TASK, LANGUAGE, &options, &cancel).unwrap());
        }
    };
    let emissions = |heads: &[Head]| {
        for batch in &batches {
            let take = |_: usize, _: usize, found: Found| {
                black_box(found);
                Ok(())
            };
            engine.run(black_box(batch), heads, false, &cancel, &take).unwrap();
        }
    };
    let viterbi = Viterbi::new(&transitions(bundle, task));
    let paths = || {
        for batch in &batches {
            let take = |_: usize, _: usize, found: Found| {
                let Found::Emissions(emissions) = found else { unreachable!("the native engine gives emissions") };
                black_box(viterbi.best(emissions, &cancel)?);
                Ok(())
            };
            engine.run(black_box(batch), &[head], false, &cancel, &take).unwrap();
        }
    };
    let passes: [&dyn Fn(); 6] = [
        &|| tag(native),
        &|| tag(onnx),
        &|| sentences.chunks(size).for_each(|call| drop(black_box(encode(black_box(call))))),
        &|| emissions(&[]),
        &|| emissions(&[head]),
        &paths,
    ];
    let mut rounds: Vec<[f64; 6]> = Vec::new();
    for _ in 0..=ROUNDS {
        rounds.push(passes.map(|pass| {
            let begun = cpu_seconds();
            pass();
            cpu_seconds() - begun
        }));
    }
    rounds.remove(0);
    let tokens: f64 = sentences.iter().map(|sentence| sentence.len() as f64).sum();
    let of = |value: &dyn Fn(&[f64; 6]) -> f64| quartiles(rounds.iter().map(value).collect());
    let share = |part: &dyn Fn(&[f64; 6]) -> f64| decimals(of(&|round| part(round) / round[0])[1], 3);
    let [low, ratio, high] = of(&|round| round[1] / round[0]).map(|ratio| decimals(ratio, 2));
    json!({
        "sentences_a_call": size, "rounds": ROUNDS,
        "tokens_a_second": {"native": (tokens / of(&|r| r[0])[1]).round(), "onnx": (tokens / of(&|r| r[1])[1]).round()},
        "native_to_onnx": {"median": ratio, "quartiles": [low, high]},
        "share_of_native": {
            "look_up": share(&|r| r[2]), "network": share(&|r| r[3]), "emission": share(&|r| r[4] - r[3]),
            "viterbi": share(&|r| r[5] - r[4]), "emission_and_viterbi": share(&|r| r[5] - r[3]),
            "results": share(&|r| r[0] - r[2] - r[5]),
        },
    })
}

/// The CRF of a task without the rules of a scheme.
fn transitions(bundle: &Bundle, task: usize) -> Transitions {
    let task = &bundle.manifest().tasks[task];
    let read = |part: &str| bundle.tensor(&format!("task.{}.crf.{part}", task.name)).unwrap().data.to_f32_vec();
    Transitions { labels: task.labels.len(), start: read("start"), end: read("end"), pairs: read("transitions") }
}

/// Medians over processes that open the model: from there to the first sentence's labels, and resident memory.
fn openings(kind: &str, text: &Path) -> Value {
    let probe = || -> Value {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program).args([PROBE, kind]).arg(text).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let probes: Vec<Value> = (0..OPENINGS).map(|_| probe()).collect();
    let median = |name: &str| decimals(quartiles(probes.iter().map(|p| p[name].as_f64().unwrap()).collect())[1], 2);
    let names = ["wall_ms", "cpu_ms", "bundle_mb", "resident_mb_first", "resident_mb_all"];
    let medians = names.map(|name| (name.to_string(), json!(median(name))));
    json!({"kind": kind, "processes": OPENINGS, "medians": serde_json::Map::from_iter(medians)})
}

/// Opens the model, tags a sentence, then all: times in milliseconds, and what is resident more than before, in 10^6 bytes.
fn probe_opening(trusted: bool, text: &Path) -> Value {
    let sentences = read(text);
    let before = resident_mb();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let bundle = Arc::new(Bundle::open_with(&model(), OpenOptions { trusted }).unwrap());
    let tagger = Tagger::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
    let tag = |call: &[&[String]]| tagger.tag(call, TASK, LANGUAGE, &DecodeOptions::default(), &Cancel::new()).unwrap();
    tag(&[&sentences[0]]);
    let (wall_ms, cpu_ms) = (wall.elapsed().as_secs_f64() * 1e3, (cpu_seconds() - cpu) * 1e3);
    let first = resident_mb() - before;
    for call in sentences.chunks(32) {
        tag(&call.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    let bytes: u64 = bundle.manifest().files.values().map(|file| file.bytes).sum();
    json!({
        "wall_ms": wall_ms, "cpu_ms": cpu_ms, "bundle_mb": bytes as f64 / 1e6,
        "resident_mb_first": first, "resident_mb_all": resident_mb() - before,
    })
}

/// Memory of this process that is resident, mapped files included.
fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as f64 / 1e6
}

fn decimals(value: f64, count: i32) -> f64 {
    let scale = 10f64.powi(count);
    (value * scale).round() / scale
}
