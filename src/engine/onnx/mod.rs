//! ONNX Runtime runs the bundle's portable graph. The runtime is loaded when the first engine is opened (`library`),
//! providers are tried in the caller's order (`providers`), and sentences go in sub-batches of bounded memory
//! (`batches`).
//!
//! Calls take turns, a sub-batch each; what is made of its results goes on outside of the turn.
//! A call is stopped between sub-batches and while it waits for its turn. One that ONNX Runtime has begun is not: the
//! runtime itself stops only between operators, and nearly all of its time goes into a single one, the LSTM.
//!
//! ONNX Runtime opens no file of the bundle: it gets the graph that the preflight let through, and the weights' bytes.

mod assignment;
pub(crate) mod batches;
mod cache;
mod gpu;
mod library;
mod operator;
mod providers;
pub(crate) mod session;

pub use library::library_from_environment;

use super::{Batch, Engine, EngineOptions, Found, Head, Provider, Report, Take, WordType};
use crate::bundle::Bundle;
use crate::bundle::graph::{self, Form, fused};
use crate::bundle::manifest::{Architecture, Manifest, Task};
use crate::{Cancel, Error, ErrorKind, Result};
use batches::{Costs, Limits, Padded};
use ort::session::Session;
use session::{Inputs, Sessions, input};
use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A bundle opened with ONNX Runtime. Calls take turns: open one engine a thread to run several at once.
#[derive(Debug)]
pub struct Onnx {
    manifest: Manifest,
    sessions: Sessions,
    limits: Limits,
    form: Form,
}

/// The version of ONNX Runtime that `options` find; loads it where no engine has. Tells a missing library from a model
/// that the library refuses.
pub fn available(options: &EngineOptions) -> Result<String> {
    library::load(options).map(|runtime| runtime.version().to_string())
}

impl Onnx {
    /// Loads ONNX Runtime where no other engine has, and opens a session on the first providers that work.
    pub fn open(bundle: &Bundle, options: &EngineOptions) -> Result<Self> {
        let manifest = bundle.manifest().clone();
        let probe = |_, session: &mut Session| {
            let batch = Batch { words: vec![WordType { row: 0, chars: vec![1] }], sentences: vec![vec![0]] };
            let padded = batches::pad(widest(&manifest.architecture), &batch, &[0]);
            emissions(session, &manifest, &padded, &[Head { task: 0, language: None }]).map(drop)
        };
        let graph = match options.graph {
            Form::Portable => bundle.graph(),
            Form::Fused => bundle.fused_graph().ok_or_else(|| {
                let remedy = "add one with `mtl fuse`, or leave the option out";
                let error = Error::new(ErrorKind::Argument, format!("{} has no fused graph", manifest.id));
                error.at(bundle.place()).remedy(remedy)
            })?,
        };
        let sessions = Sessions::open(bundle, &[Cow::Borrowed(graph)], options, &probe)?;
        Ok(Self { manifest, sessions, limits: Limits::default(), form: options.graph })
    }

    /// Whether CUDA's provider is in use; the operator of the fused graph runs there then.
    fn on_gpu(&self) -> bool {
        self.report().providers.iter().any(|attempt| attempt.used && attempt.provider == Provider::Cuda.name())
    }
}

impl Engine for Onnx {
    fn report(&self) -> &Report {
        self.sessions.report()
    }

    fn run(&self, batch: &Batch, heads: &[Head], paths: bool, cancel: &Cancel, take: Take) -> Result<()> {
        cancel.check()?;
        super::check(&self.manifest, batch, heads)?;
        let costs = costs(&self.manifest, self.form, self.on_gpu(), heads.len());
        for group in batches::split(&costs, &self.limits, batch, |i| format!("sentence {}", i + 1))? {
            cancel.check()?;
            let padded = batches::pad(costs.widest, batch, &group);
            if paths && self.form == Form::Fused {
                let run = |sessions: &mut [Session]| self::paths(&mut sessions[0], &self.manifest, &padded, heads);
                let found = self.sessions.call(cancel, run)?;
                hand_on(&group, &found, |head, sentence, path| take(head, sentence, Found::Path(path)))?;
            } else {
                let run = |sessions: &mut [Session]| emissions(&mut sessions[0], &self.manifest, &padded, heads);
                let found = self.sessions.call(cancel, run)?;
                hand_on(&group, &found, |head, sentence, rows| take(head, sentence, Found::Emissions(rows)))?;
            }
        }
        Ok(())
    }
}

/// Hands on what was found in the sentences of `group`, head by head.
fn hand_on<T>(group: &[usize], found: &[Vec<Vec<T>>], take: impl Fn(usize, usize, &[T]) -> Result<()>) -> Result<()> {
    found.iter().enumerate().try_for_each(|(head, found)| {
        group.iter().zip(found).try_for_each(|(&sentence, found)| take(head, sentence, found))
    })
}

/// What a sub-batch takes, that so many heads read.
fn costs(manifest: &Manifest, form: Form, on_gpu: bool, heads: usize) -> Costs {
    let a = &manifest.architecture;
    let [word_dim, char_dim, filters, hidden, heads] =
        [a.word_dim, a.char_dim, a.char_filters, a.hidden, heads].map(|n| n as u64);
    let features = word_dim + filters * a.char_widths.len() as u64;
    let labels: u64 = manifest.tasks.iter().map(|task| task.labels.len() as u64).sum();
    let (projected, token) = match form {
        // The LSTM's input, gates in both directions, states and their transposition, and room for the output layers.
        Form::Portable => (0, 8 + 4 * features + 40 * hidden + 16 * hidden + 1024 * heads),
        // On a GPU every token has gates and states in both directions, with padding, its row, and what a head gives twice.
        Form::Fused if on_gpu => (0, 64 + 2 * features + 36 * (hidden + 32) + 16 * labels),
        // Gates in both directions; of each token only what the output layers make of both directions, for every task, what
        // Viterbi works in, and the outputs.
        Form::Fused => (32 * (hidden + 8), 16 + 48 * labels + 16 * manifest.tasks.len() as u64),
    };
    Costs {
        // Indices, rows in both precisions and transposed, and a convolution with its rectified and masked copies.
        character: 8 + 10 * char_dim + 12 * filters,
        // Two precisions of the row, and the features with what the highway keeps.
        word: 8 + 2 * word_dim + 16 * features + projected,
        token,
        widest: widest(a),
    }
}

/// Characters that every word is padded to, so that each convolution has a place.
fn widest(a: &Architecture) -> usize {
    a.char_widths.iter().copied().max().unwrap_or(1)
}

/// For each head, the emissions of each sentence of `padded`.
fn emissions(
    session: &mut Session,
    manifest: &Manifest,
    padded: &Padded,
    heads: &[Head],
) -> Result<Vec<Vec<Vec<f32>>>> {
    let selectors = Selectors::new(manifest, heads);
    let tasks: Vec<&Task> = heads.iter().map(|head| &manifest.tasks[head.task]).collect();
    let names: Vec<String> = tasks.iter().map(|task| graph::output_name(task)).collect();
    session::run(session, inputs(padded, &selectors)?, &names, |head, shape, values| {
        unpad(shape, values, padded, tasks[head].labels.len())
    })
}

/// For each head, the best path of each sentence of `padded`.
fn paths(session: &mut Session, manifest: &Manifest, padded: &Padded, heads: &[Head]) -> Result<Vec<Vec<Vec<u16>>>> {
    let selectors = Selectors::new(manifest, heads);
    let (tasks, batch, time) = (manifest.tasks.len(), padded.lengths.len(), padded.time);
    let name = [fused::LABELS.to_string()];
    let found = session::run(session, inputs(padded, &selectors)?, &name, |_, shape, labels: &[i64]| {
        if shape != [tasks, batch, time].map(|size| size as i64) {
            return Err(Error::new(ErrorKind::Engine, format!("an output has the shape {shape:?}")).at(fused::LABELS));
        }
        let path = |head: &Head, sentence: usize| {
            let path = &labels[(head.task * batch + sentence) * time..][..padded.lengths[sentence] as usize];
            // The tagger refuses a label that the task does not have.
            path.iter().map(|&label| u16::try_from(label).unwrap_or(u16::MAX)).collect()
        };
        if labels.contains(&-1) {
            let message = "the GPU computed emissions that are not finite";
            return Err(Error::new(ErrorKind::Engine, message).remedy("use the native engine"));
        }
        Ok(heads.iter().map(|head| (0..batch).map(|sentence| path(head, sentence)).collect()).collect())
    })?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// The `width` values of each token of each sentence of `padded`.
pub(crate) fn unpad(shape: &[i64], values: &[f32], padded: &Padded, width: usize) -> Result<Vec<Vec<f32>>> {
    let (batch, time) = (padded.lengths.len(), padded.time);
    if shape.iter().product::<i64>() != (batch * time * width) as i64
        || !shape.starts_with(&[batch as i64, time as i64])
    {
        return Err(Error::new(ErrorKind::Engine, format!("an output has the shape {shape:?}")).at("model.onnx"));
    }
    let rows = values.chunks_exact(time * width).zip(&padded.lengths);
    Ok(rows.map(|(row, &length)| row[..length as usize * width].to_vec()).collect())
}

/// The inputs that choose output layers: row and gate of each task that has specific layers.
struct Selectors(Vec<(String, [i64; 1], String, [f32; 1])>);

impl Selectors {
    fn new(manifest: &Manifest, heads: &[Head]) -> Self {
        let specific = manifest.tasks.iter().enumerate().filter(|(_, task)| graph::has_specific(manifest, task));
        let rows = specific.map(|(index, task)| {
            // Tasks that are not asked for have no head; their inputs only have to be valid.
            let language = heads.iter().find(|head| head.task == index).and_then(|head| head.language);
            let gate = if language.is_some() { 1.0 } else { 0.0 };
            let row = language.unwrap_or(0) as i64;
            (graph::language_name(task), [row], graph::gate_name(task), [gate])
        });
        Self(rows.collect())
    }
}

fn inputs<'a>(padded: &'a Padded, selectors: &'a Selectors) -> Result<Inputs<'a>> {
    let (words, batch) = (padded.word_rows.len(), padded.lengths.len());
    let mut inputs = vec![
        input("word_rows", [words], &padded.word_rows)?,
        input("chars", [words, padded.width], &padded.chars)?,
        input("char_lengths", [words], &padded.char_lengths)?,
        input("tokens", [padded.time, batch], &padded.tokens)?,
        input("lengths", [batch], &padded.lengths)?,
    ];
    for (language, row, gate, share) in &selectors.0 {
        inputs.push(input(language, [1], row)?);
        inputs.push(input(gate, [1], share)?);
    }
    Ok(inputs)
}

/// What ONNX Runtime, CUDA, CUDA's libraries and, last, libmtl's operator say when memory is short. ONNX Runtime has no code
/// for that alone.
const SHORT: [&str; 6] = [
    "Failed to allocate memory",
    "is smaller than requested bytes",
    "bad_alloc",
    "out of memory",
    "ALLOC_FAILED",
    "has not enough memory",
];

/// ONNX Runtime's error as ours.
fn failed(error: ort::Error) -> Error {
    let message = error.message().trim();
    let (kind, what, remedy) = if SHORT.iter().any(|words| message.contains(words)) {
        let remedy = "pass less at once, or use the native engine, which needs less; the model can be used on";
        (ErrorKind::Limit, "has not enough memory", remedy)
    } else {
        (ErrorKind::Engine, "failed", "try the native engine")
    };
    Error::new(kind, format!("ONNX Runtime {what}: {message}")).remedy(remedy).caused_by(error)
}

/// Runs `work`; where the binding of ONNX Runtime panics, that becomes an error.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = format!("ONNX Runtime's binding panicked: {}", panicked(&*panic));
        Err(Error::new(ErrorKind::Engine, message).remedy("try the native engine, and report this"))
    })
}

fn panicked(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
