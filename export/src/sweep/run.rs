//! One run of a sweep, in this process.

use super::corpus::{self, DataQuantities};
use super::results::{Finished, Main};
use crate::Result;
use crate::jobs::{Job, tenths};
use crate::train::{Run, RunResult};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Trains a job, or goes on from its checkpoint in `folder`.
pub fn run(sweep: &str, job: &Job, folder: &Path) -> Result<Finished> {
    let seed = job.seed();
    let clock = Instant::now();
    let mut run = Run::new(job.config.clone(), seed, folder)?;
    let result = run.train(|_| crate::INTERRUPTED.load(Ordering::Relaxed))?;
    let alone = run.config.tasks.len() == 1;
    let losses = run.losses.rows.iter().filter_map(|(step, losses)| Some((*step, round(losses[0]?))));
    Ok(Finished {
        sweep: sweep.to_string(),
        digest: job.digest(),
        tasks: run.config.tasks.iter().map(|t| t.name.clone()).collect(),
        seed,
        steps: result.steps,
        selected_step: result.selected_step,
        seconds: tenths(clock.elapsed().as_secs_f64()),
        main: main_scores(&run, &result),
        test: by_name(&run, result.test.clone()),
        data: alone.then(|| describe(&run)),
        losses: if alone { losses.collect() } else { Vec::new() },
    })
}

fn by_name<T>(run: &Run, mut scores: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let tasks = run.config.tasks.iter();
    tasks.filter_map(|task| Some((task.name.clone(), scores.remove(&task.key())?))).collect()
}

fn main_scores(run: &Run, result: &RunResult) -> BTreeMap<String, Main> {
    let main = |t: &crate::config::TaskSettings| {
        let score = |set: &BTreeMap<String, crate::train::Scores>| set.get(&t.key()).map_or(0.0, |s| s.main(t.scheme));
        (t.name.clone(), Main { dev: score(&result.dev), test: score(&result.test) })
    };
    run.config.tasks.iter().map(main).collect()
}

fn describe(run: &Run) -> DataQuantities {
    let data = &run.data[0];
    // Sentences and their encodings go side by side: a token is known where its row came from a vector.
    let tokens =
        data.train.iter().zip(run.training(0)).flat_map(|(gold, encoded)| gold.tokens.iter().zip(&encoded.words));
    let has_vector = |entry: u32| run.lexicon.has_vector[run.lexicon.entries[entry as usize].features.row as usize];
    let known: HashSet<&str> = tokens.filter(|&(_, &e)| has_vector(e)).map(|(token, _)| token.as_str()).collect();
    corpus::describe(&data.train, &data.test, |token| known.contains(token))
}

fn round(loss: f64) -> f64 {
    (1e5 * loss).round() / 1e5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::sweep::plan::{Item, tests::config};

    #[test]
    fn a_run_has_all_that_relate_needs() {
        let _turn = fixture::turn();
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let lines = [vec![0], vec![0, 2]]
            .map(|tasks| Item { tasks, seed: 7 }.job(&config))
            .map(|job| run("a sweep", &job, &job.folder(folder.path())).unwrap());
        let [alone, pair] = &lines;
        assert_eq!((alone.steps, pair.steps, pair.tasks.len()), (30, 60, 2));
        assert_eq!(alone.losses.iter().map(|l| l.0).collect::<Vec<_>>(), [5, 10, 15, 20, 25, 30]);
        assert!(alone.losses[5].1 < alone.losses[0].1, "{:?}", alone.losses);
        let data = alone.data.unwrap();
        assert_eq!((data.size, data.oov_percent), (120.0, 100.0), "there are no vectors");
        assert!(pair.data.is_none() && pair.losses.is_empty());
        assert_eq!(pair.main["parts"].test, pair.test["parts"].accuracy);
        assert_eq!(pair.main["names"].test, pair.test["names"].f1);
    }
}
