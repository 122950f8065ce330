//! The fused graph on ONNX Runtime's provider `cuda`: golden cases, the labels of the engine `cuda` and of the portable graph
//! there, and the time of all three.

use libmtl::bundle::{self, Bundle};
use libmtl::engine::onnx::library_from_environment;
use libmtl::engine::{EngineKind, EngineOptions, Form, GpuOptions, Provider, ProviderRequest};
use libmtl::tagger::{DecodeOptions, Tagger};
use libmtl::{Cancel, Error, ErrorKind, Result, zoo};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Sentences of a timed call, and rounds, of which the median is told.
const SENTENCES: usize = 256;
const ROUNDS: usize = 11;

/// Whether the golden cases pass and all labels are the same; true, and a line, where no ONNX Runtime is named.
pub fn check(model: &Path, kernels: &Path, timed: bool) -> Result<bool> {
    let Some(library) = library_from_environment() else {
        println!("  operator: NOT RUN, ORT_DYLIB_PATH names no ONNX Runtime with the provider cuda");
        return Ok(true);
    };
    let folder = tempfile::tempdir().map_err(|fault| Error::io(model.display(), fault))?;
    bundle::fuse(model, folder.path())?;
    let bundle = Arc::new(Bundle::open(folder.path())?);
    let kernel_cache = Some(kernels.to_path_buf());
    let onnx = |graph| EngineOptions {
        engine: EngineKind::Onnx,
        graph,
        library: Some(library.clone()),
        providers: vec![ProviderRequest { provider: Provider::Cuda, required: true }],
        gpu: GpuOptions {
            kernel_cache: kernel_cache.clone().filter(|_| graph == Form::Fused),
            ..GpuOptions::default()
        },
        ..EngineOptions::default()
    };
    let gpu = GpuOptions { kernel_cache: kernel_cache.clone(), ..GpuOptions::default() };
    let own = EngineOptions { engine: EngineKind::Cuda, gpu, ..EngineOptions::default() };
    let open = |options: &EngineOptions| Tagger::open(Arc::clone(&bundle), options);
    let taggers = [open(&onnx(Form::Fused))?, open(&onnx(Form::Portable))?, open(&own)?];
    println!("  operator: {}", taggers[0].report().providers[0].reason);
    let (cases, cancel) = (bundle.golden()?, Cancel::new());
    let found = zoo::verify(&taggers[0], &cases, &cancel)?;
    for (name, pass) in [("alone", &found.alone), ("together", &found.batched)] {
        println!(
            "  operator, {name}: {} golden cases, {} failed, emissions differ by {:.1e} at most",
            pass.cases,
            pass.failures.len(),
            pass.difference
        );
    }
    let mut passed = found.passed();
    for case in &cases {
        let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
        let tag = |tagger: &Tagger| tagger.tag(&[&case.tokens], &case.task, &case.language, &options, &cancel);
        let [fused, portable, own] = [tag(&taggers[0])?, tag(&taggers[1])?, tag(&taggers[2])?];
        if fused != portable || fused != own {
            println!("  operator: other labels in {} {}: {}", case.task, case.language, case.tokens.join(" "));
            passed = false;
        }
    }
    if timed {
        time(&taggers, &cases, &cancel)?;
    }
    Ok(passed)
}

/// How long a sentence takes in a large call, from tokens to labels.
fn time(taggers: &[Tagger; 3], cases: &[bundle::GoldenCase], cancel: &Cancel) -> Result<()> {
    let first = cases.first().ok_or_else(|| Error::new(ErrorKind::Bundle, "no golden cases"))?;
    let sentences: Vec<&[String]> = cases.iter().cycle().take(SENTENCES).map(|case| &case.tokens[..]).collect();
    let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (tagger, times) in taggers.iter().zip(&mut times) {
            let start = Instant::now();
            tagger.tag(&sentences, &first.task, &first.language, &options, cancel)?;
            times.push(start.elapsed().as_secs_f64() * 1e6 / SENTENCES as f64);
        }
    }
    for (name, times) in ["fused on cuda", "portable on cuda", "engine cuda"].into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (median, least, most) = (times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
        println!(
            "  {name}: {median:.1} us a sentence, {SENTENCES} a call, median of {ROUNDS} ({least:.1} to {most:.1})"
        );
    }
    Ok(())
}
