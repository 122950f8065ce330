//! The forward pass: characters, BiLSTM layers, output layers.

use super::{Model, Task, layer_name};
use crate::batch::Batch;
use crate::objectives::initial_state::domain_vector;
use crate::objectives::settings::{Context, Pool};
use crate::objectives::{pooled, sluice};
use libmtl::bundle::manifest::Activation;
use tch::{Device, Kind, Tensor};

/// What the network computes of a batch on its way to the labels; rows are cells, time * sentences + sentence.
pub struct States {
    /// By layer, from the first: `[cells, 2 * hidden]`, forward beside backward, after dropout.
    layers: Vec<Tensor>,
    /// `[sentences, 2 * hidden]`: the hidden states before the first and the last word, where they are not zero.
    pub initial: Option<Tensor>,
    /// `[cells, 2 * hidden]`: the states of the LSTM of the task's domain alone, after dropout, where it has one.
    pub private: Option<Tensor>,
    /// `[sentences, time, labels]`, contiguous.
    pub emissions: Tensor,
}

impl States {
    /// Both directions of a layer, from 1.
    pub fn layer(&self, layer: usize) -> &Tensor {
        &self.layers[layer - 1]
    }

    /// The forward states of a layer.
    pub fn forward(&self, layer: usize) -> Tensor {
        self.layer(layer).chunk(2, 1).remove(0)
    }

    /// The backward states of a layer.
    pub fn backward(&self, layer: usize) -> Tensor {
        self.layer(layer).chunk(2, 1).remove(1)
    }
}

/// Forward and backward states of a layer, `[cells, hidden]` each, and where they begin if not at zero.
struct Directions {
    states: [Tensor; 2],
    first: Option<Tensor>,
}

impl Model {
    /// What the network computes of `batch`, whose rows of the word table are `rows`. While it is trained, the layers
    /// that only objectives read are computed as well.
    pub fn states(&self, task: usize, batch: &Batch, rows: &Tensor, train: bool) -> States {
        let spec = &self.tasks[task];
        let (time, size) = (batch.time as i64, batch.size() as i64);
        let words = rows.index_select(0, &Tensor::from_slice(&batch.row_index));
        let features = if self.settings.char_filters > 0 {
            let chars = self.characters(spec, batch).index_select(0, &Tensor::from_slice(&batch.type_index));
            Tensor::cat(&[&words, &chars], 1)
        } else {
            words.shallow_clone()
        };
        let features = features.dropout(self.settings.feature_dropout, train);
        let (mut layers, mut initial) = (Vec::new(), None);
        // Of a sluice network every task's stack is computed, else the task's own alone.
        let (own, stacks) = if self.sluice.is_some() { (task, &self.tasks[..]) } else { (0, &self.tasks[task..=task]) };
        let mut xs: Vec<Tensor> = stacks.iter().map(|_| features.shallow_clone()).collect();
        for layer in 1..=if train { spec.depth } else { spec.layer } {
            let run = |(stack, x): (&Task, &Tensor)| self.layer(stack, layer, x, batch, &words);
            let (mut forward, mut backward) = (Vec::new(), Vec::new());
            for Directions { states, first } in stacks.iter().zip(&xs).map(run) {
                let [fw, bw] = states;
                forward.push(fw);
                backward.push(bw);
                initial = first.or(initial);
            }
            if let Some(subspaces) = self.sluice {
                forward = sluice::mix(self, layer, subspaces, &forward);
                backward = sluice::mix(self, layer, subspaces, &backward);
            }
            let both = forward.into_iter().zip(backward);
            xs = both.map(|(fw, bw)| Tensor::cat(&[fw, bw], 1).dropout(self.settings.lstm_dropout, train)).collect();
            layers.push(xs[own].shallow_clone());
        }
        let h = match self.sluice {
            Some(_) => sluice::read(self, &spec.key, &layers),
            None => layers[spec.layer - 1].shallow_clone(),
        };
        let private = spec.private.as_ref().map(|name| {
            let zeros = self.zeros(size);
            let states = Tensor::cat(&self.bilstm(name, &features, batch, [&zeros; 2]), 1);
            states.dropout(self.settings.lstm_dropout, train)
        });
        let h = private.as_ref().map_or_else(|| h.shallow_clone(), |own| Tensor::cat(&[&h, own], 1));
        let emissions = self.head(spec, &h).view([time, size, spec.labels as i64]);
        States { layers, initial, private, emissions: emissions.transpose(0, 1).contiguous() }
    }

    /// A BiLSTM layer of a task over `x`, `[cells, inputs]`.
    fn layer(&self, task: &Task, layer: usize, x: &Tensor, batch: &Batch, words: &Tensor) -> Directions {
        let name = layer_name(&task.lstm_scope, layer);
        let first = ["fw", "bw"].map(|way| self.first_states(task, layer, &format!("{name}.{way}"), batch, words));
        let begins = self.initial.filter(|(own, _)| *own == layer);
        Directions {
            states: self.bilstm(&name, x, batch, first.each_ref()),
            first: begins.map(|_| Tensor::cat(&[&first[0][0], &first[1][0]], 2).squeeze_dim(0)),
        }
    }

    /// Forward and backward states, `[cells, hidden]`, of the BiLSTM `name` over `x`, `[cells, inputs]`, from the states `first`.
    fn bilstm(&self, name: &str, x: &Tensor, batch: &Batch, first: [&[Tensor; 2]; 2]) -> [Tensor; 2] {
        let (time, size) = (batch.time as i64, batch.size() as i64);
        let reverse = Tensor::from_slice(&batch.reverse_index);
        let run = |way: &str, x: &Tensor, first| {
            self.lstm(&format!("{name}.{way}"), &x.view([time, size, -1]), first).reshape([time * size, -1])
        };
        let backward = run("bw", &x.index_select(0, &reverse), first[1]);
        [run("fw", x, first[0]), backward.index_select(0, &reverse)]
    }

    /// Hidden and cell states of zero, for so many sentences.
    fn zeros(&self, size: i64) -> [Tensor; 2] {
        [(); 2].map(|()| Tensor::zeros([1, size, self.settings.hidden as i64], (Kind::Float, Device::Cpu)))
    }

    /// Hidden and cell states before the first step of the LSTM `name`, `[1, sentences, hidden]` each.
    fn first_states(&self, task: &Task, layer: usize, name: &str, batch: &Batch, words: &Tensor) -> [Tensor; 2] {
        let (size, hidden) = (batch.size() as i64, self.settings.hidden as i64);
        let Some((_, state)) = self.initial.filter(|(own, _)| *own == layer) else {
            return self.zeros(size);
        };
        if state == Context::Learned {
            return ["h", "c"].map(|part| {
                let state = self.get(&format!("{name}.initial.{part}"));
                state.expand([1, size, hidden], false).contiguous()
            });
        }
        let q = match domain_vector(state, task) {
            Some(vector) => self.get(&vector).expand([size, -1], false),
            None => pooled(words, batch, Pool::Mean),
        };
        let both = self.linear(&format!("{name}.initial"), &q).tanh().unsqueeze(0);
        [0, hidden].map(|from| both.narrow(2, from, hidden).contiguous())
    }

    /// One direction over `x`, `[time, sentences, inputs]`, from the states `first`.
    pub fn lstm(&self, name: &str, x: &Tensor, first: &[Tensor; 2]) -> Tensor {
        let parts = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|part| self.get(&format!("{name}.{part}")));
        x.lstm(&[&first[0], &first[1]], &parts, true, 1, 0., false, false, false).0
    }

    /// Universal layer, and gated with the language's own (Lin 2018, eq. 5 to 7).
    fn head(&self, task: &Task, h: &Tensor) -> Tensor {
        let linear = |name: String| self.linear(&name, h);
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
