//! The models of the tree, as a newcomer meets them.

use super::*;

/// The zoo of the tree.
const ZOO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

#[test]
fn the_demo_is_tagged_in_every_language() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/models/demo.txt");
    let lines = run(&["tag", "--zoo", ZOO, "-o", "jsonl", demo], b"").json_lines();
    let mut languages: Vec<&str> = lines.iter().map(|line| line["language"].as_str().unwrap()).collect();
    languages.dedup();
    assert_eq!(languages, ["en", "nl", "fr", "ru", "pt", "da", "hr", "es"]);
    let spans: usize = lines.iter().filter_map(|line| line["tasks"]["ner"]["spans"].as_array()).map(Vec::len).sum();
    assert!(spans >= 8, "{spans} names in the demo");
}

#[test]
fn every_model_is_listed_and_passes_its_golden_cases() {
    let listed = run(&["models", "--zoo", ZOO, "--json"], b"").good();
    for model in serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        let findings: Value = serde_json::from_str(&run(&["verify", "--zoo", ZOO, "--json", id], b"").good()).unwrap();
        assert!(findings["passed"] == true && findings["cases"].as_u64() > Some(0), "{id}: {findings}");
    }
}

#[test]
fn the_old_name_of_a_part_of_speech_is_read_as_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let accuracy = |label: &str| {
        let data = format!("She\tPRON\nreads\tVERB\nand\t{label}\nwrites\tVERB\n.\tPUNCT\n");
        let data = file(&folder, "old.conll", &data);
        let scores = run(&["eval", "--zoo", ZOO, "-m", "mtl-base", "-t", "upos", "-l", "en", "-d", &data], b"").good();
        serde_json::from_str::<Value>(&scores).unwrap()["accuracy"].as_f64().unwrap()
    };
    assert_eq!(accuracy("CONJ"), accuracy("CCONJ"));
    assert!(accuracy("CONJ") > accuracy("NOUN"));
}

#[test]
fn the_exercises_of_the_demo_are_scored_and_said_to_be_synthetic() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/models/en_es.demo.slam");
    let output = run(&["score", "--zoo", ZOO, "-m", "sla-demo", demo], b"");
    assert!(output.stderr.contains("SYNTHETIC"), "{}", output.stderr);
    let words = text_of(Path::new(demo)).lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    let probabilities: Vec<f32> =
        output.good().lines().map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert!(probabilities.len() == words && probabilities.iter().all(|p| (0.0..1.0).contains(p)));
    let spread = |f: fn(f32, f32) -> f32| probabilities.iter().copied().reduce(f).unwrap();
    assert!(spread(f32::max) - spread(f32::min) > 0.3, "the words are all alike");
}
