//! D5, after Xia et al. 2016 and 2017: the words of a sentence, from the labels that are predicted for it. Experimental.
//!
//! ```text
//! L = - (1/T) sum_t ln softmax(V [g_t])[w_t], the mean over sentences;  g = BiLSTM(softmax(emissions))
//! ```
//!
//! Label distributions are those of single words, before the CRF.

use super::classes::Classes;
use super::{Classifier, Objective, Seen, Setup, cross_entropy, settings};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// A BiLSTM over labels of each task type, and a classifier of each language.
pub struct Inverse {
    classes: Classes,
    heads: BTreeMap<String, Classifier>,
    hidden: i64,
}

impl Inverse {
    pub(super) fn new(settings: &settings::Inverse, setup: &mut Setup) -> Self {
        let classes = Classes::new(setup, settings.vocabulary);
        let hidden = settings.hidden as i64;
        for kind in 0..setup.lexicon.types.len() {
            let tasks: Vec<usize> =
                (0..setup.model.tasks.len()).filter(|&t| setup.model.tasks[t].kind == kind).collect();
            let (name, labels) = (&setup.lexicon.types[kind].name, setup.lexicon.types[kind].labels.len() as i64);
            setup.model.add_auxiliary_lstm(&encoder(name), labels, hidden, &tasks);
        }
        let mut heads = BTreeMap::new();
        for (language, tasks) in setup.languages() {
            let head = setup.classifier(&language, [2 * settings.hidden, 0, classes.size(&language)], &tasks);
            heads.insert(language, head);
        }
        Self { classes, heads, hidden }
    }
}

fn encoder(task_type: &str) -> String {
    format!("objective.inverse.labels.{task_type}")
}

impl Objective for Inverse {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let (batch, task) = (seen.batch, &seen.model.tasks[seen.task]);
        let (time, size) = (batch.time as i64, batch.size() as i64);
        let labels = seen.states.emissions.softmax(2, Kind::Float).transpose(0, 1).contiguous();
        let reverse = Tensor::from_slice(&batch.reverse_index);
        let backward = labels.view([time * size, -1]).index_select(0, &reverse).view([time, size, -1]);
        let zero = [(); 2].map(|()| Tensor::zeros([1, size, self.hidden], (Kind::Float, Device::Cpu)));
        let run = |direction: &str, x: &Tensor| {
            let name = format!("{}.{direction}", encoder(&task.name));
            seen.model.lstm(&name, x, &zero).reshape([time * size, self.hidden])
        };
        let states = Tensor::cat(&[run("fw", &labels), run("bw", &backward).index_select(0, &reverse)], 1);
        let (mut cells, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (b, &length) in batch.lengths.iter().enumerate() {
            cells.extend((0..length).map(|t| batch.cell(b, t) as i64));
            targets.extend((0..length).map(|t| self.classes.class(batch, b, t)));
            weights.extend(vec![1.0 / length as f32; length]);
        }
        let logits =
            self.heads[&task.language].logits(seen.model, &states.index_select(0, &Tensor::from_slice(&cells)));
        Some(cross_entropy(&logits, &targets, Some(&weights)) / size as f64)
    }
}
