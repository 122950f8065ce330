//! The scorer as a user makes it: simulate, train, evaluate, export; and what the native engine makes of the bundle.

use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::metrics::Predictions;
use libmtl::scorer::{Exercise, Labelled, Learner, ScoreOptions, Scorer, SentenceVectors, slam};
use libmtl::{Cancel, bundle::manifest::Kind};
use safetensors::{Dtype, tensor::TensorView};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
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
            "hidden = 7\nuser_bias = true\ncontext = \"own\"\ncombine = \"concat\"\nencoders = [\"char_cnn\", \"word\"]\nchar_convolutions = 2",
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

/// What training lets the network read of learners' answers is what a learner remembers: the bundle with every learner of the
/// training data scores as the trainer says, and without them otherwise.
#[test]
fn a_network_that_reads_answers_scores_alike_in_the_library() {
    let experiment = EXPERIMENT.replace("hidden = 7", "hidden = 7\nhistory = true").replace("[1, 2]", "[1]");
    let project = project(&experiment);
    let folder = project.path();
    done(folder, &["scorer", "train", "tiny.toml", "--data", "data"]);
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    let manifest = parity(&folder.join("bundle"));
    let bundle = Arc::new(Bundle::open(&folder.join("bundle")).unwrap());
    let scorer = Scorer::open(bundle, &EngineOptions::default()).unwrap();
    let file = |name: &str| BufReader::new(File::open(folder.join("data").join(name)).unwrap());
    let read = |track: &str, set: &str| {
        slam::read(file(&format!("{track}.slam.{set}")), track).map(Result::unwrap).collect::<Vec<_>>()
    };
    let mut answered: BTreeMap<String, Vec<Labelled>> = BTreeMap::new();
    for record in ["en_es", "fr_en"].into_iter().flat_map(|track| read(track, "train")) {
        let mistakes = record.tokens.iter().map(|token| token.mistake == Some(true)).collect();
        let labelled = Labelled { exercise: record.exercise, mistakes };
        answered.entry(labelled.exercise.user.clone()).or_default().push(labelled);
    }
    let learners: Vec<Learner> = answered
        .into_values()
        .map(|mut history| {
            history.sort_by(|a, b| a.exercise.days.total_cmp(&b.exercise.days));
            scorer.remember(&history, None, &Cancel::new()).unwrap()
        })
        .collect();
    let test: Vec<Exercise> = read("en_es", "test").into_iter().map(|record| record.exercise).collect();
    let mistakes: Vec<bool> = slam::keys(file("en_es.slam.test.key")).unwrap().into_iter().map(|key| key.1).collect();
    let auc = |learners: &[Learner]| {
        let options = ScoreOptions { learners, ..ScoreOptions::default() };
        let scored = scorer.score(&test, &options, &Cancel::new()).unwrap();
        let probabilities = scored.into_iter().flat_map(Result::unwrap).map(f64::from).collect();
        Predictions::new(mistakes.clone(), probabilities).unwrap().auc().unwrap()
    };
    let trained = manifest.metrics.iter().find(|metric| metric.metric == "auc").unwrap().value;
    assert!((auc(&learners) - trained).abs() < 2e-5, "{} instead of {trained}", auc(&learners));
    assert!((auc(&[]) - trained).abs() > 1e-3);
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

/// A table of vectors for every sentence of the data in `data`, as docs/training.md describes it; the first numbers of each
/// word are its length and its place.
fn sentence_vectors(data: &Path, track: &str, width: usize) -> Vec<u8> {
    let mut tensors = BTreeMap::new();
    for set in ["train", "dev", "test"] {
        let file = std::fs::File::open(data.join(format!("{track}.slam.{set}"))).unwrap();
        for record in slam::read(std::io::BufReader::new(file), track) {
            let words = record.unwrap().exercise.words;
            let vector = |(place, word): (usize, &String)| {
                (0..width)
                    .map(move |i| [word.len() as f32 / 9.0, place as f32 / 5.0, 0.5][i.min(2)])
                    .collect::<Vec<_>>()
            };
            let values: Vec<u8> =
                words.iter().enumerate().flat_map(vector).flat_map(|v| half::f16::from_f32(v).to_le_bytes()).collect();
            tensors.insert(words.join(" ").to_lowercase(), ([words.len(), width], values));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, (shape, values))| (name, TensorView::new(Dtype::F16, shape.to_vec(), values).unwrap()));
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

/// Vectors of whole sentences are read in training, in the golden cases, and by whoever scores.
#[test]
fn vectors_by_sentence_have_parity_too() {
    let given = |track: &str| format!("name = \"{track}\"\nsentence_vectors = \"{track}.safetensors\"");
    let experiment = ["en_es", "fr_en"].iter().fold(EXPERIMENT.replace("[1, 2]", "[1]"), |text, track| {
        text.replace(&format!("name = \"{track}\""), &given(track))
    });
    let project = project(&experiment);
    let folder = project.path();
    let write = |track: &str, width| {
        let path = folder.join(format!("{track}.safetensors"));
        std::fs::write(path, sentence_vectors(&folder.join("data"), track, width)).unwrap();
    };
    let train = ["scorer", "train", "tiny.toml", "--data", "data"];
    let refused = |words: &[&str]| {
        let output = mtl_export(folder, &train);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "{word:?} is not in: {stderr}"));
    };
    write("en_es", 5);
    refused(&["fr_en.safetensors", "check the path"]);
    write("fr_en", 4);
    refused(&["sentence_vectors of widths {4, 5}"]);
    let few = std::fs::read(folder.join("en_es.safetensors")).unwrap();
    std::fs::write(folder.join("fr_en.safetensors"), few).unwrap();
    refused(&["fr_en: the table of word vectors lacks the sentence"]);
    write("fr_en", 5);
    done(folder, &train);
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    let architecture = parity(&folder.join("bundle")).scorer.unwrap().architecture;
    assert_eq!((architecture.given_width(), &architecture.words[..]), (Some(5), &[1, 1][..]));
    // The table itself serves as well as the vectors that the golden cases carry.
    let bundle = Arc::new(Bundle::open(&folder.join("bundle")).unwrap());
    let golden = bundle.golden_exercises().unwrap();
    let table = Arc::new(SentenceVectors::open(&folder.join("en_es.safetensors")).unwrap());
    let scorer = Scorer::open(bundle, &EngineOptions::default()).unwrap().with_vectors(table).unwrap();
    let case = golden.iter().find(|case| case.track == "en_es").unwrap();
    let exercise = Exercise { vectors: Vec::new(), ..Exercise::from(case) };
    let found = scorer.score(&[exercise], &ScoreOptions::default(), &Cancel::new()).unwrap().remove(0).unwrap();
    assert!(found.iter().zip(&case.probabilities).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
}

/// A table of words begins with the vectors of a text file, of a width of its own.
#[test]
fn vectors_of_words_begin_the_table() {
    let track = "name = \"en_es\"\nvectors = \"words.txt\"";
    let experiment = EXPERIMENT
        .replace("[1, 2]", "[1]")
        .replace("name = \"en_es\"", track)
        .replace("hidden = 7", "hidden = 7\nword_width = 4");
    let project = project(&experiment);
    let folder = project.path();
    let train = ["scorer", "train", "tiny.toml", "--data", "data"];
    let refused = |words: &[&str]| {
        let output = mtl_export(folder, &train);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "{word:?} is not in: {stderr}"));
    };
    std::fs::write(folder.join("words.txt"), "qqqq 1 2 3\n").unwrap();
    refused(&["words.txt: vectors of width 3, where the table has 4", "word_width = 3"]);
    std::fs::write(folder.join("words.txt"), "qqqq 1 2 3 4\n").unwrap();
    refused(&["words.txt: none of the", "words of en_es"]);
    let data = std::fs::read_to_string(folder.join("data/en_es.slam.train")).unwrap();
    let word = data.lines().find(|line| line.starts_with('S')).unwrap().split_ascii_whitespace().nth(1).unwrap();
    // Two forms of the word, the first of which counts, and values that no training reaches.
    let text = format!("2 4\n{} 50 -50 50 -50\n{word} 1 2 3 4\n", word.to_uppercase());
    std::fs::write(folder.join("words.txt"), text).unwrap();
    let output = mtl_export(folder, &train);
    assert!(String::from_utf8_lossy(&output.stderr).contains("en_es: 1 of "), "{output:?}");
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    parity(&folder.join("bundle"));
    let bundle = Bundle::open(&folder.join("bundle")).unwrap();
    let row = bundle.words("en_es").unwrap().get(word).unwrap() as usize;
    let table = bundle.tensor("track.en_es.word.embedding").unwrap();
    assert_eq!(table.shape[1], 4);
    let values: Vec<f32> = table.data[4 * row..][..4].iter().map(|v| v.to_f32()).collect();
    assert!(values.iter().zip([50.0, -50.0, 50.0, -50.0]).all(|(a, b)| (a - b).abs() < 1.0), "{values:?}");
}

/// The published configuration, made small, trains and is exported.
#[test]
fn the_published_configuration_trains() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/slam-paper.toml");
    let mut experiment: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let mut set = |section: &str, key: &str, value: toml::Value| {
        let section = experiment.get_mut(section).and_then(|section| section.as_table_mut()).unwrap();
        section.insert(key.into(), value).unwrap_or_else(|| panic!("{key} is not in the file"));
    };
    for key in ["embedding", "hidden", "char_filters"] {
        set("model", key, 6.into());
    }
    for (key, value) in [("batch", 8), ("steps", 6), ("evaluate_every", 3)] {
        set("training", key, value.into());
    }
    experiment.insert("seeds".into(), vec![1].into());
    let track = |name: &str| {
        let file = |set: &str| format!("$DATA/{name}.slam.{set}");
        let keys = [("name", name.to_string()), ("train", file("train")), ("dev", file("dev")), ("test", file("test"))];
        toml::Value::Table(keys.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect())
    };
    experiment.insert("track".into(), toml::Value::Array(vec![track("en_es"), track("fr_en")]));
    let project = project(&experiment.to_string());
    let folder = project.path();
    done(folder, &["scorer", "train", "tiny.toml", "--data", "data"]);
    done(folder, &["scorer", "export", "tiny.toml", "--data", "data", "--seed", "1", "--output", "bundle"]);
    let scorer = parity(&folder.join("bundle")).scorer.unwrap();
    assert_eq!((scorer.architecture.char_convolutions, scorer.architecture.char_layers), (2, 3));
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
        ("hidden = 7", "word_width = 0", &["[model] word_width"]),
        ("name = \"fr_en\"", "name = \"fr_en\"\nsentence_vectors = \"x\"", &["to every track, or to none"]),
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
