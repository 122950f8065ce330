//! `picture.json` of a tagger's run: what `mtl-export report` draws, beside its scores and curves.

use crate::Result;
use crate::data::{Gold, TaskData};
use crate::error::fail;
use crate::train::{Predicted, Run, Set};
use libmtl::metrics::SpanCounts;
use libmtl::text::scheme::{Scheme, spans_lenient};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A run by its data and by what it answers, at the selected step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Name of the experiment.
    pub experiment: String,
    /// The seed.
    pub seed: u64,
    /// The experiment file as it was read.
    pub settings: String,
    /// Sizes of the data by task.
    pub data: BTreeMap<String, Sizes>,
    /// Answers on dev by task.
    pub dev: BTreeMap<String, Answers>,
    /// Answers on test by task.
    pub test: BTreeMap<String, Answers>,
}

/// Sizes of a task's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Labels of the task's type, as the network has them.
    pub labels: usize,
    /// Training.
    pub train: Size,
    /// Selection.
    pub dev: Size,
    /// Held out.
    pub test: Size,
}

/// Size of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Sentences.
    pub sentences: usize,
    /// Tokens.
    pub tokens: usize,
}

impl Size {
    fn of(set: &[Gold]) -> Self {
        Self { sentences: set.len(), tokens: set.iter().map(|gold| gold.tokens.len()).sum() }
    }
}

/// What was answered, by what is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Tags, token by token.
    pub tags: Confusion,
    /// Of spans, as conlleval reads them: types of spans with the same words; one that the other side lacks stands against
    /// nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans: Option<Confusion>,
}

impl Answers {
    /// `predicted` of `gold`, sentence by sentence.
    pub fn of(scheme: Scheme, gold: &[Gold], predicted: &[Vec<&str>]) -> Self {
        let mut answers =
            Self { tags: Confusion::default(), spans: (scheme != Scheme::Plain).then(Confusion::default) };
        for (gold, predicted) in gold.iter().zip(predicted) {
            gold.tags.iter().zip(predicted).for_each(|(gold, tag)| answers.tags.add(Some(gold), Some(tag)));
            if let Some(confusion) = &mut answers.spans {
                add_spans(confusion, &gold.tags, predicted);
            }
        }
        answers
    }

    /// What the task is scored by: spans or, of plain labels, tags.
    pub fn scored(&self) -> &Confusion {
        self.spans.as_ref().unwrap_or(&self.tags)
    }
}

fn add_spans(confusion: &mut Confusion, gold: &[String], predicted: &[&str]) {
    let mut missed = spans_lenient(gold);
    for span in spans_lenient(predicted) {
        let same = missed.iter().position(|gold| (gold.start, gold.end) == (span.start, span.end));
        let gold = same.map(|place| missed.remove(place));
        confusion.add(gold.as_ref().map(|gold| gold.label.as_str()), Some(&span.label));
    }
    missed.iter().for_each(|gold| confusion.add(Some(&gold.label), None));
}

/// How often each label was answered for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Cell>", into = "Vec<Cell>")]
pub struct Confusion(BTreeMap<(Option<String>, Option<String>), u64>);

/// One pair of labels.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    gold: Option<String>,
    predicted: Option<String>,
    count: u64,
}

impl From<Vec<Cell>> for Confusion {
    fn from(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter().map(|cell| ((cell.gold, cell.predicted), cell.count)).collect())
    }
}

impl From<Confusion> for Vec<Cell> {
    fn from(confusion: Confusion) -> Self {
        confusion.0.into_iter().map(|((gold, predicted), count)| Cell { gold, predicted, count }).collect()
    }
}

impl Confusion {
    /// Once more `predicted` for `gold`; nothing of a side that has no span there.
    pub fn add(&mut self, gold: Option<&str>, predicted: Option<&str>) {
        *self.0.entry((gold.map(str::to_string), predicted.map(str::to_string))).or_insert(0) += 1;
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(pair, count)| *self.0.entry(pair.clone()).or_insert(0) += count);
    }

    /// Every label, in order.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.0.keys().flat_map(|(gold, predicted)| [gold, predicted]).flatten().map(String::as_str).collect()
    }

    /// How often a pair of `gold` and `predicted` that both accept was there.
    pub fn count(&self, gold: impl Fn(Option<&str>) -> bool, predicted: impl Fn(Option<&str>) -> bool) -> u64 {
        let wanted = |pair: &(Option<String>, Option<String>)| gold(pair.0.as_deref()) && predicted(pair.1.as_deref());
        self.0.iter().filter(|(pair, _)| wanted(pair)).map(|(_, count)| count).sum()
    }

    /// Of one label.
    pub fn counts(&self, label: &str) -> SpanCounts {
        let own = |found: Option<&str>| found == Some(label);
        SpanCounts {
            gold: self.count(own, |_| true),
            predicted: self.count(|_| true, own),
            correct: self.count(own, own),
        }
    }
}

impl Picture {
    /// Of the parameters that `run` has now, and what they predict.
    pub fn of(run: &Run, seed: u64, dev: &Predicted, test: &Predicted) -> Result<Self> {
        let config = &run.config;
        let settings = toml::to_string(config).map_err(|e| fail(format!("cannot write the settings: {e}")))?;
        let sizes = |index: usize, data: &TaskData| Sizes {
            labels: run.lexicon.types[run.model.tasks[index].kind].labels.len(),
            train: Size::of(&data.train),
            dev: Size::of(&data.dev),
            test: Size::of(&data.test),
        };
        let data = run.data.iter().enumerate().map(|(i, data)| (config.tasks[i].key(), sizes(i, data))).collect();
        let answers = |set: Set, predicted: &Predicted| {
            let answer = |(&i, tags): (&usize, &Vec<Vec<&str>>)| {
                let task = &config.tasks[i];
                (task.key(), Answers::of(task.scheme, run.data[i].set(set), tags))
            };
            predicted.iter().map(answer).collect()
        };
        let experiment = config.name.clone();
        Ok(Self { experiment, seed, settings, data, dev: answers(Set::Dev, dev), test: answers(Set::Test, test) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold(tags: &str) -> Gold {
        let tags: Vec<String> = tags.split(' ').map(str::to_string).collect();
        Gold { tokens: tags.clone(), tags }
    }

    #[test]
    fn spans_are_counted_by_hand() {
        let sentences = [gold("B-PER E-PER O S-LOC"), gold("S-LOC O B-PER E-PER")];
        let predicted = [vec!["B-PER", "E-PER", "S-PER", "S-PER"], vec!["O", "O", "O", "S-PER"]];
        let answers = Answers::of(Scheme::Bioes, &sentences, &predicted);
        let spans = answers.scored();
        assert_eq!(spans.counts("PER"), SpanCounts { gold: 2, predicted: 4, correct: 1 });
        assert_eq!(spans.counts("LOC"), SpanCounts { gold: 2, predicted: 0, correct: 0 });
        let of = |label: &'static str| move |found: Option<&str>| found == Some(label);
        assert_eq!(spans.count(of("LOC"), of("PER")), 1, "right words, wrong type");
        assert_eq!((spans.count(|gold| gold.is_none(), of("PER")), spans.count(of("PER"), |p| p.is_none())), (2, 1));
        assert_eq!(answers.tags.counts("O"), SpanCounts { gold: 2, predicted: 3, correct: 1 });
        assert_eq!(spans.labels().into_iter().collect::<Vec<_>>(), ["LOC", "PER"]);
    }

    #[test]
    fn plain_labels_have_no_spans_and_json_gives_the_same_back() {
        let answers = Answers::of(Scheme::Plain, &[gold("B-X \"NOUN")], &[vec!["B-X", "VERB"]]);
        assert!(answers.spans.is_none());
        let text = serde_json::to_string(&answers).unwrap();
        let mut again: Answers = serde_json::from_str(&text).unwrap();
        assert_eq!(again, answers);
        again.tags.merge(&answers.tags);
        assert_eq!(again.tags.counts("B-X"), SpanCounts { gold: 2, predicted: 2, correct: 2 });
    }
}
