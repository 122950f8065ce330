//! `mtl-export transfer`: what a task with few sentences gains from other tasks and other languages (Lin 2018, sec. 3).

pub mod figure;
mod plan;
mod summary;

use crate::Result;
use crate::checkpoint::write_json;
use crate::config::Config;
use crate::error::fail;
use crate::jobs::{self, Job, Line, Options, tenths};
use crate::train::{Run, Scores};
use libmtl::Error;
use plan::{All, Size};
pub use plan::{Settings, System};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;
pub use summary::{Row, Summary};

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// Name of the experiment.
    transfer: String,
    /// Digest of the run's settings.
    digest: String,
    system: System,
    size: Size,
    /// Training sentences of the target.
    sentences: usize,
    seed: u64,
    steps: u64,
    /// The step that the target's dev score selected.
    selected_step: u64,
    /// How long it took, reading included.
    seconds: f64,
    /// The target's main score on dev and test: F1 of spans or accuracy of plain labels.
    dev: f64,
    test: f64,
    /// All its scores on test.
    scores: Scores,
}

impl Line for Finished {
    fn name(&self) -> String {
        format!("{}@{}", self.system.name(), self.size)
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn digest(&self) -> &str {
        &self.digest
    }
}

/// Trains what is not finished yet; writes `transfer.json` and `transfer.svg` of what is.
pub fn transfer(options: &Options) -> Result<()> {
    let (config, seeds) = options.read()?;
    let target = plan::target(&config)?;
    let jobs = plan::plan(&config, &options.set, &seeds)?;
    let folder = options.output.join(&config.name);
    let finished = jobs::finish("transfer", options, &jobs, &folder, |job, own| run(&config, job, own))?;
    let summary = Summary::of(&config, &target.key(), &finished);
    write_json(&folder.join("transfer.json"), &summary)?;
    let path = folder.join("transfer.svg");
    std::fs::write(&path, figure::svg(&summary, true)).map_err(|e| Error::io(path.display(), e))
}

fn run(config: &Config, job: &Job, folder: &Path) -> Result<Finished> {
    let clock = Instant::now();
    let mut run = Run::new(job.config.clone(), job.seed(), folder)?;
    let result = run.train(|_| crate::INTERRUPTED.load(Ordering::Relaxed))?;
    let target = plan::target(config)?;
    let place = run.config.tasks.iter().position(|task| task.key() == target.key());
    let place = place.ok_or_else(|| fail(format!("{} does not train {}", job.name, target.key())))?;
    let main = |scores: &Scores| scores.main(target.scheme);
    let scores = result.test[&target.key()].clone();
    let mut systems = System::SYSTEMS.into_iter().chain(System::ABLATION);
    let name = job.name.split('@').next().unwrap_or_default();
    let system = systems.find(|system| system.name() == name);
    Ok(Finished {
        transfer: config.name.clone(),
        digest: job.digest(),
        system: system.ok_or_else(|| fail(format!("{}: no system is called so", job.name)))?,
        size: run.config.tasks[place].limit.map_or(Size::All(All::All), Size::Sentences),
        sentences: run.data[place].train.len(),
        seed: job.seed(),
        steps: result.steps,
        selected_step: result.selected_step,
        seconds: tenths(clock.elapsed().as_secs_f64()),
        dev: result.dev.get(&target.key()).map_or(0.0, main),
        test: main(&scores),
        scores,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    /// The same command goes on from what is there, and what it tells is what the runs say.
    #[test]
    fn runs_are_trained_once_and_told() {
        let _turn = fixture::turn();
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(fixture::write(folder.path(), "")).unwrap();
        let text = text.replace("batch = 4\n", "batch = 4\ntarget = \"ner/xx\"\n");
        let path = folder.path().join("few.toml");
        std::fs::write(&path, text + "[transfer]\nsizes = [8]\nablation = [8]\n").unwrap();
        let options = |set: &[&str]| Options {
            config: path.clone(),
            data: None,
            seed: vec![1, 2],
            set: set.iter().map(ToString::to_string).collect(),
            jobs: 1,
            output: folder.path().to_path_buf(),
        };
        let lines = || jobs::read::<Finished>(&folder.path().join("tiny/results.jsonl")).unwrap();
        transfer(&options(&["baseline@8", "basic@8"])).unwrap();
        let before = lines();
        assert_eq!(before.len(), 4);
        transfer(&options(&["baseline@8", "full@8"])).unwrap();
        assert_eq!((&lines()[..4], lines().len()), (&before[..], 6));
        assert!(before.iter().all(|line| line.sentences == 8 && line.test == line.scores.f1));
        let told = std::fs::read_to_string(folder.path().join("tiny/transfer.json")).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let rows = told["rows"].as_array().unwrap();
        assert_eq!(
            rows.iter().map(|r| r["system"].as_str().unwrap()).collect::<Vec<_>>(),
            ["baseline", "full", "basic"]
        );
        let score = |system, seed| lines().iter().find(|l| l.system == system && l.seed == seed).unwrap().test;
        for (i, seed) in [1, 2].into_iter().enumerate() {
            let gain = rows[1]["gain"]["values"][i].as_f64().unwrap();
            assert!((gain - (score(System::Full, seed) - score(System::Baseline, seed))).abs() < 1e-12);
        }
        let svg = std::fs::read_to_string(folder.path().join("tiny/transfer.svg")).unwrap();
        assert!(svg.contains("baseline") && svg.contains("full"));
    }
}
