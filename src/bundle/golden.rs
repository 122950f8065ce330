//! `golden.jsonl`: inputs and the outputs that the trainer computed for them.

use super::limits::{self, at_most, clip, malformed};
use super::manifest::{Manifest, Task};
use crate::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

/// One sentence, and what every engine must make of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// Task.
    pub task: String,
    /// Language.
    pub language: String,
    /// The word forms.
    pub tokens: Vec<String>,
    /// The best labels.
    pub labels: Vec<String>,
    /// A row of scores for each token, in the order of the task's labels.
    pub emissions: Vec<Vec<f32>>,
    /// How far another engine's scores may be from these.
    pub tolerance: f32,
}

/// One exercise, and what every engine must make of it; the fields are those of an exercise of the scorer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenExercise {
    /// The track.
    pub track: String,
    /// The learner.
    pub user: String,
    /// The learner's countries.
    pub countries: Vec<String>,
    /// Days since the learner began.
    pub days: f64,
    /// The client.
    pub client: String,
    /// The session.
    pub session: String,
    /// The format.
    pub format: String,
    /// Seconds, where they are known.
    pub time: Option<f64>,
    /// The words.
    pub words: Vec<String>,
    /// Their vectors, one after the other, where the model has none of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<f32>,
    /// P(mistake) of each word, as the network gives it.
    pub probabilities: Vec<f32>,
    /// How far another engine's probabilities may be from these.
    pub tolerance: f32,
}

/// Parses a tagger's file; an error names the line.
pub(super) fn parse(bytes: &[u8], manifest: &Manifest) -> Result<Vec<GoldenCase>> {
    let checker = Checker::new(manifest);
    lines(bytes, |case| checker.check(case))
}

/// Parses a scorer's file; an error names the line.
pub(super) fn parse_exercises(bytes: &[u8], manifest: &Manifest) -> Result<Vec<GoldenExercise>> {
    lines(bytes, |case| check_exercise(case, manifest))
}

/// One case a line, each of which `check` accepts.
fn lines<T: DeserializeOwned>(bytes: &[u8], check: impl Fn(&T) -> Result<()>) -> Result<Vec<T>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| malformed(format!("not UTF-8 at byte {}", e.valid_up_to())).caused_by(e))?;
    let mut cases = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let place = |e: Error| e.at(format!("line {}", i + 1));
        at_most("cases", i as u64 + 1, limits::GOLDEN_CASES as u64).map_err(place)?;
        let case: T = serde_json::from_str(line).map_err(|e| place(malformed(e.to_string()).caused_by(e)))?;
        check(&case).map_err(place)?;
        cases.push(case);
    }
    Ok(cases)
}

fn check_exercise(case: &GoldenExercise, manifest: &Manifest) -> Result<()> {
    let scorer = manifest.scorer.as_ref().filter(|scorer| scorer.tracks.contains(&case.track));
    let scorer = scorer.ok_or_else(|| malformed(format!("no track `{}`", clip(&case.track))).at("track"))?;
    if case.words.is_empty() || case.words.iter().any(String::is_empty) {
        return Err(malformed("an empty exercise or word").at("words"));
    }
    let needed = case.words.len() * scorer.architecture.given_width().unwrap_or(0);
    if case.vectors.len() != needed || case.vectors.iter().any(|value| !value.is_finite()) {
        return Err(malformed(format!("{needed} numbers are needed, all finite")).at("vectors"));
    }
    if case.probabilities.len() != case.words.len() {
        let message = format!("{} numbers for {} words", case.probabilities.len(), case.words.len());
        return Err(malformed(message).at("probabilities"));
    }
    if case.probabilities.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(malformed("probabilities lie in 0..=1").at("probabilities"));
    }
    check_tolerance(case.tolerance)
}

fn check_tolerance(tolerance: f32) -> Result<()> {
    if tolerance > 0.0 && tolerance <= 1.0 {
        return Ok(());
    }
    Err(malformed(format!("{tolerance}, where it must be in (0, 1]")).at("tolerance"))
}

/// The label sets of a manifest, made ready for look-ups.
struct Checker<'a> {
    labels: BTreeMap<&'a str, BTreeSet<&'a str>>,
    languages: &'a [String],
}

impl<'a> Checker<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let labels = |task: &'a Task| (task.name.as_str(), task.labels.iter().map(String::as_str).collect());
        Self { labels: manifest.tasks.iter().map(labels).collect(), languages: &manifest.languages }
    }

    /// Checks one case against the manifest.
    fn check(&self, case: &GoldenCase) -> Result<()> {
        let Some(labels) = self.labels.get(case.task.as_str()) else {
            return Err(malformed(format!("no task `{}`", clip(&case.task))).at("task"));
        };
        if !self.languages.contains(&case.language) {
            return Err(malformed(format!("no language `{}`", clip(&case.language))).at("language"));
        }
        check_values(case, labels)
    }
}

/// Checks the sentence and what is expected of it.
fn check_values(case: &GoldenCase, labels: &BTreeSet<&str>) -> Result<()> {
    let count = case.tokens.len();
    if count == 0 || case.tokens.iter().any(String::is_empty) {
        return Err(malformed("an empty sentence or token").at("tokens"));
    }
    if case.labels.len() != count {
        return Err(malformed(format!("{} labels for {count} tokens", case.labels.len())).at("labels"));
    }
    if let Some(label) = case.labels.iter().find(|l| !labels.contains(l.as_str())) {
        return Err(malformed(format!("`{}` is no label of {}", clip(label), case.task)).at("labels"));
    }
    if case.emissions.len() != count {
        return Err(malformed(format!("{} rows for {count} tokens", case.emissions.len())).at("emissions"));
    }
    for (i, row) in case.emissions.iter().enumerate() {
        if row.len() != labels.len() || row.iter().any(|v| !v.is_finite()) {
            let message = format!("{} numbers are needed, all finite", labels.len());
            return Err(malformed(message).at(format!("emissions: row {i}")));
        }
    }
    check_tolerance(case.tolerance)
}

/// The file's bytes for a tagger's `cases`.
pub(super) fn write(cases: &[GoldenCase], manifest: &Manifest) -> Result<Vec<u8>> {
    let checker = Checker::new(manifest);
    write_lines(cases, |case| checker.check(case))
}

/// The file's bytes for a scorer's `cases`.
pub(super) fn write_exercises(cases: &[GoldenExercise], manifest: &Manifest) -> Result<Vec<u8>> {
    write_lines(cases, |case| check_exercise(case, manifest))
}

fn write_lines<T: Serialize>(cases: &[T], check: impl Fn(&T) -> Result<()>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        check(case).map_err(|e| e.at(format!("golden case {i}")))?;
        serde_json::to_writer(&mut bytes, case).map_err(|e| malformed(e.to_string()).caused_by(e))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::bundle::graph::testing;

    fn case(manifest: &Manifest) -> GoldenCase {
        let task = &manifest.tasks[0];
        GoldenCase {
            task: task.name.clone(),
            language: task.languages[0].clone(),
            tokens: vec!["a".into(), "\u{2028}\"\0".into()],
            labels: vec![task.labels[0].clone(); 2],
            emissions: vec![(0..task.labels.len()).map(|i| [0.1, -1e-30, f32::MAX][i % 3]).collect(); 2],
            tolerance: 1.0,
        }
    }

    #[test]
    fn cases_come_back_as_written() {
        let manifest = testing::manifest(true);
        let cases = vec![case(&manifest); 3];
        assert_eq!(parse(&write(&cases, &manifest).unwrap(), &manifest).unwrap(), cases);
        assert_eq!(parse(b"", &manifest).unwrap(), []);
    }

    #[test]
    fn what_a_reader_refuses_is_not_written() {
        let manifest = testing::manifest(true);
        let changes: [fn(&mut GoldenCase); 5] = [
            |case| case.labels[1] = "x".into(),
            |case| case.emissions[1][0] = f32::NAN,
            |case| case.emissions[0][0] = f32::INFINITY,
            |case| case.tolerance = 1.001,
            |case| case.tolerance = f32::NAN,
        ];
        for change in changes {
            let mut bad = case(&manifest);
            change(&mut bad);
            let error = write(&[case(&manifest), bad], &manifest).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle);
            assert!(error.place().starts_with("golden case 1: "), "{error}");
        }
    }
}
