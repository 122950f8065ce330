//! The same bytes, however the work is cut up.

use super::*;

#[test]
fn threads_and_batches_change_no_byte() {
    let (room, texts) = (Room::new(), texts(1300));
    let lines = jsonl(&texts);
    // A record at fault in the middle of everything.
    let lines = lines.replacen("\"id\":700", "\"id\":{}", 1);
    let input = room.file("in.jsonl", lines);
    for (to, layout) in [("parquet", "nested"), ("arrow", "nested"), ("jsonl", "spans"), ("csv", "nested")] {
        let mut first = None;
        for (threads, rows) in [("1", "256"), ("2", "1"), ("3", "512"), ("3", "7")] {
            let output = format!("{to}-{threads}-{rows}");
            let args = [
                "--input",
                &input,
                "--to",
                to,
                "--layout",
                layout,
                "--scores",
                "--rows-per-part",
                "500",
                "--on-error",
                "quarantine",
                "--threads",
                threads,
                "--rows-per-batch",
                rows,
            ];
            room.run("tag", &output, &args).good();
            let found = bytes(&room.path(&output));
            assert_eq!(found.len(), 4, "{:?}", found.keys());
            assert!(*first.get_or_insert_with(|| found.clone()) == found, "{output} has other bytes");
        }
    }
}

#[test]
fn what_success_says_is_true() {
    let (room, texts) = (Room::new(), texts(120));
    let input = room.file("in.jsonl", jsonl(&texts));
    room.run("tag", "out", &["--input", &input, "--rows-per-part", "50", "--layout", "spans"]).good();
    let success = room.success("out");
    assert!(success["job"].as_str().unwrap().len() == 32);
    let (mut rows, mut written) = (0, 0);
    for (part, path) in success["parts"].as_array().unwrap().iter().zip(parts(&room.path("out"))) {
        let content = fs::read(&path).unwrap();
        assert_eq!(part["file"]["bytes"], content.len());
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&content);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(part["file"]["sha256"], digest);
        assert_eq!(part["written"], read(&path).len());
        rows += part["rows"].as_u64().unwrap();
        written += part["written"].as_u64().unwrap();
    }
    assert_eq!((&success["rows"], &success["written"]), (&rows.into(), &written.into()));
    assert_eq!(rows, 120);
}
