//! The objectives' definitions: losses by hand, gradients by differences, and what must not be known.

mod private;
mod runs;
mod states;

use super::inverse::Inverse;
use super::language_model::{Direction, LanguageModel};
use super::presence::Presence;
use super::reversal::{GradientReversal, reversed};
use super::statistics::{DataStatistics, class};
use super::*;
use crate::fixture;
use crate::model::flat;
use crate::train::Run;
use rand::RngExt;
use std::path::Path;

const NAMES: &str = "the\tO\nthe\tO\nthe\tO\nOslo\tB-LOC\n\nOslo\tB-LOC\n3\tO\n\n4\tO\nhe\tO\n\n";
const DEV: &str = "the\tO\nOslo\tB-LOC\n5\tO\n\nthe\tO\nnew\tO\n\nhe\tO\n\n";

/// A network without dropout over the texts above: names in English, and the same as plain labels in Danish.
fn run(folder: &Path, extra: &str) -> Run {
    std::fs::write(folder.join("train"), NAMES).unwrap();
    std::fs::write(folder.join("dev"), DEV).unwrap();
    let task = |name: &str, language: &str, scheme: &str| {
        let source = |file: &str| format!("[{{ path = \"{file}\", scheme = \"iob2\" }}]");
        let (train, dev) = (source("train"), source("dev"));
        format!(
            "[[task]]\nname = \"{name}\"\nlanguage = \"{language}\"\nscheme = \"{scheme}\"\ntrain = {train}\ndev = {dev}\n"
        )
    };
    let model = "[model]\nword_dim = 4\nchar_dim = 3\nchar_filters = 2\nhidden = 5\nlstm_dropout = 0.0\n";
    let tasks = task("ner", "en", "bioes") + &task("plain", "da", "plain");
    std::fs::write(folder.join("t.toml"), format!("name = \"t\"\nseeds = [1]\n{model}{tasks}{extra}")).unwrap();
    let config = Config::read(&folder.join("t.toml"), None).unwrap();
    let mut run = Run::new(config, 3, &folder.join("run")).unwrap();
    // Word rows begin at zero, where words are alike.
    let _ = tch::no_grad(|| run.model.words.uniform_(-1.0, 1.0));
    run
}

fn setup<'a>(run: &'a mut Run, name: &'static str) -> Setup<'a> {
    Setup { config: &run.config, lexicon: &mut run.lexicon, data: &run.data, model: &mut run.model, name, layer: 1 }
}

fn batch(run: &Run, task: usize) -> Batch {
    let picked: Vec<&Encoded> = run.dev(task).iter().collect();
    Batch::new(&picked, &run.lexicon.entries, 4, None)
}

fn states(run: &Run, task: usize, batch: &Batch) -> States {
    let rows = run.model.words.index_select(0, &Tensor::from_slice(&batch.rows));
    run.model.states(task, batch, &rows, false)
}

fn seen<'a>(run: &'a Run, task: usize, batch: &'a Batch, states: &'a States) -> Seen<'a> {
    Seen { model: &run.model, task, batch, states, further: None, factor: 1.0 }
}

fn loss(objective: &dyn Objective, run: &Run, task: usize) -> f64 {
    let batch = batch(run, task);
    let states = states(run, task, &batch);
    objective.loss(&seen(run, task, &batch, &states)).unwrap().double_value(&[])
}

/// W x + b in double precision.
fn affine(run: &Run, name: &str, x: &[f64]) -> Vec<f64> {
    let read = |part: &str| -> Vec<f64> {
        flat(&run.model.parameters[&format!("{name}.{part}")]).into_iter().map(f64::from).collect()
    };
    let weight = read("weight");
    let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    weight.chunks_exact(x.len()).zip(read("bias")).map(|(row, bias)| dot(row) + bias).collect()
}

fn surprise(logits: &[f64], target: usize) -> f64 {
    logits.iter().map(|l| l.exp()).sum::<f64>().ln() - logits[target]
}

/// The states of each cell, in double precision.
fn rows(states: &Tensor) -> Vec<Vec<f64>> {
    let width = states.size()[1] as usize;
    flat(states).chunks_exact(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found}, by hand {expected}");
}

#[test]
fn schedules_are_what_they_are_called() {
    use settings::Schedule::{Constant, Falling, Rising, Sigmoid};
    for (schedule, expected) in [
        (Constant, [1.0, 1.0, 1.0]),
        (Rising, [0.0, 0.5, 1.0]),
        (Falling, [1.0, 0.5, 0.0]),
        (Sigmoid, [0.0, 0.986_614_298, 0.999_909_204]),
    ] {
        for (p, expected) in [0.0, 0.5, 1.0].into_iter().zip(expected) {
            assert!((schedule.at(p) - expected).abs() < 1e-9, "{schedule:?} at {p}");
        }
    }
}

/// Four classes: the unknown word, `the` (three times), `0` (twice, as `oslo` is, but before it in the alphabet), all others.
#[test]
fn a_language_models_loss_is_the_formula() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let settings = settings::LanguageModel { vocabulary: 4, hidden: 3, ..Default::default() };
    let objective = LanguageModel::new(&settings, &mut setup(&mut run, "language-model"));
    let batch = batch(&run, 0);
    // The sentences are: the Oslo 5, the new, he. A time step has three cells.
    assert_eq!(objective.targets(&batch, Direction::Forward), (vec![0, 3, 1], vec![3, 2, 0]));
    assert_eq!(objective.targets(&batch, Direction::Backward), (vec![3, 6, 4], vec![1, 3, 1]));
    let states = states(&run, 0, &batch);
    let mut expected = 0.0;
    for (direction, all, cells, targets) in
        [("fw", states.forward(1), [0usize, 3, 1], [3usize, 2, 0]), ("bw", states.backward(1), [3, 6, 4], [1, 3, 1])]
    {
        let all = rows(&all);
        for (cell, target) in cells.into_iter().zip(targets) {
            let name = format!("objective.language-model.en.{direction}");
            let hidden: Vec<f64> =
                affine(&run, &format!("{name}.hidden"), &all[cell]).iter().map(|x| x.tanh()).collect();
            expected += surprise(&affine(&run, &format!("{name}.output"), &hidden), target);
        }
    }
    close(loss(&objective, &run, 0), expected / 3.0);
}

/// What the forward head says after w_t does not depend on the words from t + 1 on, nor the backward head on those
/// before: both say something else as soon as the word that they read is another.
#[test]
fn a_language_model_does_not_see_what_it_predicts() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let settings = settings::LanguageModel::default();
    let objective = LanguageModel::new(&settings, &mut setup(&mut run, "language-model"));
    let words: Vec<u32> = ["the", "Oslo", "3", "he", "Oslo", "the"].map(|word| entry(&run, word)).to_vec();
    let said = |words: &[u32], direction: Direction| -> Vec<Vec<f64>> {
        let sentence = Encoded { words: words.to_vec(), labels: vec![0; words.len()] };
        let batch = Batch::new(&[&sentence], &run.lexicon.entries, 4, None);
        let states = states(&run, 0, &batch);
        let cells: Vec<i64> = (0..words.len() as i64).collect();
        rows(&objective.logits(&seen(&run, 0, &batch, &states), direction, &cells))
    };
    let (forward, backward) = (said(&words, Direction::Forward), said(&words, Direction::Backward));
    for t in 1..words.len() {
        let (mut later, mut earlier) = (words.clone(), words.clone());
        later[t..].iter_mut().for_each(|word| *word = entry(&run, "4"));
        earlier[..t].iter_mut().for_each(|word| *word = entry(&run, "4"));
        let (f, b) = (said(&later, Direction::Forward), said(&earlier, Direction::Backward));
        // Sums are in f32, and other words are summed in other blocks.
        let moved = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        for i in 0..words.len() {
            let (ahead, behind) = (moved(&f[i], &forward[i]), moved(&b[i], &backward[i]));
            assert!(i >= t || ahead < 1e-6, "forward after {i}, words from {t} on are others: {ahead}");
            assert!(i < t || behind < 1e-6, "backward after {i}, words before {t} are others: {behind}");
        }
        assert!(moved(&f[t], &forward[t]) > 1e-4 && moved(&b[t - 1], &backward[t - 1]) > 1e-4, "{t}: not read at all");
    }
}

fn entry(run: &Run, word: &str) -> u32 {
    run.lexicon.met().iter().position(|&met| met == ("en", word)).unwrap() as u32
}

#[test]
fn statistics_are_floors_of_logarithms_and_their_loss_is_the_formula() {
    assert_eq!([1, 2, 3, 7, 8, 20, 21].map(class), [0, 0, 1, 1, 2, 2, 3]);
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    for offset in [0, 1] {
        let mut run = run(folder.path(), "");
        let settings = settings::DataStatistics { offset, ..Default::default() };
        let objective = DataStatistics::new(&settings, &mut setup(&mut run, "data-statistics"));
        let batch = batch(&run, 0);
        // `the` occurs three times, Oslo twice, he once; 5 and `new` are not in training.
        let (cells, targets) = [(vec![0, 3, 1, 2], vec![1, 0, 1, 0]), (vec![0], vec![0])][offset].clone();
        assert_eq!(objective.targets(&batch), (cells.clone(), targets.clone()));
        let all = rows(states(&run, 0, &batch).layer(1));
        let one = |(cell, target): (&i64, &i64)| {
            surprise(&affine(&run, "objective.data-statistics.en.output", &all[*cell as usize]), *target as usize)
        };
        let expected = cells.iter().zip(&targets).map(one).sum::<f64>() / 3.0;
        close(loss(&objective, &run, 0), expected);
    }
}

/// Sentences with names, and with any of two labels; of the mean, and of the maximum, of what is no padding.
#[test]
fn presence_is_a_mean_of_binary_cross_entropies() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let plain = vec!["B-LOC".to_string(), "O".to_string()];
    for (task, labels, answers) in
        [(0, Vec::new(), vec![1.0, 0.0, 0.0]), (1, plain, vec![1.0, 1.0, 0.0, 1.0, 0.0, 1.0])]
    {
        for pool in [settings::Pool::Mean, settings::Pool::Max] {
            let mut run = run(folder.path(), "");
            let settings = settings::Presence { labels: labels.clone(), pool, ..Default::default() };
            let objective = Presence::new(&settings, &mut setup(&mut run, "presence")).unwrap();
            let batch = batch(&run, task);
            let kind = run.model.tasks[task].kind;
            assert_eq!(objective.answers(kind, &batch), Some(answers.clone()));
            assert_eq!(objective.answers(1 - kind, &batch), None, "of the other type nothing is asked");
            let all = rows(states(&run, task, &batch).layer(1));
            let mut expected = 0.0;
            for (b, &length) in batch.lengths.iter().enumerate() {
                let own: Vec<&Vec<f64>> = (0..length).map(|t| &all[batch.cell(b, t)]).collect();
                let sentence: Vec<f64> = (0..10)
                    .map(|i| {
                        let values = own.iter().map(|row| row[i]);
                        match pool {
                            settings::Pool::Mean => values.sum::<f64>() / length as f64,
                            settings::Pool::Max => values.fold(f64::NEG_INFINITY, f64::max),
                        }
                    })
                    .collect();
                let name = format!("objective.presence.{}.output", run.model.tasks[task].name);
                let logits = affine(&run, &name, &sentence);
                let questions = logits.len();
                for (q, logit) in logits.into_iter().enumerate() {
                    let p = 1.0 / (1.0 + (-logit).exp());
                    expected -= if answers[b * questions + q] > 0.5 { p.ln() } else { (1.0 - p).ln() };
                }
            }
            close(loss(&objective, &run, task), expected / answers.len() as f64);
        }
    }
}

#[test]
fn span_types_are_asked_for_one_by_one() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let config = fixture::config(folder.path());
    let mut run = Run::new(config, 3, &folder.path().join("run")).unwrap();
    let settings = settings::Presence { per_type: true, ..Default::default() };
    let objective = Presence::new(&settings, &mut setup(&mut run, "presence")).unwrap();
    let batch = batch(&run, 0);
    let answers = objective.answers(run.model.tasks[0].kind, &batch).unwrap();
    for (gold, answers) in run.data[0].dev.iter().zip(answers.chunks_exact(2)) {
        let has = |kind: &str| f32::from(u8::from(gold.tags.iter().any(|tag| tag.ends_with(kind))));
        assert_eq!(answers, [has("LOC"), has("PER")], "{gold:?}");
    }
}

/// The answer is not in the input: sentences with another trigger word in the same place look the same.
#[test]
fn trigger_words_are_hidden() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("triggers"), "oslo\n3\nnobody\n").unwrap();
    let mut run = run(folder.path(), "");
    let settings = settings::Presence { words: Some("triggers".into()), ..Default::default() };
    let mut objective = Presence::new(&settings, &mut setup(&mut run, "presence")).unwrap();
    let mut read = |words: [&str; 2]| {
        let sentence = Encoded { words: words.map(|word| entry(&run, word)).to_vec(), labels: vec![0, 0] };
        let draw = Draw { seed: 1, step: 0, picked: &[&sentence], train: &[] };
        let drawn = objective.draw(&draw).remove(0);
        let batch = Batch::new(&[&sentence], &run.lexicon.entries, 4, None);
        (drawn.words.clone(), objective.answers(0, &batch).unwrap())
    };
    assert_eq!(read(["he", "Oslo"]), read(["he", "3"]));
    assert_eq!(read(["he", "Oslo"]).1, [1.0]);
    assert_eq!(read(["he", "the"]), (["he", "the"].map(|word| entry(&run, word)).to_vec(), vec![0.0]));
    let refused = settings::Presence { words: Some("none".into()), ..Default::default() };
    std::fs::write(folder.path().join("none"), "nobody\n").unwrap();
    let error = Presence::new(&refused, &mut setup(&mut run, "other")).err().unwrap().to_string();
    assert!(error.contains("none of its words"), "{error}");
}

#[test]
fn reversal_is_the_identity_with_a_gradient_of_the_other_sign() {
    let x = Tensor::from_slice(&[1.5f32, -2.0]).set_requires_grad(true);
    let y = reversed(&x, 0.25);
    assert_eq!(flat(&y), [1.5, -2.0]);
    (y * Tensor::from_slice(&[3.0f32, 4.0])).sum(Kind::Float).backward();
    assert_eq!(flat(&x.grad()), [-0.75, -1.0]);
}

/// Against finite differences of the discriminator's own loss: its parameters go down it, those of the encoder up, by
/// the schedule's factor.
#[test]
fn the_encoders_gradient_is_reversed_and_the_discriminators_is_not() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let text = "domain = \"language\"\nbatch = 2\nhidden = 4";
    let mut objective = GradientReversal::new(&toml::from_str(text).unwrap(), &mut setup(&mut run, "reversal"));
    let train: Vec<Vec<Encoded>> = vec![run.dev(0).to_vec(), run.dev(1).to_vec()];
    let drawn = objective.draw(&Draw { seed: 1, step: 0, picked: &[], train: &train });
    assert_eq!(drawn.len(), 4, "as many of each language");
    let danish = |words: &[u32]| words.iter().all(|&word| run.lexicon.met()[word as usize].0 == "da");
    assert_eq!(drawn.iter().map(|s| danish(&s.words)).collect::<Vec<_>>(), [true, true, false, false]);
    let picked: Vec<&Encoded> = drawn.iter().collect();
    let further = Batch::new(&picked, &run.lexicon.entries, 4, None);
    let factor = 0.5;
    let evaluate = |run: &Run| {
        let states = states(run, 0, &further);
        let seen = Seen { further: Some((&further, &states)), factor, ..seen(run, 0, &further, &states) };
        objective.loss(&seen).unwrap()
    };
    evaluate(&run).backward();
    for (name, sign) in [
        ("objective.reversal.domain.hidden.weight", 1.0),
        ("objective.reversal.domain.output.bias", 1.0),
        ("lstm.fw.weight_ih", -factor),
        ("lstm.bw.bias_hh", -factor),
        ("char.conv.3.weight", -factor),
    ] {
        differences(&mut run, name, sign, &|run| evaluate(run).double_value(&[]));
    }
}

/// Checks the gradient of `name`, times `sign`, along a random direction.
fn differences(run: &mut Run, name: &str, sign: f64, evaluate: &dyn Fn(&Run) -> f64) {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = crate::random::stream(seed, "test", 0);
    let shape = run.model.parameters[name].size();
    let direction: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| rng.random_range(-1f32..1f32)).collect();
    let norm = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
    let direction = Tensor::from_slice(&direction).view(&shape[..]) / f64::from(norm);
    let gradient = (run.model.parameters[name].grad() * &direction).sum(Kind::Double).double_value(&[]);
    let mut shifted = |amount: f64| {
        tch::no_grad(|| {
            let _ = run.model.parameters.get_mut(name).unwrap().g_add_(&(&direction * amount));
            evaluate(run)
        })
    };
    let mut difference = |epsilon: f64| {
        let (above, below) = (shifted(epsilon), shifted(-2.0 * epsilon));
        shifted(epsilon);
        sign * (above - below) / (2.0 * epsilon)
    };
    // Sums are in f32, and maxima have kinks: a smaller step may not cross one.
    let found = [1e-2, 3e-3, 1e-3].map(&mut difference);
    let tolerance = 5e-4f64.max(0.03 * gradient.abs());
    assert!(found.iter().any(|f| (f - gradient).abs() < tolerance), "{name}: {found:?}, by backward {gradient}");
}

/// With an encoder that says nothing, words are drawn from the bias's softmax.
#[test]
fn the_inverses_loss_is_a_mean_over_words() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let settings = settings::Inverse { vocabulary: 4, hidden: 3, ..Default::default() };
    let objective = Inverse::new(&settings, &mut setup(&mut run, "inverse"));
    let own = batch(&run, 0);
    let states = states(&run, 0, &own);
    objective.loss(&seen(&run, 0, &own, &states)).unwrap().backward();
    let reaches = |name: &str| run.model.parameters[name].grad().abs().max().double_value(&[]) > 0.0;
    assert!(reaches("task.ner.universal.weight") && reaches("lstm.fw.weight_ih"), "it does not teach the tagger");
    for (name, tensor) in run.model.parameters.iter_mut() {
        if name.starts_with("objective.inverse.labels") {
            let _ = tch::no_grad(|| tensor.fill_(0.0));
        }
    }
    let bias: Vec<f64> = affine(&run, "objective.inverse.en.output", &[0.0; 6]);
    let mean = |targets: &[usize]| targets.iter().map(|&t| surprise(&bias, t)).sum::<f64>() / targets.len() as f64;
    let expected = [mean(&[1, 3, 2]), mean(&[1, 0]), mean(&[3])];
    close(loss(&objective, &run, 0), expected.iter().sum::<f64>() / 3.0);
}

/// With an encoder that says nothing, against the formula: the CRF's own likelihood, and counts of the training data.
#[test]
fn the_dual_inverses_loss_is_the_squared_difference() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let settings = settings::Inverse { form: settings::Form::Dual, vocabulary: 4, hidden: 3, ..Default::default() };
    let objective = Inverse::new(&settings, &mut setup(&mut run, "inverse-dual"));
    let own = batch(&run, 0);
    let evaluate = |run: &Run| objective.loss(&seen(run, 0, &own, &states(run, 0, &own))).unwrap();
    evaluate(&run).backward();
    for name in [
        "lstm.fw.weight_ih",
        "task.ner.crf.transitions",
        "task.ner.universal.weight",
        "objective.inverse-dual.en.output.bias",
    ] {
        differences(&mut run, name, 1.0, &|run| evaluate(run).double_value(&[]));
    }
    for (name, tensor) in run.model.parameters.iter_mut() {
        if name.starts_with("objective.inverse-dual.labels") {
            let _ = tch::no_grad(|| tensor.fill_(0.0));
        }
    }
    let bias: Vec<f64> = affine(&run, "objective.inverse-dual.en.output", &[0.0; 6]);
    let (emissions, transitions) = (states(&run, 0, &own).emissions, run.model.transitions(0, false));
    // Of 8 words `the` is 3, digits are 2, all others 3; of 8 labels O is 6 and S-LOC 2. One more of each of 4 and of 5.
    let word = |class: usize| [1.0f64 / 12.0, 4.0 / 12.0, 3.0 / 12.0, 4.0 / 12.0][class].ln();
    let label = |outside: bool| if outside { 7.0f64 / 13.0 } else { 3.0 / 13.0 }.ln();
    let mut expected = 0.0;
    for (b, classes) in [&[1usize, 3, 2][..], &[1, 0], &[3]].into_iter().enumerate() {
        let gold = &own.labels[b];
        let values = flat(&emissions.get(b as i64).narrow(0, 0, gold.len() as i64));
        let mut toward = (vec![0.0; values.len()], libmtl::kernels::crf::Transitions::zeros(transitions.labels));
        let nll =
            libmtl::kernels::crf::negative_log_likelihood(&values, &transitions, gold, &mut toward.0, &mut toward.1);
        let of_words: f64 = classes.iter().map(|&class| word(class) + surprise(&bias, class)).sum();
        let of_labels: f64 = gold.iter().map(|&g| label(g == 0)).sum();
        expected += ((of_words - nll - of_labels) / gold.len() as f64).powi(2);
    }
    close(evaluate(&run).double_value(&[]), expected / 3.0);
}
