//! `mtl models`: what the zoo holds.

use crate::args::ModelsArgs;
use crate::output::printable;
use crate::stop::{self, Outcome};
use crate::{model, report};
use anstyle::Style;
use libmtl::bundle::Bundle;
use libmtl::bundle::manifest::{Kind, Licences, Manifest, Metric, Task};
use libmtl::text::scheme::Scheme;
use libmtl::zoo::{Entry, Zoo};
use libmtl::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Runs the command. A bundle that cannot be opened is reported, and the others are listed all the same.
pub fn run(args: &ModelsArgs) -> Outcome<u8> {
    let zoo = model::zoo(&args.zoo)?.ok_or_else(|| {
        Error::new(ErrorKind::Argument, "no zoo was found").remedy("name its folder with --zoo or MTL_ZOO")
    })?;
    let mut listed = Vec::new();
    let mut broken = false;
    for entry in zoo.entries() {
        match open(&zoo, entry) {
            Ok(manifest) => listed.push((entry, manifest)),
            Err(error) => {
                report(&error);
                broken = true;
            }
        }
    }
    let mut out = anstream::stdout().lock();
    if args.json {
        let records: Vec<Record<'_>> = listed.iter().map(|(entry, manifest)| Record::new(entry, manifest)).collect();
        serde_json::to_writer_pretty(&mut out, &records).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for (index, (entry, manifest)) in listed.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            out.write_all(describe(entry, manifest).as_bytes())?;
        }
    }
    out.flush()?;
    Ok(if broken { stop::REFUSED } else { stop::OK })
}

fn open(zoo: &Zoo, entry: &Entry) -> Result<Manifest> {
    let bundle = Bundle::open(&zoo.locate(&entry.id)?)?;
    let manifest = bundle.manifest();
    if manifest.id != entry.id {
        let message = format!("the catalogue calls it \"{}\", its manifest \"{}\"", entry.id, manifest.id);
        return Err(Error::new(ErrorKind::Bundle, message).at(bundle.place()).remedy("correct the one or the other"));
    }
    Ok(manifest.clone())
}

/// What programs read.
#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    folder: &'a str,
    description: &'a str,
    version: &'a str,
    bytes: u64,
    kind: Kind,
    languages: &'a [String],
    tasks: Vec<TaskRecord<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tracks: &'a [String],
    metrics: &'a [Metric],
    licences: &'a Licences,
}

#[derive(Serialize)]
struct TaskRecord<'a> {
    name: &'a str,
    scheme: Scheme,
    languages: &'a [String],
    labels: Vec<&'a str>,
}

impl<'a> Record<'a> {
    fn new(entry: &'a Entry, manifest: &'a Manifest) -> Self {
        let task = |task: &'a Task| TaskRecord {
            name: &task.name,
            scheme: task.scheme,
            languages: &task.languages,
            labels: kinds(task),
        };
        Self {
            id: &entry.id,
            folder: &entry.folder,
            description: &entry.description,
            version: &manifest.version,
            bytes: bytes(manifest),
            kind: manifest.kind,
            languages: &manifest.languages,
            tracks: tracks(manifest),
            tasks: manifest.tasks.iter().map(task).collect(),
            metrics: &manifest.metrics,
            licences: &manifest.licences,
        }
    }
}

/// The tracks of a scorer; none of a tagger.
fn tracks(manifest: &Manifest) -> &[String] {
    manifest.scorer.as_ref().map_or(&[], |scorer| &scorer.tracks)
}

/// The size of the bundle's files.
fn bytes(manifest: &Manifest) -> u64 {
    manifest.files.values().map(|file| file.bytes).sum()
}

/// What a task tells apart: the types of its spans, or its labels.
fn kinds(task: &Task) -> Vec<&str> {
    if task.scheme == Scheme::Plain {
        return task.labels.iter().map(String::as_str).collect();
    }
    let kinds: BTreeSet<&str> = task.labels.iter().filter_map(|l| l.split_once('-').map(|(_, kind)| kind)).collect();
    kinds.into_iter().collect()
}

/// One model for people.
fn describe(entry: &Entry, manifest: &Manifest) -> String {
    let bold = Style::new().bold();
    let mut lines = vec![format!(
        "{bold}{}{bold:#} {}, {:.1} MB: {}",
        entry.id,
        printable(&manifest.version),
        bytes(manifest) as f64 / 1e6,
        printable(&entry.description)
    )];
    match manifest.kind {
        Kind::Tagger => lines.push(line("languages", &manifest.languages.join(" "))),
        Kind::Scorer => lines.push(line("tracks", &tracks(manifest).join(" "))),
    }
    for task in &manifest.tasks {
        let text = format!("{} ({})", kinds(task).join(" "), task.languages.join(" "));
        lines.push(line(&task.name, &text));
    }
    let scores = scores(&manifest.metrics);
    lines.extend(scores.iter().enumerate().map(|(index, text)| line(if index == 0 { "scores" } else { "" }, text)));
    let licences = &manifest.licences;
    lines.push(line("licences", &format!("weights {}, code {}", licences.weights, licences.code)));
    lines.extend(licences.data.iter().map(|data| line("", &format!("{}: {}", data.name, data.licence))));
    lines.join("\n") + "\n"
}

fn line(name: &str, text: &str) -> String {
    let grey = Style::new().dimmed();
    format!("  {grey}{:<11}{grey:#}{}", printable(name), printable(text))
}

/// One line for each task, language and set: `ner da  DDT test: f1 0.8123 (mean 0.8100, sd 0.0042, 3 seeds)`.
fn scores(metrics: &[Metric]) -> Vec<String> {
    let set = |metric: &Metric| (metric.task.clone(), metric.language.clone(), metric.set.clone());
    let groups = metrics.chunk_by(|a, b| set(a) == set(b));
    groups
        .map(|group| {
            let (task, language, set) = set(&group[0]);
            let values: Vec<String> = group.iter().map(value).collect();
            format!("{task:<5} {language:<3} {set}: {}", values.join(", "))
        })
        .collect()
}

fn value(metric: &Metric) -> String {
    let mut text = format!("{} {:.4}", metric.metric, metric.value);
    if let (Some(mean), Some(sd)) = (metric.mean, metric.sd) {
        text += &format!(" (mean {mean:.4}, sd {sd:.4}, {} seeds)", metric.seeds);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scores_of_a_set_share_a_line() {
        let metric = |metric: &str, set: &str, mean| Metric {
            task: "ner".to_string(),
            language: "da".to_string(),
            set: set.to_string(),
            metric: metric.to_string(),
            value: 0.8125,
            mean,
            sd: mean.map(|_| 0.01),
            seeds: 3,
        };
        let lines =
            scores(&[metric("f1", "DDT", Some(0.81)), metric("strict_f1", "DDT", None), metric("f1", "X", None)]);
        assert_eq!(
            lines,
            ["ner   da  DDT: f1 0.8125 (mean 0.8100, sd 0.0100, 3 seeds), strict_f1 0.8125", "ner   da  X: f1 0.8125"]
        );
    }
}
