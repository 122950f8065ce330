//! The arithmetic: one folder per operation, a generic reference in each.
//!
//! Every kernel is batch-invariant bit for bit: one sentence is computed in the same order of operations whatever
//! stands beside it.

pub mod activation;
pub mod bilstm_crf;
pub mod charcnn;
pub mod crf;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod dense;
pub mod highway;
pub mod lstm;
pub mod output;
pub mod processor;
mod simd;
pub mod tiles;

pub use simd::{Kernel, KernelName};
