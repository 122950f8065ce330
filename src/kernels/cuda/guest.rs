//! A network that works for another library: on its stream, and in its memory of the GPU. Nothing waits for the GPU but
//! what fails, and a call whose predecessor is not done.
//!
//! The rows of a call are those of its distinct words, in single precision. Gathering them costs less than gathering what
//! the projection makes of them, which is some 25 times as long; so each token is projected, as in [`Network::run`].

use super::device::{Current, Loaded};
use super::network::{Network, Part, Request, count, write_offsets};
use super::stream::{Event, Stream};
use super::{Address, Gather, Kernels, Pad};
use crate::Result;
use std::cmp::Reverse;
use std::ffi::c_void;
use std::sync::Arc;

/// A network for calls of another library.
pub struct Guest {
    network: Network,
    gather: Loaded,
    /// One a head.
    pads: Vec<Arc<Loaded>>,
    /// The end of the last call, whose memory the next one takes over.
    done: Event,
}

/// A call over `batch` sentences, padded to `time` tokens.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The stream.
    pub stream: *mut c_void,
    /// `[words, inputs]`, in single precision.
    pub words: Address,
    /// `[time, batch]`: the word of each token.
    pub tokens: &'a [i64],
    /// `[batch]`: none more than `time`.
    pub lengths: &'a [usize],
    /// What is computed.
    pub tensors: &'a [Tensors],
}

/// Where what a head gives is written to. Zeros stand after the end of a sentence.
#[derive(Debug, Clone, Copy)]
pub struct Tensors {
    /// The head's number.
    pub head: usize,
    /// `[batch, time]`, of 64 bits: the best path; -1 throughout a sentence that has an emission that is not finite.
    pub labels: Address,
    /// `[batch]`, in single precision: the score of each best path.
    pub scores: Address,
    /// `[batch, time, labels]`, in single precision.
    pub emissions: Address,
}

impl Guest {
    /// Of a network with all its heads.
    pub fn new(kernels: &mut Kernels, network: Network) -> Result<Self> {
        let mut pads: Vec<Arc<Loaded>> = Vec::new();
        for (number, head) in network.heads.iter().enumerate() {
            let same = network.heads[..number].iter().position(|other| other.labels == head.labels);
            pads.push(match same {
                Some(other) => Arc::clone(&pads[other]),
                None => Arc::new(kernels.load(&network.sizes.with_labels(head.labels)?.pad())?),
            });
        }
        let (gather, done) = (kernels.load(&network.sizes.gather())?, Event::new(&network.device)?);
        Ok(Self { network, gather, pads, done })
    }

    /// Asks the stream of `call` for its work. An error leaves nothing behind in the stream, and the next call works.
    ///
    /// # Safety
    ///
    /// The stream is one of the device's primary context. The addresses are of memory in that context, as long as their
    /// shapes say, which nobody else uses before the stream has done the work; each token is less than the number of words.
    pub unsafe fn run(&mut self, call: &Call) -> Result<()> {
        if call.lengths.is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's stream outlives this call.
        let stream = unsafe { Stream::foreign(&self.network.device, call.stream) };
        let Self { network, gather, pads, done } = self;
        network.guarded(&stream, |network, current| {
            done.wait(current)?;
            let (tokens, batch) = (count(call.lengths)?, call.lengths.len());
            let request = |tensors: &Tensors| Request { head: tensors.head, path: true, marginals: None };
            let requests: Vec<Request> = call.tensors.iter().map(request).collect();
            let parts = network.parts(&requests, tokens, batch)?;
            send(network, current, &stream, call, tokens, &parts)?;
            if tokens > 0 {
                let arguments = Gather {
                    words: call.words,
                    tokens: network.number(2 * batch + 1),
                    rows: network.work.rows.address(),
                    count: tokens as i32,
                };
                // SAFETY: the caller vouches for the words and their numbers; `send` took the rest.
                unsafe { stream.launch(current, gather, network.sizes.gather_blocks(tokens), &arguments) }?;
            }
            network.encode(current, &stream, tokens, batch)?;
            for ((request, parts), tensors) in requests.iter().zip(&parts).zip(call.tensors) {
                network.decode(current, &stream, request, parts, batch)?;
                let arguments = network.pad(call, tensors);
                // SAFETY: the caller vouches for the tensors; `send` took the rest, and `decode` writes it.
                unsafe { stream.launch(current, &pads[request.head], batch, &arguments) }?;
            }
            done.record(current, &stream)
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let device = Arc::clone(&self.network.device);
        if let Ok(current) = device.enter() {
            // Nothing is freed that is in use; nobody is left to be told of a failure.
            let _ = self.done.wait(&current);
        }
    }
}

impl Network {
    /// The address of a call's number, counted from the first offset.
    fn number(&self, index: usize) -> Address {
        self.work.numbers.address() + (index * size_of::<i32>()) as Address
    }

    fn pad(&self, call: &Call, tensors: &Tensors) -> Pad {
        let (head, batch) = (&self.heads[tensors.head], call.lengths.len());
        Pad {
            offsets: self.number(0),
            places: self.number(batch + 1),
            emissions: self.work.emissions.address(),
            path: self.work.path.address(),
            start: head.start.address(),
            end: head.end.address(),
            pairs: head.entering.address(),
            padded: tensors.emissions,
            labels: tensors.labels,
            scores: tensors.scores,
            time: (call.tokens.len() / batch.max(1)) as i32,
        }
    }
}

/// Takes the memory of a call, and copies its numbers: offsets, places, and the words of the tokens. The longest sentence
/// comes first, as those that run together wait for the longest.
fn send(
    network: &mut Network,
    current: &Current,
    stream: &Stream,
    call: &Call,
    tokens: usize,
    parts: &[[Part; 5]],
) -> Result<()> {
    let (batch, count) = (call.lengths.len(), 2 * call.lengths.len() + 1 + tokens);
    network.reserve(current, tokens, count, parts)?;
    let mut order: Vec<usize> = (0..batch).collect();
    order.sort_by_key(|&sentence| Reverse(call.lengths[sentence]));
    let work = &mut network.work;
    let numbers = work.sent[1].values::<i32>(0, count);
    let (offsets, numbers) = numbers.split_at_mut(batch + 1);
    let (places, words) = numbers.split_at_mut(batch);
    write_offsets(offsets, order.iter().map(|&sentence| call.lengths[sentence]));
    places.iter_mut().zip(&order).for_each(|(place, &sentence)| *place = sentence as i32);
    let tokens = order.iter().flat_map(|&sentence| (0..call.lengths[sentence]).map(move |t| t * batch + sentence));
    words.iter_mut().zip(tokens).for_each(|(word, token)| *word = call.tokens[token] as i32);
    // SAFETY: the pinned memory is written again when the event of this call has happened.
    unsafe { stream.upload(current, &work.sent[1], &work.numbers, count * size_of::<i32>()) }
}
