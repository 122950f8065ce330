//! Sessions over the graphs of a bundle: opened together, on the same providers. Calls take turns, and none survives a
//! fork.

use super::operator::Place;
use super::{failed, guarded, library, providers};
use crate::bundle::Bundle;
use crate::bundle::graph::Form;
use crate::engine::gate::Gate;
use crate::engine::{EngineKind, EngineOptions, Provider, Report, native};
use crate::{Cancel, Error, ErrorKind, Result};
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, PrimitiveTensorElementType, TensorRef};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The inputs of a run, by name.
pub(crate) type Inputs<'a> = Vec<(Cow<'a, str>, SessionInputValue<'a>)>;

/// Runs something small through the session of this number, so that what fails at the first run fails at opening.
pub(crate) type Probe<'a> = &'a dyn Fn(usize, &mut Session) -> Result<()>;

/// A session for each graph of an engine. Calls take turns: open one engine a thread to run several at once.
pub(crate) struct Sessions {
    /// None only while it is dropped.
    sessions: Mutex<Vec<Session>>,
    gate: Gate,
    process: u32,
    report: Report,
}

impl Sessions {
    /// Loads ONNX Runtime where no other engine has, and opens a session on each of `graphs`, on the first providers
    /// that work; `probe` is for accelerators.
    pub fn open(bundle: &Bundle, graphs: &[Cow<[u8]>], options: &EngineOptions, probe: Probe) -> Result<Self> {
        if let Some(kernel) = options.kernel.filter(|_| options.graph == Form::Portable) {
            let message =
                format!("the kernel {kernel} belongs to the native engine and the fused graph, and the engine is onnx");
            let remedy = "name no kernel, or use the engine `native`, or the graph `fused`";
            return Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        }
        if options.word_cache.is_some() {
            let message = "option word_cache belongs to the native engine, and the engine is onnx";
            return Err(Error::new(ErrorKind::Argument, message).remedy("leave it out, or use the engine `native`"));
        }
        options.gpu.check(EngineKind::Onnx, &options.providers, options.graph)?;
        let runtime = library::load(options)?;
        let threads = options.threads.max(1);
        let opened = guarded(|| providers::open(bundle, graphs, &runtime, options, probe))?;
        let tensorrt = opened.attempts.iter().any(|a| a.used && a.provider == Provider::TensorRt.name());
        let place = opened.operator.as_ref();
        let on_gpu = place.is_some_and(Place::is_gpu);
        let precision = if on_gpu {
            "fp32 arithmetic on fp16 weights; BiLSTM and output layers: fp16 products in fp32 sums"
        } else if tensorrt && options.gpu.tensorrt_fp16 {
            "fp16 and fp32 arithmetic on fp16 weights"
        } else if place.is_some() {
            native::precision(native::kernel(options)?.name())
        } else {
            "fp32 arithmetic on fp16 weights"
        };
        let report = Report {
            engine: "onnx".into(),
            version: runtime.version().to_string(),
            precision: precision.into(),
            kernel: place.map(Place::kernel),
            threads,
            providers: opened.attempts,
        };
        let sessions = Mutex::new(opened.sessions);
        Ok(Self { sessions, gate: Gate::default(), process: std::process::id(), report })
    }

    /// One session, whose operator a test has put on an emulated GPU.
    #[cfg(all(test, feature = "cuda"))]
    pub fn emulated(session: Session) -> Self {
        let (engine, version, precision) = ("onnx".into(), "emulated".into(), "emulated".into());
        let report = Report { engine, version, precision, kernel: None, threads: 1, providers: Vec::new() };
        let (gate, process) = (Gate::default(), std::process::id());
        Self { sessions: Mutex::new(vec![session]), gate, process, report }
    }

    /// What runs where.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Waits for its turn, and does `work` with the sessions.
    pub fn call<T>(&self, cancel: &Cancel, work: impl FnOnce(&mut [Session]) -> Result<T>) -> Result<T> {
        if std::process::id() != self.process {
            let message =
                "this process was forked from the one that opened the engine; ONNX Runtime does not survive that";
            return Err(Error::new(ErrorKind::Engine, message).remedy("open a native engine after the fork"));
        }
        let _turn = self.gate.pass(cancel)?;
        work(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("report", &self.report).finish_non_exhaustive()
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        let sessions = std::mem::take(self.sessions.get_mut().unwrap_or_else(PoisonError::into_inner));
        if std::process::id() != self.process {
            // A forked child has none of ONNX Runtime's threads, so releasing a session there would hang or crash.
            std::mem::forget(sessions);
        }
    }
}

/// Runs `session`: what `take` makes of the shape and the values of each of the outputs `names`, in order.
pub(crate) fn run<E: PrimitiveTensorElementType, T>(
    session: &mut Session,
    inputs: Inputs,
    names: &[String],
    take: impl Fn(usize, &[i64], &[E]) -> Result<T>,
) -> Result<Vec<T>> {
    let mut taken = Vec::new();
    run_with(session, inputs, names, &mut |index, value| {
        let (shape, values) = value.try_extract_tensor::<E>().map_err(failed)?;
        taken.push(take(index, shape, values)?);
        Ok(())
    })?;
    Ok(taken)
}

/// Runs `session`, and hands each of the outputs `names` to `take`.
fn run_with(
    session: &mut Session,
    inputs: Inputs,
    names: &[String],
    take: &mut dyn FnMut(usize, &DynValue) -> Result<()>,
) -> Result<()> {
    guarded(|| {
        let selected = names.iter().fold(OutputSelector::no_default(), |selector, name| selector.with(name));
        let options = RunOptions::new().map_err(failed)?.with_outputs(selected);
        let outputs = session.run_with_options(inputs, &options).map_err(failed)?;
        names.iter().enumerate().try_for_each(|(index, name)| {
            let missing = || Error::new(ErrorKind::Engine, format!("ONNX Runtime gave no {name}"));
            take(index, outputs.get(name).ok_or_else(missing)?)
        })
    })
}

/// An input of a run.
pub(crate) fn input<'a, T, const N: usize>(
    name: impl Into<Cow<'a, str>>,
    shape: [usize; N],
    values: &'a [T],
) -> Result<(Cow<'a, str>, SessionInputValue<'a>)>
where
    T: PrimitiveTensorElementType + Clone + fmt::Debug + 'static,
{
    Ok((name.into(), TensorRef::from_array_view((shape, values)).map_err(failed)?.into()))
}
