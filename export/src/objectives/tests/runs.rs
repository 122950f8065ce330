//! Whole experiments: objectives together, interrupted, on layers of their own, and what is refused.

use super::*;

/// Every objective at once, in an experiment over two languages and two types.
const ALL: &str = "[[objective]]\nkind = \"language-model\"\n[[objective]]\nkind = \"data-statistics\"\noffset = 1\n\
    [[objective]]\nkind = \"gradient-reversal\"\ndomain = \"language\"\n[[objective]]\nkind = \"presence\"\n\
    [[objective]]\nkind = \"presence\"\nlabels = [\"PROPN\"]\nschedule = \"falling\"\n[[objective]]\nkind = \"inverse\"\n\
    [[objective]]\nkind = \"inverse\"\nform = \"dual\"\n\
    [[objective]]\nkind = \"gradient-reversal\"\ndomain = \"task\"\nbatch = 2\n\
    [[objective]]\nkind = \"shared-private\"\ndomain = \"language\"\n\
    [[objective]]\nkind = \"initial-state\"\n";

fn parsed(text: &str) -> Vec<Settings> {
    #[derive(serde::Deserialize)]
    struct File {
        objective: Vec<Settings>,
    }
    toml::from_str::<File>(text).unwrap().objective
}

fn composed(folder: &Path, output: &str, change: impl Fn(&mut Config)) -> Run {
    let mut config = fixture::config(folder);
    config.objectives = parsed(ALL);
    config.vocabulary.unknown_rate = 0.3;
    change(&mut config);
    Run::new(config, 5, &folder.join(output)).unwrap()
}

#[test]
fn objectives_compose_resume_and_repeat() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let run = |output: &str| composed(folder.path(), output, |_| ());
    let tensors = |run: &Run| -> Vec<(String, Vec<f32>)> {
        run.model.parameters.iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()
    };
    let mut whole = run("whole");
    let start = tensors(&whole);
    let result = whole.train(|_| false).unwrap();
    let mut parts = run("parts");
    assert_eq!(tensors(&parts), start, "the same seed begins elsewhere");
    assert_eq!(parts.train(|step| step == 13).unwrap_err().kind(), libmtl::ErrorKind::Interrupted);
    let mut resumed = run("parts");
    assert_eq!(resumed.train(|_| false).unwrap(), result);
    assert_eq!(tensors(&whole), tensors(&resumed));
    let names = whole.objectives.names();
    assert_eq!(names.len(), 10);
    for name in names.iter().filter(|name| *name != "initial-state") {
        let own = |(parameter, _): &&(String, Vec<f32>)| parameter.starts_with(&format!("objective.{name}."));
        let (before, after) = (start.iter().filter(own), tensors(&whole));
        for ((parameter, before), (_, after)) in before.zip(after.iter().filter(own)) {
            assert_ne!(before, after, "{parameter} was not trained");
        }
    }
    let curve: Vec<crate::curves::Point> = checkpoint_curve(&folder.path().join("parts"));
    let last = curve.last().unwrap();
    let reported: Vec<&String> = last.objectives.keys().collect();
    let mut expected: Vec<&String> = names.iter().filter(|name| *name != "initial-state").collect();
    expected.sort();
    assert_eq!(reported, expected);
    assert!(crate::curves::line("x", 5, &curve, None).contains("language-model "));
}

fn checkpoint_curve(folder: &Path) -> Vec<crate::curves::Point> {
    crate::checkpoint::read_json(&folder.join("curve.json")).unwrap()
}

/// A weight of zero trains the network as if there were no objective; what is deployed has the same first parameters.
#[test]
fn an_objective_of_no_weight_changes_nothing() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let without = |c: &mut Config| {
        c.objectives.clear();
        c.optimizer.clip = 0.0;
    };
    let weightless = |c: &mut Config| {
        c.objectives = parsed(
            "[[objective]]\nkind = \"language-model\"\nweight = 0.0\n[[objective]]\nkind = \"presence\"\nweight = 0.0",
        );
        c.optimizer.clip = 0.0;
    };
    let mut plain = composed(folder.path(), "plain", without);
    let mut zero = composed(folder.path(), "zero", weightless);
    assert_eq!(plain.train(|_| false).unwrap(), zero.train(|_| false).unwrap());
    for (name, tensor) in &plain.model.parameters {
        assert_eq!(flat(tensor), flat(&zero.model.parameters[name]), "{name}");
    }
}

#[test]
fn the_experiments_of_the_tree_are_sound() {
    for (name, objectives) in
        [("parts", 6), ("names", 6), ("states", 1), ("private", 2), ("tasks", 3), ("layers", 0), ("sluice", 1)]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("configs/objectives/{name}.toml"));
        let config = Config::read(&path, None).unwrap();
        assert_eq!((config.name, config.objectives.len()), (format!("objectives-{name}"), objectives));
    }
}

/// Supervision at a lower layer: its loss goes no higher, and another task's goes through all of them.
#[test]
fn a_task_trains_the_layers_up_to_its_own() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let deep = |c: &mut Config| {
        c.objectives.clear();
        c.model.lstm_layers = 3;
        c.tasks.iter_mut().filter(|task| task.name == "upos").for_each(|task| task.layer = Some(1));
    };
    let run = composed(folder.path(), "deep", deep);
    let highest = |task: usize| {
        let names = run.model.names_of(task);
        (1..=3).filter(|n| names.contains(&format!("{}.bw.bias_ih", crate::model::layer_name("", *n)))).max()
    };
    assert_eq!([highest(0), highest(2)], [Some(3), Some(1)]);
    for (task, reached) in [(2, [true, false, false]), (0, [true, true, true])] {
        let run = composed(folder.path(), "deep", deep);
        let batch = batch(&run, task);
        run.model.step(task, &batch, &[], |_, _| Losses { total: None, parts: Vec::new() });
        for (layer, reached) in (1..=3).zip(reached) {
            let gradient =
                run.model.parameters[&format!("{}.fw.weight_hh", crate::model::layer_name("", layer))].grad();
            assert_eq!(gradient.defined(), reached, "{} and layer {layer}", run.model.tasks[task].key);
        }
    }
    // An objective on a higher layer trains that, too.
    let run = composed(folder.path(), "higher", |c| {
        deep(c);
        c.objectives = parsed("[[objective]]\nkind = \"data-statistics\"\nlayer = 2");
    });
    let names = run.model.names_of(2);
    assert!(
        names.iter().any(|n| n.starts_with("lstm.2.")) && !names.iter().any(|n| n.starts_with("lstm.3.")),
        "{names:?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |extra: &str| {
        let path = fixture::write(folder.path(), "");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = extra.strip_prefix("MODEL ").map_or_else(
            || format!("{text}{extra}"),
            |extra| {
                extra
                    .split_once('\n')
                    .map(|(model, rest)| format!("{}{rest}", text.replace("[model]", &format!("[model]\n{model}"))))
                    .unwrap()
            },
        );
        std::fs::write(&path, text).unwrap();
        Config::read(&path, None).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let one = |text: &str| format!("[[objective]]\n{text}\n");
    let cases: &[(&str, &[&str])] = &[
        ("kind = \"telepathy\"", &["telepathy", "language-model"]),
        ("weight = 1.0", &["kind"]),
        ("kind = \"language-model\"\nwieght = 1.0", &["wieght"]),
        ("kind = \"language-model\"\nweight = -0.1", &["[[objective]] language-model", "weight = -0.1"]),
        ("kind = \"language-model\"\nweight = nan", &["weight = NaN"]),
        ("kind = \"language-model\"\nschedule = \"sometimes\"", &["sometimes", "rising"]),
        ("kind = \"language-model\"\nvocabulary = 2", &["vocabulary"]),
        ("kind = \"data-statistics\"\nlayer = 2", &["data-statistics", "layer = 2", "1 to 1"]),
        ("kind = \"data-statistics\"\nlayer = 0", &["layer = 0"]),
        ("kind = \"data-statistics\"\noffset = 2", &["offset = 2"]),
        ("kind = \"gradient-reversal\"", &["domain"]),
        ("kind = \"gradient-reversal\"\ndomain = \"task\"\nbatch = 0", &["batch"]),
        ("kind = \"presence\"\nper_type = true\nlabels = [\"NOUN\"]", &["give one"]),
        ("kind = \"inverse\"\nlayer = 1", &["layer"]),
        ("kind = \"initial-state\"\nweight = 1.0", &["initial-state", "only states of words"]),
        ("kind = \"initial-state\"\nstate = \"task\"\nweight = 1.0", &["initial-state", "only states of words"]),
        ("kind = \"inverse\"\nform = \"both\"", &["both", "dual"]),
        ("kind = \"inverse\"\n[[objective]]\nkind = \"inverse\"", &["inverse", "stands twice"]),
        (
            "kind = \"language-model\"\n[[objective]]\nkind = \"initial-state\"\nstate = \"words\"",
            &["language-model", "tells it the answer"],
        ),
        ("kind = \"shared-private\"", &["domain"]),
        ("kind = \"shared-private\"\ndomain = \"task\"\nlayer = 1", &["layer"]),
        ("kind = \"shared-private\"\ndomain = \"task\"\n[sharing]\nlstm = false", &["what all tasks share"]),
        ("kind = \"sluice\"\nsubspaces = 1", &["lstm = false"]),
        ("kind = \"sluice\"\nsubspaces = 2", &["subspaces = 2", "even"]),
        ("kind = \"sluice\"\nsubspaces = 1\nweight = 0.1", &["nothing to keep apart"]),
        ("kind = \"gradient-reversal\"\ndomain = \"task\"\n[sharing]\nlstm = false", &["what all tasks share"]),
    ];
    for (text, words) in cases {
        let error = refusal(&one(text));
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error:?}");
    }
    let error = refusal(&format!("MODEL lstm_layers = 2\n{}", one("kind = \"language-model\"\nlayer = 2")));
    assert!(error.contains("the answer would leak"), "{error}");
    let error = refusal("MODEL lstm_layers = 0\n");
    assert!(error.contains("every size"), "{error}");
    assert_eq!(refusal(ALL), "");
}

#[test]
fn what_a_task_cannot_have_is_refused() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let refusal = |objective: &str, keep: &dyn Fn(&crate::config::TaskSettings) -> bool| {
        let path = fixture::write(folder.path(), "");
        let mut config = Config::read(&path, None).unwrap();
        config.tasks.retain(keep);
        let text = toml::to_string(&config).unwrap() + objective;
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path, None);
        config.and_then(|c| Run::new(c, 1, folder.path())).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let upos = |task: &crate::config::TaskSettings| task.name == "upos";
    let one = |task: &crate::config::TaskSettings| task.key() == "ner/xx";
    let presence = "[[objective]]\nkind = \"presence\"\n";
    assert!(refusal(presence, &upos).contains("no task has spans"));
    assert!(refusal(&format!("{presence}labels = [\"NUON\"]"), &upos).contains("\"NUON\""));
    let domains = "[[objective]]\nkind = \"gradient-reversal\"\ndomain = \"language\"\n";
    assert!(refusal(domains, &one).contains("nothing to tell apart but xx"));
    let private = "[[objective]]\nkind = \"shared-private\"\ndomain = \"language\"\n";
    assert!(refusal(private, &one).contains("nothing to tell apart but xx"));
    let states = "[[objective]]\nkind = \"initial-state\"\nstate = \"language\"\n";
    assert!(refusal(states, &one).contains("nothing to tell apart but xx"));
    assert_eq!(refusal(presence, &one), "");
}

/// The shared states that are kept apart are those of the highest layer, whichever a task reads.
#[test]
fn a_lower_task_has_a_private_lstm_too() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = composed(folder.path(), "lower", |c| {
        c.objectives = parsed("[[objective]]\nkind = \"shared-private\"\ndomain = \"language\"");
        c.model.lstm_layers = 2;
        c.tasks.iter_mut().for_each(|task| task.layer = Some(1));
    });
    assert!(run.model.names_of(0).contains(&"lstm.2.fw.weight_hh".to_string()));
    assert_eq!(run.train(|_| false).unwrap().steps, 30);
}

/// Two tasks, one and two subspaces: the same unit of every subspace is mixed, and the penalty is of products of rows.
#[test]
fn sluices_mix_the_same_units_of_subspaces() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    for subspaces in [1usize, 2] {
        let mut run = composed(folder.path(), &format!("sluice-{subspaces}"), |c| {
            c.sharing.lstm = false;
            (c.model.hidden, c.model.lstm_layers, c.model.lstm_dropout) = (6, 2, 0.0);
            c.tasks.truncate(2);
            c.objectives = parsed(&format!("[[objective]]\nkind = \"sluice\"\nsubspaces = {subspaces}"));
        });
        let parts = 2 * subspaces;
        let alpha = Tensor::from_slice(&(0..parts * parts).map(|i| i as f32 - 2.5).collect::<Vec<_>>());
        let alpha = alpha.view([parts as i64, parts as i64]);
        tch::no_grad(|| run.model.parameters.get_mut("objective.sluice.alpha.1").unwrap().copy_(&alpha));
        let made_up = [0i64, 100].map(|from| (Tensor::arange(12, (Kind::Float, tch::Device::Cpu)) + from).view([2, 6]));
        let mixed: Vec<Vec<f32>> = sluice::mix(&run.model, 1, subspaces, &made_up).iter().map(flat).collect();
        let width = 6 / subspaces;
        for (task, cell, unit) in [(0, 0, 0), (0, 1, 5), (1, 0, 2), (1, 1, 4)] {
            let row = task * subspaces + unit / width;
            let mut expected = 0.0;
            for other in 0..parts {
                let (from, at) = (100 * (other / subspaces), cell * 6 + (other % subspaces) * width + unit % width);
                expected += ((row * parts + other) as f32 - 2.5) * (from + at) as f32;
            }
            assert_eq!(mixed[task][cell * 6 + unit], expected, "task {task}, cell {cell}, unit {unit}");
        }
        let layers = [Tensor::from_slice(&[1.0f32]), Tensor::from_slice(&[2.0f32])];
        assert!((flat(&sluice::read(&run.model, "ner/xx", &layers))[0] - 1.9).abs() < 1e-6);
        // A step of one task trains both stacks, and what it reads of its own layers.
        let names = run.model.names_of(0);
        for name in ["own.ner.yy.lstm.2.fw.weight_hh", "objective.sluice.alpha.2", "objective.sluice.beta.ner/xx"] {
            assert!(names.contains(&name.to_string()), "{name}");
        }
        assert!(!names.contains(&"objective.sluice.beta.ner/yy".to_string()));
        let objective =
            sluice::Sluice::new(&settings::Sluice { subspaces, ..Default::default() }, &mut setup(&mut run, "sluice"));
        let batch = batch(&run, 0);
        let states = states(&run, 0, &batch);
        let found = objective.loss(&seen(&run, 0, &batch, &states)).map(|loss| loss.double_value(&[]));
        let mut expected = 0.0;
        for (_, tensor) in
            run.model.parameters.iter().filter(|(name, _)| name.contains("lstm") && name.contains("weight"))
        {
            let rows = rows(tensor);
            for gate in rows.chunks_exact(6) {
                for (a, b) in gate[..3].iter().flat_map(|a| gate[3..].iter().map(move |b| (a, b))) {
                    expected += a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().powi(2);
                }
            }
        }
        match subspaces {
            1 => assert_eq!(found, None),
            _ => close(found.unwrap(), expected),
        }
        let result = run.train(|_| false).unwrap();
        assert_eq!(result.steps, 30);
    }
}
