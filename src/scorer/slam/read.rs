//! Reading exercises.

use super::{Exercise, MAX_LINE, MAX_WORDS, Record, Token, is_instance};
use crate::text::readers::lines::{Ends, Lines};
use crate::{Error, ErrorKind, Result};
use std::io::BufRead;

/// The fields of an exercise's line.
const FIELDS: [&str; 7] = ["user", "countries", "days", "client", "session", "format", "time"];

/// Reads the exercises of a `.slam` file one by one; `track` is what the file does not say, such as `en_es`.
///
/// A field may be empty (`client:`) save `days` and `time`, but all must be there, once, and no others.
pub fn read<R: BufRead>(input: R, track: &str) -> impl Iterator<Item = Result<Record>> {
    let track = track.to_string();
    let mut reader = Reader { lines: Lines::new(input, Ends::Unix), columns: None, done: false };
    std::iter::from_fn(move || {
        if reader.done {
            return None;
        }
        let record = reader.next(&track).transpose();
        reader.done = !matches!(record, Some(Ok(_)));
        record
    })
}

struct Reader<R> {
    lines: Lines<R>,
    /// Columns of a word in this file, once one was seen.
    columns: Option<usize>,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    fn next(&mut self, track: &str) -> Result<Option<Record>> {
        let record = self.record(track);
        // Errors of the lines themselves have their place.
        record.map_err(|e| if e.place().is_empty() { e.at(format_args!("line {}", self.lines.number())) } else { e })
    }

    fn record(&mut self, track: &str) -> Result<Option<Record>> {
        let mut record = Record::default();
        let mut header = false;
        while let Some(line) = self.lines.next()? {
            if line.len() > MAX_LINE {
                let message = format!("the line is longer than {} KiB", MAX_LINE >> 10);
                return Err(Error::new(ErrorKind::Limit, message).remedy("is it a .slam file?"));
            }
            if line.trim_ascii().is_empty() {
                if record.line == 0 {
                    continue;
                }
                break;
            }
            if let Some(prompt) = line.strip_prefix("# prompt:") {
                if record.line > 0 {
                    return Err(misplaced("a prompt", "inside an exercise"));
                }
                record.prompt = Some(prompt.to_string());
            } else if let Some(fields) = line.strip_prefix('#') {
                if header {
                    return Err(misplaced("a line of fields", "inside an exercise"));
                }
                record.exercise = Exercise { track: track.to_string(), ..exercise(fields)? };
                header = true;
            } else {
                if !header {
                    return Err(misplaced("a word", "before the line `# user:...` of its exercise"));
                }
                if record.tokens.len() == MAX_WORDS {
                    let message = format!("more than {MAX_WORDS} words in an exercise");
                    return Err(Error::new(ErrorKind::Limit, message).remedy("end each exercise with an empty line"));
                }
                let (word, token) = word(line, &mut self.columns)?;
                record.exercise.words.push(word);
                record.tokens.push(token);
            }
            if record.line == 0 {
                record.line = self.lines.number();
            }
        }
        match (record.line, record.tokens.is_empty()) {
            (0, _) => Ok(None),
            (_, false) => Ok(Some(record)),
            (_, true) => Err(Error::new(ErrorKind::Input, "an exercise without words")
                .remedy("no empty line may stand between an exercise's lines")),
        }
    }
}

fn misplaced(what: &str, place: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{what} {place}"))
        .remedy("an exercise is `# prompt:...` where there is one, `# user:...`, its words, and an empty line")
}

/// The exercise that a line of fields describes, without words.
fn exercise(line: &str) -> Result<Exercise> {
    let mut values = [None; FIELDS.len()];
    for field in line.split_ascii_whitespace() {
        let known =
            field.split_once(':').and_then(|(key, value)| Some((FIELDS.iter().position(|f| *f == key)?, value)));
        let Some((index, value)) = known else {
            return Err(Error::new(ErrorKind::Input, format!("unknown field {field:?}")).remedy(fields()));
        };
        if values[index].replace(value).is_some() {
            return Err(Error::new(ErrorKind::Input, format!("{} stands twice", FIELDS[index])).remedy(fields()));
        }
    }
    let value = |name: &str| {
        let value = FIELDS.iter().position(|field| *field == name).and_then(|index| values[index]);
        value.ok_or_else(|| Error::new(ErrorKind::Input, format!("{name} is missing")).remedy(fields()))
    };
    let text = |name: &str| value(name).map(str::to_string);
    let countries = value("countries")?.split('|').filter(|country| !country.is_empty());
    Ok(Exercise {
        user: text("user")?,
        countries: countries.map(str::to_string).collect(),
        days: number("days", value("days")?, 0.0)?,
        client: text("client")?,
        session: text("session")?,
        format: text("format")?,
        time: match value("time")? {
            "null" => None,
            time => Some(number("time", time, f64::MIN)?),
        },
        ..Exercise::default()
    })
}

fn fields() -> String {
    format!("write each of {} once, as name:value", FIELDS.join(", "))
}

/// A finite number, at least `least`.
fn number(name: &str, text: &str, least: f64) -> Result<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= least).ok_or_else(|| {
        let message = format!("{name} is {text:?}");
        Error::new(ErrorKind::Input, message).remedy(match name {
            "days" => "write a number, 0 or more",
            _ => "write a number of seconds, or null",
        })
    })
}

/// A word and its columns, of which there must be as many as the words before had.
fn word(line: &str, columns: &mut Option<usize>) -> Result<(String, Token)> {
    let cells: Vec<&str> = line.split_ascii_whitespace().collect();
    let count = cells.len();
    let [id, word, part_of_speech, morphology, dependency, head, ref rest @ ..] = cells[..] else {
        return Err(misfit(count));
    };
    if rest.len() > 1 {
        return Err(misfit(count));
    }
    let expected = *columns.get_or_insert(count);
    if count != expected {
        let message = format!("{count} columns, and {expected} in the lines before");
        return Err(Error::new(ErrorKind::Input, message).remedy("label all words of a file, or none"));
    }
    let token = Token {
        id: instance(id)?.to_string(),
        part_of_speech: part_of_speech.to_string(),
        morphology: morphology.to_string(),
        dependency: dependency.to_string(),
        head: head.parse().map_err(|e| {
            Error::new(ErrorKind::Input, format!("the head is {head:?}"))
                .remedy("write a number, 0 or more")
                .caused_by(e)
        })?,
        mistake: rest.first().map(|text| label(text)).transpose()?,
    };
    Ok((word.to_string(), token))
}

fn misfit(columns: usize) -> Error {
    Error::new(ErrorKind::Input, format!("{columns} columns where 6 or 7 are needed"))
        .remedy("write instance, word, part of speech, morphology, dependency, head, and in labelled files the label")
}

/// An instance as it must be.
pub(super) fn instance(id: &str) -> Result<&str> {
    if is_instance(id) {
        return Ok(id);
    }
    Err(Error::new(ErrorKind::Input, format!("{id:?} is no instance"))
        .remedy("write 8 characters for the session, two digits for the exercise and two for the word"))
}

/// A label: 1 is a mistake.
pub(super) fn label(text: &str) -> Result<bool> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => {
            Err(Error::new(ErrorKind::Input, format!("the label is {text:?}")).remedy("write 1 for a mistake, else 0"))
        }
    }
}
