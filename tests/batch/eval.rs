//! `mtl batch eval`: what it counts is what `mtl eval` counts.

use super::*;
use serde_json::json;

/// The model's own tags of some sentences as CoNLL, with some that are wrong.
fn conll(room: &Room, count: usize) -> String {
    let lines: String = texts(count).iter().filter(|text| !text.is_empty()).map(|text| format!("{text}\n")).collect();
    let input = room.file("tokens.txt", lines);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
    command.args(["tag", "-q", "-l", "da", "-t", "ner", "-i", "tokens", "-o", "conll", "-m"]);
    let tagged = finished(command.arg(room.model.path()).arg(input)).good().stdout;
    let wrong = |(n, line): (usize, &str)| match line.split_once('\t') {
        Some((_, label)) if !label.starts_with("S-") && label != "O" => format!("{line}\n"),
        Some((token, _)) if n % 7 == 0 => format!("{token}\tS-LOC\n"),
        Some((token, _)) if n % 31 == 0 => format!("{token}\tS-VEH\n"),
        _ => format!("{line}\n"),
    };
    tagged.lines().enumerate().map(wrong).collect()
}

/// What `mtl eval` says of a file.
fn alone(room: &Room, file: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
    command.args(["eval", "-q", "-l", "da", "-t", "ner", "--scheme", "bioes", "-d", file, "-m"]).arg(room.model.path());
    serde_json::from_str(&finished(&mut command).good().stdout).unwrap()
}

#[test]
fn many_files_give_the_scores_of_one() {
    let room = Room::new();
    let text = conll(&room, 200);
    let all = room.file("all.conll", &text);
    let expected = alone(&room, &all);
    assert!((f64::EPSILON..0.99).contains(&expected["f1"].as_f64().unwrap()), "{expected}");
    let sentences: Vec<String> =
        text.split("\n\n").filter(|s| !s.trim().is_empty()).map(|s| format!("{s}\n\n")).collect();
    for (number, some) in sentences.chunks(60).enumerate() {
        room.file(&format!("some/{number}.conll"), some.concat());
    }
    let folder = room.path("some");
    let args = [
        "--input",
        folder.to_str().unwrap(),
        "--task",
        "ner",
        "--lang",
        "da",
        "--scheme",
        "bioes",
        "--rows-per-part",
        "50",
    ];
    let run = room.run("eval", "out", &args).good();
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found, expected);
    let success = room.success("out");
    assert_eq!(success["metrics"]["f1"], expected["f1"]);
    assert!(success["metrics"]["unknown"]["VEH"].as_u64().unwrap() > 0);
    let metrics: Value = serde_json::from_str(&fs::read_to_string(room.path("out/metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics, success["metrics"]);
    // The rows say which labels were compared.
    let rows = room.rows("out");
    assert_eq!(rows.len() as u64, expected["sentences"].as_u64().unwrap());
    let count = |name: &str| rows.iter().map(|row| row["mtl"][name].as_array().unwrap().len()).sum::<usize>();
    assert_eq!(
        (count("gold"), count("predicted")),
        (count("predicted"), expected["tokens"].as_u64().unwrap() as usize)
    );
    // The same from columns of JSON.
    let json: String = rows.iter().map(|r| format!("{}\n", json!({"w": r["column_0"], "g": r["column_1"]}))).collect();
    let input = room.file("in.jsonl", json);
    let args =
        ["--input", &input, "--task", "ner", "--lang", "da", "--scheme", "bioes", "--tokens", "w", "--gold", "g"];
    let run = room.run("eval", "json", &args).good();
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected);
}

#[test]
fn a_row_whose_labels_do_not_fit_is_at_fault() {
    let room = Room::new();
    let lines = [
        r#"{"w":["Anna","bor"],"g":["S-PER","O"]}"#,
        r#"{"w":["Bo"],"g":["O","O"]}"#,
        r#"{"w":["Bo"],"g":null}"#,
        r#"{"w":["Bo"],"g":["B-"]}"#,
        r#"{"w":null,"g":null}"#,
    ];
    let input = room.file("in.jsonl", lines.join("\n"));
    let args = [
        "--input",
        &input,
        "--task",
        "ner",
        "--lang",
        "da",
        "--scheme",
        "bioes",
        "--tokens",
        "w",
        "--gold",
        "g",
        "--on-error",
        "quarantine",
    ];
    room.run("eval", "out", &args).good();
    let reasons: Vec<String> = room.quarantine("out").iter().map(|r| format!("{} {}", r["row"], r["reason"])).collect();
    assert!(reasons[0].starts_with("2 ") && reasons[0].contains("2 gold labels for 1 words"), "{reasons:?}");
    assert!(reasons[1].starts_with("3 ") && reasons[1].contains("no gold labels"), "{reasons:?}");
    assert!(reasons.len() >= 2 && room.success("out")["metrics"]["sentences"].as_u64().unwrap() >= 1, "{reasons:?}");
}

#[test]
fn an_evaluation_that_was_stopped_counts_nothing_twice() {
    let room = Room::new();
    let mut text = conll(&room, 120);
    let good = room.file("good.conll", &text);
    let args = |input| {
        vec![
            "--input",
            input,
            "--task",
            "ner",
            "--lang",
            "da",
            "--scheme",
            "bioes",
            "--rows-per-part",
            "20",
            "--resume",
        ]
    };
    let expected = room.run("eval", "good", &args(&good)).good().stdout;
    text += &format!("{}\tO\n", "x".repeat(70_000));
    let bad = room.file("bad.conll", &text);
    room.run("eval", "out", &args(&bad)).refused(&["a token of 70000 bytes"]);
    assert!(!room.path("out/metrics.json").exists());
    let found = room.run("eval", "out", &[args(&bad), vec!["--on-error", "quarantine"]].concat()).good().stdout;
    assert_eq!(found, expected);
}
