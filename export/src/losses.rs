//! The log of training losses: a row every so many steps, each the mean since the row before.

use serde::{Deserialize, Serialize};

/// Rows, and the sums of the row to come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossLog {
    /// The step, and the mean loss of each task; none where a task was not drawn.
    pub rows: Vec<(u64, Vec<Option<f64>>)>,
    sums: Vec<(f64, u64)>,
}

impl LossLog {
    /// Adds the loss of `step`, which was one of `task` among `tasks`; nothing is logged where `every` is 0.
    pub fn add(&mut self, every: u64, step: u64, task: usize, tasks: usize, loss: f64) {
        if every == 0 {
            return;
        }
        self.sums.resize(tasks, (0.0, 0));
        self.sums[task].0 += loss;
        self.sums[task].1 += 1;
        if step.is_multiple_of(every) {
            let mean = |&(sum, count): &(f64, u64)| (count > 0).then(|| sum / count as f64);
            self.rows.push((step, self.sums.iter().map(mean).collect()));
            self.sums.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_mean_since_the_row_before() {
        let mut log = LossLog::default();
        for (step, (task, loss)) in (1..).zip([(0, 1.0), (1, 4.0), (0, 3.0), (0, 5.0), (0, 7.0), (0, 0.0), (1, 9.0)]) {
            log.add(3, step, task, 2, loss);
        }
        assert_eq!(log.rows, [(3, vec![Some(2.0), Some(4.0)]), (6, vec![Some(4.0), None])]);
        log.add(0, 9, 0, 2, 1.0);
        assert_eq!(log.rows.len(), 2);
    }
}
