//! `mtl align`: what it reads, what it writes, what it refuses.

use super::*;

const CORRECT: &str = "I love my mother and my father.";
const ANSWER: &str = "i love mader and fhader";

fn mistakes(line: &Value) -> Vec<bool> {
    line["correct"].as_array().unwrap().iter().map(|word| word["mistake"].as_bool().unwrap()).collect()
}

#[test]
fn a_pair_for_people() {
    let text = run(&["align", CORRECT, ANSWER], b"").good();
    let expected = "\
I  love  my  mother  and  my  father
i  love      mader   and      fhader
         -   ~            -   ~
4 mistakes, word error rate 0.57

";
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n") + "\n", expected);
    assert_eq!(run(&["align", "Sí.", "si"], b"").good(), "Sí\nsi\n0 mistakes, word error rate 0.00\n\n");
    let coloured = run_command(mtl().args(["align", "a", "a b"]).env("CLICOLOR_FORCE", "1"), b"").good();
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
}

#[test]
fn tab_separated_and_json_lines_give_the_same() {
    let tsv = format!("\n{CORRECT}\t{ANSWER}\r\n");
    let from_tsv = run(&["align", "-o", "jsonl"], tsv.as_bytes()).json_lines().remove(0);
    let json = serde_json::json!({"correct": CORRECT, "answer": ANSWER}).to_string();
    let from_json = run(&["align", "-i", "jsonl", "-o", "jsonl"], json.as_bytes()).json_lines().remove(0);
    assert_eq!((&from_tsv["line"], &from_json["line"]), (&2.into(), &1.into()));
    assert_eq!((&from_tsv["document"], &from_tsv["offsets"]), (&"-".into(), &"bytes".into()));
    for key in ["correct", "answer", "operations", "word_error_rate"] {
        assert_eq!(from_tsv[key], from_json[key], "{key}");
    }
    assert_eq!(mistakes(&from_tsv), [false, false, true, true, false, true, true, false]);
    assert_eq!(from_tsv["operations"][3], serde_json::json!({"edit": "substitute", "word": 3, "answer": 2}));
    assert_eq!(from_tsv["operations"][2], serde_json::json!({"edit": "delete", "word": 2}));
    assert_eq!(from_tsv["word_error_rate"], 4.0 / 7.0);
}

#[test]
fn offsets_count_what_they_are_told_to() {
    for (unit, start) in [("bytes", 5), ("utf16", 3), ("codepoints", 2)] {
        let args = ["align", "-o", "jsonl", "--offsets", unit, "😀 ça", "ça"];
        let line = run(&args, b"").json_lines().remove(0);
        assert_eq!((&line["correct"][1]["start"], &line["correct"][1]["text"]), (&start.into(), &"ça".into()));
        assert!(line.get("line").is_none() && line.get("document").is_none(), "{line}");
    }
}

#[test]
fn words_that_are_cut_already_stay_so_and_have_no_offsets() {
    let json = br#"{"correct": ["New York", "'s", "best"], "answer": ["new york", "best"]}"#;
    let line = run(&["align", "-i", "jsonl", "-o", "jsonl"], json).json_lines().remove(0);
    assert_eq!(mistakes(&line), [false, true, false]);
    assert_eq!(line["correct"][0], serde_json::json!({"text": "New York", "mistake": false}));
    assert!(line.get("offsets").is_none(), "{line}");
}

#[test]
fn options_make_differences_count() {
    let mistake = |options: &[&str]| {
        let args = [&["align", "-o", "jsonl", "Sí,", "si"], options].concat();
        run(&args, b"").json_lines().remove(0)["correct"].clone()
    };
    assert_eq!(mistake(&[])[0]["mistake"], false);
    assert_eq!(mistake(&["--case"])[0]["mistake"], true);
    assert_eq!(mistake(&["--accents"])[0]["mistake"], true);
    assert_eq!(mistake(&["--punctuation"])[0]["mistake"], false);
    assert_eq!(mistake(&["--punctuation"])[1]["mistake"], true);
}

#[test]
fn a_line_at_fault_is_named_after_those_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = file(&folder, "pairs.tsv", "a\ta\nb b\nc\tc\n");
    let output = run(&["align", "-d", &data, "-o", "jsonl"], b"");
    output.refused(&["pairs.tsv: line 2: no tab in the line", "--input jsonl"]);
    assert_eq!(output.stdout.lines().count(), 1);
    run(&["align"], b"a\tb\tc\n").refused(&["line 1: 3 columns where 2 are needed"]);
    run(&["align", "-i", "jsonl"], b"{\"correct\": \"a\"}\n").refused(&["-: line 1", "answer"]);
    run(&["align", "-i", "jsonl"], b"{\"correct\": \"a\", \"answer\": \"a\", \"x\": 1}\n").refused(&["line 1", "x"]);
    run(&["align"], format!("a\t{}\n", "a".repeat(1 << 15)).as_bytes()).refused(&["line 1: the answer: 32768 bytes"]);
    run(&["align", "a\u{1b}[31m"], b"").refused(&["2 values"]);
    run(&["align", "a", "b", "--data", &data], b"").refused(&["cannot be used with"]);
}
