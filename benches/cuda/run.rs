//! For a machine with an NVIDIA GPU: the engine `cuda` against the golden cases and the native engine, how long a step of
//! the BiLSTM takes there, and the fused graph on ONNX Runtime's provider `cuda`, where `ORT_DYLIB_PATH` names one that has it.
//! `make cuda-run` calls it: `cuda FOLDER-FOR-KERNELS [--check] MODEL...`.
//!
//! NOT RUN on a GPU by its authors.

mod operator;

use libmtl::bundle::Bundle;
use libmtl::bundle::manifest::Kind;
use libmtl::engine::{EngineKind, EngineOptions, GpuOptions, cuda};
use libmtl::kernels::cuda::{Cache, Device, Driver, Kernels, Lstm, Network, Sizes, Weights};
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::{Cancel, Result, zoo};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Tokens of a sentence, where a step is timed.
const STEPS: usize = 25;

/// Hidden units of the models of KERNELS.md, and sentences at once.
const HIDDEN: [usize; 3] = [100, 171, 225];
const SENTENCES: [usize; 4] = [1, 8, 32, 256];

/// Rounds, of which the median is told, and launches of a round.
const ROUNDS: usize = 11;
const LAUNCHES: u32 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, places): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|text| text.starts_with("--"));
    let Some((kernels, models)) = places.split_first() else {
        eprintln!("name a folder for compiled kernels, then models");
        return ExitCode::from(2);
    };
    match cuda::available(&EngineOptions::default()) {
        Err(error) => {
            eprintln!("NOT RUN, there is no GPU here: {error}");
            return ExitCode::FAILURE;
        }
        Ok(found) => println!("{found}"),
    }
    let (kernels, mut passed) = (PathBuf::from(kernels), true);
    let timed = !flags.iter().any(|flag| *flag == "--check");
    let mut work = || -> Result<()> {
        for model in models {
            passed &= check(Path::new(model), &kernels, timed)?;
        }
        if timed {
            time(&kernels)?;
        }
        Ok(())
    };
    match work() {
        Err(error) => eprintln!("{error}"),
        Ok(()) if passed => return ExitCode::SUCCESS,
        Ok(()) => eprintln!("not all results are those of the golden cases and of the other engines"),
    }
    ExitCode::FAILURE
}

/// The golden cases of a model, alone and together; and the labels of the native engine. Then the operator's.
fn check(model: &Path, kernels: &Path, timed: bool) -> Result<bool> {
    let bundle = Arc::new(Bundle::open(model)?);
    if bundle.manifest().kind != Kind::Tagger {
        println!("{}: no tagger", model.display());
        return Ok(true);
    }
    let gpu = GpuOptions { kernel_cache: Some(kernels.into()), ..GpuOptions::default() };
    let options = EngineOptions { engine: EngineKind::Cuda, gpu, ..EngineOptions::default() };
    let (cases, cancel) = (bundle.golden()?, Cancel::new());
    let native = Tagger::open(Arc::clone(&bundle), &EngineOptions::default())?;
    let tagger = Tagger::open(bundle, &options)?;
    println!("{}: {}", model.display(), tagger.report().providers[0].reason);
    let found = zoo::verify(&tagger, &cases, &cancel)?;
    let (mut tokens, mut same) = (0, 0);
    for case in &cases {
        let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
        let tag = |tagger: &Tagger| tagger.tag(&[&case.tokens], &case.task, &case.language, &options, &cancel);
        let (ours, theirs) = (tag(&tagger)?.remove(0).labels, tag(&native)?.remove(0).labels);
        tokens += ours.len();
        same += ours.iter().zip(&theirs).filter(|(ours, theirs)| ours == theirs).count();
    }
    for (name, pass) in [("alone", &found.alone), ("together", &found.batched)] {
        let (failed, difference) = (pass.failures.len(), pass.difference);
        println!(
            "  {name}: {} golden cases, {failed} failed, emissions differ by {difference:.1e} at most",
            pass.cases
        );
        pass.failures.iter().take(5).for_each(|failure| println!("    case {}: {}", failure.case, failure.reason));
    }
    println!(
        "  alone and together differ by {:.1e} at most; {same} of {tokens} labels are native's",
        found.batch_difference
    );
    let operator = operator::check(model, kernels, timed)?;
    Ok(operator && found.passed() && found.batch_difference == 0.0 && same == tokens)
}

/// How long a step takes: a launch of [`STEPS`] steps, by their number.
fn time(kernels: &Path) -> Result<()> {
    let device = Device::open(&Driver::load(None)?, 0)?;
    println!(
        "| hidden units | kernel | sentences | us a step, median of {ROUNDS} (least to most) |\n|---|---|---|---|"
    );
    for hidden in HIDDEN {
        let sizes = Sizes::new(110, hidden, 1, device.architecture())?;
        let mut kernels = Kernels::new(&device, Some(Cache::new(kernels)?));
        // Time does not depend on the values.
        let [input, recurrent, bias] =
            [4 * hidden * 110, 4 * hidden * hidden, 8 * hidden].map(|count| vec![0.0; count]);
        let lstm = Lstm { input: &input, recurrent: &recurrent, bias: &bias };
        let mut network = Network::new(&mut kernels, sizes, &Weights::new(&sizes, [lstm; 2]))?;
        for sentences in SENTENCES {
            let mut times = (0..ROUNDS)
                .map(|_| network.time_bilstm(&vec![STEPS; sentences], LAUNCHES))
                .map(|time| time.map(|time| time.as_secs_f64() * 1e6 / STEPS as f64))
                .collect::<Result<Vec<f64>>>()?;
            times.sort_by(f64::total_cmp);
            let (median, least, most) = (times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
            let kernel = sizes.bilstm(1).file;
            println!("| {hidden} | {kernel} | {sentences} | {median:.2} ({least:.2} to {most:.2}) |");
        }
    }
    Ok(())
}
