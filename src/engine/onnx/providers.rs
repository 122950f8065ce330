//! Execution providers in the caller's order: required ones or an error, preferred ones or a reason in the report.

use super::gpu::Gpu;
use super::library::Runtime;
use super::operator::Place;
use super::session::Probe;
use super::{assignment, failed};
use crate::bundle::Bundle;
use crate::bundle::graph::{self, Form};
use crate::engine::{Attempt, EngineOptions, Provider, ProviderRequest, native};
use crate::kernels::Kernel;
use crate::{Error, ErrorKind, Result};
use ort::ep::{self, ExecutionProvider};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{AutoDevicePolicy, BuilderResult, SessionBuilder};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sessions, and how each provider fared.
pub struct Opened {
    /// The sessions, one a graph.
    pub sessions: Vec<Session>,
    /// One for each provider, in order.
    pub attempts: Vec<Attempt>,
    /// Where libmtl's operator computes, if the graphs have it.
    pub operator: Option<Place>,
}

/// Opens a session on each of `graphs`, all on the providers that work, in order.
pub fn open(
    bundle: &Bundle,
    graphs: &[Cow<[u8]>],
    runtime: &Runtime,
    options: &EngineOptions,
    probe: Probe,
) -> Result<Opened> {
    let requests = ordered(&options.providers)?;
    let weights: Arc<[u8]> = Arc::from(bundle.weights().as_ref());
    let mut gpu = Gpu::new(options, bundle.digest());
    let fused = options.graph == Form::Fused;
    let kernel = native::kernel(options)?;
    // Why each provider is not in use; each round adds one, so rounds end.
    let mut refusals = unfit(&requests, fused)?;
    loop {
        let mut builder = builder(runtime, options.threads.max(1), &weights).map_err(failed)?;
        for i in 0..requests.len() {
            if refusals[i].is_none()
                && let Err(reason) = register(&mut builder, requests[i].provider, runtime, &gpu)
            {
                refuse(&requests, &mut refusals, i, reason)?;
            }
        }
        let operator = match fused.then(|| place(bundle, &requests, &refusals, options, kernel)).transpose() {
            Ok(operator) => operator,
            Err((i, reason)) => {
                refuse(&requests, &mut refusals, i, reason)?;
                continue;
            }
        };
        if let Some(place) = &operator {
            let domain = place.domain(bundle.manifest()).map_err(failed)?;
            builder = plain(builder.with_operators(domain)).map_err(failed)?;
        }
        let accelerated = |i: usize| requests[i].provider != Provider::Cpu && refusals[i].is_none();
        let accelerators: Vec<usize> = (0..requests.len()).filter(|&i| accelerated(i)).collect();
        let create = || commit(&builder, graphs, probe, !accelerators.is_empty());
        let tensorrt = accelerators.iter().any(|&i| requests[i].provider == Provider::TensorRt);
        let sessions = match gpu.attempt(tensorrt, &create) {
            Ok(sessions) => sessions,
            Err(error) => {
                let Some(&first) = accelerators.first() else { return Err(error) };
                let preferred = accelerators.iter().copied().find(|&i| !requests[i].required);
                refuse(&requests, &mut refusals, preferred.unwrap_or(first), error.to_string())?;
                continue;
            }
        };
        let mut operators = BTreeMap::new();
        for session in &sessions {
            assignment::count(session, &mut operators).map_err(failed)?;
        }
        let idle = accelerators.into_iter().find(|&i| !operators.contains_key(identifier(requests[i].provider)));
        match idle {
            Some(idle) => refuse(&requests, &mut refusals, idle, "takes none of the graph's operators".into())?,
            None => {
                let attempts = attempts(&requests, refusals, &operators, &gpu, operator.as_ref());
                return Ok(Opened { sessions, attempts, operator });
            }
        }
    }
}

/// Why providers are not in use from the first: those that have no operator for the fused graph.
fn unfit(requests: &[ProviderRequest], fused: bool) -> Result<Vec<Option<String>>> {
    let mut refusals = vec![None; requests.len()];
    for i in 0..requests.len() {
        if let Some(reason) = Place::missing(requests[i].provider).filter(|_| fused) {
            refuse(requests, &mut refusals, i, reason.into())?;
        }
    }
    Ok(refusals)
}

/// Where libmtl's operator computes: on the GPU where CUDA's provider is in use. The error is that provider's number, and
/// why it is of no use.
fn place(
    bundle: &Bundle,
    requests: &[ProviderRequest],
    refusals: &[Option<String>],
    options: &EngineOptions,
    kernel: Kernel,
) -> std::result::Result<Place, (usize, String)> {
    let cuda = |i: &usize| requests[*i].provider == Provider::Cuda && refusals[*i].is_none();
    match (0..requests.len()).find(cuda) {
        None => Ok(Place::Processor(kernel, options.threads.max(1))),
        Some(i) if options.kernel.is_some() => {
            Err((i, format!("the kernel {} is the processor's; name none with {}", kernel.name(), Provider::Cuda)))
        }
        Some(i) => Place::gpu(&options.gpu, bundle.manifest()).map_err(|error| (i, error.to_string())),
    }
}

/// Records why a provider is not in use; for a required one, that is the error.
fn refuse(requests: &[ProviderRequest], refusals: &mut [Option<String>], i: usize, reason: String) -> Result<()> {
    if requests[i].required {
        return Err(missing(requests[i].provider, reason));
    }
    refusals[i] = Some(reason);
    Ok(())
}

/// ONNX Runtime's name of a provider.
fn identifier(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => ep::CPU::NAME,
        Provider::Cuda => ep::CUDA::NAME,
        Provider::TensorRt => ep::TensorRT::NAME,
    }
}

/// The requests, with the CPU last where the caller does not name it.
fn ordered(requests: &[ProviderRequest]) -> Result<Vec<ProviderRequest>> {
    let mut ordered = requests.to_vec();
    for (i, request) in requests.iter().enumerate() {
        if requests[..i].iter().any(|other| other.provider == request.provider) {
            let message = format!("provider {} is asked for twice", request.provider);
            return Err(Error::new(ErrorKind::Argument, message).remedy("name each provider once"));
        }
    }
    match requests.iter().position(|request| request.provider == Provider::Cpu) {
        None => ordered.push(ProviderRequest { provider: Provider::Cpu, required: false }),
        Some(place) if place + 1 < requests.len() => {
            let message =
                format!("provider {} comes after cpu, which leaves it nothing to do", requests[place + 1].provider);
            return Err(Error::new(ErrorKind::Argument, message).remedy("name cpu last"));
        }
        Some(_) => {}
    }
    Ok(ordered)
}

fn missing(provider: Provider, reason: String) -> Error {
    Error::new(ErrorKind::Provider, reason)
        .at(format!("required provider {provider}"))
        .remedy("ask for it as preferred to fall back, and read the report for what runs")
}

fn attempts(
    requests: &[ProviderRequest],
    refusals: Vec<Option<String>>,
    operators: &BTreeMap<String, usize>,
    gpu: &Gpu,
    operator: Option<&Place>,
) -> Vec<Attempt> {
    let total: usize = operators.values().sum();
    let note = |provider| operator.map(|place| place.note(provider)).unwrap_or_default();
    let settings = |provider| gpu.settings(provider) + &note(provider);
    let attempt = |(request, refusal): (&ProviderRequest, Option<String>)| {
        let own = operators.get(identifier(request.provider)).copied().unwrap_or(0);
        Attempt {
            provider: request.provider.to_string(),
            required: request.required,
            used: refusal.is_none(),
            reason: refusal.unwrap_or_else(|| format!("runs {own} of {total} operators{}", settings(request.provider))),
        }
    };
    requests.iter().zip(refusals).map(attempt).collect()
}

/// Why a provider cannot be had, without the line of ONNX Runtime's source that stands before it.
fn reason(error: ort::Error) -> String {
    let message = error.message();
    let message = message.split_once(']').map_or(message, |(_, message)| message).trim_matches([' ', ':']);
    let advice = if message.contains("cannot open shared object") {
        "; the libraries that this provider is built on have to be on the loader's path"
    } else {
        ""
    };
    format!("{message}{advice}")
}

/// Adds a provider to the session, or says why that is impossible.
fn register(
    builder: &mut SessionBuilder,
    provider: Provider,
    runtime: &Runtime,
    gpu: &Gpu,
) -> std::result::Result<(), String> {
    let available = match provider {
        Provider::Cpu => ep::CPU::is_available(),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
    };
    if !available.map_err(reason)? {
        let (version, path) = (runtime.version(), runtime.path().display());
        return Err(format!(
            "ONNX Runtime {version} at {path} is built without {provider}; take `onnxruntime-gpu=={version}`"
        ));
    }
    let registered = match provider {
        // Without an arena, memory is returned after an unusually long sentence.
        Provider::Cpu => ep::CPU::default().with_arena_allocator(false).register(builder),
        Provider::Cuda => gpu.cuda().register(builder),
        Provider::TensorRt => gpu.tensorrt()?.register(builder),
    };
    registered.map_err(reason)
}

fn plain(result: BuilderResult) -> ort::Result<SessionBuilder> {
    result.map_err(ort::Error::from)
}

/// Options that every session has.
fn builder(runtime: &Runtime, threads: usize, weights: &Arc<[u8]>) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(runtime.environment())?;
    let builder = plain(builder.with_intra_threads(threads))?;
    let builder = plain(builder.with_inter_threads(1))?;
    let builder = plain(builder.with_intra_op_spinning(false))?;
    let builder = plain(builder.with_inter_op_spinning(false))?;
    let builder = plain(builder.with_log_level(LogLevel::Fatal))?;
    // Shapes differ from call to call, so a plan of one call's memory is of no use to the next.
    let builder = plain(builder.with_memory_pattern(false))?;
    let builder = plain(builder.with_config_entry(assignment::RECORD, "1"))?;
    let builder = plain(builder.with_auto_device(AutoDevicePolicy::PreferCPU))?;
    plain(builder.with_external_initializer_file_in_memory(graph::WEIGHTS, Arc::clone(weights)))
}

/// Creates the sessions; on an accelerator, each is probed.
fn commit(builder: &SessionBuilder, graphs: &[Cow<[u8]>], probe: Probe, accelerated: bool) -> Result<Vec<Session>> {
    let create = |(index, graph): (usize, &Cow<[u8]>)| {
        let mut session = builder.clone().commit_from_memory(graph).map_err(failed)?;
        if accelerated {
            probe(index, &mut session)?;
        }
        Ok(session)
    };
    graphs.iter().enumerate().map(create).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(provider: Provider, required: bool) -> ProviderRequest {
        ProviderRequest { provider, required }
    }

    #[test]
    fn the_cpu_comes_last() {
        let cuda = request(Provider::Cuda, false);
        assert_eq!(ordered(&[]).unwrap(), [request(Provider::Cpu, false)]);
        assert_eq!(ordered(&[cuda]).unwrap(), [cuda, request(Provider::Cpu, false)]);
        assert_eq!(ordered(&[cuda, request(Provider::Cpu, true)]).unwrap(), [cuda, request(Provider::Cpu, true)]);
    }

    #[test]
    fn a_provider_twice_or_after_the_cpu_is_refused() {
        let [cpu, cuda] = [Provider::Cpu, Provider::Cuda].map(|provider| request(provider, false));
        for (requests, words) in [([cuda, cuda], "twice"), ([cpu, cuda], "after cpu")] {
            let error = ordered(&requests).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
