//! What this processor has.

/// The features of this architecture that kernels are or may be written for.
#[cfg(target_arch = "x86_64")]
pub const FEATURES: &[&str] = &["avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_fp16", "amx_bf16"];
/// The features of this architecture that kernels are or may be written for.
#[cfg(target_arch = "aarch64")]
pub const FEATURES: &[&str] = &["neon", "fp16", "fhm"];
/// The features of this architecture that kernels are or may be written for.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub const FEATURES: &[&str] = &[];

/// Whether this processor has `feature`, and the operating system lets programs use it.
pub fn has(feature: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86::has(feature);
    #[cfg(target_arch = "aarch64")]
    return match feature {
        "neon" => std::arch::is_aarch64_feature_detected!("neon"),
        "fp16" => std::arch::is_aarch64_feature_detected!("fp16"),
        "fhm" => std::arch::is_aarch64_feature_detected!("fhm"),
        _ => false,
    };
    #[allow(unreachable_code, reason = "other architectures")]
    false
}

/// Asks the operating system, the first time, to let this process use the tiles of AMX: it saves their 8 KiB for those threads
/// alone that use them. What it said against it is the error.
#[cfg(target_arch = "x86_64")]
pub(super) fn permit_tiles() -> Result<(), &'static str> {
    static ANSWER: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    ANSWER.get_or_init(x86::permit_tiles).as_ref().copied().map_err(String::as_str)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    pub fn has(feature: &str) -> bool {
        match feature {
            // With what else every processor since Haswell has.
            "avx2" => pulp::x86::V3::try_new().is_some(),
            "fma" => is_x86_feature_detected!("fma"),
            "f16c" => is_x86_feature_detected!("f16c"),
            // As much of AVX-512 as every processor since Skylake has.
            "avx512f" => pulp::x86::V4::try_new().is_some(),
            "avx512_vnni" => is_x86_feature_detected!("avx512vnni"),
            // Leaf 7 and XCR0 as in Intel's manual, volume 1, 13.3 and 14.1; the standard library's macro knows these two only
            // since later versions of Rust than ours.
            "avx512_fp16" => is_x86_feature_detected!("avx512f") && leaf_7(23),
            // The tiles (24) and their products (22); the operating system saves their configuration and data.
            "amx_bf16" => leaf_7(22) && leaf_7(24) && saved(1 << 17 | 1 << 18),
            _ => false,
        }
    }

    /// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, as in Linux's Documentation/arch/x86/xstate.rst.
    #[cfg(target_os = "linux")]
    pub fn permit_tiles() -> Result<(), String> {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: takes two numbers, and changes what the kernel saves of this process.
        match unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error().to_string()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn permit_tiles() -> Result<(), String> {
        Err("libmtl asks for it on Linux alone".to_string())
    }

    /// Bit `bit` of EDX of leaf 7.
    #[allow(unused_unsafe, reason = "CPUID is safe in newer versions of Rust")]
    fn leaf_7(bit: u32) -> bool {
        // Miri has no CPUID.
        // SAFETY: every x86-64 processor has CPUID; a leaf that there is not answers with anything but a fault.
        !cfg!(miri) && unsafe { __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx >> bit & 1 == 1 }
    }

    /// Whether the operating system saves all of these parts of the state.
    #[allow(unused_unsafe, reason = "CPUID is safe in newer versions of Rust")]
    fn saved(parts: u64) -> bool {
        #[target_feature(enable = "xsave")]
        unsafe fn xcr0() -> u64 {
            // SAFETY: the caller has seen that XGETBV is there.
            unsafe { _xgetbv(0) }
        }
        // SAFETY: as above for CPUID; XGETBV may be used where bit 27 of ECX (OSXSAVE) of leaf 1 is set.
        unsafe { __cpuid(1).ecx >> 27 & 1 == 1 && xcr0() & parts == parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_other_architectures_are_absent() {
        let all = ["avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_fp16", "amx_bf16", "neon", "fp16", "fhm"];
        for feature in all {
            println!("{feature}: {}", has(feature));
            assert!(FEATURES.contains(&feature) || !has(feature));
        }
        assert!(!has("avx3") && FEATURES.iter().all(|feature| all.contains(feature)));
    }
}
