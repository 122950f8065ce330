//! `mtl-export sweep`: every task alone and every two together, and how much each gains from each.

mod corpus;
mod gains;
mod plan;
mod results;
mod run;

use crate::Result;
use crate::config::Config;
use crate::error::fail;
use crate::report::heat;
pub use corpus::DataQuantities;
pub use gains::{map, paired, tasks};
use indicatif::{ProgressBar, ProgressStyle};
use libmtl::Error;
pub use plan::{Item, digest, parse, plan};
#[cfg(test)]
pub use results::tests::finished;
pub use results::{Finished, Results, read};
pub use run::run;
#[cfg(test)]
pub mod tests {
    pub use super::plan::tests::config;
}
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// `mtl-export sweep`.
#[derive(clap::Args)]
pub struct Options {
    /// The experiment file (TOML): its tasks are trained alone and in pairs, `steps` for each task of a run
    config: PathBuf,
    /// What $DATA stands for in the experiment file
    #[arg(long)]
    data: Option<PathBuf>,
    /// Train these seeds instead of the file's
    #[arg(long)]
    seed: Vec<u64>,
    /// Train these sets of tasks (chunk, or chunk+ner) instead of all tasks and pairs
    #[arg(long)]
    set: Vec<String>,
    /// Runs at a time, each in a process of its own
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Folder for the runs
    #[arg(long, default_value = "runs")]
    output: PathBuf,
}

/// Trains what is not finished yet, and draws what is.
pub fn sweep(options: &Options) -> Result<()> {
    if options.jobs == 0 {
        return Err(fail("--jobs 0: give at least 1"));
    }
    let config = Config::read(&options.config, options.data.as_deref())?;
    let seeds = if options.seed.is_empty() { &config.seeds } else { &options.seed };
    let items = plan(&config, &options.set, seeds)?;
    let folder = options.output.join(&config.name);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(folder.display(), e))?;
    let results = Results::new(&folder);
    let finished = results.read()?;
    let mut open = VecDeque::new();
    for item in items.iter().cloned() {
        if results.find(&finished, &item, &config)?.is_none() {
            open.push_back(item);
        }
    }
    let bar = bar(items.len(), items.len() - open.len());
    if options.jobs == 1 {
        for item in &open {
            run(&config.name, item.config(&config), item.digest(&config), &folder, &results)?;
            bar.inc(1);
        }
    } else {
        processes(options, &config, open, &bar)?;
    }
    bar.finish();
    draw(&folder, &results.read()?)
}

fn bar(runs: usize, done: usize) -> ProgressBar {
    let bar = ProgressBar::new(runs as u64);
    if let Ok(style) =
        ProgressStyle::with_template("runs {bar:30} {pos}/{len} {msg} [{elapsed_precise}, {eta_precise} left]")
    {
        bar.set_style(style);
    }
    bar.set_position(done as u64);
    bar
}

/// One process a run, `jobs` at a time: libtorch's random numbers and threads belong to a process. Ctrl-C reaches them too;
/// they save checkpoints, from which the same command goes on.
fn processes(options: &Options, config: &Config, open: VecDeque<Item>, bar: &ProgressBar) -> Result<()> {
    let queue = Mutex::new(open);
    let next = || {
        let stop = crate::INTERRUPTED.load(Ordering::Relaxed);
        if stop { None } else { queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front() }
    };
    let worker = || -> Result<()> {
        while let Some(item) = next() {
            let name = item.name(config);
            bar.set_message(format!("{name} seed {}", item.seed));
            child(options, &item, &name)?;
            bar.inc(1);
        }
        Ok(())
    };
    let worker = || {
        let result = worker();
        if result.is_err() {
            queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        }
        result
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err(fail("a worker panicked"))));
        ended.collect::<Vec<_>>().into_iter().collect::<Result<Vec<()>>>()
    })?;
    match crate::INTERRUPTED.load(Ordering::Relaxed) {
        true => Err(crate::train::interrupted(&options.output)),
        false => Ok(()),
    }
}

/// This command for one run.
fn child(options: &Options, item: &Item, name: &str) -> Result<()> {
    let program = std::env::current_exe().map_err(|e| Error::io("this program", e))?;
    let mut command = Command::new(&program);
    command.arg("sweep").arg(&options.config).arg("--output").arg(&options.output);
    command.args(["--jobs", "1", "--set", name, "--seed", &item.seed.to_string()]);
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    let output = command.output().map_err(|e| Error::io(program.display(), e))?;
    if output.status.success() {
        return Ok(());
    }
    if output.status.code() == Some(130) || crate::INTERRUPTED.load(Ordering::Relaxed) {
        return Err(crate::train::interrupted(&options.output));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it said nothing").to_string();
    Err(fail(format!("{name}, seed {}: {}: {last}", item.seed, output.status)))
}

/// `heatmap.svg` of the pairs that are there with both their tasks, if any.
fn draw(folder: &Path, finished: &[Finished]) -> Result<()> {
    let map = map(finished);
    if map.cells.is_empty() {
        return Ok(());
    }
    let path = folder.join("heatmap.svg");
    std::fs::write(&path, heat::svg(&map)).map_err(|e| Error::io(path.display(), e))
}
