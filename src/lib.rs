//! libmtl: embeddable multi-task natural language processing.
//!
//! Floors, from the ground up; a module imports only from floors below it:
//! [`error`], [`cancel`], [`text`], [`metrics`], [`bundle`], [`kernels`], [`engine`], [`tagger`], [`scorer`], [`zoo`], and
//! with the feature `batch` jobs over files, with `capi` the C ABI.

pub mod error;

pub mod cancel;
pub mod text;

pub mod metrics;

pub mod bundle;
pub mod kernels;

pub mod engine;

pub mod scorer;
pub mod tagger;

pub mod zoo;

#[cfg(feature = "batch")]
pub mod batch;

#[cfg(feature = "capi")]
mod capi;

pub use cancel::Cancel;
pub use error::{Error, ErrorKind, Result};

/// The programs in README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// So does the one in docs/adapting.md.
#[cfg(doctest)]
#[doc = include_str!("../docs/adapting.md")]
pub struct Adapting;

// Tests of the library share tests/cuda's stand-in for CUDA's driver, which calls it so.
#[cfg(all(test, feature = "cuda", feature = "onnx"))]
extern crate self as libmtl;
