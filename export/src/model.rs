//! The network of Lin 2018 on libtorch: shared character encoder, shared BiLSTM, gated output layers, CRF.
//!
//! One tensor a name; tasks share by using the same name (seeds A.2). Time-major: features are `[time, batch, width]`.

use crate::checkpoint::Parameters;
use crate::config::{Config, Constraints, Head};
use crate::softmax;
use crate::vocabulary::{Encoded, Entry, Lexicon};
use libmtl::bundle::manifest::Activation;
use libmtl::kernels::crf::{self, Transitions};
use libmtl::text::scheme::Scheme;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};
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
    char_scope: String,
    lstm_scope: String,
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
    constraints: Vec<Option<crf::Constraints>>,
    settings: crate::config::Model,
}

/// Sentences of one task as tensors.
pub struct Batch {
    lengths: Vec<usize>,
    time: usize,
    labels: Vec<Vec<u16>>,
    /// Rows of the word table that the batch touches, distinct.
    pub rows: Vec<i64>,
    row_index: Vec<i64>,
    type_index: Vec<i64>,
    reverse_index: Vec<i64>,
    characters: Vec<Characters>,
}

/// Word types of similar length: padding them together wastes little.
struct Characters {
    ids: Vec<i64>,
    lengths: Vec<i64>,
    width: usize,
}

/// What one step gives.
pub struct Step {
    /// Mean negative log-likelihood of a sentence (seeds A.8).
    pub loss: f64,
    /// The touched rows of the word table, with their gradient after the backward pass.
    pub rows: Tensor,
}

impl Batch {
    /// Packs `sentences`; `unknown` is the rate at which rare words are read as the unknown word.
    pub fn new(
        sentences: &[&Encoded],
        entries: &[Entry],
        widest: usize,
        unknown: Option<(f64, &mut ChaCha8Rng)>,
    ) -> Self {
        let lengths: Vec<usize> = sentences.iter().map(|s| s.words.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let mut types: Vec<u32> = sentences.iter().flat_map(|s| s.words.iter().copied()).collect();
        types.sort_unstable_by_key(|&t| (entries[t as usize].features.chars.len(), t));
        types.dedup();
        let position: HashMap<u32, i64> = types.iter().copied().zip(0..).collect();
        let characters = group_characters(&types, entries, widest);

        let (mut rows, mut row_of) = (Vec::new(), HashMap::new());
        let mut unknown = unknown;
        let cells = time * sentences.len();
        let (mut row_index, mut type_index) = (vec![0; cells], vec![0; cells]);
        let mut reverse_index: Vec<i64> = (0..cells as i64).collect();
        for (b, sentence) in sentences.iter().enumerate() {
            for (t, &word) in sentence.words.iter().enumerate() {
                let entry = &entries[word as usize];
                let hidden = entry.rare && unknown.as_mut().is_some_and(|(rate, rng)| rng.random::<f64>() < *rate);
                let row = if hidden { 0 } else { i64::from(entry.features.row) };
                let cell = t * sentences.len() + b;
                row_index[cell] = *row_of.entry(row).or_insert_with(|| {
                    rows.push(row);
                    rows.len() as i64 - 1
                });
                type_index[cell] = position[&word];
                reverse_index[cell] = ((lengths[b] - 1 - t) * sentences.len() + b) as i64;
            }
        }
        let labels = sentences.iter().map(|s| s.labels.clone()).collect();
        Self { lengths, time, labels, rows, row_index, type_index, reverse_index, characters }
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    fn size(&self) -> usize {
        self.lengths.len()
    }
}

fn group_characters(types: &[u32], entries: &[Entry], widest: usize) -> Vec<Characters> {
    let length = |t: &u32| entries[*t as usize].features.chars.len().max(widest);
    let mut groups = Vec::new();
    for part in types.chunk_by(|a, b| length(a).ilog2() == length(b).ilog2()) {
        let width = part.last().map(length).unwrap_or(widest);
        let mut ids = vec![0; part.len() * width];
        for (row, t) in ids.chunks_exact_mut(width).zip(part) {
            for (cell, &c) in row.iter_mut().zip(&entries[*t as usize].features.chars) {
                *cell = i64::from(c);
            }
        }
        groups.push(Characters { ids, lengths: part.iter().map(|t| length(t) as i64).collect(), width });
    }
    groups
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
                    char_scope: own(config.sharing.characters),
                    lstm_scope: own(config.sharing.lstm),
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
        let mut model =
            Self { parameters: BTreeMap::new(), words, word_rates, tasks, constraints, settings: m.clone() };
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
        let ls = &task.lstm_scope;
        if !self.parameters.contains_key(&format!("{ls}lstm.fw.weight_ih")) {
            let input = m.word_dim as i64 + features;
            for direction in ["fw", "bw"] {
                for (name, width) in [("weight_ih", input), ("weight_hh", hidden)] {
                    let weight = init(Init::Orthogonal { gain: 1. }, &[4 * hidden, width]);
                    self.add(format!("{ls}lstm.{direction}.{name}"), weight);
                }
                for name in ["bias_ih", "bias_hh"] {
                    let bias = uniform(1. / (hidden as f64).sqrt(), &[4 * hidden]);
                    let _ = bias.narrow(0, hidden, hidden).fill_(m.forget_bias);
                    self.add(format!("{ls}lstm.{direction}.{name}"), bias);
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

    fn get(&self, name: &str) -> &Tensor {
        &self.parameters[name]
    }

    /// The dense parameters that a step of `task` may change: exactly its row of the sharing table (seeds A.2).
    pub fn names_of(&self, task: usize) -> Vec<String> {
        let task = &self.tasks[task];
        let head = format!("task.{}.", task.name);
        let own = [format!("{head}universal."), format!("{head}crf.")];
        let languages = [format!("{head}specific.{}.", task.language), format!("{head}gate.{}.", task.language)];
        let scopes = ["char.", "highway."].map(|part| format!("{}{part}", task.char_scope));
        let lstm = format!("{}lstm.", task.lstm_scope);
        let prefixes: Vec<&String> = own.iter().chain(&languages).chain(&scopes).chain([&lstm]).collect();
        self.parameters.keys().filter(|name| prefixes.iter().any(|p| name.starts_with(*p))).cloned().collect()
    }

    /// Forward and backward of one batch. Gradients accumulate in the parameters and in the result's rows.
    pub fn step(&self, task: usize, batch: &Batch) -> Step {
        let rows = self.words.index_select(0, &Tensor::from_slice(&batch.rows)).set_requires_grad(true);
        let emissions = self.emissions(task, batch, &rows, true);
        let (loss, surrogate) = match self.settings.head {
            Head::Crf => self.crf_loss(task, batch, &emissions),
            Head::Softmax => softmax::loss(&emissions, &batch.labels),
        };
        surrogate.backward();
        Step { loss, rows }
    }

    /// The CRF's loss, and a tensor whose gradient is the loss's gradient: forward-backward gives it in closed form.
    pub fn crf_loss(&self, task: usize, batch: &Batch, emissions: &Tensor) -> (f64, Tensor) {
        let k = self.tasks[task].labels;
        let transitions = self.transitions(task, self.settings.constraints == Constraints::Train);
        let prepared = crf::Prepared::new(&transitions);
        let values = flat(emissions);
        let mut gradient = vec![0f32; values.len()];
        let mut toward = Transitions::zeros(k);
        let mut loss = 0.0;
        for (b, (&length, gold)) in batch.lengths.iter().zip(&batch.labels).enumerate() {
            let at = b * batch.time * k..(b * batch.time + length) * k;
            loss += prepared.negative_log_likelihood(&values[at.clone()], gold, &mut gradient[at], &mut toward);
        }
        let scale = 1.0 / batch.size() as f64;
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

    /// Emissions of each sentence without dropout, `[length, labels]` row-major.
    pub fn predict(&self, task: usize, batch: &Batch) -> Vec<Vec<f32>> {
        tch::no_grad(|| {
            let rows = self.words.index_select(0, &Tensor::from_slice(&batch.rows));
            let values = flat(&self.emissions(task, batch, &rows, false));
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

    /// Emissions `[batch, time, labels]`, contiguous.
    fn emissions(&self, task: usize, batch: &Batch, rows: &Tensor, train: bool) -> Tensor {
        let spec = &self.tasks[task];
        let (time, size) = (batch.time as i64, batch.size() as i64);
        let words = rows.index_select(0, &Tensor::from_slice(&batch.row_index));
        let features = if self.settings.char_filters > 0 {
            let chars = self.characters(spec, batch).index_select(0, &Tensor::from_slice(&batch.type_index));
            Tensor::cat(&[words, chars], 1)
        } else {
            words
        };
        let features = features.dropout(self.settings.feature_dropout, train);
        let reverse = Tensor::from_slice(&batch.reverse_index);
        let width = features.size()[1];
        let hidden = self.settings.hidden as i64;
        let run = |direction: &str, x: &Tensor| {
            let name = |part: &str| self.get(&format!("{}lstm.{direction}.{part}", spec.lstm_scope));
            let parts = [name("weight_ih"), name("weight_hh"), name("bias_ih"), name("bias_hh")];
            let zero = Tensor::zeros([1, size, hidden], (Kind::Float, Device::Cpu));
            let x = x.view([time, size, width]);
            x.lstm(&[&zero, &zero], &parts, true, 1, 0., train, false, false).0.reshape([time * size, hidden])
        };
        let forward = run("fw", &features);
        let backward = run("bw", &features.index_select(0, &reverse)).index_select(0, &reverse);
        let h = Tensor::cat(&[forward, backward], 1).dropout(self.settings.lstm_dropout, train);
        self.head(spec, &h).view([time, size, spec.labels as i64]).transpose(0, 1).contiguous()
    }

    /// Universal layer, and gated with the language's own (Lin 2018, eq. 5 to 7).
    fn head(&self, task: &Task, h: &Tensor) -> Tensor {
        let linear =
            |name: String| h.linear(self.get(&format!("{name}.weight")), Some(self.get(&format!("{name}.bias"))));
        let universal = linear(format!("task.{}.universal", task.name));
        if !self.settings.specific_layers || !task.trained {
            return universal;
        }
        let specific = linear(format!("task.{}.specific.{}", task.name, task.language));
        let gate = linear(format!("task.{}.gate.{}", task.name, task.language)).sigmoid();
        &universal + gate * (specific - &universal)
    }

    /// Character features of the batch's word types, `[types, filters * widths]`.
    ///
    /// A convolution over embedded characters is a sum of per-offset products that depend on one character each, so
    /// the products are made once for the character table and looked up.
    fn characters(&self, task: &Task, batch: &Batch) -> Tensor {
        let scope = &task.char_scope;
        let embedding = self.get(&format!("{scope}char.embedding"));
        let filters = self.settings.char_filters as i64;
        let weights = self.settings.char_widths.iter().map(|&w| {
            let weight = self.get(&format!("{scope}char.conv.{w}.weight"));
            weight.permute([1, 2, 0]).reshape([-1, w as i64 * filters])
        });
        let products = embedding.matmul(&Tensor::cat(&weights.collect::<Vec<_>>(), 1));
        let parts: Vec<Tensor> = batch
            .characters
            .iter()
            .map(|group| {
                let (n, width) = (group.lengths.len() as i64, group.width as i64);
                let ids = Tensor::from_slice(&group.ids).view([n, width]);
                // Split, not narrowed: a slice's gradient is as large as the whole tensor, all zeros but for the slice.
                let looked_up = Tensor::embedding(&products, &ids, 0, false, false).split(filters, 2);
                let lengths = Tensor::from_slice(&group.lengths).view([n, 1]);
                let mut offset = 0;
                let maxima: Vec<Tensor> = self
                    .settings
                    .char_widths
                    .iter()
                    .map(|&w| {
                        let windows = width - w as i64 + 1;
                        let terms = (0i64..).zip(&looked_up[offset..offset + w]).map(|(j, t)| t.narrow(1, j, windows));
                        let sum = terms.reduce(|a, b| a + b).expect("widths are at least 1");
                        offset += w;
                        let bias = self.get(&format!("{scope}char.conv.{w}.bias"));
                        // Windows past max(length, widest) exist only because of longer neighbours: they must not count.
                        let valid = (Tensor::arange(windows, (Kind::Int64, Device::Cpu)) + w as i64)
                            .less_equal_tensor(&lengths);
                        ((sum + bias).relu() * valid.unsqueeze(2)).amax(1, false)
                    })
                    .collect();
                Tensor::cat(&maxima, 1)
            })
            .collect();
        let mut z = Tensor::cat(&parts, 0);
        for layer in 0..self.settings.highway_layers {
            let linear = |part: &str| {
                let name = format!("{scope}highway.{layer}.{part}");
                z.linear(self.get(&format!("{name}.weight")), Some(self.get(&format!("{name}.bias"))))
            };
            let transformed = match self.settings.highway_activation {
                Activation::Selu => linear("transform").selu(),
                Activation::Relu => linear("transform").relu(),
            };
            let gate = linear("gate").sigmoid();
            z = &z + gate * (transformed - &z);
        }
        z
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
