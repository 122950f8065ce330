//! The operator `BiLstmCrf` of the domain `ai.libmtl`: libmtl's kernels inside ONNX Runtime, from the distinct words'
//! features to each task's emissions and best path. It is registered for one session at a time, over the bundle whose
//! manifest says the sizes, the tasks and the rules of their schemes: `cpu` on the processor, `cuda` on CUDA's provider.
//!
//! ONNX Runtime calls from C++, which no panic may reach, and gives tensors whose shapes and values nobody has checked:
//! both are dealt with here.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use super::panicked;
use crate::bundle::graph::{self, fused};
use crate::bundle::layout;
use crate::bundle::manifest::{Manifest, Task};
use crate::engine::{GpuOptions, Head, Provider};
use crate::kernels::Kernel;
use crate::{Error, ErrorKind, Result};
use half::f16;
use half::slice::HalfFloatSliceExt;
use ort::memory::MemoryType;
use ort::operator::{ComputeContext, KernelContext, OperatorDomain, OperatorInput, OperatorOutput};
use ort::value::{
    DynTensorValueType, PrimitiveTensorElementType, Shape, TensorElementType, TensorValueTypeMarker, Value, ValueRef,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Where the operator of a session computes.
pub enum Place {
    /// On the processor, with so many threads.
    Processor(Kernel, usize),
    /// On CUDA's provider.
    #[cfg(feature = "cuda")]
    Gpu(cuda::Gpu),
}

impl Place {
    /// Why there is no operator for `provider` in this build.
    pub fn missing(provider: Provider) -> Option<&'static str> {
        match provider {
            Provider::Cpu => None,
            Provider::Cuda if cfg!(feature = "cuda") => None,
            Provider::Cuda => Some(
                "libmtl's operator of the fused graph runs on the processor only, in a build without the feature `cuda`; \
                 take the portable graph",
            ),
            Provider::TensorRt => {
                Some("libmtl's operator of the fused graph runs on the processor and on cuda; take the portable graph")
            }
        }
    }

    /// On the GPU of CUDA's provider, for the bundle of `manifest`.
    #[cfg(feature = "cuda")]
    pub fn gpu(options: &GpuOptions, manifest: &Manifest) -> Result<Self> {
        Ok(Self::Gpu(cuda::Gpu::open(options, None, manifest)?))
    }

    /// On the GPU of CUDA's provider, which [`Place::missing`] refuses in this build.
    #[cfg(not(feature = "cuda"))]
    pub fn gpu(_: &GpuOptions, _: &Manifest) -> Result<Self> {
        Err(wrong(Self::missing(Provider::Cuda).unwrap_or_default()))
    }

    /// The domain, for a session over the bundle of `manifest`.
    pub fn domain(&self, manifest: &Manifest) -> ort::Result<OperatorDomain> {
        let (domain, manifest) = (OperatorDomain::new(fused::DOMAIN)?, Arc::new(manifest.clone()));
        match self {
            Self::Processor(kernel, threads) => {
                domain.add(cpu::BiLstmCrf { manifest, kernel: *kernel, threads: *threads })
            }
            #[cfg(feature = "cuda")]
            Self::Gpu(gpu) => domain.add(cuda::BiLstmCrf { manifest, gpu: gpu.clone() }),
        }
    }

    /// Whether it is a GPU.
    pub fn is_gpu(&self) -> bool {
        !matches!(self, Self::Processor(..))
    }

    /// The kernel, for a report.
    pub fn kernel(&self) -> String {
        match self {
            Self::Processor(kernel, _) => kernel.name().to_string(),
            #[cfg(feature = "cuda")]
            Self::Gpu(gpu) => gpu.kernel.clone(),
        }
    }

    /// What a report says of `provider` beside: nothing but of the one that the operator runs on.
    pub fn note(&self, provider: Provider) -> String {
        match (self, provider) {
            #[cfg(feature = "cuda")]
            (Self::Gpu(gpu), Provider::Cuda) => gpu.note(),
            _ => String::new(),
        }
    }
}

/// The operator's inputs. On the provider of a GPU, only the words' features come in its memory: lengths, tokens and
/// selectors are read on the host, and weights are packed there.
fn inputs(manifest: &Manifest) -> Vec<OperatorInput> {
    use TensorElementType::{Float16, Float32, Int32, Int64};
    let host = |kind| OperatorInput::required(kind).memory_type(MemoryType::CPUInput);
    let is = |name: &str, of: &dyn Fn(&Task) -> String| manifest.tasks.iter().any(|task| of(task) == name);
    let own = fused::node_inputs(manifest).into_iter().map(|name| match &*name {
        name if is(name, &graph::language_name) => host(Int64),
        name if is(name, &graph::gate_name) => host(Float32),
        _ => host(Float16),
    });
    [OperatorInput::required(Float32), host(Int64), host(Int32)].into_iter().chain(own).collect()
}

/// Its outputs.
fn outputs() -> [OperatorOutput; 3] {
    use TensorElementType::{Float32, Int64};
    let [labels, scores] = [Int64, Float32].map(OperatorOutput::required);
    [labels, scores, OperatorOutput::variadic(1).homogenous(Float32)]
}

/// What reads the node's weights, which the preflight has found to be the bundle's tensors, by their names.
fn reader<'a>(manifest: &Manifest, context: &'a KernelContext) -> impl Fn(&str) -> Result<Vec<f32>> + use<'a> {
    let names = fused::node_inputs(manifest);
    let shapes: HashMap<String, Vec<usize>> = layout::expected(manifest).into_iter().collect();
    move |name| {
        let missing = || wrong("the manifest has no such tensor").at(name);
        let index = names.iter().position(|other| other == name).ok_or_else(missing)?;
        let value = context.constant_input::<DynTensorValueType>(fused::VALUES + index);
        let value = value.map_err(|e| ours(e).at(name))?;
        let shape = shapes.get(name).ok_or_else(missing)?;
        Ok(tensor::<f16, _>(&value, shape).map_err(|e| e.at(name))?.to_f32_vec())
    }
}

/// The inputs of a run as ONNX Runtime gives them.
fn values<'a>(context: &'a ComputeContext, manifest: &Manifest) -> Result<Vec<Option<ValueRef<'a>>>> {
    let count = fused::VALUES + fused::node_inputs(manifest).len();
    (0..count).map(|index| context.input(index).map_err(ours)).collect()
}

/// What the inputs of a run say.
struct Inputs<'a> {
    /// `[count, features]`, where the operator computes.
    words: &'a ValueRef<'a>,
    count: usize,
    /// `[time, batch]`, each less than the number of words.
    tokens: &'a [i64],
    lengths: Vec<usize>,
    time: usize,
    /// The layers of each task.
    heads: Vec<Head>,
}

impl<'a> Inputs<'a> {
    /// Checks what the graph has computed, and what the caller has chosen.
    fn new(manifest: &Manifest, values: &'a [Option<ValueRef<'a>>], features: usize) -> Result<Self> {
        let names = fused::node_inputs(manifest);
        let value = |index: usize, name: &str| {
            values.get(index).and_then(Option::as_ref).ok_or_else(|| wrong("is missing").at(name))
        };
        let [words, tokens, lengths] = [(0, "words"), (1, "tokens"), (2, "lengths")].map(|(i, name)| value(i, name));
        let (words, tokens, lengths) = (words?, tokens?, lengths?);
        let [count, time, batch] = [(words, 0), (tokens, 0), (tokens, 1)].map(|(value, axis)| dimension(value, axis));
        check_shape(words.dtype().tensor_shape(), &[count, features]).map_err(|e| e.at("words"))?;
        let tokens = tensor::<i64, _>(tokens, &[time, batch]).map_err(|e| e.at("tokens"))?;
        let lengths = tensor::<i32, _>(lengths, &[batch]).map_err(|e| e.at("lengths"))?;
        let length = |&length: &i32| usize::try_from(length).ok().filter(|&length| length <= time);
        let lengths: Option<Vec<usize>> = lengths.iter().map(length).collect();
        let lengths = lengths.ok_or_else(|| wrong(format!("not all within 0..={time}")).at("lengths"))?;
        if tokens.iter().any(|&token| usize::try_from(token).map_or(true, |token| token >= count)) {
            return Err(wrong(format!("not all below {count}, the number of words")).at("tokens"));
        }
        let selector = |name: String| {
            let index = names.iter().position(|other| *other == name);
            index.map(|index| (value(fused::VALUES + index, &name), name))
        };
        let heads = manifest.tasks.iter().enumerate().map(|(index, task)| {
            let (Some((language, row)), Some((gate, share))) =
                (selector(graph::language_name(task)), selector(graph::gate_name(task)))
            else {
                return Ok(Head { task: index, language: None });
            };
            let language = tensor::<i64, _>(language?, &[1]).map_err(|e| e.at(&row))?[0];
            let language = usize::try_from(language).ok().filter(|&language| language < task.languages.len());
            let language = language.ok_or_else(|| wrong("the task has no language of this number").at(&row))?;
            match tensor::<f32, _>(gate?, &[1]).map_err(|e| e.at(&share))?[0] {
                0.0 => Ok(Head { task: index, language: None }),
                1.0 => Ok(Head { task: index, language: Some(language) }),
                other => Err(wrong(format!("{other}, where it must be 0 or 1")).at(&share)),
            }
        });
        let heads = heads.collect::<Result<_>>()?;
        Ok(Self { words, count, tokens, lengths, time, heads })
    }
}

/// The size of a value's axis; 0 where it has none.
fn dimension(value: &ValueRef, axis: usize) -> usize {
    let shape = value.dtype().tensor_shape();
    shape.and_then(|shape| shape.get(axis)).and_then(|&size| usize::try_from(size).ok()).unwrap_or(0)
}

/// The elements of a tensor, which has this shape and holds something.
fn tensor<'a, T: PrimitiveTensorElementType, V: TensorValueTypeMarker + ?Sized>(
    value: &'a Value<V>,
    shape: &[usize],
) -> Result<&'a [T]> {
    check_shape(value.dtype().tensor_shape(), shape)?;
    Ok(value.try_extract_tensor::<T>().map_err(ours)?.1)
}

/// Refuses another shape, and one that holds nothing.
fn check_shape(found: Option<&Shape>, shape: &[usize]) -> Result<()> {
    let fits = found
        .is_some_and(|found| found.iter().map(|&size| usize::try_from(size).ok()).eq(shape.iter().map(|&s| Some(s))));
    if !fits || shape.contains(&0) {
        return Err(wrong(format!("has the shape {found:?} where {shape:?} belongs, and no size of 0")));
    }
    Ok(())
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Engine, message)
}

fn ours(error: ort::Error) -> Error {
    wrong(error.message().trim())
}

/// Does `work`; its error, or its panic, is one of ONNX Runtime's that names the operator.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> ort::Result<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(wrong(panicked(&*panic))));
    done.map_err(|error| ort::Error::new(format!("{}: {error}", fused::OPERATOR)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cancel;
    use crate::bundle::Bundle;
    use crate::bundle::graph::{GraphProto, ModelProto, NodeProto, gate_name, language_name};
    use crate::engine::onnx::library_from_environment;
    use crate::engine::onnx::session::{self, Sessions, input};
    use crate::engine::{EngineKind, EngineOptions, Form};
    use prost::Message;
    use std::borrow::Cow;
    use std::path::Path;

    type Change<'a> = &'a dyn Fn(&mut GraphProto);

    fn fused() -> Bundle {
        let folder = tempfile::tempdir().unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-mobile");
        crate::bundle::fuse(&model, folder.path()).unwrap();
        Bundle::open(folder.path()).unwrap()
    }

    /// Sessions over a graph that no preflight has seen.
    fn open(bundle: &Bundle, change: impl FnOnce(&mut GraphProto)) -> Result<Sessions> {
        let mut model = ModelProto::decode(bundle.fused_graph().unwrap()).unwrap();
        change(model.graph.as_mut().unwrap());
        let fetched = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime");
        let library = Some(library_from_environment().unwrap_or_else(fetched));
        let options = EngineOptions { engine: EngineKind::Onnx, graph: Form::Fused, library, ..Default::default() };
        Sessions::open(bundle, &[Cow::Owned(model.encode_to_vec())], &options, &|_, _| Ok(()))
    }

    /// The label of a sentence of one word, by the first task, where token, length, language and gate are these.
    fn label(bundle: &Bundle, sessions: &Sessions, token: i64, length: i32, language: i64, gate: f32) -> Result<i64> {
        let tasks = &bundle.manifest().tasks;
        let names: Vec<[String; 2]> = tasks.iter().map(|task| [language_name(task), gate_name(task)]).collect();
        let (tokens, lengths) = ([token], [length]);
        let (languages, shares) = ([[language], [0]], [[gate], [0.0]]);
        sessions.call(&Cancel::new(), |sessions| {
            let mut inputs = vec![
                input("word_rows", [1], &[0i64])?,
                input("chars", [1, 4], &[2i64, 3, 0, 0])?,
                input("char_lengths", [1], &[4i64])?,
                input("tokens", [1, 1], &tokens)?,
                input("lengths", [1], &lengths)?,
            ];
            for (task, [row, share]) in names.iter().enumerate() {
                let other = usize::from(task > 0);
                inputs.push(input(row, [1], &languages[other])?);
                inputs.push(input(share, [1], &shares[other])?);
            }
            let labels = [fused::LABELS.to_string()];
            let found = session::run(&mut sessions[0], inputs, &labels, |_, _, labels: &[i64]| Ok(labels[0]))?;
            Ok(found[0])
        })
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn values_out_of_bounds_are_errors_and_the_session_lives_on() {
        let bundle = fused();
        let sessions = open(&bundle, |_| ()).unwrap();
        let task = &bundle.manifest().tasks[0];
        let good = || label(&bundle, &sessions, 0, 1, 0, 1.0).unwrap();
        let first = good();
        assert!((first as usize) < task.labels.len());
        assert_eq!(label(&bundle, &sessions, 0, 0, 0, 1.0).unwrap(), 0, "a sentence that has ended");
        let [language, gate] = [language_name(task), gate_name(task)];
        for (token, length, row, share, words) in [
            (1, 1, 0, 1.0, "tokens: not all below 1".to_string()),
            (-1, 1, 0, 1.0, "tokens: not all below 1".to_string()),
            (0, 2, 0, 1.0, "lengths: not all within 0..=1".to_string()),
            (0, -1, 0, 1.0, "lengths: not all within 0..=1".to_string()),
            (0, 1, 99, 1.0, format!("{language}: the task has no language")),
            (0, 1, -1, 1.0, format!("{language}: the task has no language")),
            (0, 1, 0, 0.5, format!("{gate}: 0.5, where it must be 0 or 1")),
            (0, 1, 0, f32::NAN, format!("{gate}: NaN, where")),
        ] {
            let error = label(&bundle, &sessions, token, length, row, share).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Engine);
            assert!(error.message().contains(&format!("BiLstmCrf: {words}")), "{error}");
            assert_eq!(good(), first);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_node_of_another_network_is_an_error() {
        fn node(graph: &mut GraphProto) -> &mut NodeProto {
            graph.node.iter_mut().find(|node| node.domain.as_deref() == Some(fused::DOMAIN)).unwrap()
        }
        let bundle = fused();
        let computed = |g: &mut GraphProto| {
            let language = language_name(&bundle.manifest().tasks[0]);
            let rows = NodeProto {
                input: vec!["lstm.bias".into(), language],
                output: vec!["rows".into()],
                op_type: Some("Gather".into()),
                ..NodeProto::default()
            };
            g.node.insert(0, rows);
            node(g).input[5] = "rows".into();
        };
        let changes: [(Change, &str); 4] = [
            (&|g| drop(node(g).input.pop()), "has input size"),
            (&|g| node(g).input.swap(3, 4), "lstm.weight_ih: has the shape"),
            (&computed, "lstm.bias: input is not constant"),
            (&|g| node(g).op_type = Some("Another".into()), "Another"),
        ];
        for (change, words) in changes {
            let error = open(&bundle, change).unwrap_err();
            assert!(error.kind() == ErrorKind::Engine && error.message().contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_panic_is_an_error() {
        let error = guarded(|| -> Result<()> { panic!("at the disco") }).unwrap_err();
        assert_eq!(error.message(), "BiLstmCrf: at the disco");
    }
}
