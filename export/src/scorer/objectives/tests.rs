//! What is predicted of exercises, and losses by hand.

use super::*;
use crate::fixture;
use crate::model::flat;
use crate::scorer::data::Labelled;
use crate::scorer::simulate::Options;
use crate::scorer::train::Run;
use libmtl::scorer::Exercise;
use std::path::Path;

fn parsed(text: &str) -> Vec<Settings> {
    #[derive(serde::Deserialize)]
    struct File {
        objective: Vec<Settings>,
    }
    toml::from_str::<File>(text).unwrap().objective
}

fn one(text: &str) -> Settings {
    parsed(&format!("[[objective]]\n{text}")).remove(0)
}

fn config(folder: &Path, objectives: &str) -> crate::Result<Config> {
    crate::scorer::simulate(folder, &Options::small()).unwrap();
    let track = |name: &str| {
        format!("[[track]]\nname = \"{name}\"\ntrain = \"{name}.slam.train\"\ndev = \"{name}.slam.dev\"\n")
    };
    let text = format!(
        "name = \"tiny\"\nseeds = [1]\n[model]\nembedding = 5\nhidden = 6\nchar_filters = 3\ndropout = 0.0\n\
         [training]\nbatch = 4\nsteps = 30\nevaluate_every = 10\n{}{}{objectives}",
        track("en_es"),
        track("fr_en")
    );
    std::fs::write(folder.join("tiny.toml"), text).unwrap();
    Config::read(&folder.join("tiny.toml"), None)
}

fn labelled(user: &str, days: f64, time: Option<f64>, words: &[&str], mistakes: &[bool]) -> Labelled {
    let exercise = Exercise {
        user: user.into(),
        countries: if user == "a" { vec!["DK".into()] } else { Vec::new() },
        days,
        time,
        client: "web".into(),
        words: words.iter().map(|w| w.to_string()).collect(),
        ..Exercise::default()
    };
    Labelled { exercise, mistakes: mistakes.to_vec() }
}

/// Two learners, the second exercise being the first in time.
fn learners() -> Vec<TrackData> {
    let train = vec![
        labelled("a", 8.0, Some(20.0), &["yo", "soy", "yo"], &[true, false, false]),
        labelled("a", 0.0, None, &["Yo", "soy"], &[false, false]),
        labelled("b", 1.0, Some(-3.0), &["yo"], &[true]),
    ];
    vec![TrackData { train, dev: Vec::new(), test: Vec::new() }]
}

#[test]
fn targets_are_what_their_names_say() {
    let data = learners();
    let of = |text: &str| Targets::new(&one(text), &data).of.remove(0);
    let statistic = |name: &str| of(&format!("kind = \"data-statistics\"\nstatistic = \"{name}\""));
    // Counted before the exercise: `yo` once, then in no exercise of b's.
    assert_eq!(statistic("times-seen"), [vec![Some(1); 3], vec![Some(0); 2], vec![Some(0)]]);
    // ln 9 = 2.2, ln 1 = 0, ln 2 = 0.7; ln 21 = 3.04, and what is no time.
    assert_eq!(statistic("days"), [[Some(2)], [Some(0)], [Some(0)]]);
    assert_eq!(statistic("time"), [[Some(3)], [None], [Some(0)]]);
    // a: one of five words; b: all, which is five tenths or more.
    assert_eq!(statistic("error-rate"), [[Some(2)], [Some(2)], [Some(5)]]);
    assert_eq!(of("kind = \"presence\""), [[Some(1)], [Some(0)], [Some(1)]]);
    assert_eq!(of("kind = \"gradient-reversal\"\nattribute = \"country\""), [[Some(0)], [Some(0)], [None]]);
    assert_eq!(of("kind = \"gradient-reversal\"\nattribute = \"client\""), [[Some(0)], [Some(0)], [Some(0)]]);
    assert_eq!(of("kind = \"inverse\"\nsetting = \"format\""), [[None], [None], [None]]);
}

#[test]
fn every_class_weighs_as_much_where_domains_are_told_apart() {
    assert_eq!(weights(&[0, 2, 2, 2], true), [0.5, 0.5 / 3.0, 0.5 / 3.0, 0.5 / 3.0]);
    assert_eq!(weights(&[0, 2, 2, 2], false), [0.25; 4]);
}

/// The states of each row, in double precision.
fn rows(states: &Tensor) -> Vec<Vec<f64>> {
    let width = states.size()[1] as usize;
    flat(states).chunks_exact(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

/// The logits of a state by the objective's own layer.
fn logits(run: &Run, name: &str, x: &[f64]) -> Vec<f64> {
    let read = |part: &str| -> Vec<f64> {
        flat(&run.model.parameters[&format!("objective.{name}.{part}")]).into_iter().map(f64::from).collect()
    };
    let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    read("weight").chunks_exact(x.len()).zip(read("bias")).map(|(row, bias)| dot(row) + bias).collect()
}

/// Of words, of exercises, of both with what the decoder says; in a batch of exercises of several lengths.
#[test]
fn losses_are_the_formulas() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    for (text, exercise_level) in [
        ("kind = \"data-statistics\"\nstatistic = \"times-seen\"", false),
        ("kind = \"data-statistics\"\nstatistic = \"error-rate\"\nlayer = \"meta\"", true),
        ("kind = \"presence\"\nlayer = \"context\"", true),
        ("kind = \"inverse\"\nsetting = \"session\"", true),
    ] {
        let config =
            config(folder.path(), &format!("[[objective]]\n{text}\nweight = 0.5\nschedule = \"rising\"")).unwrap();
        let run = Run::new(config, 3, &folder.path().join("run")).unwrap();
        let picked: Vec<usize> = (0..9).collect();
        let batch = run.batch(0, &picked);
        let states = run.model.states(0, &batch, false);
        let found = run.objectives.losses(&run.model, 0, &picked, &batch, &states, 0.5);
        let (settings, name) = (&run.config.objectives[0], run.config.objectives[0].name());
        let targets = Targets::new(settings, &run.data);
        let probabilities: Vec<f64> = flat(&states.logits.sigmoid()).into_iter().map(f64::from).collect();
        let (context, joint) = (rows(&states.context), rows(&states.joint));
        let (mut sum, mut count, mut word) = (0.0, 0.0, 0);
        for (i, &length) in batch.lengths.iter().enumerate() {
            let mean = |rows: &[Vec<f64>]| -> Vec<f64> {
                (0..rows[0].len()).map(|k| rows.iter().map(|r| r[k]).sum::<f64>() / rows.len() as f64).collect()
            };
            let own = word..word + length;
            word += length;
            let states: Vec<Vec<f64>> = match (settings, exercise_level) {
                (Settings::DataStatistics(_), true) => vec![rows(states.meta.as_ref().unwrap())[i].clone()],
                (Settings::Presence(_), _) => vec![mean(&context[own])],
                (Settings::Inverse(_), _) => {
                    let label = probabilities[own.clone()].iter().sum::<f64>() / length as f64;
                    vec![[mean(&context[own]), vec![label]].concat()]
                }
                _ => joint[own].to_vec(),
            };
            for (state, class) in states.iter().zip(&targets.of[0][picked[i]]) {
                let class = class.unwrap() as usize;
                let logits = logits(&run, name, state);
                sum += match settings {
                    Settings::Presence(_) => (logits[0].exp().ln_1p()) - logits[0] * class as f64,
                    _ => logits.iter().map(|l| l.exp()).sum::<f64>().ln() - logits[class],
                };
                count += 1.0;
            }
        }
        let expected = sum / count;
        let part = found.parts[0].unwrap();
        assert!((part - expected).abs() < 1e-5, "{name}: {part}, by hand {expected}");
        let total = found.total.unwrap().double_value(&[]);
        assert!((total - 0.25 * expected).abs() < 1e-5, "half the weight at half of training: {total}");
    }
}

/// Learned ones begin at zero, where they change nothing; those of learner and exercise are tanh(W r_meta + b).
#[test]
fn first_states_are_learned_or_come_from_learner_and_exercise() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let run =
        |objectives: &str| Run::new(config(folder.path(), objectives).unwrap(), 3, &folder.path().join("run")).unwrap();
    let logits_of = |run: &Run| flat(&run.model.states(0, &run.batch(0, &[0, 1, 2]), false).logits);
    let plain = run("");
    let mut learned = run("[[objective]]\nkind = \"initial-state\"\n");
    assert_eq!(logits_of(&learned), logits_of(&plain));
    let name = "track.en_es.word.0.bw";
    let parameter = format!("objective.initial-state.{name}");
    let _ = tch::no_grad(|| learned.model.parameters.get_mut(&parameter).unwrap().narrow(0, 0, 6).fill_(0.5));
    assert_ne!(logits_of(&learned), logits_of(&plain), "it is not read");
    assert!(learned.objectives.names().is_empty(), "it has no loss");

    let run = run("[[objective]]\nkind = \"initial-state\"\nstate = \"meta\"\n");
    let meta = run.model.states(0, &run.batch(0, &[0, 1, 2]), false).meta.unwrap();
    let [h, c] = run.model.first_states(name, 3, Some(&meta)).map(|part| rows(&part.squeeze_dim(0)));
    for ((meta, h), c) in rows(&meta).iter().zip(h).zip(c) {
        let both = logits(&run, &format!("initial-state.{name}"), meta);
        for (expected, found) in both.iter().zip([h, c].concat()) {
            assert!((expected.tanh() - found).abs() < 1e-6, "{found}, by hand {}", expected.tanh());
        }
    }
    let mut run = run;
    let request = crate::export::Request {
        runs: folder.path(),
        output: &folder.path().join("bundle"),
        command: String::new(),
        commit: String::new(),
    };
    let error = crate::scorer::export::export(&mut run, 3, &request).unwrap_err().to_string();
    assert!(error.contains("initial-state") && error.contains("research"), "{error}");
}

/// What teaches the discriminator unteaches the learner's encoder.
#[test]
fn an_attributes_gradient_is_reversed_below_the_discriminator() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let text = "[[objective]]\nkind = \"gradient-reversal\"\nattribute = \"client\"\nweight = 1.0\nschedule = ";
    let gradients = |schedule: &str| {
        let config = config(folder.path(), &format!("{text}\"{schedule}\"")).unwrap();
        let run = Run::new(config, 3, &folder.path().join("run")).unwrap();
        let picked: Vec<usize> = (0..16).collect();
        let batch = run.batch(0, &picked);
        let states = run.model.states(0, &batch, false);
        run.objectives.losses(&run.model, 0, &picked, &batch, &states, 0.25).total.unwrap().backward();
        let gradient = |name: &str| flat(&run.model.parameters[name].grad());
        let discriminator = gradient("objective.gradient-reversal-client.weight");
        (discriminator, gradient("user.embedding"), gradient("meta.joint.weight"))
    };
    // -l is -1 and -1/4: the discriminator learns alike, the encoder the more.
    let (whole, quarter) = (gradients("constant"), gradients("rising"));
    assert_eq!(whole.0, quarter.0);
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - 4.0 * b).abs() < 1e-6);
    assert!(near(&whole.1, &quarter.1) && near(&whole.2, &quarter.2));
    assert!(whole.1.iter().any(|g| *g != 0.0), "no gradient reaches the learners");
    // And its sign: a step down this gradient must raise the loss.
    let config = config(folder.path(), &format!("{text}\"constant\"")).unwrap();
    let mut run = Run::new(config, 3, &folder.path().join("run")).unwrap();
    let picked: Vec<usize> = (0..16).collect();
    let loss = |run: &Run| {
        let batch = run.batch(0, &picked);
        let states = run.model.states(0, &batch, false);
        run.objectives.losses(&run.model, 0, &picked, &batch, &states, 0.25).total.unwrap()
    };
    let before = loss(&run);
    before.backward();
    let weight = run.model.parameters.get_mut("meta.joint.weight").unwrap();
    let gradient = weight.grad();
    let _ = tch::no_grad(|| weight.g_sub_(&(gradient * 0.1)));
    assert!(loss(&run).double_value(&[]) > before.double_value(&[]), "the encoder learns what it must not know");
}

const EVERY: &str = "[[objective]]\nkind = \"data-statistics\"\nstatistic = \"times-seen\"\n\
    [[objective]]\nkind = \"data-statistics\"\nstatistic = \"days\"\n[[objective]]\nkind = \"presence\"\n\
    [[objective]]\nkind = \"gradient-reversal\"\nattribute = \"country\"\n\
    [[objective]]\nkind = \"inverse\"\nsetting = \"format\"\n\
    [[objective]]\nkind = \"initial-state\"\nstate = \"meta\"\n";

#[test]
fn a_run_with_objectives_resumes_to_the_same_result() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| Run::new(config(folder.path(), EVERY).unwrap(), 3, &folder.path().join(name)).unwrap();
    let whole = run("whole").train(|_| false).unwrap();
    assert_eq!(run("parts").train(|step| step == 13).unwrap_err().kind(), libmtl::ErrorKind::Interrupted);
    assert_eq!(run("parts").train(|_| false).unwrap(), whole);
    let curve: Vec<crate::curves::Point> =
        crate::checkpoint::read_json(&folder.path().join("parts/curve.json")).unwrap();
    let reported: Vec<&str> = curve.last().unwrap().objectives.keys().map(String::as_str).collect();
    assert_eq!(reported, ["days", "gradient-reversal-country", "inverse-format", "presence", "times-seen"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("kind = \"language-model\"", &["language-model", "data-statistics"]),
        ("kind = \"presence\"\nweight = -1.0", &["[[objective]] presence", "weight = -1"]),
        ("kind = \"presence\"\nlayer = \"lower\"", &["lower", "joint"]),
        ("kind = \"presence\"\nstatistic = \"days\"", &["statistic"]),
        ("kind = \"data-statistics\"\nstatistic = \"weather\"", &["weather", "times-seen"]),
        ("kind = \"gradient-reversal\"\nattribute = \"user\"", &["user", "country"]),
        ("kind = \"initial-state\"\nstate = \"words\"", &["words", "meta"]),
        ("kind = \"presence\"\n[[objective]]\nkind = \"presence\"", &["stands twice"]),
    ];
    for (text, words) in cases {
        let error = config(folder.path(), &format!("[[objective]]\n{text}\n")).err().map(|e| e.to_string());
        let error = error.unwrap_or_default();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error:?}");
    }
    let mut plain = config(folder.path(), EVERY).unwrap();
    plain.leave_out_meta();
    let error = settings::check(&plain).unwrap_err().to_string();
    assert!(error.contains("gradient-reversal-country") && error.contains("no such layer"), "{error}");
}
