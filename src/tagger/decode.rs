//! From emissions to tags: Viterbi, n-best, and confidences from the CRF's marginals.

use crate::bundle::manifest::Task;
use crate::engine::native;
use crate::kernels::crf::{self, Marginals, Prepared, Transitions, Viterbi};
use crate::text::scheme::{self, Scheme};
use crate::{Cancel, Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The most paths that can be asked for.
pub const MAX_NBEST: usize = 100;

/// Cells (tokens x labels x paths) that an n-best search may use: 128 MB. A call makes one search a thread at a time.
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
    /// One a language that was calibrated.
    calibrations: BTreeMap<String, Calibration>,
    /// Of the other languages.
    uncalibrated: Calibration,
    transitions: Transitions,
    viterbi: Viterbi,
}

/// The CRF at a temperature.
#[derive(Debug)]
pub(super) struct Calibration {
    temperature: f32,
    /// Made ready when confidences are first asked for.
    prepared: OnceLock<Prepared>,
}

impl Calibration {
    fn new(temperature: f32) -> Self {
        Self { temperature, prepared: OnceLock::new() }
    }
}

impl Decoder {
    /// The CRF of `task`, of tensors that `read` gives, under its scheme's constraints where it is decoded under them.
    pub(super) fn new(task: &Task, read: &dyn Fn(&str) -> Result<Vec<f32>>) -> Result<Self> {
        let transitions = native::transitions(task, read)?;
        Ok(Self {
            labels: task.labels.clone(),
            scheme: task.scheme,
            calibrations: (task.temperature.iter())
                .map(|(language, &temperature)| (language.clone(), Calibration::new(temperature)))
                .collect(),
            uncalibrated: Calibration::new(1.0),
            viterbi: Viterbi::new(&transitions),
            transitions,
        })
    }

    /// What it decodes with.
    pub(super) fn transitions(&self) -> &Transitions {
        &self.transitions
    }

    /// The calibration of `language`; temperature 1 where none was fitted.
    pub(super) fn calibration(&self, language: &str) -> &Calibration {
        self.calibrations.get(language).unwrap_or(&self.uncalibrated)
    }

    /// Decodes one sentence's emissions.
    pub(super) fn decode(
        &self,
        emissions: &[f32],
        calibration: &Calibration,
        options: &DecodeOptions,
        cancel: &Cancel,
    ) -> Result<Tagging> {
        let (path, _) = self.viterbi.best(emissions, cancel)?;
        let mut tagging = self.name(&path, cancel)?;
        if options.scores || options.nbest > 0 {
            let temperature = calibration.temperature;
            let prepared = || Prepared::with_temperature(&self.transitions, temperature);
            let marginals = calibration.prepared.get_or_init(prepared).marginals(emissions, cancel)?;
            if options.scores {
                self.score(&mut tagging, &path, emissions, &marginals, temperature, cancel)?;
            }
            if options.nbest > 0 {
                tagging.nbest = self.nbest(emissions, &marginals, temperature, options.nbest, cancel)?;
            }
        }
        Ok(tagging)
    }

    /// The labels and spans of a sentence's best path.
    pub(super) fn name(&self, path: &[u16], cancel: &Cancel) -> Result<Tagging> {
        let mut tagging = Tagging { labels: self.names(path, cancel)?, ..Tagging::default() };
        cancel.check()?;
        if self.scheme != Scheme::Plain {
            let spans = scheme::spans_lenient(&tagging.labels).into_iter();
            tagging.spans = spans
                .map(|span| TaggedSpan { start: span.start, end: span.end, label: span.label, score: None })
                .collect();
        }
        Ok(tagging)
    }

    fn score(
        &self,
        tagging: &mut Tagging,
        path: &[u16],
        emissions: &[f32],
        marginals: &Marginals,
        temperature: f32,
        cancel: &Cancel,
    ) -> Result<()> {
        let count = self.labels.len();
        let at = |(position, &label): (usize, &u16)| marginals.unary[position * count + usize::from(label)];
        tagging.scores = path.iter().enumerate().map(at).collect();
        for span in &mut tagging.spans {
            cancel.check()?;
            let labels = &path[span.start..span.end];
            let transitions = &self.transitions;
            span.score =
                Some(crf::path_probability(marginals, emissions, transitions, temperature, span.start, labels));
        }
        Ok(())
    }

    fn nbest(
        &self,
        emissions: &[f32],
        marginals: &Marginals,
        temperature: f32,
        count: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Alternative>> {
        if count > MAX_NBEST || emissions.len().saturating_mul(count) > MAX_NBEST_CELLS {
            let tokens = emissions.len() / self.labels.len().max(1);
            return Err(Error::new(ErrorKind::Limit, format!("{count} best paths over {tokens} tokens"))
                .remedy(format!("ask for at most {MAX_NBEST} paths, and for fewer where a sentence is that long")));
        }
        let paths = self.viterbi.nbest(emissions, count, cancel)?;
        let alternative = |(path, score): (Vec<u16>, f32)| {
            let probability = (f64::from(score) / f64::from(temperature) - marginals.log_z).exp().min(1.0);
            Ok(Alternative { labels: self.names(&path, cancel)?, probability })
        };
        paths.into_iter().map(alternative).collect()
    }

    fn names(&self, path: &[u16], cancel: &Cancel) -> Result<Vec<String>> {
        let name = |(step, &label): (usize, &u16)| {
            cancel.check_at(step)?;
            Ok(self.labels[usize::from(label)].clone())
        };
        path.iter().enumerate().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    const LABELS: [&str; 5] = ["O", "B-X", "I-X", "E-X", "S-X"];
    const LENGTH: usize = 4;

    fn decoder(rng: &mut impl rand::Rng, constrained: bool) -> Decoder {
        let mut random = |count: usize| (0..count).map(|_| rng.random_range(-2.0..2.0)).collect::<Vec<f32>>();
        let count = LABELS.len();
        let crf = [("start", random(count)), ("end", random(count)), ("transitions", random(count * count))];
        let read = |name: &str| Ok(crf.iter().find(|(part, _)| name.ends_with(part)).unwrap().1.clone());
        let task = Task {
            name: "ner".to_string(),
            scheme: Scheme::Bioes,
            labels: LABELS.map(String::from).to_vec(),
            languages: vec!["da".to_string()],
            temperature: BTreeMap::from([("da".to_string(), 1.7)]),
            constrained,
        };
        Decoder::new(&task, &read).unwrap()
    }

    /// Every path with its probability at `temperature`, by adding up scores.
    fn enumerate(decoder: &Decoder, emissions: &[f32], temperature: f32) -> Vec<(Vec<usize>, f64)> {
        let (k, t) = (LABELS.len(), &decoder.transitions);
        let mut paths: Vec<(Vec<usize>, f64)> = (0..k.pow(LENGTH as u32))
            .map(|code| {
                let path: Vec<usize> = (0..LENGTH).map(|step| code / k.pow(step as u32) % k).collect();
                let steps: f32 = path.windows(2).map(|pair| t.pairs[pair[1] * k + pair[0]]).sum();
                let states: f32 = path.iter().enumerate().map(|(step, &label)| emissions[step * k + label]).sum();
                let score = t.start[path[0]] + steps + states + t.end[path[LENGTH - 1]];
                (path, (f64::from(score) / f64::from(temperature)).exp())
            })
            .collect();
        let z: f64 = paths.iter().map(|(_, weight)| weight).sum();
        paths.iter_mut().for_each(|(_, weight)| *weight /= z);
        paths.sort_by(|a, b| b.1.total_cmp(&a.1));
        paths
    }

    #[test]
    fn tags_confidences_and_alternatives_agree_with_enumeration() {
        for seed in 0..60 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let decoder = decoder(&mut rng, seed % 2 == 0);
            let emissions: Vec<f32> = (0..LENGTH * LABELS.len()).map(|_| rng.random_range(-3.0..3.0)).collect();
            let calibration = decoder.calibration("da");
            let temperature = calibration.temperature;
            assert_eq!((temperature, decoder.calibration("en").temperature), (1.7, 1.0));
            let options = DecodeOptions { scores: true, nbest: 7, zero_shot: false };
            let tagging = decoder.decode(&emissions, calibration, &options, &Cancel::new()).unwrap();
            let paths = enumerate(&decoder, &emissions, temperature);
            let index = |label: &String| LABELS.iter().position(|l| l == label).unwrap();
            let best: Vec<usize> = tagging.labels.iter().map(index).collect();
            assert_eq!(best, paths[0].0, "seed {seed}");
            assert_eq!(tagging.nbest.len(), 7, "seed {seed}");
            for (alternative, (path, probability)) in tagging.nbest.iter().zip(&paths) {
                assert_eq!(&alternative.labels.iter().map(index).collect::<Vec<_>>(), path, "seed {seed}");
                assert!((alternative.probability - probability).abs() < 1e-5, "seed {seed}");
            }
            let sum = |holds: &dyn Fn(&[usize]) -> bool| -> f64 {
                paths.iter().filter(|(path, _)| holds(path)).map(|(_, probability)| probability).sum()
            };
            for (token, score) in tagging.scores.iter().enumerate() {
                let expected = sum(&|path| path[token] == best[token]);
                assert!((f64::from(*score) - expected).abs() < 1e-4, "seed {seed}, token {token}");
            }
            for span in &tagging.spans {
                let range = span.start..span.end;
                let expected = sum(&|path| path[range.clone()] == best[range.clone()]);
                let score = f64::from(span.score.unwrap());
                assert!((score - expected).abs() < 1e-4, "seed {seed}, {span:?}: {expected}");
            }
            if seed % 2 == 0 {
                assert_eq!(scheme::spans_strict(&tagging.labels).len(), tagging.spans.len(), "seed {seed}");
            }
        }
    }

    #[test]
    fn nothing_is_computed_that_was_not_asked_for() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let decoder = decoder(&mut rng, true);
        let emissions = vec![0.5; LENGTH * LABELS.len()];
        let tagging =
            decoder.decode(&emissions, decoder.calibration("en"), &DecodeOptions::default(), &Cancel::new()).unwrap();
        assert!(tagging.scores.is_empty() && tagging.nbest.is_empty());
        assert!(tagging.spans.iter().all(|span| span.score.is_none()));
        assert_eq!(
            decoder.decode(&[], decoder.calibration("en"), &DecodeOptions::default(), &Cancel::new()).unwrap(),
            Tagging::default()
        );
    }

    #[test]
    fn a_search_that_would_need_too_much_memory_is_refused() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let decoder = decoder(&mut rng, true);
        let emissions = vec![0.0; 100_000 * LABELS.len()];
        let cancel = Cancel::new();
        let ask = |nbest| {
            decoder.decode(
                &emissions,
                decoder.calibration("en"),
                &DecodeOptions { nbest, ..DecodeOptions::default() },
                &cancel,
            )
        };
        assert_eq!(ask(MAX_NBEST).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(ask(MAX_NBEST + 1).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(ask(2).unwrap().nbest.len(), 2);
    }
}
