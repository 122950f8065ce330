//! The scorer as a user makes it: simulate, train, evaluate, export; and what the native engine makes of the bundle.

use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Cancel, bundle::manifest::Kind};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const EXPERIMENT: &str = r#"
name = "tiny"
seeds = [1, 2]

[model]
embedding = 6
hidden = 7
char_filters = 3
word_layers = 2

[training]
batch = 8
steps = 20
evaluate_every = 10

[corpus]
name = "simulated learners (SYNTHETIC)"
licence = "CC0-1.0"

[export]
id = "tiny"
version = "0.1.0"
description = "made up"
licence = "CC0-1.0"

[[track]]
name = "fr_en"
train = "$DATA/fr_en.slam.train"
dev = "$DATA/fr_en.slam.dev"

[[track]]
name = "en_es"
train = "$DATA/en_es.slam.train"
dev = "$DATA/en_es.slam.dev"
test = "$DATA/en_es.slam.test"
"#;

fn mtl_export(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mtl-export")).args(arguments).current_dir(folder).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = mtl_export(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn project(experiment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), experiment).unwrap();
    let sizes = ["--users", "12", "--shared", "3", "--exercises", "30", "--words", "60"];
    let tracks = ["simulate", "data", "--track", "en_es", "--track", "fr_en"];
    done(folder.path(), &[&tracks[..], &sizes[..]].concat());
    folder
}

#[test]
fn simulate_train_evaluate_export_and_score() {
    let project = project(EXPERIMENT);
    let folder = project.path();
    let lines = done(folder, &["scorer", "train", "tiny.toml", "--data", "data"]);
    assert_eq!(lines.lines().count(), 2, "one line a seed");
    let summary = std::fs::read_to_string(folder.join("runs/tiny/summary.json")).unwrap();
    assert!(summary.contains("\"auc\"") && summary.contains("\"log_loss\""), "{summary}");
    let scores = done(folder, &["scorer", "evaluate", "tiny.toml", "--data", "data", "--seed", "1"]);
    assert!(scores.starts_with("{\"en_es\":{\"exercises\":") && !scores.contains("fr_en"), "{scores}");
    let arguments = ["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--commit", "abc"];
    done(folder, &[&arguments[..], &["--output", "bundle"]].concat());
    let manifest = parity(&folder.join("bundle"));
    assert_eq!((manifest.kind, manifest.training.commit.as_str()), (Kind::Scorer, "abc"));
    assert_eq!(manifest.metrics.len(), 3);
    assert!(manifest.metrics.iter().all(|m| m.language == "en_es" && m.seeds == 2 && m.set.contains("SYNTHETIC")));
}

#[test]
fn a_baseline_trains_one_track_alone() {
    let project = project(&EXPERIMENT.replace("[1, 2]", "[1]").replace("batch = 8", "batch = 8\ntarget = \"fr_en\""));
    let folder = project.path();
    done(folder, &["scorer", "train", "tiny.toml", "--data", "data", "--only", "en_es"]);
    let result = std::fs::read_to_string(folder.join("runs/tiny.only-en_es/seed-1/result.json")).unwrap();
    assert!(result.contains("en_es") && !result.contains("fr_en"), "{result}");
}

/// The other architecture: everything that the defaults are not.
#[test]
fn the_papers_variant_has_parity_too() {
    let experiment = EXPERIMENT
        .replace(
            "hidden = 7",
            "hidden = 7\ncontext = \"own\"\ncombine = \"concat\"\nencoders = [\"char_cnn\", \"word\"]\nchar_convolutions = 2",
        )
        .replace("[training]", "[features]\nnumbers = \"raw\"\nignore = [\"user\", \"time\"]\n\n[training]")
        .replace("[1, 2]", "[1]");
    let project = project(&experiment);
    let folder = project.path();
    done(folder, &["scorer", "train", "tiny.toml", "--data", "data"]);
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    let manifest = parity(&folder.join("bundle"));
    let scorer = manifest.scorer.unwrap();
    assert_eq!((scorer.architecture.users, scorer.time.scale), (1, 0.0), "ignored features are never known");
}

/// Removing the meta encoder, and every other setting of the characters.
#[test]
fn the_papers_ablation_has_parity_too() {
    let settings = "hidden = 7\ncombine = \"none\"\nchar_summary = \"last\"\nchar_convolutions = 2";
    let project = project(&EXPERIMENT.replace("hidden = 7", settings).replace("[1, 2]", "[1]"));
    let folder = project.path();
    done(folder, &["scorer", "train", "tiny.toml", "--data", "data"]);
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    let architecture = parity(&folder.join("bundle")).scorer.unwrap().architecture;
    assert_eq!((architecture.users, architecture.formats, architecture.char_convolutions), (1, 1, 2));
}

/// The golden cases are libtorch's: the native engine gives their probabilities, in fp32 as libtorch, to within 1e-5
/// (and the six decimals that they are written with).
fn parity(bundle: &Path) -> libmtl::bundle::Manifest {
    let bundle = Arc::new(Bundle::open(bundle).unwrap());
    let golden = bundle.golden_exercises().unwrap();
    let exercises: Vec<Exercise> = golden.iter().map(Exercise::from).collect();
    let scorer = Scorer::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
    let scored = scorer.score(&exercises, &ScoreOptions::default(), &Cancel::new()).unwrap();
    assert_eq!(golden.len(), 24);
    for (found, case) in scored.into_iter().zip(&golden) {
        for (found, expected) in found.unwrap().iter().zip(&case.probabilities) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
    bundle.manifest().clone()
}

#[test]
fn refusals_name_the_fault_and_the_remedy() {
    let project = project(EXPERIMENT);
    let folder = project.path();
    for (from, to, words) in [
        ("hidden = 7", "hiden = 7", &["hiden", "unknown field"][..]),
        ("hidden = 7", "hidden = 0", &["[model]", "at least 1"]),
        ("batch = 8", "target = \"xx\"", &["[training] target", "no track \"xx\"", "en_es, fr_en"]),
        ("hidden = 7", "char_convolutions = 3", &["[model] char_convolutions = 3", "1 or 2"]),
        ("batch = 8", "alpha = 1.0", &["alpha", "between 0 and 1"]),
        ("name = \"fr_en\"", "name = \"en_es\"", &["en_es stands twice"]),
        ("fr_en.slam.dev", "fr_en.slam.test.key", &["fr_en.slam.test.key", "line 1"]),
        ("fr_en.slam.train", "nowhere", &["nowhere", "check the path"]),
    ] {
        assert!(EXPERIMENT.contains(from));
        std::fs::write(folder.join("bad.toml"), EXPERIMENT.replacen(from, to, 1)).unwrap();
        let output = mtl_export(folder, &["scorer", "train", "bad.toml", "--data", "data", "--output", "bad"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "{word:?} is not in: {stderr}"));
    }
    let output = mtl_export(folder, &["simulate", "more", "--users", "3", "--shared", "4"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("at least --shared"), "{output:?}");
}
