//! LSTMs of domains beside the shared one.

use super::*;
use crate::objectives::settings::Domain;
use crate::objectives::shared_private::SharedPrivate;

fn objective(run: &mut Run) -> SharedPrivate {
    let settings: settings::SharedPrivate = toml::from_str("domain = \"language\"").unwrap();
    assert_eq!((settings.weight, settings.domain), (0.01, Domain::Language));
    SharedPrivate::new(&settings, &mut setup(run, "shared-private"))
}

/// The mean states of each sentence, around their mean over the sentences, of length 1.
fn centred(states: &Tensor, batch: &Batch) -> Vec<Vec<f64>> {
    let all = rows(states);
    let mut sentences: Vec<Vec<f64>> = batch
        .lengths
        .iter()
        .enumerate()
        .map(|(b, &n)| (0..10).map(|i| (0..n).map(|t| all[batch.cell(b, t)][i]).sum::<f64>() / n as f64).collect())
        .collect();
    for i in 0..10 {
        let mean = sentences.iter().map(|row| row[i]).sum::<f64>() / sentences.len() as f64;
        sentences.iter_mut().for_each(|row| row[i] -= mean);
    }
    for row in &mut sentences {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    sentences
}

#[test]
fn the_difference_is_the_mean_of_squared_correlations() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let objective = objective(&mut run);
    let own = batch(&run, 0);
    let found = states(&run, 0, &own);
    let (shared, private) = (centred(found.layer(1), &own), centred(found.private.as_ref().unwrap(), &own));
    let entry = |i: usize, j: usize| (0..3).map(|b| shared[b][i] * private[b][j]).sum::<f64>().powi(2);
    let expected = (0..100).map(|at| entry(at / 10, at % 10)).sum::<f64>() / 100.0;
    assert!(expected > 1e-3, "{expected}");
    let evaluate = |run: &Run| objective.loss(&seen(run, 0, &own, &states(run, 0, &own))).unwrap();
    close(evaluate(&run).double_value(&[]), expected);
    evaluate(&run).backward();
    for name in ["lstm.fw.weight_ih", "objective.shared-private.en.bw.weight_hh"] {
        differences(&mut run, name, 1.0, &|run| evaluate(run).double_value(&[]));
    }
    assert!(!run.model.parameters["objective.shared-private.da.fw.weight_ih"].grad().defined());
    // A sentence alone is its mean, and says nothing.
    let alone = Batch::new(&[&run.dev(0)[0]], &run.lexicon.entries, 4, None);
    let states = states(&run, 0, &alone);
    assert_eq!(objective.loss(&seen(&run, 0, &alone, &states)).unwrap().double_value(&[]), 0.0);
}

/// Output layers read the shared states and the domain's own; a step trains the LSTM of its domain alone.
#[test]
fn output_layers_read_both() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    objective(&mut run);
    for (task, own, other) in [(0, "en", "da"), (1, "da", "en")] {
        let batch = batch(&run, task);
        let before = flat(&states(&run, task, &batch).emissions);
        let names = run.model.names_of(task);
        for (domain, moves) in [(other, false), (own, true)] {
            let name = format!("objective.shared-private.{domain}.fw.weight_ih");
            assert_eq!(names.contains(&name), moves, "a step of {own} and {name}");
            let _ = tch::no_grad(|| run.model.parameters.get_mut(&name).unwrap().g_add_scalar_(0.5));
            assert_eq!(flat(&states(&run, task, &batch).emissions) != before, moves, "{own} reads {name}");
        }
        for part in ["universal".to_string(), format!("specific.{own}"), format!("gate.{own}")] {
            let name = format!("task.{}.{part}.weight", run.model.tasks[task].name);
            assert_eq!(run.model.parameters[&name].size()[1], 20, "{name}");
        }
    }
}
