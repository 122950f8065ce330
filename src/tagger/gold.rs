//! Gold labels as files have them, made comparable with those that a model predicts.

use crate::bundle::manifest::Task;
use crate::metrics::Counts;
use crate::text::scheme::{self, Scheme};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How the gold labels of a task are read.
#[derive(Debug, Clone, Serialize)]
pub struct Gold {
    /// How they encode spans.
    scheme: Scheme,
    of_task: Scheme,
    map: BTreeMap<String, String>,
    map_predicted: BTreeMap<String, String>,
    known: BTreeSet<String>,
}

/// Scores in 0 to 1, of spans as conlleval counts them; where a token has one label that makes no span, all of them are the
/// accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Correct over predicted.
    pub precision: f64,
    /// Correct over gold.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// The same of well-formed BIOES spans only.
    pub strict_f1: f64,
    /// Right tokens over tokens.
    pub accuracy: f64,
}

impl Gold {
    /// Gold labels of `task` in `scheme`, or in the usual one; `map` renames them, and `map_predicted` those that the model
    /// predicts (`O` takes a span away). An error names the label that the task does not have.
    pub fn new(
        task: &Task,
        scheme: Option<Scheme>,
        map: &[(String, String)],
        map_predicted: &[(String, String)],
    ) -> Result<Self> {
        // IOB1 reads IOB2 as well, stray `I-` included, as conlleval does.
        let usual = if task.scheme == Scheme::Plain { Scheme::Plain } else { Scheme::Iob1 };
        let scheme = scheme.unwrap_or(usual);
        if (scheme == Scheme::Plain) != (task.scheme == Scheme::Plain) {
            let what = if scheme == Scheme::Plain { "plain labels" } else { "spans" };
            let message = format!("--scheme {} reads {what}, and task {} gives none", name(scheme), task.name);
            return Err(Error::new(ErrorKind::Argument, message).remedy("leave --scheme out, or choose another task"));
        }
        let kinds = task.labels.iter().filter_map(|label| kind(label, task.scheme));
        let known: BTreeSet<String> = kinds.map(String::from).collect();
        for (_, new) in map {
            check_label(new, &known, "--map", scheme)?;
        }
        for (old, _) in map_predicted {
            check_label(old, &known, "--map-predicted", Scheme::Plain)?;
        }
        let mut map: BTreeMap<String, String> = map.iter().cloned().collect();
        // The first version of Universal Dependencies' name, which some files of the second still have.
        if known.contains("CCONJ") && !known.contains("CONJ") {
            map.entry("CONJ".into()).or_insert_with(|| "CCONJ".into());
        }
        let map_predicted = map_predicted.iter().cloned().collect();
        Ok(Self { scheme, of_task: task.scheme, map, map_predicted, known })
    }

    /// A sentence's gold labels, in BIOES or plain.
    pub fn read(&self, labels: &[String]) -> Result<Vec<String>> {
        let mut labels = match self.scheme {
            Scheme::Plain => labels.to_vec(),
            scheme => scheme::convert(labels, scheme, Scheme::Bioes)?,
        };
        rename(&mut labels, &self.map, self.scheme);
        Ok(labels)
    }

    /// A sentence's predicted labels, in BIOES or plain.
    pub fn predicted(&self, mut labels: Vec<String>) -> Result<Vec<String>> {
        if !matches!(self.of_task, Scheme::Plain | Scheme::Bioes) {
            labels = scheme::write(&scheme::spans_lenient(&labels), labels.len(), Scheme::Bioes)?;
        }
        rename(&mut labels, &self.map_predicted, self.scheme);
        Ok(labels)
    }

    /// The types of labels that [`read`](Self::read) gave and the task does not have: they count as errors.
    pub fn unknown<'a>(&self, labels: &'a [String]) -> impl Iterator<Item = &'a str> {
        labels.iter().filter_map(|label| kind(label, self.scheme)).filter(|kind| !self.known.contains(*kind))
    }

    /// Counts for this task.
    pub fn counts(&self) -> Counts {
        Counts::new(self.of_task)
    }

    /// What `counts` come to.
    pub fn scores(&self, counts: &Counts) -> Scores {
        let accuracy = counts.accuracy();
        // One label a token, predicted for every token: precision, recall and F1 are all the accuracy.
        let (precision, recall, f1, strict_f1) = match self.scheme {
            Scheme::Plain => (accuracy, accuracy, accuracy, accuracy),
            _ => (counts.lenient.precision(), counts.lenient.recall(), counts.lenient.f1(), counts.strict.f1()),
        };
        Scores { precision, recall, f1, strict_f1, accuracy }
    }

    /// The warning that names `unknown` labels, each with its number of tokens.
    pub fn warning(&self, unknown: &BTreeMap<String, u64>, task: &str) -> Option<String> {
        if unknown.is_empty() {
            return None;
        }
        let labels: Vec<String> = unknown.iter().map(|(label, n)| format!("{label} ({n} tokens)")).collect();
        let labels = labels.join(", ");
        let drops = if self.scheme == Scheme::Plain { "" } else { ", OLD=O drops" };
        Some(format!("gold labels that {task} does not know count as errors: {labels}; --map OLD=NEW renames{drops}"))
    }
}

fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Plain => "plain",
        Scheme::Iob1 => "iob1",
        Scheme::Iob2 => "iob2",
        Scheme::Bioes => "bioes",
    }
}

/// The type of a label; none for `O` where there are spans.
fn kind(label: &str, scheme: Scheme) -> Option<&str> {
    if scheme == Scheme::Plain { Some(label) } else { label.split_once('-').map(|(_, kind)| kind) }
}

fn check_label(label: &str, known: &BTreeSet<String>, option: &str, scheme: Scheme) -> Result<()> {
    if known.contains(label) || (label == "O" && scheme != Scheme::Plain) {
        return Ok(());
    }
    let labels: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(Error::new(ErrorKind::Argument, format!("{option}: the task has no label \"{label}\""))
        .remedy(format!("its labels are {}", labels.join(", "))))
}

/// Renames labels, in BIOES or plain; `O` takes a span away.
fn rename(labels: &mut [String], map: &BTreeMap<String, String>, scheme: Scheme) {
    if map.is_empty() {
        return;
    }
    for label in labels {
        let Some(new) = kind(label, scheme).and_then(|kind| map.get(kind)) else { continue };
        *label = match label.split_once('-') {
            _ if scheme == Scheme::Plain || new == "O" => new.clone(),
            Some((prefix, _)) => format!("{prefix}-{new}"),
            None => continue,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(labels: &str, pairs: &[(&str, &str)], scheme: Scheme) -> String {
        let mut labels: Vec<String> = labels.split(' ').map(String::from).collect();
        let map = pairs.iter().map(|(old, new)| ((*old).to_string(), (*new).to_string())).collect();
        rename(&mut labels, &map, scheme);
        labels.join(" ")
    }

    #[test]
    fn labels_are_renamed_or_dropped() {
        let map = [("person", "PER"), ("product", "O")];
        let before = "B-person E-person O S-product S-LOC";
        assert_eq!(renamed(before, &map, Scheme::Bioes), "B-PER E-PER O O S-LOC");
        assert_eq!(renamed("NN -LRB- X", &[("NN", "NOUN"), ("-LRB-", "PUNCT")], Scheme::Plain), "NOUN PUNCT X");
    }
}
