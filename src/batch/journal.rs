//! The journal of a job: whose it is, and which parts are finished. A line that a kill has cut is as good as none.

use super::eval::Tally;
use super::read::Position;
use super::source::Known;
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of what stands in a journal.
const VERSION: u32 = 1;

/// A file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// Its name, within the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
}

/// A part of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 0.
    pub part: u64,
    /// Records of the input.
    pub rows: u64,
    /// Of them, those in the output.
    pub good: u64,
    /// Of them, those in the quarantine.
    pub quarantined: u64,
    /// Rows of the output.
    pub written: u64,
    /// The rows.
    pub file: PartFile,
    /// The records at fault, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quarantine: Option<PartFile>,
}

/// A place in the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// How many files stand before it.
    pub file: usize,
    /// Where in the file.
    pub at: Position,
}

/// The first line: what the job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub journal: u32,
    /// 128 random bits.
    pub job: String,
    /// The program, the model and all options that decide the output.
    pub identity: Value,
    pub input: Vec<Known>,
}

/// Any other line: a part that is finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finished {
    #[serde(flatten)]
    pub part: Part,
    /// Where the next one begins.
    pub next: Cursor,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counts: Option<Tally>,
}

/// A journal as it was found.
pub(super) struct Journal {
    pub header: Header,
    pub parts: Vec<Finished>,
    /// Bytes of the lines that are whole.
    pub length: u64,
}

impl Header {
    pub fn new(job: String, identity: Value, input: Vec<Known>) -> Self {
        Self { journal: VERSION, job, identity, input }
    }

    /// That a job of `identity` on `input` may go on here; the error says what differs.
    pub fn check(&self, identity: &Value, input: &[Known]) -> Result<()> {
        let remedy = "resume with what it was begun with, or write into another folder";
        if let Some((name, old, new)) = difference("", &self.identity, identity) {
            let message = format!("the job was begun with {name} {old}, and this is {new}");
            return Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        }
        if let Some((old, new)) = self.input.iter().zip(input).find(|(old, new)| old != new) {
            let message = match old.path == new.path {
                true => "the file has changed since the job began".to_string(),
                false => format!("the job was begun with {} in its place", old.path),
            };
            return Err(Error::new(ErrorKind::Argument, message).at(&new.path).remedy(remedy));
        }
        if self.input.len() != input.len() {
            let message = format!("the job was begun with {} files, and these are {}", self.input.len(), input.len());
            return Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        }
        Ok(())
    }
}

/// The first place where two values differ, by its name, and both.
fn difference(name: &str, old: &Value, new: &Value) -> Option<(String, String, String)> {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let mut inner = names.map(|key| {
                let part = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                difference(key, &part(a), &part(b))
            });
            inner.find_map(|found| found)
        }
        _ if old == new => None,
        _ => Some((name.to_string(), old.to_string(), new.to_string())),
    }
}

impl Journal {
    /// What `bytes` hold.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |line: usize, e: serde_json::Error| {
            Error::new(ErrorKind::Input, format!("the journal is damaged: {e}"))
                .at(format_args!("line {line}"))
                .remedy("write into another folder")
        };
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let first = lines.next().unwrap_or_default();
        let header: Header = serde_json::from_slice(first).map_err(|e| damaged(1, e))?;
        if header.journal != VERSION {
            let message = format!("a journal of version {}, where this program writes {VERSION}", header.journal);
            return Err(Error::new(ErrorKind::Input, message).remedy("resume with the program that began the job"));
        }
        let (mut parts, mut length) = (Vec::new(), first.len() as u64);
        for (number, line) in (2..).zip(lines) {
            let finished: Finished = serde_json::from_slice(line).map_err(|e| damaged(number, e))?;
            if finished.part.part != parts.len() as u64 {
                let message = format!("part {} where part {} belongs", finished.part.part, parts.len());
                return Err(Error::new(ErrorKind::Input, format!("the journal is damaged: {message}"))
                    .at(format_args!("line {number}"))
                    .remedy("write into another folder"));
            }
            parts.push(finished);
            length += line.len() as u64;
        }
        Ok(Self { header, parts, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known(path: &str, sha256: &str) -> Known {
        Known { path: path.into(), bytes: 3, sha256: sha256.into() }
    }

    fn line(part: u64) -> String {
        let file = PartFile { name: format!("part-{part:05}.csv"), bytes: 1, sha256: "00".into() };
        let part = Part { part, rows: 2, good: 2, quarantined: 0, written: 2, file, quarantine: None };
        let finished = Finished { part, next: Cursor::default(), counts: None };
        serde_json::to_string(&finished).unwrap() + "\n"
    }

    #[test]
    fn a_line_that_was_cut_is_none() {
        let header = Header::new("0".repeat(32), json!({"to": "csv"}), vec![known("a", "1")]);
        let head = serde_json::to_string(&header).unwrap() + "\n";
        let whole = format!("{head}{}{}", line(0), line(1));
        for cut in head.len()..=whole.len() {
            let journal = Journal::parse(&whole.as_bytes()[..cut]).unwrap();
            let parts = usize::from(cut >= head.len() + line(0).len()) + usize::from(cut == whole.len());
            assert_eq!((journal.parts.len(), &journal.header), (parts, &header), "cut at {cut}");
        }
        for (text, says) in [
            ("{}\n".to_string(), "line 1: the journal is damaged"),
            (format!("{head}nonsense\n"), "line 2: the journal is damaged"),
            (format!("{head}{}", line(1)), "part 1 where part 0 belongs"),
            (head.replace("\"journal\":1", "\"journal\":2"), "version 2"),
        ] {
            let error = Journal::parse(text.as_bytes()).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn another_job_is_named_by_what_differs() {
        let header = Header::new("0".into(), json!({"to": "csv", "work": {"scores": true}}), vec![known("a", "1")]);
        let same = header.identity.clone();
        assert!(header.check(&same, &header.input).is_ok());
        for (identity, input, says) in [
            (json!({"to": "csv", "work": {"scores": false}}), vec![known("a", "1")], "scores true, and this is false"),
            (json!({"to": "csv", "work": {}}), vec![known("a", "1")], "scores true, and this is null"),
            (same.clone(), vec![known("a", "2")], "a: the file has changed"),
            (same.clone(), vec![known("b", "1")], "b: the job was begun with a in its place"),
            (same.clone(), vec![known("a", "1"), known("b", "1")], "1 files, and these are 2"),
        ] {
            let error = header.check(&identity, &input).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
