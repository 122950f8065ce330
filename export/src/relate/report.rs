//! The table of a study: its features and the controls, by the same protocol; and the weights of the features.

use super::logistic::Logistic;
use super::study::{OF_DATA, QUANTITIES, Study, Task, expand, expanded_names};
use super::validation::{Confusion, Scaling, Score, Validation, scale, validate};
use crate::Result;
use crate::random;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the table is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What scaling is fitted on.
    pub scaling: Scaling,
    /// Shuffles of the five folds.
    pub repeats: u64,
    /// Draws of random features.
    pub draws: u64,
    /// The seed of both.
    pub seed: u64,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What predicts.
    pub inputs: String,
    /// How many numbers that is.
    pub width: usize,
    /// What is left out; none where nothing is fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Which reading of the gains.
    pub gains: String,
    /// Mean accuracy and its standard deviation over repeats or draws.
    pub accuracy: Spread,
    /// Mean F1 of gains and its standard deviation.
    pub f1: Spread,
}

impl Row {
    /// What predicts in this row of `report`, how many numbers that is and, where it is not the first, which reading of the gains.
    pub fn label(&self, report: &Report) -> String {
        let first = report.positive.first().is_some_and(|(name, _)| *name == self.gains);
        match (self.width, first) {
            (0, _) => self.inputs.clone(),
            (width, true) => format!("{} ({width})", self.inputs),
            (width, false) => format!("{} ({width}), gains {}", self.inputs, self.gains),
        }
    }
}

/// Mean and standard deviation; 0 of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let square: f64 = values.map(|v| (v - mean) * (v - mean)).sum();
        Self { mean, sd: (square / (count - 1.0).max(1.0)).sqrt() }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sd > 0.0 {
            f.pad(&format!("{:.3} ± {:.3}", self.mean, self.sd))
        } else {
            f.pad(&format!("{:.3}", self.mean))
        }
    }
}

/// What `relate` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The command that made it.
    pub command: String,
    /// How the table was made.
    pub settings: Settings,
    /// Names of the 14 quantities.
    pub quantities: Vec<String>,
    /// The tasks, with their quantities in that order.
    pub tasks: Vec<Task>,
    /// Main task, auxiliary task, gain in percent by the first reading.
    pub pairs: Vec<(String, String, f64)>,
    /// How many of them gain, by reading.
    pub positive: Vec<(String, usize)>,
    /// The table.
    pub rows: Vec<Row>,
    /// Mean weight of each of the 42 inputs over fits to random four fifths of the pairs, the largest first.
    pub weights: Vec<(String, f64)>,
}

/// A predictor and its inputs.
struct Predictor {
    name: &'static str,
    inputs: Vec<Vec<f64>>,
}

impl Report {
    /// All rows of `study`. With `best`, subsets too that are chosen on the pairs that they are scored on, which takes long.
    pub fn of(study: &Study, settings: Settings, best: bool, command: String) -> Result<Self> {
        let table = Table { study, settings };
        let reading = |gains: &super::study::Gains| {
            (gains.name.clone(), gains.percent.iter().filter(|&&gain| gain > 0.0).count())
        };
        let name = |task: usize| study.tasks[task].name.clone();
        let pairs = study.pairs.iter().zip(&study.gains[0].percent);
        Ok(Self {
            command,
            settings,
            quantities: QUANTITIES.map(String::from).to_vec(),
            tasks: study.tasks.clone(),
            pairs: pairs.map(|(&(main, aux), &gain)| (name(main), name(aux), gain)).collect(),
            positive: study.gains.iter().map(reading).collect(),
            rows: table.rows(best)?,
            weights: table.weights()?,
        })
    }
}

/// How the paper left out the inputs of the data: it asked for as many as there are, so that all ranks tie, and the order is that
/// of its names backwards (its notebook's output).
fn papers_order() -> Vec<usize> {
    let (main, aux, ratio) = (0, 1, 2);
    // tokens/types, oov_rate, n_labels, length, label_entropy, js_div, fro_norm.
    let quantities = ["tokens_per_type", "oov_percent", "labels", "size", "label_entropy", "divergence", "frobenius"];
    let place = |name: &&str| QUANTITIES.iter().position(|quantity| quantity == name).expect("a quantity of the table");
    let of_part = |part: usize| quantities.iter().map(move |name| 3 * place(name) + part);
    [main, ratio, aux].into_iter().flat_map(of_part).collect()
}

struct Table<'a> {
    study: &'a Study,
    settings: Settings,
}

impl Table<'_> {
    fn rows(&self, best: bool) -> Result<Vec<Row>> {
        let study = self.study;
        let features = Predictor { name: "features", inputs: study.inputs() };
        let main = Predictor { name: "identity of the main task", inputs: study.identities(false) };
        let both = Predictor { name: "identities of both tasks", inputs: study.identities(true) };
        let mut rows = vec![
            self.row(&features, Validation::MainOut, 0)?,
            self.row(&main, Validation::MainOut, 0)?,
            self.random(Validation::MainOut)?,
        ];
        for how in [Validation::BothOut, Validation::AuxOut, Validation::PairOut, Validation::FiveFold] {
            rows.push(self.row(&features, how, 0)?);
        }
        let keep = |name, wanted: &dyn Fn(usize) -> bool| {
            let select = |row: &Vec<f64>| (0..row.len()).filter(|&i| wanted(i)).map(|i| row[i]).collect();
            Predictor { name, inputs: features.inputs.iter().map(select).collect() }
        };
        let without_offset = keep("features without the curve's offset", &|i| i / 3 != QUANTITIES.len() - 1);
        let of_data = keep("features of the data", &|i| i / 3 < OF_DATA);
        for how in [Validation::MainOut, Validation::BothOut, Validation::FiveFold] {
            rows.push(self.row(&without_offset, how, 0)?);
        }
        let with_c = study.inputs_with_c().map(|inputs| Predictor { name: "features with the paper's c", inputs });
        if let Some(predictor) = &with_c {
            use Validation::{AuxOut, BothOut, FiveFold, MainOut, PairOut};
            for how in [MainOut, BothOut, AuxOut, PairOut, FiveFold] {
                rows.push(self.row(predictor, how, 0)?);
            }
        }
        rows.push(self.row(&of_data, Validation::FiveFold, 0)?);
        if best {
            rows.push(self.best(&of_data, "best features of the data, chosen on the same pairs", None)?);
            if with_c.is_some() {
                let name = "best features of the data, left out in the paper's order";
                rows.push(self.best(&of_data, name, Some(papers_order()))?);
            }
            rows.push(self.best(&features, "best features, chosen on the same pairs", None)?);
            if let Some(predictor) = &with_c {
                rows.push(self.best(predictor, "best features with the paper's c, chosen on the same pairs", None)?);
            }
        }
        rows.push(self.row(&main, Validation::FiveFold, 0)?);
        rows.push(self.row(&both, Validation::FiveFold, 0)?);
        rows.push(self.random(Validation::FiveFold)?);
        rows.push(self.constant("never a gain", false));
        rows.push(self.constant("always a gain", true));
        for reading in 1..study.gains.len() {
            rows.push(self.row(&features, Validation::FiveFold, reading)?);
        }
        Ok(rows)
    }

    fn row(&self, predictor: &Predictor, how: Validation, reading: usize) -> Result<Row> {
        let repeats = if how == Validation::FiveFold { self.settings.repeats } else { 1 };
        let scores = (0..repeats).map(|repeat| self.score(&predictor.inputs, how, reading, repeat));
        Ok(self.summary(
            predictor.name,
            predictor.inputs[0].len(),
            Some(how),
            reading,
            &scores.collect::<Result<Vec<_>>>()?,
        ))
    }

    fn score(&self, inputs: &[Vec<f64>], how: Validation, reading: usize, repeat: u64) -> Result<Score> {
        let classes = self.study.gains[reading].classes();
        validate(inputs, &classes, &self.study.pairs, how, (self.settings.scaling, self.settings.seed, repeat))
    }

    /// 14 random numbers a task in place of the features, some draws of them.
    fn random(&self, how: Validation) -> Result<Row> {
        let repeats = if how == Validation::FiveFold { self.settings.repeats } else { 1 };
        let mut scores = Vec::new();
        for draw in 0..self.settings.draws {
            let mut random = random::stream(self.settings.seed, "random features", draw);
            let mut task = || QUANTITIES.iter().map(|_| random.random::<f64>()).collect();
            let of_task: Vec<Vec<f64>> = self.study.tasks.iter().map(|_| task()).collect();
            let inputs = expand(&of_task, &self.study.pairs);
            let of_draw = (0..repeats).map(|repeat| self.score(&inputs, how, 0, repeat)).collect::<Result<Vec<_>>>()?;
            scores.push(Score::mean(&of_draw));
        }
        Ok(self.summary("random features", 3 * QUANTITIES.len(), Some(how), 0, &scores))
    }

    fn constant(&self, name: &str, answer: bool) -> Row {
        let mut found = Confusion::default();
        self.study.gains[0].classes().into_iter().for_each(|class| found.add(answer, class));
        self.summary(name, 0, None, 0, &[found.score()])
    }

    fn summary(
        &self,
        name: &str,
        width: usize,
        validation: Option<Validation>,
        reading: usize,
        scores: &[Score],
    ) -> Row {
        Row {
            inputs: name.to_string(),
            width,
            validation,
            gains: self.study.gains[reading].name.clone(),
            accuracy: Spread::of(scores.iter().map(|s| s.accuracy)),
            f1: Spread::of(scores.iter().map(|s| s.f1)),
        }
    }

    /// The paper's "best combination": inputs are left out one by one, the least useful first unless `order` says otherwise, and
    /// the best score wins. It is optimistic, for what it is chosen by is what it is scored on.
    fn best(&self, predictor: &Predictor, name: &'static str, order: Option<Vec<usize>>) -> Result<Row> {
        let order = order.map_or_else(|| self.elimination(&predictor.inputs), Ok)?;
        let mut best: Option<Row> = None;
        for left_out in 0..order.len() {
            let kept = |row: &Vec<f64>| order[left_out..].iter().map(|&i| row[i]).collect();
            let inputs = predictor.inputs.iter().map(kept).collect();
            let row = self.row(&Predictor { name, inputs }, Validation::FiveFold, 0)?;
            if best.as_ref().is_none_or(|best| row.accuracy.mean > best.accuracy.mean) {
                best = Some(row);
            }
        }
        best.ok_or_else(|| crate::error::fail("no inputs to choose from"))
    }

    /// Inputs by mean rank in recursive elimination (the smallest weight goes first) over random four fifths of the pairs.
    fn elimination(&self, inputs: &[Vec<f64>]) -> Result<Vec<usize>> {
        let width = inputs[0].len();
        let mut ranks = vec![0; width];
        for part in self.parts() {
            let mut left: Vec<usize> = (0..width).collect();
            while !left.is_empty() {
                let kept = |row: &Vec<f64>| left.iter().map(|&i| row[i]).collect();
                let weights = self.weights_of(&inputs.iter().map(kept).collect::<Vec<_>>(), &part)?;
                let smallest = (0..left.len()).min_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs()));
                let gone = left.remove(smallest.unwrap_or(0));
                ranks[gone] += width - left.len();
            }
        }
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by_key(|&i| ranks[i]);
        Ok(order)
    }

    fn weights(&self) -> Result<Vec<(String, f64)>> {
        let inputs = self.study.inputs();
        let mut sums = vec![0.0; inputs[0].len()];
        let parts = self.parts();
        for part in &parts {
            let weights = self.weights_of(&inputs, part)?;
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight / parts.len() as f64);
        }
        let mut named: Vec<(String, f64)> = expanded_names(&QUANTITIES).into_iter().zip(sums).collect();
        named.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        Ok(named)
    }

    /// Random four fifths of the pairs, a set a repeat.
    fn parts(&self) -> Vec<Vec<usize>> {
        let part = |repeat| {
            let mut order: Vec<usize> = (0..self.study.pairs.len()).collect();
            order.shuffle(&mut random::stream(self.settings.seed, "parts", repeat));
            order.truncate(self.study.pairs.len() * 4 / 5);
            order
        };
        (0..self.settings.repeats).map(part).collect()
    }

    fn weights_of(&self, inputs: &[Vec<f64>], part: &[usize]) -> Result<Vec<f64>> {
        let whole: Vec<usize> = (0..inputs.len()).collect();
        let scaled = scale(inputs, if self.settings.scaling == Scaling::All { &whole } else { part });
        let classes = self.study.gains[0].classes();
        let rows: Vec<Vec<f64>> = part.iter().map(|&i| scaled[i].clone()).collect();
        let mut weights = Logistic::fit(&rows, &part.iter().map(|&i| classes[i]).collect::<Vec<_>>())?.weights;
        weights.pop();
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relate::study::tests::study;

    fn report() -> Report {
        let settings = Settings { scaling: Scaling::Train, repeats: 4, draws: 3, seed: 1 };
        Report::of(&study(), settings, true, "relate".into()).unwrap()
    }

    #[test]
    fn the_controls_stand_beside_the_features() {
        let report = report();
        let find = |inputs: &str, how| report.rows.iter().find(|r| r.inputs == inputs && r.validation == how).unwrap();
        let (main_out, folds) = (Some(Validation::MainOut), Some(Validation::FiveFold));
        assert_eq!(
            (report.rows[0].inputs.as_str(), report.rows[0].validation),
            ("features", main_out),
            "the default is first"
        );
        for name in ["features", "random features", "identity of the main task"] {
            for how in [main_out, folds] {
                find(name, how);
            }
        }
        assert_eq!(find("features without the curve's offset", folds).width, 39);
        assert_eq!(find("features of the data", folds).width, 21);
        // Of all that its order can leave, the best is no worse than the whole.
        let (paper, whole) = (
            find("best features of the data, left out in the paper's order", folds),
            find("features of the data", folds),
        );
        assert!(paper.accuracy.mean >= whole.accuracy.mean, "{paper:?} {whole:?}");
        assert_eq!(find("features with the paper's c", main_out).width, 42);
        assert_eq!(find("identities of both tasks", folds).width, 8);
        let (never, always) = (find("never a gain", None), find("always a gain", None));
        assert_eq!((never.accuracy.mean, never.f1.mean), (0.5, 0.0));
        assert_eq!((always.accuracy.mean, always.f1.mean), (0.5, 2.0 / 3.0));
        assert!(find("random features", folds).accuracy.sd > 0.0);
    }

    #[test]
    fn a_chosen_subset_scores_no_worse_than_all_and_weights_are_ordered() {
        let report = report();
        let accuracy = |name: &str| report.rows.iter().find(|r| r.inputs == name).unwrap().accuracy.mean;
        let folds = Some(Validation::FiveFold);
        let all = report.rows.iter().find(|r| r.inputs == "features" && r.validation == folds).unwrap().accuracy.mean;
        let chosen = accuracy("best features, chosen on the same pairs");
        assert!(chosen >= all, "{chosen} {all}");
        assert_eq!(report.weights.len(), 42);
        assert!(report.weights.windows(2).all(|w| w[0].1.abs() >= w[1].1.abs()));
        // Gains fall with the number of the main task, as its size grows.
        assert!(report.weights.iter().any(|(name, weight)| name == "size main" && *weight < 0.0));
    }

    #[test]
    fn the_papers_order_has_each_input_of_the_data_once() {
        let (order, names) = (papers_order(), expanded_names(&QUANTITIES));
        let of = |place: usize| names[order[place]].as_str();
        assert_eq!(
            [of(0), of(2), of(7), of(20)],
            ["tokens_per_type main", "labels main", "tokens_per_type ratio", "frobenius aux"]
        );
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..3 * OF_DATA).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_gives_the_same_report() {
        assert_eq!(report(), report());
    }
}
