//! The operator `BiLstmCrf` of the domain `ai.libmtl`: the native kernels inside ONNX Runtime, from the distinct words'
//! features to each task's emissions and best path. It is registered for one session at a time, over the bundle whose
//! manifest says the sizes, the tasks and the rules of their schemes.
//!
//! ONNX Runtime calls from C++, which no panic may reach, and gives tensors whose shapes and values nobody has checked:
//! both are dealt with here. The work is divided among the threads of the session.

use super::panicked;
use crate::bundle::graph::fused;
use crate::bundle::layout;
use crate::bundle::manifest::Manifest;
use crate::engine::Head;
use crate::engine::native::{Network, transitions};
use crate::kernels::Kernel;
use crate::kernels::crf::Viterbi;
use crate::kernels::lstm::Place;
use crate::kernels::output::Output;
use crate::kernels::tiles::{Buffers, Tiles};
use crate::{Cancel, Error, ErrorKind, Result};
use half::f16;
use half::slice::HalfFloatSliceExt;
use ort::operator::{ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput};
use ort::value::{
    DynTensorValueType, PrimitiveTensorElementType, Shape, TensorElementType, TensorValueTypeMarker, Value, ValueRef,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Words that a thread projects at a time.
const BLOCK: usize = 64;

/// The domain, for a session of `threads` threads over the bundle of `manifest`.
pub fn domain(manifest: &Manifest, threads: usize) -> ort::Result<OperatorDomain> {
    OperatorDomain::new(fused::DOMAIN)?.add(BiLstmCrf { manifest: Arc::new(manifest.clone()), threads })
}

/// The operator before it has weights.
struct BiLstmCrf {
    manifest: Arc<Manifest>,
    threads: usize,
}

impl Operator for BiLstmCrf {
    type Kernel<'attr> = Computation;

    fn name(&self) -> &str {
        fused::OPERATOR
    }

    fn versions(&self) -> std::ops::RangeInclusive<u32> {
        1..=1
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        use TensorElementType::{Float16, Float32, Int32, Int64};
        let required = [Float32, Int64, Int32, Float16, Float16, Float16].map(OperatorInput::required);
        required.into_iter().chain([OperatorInput::variadic(1)])
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        use TensorElementType::{Float32, Int64};
        let paths = [Int64, Float32].map(OperatorOutput::required);
        paths.into_iter().chain([OperatorOutput::variadic(1).homogenous(Float32)])
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Computation> {
        guarded(|| Computation::new(Arc::clone(&self.manifest), self.threads, context))
    }
}

/// The operator with the weights of its node, packed.
struct Computation {
    manifest: Arc<Manifest>,
    network: Network,
    /// One a task.
    viterbi: Vec<Viterbi>,
    threads: usize,
}

impl ort::operator::Kernel for Computation {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| self.run(context))
    }
}

/// What the inputs of a run say.
struct Inputs<'a> {
    /// `[words, features]`.
    words: &'a [f32],
    /// `[time, batch]`, each less than the number of words where its sentence has not ended.
    tokens: &'a [i64],
    lengths: Vec<usize>,
    time: usize,
    /// The layers of each task.
    heads: Vec<Head>,
}

/// Emissions `[length, labels]`, best path and its score.
type Decoded = (Vec<f32>, Vec<u16>, f32);

impl Computation {
    /// Packs the node's weights, which the preflight has found to be the bundle's tensors.
    fn new(manifest: Arc<Manifest>, threads: usize, context: &KernelContext) -> Result<Self> {
        let names = fused::node_inputs(&manifest);
        let shapes: HashMap<String, Vec<usize>> = layout::expected(&manifest).into_iter().collect();
        let read = |name: &str| -> Result<Vec<f32>> {
            let missing = || wrong("the manifest has no such tensor").at(name);
            let index = names.iter().position(|other| other == name).ok_or_else(missing)?;
            let value = context.constant_input::<DynTensorValueType>(fused::VALUES + index);
            let value = value.map_err(|e| ours(e).at(name))?;
            let shape = shapes.get(name).ok_or_else(missing)?;
            Ok(tensor::<f16, _>(&value, shape).map_err(|e| e.at(name))?.to_f32_vec())
        };
        let network = Network::new(&manifest, Kernel::best(), &read)?;
        network.pack_all(&manifest, &read)?;
        let viterbi =
            manifest.tasks.iter().map(|task| Ok(Viterbi::new(&transitions(task, &read)?))).collect::<Result<_>>()?;
        Ok(Self { manifest, network, viterbi, threads })
    }

    fn run(&self, context: &ComputeContext) -> Result<()> {
        let names = fused::node_inputs(&self.manifest);
        let values = (0..fused::VALUES + names.len()).map(|index| context.input(index).map_err(ours));
        let values: Vec<Option<ValueRef>> = values.collect::<Result<_>>()?;
        let inputs = self.inputs(&values, &names)?;
        let sentences = self.decode(context, &inputs)?;
        self.write(context, &inputs, &sentences)
    }

    /// Checks what the graph has computed, and what the caller has chosen.
    fn inputs<'a>(&self, values: &'a [Option<ValueRef>], names: &[String]) -> Result<Inputs<'a>> {
        let value = |index: usize, name: &str| {
            values.get(index).and_then(Option::as_ref).ok_or_else(|| wrong("is missing").at(name))
        };
        let [words, tokens, lengths] = [(0, "words"), (1, "tokens"), (2, "lengths")].map(|(i, name)| value(i, name));
        let (words, tokens, lengths) = (words?, tokens?, lengths?);
        let [count, time, batch] = [(words, 0), (tokens, 0), (tokens, 1)].map(|(value, axis)| dimension(value, axis));
        let words =
            tensor::<f32, _>(words, &[count, self.network.directions[0].inputs()]).map_err(|e| e.at("words"))?;
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
        let heads = self.manifest.tasks.iter().enumerate().map(|(index, task)| {
            let (Some((language, row)), Some((gate, share))) =
                (selector(crate::bundle::graph::language_name(task)), selector(crate::bundle::graph::gate_name(task)))
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
        Ok(Inputs { words, tokens, lengths, time, heads })
    }

    /// For each sentence, what each task makes of it.
    fn decode(&self, context: &ComputeContext, inputs: &Inputs) -> Result<Vec<Vec<Decoded>>> {
        let cancel = Cancel::new();
        let outputs = inputs.heads.iter().map(|&head| self.network.packed(head)).collect::<Option<Vec<&Output>>>();
        let outputs = outputs.ok_or_else(|| wrong("no such output layer"))?;
        let [forward, backward] = &self.network.directions;
        let (features, gates, batch) = (forward.inputs(), forward.gates(), inputs.lengths.len());
        // A word is projected once, however often it stands in the sentences.
        let blocks: Vec<&[f32]> = inputs.words.chunks(BLOCK * features).collect();
        let projected = in_parallel(context, 2 * blocks.len(), |piece| {
            let (block, direction) = (blocks[piece / 2], if piece % 2 == 1 { backward } else { forward });
            let mut rows = vec![0.0; block.len() / features * gates];
            direction.project(block, &mut rows);
            Ok(rows)
        })?;
        let row = |word: usize, backward: bool| {
            &projected[word / BLOCK * 2 + usize::from(backward)][word % BLOCK * gates..][..gates]
        };

        let tiles =
            Tiles::new(&self.network.directions, &outputs, inputs.lengths.iter().copied(), self.threads, &cancel);
        let sentences = Mutex::new(vec![vec![Decoded::default(); outputs.len()]; batch]);
        in_parallel(context, tiles.pieces(), |piece| {
            let word = |place: Place| inputs.tokens[place.token * batch + place.sequence] as usize;
            let projected = |place, backward| Some(row(word(place), backward));
            let mut take = |task: usize, sentence: usize, emissions: &[f32]| {
                if emissions.iter().any(|value| !value.is_finite()) {
                    return Err(wrong("emissions that are not finite").remedy("run `mtl verify` on the model"));
                }
                let (path, score) = self.viterbi[task].best(emissions, &cancel)?;
                let decoded = (emissions.to_vec(), path, score);
                sentences.lock().unwrap_or_else(PoisonError::into_inner)[sentence][task] = decoded;
                Ok(())
            };
            tiles.run(piece, &mut Buffers::default(), &projected, &mut |_, _| (), &mut take)
        })?;
        Ok(sentences.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes every output; what stands after the end of a sentence is 0.
    fn write(&self, context: &ComputeContext, inputs: &Inputs, sentences: &[Vec<Decoded>]) -> Result<()> {
        let (tasks, batch, time) = (self.manifest.tasks.len(), inputs.lengths.len(), inputs.time);
        output::<i64>(context, 0, &[tasks, batch, time], |labels| {
            for (place, row) in labels.chunks_exact_mut(time).enumerate() {
                let (_, path, _) = &sentences[place % batch][place / batch];
                row.iter_mut().zip(path).for_each(|(label, &best)| *label = best.into());
            }
        })?;
        output::<f32>(context, 1, &[tasks, batch], |scores| {
            for (place, score) in scores.iter_mut().enumerate() {
                *score = sentences[place % batch][place / batch].2;
            }
        })?;
        for (task, labels) in self.manifest.tasks.iter().map(|task| task.labels.len()).enumerate() {
            output::<f32>(context, 2 + task, &[batch, time, labels], |rows| {
                for (row, sentence) in rows.chunks_exact_mut(time * labels).zip(sentences) {
                    row[..sentence[task].0.len()].copy_from_slice(&sentence[task].0);
                }
            })?;
        }
        Ok(())
    }
}

/// Has `fill` write the output `index`, which is zero before.
fn output<T: PrimitiveTensorElementType + Copy + Default + 'static>(
    context: &ComputeContext,
    index: usize,
    shape: &[usize],
    fill: impl FnOnce(&mut [T]),
) -> Result<()> {
    let dims: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let Some(mut value) = context.output(index, dims).map_err(ours)? else { return Ok(()) };
    let (_, values) = value.try_extract_tensor_mut::<T>().map_err(ours)?;
    values.fill(T::default());
    fill(values);
    Ok(())
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

/// What `work` makes of each of so many pieces, on the threads of the session; of several errors, one.
fn in_parallel<T: Send + Sync>(
    context: &ComputeContext,
    pieces: usize,
    work: impl Fn(usize) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    let slots: Vec<OnceLock<T>> = (0..pieces).map(|_| OnceLock::new()).collect();
    run_pieces(context, pieces, &|piece| {
        let _ = slots[piece].set(work(piece)?);
        Ok(())
    })?;
    let done = slots.into_iter().map(OnceLock::into_inner).collect::<Option<Vec<T>>>();
    done.ok_or_else(|| wrong("a piece of work was left out"))
}

/// Calls `work` for each of so many pieces, on the threads of the session.
fn run_pieces(
    context: &ComputeContext,
    pieces: usize,
    work: &(dyn Fn(usize) -> Result<()> + Send + Sync),
) -> Result<()> {
    let failure = OnceLock::new();
    let piece = |piece: usize| {
        let done = catch_unwind(AssertUnwindSafe(|| work(piece)));
        if let Err(error) = done.unwrap_or_else(|panic| Err(wrong(panicked(&*panic)))) {
            let _ = failure.set(error);
        }
    };
    context.par_for(pieces, 0, piece).map_err(ours)?;
    failure.into_inner().map_or(Ok(()), Err)
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
            (&|g| drop(node(g).input.pop()), "crf.end: input is not constant"),
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
