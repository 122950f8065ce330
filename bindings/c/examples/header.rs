//! Writes include/mtl.h and include/mtl_experimental.h from src/capi, or checks that they are what it would write:
//! `make header`, `make header-check`.

use std::path::Path;
use std::process::ExitCode;

/// Each header, its guard, the headers that it includes, and its nouns in their order.
const HEADERS: &[(&str, &str, &[&str], &[&str])] =
    &[("mtl.h", "MTL_H", &[], NOUNS), ("mtl_experimental.h", "MTL_EXPERIMENTAL_H", &["mtl.h"], &["experimental"])];

/// The nouns of mtl.h.
const NOUNS: &[&str] = &[
    "version",
    "status",
    "error",
    "log",
    "options",
    "cancel",
    "env",
    "bundle",
    "model",
    "batch",
    "tag",
    "result",
    "align",
    "exercises",
    "score",
    "learner",
    "slot",
    "kernels",
    "bilstm_crf",
];

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("unknown argument {other}; there is --check");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut status = ExitCode::SUCCESS;
    for &(name, guard, includes, nouns) in HEADERS {
        let target = root.join("include").join(name);
        let done = header(&root, name, guard, includes, nouns).and_then(|text| match check {
            true if std::fs::read_to_string(&target).is_ok_and(|there| there == text) => Ok(()),
            true => Err("not what src/capi makes; run `make header` and look at the difference".into()),
            false => Ok(std::fs::write(&target, text)?),
        });
        if let Err(fault) = done {
            eprintln!("include/{name}: {fault}");
            status = ExitCode::FAILURE;
        }
    }
    status
}

fn header(
    root: &Path,
    name: &str,
    guard: &str,
    includes: &[&str],
    nouns: &[&str],
) -> Result<String, Box<dyn std::error::Error>> {
    let here = root.join("bindings/c");
    let mut config = cbindgen::Config::from_file(here.join("cbindgen.toml"))?;
    config.header = Some(std::fs::read_to_string(here.join(format!("{name}.in")))?.trim_end().to_string());
    config.include_guard = Some(guard.into());
    if !includes.is_empty() {
        // What they include has the standard headers and the opaque objects already.
        config.includes = includes.iter().map(ToString::to_string).collect();
        (config.sys_includes, config.after_includes) = (Vec::new(), None);
    }
    let mut builder = cbindgen::Builder::new().with_config(config);
    for noun in nouns {
        builder = builder.with_src(root.join(format!("src/capi/{noun}.rs")));
    }
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(String::from_utf8(text)?)
}
