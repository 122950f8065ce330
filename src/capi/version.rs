//! Which libmtl this is.

use std::ffi::c_char;

/// The version of the ABI that this header describes. Functions are added inside a version, never changed or removed.
pub const MTL_ABI_VERSION: u32 = 1;

/// The version of this header, major part.
pub const MTL_VERSION_MAJOR: u32 = 0;
/// The version of this header, minor part.
pub const MTL_VERSION_MINOR: u32 = 1;
/// The version of this header, patch part.
pub const MTL_VERSION_PATCH: u32 = 0;

/// The ABI version of the library that runs; a program may compare it with `MTL_ABI_VERSION`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_abi_version() -> u32 {
    MTL_ABI_VERSION
}

/// The version of the library that runs: major * 1,000,000 + minor * 1,000 + patch. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_version() -> u32 {
    MTL_VERSION_MAJOR * 1_000_000 + MTL_VERSION_MINOR * 1_000 + MTL_VERSION_PATCH
}

macro_rules! build_info {
    ($engines:literal, $debug:literal) => {
        concat!(
            "{\"version\":\"",
            env!("CARGO_PKG_VERSION"),
            "\",\"abi\":1,\"engines\":",
            $engines,
            ",\"debug\":",
            $debug,
            "}\0"
        )
    };
}

const BUILD_INFO: &str = match (cfg!(feature = "onnx"), cfg!(feature = "cuda"), cfg!(debug_assertions)) {
    (true, true, true) => build_info!("[\"native\",\"onnx\",\"cuda\"]", "true"),
    (true, true, false) => build_info!("[\"native\",\"onnx\",\"cuda\"]", "false"),
    (true, false, true) => build_info!("[\"native\",\"onnx\"]", "true"),
    (true, false, false) => build_info!("[\"native\",\"onnx\"]", "false"),
    (false, true, true) => build_info!("[\"native\",\"cuda\"]", "true"),
    (false, true, false) => build_info!("[\"native\",\"cuda\"]", "false"),
    (false, false, true) => build_info!("[\"native\"]", "true"),
    (false, false, false) => build_info!("[\"native\"]", "false"),
};

/// How the library was built, as JSON: `version`, `abi`, `engines` (list), `debug` (whether assertions are on). The
/// string is static and ended by a NUL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_build_info() -> *const c_char {
    BUILD_INFO.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_say_what_the_crate_says() {
        let macros = format!("{MTL_VERSION_MAJOR}.{MTL_VERSION_MINOR}.{MTL_VERSION_PATCH}");
        assert_eq!(macros, env!("CARGO_PKG_VERSION"));
        let info: serde_json::Value = serde_json::from_str(BUILD_INFO.trim_end_matches('\0')).unwrap();
        assert_eq!(
            (info["version"].as_str(), info["abi"].as_u64()),
            (Some(&*macros), Some(u64::from(MTL_ABI_VERSION)))
        );
    }
}
