//! The word-error scorer of Hu 2020: simulated learners, training, export.

mod baseline;
mod config;
mod data;
mod export;
mod history;
mod logistic;
mod model;
mod objectives;
mod official;
mod picture;
mod protocol;
pub mod report;
mod simulate;
mod slam;
mod split;
mod train;
mod trees;
mod vectors;
mod words;

use crate::Result;
use crate::ablate::Experiment;
use crate::checkpoint;
use crate::train::{RunResult, Set};
use clap::Subcommand;
use config::Config;
pub use simulate::Options;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use train::{Run, Scores};

/// `mtl-export scorer`.
#[derive(Subcommand)]
pub enum Command {
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
        /// Train the single-task baseline of this track instead
        #[arg(long)]
        only: Option<String>,
        /// Folder for the runs
        #[arg(long, default_value = "runs")]
        output: PathBuf,
    },
    /// Train without auxiliary objectives, with each alone and with all: what they gain and cost
    Ablate(crate::AblateArguments),
    /// Score a trained run; prints one JSON object
    Evaluate {
        #[command(flatten)]
        run: crate::RunArguments,
        /// Which data
        #[arg(long, value_enum, default_value_t = Set::Test)]
        set: Set,
    },
    /// Write a trained run as a bundle
    Export {
        #[command(flatten)]
        run: crate::RunArguments,
        /// The bundle's folder
        #[arg(long)]
        output: PathBuf,
        /// Commit of the trainer, for the manifest; asked of git without it
        #[arg(long)]
        commit: Option<String>,
    },
    /// Split labelled exercises by time: FILE.train, and FILE.dev and FILE.test with their keys
    Split(split::Options),
    /// Train and score a system of the shared task; prints one JSON object a seed
    Baseline(baseline::Options),
    /// Train and score every system, side by side, by a protocol of the paper
    Protocol(protocol::Options),
}

/// Simulates learners (SYNTHETIC data) and writes them into `folder`.
pub fn simulate(folder: &std::path::Path, options: &Options) -> Result<()> {
    slam::write_simulation(folder, options)
}

/// Runs a command.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Train { config, data, seed, only, output } => {
            let mut config = Config::read(&config, data.as_deref())?;
            if let Some(track) = only {
                config = config.only(&track)?;
            }
            let seeds = if seed.is_empty() { config.seeds.clone() } else { seed };
            for seed in seeds {
                let folder = crate::run_folder(&output, &config.name, seed);
                let stop = |_| crate::INTERRUPTED.load(Ordering::Relaxed);
                crate::print_json(&Run::new(config.clone(), seed, &folder)?.train(stop)?)?;
            }
            crate::summary::write::<Scores>(&output.join(&config.name))
        }
        Command::Ablate(a) => {
            let config = Config::read(&a.config, a.data.as_deref())?;
            crate::ablate::ablate(&config, &a.seed, &a.output, &|_| crate::INTERRUPTED.load(Ordering::Relaxed))
        }
        Command::Split(options) => split::split(&options),
        Command::Baseline(options) => baseline::baseline(&options)?.iter().try_for_each(crate::print_json),
        Command::Protocol(options) => protocol::protocol(&options),
        Command::Evaluate { run, set } => crate::print_json(&open(&run)?.scores(set)?),
        Command::Export { run, output, commit } => {
            let mut trained = open(&run)?;
            let command = format!("mtl-export scorer train {} --data DATA --seed {}", run.config.display(), run.seed);
            let commit = commit.unwrap_or_else(crate::commit_at_hand);
            let request = crate::export::Request { runs: &run.runs, output: &output, command, commit };
            crate::print_json(&export::export(&mut trained, run.seed, &request)?.metrics)
        }
    }
}

impl Experiment for Config {
    type Scores = Scores;

    fn facts(&self) -> (&str, &[u64], u64) {
        (&self.name, &self.seeds, self.training.steps)
    }

    fn objectives(&self) -> Vec<(String, serde_json::Value)> {
        self.objectives.iter().map(|o| (o.name().to_string(), serde_json::to_value(o).unwrap_or_default())).collect()
    }

    fn with(&self, name: String, objectives: &[usize]) -> Self {
        let objectives = objectives.iter().map(|&i| self.objectives[i].clone()).collect();
        Self { name, objectives, ..self.clone() }
    }

    fn train(self, seed: u64, folder: &Path, stop: &dyn Fn(u64) -> bool) -> Result<RunResult<Scores>> {
        Run::new(self, seed, folder)?.train(stop)
    }
}

/// The run with its selected parameters.
fn open(arguments: &crate::RunArguments) -> Result<Run> {
    let config = Config::read(&arguments.config, arguments.data.as_deref())?;
    let folder = crate::run_folder(&arguments.runs, &config.name, arguments.seed);
    let mut run = Run::new(config, arguments.seed, &folder)?;
    checkpoint::load_best(&folder, &mut run.model)?;
    Ok(run)
}
