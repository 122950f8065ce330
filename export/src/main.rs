//! `mtl-export`: trains, evaluates and exports libmtl models on libtorch.

mod checkpoint;
mod config;
mod curves;
mod data;
mod error;
mod model;
mod optimizer;
mod random;
mod sampler;
mod train;
mod vectors;
mod vocabulary;

use clap::{Parser, Subcommand};
use config::Config;
use libmtl::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use train::Run;

/// The library's result type.
pub type Result<T> = libmtl::Result<T>;

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
        /// Folder for the runs
        #[arg(long, default_value = "runs")]
        output: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let handler = || {
        if train::INTERRUPTED.swap(true, Ordering::Relaxed) {
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
        Command::Train { config, data, seed, output } => {
            let config = Config::read(&config, data.as_deref())?;
            let seeds = if seed.is_empty() { config.seeds.clone() } else { seed };
            for seed in seeds {
                let folder = run_folder(&output, &config.name, seed);
                let result = Run::new(config.clone(), seed, &folder)?.train()?;
                println!("{}", serde_json::to_string(&result).unwrap_or_default());
            }
            Ok(())
        }
    }
}

fn run_folder(output: &Path, name: &str, seed: u64) -> PathBuf {
    output.join(name).join(format!("seed-{seed}"))
}
