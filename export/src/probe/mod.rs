//! `mtl-export probe`: which auxiliary tasks help a main task, by short runs instead of features of the tasks.

mod halving;
mod posterior;
mod truth;

use crate::Result;
use crate::checkpoint;
use crate::config::{Config, Mixing};
use crate::error::fail;
use crate::jobs::{self, Job, Results, tenths};
use crate::sweep::{self, Finished};
use halving::Arm;
use libmtl::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// `mtl-export probe`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("budget").required(true).args(["minutes", "steps"])))]
pub struct Options {
    /// The experiment file (TOML), as for `sweep`
    config: PathBuf,
    /// What $DATA stands for in the experiment file
    #[arg(long)]
    data: Option<PathBuf>,
    /// The task to find help for; every task, one after the other, without it
    #[arg(long)]
    main: Vec<String>,
    /// A set of auxiliary tasks to try (ner, or ner+upos); each other task alone without it
    #[arg(long)]
    auxiliary: Vec<String>,
    /// How often an auxiliary task is drawn for once that the main task is; several are tried each
    #[arg(long, default_values_t = [1.0])]
    weight: Vec<f64>,
    /// Part of the experiment's steps that a run has
    #[arg(long, default_value_t = 0.25)]
    fraction: f64,
    /// New seeds a round
    #[arg(long, default_value_t = 2)]
    seeds: u64,
    /// Budget for each main task, in minutes
    #[arg(long)]
    minutes: Option<f64>,
    /// Budget for each main task, in steps
    #[arg(long)]
    steps: Option<u64>,
    /// Results of a sweep to compare with, results.jsonl
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Folder for the runs
    #[arg(long, default_value = "runs")]
    output: PathBuf,
}

/// Auxiliary tasks, and how often they are drawn for once that the main task is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// `ner`, or `ner+upos`.
    pub auxiliary: String,
    /// Weight of each of them; the main task's is 1.
    pub weight: f64,
    #[serde(skip)]
    tasks: Vec<usize>,
}

/// What was found of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The candidate.
    pub candidate: Candidate,
    /// Dev score with it minus dev score alone, a number a seed.
    pub differences: Vec<f64>,
    /// Rounds that it was tried in.
    pub rounds: u32,
    /// Probability that the mean difference is above 0 (`posterior::helps`).
    pub helps: f64,
}

/// What was found for a main task, the likeliest help first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// The main task.
    pub main: String,
    /// Steps trained, those of the task alone among them.
    pub steps: u64,
    /// How long that took.
    pub seconds: f64,
    /// Whether the budget ended it.
    pub cut_short: bool,
    /// By candidate.
    pub findings: Vec<Finding>,
}

/// What `probe` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Part of the experiment's steps that a run had.
    pub fraction: f64,
    /// New seeds a round.
    pub seeds: u64,
    /// By main task.
    pub advice: Vec<Advice>,
    /// Beside a sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<truth::Comparison>,
}

/// Probes, prints, and writes `probe.json`.
pub fn probe(options: &Options) -> Result<()> {
    check(options)?;
    let mut config = Config::read(&options.config, options.data.as_deref())?;
    sweep::plan(&config, &[], &[1])?;
    let folder = options.output.join(format!("{}.probe", config.name));
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(folder.display(), e))?;
    shorten(&mut config, options.fraction);
    let truth = options.truth.as_deref().map(jobs::read::<Finished>).transpose()?;
    let mains = if options.main.is_empty() {
        (0..config.tasks.len()).collect()
    } else {
        options.main.iter().map(|name| one(&config, name)).collect::<Result<Vec<_>>>()?
    };
    let mut report = Report { fraction: options.fraction, seeds: options.seeds, advice: Vec::new(), comparison: None };
    for main in mains {
        let candidates = candidates(options, &config, main)?;
        let advice = Probe::new(options, &config, main, &folder)?.advise(candidates, options.seeds)?;
        print(&advice);
        report.advice.push(advice);
        report.comparison = truth.as_ref().and_then(|truth| truth::compare(&report.advice, truth));
        checkpoint::write_json(&folder.join("probe.json"), &report)?;
    }
    if let Some(comparison) = &report.comparison {
        println!("{comparison}");
    }
    Ok(())
}

fn check(options: &Options) -> Result<()> {
    if !(options.fraction > 0.0 && options.fraction <= 1.0) {
        return Err(fail(format!("--fraction {}: give a part in 0..1", options.fraction)));
    }
    if options.seeds == 0 || options.weight.iter().any(|&w| !(w > 0.0 && w.is_finite())) {
        return Err(fail("--seeds and --weight: give more than 0"));
    }
    if options.minutes.is_some_and(|m| !(m > 0.0 && m.is_finite())) || options.steps == Some(0) {
        return Err(fail("--minutes and --steps: give more than 0"));
    }
    Ok(())
}

fn shorten(config: &mut Config, fraction: f64) {
    let part = |steps: u64| ((steps as f64 * fraction).ceil() as u64).max(1);
    config.training.steps = part(config.training.steps);
    config.training.evaluate_every = part(config.training.evaluate_every);
}

fn one(config: &Config, name: &str) -> Result<usize> {
    match sweep::parse(config, name)?[..] {
        [task] => Ok(task),
        _ => Err(fail(format!("--main {name}: give one task"))),
    }
}

fn candidates(options: &Options, config: &Config, main: usize) -> Result<Vec<Candidate>> {
    let sets: Vec<Vec<usize>> = if options.auxiliary.is_empty() {
        (0..config.tasks.len()).filter(|&t| t != main).map(|t| vec![t]).collect()
    } else {
        options.auxiliary.iter().map(|set| sweep::parse(config, set)).collect::<Result<_>>()?
    };
    if let Some(set) = sets.iter().find(|set| set.contains(&main)) {
        let names: Vec<&str> = set.iter().map(|&t| config.tasks[t].name.as_str()).collect();
        return Err(fail(format!("--auxiliary {}: {} is the main task", names.join("+"), config.tasks[main].name)));
    }
    let name = |set: &[usize]| set.iter().map(|&t| config.tasks[t].name.as_str()).collect::<Vec<_>>().join("+");
    let candidate = |set: &Vec<usize>, weight| Candidate { auxiliary: name(set), weight, tasks: set.clone() };
    Ok(sets.iter().flat_map(|set| options.weight.iter().map(move |&w| candidate(set, w))).collect())
}

/// A main task's runs, and what may still be spent on them.
struct Probe<'a> {
    config: &'a Config,
    main: usize,
    folder: &'a Path,
    results: Results<Finished>,
    finished: Vec<Finished>,
    counted: BTreeSet<String>,
    budget: Budget,
}

/// What was spent, and what may be.
struct Budget {
    minutes: Option<f64>,
    most_steps: Option<u64>,
    steps: u64,
    seconds: f64,
}

impl Budget {
    /// Whether a run of `steps` more fits, which by the clock is a guess from the runs before.
    fn allows(&self, steps: u64) -> bool {
        let seconds = self.seconds * (self.steps + steps) as f64 / self.steps.max(1) as f64;
        self.most_steps.is_none_or(|most| self.steps + steps <= most)
            && self.minutes.is_none_or(|minutes| self.steps == 0 || seconds <= 60.0 * minutes)
    }
}

impl<'a> Probe<'a> {
    fn new(options: &Options, config: &'a Config, main: usize, folder: &'a Path) -> Result<Self> {
        let results = Results::new(folder);
        let finished = results.read()?;
        let budget = Budget { minutes: options.minutes, most_steps: options.steps, steps: 0, seconds: 0.0 };
        Ok(Self { config, main, folder, results, finished, counted: BTreeSet::new(), budget })
    }

    fn advise(mut self, candidates: Vec<Candidate>, seeds: u64) -> Result<Advice> {
        let mut cut_short = false;
        let arms = halving::halve(candidates.len(), seeds, |arm, seed| {
            let found = self.difference(&candidates[arm], seed)?;
            cut_short |= found.is_none();
            Ok(found)
        })?;
        let helps = halving::helps(&arms);
        let finding =
            |((candidate, Arm { differences, rounds }), helps)| Finding { candidate, differences, rounds, helps };
        let mut findings: Vec<Finding> = candidates.into_iter().zip(arms).zip(helps).map(finding).collect();
        findings.sort_by(|a, b| b.helps.total_cmp(&a.helps));
        let seconds = tenths(self.budget.seconds);
        let main = self.config.tasks[self.main].name.clone();
        Ok(Advice { main, steps: self.budget.steps, seconds, cut_short, findings })
    }

    /// Dev score of the main task with the candidate minus its score alone; none where the budget does not allow it.
    fn difference(&mut self, candidate: &Candidate, seed: u64) -> Result<Option<f64>> {
        let Some(alone) = self.score(&[], 1.0, seed)? else { return Ok(None) };
        Ok(self.score(&candidate.tasks, candidate.weight, seed)?.map(|joint| joint - alone))
    }

    /// Dev score of the main task with `auxiliary`; none where the budget does not allow it. A run that an earlier probe
    /// finished is not trained again, but costs what it cost then, so that the same command comes to the same end.
    fn score(&mut self, auxiliary: &[usize], weight: f64, seed: u64) -> Result<Option<f64>> {
        let config = experiment(self.config, self.main, auxiliary, weight, seed);
        let job = Job { name: config.name.clone(), config };
        let digest = job.digest();
        let known = self.finished.iter().find(|run| run.digest == digest).cloned();
        let first = !self.counted.contains(&digest);
        if first && !self.budget.allows(job.config.training.steps) {
            return Ok(None);
        }
        let run = match known {
            Some(run) => run,
            None => job.train(self.folder, &self.results, |job, own| sweep::run(&self.config.name, job, own))?,
        };
        let score = run.main.get(&self.config.tasks[self.main].name).map(|main| main.dev);
        if first {
            self.budget.steps += run.steps;
            self.budget.seconds += run.seconds;
            self.counted.insert(digest);
            self.finished.push(run);
        }
        Ok(score)
    }
}

/// The main task with auxiliary tasks that are each drawn `weight` times for once that it is, until it has had the
/// experiment's steps; its dev score selects.
fn experiment(config: &Config, main: usize, auxiliary: &[usize], weight: f64, seed: u64) -> Config {
    let mut own = config.clone();
    let places = [main].into_iter().chain(auxiliary.iter().copied());
    own.tasks = places.map(|place| config.tasks[place].clone()).collect();
    own.tasks.iter_mut().enumerate().for_each(|(i, task)| task.weight = if i == 0 { 1.0 } else { weight });
    let names: Vec<&str> = own.tasks.iter().map(|task| task.name.as_str()).collect();
    own.name = format!("{}.{}@{weight}", config.name, names.join("+"));
    let longer = 1.0 + weight * auxiliary.len() as f64;
    for steps in [&mut own.training.steps, &mut own.training.evaluate_every] {
        *steps = (*steps as f64 * longer).ceil() as u64;
    }
    own.training.target = Some(own.tasks[0].key());
    own.training.mixing = Mixing::Uniform;
    own.seeds = vec![seed];
    own
}

fn print(advice: &Advice) {
    let cut = if advice.cut_short { ", ended by the budget" } else { "" };
    println!("{}: {} steps, {:.0} s{cut}", advice.main, advice.steps, advice.seconds);
    for finding in &advice.findings {
        let Finding { candidate, differences, helps, .. } = finding;
        let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
        let weight = if candidate.weight == 1.0 { String::new() } else { format!(" x {}", candidate.weight) };
        let name = format!("{}{weight}", candidate.auxiliary);
        println!(
            "  {name:<28} helps with probability {helps:.2} ({:+.2} points, {} seeds)",
            100.0 * mean,
            differences.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn options(config: PathBuf, output: &Path) -> Options {
        Options {
            config,
            data: None,
            main: vec!["names".into()],
            auxiliary: Vec::new(),
            weight: vec![1.0],
            fraction: 0.5,
            seeds: 1,
            minutes: None,
            steps: Some(150),
            truth: None,
            output: output.to_path_buf(),
        }
    }

    fn experiment_file(folder: &Path) -> PathBuf {
        let config = sweep::tests::config(folder);
        let path = folder.join("sweep.toml");
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        path
    }

    #[test]
    fn a_probe_ends_within_its_budget_and_again_the_same_without_training() {
        let _turn = fixture::turn();
        let folder = tempfile::tempdir().unwrap();
        let options = options(experiment_file(folder.path()), folder.path());
        probe(&options).unwrap();
        let path = folder.path().join("tiny.probe/probe.json");
        let report: Report = checkpoint::read_json(&path).unwrap();
        let advice = &report.advice[0];
        // Two arms in the first round, one in the second: 15 + 30 + 30 steps, then 15 + 30 of the next seed.
        assert_eq!((advice.steps, advice.cut_short), (120, false), "{report:?}");
        assert_eq!(advice.findings.iter().map(|f| f.differences.len()).sum::<usize>(), 3);
        let lines = folder.path().join("tiny.probe/results.jsonl");
        let before = std::fs::read_to_string(&lines).unwrap();
        probe(&options).unwrap();
        assert_eq!(checkpoint::read_json::<Report>(&path).unwrap(), report);
        assert_eq!(std::fs::read_to_string(&lines).unwrap(), before);
        probe(&Options { steps: Some(50), ..options }).unwrap();
        let report: Report = checkpoint::read_json(&path).unwrap();
        assert_eq!((report.advice[0].steps, report.advice[0].cut_short), (45, true));
    }

    #[test]
    fn weights_lengthen_a_run_so_that_the_main_task_has_as_many_steps() {
        let folder = tempfile::tempdir().unwrap();
        let config = sweep::tests::config(folder.path());
        let own = experiment(&config, 1, &[0, 2], 0.5, 4);
        assert_eq!((own.training.steps, own.training.evaluate_every), (60, 20));
        assert_eq!(own.tasks.iter().map(|t| t.weight).collect::<Vec<_>>(), [1.0, 0.5, 0.5]);
        assert_eq!((own.training.target.as_deref(), own.seeds.as_slice()), (Some("more/xx"), &[4][..]));
        let share = crate::sampler::probabilities(&own, &[10, 2_000, 9]);
        assert_eq!(share, [0.5, 0.25, 0.25]);
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = experiment_file(folder.path());
        let refused = |change: &dyn Fn(&mut Options)| {
            let mut options = options(path.clone(), folder.path());
            change(&mut options);
            probe(&options).unwrap_err().to_string()
        };
        assert!(refused(&|o| o.fraction = 0.0).contains("--fraction 0"));
        assert!(refused(&|o| o.seeds = 0).contains("--seeds"));
        assert!(refused(&|o| o.weight = vec![1.0, -1.0]).contains("--weight"));
        assert!(refused(&|o| o.minutes = Some(f64::NAN)).contains("--minutes"));
        assert!(refused(&|o| o.main = vec!["names+parts".into()]).contains("give one task"));
        assert!(refused(&|o| o.auxiliary = vec!["parts+names".into()]).contains("is the main task"));
        assert!(refused(&|o| o.auxiliary = vec!["x".into()]).contains("no task"));
    }
}
