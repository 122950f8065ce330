//! The weights above the words, packed for the kernels.

use crate::bundle::manifest::{Manifest, Task};
use crate::bundle::{Bundle, graph};
use crate::engine::Head;
use crate::kernels::Kernel;
use crate::kernels::crf::{Constraints, Transitions};
use crate::kernels::dense::{Affine, PANEL};
use crate::kernels::lstm::Direction;
use crate::kernels::output::Output;
use crate::{Error, ErrorKind, Result};
use half::slice::HalfFloatSliceExt;
use std::sync::OnceLock;

/// Bytes that the packed output layers of all tasks and languages may take together.
const LIMIT: usize = 1 << 30;

/// The BiLSTM and the output layers.
#[derive(Debug)]
pub(crate) struct Network {
    kernel: Kernel,
    /// Forward, backward.
    pub directions: [Direction; 2],
    heads: Vec<Heads>,
}

/// The output layers of a task, each packed when first asked for: most programs use few of a model's tasks and languages.
#[derive(Debug)]
struct Heads {
    universal: OnceLock<Output>,
    /// One a language, with its own layer and gate; none where the architecture has none.
    languages: Vec<OnceLock<Output>>,
}

/// The values of a tensor, in single precision.
pub(crate) fn read(bundle: &Bundle, name: &str) -> Result<Vec<f32>> {
    Ok(bundle.tensor(name)?.data.to_f32_vec())
}

/// What reads the tensor of a name, in single precision.
pub(in crate::engine) type Reader<'a> = &'a dyn Fn(&str) -> Result<Vec<f32>>;

impl Network {
    /// Packs for `kernel` the BiLSTM of `manifest`, of tensors that `read` gives; [`Network::output`] does the output layers.
    pub fn new(manifest: &Manifest, kernel: Kernel, read: Reader) -> Result<Self> {
        let sizes = &manifest.architecture;
        let inputs = sizes.word_dim + sizes.char_filters * sizes.char_widths.len();
        let hidden = sizes.hidden;
        let tensors = [read("lstm.weight_ih")?, read("lstm.weight_hh")?, read("lstm.bias")?];
        let direction = |reverse: bool| {
            let [input, recurrent, bias] = tensors.each_ref().map(|tensor| {
                let (forward, backward) = tensor.split_at(tensor.len() / 2);
                if reverse { backward } else { forward }
            });
            Direction::new(kernel, inputs, hidden, reverse, input, recurrent, bias)
        };
        check_size(manifest)?;
        let heads = manifest.tasks.iter().map(|task| Heads::new(manifest, task)).collect();
        Ok(Self { kernel, directions: [direction(false), direction(true)], heads })
    }

    /// The layers that `head` names, packed when first asked for, of tensors that `read` gives. `manifest` is the network's own.
    pub fn output(&self, manifest: &Manifest, head: Head, read: Reader) -> Result<&Output> {
        let (Some(place), Some(task)) = (self.place(head), manifest.tasks.get(head.task)) else {
            return Err(Error::new(ErrorKind::Argument, "no such output layer"));
        };
        if let Some(output) = place.get() {
            return Ok(output);
        }
        let (layers, hidden) = (Layers::new(manifest, task, read)?, manifest.architecture.hidden);
        let own = head.language.and_then(|language| layers.own(language));
        // Of two threads that come here at once, one waits for the other's.
        Ok(place.get_or_init(|| Output::new(self.kernel, task.labels.len(), hidden, layers.universal(), own)))
    }

    /// Packs the layers of every task, with and without its languages, for one whose tensors go away.
    #[cfg(feature = "onnx")]
    pub fn pack_all(&self, manifest: &Manifest, read: Reader) -> Result<()> {
        for (task, heads) in self.heads.iter().enumerate() {
            for language in (0..heads.languages.len()).map(Some).chain([None]) {
                self.output(manifest, Head { task, language }, read)?;
            }
        }
        Ok(())
    }

    /// The layers that `head` names, where they are packed.
    #[cfg(feature = "onnx")]
    pub fn packed(&self, head: Head) -> Option<&Output> {
        self.place(head)?.get()
    }

    /// Where the layers that `head` names are kept.
    fn place(&self, head: Head) -> Option<&OnceLock<Output>> {
        let heads = self.heads.get(head.task)?;
        match head.language {
            Some(language) if !heads.languages.is_empty() => heads.languages.get(language),
            _ => Some(&heads.universal),
        }
    }
}

/// The transitions of `task`, of tensors that `read` gives, and under the rules of its scheme where it is decoded so.
pub(crate) fn transitions(task: &Task, read: Reader) -> Result<Transitions> {
    let read = |part: &str| read(&format!("task.{}.crf.{part}", task.name));
    let (start, end, pairs) = (read("start")?, read("end")?, read("transitions")?);
    let transitions = Transitions { labels: task.labels.len(), start, end, pairs };
    Ok(match task.constrained {
        true => Constraints::from_labels(&task.labels, task.scheme).apply(&transitions),
        false => transitions,
    })
}

/// Refuses what would pack into far more memory than its file takes.
fn check_size(manifest: &Manifest) -> Result<()> {
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
    fn new(manifest: &Manifest, task: &Task) -> Self {
        let languages = if graph::has_specific(manifest, task) { task.languages.len() } else { 0 };
        Self { universal: OnceLock::new(), languages: (0..languages).map(|_| OnceLock::new()).collect() }
    }
}

/// The output layers of a task, as a bundle holds them.
pub(in crate::engine) struct Layers {
    labels: usize,
    universal: Layer,
    /// Specific layers and gates of all languages, where they have their own.
    own: Option<[Layer; 2]>,
}

impl Layers {
    /// Of tensors that `read` gives.
    pub fn new(manifest: &Manifest, task: &Task, read: Reader) -> Result<Self> {
        let layer = |part: &str| -> Result<Layer> {
            let read = |what: &str| read(&format!("task.{}.{part}.{what}", task.name));
            Ok(Layer { weights: read("weight")?, bias: read("bias")? })
        };
        let specific = graph::has_specific(manifest, task);
        let own = if specific { Some([layer("specific")?, layer("gate")?]) } else { None };
        Ok(Self { labels: task.labels.len(), universal: layer("universal")?, own })
    }

    /// How many languages have layers of their own.
    #[cfg(feature = "cuda")]
    pub fn languages(&self) -> usize {
        self.own.as_ref().map_or(0, |[specific, _]| specific.bias.len() / self.labels)
    }

    /// The layer that all languages share.
    pub fn universal(&self) -> Affine<'_> {
        self.universal.stacked(0, self.labels)
    }

    /// The layer and the gate of a language.
    pub fn own(&self, language: usize) -> Option<(Affine<'_>, Affine<'_>)> {
        let [specific, gate] = self.own.as_ref()?.each_ref().map(|layer| layer.stacked(language, self.labels));
        Some((specific, gate))
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
