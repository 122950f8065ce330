//! The network of Lin 2018 on libtorch: shared character encoder, shared BiLSTM, gated output layers, CRF.
//!
//! One tensor a name; tasks share by using the same name (seeds A.2). Time-major: features are `[time, batch, width]`.

mod forward;

use crate::batch::Batch;
use crate::checkpoint::Parameters;
use crate::config::{Config, Constraints, Head};
use crate::objectives::settings::Context;
use crate::objectives::{Losses, Rows};
use crate::softmax;
use crate::vocabulary::Lexicon;
pub use forward::States;
use libmtl::kernels::crf::{self, Transitions};
use libmtl::text::scheme::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use tch::nn::Init;
use tch::{Device, Kind, Tensor};

/// One (type, language).
#[derive(Debug, Clone)]
pub struct Task {
    /// `type/language`.
    pub key: String,
    /// Task type.
    pub name: String,
    /// Language.
    pub language: String,
    /// Index of the type in the lexicon.
    pub kind: usize,
    /// Labels of the type.
    pub labels: usize,
    /// Whether it had training sentences; without, the universal layer alone predicts (seeds A.7, 3).
    pub trained: bool,
    /// The BiLSTM layer that its output layers read, from 1.
    pub layer: usize,
    /// The layers that a step of it trains: `layer`, or more where an objective reads more.
    depth: usize,
    char_scope: String,
    /// What its LSTM's parameters' names begin with.
    pub lstm_scope: String,
    /// The LSTM of its domain alone, where it has one beside the shared.
    pub private: Option<String>,
}

/// All parameters, and the settings that the forward pass needs.
pub struct Model {
    /// Dense parameters by name.
    pub parameters: BTreeMap<String, Tensor>,
    /// `[rows, word_dim]`, updated row by row.
    pub words: Tensor,
    /// Multiplies the learning rate of each row of the word table.
    pub word_rates: Vec<f32>,
    /// The tasks, in the order of the configuration.
    pub tasks: Vec<Task>,
    /// The layer whose LSTMs do not begin at zero, and what their first states depend on.
    pub initial: Option<(usize, Context)>,
    /// Subspaces of each task's states, where tasks mix them.
    pub sluice: Option<usize>,
    /// Parameters of objectives, each with the tasks whose steps train it.
    auxiliary: BTreeMap<String, Vec<usize>>,
    constraints: Vec<Option<crf::Constraints>>,
    settings: crate::config::Model,
}

/// What one step gives.
pub struct Step {
    /// Mean negative log-likelihood of a sentence (seeds A.8).
    pub loss: f64,
    /// What was added to it, by objective.
    pub parts: Vec<Option<f64>>,
    /// The touched rows of the word table, with their gradient after the backward pass.
    pub rows: Tensor,
    /// Which they are, distinct.
    pub ids: Vec<i64>,
}

impl Model {
    /// A freshly initialised network; `words` is the initial word table.
    pub fn new(config: &Config, lexicon: &Lexicon, words: &[f32], seed: u64, trained: &[bool]) -> Self {
        tch::manual_seed(seed as i64);
        let m = &config.model;
        let tasks: Vec<Task> = config
            .tasks
            .iter()
            .zip(trained)
            .map(|(t, &trained)| {
                let kind = lexicon.type_of(&t.name);
                let own = |shared: bool| if shared { String::new() } else { format!("own.{}.{}.", t.name, t.language) };
                Task {
                    key: t.key(),
                    name: t.name.clone(),
                    language: t.language.clone(),
                    kind,
                    labels: lexicon.types[kind].labels.len(),
                    trained,
                    layer: t.layer.unwrap_or(m.lstm_layers),
                    depth: t.layer.unwrap_or(m.lstm_layers),
                    char_scope: own(config.sharing.characters),
                    lstm_scope: own(config.sharing.lstm),
                    private: None,
                }
            })
            .collect();
        let constraints = lexicon
            .types
            .iter()
            .map(|kind| {
                let scheme = config.tasks.iter().find(|t| t.name == kind.name).map_or(Scheme::Plain, |t| t.scheme);
                (m.constraints != Constraints::Off).then(|| crf::Constraints::from_labels(&kind.labels, scheme))
            })
            .collect();
        let rows = (words.len() / m.word_dim) as i64;
        let words = Tensor::from_slice(words).view([rows, m.word_dim as i64]);
        let vector_rate = config.optimizer.vector_rate as f32;
        let word_rates = lexicon.has_vector.iter().map(|&has| if has { vector_rate } else { 1.0 }).collect();
        let (parameters, auxiliary, settings) = (BTreeMap::new(), BTreeMap::new(), m.clone());
        let mut model = Self {
            parameters,
            words,
            word_rates,
            tasks,
            initial: None,
            sluice: None,
            auxiliary,
            constraints,
            settings,
        };
        for task in model.tasks.clone() {
            model.init_task(&task, lexicon.char_rows as i64);
        }
        model
    }

    fn init_task(&mut self, task: &Task, chars: i64) {
        let m = self.settings.clone();
        let (features, hidden) = ((m.char_filters * m.char_widths.len()) as i64, m.hidden as i64);
        let cs = &task.char_scope;
        if m.char_filters > 0 && !self.parameters.contains_key(&format!("{cs}char.embedding")) {
            let embedding = init(Init::Randn { mean: 0., stdev: 1. }, &[chars, m.char_dim as i64]);
            let _ = embedding.get(0).fill_(0.);
            self.add(format!("{cs}char.embedding"), embedding);
            for &w in &m.char_widths {
                let bound = 1. / ((m.char_dim * w) as f64).sqrt();
                let shape = [m.char_filters as i64, m.char_dim as i64, w as i64];
                self.add(format!("{cs}char.conv.{w}.weight"), uniform(bound, &shape));
                self.add(format!("{cs}char.conv.{w}.bias"), uniform(bound, &shape[..1]));
            }
            for layer in 0..m.highway_layers {
                self.add_linear(&format!("{cs}highway.{layer}.transform"), features, features);
                self.add_linear(&format!("{cs}highway.{layer}.gate"), features, features);
            }
        }
        for layer in 1..=m.lstm_layers {
            let name = layer_name(&task.lstm_scope, layer);
            if !self.parameters.contains_key(&format!("{name}.fw.weight_ih")) {
                let input = if layer == 1 { m.word_dim as i64 + features } else { 2 * hidden };
                for (parameter, tensor) in lstm_parameters(&name, input, hidden, m.forget_bias) {
                    self.add(parameter, tensor);
                }
            }
        }
        let (name, k) = (&task.name, task.labels as i64);
        if !self.parameters.contains_key(&format!("task.{name}.universal.weight")) {
            self.add_linear(&format!("task.{name}.universal"), 2 * hidden, k);
            let parts = [("transitions", &[k, k][..]), ("start", &[k]), ("end", &[k])];
            for (part, shape) in parts.into_iter().filter(|_| m.head == Head::Crf) {
                self.add(format!("task.{name}.crf.{part}"), init(Init::Randn { mean: 0., stdev: 1. }, shape));
            }
        }
        if m.specific_layers {
            self.add_linear(&format!("task.{name}.specific.{}", task.language), 2 * hidden, k);
            self.add_linear(&format!("task.{name}.gate.{}", task.language), 2 * hidden, k);
        }
    }

    fn add(&mut self, name: String, tensor: Tensor) {
        self.parameters.insert(name, tensor.set_requires_grad(true));
    }

    fn add_linear(&mut self, name: &str, input: i64, output: i64) {
        self.add(format!("{name}.weight"), init(Init::Orthogonal { gain: 1. }, &[output, input]));
        self.add(format!("{name}.bias"), uniform(1. / (input as f64).sqrt(), &[output]));
    }

    /// Adds a parameter of an objective, which the steps of `tasks` train.
    pub fn add_auxiliary(&mut self, name: String, tensor: Tensor, tasks: &[usize]) {
        self.auxiliary.insert(name.clone(), tasks.to_vec());
        self.add(name, tensor);
    }

    /// Adds a linear layer of an objective.
    pub fn add_auxiliary_linear(&mut self, name: &str, input: i64, output: i64, tasks: &[usize]) {
        self.add_linear(name, input, output);
        for part in ["weight", "bias"] {
            self.auxiliary.insert(format!("{name}.{part}"), tasks.to_vec());
        }
    }

    /// Adds a BiLSTM of an objective.
    pub fn add_auxiliary_lstm(&mut self, name: &str, input: i64, hidden: i64, tasks: &[usize]) {
        for (parameter, tensor) in lstm_parameters(name, input, hidden, self.settings.forget_bias) {
            self.add_auxiliary(parameter, tensor, tasks);
        }
    }

    /// Gives `tasks` the BiLSTM `name` beside the shared one, and output layers that read both.
    pub fn add_private_lstm(&mut self, name: &str, tasks: &[usize]) {
        let m = &self.settings;
        let (input, hidden) = (m.word_dim + m.char_filters * m.char_widths.len(), m.hidden as i64);
        self.add_auxiliary_lstm(name, input as i64, hidden, tasks);
        for &index in tasks {
            let head = format!("task.{}.", self.tasks[index].name);
            let heads = self.parameters.keys().filter_map(|key| key.strip_prefix(&head)?.strip_suffix(".weight"));
            let narrow = |part: &&str| self.get(&format!("{head}{part}.weight")).size()[1] == 2 * hidden;
            let heads: Vec<String> = heads.filter(narrow).map(|part| format!("{head}{part}")).collect();
            let labels = self.tasks[index].labels as i64;
            heads.iter().for_each(|name| self.add_linear(name, 4 * hidden, labels));
            self.tasks[index].private = Some(name.to_string());
        }
    }

    /// Has the steps of `tasks` train the BiLSTM up to `layer`, for an objective reads that.
    pub fn train_layers(&mut self, tasks: &[usize], layer: usize) {
        for &task in tasks {
            self.tasks[task].depth = self.tasks[task].depth.max(layer);
        }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.parameters[name]
    }

    /// The linear layer `name` of `x`, `[rows, inputs]`.
    pub fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        x.linear(self.get(&format!("{name}.weight")), Some(self.get(&format!("{name}.bias"))))
    }

    /// The dense parameters that a step of `task` may change: exactly its row of the sharing table (seeds A.2).
    /// And the parameters of objectives that it trains.
    pub fn names_of(&self, index: usize) -> Vec<String> {
        let task = &self.tasks[index];
        let head = format!("task.{}.", task.name);
        let own = [format!("{head}universal."), format!("{head}crf.")];
        let languages = [format!("{head}specific.{}.", task.language), format!("{head}gate.{}.", task.language)];
        let scopes = ["char.", "highway."].map(|part| format!("{}{part}", task.char_scope));
        let stacks = self.tasks.iter().filter(|other| self.sluice.is_some() || other.lstm_scope == task.lstm_scope);
        let layers = stacks.flat_map(|t| (1..=task.depth).map(move |layer| layer_name(&t.lstm_scope, layer)));
        let lstm: Vec<String> = layers.flat_map(|name| [format!("{name}.fw."), format!("{name}.bw.")]).collect();
        let prefixes: Vec<&String> = own.iter().chain(&languages).chain(&scopes).chain(&lstm).collect();
        let trains = |name: &&String| match self.auxiliary.get(*name) {
            Some(tasks) => tasks.contains(&index),
            None => prefixes.iter().any(|p| name.starts_with(*p)),
        };
        self.parameters.keys().filter(trains).cloned().collect()
    }

    /// Forward and backward of one batch. Gradients accumulate in the parameters and in the result's rows. `further`
    /// batches may read rows, too; `objectives` gives what is added to the loss.
    pub fn step(
        &self,
        task: usize,
        batch: &Batch,
        further: &[Option<Batch>],
        objectives: impl FnOnce(&States, &Rows) -> Losses,
    ) -> Step {
        let mut ids = batch.rows.clone();
        let mut known: BTreeSet<i64> = ids.iter().copied().collect();
        ids.extend(further.iter().flatten().flat_map(|b| &b.rows).copied().filter(|&row| known.insert(row)));
        let rows = self.words.index_select(0, &Tensor::from_slice(&ids)).set_requires_grad(true);
        let states = self.states(task, batch, &batch.rows_within(&ids, &rows), true);
        let (loss, mut surrogate) = match self.settings.head {
            Head::Crf => self.crf_loss(task, &batch.labels, &states.emissions),
            Head::Softmax => softmax::loss(&states.emissions, &batch.labels),
        };
        let losses = objectives(&states, &Rows { ids: &ids, values: &rows });
        if let Some(total) = losses.total {
            surrogate = &surrogate + total;
        }
        surrogate.backward();
        Step { loss, parts: losses.parts, rows, ids }
    }

    /// The CRF's loss of sentences with these labels, and a tensor whose gradient is the loss's gradient: forward-backward
    /// gives it in closed form.
    pub fn crf_loss(&self, task: usize, labels: &[Vec<u16>], emissions: &Tensor) -> (f64, Tensor) {
        let (k, time) = (self.tasks[task].labels, emissions.size()[1] as usize);
        let transitions = self.transitions(task, self.settings.constraints == Constraints::Train);
        let prepared = crf::Prepared::new(&transitions);
        let values = flat(emissions);
        let mut gradient = vec![0f32; values.len()];
        let mut toward = Transitions::zeros(k);
        let mut loss = 0.0;
        for (b, gold) in labels.iter().enumerate() {
            let at = b * time * k..(b * time + gold.len()) * k;
            loss += prepared.negative_log_likelihood(&values[at.clone()], gold, &mut gradient[at], &mut toward);
        }
        let scale = 1.0 / labels.len() as f64;
        let parts = [
            (emissions, gradient),
            (self.get(&format!("task.{}.crf.transitions", self.tasks[task].name)), toward.pairs),
            (self.get(&format!("task.{}.crf.start", self.tasks[task].name)), toward.start),
            (self.get(&format!("task.{}.crf.end", self.tasks[task].name)), toward.end),
        ];
        let surrogate = parts.into_iter().map(|(tensor, gradient)| {
            (tensor * Tensor::from_slice(&gradient).view(&tensor.size()[..])).sum(Kind::Float)
        });
        (loss * scale, surrogate.reduce(|a, b| a + b).expect("four parts") * scale)
    }

    /// -ln p(labels | words) of each sentence, with its gradient.
    pub fn sentence_losses(&self, task: usize, labels: &[Vec<u16>], emissions: &Tensor) -> Tensor {
        let one = |(b, gold): (usize, &Vec<u16>)| {
            let (own, gold) = (emissions.narrow(0, b as i64, 1), std::slice::from_ref(gold));
            match self.settings.head {
                Head::Crf => {
                    let (loss, surrogate) = self.crf_loss(task, gold, &own);
                    // It has the gradient, not the value.
                    &surrogate - surrogate.detach() + loss
                }
                Head::Softmax => softmax::loss(&own, gold).1 * gold[0].len() as f64,
            }
        };
        Tensor::stack(&labels.iter().enumerate().map(one).collect::<Vec<_>>(), 0)
    }

    /// Emissions of each sentence without dropout, `[length, labels]` row-major.
    pub fn predict(&self, task: usize, batch: &Batch) -> Vec<Vec<f32>> {
        tch::no_grad(|| {
            let rows = self.words.index_select(0, &Tensor::from_slice(&batch.rows));
            let values = flat(&self.states(task, batch, &rows, false).emissions);
            let k = self.tasks[task].labels;
            let start = |b: usize| b * batch.time * k;
            batch.lengths.iter().enumerate().map(|(b, &n)| values[start(b)..start(b) + n * k].to_vec()).collect()
        })
    }

    /// The CRF's parameters for decoding (`constrained`: with the scheme's mask where the configuration has one).
    pub fn transitions(&self, task: usize, constrained: bool) -> Transitions {
        if self.settings.head == Head::Softmax {
            return Transitions::zeros(self.tasks[task].labels);
        }
        let read = |part: &str| flat(self.get(&format!("task.{}.crf.{part}", self.tasks[task].name)));
        let (start, end, pairs) = (read("start"), read("end"), read("transitions"));
        let transitions = Transitions { labels: self.tasks[task].labels, start, end, pairs };
        match &self.constraints[self.tasks[task].kind] {
            Some(constraints) if constrained => constraints.apply(&transitions),
            _ => transitions,
        }
    }
}

impl Parameters for Model {
    fn tensors(&self) -> Vec<(String, Tensor)> {
        let dense = self.parameters.iter().map(|(name, tensor)| (name.clone(), tensor.detach()));
        dense.chain([("word.embedding".to_string(), self.words.shallow_clone())]).collect()
    }

    fn tensor_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        if name == "word.embedding" { Some(&mut self.words) } else { self.parameters.get_mut(name) }
    }
}

/// What the names of a BiLSTM layer's parameters begin with; the first is the bundle's.
pub fn layer_name(scope: &str, layer: usize) -> String {
    if layer == 1 { format!("{scope}lstm") } else { format!("{scope}lstm.{layer}") }
}

/// Both directions of a BiLSTM layer, freshly initialised.
fn lstm_parameters(name: &str, input: i64, hidden: i64, forget_bias: f64) -> Vec<(String, Tensor)> {
    let mut parameters = Vec::new();
    for direction in ["fw", "bw"] {
        for (part, width) in [("weight_ih", input), ("weight_hh", hidden)] {
            let weight = init(Init::Orthogonal { gain: 1. }, &[4 * hidden, width]);
            parameters.push((format!("{name}.{direction}.{part}"), weight));
        }
        for part in ["bias_ih", "bias_hh"] {
            let bias = uniform(1. / (hidden as f64).sqrt(), &[4 * hidden]);
            let _ = bias.narrow(0, hidden, hidden).fill_(forget_bias);
            parameters.push((format!("{name}.{direction}.{part}"), bias));
        }
    }
    parameters
}

/// A tensor on the CPU, initialised.
pub fn init(how: Init, shape: &[i64]) -> Tensor {
    tch::no_grad(|| tch::nn::init(how, shape, Device::Cpu))
}

fn uniform(bound: f64, shape: &[i64]) -> Tensor {
    init(Init::Uniform { lo: -bound, up: bound }, shape)
}

/// The values of a tensor in row-major order.
pub fn flat(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.detach().to_kind(Kind::Float).contiguous();
    let mut out = vec![0f32; tensor.numel()];
    tensor.copy_data(&mut out, tensor.numel());
    out
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
