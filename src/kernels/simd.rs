//! The one place where the instruction set is detected and chosen, at run time.
//!
//! Most operations are a `pulp::WithSimd` whose body is plain loops over fixed-size blocks: compiled once per
//! instruction set, they vectorise, and [`Kernel::dispatch`] runs the copy of the kernel that was chosen. What is
//! written for a single set belongs in a file of its own in the operation's folder, and is chosen by the kernel's name.

use super::processor;
use crate::{Error, ErrorKind, Result};
use pulp::{Arch, Simd, WithSimd};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// The kernels, each faster than those before it; they differ in the last bits of what they compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KernelName {
    /// What every processor of the architecture has.
    Generic,
    /// x86-64 with AVX2, FMA and F16C: vectors of 256 bits.
    Avx2,
    /// x86-64 with AVX-512: vectors of 512 bits.
    Avx512,
    /// As [`KernelName::Avx512`], but an LSTM, and the highway and output layers beside it, multiply as integers of 16 bits (AVX512-VNNI).
    Avx512Int16,
    /// As [`KernelName::Avx512`], but an LSTM's products are summed in half precision for up to 64 inputs (AVX512-FP16),
    /// where its weights are halves. Its speed has been measured nowhere: it is never chosen unasked.
    Avx512Fp16,
    /// As [`KernelName::Avx512`], but an LSTM multiplies in tiles of bfloat16 (AMX): its weights, inputs and states are rounded to
    /// it. Its speed has been measured nowhere: it is never chosen unasked, and the operating system is asked for the tiles only
    /// when it is.
    AmxBf16,
    /// aarch64 with NEON: vectors of 128 bits.
    Neon,
    /// The same results as [`KernelName::Neon`], from weights that are kept in half precision. Its speed has been measured
    /// nowhere: it is never chosen unasked.
    NeonFp16,
    /// As [`KernelName::NeonFp16`], but an LSTM's recurrent product multiplies halves (FEAT_FHM): its states are rounded
    /// to half precision there. Never chosen unasked.
    NeonFhm,
}

impl KernelName {
    /// Every kernel.
    pub const ALL: [Self; 9] = [
        Self::Generic,
        Self::Avx2,
        Self::Avx512,
        Self::Avx512Int16,
        Self::Avx512Fp16,
        Self::AmxBf16,
        Self::Neon,
        Self::NeonFp16,
        Self::NeonFhm,
    ];

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Int16 => "avx512-int16",
            Self::Avx512Fp16 => "avx512-fp16",
            Self::AmxBf16 => "amx-bf16",
            Self::Neon => "neon",
            Self::NeonFp16 => "neon-fp16",
            Self::NeonFhm => "neon-fhm",
        }
    }

    /// The features that it needs, of [`processor::FEATURES`].
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Generic => &[],
            Self::Avx2 => &["avx2", "fma", "f16c"],
            Self::Avx512 => &["avx2", "fma", "f16c", "avx512f"],
            Self::Avx512Int16 => &["avx2", "fma", "f16c", "avx512f", "avx512_vnni"],
            Self::Avx512Fp16 => &["avx2", "fma", "f16c", "avx512f", "avx512_fp16"],
            Self::AmxBf16 => &["avx2", "fma", "f16c", "avx512f", "amx_bf16"],
            Self::Neon | Self::NeonFp16 => &["neon"],
            Self::NeonFhm => &["neon", "fhm"],
        }
    }

    /// Whether it rounds what an LSTM multiplies further than weights in half precision are. docs/determinism.md says what that moves.
    pub fn rounds(self) -> bool {
        matches!(self, Self::Avx512Int16 | Self::Avx512Fp16 | Self::AmxBf16 | Self::NeonFhm)
    }

    /// Whether it may be chosen unasked: whether its speed has been measured.
    fn measured(self) -> bool {
        !matches!(self, Self::Avx512Fp16 | Self::AmxBf16 | Self::NeonFp16 | Self::NeonFhm)
    }

    /// The instruction set to compile for, where this processor has it.
    fn arch(self) -> Option<Arch> {
        match self {
            Self::Generic => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx512Int16 | Self::Avx512Fp16 | Self::AmxBf16 => {
                pulp::x86::V4::try_new().map(Arch::V4)
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon | Self::NeonFp16 | Self::NeonFhm => pulp::aarch64::Neon::try_new().map(Arch::Neon),
            #[allow(unreachable_patterns, reason = "kernels of other architectures")]
            _ => None,
        }
    }

    /// The same, where the processor has all that the kernel needs.
    fn detected(self) -> Option<Arch> {
        self.arch().filter(|_| self.needs().iter().all(|need| processor::has(need)))
    }

    /// Asks the operating system for what it gives only to those who ask; its refusal is the error.
    fn ask(self) -> std::result::Result<(), &'static str> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::AmxBf16 => processor::permit_tiles(),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KernelName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::new(ErrorKind::Argument, format!("unknown kernel {name:?}")).remedy(format!("use {known}"))
        })
    }
}

/// A kernel that this processor can run.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    name: KernelName,
    arch: Arch,
}

impl Kernel {
    /// The kernel that runs everywhere.
    pub fn generic() -> Self {
        Self { name: KernelName::Generic, arch: Arch::Scalar }
    }

    /// The fastest kernel of this processor, of those that have been measured.
    pub fn best() -> Self {
        #[cfg(test)]
        if let Some(kernel) = FORCED.get() {
            return kernel;
        }
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::fastest(KernelName::measured))
    }

    /// The fastest kernel of this processor, of those that have been measured, that rounds nothing further than single precision does.
    pub fn exact() -> Self {
        Self::fastest(|name| name.measured() && !name.rounds())
    }

    /// The fastest one that `may` be chosen; no other is looked for.
    fn fastest(may: impl Fn(KernelName) -> bool) -> Self {
        let names = KernelName::ALL.into_iter().filter(|&name| may(name));
        names.rev().find_map(|name| Self::named(name).ok()).unwrap_or(Self::generic())
    }

    /// The kernel `name`, or an error that says what this processor lacks for it, or why the operating system refuses what it
    /// must be asked for: that of `amx-bf16`, and only here.
    pub fn named(name: KernelName) -> Result<Self> {
        let refuse = |message: String| {
            let known: Vec<&str> = KernelName::ALL
                .into_iter()
                .filter(|&other| other != name && other.detected().is_some())
                .map(KernelName::name)
                .collect();
            Error::new(ErrorKind::Argument, message).remedy(format!("use {}, or let libmtl choose", known.join(", ")))
        };
        let Some(arch) = name.detected() else {
            let lacking: Vec<&str> = name.needs().iter().filter(|need| !processor::has(need)).copied().collect();
            return Err(refuse(format!("the kernel {name} needs {}, which this processor lacks", lacking.join(", "))));
        };
        name.ask().map_err(|answer| {
            refuse(format!("the operating system refuses what the kernel {name} needs, the tiles of AMX: {answer}"))
        })?;
        Ok(Self { name, arch })
    }

    /// Every kernel that can run here, the fastest last; each is looked for as by [`Kernel::named`].
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        KernelName::ALL.into_iter().filter_map(|name| Self::named(name).ok())
    }

    /// Its name.
    pub fn name(self) -> KernelName {
        self.name
    }

    /// Runs `operation` as it was compiled for this kernel.
    #[inline]
    pub(crate) fn dispatch<O: WithSimd>(self, operation: O) -> O::Output {
        self.arch.dispatch(operation)
    }
}

/// `a * b + c`, in one rounding where the instruction set can. (`mul_add` without it is a slow library call.)
#[inline(always)]
pub(crate) fn fused<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

#[cfg(test)]
thread_local!(static FORCED: std::cell::Cell<Option<Kernel>> = const { std::cell::Cell::new(None) });

/// A fresh seed, which is printed; `MTL_TEST_SEED` repeats a run.
#[cfg(test)]
pub(crate) fn test_seed() -> u64 {
    let seed = std::env::var("MTL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("MTL_TEST_SEED={seed}");
    seed
}

/// Calls `check` once with each kernel that this processor has as [`Kernel::best`].
#[cfg(test)]
pub(crate) fn on_each_kernel(check: impl Fn()) {
    for kernel in Kernel::available() {
        println!("kernel {}", kernel.name);
        FORCED.set(Some(kernel));
        check();
    }
    FORCED.set(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in KernelName::ALL {
            assert_eq!(name.to_string().parse::<KernelName>().unwrap(), name);
        }
        let error = "sse9".parse::<KernelName>().unwrap_err().to_string();
        assert!(error.contains("sse9") && error.contains("generic, avx2"), "{error}");
    }

    #[test]
    fn the_best_kernel_is_one_that_can_run_and_the_others_are_refused() {
        let measured = Kernel::available().rfind(|kernel| kernel.name.measured());
        assert_eq!(Kernel::best().name(), measured.unwrap().name());
        assert!(!Kernel::exact().name.rounds() && Kernel::exact().name.measured());
        let foreign = if cfg!(target_arch = "x86_64") { KernelName::Neon } else { KernelName::Avx512 };
        let error = Kernel::named(foreign).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        let need = foreign.needs().last().unwrap();
        assert!(error.to_string().contains(need) && error.to_string().contains("generic"), "{error}");
    }
}
