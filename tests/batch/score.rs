//! `mtl batch score`: a probability a word, the one that `mtl score` gives.

use super::*;
use common::scorer::random_scorer;
use serde_json::json;

fn room() -> Room {
    Room { model: random_scorer(1, |_| ()), files: tempfile::tempdir().unwrap() }
}

/// Exercises of two learners; every third has a prompt and no country.
fn exercises(count: usize) -> String {
    let exercise = |n: usize| {
        let (prompt, countries) =
            if n.is_multiple_of(3) { (format!("# prompt:Nr. {n}\n"), "") } else { (String::new(), "c1|c2") };
        let word =
            |w: usize| format!("AAAA{n:04}01{w:02}  abc{}  NOUN  x  nsubj  {w}  {}\n", (n * w) % 11, (n + w) % 2);
        let words: String = (1..=n % 4 + 1).map(word).collect();
        let time = if n.is_multiple_of(5) { "null".to_string() } else { n.to_string() };
        format!(
            "{prompt}# user:u{}  countries:{countries}  days:{n}.5  client:k1  session:s1  format:f1  time:{time}\n{words}\n",
            n % 2
        )
    };
    (1..=count).map(exercise).collect()
}

/// Lines `instance probability` of `mtl score`.
fn alone(room: &Room, input: &str, more: &[&str]) -> Vec<(String, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
    command.args(["score", "-q", "--model"]).arg(room.model.path()).args(more).arg(input);
    let text = finished(&mut command).good().stdout;
    text.lines().map(|line| line.split_once(' ').map(|(a, b)| (a.to_string(), b.to_string())).unwrap()).collect()
}

fn number(value: &Value) -> String {
    (value.as_f64().unwrap() as f32).to_string()
}

#[test]
fn words_have_the_probabilities_of_the_other_command() {
    let room = room();
    let input = room.file("cc_dd.slam.test", exercises(90));
    for more in [&[][..], &["--calibrated"]] {
        let expected = alone(&room, &input, more);
        let nested = format!("nested{}", more.len());
        let args = [&["--input", &input, "--rows-per-part", "37", "--rows-per-batch", "5"], more].concat();
        room.run("score", &nested, &args).good();
        let rows = room.rows(&nested);
        assert_eq!(rows.len(), 90);
        let words = rows.iter().flat_map(|row| row["mtl"]["words"].as_array().unwrap());
        let found: Vec<_> =
            words.map(|w| (w["instance"].as_str().unwrap().to_string(), number(&w["mistake"]))).collect();
        assert_eq!(found, expected);
        let flat = format!("flat{}", more.len());
        room.run("score", &flat, &[&args[..], &["--layout", "spans", "--keep", "user", "--to", "jsonl"]].concat())
            .good();
        let rows = room.rows(&flat);
        let found: Vec<_> =
            rows.iter().map(|w| (w["instance"].as_str().unwrap().to_string(), number(&w["mistake"]))).collect();
        assert_eq!(found, expected);
        assert!(rows.iter().all(|row| row["track"] == "cc_dd" && row["user"].is_string()));
    }
}

#[test]
fn the_columns_of_an_exercise_are_kept() {
    let room = room();
    let input = room.file("aa_bb.slam.gz", packed(exercises(3).as_bytes(), "gz"));
    room.run("score", "out", &["--input", &input, "--to", "jsonl"]).good();
    let rows = room.rows("out");
    let mut first = rows[0].clone();
    assert_eq!(first["mtl"]["track"], "aa_bb");
    first.as_object_mut().unwrap().remove("mtl");
    assert_eq!(
        first,
        json!({"user": "u1", "countries": ["c1", "c2"], "days": 1.5, "client": "k1", "session": "s1", "format": "f1", "time": 1.0,
            "instances": ["AAAA00010101", "AAAA00010102"], "words": ["abc1", "abc2"], "part_of_speech": ["NOUN", "NOUN"],
            "morphology": ["x", "x"], "dependency": ["nsubj", "nsubj"], "head": [1, 2], "label": [false, true]})
    );
    assert_eq!((&rows[2]["prompt"], &rows[2]["countries"]), (&json!("Nr. 3"), &json!([])));
}

#[test]
fn what_a_scorer_cannot_read_is_refused() {
    let room = room();
    let text = room.file("in.txt", "Anna\n");
    room.run("score", "out", &["--input", &text]).refused(&["nothing says which track"]);
    room.run("score", "out", &["--input", &text, "--track", "cc_dd"]).refused(&["the input is text", "slam"]);
    let slam = room.file("x.slam", exercises(2));
    room.run("score", "out", &["--input", &slam]).refused(&["x.slam", "nothing says which track", "--track"]);
    room.run("score", "out", &["--input", &slam, "--track", "no"]).refused(&["--track"]);
    room.run("tag", "out", &["--input", &slam]).refused(&["scorer"]);
    assert!(!room.path("out").exists());
}
