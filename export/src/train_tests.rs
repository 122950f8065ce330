//! Runs: they resume, learn, and keep apart what is held out.

use super::*;
use crate::fixture;

fn trained(folder: &Path, output: &str, change: impl Fn(&mut Config)) -> Result<RunResult> {
    let mut config = fixture::config(folder);
    change(&mut config);
    Run::new(config, 5, &folder.join(output)).and_then(|mut run| run.train(|_| false))
}

fn tensors(folder: &Path) -> Vec<(String, Vec<f32>)> {
    let tensors = tch::Tensor::read_safetensors(folder.join("best.safetensors")).unwrap();
    let mut values: Vec<_> = tensors.iter().map(|(n, t)| (n.clone(), crate::model::flat(t))).collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values
}

#[test]
fn an_interrupted_run_resumes_to_the_same_result() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let adam = |c: &mut Config| {
        c.optimizer.kind = crate::config::OptimizerKind::Adam;
        c.optimizer.learning_rate = 0.01;
        c.vocabulary.unknown_rate = 0.3;
    };
    let whole = trained(folder.path(), "whole", adam).unwrap();
    let mut config = fixture::config(folder.path());
    adam(&mut config);
    let mut run = Run::new(config, 5, &folder.path().join("parts")).unwrap();
    assert_eq!(run.train(|step| step == 13).unwrap_err().kind(), libmtl::ErrorKind::Interrupted);
    let resumed = trained(folder.path(), "parts", adam).unwrap();
    assert_eq!(whole, resumed);
    assert_eq!(tensors(&folder.path().join("whole")), tensors(&folder.path().join("parts")));
}

#[test]
fn training_learns_the_made_up_names() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let result = trained(folder.path(), "run", |c| {
        c.training.steps = 400;
        c.training.evaluate_every = 100;
        c.model.hidden = 16;
        c.model.lstm_dropout = 0.0;
        c.training.batch = 12;
        c.optimizer.schedule = crate::config::Schedule::Linear;
        c.optimizer.kind = crate::config::OptimizerKind::Adam;
        c.optimizer.learning_rate = 0.02;
    })
    .unwrap();
    assert!(result.test["upos/xx"].accuracy > 0.9, "{:?}", result.test);
    assert!(result.test["ner/xx"].f1 > 0.8, "{:?}", result.test);
    for file in ["result.json", "picture.json", "curve.json", "curve.svg", "best.safetensors"] {
        assert!(folder.path().join("run").join(file).exists(), "{file}");
    }
}

#[test]
fn a_checkpoint_of_another_experiment_is_refused() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path(), "run", |_| ()).unwrap();
    let error = trained(folder.path(), "run", |c| c.model.lstm_dropout = 0.1).unwrap_err().to_string();
    assert!(error.contains("another experiment") && error.contains("--output"), "{error}");
}

#[test]
fn a_label_of_dev_or_test_never_enters_the_label_set() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let config = fixture::config(folder.path());
    std::fs::write(folder.path().join("ner.xx.dev"), "Anna\tB-NEW\n").unwrap();
    let run = Run::new(config, 5, &folder.path().join("run")).unwrap();
    assert!(run.lexicon.types[0].labels.iter().all(|l| !l.ends_with("NEW")));
    assert_eq!(run.scores(Set::Dev)["ner/xx"].recall, 0.0);
}
