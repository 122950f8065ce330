//! Writing exercises as the shared task wrote them: what is read of an official file is written as the same bytes.

use super::{Exercise, Record, Token, is_instance};
use crate::{Error, ErrorKind, Result};
use std::fmt::Write;

impl Record {
    /// Appends the exercise, with the empty line that ends it. Fails where the format has no place for what it holds:
    /// white space in a word or a field, labels on some words only.
    pub fn write(&self, out: &mut String) -> Result<()> {
        let length = out.len();
        self.append(out).inspect_err(|_| out.truncate(length))
    }

    fn append(&self, out: &mut String) -> Result<()> {
        self.check_lengths()?;
        if let Some(prompt) = &self.prompt {
            if prompt.contains(['\n', '\r']) {
                return Err(unwritable(prompt).at("prompt"));
            }
            push(out, format_args!("# prompt:{prompt}\n"));
        }
        push(out, format_args!("# {}\n", fields(&self.exercise)?));
        for (number, (word, token)) in self.exercise.words.iter().zip(&self.tokens).enumerate() {
            push_word(word, token, out).map_err(|e| e.at(format_args!("word {number}")))?;
        }
        out.push('\n');
        Ok(())
    }

    fn check_lengths(&self) -> Result<()> {
        let (words, tokens) = (self.exercise.words.len(), self.tokens.len());
        if words != tokens || words == 0 {
            return Err(Error::new(ErrorKind::Argument, format!("{words} words with the columns of {tokens}"))
                .remedy("give every word its columns, and an exercise at least one word"));
        }
        let labelled = self.tokens.iter().filter(|token| token.mistake.is_some()).count();
        if labelled != 0 && labelled != tokens {
            return Err(Error::new(ErrorKind::Argument, format!("{labelled} of {tokens} words have labels"))
                .remedy("label all words, or none"));
        }
        Ok(())
    }

    /// Appends the key: a line `instance label` for each word.
    pub fn write_key(&self, out: &mut String) -> Result<()> {
        for token in &self.tokens {
            let mistake = token.mistake.ok_or_else(|| {
                Error::new(ErrorKind::Argument, format!("{} has no label", token.id)).remedy("pass labelled exercises")
            })?;
            push(out, format_args!("{} {}\n", token.id, u8::from(mistake)));
        }
        Ok(())
    }

    /// Appends predictions: a line `instance probability` for each word.
    pub fn write_predictions(&self, probabilities: &[f32], out: &mut String) -> Result<()> {
        if probabilities.len() != self.tokens.len() {
            let message = format!("{} probabilities for {} words", probabilities.len(), self.tokens.len());
            return Err(Error::new(ErrorKind::Argument, message).remedy("pass one for each word"));
        }
        for (token, probability) in self.tokens.iter().zip(probabilities) {
            push(out, format_args!("{} {probability}\n", token.id));
        }
        Ok(())
    }
}

/// The fields of an exercise's line.
fn fields(exercise: &Exercise) -> Result<String> {
    let text = |name: &str, text: &str| {
        if text.contains(|c: char| c.is_ascii_whitespace()) {
            return Err(unwritable(text).at(name));
        }
        Ok(format!("{name}:{text}"))
    };
    if let Some(country) = exercise.countries.iter().find(|country| country.is_empty() || country.contains('|')) {
        return Err(unwritable(country).at("countries"));
    }
    if !(exercise.days.is_finite() && exercise.days >= 0.0) {
        return Err(unwritable(&exercise.days.to_string()).at("days"));
    }
    if let Some(time) = exercise.time.filter(|time| !time.is_finite()) {
        return Err(unwritable(&time.to_string()).at("time"));
    }
    let fields = [
        text("user", &exercise.user)?,
        text("countries", &exercise.countries.join("|"))?,
        text("days", &days(exercise.days))?,
        text("client", &exercise.client)?,
        text("session", &exercise.session)?,
        text("format", &exercise.format)?,
        text("time", &exercise.time.map_or_else(|| "null".into(), |time| time.to_string()))?,
    ];
    Ok(fields.join("  "))
}

/// Appends the line of a word.
fn push_word(word: &str, token: &Token, out: &mut String) -> Result<()> {
    if !is_instance(&token.id) {
        return Err(unwritable(&token.id));
    }
    let (part, morphology, dependency) = (&token.part_of_speech, &token.morphology, &token.dependency);
    let whole = |cell: &&str| !cell.is_empty() && !cell.contains(|c: char| c.is_ascii_whitespace());
    if let Some(cell) = [word, part, morphology, dependency].iter().find(|cell| !whole(cell)) {
        return Err(unwritable(cell));
    }
    let label = token.mistake.map_or("", |mistake| if mistake { "  1" } else { "  0" });
    let (id, head) = (&token.id, token.head);
    push(out, format_args!("{id}  {word:<19}  {part:<7}  {morphology}  {dependency}  {head}{label}\n"));
    Ok(())
}

/// Three decimals, as the official files have it, or as many as say it exactly.
fn days(days: f64) -> String {
    let short = format!("{days:.3}");
    if short.parse() == Ok(days) { short } else { days.to_string() }
}

fn unwritable(text: &str) -> Error {
    Error::new(ErrorKind::Argument, format!("{text:?} has no place in a .slam file"))
        .remedy("its fields hold no white space, and its words' columns are not empty")
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}
