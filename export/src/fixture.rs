//! A small made-up experiment for the tests: two languages with different words and one way to name people.

use crate::config::Config;
use crate::random;
use rand::RngExt;
use std::fmt::Write;
use std::path::Path;

const NAMES: [&str; 6] = ["Anna", "Berta", "Carl", "Dora", "Emil", "Frida"];
const PLACES: [&str; 4] = ["Ulm", "Oslo", "Porto", "Split"];

/// libtorch's random state belongs to the process: tests that draw from it take turns.
pub fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Text of `count` tagged sentences of `language`; the same `seed` gives the same text.
pub fn corpus(language: &str, kind: &str, count: usize, seed: u64) -> String {
    let mut rng = random::stream(seed, language, 0);
    let mut text = String::new();
    let mut add = |word: &str, name: &str, part: &str| {
        let _ = writeln!(text, "{word}\t{}", if kind == "ner" { name } else { part });
    };
    let suffix = if language == "xx" { "a" } else { "os" };
    for _ in 0..count {
        for _ in 0..rng.random_range(1..4) {
            match rng.random_range(0..4) {
                0 => {
                    add(NAMES[rng.random_range(0..NAMES.len())], "B-PER", "PROPN");
                    if rng.random_range(0..2) == 0 {
                        add(&format!("{}sen", NAMES[rng.random_range(0..NAMES.len())]), "I-PER", "PROPN");
                    }
                }
                1 => add(PLACES[rng.random_range(0..PLACES.len())], "B-LOC", "PROPN"),
                n => add(&format!("w{n}{}{suffix}", rng.random_range(0..9)), "O", "NOUN"),
            }
        }
        add(".", "O", "PUNCT");
        add("", "", "");
    }
    text.replace("\t\n", "\n")
}

/// The experiment file over corpora that it writes into `folder`.
pub fn write(folder: &Path, extra: &str) -> std::path::PathBuf {
    let mut tasks = String::new();
    for (kind, scheme) in [("ner", "bioes"), ("upos", "plain")] {
        for (language, size) in [("xx", 120), ("yy", 60)] {
            for (set, seed, count) in [("train", 1, size), ("dev", 2, 16), ("test", 3, 40)] {
                let text = corpus(language, kind, count, seed);
                std::fs::write(folder.join(format!("{kind}.{language}.{set}")), text).unwrap();
            }
            let source = |set: &str| format!("[{{ path = \"{kind}.{language}.{set}\", scheme = \"iob2\" }}]");
            let _ = writeln!(
                tasks,
                "[[task]]\nname = \"{kind}\"\nlanguage = \"{language}\"\nscheme = \"{scheme}\"\ntrain = {}\ndev = {}\ntest = {}",
                source("train"),
                source("dev"),
                source("test")
            );
        }
    }
    let text = format!(
        "name = \"tiny\"\nseeds = [1]\n{extra}\n[model]\nword_dim = 6\nchar_dim = 5\nchar_filters = 3\nhidden = 7\nlstm_dropout = 0.2\n\
         [training]\nbatch = 4\nsteps = 30\nevaluate_every = 10\n[export]\nid = \"tiny\"\nversion = \"0.1.0\"\n\
         description = \"made up\"\nlicence = \"MIT\"\ngolden = \"golden.tsv\"\n{tasks}"
    );
    std::fs::write(folder.join("golden.tsv"), "xx\tAnna Carlsen w20a Ulm .\nyy\tw31os Zoë\n").unwrap();
    let path = folder.join("tiny.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The same, read.
pub fn config(folder: &Path) -> Config {
    Config::read(&write(folder, ""), None).unwrap()
}
