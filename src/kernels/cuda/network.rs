//! A tagger above its features, in a GPU.
//!
//! Weights are copied there once. A call copies its feature rows, launches the input projection, the BiLSTM (both
//! directions, one launch) and for each head the output layer with its CRF, and copies back what was asked for. The
//! memory of a call is kept for the next, and freed where a call fails. [`Guest`](super::Guest) has rows and results elsewhere.

use super::device::{Current, Device, Memory, Pinned};
use super::stream::Stream;
use super::{Bilstm, Crf, HeadWeights, Kernels, Loaded, Projection, Sizes, Weights};
use crate::{Error, ErrorKind, Result};
use half::f16;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A BiLSTM with its heads: output layers and CRFs.
pub struct Network {
    pub(super) sizes: Sizes,
    pub(super) device: Arc<Device>,
    /// Its own, for weights and for calls of [`Network::run`].
    stream: Arc<Stream>,
    project: Loaded,
    /// By how many tiles a block takes.
    bilstm: Vec<(usize, Loaded)>,
    projection: Memory,
    projection_bias: Memory,
    recurrent: Memory,
    pub(super) heads: Vec<Head>,
    pub(super) work: Work,
}

/// An output layer and its CRF.
pub(super) struct Head {
    pub labels: usize,
    kernel: Arc<Loaded>,
    output: Memory,
    bias: Memory,
    pub start: Memory,
    pub end: Memory,
    pub entering: Memory,
    leaving: Memory,
}

/// What is asked of a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Its number.
    pub head: usize,
    /// Whether the best path is wanted.
    pub path: bool,
    /// The temperature of the marginals, where they are wanted.
    pub marginals: Option<f32>,
}

/// What a head gives, of all sentences, one after the other; empty where it was not asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// `[token, labels]`.
    pub emissions: Vec<f32>,
    /// `[token]`: the best path.
    pub path: Vec<u16>,
    /// `[token, labels]`.
    pub marginals: Vec<f32>,
    /// `[token, labels]`: backward scores without the token's emission, up to a constant a token.
    pub log_beta: Vec<f32>,
    /// `[sentence]`.
    pub log_z: Vec<f32>,
}

/// Memory of a call, kept for the next.
pub(super) struct Work {
    /// Rows, numbers.
    pub sent: [Pinned; 2],
    received: Pinned,
    pub rows: Memory,
    /// Offsets, and what a guest sends after them.
    pub numbers: Memory,
    gates: Memory,
    states: Memory,
    pub emissions: Memory,
    pointers: Memory,
    pub path: Memory,
    marginals: Memory,
    log_beta: Memory,
    log_z: Memory,
}

impl Network {
    /// Copies the weights to the device of `kernels`; `sizes` are for its architecture. There are no heads yet.
    pub fn new(kernels: &mut Kernels, sizes: Sizes, weights: &Weights) -> Result<Self> {
        if !weights.fit(&sizes) {
            return Err(Error::new(ErrorKind::Argument, "the weights are of other sizes than the network"));
        }
        let device = Arc::clone(kernels.device());
        let stream = Arc::new(Stream::new(&device)?);
        let load = |tiles| Ok((tiles, kernels.load(&sizes.bilstm(tiles))?));
        let bilstm = sizes.tiles().map(load).collect::<Result<_>>()?;
        Ok(Self {
            sizes,
            project: kernels.load(&sizes.project())?,
            bilstm,
            projection: Memory::of(&stream, &weights.projection)?,
            projection_bias: Memory::of(&stream, &weights.projection_bias)?,
            recurrent: Memory::of(&stream, &weights.recurrent)?,
            heads: Vec::new(),
            work: Work::empty(&device),
            stream,
            device,
        })
    }

    /// Adds a head, whose number is that of the heads before it; `sizes` are those of the network, with its labels.
    pub fn add(&mut self, kernels: &mut Kernels, sizes: Sizes, weights: &HeadWeights) -> Result<usize> {
        let labels = sizes.labels;
        if sizes != (Sizes { labels, ..self.sizes }) || !weights.fit(&sizes) {
            return Err(Error::new(ErrorKind::Argument, "the head's weights are of other sizes than the network"));
        }
        let same = self.heads.iter().find(|head| head.labels == labels).map(|head| Arc::clone(&head.kernel));
        let kernel = match same {
            Some(kernel) => kernel,
            None => Arc::new(kernels.load(&sizes.crf())?),
        };
        let stream = &self.stream;
        self.heads.push(Head {
            labels,
            kernel,
            output: Memory::of(stream, &weights.output)?,
            bias: Memory::of(stream, &weights.output_bias)?,
            start: Memory::of(stream, &weights.start)?,
            end: Memory::of(stream, &weights.end)?,
            entering: Memory::of(stream, &weights.entering)?,
            leaving: Memory::of(stream, &weights.leaving)?,
        });
        Ok(self.heads.len() - 1)
    }

    /// Its sizes; those of heads have other labels.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Runs sentences of these lengths; `fill` writes the feature row of a token, counted through all sentences. Short
    /// memory is an error of the kind `Limit`, after which less can be run.
    pub fn run(
        &mut self,
        lengths: &[usize],
        fill: impl FnMut(usize, &mut [f16]),
        requests: &[Request],
    ) -> Result<Vec<Scores>> {
        let stream = Arc::clone(&self.stream);
        self.guarded(&stream, |network, current| {
            let tokens = count(lengths)?;
            let parts = arranged(network.parts(requests, tokens, lengths.len())?);
            // All memory is taken before anything is begun, for taking it may free what is in use.
            network.reserve(current, tokens, lengths.len() + 1, &parts)?;
            network.work.receive(current, &parts)?;
            network.send(current, lengths, tokens, fill)?;
            network.encode(current, &stream, tokens, lengths.len())?;
            for (request, parts) in requests.iter().zip(&parts) {
                network.decode(current, &stream, request, parts, lengths.len())?;
                network.work.fetch(current, &stream, parts)?;
            }
            stream.finish(current)?;
            Ok(parts.iter().map(|parts| network.work.received(parts)).collect())
        })
    }

    /// How long the launch of the BiLSTM takes with sentences of these lengths, `repeats` of which follow each other. For
    /// measurements.
    pub fn time_bilstm(&mut self, lengths: &[usize], repeats: u32) -> Result<Duration> {
        self.run(lengths, |_, row| row.fill(f16::ZERO), &[])?;
        let stream = Arc::clone(&self.stream);
        self.guarded(&stream, |network, current| {
            let start = Instant::now();
            for _ in 0..repeats {
                network.bilstm(current, &stream, lengths.len())?;
            }
            stream.finish(current)?;
            Ok(start.elapsed() / repeats.max(1))
        })
    }

    /// Does `work` in the device's context. Where it fails, waits for what was begun on `stream`, and frees the memory of
    /// calls.
    pub(super) fn guarded<T>(
        &mut self,
        stream: &Stream,
        work: impl FnOnce(&mut Self, &Current) -> Result<T>,
    ) -> Result<T> {
        let device = Arc::clone(&self.device);
        let current = device.enter()?;
        let done = work(self, &current);
        if done.is_err() {
            // What fails here has failed already.
            let _ = stream.finish(&current);
            self.work.clear(&current);
        }
        done
    }

    /// Takes the memory of a call that sends so many numbers, before its first launch: growing frees what was there.
    pub(super) fn reserve(
        &mut self,
        current: &Current,
        tokens: usize,
        numbers: usize,
        parts: &[[Part; 5]],
    ) -> Result<()> {
        let (units, work) = (self.sizes.units(), &mut self.work);
        work.rows.reserve(current, tokens * self.sizes.row() * size_of::<f16>())?;
        work.numbers.reserve(current, numbers * size_of::<i32>())?;
        work.sent[1].reserve(current, numbers * size_of::<i32>())?;
        work.gates.reserve(current, tokens * 2 * units * size_of::<[f32; 4]>())?;
        work.states.reserve(current, tokens * 2 * units * size_of::<f16>())?;
        work.reserve(current, parts)
    }

    /// Copies rows and offsets.
    fn send(
        &mut self,
        current: &Current,
        lengths: &[usize],
        tokens: usize,
        mut fill: impl FnMut(usize, &mut [f16]),
    ) -> Result<()> {
        let (row, inputs, work) = (self.sizes.row(), self.sizes.inputs, &mut self.work);
        work.sent[0].reserve(current, tokens * row * size_of::<f16>())?;
        for (token, row) in work.sent[0].values::<f16>(0, tokens * row).chunks_exact_mut(row).enumerate() {
            let (values, padding) = row.split_at_mut(inputs);
            fill(token, values);
            padding.fill(f16::ZERO);
        }
        write_offsets(work.sent[1].values(0, lengths.len() + 1), lengths.iter().copied());
        let bytes = [tokens * row * size_of::<f16>(), (lengths.len() + 1) * size_of::<i32>()];
        for ((from, to), bytes) in work.sent.iter().zip([&work.rows, &work.numbers]).zip(bytes) {
            if bytes > 0 {
                // SAFETY: the pinned memory has so many bytes, and is written again after the stream is finished.
                unsafe { self.stream.upload(current, from, to, bytes) }?;
            }
        }
        Ok(())
    }

    /// Launches what makes hidden states of rows.
    pub(super) fn encode(&self, current: &Current, stream: &Stream, tokens: usize, sentences: usize) -> Result<()> {
        if tokens == 0 {
            return Ok(());
        }
        self.project(current, stream, tokens)?;
        self.bilstm(current, stream, sentences)
    }

    fn project(&self, current: &Current, stream: &Stream, tokens: usize) -> Result<()> {
        let arguments = Projection {
            weights: self.projection.address(),
            bias: self.projection_bias.address(),
            rows: self.work.rows.address(),
            outputs: self.work.gates.address(),
            tokens: tokens as i32,
            groups: (2 * self.sizes.units() / 8) as i32,
        };
        // SAFETY: weights are packed for these sizes; `reserve` took the memory of rows and gates.
        unsafe { stream.launch(current, &self.project, self.sizes.project_blocks(tokens), &arguments) }
    }

    fn bilstm(&self, current: &Current, stream: &Stream, sentences: usize) -> Result<()> {
        let arguments = Bilstm {
            weights: self.recurrent.address(),
            inputs: self.work.gates.address(),
            offsets: self.work.numbers.address(),
            states: self.work.states.address(),
            sentences: sentences as i32,
        };
        // The fewest tiles with which all blocks run at the same time; else the most, which share reads of the weights.
        let blocks = |tiles: usize| self.sizes.bilstm_blocks(tiles, sentences);
        let fits = |(tiles, _): &&(usize, Loaded)| blocks(*tiles) <= self.device.processors();
        let Some((tiles, kernel)) = self.bilstm.iter().find(fits).or(self.bilstm.last()) else {
            return Err(Error::new(ErrorKind::Engine, "no kernel takes so many hidden units"));
        };
        // SAFETY: weights are packed for these sizes; `reserve` took the memory of gates and states, and the caller sends
        // the offsets.
        unsafe { stream.launch(current, kernel, blocks(*tiles), &arguments) }
    }

    /// What each of `requests` gives, in the order of [`Scores`].
    pub(super) fn parts(&self, requests: &[Request], tokens: usize, sentences: usize) -> Result<Vec<[Part; 5]>> {
        let parts = requests.iter().map(|request| {
            let Some(head) = self.heads.get(request.head) else {
                return Err(Error::new(ErrorKind::Argument, format!("there is no head {}", request.head)));
            };
            let (scores, marginals) = (tokens * head.labels, request.marginals.is_some());
            let counts = [
                (scores, size_of::<f32>(), true),
                (tokens, size_of::<u16>(), request.path),
                (scores, size_of::<f32>(), marginals),
                (scores, size_of::<f32>(), marginals),
                (sentences, size_of::<f32>(), marginals),
            ];
            Ok(counts.map(|(count, size, wanted)| {
                let count = if wanted { count } else { 0 };
                Part { skip: 0, count, bytes: count * size }
            }))
        });
        parts.collect()
    }

    /// Launches the output layer and the CRF; nothing where there are no tokens.
    pub(super) fn decode(
        &self,
        current: &Current,
        stream: &Stream,
        request: &Request,
        parts: &[Part; 5],
        sentences: usize,
    ) -> Result<()> {
        if parts[0].count == 0 {
            return Ok(());
        }
        let (head, work) = (&self.heads[request.head], &self.work);
        let wanted = |memory: &Memory, part: usize| if parts[part].count > 0 { memory.address() } else { 0 };
        let arguments = Crf {
            weights: head.output.address(),
            bias: head.bias.address(),
            states: work.states.address(),
            offsets: work.numbers.address(),
            start: head.start.address(),
            end: head.end.address(),
            entering: head.entering.address(),
            leaving: head.leaving.address(),
            emissions: work.emissions.address(),
            pointers: work.pointers.address(),
            path: wanted(&work.path, 1),
            marginals: wanted(&work.marginals, 2),
            log_beta: wanted(&work.log_beta, 3),
            log_z: wanted(&work.log_z, 4),
            scale: request.marginals.map_or(1.0, |temperature| 1.0 / temperature),
        };
        // SAFETY: weights are packed for these sizes; `reserve` took the memory.
        unsafe { stream.launch(current, &head.kernel, sentences, &arguments) }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Ok(current) = self.device.enter() {
            // Nothing is freed that is in use; nobody is left to be told of a failure.
            let _ = self.stream.finish(&current);
        }
    }
}

/// The most tokens of a call, and the most sentences: the kernels count in 32 bits.
const MOST: usize = 1 << 24;

/// The tokens of sentences of these lengths.
pub(super) fn count(lengths: &[usize]) -> Result<usize> {
    let tokens = lengths.iter().fold(0, |sum: usize, &length| sum.saturating_add(length));
    if tokens.max(lengths.len()) <= MOST {
        return Ok(tokens);
    }
    let message = format!("{tokens} tokens in {} sentences, where {MOST} are the limit of a call", lengths.len());
    Err(Error::new(ErrorKind::Limit, message).remedy("pass less at once"))
}

/// Writes the first token of each sentence, and last the number of tokens.
pub(super) fn write_offsets(offsets: &mut [i32], lengths: impl Iterator<Item = usize>) {
    let mut end = 0;
    for (offset, length) in offsets.iter_mut().zip(lengths.chain([0])) {
        *offset = end as i32;
        end += length;
    }
}

/// A piece of what a head gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Bytes before it, where it is copied back.
    skip: usize,
    count: usize,
    bytes: usize,
}

/// Gives each part its place, aligned for any value.
fn arranged(mut parts: Vec<[Part; 5]>) -> Vec<[Part; 5]> {
    let mut end = 0;
    for part in parts.iter_mut().flatten() {
        part.skip = end;
        end = (end + part.bytes).next_multiple_of(16);
    }
    parts
}

impl Work {
    fn empty(device: &Arc<Device>) -> Self {
        let (pinned, memory) = (|| Pinned::empty(device), || Memory::empty(device));
        Self {
            sent: [pinned(), pinned()],
            received: pinned(),
            rows: memory(),
            numbers: memory(),
            gates: memory(),
            states: memory(),
            emissions: memory(),
            pointers: memory(),
            path: memory(),
            marginals: memory(),
            log_beta: memory(),
            log_z: memory(),
        }
    }

    /// Takes the memory of what heads give. They are computed in turn, so one memory of each kind serves all.
    fn reserve(&mut self, current: &Current, parts: &[[Part; 5]]) -> Result<()> {
        let largest = |part: usize| parts.iter().map(|parts| parts[part].bytes).max().unwrap_or(0);
        // A back pointer a score.
        let pointers = parts.iter().filter(|parts| parts[1].count > 0).map(|parts| parts[0].count).max();
        self.pointers.reserve(current, pointers.unwrap_or(0))?;
        let memories = [&mut self.emissions, &mut self.path, &mut self.marginals, &mut self.log_beta, &mut self.log_z];
        for (part, memory) in memories.into_iter().enumerate() {
            memory.reserve(current, largest(part))?;
        }
        Ok(())
    }

    /// Takes the host's memory for it.
    fn receive(&mut self, current: &Current, parts: &[[Part; 5]]) -> Result<()> {
        let bytes = parts.iter().flatten().map(|part| part.skip + part.bytes).max();
        self.received.reserve(current, bytes.unwrap_or(0))
    }

    /// Copies back what a head has given.
    fn fetch(&mut self, current: &Current, stream: &Stream, parts: &[Part; 5]) -> Result<()> {
        if parts[0].count == 0 {
            // Nothing is launched for no tokens; the sum of no paths is 1.
            self.received.values::<f32>(parts[4].skip, parts[4].count).fill(0.0);
            return Ok(());
        }
        let memories = [&self.emissions, &self.path, &self.marginals, &self.log_beta, &self.log_z];
        for (memory, part) in memories.into_iter().zip(parts).filter(|(_, part)| part.bytes > 0) {
            stream.download(current, memory, &self.received, part.skip, part.bytes)?;
        }
        Ok(())
    }

    /// What was copied back; the stream is finished.
    fn received(&mut self, parts: &[Part; 5]) -> Scores {
        let received = &mut self.received;
        let mut floats = |part: usize| received.values::<f32>(parts[part].skip, parts[part].count).to_vec();
        let [emissions, marginals, log_beta, log_z] = [0, 2, 3, 4].map(&mut floats);
        let path = received.values::<u16>(parts[1].skip, parts[1].count).to_vec();
        Scores { emissions, path, marginals, log_beta, log_z }
    }

    fn clear(&mut self, current: &Current) {
        for memory in self.sent.iter_mut().chain([&mut self.received]) {
            memory.clear(current);
        }
        let Self { rows, numbers, gates, states, emissions, pointers, path, marginals, log_beta, log_z, .. } = self;
        for memory in [rows, numbers, gates, states, emissions, pointers, path, marginals, log_beta, log_z] {
            memory.clear(current);
        }
    }
}
