//! SGD with momentum, Adam and Adadelta over named parameters, with sparse rows for the word table.
//!
//! Updates run over the tensors' memory in one pass each: libtorch's element-wise operators would take ten.

use crate::config::{Optimizer as Settings, OptimizerKind, Schedule};
use crate::model::Model;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

const ADAM_EPSILON: f32 = 1e-8;

/// Optimiser state: buffers by `task|parameter|buffer`, the task empty when one state serves all.
pub struct Optimizer {
    settings: Settings,
    /// Momentum and second-moment buffers.
    pub buffers: BTreeMap<String, Tensor>,
    /// Updates of each parameter, for Adam's bias correction.
    pub counts: BTreeMap<String, u64>,
}

impl Optimizer {
    /// With empty state.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), buffers: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// The learning rate at `step` of `steps`.
    pub fn learning_rate(&self, step: u64, steps: u64) -> f64 {
        let s = &self.settings;
        match s.schedule {
            Schedule::Exponential => s.learning_rate * s.decay.powf(step as f64 / s.decay_steps),
            Schedule::Staircase => s.learning_rate * s.decay.powf((step as f64 / s.decay_steps).floor()),
            Schedule::Linear => s.learning_rate * (1.0 - step as f64 / steps.max(1) as f64),
        }
    }

    /// Clips and applies the gradients of the task's parameters and of the touched word rows, then clears them.
    pub fn apply(&mut self, model: &mut Model, task: usize, ids: &[i64], rows: &Tensor, rate: f64) {
        let scope = if self.settings.per_task_state { model.tasks[task].key.clone() } else { String::new() };
        let gradients: Vec<(String, Tensor)> = model
            .names_of(task)
            .into_iter()
            .map(|name| (model.parameters[&name].grad(), name))
            .filter(|(gradient, _)| gradient.defined())
            .map(|(gradient, name)| (name, gradient.contiguous()))
            .collect();
        let row_gradient = rows.grad().contiguous();
        let scale = self.clip_scale(gradients.iter().map(|(_, g)| g).chain([&row_gradient]));
        self.update_all(&scope, &mut model.parameters, &gradients, scale, rate);
        let rates = ids.iter().map(|&id| rate as f32 * model.word_rates[id as usize]).collect();
        self.update_rows(&scope, &mut model.words, Rows { ids, rates }, values(&row_gradient), scale);
    }

    /// Clips and applies the gradients of all `parameters` that have one, then clears them.
    pub fn apply_dense(&mut self, parameters: &mut BTreeMap<String, Tensor>, rate: f64) {
        let gradients = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.grad()));
        let gradients: Vec<(String, Tensor)> = gradients
            .filter(|(_, gradient)| gradient.defined())
            .map(|(name, gradient)| (name, gradient.contiguous()))
            .collect();
        let scale = self.clip_scale(gradients.iter().map(|(_, gradient)| gradient));
        self.update_all("", parameters, &gradients, scale, rate);
    }

    /// Moves the running average of `parameters` towards what they are after `step` steps: it keeps `keep` of itself,
    /// less in the first steps, which it soon forgets. No average is held where `keep` is 0.
    pub fn follow(&mut self, parameters: &BTreeMap<String, Tensor>, keep: f64, step: u64) {
        if keep == 0.0 {
            return;
        }
        let keep = keep.min((step + 1) as f64 / (step + 10) as f64);
        tch::no_grad(|| {
            for (name, tensor) in parameters {
                let average = self.buffers.entry(average(name)).or_insert_with(|| tensor.copy());
                let _ = average.lerp_(tensor, 1.0 - keep);
            }
        });
    }

    /// Exchanges `parameters` with their averages, where there are any; a second call undoes the first.
    pub fn swap_average(&mut self, parameters: &mut BTreeMap<String, Tensor>) {
        for (name, tensor) in parameters {
            if let Some(average) = self.buffers.get_mut(&average(name)) {
                std::mem::swap(tensor, average);
            }
        }
    }

    fn update_all(
        &mut self,
        scope: &str,
        parameters: &mut BTreeMap<String, Tensor>,
        gradients: &[(String, Tensor)],
        scale: f32,
        rate: f64,
    ) {
        for (name, gradient) in gradients {
            if let Some(parameter) = parameters.get_mut(name) {
                self.update(&format!("{scope}|{name}"), values_mut(parameter), values(gradient), scale, rate as f32);
                parameter.zero_grad();
            }
        }
    }

    fn clip_scale<'a>(&self, gradients: impl Iterator<Item = &'a Tensor>) -> f32 {
        if self.settings.clip <= 0.0 {
            return 1.0;
        }
        let square =
            |g: &Tensor| values(g).chunks(256).map(|c| f64::from(c.iter().map(|x| x * x).sum::<f32>())).sum::<f64>();
        let norm = gradients.map(square).sum::<f64>().sqrt();
        if norm > self.settings.clip { (self.settings.clip / norm) as f32 } else { 1.0 }
    }

    fn update(&mut self, key: &str, parameter: &mut [f32], gradient: &[f32], scale: f32, rate: f32) {
        match self.settings.kind {
            OptimizerKind::Sgd => {
                let momentum = self.settings.momentum as f32;
                let velocity = self.buffer(format!("{key}|momentum"), parameter.len());
                for ((p, g), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
                    *v = momentum * *v + scale * g;
                    *p -= rate * *v;
                }
            }
            OptimizerKind::Adam => {
                let count = self.counts.entry(key.to_string()).or_insert(0);
                *count += 1;
                let adam = Adam::new(&self.settings, *count as f32, rate);
                let mut first = self.take(format!("{key}|first"), parameter.len());
                let second = self.buffer(format!("{key}|second"), parameter.len());
                adam.update(parameter, gradient, scale, values_mut(&mut first), second);
                self.buffers.insert(format!("{key}|first"), first);
            }
            OptimizerKind::Adadelta => {
                let adadelta = Adadelta::new(&self.settings, rate);
                let mut square = self.take(format!("{key}|square"), parameter.len());
                let delta = self.buffer(format!("{key}|delta"), parameter.len());
                adadelta.update(parameter, gradient, scale, values_mut(&mut square), delta);
                self.buffers.insert(format!("{key}|square"), square);
            }
        }
    }

    /// Rows are touched at different rates: SGD takes no momentum there (it would move untouched rows, seeds A.4);
    /// Adam counts the updates of each row; Adadelta's averages are each row's own.
    fn update_rows(&mut self, scope: &str, words: &mut Tensor, touched: Rows, gradient: &[f32], scale: f32) {
        let (rows, dim) = (words.size()[0] as usize, words.size()[1] as usize);
        let row = |id: i64| id as usize * dim..(id as usize + 1) * dim;
        let table = values_mut(words);
        if self.settings.kind == OptimizerKind::Sgd {
            for ((&id, rate), g) in touched.ids.iter().zip(&touched.rates).zip(gradient.chunks_exact(dim)) {
                table[row(id)].iter_mut().zip(g).for_each(|(p, g)| *p -= rate * scale * g);
            }
            return;
        }
        let name = |part: &str| format!("{scope}|word.embedding|{part}");
        if self.settings.kind == OptimizerKind::Adadelta {
            let mut square = self.take(name("square"), rows * dim);
            let settings = self.settings.clone();
            let (squares, deltas) = (values_mut(&mut square), self.buffer(name("delta"), rows * dim));
            for ((&id, &rate), g) in touched.ids.iter().zip(&touched.rates).zip(gradient.chunks_exact(dim)) {
                let (squares, deltas) = (&mut squares[row(id)], &mut deltas[row(id)]);
                Adadelta::new(&settings, rate).update(&mut table[row(id)], g, scale, squares, deltas);
            }
            self.buffers.insert(name("square"), square);
            return;
        }
        let mut first = self.take(name("first"), rows * dim);
        let mut count = self.take(name("count"), rows);
        let settings = self.settings.clone();
        let second = self.buffer(name("second"), rows * dim);
        let (m, counts) = (values_mut(&mut first), values_mut(&mut count));
        for ((&id, &rate), g) in touched.ids.iter().zip(&touched.rates).zip(gradient.chunks_exact(dim)) {
            counts[id as usize] += 1.0;
            let adam = Adam::new(&settings, counts[id as usize], rate);
            adam.update(&mut table[row(id)], g, scale, &mut m[row(id)], &mut second[row(id)]);
        }
        self.buffers.insert(name("first"), first);
        self.buffers.insert(name("count"), count);
    }

    fn take(&mut self, key: String, length: usize) -> Tensor {
        self.buffers.remove(&key).unwrap_or_else(|| Tensor::zeros([length as i64], (Kind::Float, Device::Cpu)))
    }

    fn buffer(&mut self, key: String, length: usize) -> &mut [f32] {
        let zeros = || Tensor::zeros([length as i64], (Kind::Float, Device::Cpu));
        values_mut(self.buffers.entry(key).or_insert_with(zeros))
    }
}

/// The buffer of a parameter's average.
fn average(name: &str) -> String {
    format!("|{name}|average")
}

/// The rows that a step touches, each with its learning rate.
struct Rows<'a> {
    ids: &'a [i64],
    rates: Vec<f32>,
}

/// One update of Adam (Kingma & Ba 2015, algorithm 1).
struct Adam {
    beta1: f32,
    beta2: f32,
    step: f32,
    correction: f32,
}

impl Adam {
    fn new(settings: &Settings, count: f32, rate: f32) -> Self {
        let (beta1, beta2) = (settings.momentum as f32, settings.beta2 as f32);
        let correction = 1.0 / (1.0 - beta2.powf(count)).sqrt();
        Self { beta1, beta2, step: rate / (1.0 - beta1.powf(count)), correction }
    }

    fn update(&self, parameter: &mut [f32], gradient: &[f32], scale: f32, first: &mut [f32], second: &mut [f32]) {
        for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = g * scale;
            *m += (1.0 - self.beta1) * (g - *m);
            *v += (1.0 - self.beta2) * (g * g - *v);
            *p -= self.step * *m / (v.sqrt() * self.correction + ADAM_EPSILON);
        }
    }
}

/// One update of Adadelta (Zeiler 2012, algorithm 1), times the learning rate.
struct Adadelta {
    rho: f32,
    epsilon: f32,
    rate: f32,
}

impl Adadelta {
    fn new(settings: &Settings, rate: f32) -> Self {
        Self { rho: settings.beta2 as f32, epsilon: settings.epsilon as f32, rate }
    }

    fn update(&self, parameter: &mut [f32], gradient: &[f32], scale: f32, squares: &mut [f32], deltas: &mut [f32]) {
        for (((p, g), s), d) in parameter.iter_mut().zip(gradient).zip(squares).zip(deltas) {
            let g = g * scale;
            *s += (1.0 - self.rho) * (g * g - *s);
            let delta = ((*d + self.epsilon) / (*s + self.epsilon)).sqrt() * g;
            *d += (1.0 - self.rho) * (delta * delta - *d);
            *p -= self.rate * delta;
        }
    }
}

/// The memory of a contiguous CPU tensor of f32.
fn values(tensor: &Tensor) -> &[f32] {
    check(tensor);
    // SAFETY: `check` holds, so the storage has `numel` f32 in a row, and it lives as long as the borrow.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}

/// The same, to write: the caller's exclusive borrow is of the only handle that is used meanwhile.
fn values_mut(tensor: &mut Tensor) -> &mut [f32] {
    check(tensor);
    // SAFETY: as in `values`; no other handle of this storage is read or written during the borrow.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}

fn check(tensor: &Tensor) {
    let plain = tensor.kind() == Kind::Float && tensor.device() == Device::Cpu && tensor.is_contiguous();
    assert!(plain, "optimiser tensors are contiguous f32 on the CPU");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two updates of Adadelta by hand (Zeiler 2012, algorithm 1): rho 0.5, epsilon 1, gradients 2 and -1.
    #[test]
    fn adadelta_by_hand() {
        let settings = Settings { beta2: 0.5, epsilon: 1.0, ..Settings::default() };
        let adadelta = Adadelta::new(&settings, 0.1);
        let (mut parameter, mut squares, mut deltas) = ([5.0_f32], [0.0_f32], [0.0_f32]);
        adadelta.update(&mut parameter, &[4.0], 0.5, &mut squares, &mut deltas);
        let first = (1.0_f32 / 3.0).sqrt() * 2.0;
        assert!((squares[0] - 2.0).abs() < 1e-6 && (deltas[0] - first * first / 2.0).abs() < 1e-6);
        assert!((parameter[0] - (5.0 - 0.1 * first)).abs() < 1e-6);
        let second = -((first * first / 2.0 + 1.0) / 2.5).sqrt();
        adadelta.update(&mut parameter, &[-2.0], 0.5, &mut squares, &mut deltas);
        assert!((squares[0] - 1.5).abs() < 1e-6);
        assert!((parameter[0] - (5.0 - 0.1 * (first + second))).abs() < 1e-6);
    }
}
