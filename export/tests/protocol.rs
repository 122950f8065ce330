//! The protocols as a user runs them, on a few simulated learners.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const EXPERIMENT: &str = r#"
name = "tiny"
seeds = [1]

[model]
embedding = 4
hidden = 4
char_filters = 2

[training]
batch = 8
steps = 4
evaluate_every = 2
"#;

fn mtl_export(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mtl-export")).args(arguments).current_dir(folder).output().unwrap()
}

/// `scorer protocol ARGUMENTS` that succeeds: what it prints, and what it says on the way.
fn protocol(folder: &Path, arguments: &[&str]) -> (String, String) {
    let fixed = ["scorer", "protocol", "--config", "tiny.toml", "--data", "data"];
    let output = mtl_export(folder, &[&fixed[..], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let fixed = ["scorer", "protocol", "--config", "tiny.toml", "--data", "data"];
    let output = mtl_export(folder, &[&fixed[..], arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Two tracks that share four learners.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sizes = ["--users", "12", "--shared", "4", "--exercises", "30", "--words", "60"];
    let output = mtl_export(
        folder.path(),
        &[&["simulate", "data", "--track", "en_es", "--track", "fr_en"], &sizes[..]].concat(),
    );
    assert!(output.status.success(), "{output:?}");
    let track = |name: &str| {
        let path = |set: &str| format!("{set} = \"$DATA/{name}.slam.{set}\"\n");
        format!("[[track]]\nname = \"{name}\"\n{}{}{}", path("train"), path("dev"), path("test"))
    };
    std::fs::write(folder.path().join("tiny.toml"), format!("{EXPERIMENT}{}{}", track("en_es"), track("fr_en")))
        .unwrap();
    folder
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(folder: &Path, protocol: &str) -> Vec<Value> {
    json(&folder.join(format!("runs/tiny/{protocol}/summary.json")))["rows"].as_array().unwrap().clone()
}

#[test]
fn low_resource_trains_every_system_once_and_goes_on() {
    let project = project();
    let folder = project.path();
    let arguments = ["low-resource", "--track", "en_es", "--size", "100", "--size", "20", "--size", "9999"];
    let one = [&arguments[..], &["--seed", "1"]].concat();
    let (table, said) = protocol(folder, &one);
    for part in [
        "| 20 exercises",
        "| 100 exercises",
        "logistic",
        "trees",
        "single-task",
        "multi-task",
        "mean ± sd over seeds 1 ",
    ] {
        assert!(table.contains(part), "{part:?} is not in: {table}");
    }
    assert!(!table.contains("9999") && said.contains("no digest to check"), "{said}");
    let multi = folder.join("runs/tiny/low-resource-en_es/20-exercises/multi-task/seed-1");
    let result = json(&multi.join("result.json"));
    assert!(result["test"]["fr_en"].is_null() && result["dev"]["fr_en"].is_object(), "the other track trains along");
    let picture = json(&multi.join("picture.json"));
    let bins = picture["reliability"]["en_es"][1].as_array().unwrap();
    let words: u64 = bins.iter().map(|bin| bin["instances"].as_u64().unwrap()).sum();
    assert_eq!(words, result["test"]["en_es"]["words"].as_u64().unwrap());
    let learners = picture["learners"].as_array().unwrap();
    let sum = |key: &str| learners.iter().map(|learner| learner[key].as_u64().unwrap()).sum::<u64>();
    assert!(learners.len() > 12 && sum("words") > sum("right") && sum("right") > sum("words") / 2, "{learners:?}");
    assert!(learners.iter().all(|learner| learner["embedding"].as_array().unwrap().len() == 4));
    std::fs::remove_file(multi.join("best.safetensors")).unwrap();
    let again = protocol(folder, &[&arguments[..], &["--seed", "1", "--seed", "2"]].concat());
    assert!(again.0.contains("over seeds 1, 2 ") && again.1.contains("[16/16]"), "{again:?}");
    assert!(!multi.join("best.safetensors").exists(), "a run that is done is not trained again");
    let rows = rows(folder, "low-resource-en_es");
    assert_eq!(rows.len(), 2);
    for system in ["logistic", "trees", "single-task", "multi-task"] {
        assert_eq!(rows[0]["systems"][system]["auc"]["values"].as_array().unwrap().len(), 2, "{system}");
    }
    assert_eq!(rows[0]["words"].as_array().unwrap().len(), 2);
    std::fs::write(folder.join("data/fr_en.slam.dev"), std::fs::read(folder.join("data/fr_en.slam.test")).unwrap())
        .unwrap();
    std::fs::copy(folder.join("data/fr_en.slam.test.key"), folder.join("data/fr_en.slam.dev.key")).unwrap();
    let error = refused(folder, &one);
    assert!(error.contains("other settings or data") && error.contains("choose another --output"), "{error}");
}

#[test]
fn a_cold_start_scores_the_same_words_in_every_row() {
    let project = project();
    let folder = project.path();
    let arguments =
        ["cold-start", "--track", "en_es", "--learners", "3", "--system", "multi-task", "--system", "logistic"];
    protocol(folder, &arguments);
    let rows = rows(folder, "cold-start-en_es-3");
    let names: Vec<&str> = rows.iter().map(|row| row["row"].as_str().unwrap()).collect();
    assert_eq!(names, ["seen in the track", "seen in another track", "never seen"]);
    assert!(rows.iter().all(|row| row["words"] == rows[0]["words"] && row["track"] == "en_es"));
    let auc = |row: usize, system: &str| rows[row]["systems"][system]["auc"]["values"][0].as_f64().unwrap();
    assert_eq!(auc(1, "logistic"), auc(2, "logistic"), "one track knows as little of them either way");
    assert_ne!(auc(0, "logistic"), auc(1, "logistic"));
    let error = refused(folder, &["cold-start", "--track", "en_es", "--learners", "5"]);
    assert!(error.contains("4 learners who could be held out") && error.contains("--learners 5"), "{error}");
    let error = refused(folder, &["cold-start", "--track", "en_es"]);
    assert!(error.contains("RWDt7srk has 0 test words") && error.contains("--learners"), "{error}");
    let error = refused(folder, &["cold-start"]);
    assert!(error.contains("no track \"es_en\"") && error.contains("en_es, fr_en"), "{error}");
}

#[test]
fn full_data_ablations_and_removal_have_a_row_for_each() {
    let project = project();
    let folder = project.path();
    let (table, _) = protocol(folder, &["full"]);
    assert_eq!(table.matches("| all ").count(), 6, "two tracks, three scores: {table}");
    protocol(folder, &["ablations", "--system", "multi-task"]);
    let names = |protocol| -> Vec<String> {
        let own = rows(folder, protocol).into_iter().filter(|row| row["track"] == "fr_en");
        own.map(|row| row["row"].as_str().unwrap().to_string()).collect()
    };
    let encoders =
        ["all", "without meta", "without word", "without char_lstm", "without char_cnn", "without characters"];
    assert_eq!(names("ablations"), encoders);
    protocol(folder, &["removal", "--system", "logistic"]);
    assert_eq!(names("removal").len(), 8);
    let auc = |row: usize| rows(folder, "removal")[row]["systems"]["logistic"]["auc"]["mean"].as_f64().unwrap();
    assert_ne!(auc(0), auc(2), "the logistic regression reads the user");
    assert_eq!(auc(0), auc(4), "and no country");
}

#[test]
fn published_files_are_known_by_their_names_and_refused_where_they_differ() {
    let project = project();
    let folder = project.path();
    std::fs::rename(folder.join("data/fr_en.slam.dev"), folder.join("data/fr_en.slam.20190204.dev")).unwrap();
    let text =
        std::fs::read_to_string(folder.join("tiny.toml")).unwrap().replace("fr_en.slam.dev", "fr_en.slam.20190204.dev");
    std::fs::write(folder.join("tiny.toml"), text).unwrap();
    let error = refused(folder, &["full"]);
    for part in ["fr_en.slam.20190204.dev", "bytes", "22294606", "doi:10.7910/DVN/8SWHNO"] {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    std::fs::remove_file(folder.join("data/fr_en.slam.20190204.dev")).unwrap();
    let error = refused(folder, &["full"]);
    assert!(error.contains("No such file") && error.contains("c4a052964b3f"), "{error}");
}
