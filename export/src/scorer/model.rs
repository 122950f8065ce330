//! The network of Hu 2020 on libtorch: meta encoder, context encoders, decoder; weighted cross-entropy (seeds B.4, B.5).
//!
//! Parameters have the names of docs/bundle-format.md, but an LSTM layer's directions are apart and in libtorch's order.

use super::data::Batch;
use super::objectives::settings::{Layer, State};
use crate::checkpoint::Parameters;
use crate::model::{flat, init};
use libmtl::bundle::manifest::{Combine, Context, Encoder, HISTORY, Scorer as Settings, Summary};
use std::collections::BTreeMap;
use tch::nn::Init;
use tch::{Device, Kind, Tensor};

/// Names of the tables of ids, in the order of a batch's.
pub const TABLES: [&str; 5] = ["user", "country", "client", "session", "format"];

/// Xavier-uniform (Glorot 2010).
fn xavier(shape: &[i64]) -> Tensor {
    let window: i64 = shape[2..].iter().product();
    let bound = (6.0 / ((shape[0] + shape[1]) * window) as f64).sqrt();
    init(Init::Uniform { lo: -bound, up: bound }, shape)
}

/// All parameters, and the settings that the forward pass needs.
pub struct Model {
    /// Parameters by name.
    pub parameters: BTreeMap<String, Tensor>,
    settings: Settings,
    dropout: f64,
    /// Where the LSTMs over words do not begin at zero: what their first states depend on.
    pub initial: Option<State>,
}

impl Parameters for Model {
    fn tensors(&self) -> Vec<(String, Tensor)> {
        self.parameters.iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect()
    }

    fn tensor_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.parameters.get_mut(name)
    }
}

/// What the network computes of a batch; words stand one exercise after the other.
pub struct States {
    /// `[words, 2 hidden]`.
    pub context: Tensor,
    /// `[exercises, 2 hidden]`, where there is a meta encoder.
    pub meta: Option<Tensor>,
    /// What the decoder reads, `[words, width]`.
    pub joint: Tensor,
    /// One a word.
    pub logits: Tensor,
}

/// The parameter that says where the LSTM `name` begins.
fn initial(name: &str) -> String {
    format!("objective.initial-state.{name}")
}

/// Names of an LSTM's directions.
pub fn directions(count: usize) -> &'static [&'static str] {
    if count == 1 { &["fw"] } else { &["fw", "bw"] }
}

impl Model {
    /// A freshly initialised network: one parameter for each of `tensors` (names and shapes of the bundle), those of
    /// LSTMs taken apart.
    pub fn new(settings: &Settings, tensors: &[(String, Vec<usize>)], dropout: f64, seed: u64) -> Self {
        tch::manual_seed(seed as i64);
        let mut parameters = BTreeMap::new();
        let hidden = settings.architecture.hidden as i64;
        for (name, shape) in tensors {
            let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
            let mut add = |name: String, tensor: Tensor| {
                parameters.insert(name, tensor.set_requires_grad(true));
            };
            match name.rsplit_once('.') {
                Some((layer, part @ ("weight_ih" | "weight_hh"))) => {
                    for direction in directions(shape[0] as usize) {
                        add(format!("{layer}.{direction}.{part}"), xavier(&shape[1..]));
                    }
                }
                // The bias of an LSTM: the forget gate begins at 1.
                Some((layer, "bias")) if shape.len() == 2 => {
                    for direction in directions(shape[0] as usize) {
                        let bias = init(Init::Const(0.), &[4 * hidden]);
                        add(format!("{layer}.{direction}.bias_hh"), bias.copy());
                        let _ = bias.narrow(0, hidden, hidden).fill_(1.0);
                        add(format!("{layer}.{direction}.bias_ih"), bias);
                    }
                }
                Some((_, "bias")) => add(name.clone(), init(Init::Const(0.), &shape)),
                _ => {
                    let tensor = xavier(&shape);
                    if name.ends_with(".char.embedding") {
                        let _ = tensor.get(0).fill_(0.);
                    }
                    add(name.clone(), tensor);
                }
            }
        }
        Self { parameters, settings: settings.clone(), dropout, initial: None }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.parameters[name]
    }

    /// Adds a linear layer of an objective.
    pub fn add_linear(&mut self, name: &str, input: i64, output: i64) {
        self.parameters.insert(format!("{name}.weight"), xavier(&[output, input]).set_requires_grad(true));
        self.parameters.insert(format!("{name}.bias"), init(Init::Const(0.), &[output]).set_requires_grad(true));
    }

    /// Has the LSTMs over words begin elsewhere than at zero: one parameter more of each layer and direction.
    pub fn begin_at(&mut self, state: State) {
        self.initial = Some(state);
        let a = self.settings.architecture.clone();
        let hidden = a.hidden as i64;
        for track in self.settings.tracks.clone() {
            for &encoder in &a.encoders {
                for (layer, direction) in (0..a.layers(encoder)).flat_map(|layer| [(layer, "fw"), (layer, "bw")]) {
                    let name = initial(&format!("track.{track}.{}.{layer}.{direction}", encoder.name()));
                    match state {
                        State::Meta => self.add_linear(&name, 2 * hidden, 2 * hidden),
                        State::Learned => {
                            let zero = init(Init::Const(0.), &[2 * hidden]);
                            self.parameters.insert(name, zero.set_requires_grad(true));
                        }
                    }
                }
            }
        }
    }

    /// `[h0; c0]` of the LSTM `name`, `[1, sequences, hidden]` each: zero, parameters, or tanh(W r_meta + b).
    pub fn first_states(&self, name: &str, sequences: i64, meta: Option<&Tensor>) -> [Tensor; 2] {
        let hidden = self.settings.architecture.hidden as i64;
        let both = match (self.initial, meta) {
            (Some(State::Learned), _) => self.get(&initial(name)).expand([1, sequences, 2 * hidden], false),
            (Some(State::Meta), Some(meta)) => self.linear(&initial(name), meta).tanh().unsqueeze(0),
            _ => return [(); 2].map(|()| Tensor::zeros([1, sequences, hidden], (Kind::Float, Device::Cpu))),
        };
        [0, hidden].map(|from| both.narrow(2, from, hidden).contiguous())
    }

    /// The width of what an objective reads.
    pub fn width(&self, layer: Layer) -> usize {
        let a = &self.settings.architecture;
        match (layer, a.combine) {
            // The decoder's hidden layer.
            (Layer::Joint, Combine::Concat) => self.get("decoder.weight").size()[1] as usize,
            _ => 2 * a.hidden,
        }
    }

    /// The weighted cross-entropy of a batch, the mean over its words; from logits, so that none is infinite.
    pub fn loss(&self, batch: &Batch, states: &States) -> Tensor {
        let logits = &states.logits;
        let mistakes = Tensor::from_slice(&batch.mistakes);
        let alpha = f64::from(self.settings.alpha);
        let wrong: Tensor = (-logits).softplus() * &mistakes * alpha;
        let right: Tensor = logits.softplus() * (1.0 - mistakes) * (1.0 - alpha);
        (wrong + right).mean(Kind::Float)
    }

    /// P(mistake) of each exercise's words, without dropout.
    pub fn predict(&self, track: usize, batch: &Batch) -> Vec<Vec<f32>> {
        let values = tch::no_grad(|| flat(&self.states(track, batch, false).logits.sigmoid()));
        let mut rest = &values[..];
        let take = |&length: &usize| {
            let (own, others) = rest.split_at(length);
            rest = others;
            own.to_vec()
        };
        batch.lengths.iter().map(take).collect()
    }

    /// What the network computes of `batch` on its way to the logits.
    pub fn states(&self, track: usize, batch: &Batch, train: bool) -> States {
        let combine = self.settings.architecture.combine;
        let meta = || (combine != Combine::None).then(|| self.meta(batch, train));
        // Dropout draws in this order, which runs repeat.
        let (context, meta) = if self.initial == Some(State::Meta) {
            let meta = meta();
            (self.context(track, batch, meta.as_ref(), train), meta)
        } else {
            (self.context(track, batch, None, train), meta())
        };
        let of_words = |meta: &Tensor| meta.index_select(0, &Tensor::from_slice(&batch.owner));
        let joint = match (combine, &meta) {
            (Combine::Product, Some(meta)) => &context * of_words(meta),
            (Combine::Concat, Some(meta)) => {
                self.linear("decoder.hidden", &Tensor::cat(&[&context, &of_words(meta)], 1)).tanh()
            }
            _ => context.shallow_clone(),
        };
        let mut logits = self.linear("decoder", &joint).squeeze_dim(1);
        if self.settings.architecture.user_bias {
            let bias = self.get("user.bias").index_select(0, &Tensor::from_slice(&batch.ids[0]));
            logits = &logits + bias.index_select(0, &Tensor::from_slice(&batch.owner));
        }
        States { context, meta, joint, logits }
    }

    /// The linear layer `name` of `x`.
    pub fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        x.linear(self.get(&format!("{name}.weight")), Some(self.get(&format!("{name}.bias"))))
    }

    /// `[exercises, 2 hidden]`.
    fn meta(&self, batch: &Batch, train: bool) -> Tensor {
        let id = |i: usize| {
            let table = self.get(&format!("{}.embedding", TABLES[i]));
            table.index_select(0, &Tensor::from_slice(&batch.ids[i]))
        };
        let number = |i: usize| Tensor::from_slice(&batch.numbers[i]).unsqueeze(1);
        let half = |name: &str, parts: &[Tensor]| {
            self.linear(name, &Tensor::cat(parts, 1)).tanh().dropout(self.dropout, train)
        };
        let user = half("meta.user", &[id(0), id(1), number(0)]);
        let exercise = half("meta.exercise", &[id(2), id(3), id(4), number(1)]);
        self.linear("meta.joint", &Tensor::cat(&[user, exercise], 1)).sigmoid()
    }

    /// `[words, 2 hidden]`; `meta` is what first states depend on, if they do.
    fn context(&self, track: usize, batch: &Batch, meta: Option<&Tensor>, train: bool) -> Tensor {
        let a = &self.settings.architecture;
        let name = format!("track.{}", self.settings.tracks[track]);
        let types = Tensor::from_slice(&batch.types);
        let encoded: Vec<Tensor> = a
            .encoders
            .iter()
            .map(|&encoder| {
                let features = match encoder {
                    Encoder::Word => match &batch.vectors {
                        Some(vectors) => Tensor::from_slice(vectors).view([batch.rows.len() as i64, -1]),
                        None => {
                            let table = self.get(&format!("{name}.word.embedding"));
                            table.index_select(0, &Tensor::from_slice(&batch.rows))
                        }
                    },
                    Encoder::CharLstm => self.char_lstm(&name, batch, train).index_select(0, &types),
                    Encoder::CharCnn => self.char_cnn(&name, batch).index_select(0, &types),
                };
                let layers = a.layers(encoder);
                self.bilstm(&format!("{name}.{}", encoder.name()), layers, &features, batch, meta, train)
            })
            .collect();
        let mut encoded = Tensor::cat(&encoded, 1).index_select(0, &Tensor::from_slice(&batch.cells));
        if a.history {
            let history = Tensor::from_slice(&batch.history).view([-1, HISTORY as i64]);
            encoded = Tensor::cat(&[encoded, history], 1);
        }
        let layer = match a.context {
            Context::Shared => "context".to_string(),
            Context::Own => format!("{name}.context"),
        };
        self.linear(&layer, &encoded).sigmoid()
    }

    /// Layers stacked within each direction, then both side by side: `[cells, 2 hidden]`.
    fn bilstm(
        &self,
        name: &str,
        layers: usize,
        features: &Tensor,
        batch: &Batch,
        meta: Option<&Tensor>,
        train: bool,
    ) -> Tensor {
        let reverse = Tensor::from_slice(&batch.reverse);
        let (time, size) = (batch.time as i64, batch.size as i64);
        let run = |direction: &str, x: Tensor| {
            (0..layers).fold(x, |x, layer| {
                let x = x.dropout(self.dropout, train).view([time, size, -1]);
                let name = format!("{name}.{layer}.{direction}");
                self.lstm(&name, &x, &self.first_states(&name, size, meta)).reshape([time * size, -1])
            })
        };
        let forward = run("fw", features.shallow_clone());
        let backward = run("bw", features.index_select(0, &reverse)).index_select(0, &reverse);
        Tensor::cat(&[forward, backward], 1)
    }

    /// One direction over `[time, sequences, inputs]`, from the states `first`.
    fn lstm(&self, name: &str, x: &Tensor, first: &[Tensor; 2]) -> Tensor {
        let parts = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|part| self.get(&format!("{name}.{part}")));
        x.lstm(&[&first[0], &first[1]], &parts, true, 1, 0., false, false, false).0
    }

    /// The embedded characters of the distinct words, `[distinct, width, embedding]`.
    fn characters(&self, name: &str, batch: &Batch) -> Tensor {
        let ids = Tensor::from_slice(&batch.chars).view([-1, batch.width as i64]);
        Tensor::embedding(self.get(&format!("{name}.char.embedding")), &ids, 0, false, false)
    }

    /// Of an LSTM over each distinct word's own characters the mean output, or the last, `[distinct, hidden]`.
    fn char_lstm(&self, name: &str, batch: &Batch, train: bool) -> Tensor {
        let x = self.characters(name, batch).dropout(self.dropout, train).transpose(0, 1);
        let zero = [(); 2].map(|()| {
            Tensor::zeros([1, x.size()[1], self.settings.architecture.hidden as i64], (Kind::Float, Device::Cpu))
        });
        let outputs = self.lstm(&format!("{name}.char.lstm.fw"), &x, &zero);
        let lengths = Tensor::from_slice(&batch.char_lengths);
        let steps = Tensor::arange(batch.width as i64, (Kind::Int64, Device::Cpu)).unsqueeze(1);
        let sum =
            |steps: Tensor| (&outputs * steps.unsqueeze(2)).sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
        match self.settings.architecture.char_summary {
            Summary::Mean => sum(steps.less_tensor(&lengths.unsqueeze(0))) / lengths.unsqueeze(1),
            Summary::Last => sum(steps.eq_tensor(&(&lengths - 1).unsqueeze(0))),
        }
    }

    /// Convolutions of each distinct word's characters, `[distinct, filters * widths]`. A word is as wide as itself, or
    /// as the widest convolutions need: what pads it beyond, because of longer neighbours, does not count.
    fn char_cnn(&self, name: &str, batch: &Batch) -> Tensor {
        let a = &self.settings.architecture;
        let x = self.characters(name, batch).transpose(1, 2);
        let lengths = Tensor::from_slice(&batch.char_lengths).clamp_min(a.least_characters() as i64).unsqueeze(1);
        let maxima = a.char_widths.iter().map(|&width| {
            let convolve = |x: &Tensor, layer: &str| {
                let part = |part: &str| self.get(&format!("{name}.char.conv.{width}.{layer}{part}"));
                x.conv1d(part("weight"), Some(part("bias")), 1, 0, 1, 1).relu()
            };
            let mut responses = convolve(&x, "");
            if a.char_convolutions == 2 {
                responses = convolve(&responses, "second.");
            }
            let ends = Tensor::arange(responses.size()[2], (Kind::Int64, Device::Cpu)) + a.span(width) as i64;
            (responses * ends.unsqueeze(0).less_equal_tensor(&lengths).unsqueeze(1)).amax(2, false)
        });
        Tensor::cat(&maxima.collect::<Vec<_>>(), 1)
    }
}
