//! What the scorer reads.

/// An exercise before the learner has answered it: who does it, how, and the words of the right answer (Hu 2020, section
/// 3.1). Text that is not known is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exercise {
    /// The language that is learnt and the language that is known: `en_es`. Empty where the model has one track.
    pub track: String,
    /// The learner.
    pub user: String,
    /// Countries that the learner was seen in, the first one first.
    pub countries: Vec<String>,
    /// Days since the learner began, fractions included.
    pub days: f64,
    /// `web`, `ios`, `android`.
    pub client: String,
    /// `lesson`, `practice`, `test`.
    pub session: String,
    /// `reverse_translate`, `reverse_tap`, `listen`.
    pub format: String,
    /// Seconds that the learner took; `None` where it is not known.
    pub time: Option<f64>,
    /// The words of the right answer.
    pub words: Vec<String>,
    /// Their vectors, one after the other, for a model that has none of its own; empty where the scorer's table of
    /// [`SentenceVectors`](super::SentenceVectors) has them.
    pub vectors: Vec<f32>,
}

/// An exercise and which of its words the learner got wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labelled {
    /// The exercise.
    pub exercise: Exercise,
    /// One a word: whether it was a mistake.
    pub mistakes: Vec<bool>,
}
