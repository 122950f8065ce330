//! The sequence labeller: sentences to features, features to emissions, emissions to tags, spans and confidences.
//!
//! A [`Tagger`] is immutable and may be used from many threads at once. The result of a sentence does not depend on
//! the sentences beside it. A call that is cancelled gives its error and no result; the tagger is as it was.

mod decode;
mod document;
pub mod features;
pub mod gold;
pub mod language;

pub use decode::{Alternative, DecodeOptions, MAX_NBEST, TaggedSpan, Tagging};
pub use document::{Annotation, Document, DocumentOptions};

use crate::bundle::Bundle;
use crate::bundle::manifest::{Kind, Manifest, Task};
use crate::engine::{self, Engine, EngineOptions, Found, Head, Report, Take, native};
use crate::kernels::crf::Transitions;
use crate::{Cancel, Error, ErrorKind, Result};
use decode::Decoder;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest token that is tagged, in bytes of UTF-8.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Tokens that one call of the engine takes at most, unless a single sentence is longer.
const TOKENS_A_CALL: usize = 8192;

/// A model ready to tag.
pub struct Tagger {
    bundle: Arc<Bundle>,
    engine: Box<dyn Engine>,
    decoders: Vec<Decoder>,
}

impl Tagger {
    /// Opens the engine that `options` ask for on `bundle`.
    pub fn open(bundle: Arc<Bundle>, options: &EngineOptions) -> Result<Self> {
        bundle.expect(Kind::Tagger)?;
        let engine = engine::open(&bundle, options)?;
        Self::over(bundle, engine)
    }

    /// On an engine that was opened on the same bundle.
    pub(crate) fn over(bundle: Arc<Bundle>, engine: Box<dyn Engine>) -> Result<Self> {
        let decoder = |task| Decoder::new(task, &|name| native::read(&bundle, name));
        let decoders = bundle.manifest().tasks.iter().map(decoder).collect::<Result<_>>()?;
        Ok(Self { bundle, engine, decoders })
    }

    /// The bundle that it was opened on.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The bundle's manifest.
    pub fn manifest(&self) -> &Manifest {
        self.bundle.manifest()
    }

    /// What runs where.
    pub fn report(&self) -> &Report {
        self.engine.report()
    }

    /// The task called `name`; an unknown one is an error that lists those there are.
    pub fn task(&self, name: &str) -> Result<&Task> {
        self.task_index(name).map(|index| &self.manifest().tasks[index])
    }

    /// The CRF of the task called `name`, under its scheme's constraints where it decodes under them.
    pub fn transitions(&self, name: &str) -> Result<&Transitions> {
        self.task_index(name).map(|index| self.decoders[index].transitions())
    }

    /// The tasks that were trained on `language`, in the manifest's order.
    pub fn tasks_of(&self, language: &str) -> Vec<&Task> {
        self.manifest().tasks.iter().filter(|task| task.languages.iter().any(|l| l == language)).collect()
    }

    /// Tags `sentences`, in order. An empty sentence has an empty tagging. `cancel` stops the call early.
    pub fn tag(
        &self,
        sentences: &[&[String]],
        task: &str,
        language: &str,
        options: &DecodeOptions,
        cancel: &Cancel,
    ) -> Result<Vec<Tagging>> {
        let head = self.head(task, language, options.zero_shot)?;
        Ok(self.tag_heads(sentences, language, &[head], options, cancel)?.pop().unwrap_or_default())
    }

    /// For each of `heads`, the taggings of `sentences`; one pass of the engine serves all.
    fn tag_heads(
        &self,
        sentences: &[&[String]],
        language: &str,
        heads: &[Head],
        options: &DecodeOptions,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<Tagging>>> {
        let taggings = Mutex::new(vec![vec![Tagging::default(); sentences.len()]; heads.len()]);
        let paths = !options.scores && options.nbest == 0;
        self.run(sentences, language, heads, paths, cancel, &|head, index, found| {
            let decoder = &self.decoders[heads[head].task];
            let tagging = match found {
                Found::Path(path) => decoder.name(path, cancel)?,
                Found::Emissions(emissions) => {
                    decoder.decode(emissions, decoder.calibration(language), options, cancel)?
                }
            };
            taggings.lock().unwrap_or_else(PoisonError::into_inner)[head][index] = tagging;
            Ok(())
        })?;
        Ok(taggings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The emissions of each sentence, `[length, labels]` row-major: what the CRF decodes. `cancel` stops the call
    /// early.
    pub fn emissions(
        &self,
        sentences: &[&[String]],
        task: &str,
        language: &str,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>> {
        let head = self.head(task, language, true)?;
        let all = Mutex::new(vec![Vec::new(); sentences.len()]);
        self.run(sentences, language, &[head], false, cancel, &|_, index, found| {
            if let Found::Emissions(emissions) = found {
                all.lock().unwrap_or_else(PoisonError::into_inner)[index] = emissions.to_vec();
            }
            Ok(())
        })?;
        Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs the engine over sentences of like length together, which hands what it finds to `take` as [`Engine::run`] says.
    fn run(
        &self,
        sentences: &[&[String]],
        language: &str,
        heads: &[Head],
        paths: bool,
        cancel: &Cancel,
        take: Take,
    ) -> Result<()> {
        cancel.check()?;
        if heads.is_empty() {
            return Ok(());
        }
        check_tokens(sentences)?;
        for indices in calls(sentences) {
            let chosen: Vec<&[String]> = indices.iter().map(|&index| sentences[index]).collect();
            let batch = features::encode(&self.bundle, language, &chosen, cancel)?;
            let taken = AtomicUsize::new(0);
            self.engine.run(&batch, heads, paths, cancel, &|head, sentence, found| {
                let labels = self.manifest().tasks[heads[head].task].labels.len();
                check_found(found, batch.sentences[sentence].len(), labels)?;
                taken.fetch_add(1, Ordering::Relaxed);
                take(head, indices[sentence], found)
            })?;
            if taken.into_inner() != heads.len() * indices.len() {
                return Err(Error::new(ErrorKind::Engine, "the engine left sentences out"));
            }
        }
        Ok(())
    }

    /// The place in the manifest of the task called `name`; an unknown one is an error that lists those there are.
    pub fn task_index(&self, name: &str) -> Result<usize> {
        let tasks = &self.manifest().tasks;
        tasks.iter().position(|task| task.name == name).ok_or_else(|| {
            let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
            Error::new(ErrorKind::Argument, format!("{} has no task \"{name}\"", self.manifest().id))
                .remedy(format!("its tasks are {}", names.join(", ")))
        })
    }

    /// Whether the model has `language`; an unknown one is an error that lists those there are.
    pub fn check_language(&self, language: &str) -> Result<()> {
        let manifest = self.manifest();
        if manifest.languages.iter().any(|l| l == language) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Argument, format!("{} has no language \"{language}\"", manifest.id))
            .remedy(format!("its languages are {}", manifest.languages.join(", "))))
    }

    /// Whether `task` can tag `language`: the error that [`tag`](Self::tag) would give.
    pub fn check(&self, task: &str, language: &str, zero_shot: bool) -> Result<()> {
        self.head(task, language, zero_shot).map(drop)
    }

    /// The output layer for a task and a language; the universal layer alone only where `zero_shot` permits it.
    fn head(&self, name: &str, language: &str, zero_shot: bool) -> Result<Head> {
        let index = self.task_index(name)?;
        let (manifest, task) = (self.manifest(), &self.manifest().tasks[index]);
        self.check_language(language)?;
        let row = task.languages.iter().position(|l| l == language);
        if row.is_none() && !zero_shot {
            let message = format!("task {name} of {} was not trained on \"{language}\"", manifest.id);
            return Err(Error::new(ErrorKind::Argument, message)
                .remedy(format!("it was on {}; ask for zero-shot tagging to try anyway", task.languages.join(", "))));
        }
        Ok(Head { task: index, language: row.filter(|_| manifest.architecture.specific_layers) })
    }
}

/// Refuses empty and huge tokens.
fn check_tokens(sentences: &[&[String]]) -> Result<()> {
    for (number, sentence) in sentences.iter().enumerate() {
        for (position, token) in sentence.iter().enumerate() {
            let place = || format!("sentence {number}, token {position}");
            if token.is_empty() {
                return Err(Error::new(ErrorKind::Input, "an empty token").at(place()).remedy("leave it out"));
            }
            if token.len() > MAX_TOKEN_BYTES {
                return Err(token_too_long(token.len()).at(place()));
            }
        }
    }
    Ok(())
}

/// The error for a token of `bytes` bytes.
pub fn token_too_long(bytes: usize) -> Error {
    Error::new(ErrorKind::Limit, format!("a token of {bytes} bytes, where {MAX_TOKEN_BYTES} are the limit"))
        .remedy("split it, or leave it out if it is not text")
}

/// Refuses what an engine cannot have found in a sentence of so many tokens, for a task of so many labels.
fn check_found(found: Found, tokens: usize, labels: usize) -> Result<()> {
    let fits = match found {
        Found::Emissions(emissions) => emissions.len() == tokens * labels,
        Found::Path(path) => path.len() == tokens && path.iter().all(|&label| usize::from(label) < labels),
    };
    if !fits {
        return Err(Error::new(ErrorKind::Engine, "the engine's results have another shape than its input"));
    }
    if matches!(found, Found::Emissions(emissions) if !emissions.iter().all(|value| value.is_finite())) {
        return Err(Error::new(ErrorKind::Engine, "the engine computed emissions that are not finite")
            .remedy("run `mtl verify` on the model"));
    }
    Ok(())
}

/// The sentences that are not empty, by length, cut into calls of the engine.
fn calls(sentences: &[&[String]]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sentences.len()).filter(|&index| !sentences[index].is_empty()).collect();
    order.sort_by_key(|&index| sentences[index].len());
    let mut calls: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for index in order {
        let length = sentences[index].len();
        match calls.last_mut() {
            Some(call) if length <= room => call.push(index),
            _ => {
                calls.push(vec![index]);
                room = TOKENS_A_CALL;
            }
        }
        room = room.saturating_sub(length);
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(length: usize) -> Vec<String> {
        vec!["a".to_string(); length]
    }

    #[test]
    fn calls_take_every_sentence_once_within_the_budget() {
        let lengths = [5000, 0, 3, 4000, 20_000, 1, 4192, 8192];
        let owned: Vec<Vec<String>> = lengths.iter().map(|&length| sentence(length)).collect();
        let sentences: Vec<&[String]> = owned.iter().map(Vec::as_slice).collect();
        let calls = calls(&sentences);
        let mut seen: Vec<usize> = calls.iter().flatten().copied().collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 2, 3, 4, 5, 6, 7]);
        for call in &calls {
            let tokens: usize = call.iter().map(|&index| lengths[index]).sum();
            assert!(call.len() == 1 || tokens <= TOKENS_A_CALL, "{call:?} has {tokens} tokens");
        }
    }

    #[test]
    fn huge_and_empty_tokens_are_refused() {
        let huge = [vec!["a".to_string(), "x".repeat(MAX_TOKEN_BYTES + 1)]];
        let error = check_tokens(&[&huge[0]]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("sentence 0, token 1"), "{error}");
        assert!(check_tokens(&[&["x".repeat(MAX_TOKEN_BYTES)]]).is_ok());
        assert_eq!(check_tokens(&[&[String::new()]]).unwrap_err().kind(), ErrorKind::Input);
    }
}
