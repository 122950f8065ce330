//! The operator inside ONNX Runtime, whose CPU provider stands in for CUDA's, as the stand-in for the driver has its memory
//! in the process. What is not shown: that CUDA's provider gives its stream, and puts tensors where the operator asks.

#[allow(dead_code, reason = "tests/cuda uses the rest")]
#[path = "../../../../../tests/cuda/emulator.rs"]
mod emulator;
#[allow(dead_code, reason = "tests/cuda uses the rest")]
#[path = "../../../../../tests/cuda/fake.rs"]
mod fake;

use super::*;
use crate::bundle::Bundle;
use crate::bundle::graph::{self, Form};
use crate::engine::onnx::batches::Limits;
use crate::engine::onnx::session::Sessions;
use crate::engine::onnx::{Onnx, library, library_from_environment};
use crate::engine::{EngineKind, EngineOptions};
use crate::kernels::cuda::Architecture;
use crate::tagger::{DecodeOptions, Tagger};
use crate::{Cancel, ErrorKind, zoo};
use fake::{Fake, ILLEGAL_ADDRESS, OUT_OF_MEMORY};
use ort::operator::OperatorDomain;
use ort::session::Session;

/// The operator on the CPU provider. Its stream is the stand-in's, and is waited for where CUDA's provider would wait.
struct Emulated {
    operator: BiLstmCrf,
    fake: Arc<Fake>,
    memory: AllocationDevice<'static>,
}

struct EmulatedComputation {
    computation: Computation,
    fake: Arc<Fake>,
    memory: AllocationDevice<'static>,
}

impl Operator for Emulated {
    type Kernel<'attr> = EmulatedComputation;

    fn name(&self) -> &str {
        self.operator.name()
    }

    fn versions(&self) -> std::ops::RangeInclusive<u32> {
        self.operator.versions()
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        self.operator.inputs()
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        self.operator.outputs()
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<EmulatedComputation> {
        let computation = self.operator.create_kernel(context)?;
        Ok(EmulatedComputation { computation, fake: Arc::clone(&self.fake), memory: self.memory.clone() })
    }
}

impl ort::operator::Kernel for EmulatedComputation {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        assert!(context.stream()?.is_none(), "the CPU provider has a stream");
        let stream = NonNull::new(self.fake.ask::<*mut c_void>("fake_provider")).unwrap();
        let astray = self.fake.ask::<u32>("fake_astray");
        guarded(|| self.computation.run(context, stream, &self.memory))?;
        assert!(self.fake.ask::<u32>("fake_waiting") > 0, "the operator waits for the GPU");
        assert_eq!(self.fake.ask::<u32>("fake_astray"), astray, "work on another stream");
        self.fake.ask::<()>("fake_finish");
        Ok(())
    }
}

fn options() -> EngineOptions {
    let fetched = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime");
    let library = Some(library_from_environment().unwrap_or_else(fetched));
    EngineOptions { engine: EngineKind::Onnx, graph: Form::Fused, library, ..EngineOptions::default() }
}

/// A shipped model with its fused graph.
fn fused() -> Arc<Bundle> {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-mobile");
    crate::bundle::fuse(&model, folder.path()).unwrap();
    Arc::new(Bundle::open(folder.path()).unwrap())
}

/// The stand-in, with the kernels of `bundle` and another library's stream.
fn fake(bundle: &Bundle) -> Arc<Fake> {
    let (fake, manifest) = (Fake::new(), bundle.manifest());
    let sizes = network::sizes(manifest, Architecture::HOPPER).unwrap();
    let labels: Vec<usize> = manifest.tasks.iter().map(|task| task.labels.len()).collect();
    fake.provide_network(sizes, &labels, Architecture::HOPPER);
    fake.provide_guest(sizes, &labels, Architecture::HOPPER);
    fake.ask::<*mut c_void>("fake_provide");
    Arc::new(fake)
}

fn operator(bundle: &Bundle, fake: &Fake) -> BiLstmCrf {
    let gpu = GpuOptions { kernel_cache: Some(fake.folder.path().into()), ..GpuOptions::default() };
    let gpu = Gpu::open(&gpu, Some(&fake.path), bundle.manifest()).unwrap();
    BiLstmCrf { manifest: Arc::new(bundle.manifest().clone()), gpu }
}

/// A session over the fused graph of `bundle`, with this operator.
fn session(bundle: &Bundle, operator: impl Operator + 'static) -> ort::Result<Session> {
    let runtime = library::load(&options()).unwrap();
    let weights: Arc<[u8]> = Arc::from(bundle.weights().as_ref());
    Session::builder(runtime.environment())?
        .with_external_initializer_file_in_memory(graph::WEIGHTS, weights)?
        .with_operators(OperatorDomain::new(fused::DOMAIN)?.add(operator)?)?
        .commit_from_memory(bundle.fused_graph().unwrap())
}

/// A tagger whose operator is emulated, over tensors that are said to lie in `memory`.
fn tagger(bundle: &Arc<Bundle>, fake: &Arc<Fake>, memory: AllocationDevice<'static>) -> Tagger {
    let emulated = Emulated { operator: operator(bundle, fake), fake: Arc::clone(fake), memory };
    let sessions = Sessions::emulated(session(bundle, emulated).unwrap());
    let manifest = bundle.manifest().clone();
    let engine = Onnx { manifest, sessions, limits: Limits::default(), form: Form::Fused };
    Tagger::over(Arc::clone(bundle), Box::new(engine)).unwrap()
}

#[test]
#[cfg_attr(miri, ignore)]
fn the_golden_cases_of_a_shipped_model_pass() {
    let bundle = fused();
    let fake = fake(&bundle);
    let emulated = tagger(&bundle, &fake, AllocationDevice::CPU);
    let cases = bundle.golden().unwrap();
    let found = zoo::verify(&emulated, &cases, &Cancel::new()).unwrap();
    println!("emissions differ by {:.1e} at most", found.alone.difference);
    assert!(found.passed() && found.alone.cases == cases.len() && cases.len() >= 10, "{found:?}");
    // Labels and spans, by the paths that the operator found.
    let processor = Tagger::open(Arc::clone(&bundle), &options()).unwrap();
    for case in &cases {
        let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
        let tag = |tagger: &Tagger| tagger.tag(&[&case.tokens], &case.task, &case.language, &options, &Cancel::new());
        assert_eq!(tag(&emulated).unwrap(), tag(&processor).unwrap(), "{} {}", case.task, case.language);
    }
    drop(emulated);
    fake.ask::<()>("fake_leave");
    fake.check();
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_fails_is_an_error_that_names_the_operator_and_the_next_call_works() {
    let bundle = fused();
    let fake = fake(&bundle);
    let emulated = tagger(&bundle, &fake, AllocationDevice::CPU);
    let words = ["Anna", "bor", "i", "Odense", "."].map(String::from);
    let tag = |tagger: &Tagger| {
        let task = &tagger.manifest().tasks[0];
        let (language, options) =
            (&tagger.manifest().languages[0], DecodeOptions { zero_shot: true, ..DecodeOptions::default() });
        tagger.tag(&[&words], &task.name, language, &options, &Cancel::new())
    };
    for (function, result, kind) in [
        ("cuMemAlloc_v2", OUT_OF_MEMORY, ErrorKind::Limit),
        ("cuLaunchKernel", ILLEGAL_ADDRESS, ErrorKind::Engine),
        ("cuEventRecord", ILLEGAL_ADDRESS, ErrorKind::Engine),
    ] {
        fake.fail(function, 0, result);
        let error = tag(&emulated).unwrap_err();
        fake.fail(function, 0, 0);
        assert_eq!(error.kind(), kind, "{function}: {error}");
        assert!(error.to_string().contains("BiLstmCrf"), "{function}: {error}");
        assert_eq!(tag(&emulated).unwrap()[0].labels.len(), words.len());
    }
    // The tensors of the CPU provider are not in a GPU.
    let elsewhere = tagger(&bundle, &fake, AllocationDevice::CUDA);
    let error = tag(&elsewhere).unwrap_err();
    assert!(error.to_string().contains("BiLstmCrf: words: lies in the memory of Cpu 0, not of Cuda 0"), "{error}");
    drop((emulated, elsewhere));
    fake.ask::<()>("fake_leave");
    fake.check();
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_cannot_be_had_is_an_error_at_the_opening_of_the_session() {
    let bundle = fused();
    let fake = fake(&bundle);
    // A session without CUDA's provider has no kernel for the node.
    let error = session(&bundle, operator(&bundle, &fake)).err().unwrap();
    assert!(error.message().contains("BiLstmCrf"), "{}", error.message());
    let emulated = |operator| Emulated { operator, fake: Arc::clone(&fake), memory: AllocationDevice::CPU };
    let operator = operator(&bundle, &fake);
    assert!(operator.gpu.note().ends_with("NOT RUN on a GPU by its authors"));
    assert_eq!(operator.gpu.kernel, "bilstm_cluster");
    fake.fail("cuMemAlloc_v2", 3, OUT_OF_MEMORY);
    let error = session(&bundle, emulated(operator)).err().unwrap();
    fake.fail("cuMemAlloc_v2", 0, 0);
    assert!(error.message().contains("BiLstmCrf: CUDA: the GPU has not enough memory"), "{}", error.message());
    let options = GpuOptions { device: Some(1), ..GpuOptions::default() };
    let error = Gpu::open(&options, Some(&fake.path), bundle.manifest()).err().unwrap();
    assert_eq!(error.message(), "there is no GPU 1: the CUDA driver has 1");
    fake.ask::<()>("fake_leave");
    fake.check();
}
