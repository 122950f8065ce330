//! D5, after Xia et al. 2016 and 2017: the words x of a sentence, from the labels y that are predicted for it. Experimental.
//!
//! ```text
//! ln p(x | y) = sum_t ln softmax(V [g_t])[x_t],  g = BiLSTM(y)
//! words: L = - (1/T) ln p(x | softmax(emissions)), the mean over sentences
//! dual:  L = ((ln p(x) + ln p(y | x) - ln p(y) - ln p(x | y)) / T)^2, the mean over sentences, of gold labels y
//! ```
//!
//! Predicted distributions are those of single words, before the CRF; p(y | x) is the CRF's. p(x) and p(y) are fixed: products of how often
//! each word and each label stands in the training data.

use super::classes::Classes;
use super::settings::{self, Form};
use super::{Classifier, Objective, Seen, Setup};
use crate::batch::Batch;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// A BiLSTM over labels of each task type, and a classifier of each language.
pub struct Inverse {
    name: &'static str,
    classes: Classes,
    heads: BTreeMap<String, Classifier>,
    hidden: i64,
    /// Of the dual form.
    marginals: Option<Marginals>,
}

impl Inverse {
    pub(super) fn new(settings: &settings::Inverse, setup: &mut Setup) -> Self {
        let classes = Classes::new(setup, settings.vocabulary);
        let hidden = settings.hidden as i64;
        for kind in 0..setup.lexicon.types.len() {
            let tasks: Vec<usize> =
                (0..setup.model.tasks.len()).filter(|&t| setup.model.tasks[t].kind == kind).collect();
            let (name, labels) = (&setup.lexicon.types[kind].name, setup.lexicon.types[kind].labels.len() as i64);
            setup.model.add_auxiliary_lstm(&encoder(setup.name, name), labels, hidden, &tasks);
        }
        let mut heads = BTreeMap::new();
        for (language, tasks) in setup.languages() {
            let head = setup.classifier(&language, [2 * settings.hidden, 0, classes.size(&language)], &tasks);
            heads.insert(language, head);
        }
        let marginals = (settings.form == Form::Dual).then(|| Marginals::new(setup, &classes));
        Self { name: setup.name, classes, heads, hidden, marginals }
    }
}

fn encoder(objective: &str, task_type: &str) -> String {
    format!("objective.{objective}.labels.{task_type}")
}

impl Objective for Inverse {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let (batch, k) = (seen.batch, seen.states.emissions.size()[2]);
        let size = batch.size() as f64;
        let Some(marginals) = &self.marginals else {
            let labels = seen.states.emissions.softmax(2, Kind::Float);
            return Some(-(self.words(seen, &labels) / lengths(batch)).sum(Kind::Float) / size);
        };
        let mut gold = vec![0f32; batch.size() * batch.time * k as usize];
        for (b, labels) in batch.labels.iter().enumerate() {
            for (t, &label) in labels.iter().enumerate() {
                gold[(b * batch.time + t) * k as usize + label as usize] = 1.0;
            }
        }
        let gold = Tensor::from_slice(&gold).view([-1, batch.time as i64, k]);
        let known = Tensor::from_slice(&marginals.difference(seen, &self.classes)).to_kind(Kind::Float);
        let labels = -seen.model.sentence_losses(seen.task, &batch.labels, &seen.states.emissions);
        let difference = (known + labels - self.words(seen, &gold)) / lengths(batch);
        Some(difference.square().sum(Kind::Float) / size)
    }
}

fn lengths(batch: &Batch) -> Tensor {
    Tensor::from_slice(&batch.lengths.iter().map(|&length| length as f32).collect::<Vec<_>>())
}

impl Inverse {
    /// ln p(words | labels) of each sentence; `labels` are `[sentences, time, labels]`.
    fn words(&self, seen: &Seen, labels: &Tensor) -> Tensor {
        let (batch, task) = (seen.batch, &seen.model.tasks[seen.task]);
        let (time, size) = (batch.time as i64, batch.size() as i64);
        let labels = labels.transpose(0, 1).contiguous();
        let reverse = Tensor::from_slice(&batch.reverse_index);
        let backward = labels.view([time * size, -1]).index_select(0, &reverse).view([time, size, -1]);
        let zero = [(); 2].map(|()| Tensor::zeros([1, size, self.hidden], (Kind::Float, Device::Cpu)));
        let run = |direction: &str, x: &Tensor| {
            let name = format!("{}.{direction}", encoder(self.name, &task.name));
            seen.model.lstm(&name, x, &zero).reshape([time * size, self.hidden])
        };
        let states = Tensor::cat(&[run("fw", &labels), run("bw", &backward).index_select(0, &reverse)], 1);
        let (mut cells, mut targets, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for (b, &length) in batch.lengths.iter().enumerate() {
            cells.extend((0..length).map(|t| batch.cell(b, t) as i64));
            targets.extend((0..length).map(|t| self.classes.class(batch, b, t)));
            owners.extend(vec![b as i64; length]);
        }
        let states = states.index_select(0, &Tensor::from_slice(&cells));
        let logits = self.heads[&task.language].logits(seen.model, &states).log_softmax(1, Kind::Float);
        let words = logits.gather(1, &Tensor::from_slice(&targets).unsqueeze(1), false).squeeze_dim(1);
        Tensor::zeros([size], (Kind::Float, Device::Cpu)).index_add(0, &Tensor::from_slice(&owners), &words)
    }
}

/// ln p of single words and labels in the training data, one more of each counted.
struct Marginals {
    words: BTreeMap<String, Vec<f64>>,
    labels: Vec<Vec<f64>>,
}

impl Marginals {
    fn new(setup: &Setup, classes: &Classes) -> Self {
        let languages = setup.languages().into_iter();
        let words = languages.map(|(language, _)| (logarithms(classes.counts(&language)), language));
        let labels = setup.lexicon.types.iter().enumerate().map(|(kind, of)| {
            let mut counts = vec![0; of.labels.len()];
            let own = setup.model.tasks.iter().zip(setup.data).filter(|(task, _)| task.kind == kind);
            for tag in own.flat_map(|(_, data)| &data.train).flat_map(|gold| &gold.tags) {
                of.labels.iter().position(|label| label == tag).into_iter().for_each(|label| counts[label] += 1);
            }
            logarithms(&counts)
        });
        Self { labels: labels.collect(), words: words.map(|(own, language)| (language, own)).collect() }
    }

    /// ln p(words) - ln p(labels) of each sentence, as if each word and label stood alone.
    fn difference(&self, seen: &Seen, classes: &Classes) -> Vec<f64> {
        let (batch, task) = (seen.batch, &seen.model.tasks[seen.task]);
        let (words, labels) = (&self.words[&task.language], &self.labels[task.kind]);
        let of_sentence = |(b, own): (usize, &Vec<u16>)| {
            let each = own.iter().enumerate();
            each.map(|(t, &label)| words[classes.class(batch, b, t) as usize] - labels[label as usize]).sum()
        };
        batch.labels.iter().enumerate().map(of_sentence).collect()
    }
}

fn logarithms(counts: &[usize]) -> Vec<f64> {
    let sum = (counts.iter().sum::<usize>() + counts.len()) as f64;
    counts.iter().map(|&count| ((count + 1) as f64 / sum).ln()).collect()
}
