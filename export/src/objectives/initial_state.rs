//! D2, Hinton 2013; Weng et al. 2017: the LSTM's first states are parameters, or computed from what the sentence is.
//!
//! ```text
//! [h0; c0] = tanh(W q + b) of each direction, q the mean of the sentence's word vectors, or a vector of its language or task
//! L = - (1/T) sum_t ln softmax(V tanh(U [h0 forward; h0 backward]))[w_t], the mean over sentences; of words only
//! ```
//!
//! A learned state is the same for every sentence and, like that of a language or task, predicts nothing. The deployed network would need either: a run
//! with this objective cannot be exported.

use super::classes::Classes;
use super::settings::{self, Context};
use super::{Classifier, Objective, Seen, Setup, cross_entropy};
use crate::model::{Task, init};
use std::collections::{BTreeMap, BTreeSet};
use tch::Tensor;
use tch::nn::Init;

/// What predicts the sentence's words from its first states, by language.
pub struct InitialState {
    words: Option<(Classes, BTreeMap<String, Classifier>)>,
}

impl InitialState {
    pub(super) fn new(settings: &settings::InitialState, setup: &mut Setup) -> Self {
        let (hidden, word_dim) = (setup.config.model.hidden as i64, setup.config.model.word_dim as i64);
        let scopes: BTreeSet<String> = setup.model.tasks.iter().map(|task| task.lstm_scope.clone()).collect();
        for scope in scopes {
            let tasks = &setup.model.tasks;
            let own: Vec<usize> = (0..tasks.len()).filter(|&t| tasks[t].lstm_scope == scope).collect();
            for direction in ["fw", "bw"] {
                let name = format!("{}.{direction}.initial", crate::model::layer_name(&scope, setup.layer));
                match settings.state {
                    Context::Words | Context::Language | Context::Task => {
                        setup.model.add_auxiliary_linear(&name, word_dim, 2 * hidden, &own);
                    }
                    Context::Learned => ["h", "c"].into_iter().for_each(|part| {
                        setup.model.add_auxiliary(format!("{name}.{part}"), init(Init::Const(0.), &[hidden]), &own)
                    }),
                }
            }
        }
        let mut vectors: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, task) in setup.model.tasks.iter().enumerate() {
            if let Some(name) = domain_vector(settings.state, task) {
                vectors.entry(name).or_default().push(index);
            }
        }
        for (name, tasks) in vectors {
            setup.model.add_auxiliary(name, init(Init::Randn { mean: 0., stdev: 1. }, &[1, word_dim]), &tasks);
        }
        setup.model.initial = Some((setup.layer, settings.state));
        Self { words: (settings.state == Context::Words).then(|| predictors(settings, setup)) }
    }
}

/// The parameter that is the vector of a task's domain, where first states depend on one.
pub fn domain_vector(state: Context, task: &Task) -> Option<String> {
    let domain = match state {
        Context::Language => &task.language,
        Context::Task => &task.key,
        Context::Learned | Context::Words => return None,
    };
    Some(format!("objective.initial-state.{domain}"))
}

fn predictors(settings: &settings::InitialState, setup: &mut Setup) -> (Classes, BTreeMap<String, Classifier>) {
    let classes = Classes::new(setup, settings.vocabulary);
    let mut heads = BTreeMap::new();
    for (language, tasks) in setup.languages() {
        let sizes = [2 * setup.config.model.hidden, settings.hidden, classes.size(&language)];
        let head = setup.classifier(&language, sizes, &tasks);
        heads.insert(language, head);
    }
    (classes, heads)
}

impl Objective for InitialState {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let (classes, heads) = self.words.as_ref()?;
        let logits = heads[&seen.model.tasks[seen.task].language].logits(seen.model, seen.states.initial.as_ref()?);
        let (mut owners, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (b, &length) in seen.batch.lengths.iter().enumerate() {
            owners.extend(vec![b as i64; length]);
            targets.extend((0..length).map(|t| classes.class(seen.batch, b, t)));
            weights.extend(vec![1.0 / length as f32; length]);
        }
        let logits = logits.index_select(0, &Tensor::from_slice(&owners));
        Some(cross_entropy(&logits, &targets, Some(&weights)) / seen.batch.size() as f64)
    }
}
