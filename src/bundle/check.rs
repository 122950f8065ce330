//! `bundle.json` under suspicion: parsing, limits, and whether its parts agree.

use super::limits::{self, at_most, clip, malformed};
use super::manifest::{Architecture, FORMAT, FileEntry, Kind, Manifest, Task, TextSettings};
use super::{layout, preflight};
use crate::text::scheme::Scheme;
use crate::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The one task of a scorer, as its metrics name it.
pub const SCORER_TASK: &str = "mistakes";

/// The oldest format version that this library reads.
pub const OLDEST_FORMAT: u32 = 1;

/// The members that every format version has.
#[derive(Deserialize)]
struct Versions {
    format: u32,
    oldest_reader: u32,
}

impl Manifest {
    /// Parses and checks `bundle.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        at_most("bytes", bytes.len() as u64, limits::MANIFEST_BYTES)?;
        let json = |e: serde_json::Error| malformed(e.to_string()).caused_by(e);
        let versions: Versions = serde_json::from_slice(bytes).map_err(json)?;
        check_versions(versions.format, versions.oldest_reader)?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(json)?;
        manifest.check()?;
        manifest.check_files()?;
        Ok(manifest)
    }

    /// Checks everything but `files`; an error names the field.
    pub fn check(&self) -> Result<()> {
        check_versions(self.format, self.oldest_reader)?;
        identifier(&self.id, "-", 64).map_err(|e| e.at("id"))?;
        semantic_version(&self.version).map_err(|e| e.at("version"))?;
        text(&self.description, 0, 2000).map_err(|e| e.at("description"))?;
        match self.kind {
            Kind::Tagger => self.check_tagger()?,
            Kind::Scorer => self.check_scorer()?,
        }
        self.check_metrics()?;
        self.check_provenance()?;
        let size = weight_bytes(self);
        at_most("bytes of weights", size, limits::WEIGHTS_BYTES - limits::HEADER_BYTES - 8)
            .map_err(|e| e.at("architecture"))
    }

    fn check_tagger(&self) -> Result<()> {
        if self.scorer.is_some() {
            return Err(malformed("a tagger has no such field").at("scorer"));
        }
        self.architecture.check().map_err(|e| e.at("architecture"))?;
        self.check_languages()?;
        self.check_tasks()?;
        self.check_coverage()?;
        self.check_text()
    }

    fn check_scorer(&self) -> Result<()> {
        let tagger = [
            ("languages", self.languages.is_empty()),
            ("tasks", self.tasks.is_empty()),
            ("architecture", self.architecture == Architecture::default()),
            ("text", self.text == TextSettings::default()),
        ];
        if let Some((field, _)) = tagger.iter().find(|(_, absent)| !absent) {
            return Err(malformed("a scorer has no such field").at(field));
        }
        let scorer =
            self.scorer.as_ref().ok_or_else(|| malformed("missing, where the kind is `scorer`").at("scorer"))?;
        scorer.check(|track| identifier(track, "-_", 32)).map_err(|e| e.at("scorer"))
    }

    fn check_languages(&self) -> Result<()> {
        let place = |e: Error| e.at("languages");
        at_most("languages", self.languages.len() as u64, limits::LANGUAGES as u64).map_err(place)?;
        if self.languages.is_empty() {
            return Err(place(malformed("a bundle has at least one language")));
        }
        for (i, language) in self.languages.iter().enumerate() {
            let place = |e: Error| e.at(format!("languages[{i}]"));
            if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_lowercase()) {
                let message = format!("`{}` is not a code of ISO 639, as `en` is", clip(language));
                return Err(place(malformed(message)));
            }
            if i > 0 && *language <= self.languages[i - 1] {
                return Err(place(malformed(format!("`{language}` is not sorted, or twice there"))));
            }
        }
        Ok(())
    }

    /// Only once the tasks' lists have been bounded.
    fn check_coverage(&self) -> Result<()> {
        let covered: BTreeSet<&String> = self.tasks.iter().flat_map(|task| &task.languages).collect();
        match self.languages.iter().enumerate().find(|(_, language)| !covered.contains(language)) {
            Some((i, language)) => {
                Err(malformed(format!("no task has the language `{language}`")).at(format!("languages[{i}]")))
            }
            None => Ok(()),
        }
    }

    fn check_tasks(&self) -> Result<()> {
        at_most("tasks", self.tasks.len() as u64, limits::TASKS as u64).map_err(|e| e.at("tasks"))?;
        if self.tasks.is_empty() {
            return Err(malformed("a bundle has at least one task").at("tasks"));
        }
        let mut names = BTreeSet::new();
        for (i, task) in self.tasks.iter().enumerate() {
            let place = |e: Error| e.at(format!("tasks[{i}]"));
            task.check(&self.languages).map_err(place)?;
            if !names.insert(&task.name) {
                return Err(place(malformed(format!("`{}` is there twice", task.name)).at("name")));
            }
        }
        Ok(())
    }

    fn check_text(&self) -> Result<()> {
        if self.text.tokeniser != "ud" {
            let message = format!("`{}` is unknown; this reader has `ud`", clip(&self.text.tokeniser));
            return Err(malformed(message).at("text.tokeniser"));
        }
        let steps = &self.text.word_lookup;
        let twice = (1..steps.len()).any(|i| steps[..i].contains(&steps[i]));
        if steps.is_empty() || steps.len() > 3 || twice {
            return Err(malformed("one to three different steps are needed").at("text.word_lookup"));
        }
        if let Some(language) = self.text.fallback_language.as_ref().filter(|l| !self.languages.contains(l)) {
            let message = format!("`{}` is not among the languages", clip(language));
            return Err(malformed(message).at("text.fallback_language"));
        }
        if self.text.char_boundaries && self.architecture.chars < 4 {
            return Err(malformed("boundaries take rows 2 and 3, so there are 4 at least").at("architecture.chars"));
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<()> {
        at_most("metrics", self.metrics.len() as u64, limits::ENTRIES as u64).map_err(|e| e.at("metrics"))?;
        for (i, metric) in self.metrics.iter().enumerate() {
            let place = |field: &str, e: Error| e.at(format!("metrics[{i}].{field}"));
            let (task, languages) = match &self.scorer {
                Some(scorer) => (metric.task == SCORER_TASK, &scorer.tracks),
                None => (self.tasks.iter().any(|task| task.name == metric.task), &self.languages),
            };
            if !task {
                return Err(place("task", malformed(format!("no task `{}`", clip(&metric.task)))));
            }
            if !languages.contains(&metric.language) {
                return Err(place("language", malformed(format!("no language `{}`", clip(&metric.language)))));
            }
            text(&metric.set, 1, 200).map_err(|e| place("set", e))?;
            text(&metric.metric, 1, 64).map_err(|e| place("metric", e))?;
            let scores = [("value", Some(metric.value)), ("mean", metric.mean), ("sd", metric.sd)];
            for (field, score) in scores {
                if score.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
                    return Err(place(field, malformed("scores lie in 0..1")));
                }
            }
        }
        Ok(())
    }

    fn check_provenance(&self) -> Result<()> {
        text(&self.licences.code, 1, 200).map_err(|e| e.at("licences.code"))?;
        text(&self.licences.weights, 1, 200).map_err(|e| e.at("licences.weights"))?;
        at_most("entries", self.licences.data.len() as u64, limits::ENTRIES as u64)
            .map_err(|e| e.at("licences.data"))?;
        for (i, data) in self.licences.data.iter().enumerate() {
            text(&data.name, 1, 400).map_err(|e| e.at(format!("licences.data[{i}].name")))?;
            text(&data.licence, 1, 200).map_err(|e| e.at(format!("licences.data[{i}].licence")))?;
        }
        text(&self.training.command, 0, 4000).map_err(|e| e.at("training.command"))?;
        text(&self.training.commit, 0, 200).map_err(|e| e.at("training.commit"))
    }

    /// Checks names, lengths and digests of the table of files.
    fn check_files(&self) -> Result<()> {
        let needed: BTreeSet<String> = layout::files(self).into_iter().collect();
        for (name, entry) in &self.files {
            let place = |e: Error| e.at(format!("files[`{}`]", clip(name)));
            limits::flat_name(name).map_err(place)?;
            // A later format that old readers understand may add files, which they never open.
            if self.format <= FORMAT && !needed.contains(name) {
                return Err(place(malformed(format!("format {FORMAT} has no such file"))));
            }
            self.check_entry(name, entry).map_err(place)?;
        }
        match needed.iter().find(|name| !self.files.contains_key(*name)) {
            Some(name) => Err(malformed(format!("`{name}` is not listed")).at("files")),
            None => Ok(()),
        }
    }

    fn check_entry(&self, name: &str, entry: &FileEntry) -> Result<()> {
        let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if entry.sha256.len() != 64 || !entry.sha256.bytes().all(hexadecimal) {
            return Err(malformed("64 lower-case hexadecimal digits are needed").at("sha256"));
        }
        let (least, most) = match name {
            layout::WEIGHTS => {
                let weights = weight_bytes(self);
                (weights + 8, weights + 8 + limits::HEADER_BYTES)
            }
            layout::GRAPH | layout::FUSED_GRAPH => (1, preflight::MAX_BYTES as u64),
            layout::GOLDEN => (0, limits::GOLDEN_BYTES),
            _ => (0, limits::VOCABULARY_BYTES),
        };
        if entry.bytes < least {
            let message = format!("{}, where the architecture implies at least {least}", entry.bytes);
            return Err(malformed(message).at("bytes"));
        }
        at_most("bytes", entry.bytes, most).map_err(|e| e.at("bytes"))
    }
}

/// Bytes of all tensors. Sizes within their limits keep each product below 2^53.
fn weight_bytes(manifest: &Manifest) -> u64 {
    let elements = |shape: &[usize]| shape.iter().fold(1u64, |n, &d| n.saturating_mul(d as u64));
    layout::expected(manifest).iter().fold(0, |n: u64, (_, shape)| n.saturating_add(elements(shape).saturating_mul(2)))
}

fn check_versions(format: u32, oldest_reader: u32) -> Result<()> {
    let range = format!("this library reads format versions {OLDEST_FORMAT} to {FORMAT}");
    if oldest_reader > FORMAT {
        let message = format!("format {format} needs a reader of version {oldest_reader} or newer; {range}");
        return Err(Error::new(ErrorKind::Bundle, message).at("oldest_reader").remedy("update libmtl"));
    }
    if format < OLDEST_FORMAT {
        let message = format!("format {format} is no longer read; {range}");
        return Err(malformed(message).at("format"));
    }
    if oldest_reader == 0 || oldest_reader > format {
        return Err(malformed(format!("{oldest_reader} is not in 1..={format}; {range}")).at("oldest_reader"));
    }
    Ok(())
}

impl Task {
    fn check(&self, languages: &[String]) -> Result<()> {
        identifier(&self.name, "-_", 32).map_err(|e| e.at("name"))?;
        self.check_labels()?;
        at_most("languages", self.languages.len() as u64, limits::LANGUAGES as u64).map_err(|e| e.at("languages"))?;
        if self.languages.is_empty() {
            return Err(malformed("a task has at least one language").at("languages"));
        }
        let mut seen = BTreeSet::new();
        for language in &self.languages {
            if !languages.contains(language) {
                let message = format!("`{}` is not among the bundle's languages", clip(language));
                return Err(malformed(message).at("languages"));
            }
            if !seen.insert(language) {
                return Err(malformed(format!("`{language}` is there twice")).at("languages"));
            }
        }
        for (language, temperature) in &self.temperature {
            let place = |e: Error| e.at(format!("temperature[`{}`]", clip(language)));
            if !self.languages.contains(language) {
                return Err(place(malformed("the task does not have this language")));
            }
            if !(0.01..=100.0).contains(temperature) {
                return Err(place(malformed(format!("{temperature}, where it must be in 0.01..=100"))));
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<()> {
        at_most("labels", self.labels.len() as u64, limits::LABELS as u64).map_err(|e| e.at("labels"))?;
        if self.labels.is_empty() {
            return Err(malformed("a task has at least one label").at("labels"));
        }
        let mut seen = BTreeSet::new();
        for (i, label) in self.labels.iter().enumerate() {
            let place = |e: Error| e.at(format!("labels[{i}]"));
            text(label, 1, 64).map_err(place)?;
            if label.contains(char::is_whitespace) {
                return Err(place(malformed(format!("`{label}` contains white space"))));
            }
            if !seen.insert(label) {
                return Err(place(malformed(format!("`{label}` is there twice"))));
            }
            if !well_formed(label, self.scheme) {
                return Err(place(malformed(format!("`{label}` is no label of the scheme {:?}", self.scheme))));
            }
        }
        if self.scheme != Scheme::Plain && !self.labels.iter().any(|label| label == "O") {
            return Err(malformed("a scheme of spans needs the label `O`").at("labels"));
        }
        Ok(())
    }
}

/// Whether `scheme` has labels of this form.
fn well_formed(label: &str, scheme: Scheme) -> bool {
    let prefixes = match scheme {
        Scheme::Plain => return true,
        Scheme::Iob1 | Scheme::Iob2 => "BI",
        Scheme::Bioes => "BIES",
    };
    match label.split_once('-') {
        Some((prefix, kind)) => prefix.len() == 1 && prefixes.contains(prefix) && !kind.is_empty(),
        None => label == "O",
    }
}

impl Architecture {
    fn check(&self) -> Result<()> {
        let sizes = [
            ("word_dim", self.word_dim, 1, limits::WORD_DIM),
            ("words", self.words, 1, limits::WORDS),
            ("char_dim", self.char_dim, 1, limits::CHAR_DIM),
            ("chars", self.chars, 2, limits::CHARS),
            ("char_filters", self.char_filters, 1, limits::CHAR_FILTERS),
            ("highway_layers", self.highway_layers, 0, limits::HIGHWAY_LAYERS),
            ("hidden", self.hidden, 1, limits::HIDDEN),
            ("char_widths", self.char_widths.len(), 1, limits::CHAR_WIDTHS),
        ];
        for (field, size, least, most) in sizes {
            if size < least {
                return Err(malformed(format!("{size}, where at least {least} is needed")).at(field));
            }
            at_most("units", size as u64, most as u64).map_err(|e| e.at(field))?;
        }
        widths(&self.char_widths)
    }
}

/// Refuses convolution widths that are out of bounds or not distinct.
pub(super) fn widths(widths: &[usize]) -> Result<()> {
    for (i, &width) in widths.iter().enumerate() {
        let place = |e: Error| e.at("char_widths");
        if width == 0 || widths[..i].contains(&width) {
            return Err(place(malformed(format!("{width} is zero, or there twice"))));
        }
        at_most("characters", width as u64, limits::CHAR_WIDTH as u64).map_err(place)?;
    }
    Ok(())
}

/// Refuses all but lower-case letters, digits and `also`, beginning with a letter.
fn identifier(name: &str, also: &str, longest: usize) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > longest || !name.chars().all(allowed) {
        let message = format!("`{}`, where lower-case letters, digits and `{also}` are allowed", clip(name));
        return Err(malformed(message));
    }
    Ok(())
}

/// Refuses what is no semantic version.
fn semantic_version(version: &str) -> Result<()> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-+.".contains(&b);
    if core.split('.').count() != 3
        || !core.split('.').all(number)
        || !version.bytes().all(allowed)
        || version.len() > 64
    {
        return Err(malformed(format!("`{}` is no semantic version, as 1.0.0 is", clip(version))));
    }
    Ok(())
}

/// Refuses control characters, and lengths out of bounds.
fn text(value: &str, least: usize, most: usize) -> Result<()> {
    if let Some(c) = value.chars().find(|c| c.is_control()) {
        return Err(malformed(format!("the control character U+{:04X} is not allowed", u32::from(c))));
    }
    if value.len() < least {
        return Err(malformed("empty"));
    }
    at_most("bytes", value.len() as u64, most as u64)
}

#[cfg(test)]
mod tests;
