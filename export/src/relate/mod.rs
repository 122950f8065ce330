//! `mtl-export relate`: do features of two tasks tell whether one helps the other? (Bingel & Søgaard 2017)
//!
//! It measures a predictor beside its controls; it recommends nothing. What recommends is `mtl-export probe`.

mod curve;
mod logistic;
mod published;
mod report;
mod study;
mod swept;
mod validation;

use crate::Result;
use crate::checkpoint;
use crate::error::fail;
use crate::jobs;
use crate::report::heat;
use clap::ValueEnum;
use libmtl::Error;
pub use report::Report;
use report::Settings;
use std::path::PathBuf;
use study::Study;
use validation::{Scaling, Validation};

/// `mtl-export relate`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["published", "sweep"])))]
pub struct Options {
    /// Folder of the published logs, a folder for each run
    #[arg(long)]
    published: Option<PathBuf>,
    /// Results of a sweep, results.jsonl
    #[arg(long)]
    sweep: Option<PathBuf>,
    /// default scales inputs on what is fitted; paper on all pairs, those to be predicted too
    #[arg(long, value_enum, default_value_t = Protocol::Default)]
    protocol: Protocol,
    /// Shuffles of the five folds, and of the four fifths that weights are fitted to
    #[arg(long, default_value_t = 100)]
    repeats: u64,
    /// Draws of random features
    #[arg(long, default_value_t = 20)]
    draws: u64,
    /// Seed of the shuffles and draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Look for the best subset of the features too, on the pairs that it is scored on, as the paper does; takes minutes
    #[arg(long)]
    best: bool,
    /// Write the report here as JSON
    #[arg(long)]
    output: Option<PathBuf>,
    /// Draw the gains here as SVG
    #[arg(long)]
    heatmap: Option<PathBuf>,
}

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Default,
    Paper,
}

/// Prints the table, and writes what was asked for.
pub fn relate(options: &Options) -> Result<()> {
    if options.repeats == 0 || options.draws == 0 {
        return Err(fail("--repeats and --draws: give at least 1"));
    }
    let study = match (&options.published, &options.sweep) {
        (Some(folder), _) => published::read(folder)?,
        (None, Some(path)) => swept::study(&jobs::read(path)?).map_err(|e| e.at(path.display()))?,
        (None, None) => return Err(fail("give --published or --sweep")),
    };
    let scaling = if options.protocol == Protocol::Paper { Scaling::All } else { Scaling::Train };
    let Options { repeats, draws, seed, .. } = *options;
    let settings = Settings { scaling, repeats, draws, seed };
    let report = Report::of(&study, settings, options.best, command(options))?;
    print(&report);
    if let Some(path) = &options.heatmap {
        std::fs::write(path, heat::svg(&map(&study))).map_err(|e| Error::io(path.display(), e))?;
    }
    options.output.as_ref().map_or(Ok(()), |path| checkpoint::write_json(path, &report))
}

fn map(study: &Study) -> heat::Map {
    let cells = study.pairs.iter().zip(&study.gains[0].percent);
    let tasks = study.tasks.iter().map(|t| t.name.clone()).collect();
    heat::Map { tasks, cells: cells.map(|(&(main, aux), &gain)| (main, aux, gain, None)).collect() }
}

/// The command without the places of one machine.
fn command(options: &Options) -> String {
    let source = if options.published.is_some() { "--published LOGS" } else { "--sweep results.jsonl" };
    let protocol = if options.protocol == Protocol::Paper { " --protocol paper" } else { "" };
    let best = if options.best { " --best" } else { "" };
    let Options { repeats, draws, seed, .. } = options;
    format!("mtl-export relate {source}{protocol} --repeats {repeats} --draws {draws} --seed {seed}{best}")
}

fn print(report: &Report) {
    let gains: Vec<String> = report.positive.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!("{} tasks, {} pairs; gains: {}\n", report.tasks.len(), report.pairs.len(), gains.join(", "));
    println!("{:<60} {:<19} {:<13} {:<13}", "inputs", "left out", "accuracy", "F1 of gains");
    for row in &report.rows {
        let inputs = row.label(report);
        let (accuracy, f1) = (row.accuracy.to_string(), row.f1.to_string());
        println!("{inputs:<60} {:<19} {accuracy:<13} {f1:<13}", row.validation.map_or("", left_out));
    }
    println!("\nlargest weights: {}", weights(report));
    println!(
        "A predictor of gains is worth something where it does better than the identity of the main task and random"
    );
    println!("features do in the same rows, and than a constant answer does for main tasks that it has not seen.");
}

/// What a protocol leaves out, in words.
pub fn left_out(validation: Validation) -> &'static str {
    match validation {
        Validation::MainOut => "a main task",
        Validation::AuxOut => "an auxiliary task",
        Validation::PairOut => "a joint run",
        Validation::BothOut => "both tasks",
        Validation::FiveFold => "a fifth, shuffled",
    }
}

fn weights(report: &Report) -> String {
    let weight = |(name, weight): &(String, f64)| format!("{name} {weight:+.2}");
    report.weights.iter().take(6).map(weight).collect::<Vec<_>>().join(", ")
}
