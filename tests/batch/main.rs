//! `mtl batch` as users meet it: files go in, the command is run, and the folder that it leaves is looked at.
#![cfg(feature = "cli")]

#[path = "../common/mod.rs"]
mod common;
mod eval;
mod formats;
mod huge;
mod quarantine;
mod refusals;
mod same;
mod score;
mod survive;
mod tag;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_ipc::reader::FileReader;
use arrow_json::LineDelimitedWriter;
use common::{Sizes, random_bundle};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A place of its own for a test: a model with random weights, and room for files.
struct Room {
    model: TempDir,
    files: TempDir,
}

/// What a run of the command gave.
#[derive(Debug)]
struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Output {
    /// That the run succeeded.
    #[track_caller]
    fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// That the run was refused, with all of `words`.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

impl Room {
    fn new() -> Self {
        Self { model: random_bundle(20_261_129, &Sizes::default()), files: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }

    /// `mtl batch COMMAND --model MODEL --output NAME`, quiet.
    fn command(&self, command: &str, output: &str, args: &[&str]) -> Command {
        let mut mtl = Command::new(env!("CARGO_BIN_EXE_mtl"));
        for name in ["MTL_ZOO", "NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS", "ORT_DYLIB_PATH"] {
            mtl.env_remove(name);
        }
        mtl.args(["batch", command, "-q", "--model"]).arg(self.model.path());
        mtl.arg("--output").arg(self.path(output)).args(args);
        mtl
    }

    fn run(&self, command: &str, output: &str, args: &[&str]) -> Output {
        finished(&mut self.command(command, output, args))
    }

    /// The rows of a job that must succeed.
    #[track_caller]
    fn tag(&self, output: &str, args: &[&str]) -> Vec<Value> {
        self.run("tag", output, args).good();
        self.rows(output)
    }

    /// The rows of all parts of a job.
    fn rows(&self, output: &str) -> Vec<Value> {
        parts(&self.path(output)).iter().flat_map(|part| read(part)).collect()
    }

    /// What `_SUCCESS` says.
    fn success(&self, output: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(output).join("_SUCCESS")).unwrap()).unwrap()
    }

    /// The records in quarantine.
    fn quarantine(&self, output: &str) -> Vec<Value> {
        let folder = self.path(output).join("_quarantine");
        if !folder.exists() {
            return Vec::new();
        }
        sorted(&folder).iter().flat_map(|path| lines(&fs::read(path).unwrap())).collect()
    }
}

fn finished(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("mtl starts");
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The parts of a job, in order.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("part-");
    sorted(folder).into_iter().filter(is_part).collect()
}

/// Every byte of a job that does not name the job: parts, quarantine and scores.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let quarantine = folder.join("_quarantine");
    let more = if quarantine.exists() { sorted(&quarantine) } else { Vec::new() };
    for path in sorted(folder).into_iter().chain(more).filter(|path| path.is_file()) {
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        if !["_SUCCESS", "_journal.jsonl"].contains(&name.as_str()) {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    assert!(found.keys().any(|name| name.starts_with("part-")), "{folder:?}");
    found
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect()
}

/// The rows of a batch as JSON, without nulls.
fn values(batches: &[RecordBatch]) -> Vec<Value> {
    let mut bytes = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut bytes);
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    lines(&bytes)
}

/// The batches of a columnar file.
fn batches(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => {
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
        }
        "arrow" => FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect(),
        other => panic!("{other}"),
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let (mut bytes, file) = (Vec::new(), File::open(path).unwrap());
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        "zst" => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap(),
        _ => { file }.read_to_end(&mut bytes).unwrap(),
    };
    bytes
}

/// The rows of a file of any format, as JSON without nulls; of CSV all cells are texts, or JSON where they look so.
fn read(path: &Path) -> Vec<Value> {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.contains(".csv") {
        let bytes = unpacked(path);
        let mut reader = csv::Reader::from_reader(&*bytes);
        let header = reader.headers().unwrap().clone();
        return reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                let cell = |text: &str| match text.starts_with(['{', '[']) {
                    true => serde_json::from_str(text).unwrap(),
                    false => Value::from(text),
                };
                header
                    .iter()
                    .zip(&record)
                    .filter(|(_, text)| !text.is_empty())
                    .map(|(k, t)| (k.to_string(), cell(t)))
                    .collect()
            })
            .collect();
    }
    if name.contains(".jsonl") { lines(&unpacked(path)) } else { values(&batches(path)) }
}

/// Texts in three languages, of unlike lengths, with characters of every width; some are empty.
fn texts(count: usize) -> Vec<String> {
    const PIECES: [&str; 7] = [
        "Anna Berg bor i Odense.",
        "Hun er 45 år 😀.",
        "Вчера в Казани открылась выставка.",
        "The committee met in Geneva on Thursday.",
        "Kim kender Bo fra Ribe",
        "abc, de-f 2019",
        "Det er sandt.",
    ];
    let text = |index: usize| {
        let length = [1, 0, 3, 2, 9][index % 5];
        let pieces = (0..length).map(|n| PIECES[(index * 3 + n * n + index / 7) % PIECES.len()]);
        let text = pieces.collect::<Vec<_>>().join(" ");
        if length == 0 { text } else { format!("{text} Nr. {index}.") }
    };
    (0..count).map(text).collect()
}

/// They as JSON lines, with a number, a name in another alphabet, and something nested.
fn jsonl(texts: &[String]) -> String {
    let line = |(index, text): (usize, &String)| {
        let more = serde_json::json!({"a": [index, null], "ж": index % 2 == 0});
        format!("{}\n", serde_json::json!({"id": index, "text": text, "more": more}))
    };
    texts.iter().enumerate().map(line).collect()
}

/// A list of strings of a column, flattened.
fn strings(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    array.iter().map(|text| text.unwrap_or_default().to_string()).collect()
}

/// Packs bytes as gzip in two members, or as Zstandard in two frames: both may be put behind each other.
fn packed(bytes: &[u8], how: &str) -> Vec<u8> {
    let (a, b) = bytes.split_at(bytes.len() / 2);
    let pack = |part: &[u8]| match how {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(part, 1).unwrap(),
    };
    [pack(a), pack(b)].concat()
}
