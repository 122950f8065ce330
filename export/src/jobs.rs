//! Many runs by one command: planned, trained some at a time, each finished one a line of `results.jsonl`.

use crate::Result;
use crate::checkpoint;
use crate::config::{Config, Export};
use crate::error::fail;
use indicatif::{ProgressBar, ProgressStyle};
use libmtl::Error;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::VecDeque;
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// What commands of many runs have in common.
#[derive(clap::Args)]
pub struct Options {
    /// The experiment file (TOML)
    pub config: PathBuf,
    /// What $DATA stands for in the experiment file
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Train these seeds instead of the file's
    #[arg(long)]
    pub seed: Vec<u64>,
    /// Train these runs alone, called as in the progress bar
    #[arg(long)]
    pub set: Vec<String>,
    /// Runs at a time, each in a process of its own
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Folder for the runs
    #[arg(long, default_value = "runs")]
    pub output: PathBuf,
}

impl Options {
    /// The experiment, and the seeds to train.
    pub fn read(&self) -> Result<(Config, Vec<u64>)> {
        if self.jobs == 0 {
            return Err(fail("--jobs 0: give at least 1"));
        }
        let config = Config::read(&self.config, self.data.as_deref())?;
        let seeds = if self.seed.is_empty() { config.seeds.clone() } else { self.seed.clone() };
        Ok((config, seeds))
    }
}

/// A run to train: its experiment has one seed.
#[derive(Debug, Clone)]
pub struct Job {
    /// What `--set` calls it.
    pub name: String,
    /// Its experiment.
    pub config: Config,
}

impl Job {
    /// The seed.
    pub fn seed(&self) -> u64 {
        self.config.seeds[0]
    }

    /// What makes its result what it is: its name and what a bundle would say are left out.
    pub fn digest(&self) -> String {
        let mut config = self.config.clone();
        config.name.clear();
        config.export = Export::default();
        checkpoint::digest(&config)
    }

    /// Where it keeps checkpoints while it is trained.
    pub fn folder(&self, experiment: &Path) -> PathBuf {
        experiment.join(format!("{}.seed-{}", self.config.name, self.seed()))
    }

    /// Trains it by `train`, or goes on from its checkpoint; stores its line and deletes its parameters.
    pub fn train<L: Line>(
        &self,
        experiment: &Path,
        results: &Results<L>,
        train: impl Fn(&Self, &Path) -> Result<L>,
    ) -> Result<L> {
        let folder = self.folder(experiment);
        let line = train(self, &folder)?;
        results.add(&line)?;
        match std::fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(folder.display(), e)),
            _ => Ok(line),
        }
    }
}

/// `seconds` to a tenth.
pub fn tenths(seconds: f64) -> f64 {
    (10.0 * seconds).round() / 10.0
}

/// A finished run, as it is stored.
pub trait Line: Serialize + DeserializeOwned {
    /// The name of its job.
    fn name(&self) -> String;
    /// The seed.
    fn seed(&self) -> u64;
    /// Digest of the run's settings.
    fn digest(&self) -> &str;
}

/// The file of the results of finished runs.
pub struct Results<L> {
    path: PathBuf,
    lines: PhantomData<L>,
}

impl<L: Line> Results<L> {
    /// In the experiment's folder.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("results.jsonl"), lines: PhantomData }
    }

    /// All lines; none where there is no file yet.
    pub fn read(&self) -> Result<Vec<L>> {
        read(&self.path).or_else(|e| if self.path.exists() { Err(e) } else { Ok(Vec::new()) })
    }

    /// The line of `job` if it is there; one of other settings is an error.
    pub fn find<'a>(&self, all: &'a [L], job: &Job) -> Result<Option<&'a L>> {
        let Some(found) = all.iter().find(|line| line.seed() == job.seed() && line.name() == job.name) else {
            return Ok(None);
        };
        if found.digest() != job.digest() {
            return Err(fail(format!("{}, seed {}, was trained with other settings", job.name, job.seed()))
                .at(self.path.display())
                .remedy("choose another --output, or delete its line"));
        }
        Ok(Some(found))
    }

    /// Adds a line by one write, so that processes may share the file. A line that an end of the machine cut short becomes a
    /// line of its own, which `read` then names.
    pub fn add(&self, finished: &L) -> Result<()> {
        let mut line = serde_json::to_string(finished).map_err(|e| fail(e.to_string()))?;
        line.push('\n');
        if std::fs::read(&self.path).is_ok_and(|bytes| !bytes.is_empty() && !bytes.ends_with(b"\n")) {
            line.insert(0, '\n');
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|e| Error::io(self.path.display(), e))
    }
}

/// The lines of a results file. What follows the last line's end is not one yet: another process may be writing it.
pub fn read<L: Line>(path: &Path) -> Result<Vec<L>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            let remedy = "delete the line; the same command trains its run again";
            fail(format!("not the line of a run: {e}"))
                .at(format!("{}: line {}", path.display(), number + 1))
                .remedy(remedy)
        })
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().enumerate().filter(|(_, text)| !text.is_empty()).map(line).collect()
}

/// Trains those of `jobs` that `folder` has no line of: here by `train`, which gets a folder for checkpoints, or by processes of
/// `subcommand`. All lines that are there then.
pub fn finish<L: Line>(
    subcommand: &str,
    options: &Options,
    jobs: &[Job],
    folder: &Path,
    train: impl Fn(&Job, &Path) -> Result<L>,
) -> Result<Vec<L>> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder.display(), e))?;
    let results = Results::<L>::new(folder);
    let finished = results.read()?;
    let mut open = VecDeque::new();
    for job in jobs {
        if results.find(&finished, job)?.is_none() {
            open.push_back(job);
        }
    }
    let bar = bar(jobs.len(), jobs.len() - open.len());
    if options.jobs == 1 {
        for job in open {
            bar.set_message(format!("{} seed {}", job.name, job.seed()));
            job.train(folder, &results, &train)?;
            bar.inc(1);
        }
    } else {
        processes(subcommand, options, open, &bar)?;
    }
    bar.finish();
    results.read()
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

/// One process a run, `--jobs` at a time: libtorch's random numbers and threads belong to a process. Ctrl-C reaches them too;
/// they save checkpoints, from which the same command goes on.
fn processes(subcommand: &str, options: &Options, open: VecDeque<&Job>, bar: &ProgressBar) -> Result<()> {
    let queue = Mutex::new(open);
    let next = || {
        let stop = crate::INTERRUPTED.load(Ordering::Relaxed);
        if stop { None } else { queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front() }
    };
    let worker = || -> Result<()> {
        while let Some(job) = next() {
            bar.set_message(format!("{} seed {}", job.name, job.seed()));
            child(subcommand, options, job)?;
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
fn child(subcommand: &str, options: &Options, job: &Job) -> Result<()> {
    let program = std::env::current_exe().map_err(|e| Error::io("this program", e))?;
    let mut command = Command::new(&program);
    command.arg(subcommand).arg(&options.config).arg("--output").arg(&options.output);
    command.args(["--jobs", "1", "--set", &job.name, "--seed", &job.seed().to_string()]);
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
    Err(fail(format!("{}, seed {}: {}: {last}", job.name, job.seed(), output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Plain {
        run: String,
        digest: String,
    }

    impl Line for Plain {
        fn name(&self) -> String {
            self.run.clone()
        }

        fn seed(&self) -> u64 {
            1
        }

        fn digest(&self) -> &str {
            &self.digest
        }
    }

    fn line(run: &str, digest: &str) -> Plain {
        Plain { run: run.into(), digest: digest.into() }
    }

    #[test]
    fn lines_are_added_and_read_and_a_cut_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::<Plain>::new(folder.path());
        assert!(results.read().unwrap().is_empty());
        let lines = [line("a", "0"), line("a+b", "1")];
        lines.iter().for_each(|line| results.add(line).unwrap());
        assert_eq!(results.read().unwrap(), lines);
        let path = folder.path().join("results.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        assert_eq!(results.read().unwrap(), lines[..1], "it may still be written");
        results.add(&lines[0]).unwrap();
        let error = results.read().unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("delete the line"), "{error}");
    }

    #[test]
    fn a_run_is_trained_once_and_one_of_other_settings_is_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = fixture::config(folder.path());
        let jobs = ["a", "b"].map(|name| Job { name: name.into(), config: config.clone() });
        let options = Options {
            config: PathBuf::new(),
            data: None,
            seed: Vec::new(),
            set: Vec::new(),
            jobs: 1,
            output: folder.path().to_path_buf(),
        };
        let trained = std::cell::RefCell::new(Vec::new());
        let finish = |jobs: &[Job]| {
            finish("none", &options, jobs, folder.path(), |job, own| {
                std::fs::create_dir(own).unwrap();
                trained.borrow_mut().push(job.name.clone());
                Ok(line(&job.name, &job.digest()))
            })
        };
        assert_eq!(finish(&jobs[..1]).unwrap().len(), 1);
        assert_eq!(finish(&jobs).unwrap().len(), 2);
        assert_eq!(*trained.borrow(), ["a", "b"]);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count(),
            0
        );
        let mut other = jobs[0].clone();
        other.config.name = "renamed".into();
        assert_eq!(finish(&[other.clone()]).unwrap().len(), 2, "a name is no setting");
        other.config.training.steps += 1;
        let error = finish(&[other]).unwrap_err().to_string();
        assert!(error.contains("other settings") && error.contains("--output"), "{error}");
        assert_eq!(trained.borrow().len(), 2);
    }
}
