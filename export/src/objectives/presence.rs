//! D6, Cheng et al. 2015; Yu and Jiang 2016: whether a sentence contains a span, a label, or a trigger word.
//!
//! ```text
//! L = - mean over questions q of  y_q ln p_q + (1 - y_q) ln(1 - p_q),  p = sigmoid(W s + b);  the mean over sentences
//! ```
//!
//! s pools a sentence's states. Where words are asked for, s is of the same sentence with every trigger word read as the
//! unknown word with an unknown character: otherwise the answer stands in the input.

use super::settings::{self, Pool};
use super::{Classifier, Draw, Objective, Seen, Setup, pooled};
use crate::Result;
use crate::batch::Batch;
use crate::error::fail;
use crate::vocabulary::Encoded;
use libmtl::text::scheme::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use tch::{Reduction, Tensor};

/// What is asked, of which tasks.
pub struct Presence {
    asked: Asked,
    pool: Pool,
    layer: usize,
}

enum Asked {
    /// By task type: for each question, the labels that answer it with yes.
    Labels(BTreeMap<usize, (Classifier, Vec<Vec<u16>>)>),
    /// Whether an entry of the lexicon is a trigger word, the entry that stands in its place, and the classifier.
    Words(Vec<bool>, u32, Classifier),
}

impl Presence {
    pub(super) fn new(settings: &settings::Presence, setup: &mut Setup) -> Result<Self> {
        let asked = match &settings.words {
            Some(path) => words(path, setup)?,
            None => labels(settings, setup)?,
        };
        Ok(Self { asked, pool: settings.pool, layer: setup.layer })
    }

    /// The answers for each sentence of `batch`, one after the other; none where the task is not asked.
    pub fn answers(&self, task_type: usize, batch: &Batch) -> Option<Vec<f32>> {
        let answer = |yes: bool| f32::from(u8::from(yes));
        match &self.asked {
            Asked::Labels(types) => {
                let (_, questions) = types.get(&task_type)?;
                let of = |labels: &Vec<u16>| -> Vec<f32> {
                    questions.iter().map(|q| answer(labels.iter().any(|label| q.contains(label)))).collect()
                };
                Some(batch.labels.iter().flat_map(of).collect())
            }
            Asked::Words(triggers, ..) => {
                Some(batch.words.iter().map(|words| answer(words.iter().any(|&w| triggers[w as usize]))).collect())
            }
        }
    }
}

fn labels(settings: &settings::Presence, setup: &mut Setup) -> Result<Asked> {
    let wanted = if settings.labels.is_empty() { Scheme::Bioes } else { Scheme::Plain };
    let mut types = BTreeMap::new();
    let mut found = BTreeSet::new();
    for kind in 0..setup.lexicon.types.len() {
        let of_type = |task: &usize| setup.model.tasks[*task].kind == kind;
        let tasks: Vec<usize> = (0..setup.model.tasks.len()).filter(of_type).collect();
        if setup.config.tasks[tasks[0]].scheme != wanted {
            continue;
        }
        let labels = &setup.lexicon.types[kind].labels;
        let questions = questions(settings, labels);
        found.extend(settings.labels.iter().filter(|label| labels.contains(label)));
        if questions.is_empty() {
            continue;
        }
        let name = setup.lexicon.types[kind].name.clone();
        let sizes = [2 * setup.config.model.hidden, 0, questions.len()];
        types.insert(kind, (setup.classifier(&name, sizes, &tasks), questions));
    }
    match settings.labels.iter().find(|label| !found.contains(label)) {
        Some(label) => {
            Err(fail(format!("no training sentence has the label {label:?}")).at("[[objective]] presence: labels"))
        }
        None if types.is_empty() => Err(fail("no training sentence has a span").at("[[objective]] presence")),
        None => Ok(Asked::Labels(types)),
    }
}

/// For each question, the labels that answer it.
fn questions(settings: &settings::Presence, labels: &[String]) -> Vec<Vec<u16>> {
    let ids = |is: &dyn Fn(&str) -> bool| -> Vec<u16> {
        (0u16..).zip(labels).filter(|(_, label)| is(label)).map(|(id, _)| id).collect()
    };
    let kinds: BTreeSet<&str> = labels.iter().filter_map(|label| label.split_once('-')).map(|(_, kind)| kind).collect();
    let all = if !settings.labels.is_empty() {
        settings.labels.iter().map(|wanted| ids(&|label| label == wanted)).collect()
    } else if settings.per_type {
        kinds.iter().map(|kind| ids(&|label| label.split_once('-').is_some_and(|(_, k)| k == *kind))).collect()
    } else {
        vec![ids(&|label| label != "O")]
    };
    all.into_iter().filter(|labels: &Vec<u16>| !labels.is_empty()).collect()
}

fn words(path: &str, setup: &mut Setup) -> Result<Asked> {
    let path = setup.config.resolve(path)?;
    let text = std::fs::read_to_string(&path).map_err(|e| libmtl::Error::io(path.display(), e))?;
    let list: BTreeSet<String> =
        text.lines().map(|line| line.trim().to_lowercase()).filter(|w| !w.is_empty()).collect();
    let hidden = setup.lexicon.hidden_entry();
    let is_trigger = |(_, word): (&str, &str)| list.contains(&word.to_lowercase());
    let mut triggers: Vec<bool> = setup.lexicon.met().into_iter().map(is_trigger).collect();
    triggers[hidden as usize] = false;
    let mut train = setup.data.iter().flat_map(|d| &d.train).flat_map(|gold| &gold.tokens);
    if !train.any(|token| list.contains(&token.to_lowercase())) {
        return Err(fail("none of its words is in the training data").at(path.display()));
    }
    let tasks: Vec<usize> = (0..setup.model.tasks.len()).collect();
    let sizes = [2 * setup.config.model.hidden, 0, 1];
    Ok(Asked::Words(triggers, hidden, setup.classifier("words", sizes, &tasks)))
}

impl Objective for Presence {
    /// The step's own sentences, without the trigger words.
    fn draw(&mut self, draw: &Draw) -> Vec<Encoded> {
        let Asked::Words(triggers, hidden, _) = &self.asked else { return Vec::new() };
        let hide = |&word: &u32| if triggers[word as usize] { *hidden } else { word };
        let masked = |sentence: &&Encoded| Encoded {
            words: sentence.words.iter().map(hide).collect(),
            labels: sentence.labels.clone(),
        };
        draw.picked.iter().map(masked).collect()
    }

    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let kind = seen.model.tasks[seen.task].kind;
        let answers = self.answers(kind, seen.batch)?;
        let (head, (batch, states)) = match &self.asked {
            Asked::Labels(types) => (&types.get(&kind)?.0, (seen.batch, seen.states)),
            Asked::Words(.., head) => (head, seen.further?),
        };
        let logits = head.logits(seen.model, &pooled(states.layer(self.layer), batch, self.pool));
        let answers = Tensor::from_slice(&answers).view(&logits.size()[..]);
        Some(logits.binary_cross_entropy_with_logits::<Tensor>(&answers, None, None, Reduction::Mean))
    }
}
