//! `mtl models`, `mtl verify` and `mtl info`.

use super::*;
use common::random_contents;
use common::ustar::Ustar;
use libmtl::Cancel;
use libmtl::bundle::{Bundle, Contents, GoldenCase, write};
use libmtl::engine::EngineOptions;
use libmtl::tagger::{DecodeOptions, Tagger};
use std::sync::Arc;

/// A zoo with one model, `random`.
fn a_zoo() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = r#"[{"id": "random", "folder": "random-1", "description": "random weights"}]"#;
    file(&folder, "catalogue.json", catalogue);
    write_model(&folder.path().join("random-1"), random_contents(3, &Sizes::default()));
    folder
}

fn write_model(folder: &Path, contents: Contents) {
    std::fs::create_dir_all(folder).unwrap();
    write(folder, &contents).unwrap();
}

/// Golden cases that the native engine itself computed.
fn with_true_golden(mut contents: Contents) -> Contents {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &contents).unwrap();
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let tagger = Tagger::open(Arc::clone(&bundle), &EngineOptions::default()).unwrap();
    let mut golden = Vec::new();
    for task in &bundle.manifest().tasks {
        for language in &task.languages {
            for length in [1, 2, 7] {
                let tokens: Vec<String> = (0..length).map(|n| format!("Ord{n}")).collect();
                let emissions = tagger.emissions(&[&tokens], &task.name, language, &Cancel::new()).unwrap().remove(0);
                let tagging = tagger
                    .tag(&[&tokens], &task.name, language, &DecodeOptions::default(), &Cancel::new())
                    .unwrap()
                    .remove(0);
                golden.push(GoldenCase {
                    task: task.name.clone(),
                    language: language.clone(),
                    labels: tagging.labels,
                    emissions: emissions.chunks(task.labels.len()).map(<[f32]>::to_vec).collect(),
                    tokens,
                    tolerance: 0.02,
                });
            }
        }
    }
    contents.golden = golden;
    contents
}

#[test]
fn the_zoo_is_listed_for_people_and_for_programs() {
    let zoo = a_zoo();
    let text = run(&["models", "--zoo", path(&zoo)], b"").good();
    for word in ["random", "random weights", "da en ru", "LOC PER", "NOUN VERB X", "licences", "CC0-1.0", "MB"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let json = run_command(mtl().args(["models", "--json"]).env("MTL_ZOO", path(&zoo)), b"").good();
    let models: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(models[0]["id"], "random");
    assert_eq!(models[0]["tasks"][0]["labels"], serde_json::json!(["LOC", "PER"]));
    assert!(models[0]["bytes"].as_u64().unwrap() > 1000);
}

#[test]
fn a_model_is_found_by_its_id_here_and_elsewhere() {
    let zoo = a_zoo();
    let tag = ["tag", "-m", "random", "-l", "da", "-o", "conll", "-q"];
    let by_option = run(&[&tag[..], &["--zoo", path(&zoo)]].concat(), b"Anna.").good();
    let by_variable = run_command(mtl().args(tag).env("MTL_ZOO", path(&zoo)), b"Anna.").good();
    assert_eq!(by_option, by_variable);
    let home = tempfile::tempdir().unwrap();
    std::fs::rename(zoo.path(), home.path().join("models")).unwrap();
    let by_place = run_command(mtl().args(tag).current_dir(home.path()), b"Anna.").good();
    assert_eq!(by_option, by_place);
    let unknown = run_command(mtl().args(["tag", "-m", "rndm"]).current_dir(home.path()), b"Anna.");
    unknown.refused(&["no model \"rndm\"", "its models are random"]);
    drop(zoo.keep());
}

#[test]
fn a_broken_model_of_the_zoo_does_not_hide_the_others() {
    let zoo = a_zoo();
    let catalogue = r#"[{"id": "gone", "folder": "gone", "description": ""},
                        {"id": "random", "folder": "random-1", "description": ""}]"#;
    file(&zoo, "catalogue.json", catalogue);
    let output = run(&["models", "--zoo", path(&zoo)], b"");
    output.refused(&["gone"]);
    assert!(output.stdout.contains("random"), "{}", output.stdout);
    file(&zoo, "catalogue.json", r#"[{"id": "random", "folder": "..", "description": ""}]"#);
    run(&["models", "--zoo", path(&zoo)], b"").refused(&["catalogue.json", "plain name"]);
}

#[test]
fn a_sound_model_passes_and_a_wrong_case_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut contents = with_true_golden(random_contents(4, &Sizes::default()));
    write_model(folder.path(), contents.clone());
    let text = run(&["verify", path(&folder)], b"").good();
    assert!(text.contains("digests") && text.contains("15 of 15 cases") && text.contains("passed"), "{text}");

    let wrong = &mut contents.golden[4];
    wrong.emissions[0][0] += 1.0;
    let label = if contents.golden[0].labels[0] == "O" { "S-PER" } else { "O" };
    contents.golden[0].labels[0] = label.to_string();
    write_model(folder.path(), contents);
    let output = run(&["verify", path(&folder)], b"");
    assert_eq!(output.code, 1, "{output:?}");
    for word in ["FAIL", "13 of 15 cases", "case 0", "case 4 (", "tolerated"] {
        assert!(output.stdout.contains(word), "{word}: {}", output.stdout);
    }
    let output = run(&["verify", "--json", path(&folder)], b"");
    assert_eq!(output.code, 1);
    let findings: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&findings["passed"], &findings["cases"]), (&false.into(), &15.into()));
    assert_eq!(findings["engines"][0]["engine"], "native");
    assert_eq!(findings["engines"][0]["check"]["alone"]["failures"].as_array().unwrap().len(), 2);
    assert_eq!(findings["engines"][0]["check"]["batch_difference"], 0.0);
}

#[test]
fn an_archive_serves_wherever_a_folder_does() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), with_true_golden(random_contents(5, &Sizes::default())));
    let zoo = tempfile::tempdir().unwrap();
    let archive = file(&zoo, "random-1.mtl", Ustar::of_folder(folder.path()).bytes());
    let tag = |model: &str| run(&["tag", "-m", model, "--zoo", path(&zoo), "-l", "da", "-o", "conll", "-q"], b"Anna.");

    let catalogue = r#"[{"id": "random", "folder": "random-1.mtl", "description": "an archive"}]"#;
    file(&zoo, "catalogue.json", catalogue);
    let expected = tag(path(&folder)).good();
    assert_eq!(tag(&archive).good(), expected);
    assert_eq!(tag("random").good(), expected);
    let findings: Value = serde_json::from_str(&run(&["verify", "--json", &archive], b"").good()).unwrap();
    assert_eq!((&findings["passed"], findings["folder"].as_str()), (&true.into(), Some(&*archive)));

    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.truncate(bytes.len() - 1024);
    std::fs::write(&archive, bytes).unwrap();
    tag(&archive).refused(&["random-1.mtl: header at byte", "cut short", "fetch the bundle again"]);
    run(&["verify", &archive], b"").refused(&["random-1.mtl: header at byte", "cut short"]);
}

#[test]
fn info_names_the_chosen_kernel_which_can_be_forced() {
    let info: Value = serde_json::from_str(&run(&["info", "--json"], b"").good()).unwrap();
    let chosen = info["kernel"].as_str().unwrap();
    let kernels: Vec<&str> = info["kernels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(kernels[0] == "generic" && kernels.contains(&chosen), "{kernels:?}");
    assert!(info["features"].as_object().unwrap().values().all(Value::is_boolean));
    let text = run(&["info"], b"").good();
    assert!(text.lines().any(|line| line.ends_with(&format!("chosen     {chosen}"))), "{text}");

    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), random_contents(6, &Sizes::default()));
    for kernel in kernels {
        run(&["tag", "-m", path(&folder), "-l", "da", "--kernel", kernel], b"Anna bor her.").good();
    }
}
