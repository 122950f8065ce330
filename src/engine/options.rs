//! How to open an engine.

use super::Pool;
use crate::bundle::graph::Form;
use crate::kernels::KernelName;
use crate::{Error, ErrorKind};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// How to open an engine. The default is the native engine on one thread, which needs nothing beside the library.
///
/// ```
/// use libmtl::engine::{EngineKind, EngineOptions, Provider, ProviderRequest};
///
/// let options = EngineOptions {
///     engine: EngineKind::Onnx,
///     threads: 2,
///     providers: vec![
///         ProviderRequest { provider: Provider::Cuda, required: false },
///         ProviderRequest { provider: Provider::Cpu, required: true },
///     ],
///     ..EngineOptions::default()
/// };
/// assert_eq!(options.engine.to_string(), "onnx");
/// ```
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Who does the arithmetic.
    pub engine: EngineKind,
    /// Threads that a call may use, the caller's included; 0 is 1.
    pub threads: usize,
    /// Where a call of the native engine finds the others; without it, the engine starts some of its own. The results
    /// are the same, bit for bit. ONNX Runtime always brings its own.
    pub pool: Option<Arc<Pool>>,
    /// The kernel of the native engine, of the fused graph on the processor, and of what the engine `cuda` does on the processor; without it, the fastest that this processor has. Results are the same, bit for
    /// bit, with one kernel, and differ in their last digits between two.
    pub kernel: Option<KernelName>,
    /// The most bytes that the native engine keeps of words, from one call to the next: a tagger what the LSTM reads of them, a
    /// scorer their character features. 0 keeps nothing; `None` is 2 MiB. Results are the same, bit for bit.
    pub word_cache: Option<u64>,
    /// The shared library of ONNX Runtime; without it, the one beside the program or the loader's own. A process loads
    /// one ONNX Runtime, so every engine of it names the same. For the engine `cuda`, the library of CUDA's driver;
    /// without it, the loader's `libcuda.so.1`.
    pub library: Option<PathBuf>,
    /// Which of the bundle's graphs ONNX Runtime runs. The fused one, for taggers that have it, computes with libmtl's own
    /// kernels: on the processor and, in a build with the feature `cuda`, on the provider `cuda`, where it was NOT RUN yet.
    pub graph: Form,
    /// Execution providers of ONNX Runtime in order of preference; none is the CPU alone. Where the CPU is not listed
    /// it comes last, as what the others fall back to.
    pub providers: Vec<ProviderRequest>,
    /// What the engine `cuda` and the providers for GPUs are told; refused where none that it is for is in use.
    pub gpu: GpuOptions,
    /// Takes an ONNX Runtime of 1.29 or newer although it writes telemetry below the user's home directory. Setting
    /// `ORT_DISABLE_TELEMETRY=1` before the program starts keeps it from doing so, and needs no consent.
    pub accept_telemetry: bool,
}

/// How the engine `cuda` and ONNX Runtime's providers for GPUs work. What is `None` or false is the provider's own way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// The number of the device that the engine `cuda`, CUDA and TensorRT compute on, as CUDA counts them; `None` is 0.
    pub device: Option<u16>,
    /// The most bytes of device memory that CUDA's arena takes for one session; the libraries of CUDA take more beside it.
    pub memory: Option<u64>,
    /// An existing folder in which TensorRT keeps the engines that it has built, to which nobody else may write. Each bundle has a folder of its own in it, named by
    /// its digest, where TensorRT tells architectures and versions apart; one that cannot be used is deleted and built
    /// anew, and the report says so.
    pub tensorrt_cache: Option<PathBuf>,
    /// Lets TensorRT compute in half precision where that is faster.
    pub tensorrt_fp16: bool,
    /// An existing folder in which the engine `cuda`, and the fused graph on the provider `cuda`, keep the kernels that they
    /// have compiled, to which nobody else may write; one that cannot be used is compiled anew, and the report says so.
    /// Without it they are kept nowhere, and compiled whenever the engine is opened.
    pub kernel_cache: Option<PathBuf>,
}

impl GpuOptions {
    /// Refuses what neither `engine` nor any of its `providers` would heed, over a graph of this form.
    pub(crate) fn check(&self, engine: EngineKind, providers: &[ProviderRequest], graph: Form) -> Result<(), Error> {
        let own = engine == EngineKind::Cuda;
        let asked = |provider| providers.iter().any(|request| request.provider == provider);
        let (cuda, tensorrt) = (asked(Provider::Cuda), asked(Provider::TensorRt));
        let unheeded = [
            ("gpu_device", self.device.is_some() && !own && !cuda && !tensorrt, "cuda or tensorrt"),
            ("gpu_memory", self.memory.is_some() && !cuda, "cuda"),
            ("tensorrt_cache", self.tensorrt_cache.is_some() && !tensorrt, "tensorrt"),
            ("tensorrt_fp16", self.tensorrt_fp16 && !tensorrt, "tensorrt"),
        ];
        if let Some((name, _, readers)) = unheeded.into_iter().find(|(_, unheeded, _)| *unheeded) {
            let message = format!("option {name} is for ONNX Runtime's provider {readers}, and there is none in use");
            let remedy = "ask the engine `onnx` for that provider, required or preferred, or leave the option out";
            return Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        }
        if self.kernel_cache.is_some() && !own && !(cuda && graph == Form::Fused) {
            let message = format!(
                "option kernel_cache is for the engine cuda, and for the fused graph on ONNX Runtime's provider cuda; the \
                 engine is {engine}, the graph {}",
                graph.name()
            );
            return Err(Error::new(ErrorKind::Argument, message).remedy("leave it out, or use the engine `cuda`"));
        }
        Ok(())
    }
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Our kernels.
    #[default]
    Native,
    /// ONNX Runtime.
    Onnx,
    /// Our kernels on an NVIDIA GPU, where they were NOT RUN yet; only in a build with the feature `cuda`.
    Cuda,
}

/// Execution providers of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
    /// NVIDIA GPUs through TensorRT.
    TensorRt,
}

/// A provider and what to do without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProviderRequest {
    /// The provider.
    pub provider: Provider,
    /// Whether to refuse to run without it; otherwise the next one is tried, and the report says why.
    pub required: bool,
}

impl EngineKind {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Native, Self::Onnx, Self::Cuda];

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Onnx => "onnx",
            Self::Cuda => "cuda",
        }
    }
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Cuda, Self::TensorRt];

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }
}

impl Form {
    /// Every form of graph.
    pub const ALL: [Self; 2] = [Self::Portable, Self::Fused];

    /// Its name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Fused => "fused",
        }
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or_else(|| unknown("graph", name, &Self::ALL.map(Self::name)))
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| unknown("engine", name, &Self::ALL.map(Self::name)))
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|provider| provider.name() == name);
        found.ok_or_else(|| unknown("provider", name, &Self::ALL.map(Self::name)))
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    Error::new(ErrorKind::Argument, format!("unknown {what} {name:?}")).remedy(format!("use {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in EngineKind::ALL {
            assert_eq!(kind.to_string().parse::<EngineKind>().unwrap(), kind);
        }
        for provider in Provider::ALL {
            assert_eq!(provider.to_string().parse::<Provider>().unwrap(), provider);
        }
        for form in Form::ALL {
            assert_eq!(form.name().parse::<Form>().unwrap(), form);
        }
    }

    #[test]
    fn an_option_that_no_provider_heeds_is_refused() {
        let request = |provider| ProviderRequest { provider, required: false };
        let [cpu, cuda, tensorrt] = Provider::ALL.map(request);
        let device = GpuOptions { device: Some(0), ..GpuOptions::default() };
        let memory = GpuOptions { memory: Some(1 << 30), ..GpuOptions::default() };
        let cache = GpuOptions { tensorrt_cache: Some("cache".into()), ..GpuOptions::default() };
        let fp16 = GpuOptions { tensorrt_fp16: true, ..GpuOptions::default() };
        let cases = [
            (&device, "gpu_device", [false, true, true]),
            (&memory, "gpu_memory", [false, true, false]),
            (&cache, "tensorrt_cache", [false, false, true]),
            (&fp16, "tensorrt_fp16", [false, false, true]),
        ];
        for (options, name, heeded) in cases {
            for (request, heeded) in [cpu, cuda, tensorrt].into_iter().zip(heeded) {
                let checked = options.check(EngineKind::Onnx, &[request, cpu], Form::Portable);
                assert_eq!(checked.is_ok(), heeded, "{name} {request:?}");
                assert!(checked.err().is_none_or(|error| error.message().starts_with(&format!("option {name} "))));
            }
        }
        let portable = Form::Portable;
        assert!(GpuOptions::default().check(EngineKind::Native, &[], portable).is_ok());
        let kernels = GpuOptions { kernel_cache: Some("kernels".into()), ..device.clone() };
        assert!(kernels.check(EngineKind::Cuda, &[], portable).is_ok());
        assert!(kernels.check(EngineKind::Onnx, &[cuda], Form::Fused).is_ok());
        assert!(memory.check(EngineKind::Cuda, &[], portable).is_err());
        for (engine, requests, graph, words) in [
            (EngineKind::Onnx, &[cuda][..], portable, "the engine is onnx, the graph portable"),
            (EngineKind::Onnx, &[tensorrt], Form::Fused, "the engine is onnx, the graph fused"),
            (EngineKind::Native, &[], portable, "the engine is native, the graph portable"),
        ] {
            let kernels = GpuOptions { device: None, ..kernels.clone() };
            let error = kernels.check(engine, requests, graph).unwrap_err();
            assert!(error.message().starts_with("option kernel_cache ") && error.message().ends_with(words), "{error}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_are_known() {
        let error = "CUDA".parse::<Provider>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert_eq!(error.to_string(), "unknown provider \"CUDA\"; use cpu, cuda, tensorrt");
    }
}
