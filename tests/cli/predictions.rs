//! `mtl eval --predictions`: the shared task's scores of its own self-test, and what is refused.

use super::*;

const LABELS: [u8; 10] = [1, 0, 0, 1, 1, 0, 0, 1, 0, 1];
const PREDICTED: [f64; 10] = [0.8, 0.2, 0.6, 0.3, 0.1, 0.2, 0.3, 0.9, 0.2, 0.7];

fn lines(values: impl IntoIterator<Item = impl ToString>) -> String {
    let line = |(i, value): (usize, _)| format!("AAAAbbbb01{i:02} {}\n", ToString::to_string(&value));
    values.into_iter().enumerate().map(line).collect()
}

fn eval(folder: &TempDir, gold: &str, predicted: &str, more: &[&str]) -> Output {
    let (gold, predicted) = (file(folder, "gold", gold), file(folder, "predicted", predicted));
    run(&[&["eval", "--data", &gold, "--predictions", &predicted], more].concat(), b"")
}

#[test]
fn the_official_self_test_from_a_key_or_a_labelled_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut slam = "# user:u countries: days:0 client: session: format: time:null\n".to_string();
    for (i, label) in LABELS.iter().enumerate() {
        slam += &format!("AAAAbbbb01{i:02} word X _ dep 0 {label}\n");
    }
    for gold in [lines(LABELS), slam] {
        let scores = eval(&folder, &gold, &lines(PREDICTED), &[]).json_lines().remove(0);
        assert_eq!((&scores["instances"], &scores["mistakes"]), (&10.into(), &5.into()));
        for (key, expected) in [("auc", "0.740"), ("f1", "0.667"), ("accuracy", "0.700"), ("log_loss", "0.613")] {
            assert_eq!(format!("{:.3}", scores[key].as_f64().unwrap()), expected, "{key}");
        }
    }
}

#[test]
fn the_weight_of_training_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let weighted = lines(PREDICTED.map(|p| 0.7 * p / (0.7 * p + 0.3 * (1.0 - p))));
    let scores = |predicted: &str, more: &[&str]| eval(&folder, &lines(LABELS), predicted, more).json_lines().remove(0);
    let (plain, undone) = (scores(&lines(PREDICTED), &[]), scores(&weighted, &["--alpha", "0.7"]));
    for key in ["auc", "f1", "accuracy", "log_loss", "calibration_error"] {
        assert!((plain[key].as_f64().unwrap() - undone[key].as_f64().unwrap()).abs() < 1e-9, "{key}");
    }
    assert_ne!(scores(&weighted, &[])["log_loss"], undone["log_loss"]);
    eval(&folder, &lines(LABELS), &weighted, &["--alpha", "1"]).refused(&["--alpha: alpha is 1"]);
}

#[test]
fn a_reliability_diagram_is_drawn_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diagram.svg");
    let draw = |more: &[&str]| {
        let drawn = [&["--reliability", path.to_str().unwrap()], more].concat();
        assert_eq!(eval(&folder, &lines(LABELS), &lines(PREDICTED), &drawn).code, 0);
        std::fs::read_to_string(&path).unwrap()
    };
    let (plain, both) = (draw(&[]), draw(&["--alpha", "0.7"]));
    assert!(plain.starts_with("<svg") && plain.contains("as predicted: calibration error 0.310, 10 words"), "{plain}");
    assert!(!plain.contains("undone") && both.contains("alpha 0.7 undone") && both.contains("as predicted"), "{both}");
    let nowhere = folder.path().join("none/diagram.svg");
    let more = ["--reliability", nowhere.to_str().unwrap()];
    eval(&folder, &lines(LABELS), &lines(PREDICTED), &more).refused(&["none/diagram.svg", "check the path"]);
}

#[test]
fn what_is_not_defined_is_null_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = eval(&folder, &lines([1, 1]), &lines([0.0, 0.9]), &[]);
    for words in ["all labels are alike", "instance 0"] {
        assert!(output.stderr.contains(words), "{output:?}");
    }
    let scores = output.json_lines().remove(0);
    assert_eq!((&scores["auc"], &scores["log_loss"]), (&Value::Null, &Value::Null));
    assert_eq!(scores["accuracy"], 0.5);
}

#[test]
fn faults_are_refused_and_extra_predictions_named() {
    let folder = tempfile::tempdir().unwrap();
    eval(&folder, &lines(LABELS), &lines([0.5]), &[]).refused(&["predicted: no prediction for AAAAbbbb0101"]);
    eval(&folder, &lines(LABELS), &lines([2.0]), &[]).refused(&["predicted: line 1: the probability is"]);
    eval(&folder, "", &lines([0.5]), &[]).refused(&["no instances"]);
    eval(&folder, &lines(LABELS), &lines(PREDICTED), &["--task", "ner"]).refused(&["cannot be used with"]);
    run(&["eval", "--data", "x"], b"").refused(&["not named", "--predictions"]);
    let output = eval(&folder, &lines([0, 1]), &lines(PREDICTED), &[]);
    assert!(output.code == 0 && output.stderr.contains("8 predictions of instances"), "{output:?}");
}
