//! `mtl-export`: trains, evaluates and exports libmtl models on libtorch.

mod ablate;
mod batch;
mod checkpoint;
mod clock;
mod config;
mod curves;
mod data;
mod error;
mod export;
#[cfg(test)]
mod fixture;
mod jobs;
mod losses;
mod model;
mod objectives;
mod optimizer;
mod picture;
mod probe;
mod random;
mod relate;
mod report;
mod sampler;
mod scorer;
mod softmax;
mod summary;
mod sweep;
mod train;
mod transfer;
mod vectors;
mod vocabulary;

use clap::{Parser, Subcommand};
use config::{Config, TaskSettings};
use data::TaskData;
use libmtl::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use train::Run;

/// The library's result type.
pub type Result<T> = libmtl::Result<T>;

/// Set by Ctrl-C: the run saves a checkpoint and stops; a second Ctrl-C ends it at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

#[derive(Parser)]
#[command(version, about = "Train, evaluate and export libmtl models")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train an experiment, one run a seed; goes on from checkpoints
    Train {
        /// The experiment file (TOML)
        config: PathBuf,
        /// What $DATA stands for in the experiment file
        #[arg(long)]
        data: Option<PathBuf>,
        /// Train these seeds instead of the file's
        #[arg(long)]
        seed: Vec<u64>,
        /// Train the single-task baseline of this task (TYPE/LANGUAGE) instead
        #[arg(long)]
        only: Option<String>,
        /// Folder for the runs
        #[arg(long, default_value = "runs")]
        output: PathBuf,
    },
    /// Train without auxiliary objectives, with each alone and with all: what they gain and cost
    Ablate(AblateArguments),
    /// Score a trained run; prints one JSON object
    Evaluate {
        #[command(flatten)]
        run: RunArguments,
        /// Which data
        #[arg(long, value_enum, default_value_t = train::Set::Test)]
        set: train::Set,
    },
    /// Write a trained run as a bundle
    Export {
        #[command(flatten)]
        run: RunArguments,
        /// The bundle's folder
        #[arg(long)]
        output: PathBuf,
        /// Commit of the trainer, for the manifest; asked of git without it
        #[arg(long)]
        commit: Option<String>,
    },
    /// Train every task alone and every two together, and tell their gains
    Sweep(jobs::Options),
    /// Train a task on few of its sentences, alone and with tasks that transfer to it, and tell the gains
    Transfer(jobs::Options),
    /// Predict gains from features of the tasks, beside controls
    Relate(relate::Options),
    /// Find auxiliary tasks that help, by short runs
    Probe(probe::Options),
    /// Train, evaluate and export a word-error scorer
    #[command(subcommand)]
    Scorer(scorer::Command),
    /// Draw experiments, sweeps, ablations, probes and protocols as one page of HTML
    Report(report::Options),
    /// Simulate learners: SYNTHETIC .slam files for the scorer
    Simulate {
        /// The folder that the files go into
        output: PathBuf,
        #[command(flatten)]
        options: scorer::Options,
    },
}

/// An experiment whose objectives are compared.
#[derive(clap::Args)]
struct AblateArguments {
    /// The experiment file (TOML), with the objectives to compare
    config: PathBuf,
    /// What $DATA stands for in the experiment file
    #[arg(long)]
    data: Option<PathBuf>,
    /// Train these seeds instead of the file's
    #[arg(long)]
    seed: Vec<u64>,
    /// Folder for the runs; NAME/ablation.json there has the comparison
    #[arg(long, default_value = "runs")]
    output: PathBuf,
}

/// A run that was trained.
#[derive(clap::Args)]
struct RunArguments {
    /// The experiment file (TOML)
    config: PathBuf,
    /// What $DATA stands for in the experiment file
    #[arg(long)]
    data: Option<PathBuf>,
    /// Which seed's run
    #[arg(long)]
    seed: u64,
    /// Folder of the runs
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

impl RunArguments {
    /// The run with its selected parameters.
    fn open(&self) -> Result<Run> {
        let config = Config::read(&self.config, self.data.as_deref())?;
        let folder = run_folder(&self.runs, &config.name, self.seed);
        let mut run = Run::new(config, self.seed, &folder)?;
        checkpoint::load_best(&folder, &mut run.model)?;
        Ok(run)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("mtl-export: cannot catch interrupts: {error}");
    }
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mtl-export: {error}");
            ExitCode::from(if error.kind() == ErrorKind::Interrupted { 130 } else { 2 })
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Train { config, data, seed, only, output } => {
            let mut config = Config::read(&config, data.as_deref())?;
            if let Some(task) = only {
                let read = |t: &TaskSettings| TaskData::read(&config, t, 0).map(|d| d.train.len());
                let sizes = config.tasks.iter().map(read).collect::<Result<Vec<_>>>()?;
                config = config.only(&task, &sizes)?;
            }
            let seeds = if seed.is_empty() { config.seeds.clone() } else { seed };
            for seed in seeds {
                let folder = run_folder(&output, &config.name, seed);
                let result = Run::new(config.clone(), seed, &folder)?.train(|_| INTERRUPTED.load(Ordering::Relaxed))?;
                print_json(&result)?;
            }
            summary::write::<train::Scores>(&output.join(&config.name))
        }
        Command::Ablate(a) => {
            let config = Config::read(&a.config, a.data.as_deref())?;
            ablate::ablate(&config, &a.seed, &a.output, &|_| INTERRUPTED.load(Ordering::Relaxed))
        }
        Command::Evaluate { run, set } => print_json(&run.open()?.scores(set)),
        Command::Export { run, output, commit } => {
            let mut trained = run.open()?;
            let request = export::Request {
                runs: &run.runs,
                output: &output,
                command: format!("mtl-export train {} --data DATA --seed {}", run.config.display(), run.seed),
                commit: commit.unwrap_or_else(commit_at_hand),
            };
            let manifest = export::export(&mut trained, run.seed, &request)?;
            print_json(&manifest.metrics)
        }
        Command::Sweep(options) => sweep::sweep(&options),
        Command::Transfer(options) => transfer::transfer(&options),
        Command::Probe(options) => probe::probe(&options),
        Command::Relate(options) => relate::relate(&options),
        Command::Scorer(command) => scorer::run(command),
        Command::Report(options) => report::report(&options),
        Command::Simulate { output, options } => scorer::simulate(&output, &options),
    }
}

fn run_folder(output: &Path, name: &str, seed: u64) -> PathBuf {
    output.join(name).join(format!("seed-{seed}"))
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|e| error::fail(e.to_string()))?;
    println!("{text}");
    Ok(())
}

fn commit_at_hand() -> String {
    let output = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let text = output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.map_or_else(|| "unknown".into(), |t| t.trim().to_string())
}
