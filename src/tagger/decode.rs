//! From emissions to tags: Viterbi, n-best, and confidences from the CRF's marginals.

use crate::bundle::Bundle;
use crate::bundle::manifest::Task;
use crate::kernels::crf::{self, Constraints, Marginals, Transitions};
use crate::text::scheme::{self, Scheme};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// The most paths that can be asked for.
pub const MAX_NBEST: usize = 100;

/// Cells (tokens x labels x paths) that an n-best search may use: about a gigabyte.
const MAX_NBEST_CELLS: usize = 1 << 25;

/// What to compute beside the best tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Confidences of tokens and spans.
    pub scores: bool,
    /// How many best paths to list; 0 for none.
    pub nbest: usize,
    /// Whether a language that the task was not trained on may be tagged by the universal layer alone.
    pub zero_shot: bool,
}

/// The tags of one sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tagging {
    /// The label of each token.
    pub labels: Vec<String>,
    /// The spans that the labels form, as conlleval reads them; none for a plain scheme.
    pub spans: Vec<TaggedSpan>,
    /// P(label of the token | sentence), calibrated; empty unless scores were asked for.
    pub scores: Vec<f32>,
    /// The best paths, best first, when n-best was asked for; fewer where fewer exist.
    pub nbest: Vec<Alternative>,
}

/// A labelled run of tokens, half-open.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedSpan {
    /// First token.
    pub start: usize,
    /// One past the last token.
    pub end: usize,
    /// The label, without the scheme's prefix.
    pub label: String,
    /// P(the labels of the span's tokens | sentence), calibrated; absent unless scores were asked for.
    pub score: Option<f32>,
}

/// One of the n best paths.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The label of each token.
    pub labels: Vec<String>,
    /// P(all labels | sentence), calibrated.
    pub probability: f64,
}

/// Decodes one task.
pub(super) struct Decoder {
    labels: Vec<String>,
    scheme: Scheme,
    temperature: BTreeMap<String, f32>,
    transitions: Transitions,
}

impl Decoder {
    /// Reads the CRF of `task`, and masks it when the task is decoded under its scheme's constraints.
    pub(super) fn new(bundle: &Bundle, task: &Task) -> Result<Self> {
        let read = |part: &str| -> Result<Vec<f32>> {
            let tensor = bundle.tensor(&format!("task.{}.crf.{part}", task.name))?;
            Ok(tensor.data.iter().map(|value| value.to_f32()).collect())
        };
        let transitions = Transitions {
            labels: task.labels.len(),
            start: read("start")?,
            end: read("end")?,
            pairs: read("transitions")?,
        };
        Ok(Self::with(task, transitions))
    }

    fn with(task: &Task, transitions: Transitions) -> Self {
        let transitions = if task.constrained {
            Constraints::from_labels(&task.labels, task.scheme).apply(&transitions)
        } else {
            transitions
        };
        Self { labels: task.labels.clone(), scheme: task.scheme, temperature: task.temperature.clone(), transitions }
    }

    /// The calibration temperature of `language`; 1 where none was fitted.
    pub(super) fn temperature(&self, language: &str) -> f32 {
        self.temperature.get(language).copied().unwrap_or(1.0)
    }

    /// Decodes one sentence's emissions.
    pub(super) fn decode(&self, emissions: &[f32], temperature: f32, options: &DecodeOptions) -> Result<Tagging> {
        let (path, _) = crf::viterbi(emissions, &self.transitions);
        let mut tagging = Tagging { labels: self.names(&path), ..Tagging::default() };
        if self.scheme != Scheme::Plain {
            let spans = scheme::spans_lenient(&tagging.labels).into_iter();
            tagging.spans = spans
                .map(|span| TaggedSpan { start: span.start, end: span.end, label: span.label, score: None })
                .collect();
        }
        if options.scores || options.nbest > 0 {
            let marginals = crf::marginals(emissions, &self.transitions, temperature);
            if options.scores {
                self.score(&mut tagging, &path, emissions, &marginals, temperature);
            }
            if options.nbest > 0 {
                tagging.nbest = self.nbest(emissions, &marginals, temperature, options.nbest)?;
            }
        }
        Ok(tagging)
    }

    fn score(&self, tagging: &mut Tagging, path: &[u16], emissions: &[f32], marginals: &Marginals, temperature: f32) {
        let count = self.labels.len();
        let at = |(position, &label): (usize, &u16)| marginals.unary[position * count + usize::from(label)];
        tagging.scores = path.iter().enumerate().map(at).collect();
        for span in &mut tagging.spans {
            let labels = &path[span.start..span.end];
            let transitions = &self.transitions;
            span.score =
                Some(crf::path_probability(marginals, emissions, transitions, temperature, span.start, labels));
        }
    }

    fn nbest(
        &self,
        emissions: &[f32],
        marginals: &Marginals,
        temperature: f32,
        count: usize,
    ) -> Result<Vec<Alternative>> {
        if count > MAX_NBEST || emissions.len().saturating_mul(count) > MAX_NBEST_CELLS {
            let tokens = emissions.len() / self.labels.len().max(1);
            return Err(Error::new(ErrorKind::Limit, format!("{count} best paths over {tokens} tokens"))
                .remedy(format!("ask for at most {MAX_NBEST} paths, and for fewer where a sentence is that long")));
        }
        let paths = crf::nbest(emissions, &self.transitions, count);
        let alternatives = paths.into_iter().map(|(path, score)| Alternative {
            labels: self.names(&path),
            probability: (f64::from(score) / f64::from(temperature) - marginals.log_z).exp().min(1.0),
        });
        Ok(alternatives.collect())
    }

    fn names(&self, path: &[u16]) -> Vec<String> {
        path.iter().map(|&label| self.labels[usize::from(label)].clone()).collect()
    }
}
