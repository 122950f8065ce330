//! The one place where the instruction set is chosen, at run time.
//!
//! A kernel is a `pulp::WithSimd` whose body is plain loops over fixed-size blocks: compiled once per instruction set
//! (x86-64 baseline, AVX2 + FMA, AVX-512; NEON), they vectorise. Hand-written kernels for a single set (fp16
//! arithmetic, AMX) belong in a file of their own in the operation's folder, and are chosen here.

use pulp::{Arch, Simd, WithSimd};

/// Runs `kernel` with the best instruction set of this processor.
#[inline]
pub(crate) fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    chosen().dispatch(kernel)
}

#[cfg(not(test))]
#[inline(always)]
fn chosen() -> Arch {
    Arch::new()
}

#[cfg(test)]
pub(crate) use forced::{chosen, on_each_set};

/// `a * b + c` in double precision, in one rounding where the instruction set can. (`mul_add` without it is a slow library call.)
#[inline(always)]
pub(crate) fn fused_f64<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

/// `a * b + c` in single precision; as [`fused_f64`].
#[inline(always)]
pub(crate) fn fused<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

/// Width in bits of the vectors that kernels are dispatched to.
pub(crate) fn vector_bits() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES * 32
        }
    }
    dispatch(Width)
}

/// Tests run on every instruction set that this processor has.
#[cfg(test)]
mod forced {
    use super::*;
    use std::cell::Cell;

    thread_local!(static FORCED: Cell<Option<Arch>> = const { Cell::new(None) });

    pub(crate) fn chosen() -> Arch {
        FORCED.get().unwrap_or_default()
    }

    /// Calls `check` once with each instruction set.
    pub(crate) fn on_each_set(check: impl Fn()) {
        let mut sets = vec![Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
        sets.push(Arch::new());
        for set in sets {
            FORCED.set(Some(set));
            println!("vectors of {} bits", vector_bits());
            check();
        }
        FORCED.set(None);
    }
}
