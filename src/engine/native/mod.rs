//! The embedded engine: our kernels, fp32 arithmetic on fp16 weights, nothing beside the library.
//!
//! The word table stays in the bundle's own bytes; everything else is unpacked once: output layers when first asked for, the rest
//! when the engine is opened.
//! Emissions are the same bit for bit whatever else is in the batch and however many threads work on it.
//!
//! Memory of an engine, besides its weights: what the options give to the words that come again (`cache`). Memory of a call, besides
//! its result: as much again, the character features of the other distinct words (4 bytes a feature), and per
//! token and head 24 bytes a label (8 without a language-specific layer) for the two directions' halves of the output
//! layers.

pub(crate) mod cache;
mod encoder;
mod network;
mod schedule;

use super::{Attempt, Batch, Engine, EngineKind, EngineOptions, Head, Pool, Provider, Report, check, check_threads};
use crate::bundle::graph::Form;
use crate::bundle::manifest::Manifest;
use crate::bundle::{Bundle, Weights};
use crate::kernels::lstm::{Direction, Place};
use crate::kernels::output::Output;
use crate::kernels::{Kernel, KernelName};
use crate::{Cancel, Error, ErrorKind, Result};
use cache::WordCache;
pub(super) use encoder::Encoder;
use encoder::Words;
use half::slice::HalfFloatSliceExt;
#[cfg(feature = "cuda")]
pub(super) use network::Layers;
pub(crate) use network::{Buffers, Network, read, transitions};
use schedule::Joined;
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

    /// One direction over a group of sentences, the longest first: for each output layer, the sums of each sentence.
    fn half(&self, backward: bool, task: &Task, group: &[usize], buffers: &mut Buffers) -> Result<Vec<Vec<Vec<f32>>>> {
        let Task { batch, words, outputs, cancel } = *task;
        let lengths: Vec<usize> = group.iter().map(|&sentence| batch.sentences[sentence].len()).collect();
        let word = |place: Place| batch.sentences[group[place.sequence]][place.token] as usize;
        let mut fill = |place, row: &mut [f32]| self.encoder.fill(batch, words, word(place), row);
        let projected = |place| words.projected(word(place), backward);
        self.network.half((backward, &lengths), outputs, buffers, cancel, &projected, &mut fill)
    }
}

/// Refuses options that the native engine cannot meet.
pub(crate) fn check_options(options: &EngineOptions) -> Result<()> {
    check_threads(options.threads)?;
    options.gpu.check(EngineKind::Native, &[])?;
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
fn precision(kernel: KernelName) -> &'static str {
    match kernel {
        KernelName::Avx512Fp16 | KernelName::NeonFhm => "fp16 and fp32 arithmetic on fp16 weights",
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

/// What every part of a call reads.
#[derive(Clone, Copy)]
struct Task<'a> {
    batch: &'a Batch,
    words: &'a Words,
    outputs: &'a [&'a Output],
    cancel: &'a Cancel,
}

impl Engine for Native {
    fn report(&self) -> &Report {
        &self.report
    }

    fn emissions(&self, batch: &Batch, heads: &[Head], cancel: &Cancel) -> Result<Vec<Vec<Vec<f32>>>> {
        cancel.check()?;
        check(&self.manifest, batch, heads)?;
        let read = |name: &str| Ok(self.weights.tensor(name)?.data.to_f32_vec());
        let output = |&head: &Head| self.network.output(&self.manifest, head, &read);
        let outputs = heads.iter().map(output).collect::<Result<Vec<&Output>>>()?;
        let threads = self.report.threads;
        cancel.check()?;
        let words = self.encoder.encode(batch, &self.network.directions, &self.pool, threads, cancel)?;
        let task = Task { batch, words: &words, outputs: &outputs, cancel };
        // The longest first: sentences of like length run together, and the last work handed out is the least.
        let mut order: Vec<usize> = (0..batch.sentences.len()).collect();
        order.sort_by_key(|&sentence| std::cmp::Reverse(batch.sentences[sentence].len()));
        // Each group is two pieces of work, one a direction: smaller groups where threads would have none.
        let size = order.len().div_ceil(threads.div_ceil(2)).clamp(1, self.network.directions[0].group());
        let groups: Vec<&[usize]> = order.chunks(size).collect();
        let one_a_head = |_| heads.iter().map(|_| Joined::default()).collect();
        let joined: Vec<Vec<Joined>> = groups.iter().map(one_a_head).collect();
        in_parallel(&self.pool, threads, 2 * groups.len(), Buffers::default, |piece, buffers| {
            let (group, backward) = (piece / 2, piece % 2 == 1);
            let halves = self.half(backward, &task, groups[group], buffers)?;
            let mut heads = joined[group].iter().zip(&outputs).zip(halves);
            heads.try_for_each(|((joined, output), half)| joined.add(half, |a, b| output.combine(a, b, cancel)))
        })?;
        let mut results = vec![vec![Vec::new(); batch.sentences.len()]; heads.len()];
        for (group, joined) in groups.iter().zip(joined) {
            for (results, joined) in results.iter_mut().zip(joined) {
                for (&sentence, emissions) in group.iter().zip(joined.into_result()) {
                    results[sentence] = emissions;
                }
            }
        }
        Ok(results)
    }
}
