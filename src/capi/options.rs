//! Options by name.

use super::boundary::{Object, Outcome, argument, boxed, call, call_on_mut, free, out, text};
use super::error::mtl_error;
use super::status::mtl_status;
use crate::engine::{EngineOptions, ProviderRequest};
use crate::scorer::ScoreOptions;
use crate::scorer::align::AlignOptions;
use crate::scorer::pairs::PairOptions;
use crate::tagger::{DocumentOptions, MAX_NBEST};
use crate::text::offsets::Unit;
use std::ffi::c_char;
use std::path::PathBuf;

/// Options of other calls, by name.
pub type mtl_options = Object<Options>;

/// The values that were set.
#[derive(Default)]
pub struct Options {
    pub(super) trusted: bool,
    pub(super) engine: EngineOptions,
    /// A table of word vectors by sentence, for a scorer.
    pub(super) vectors: Option<PathBuf>,
    pub(super) documents: DocumentOptions,
    pub(super) align: AlignOptions,
    pub(super) score: ScoreOptions<'static>,
    /// Each key that was set, with the calls that it is for.
    set: Vec<(&'static str, &'static [Scope])>,
}

/// The calls that take options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Bundle,
    Model,
    Tag,
    Align,
    Score,
}

impl Scope {
    fn call(self) -> &'static str {
        match self {
            Self::Bundle => "mtl_bundle_open",
            Self::Model => "mtl_model_open",
            Self::Tag => "mtl_tag",
            Self::Align => "mtl_align",
            Self::Score => "mtl_score",
        }
    }
}

type Setter = fn(&mut Options, &str) -> Outcome<()>;

/// Every key, the calls that it is for, and what it does. The header's table is in `mtl_options_set`.
const KEYS: &[(&str, &[Scope], Setter)] = &[
    ("trusted", &[Scope::Bundle], |o, v| put(&mut o.trusted, flag(v))),
    ("engine", &[Scope::Model], |o, v| put(&mut o.engine.engine, Ok(v.parse()?))),
    ("threads", &[Scope::Model], |o, v| put(&mut o.engine.threads, number(v, crate::engine::MAX_THREADS))),
    ("library", &[Scope::Model], |o, v| put(&mut o.engine.library, Ok(Some(v.into())))),
    ("providers", &[Scope::Model], |o, v| put(&mut o.engine.providers, providers(v))),
    ("graph", &[Scope::Model], |o, v| put(&mut o.engine.graph, Ok(v.parse()?))),
    ("kernel", &[Scope::Model], |o, v| put(&mut o.engine.kernel, Ok(Some(v.parse()?)))),
    ("word_cache", &[Scope::Model], |o, v| put(&mut o.engine.word_cache, binary(v, 10))),
    ("gpu_device", &[Scope::Model], |o, v| put(&mut o.engine.gpu.device, device(v))),
    ("gpu_memory", &[Scope::Model], |o, v| put(&mut o.engine.gpu.memory, binary(v, 20))),
    ("tensorrt_cache", &[Scope::Model], |o, v| put(&mut o.engine.gpu.tensorrt_cache, Ok(Some(v.into())))),
    ("tensorrt_fp16", &[Scope::Model], |o, v| put(&mut o.engine.gpu.tensorrt_fp16, flag(v))),
    ("kernel_cache", &[Scope::Model], |o, v| put(&mut o.engine.gpu.kernel_cache, Ok(Some(v.into())))),
    ("vectors", &[Scope::Model], |o, v| put(&mut o.vectors, Ok(Some(v.into())))),
    ("accept_telemetry", &[Scope::Model], |o, v| put(&mut o.engine.accept_telemetry, flag(v))),
    ("tasks", &[Scope::Tag], |o, v| put(&mut o.documents.tasks, Ok(names(v)))),
    ("language", &[Scope::Tag], |o, v| put(&mut o.documents.language, Ok((!v.is_empty()).then(|| v.into())))),
    ("unit", &[Scope::Tag, Scope::Align], |o, v| put(&mut o.documents.unit, unit(v))),
    ("invalid_utf8", &[Scope::Tag, Scope::Align], |o, v| {
        put(&mut o.documents.replace_invalid, choice(v, &[("error", false), ("replace", true)]))
    }),
    ("scores", &[Scope::Tag], |o, v| put(&mut o.documents.decode.scores, flag(v))),
    ("nbest", &[Scope::Tag], |o, v| put(&mut o.documents.decode.nbest, number(v, MAX_NBEST))),
    ("zero_shot", &[Scope::Tag], |o, v| put(&mut o.documents.decode.zero_shot, flag(v))),
    ("case", &[Scope::Align], |o, v| put(&mut o.align.case, flag(v))),
    ("punctuation", &[Scope::Align], |o, v| put(&mut o.align.punctuation, flag(v))),
    ("calibrated", &[Scope::Score], |o, v| put(&mut o.score.calibrated, flag(v))),
    ("accents", &[Scope::Align], |o, v| put(&mut o.align.accents, flag(v))),
];

/// Sets a field to what a value was read as.
fn put<T>(field: &mut T, read: Outcome<T>) -> Outcome<()> {
    *field = read?;
    Ok(())
}

fn choice<T: Copy>(value: &str, values: &[(&str, T)]) -> Outcome<T> {
    values.iter().find(|(name, _)| *name == value).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        argument(format!("{value:?} is none of {}", known.join(", ")), "pass one of them")
    })
}

fn flag(value: &str) -> Outcome<bool> {
    choice(value, &[("true", true), ("false", false)])
}

fn unit(value: &str) -> Outcome<Unit> {
    choice(value, &[("bytes", Unit::Bytes), ("utf16", Unit::Utf16), ("codepoints", Unit::CodePoints)])
}

fn number(value: &str, most: usize) -> Outcome<usize> {
    let parsed = value.parse().ok().filter(|&number: &usize| number <= most);
    parsed.ok_or_else(|| argument(format!("{value:?} is no number from 0 to {most}"), "pass decimal digits"))
}

fn device(value: &str) -> Outcome<Option<u16>> {
    number(value, u16::MAX.into()).map(|device| Some(device as u16))
}

/// A number of KiB (`shift` 10) or MiB (20), in bytes.
fn binary(value: &str, shift: u32) -> Outcome<Option<u64>> {
    number(value, u32::MAX as usize).map(|size| Some((size as u64) << shift))
}

/// Names between commas; none for an empty text.
fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect()
}

/// `cuda?,cpu`: a question mark says that the provider is only preferred.
fn providers(value: &str) -> Outcome<Vec<ProviderRequest>> {
    let read = |name: &String| -> Outcome<ProviderRequest> {
        let (name, required) = name.strip_suffix('?').map_or((name.as_str(), true), |name| (name, false));
        Ok(ProviderRequest { provider: name.parse()?, required })
    };
    names(value).iter().map(read).collect()
}

impl Options {
    fn set(&mut self, key: &str, value: &str) -> Outcome<()> {
        let Some((name, scopes, setter)) = KEYS.iter().find(|(name, ..)| *name == key) else {
            let known: Vec<&str> = KEYS.iter().map(|(name, ..)| *name).collect();
            let message = format!("unknown option {key:?}; there are {}", known.join(", "));
            return Err(argument(message, "check the spelling, and the version of the library"));
        };
        setter(self, value).map_err(|failure| match failure {
            super::boundary::Failure::Here(status, message, remedy) => {
                super::boundary::Failure::Here(status, format!("option {name}: {message}"), remedy)
            }
            super::boundary::Failure::Library(error) => error.at(format!("option {name}")).into(),
        })?;
        self.set.push((name, scopes));
        Ok(())
    }

    /// What they say about pairs of documents.
    pub(super) fn pairs(&self) -> PairOptions {
        PairOptions { align: self.align, unit: self.documents.unit, replace_invalid: self.documents.replace_invalid }
    }

    /// Refuses an option that the call would silently ignore.
    pub(super) fn only(&self, scope: Scope) -> Outcome<&Self> {
        match self.set.iter().find(|(_, scopes)| !scopes.contains(&scope)) {
            None => Ok(self),
            Some((name, others)) => {
                let others: Vec<&str> = others.iter().map(|other| other.call()).collect();
                let message = format!("option {name} is for {}, not for {}", others.join(" and "), scope.call());
                Err(argument(message, "keep the options of each call in an object of their own"))
            }
        }
    }
}

/// Makes an options object in which every option has its default. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_options_new(out_options: *mut *mut mtl_options, out_error: *mut *mut mtl_error) -> mtl_status {
    call(out_error, || {
        out(out_options, "out_options")?.write(boxed(Options::default()));
        Ok(())
    })
}

/// Sets the option `key` to `value`, both UTF-8. An unknown key or value is `MTL_ERROR_ARGUMENT`, and so is, at the call
/// that takes the object, an option that is for another call.
///
/// | call | key | value (default first) |
/// |---|---|---|
/// | `mtl_bundle_open*` | `trusted` | `false`; `true` maps a file instead of reading it and does not check digests: only for a bundle from inside something verified, such as an app's package |
/// | `mtl_model_open` | `engine` | `native`, `onnx`; `cuda`, in a library that was built with it: for taggers, not run on a GPU yet |
/// | | `threads` | `0`: the thread that calls; up to 1024 |
/// | | `kernel` | the fastest of this processor; or `generic`, `avx2`, `avx512`, `avx512-int16`, `avx512-fp16`, `amx-bf16`, `neon`, `neon-fp16`, `neon-fhm`: with one kernel, results are the same everywhere bit for bit. Only for the engine `native`, and for the graph `fused` on the processor |
/// | | `graph` | `portable`; `fused`, for taggers that have it: libmtl's own kernels as an operator of ONNX Runtime, on the processor and, in a library with the engine `cuda`, on the provider `cuda`, where it was not run yet. Only for the engine `onnx` |
/// | | `word_cache` | `2048`; KiB that a model may keep of the words that come again, `0` keeps none: results are the same, bit for bit. Not for the engine `onnx` |
/// | | `library` | path of ONNX Runtime's shared library; without it, the one beside the program or the loader's own. With the engine `cuda`, of CUDA's driver |
/// | | `providers` | `cpu`; ONNX Runtime's execution providers in order, such as `tensorrt?,cuda?,cpu`: with a question mark one is used if it is there, without one it must be |
/// | | `gpu_device` | `0`; the number of the GPU, for the engine `cuda` and the providers `cuda` and `tensorrt` |
/// | | `gpu_memory` | no limit; MiB that the arena of `cuda` may take |
/// | | `tensorrt_cache` | none; an existing folder in which `tensorrt` keeps the engines that it builds, below the bundle's digest, and to which nobody else may write: what cannot be used there is deleted and built anew |
/// | | `tensorrt_fp16` | `false`; `true` lets `tensorrt` compute in half precision |
/// | | `kernel_cache` | none; an existing folder in which the engine `cuda`, and the fused graph on the provider `cuda`, keep the kernels that they compile, and to which nobody else may write |
/// | | `accept_telemetry` | `false`; `true` takes an ONNX Runtime that may write telemetry |
/// | | `vectors` | for a scorer that reads word vectors of whole sentences (its manifest's `word_vectors` is `given`): path of the table of them, which is mapped, and which nobody may write to |
/// | `mtl_tag` | `tasks` | all of the model's; or names between commas |
/// | | `language` | each document's is detected; or an ISO 639-1 code for all |
/// | | `scores` | `false`, `true` |
/// | | `nbest` | `0`; up to 100 best paths a sentence |
/// | | `zero_shot` | `false`; `true` tags languages that a task was not trained on |
/// | `mtl_align` | `case` | `false`; `true`: `Yes` is not `yes` |
/// | | `punctuation` | `false`; `true`: `well-known` is not `wellknown`, and marks are words |
/// | | `accents` | `false`; `true`: `sí` is not `si` |
/// | `mtl_score` | `calibrated` | `false`: as the model was trained, where 0.5 parts right from wrong best; `true`: probabilities as often as mistakes come, without the weight that training gives to them |
/// | `mtl_tag`, `mtl_align` | `unit` | `bytes`, `utf16`, `codepoints`: what offsets count |
/// | | `invalid_utf8` | `error`: of the document; `replace`: read as U+FFFD |
///
/// Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_options_set(
    options: *mut mtl_options,
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(options, "options", out_error, |options| {
        let (key, value) = (text(key, key_length, "key")?, text(value, value_length, "value")?);
        options.set(key, value)
    })
}

/// Frees the object; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_options_free(options: *mut mtl_options) {
    free(options);
}
