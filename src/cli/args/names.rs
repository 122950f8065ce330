//! Engines and providers by the names that the command line has for them.

use clap::ValueEnum;
use libmtl::engine::{EngineKind, Provider};

/// Engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// This program's own kernels
    Native,
    /// ONNX Runtime
    Onnx,
    /// This program's own kernels on an NVIDIA GPU: not run on one yet
    Cuda,
}

impl From<EngineName> for EngineKind {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Native => Self::Native,
            EngineName::Onnx => Self::Onnx,
            EngineName::Cuda => Self::Cuda,
        }
    }
}

/// Execution providers of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProviderName {
    /// The processor
    Cpu,
    /// NVIDIA CUDA
    Cuda,
    /// NVIDIA TensorRT
    Tensorrt,
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::Cpu => Self::Cpu,
            ProviderName::Cuda => Self::Cuda,
            ProviderName::Tensorrt => Self::TensorRt,
        }
    }
}
