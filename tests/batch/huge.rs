//! Columnar files of long rows: pieces are bounded by bytes, as those of text files are.

use super::*;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::sync::Arc;

/// Kilobytes of data that a job may have; pieces of 512 of the rows below would take more.
const ROOM: &str = "256000";

/// A text, and beside it one of half a MiB, which is the row's own or shared with others.
fn rows(range: std::ops::Range<usize>, shared: bool) -> RecordBatch {
    let texts: StringArray = range.clone().map(|n| Some(format!("Anna Berg bor i Odense Nr. {n}."))).collect();
    let long = |n: usize| format!("{n:08}").repeat(1 << 16);
    let long: ArrayRef = match shared {
        true => {
            let values: Vec<String> = (0..4).map(long).collect();
            let dictionary: DictionaryArray<Int32Type> = range.map(|n| values[n % 4].as_str()).collect();
            Arc::new(dictionary)
        }
        false => Arc::new(StringArray::from_iter_values(range.map(long))),
    };
    RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef), ("long", long)]).unwrap()
}

/// Writes `batches` as Parquet of small pages.
fn parquet(room: &Room, name: &str, batches: impl Iterator<Item = RecordBatch>) -> String {
    let path = room.path(name);
    let mut batches = batches.peekable();
    let properties = WriterProperties::builder().set_write_batch_size(1).set_data_page_size_limit(1 << 20);
    let properties = properties.set_dictionary_page_size_limit(8 << 20);
    let properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let schema = batches.peek().unwrap().schema();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, Some(properties)).unwrap();
    batches.for_each(|batch| writer.write(&batch).unwrap());
    writer.close().unwrap();
    path.to_str().unwrap().to_string()
}

fn arrow(room: &Room, name: &str, batches: impl Iterator<Item = RecordBatch>) -> String {
    let path = room.path(name);
    let mut batches = batches.peekable();
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let (file, schema) = (File::create(&path).unwrap(), batches.peek().unwrap().schema());
    let mut writer = FileWriter::try_new_with_options(file, &schema, options).unwrap();
    batches.for_each(|batch| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    path.to_str().unwrap().to_string()
}

/// Runs a job that has `ROOM` for its data.
#[cfg(target_os = "linux")]
fn confined(room: &Room, output: &str, args: &[&str]) -> Output {
    let command = room.command("tag", output, args);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -d \"$0\" && exec \"$@\"", ROOM]).arg(command.get_program()).args(command.get_args());
    finished(&mut shell)
}

#[cfg(target_os = "linux")]
#[test]
fn long_rows_take_no_more_memory_than_short_ones() {
    let room = Room::new();
    let batches = |shared| (0..600).step_by(20).map(move |n| rows(n..n + 20, shared));
    let inputs = [
        parquet(&room, "own.parquet", batches(false)),
        parquet(&room, "shared.parquet", batches(true)),
        arrow(&room, "own.arrow", batches(false)),
        arrow(&room, "shared.arrow", std::iter::once(rows(0..600, true))),
    ];
    let texts: String = (0..600).map(|n| format!("Anna Berg bor i Odense Nr. {n}.\n")).collect();
    let expected = room.tag("plain", &["--input", &room.file("in.txt", texts)]);
    for (number, input) in inputs.iter().enumerate() {
        let output = format!("out{number}");
        confined(&room, &output, &["--input", input, "--keep", "text", "--threads", "2"]).good();
        let found = room.rows(&output);
        assert!(found == expected, "{input}");
        // What goes along is written as it is read.
        let output = format!("all{number}");
        confined(&room, &output, &["--input", input, "--to", "arrow", "--compress", "zstd"]).good();
        let written = parts(&room.path(&output)).iter().flat_map(|part| batches_of(part)).sum::<usize>();
        assert_eq!(written, 600, "{input}");
    }
}

/// Rows of each batch of a file of Arrow, none of which has more than a piece.
fn batches_of(path: &Path) -> Vec<usize> {
    let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    let counts: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert!(counts.iter().all(|count| *count <= 8), "{counts:?}");
    counts
}

#[test]
fn a_row_that_is_too_long_is_at_fault() {
    let room = Room::new();
    let long = "x ".repeat((8 << 20) + 10);
    let texts = StringArray::from(vec!["Anna", &long, "Bo", "Kim", &long]);
    let batch = || RecordBatch::try_from_iter([("text", Arc::new(texts.clone()) as ArrayRef)]).unwrap();
    let inputs =
        [parquet(&room, "in.parquet", std::iter::once(batch())), arrow(&room, "in.arrow", std::iter::once(batch()))];
    for (number, input) in inputs.iter().enumerate() {
        room.run("tag", &format!("fail{number}"), &["--input", input]).refused(&[
            "row 2",
            "more than 16 MiB",
            "cut it",
        ]);
        let output = format!("out{number}");
        let args = ["--input", input, "--on-error", "quarantine", "--source", "--rows-per-part", "2"];
        let rows = room.tag(&output, &args);
        let found: Vec<_> =
            rows.iter().map(|row| (row["text"].as_str().unwrap(), row["row"].as_i64().unwrap())).collect();
        assert_eq!(found, [("Anna", 1), ("Bo", 3), ("Kim", 4)]);
        let quarantined = room.quarantine(&output);
        assert_eq!(quarantined.iter().map(|fault| &fault["row"]).collect::<Vec<_>>(), [&json!(2), &json!(5)]);
        assert_eq!(quarantined[0]["stage"], "read");
    }
}

#[test]
fn a_resumed_job_cuts_long_rows_alike() {
    let room = Room::new();
    // Lengths that change within a row group, and across them.
    let long = |n: usize| "ab ".repeat(if n % 90 < 9 { 60_000 } else { n % 7 });
    let texts: StringArray = (0..1500).map(|n| Some(format!("Anna {n}"))).collect();
    let more: StringArray = (0..1500).map(|n| Some(long(n))).collect();
    let whole =
        RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef), ("long", Arc::new(more) as ArrayRef)]);
    let (whole, step) = (whole.unwrap(), 400);
    let cut = || (0..1500).step_by(step).map(|n| whole.slice(n, step.min(1500 - n)));
    for input in [parquet(&room, "in.parquet", cut()), arrow(&room, "in.arrow", cut())] {
        let args = ["--input", &input, "--to", "arrow", "--compress", "zstd", "--rows-per-part", "311"];
        let name = |kind: &str| format!("{kind}-{}", input.rsplit('.').next().unwrap());
        room.run("tag", &name("once"), &args).good();
        let expected = bytes(&room.path(&name("once")));
        // As a job that was killed behind its first, second, third part.
        for kept in 1..4 {
            let output = name(&format!("again{kept}"));
            room.run("tag", &output, &args).good();
            let folder = room.path(&output);
            let journal = fs::read_to_string(folder.join("_journal.jsonl")).unwrap();
            let lines: Vec<&str> = journal.lines().take(1 + kept).collect();
            fs::write(folder.join("_journal.jsonl"), lines.join("\n") + "\n").unwrap();
            fs::remove_file(folder.join("_SUCCESS")).unwrap();
            parts(&folder)[kept..].iter().for_each(|part| fs::remove_file(part).unwrap());
            room.run("tag", &output, &[&args[..], &["--resume"]].concat()).good();
            assert!(bytes(&folder) == expected, "{output}");
        }
    }
}
