//! `sweep`, `transfer`, `relate` and `probe` as a user runs them: in processes, stopped and gone on with, and their refusals.

use std::path::Path;
use std::process::{Command, Output};

const EXPERIMENT: &str = r#"
name = "tiny"
seeds = [1, 2]

[model]
word_dim = 6
char_filters = 0
hidden = 7
head = "softmax"
specific_layers = false
lstm_dropout = 0.0

[optimizer]
kind = "adadelta"
learning_rate = 1.0
epsilon = 1e-4
schedule = "staircase"
decay = 1.0

[training]
batch = 4
steps = 60
evaluate_every = 30
mixing = "uniform"
log_every = 5
"#;

/// Three tasks on the same made-up sentences: names, parts of speech, and where a sentence ends.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = String::new();
    let sentences =
        [["Anna N B-PER O", "sings V O O", ". P O B-END"], ["Oslo N B-LOC O", "sleeps V O O", "! P O B-END"]];
    for (column, (name, scheme)) in [("parts", "plain"), ("names", "bioes"), ("ends", "bioes")].into_iter().enumerate()
    {
        let sets = ["train", "dev", "test"].map(|set| {
            let label = column + 1;
            format!("{set} = [{{ path = \"$DATA/all.conll\", label = {label}, scheme = \"iob2\" }}]\n")
        });
        tasks += &format!("[[task]]\nname = \"{name}\"\nlanguage = \"en\"\nscheme = \"{scheme}\"\n{}", sets.concat());
    }
    let text = sentences.map(|lines| lines.join("\n")).join("\n\n") + "\n\n";
    std::fs::write(folder.path().join("all.conll"), text.repeat(8)).unwrap();
    std::fs::write(folder.path().join("tiny.toml"), format!("{EXPERIMENT}{tasks}")).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtl-export"));
    command.args(arguments).current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn passes(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in: {stderr}");
    }
}

fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("runs/tiny/results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn processes_sweep_what_one_process_sweeps_and_nothing_twice() {
    let project = project();
    let folder = project.path();
    passes(folder, &["sweep", "tiny.toml", "--data", ".", "--jobs", "2", "--seed", "1"]);
    let parallel = lines(folder);
    assert_eq!(parallel.len(), 6, "three tasks, three pairs");
    let map = std::fs::read_to_string(folder.join("runs/tiny/heatmap.svg")).unwrap();
    assert!(map.contains("names") && map.contains("parts"), "{map}");
    passes(folder, &["sweep", "tiny.toml", "--data", ".", "--seed", "1"]);
    assert_eq!(lines(folder), parallel, "all was finished");
    passes(folder, &["sweep", "tiny.toml", "--data", ".", "--seed", "1", "--output", "alone"]);
    let text = std::fs::read_to_string(folder.join("alone/tiny/results.jsonl")).unwrap();
    for line in text.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let same = |l: &&serde_json::Value| l["tasks"] == line["tasks"];
        line["seconds"] = parallel.iter().find(same).unwrap()["seconds"].clone();
        assert!(parallel.contains(&line), "{line}");
    }
}

#[test]
fn processes_transfer_and_what_is_missing_is_said() {
    let project = project();
    let folder = project.path();
    refused(folder, &["transfer", "tiny.toml", "--data", "."], &["[transfer]", "sizes"]);
    let path = folder.join("tiny.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("mixing = \"uniform\"", "target = \"names/en\"");
    std::fs::write(&path, text + "[transfer]\nsizes = [2, \"all\"]\n").unwrap();
    refused(
        folder,
        &["transfer", "tiny.toml", "--data", ".", "--set", "full@3"],
        &["full@3", "full@2", "baseline@all"],
    );
    passes(folder, &["transfer", "tiny.toml", "--data", ".", "--jobs", "2"]);
    let found = lines(folder);
    // Two systems, two sizes, two seeds: nothing is across languages here.
    assert_eq!(found.len(), 8);
    let sentences = |line: &serde_json::Value| line["sentences"].as_u64().unwrap();
    assert!(found.iter().all(|line| sentences(line) == if line["size"] == 2 { 2 } else { 16 }));
    let folders = std::fs::read_dir(folder.join("runs/tiny")).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 0, "parameters are left behind");
    let summary = std::fs::read_to_string(folder.join("runs/tiny/transfer.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["rows"].as_array().unwrap().len(), 4);
    assert_eq!(summary["rows"][1]["gain"]["values"].as_array().unwrap().len(), 2);
}

#[test]
fn a_sweep_is_related_and_probed() {
    let project = project();
    let folder = project.path();
    passes(folder, &["sweep", "tiny.toml", "--data", "."]);
    let results = "runs/tiny/results.jsonl";
    let related = ["relate", "--sweep", results, "--repeats", "2", "--draws", "2", "--output", "report.json"];
    let output = run(folder, &related);
    // So small a sweep may have gains only, or none: then that is what is said.
    if output.status.success() {
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.contains("random features") && table.contains("identity of the main task"), "{table}");
        assert!(std::fs::read_to_string(folder.join("report.json")).unwrap().contains("--sweep results.jsonl"));
    } else {
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to tell apart"), "{output:?}");
    }
    let probed = ["probe", "tiny.toml", "--data", ".", "--main", "names", "--steps", "1000", "--truth", results];
    let said = passes(folder, &probed);
    assert!(said.contains("names: ") && said.contains("parts") && said.contains("beside the sweep: 2 pairs"), "{said}");
    let report = std::fs::read_to_string(folder.join("runs/tiny.probe/probe.json")).unwrap();
    assert!(report.contains("\"helps\"") && report.contains("\"comparison\""), "{report}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_goes_on_from_its_checkpoint() {
    let project = project();
    let folder = project.path();
    let text = std::fs::read_to_string(folder.join("tiny.toml")).unwrap();
    std::fs::write(folder.join("tiny.toml"), text.replace("steps = 60", "steps = 1500")).unwrap();
    let arguments = ["sweep", "tiny.toml", "--data", ".", "--set", "names", "--seed", "1"];
    let mut child = command(folder, &arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !folder.join("runs/tiny/tiny.names.seed-1/last.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("the same command goes on"), "{stderr}");
    passes(folder, &arguments);
    let lines = lines(folder);
    assert_eq!((lines.len(), lines[0]["steps"].as_u64()), (1, Some(1500)));
    assert!(!folder.join("runs/tiny/tiny.names.seed-1").exists());
}

#[test]
fn refusals_name_the_fault_and_the_remedy() {
    let project = project();
    let folder = project.path();
    refused(folder, &["sweep", "tiny.toml", "--data", ".", "--jobs", "0"], &["--jobs 0"]);
    refused(
        folder,
        &["sweep", "tiny.toml", "--data", ".", "--set", "names+x"],
        &["no task \"x\"", "parts, names, ends"],
    );
    refused(folder, &["sweep", "tiny.toml", "--data", "nowhere"], &["all.conll", "check the path"]);
    refused(folder, &["sweep", "tiny.toml", "--data", "nowhere", "--jobs", "2"], &["seed 1", "all.conll"]);
    refused(folder, &["relate", "--published", "."], &["ccg", "--published"]);
    refused(folder, &["relate", "--sweep", "tiny.toml"], &["tiny.toml: line 2", "delete the line"]);
    refused(folder, &["relate", "--sweep", "tiny.toml", "--repeats", "0"], &["--repeats"]);
    refused(folder, &["relate"], &["--published", "--sweep"]);
    refused(folder, &["probe", "tiny.toml"], &["--minutes", "--steps"]);
    refused(folder, &["probe", "tiny.toml", "--steps", "10", "--fraction", "2"], &["--fraction 2"]);
    let text = std::fs::read_to_string(folder.join("tiny.toml")).unwrap();
    for (from, to, words) in [
        ("head = \"softmax\"", "head = \"softmax\"\nconstraints = \"decode\"", ["softmax", "constraints"]),
        ("name = \"ends\"", "name = \"names\"", ["names/en", "twice"]),
        ("mixing = \"uniform\"", "mixing = \"even\"", ["even", "uniform"]),
    ] {
        assert!(text.contains(from));
        std::fs::write(folder.join("bad.toml"), text.replacen(from, to, 1)).unwrap();
        refused(folder, &["sweep", "bad.toml", "--data", "."], &words);
    }
    passes(folder, &["train", "tiny.toml", "--data", ".", "--seed", "1"]);
    let export = ["export", "tiny.toml", "--data", ".", "--seed", "1", "--output", "bundle", "--commit", "abc"];
    refused(folder, &export, &["characters and a CRF"]);
}
