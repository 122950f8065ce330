//! Models: a bundle and the engine that runs it.

use super::boundary::{Object, Outcome, argument, call, get, library, optional, optional_value, out, value, view};
use super::bundle::mtl_bundle;
use super::env::mtl_env;
use super::error::mtl_error;
use super::log::{MTL_LOG_INFO, MTL_LOG_WARN, log};
use super::options::{Options, Scope, mtl_options};
use super::result::Labels;
use super::status::mtl_status;
use crate::ErrorKind;
use crate::bundle::Bundle;
use crate::bundle::manifest::{Kind, Manifest, Task};
use crate::engine::{EngineOptions, Report};
use crate::scorer::{Scorer, SentenceVectors};
use crate::tagger::Tagger;
use crate::text::scheme::{self, Scheme};
use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

/// An opened model: immutable, to be used from many threads at once.
pub type mtl_model = Object<Model>;

/// A tagger or a scorer with what C asks of it.
pub struct Model {
    network: Network,
    /// The span labels of each task, sorted; none for plain labels.
    span_labels: Vec<Vec<String>>,
    /// The numbers of both kinds of labels, by task.
    pub(super) labels: Vec<Labels>,
    manifest: String,
    report: String,
}

enum Network {
    Tagger(Tagger),
    Scorer(Box<Scorer>),
}

impl Network {
    fn open(bundle: &Arc<Bundle>, options: &EngineOptions, vectors: Option<&Path>) -> Outcome<Self> {
        let bundle = Arc::clone(bundle);
        match (bundle.manifest().kind, vectors) {
            (Kind::Tagger, None) => Ok(Self::Tagger(Tagger::open(bundle, options)?)),
            (Kind::Tagger, Some(_)) => {
                Err(argument("option vectors is for a scorer, and this is a tagger", "open it without"))
            }
            (Kind::Scorer, None) => Ok(Self::Scorer(Box::new(Scorer::open(bundle, options)?))),
            (Kind::Scorer, Some(path)) => {
                let vectors = Arc::new(SentenceVectors::open(path)?);
                Ok(Self::Scorer(Box::new(Scorer::open(bundle, options)?.with_vectors(vectors)?)))
            }
        }
    }

    fn manifest(&self) -> &Manifest {
        match self {
            Self::Tagger(tagger) => tagger.manifest(),
            Self::Scorer(scorer) => scorer.manifest(),
        }
    }

    fn report(&self) -> &Report {
        match self {
            Self::Tagger(tagger) => tagger.report(),
            Self::Scorer(scorer) => scorer.report(),
        }
    }
}

impl Model {
    fn open(bundle: &super::bundle::Opened, options: &EngineOptions, vectors: Option<&Path>) -> Outcome<Self> {
        let network = Network::open(&bundle.bundle, options, vectors)?;
        let json = |text: serde_json::Result<String>| text.map_err(|e| library(ErrorKind::Engine, e.to_string(), ""));
        let manifest = json(serde_json::to_string(network.manifest()))?;
        let report = json(serde_json::to_string(network.report()))?;
        for attempt in network.report().providers.iter().filter(|attempt| !attempt.used) {
            log(MTL_LOG_WARN, || format!("provider {} is not used: {}", attempt.provider, attempt.reason));
        }
        log(MTL_LOG_INFO, || format!("opened {} {}: {report}", network.manifest().id, network.manifest().version));
        let tasks = &network.manifest().tasks;
        let span_labels: Vec<Vec<String>> = tasks.iter().map(span_labels).collect();
        let labels = tasks.iter().zip(&span_labels).map(|(task, spans)| Labels::new(&task.labels, spans)).collect();
        Ok(Self { network, span_labels, labels, manifest, report })
    }

    pub(super) fn manifest(&self) -> &Manifest {
        self.network.manifest()
    }

    /// The model as a tagger, or an error that says what it is.
    pub(super) fn tagger(&self) -> Outcome<&Tagger> {
        match &self.network {
            Network::Tagger(tagger) => Ok(tagger),
            Network::Scorer(_) => {
                let message = format!("{} is a scorer, and tags no text", self.manifest().id);
                Err(argument(message, "pass it to mtl_score, or open a bundle of kind tagger"))
            }
        }
    }

    /// The model as a scorer, or an error that says what it is.
    pub(super) fn scorer(&self) -> Outcome<&Scorer> {
        match &self.network {
            Network::Scorer(scorer) => Ok(scorer),
            Network::Tagger(_) => {
                let message = format!("{} is a tagger, and scores no exercises", self.manifest().id);
                Err(argument(message, "pass it to mtl_tag, or open a bundle of kind scorer"))
            }
        }
    }

    /// The name of the task of this number.
    pub(super) fn task_name(&self, index: u32) -> Outcome<&str> {
        let task = self.task(index).map(|task| task.name.as_str());
        task.ok_or_else(|| {
            argument(format!("the model has no task {index}"), "mtl_model_task_count tells how many there are")
        })
    }

    fn task(&self, index: u32) -> Option<&Task> {
        self.manifest().tasks.get(index as usize)
    }
}

/// The labels that spans of a task can have: those of its tags, without the prefixes.
fn span_labels(task: &Task) -> Vec<String> {
    if task.scheme == Scheme::Plain {
        return Vec::new();
    }
    let mut labels: Vec<String> = task.labels.iter().flat_map(|l| scheme::span_label(l)).map(String::from).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Opens `bundle` with the engine that `options` (may be NULL) ask for, on the threads of `env` (may be NULL: the calls'
/// own threads). The model keeps what it needs: bundle, options and env may be freed. The caller owns one reference;
/// `mtl_model_release` gives it back. `MTL_ERROR_ENGINE`, `MTL_ERROR_PROVIDER`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_open(
    bundle: *const mtl_bundle,
    options: *const mtl_options,
    env: *const mtl_env,
    out_model: *mut *const mtl_model,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_model, "out_model")?;
        let bundle = value(bundle, "bundle")?;
        let options = optional_value(options)?.map(|o: &Options| o.only(Scope::Model)).transpose()?;
        let mut engine = options.map(|o| o.engine.clone()).unwrap_or_default();
        if let Some(env) = optional_value(env)? {
            env.give_to(&mut engine);
        }
        out.write(Arc::into_raw(Arc::new(Object::new(Model::open(
            bundle,
            &engine,
            options.and_then(|o| o.vectors.as_deref()),
        )?))));
        Ok(())
    })
}

/// Takes one more reference to the model, and returns it. NULL gives NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_retain(model: *const mtl_model) -> *const mtl_model {
    if optional(model).is_some() {
        // SAFETY: law 5: the pointer came from `Arc::into_raw`, and the caller holds a reference to it.
        unsafe { Arc::increment_strong_count(model) };
    }
    model
}

/// Gives a reference back; the last one frees the model. NULL is ignored, and so is a model of the parent process after
/// `fork()`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_release(model: *const mtl_model) {
    if optional(model).is_some_and(Object::is_ours) {
        // SAFETY: as in `mtl_model_retain`, and the caller gives its reference up.
        let last = unsafe { Arc::from_raw(model) };
        get((), || {
            drop(last);
            Some(())
        });
    }
}

/// Another reference to the model behind `pointer`.
pub(super) fn retained(pointer: *const mtl_model, name: &str) -> Outcome<Arc<mtl_model>> {
    value(pointer, name)?;
    // SAFETY: as in `mtl_model_retain`; `value` has seen that it is not NULL.
    unsafe {
        Arc::increment_strong_count(pointer);
        Ok(Arc::from_raw(pointer))
    }
}

/// The bundle's manifest as JSON (docs/bundle-format.md). The string belongs to the model and is not ended by a NUL.
/// NULL for a NULL model. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_manifest(model: *const mtl_model, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(&optional(model)?.peek().manifest, out_length)))
}

/// What runs where, as JSON: `engine`, `version`, `precision`, `threads`, and `providers`, a list of what was asked for
/// with `provider`, `required`, `used` and the `reason`. The string belongs to the model and is not ended by a NUL. NULL
/// for a NULL model. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_report(model: *const mtl_model, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(&optional(model)?.peek().report, out_length)))
}

/// How many languages the model has; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_language_count(model: *const mtl_model) -> u32 {
    get(0, || Some(optional(model)?.peek().manifest().languages.len() as u32))
}

/// The ISO 639-1 code of a language, not ended by a NUL; NULL where there is none of this number. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_language(model: *const mtl_model, index: u32, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(optional(model)?.peek().manifest().languages.get(index as usize)?, out_length)))
}

/// How many tasks the model has; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_task_count(model: *const mtl_model) -> u32 {
    get(0, || Some(optional(model)?.peek().manifest().tasks.len() as u32))
}

/// The name of a task, such as `ner`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_task_name(model: *const mtl_model, task: u32, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(&optional(model)?.peek().task(task)?.name, out_length)))
}

/// The number of the task called `name`. `MTL_ERROR_ARGUMENT`, with the names there are, for another. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_task_find(
    model: *const mtl_model,
    name: *const c_char,
    name_length: usize,
    out_task: *mut u32,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let (model, out) = (value(model, "model")?, out(out_task, "out_task")?);
        out.write(model.tagger()?.task_index(super::boundary::text(name, name_length, "name")?)? as u32);
        Ok(())
    })
}

/// Whether a task was trained on the language of this number: 1 or 0. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_task_knows(model: *const mtl_model, task: u32, language: u32) -> i32 {
    get(0, || {
        let model = optional(model)?.peek();
        let language = model.manifest().languages.get(language as usize)?;
        Some(i32::from(model.task(task)?.languages.contains(language)))
    })
}

/// How many labels a token can have in a task; 0 where there is no such task. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_label_count(model: *const mtl_model, task: u32) -> u32 {
    get(0, || Some(optional(model)?.peek().task(task)?.labels.len() as u32))
}

/// A label of a token, such as `B-PER` or `NOUN`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_label(
    model: *const mtl_model,
    task: u32,
    label: u32,
    out_length: *mut usize,
) -> *const c_char {
    get(std::ptr::null(), || Some(view(optional(model)?.peek().task(task)?.labels.get(label as usize)?, out_length)))
}

/// How many labels a span can have in a task; 0 where the task makes no spans. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_span_label_count(model: *const mtl_model, task: u32) -> u32 {
    get(0, || Some(optional(model)?.peek().span_labels.get(task as usize)?.len() as u32))
}

/// A label of a span, such as `PER`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_model_span_label(
    model: *const mtl_model,
    task: u32,
    label: u32,
    out_length: *mut usize,
) -> *const c_char {
    get(std::ptr::null(), || {
        let model = optional(model)?.peek();
        Some(view(model.span_labels.get(task as usize)?.get(label as usize)?, out_length))
    })
}
