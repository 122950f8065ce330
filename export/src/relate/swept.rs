//! A study of our own: what a sweep measured.

use super::curve::Curve;
use super::study::{Gains, Study, Task};
use crate::Result;
use crate::error::fail;
use crate::sweep::{Finished, paired, tasks};

/// Slopes are those of a line over this part of the curve each way: a single difference is mostly noise.
const WINDOW: f64 = 0.05;

/// Gains of mean test scores over seeds; curves are means over seeds too.
pub fn study(finished: &[Finished]) -> Result<Study> {
    let names = tasks(finished);
    let mut study = Study { tasks: Vec::new(), pairs: Vec::new(), gains: Vec::new(), paper_c: Vec::new() };
    for name in &names {
        study.tasks.push(task(finished, name)?);
    }
    let mut percent = Vec::new();
    for (m, main) in names.iter().enumerate() {
        for (a, aux) in names.iter().enumerate().filter(|&(a, _)| a != m) {
            let Some(found) = paired(finished, main, aux, |m| m.test) else { continue };
            let nothing =
                || fail(format!("{main} scores 0 alone: no gain can be told")).remedy("train longer, or leave it out");
            percent.push(found.gain().ok_or_else(nothing)?);
            study.pairs.push((m, a));
        }
    }
    let gains = percent.iter().filter(|&&gain| gain > 0.0).count();
    if gains == 0 || gains == percent.len() {
        return Err(fail(format!("{} pairs, of which {gains} gain: there is nothing to tell apart", percent.len())));
    }
    study.gains.push(Gains { name: "of mean test scores".into(), percent });
    Ok(study)
}

fn task(finished: &[Finished], name: &str) -> Result<Task> {
    let runs: Vec<&Finished> = finished.iter().filter(|run| run.tasks == [name]).collect();
    let data = runs.iter().find_map(|run| run.data);
    let rows = runs.iter().map(|run| run.losses.len()).min().unwrap_or(0);
    let (Some(data), true) = (data, rows > 1) else {
        return Err(
            fail(format!("the runs of {name} alone have no losses")).remedy("set [training] log_every in the sweep")
        );
    };
    let mean = |row: usize| {
        let losses = runs.iter().map(|run| run.losses[row].1).sum::<f64>();
        (runs[0].losses[row].0 as f64, losses / runs.len() as f64)
    };
    let curve: Curve = (0..rows).map(mean).collect();
    Ok(Task::new(name, &data, &curve, (WINDOW * rows as f64).ceil() as usize, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::finished;

    #[test]
    fn gains_and_curves_are_of_all_seeds() {
        let runs = [
            finished(&[("a", 0.4)], 1),
            finished(&[("a", 0.6)], 2),
            finished(&[("bb", 0.8)], 1),
            finished(&[("a", 0.6), ("bb", 0.4)], 1),
            finished(&[("a", 0.6), ("bb", 0.4)], 2),
        ];
        let study = study(&runs).unwrap();
        assert_eq!((study.pairs.clone(), study.tasks.len()), (vec![(0, 1), (1, 0)], 2));
        let percent = &study.gains[0].percent;
        assert!((percent[0] - 20.0).abs() < 1e-9 && (percent[1] + 50.0).abs() < 1e-9, "{percent:?}");
        assert_eq!(study.tasks[1].quantities[0], 12.0);
        // Losses are 3 / (s + seed): steeper early than late.
        assert!(study.tasks[0].quantities[7] < study.tasks[0].quantities[11]);
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let error = |runs: &[Finished]| study(runs).unwrap_err().to_string();
        let nothing = [finished(&[("a", 0.0)], 1), finished(&[("b", 0.5)], 1), finished(&[("a", 0.6), ("b", 0.4)], 1)];
        assert!(error(&nothing).contains("scores 0 alone"));
        let all = [finished(&[("a", 0.1)], 1), finished(&[("b", 0.1)], 1), finished(&[("a", 0.6), ("b", 0.4)], 1)];
        assert!(error(&all).contains("2 pairs, of which 2 gain"));
        let mut silent = all.clone();
        silent[0].losses.clear();
        assert!(error(&silent).contains("log_every"));
    }
}
