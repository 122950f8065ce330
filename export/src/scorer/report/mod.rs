//! What a page shows of scorers: protocols' tables, and runs' learners and reliability.

mod clusters;
mod learners;
mod protocols;

use super::picture::Picture;
use super::protocol::Summary;
use crate::report::page::Section;

/// What the numbers of scorers are.
pub const WORDS: &str = "Each word of an exercise is scored by how probable it is that the learner gets it wrong. AUC: the probability that a wrong \
    word has a higher score than a right one. Numbers are means over seeds, ± one sample standard deviation; of test words, which took part in \
    neither training nor selection.";

/// A file of a scorer's.
pub enum Part {
    /// `summary.json` of a protocol.
    Protocol(Summary),
    /// `picture.json` of a run.
    Picture(Picture),
}

impl Part {
    /// The experiment's name.
    pub fn experiment(&self) -> &str {
        match self {
            Part::Protocol(summary) => &summary.experiment,
            Part::Picture(picture) => &picture.experiment,
        }
    }
}

/// The sections of `part`.
pub fn sections(part: &Part) -> Vec<Section> {
    match part {
        Part::Protocol(summary) => vec![protocols::section(summary)],
        Part::Picture(picture) => learners::sections(picture),
    }
}

#[cfg(test)]
mod tests;
