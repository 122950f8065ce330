//! Tasks with what is known of each, and which auxiliary task helped which main task.

use super::curve::{self, Curve, Fit};
use crate::sweep::DataQuantities;
use serde::{Deserialize, Serialize};

/// What a task is described by (Bingel & Søgaard 2017, Table 2): seven of the data, seven of the learning curve.
pub const QUANTITIES: [&str; 14] = [
    "size",
    "labels",
    "tokens_per_type",
    "oov_percent",
    "label_entropy",
    "frobenius",
    "divergence",
    "slope_10",
    "slope_20",
    "slope_30",
    "slope_50",
    "slope_70",
    "curve_slope",
    "curve_offset",
];
/// How many of them are of the data.
pub const OF_DATA: usize = 7;

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// In the order of [`QUANTITIES`].
    pub quantities: [f64; 14],
    /// The logarithm that fits its learning curve.
    pub fit: Fit,
}

impl Task {
    /// From its data and the losses of its single-task training; slopes over `window` rows each way, the fit over the
    /// first `rows` rows.
    pub fn new(name: &str, data: &DataQuantities, curve: &Curve, window: usize, rows: usize) -> Self {
        let fit = Fit::of(curve, rows);
        let d = data;
        let slopes = curve::PLACES.map(|place| curve::slope_at(curve, place, window));
        let data = [d.size, d.labels, d.tokens_per_type, d.oov_percent, d.label_entropy, d.frobenius, d.divergence];
        let mut quantities = [0.0; 14];
        let all = data.into_iter().chain(slopes).chain([fit.slope, fit.offset]);
        quantities.iter_mut().zip(all).for_each(|(q, value)| *q = value);
        Self { name: name.to_string(), quantities, fit }
    }
}

/// What one reading of the scores says of each pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Gains {
    /// What it is called in the table; the first reading of a study has no need of it.
    pub name: String,
    /// Gain of the main task's score over its single-task score, in percent, by pair.
    pub percent: Vec<f64>,
}

impl Gains {
    /// Which pairs gain.
    pub fn classes(&self) -> Vec<bool> {
        self.percent.iter().map(|&gain| gain > 0.0).collect()
    }
}

/// Tasks, ordered pairs of them, and one or more readings of their gains.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// (main, auxiliary), as indices of tasks.
    pub pairs: Vec<(usize, usize)>,
    /// Readings; the first is the study's own.
    pub gains: Vec<Gains>,
    /// By task, the c of the paper's fit b + a ln(c i + d) as somebody's optimiser found it, which no fit determines; empty where
    /// nobody's is known.
    pub paper_c: Vec<f64>,
}

/// The inputs of each pair from numbers of each task: for the first number that of the main task, that of the auxiliary
/// task, and their ratio; then the same for the second, and so on. A ratio to 0 is 0.
pub fn expand(of_task: &[Vec<f64>], pairs: &[(usize, usize)]) -> Vec<Vec<f64>> {
    let three = |(&main, &aux): (&f64, &f64)| [main, aux, if aux == 0.0 { 0.0 } else { main / aux }];
    let input = |&(main, aux): &(usize, usize)| of_task[main].iter().zip(&of_task[aux]).flat_map(three).collect();
    pairs.iter().map(input).collect()
}

/// The names of what [`expand`] makes of quantities with these names.
pub fn expanded_names(quantities: &[&str]) -> Vec<String> {
    let three = |name: &&str| [format!("{name} main"), format!("{name} aux"), format!("{name} ratio")];
    quantities.iter().flat_map(three).collect()
}

impl Study {
    /// The 42 inputs of each pair.
    pub fn inputs(&self) -> Vec<Vec<f64>> {
        let of_task: Vec<Vec<f64>> = self.tasks.iter().map(|t| t.quantities.to_vec()).collect();
        expand(&of_task, &self.pairs)
    }

    /// The same with the paper's c in place of the curve's offset; none where it is not known.
    pub fn inputs_with_c(&self) -> Option<Vec<Vec<f64>>> {
        let of_task = |(task, c): (&Task, &f64)| [&task.quantities[..QUANTITIES.len() - 1], &[*c]].concat();
        let of_task: Vec<Vec<f64>> = self.tasks.iter().zip(&self.paper_c).map(of_task).collect();
        (!of_task.is_empty()).then(|| expand(&of_task, &self.pairs))
    }

    /// A 1 for the main task among zeros, and with `aux` another for the auxiliary task.
    pub fn identities(&self, aux: bool) -> Vec<Vec<f64>> {
        let one = |task: usize| (0..self.tasks.len()).map(move |t| f64::from(u8::from(t == task)));
        let of_aux = |task| one(task).filter(|_| aux).collect::<Vec<_>>();
        self.pairs.iter().map(|&(main, second)| one(main).chain(of_aux(second)).collect()).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Four made-up tasks, all twelve pairs; the first two tasks gain from every other.
    pub fn study() -> Study {
        let task = |i: usize| {
            let x = i as f64 + 1.0;
            let data = DataQuantities {
                size: 100.0 * x,
                labels: 2.0 + x,
                tokens_per_type: 3.0 * x,
                oov_percent: 1.0 / x,
                label_entropy: x.sqrt(),
                frobenius: 10.0 * x * x,
                divergence: 0.1 * x,
            };
            let curve: Curve = (1..=100).map(|s| (f64::from(s), 4.0 - x * (f64::from(s) + x).ln())).collect();
            Task::new(["a", "b", "c", "d"][i], &data, &curve, 1, 100)
        };
        let pairs: Vec<(usize, usize)> =
            (0..4).flat_map(|m| (0..4).filter(move |&a| a != m).map(move |a| (m, a))).collect();
        let percent = pairs.iter().map(|&(main, _)| if main < 2 { 1.5 } else { -0.5 }).collect();
        let gains = vec![Gains { name: "last step".into(), percent }];
        Study { tasks: (0..4).map(task).collect(), pairs, gains, paper_c: vec![1.0, 20.0, 0.1, 3.0] }
    }

    #[test]
    fn the_layout_of_the_42_inputs() {
        let study = study();
        let names = expanded_names(&QUANTITIES);
        assert_eq!((names.len(), study.inputs()[0].len()), (42, 42));
        assert_eq!(names[..4], ["size main", "size aux", "size ratio", "labels main"]);
        assert_eq!(names[39..], ["curve_offset main", "curve_offset aux", "curve_offset ratio"]);
        let third = &study.inputs()[2]; // main a, auxiliary d
        assert_eq!(third[..6], [100.0, 400.0, 0.25, 3.0, 6.0, 0.5]);
        assert_eq!(third[18..21], [0.1, 0.4, 0.25]);
        // The curve of task a is 4 - ln(step + 1); row 30 of 100 has step 31.
        assert!((third[21 + 6] + (33.0_f64 / 31.0).ln() / 2.0).abs() < 1e-9, "{third:?}");
        assert!((third[36] + 1.0).abs() < 1e-4 && (third[37] + 4.0).abs() < 1e-4, "{third:?}");
        assert!((third[39] - 1.0).abs() < 1e-2 && (third[40] - 4.0).abs() < 1e-2, "{third:?}");
    }

    #[test]
    fn a_ratio_to_nothing_is_nothing() {
        assert_eq!(expand(&[vec![2.0], vec![0.0]], &[(0, 1), (1, 0)]), [vec![2.0, 0.0, 0.0], vec![0.0, 2.0, 0.0]]);
    }

    #[test]
    fn identities_say_which_tasks_they_are() {
        let study = study();
        assert_eq!(study.identities(false)[3], [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(study.identities(true)[3], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn no_gain_is_a_loss() {
        let gains = Gains { name: String::new(), percent: vec![0.0, 1e-9, -1.0] };
        assert_eq!(gains.classes(), [false, true, false]);
    }
}
