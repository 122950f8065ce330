//! `mtl-export ablate`: what each auxiliary objective of an experiment gains over training without any, with what
//! spread over the seeds, and what it costs.

use crate::Result;
use crate::checkpoint::{self, write_json};
use crate::config::Config;
use crate::error::fail;
use crate::summary::{Columns, Spread, Spreads as Table};
use crate::train::{Run, RunResult, Scores};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::Path;

/// The row without objectives.
pub const BASELINE: &str = "baseline";
/// The row of tasks that read the layers that the experiment gives them.
const LOWER_LAYERS: &str = "lower-layers";
/// The row with all of them.
pub const ALL: &str = "all";

/// An experiment whose objectives can be told apart.
pub trait Experiment: Sized + Clone + Serialize {
    /// Scores of a task.
    type Scores: Columns + Clone + Serialize + DeserializeOwned;
    /// Name, seeds, steps.
    fn facts(&self) -> (&str, &[u64], u64);
    /// Each objective's name, and its settings as they stand.
    fn objectives(&self) -> Vec<(String, serde_json::Value)>;
    /// The same under another name, with these of its objectives.
    fn with(&self, name: String, objectives: &[usize]) -> Self;
    /// Trains, or goes on.
    fn train(self, seed: u64, folder: &Path, stop: &dyn Fn(u64) -> bool) -> Result<RunResult<Self::Scores>>;
}

impl Experiment for Config {
    type Scores = Scores;

    fn facts(&self) -> (&str, &[u64], u64) {
        (&self.name, &self.seeds, self.training.steps)
    }

    fn objectives(&self) -> Vec<(String, serde_json::Value)> {
        let named = self.objectives.iter().map(|o| (o.name().to_string(), serde_json::to_value(o).unwrap_or_default()));
        // Where a task reads a lower layer, the other way is that all read the highest.
        let layers = self.tasks.iter().filter_map(|task| Some((task.key(), serde_json::json!(task.layer?))));
        let layers: serde_json::Map<_, _> = layers.collect();
        let lower = (!layers.is_empty()).then(|| (LOWER_LAYERS.to_string(), serde_json::json!({ "layer": layers })));
        named.chain(lower).collect()
    }

    fn with(&self, name: String, objectives: &[usize]) -> Self {
        let mut own = Self { name, ..self.clone() };
        own.objectives = objectives.iter().filter_map(|&i| self.objectives.get(i).cloned()).collect();
        if !objectives.contains(&self.objectives.len()) {
            own.tasks.iter_mut().for_each(|task| task.layer = None);
        }
        own
    }

    fn train(self, seed: u64, folder: &Path, stop: &dyn Fn(u64) -> bool) -> Result<RunResult<Scores>> {
        Run::new(self, seed, folder)?.train(stop)
    }
}

/// One selection of objectives.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// Its objectives with their settings.
    pub objectives: Vec<serde_json::Value>,
    /// The step that dev selected, one a seed.
    pub selected_steps: Vec<u64>,
    /// Scores on dev.
    pub dev: Table,
    /// Scores on test.
    pub test: Table,
    /// Differences to the baseline of the same seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
    /// CPU time of the training steps, in seconds.
    pub cpu_seconds: Spread,
    /// The same over the baseline's of the same seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Spread>,
}

/// Differences to the baseline.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gain {
    /// On dev.
    pub dev: Table,
    /// On test.
    pub test: Table,
}

/// `ablation.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// Name of the experiment.
    pub experiment: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Steps of each run.
    pub steps: u64,
    /// The baseline, each objective alone, all of them.
    pub rows: Vec<Row>,
}

/// What a row's runs gave, one a seed.
struct Runs<S> {
    results: Vec<RunResult<S>>,
    seconds: Vec<f64>,
}

/// Trains `config` without objectives, with each alone and with all, for each of its seeds or of `seeds`; writes
/// `ablation.json` into the experiment's folder below `output`. What is trained already is not trained again.
pub fn ablate<E: Experiment>(config: &E, seeds: &[u64], output: &Path, stop: &dyn Fn(u64) -> bool) -> Result<()> {
    let (name, own, steps) = config.facts();
    let seeds = if seeds.is_empty() { own } else { seeds };
    let objectives = config.objectives();
    if objectives.is_empty() {
        return Err(
            fail("there is nothing to compare").remedy("give the experiment an [[objective]], or a task a lower layer")
        );
    }
    let mut selections = vec![(BASELINE.to_string(), Vec::new())];
    selections.extend(objectives.iter().enumerate().map(|(i, (name, _))| (name.clone(), vec![i])));
    if objectives.len() > 1 {
        selections.push((ALL.to_string(), (0..objectives.len()).collect()));
    }
    let folder = output.join(name);
    // Seed by seed, so that whatever is there can be compared.
    let mut runs: Vec<Runs<E::Scores>> = selections.iter().map(|_| Runs { results: vec![], seconds: vec![] }).collect();
    for &seed in seeds {
        for ((row, which), runs) in selections.iter().zip(&mut runs) {
            let (result, seconds) = run(config.with(format!("{name}.{row}"), which), row, seed, &folder, stop)?;
            runs.results.push(result);
            runs.seconds.push(seconds);
        }
    }
    let row = |((name, which), runs): (&(String, Vec<usize>), &Runs<E::Scores>)| {
        Row::new(name, which.iter().map(|&i| objectives[i].1.clone()).collect(), runs)
    };
    let mut rows: Vec<Row> = selections.iter().zip(&runs).map(row).collect();
    let (baseline, others) = rows.split_at_mut(1);
    others.iter_mut().for_each(|row| row.compare(&baseline[0]));
    let ablation = Ablation { experiment: name.to_string(), seeds: seeds.to_vec(), steps, rows };
    write_json(&folder.join("ablation.json"), &ablation)
}

fn run<E: Experiment>(
    config: E,
    row: &str,
    seed: u64,
    folder: &Path,
    stop: &dyn Fn(u64) -> bool,
) -> Result<(RunResult<E::Scores>, f64)> {
    let folder = crate::run_folder(folder, row, seed);
    let digest = checkpoint::digest(&config);
    let done = |p: &crate::train::Progress| p.finished && p.experiment == digest && p.seed == seed;
    let result = folder.join("result.json");
    let result = match checkpoint::progress(&folder)?.filter(done) {
        Some(_) if result.exists() => checkpoint::read_json(&result)?,
        _ => config.train(seed, &folder, stop)?,
    };
    let seconds = checkpoint::progress(&folder)?.map_or(0.0, |progress| progress.cpu_seconds);
    Ok((result, seconds))
}

impl Row {
    fn new<S: Columns>(name: &str, objectives: Vec<serde_json::Value>, runs: &Runs<S>) -> Self {
        Self {
            name: name.to_string(),
            objectives,
            selected_steps: runs.results.iter().map(|r| r.selected_step).collect(),
            dev: crate::summary::spreads(&runs.results, |r| &r.dev),
            test: crate::summary::spreads(&runs.results, |r| &r.test),
            gain: None,
            cpu_seconds: Spread::of(runs.seconds.clone()),
            cost: None,
        }
    }

    fn compare(&mut self, baseline: &Row) {
        let minus = |a: &f64, b: &f64| a - b;
        self.gain = Some(Gain {
            dev: paired(&self.dev, &baseline.dev, minus),
            test: paired(&self.test, &baseline.test, minus),
        });
        let pairs = self.cpu_seconds.values.iter().zip(&baseline.cpu_seconds.values);
        self.cost = Some(Spread::of(pairs.map(|(a, b)| a / b).collect()));
    }
}

/// What `of` makes of each value and the baseline's of the same seed.
fn paired(own: &Table, baseline: &Table, of: fn(&f64, &f64) -> f64) -> Table {
    let score = |task: &String, (name, spread): (&String, &Spread)| {
        let base = &baseline[task][name];
        (name.clone(), Spread::of(spread.values.iter().zip(&base.values).map(|(a, b)| of(a, b)).collect()))
    };
    own.iter().map(|(task, scores)| (task.clone(), scores.iter().map(|s| score(task, s)).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    /// What the runs themselves say is what the comparison says, and nothing is trained twice.
    #[test]
    fn gains_are_differences_of_the_same_seed() {
        let _turn = fixture::turn();
        let folder = tempfile::tempdir().unwrap();
        let objectives = "[[objective]]\nkind = \"data-statistics\"\n[[objective]]\nkind = \"presence\"\n";
        let path = fixture::write(folder.path(), "");
        let text = std::fs::read_to_string(&path).unwrap() + objectives;
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path, None).unwrap();
        ablate(&config, &[1, 2], folder.path(), &|_| false).unwrap();
        let read = || std::fs::read_to_string(folder.path().join("tiny/ablation.json")).unwrap();
        let ablation: serde_json::Value = serde_json::from_str(&read()).unwrap();
        let rows = ablation["rows"].as_array().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["baseline", "data-statistics", "presence-of-spans", "all"]);
        assert_eq!(rows[3]["objectives"].as_array().unwrap().len(), 2);
        assert!(rows[0].get("gain").is_none());
        let accuracy = |row: &str, seed: u64| {
            let path = folder.path().join(format!("tiny/{row}/seed-{seed}/result.json"));
            checkpoint::read_json::<RunResult>(&path).unwrap().test["upos/xx"].accuracy
        };
        for row in &rows[1..] {
            for (i, seed) in [1, 2].into_iter().enumerate() {
                let name = row["name"].as_str().unwrap();
                let gain = row["gain"]["test"]["upos/xx"]["accuracy"]["values"][i].as_f64().unwrap();
                assert!((gain - (accuracy(name, seed) - accuracy("baseline", seed))).abs() < 1e-12, "{name}");
            }
            assert!(row["cost"]["mean"].as_f64().unwrap() > 0.0);
        }
        let before = read();
        ablate(&config, &[1, 2], folder.path(), &|_| panic!("trained again")).unwrap();
        assert_eq!(read(), before);
        let mut layered = Config { objectives: Vec::new(), ..config.clone() };
        layered.model.lstm_layers = 2;
        layered.tasks[1].layer = Some(1);
        let (name, value) = layered.objectives().remove(0);
        assert_eq!((name.as_str(), value), ("lower-layers", serde_json::json!({"layer": {"ner/yy": 1}})));
        assert_eq!(layered.with("x".into(), &[]).tasks[1].layer, None);
        assert_eq!(layered.with("x".into(), &[0]).tasks[1].layer, Some(1));
        let plain = Config { objectives: Vec::new(), ..config };
        let error = ablate(&plain, &[1], folder.path(), &|_| false).unwrap_err().to_string();
        assert!(error.contains("[[objective]]"), "{error}");
    }
}
