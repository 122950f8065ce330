//! Runs a bundle's golden cases through a tagger or a scorer: one by one, and shuffled together.

use crate::bundle::{GoldenCase, GoldenExercise, SCORER_TASK};
use crate::scorer::{Exercise, ScoreOptions, Scorer};
use crate::tagger::{DecodeOptions, Tagger};
use crate::{Cancel, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// What one engine made of the golden cases.
#[derive(Debug, Clone, Serialize)]
pub struct EngineCheck {
    /// Each case alone.
    pub alone: Pass,
    /// The cases of a task and language together, in another order.
    pub batched: Pass,
    /// The greatest difference between an emission, or a probability, alone and in the batch; 0 where the engine is batch-invariant.
    pub batch_difference: f32,
}

impl EngineCheck {
    /// Whether every case passed, alone and in the batch.
    pub fn passed(&self) -> bool {
        self.alone.failures.is_empty() && self.batched.failures.is_empty()
    }
}

/// One run over all cases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pass {
    /// Cases run.
    pub cases: usize,
    /// The greatest difference between an emission, or a probability, and the expected one.
    pub difference: f32,
    /// The cases that failed.
    pub failures: Vec<CaseFailure>,
}

/// A golden case that failed.
#[derive(Debug, Clone, Serialize)]
pub struct CaseFailure {
    /// Which one, from 0, in the order of `golden.jsonl`.
    pub case: usize,
    /// Its task; of a scorer, `mistakes`.
    pub task: String,
    /// Its language, or its track.
    pub language: String,
    /// What was wrong.
    pub reason: String,
}

/// Runs `cases` through `tagger`. `cancel` stops the call early.
pub fn verify(tagger: &Tagger, cases: &[GoldenCase], cancel: &Cancel) -> Result<EngineCheck> {
    let all: Vec<usize> = (0..cases.len()).collect();
    let mut alone = Pass::default();
    let mut single = BTreeMap::new();
    for &case in &all {
        run(tagger, cases, &[case], cancel, &mut alone, &mut |case, emissions| {
            single.insert(case, emissions);
        })?;
    }
    let mut batched = Pass::default();
    let mut batch_difference = 0.0_f32;
    for group in groups(cases) {
        run(tagger, cases, &group, cancel, &mut batched, &mut |case, emissions| {
            batch_difference = batch_difference.max(greatest_difference(&single[&case], &emissions));
        })?;
    }
    Ok(EngineCheck { alone, batched, batch_difference })
}

/// Runs `cases` through `scorer`. `cancel` stops the call early.
pub fn verify_scorer(scorer: &Scorer, cases: &[GoldenExercise], cancel: &Cancel) -> Result<EngineCheck> {
    let options = ScoreOptions::default();
    let exercises: Vec<Exercise> = cases.iter().map(Exercise::from).collect();
    let mut single = Vec::new();
    for exercise in &exercises {
        single.extend(scorer.score(std::slice::from_ref(exercise), &options, cancel)?);
    }
    let backward: Vec<Exercise> = exercises.into_iter().rev().collect();
    let mut together = scorer.score(&backward, &options, cancel)?;
    together.reverse();
    let batch_difference = single.iter().zip(&together).filter_map(|(a, b)| Some((a.as_ref().ok()?, b.as_ref().ok()?)));
    let batch_difference = batch_difference.map(|(a, b)| greatest_difference(a, b)).fold(0.0, f32::max);
    Ok(EngineCheck { alone: score_pass(cases, &single), batched: score_pass(cases, &together), batch_difference })
}

/// What `scores` are, measured against the probabilities of `cases`.
fn score_pass(cases: &[GoldenExercise], scores: &[Result<Vec<f32>>]) -> Pass {
    let mut pass = Pass { cases: cases.len(), ..Pass::default() };
    for (index, (case, scores)) in cases.iter().zip(scores).enumerate() {
        let reason = match scores {
            Err(error) => Some(error.to_string()),
            Ok(scores) => {
                let difference = greatest_difference(&case.probabilities, scores);
                pass.difference = pass.difference.max(difference);
                too_far("a probability", difference, case.tolerance)
            }
        };
        pass.failures.extend(reason.map(|reason| CaseFailure {
            case: index,
            task: SCORER_TASK.to_string(),
            language: case.track.clone(),
            reason,
        }));
    }
    pass
}

/// The fault of a score that differs by more than is tolerated.
fn too_far(what: &str, difference: f32, tolerance: f32) -> Option<String> {
    (difference > tolerance || difference.is_nan())
        .then(|| format!("{what} differs by {difference}, tolerated are {tolerance}"))
}

/// The cases of each (task, language), last first: an order that no case was computed in.
fn groups(cases: &[GoldenCase]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate().rev() {
        groups.entry((&case.task, &case.language)).or_default().push(index);
    }
    groups.into_values().collect()
}

/// Runs the cases of `group`, which share task and language, in one call.
fn run(
    tagger: &Tagger,
    cases: &[GoldenCase],
    group: &[usize],
    cancel: &Cancel,
    pass: &mut Pass,
    take: &mut dyn FnMut(usize, Vec<f32>),
) -> Result<()> {
    let Some(&first) = group.first() else { return Ok(()) };
    let (task, language) = (&cases[first].task, &cases[first].language);
    let sentences: Vec<&[String]> = group.iter().map(|&case| cases[case].tokens.as_slice()).collect();
    let emissions = tagger.emissions(&sentences, task, language, cancel)?;
    let options = DecodeOptions { zero_shot: true, ..DecodeOptions::default() };
    let taggings = tagger.tag(&sentences, task, language, &options, cancel)?;
    for ((&index, emissions), tagging) in group.iter().zip(emissions).zip(taggings) {
        let case = &cases[index];
        let expected: Vec<f32> = case.emissions.iter().flatten().copied().collect();
        let difference = greatest_difference(&expected, &emissions);
        pass.cases += 1;
        pass.difference = pass.difference.max(difference);
        if let Some(reason) = fault(case, difference, &tagging.labels) {
            pass.failures.push(CaseFailure { case: index, task: task.clone(), language: language.clone(), reason });
        }
        take(index, emissions);
    }
    Ok(())
}

fn fault(case: &GoldenCase, difference: f32, labels: &[String]) -> Option<String> {
    if labels != case.labels {
        let wrong = labels.iter().zip(&case.labels).position(|(a, b)| a != b).unwrap_or(0);
        let (got, expected) = (labels.get(wrong), case.labels.get(wrong));
        return Some(format!(
            "token {wrong} is {got:?}, expected {expected:?}",
            got = name(got),
            expected = name(expected)
        ));
    }
    too_far("an emission", difference, case.tolerance)
}

fn name(label: Option<&String>) -> &str {
    label.map_or("nothing", String::as_str)
}

/// The greatest absolute difference; infinite when the lengths differ.
fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |greatest, d| if d > greatest || d.is_nan() { d } else { greatest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_sees_lengths_and_nan() {
        assert_eq!(greatest_difference(&[1.0, 2.0], &[1.5, 2.0]), 0.5);
        assert_eq!(greatest_difference(&[1.0], &[]), f32::INFINITY);
        assert!(greatest_difference(&[f32::NAN, 1.0], &[0.0, 1.0]).is_nan());
    }
}
