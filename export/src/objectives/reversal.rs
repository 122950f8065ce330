//! D3, Ganin 2015 and 2016: a discriminator tells domains apart; the encoder learns that it cannot.
//!
//! ```text
//! L = - ln softmax(D(R(s)))[domain], the mean over sentences;  R(x) = x,  dR/dx = -l
//! ```
//!
//! s is the mean of a sentence's states. Each step reads as many sentences of every domain, for where domains come
//! unevenly their frequency alone would tell them. The gradient goes no further than the word table, whose rows belong
//! to a language and are not shared.

use super::settings::{self, Domain, Pool};
use super::{Classifier, Draw, Objective, Seen, Setup, cross_entropy, pooled};
use crate::config::TaskSettings;
use crate::sampler::SentenceSampler;
use crate::vocabulary::Encoded;
use tch::Tensor;

impl Domain {
    /// The domain that a task belongs to.
    pub fn of(self, task: &TaskSettings) -> String {
        match self {
            Self::Language => task.language.clone(),
            Self::Task => task.key(),
        }
    }
}

/// The discriminator, and the sentences of each domain.
pub struct GradientReversal {
    discriminator: Classifier,
    /// By domain: (task, training sentence).
    domains: Vec<Vec<(usize, usize)>>,
    names: Vec<String>,
    samplers: Vec<SentenceSampler>,
    batch: usize,
    layer: usize,
}

impl GradientReversal {
    pub(super) fn new(settings: &settings::GradientReversal, setup: &mut Setup) -> Self {
        let mut names: Vec<String> = setup.config.tasks.iter().map(|task| settings.domain.of(task)).collect();
        names.sort();
        names.dedup();
        let mut domains = vec![Vec::new(); names.len()];
        for (index, task) in setup.config.tasks.iter().enumerate() {
            let domain = names.iter().position(|name| *name == settings.domain.of(task)).unwrap_or(0);
            domains[domain].extend((0..setup.data[index].train.len()).map(|sentence| (index, sentence)));
        }
        // Nothing is learnt of a domain without sentences.
        let kept: Vec<bool> = domains.iter().map(|d: &Vec<_>| !d.is_empty()).collect();
        let mut keep = kept.iter();
        domains.retain(|_| keep.next() == Some(&true));
        let mut keep = kept.iter();
        names.retain(|_| keep.next() == Some(&true));
        let tasks: Vec<usize> = (0..setup.config.tasks.len()).collect();
        let sizes = [2 * setup.config.model.hidden, settings.hidden, domains.len()];
        let discriminator = setup.classifier("domain", sizes, &tasks);
        Self { discriminator, domains, names, samplers: Vec::new(), batch: settings.batch, layer: setup.layer }
    }

    fn samplers(&self, seed: u64) -> Vec<SentenceSampler> {
        let sampler = |(domain, name): (&Vec<_>, &String)| {
            SentenceSampler::new(vec![0; domain.len()], self.batch, 1, seed, &format!("domain {name}"))
        };
        self.domains.iter().zip(&self.names).map(sampler).collect()
    }
}

/// R: `x` itself, bit for bit, whose gradient is `-l` times what arrives.
pub fn reversed(x: &Tensor, l: f64) -> Tensor {
    let fixed = x.detach();
    &fixed + (&fixed - x) * l
}

impl Objective for GradientReversal {
    /// Domain by domain, each as often as every other.
    fn draw(&mut self, draw: &Draw) -> Vec<Encoded> {
        if self.samplers.is_empty() {
            self.samplers = self.samplers(draw.seed);
        }
        let mut out = Vec::new();
        for (domain, sampler) in self.domains.iter().zip(&mut self.samplers) {
            // The last batch of an epoch is short; the sentences of a small domain come more than once.
            let picked = sampler.batch(draw.step);
            let sentences = picked.iter().cycle().take(self.batch).map(|&i| domain[i]);
            out.extend(sentences.map(|(task, sentence)| draw.train[task][sentence].clone()));
        }
        out
    }

    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let (batch, states) = seen.further?;
        let sentences = pooled(states.layer(self.layer), batch, Pool::Mean);
        let logits = self.discriminator.logits(seen.model, &reversed(&sentences, seen.factor));
        let targets: Vec<i64> = (0..self.domains.len() as i64).flat_map(|d| vec![d; self.batch]).collect();
        Some(cross_entropy(&logits, &targets, None) / targets.len() as f64)
    }

    fn scales_itself(&self) -> bool {
        true
    }

    fn trains_words(&self) -> bool {
        false
    }
}
