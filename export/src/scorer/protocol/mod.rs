//! `mtl-export scorer protocol`: every system on every row of an experiment's table, side by side.

mod plan;
mod table;

use super::baseline::{self, Kind};
use super::config::Config;
use super::data::TrackData;
use super::official::{self, DataFile};
use super::slam::with_suffix;
use super::train::{Run, Scores};
use crate::checkpoint::{digest, read_json, write_json};
use crate::error::fail;
use crate::{INTERRUPTED, Result};
use clap::{Subcommand, ValueEnum};
use plan::Cell;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
pub use table::{Row, Summary};

/// What is compared, and how.
#[derive(Debug, Subcommand)]
pub enum Protocol {
    /// Train on all of each track, select on dev, score test
    Full,
    /// Shrink one track's training data; the other tracks stay as they are
    LowResource {
        /// The track
        #[arg(long)]
        track: String,
        /// Exercises to train on, drawn by seed; may be repeated. Sizes that the track does not have are left out
        #[arg(long = "size", default_values_t = plan::SIZES)]
        sizes: Vec<usize>,
    },
    /// Score learners whom a track does not know: known there, known from another track alone, known nowhere
    ColdStart {
        /// The track that does not know them
        #[arg(long, default_value = plan::PAPER_TRACK)]
        track: String,
        /// Draw so many learners by seed, instead of the two of the paper
        #[arg(long)]
        learners: Option<usize>,
    },
    /// Leave out the meta encoder, and the context encoders one by one
    Ablations,
    /// Leave out the features of an exercise one by one
    Removal,
}

/// A system, by the column that it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// The logistic regression of the task's starter kit, on one track
    Logistic,
    /// Gradient-boosted trees, on one track
    Trees,
    /// The network on one track
    SingleTask,
    /// The network on all tracks
    MultiTask,
}

impl System {
    /// In the order of the table's columns.
    pub const ALL: [System; 4] = [System::Logistic, System::Trees, System::SingleTask, System::MultiTask];

    /// Its name, as commands and tables have it.
    pub fn name(self) -> &'static str {
        match self {
            System::Logistic => "logistic",
            System::Trees => "trees",
            System::SingleTask => "single-task",
            System::MultiTask => "multi-task",
        }
    }
}

/// `mtl-export scorer protocol`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    protocol: Protocol,
    /// The experiment file (TOML): tracks, network and training
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// What $DATA stands for in the experiment file
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Train these seeds instead of the file's
    #[arg(long, global = true)]
    seed: Vec<u64>,
    /// Train these systems instead of all
    #[arg(long, value_enum, global = true)]
    system: Vec<System>,
    /// Folder for the runs
    #[arg(long, default_value = "runs", global = true)]
    output: PathBuf,
}

/// What a run leaves behind when it is done; the same command does not do it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    /// Of the settings, the seed and the data.
    digest: String,
    /// On the test sets, by track.
    test: BTreeMap<String, Scores>,
}

/// Trains what is not trained yet, writes `summary.json` after each seed, and prints the tables.
pub fn protocol(options: &Options) -> Result<()> {
    let Some(path) = &options.config else {
        return Err(fail("no experiment")
            .remedy("pass --config FILE; export/configs/slam-paper.toml is of the published files"));
    };
    let config = Config::read(path, options.data.as_deref())?;
    let files = data_files(&config)?;
    let folder = options.output.join(&config.name).join(options.protocol.name());
    let seeds = if options.seed.is_empty() { &config.seeds } else { &options.seed };
    let mut summary = Summary::new(&config.name, &options.protocol.name(), files);
    for (index, &seed) in seeds.iter().enumerate() {
        let mut cells = plan::plan(&options.protocol, &config, seed)?;
        cells.retain(|cell| options.system.is_empty() || options.system.contains(&cell.system));
        let count = cells.len();
        for (number, cell) in cells.into_iter().enumerate() {
            let turn = format!("[{}/{}]", index * count + number + 1, seeds.len() * count);
            let test = run(&cell, seed, &folder, &summary.files)?;
            let scores: Vec<String> = test.iter().map(|(track, s)| format!("{track} AUC {:.4}", s.auc)).collect();
            eprintln!("{turn} {}, {}, seed {seed}: {}", cell.row, cell.system.name(), scores.join(", "));
            summary.add(&cell.row, cell.system, &test);
        }
        summary.seeds.push(seed);
        write_json(&folder.join("summary.json"), &summary)?;
    }
    print!("{summary}");
    Ok(())
}

/// The scores of `cell`: those that its folder has, or those of a run that begins, or goes on.
fn run(cell: &Cell, seed: u64, folder: &Path, files: &[DataFile]) -> Result<BTreeMap<String, Scores>> {
    let folder = crate::run_folder(folder, &cell.config.name, seed);
    let path = folder.join("done.json");
    let digest = digest(&(&cell.config, cell.system, seed, files));
    if path.exists() {
        let done: Done = read_json(&path)?;
        if done.digest == digest {
            return Ok(done.test);
        }
        return Err(fail("is of other settings or data")
            .at(path.display())
            .remedy("choose another --output, or delete it"));
    }
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(crate::train::interrupted(&folder));
    }
    std::fs::create_dir_all(&folder).map_err(|e| libmtl::Error::io(folder.display(), e))?;
    let config = &cell.config;
    let test = match cell.system {
        System::Logistic => baseline_scores(Kind::Logistic, config, seed)?,
        System::Trees => baseline_scores(Kind::Trees, config, seed)?,
        System::SingleTask | System::MultiTask => {
            Run::new(config.clone(), seed, &folder)?.train(|_| INTERRUPTED.load(Ordering::Relaxed))?.test
        }
    };
    write_json(&path, &Done { digest, test: test.clone() })?;
    Ok(test)
}

fn baseline_scores(kind: Kind, config: &Config, seed: u64) -> Result<BTreeMap<String, Scores>> {
    let scores = |track: &super::config::Track| {
        let data = TrackData::read(config, track, seed)?;
        let probabilities = kind.predict(&data, &config.features.ignore, seed)?;
        Ok((track.name.clone(), baseline::score(&data.test, probabilities).map_err(|e| e.at(&track.name))?))
    };
    config.tracks.iter().map(scores).collect()
}

impl Protocol {
    /// The name of its folder.
    fn name(&self) -> String {
        match self {
            Protocol::Full => "full".into(),
            Protocol::LowResource { track, .. } => format!("low-resource-{track}"),
            Protocol::ColdStart { learners: None, .. } => "cold-start".into(),
            Protocol::ColdStart { track, learners: Some(count) } => format!("cold-start-{track}-{count}"),
            Protocol::Ablations => "ablations".into(),
            Protocol::Removal => "removal".into(),
        }
    }
}

/// The data as they lie there, those with a published name checked.
fn data_files(config: &Config) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    for track in &config.tracks {
        for path in [Some(&track.train), Some(&track.dev), track.test.as_ref()].into_iter().flatten() {
            let path = config.resolve(path)?;
            let key = with_suffix(&path, "key");
            files.push(official::identify(&path)?);
            if key.exists() || official::is_published(&key) {
                files.push(official::identify(&key)?);
            }
        }
    }
    if let Some(file) = files.iter().find(|file| !file.official) {
        eprintln!("note: {} is not a file of the shared task: there is no digest to check", file.name);
    }
    Ok(files)
}
