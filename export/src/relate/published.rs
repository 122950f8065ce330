//! The logs that Bingel & Søgaard (2017) published: a folder a run, `chunking` or `ccg_chunking`, of which each has
//! `loss_tr.log` and `loss_dv.log`; and what their Table 1 says of the data, which they did not publish.

use super::curve::Curve;
use super::study::{Gains, Study, Task};
use crate::Result;
use crate::error::fail;
use crate::sweep::DataQuantities;
use libmtl::Error;
use std::path::Path;

/// Their Table 1. Its divergence was computed wrongly (training words against labels); nothing better is to be had.
const TABLE: &str = include_str!("../../data/task-relations.tsv");
/// Their fit reads as many rows of a log, which is a row for 10 steps.
const FITTED_ROWS: usize = 5_000;

/// Reads the logs in `folder`. The readings of gains: a joint run's last score against the single run's at half as many
/// steps (theirs); both at half of that (the steps that the paper names); and against each single run's own last score, as
/// in Table 1.
pub fn read(folder: &Path) -> Result<Study> {
    let known = table(TABLE)?;
    let names: Vec<&str> = known.iter().map(|(name, ..)| name.as_str()).collect();
    let (mut tasks, mut alone) = (Vec::new(), Vec::new());
    for (name, data, _) in &known {
        let curve: Curve = rows(&folder.join(name).join("loss_tr.log"))?.iter().map(|r| (r.step, r.loss)).collect();
        tasks.push(Task::new(name, data, &curve, 1, FITTED_ROWS));
        alone.push(Scores::read(folder, name)?);
    }
    let (mut pairs, mut joint) = (Vec::new(), Vec::new());
    for a in 0..names.len() {
        for b in a + 1..names.len() {
            let [one, other] = [(a, b), (b, a)].map(|(a, b)| format!("{}_{}", names[a], names[b]));
            let scores = Scores::read(folder, if folder.join(&one).is_dir() { &one } else { &other })?;
            pairs.extend([(a, b), (b, a)]);
            joint.extend([scores.clone(), scores]);
        }
    }
    let last = joint.iter().map(Scores::last_step).fold(f64::MAX, f64::min);
    let gains = |name: &str, steps: f64, single: &dyn Fn(&Scores) -> f64| -> Result<Gains> {
        let gain = |(&(main, _), scores): (&(usize, usize), &Scores)| {
            let single = alone[main].at(names[main], single(&alone[main]))?;
            Ok(100.0 * (scores.at(names[main], steps)? / single - 1.0))
        };
        Ok(Gains { name: name.into(), percent: pairs.iter().zip(&joint).map(gain).collect::<Result<_>>()? })
    };
    let gains = vec![
        gains("as published", last, &|_| last / 2.0)?,
        gains("at the steps that the paper names", last / 2.0, &|_| last / 4.0)?,
        gains("against the last step of single runs", last, &Scores::last_step)?,
    ];
    Ok(Study { tasks, pairs, gains, paper_c: known.iter().map(|(.., c)| *c).collect() })
}

/// Tasks by name, tab-separated, and the c of their learning curves; lines that begin with `#` are comments.
fn table(text: &str) -> Result<Vec<(String, DataQuantities, f64)>> {
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap_or_default().to_string();
        let numbers: Vec<f64> = fields.filter_map(|f| f.parse().ok()).collect();
        let [size, labels, tokens_per_type, oov_percent, label_entropy, frobenius, divergence, c] = numbers[..] else {
            return Err(fail(format!("table 1: not a name and eight numbers: {line}")));
        };
        let data = DataQuantities { size, labels, tokens_per_type, oov_percent, label_entropy, frobenius, divergence };
        Ok((name, data, c))
    };
    text.lines().filter(|l| !l.starts_with('#')).map(line).collect()
}

/// `Iter 100, task ccg, loss 6.79, acc 0.21629, f1 0.21633, p 0.21629, r 0.21638`, of which training logs end at the loss.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    step: f64,
    task: String,
    loss: f64,
    f1: Option<f64>,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = line.split(", ").filter_map(|field| field.split_once(' ')).collect();
        let of = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value.trim());
        let number = |name: &str| of(name).and_then(|value| value.parse::<f64>().ok()).filter(|v| v.is_finite());
        Some(Self { step: number("Iter")?, task: of("task")?.to_string(), loss: number("loss")?, f1: number("f1") })
    }
}

fn rows(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::io(path.display(), e).remedy("--published is the folder of their logs, a folder for each run")
    })?;
    let row = |(number, line): (usize, &str)| {
        let malformed =
            || fail(format!("not a row of a log: {line}")).at(format!("{}: line {}", path.display(), number + 1));
        Row::parse(line).ok_or_else(malformed)
    };
    text.lines().enumerate().map(row).collect()
}

/// F1 over the steps of a run, by task.
#[derive(Debug, Clone)]
struct Scores {
    run: String,
    rows: Vec<(f64, String, f64)>,
}

impl Scores {
    fn read(folder: &Path, run: &str) -> Result<Self> {
        let rows = rows(&folder.join(run).join("loss_dv.log"))?;
        let rows: Vec<_> = rows.into_iter().filter_map(|row| Some((row.step, row.task, row.f1?))).collect();
        if rows.is_empty() {
            return Err(fail(format!("the log of {run} has no F1")).at(folder.join(run).join("loss_dv.log").display()));
        }
        Ok(Self { run: run.into(), rows })
    }

    fn last_step(&self) -> f64 {
        self.rows.iter().map(|row| row.0).fold(0.0, f64::max)
    }

    fn at(&self, task: &str, step: f64) -> Result<f64> {
        let found = self.rows.iter().rev().find(|row| row.0 == step && row.1 == task);
        found
            .map(|row| row.2)
            .ok_or_else(|| fail(format!("the log of {} has no score of {task} at step {step}", self.run)))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::fmt::Write;

    /// Made-up logs of all ten tasks: a task's F1 is 0.5 alone (0.25 at half the steps, 0.6 at twice), and with another
    /// it is 0.55 where the main task's name is the longer one, else 0.4.
    pub fn logs(folder: &Path) {
        let names: Vec<String> = table(TABLE).unwrap().into_iter().map(|(name, ..)| name).collect();
        let write = |run: &str, of: &[(&String, [f64; 3])], steps: [u32; 3]| {
            let path = folder.join(run);
            std::fs::create_dir_all(&path).unwrap();
            let (mut train, mut dev) = (String::new(), String::new());
            for step in (10..=400).step_by(10) {
                for (task, _) in of {
                    let loss = 3.0 - 0.3 * f64::from(step + task.len() as u32).ln();
                    let _ = writeln!(train, "Iter {step}, task {task}, loss {loss}");
                }
            }
            for (at, step) in steps.into_iter().enumerate() {
                for (task, scores) in of {
                    let _ =
                        writeln!(dev, "Iter {step}, task {task}, loss 1.0, acc 0.5, f1 {}, p 0.5, r 0.5", scores[at]);
                }
            }
            std::fs::write(path.join("loss_tr.log"), train).unwrap();
            std::fs::write(path.join("loss_dv.log"), dev).unwrap();
        };
        for (i, a) in names.iter().enumerate() {
            write(a, &[(a, [0.25, 0.5, 0.6])], [100, 200, 400]);
            for b in &names[i + 1..] {
                let score = |main: &String, aux: &String| if main.len() > aux.len() { 0.55 } else { 0.4 };
                let of = [(b, [0.1, 0.3, score(b, a)]), (a, [0.1, 0.3, score(a, b)])];
                write(&format!("{a}_{b}"), &of, [100, 200, 400]);
            }
        }
    }

    #[test]
    fn gains_are_read_at_the_steps_that_each_reading_names() {
        let folder = tempfile::tempdir().unwrap();
        logs(folder.path());
        let study = read(folder.path()).unwrap();
        assert_eq!((study.tasks.len(), study.pairs.len(), study.gains.len()), (10, 90, 3));
        let name = |task: usize| study.tasks[task].name.as_str();
        for (place, &(main, aux)) in study.pairs.iter().enumerate() {
            let longer = name(main).len() > name(aux).len();
            let expected =
                [if longer { 10.0 } else { -20.0 }, 20.0, 100.0 * (if longer { 0.55 } else { 0.4 } / 0.6 - 1.0)];
            for (gains, expected) in study.gains.iter().zip(expected) {
                assert!((gains.percent[place] - expected).abs() < 1e-9, "{} {}", name(main), name(aux));
            }
        }
        let chunking = &study.tasks[1];
        assert_eq!((chunking.name.as_str(), chunking.quantities[0]), ("chunking", 8936.0));
        assert!((chunking.fit.slope + 0.3).abs() < 1e-6 && (chunking.fit.offset - 8.0).abs() < 1e-2);
    }

    #[test]
    fn logs_that_are_not_there_or_not_logs_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("ccg") && error.contains("--published"), "{error}");
        logs(folder.path());
        let path = folder.path().join("com_mwe").join("loss_dv.log");
        std::fs::write(&path, "Iter 400, task com, loss 1.0, acc 0.5, f1 0.5\nIter ?\n").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("com_mwe") && error.contains("line 2"), "{error}");
        std::fs::write(&path, "Iter 400, task com, loss 1.0, acc 0.5, f1 0.5\n").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("com_mwe has no score of mwe"), "{error}");
        assert!(table("ccg\t1\t2\n").unwrap_err().to_string().contains("eight numbers"));
    }
}
