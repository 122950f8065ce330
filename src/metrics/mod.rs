//! Scores: span F1 as conlleval counts it, strict span F1, token accuracy.

/// Running counts over sentences; every ratio with an empty denominator is 0 (seeds A.10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

/// Gold, predicted and correct spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Spans in the gold tags.
    pub gold: u64,
    /// Spans in the predicted tags.
    pub predicted: u64,
    /// Predicted spans with the start, end and label of a gold one.
    pub correct: u64,
}

impl SpanCounts {
    /// Correct over predicted, in 0..1.
    pub fn precision(&self) -> f64 {
        0.0
    }
    /// Correct over gold, in 0..1.
    pub fn recall(&self) -> f64 {
        0.0
    }
    /// Harmonic mean of the two, in 0..1.
    pub fn f1(&self) -> f64 {
        0.0
    }
}

impl Counts {
    /// Adds one sentence. Both tag sequences are BIOES (or plain labels, which make no spans).
    pub fn add<G: AsRef<str>, P: AsRef<str>>(&mut self, gold: &[G], predicted: &[P]) {
        let _ = (gold, predicted);
    }
    /// Right tokens over tokens, in 0..1.
    pub fn accuracy(&self) -> f64 {
        0.0
    }
}
