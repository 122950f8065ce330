//! The weights above the words, packed for the kernels.

use crate::bundle::{Bundle, graph, manifest::Task};
use crate::engine::Head;
use crate::kernels::Kernel;
use crate::kernels::dense::{Affine, PANEL};
use crate::kernels::lstm::Direction;
use crate::kernels::output::Output;
use crate::{Error, ErrorKind, Result};
use half::slice::HalfFloatSliceExt;

/// Bytes that the packed output layers of all tasks and languages may take together.
const LIMIT: usize = 1 << 30;

/// The BiLSTM and the output layers.
#[derive(Debug)]
pub(super) struct Network {
    /// Forward, backward.
    pub directions: [Direction; 2],
    heads: Vec<Heads>,
}

/// The output layers of a task.
#[derive(Debug)]
struct Heads {
    universal: Output,
    /// One a language, with its own layer and gate; none where the architecture has none.
    languages: Vec<Output>,
}

/// The values of a tensor, in single precision.
pub(super) fn read(bundle: &Bundle, name: &str) -> Result<Vec<f32>> {
    Ok(bundle.tensor(name)?.data.to_f32_vec())
}

impl Network {
    pub fn open(bundle: &Bundle, kernel: Kernel) -> Result<Self> {
        let manifest = bundle.manifest();
        let sizes = &manifest.architecture;
        let inputs = sizes.word_dim + sizes.char_filters * sizes.char_widths.len();
        let hidden = sizes.hidden;
        let tensors = [read(bundle, "lstm.weight_ih")?, read(bundle, "lstm.weight_hh")?, read(bundle, "lstm.bias")?];
        let direction = |reverse: bool| {
            let [input, recurrent, bias] = tensors.each_ref().map(|tensor| {
                let (forward, backward) = tensor.split_at(tensor.len() / 2);
                if reverse { backward } else { forward }
            });
            Direction::new(kernel, inputs, hidden, reverse, input, recurrent, bias)
        };
        check_size(bundle)?;
        let heads = manifest.tasks.iter().map(|task| Heads::open(bundle, task, kernel)).collect::<Result<_>>()?;
        Ok(Self { directions: [direction(false), direction(true)], heads })
    }

    /// The layers that `head` names.
    pub fn output(&self, head: Head) -> Option<&Output> {
        let heads = self.heads.get(head.task)?;
        match head.language {
            Some(language) if !heads.languages.is_empty() => heads.languages.get(language),
            _ => Some(&heads.universal),
        }
    }
}

/// Refuses what would pack into far more memory than its file takes.
fn check_size(bundle: &Bundle) -> Result<()> {
    let manifest = bundle.manifest();
    let size = |task: &Task| {
        let columns = (3 * task.labels.len()).next_multiple_of(PANEL);
        (task.languages.len() + 1) * columns * 2 * manifest.architecture.hidden * size_of::<f32>()
    };
    let total: usize = manifest.tasks.iter().map(size).fold(0, usize::saturating_add);
    if total <= LIMIT {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Limit,
        format!("the output layers need {total} bytes, where at most {LIMIT} are allowed"),
    )
    .remedy("use fewer languages, or the ONNX Runtime engine"))
}

impl Heads {
    fn open(bundle: &Bundle, task: &Task, kernel: Kernel) -> Result<Self> {
        let (labels, hidden) = (task.labels.len(), bundle.manifest().architecture.hidden);
        let layer = |part: &str| -> Result<Layer> {
            let read = |what: &str| read(bundle, &format!("task.{}.{part}.{what}", task.name));
            Ok(Layer { weights: read("weight")?, bias: read("bias")? })
        };
        let universal = layer("universal")?;
        let universal = universal.stacked(0, labels);
        let mut languages = Vec::new();
        if graph::has_specific(bundle.manifest(), task) {
            let (specific, gate) = (layer("specific")?, layer("gate")?);
            languages = (0..task.languages.len())
                .map(|language| {
                    let own = (specific.stacked(language, labels), gate.stacked(language, labels));
                    Output::new(kernel, labels, hidden, universal, Some(own))
                })
                .collect();
        }
        Ok(Self { universal: Output::new(kernel, labels, hidden, universal, None), languages })
    }
}

/// A layer, or a stack of them, as the bundle holds it.
struct Layer {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    /// One layer of `labels` outputs of the stack.
    fn stacked(&self, index: usize, labels: usize) -> Affine<'_> {
        let size = self.weights.len() / self.bias.len() * labels;
        Affine { weights: &self.weights[index * size..][..size], bias: &self.bias[index * labels..][..labels] }
    }
}
