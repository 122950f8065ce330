//! `mtl verify`: digests, and golden cases on each engine at hand.

use crate::args::VerifyArgs;
use crate::model;
use crate::output::printable;
use crate::stop::{self, Outcome, Stop};
use anstyle::{AnsiColor, Style};
use libmtl::Result;
use libmtl::bundle::Bundle;
use libmtl::bundle::manifest::Kind;
use libmtl::engine::onnx::{self, library_from_environment};
use libmtl::engine::{EngineKind, EngineOptions, Form, Report};
use libmtl::scorer::Scorer;
use libmtl::tagger::Tagger;
use libmtl::zoo::{self, EngineCheck, Pass};
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;

/// Failed cases that are shown to people; programs get all.
const SHOWN: usize = 10;

/// What the command found.
#[derive(Serialize)]
struct Findings {
    model: String,
    version: String,
    folder: String,
    files: usize,
    bytes: u64,
    cases: usize,
    passed: bool,
    engines: Vec<Engine>,
}

/// What one engine made of it.
#[derive(Serialize)]
struct Engine {
    engine: EngineKind,
    /// Which of the bundle's graphs it ran, where that is not the portable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<&'static str>,
    /// Why it could not be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<EngineCheck>,
}

/// Runs the command.
pub fn run(args: &VerifyArgs) -> Outcome<u8> {
    let bundle = model::open(&args.model, &args.zoo)?;
    let findings = findings(&bundle, args)?;
    let mut out = anstream::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &findings).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(describe(&findings).as_bytes())?;
    }
    out.flush()?;
    Ok(if findings.passed { stop::OK } else { stop::FAILED })
}

fn findings(bundle: &Arc<Bundle>, args: &VerifyArgs) -> Outcome<Findings> {
    let manifest = bundle.manifest();
    let library = args.ort_library.clone().or_else(library_from_environment);
    let mut engines = Vec::new();
    let fused = bundle.fused_graph().map(|_| (EngineKind::Onnx, Form::Fused));
    for (engine, form) in EngineKind::ALL.map(|engine| (engine, Form::Portable)).into_iter().chain(fused) {
        let graph = (form == Form::Fused).then(|| form.name());
        if stop::interrupted() {
            return Err(Stop::Interrupted);
        }
        let options = EngineOptions {
            engine,
            graph: form,
            threads: model::processors(),
            library: library.clone().filter(|_| engine == EngineKind::Onnx),
            ..EngineOptions::default()
        };
        // Only a library that the user did not name may be missing.
        let available = match engine {
            EngineKind::Onnx if library.is_none() => onnx::available(&options).map(drop),
            EngineKind::Cuda if manifest.kind == Kind::Scorer => continue,
            EngineKind::Cuda => match model::cuda(&options) {
                None => continue,
                Some(available) => available.map(drop),
            },
            EngineKind::Native | EngineKind::Onnx => Ok(()),
        };
        if let Err(error) = available {
            engines.push(Engine { engine, graph, missing: Some(error.to_string()), report: None, check: None });
            continue;
        }
        let (report, check) = check(bundle, &options)?;
        engines.push(Engine { engine, graph, missing: None, report: Some(report), check: Some(check) });
    }
    Ok(Findings {
        model: manifest.id.clone(),
        version: manifest.version.clone(),
        folder: bundle.place().to_string(),
        files: manifest.files.len(),
        bytes: manifest.files.values().map(|file| file.bytes).sum(),
        cases: engines.iter().filter_map(|engine| Some(engine.check.as_ref()?.alone.cases)).max().unwrap_or(0),
        passed: engines.iter().filter_map(|engine| engine.check.as_ref()).all(EngineCheck::passed),
        engines,
    })
}

/// Runs the golden cases on one engine.
fn check(bundle: &Arc<Bundle>, options: &EngineOptions) -> Result<(Report, EngineCheck)> {
    let bundle = Arc::clone(bundle);
    match bundle.manifest().kind {
        Kind::Tagger => {
            let cases = bundle.golden()?;
            let tagger = Tagger::open(bundle, options)?;
            Ok((tagger.report().clone(), zoo::verify(&tagger, &cases, &stop::CANCEL)?))
        }
        Kind::Scorer => {
            let cases = bundle.golden_exercises()?;
            let scorer = Scorer::open(bundle, options)?;
            Ok((scorer.report().clone(), zoo::verify_scorer(&scorer, &cases, &stop::CANCEL)?))
        }
    }
}

/// The report for people.
fn describe(findings: &Findings) -> String {
    let bold = Style::new().bold();
    let mut lines = vec![format!(
        "{bold}{}{bold:#} {} ({})",
        findings.model,
        printable(&findings.version),
        printable(&findings.folder)
    )];
    let megabytes = findings.bytes as f64 / 1e6;
    lines.push(line(
        Some(true),
        "digests",
        &format!("{} files, {megabytes:.1} MB, as the manifest says", findings.files),
    ));
    for engine in &findings.engines {
        describe_engine(engine, &mut lines);
    }
    let verdict = match (findings.passed, findings.cases) {
        (false, _) => "FAILED".to_string(),
        (true, 0) => "passed, but the bundle has no golden cases".to_string(),
        (true, cases) => format!("passed, {cases} golden cases"),
    };
    lines.push(line(Some(findings.passed), "verdict", &verdict));
    lines.join("\n") + "\n"
}

fn describe_engine(engine: &Engine, lines: &mut Vec<String>) {
    let name = engine.graph.map_or_else(|| engine.engine.to_string(), String::from);
    let (Some(check), Some(report)) = (&engine.check, &engine.report) else {
        lines.push(line(None, &name, &format!("not tried: {}", engine.missing.as_deref().unwrap_or_default())));
        return;
    };
    for (how, pass) in [("one by one", &check.alone), ("shuffled in batches", &check.batched)] {
        let right = pass.cases - pass.failures.len();
        let text = format!(
            "{} {}, {how}: {right} of {} cases, greatest difference {:.5}",
            report.version, report.precision, pass.cases, pass.difference
        );
        lines.push(line(Some(pass.failures.is_empty()), &name, &text));
        describe_failures(pass, lines);
    }
    let text = match check.batch_difference {
        0.0 => "a batch changes no bit of a result".to_string(),
        difference => format!("a batch changes results by at most {difference:.2e}"),
    };
    lines.push(line(None, &name, &text));
}

fn describe_failures(pass: &Pass, lines: &mut Vec<String>) {
    for failure in pass.failures.iter().take(SHOWN) {
        let text = format!("case {} ({}, {}): {}", failure.case, failure.task, failure.language, failure.reason);
        lines.push(line(None, "", &text));
    }
    if pass.failures.len() > SHOWN {
        lines.push(line(None, "", &format!("and {} more; --json lists all", pass.failures.len() - SHOWN)));
    }
}

fn line(good: Option<bool>, name: &str, text: &str) -> String {
    let (style, mark) = match good {
        Some(true) => (AnsiColor::Green.on_default(), "ok"),
        Some(false) => (AnsiColor::Red.on_default().bold(), "FAIL"),
        None => (Style::new(), ""),
    };
    format!("  {style}{mark:<5}{style:#}{name:<9}{}", printable(text))
}
