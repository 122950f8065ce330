//! The kernels of [`kernels::cuda`](crate::kernels::cuda), on an NVIDIA GPU. NOT RUN on a GPU yet: tests run it on a driver
//! that stands in for CUDA's.
//!
//! Words become feature rows on the processor, as for the native engine, and are kept for the words that come again; what
//! is above them, the GPU computes. Weights, rows and hidden states are half precision, sums single precision.
//! A sentence's result is the same, bit for bit, whatever is beside it.

pub(in crate::engine) mod network;

use super::gate::Gate;
use super::native::cache::WordCache;
use super::native::{Encoder, Words, pool, read};
use super::{Attempt, Batch, Engine, EngineOptions, Found, Head, Pool, Report, Take, check, check_threads};
use crate::bundle::Bundle;
use crate::bundle::graph::Form;
use crate::bundle::manifest::Manifest;
use crate::kernels::cuda::{Cache, Device, Driver, Kernels, Network, Request, Scores};
use crate::{Cancel, Error, ErrorKind, Result};
use half::slice::HalfFloatSliceExt;
use network::Heads;
use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens that the GPU takes at a time, unless a single sentence is longer.
const TOKENS: usize = 8192;

/// A bundle opened on a GPU. Calls take turns there.
pub struct Cuda {
    manifest: Manifest,
    encoder: Encoder,
    heads: Vec<Heads>,
    gate: Gate,
    /// None only while it is dropped.
    network: Mutex<Option<Network>>,
    process: u32,
    pool: Arc<Pool>,
    report: Report,
}

/// The GPUs of this machine and their driver, in words; the error is that of a missing driver, or of no GPU.
pub fn available(options: &EngineOptions) -> Result<String> {
    let driver = Driver::load(options.library.as_deref())?;
    let count = driver.devices()?;
    let describe = |number: usize| match Device::open(&driver, u16::try_from(number).unwrap_or(u16::MAX)) {
        Ok(device) => format!("GPU {number}: {}, {}", device.name(), device.architecture()),
        Err(error) => error.to_string(),
    };
    let devices: Vec<String> = (0..count).map(describe).collect();
    if devices.is_empty() {
        return Err(Error::new(ErrorKind::Engine, "the CUDA driver has no GPU").remedy("use the native engine"));
    }
    Ok(format!("driver of CUDA {}; {}", driver.version(), devices.join("; ")))
}

impl Cuda {
    /// Copies the weights of `bundle` to the GPU. Of `options`, threads, pool and kernel concern the words' features; the
    /// library is CUDA's driver.
    pub fn open(bundle: &Bundle, options: &EngineOptions) -> Result<Self> {
        check_options(options)?;
        let cache = options.gpu.kernel_cache.as_deref().map(Cache::new).transpose()?;
        let (pool, cpu, number) = (pool(options)?, super::native::kernel(options)?, options.gpu.device.unwrap_or(0));
        let driver = Driver::load(options.library.as_deref())?;
        let device = Device::open(&driver, number)?;
        let place = |error: Error| error.at(bundle.place());
        let manifest = bundle.manifest().clone();
        let mut kernels = Kernels::new(&device, cache);
        let (network, heads) = network::open(&manifest, &mut kernels, &|name| read(bundle, name)).map_err(place)?;
        let sizes = network.sizes();
        let (name, architecture) = (device.name(), device.architecture());
        let used = format!("GPU {number}, {name}, {architecture}, driver of CUDA {}", driver.version());
        let reason = format!("{used}; {}; NOT RUN on a GPU by its authors", kernels.note());
        let report = Report {
            engine: "cuda".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            precision: "fp16 products in fp32 sums on fp16 weights".into(),
            kernel: Some(network::kernel(&sizes)),
            threads: options.threads.max(1).min(pool.threads() + 1),
            providers: vec![Attempt { provider: "cuda".into(), required: true, used: true, reason }],
        };
        let encoder = Encoder::open(bundle, cpu, WordCache::new(sizes.inputs, options.word_cache)).map_err(place)?;
        let (gate, network, process) = (Gate::default(), Mutex::new(Some(network)), std::process::id());
        Ok(Self { manifest, encoder, heads, gate, network, process, pool, report })
    }

    /// What the GPU makes of the sentences of `group`, for each request; waits for its turn there.
    fn compute(
        &self,
        batch: &Batch,
        words: &Words,
        group: &[usize],
        requests: &[Request],
        cancel: &Cancel,
    ) -> Result<Vec<Scores>> {
        let lengths: Vec<usize> = group.iter().map(|&sentence| batch.sentences[sentence].len()).collect();
        let tokens: Vec<u32> = group.iter().flat_map(|&sentence| &batch.sentences[sentence]).copied().collect();
        let mut row = vec![0.0; self.encoder.width()];
        let _turn = self.gate.pass(cancel)?;
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(network) = network.as_mut() else {
            return Err(Error::new(ErrorKind::Engine, "the engine is being closed"));
        };
        let fill = |token: usize, halves: &mut [half::f16]| {
            let word = tokens[token] as usize;
            match words.kept(word) {
                Some(kept) => halves.convert_from_f32_slice(kept),
                None => {
                    self.encoder.fill(batch, words, word, &mut row);
                    halves.convert_from_f32_slice(&row);
                }
            }
        };
        network.run(&lengths, fill, requests)
    }
}

impl Engine for Cuda {
    fn report(&self) -> &Report {
        &self.report
    }

    fn run(&self, batch: &Batch, heads: &[Head], paths: bool, cancel: &Cancel, take: Take) -> Result<()> {
        cancel.check()?;
        check(&self.manifest, batch, heads)?;
        if std::process::id() != self.process {
            let message = "this process was forked from the one that opened the engine; CUDA does not survive that";
            return Err(Error::new(ErrorKind::Engine, message).remedy("open a native engine after the fork"));
        }
        let request = |head: &Head| Request { head: self.heads[head.task].number(head), path: paths, marginals: None };
        let requests: Vec<Request> = heads.iter().map(request).collect();
        let words = self.encoder.encode(batch, &[], &self.pool, self.report.threads, cancel)?;
        for group in groups(batch) {
            let found = self.compute(batch, &words, &group, &requests, cancel)?;
            for (index, (head, scores)) in heads.iter().zip(&found).enumerate() {
                let labels = self.manifest.tasks[head.task].labels.len();
                let mut begin = 0;
                for &sentence in &group {
                    let end = begin + batch.sentences[sentence].len();
                    let emissions = &scores.emissions[begin * labels..end * labels];
                    if !emissions.iter().all(|value| value.is_finite()) {
                        let message = "the GPU computed emissions that are not finite";
                        return Err(Error::new(ErrorKind::Engine, message).remedy("use the native engine"));
                    }
                    let path = paths.then(|| Found::Path(&scores.path[begin..end]));
                    take(index, sentence, path.unwrap_or(Found::Emissions(emissions)))?;
                    begin = end;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        let network = self.network.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() != self.process {
            // A forked child has no way to the GPU, so freeing something there would hang or crash.
            std::mem::forget(network);
        }
    }
}

/// Refuses options that this engine cannot meet.
fn check_options(options: &EngineOptions) -> Result<()> {
    check_threads(options.threads)?;
    options.gpu.check(super::EngineKind::Cuda, &[], options.graph)?;
    if options.graph == Form::Fused {
        return Err(Error::new(ErrorKind::Argument, "the fused graph is for ONNX Runtime, and the engine is cuda")
            .remedy("leave the option out, or use the engine `onnx`"));
    }
    if options.providers.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument, "execution providers belong to ONNX Runtime, and the engine is cuda")
        .remedy("name none, or use the engine `onnx` with its provider cuda"))
}

/// The sentences of a batch for the GPU, the longest first, as those that run together wait for the longest.
fn groups(batch: &Batch) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..batch.sentences.len()).collect();
    order.sort_by_key(|&sentence| Reverse(batch.sentences[sentence].len()));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for sentence in order {
        let length = batch.sentences[sentence].len();
        match groups.last_mut() {
            Some(group) if length <= room => group.push(sentence),
            _ => {
                groups.push(vec![sentence]);
                room = TOKENS;
            }
        }
        room = room.saturating_sub(length);
    }
    groups
}
