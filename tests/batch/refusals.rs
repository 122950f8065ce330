//! What is refused, before anything is written.

use super::*;

#[test]
fn what_cannot_be_done_is_said_before_anything_is_written() {
    let room = Room::new();
    let file = |name: &str, content: &str| room.file(name, content);
    let jsonl = file("in.jsonl", "{\"text\":\"Anna\",\"n\":1,\"w\":[\"Anna\"],\"mtl\":2,\"label\":\"x\",\"row\":3}\n");
    let csv = file("in.csv", "text,b\nAnna,x\n");
    let other = file("other.csv", "text,c\nAnna,x\n");
    let unknown = file("in.pdf", "%PDF");
    let empty = room.path("empty");
    fs::create_dir(&empty).unwrap();
    let slam = file("in.slam", "# user:u countries: days:1 client: session: format: time:1\nAAAAbbbb0101 a b c d 0\n");
    let broken = file("broken.parquet", "PAR1 nonsense");
    let arrow = file("broken.arrow", "ARROW1 nonsense");
    let twice = file("twice.csv", "text,text\na,b\n");
    let hollow = file("hollow.jsonl", "{\"text\":\"Anna\",\"o\":[{}]}\n");
    let path = |path: &Path| path.to_str().unwrap().to_string();
    let (missing, glob, empty) = (path(&room.path("missing.csv")), path(&room.path("*.xyz")), path(&empty));
    let cases: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (vec!["--input", &missing], vec!["missing.csv", "check the path"]),
        (vec!["--input", &glob], vec!["*.xyz", "no file matches"]),
        (vec!["--input", &empty], vec!["empty", "the folder holds no files"]),
        (vec!["--input", &unknown], vec!["in.pdf", "the name says no format", "--format"]),
        (vec!["--input", &csv, "--input", &jsonl], vec!["in.jsonl", "jsonl among files that are csv"]),
        (vec!["--input", &csv, "--input", &csv], vec!["in.csv", "named twice"]),
        (vec!["--input", &csv, "--input", &other], vec!["other.csv", "a column c", "has b"]),
        (vec!["--input", &twice], vec!["twice.csv", "stands twice"]),
        (vec!["--input", &broken], vec!["broken.parquet", "is it whole"]),
        (vec!["--input", &arrow], vec!["broken.arrow", "is it whole"]),
        (vec!["--input", &csv, "--text", "body"], vec!["no column \"body\"", "its columns are text, b"]),
        (vec!["--input", &csv, "--keep", "body"], vec!["no column \"body\"", "--keep"]),
        (vec!["--input", &jsonl], vec!["the input has a column mtl", "--as"]),
        (vec!["--input", &jsonl, "--layout", "spans"], vec!["the input has a column label", "--keep"]),
        (vec!["--input", &jsonl, "--source"], vec!["the input has a column row"]),
        (vec!["--input", &jsonl, "--text", "n", "--as", "x"], vec!["Int64", "holds no text"]),
        (vec!["--input", &jsonl, "--text", "w", "--as", "x"], vec!["--tokens"]),
        (vec!["--input", &csv, "--lang", "xx"], vec!["no language \"xx\""]),
        (vec!["--input", &csv, "--task", "chunk"], vec!["no task \"chunk\""]),
        (vec!["--input", &csv, "--task", "ner", "--lang", "ru"], vec!["was not trained on \"ru\""]),
        (vec!["--input", &csv, "--to", "arrow", "--compress", "gzip"], vec!["Arrow's format has no gzip"]),
        (
            vec!["--input", &hollow],
            vec!["the column o cannot be written as parquet", "empty structs", "--keep", "--to"],
        ),
        (vec!["--input", &csv, "--text", "a", "--tokens", "b"], vec!["cannot be used with"]),
        (vec!["--input", &csv, "--rows-per-batch", "513"], vec!["--rows-per-batch"]),
        (vec!["--input", "/dev/null", "--format", "text"], vec!["no regular file"]),
        (vec!["--input", &csv, "--provider", "cpu"], vec!["add --engine onnx"]),
        (vec!["--input", &slam, "--text", "words"], vec!["--tokens"]),
    ];
    for (args, words) in cases {
        room.run("tag", "out", &args).refused(&words);
        assert!(!room.path("out").exists(), "{args:?}");
    }
    room.run("score", "out", &["--input", &slam]).refused(&["tagger", "scorer"]);
    room.run("eval", "out", &["--input", &csv, "--task", "ner", "--lang", "da"]).refused(&["gold labels", "--gold"]);
    let args = ["--input", &csv, "--task", "ner", "--lang", "da", "--gold", "b"];
    room.run("eval", "out", &args).refused(&["cut already", "--tokens"]);
    assert!(!room.path("out").exists());
}

#[test]
fn a_column_that_one_format_has_no_place_for_goes_into_another() {
    let room = Room::new();
    let input = room.file("in.jsonl", "{\"text\":\"Anna\",\"o\":{}}\n{\"text\":\"Bo\"}\n");
    for to in ["jsonl", "csv", "arrow"] {
        let rows = room.tag(to, &["--input", &input, "--to", to]);
        assert_eq!((&rows[0]["text"], &rows[0]["o"]), (&"Anna".into(), &serde_json::json!({})), "{to}");
        assert!(rows[1].get("o").is_none(), "{to}: {}", rows[1]);
    }
    let rows = room.tag("kept", &["--input", &input, "--keep", "text"]);
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_folder_that_holds_something_is_not_written_to() {
    let room = Room::new();
    let input = room.file("in.txt", "Anna\n");
    room.file("out/notes.txt", "mine");
    for more in [&[][..], &["--resume"]] {
        let args = [&["--input", &input], more].concat();
        room.run("tag", "out", &args).refused(&["out", "holds notes.txt", "another one"]);
    }
    assert_eq!(sorted(&room.path("out")).len(), 1);
    fs::create_dir(room.path("empty")).unwrap();
    room.run("tag", "empty", &["--input", &input]).good();
    room.run("tag", "empty", &["--input", &input]).refused(&["holds a job already", "--resume"]);
    // A finished job has nothing left to do.
    let before = bytes(&room.path("empty"));
    room.run("tag", "empty", &["--input", &input, "--resume"]).good();
    assert!(before == bytes(&room.path("empty")));
    room.run("tag", "fresh", &["--input", &input, "--resume"]).good();
}

#[test]
fn another_job_is_not_resumed() {
    let room = Room::new();
    // The second record is at fault for its length.
    let long = format!("{{\"text\":\"Anna\"}}\n{{\"text\":\"{}\"}}\n", "x".repeat(70_000));
    let (input, second) = (room.file("in.jsonl", &long), room.file("b.jsonl", "{\"text\":\"Bo\"}\n"));
    let args = ["--input", &input, "--rows-per-part", "1"];
    room.run("tag", "out", &args).refused(&["row 2"]);
    let resume = |more: &[&str]| room.run("tag", "out", &[&args[..], &["--resume"], more].concat());
    for (more, words) in [
        (&["--scores"][..], &["scores false, and this is true"][..]),
        (&["--layout", "spans"], &["layout \"nested\", and this is \"spans\""]),
        (&["--to", "jsonl", "--compress", "zstd"], &["to \"parquet\", and this is \"jsonl\""]),
        (&["--compress", "none"], &["compress \"zstd\", and this is \"none\""]),
        (&["--keep", "text"], &["keep"]),
        (&["--lang", "da"], &["language null, and this is \"da\""]),
        (&["--task", "ner"], &["tasks"]),
        (&["--offsets", "bytes"], &["offsets"]),
        (&["--as", "x"], &["column \"mtl\", and this is \"x\""]),
        (&["--source"], &["source false"]),
        (&["--kernel", "generic"], &["kernel"]),
        (&["--input", &second], &["begun with 1 files, and these are 2"]),
    ] {
        resume(more).refused(&[words, &["another folder"]].concat());
    }
    let swapped = Room { model: random_bundle(7, &Sizes::default()), files: room.files };
    swapped.run("tag", "out", &[&args[..], &["--resume"]].concat()).refused(&["begun with model"]);
    swapped.file("in.jsonl", long.replace("Anna", "Anne"));
    let room = Room { model: room.model, files: swapped.files };
    room.run("tag", "out", &[&args[..], &["--resume"]].concat())
        .refused(&["in.jsonl", "has changed since the job began"]);
    room.file("in.jsonl", &long);
    // A part that somebody touched is not taken for the job's.
    let part = room.path("out/part-00000.parquet");
    let mut content = fs::read(&part).unwrap();
    content[10] ^= 1;
    fs::write(&part, content).unwrap();
    room.run("tag", "out", &[&args[..], &["--resume"]].concat())
        .refused(&["part-00000.parquet", "not what the job wrote"]);
    fs::write(room.path("out/_journal.jsonl"), "nonsense\n").unwrap();
    room.run("tag", "out", &[&args[..], &["--resume"]].concat()).refused(&["_journal.jsonl", "damaged"]);
}
