//! The command as a user runs it: train, stop and go on, evaluate, export; and its refusals.

use libmtl::Cancel;
use libmtl::bundle::Bundle;
use libmtl::engine::{EngineOptions, Head};
use libmtl::tagger::features;
use std::path::Path;
use std::process::{Command, Output};

const EXPERIMENT: &str = r#"
name = "tiny"
seeds = [1, 2]

[model]
word_dim = 6
char_dim = 5
char_filters = 3
char_boundaries = true
hidden = 7
constraints = "decode"

[training]
batch = 4
steps = 20
evaluate_every = 10

[export]
id = "tiny"
version = "0.1.0"
description = "made up"
licence = "MIT"
golden = "golden.tsv"

[[task]]
name = "ner"
language = "en"
scheme = "bioes"
train = [{ path = "$DATA/names.conll", scheme = "iob2", corpus = "made up", licence = "MIT" }]
dev = [{ path = "$DATA/names.conll", scheme = "iob2" }]
test = [{ path = "$DATA/names.conll", scheme = "iob2" }]

[[task]]
name = "upos"
language = "da"
scheme = "plain"
train = [{ path = "$DATA/parts.conll" }]
dev = [{ path = "$DATA/parts.conll" }]
"#;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("tiny.toml", EXPERIMENT);
    write("names.conll", &"Anna\tB-PER\nCarlsen\tI-PER\nsings\tO\n\nOslo\tB-LOC\nsleeps\tO\n.\tO\n\n".repeat(6));
    write("parts.conll", &"Anna\tPROPN\nsynger\tVERB\n\n".repeat(5));
    write("golden.tsv", "en\tAnna sings in Oslo .\nda\tAnna synger\n");
    folder
}

fn mtl_export(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mtl-export")).args(arguments).current_dir(folder).output().unwrap()
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = mtl_export(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in: {stderr}");
    }
}

#[test]
fn train_evaluate_export_and_open() {
    let project = project();
    let folder = project.path();
    let output = mtl_export(folder, &["train", "tiny.toml", "--data", "."]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "one line a seed");
    let summary = std::fs::read_to_string(folder.join("runs/tiny/summary.json")).unwrap();
    assert!(summary.contains("\"sd\""), "{summary}");

    let output = mtl_export(folder, &["evaluate", "tiny.toml", "--data", ".", "--seed", "1"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("{\"ner/en\":{\"sentences\":12,"), "{output:?}");

    let output = mtl_export(folder, &["report", "runs/tiny", "--output", "page.html"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("<h2>Answers: ner/en</h2>") && page.ends_with("</html>\n"));

    let arguments = ["export", "tiny.toml", "--data", ".", "--seed", "1", "--output", "bundle", "--commit", "abc"];
    let output = mtl_export(folder, &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parity_with_the_native_engine(&folder.join("bundle"));
}

/// The golden cases are libtorch's: the native engine must give their emissions within the stated tolerance.
fn parity_with_the_native_engine(bundle: &Path) {
    let bundle = Bundle::open(bundle).unwrap();
    let manifest = bundle.manifest().clone();
    assert_eq!((manifest.training.commit.as_str(), manifest.training.seed), ("abc", 1));
    assert_eq!(manifest.metrics[0].seeds, 2);
    let engine = libmtl::engine::open(&bundle, &EngineOptions::default()).unwrap();
    let golden = bundle.golden().unwrap();
    assert_eq!(golden.len(), 2);
    for case in golden {
        let task = manifest.tasks.iter().position(|t| t.name == case.task).unwrap();
        let language = manifest.tasks[task].languages.iter().position(|l| *l == case.language);
        let batch = features::encode(&bundle, &case.language, &[&case.tokens], &Cancel::new()).unwrap();
        let emissions = engine.emissions(&batch, &[Head { task, language }], &Cancel::new()).unwrap();
        for (found, expected) in emissions[0][0].iter().zip(case.emissions.iter().flatten()) {
            assert!((found - expected).abs() < case.tolerance, "{found} {expected}");
        }
    }
}

/// What was trained beside the tasks is not deployed; what changes the network cannot be.
#[test]
fn objectives_are_left_out_of_a_bundle_or_refused() {
    let with = |settings: &[(&str, &str)], objective: &str| {
        let project = project();
        let text = settings.iter().fold(EXPERIMENT.to_string(), |text, (from, to)| text.replace(from, to));
        std::fs::write(project.path().join("tiny.toml"), format!("{text}\n[[objective]]\n{objective}\n")).unwrap();
        let output = mtl_export(project.path(), &["train", "tiny.toml", "--data", "."]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        project
    };
    let export = ["export", "tiny.toml", "--data", ".", "--seed", "1", "--output", "bundle", "--commit", "abc"];

    let project = with(&[], "kind = \"language-model\"\n[[objective]]\nkind = \"presence\"");
    let output = mtl_export(project.path(), &export);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let weights = std::fs::read(project.path().join("bundle/weights.safetensors")).unwrap();
    assert!(!weights.windows(9).any(|bytes| bytes == b"objective"), "an objective's parameters are deployed");
    parity_with_the_native_engine(&project.path().join("bundle"));

    let layers = [("hidden = 7", "hidden = 7\nlstm_layers = 2")];
    let apart = [("hidden = 7", "hidden = 8"), ("[training]", "[sharing]\nlstm = false\n[training]")];
    for (settings, objective, words) in [
        (&[][..], "kind = \"initial-state\"", "initial-state"),
        (&[], "kind = \"shared-private\"\ndomain = \"task\"", "shared-private"),
        (&layers[..], "kind = \"inverse\"", "lstm_layers"),
        (&apart[..], "kind = \"sluice\"", "sluice"),
    ] {
        let project = with(settings, objective);
        refused(project.path(), &export, &[words, "for research"]);
    }
}

#[test]
fn an_ablation_compares_objectives() {
    let project = project();
    let folder = project.path();
    refused(folder, &["ablate", "tiny.toml", "--data", "."], &["nothing to compare", "[[objective]]"]);
    std::fs::write(folder.join("tiny.toml"), format!("{EXPERIMENT}\n[[objective]]\nkind = \"data-statistics\"\n"))
        .unwrap();
    let output = mtl_export(folder, &["ablate", "tiny.toml", "--data", ".", "--seed", "3"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.join("runs/tiny/ablation.json")).unwrap();
    assert!(text.contains("\"baseline\"") && text.contains("\"gain\""), "{text}");
}

#[test]
fn a_baseline_trains_one_task_alone() {
    let project = project();
    let folder = project.path();
    let output = mtl_export(folder, &["train", "tiny.toml", "--data", ".", "--only", "upos/da", "--seed", "3"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result = std::fs::read_to_string(folder.join("runs/tiny.only-upos-da/seed-3/result.json")).unwrap();
    assert!(result.contains("upos/da") && !result.contains("ner/en"), "{result}");
}

#[test]
fn refusals_name_the_fault_and_the_remedy() {
    let project = project();
    let folder = project.path();
    refused(folder, &["train", "nowhere.toml"], &["nowhere.toml", "check the path"]);
    refused(folder, &["train", "tiny.toml"], &["$DATA is not set", "--data"]);
    let change = |name: &str, from: &str, to: &str| {
        assert!(EXPERIMENT.contains(from));
        std::fs::write(folder.join(name), EXPERIMENT.replacen(from, to, 1)).unwrap();
    };
    for (from, to, words) in [
        ("hidden = 7", "hiden = 7", &["hiden", "unknown field"][..]),
        ("hidden = 7", "hidden = 0", &["[model]", "at least 1"]),
        ("steps = 20", "steps = 20\ntarget = \"ner/nl\"", &["ner/nl", "ner/en, upos/da"]),
        ("seeds = [1, 2]", "seeds = []", &["seeds is empty"]),
        ("[training]", "[vectors.en]\npath = \"nowhere.txt\"\n[training]", &["nowhere.txt", "check the path"]),
        ("scheme = \"iob2\", corpus", "corpus", &["names.conll", "needs `scheme`"]),
        ("$DATA/names.conll\"", "$DATA/parts.conll\", token = 4", &["parts.conll", "line 1", "columns"]),
    ] {
        change("bad.toml", from, to);
        refused(folder, &["train", "bad.toml", "--data", ".", "--output", "bad"], words);
    }
    refused(folder, &["train", "tiny.toml", "--data", ".", "--only", "ner/nl"], &["ner/nl", "ner/en, upos/da"]);
    refused(folder, &["evaluate", "tiny.toml", "--data", ".", "--seed", "9"], &["seed-9", "train first"]);
    refused(folder, &["report", ".", "--output", "page.html"], &["nothing to show", "mtl-export train"]);
}

/// A labelled `.slam` file of two learners with ten exercises each; "hard" is a mistake whoever reads it.
fn exercises() -> String {
    let mut text = String::new();
    // Days fall: the file is not in the order of time.
    for number in (0..10).rev() {
        for user in ["one", "two"] {
            text += &format!("# user:{user}  countries:  days:{number}.000  client:  session:  format:  time:null\n");
            for (word, label) in [("easy", 0), ("hard", 1)] {
                text += &format!("AAAA{user}x{number:02}{label:02}  {word}  NOUN  fPOS=NOUN  ROOT  0  {label}\n");
            }
            text += "\n";
        }
    }
    text
}

#[test]
fn exercises_are_split_by_time_and_the_baseline_scores_the_last_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("xx.slam"), exercises()).unwrap();
    let output =
        mtl_export(folder, &["scorer", "split", "xx.slam", "--output", "parts", "--dev", "0.2", "--test", "0.3"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.join("parts").join(name)).unwrap();
    let days = |name: &str| {
        let text = read(name);
        let day = |line: &str| line.split("days:").nth(1)?.split('.').next()?.parse::<u32>().ok();
        text.lines().filter_map(day).collect::<Vec<_>>()
    };
    assert_eq!(days("xx.slam.train"), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    assert_eq!(days("xx.slam.dev"), [5, 6, 5, 6]);
    assert_eq!(days("xx.slam.test"), [7, 8, 9, 7, 8, 9]);
    assert!(read("xx.slam.train").lines().any(|line| line.ends_with("ROOT  0  1")));
    assert!(read("xx.slam.test").lines().all(|line| !line.ends_with("ROOT  0  1")), "test has its labels elsewhere");
    assert_eq!(read("xx.slam.test.key").lines().count(), 12);

    let (train, test) = ("parts/xx.slam.train", "parts/xx.slam.test");
    let arguments = ["scorer", "baseline", "--train", train, "--test", test, "--seed", "4", "--predictions", "p"];
    let output = mtl_export(folder, &arguments);
    let scores = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(scores.starts_with("{\"exercises\":6,\"words\":12,\"mistakes\":6,\"auc\":1.0,"), "{output:?}");
    assert_eq!(std::fs::read_to_string(folder.join("p")).unwrap().lines().count(), 12);

    std::fs::remove_file(folder.join("parts/xx.slam.test.key")).unwrap();
    refused(folder, &arguments, &["xx.slam.test: exercise of line 1", "no label", "xx.slam.test.key"]);
    refused(folder, &["scorer", "split", "xx.slam", "--output", "x", "--test", "1"], &["shares"]);
}

#[test]
fn learners_who_are_held_out_are_in_no_other_part() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("xx.slam"), exercises()).unwrap();
    let split = |seed: &str| {
        let arguments = ["scorer", "split", "xx.slam", "--output", seed, "--hold-out", "1", "--seed", seed];
        let output = mtl_export(folder, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |part: &str| std::fs::read_to_string(folder.join(seed).join(format!("xx.slam.{part}"))).unwrap();
        let users = |part: &str| {
            let text = read(part);
            let user = |line: &str| Some(line.strip_prefix("# user:")?.split_whitespace().next()?.to_string());
            text.lines().filter_map(user).collect::<Vec<String>>()
        };
        let (history, future) = (users("history"), users("future"));
        assert_eq!((history.len(), future.len(), read("future.key").lines().count()), (5, 5, 10));
        assert!(history == future && read("history").contains("days:4") && read("future").contains("days:5"));
        assert_eq!(["train", "dev", "test"].map(|part| users(part).len()), [8, 1, 1]);
        assert!(["train", "dev", "test"].iter().all(|part| !users(part).contains(&history[0])));
        history[0].clone()
    };
    let drawn: Vec<String> = (1..9).map(|seed| split(&seed.to_string())).collect();
    assert!(drawn.iter().any(|user| *user != drawn[0]), "a seed draws them");
    let all = ["scorer", "split", "xx.slam", "--output", "x", "--hold-out", "2"];
    refused(folder, &all, &["--hold-out 2 of 2 learners", "at least one"]);
}
