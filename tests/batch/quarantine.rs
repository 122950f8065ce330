//! Records at fault: where they stand, why, and when there are too many.

use super::*;
use serde_json::json;

/// A file with faults: its name, its bytes, how many rows are good, and of each fault row, byte, line, stage and a word of the
/// reason.
type Case = (&'static str, Vec<u8>, usize, Vec<(u64, Option<usize>, Option<u64>, &'static str, &'static str)>);

fn cases() -> Vec<Case> {
    let long = "x".repeat(70_000);
    let header = "# user:u  countries:C  days:1  client:c  session:s  format:f  time:1\n";
    let word = "AAAAbbbb0101 a b c d 0\n";
    vec![
        ("in.txt", b"Anna\nB\xFFo\n\nKim".to_vec(), 3, vec![(2, Some(5), Some(2), "read", "invalid UTF-8")]),
        (
            "in.csv",
            format!("id,text\n1,Anna\n2\n3,a,b\n4,\"Kim\nBo\"\n5,{long}\n").into_bytes(),
            2,
            vec![
                (2, Some(15), Some(3), "read", "1 field, where the header has 2"),
                (3, Some(17), Some(4), "read", "3 fields"),
                (5, Some(34), Some(7), "tag", "a token of 70000 bytes"),
            ],
        ),
        (
            "in.jsonl",
            b"{\"text\":\"Anna\",\"n\":1}\n{\"text\":\n\n[1]\n{\"text\":\"a\",\"text\":\"b\"}\n{\"text\":\"Bo\",\"n\":[2]}\n{\"text\":\"K\\ud800\"}\n{\"n\":7}\n"
                .to_vec(),
            2,
            vec![
                (2, Some(22), Some(2), "read", "EOF"),
                (3, Some(32), Some(4), "read", "no object"),
                (4, Some(36), Some(5), "read", "stands twice"),
                (5, Some(60), Some(6), "read", ""),
                (6, Some(82), Some(7), "read", ""),
            ],
        ),
        (
            "in.conll",
            b"Anna\tB-PER\n\nBo\tO\n\tO\n\nKim\tO\tx\n\nK\xFF\tO\n\nIa\tO\n".to_vec(),
            2,
            vec![
                (2, Some(12), Some(4), "read", "column 1 is empty"),
                (3, Some(21), Some(6), "read", "3 columns"),
                (4, Some(30), Some(8), "read", "invalid UTF-8"),
            ],
        ),
        (
            "in.conllu",
            b"# a\n1\tAnna\n\n# b\n1\tBo\nKim\n\n1\tIa\n".to_vec(),
            2,
            vec![(2, Some(12), Some(6), "read", "no CoNLL-U word number")],
        ),
        (
            "in.slam",
            format!("{header}{word}\n{word}\n\n{header}AAAAbbbb0201 a b c d x\n\n{header}{word}").into_bytes(),
            2,
            vec![
                (2, Some(header.len() + word.len() + 1), Some(4), "read", "before the line"),
                (3, Some(header.len() + 2 * word.len() + 3), Some(8), "read", "the head is \"x\""),
            ],
        ),
    ]
}

#[test]
fn a_record_at_fault_is_put_aside_with_its_place_and_reason() {
    let room = Room::new();
    for (name, content, good, faults) in cases() {
        for how in ["", ".gz"] {
            let content = if how.is_empty() { content.clone() } else { packed(&content, "gz") };
            let input = room.file(&format!("{name}{how}"), content);
            let output = format!("{name}{how}.out");
            let rows = room.tag(&output, &["--input", &input, "--on-error", "quarantine", "--rows-per-part", "2"]);
            assert_eq!(rows.len(), good, "{name}");
            let found = room.quarantine(&output);
            assert_eq!(found.len(), faults.len(), "{name}: {found:?}");
            for (found, (row, offset, line, stage, reason)) in found.iter().zip(&faults) {
                assert_eq!(found["source"], input);
                assert_eq!((&found["row"], &found["stage"]), (&json!(row), &json!(stage)), "{name}: {found}");
                assert_eq!((&found["offset"], &found["line"]), (&json!(offset), &json!(line)), "{name}: {found}");
                assert!(found["reason"].as_str().unwrap().contains(reason), "{name}: {found}");
                assert!(!found["reason"].as_str().unwrap().is_empty());
            }
            let success = room.success(&output);
            let count = |key: &str| success[key].as_u64().unwrap() as usize;
            assert_eq!((count("good"), count("quarantined")), (good, faults.len()));
            assert_eq!(count("rows"), good + faults.len(), "no record is lost or doubled");
        }
    }
}

#[test]
fn a_record_at_fault_ends_a_job_that_was_not_told_otherwise() {
    let room = Room::new();
    for (name, content, _, faults) in cases() {
        let input = room.file(name, content);
        let output = format!("{name}.out");
        let run = room.run("tag", &output, &["--input", &input, "--rows-per-part", "1"]);
        let (row, line) = (format!("row {}", faults[0].0), format!("line {}", faults[0].2.unwrap()));
        run.refused(&[&input, &row, &line, faults[0].4, "--on-error quarantine"]);
        assert!(!room.path(&output).join("_SUCCESS").exists());
        // What is before it is kept, and the rest follows once such records may be put aside.
        assert_eq!(parts(&room.path(&output)).len(), faults[0].0 as usize - 1, "{name}");
        room.run("tag", &output, &["--input", &input, "--rows-per-part", "1", "--resume", "--on-error", "quarantine"])
            .good();
        let whole = format!("{name}.whole");
        room.run("tag", &whole, &["--input", &input, "--rows-per-part", "1", "--on-error", "quarantine"]).good();
        assert!(bytes(&room.path(&output)) == bytes(&room.path(&whole)), "{name}");
    }
}

#[test]
fn too_many_faults_end_the_job() {
    let room = Room::new();
    let lines: String = (0..40).map(|n| if n % 2 == 0 { "{\"text\":\"Anna\"}\n" } else { "nonsense\n" }).collect();
    let input = room.file("in.jsonl", lines);
    let args = ["--input", &input, "--rows-per-part", "10", "--on-error", "quarantine", "--max-errors"];
    let run = room.run("tag", "out", &[&args[..], &["12"]].concat());
    run.refused(&["row 26", "more than 12 records", "--max-errors"]);
    assert_eq!(parts(&room.path("out")).len(), 2);
    // Faults of finished parts count after a resumption, too.
    let run = room.run("tag", "out", &[&args[..], &["19", "--resume"]].concat());
    run.refused(&["row 40", "more than 19 records"]);
    room.run("tag", "out", &[&args[..], &["20", "--resume"]].concat()).good();
    let success = room.success("out");
    assert_eq!((&success["good"], &success["quarantined"]), (&json!(20), &json!(20)));
    assert_eq!(room.quarantine("out").len(), 20);
}

#[test]
fn a_record_without_an_end_is_refused_in_bounded_memory() {
    let room = Room::new();
    let mut content = b"Anna\n".to_vec();
    content.resize((16 << 20) + 10, b'x');
    content.extend(b"\nBo\n");
    let input = room.file("in.txt", &content);
    room.tag("text", &["--input", &input, "--on-error", "quarantine"]);
    let found = room.quarantine("text");
    assert_eq!((found.len(), &found[0]["row"]), (1, &json!(2)));
    assert!(found[0]["reason"].as_str().unwrap().contains("more than 16 MiB"));
    let mut csv = b"text\n\"Anna".to_vec();
    csv.resize(18 << 20, b'x');
    let input = room.file("in.csv", csv);
    room.run("tag", "csv", &["--input", &input]).refused(&["line 2", "is a quote left open?"]);
}
