//! Every format in and out: rows, order and columns are kept.

use super::*;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use std::sync::Arc;

/// Columns of several kinds, the text as a dictionary.
fn batch(texts: &[String]) -> RecordBatch {
    let ids = Int64Array::from_iter((0..texts.len() as i64).map(|n| (n % 3 > 0).then_some(n)));
    let dictionary: DictionaryArray<Int32Type> = texts.iter().map(String::as_str).collect();
    let plain: StringArray = texts.iter().map(|text| Some(text.to_uppercase())).collect();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(ids)), ("text", Arc::new(dictionary)), ("upper", Arc::new(plain))];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The rows in `name` written as files of each columnar format.
fn columnar(room: &Room, texts: &[String]) -> Vec<String> {
    let batch = batch(texts);
    let (a, b) = (batch.slice(0, 700), batch.slice(700, texts.len() - 700));
    let path = |name: &str| room.path(name).to_str().unwrap().to_string();
    let names = ["in.parquet", "in.arrow", "in.arrows"].map(path);
    let create = |index: usize| File::create(&names[index]).unwrap();
    let mut writer = ArrowWriter::try_new(create(0), batch.schema(), None).unwrap();
    for batch in [&a, &b] {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    // A file of Arrow has one dictionary.
    let mut writer = FileWriter::try_new(create(1), &batch.schema()).unwrap();
    [&a, &b].iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    let mut writer = StreamWriter::try_new(create(2), &batch.schema()).unwrap();
    [&a, &b].iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    names.to_vec()
}

#[test]
fn columnar_files_keep_their_columns_and_order() {
    let (room, texts) = (Room::new(), texts(1500));
    let expected = room.tag("plain", &["--input", &room.file("in.jsonl", jsonl(&texts))]);
    for (index, input) in columnar(&room, &texts).iter().enumerate() {
        let rows = room.tag(&format!("out{index}"), &["--input", input, "--rows-per-part", "611"]);
        assert_eq!(rows.len(), texts.len());
        for (number, (row, expected)) in rows.iter().zip(&expected).enumerate() {
            let id = if number % 3 > 0 { json!(number) } else { Value::Null };
            assert_eq!(row.get("id").cloned().unwrap_or_default(), id);
            assert_eq!((&row["text"], &row["mtl"]), (&expected["text"], &expected["mtl"]), "{input} {number}");
            assert_eq!(row["upper"], texts[number].to_uppercase());
        }
        assert_eq!(parts(&room.path(&format!("out{index}"))).len(), 3);
    }
}

#[test]
fn what_is_written_can_be_read_again_in_every_format_and_packing() {
    let (room, texts) = (Room::new(), texts(60));
    let input = room.file("in.jsonl", jsonl(&texts));
    let expected = room.tag("first", &["--input", &input]);
    let cases = [
        ("parquet", "none", "parquet"),
        ("parquet", "gzip", "parquet"),
        ("arrow", "none", "arrow"),
        ("arrow", "zstd", "arrow"),
        ("jsonl", "none", "jsonl"),
        ("jsonl", "gzip", "jsonl.gz"),
        ("jsonl", "zstd", "jsonl.zst"),
        ("csv", "none", "csv"),
        ("csv", "gzip", "csv.gz"),
        ("csv", "zstd", "csv.zst"),
    ];
    for (to, compress, extension) in cases {
        let output = format!("{to}-{compress}");
        let rows = room.tag(&output, &["--input", &input, "--to", to, "--compress", compress, "--rows-per-part", "25"]);
        let names: Vec<_> = parts(&room.path(&output)).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(
            names,
            [0, 1, 2].map(|n| format!("part-0000{n}.{extension}").as_str().into()) as [std::ffi::OsString; 3]
        );
        for (row, expected) in rows.iter().zip(&expected) {
            // In CSV numbers are texts, and an empty text is no field.
            let text = row.get("text").cloned().unwrap_or_else(|| json!(""));
            assert_eq!(
                (&text, &row["mtl"], &row["more"]),
                (&expected["text"], &expected["mtl"], &expected["more"]),
                "{output}"
            );
            assert_eq!(row["id"].to_string().trim_matches('"'), expected["id"].to_string());
        }
        assert_eq!(rows.len(), 60);
        // The folder of a job, its notes left out, is the input of the next.
        let folder = room.path(&output);
        let args = ["--input", folder.to_str().unwrap(), "--as", "again", "--keep", "text"];
        let again = room.tag(&format!("{output}-again"), &args);
        for (row, expected) in again.iter().zip(&expected) {
            assert_eq!(row["again"], expected["mtl"], "{output}");
        }
        assert_eq!(again.len(), 60);
    }
}

#[test]
fn text_files_are_read_packed_or_not() {
    let (room, texts) = (Room::new(), texts(700));
    let csv: String =
        texts.iter().enumerate().map(|(n, t)| format!("00{n},\"{t}\r\nsecond \"\"line\"\"\"\r\n")).collect();
    let csv = format!("\u{FEFF}id,text\r\n{csv}");
    let tsv: String = texts.iter().enumerate().map(|(n, t)| format!("00{n}\t{t}\n")).collect();
    let plain = texts.join("\n");
    let cases = [
        ("csv", csv, true),
        ("tsv", format!("id\ttext\n{tsv}"), false),
        ("jsonl", format!("\u{FEFF}\n{}\n \n", jsonl(&texts).replace('\n', "\r\n")), false),
        ("txt", plain, false),
    ];
    for (extension, content, second) in cases {
        let expected: Vec<String> =
            texts.iter().map(|t| if second { format!("{t}\r\nsecond \"line\"") } else { t.clone() }).collect();
        let plain = room.file(&format!("in.{extension}"), &content);
        for (how, input) in [
            ("plain", plain),
            ("gz", room.file(&format!("in.{extension}.gz"), packed(content.as_bytes(), "gz"))),
            ("zst", room.file(&format!("in.{extension}.zst"), packed(content.as_bytes(), "zst"))),
        ] {
            let output = format!("{extension}-{how}");
            room.run("tag", &output, &["--input", &input, "--rows-per-part", "300", "--source"]).good();
            let found: Vec<RecordBatch> = parts(&room.path(&output)).iter().flat_map(|part| batches(part)).collect();
            let all = |column: &str| found.iter().flat_map(|batch| strings(batch, column)).collect::<Vec<_>>();
            assert_eq!(all("text"), expected, "{output}");
            if content.contains("id,text") {
                assert_eq!(all("id")[..3], ["000", "001", "002"]);
            }
            assert_eq!(all("source"), vec![input.clone(); 700]);
            assert_eq!(room.success(&output)["rows"], 700);
        }
    }
}

#[test]
fn lines_that_hold_nothing_hide_no_record() {
    let room = Room::new();
    let blank = "\n".repeat(9 << 20);
    let input = room.file("in.jsonl", format!("{blank}{{\"text\":\"Anna\"}}\n{blank}{{\"text\":\"Bo\"}}"));
    assert_eq!(room.tag("jsonl", &["--input", &input]).len(), 2);
    let comments = "# nothing\n\n".repeat(800_000);
    let input = room.file("in.conllu", format!("{comments}1\tAnna\n\n{comments}1\tBo\n"));
    assert_eq!(room.tag("conllu", &["--input", &input]).len(), 2);
}

#[test]
fn conll_and_conllu_become_lists() {
    let room = Room::new();
    let conll = "-DOCSTART- -X- O\n\n# note\nAnna NNP B-PER\nbor VBZ O\n\n\nKim NNP B-PER\r\n";
    let input = room.file("in.conll", conll);
    let rows = room.tag("conll", &["--input", &input, "--comments"]);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["column_0"], json!(["Anna", "bor"]));
    assert_eq!(rows[1]["column_2"], json!(["B-PER"]));
    assert_eq!(rows[0]["mtl"]["tokens"], json!([{"start": 0, "end": 4}, {"start": 4, "end": 7}]));
    let rows = room.tag("other", &["--input", &input, "--comments", "--token-column", "1"]);
    // There the mark of a document's beginning is a word like others.
    assert_eq!((rows.len(), &rows[1]["mtl"]["tokens"][1]), (3, &json!({"start": 3, "end": 6})));
    let conllu = "# sent_id = a\n# text = al mar\n1-2\tal\t_\t_\t_\t_\t_\t_\t_\t_\n1\ta\ta\tADP\t_\tF=x\t2\tcase\t_\t_\n\
        2\tel\tel\tDET\n\n1\tKim\t_\tPROPN\t_\t_\t_\t_\t_\tSpaceAfter=No\n";
    let input = room.file("in.conllu.gz", packed(conllu.as_bytes(), "gz"));
    let rows = room.tag("conllu", &["--input", &input]);
    assert_eq!(rows[0]["comments"], json!(["# sent_id = a", "# text = al mar"]));
    assert_eq!((&rows[0]["form"], &rows[0]["upos"]), (&json!(["a", "el"]), &json!(["ADP", "DET"])));
    assert_eq!((&rows[0]["feats"], &rows[1]["misc"]), (&json!(["F=x", null]), &json!(["SpaceAfter=No"])));
    assert_eq!(rows[0]["mtl"]["upos"]["labels"].as_array().unwrap().len(), 2);
}

#[test]
fn files_folders_and_globs_come_in_order() {
    let room = Room::new();
    for (name, text) in
        [("d/b.txt", "Bo"), ("d/a/z.txt", "Kim"), ("d/a/_hidden.txt", "x"), ("d/.git/c.txt", "x"), ("e.txt", "Ia")]
    {
        room.file(name, text);
    }
    let path = |name: &str| room.path(name).to_str().unwrap().to_string();
    let texts = |output: &str, inputs: &[&str]| {
        let inputs = inputs.iter().flat_map(|name| ["--input".to_string(), path(name)]);
        let inputs: Vec<String> = inputs.collect();
        let rows = room.tag(output, &inputs.iter().map(String::as_str).collect::<Vec<_>>());
        rows.iter().map(|row| row["text"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(texts("folder", &["e.txt", "d"]), ["Ia", "Kim", "Bo"]);
    assert_eq!(texts("glob", &["d/**/[a-z].txt"]), ["Kim", "Bo"]);
    assert_eq!(texts("star", &["*.txt"]), ["Ia"]);
    room.file("odd[1].txt", "Eva");
    assert_eq!(texts("odd", &["odd[1].txt"]), ["Eva"]);
}

#[test]
fn nothing_in_gives_a_part_without_rows() {
    let room = Room::new();
    for (output, name, content) in [("txt", "in.txt", ""), ("csv", "in.csv", "text\n")] {
        let input = room.file(name, content);
        assert_eq!(room.tag(output, &["--input", &input]), Vec::<Value>::new());
        let success = room.success(output);
        assert_eq!((&success["rows"], success["parts"].as_array().unwrap().len()), (&json!(0), 1));
        assert_eq!(parts(&room.path(output)).len(), 1);
    }
}
