//! A probe's decisions beside what a whole sweep measured.

use super::Advice;
use crate::sweep::{Finished, paired};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Over all main tasks and the auxiliary tasks that the sweep has with them; a probability above a half says "helps".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Pairs of a main and an auxiliary task.
    pub pairs: usize,
    /// How many of them gain on test in the sweep.
    pub gain: usize,
    /// How many the probe is right about.
    pub right: usize,
    /// How many one answer for all would be right about.
    pub constant: usize,
    /// Pairs with a probability of at least 0.9 or at most 0.1.
    pub sure: usize,
    /// How many of those the probe is right about.
    pub sure_right: usize,
    /// Mean gain, in percent, of the likeliest auxiliary task of each main task.
    pub chosen: f64,
    /// Mean gain of all of them.
    pub average: f64,
    /// Mean gain of the best auxiliary task of each main task.
    pub best: f64,
    /// Steps of the probe.
    pub steps: u64,
    /// Steps of the sweep's runs with those main tasks.
    pub sweep_steps: u64,
}

/// Of one main task: by auxiliary task, the probability that it helps, and the gain that the sweep measured.
type Row = Vec<(f64, f64)>;

/// None where the sweep has none of the pairs.
pub fn compare(advice: &[Advice], sweep: &[Finished]) -> Option<Comparison> {
    let mut rows: Vec<Row> = Vec::new();
    for advice in advice {
        let gain = |aux: &str| paired(sweep, &advice.main, aux, |m| m.test).and_then(|p| p.gain());
        let tried = advice.findings.iter().filter(|f| f.candidate.weight == 1.0 && !f.differences.is_empty());
        let row: Row = tried.filter_map(|f| Some((f.helps, gain(&f.candidate.auxiliary)?))).collect();
        rows.extend((!row.is_empty()).then_some(row));
    }
    let all: Row = rows.iter().flatten().copied().collect();
    let count = |wanted: &dyn Fn(f64, f64) -> bool| all.iter().filter(|&&(helps, gain)| wanted(helps, gain)).count();
    let right = |helps: f64, gain: f64| (helps > 0.5) == (gain > 0.0);
    let sure = |helps: f64| (helps - 0.5).abs() >= 0.4;
    let gain = count(&|_, gain| gain > 0.0);
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
    (!all.is_empty()).then(|| Comparison {
        pairs: all.len(),
        gain,
        right: count(&right),
        constant: gain.max(all.len() - gain),
        sure: count(&|helps, _| sure(helps)),
        sure_right: count(&|helps, gain| sure(helps) && right(helps, gain)),
        chosen: mean(|row| row.iter().fold((0.0, 0.0), |best, &new| if new.0 > best.0 { new } else { best }).1),
        average: mean(|row| row.iter().map(|r| r.1).sum::<f64>() / row.len() as f64),
        best: mean(|row| row.iter().map(|r| r.1).fold(f64::MIN, f64::max)),
        steps: advice.iter().map(|a| a.steps).sum(),
        sweep_steps: sweep
            .iter()
            .filter(|run| advice.iter().any(|a| run.tasks.contains(&a.main)))
            .map(|r| r.steps)
            .sum(),
    })
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { pairs, gain, right, constant, sure, sure_right, chosen, average, best, steps, sweep_steps } = self;
        let cost = 100.0 * *steps as f64 / (*sweep_steps).max(1) as f64;
        writeln!(f, "beside the sweep: {pairs} pairs, of which {gain} gain on test")?;
        writeln!(
            f,
            "  right about {right}; one answer for all would be about {constant}; of {sure} sure ones {sure_right}"
        )?;
        writeln!(
            f,
            "  mean gain of the likeliest help {chosen:+.1} %, of all {average:+.1} %, of the best {best:+.1} %"
        )?;
        write!(f, "  cost: {steps} steps, {cost:.0} % of the sweep's {sweep_steps}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Candidate, Finding};
    use crate::sweep::finished;

    #[test]
    fn decisions_and_costs_are_counted() {
        let finding = |auxiliary: &str, weight: f64, helps: f64| Finding {
            candidate: Candidate { auxiliary: auxiliary.into(), weight, tasks: Vec::new() },
            differences: vec![0.1],
            rounds: 1,
            helps,
        };
        let findings =
            vec![finding("b", 1.0, 0.95), finding("b", 0.5, 0.9), finding("c", 1.0, 0.6), finding("d", 1.0, 0.1)];
        let advice = Advice { main: "a".into(), steps: 60, seconds: 1.0, cut_short: false, findings };
        let sweep = [
            finished(&[("a", 0.5)], 1),
            finished(&[("b", 0.5)], 1),
            finished(&[("a", 0.55), ("b", 0.5)], 1),
            finished(&[("a", 0.4), ("c", 0.5)], 1),
            finished(&[("b", 0.4), ("c", 0.5)], 1),
        ];
        let found = compare(std::slice::from_ref(&advice), &sweep).unwrap();
        assert_eq!((found.pairs, found.gain, found.right, found.constant), (2, 1, 1, 1));
        assert_eq!((found.sure, found.sure_right), (1, 1));
        assert!((found.chosen - 10.0).abs() < 1e-9 && (found.average + 5.0).abs() < 1e-9);
        assert!((found.best - 10.0).abs() < 1e-9);
        assert_eq!((found.steps, found.sweep_steps), (60, 40 + 80 + 80));
        assert!(found.to_string().contains("30 % of the sweep's 200"), "{found}");
        assert!(compare(&[advice], &sweep[..2]).is_none());
    }
}
