//! One token a line, tabs between columns, an empty line after each sentence.

use super::{Sink, Tagged};
use std::io::{self, Write};

/// What a column holds where a language lacks its task.
const NOTHING: &str = "_";

/// Writes the token, then for each task its label, then (asked for) its confidence.
pub struct Conll {
    /// The tasks, one column each.
    pub tasks: Vec<String>,
    /// Whether a column of confidences follows each column of labels.
    pub scores: bool,
}

impl Sink for Conll {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &Tagged<'_>) -> io::Result<()> {
        for (position, token) in tagged.item.tokens.iter().enumerate() {
            out.write_all(token.as_bytes())?;
            for task in &self.tasks {
                let tagging = tagged.tasks.iter().find(|tags| tags.task == task).map(|tags| &tags.tagging);
                write!(out, "\t{}", tagging.map_or(NOTHING, |t| &t.labels[position]))?;
                if self.scores {
                    match tagging.and_then(|t| t.scores.get(position)) {
                        Some(score) => write!(out, "\t{score:.4}")?,
                        None => write!(out, "\t{NOTHING}")?,
                    }
                }
            }
            out.write_all(b"\n")?;
        }
        out.write_all(b"\n")
    }
}
