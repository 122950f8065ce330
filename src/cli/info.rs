//! `mtl info`: what this processor has, and which kernel is chosen for it.

use crate::args::InfoArgs;
use crate::model;
use crate::output::printable;
use crate::stop::{self, Outcome};
use anstyle::Style;
use libmtl::engine::EngineOptions;
use libmtl::kernels::{Kernel, processor};
use serde::Serialize;
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io::{self, Write};

/// What programs read.
#[derive(Serialize)]
struct Record {
    version: &'static str,
    architecture: &'static str,
    /// Whether the processor has each of the features that kernels are or may be written for.
    features: BTreeMap<&'static str, bool>,
    /// The kernels that can run here, the fastest last.
    kernels: Vec<&'static str>,
    /// The one that the native engine takes unless it is told otherwise.
    kernel: &'static str,
    /// The GPUs, or why there is none, in a build with the engine `cuda`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cuda: Option<String>,
}

/// Runs the command.
pub fn run(args: &InfoArgs) -> Outcome<u8> {
    let record = Record {
        version: env!("CARGO_PKG_VERSION"),
        architecture: ARCH,
        features: processor::FEATURES.iter().map(|&feature| (feature, processor::has(feature))).collect(),
        kernels: Kernel::available().map(|kernel| kernel.name().name()).collect(),
        kernel: Kernel::best().name().name(),
        cuda: model::cuda(&EngineOptions::default()).map(|found| found.unwrap_or_else(|error| error.to_string())),
    };
    let mut out = anstream::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &record).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(describe(&record).as_bytes())?;
    }
    out.flush()?;
    Ok(stop::OK)
}

/// The record for people.
fn describe(record: &Record) -> String {
    let (bold, grey) = (Style::new().bold(), Style::new().dimmed());
    let with = |present: bool| {
        let names: Vec<&str> =
            record.features.iter().filter(|(_, has)| **has == present).map(|(name, _)| *name).collect();
        if names.is_empty() { "nothing".to_string() } else { names.join(" ") }
    };
    let line = |name: &str, text: String| format!("  {grey}{name:<11}{grey:#}{text}\n");
    let mut lines = vec![
        format!("{bold}libmtl{bold:#} {} on {}\n", record.version, record.architecture),
        line("detected", with(true)),
        line("absent", with(false)),
        line("kernels", record.kernels.join(" ")),
        line("chosen", record.kernel.to_string()),
    ];
    lines.extend(record.cuda.as_ref().map(|cuda| line("cuda", format!("{} (not run on a GPU yet)", printable(cuda)))));
    lines.concat()
}
