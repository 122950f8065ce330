//! The fused graph beside the portable one, both on ONNX Runtime, one thread: `make bench-fused CONLLU=file`.
//!
//! `models/mtl-base`, from token strings to label strings. The two take turns, pass by pass; what counts is the CPU time of the
//! process, and the ratio of a round is of passes side by side.

#[path = "../tests/common/mod.rs"]
mod common;
mod rounds;

use common::onnx_options;
use libmtl::Cancel;
use libmtl::bundle::{self, Bundle};
use libmtl::engine::{EngineOptions, Form};
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::text::readers;
use rounds::{cpu_seconds, quartiles};
use serde_json::{Value, json};
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

const TASK: &str = "upos";
const LANGUAGE: &str = "en";

/// Rounds of the comparison, after one that warms up.
const ROUNDS: usize = 11;

fn main() {
    // `cargo bench` passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [text, output @ ..] = &arguments[..] else {
        println!("nothing measured: name a CoNLL-U file, `make bench-fused CONLLU=file`");
        return;
    };
    let file = BufReader::new(File::open(text).unwrap_or_else(|e| panic!("{text}: {e}")));
    let sentences: Vec<Vec<String>> = readers::conllu(file, None).map(|sentence| sentence.unwrap().tokens).collect();
    let sentences: Vec<&[String]> = sentences.iter().map(Vec::as_slice).collect();
    let folder = tempfile::tempdir().unwrap();
    bundle::fuse(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-base"), folder.path()).unwrap();
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let taggers = [Form::Portable, Form::Fused].map(|graph| {
        let options = EngineOptions { graph, ..onnx_options() };
        Tagger::open(Arc::clone(&bundle), &options).unwrap()
    });
    let results: Vec<Value> = [1, 8, 32].map(|size| compare(&taggers, &sentences, size)).into();
    let results = json!({
        "command": "make bench-fused CONLLU=file", "machine": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "kernel": taggers[1].report().kernel, "onnx": taggers[1].report().version, "threads": 1,
        "model": bundle.manifest().id, "task": TASK, "text": Path::new(text).file_name().unwrap().to_string_lossy(),
        "sentences": sentences.len(), "tokens": sentences.iter().map(|sentence| sentence.len()).sum::<usize>(),
        "results": results,
    });
    println!("{results:#}");
    if let Some(path) = output.first() {
        std::fs::write(path, format!("{results:#}\n")).unwrap();
    }
}

/// The portable graph's time over the fused one's at `size` sentences a call.
fn compare(taggers: &[Tagger; 2], sentences: &[&[String]], size: usize) -> Value {
    let (options, cancel) = (DecodeOptions::default(), Cancel::new());
    let mut ratios = Vec::new();
    for _ in 0..=ROUNDS {
        let [portable, fused] = taggers.each_ref().map(|tagger| {
            let begun = cpu_seconds();
            for call in sentences.chunks(size) {
                black_box(tagger.tag(black_box(call), TASK, LANGUAGE, &options, &cancel).unwrap());
            }
            cpu_seconds() - begun
        });
        ratios.push(portable / fused);
    }
    let [low, median, high] = quartiles(ratios.split_off(1)).map(|ratio| (ratio * 100.0).round() / 100.0);
    json!({"sentences_a_call": size, "rounds": ROUNDS, "portable_to_fused": {"median": median, "quartiles": [low, high]}})
}
