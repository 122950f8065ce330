//! Writes include/mtl.h from src/capi, or checks that it is what it would write: `make header`, `make header-check`.

use std::path::Path;
use std::process::ExitCode;

/// The nouns, in the header's order.
const NOUNS: &[&str] = &[
    "version", "status", "error", "log", "options", "cancel", "env", "bundle", "model", "batch", "tag", "result",
    "slot", "kernels",
];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("include/mtl.h");
    let written = match header(&root) {
        Ok(text) => text,
        Err(fault) => {
            eprintln!("header: {fault}");
            return ExitCode::from(2);
        }
    };
    match std::env::args().nth(1).as_deref() {
        Some("--check") if std::fs::read_to_string(&target).is_ok_and(|there| there == written) => ExitCode::SUCCESS,
        Some("--check") => {
            eprintln!("include/mtl.h is not what src/capi makes; run `make header` and look at the difference");
            ExitCode::FAILURE
        }
        None => match std::fs::write(&target, written) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => {
                eprintln!("{}: {fault}", target.display());
                ExitCode::from(2)
            }
        },
        Some(other) => {
            eprintln!("unknown argument {other}; there is --check");
            ExitCode::from(2)
        }
    }
}

fn header(root: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let here = root.join("bindings/c");
    let mut config = cbindgen::Config::from_file(here.join("cbindgen.toml"))?;
    config.header = Some(std::fs::read_to_string(here.join("mtl.h.in"))?.trim_end().to_string());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for noun in NOUNS {
        builder = builder.with_src(root.join(format!("src/capi/{noun}.rs")));
    }
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(String::from_utf8(text)?)
}
