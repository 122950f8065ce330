//! The embedded engine: our kernels, fp32 arithmetic on fp16 weights, nothing beside the library.
//!
//! The word table stays in the bundle's own bytes; everything else is unpacked once: output layers when first asked for, the rest
//! when the engine is opened.
//! Emissions are the same bit for bit whatever else is in the batch and however many threads work on it.
//!
//! Memory of an engine, besides its weights: what the options give to the words that come again (`cache`). Memory of a call:
//! as much again, the character features of the other distinct words (4 bytes a feature), and for each thread a tile
//! (`kernels::tiles`): of up to 8 sentences (32 with AMX), per token and head 24 bytes a label (8 without a language-specific
//! layer) for the two directions' halves of the output layers, and the emissions of one sentence.

pub(crate) mod cache;
mod encoder;
mod network;
mod schedule;

use super::{
    Attempt, Batch, Engine, EngineKind, EngineOptions, Found, Head, Pool, Provider, Report, Take, check, check_threads,
};
use crate::bundle::graph::Form;
use crate::bundle::manifest::Manifest;
use crate::bundle::{Bundle, Weights};
use crate::kernels::lstm::{Direction, Place};
use crate::kernels::output::Output;
use crate::kernels::tiles::{Buffers, Tiles};
use crate::kernels::{Kernel, KernelName};
use crate::{Cancel, Error, ErrorKind, Result};
use cache::WordCache;
pub(super) use encoder::Encoder;
#[cfg(feature = "cuda")]
pub(super) use encoder::Words;
use half::slice::HalfFloatSliceExt;
#[cfg(feature = "cuda")]
pub(super) use network::{Layers, Reader};
pub(crate) use network::{Network, read, transitions};
pub(crate) use schedule::in_parallel;
use std::sync::Arc;

/// A bundle opened with the native engine.
#[derive(Debug)]
pub struct Native {
    manifest: Manifest,
    /// For the output layers, which are packed when first asked for.
    weights: Arc<Weights>,
    encoder: Encoder,
    network: Network,
    pool: Arc<Pool>,
    report: Report,
}

impl Native {
    /// Unpacks the weights of `bundle`; of `options`, threads, pool, kernel and word cache concern this engine.
    pub fn open(bundle: &Bundle, options: &EngineOptions) -> Result<Self> {
        let (pool, kernel) = (pool(options)?, kernel(options)?);
        let report = report(options, &pool, kernel);
        let place = |e: Error| e.at(bundle.place());
        let network = Network::new(bundle.manifest(), kernel, &|name| read(bundle, name)).map_err(place)?;
        let gates = network.directions.iter().map(Direction::gates).sum();
        Ok(Self {
            manifest: bundle.manifest().clone(),
            weights: bundle.shared_weights(),
            encoder: Encoder::open(bundle, kernel, WordCache::new(gates, options.word_cache)).map_err(place)?,
            network,
            pool,
            report,
        })
    }
}

/// Refuses options that the native engine cannot meet.
pub(crate) fn check_options(options: &EngineOptions) -> Result<()> {
    check_threads(options.threads)?;
    options.gpu.check(EngineKind::Native, &[], options.graph)?;
    if options.graph == Form::Fused {
        return Err(Error::new(ErrorKind::Argument, "the fused graph is for ONNX Runtime, and the engine is native")
            .remedy("leave the option out: the native engine always computes so; or use the engine `onnx`"));
    }
    if let Some(request) = options.providers.iter().find(|r| r.required && r.provider != Provider::Cpu) {
        return Err(Error::new(ErrorKind::Provider, format!("the native engine has no {}", request.provider))
            .remedy("use the engine `onnx`, or the provider `cpu`"));
    }
    Ok(())
}

/// The pool that `options` name, or one of their own.
pub(crate) fn pool(options: &EngineOptions) -> Result<Arc<Pool>> {
    match &options.pool {
        Some(pool) => Ok(Arc::clone(pool)),
        None => Ok(Arc::new(Pool::new(options.threads.max(1) - 1)?)),
    }
}

/// The kernel that `options` name, or the best one.
pub(crate) fn kernel(options: &EngineOptions) -> Result<Kernel> {
    options.kernel.map_or(Ok(Kernel::best()), Kernel::named)
}

/// What a kernel computes an LSTM in.
pub(crate) fn precision(kernel: KernelName) -> &'static str {
    match kernel {
        KernelName::Avx512Fp16 | KernelName::NeonFhm => "fp16 and fp32 arithmetic on fp16 weights",
        KernelName::Avx512Int16 => "16-bit integer and fp32 arithmetic on fp16 weights",
        KernelName::AmxBf16 => "bf16 and fp32 arithmetic on fp16 weights",
        _ => "fp32 arithmetic on fp16 weights",
    }
}

/// What runs where.
pub(crate) fn report(options: &EngineOptions, pool: &Pool, kernel: Kernel) -> Report {
    let attempt = |provider: Provider, required| {
        let used = provider == Provider::Cpu;
        let native = format!("kernel {}", kernel.name());
        let reason = if used { native } else { "the native engine computes on the processor".into() };
        Attempt { provider: provider.to_string(), required, used, reason }
    };
    let mut providers: Vec<Attempt> = options.providers.iter().map(|r| attempt(r.provider, r.required)).collect();
    if !providers.iter().any(|attempt| attempt.used) {
        providers.push(attempt(Provider::Cpu, false));
    }
    Report {
        engine: "native".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        precision: precision(kernel.name()).into(),
        kernel: Some(kernel.name().to_string()),
        threads: options.threads.max(1).min(pool.threads() + 1),
        providers,
    }
}

impl Engine for Native {
    fn report(&self) -> &Report {
        &self.report
    }

    fn run(&self, batch: &Batch, heads: &[Head], _paths: bool, cancel: &Cancel, take: Take) -> Result<()> {
        cancel.check()?;
        check(&self.manifest, batch, heads)?;
        let read = |name: &str| Ok(self.weights.tensor(name)?.data.to_f32_vec());
        let output = |&head: &Head| self.network.output(&self.manifest, head, &read);
        let outputs = heads.iter().map(output).collect::<Result<Vec<&Output>>>()?;
        let threads = self.report.threads;
        cancel.check()?;
        let words = self.encoder.encode(batch, &self.network.directions, &self.pool, threads, cancel)?;
        let tiles =
            Tiles::new(&self.network.directions, &outputs, batch.sentences.iter().map(Vec::len), threads, cancel);
        in_parallel(&self.pool, threads, tiles.pieces(), Buffers::default, |piece, buffers| {
            let word = |place: Place| batch.sentences[place.sequence][place.token] as usize;
            let projected = |place, backward| words.projected(word(place), backward);
            let mut fill = |place, row: &mut [f32]| self.encoder.fill(batch, &words, word(place), row);
            let mut take = |head, sentence, emissions: &[f32]| take(head, sentence, Found::Emissions(emissions));
            tiles.run(piece, buffers, &projected, &mut fill, &mut take)
        })
    }
}
