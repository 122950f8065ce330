//! Keys and predictions: a line for each instance.

use super::read::{instance, label, read};
use crate::text::readers::lines;
use crate::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

/// The labels of a key file, in its order: instance, and whether it is a mistake.
pub fn keys<R: BufRead>(input: R) -> Result<Vec<(String, bool)>> {
    instances(input, label)
}

/// The predictions of a file, in its order: instance, and the probability of a mistake.
pub fn predictions<R: BufRead>(input: R) -> Result<Vec<(String, f64)>> {
    instances(input, |text| {
        text.parse().ok().filter(|p| (0.0..=1.0).contains(p)).ok_or_else(|| {
            Error::new(ErrorKind::Input, format!("the probability is {text:?}")).remedy("write a number from 0 to 1")
        })
    })
}

/// The labels of a key file or of a labelled `.slam` file: the latter begins with `#`.
pub fn gold<R: BufRead>(mut input: R) -> Result<Vec<(String, bool)>> {
    let begin = input.fill_buf().map_err(|e| Error::io("line 1", e))?;
    let begin = begin.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(begin).trim_ascii_start();
    if !begin.starts_with(b"#") {
        return keys(input);
    }
    let mut seen = HashSet::new();
    let mut labels = Vec::new();
    for record in read(input, "") {
        let record = record?;
        let place = |e: Error| e.at(format_args!("exercise of line {}", record.line));
        for token in &record.tokens {
            let mistake = token.mistake.ok_or_else(|| {
                place(
                    Error::new(ErrorKind::Input, "the words have no labels").remedy("pass a labelled file, or its key"),
                )
            })?;
            if !seen.insert(token.id.clone()) {
                return Err(place(twice(&token.id)));
            }
            labels.push((token.id.clone(), mistake));
        }
    }
    Ok(labels)
}

/// Labels and predictions side by side, in the order of the labels. Predictions of other instances are left out, as the
/// official script does; an instance without a prediction is an error.
pub fn pair(gold: &[(String, bool)], predictions: &[(String, f64)]) -> Result<(Vec<bool>, Vec<f64>)> {
    let by_id: HashMap<&str, f64> = predictions.iter().map(|(id, p)| (id.as_str(), *p)).collect();
    let mut probabilities = Vec::with_capacity(gold.len());
    for (id, _) in gold {
        probabilities.push(*by_id.get(id.as_str()).ok_or_else(|| {
            let missing = gold.iter().filter(|(id, _)| !by_id.contains_key(id.as_str())).count();
            Error::new(
                ErrorKind::Input,
                format!("no prediction for {id}, and for {missing} of {} instances", gold.len()),
            )
            .remedy("predict all of them")
        })?);
    }
    Ok((gold.iter().map(|(_, mistake)| *mistake).collect(), probabilities))
}

/// A file of two columns, no instance twice.
fn instances<R: BufRead, T>(input: R, parse: impl Fn(&str) -> Result<T>) -> Result<Vec<(String, T)>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for line in lines::lines(input) {
        let (number, line) = line?;
        let place = |e: Error| e.at(format_args!("line {number}"));
        let (id, value) = match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
            [] => continue,
            [id, value] => (instance(id).map_err(place)?, parse(value).map_err(place)?),
            ref columns => {
                let message = format!("{} columns where 2 are needed", columns.len());
                return Err(place(Error::new(ErrorKind::Input, message).remedy("write an instance and its value")));
            }
        };
        if !seen.insert(id.to_string()) {
            return Err(place(twice(id)));
        }
        found.push((id.to_string(), value));
    }
    Ok(found)
}

fn twice(id: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{id} stands twice")).remedy("leave one of them out")
}
