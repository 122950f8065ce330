//! `results.jsonl`: a line for each run that is finished.

use super::corpus::DataQuantities;
use super::plan::Item;
use crate::Result;
use crate::config::Config;
use crate::error::fail;
use crate::train::Scores;
use libmtl::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// Name of the sweep.
    pub sweep: String,
    /// Digest of the run's settings.
    pub digest: String,
    /// Names of the tasks that were trained together.
    pub tasks: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Steps trained.
    pub steps: u64,
    /// The step that dev selected.
    pub selected_step: u64,
    /// How long it took, reading included.
    pub seconds: f64,
    /// What selects, and of which gains are: F1 of spans or accuracy of plain labels, by task.
    pub main: BTreeMap<String, Main>,
    /// All scores on test, by task.
    pub test: BTreeMap<String, Scores>,
    /// Of a task trained alone: what its data are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataQuantities>,
    /// Of a task trained alone: step and mean training loss since the row before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<(u64, f64)>,
}

/// A task's main score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Main {
    /// On dev, at the selected step.
    pub dev: f64,
    /// On test, at the selected step.
    pub test: f64,
}

/// The file of a sweep's results.
pub struct Results {
    path: PathBuf,
}

impl Results {
    /// In the sweep's folder.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("results.jsonl") }
    }

    /// All lines; none where there is no file yet.
    pub fn read(&self) -> Result<Vec<Finished>> {
        read(&self.path).or_else(|e| if self.path.exists() { Err(e) } else { Ok(Vec::new()) })
    }

    /// The line of `item` if it is there; one of other settings is an error.
    pub fn find<'a>(&self, all: &'a [Finished], item: &Item, config: &Config) -> Result<Option<&'a Finished>> {
        let name = item.name(config);
        let Some(found) = all.iter().find(|f| f.seed == item.seed && f.tasks.join("+") == name) else {
            return Ok(None);
        };
        if found.digest != item.digest(config) {
            return Err(fail(format!("{name}, seed {}, was trained with other settings", item.seed))
                .at(self.path.display())
                .remedy("choose another --output, or delete its line"));
        }
        Ok(Some(found))
    }

    /// Adds a line by one write, so that processes may share the file. A line that an end of the machine cut short becomes a
    /// line of its own, which `read` then names.
    pub fn add(&self, finished: &Finished) -> Result<()> {
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
pub fn read(path: &Path) -> Result<Vec<Finished>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            let remedy = "delete the line; the sweep trains its run again";
            fail(format!("not the line of a run: {e}"))
                .at(format!("{}: line {}", path.display(), number + 1))
                .remedy(remedy)
        })
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().enumerate().filter(|(_, text)| !text.is_empty()).map(line).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A made-up run of `tasks` with these test scores.
    pub fn finished(tasks: &[(&str, f64)], seed: u64) -> Finished {
        let scores = |&(name, test): &(&str, f64)| (name.to_string(), Main { dev: test / 2.0, test });
        let data = DataQuantities {
            size: 10.0 + tasks[0].0.len() as f64,
            labels: 3.0,
            tokens_per_type: 2.0,
            oov_percent: 1.0,
            label_entropy: 0.5,
            frobenius: 30.0,
            divergence: 0.2,
        };
        let alone = tasks.len() == 1;
        Finished {
            sweep: "made-up".into(),
            digest: "0".into(),
            tasks: tasks.iter().map(|(name, _)| (*name).to_string()).collect(),
            seed,
            steps: 40 * tasks.len() as u64,
            selected_step: 40,
            seconds: 1.0,
            main: tasks.iter().map(scores).collect(),
            test: BTreeMap::new(),
            data: alone.then_some(data),
            losses: if alone { (1..=40).map(|s| (10 * s, 3.0 / (s + seed) as f64)).collect() } else { Vec::new() },
        }
    }

    #[test]
    fn lines_are_added_and_read_and_a_cut_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path());
        assert!(results.read().unwrap().is_empty());
        let lines = [finished(&[("a", 0.5)], 1), finished(&[("a", 0.6), ("b", 0.7)], 2)];
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
    fn a_run_of_other_settings_is_not_taken_for_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let config = super::super::plan::tests::config(folder.path());
        let item = Item { tasks: vec![0], seed: 1 };
        let results = Results::new(folder.path());
        let mut line = finished(&[("names", 0.5)], 1);
        assert!(results.find(&[line.clone()], &Item { tasks: vec![1], seed: 1 }, &config).unwrap().is_none());
        let error = results.find(&[line.clone()], &item, &config).unwrap_err().to_string();
        assert!(error.contains("other settings") && error.contains("--output"), "{error}");
        line.digest = item.digest(&config);
        assert_eq!(results.find(&[line.clone()], &item, &config).unwrap(), Some(&line));
    }
}
