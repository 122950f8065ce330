//! The word-error scorer: which words of an exercise a learner will get wrong.
//!
//! A [`Scorer`] is immutable and may be used from many threads at once. The result of an exercise does not depend on
//! the exercises beside it, nor, on the native engine, on what it keeps of words from one call to the next. Learners, countries and words that the model has not seen are read as unknown ones.

mod adapt;
pub mod align;
mod exercise;
mod features;
mod fit;
mod history;
mod learner;
mod linear;
mod model;
mod network;
#[cfg(feature = "onnx")]
mod onnx;
pub mod pairs;
pub mod slam;
mod vectors;

pub use exercise::{Exercise, Labelled};
pub use history::History;
pub use learner::Learner;
pub use vectors::SentenceVectors;

use crate::bundle::manifest::{Kind, Manifest, Scorer as Settings};
use crate::bundle::{Bundle, GoldenExercise};
use crate::engine::native::cache::WordCache;
use crate::engine::{self, EngineKind, EngineOptions, Pool, Report, native};
use crate::kernels::Kernel;
use crate::kernels::activation::{self, Function};
use crate::{Cancel, Error, ErrorKind, Result};
use adapt::Adapter;
use features::Batch;
use model::{Model, Source};
use network::Network;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A model ready to score.
#[derive(Debug)]
pub struct Scorer {
    bundle: Arc<Bundle>,
    settings: Settings,
    /// The native engine's weights, unpacked when they are first needed.
    model: OnceLock<Model>,
    /// What adapting needs of them, unpacked by the first call that adapts.
    adapter: OnceLock<Adapter>,
    /// The native engine's features of words that come again.
    cache: WordCache,
    pool: Arc<Pool>,
    engine: Engine,
    report: Report,
    vectors: Option<Arc<SentenceVectors>>,
}

/// Who does the arithmetic.
#[derive(Debug)]
enum Engine {
    Native(Kernel),
    #[cfg(feature = "onnx")]
    Onnx(onnx::Onnx),
}

/// How to score.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScoreOptions<'a> {
    /// Undoes the bias that training's weight of mistakes, alpha, gives: p (1 - alpha) / (p (1 - alpha) + alpha (1 - p)).
    /// The order of words stays the same; without it, 0.5 is where the trained F1 is best.
    pub calibrated: bool,
    /// Learners that the model was adapted to, no user twice: an exercise of one of them is scored with what was found.
    pub learners: &'a [Learner],
}

impl Scorer {
    /// Opens `bundle`, of the kind `scorer`, with the engine that `options` name.
    pub fn open(bundle: Arc<Bundle>, options: &EngineOptions) -> Result<Self> {
        bundle.expect(Kind::Scorer)?;
        let settings =
            bundle.manifest().scorer.clone().ok_or_else(|| {
                Error::new(ErrorKind::Bundle, "its manifest has no field `scorer`").at(bundle.place())
            })?;
        let (pool, engine, report) = match options.engine {
            EngineKind::Native => {
                native::check_options(options)?;
                let pool = native::pool(options)?;
                let kernel = native::kernel(options)?;
                let report = native::report(options, &pool, kernel);
                (pool, Engine::Native(kernel), report)
            }
            EngineKind::Onnx => {
                let (engine, report) = open_onnx(&bundle, &settings, options)?;
                (Arc::new(Pool::new(0)?), engine, report)
            }
            EngineKind::Cuda => {
                return Err(Error::new(ErrorKind::Engine, "the engine cuda runs taggers, and this is a scorer")
                    .at(bundle.place())
                    .remedy("use the engine `native` or `onnx`"));
            }
        };
        let (model, adapter, vectors) = (OnceLock::new(), OnceLock::new(), None);
        let cache = WordCache::new(settings.architecture.character_features(), options.word_cache);
        let scorer = Self { bundle, settings, model, adapter, cache, pool, engine, report, vectors };
        if options.engine == EngineKind::Native {
            scorer.native()?;
        }
        Ok(scorer)
    }

    /// The native engine's weights.
    fn native(&self) -> Result<&Model> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        #[cfg_attr(not(feature = "onnx"), allow(clippy::infallible_destructuring_match, reason = "one engine of two"))]
        let kernel = match self.engine {
            Engine::Native(kernel) => kernel,
            #[cfg(feature = "onnx")]
            Engine::Onnx(_) => Kernel::best(),
        };
        let source = Source { bundle: &self.bundle, kernel };
        let model = Model::open(source, &self.settings).map_err(|e| e.at(self.bundle.place()))?;
        Ok(self.model.get_or_init(|| model))
    }

    /// With the word vectors of sentences, for a model that has none of its own ([`Scorer::given_width`]). Fails where it
    /// has, or where theirs are of another width.
    pub fn with_vectors(mut self, vectors: Arc<SentenceVectors>) -> Result<Self> {
        let message = match self.given_width() {
            Some(width) if width == vectors.width() => {
                self.vectors = Some(vectors);
                return Ok(self);
            }
            Some(width) => format!("word vectors of width {}, where the model reads {width}", vectors.width()),
            None => "the model has word vectors of its own".into(),
        };
        Err(Error::new(ErrorKind::Argument, message).remedy("pass the table that belongs to the model, or none"))
    }

    /// The width of the word vectors that must be given with each exercise or by [`Scorer::with_vectors`]; `None` for a
    /// model that has a table of its own.
    pub fn given_width(&self) -> Option<usize> {
        self.settings.architecture.given_width()
    }

    /// The bundle that it was opened on.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The bundle's manifest.
    pub fn manifest(&self) -> &Manifest {
        self.bundle.manifest()
    }

    /// The tracks that it was trained on.
    pub fn tracks(&self) -> &[String] {
        &self.settings.tracks
    }

    /// Whether it has `track`; an unknown one is an error that lists those there are. One track need not be named.
    pub fn check_track(&self, track: &str) -> Result<()> {
        features::track(&self.settings, track).map(drop)
    }

    /// The track of a file of exercises: `given`, or as its name begins (`en_es.slam.test`), or the model's only one.
    pub fn track_of(&self, file: &Path, given: Option<&str>) -> Result<String> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named = || self.tracks().iter().find(|track| name.split('.').next() == Some(track.as_str())).cloned();
        let track = given.map(String::from).or_else(named).unwrap_or_default();
        self.check_track(&track).map_err(|e| match given {
            Some(_) => e.at("--track"),
            None => Error::new(ErrorKind::Argument, "nothing says which track it is of")
                .at(file.display())
                .remedy(format!("pass --track with one of {}", self.tracks().join(", "))),
        })?;
        Ok(track)
    }

    /// What runs where.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// P(mistake) of each word of each exercise, in order; an exercise at fault (an unknown track, an empty word) has
    /// an error of its own. `cancel` stops the call early.
    pub fn score(
        &self,
        exercises: &[Exercise],
        options: &ScoreOptions,
        cancel: &Cancel,
    ) -> Result<Vec<Result<Vec<f32>>>> {
        cancel.check()?;
        let learners = self.learners(options.learners)?;
        let mut batch = self.encode(exercises.iter(), cancel)?;
        let unknown = History::default();
        for (encoded, exercise) in batch.exercises.iter_mut().zip(exercises) {
            let Ok(encoded) = encoded else { continue };
            let learner = learners.get(exercise.user.as_str());
            encoded.offset = learner.map_or_else(Vec::new, |learner| learner.offset().to_vec());
            if self.settings.architecture.history {
                encoded.read(learner.map_or(&unknown, |learner| &learner.history), exercise);
            }
        }
        let logits = match &self.engine {
            Engine::Native(_) => self.network(cancel)?.logits(&batch)?,
            #[cfg(feature = "onnx")]
            Engine::Onnx(onnx) => onnx.logits(&self.settings, &batch, cancel)?,
        };
        // In logits, the undo of alpha is a sum: the odds of every word are alpha / (1 - alpha) too high.
        let alpha = self.settings.alpha;
        let shift = if options.calibrated { ((1.0 - alpha) / alpha).ln() } else { 0.0 };
        batch
            .exercises
            .into_iter()
            .zip(logits)
            .map(|(exercise, logits)| probabilities(exercise.err(), logits, shift))
            .collect()
    }

    /// What the network reads of `exercises`.
    fn encode<'a>(
        &'a self,
        exercises: impl ExactSizeIterator<Item = &'a Exercise>,
        cancel: &Cancel,
    ) -> Result<Batch<'a>> {
        features::encode(&self.bundle, &self.settings, self.vectors.as_deref(), exercises, cancel)
    }

    /// The learners by user; one that was fitted to another model, or two of one user, are an error.
    fn learners<'a>(&self, learners: &'a [Learner]) -> Result<HashMap<&'a str, &'a Learner>> {
        let mut found = HashMap::with_capacity(learners.len());
        for learner in learners {
            self.check_learner(learner)?;
            if found.insert(learner.user(), learner).is_some() {
                let message = format!("two learners are of the user {:?}", learner.user());
                return Err(Error::new(ErrorKind::Argument, message).remedy("pass the newer one"));
            }
        }
        Ok(found)
    }

    /// The native engine's forward pass.
    fn network<'a>(&'a self, cancel: &'a Cancel) -> Result<Network<'a>> {
        Ok(Network {
            bundle: &self.bundle,
            sizes: &self.settings.architecture,
            model: self.native()?,
            cache: &self.cache,
            pool: &self.pool,
            threads: self.report.threads,
            cancel,
        })
    }
}

#[cfg(feature = "onnx")]
fn open_onnx(bundle: &Bundle, settings: &Settings, options: &EngineOptions) -> Result<(Engine, Report)> {
    engine::check_threads(options.threads)?;
    if options.graph == engine::Form::Fused {
        return Err(Error::new(ErrorKind::Argument, "the fused graph is for taggers, and the model is a scorer")
            .remedy("leave the option out"));
    }
    let onnx = onnx::Onnx::open(bundle, settings, options)?;
    let report = onnx.report().clone();
    Ok((Engine::Onnx(onnx), report))
}

#[cfg(not(feature = "onnx"))]
fn open_onnx(_: &Bundle, _: &Settings, _: &EngineOptions) -> Result<(Engine, Report)> {
    Err(engine::no_onnx())
}

/// P(mistake) from logits, unless the exercise was at fault; the outer error is that of the engine.
fn probabilities(fault: Option<Error>, mut logits: Vec<f32>, shift: f32) -> Result<Result<Vec<f32>>> {
    if let Some(fault) = fault {
        return Ok(Err(fault));
    }
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(Error::new(ErrorKind::Engine, "the engine computed a probability that is not finite")
            .remedy("run `mtl verify` on the model"));
    }
    logits.iter_mut().for_each(|logit| *logit += shift);
    activation::apply(Kernel::generic(), Function::Sigmoid, &mut logits);
    Ok(Ok(logits))
}

impl From<&GoldenExercise> for Exercise {
    fn from(case: &GoldenExercise) -> Self {
        Self {
            track: case.track.clone(),
            user: case.user.clone(),
            countries: case.countries.clone(),
            days: case.days,
            client: case.client.clone(),
            session: case.session.clone(),
            format: case.format.clone(),
            time: case.time,
            words: case.words.clone(),
            vectors: case.vectors.clone(),
        }
    }
}
