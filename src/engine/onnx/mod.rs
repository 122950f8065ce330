//! ONNX Runtime runs the bundle's portable graph. The runtime is loaded when the first engine is opened (`library`),
//! providers are tried in the caller's order (`providers`), and sentences go in sub-batches of bounded memory
//! (`batches`).
//!
//! A call is stopped between sub-batches and while it waits for its turn. One that ONNX Runtime has begun is not: the
//! runtime itself stops only between operators, and nearly all of its time goes into a single one, the LSTM.
//!
//! ONNX Runtime opens no file of the bundle: it gets the graph that the preflight let through, and the weights' bytes.

mod assignment;
mod batches;
mod gate;
mod library;
mod providers;

pub use library::library_from_environment;

use super::{Batch, Engine, EngineOptions, Head, Report};
use crate::bundle::manifest::{Manifest, Task};
use crate::bundle::{Bundle, graph};
use crate::{Cancel, Error, ErrorKind, Result};
use batches::{Limits, Padded};
use gate::Gate;
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue, SessionOutputs};
use ort::value::TensorRef;
use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// A bundle opened with ONNX Runtime. Calls take turns: open one engine a thread to run several at once.
pub struct Onnx {
    manifest: Manifest,
    /// `None` only while it is dropped.
    session: Mutex<Option<Session>>,
    gate: Gate,
    process: u32,
    limits: Limits,
    report: Report,
}

/// The version of ONNX Runtime that `options` find; loads it where no engine has. Tells a missing library from a model
/// that the library refuses.
pub fn available(options: &EngineOptions) -> Result<String> {
    library::load(options).map(|runtime| runtime.version().to_string())
}

impl Onnx {
    /// Loads ONNX Runtime where no other engine has, and opens a session on the first providers that work.
    pub fn open(bundle: &Bundle, options: &EngineOptions) -> Result<Self> {
        let runtime = library::load(options)?;
        let threads = options.threads.max(1);
        let opened = guarded(|| providers::open(bundle, &runtime, options, threads))?;
        let report = Report {
            engine: "onnx".into(),
            version: runtime.version().to_string(),
            precision: "fp32 arithmetic on fp16 weights".into(),
            threads,
            providers: opened.attempts,
        };
        Ok(Self {
            manifest: bundle.manifest().clone(),
            session: Mutex::new(Some(opened.session)),
            gate: Gate::default(),
            process: std::process::id(),
            limits: Limits::default(),
            report,
        })
    }
}

impl Engine for Onnx {
    fn report(&self) -> &Report {
        &self.report
    }

    fn emissions(&self, batch: &Batch, heads: &[Head], cancel: &Cancel) -> Result<Vec<Vec<Vec<f32>>>> {
        cancel.check()?;
        super::check(&self.manifest, batch, heads)?;
        if std::process::id() != self.process {
            let message =
                "this process was forked from the one that opened the engine; ONNX Runtime does not survive that";
            return Err(Error::new(ErrorKind::Engine, message).remedy("open a native engine after the fork"));
        }
        let _turn = self.gate.pass(cancel)?;
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = slot.as_mut().ok_or_else(|| Error::new(ErrorKind::Engine, "the engine is closed"))?;
        let mut results = vec![vec![Vec::new(); batch.sentences.len()]; heads.len()];
        for group in batches::split(&self.manifest.architecture, &self.limits, batch, heads.len())? {
            cancel.check()?;
            let padded = batches::pad(&self.manifest.architecture, batch, &group);
            let found = guarded(|| run(session, &self.manifest, &padded, heads))?;
            for (results, found) in results.iter_mut().zip(found) {
                for (&sentence, emissions) in group.iter().zip(found) {
                    results[sentence] = emissions;
                }
            }
        }
        Ok(results)
    }
}

impl Drop for Onnx {
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() != self.process {
            // A forked child has none of ONNX Runtime's threads, so releasing the session there would hang or crash.
            std::mem::forget(session);
        }
    }
}

/// For each head, the emissions of each sentence of `padded`.
fn run(session: &mut Session, manifest: &Manifest, padded: &Padded, heads: &[Head]) -> Result<Vec<Vec<Vec<f32>>>> {
    let selectors = Selectors::new(manifest, heads);
    let inputs = inputs(padded, &selectors).map_err(failed)?;
    let tasks = heads.iter().map(|head| &manifest.tasks[head.task]);
    let selected =
        tasks.clone().fold(OutputSelector::no_default(), |selector, task| selector.with(graph::output_name(task)));
    let options = RunOptions::new().map_err(failed)?.with_outputs(selected);
    let outputs = session.run_with_options(inputs, &options).map_err(failed)?;
    tasks.map(|task| unpad(&outputs, padded, task)).collect()
}

/// The emissions of each sentence of `padded` in a task.
fn unpad(outputs: &SessionOutputs, padded: &Padded, task: &Task) -> Result<Vec<Vec<f32>>> {
    let value = outputs.get(graph::output_name(task));
    let value = value.ok_or_else(|| Error::new(ErrorKind::Engine, "ONNX Runtime gave no emissions"))?;
    let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
    let labels = task.labels.len();
    let (batch, time) = (padded.lengths.len(), padded.time);
    if **shape != [batch as i64, time as i64, labels as i64] {
        return Err(Error::new(ErrorKind::Engine, format!("emissions have the shape {shape}")).at("model.onnx"));
    }
    let rows = data.chunks_exact(time * labels).zip(&padded.lengths);
    Ok(rows.map(|(row, &length)| row[..length as usize * labels].to_vec()).collect())
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

type Inputs<'a> = Vec<(Cow<'a, str>, SessionInputValue<'a>)>;

fn inputs<'a>(padded: &'a Padded, selectors: &'a Selectors) -> ort::Result<Inputs<'a>> {
    let words = padded.word_rows.len();
    let batch = padded.lengths.len();
    let mut inputs: Inputs<'a> = vec![
        ("word_rows".into(), TensorRef::from_array_view(([words], &padded.word_rows[..]))?.into()),
        ("chars".into(), TensorRef::from_array_view(([words, padded.width], &padded.chars[..]))?.into()),
        ("char_lengths".into(), TensorRef::from_array_view(([words], &padded.char_lengths[..]))?.into()),
        ("tokens".into(), TensorRef::from_array_view(([padded.time, batch], &padded.tokens[..]))?.into()),
        ("lengths".into(), TensorRef::from_array_view(([batch], &padded.lengths[..]))?.into()),
    ];
    for (language, row, gate, share) in &selectors.0 {
        inputs.push((language.into(), TensorRef::from_array_view(([1], &row[..]))?.into()));
        inputs.push((gate.into(), TensorRef::from_array_view(([1], &share[..]))?.into()));
    }
    Ok(inputs)
}

/// ONNX Runtime's error as ours.
fn failed(error: ort::Error) -> Error {
    let message = format!("ONNX Runtime: {}", error.message().trim());
    Error::new(ErrorKind::Engine, message).remedy("try the native engine").caused_by(error)
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
