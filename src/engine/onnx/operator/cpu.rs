//! The operator on the processor: the native kernels. The work is divided among the threads of the session.

use super::super::panicked;
use super::{Inputs, guarded, inputs, ours, outputs, reader, tensor, wrong};
use crate::bundle::graph::fused;
use crate::bundle::manifest::Manifest;
use crate::engine::native::{Network, transitions};
use crate::kernels::Kernel;
use crate::kernels::crf::Viterbi;
use crate::kernels::lstm::Place;
use crate::kernels::output::Output;
use crate::kernels::tiles::{Buffers, Tiles};
use crate::{Cancel, Result};
use ort::operator::{ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::PrimitiveTensorElementType;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Words that a thread projects at a time.
const BLOCK: usize = 64;

/// The operator before it has weights.
pub struct BiLstmCrf {
    pub manifest: Arc<Manifest>,
    pub kernel: Kernel,
    pub threads: usize,
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
        inputs(&self.manifest)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        outputs()
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Computation> {
        guarded(|| Computation::new(Arc::clone(&self.manifest), self.kernel, self.threads, context))
    }
}

/// The operator with the weights of its node, packed.
pub struct Computation {
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

/// Emissions `[length, labels]`, best path and its score.
type Decoded = (Vec<f32>, Vec<u16>, f32);

impl Computation {
    /// Packs the node's weights.
    fn new(manifest: Arc<Manifest>, kernel: Kernel, threads: usize, context: &KernelContext) -> Result<Self> {
        let read = reader(&manifest, context);
        let network = Network::new(&manifest, kernel, &read)?;
        network.pack_all(&manifest, &read)?;
        let viterbi =
            manifest.tasks.iter().map(|task| Ok(Viterbi::new(&transitions(task, &read)?))).collect::<Result<_>>()?;
        drop(read);
        Ok(Self { manifest, network, viterbi, threads })
    }

    fn run(&self, context: &ComputeContext) -> Result<()> {
        let values = super::values(context, &self.manifest)?;
        let inputs = Inputs::new(&self.manifest, &values, self.network.directions[0].inputs())?;
        let sentences = self.decode(context, &inputs)?;
        self.write(context, &inputs, &sentences)
    }

    /// For each sentence, what each task makes of it.
    fn decode(&self, context: &ComputeContext, inputs: &Inputs) -> Result<Vec<Vec<Decoded>>> {
        let cancel = Cancel::new();
        let outputs = inputs.heads.iter().map(|&head| self.network.packed(head)).collect::<Option<Vec<&Output>>>();
        let outputs = outputs.ok_or_else(|| wrong("no such output layer"))?;
        let [forward, backward] = &self.network.directions;
        let (features, gates, batch) = (forward.inputs(), forward.gates(), inputs.lengths.len());
        // A word is projected once, however often it stands in the sentences.
        let words = tensor::<f32, _>(inputs.words, &[inputs.count, features]).map_err(|e| e.at("words"))?;
        let blocks: Vec<&[f32]> = words.chunks(BLOCK * features).collect();
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
