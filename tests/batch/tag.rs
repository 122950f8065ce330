//! `mtl batch tag`: the columns are what the library finds.

use super::*;
use arrow_schema::DataType;
use libmtl::Cancel;
use libmtl::bundle::Bundle;
use libmtl::tagger::{Annotation, DecodeOptions, Document, DocumentOptions, Tagger};
use libmtl::text::offsets::Unit;
use serde_json::json;
use std::sync::Arc;

fn tagger(room: &Room) -> Tagger {
    Tagger::open(Arc::new(Bundle::open(room.model.path()).unwrap()), &Default::default()).unwrap()
}

fn options(unit: Unit) -> DocumentOptions {
    let decode = DecodeOptions { scores: true, ..DecodeOptions::default() };
    DocumentOptions { unit, decode, ..DocumentOptions::default() }
}

fn annotate(room: &Room, texts: &[String], unit: Unit) -> Vec<Annotation> {
    let documents: Vec<_> = texts.iter().map(|text| Document::Text(text.as_bytes())).collect();
    let found = tagger(room).annotate(&documents, &options(unit), &Cancel::new()).unwrap();
    found.into_iter().map(Result::unwrap).collect()
}

/// What the column of results must hold, as JSON without nulls outside of lists.
fn expected(found: &Annotation) -> Value {
    let place = |range: &std::ops::Range<usize>| json!({"start": range.start, "end": range.end});
    let mut value = json!({"language": found.language, "tokens": found.tokens.iter().map(place).collect::<Vec<_>>()});
    for (task, name) in found.tasks.iter().zip(["ner", "upos"]) {
        let (mut labels, mut scores, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for (tagging, sentence) in task.iter().flatten().zip(&found.sentences) {
            labels.extend(tagging.labels.iter().map(|label| json!(label)));
            scores.extend(tagging.scores.iter().map(|score| json!(score)));
            spans.extend(tagging.spans.iter().map(|span| {
                let tokens = &found.tokens[sentence.start + span.start..sentence.start + span.end];
                let (start, end) = (tokens[0].start, tokens[tokens.len() - 1].end);
                json!({"label": span.label, "start": start, "end": end, "score": span.score})
            }));
        }
        labels.resize(found.tokens.len(), Value::Null);
        scores.resize(found.tokens.len(), Value::Null);
        value[name] = json!({"labels": labels, "scores": scores, "spans": spans});
    }
    value
}

/// Fractions as texts of single precision, whichever way they came.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() as f32).to_string()),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_row_has_what_the_library_finds_in_every_unit() {
    let (room, texts) = (Room::new(), texts(40));
    let input = room.file("in.jsonl", jsonl(&texts));
    let mut spans = 0;
    for (unit, name) in [(Unit::CodePoints, "codepoints"), (Unit::Bytes, "bytes"), (Unit::Utf16, "utf16")] {
        let found = annotate(&room, &texts, unit);
        let rows = room.tag(name, &["--input", &input, "--scores", "--offsets", name]);
        assert_eq!(rows.len(), texts.len());
        for ((row, found), text) in rows.iter().zip(&found).zip(&texts) {
            assert_eq!(row["text"], **text);
            assert_eq!(rounded(&row["mtl"]), rounded(&expected(found)), "{text}");
            spans += row["mtl"]["ner"]["spans"].as_array().unwrap().len();
        }
    }
    assert!(spans > 20, "{spans}");
}

#[test]
fn the_type_is_that_of_the_python_package() {
    let room = Room::new();
    let input = room.file("in.txt", "Anna\n");
    for (args, scores, of_list) in [(&[][..], "", ""), (&["--scores"], ", score: Float32", ", scores: List(Float32)")] {
        let output = format!("out{}", args.len());
        room.run("tag", &output, &[&["--input", &input], args].concat()).good();
        let batch = batches(&room.path(&output).join("part-00000.parquet")).remove(0);
        let show = |of: &DataType| shown(of);
        let task =
            format!("{{labels: List(Utf8){of_list}, spans: List({{label: Utf8, start: Int64, end: Int64{scores}}})}}");
        let tokens = "List({start: Int64, end: Int64})";
        let all = format!("{{language: Utf8, error: Utf8, tokens: {tokens}, ner: {task}, upos: {task}}}");
        assert_eq!(show(batch.column_by_name("mtl").unwrap().data_type()), all);
        assert!(batch.schema().fields().iter().all(|field| field.is_nullable()));
        let file = File::open(room.path(&output).join("part-00000.parquet")).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = reader.schema();
        let digest = Bundle::open(room.model.path()).unwrap().digest().to_string();
        for (key, value) in
            [("libmtl.model", "random 0.1.0"), ("libmtl.digest", &digest), ("libmtl.offsets", "codepoints")]
        {
            assert_eq!(schema.metadata().get(key).map(|v| v.to_string()).as_deref(), Some(value), "{key}");
        }
    }
}

fn shown(of: &DataType) -> String {
    match of {
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name(), shown(f.data_type()))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        DataType::List(item) => format!("List({})", shown(item.data_type())),
        other => other.to_string(),
    }
}

#[test]
fn a_row_a_span_has_the_columns_of_its_row() {
    let (room, texts) = (Room::new(), texts(30));
    let input = room.file("in.jsonl", jsonl(&texts));
    for (unit, name) in [(Unit::CodePoints, "codepoints"), (Unit::Bytes, "bytes"), (Unit::Utf16, "utf16")] {
        let args = ["--input", &input, "--layout", "spans", "--scores", "--source", "--keep", "id", "--offsets", name];
        let rows = room.tag(name, &args);
        let mut rows = rows.iter();
        for (index, (found, text)) in annotate(&room, &texts, unit).iter().zip(&texts).enumerate() {
            let value = expected(found);
            for span in value["ner"]["spans"].as_array().unwrap() {
                let row = rows.next().unwrap();
                assert_eq!(
                    (&row["id"], &row["row"], &row["source"]),
                    (&json!(index), &json!(index + 1), &json!(input))
                );
                assert_eq!((&row["task"], &row["label"]), (&json!("ner"), &span["label"]));
                assert_eq!((&row["start"], &row["end"]), (&span["start"], &span["end"]));
                assert_eq!(rounded(&row["confidence"]), rounded(&span["score"]));
                let (start, end) = (span["start"].as_u64().unwrap() as usize, span["end"].as_u64().unwrap() as usize);
                let surface = match unit {
                    Unit::Bytes => text[start..end].to_string(),
                    Unit::CodePoints => text.chars().skip(start).take(end - start).collect(),
                    Unit::Utf16 => String::from_utf16(&text.encode_utf16().collect::<Vec<_>>()[start..end]).unwrap(),
                };
                assert_eq!(row["text"], surface);
            }
        }
        assert_eq!(rows.next(), None);
        let success = room.success(name);
        assert_eq!((&success["rows"], &success["good"], &success["quarantined"]), (&json!(30), &json!(30), &json!(0)));
    }
    // Where the input's own text goes along, that of the span has another name.
    let rows = room.tag("all", &["--input", &input, "--layout", "spans"]);
    assert!(rows.iter().all(|row| row["text"].as_str().unwrap().contains(row["span_text"].as_str().unwrap())));
}

#[test]
fn words_are_taken_as_they_are_cut_and_null_stays_null() {
    let room = Room::new();
    let lines = r#"{"w": ["Anna", "Berg bor", "i", "Odense"], "s": "Anna  Berg"}
{"w": null, "s": null}
{"w": [], "s": ""}
"#;
    let input = room.file("in.jsonl", lines);
    let rows = room.tag("lists", &["--input", &input, "--tokens", "w"]);
    assert_eq!(rows[0]["mtl"]["tokens"][1], json!({"start": 4, "end": 12}));
    assert_eq!(rows[0]["mtl"]["upos"]["labels"].as_array().unwrap().len(), 4);
    assert_eq!(rows[1], json!({}));
    assert_eq!((&rows[2]["mtl"]["tokens"], rows.len()), (&json!([]), 3));
    let rows = room.tag("blanks", &["--input", &input, "--tokens", "s", "--keep", "s", "--as", "found"]);
    assert_eq!(rows[0]["found"]["tokens"], json!([{"start": 0, "end": 4}, {"start": 4, "end": 8}]));
    assert_eq!(rows[0].as_object().unwrap().len(), 2);
}

#[test]
fn options_of_tagging_are_heeded() {
    let room = Room::new();
    let input = room.file("in.txt", "Anna bor her.\n");
    let rows = room.tag("ru", &["--input", &input, "--lang", "ru"]);
    assert_eq!(rows[0]["mtl"]["ner"]["labels"], json!([null, null, null, null]));
    assert_eq!(rows[0]["mtl"]["language"], "ru");
    let rows = room.tag("zero", &["--input", &input, "--lang", "ru", "--task", "ner", "--zero-shot"]);
    assert!(rows[0]["mtl"]["ner"]["labels"][0].is_string() && rows[0]["mtl"].get("upos").is_none());
}
