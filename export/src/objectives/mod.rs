//! Auxiliary objectives of taggers (Ruder 2017): losses beside the tasks' own, from what the network computes on the way.
//!
//! One file an objective. Their parameters are called `objective.NAME.…`, and no bundle has them.

mod checks;
mod classes;
pub mod initial_state;
mod inverse;
mod language_model;
mod presence;
mod reversal;
pub mod settings;
mod shared_private;
pub mod sluice;
mod statistics;
#[cfg(test)]
mod tests;

use crate::Result;
use crate::batch::Batch;
use crate::config::Config;
use crate::data::TaskData;
use crate::model::{Model, States};
use crate::vocabulary::{Encoded, Lexicon};
pub use checks::{check, check_weight};
pub use reversal::reversed;
use settings::Settings;
use tch::{Kind, Tensor};

/// What an objective sees of one step.
pub struct Seen<'a> {
    /// The network.
    pub model: &'a Model,
    /// The task of the step.
    pub task: usize,
    /// Its sentences.
    pub batch: &'a Batch,
    /// What the network computed of them, and of `further` sentences that the objective drew.
    pub states: &'a States,
    /// See `states`.
    pub further: Option<(&'a Batch, &'a States)>,
    /// The factor of the objective's schedule.
    pub factor: f64,
}

/// What a step reads.
pub struct Draw<'a> {
    /// The run's seed.
    pub seed: u64,
    /// Steps done.
    pub step: u64,
    /// The step's sentences.
    pub picked: &'a [&'a Encoded],
    /// The training sentences of all tasks.
    pub train: &'a [Vec<Encoded>],
}

/// One auxiliary objective.
trait Objective {
    /// Sentences beside the step's own that the network reads for it.
    fn draw(&mut self, _draw: &Draw) -> Vec<Encoded> {
        Vec::new()
    }

    /// Its loss, if the step's sentences have one.
    fn loss(&self, seen: &Seen) -> Option<Tensor>;

    /// Whether the schedule's factor is in the loss already.
    fn scales_itself(&self) -> bool {
        false
    }

    /// Whether its gradient reaches the word table by the sentences that it drew.
    fn trains_words(&self) -> bool {
        true
    }
}

/// The objectives of an experiment, in its order.
pub struct Objectives {
    items: Vec<(Settings, Box<dyn Objective>)>,
    widest: usize,
}

/// The loss of one step's objectives.
pub struct Losses {
    /// Weighted, the sum; to be added to the task's.
    pub total: Option<Tensor>,
    /// Unweighted, by objective; none where the step's sentences have none.
    pub parts: Vec<Option<f64>>,
}

impl Objectives {
    /// Adds the parameters of the configuration's objectives to `model`; what they predict comes from training data alone.
    pub fn new(config: &Config, lexicon: &mut Lexicon, data: &[TaskData], model: &mut Model) -> Result<Self> {
        let mut items: Vec<(Settings, Box<dyn Objective>)> = Vec::new();
        for settings in &config.objectives {
            let layer = settings.layer(config.model.lstm_layers);
            let mut setup = Setup { config, lexicon, data, model, name: settings.name(), layer };
            let objective: Box<dyn Objective> = match settings {
                Settings::LanguageModel(s) => Box::new(language_model::LanguageModel::new(s, &mut setup)),
                Settings::InitialState(s) => Box::new(initial_state::InitialState::new(s, &mut setup)),
                Settings::GradientReversal(s) => Box::new(reversal::GradientReversal::new(s, &mut setup)),
                Settings::DataStatistics(s) => Box::new(statistics::DataStatistics::new(s, &mut setup)),
                Settings::Inverse(s) => Box::new(inverse::Inverse::new(s, &mut setup)),
                Settings::Presence(s) => Box::new(presence::Presence::new(s, &mut setup)?),
                Settings::Sluice(s) => Box::new(sluice::Sluice::new(s, &mut setup)),
                Settings::SharedPrivate(s) => Box::new(shared_private::SharedPrivate::new(s, &mut setup)),
            };
            items.push((settings.clone(), objective));
        }
        Ok(Self { items, widest: config.model.char_widths.iter().copied().max().unwrap_or(1) })
    }

    /// The further sentences of a step, one batch an objective that reads any.
    pub fn draw(&mut self, lexicon: &Lexicon, draw: &Draw) -> Vec<Option<Batch>> {
        let batch = |(_, objective): &mut (Settings, Box<dyn Objective>)| {
            let sentences = objective.draw(draw);
            let picked: Vec<&Encoded> = sentences.iter().collect();
            (!picked.is_empty()).then(|| Batch::new(&picked, &lexicon.entries, self.widest, None))
        };
        self.items.iter_mut().map(batch).collect()
    }

    /// The losses of a step at progress `p`; `further` are the batches of `draw`, `rows` what `Batch::rows_within` reads.
    pub fn losses(&self, seen: &Seen, further: &[Option<Batch>], rows: &Rows, p: f64) -> Losses {
        let mut losses = Losses { total: None, parts: Vec::new() };
        for ((settings, objective), further) in self.items.iter().zip(further) {
            let (weight, schedule) = settings.weight();
            let factor = schedule.at(p);
            let states = further.as_ref().map(|batch| {
                let own = batch.rows_within(rows.ids, rows.values);
                let own = if objective.trains_words() { own } else { own.detach() };
                (batch, seen.model.states(seen.task, batch, &own, true))
            });
            let further = states.as_ref().map(|(batch, states)| (*batch, states));
            let loss = objective.loss(&Seen { further, factor, ..*seen });
            losses.parts.push(loss.as_ref().map(|loss| loss.double_value(&[])));
            let weight = if objective.scales_itself() { weight } else { weight * factor };
            if let Some(loss) = loss {
                let weighted = loss * weight;
                losses.total = Some(losses.total.map_or_else(|| weighted.shallow_clone(), |sum| sum + &weighted));
            }
        }
        losses
    }

    /// Their names, in the order of the losses.
    pub fn names(&self) -> Vec<String> {
        self.items.iter().map(|(settings, _)| settings.name().to_string()).collect()
    }
}

/// The touched rows of the word table.
pub struct Rows<'a> {
    /// Which.
    pub ids: &'a [i64],
    /// `[ids, word_dim]`.
    pub values: &'a Tensor,
}

/// What an objective is built from.
struct Setup<'a> {
    config: &'a Config,
    lexicon: &'a mut Lexicon,
    data: &'a [TaskData],
    model: &'a mut Model,
    name: &'static str,
    layer: usize,
}

impl Setup<'_> {
    /// The languages, sorted, each with its tasks.
    fn languages(&self) -> Vec<(String, Vec<usize>)> {
        let mut languages: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, task) in self.model.tasks.iter().enumerate() {
            match languages.iter_mut().find(|(language, _)| *language == task.language) {
                Some((_, tasks)) => tasks.push(index),
                None => languages.push((task.language.clone(), vec![index])),
            }
        }
        languages.sort();
        languages
    }

    /// A classifier called `name` below the objective's own, trained by `tasks`; without hidden units it is linear.
    fn classifier(&mut self, name: &str, sizes: [usize; 3], tasks: &[usize]) -> Classifier {
        let name = format!("objective.{}.{name}", self.name);
        let [input, hidden, classes] = sizes.map(|size| size as i64);
        if hidden == 0 {
            self.model.add_auxiliary_linear(&format!("{name}.output"), input, classes, tasks);
        } else {
            self.model.add_auxiliary_linear(&format!("{name}.hidden"), input, hidden, tasks);
            self.model.add_auxiliary_linear(&format!("{name}.output"), hidden, classes, tasks);
        }
        self.model.train_layers(tasks, self.layer);
        Classifier { name, layered: hidden > 0 }
    }
}

/// A linear layer, or one of tanh units below it.
struct Classifier {
    name: String,
    layered: bool,
}

impl Classifier {
    /// Scores of the classes, before the softmax.
    fn logits(&self, model: &Model, x: &Tensor) -> Tensor {
        let output = |x: &Tensor| model.linear(&format!("{}.output", self.name), x);
        if self.layered { output(&model.linear(&format!("{}.hidden", self.name), x).tanh()) } else { output(x) }
    }
}

/// The sum of `-ln softmax(logits)[target]` over the rows of `logits`, each times its weight if there are any.
pub fn cross_entropy(logits: &Tensor, targets: &[i64], weights: Option<&[f32]>) -> Tensor {
    let targets = Tensor::from_slice(targets).unsqueeze(1);
    let losses = -logits.log_softmax(1, Kind::Float).gather(1, &targets, false).squeeze_dim(1);
    match weights {
        Some(weights) => (losses * Tensor::from_slice(weights)).sum(Kind::Float),
        None => losses.sum(Kind::Float),
    }
}

/// One vector a sentence, `[sentences, width]`, of states `[cells, width]`: padding takes no part.
pub fn pooled(states: &Tensor, batch: &Batch, pool: settings::Pool) -> Tensor {
    let (time, size) = (batch.time as i64, batch.size() as i64);
    let lengths: Vec<i64> = batch.lengths.iter().map(|&n| n as i64).collect();
    let lengths = Tensor::from_slice(&lengths);
    let steps = Tensor::arange(time, (Kind::Int64, tch::Device::Cpu)).unsqueeze(1);
    let real = steps.less_tensor(&lengths.unsqueeze(0)).unsqueeze(2);
    let states = states.view([time, size, -1]);
    match pool {
        settings::Pool::Mean => {
            (states * real).sum_dim_intlist([0i64].as_slice(), false, Kind::Float) / lengths.unsqueeze(1)
        }
        settings::Pool::Max => states.masked_fill(&real.logical_not(), f64::NEG_INFINITY).amax(0, false),
    }
}
