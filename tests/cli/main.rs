//! The `mtl` command as users meet it: the binary is run, and its output, its notes and its exit code are looked at.
#![cfg(feature = "cli")]

mod adapt;
mod align;
#[path = "../common/mod.rs"]
mod common;
mod eval;
mod predictions;
mod refusals;
mod score;
mod shipped;
mod streams;
mod tag;
mod zoo;

use common::{Sizes, random_bundle};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What a run of the command gave.
#[derive(Debug)]
struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Output {
    /// Standard output, of a run that must have succeeded.
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Each line as JSON.
    #[track_caller]
    fn json_lines(self) -> Vec<Value> {
        self.good().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Standard error, of a run that must have been refused with all of `words`.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// The command without what the tester's own environment might add.
fn mtl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
    for name in ["MTL_ZOO", "NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS", "ORT_DYLIB_PATH"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str], input: &[u8]) -> Output {
    run_command(mtl().args(args), input)
}

fn run_command(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mtl starts");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses early does not read its input: the pipe may be closed.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Output {
        code: output.status.code().expect("mtl was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A bundle with random weights: `ner` in Danish and English, `upos` in these and Russian.
fn bundle() -> TempDir {
    random_bundle(20_180_715, &Sizes::default())
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

/// A file with `content` in `folder`.
fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_string()
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
