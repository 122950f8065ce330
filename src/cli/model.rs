//! From what the user named to an opened model.

use crate::args::{EngineArgs, EngineName, ProviderName, ZooArgs};
use libmtl::bundle::Bundle;
use libmtl::engine::onnx::library_from_environment;
use libmtl::engine::{Attempt, EngineKind, EngineOptions, GpuOptions, ProviderRequest, Report};
use libmtl::scorer::{Scorer, SentenceVectors};
use libmtl::zoo::{self, Zoo};
use libmtl::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The zoo that the user named, or the first that is found.
pub fn zoo(args: &ZooArgs) -> Result<Option<Zoo>> {
    match &args.zoo {
        Some(root) => Zoo::open(root).map(Some),
        None => Zoo::find(&usual_places()),
    }
}

/// Where a zoo usually is: here, where an installation puts it, and in a checkout above `target/release`.
fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("models")];
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    if let Some(folder) = program.ok().as_deref().and_then(|path| path.parent()) {
        places.push(folder.join("../share/libmtl/models"));
        places.push(folder.join("../../models"));
    }
    places
}

/// Opens the bundle called `model`; an id of the zoo comes before a path of that name.
pub fn open(model: &str, args: &ZooArgs) -> Result<Arc<Bundle>> {
    let path = zoo::resolve(model, zoo(args)?.as_ref())?;
    Bundle::open(&path).map(Arc::new)
}

/// Opens a scorer, with the table of word vectors at `vectors` where it has none of its own.
pub fn scorer(bundle: Arc<Bundle>, engine: EngineOptions, vectors: Option<&Path>) -> Result<Scorer> {
    let scorer = Scorer::open(bundle, &engine)?;
    match (vectors, scorer.given_width()) {
        (None, None) => Ok(scorer),
        (None, Some(width)) => {
            let message = format!("the model reads word vectors of width {width} by sentence, and there are none");
            let remedy = "pass a table of them with --vectors; docs/training.md says how to make one";
            Err(Error::new(ErrorKind::Argument, message).remedy(remedy))
        }
        (Some(path), _) => {
            let vectors = Arc::new(SentenceVectors::open(path)?);
            scorer.with_vectors(vectors).map_err(|e| e.at(path.display()).at("--vectors"))
        }
    }
}

/// What the library wants to know about the engine.
pub fn engine_options(args: &EngineArgs) -> Result<EngineOptions> {
    if args.engine != EngineName::Onnx && (!args.order.is_empty() || args.ort_library.is_some()) {
        return Err(Error::new(
            ErrorKind::Argument,
            format!(
                "--provider, --prefer and --ort-library belong to ONNX Runtime, and the engine is {}",
                EngineKind::from(args.engine)
            ),
        )
        .remedy("add --engine onnx"));
    }
    let request =
        |&(provider, required): &(ProviderName, bool)| ProviderRequest { provider: provider.into(), required };
    let threads = args.threads.map_or_else(processors, usize::from);
    Ok(EngineOptions {
        engine: args.engine.into(),
        threads,
        library: args.ort_library.clone().or_else(library_from_environment).filter(|_| args.engine == EngineName::Onnx),
        kernel: args.kernel,
        graph: args.graph.unwrap_or_default(),
        word_cache: args.word_cache.map(|kibibytes| u64::from(kibibytes) << 10),
        providers: args.order.iter().map(request).collect(),
        gpu: GpuOptions {
            device: args.gpu.gpu_device,
            memory: args.gpu.gpu_memory.map(|mebibytes| u64::from(mebibytes) << 20),
            tensorrt_cache: args.gpu.tensorrt_cache.clone(),
            tensorrt_fp16: args.gpu.tensorrt_fp16,
            kernel_cache: args.gpu.kernel_cache.clone(),
        },
        ..EngineOptions::default()
    })
}

/// The GPUs in words, or why there is none; nothing in a build without the engine for them.
#[cfg(feature = "cuda")]
pub fn cuda(options: &EngineOptions) -> Option<Result<String>> {
    Some(libmtl::engine::cuda::available(options))
}

/// Nothing: this build has no engine for GPUs.
#[cfg(not(feature = "cuda"))]
pub fn cuda(_: &EngineOptions) -> Option<Result<String>> {
    None
}

/// How many threads suit this machine.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What came of each provider that was asked for, for the user.
pub fn provider_notes(report: &Report) -> Vec<String> {
    let note = |attempt: &Attempt| {
        let outcome = if attempt.used { "in use" } else { "not in use" };
        let reason = if attempt.reason.is_empty() { String::new() } else { format!(": {}", attempt.reason) };
        format!("provider {}: {outcome}{reason}", attempt.provider)
    };
    report.providers.iter().map(note).collect()
}
