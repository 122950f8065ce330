//! The C ABI: argument checks and calls downwards, one file a noun. `include/mtl.h` is made from it by `make header`.
//!
//! Every exported function that can fail passes the one panic boundary of [`boundary`]. The laws of the ABI stand at the
//! top of the header (`bindings/c/mtl.h.in`); the SAFETY lines here call them by number.

// The names are those of C.
#![allow(non_camel_case_types)]

pub mod align;
pub mod batch;
pub mod bilstm_crf;
mod boundary;
pub mod bundle;
pub mod cancel;
pub mod env;
pub mod error;
pub mod exercises;
pub mod experimental;
pub mod kernels;
pub mod learner;
pub mod log;
pub mod model;
pub mod options;
mod panic;
mod process;
pub mod result;
pub mod score;
pub mod slot;
pub mod status;
pub mod tag;
pub mod version;
