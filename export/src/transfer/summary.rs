//! `transfer.json`: each system at each size, over the seeds.

use super::Finished;
use super::plan::{Published, Size, System};
use crate::config::Config;
use crate::summary::Spread;
use serde::{Deserialize, Serialize};

/// What a transfer experiment gave.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Its name.
    pub experiment: String,
    /// The task that is to gain, `type/language`.
    pub target: String,
    /// Most steps of a run, and sentences a step.
    pub steps: u64,
    /// See `steps`.
    pub batch: usize,
    /// Units of the LSTM in each direction.
    pub hidden: usize,
    /// Systems by size, then steps of the ablation by size.
    pub rows: Vec<Row>,
    /// What the experiment says that others have published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
}

/// One system at one size.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The system.
    pub system: System,
    /// The target's training sentences, as the experiment says.
    pub size: Size,
    /// And how many they are.
    pub sentences: usize,
    /// One a value of the spreads.
    pub seeds: Vec<u64>,
    /// Main score on dev.
    pub dev: Spread,
    /// Main score on test.
    pub test: Spread,
    /// Test score minus that of the reference (`baseline`; of steps of the ablation `basic`) with the same size and
    /// seed, over the seeds that have both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Spread>,
    /// How long its runs took, together.
    pub seconds: f64,
}

impl Summary {
    /// Of the finished runs of `config`.
    pub fn of(config: &Config, target: &str, finished: &[Finished]) -> Self {
        let mut keys: Vec<(bool, Size, System)> =
            finished.iter().map(|run| (System::ABLATION.contains(&run.system), run.size, run.system)).collect();
        keys.sort_unstable();
        keys.dedup();
        Self {
            experiment: config.name.clone(),
            target: target.to_string(),
            steps: config.training.steps,
            batch: config.training.batch,
            hidden: config.model.hidden,
            rows: keys.into_iter().map(|(_, size, system)| Row::of(system, size, finished)).collect(),
            published: config.transfer.as_ref().map_or_else(Vec::new, |settings| settings.published.clone()),
        }
    }
}

impl Row {
    fn of(system: System, size: Size, finished: &[Finished]) -> Self {
        let runs = |system: System| {
            let mut runs: Vec<&Finished> = finished.iter().filter(|r| r.system == system && r.size == size).collect();
            runs.sort_by_key(|run| run.seed);
            runs
        };
        let (own, reference) = (runs(system), runs(system.reference()));
        let gain = |run: &&Finished| Some(run.test - reference.iter().find(|r| r.seed == run.seed)?.test);
        let gains: Vec<f64> = own.iter().filter_map(gain).collect();
        Self {
            system,
            size,
            sentences: own[0].sentences,
            seeds: own.iter().map(|run| run.seed).collect(),
            dev: Spread::of(own.iter().map(|run| run.dev).collect()),
            test: Spread::of(own.iter().map(|run| run.test).collect()),
            gain: (system != system.reference() && !gains.is_empty()).then(|| Spread::of(gains)),
            seconds: crate::jobs::tenths(own.iter().map(|run| run.seconds).sum()),
        }
    }
}
