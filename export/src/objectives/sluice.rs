//! D9, Ruder et al. 2017: a stack of LSTMs for each task, which learn what they share.
//!
//! ```text
//! h'_i = sum_j alpha_ij h_j    after each layer, i and j going over all subspaces of all tasks, for each direction
//! y    = sum_l beta_l h'_l     is what a task's output layers read, l going over its layers
//! L    = sum over tasks, layers, directions, gates and both matrices of |W1 W2^T|^2
//! ```
//!
//! A task's hidden vector is cut into one or two equal subspaces (one: cross-stitch, Misra et al. 2016); W1 and W2 are the rows of a
//! gate's matrix that make the units of the first and of the second. Every task's stack is computed for every sentence, and
//! the deployed network would need them all: a run with this objective cannot be exported.

use super::settings::{self, Start};
use super::{Objective, Seen, Setup};
use crate::model::{Model, init, layer_name};
use tch::nn::Init;
use tch::{Kind, Tensor};

/// The orthogonality of subspaces; the sharing itself is in the network.
pub struct Sluice {
    matrices: Vec<String>,
    hidden: i64,
    subspaces: usize,
}

impl Sluice {
    pub(super) fn new(settings: &settings::Sluice, setup: &mut Setup) -> Self {
        let tasks: Vec<usize> = (0..setup.model.tasks.len()).collect();
        let (parts, layers) = (tasks.len() * settings.subspaces, setup.config.model.lstm_layers);
        for layer in 1..=layers {
            setup.model.add_auxiliary(alpha_name(layer), alpha(settings.start, parts), &tasks);
        }
        for &task in &tasks {
            setup.model.add_auxiliary(beta_name(&setup.model.tasks[task].key), beta(layers), &[task]);
        }
        setup.model.sluice = Some(settings.subspaces);
        let scopes = setup.model.tasks.iter().map(|task| &task.lstm_scope);
        let layers = scopes.flat_map(|scope| (1..=layers).map(move |layer| layer_name(scope, layer)));
        let matrix = |layer: String| {
            ["fw.weight_ih", "fw.weight_hh", "bw.weight_ih", "bw.weight_hh"].map(|part| format!("{layer}.{part}"))
        };
        let matrices = layers.flat_map(matrix).collect();
        Self { matrices, hidden: setup.config.model.hidden as i64, subspaces: settings.subspaces }
    }
}

/// The parameter that mixes a layer's subspaces.
fn alpha_name(layer: usize) -> String {
    format!("objective.sluice.alpha.{layer}")
}

/// The parameter that mixes the layers that a task reads.
fn beta_name(task: &str) -> String {
    format!("objective.sluice.beta.{task}")
}

/// Every subspace alike, or nine tenths of each for itself.
fn alpha(start: Start, parts: usize) -> Tensor {
    let shape = [parts as i64; 2];
    let others = parts.saturating_sub(1).max(1) as f64;
    match start {
        Start::Balanced => init(Init::Const(1.0 / parts as f64), &shape),
        Start::Imbalanced => {
            let own = Tensor::eye(parts as i64, (Kind::Float, tch::Device::Cpu));
            &own * 0.9 + (1.0 - &own) * (0.1 / others)
        }
    }
}

/// Nine tenths of the last layer, and the rest of those below.
fn beta(layers: usize) -> Tensor {
    let mut values = vec![0.1 / layers.saturating_sub(1).max(1) as f32; layers];
    values[layers - 1] = if layers == 1 { 1.0 } else { 0.9 };
    Tensor::from_slice(&values)
}

/// The states of all tasks in one direction, `[cells, hidden]` each, mixed by the layer's alpha.
pub fn mix(model: &Model, layer: usize, subspaces: usize, states: &[Tensor]) -> Vec<Tensor> {
    let (cells, hidden) = (states[0].size()[0], states[0].size()[1]);
    let parts: Vec<Tensor> = states.iter().flat_map(|state| state.chunk(subspaces as i64, 1)).collect();
    let mixed = model.parameters[&alpha_name(layer)].matmul(&Tensor::stack(&parts, 0).view([parts.len() as i64, -1]));
    let mixed = mixed.view([parts.len() as i64, cells, hidden / subspaces as i64]).unbind(0);
    mixed.chunks(subspaces).map(|own| Tensor::cat(own, 1)).collect()
}

/// What a task's output layers read of its layers.
pub fn read(model: &Model, task: &str, layers: &[Tensor]) -> Tensor {
    let beta = model.parameters[&beta_name(task)].unbind(0);
    let terms = layers.iter().zip(beta).map(|(layer, beta)| layer * beta);
    terms.reduce(|a, b| a + b).expect("there is a layer")
}

impl Objective for Sluice {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        if self.subspaces == 1 {
            return None;
        }
        let half = self.hidden / 2;
        let overlap = |name: &String| {
            // [gates, units, inputs]
            let gates = seen.model.parameters[name].view([4, self.hidden, -1]);
            let product = gates.narrow(1, 0, half).matmul(&gates.narrow(1, half, half).transpose(1, 2));
            (&product * &product).sum(Kind::Float)
        };
        self.matrices.iter().map(overlap).reduce(|a, b| a + b)
    }
}
