//! Scores: span F1 as conlleval counts it, strict span F1, token accuracy; and those of predicted mistakes.

mod diagram;
mod mistakes;

pub use diagram::reliability_svg;
pub use mistakes::{Bin, Predictions, unweighted};

use crate::text::scheme::{Scheme, Span, spans_lenient, spans_strict};
use serde::{Deserialize, Serialize};

/// Running counts over sentences; every ratio with an empty denominator is 0 (seeds A.10).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sentences seen.
    pub sentences: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Tokens whose tag is right.
    pub right_tokens: u64,
    /// Gold, predicted and correct spans, conlleval's reading.
    pub lenient: SpanCounts,
    /// Gold, predicted and correct spans, well-formed BIOES only.
    pub strict: SpanCounts,
    /// Whether the tags are plain labels, in which nothing is a span.
    plain: bool,
}

/// Gold, predicted and correct spans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanCounts {
    /// Spans in the gold tags.
    pub gold: u64,
    /// Spans in the predicted tags.
    pub predicted: u64,
    /// Predicted spans with the start, end and label of a gold one.
    pub correct: u64,
}

/// `a / b`, and 0 where `b` is 0.
fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

impl SpanCounts {
    /// Correct over predicted, in 0..1.
    pub fn precision(&self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    /// Correct over gold, in 0..1.
    pub fn recall(&self) -> f64 {
        ratio(self.correct, self.gold)
    }

    /// Harmonic mean of the two, in 0..1.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.correct, self.gold + self.predicted)
    }

    /// Adds one sentence's spans; both lists in order.
    fn add(&mut self, gold: &[Span], predicted: &[Span]) {
        self.gold += gold.len() as u64;
        self.predicted += predicted.len() as u64;
        self.correct += predicted.iter().filter(|span| gold.binary_search(span).is_ok()).count() as u64;
    }

    fn merge(&mut self, other: &Self) {
        self.gold += other.gold;
        self.predicted += other.predicted;
        self.correct += other.correct;
    }
}

impl Counts {
    /// No sentences yet. Under [`Scheme::Plain`] no tag makes a span, whatever it looks like (`-LRB-`); the default
    /// value counts spans.
    pub fn new(scheme: Scheme) -> Self {
        Self { plain: scheme == Scheme::Plain, ..Self::default() }
    }

    /// Adds one sentence. Both tag sequences are BIOES (or plain labels, which make no spans).
    ///
    /// A gold token without a prediction counts as wrong; predictions beyond the gold tokens are not looked at.
    pub fn add<G: AsRef<str>, P: AsRef<str>>(&mut self, gold: &[G], predicted: &[P]) {
        let predicted = &predicted[..predicted.len().min(gold.len())];
        self.sentences += 1;
        self.tokens += gold.len() as u64;
        self.right_tokens += gold.iter().zip(predicted).filter(|(g, p)| g.as_ref() == p.as_ref()).count() as u64;
        if !self.plain {
            self.lenient.add(&spans_lenient(gold), &spans_lenient(predicted));
            self.strict.add(&spans_strict(gold), &spans_strict(predicted));
        }
    }

    /// Adds the counts of other sentences.
    pub fn merge(&mut self, other: &Self) {
        self.sentences += other.sentences;
        self.tokens += other.tokens;
        self.right_tokens += other.right_tokens;
        self.lenient.merge(&other.lenient);
        self.strict.merge(&other.strict);
    }

    /// Right tokens over tokens, in 0..1.
    pub fn accuracy(&self) -> f64 {
        ratio(self.right_tokens, self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(scheme: Scheme, sentences: &[(&str, &str)]) -> Counts {
        let mut counts = Counts::new(scheme);
        for (gold, predicted) in sentences {
            let tags = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            counts.add(&tags(gold), &tags(predicted));
        }
        counts
    }

    #[test]
    fn spans_by_hand() {
        // Lenient: gold 0-2 PER, 3-4 LOC; predicted 0-2 PER, 3-4 ORG. Then gold 0-1 X; predicted 0-1 X, 1-2 X.
        let c = counts(Scheme::Bioes, &[("B-PER E-PER O S-LOC", "B-PER E-PER O S-ORG"), ("S-X O", "S-X S-X")]);
        assert_eq!((c.sentences, c.tokens, c.right_tokens), (2, 6, 4));
        assert_eq!(c.lenient, SpanCounts { gold: 3, predicted: 4, correct: 2 });
        assert_eq!(c.strict, c.lenient);
        assert!((c.lenient.precision() - 0.5).abs() < 1e-12);
        assert!((c.lenient.recall() - 2.0 / 3.0).abs() < 1e-12);
        assert!((c.lenient.f1() - 4.0 / 7.0).abs() < 1e-12);
        assert!((c.accuracy() - 4.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn lenient_forgives_what_strict_does_not() {
        let c = counts(Scheme::Bioes, &[("O B-X E-X", "O I-X I-X")]);
        assert_eq!(c.lenient, SpanCounts { gold: 1, predicted: 1, correct: 1 });
        assert_eq!(c.strict, SpanCounts { gold: 1, predicted: 0, correct: 0 });
        assert_eq!((c.strict.precision(), c.strict.recall(), c.strict.f1()), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_span_must_agree_in_start_end_and_label() {
        let c = counts(Scheme::Bioes, &[("B-X I-X E-X O", "B-X E-X S-X O"), ("S-X O", "O S-X"), ("S-X", "S-Y")]);
        assert_eq!(c.lenient, SpanCounts { gold: 3, predicted: 4, correct: 0 });
    }

    #[test]
    fn nothing_gives_zero() {
        let c = Counts::default();
        assert_eq!((c.accuracy(), c.lenient.f1(), c.lenient.precision(), c.lenient.recall()), (0.0, 0.0, 0.0, 0.0));
    }

    #[test]
    fn plain_labels_make_no_spans() {
        let c = counts(Scheme::Plain, &[("-LRB- B-X NOUN", "-LRB- B-X VERB")]);
        assert_eq!((c.lenient.gold, c.lenient.predicted, c.right_tokens), (0, 0, 2));
        assert_eq!(counts(Scheme::Bioes, &[("NOUN", "VERB")]).lenient, SpanCounts::default());
    }

    #[test]
    fn spans_do_not_run_from_one_sentence_into_the_next() {
        let c = counts(Scheme::Bioes, &[("B-X", "B-X"), ("I-X", "I-X")]);
        assert_eq!(c.lenient.correct, 2);
    }

    #[test]
    fn missing_predictions_are_wrong() {
        let c = counts(Scheme::Bioes, &[("O S-X S-X", "O S-X")]);
        assert_eq!((c.right_tokens, c.tokens, c.lenient.correct, c.lenient.gold), (2, 3, 1, 2));
    }

    #[test]
    fn merged_counts_are_the_counts_of_all() {
        let (a, b) = (("S-X O", "S-X S-Y"), ("B-X E-X", "B-X E-X"));
        let mut merged = counts(Scheme::Bioes, &[a]);
        merged.merge(&counts(Scheme::Bioes, &[b]));
        assert_eq!(merged, counts(Scheme::Bioes, &[a, b]));
    }
}
