//! What an experiment file may not say.

use super::{Config, Constraints, Head};
use crate::Result;
use crate::error::fail;
use crate::objectives;
use libmtl::text::scheme::Scheme;
use std::collections::BTreeMap;

impl Config {
    /// The first contradiction.
    pub(super) fn check(&self) -> Result<()> {
        if self.tasks.is_empty() {
            return Err(fail("no [[task]]; name at least one"));
        }
        if self.seeds.is_empty() {
            return Err(fail("seeds is empty; give at least one"));
        }
        let m = &self.model;
        if [m.word_dim, m.char_dim, m.hidden, m.lstm_layers].contains(&0) || m.char_widths.is_empty() {
            return Err(fail("[model]: every size but char_filters must be at least 1"));
        }
        if m.head == Head::Softmax && m.constraints != Constraints::Off {
            return Err(fail("[model] head = \"softmax\" chooses each label by itself: set constraints = \"off\""));
        }
        for (key, value) in [("feature_dropout", m.feature_dropout), ("lstm_dropout", m.lstm_dropout)] {
            if !(0.0..1.0).contains(&value) {
                return Err(fail(format!("[model] {key} = {value}; give a rate in 0..1")));
            }
        }
        if self.training.batch == 0 || self.training.evaluate_every == 0 || self.training.bucket == 0 {
            return Err(fail("[training]: batch, evaluate_every and bucket must be at least 1"));
        }
        let mut seen = BTreeMap::new();
        for task in &self.tasks {
            if seen.insert(task.key(), ()).is_some() {
                return Err(fail(format!("task {} stands twice; merge its files into one [[task]]", task.key())));
            }
            if let Some(layer) = task.layer.filter(|layer| !(1..=m.lstm_layers).contains(layer)) {
                let layers = format!("the network has the layers 1 to {} ([model] lstm_layers)", m.lstm_layers);
                return Err(fail(format!("task {}: layer = {layer}; {layers}", task.key())));
            }
            if !matches!(task.scheme, Scheme::Bioes | Scheme::Plain) {
                return Err(fail(format!("task {}: scheme must be bioes or plain", task.key())));
            }
            if let Some(other) = self.tasks.iter().find(|t| t.name == task.name && t.scheme != task.scheme) {
                return Err(fail(format!("tasks {} and {} differ in scheme", task.key(), other.key())));
            }
        }
        if let Some(language) = &self.vocabulary.fallback_language
            && !self.tasks.iter().any(|t| &t.language == language)
            && !self.vectors.contains_key(language)
        {
            return Err(fail(format!("[vocabulary] fallback_language {language:?} has neither a task nor vectors")));
        }
        if let Some(target) = &self.training.target
            && !seen.contains_key(target)
        {
            let known: Vec<_> = seen.keys().map(String::as_str).collect();
            return Err(fail(format!("[training] target {target:?} is no task; tasks: {}", known.join(", "))));
        }
        objectives::check(self)
    }
}
