//! The models of the tree, as a newcomer meets them.

use super::*;

/// The zoo of the tree; `None` in a tree without its models.
fn zoo() -> Option<&'static str> {
    let zoo = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    Path::new(zoo).join("mtl-base/bundle.json").is_file().then_some(zoo)
}

#[test]
fn the_demo_is_tagged_in_every_language() {
    let Some(zoo) = zoo() else { return eprintln!("no models/mtl-base in this tree") };
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/models/demo.txt");
    let lines = run(&["tag", "--zoo", zoo, "-o", "jsonl", demo], b"").json_lines();
    let mut languages: Vec<&str> = lines.iter().map(|line| line["language"].as_str().unwrap()).collect();
    languages.dedup();
    assert_eq!(languages, ["en", "nl", "fr", "ru", "pt", "da", "hr", "es"]);
    let spans: usize = lines.iter().filter_map(|line| line["tasks"]["ner"]["spans"].as_array()).map(Vec::len).sum();
    assert!(spans >= 8, "{spans} names in the demo");
}

#[test]
fn every_model_is_listed_and_passes_its_golden_cases() {
    let Some(zoo) = zoo() else { return eprintln!("no models/mtl-base in this tree") };
    let listed = run(&["models", "--zoo", zoo, "--json"], b"").good();
    for model in serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        let findings: Value = serde_json::from_str(&run(&["verify", "--zoo", zoo, "--json", id], b"").good()).unwrap();
        assert!(findings["passed"] == true && findings["cases"].as_u64() > Some(0), "{id}: {findings}");
    }
}
