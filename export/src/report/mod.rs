//! `mtl-export report`: experiments, sweeps, ablations, probes and scorers as one page of HTML, complete in itself.

mod ablation;
mod answers;
pub mod charts;
mod experiment;
pub mod heat;
pub mod page;
pub mod svg;
mod sweep;
mod transfer;

use crate::Result;
use crate::ablate::Ablation;
use crate::checkpoint::read_json;
use crate::error::fail;
use crate::scorer::report as scorer;
use crate::sweep::Finished;
use crate::transfer::Summary;
use crate::{probe, relate};
use experiment::Experiment;
use libmtl::Error;
use page::Section;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// `mtl-export report`.
#[derive(clap::Args)]
pub struct Options {
    /// Folders that `train`, `transfer`, `sweep`, `ablate`, `probe` and `scorer protocol` have written, or files of theirs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long)]
    output: PathBuf,
    /// The page's title; named after what it shows without it
    #[arg(long)]
    title: Option<String>,
}

/// Writes the page.
pub fn report(options: &Options) -> Result<()> {
    let mut contents = Contents::default();
    options.runs.iter().try_for_each(|path| contents.add(path))?;
    let title = options.title.clone().unwrap_or_else(|| contents.title());
    let words: &[&str] = if contents.scorers.is_empty() { &[] } else { &[scorer::WORDS] };
    let text = page::page(&title, words, &contents.sections());
    std::fs::write(&options.output, text).map_err(|e| Error::io(options.output.display(), e))
}

/// What a page shows, in this order.
#[derive(Default)]
struct Contents {
    experiments: Vec<Experiment>,
    sweeps: Vec<Vec<Finished>>,
    related: Vec<relate::Report>,
    ablations: Vec<Ablation>,
    transfers: Vec<Summary>,
    probes: Vec<(String, probe::Report)>,
    scorers: Vec<scorer::Part>,
}

impl Contents {
    fn count(&self) -> usize {
        let (runs, tables) = (
            self.experiments.len() + self.sweeps.len() + self.related.len(),
            self.ablations.len() + self.transfers.len(),
        );
        runs + tables + self.probes.len() + self.scorers.len()
    }

    /// Adds what lies at `path`; an error where there is nothing that can be shown.
    fn add(&mut self, path: &Path) -> Result<()> {
        let before = self.count();
        if path.is_dir() {
            self.add_folder(path)?;
        } else {
            self.add_file(path)?;
        }
        if self.count() > before {
            return Ok(());
        }
        Err(fail("has nothing to show: no runs (result.json, curve.json), results.jsonl, ablation.json, transfer.json, probe.json, summary.json of a protocol")
            .at(path.display())
            .remedy("name what `mtl-export train`, `transfer`, `sweep`, `ablate`, `probe` or `scorer protocol` has written"))
    }

    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        for name in ["results.jsonl", "sweep.json", "transfer.json", "ablation.json", "probe.json", "picture.json"] {
            let path = folder.join(name);
            // The runs of a probe or a transfer are no sweep.
            let others = ["probe.json", "transfer.json"].iter().any(|other| folder.join(other).exists());
            if path.exists() && !(name == "results.jsonl" && others) {
                self.add_file(&path)?;
            }
        }
        // The runs of a sweep that are not finished are none of its results.
        if !folder.join("results.jsonl").exists() {
            self.experiments.extend(Experiment::read(folder)?);
        }
        self.add_protocols(folder, 2)
    }

    /// Adds the protocol of `folder` or, if it is none, those that lie up to `depth` folders below it.
    fn add_protocols(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let path = folder.join("summary.json");
        // Experiments have a summary as well, of other fields.
        if path.exists() && read_json::<serde_json::Value>(&path)?.get("protocol").is_some() {
            return self.add_file(&path);
        }
        if depth > 0 {
            let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?;
            let mut folders: Vec<PathBuf> =
                entries.flatten().map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
            folders.sort();
            folders.iter().try_for_each(|folder| self.add_protocols(folder, depth - 1))?;
        }
        Ok(())
    }

    /// A file is known by a field that no other kind has.
    fn add_file(&mut self, path: &Path) -> Result<()> {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let finished = crate::jobs::read::<Finished>(path)?;
            if finished.is_empty() {
                return Err(fail("has no finished run yet").at(path.display()).remedy("let the sweep go on"));
            }
            self.sweeps.push(finished);
            return Ok(());
        }
        let value: serde_json::Value = read_json(path)?;
        let has = |field: &str| value.get(field).is_some();
        if has("quantities") {
            self.related.push(read(value, path)?);
        } else if has("advice") {
            let folder = path.parent().and_then(Path::file_name).unwrap_or(path.as_os_str());
            self.probes.push((folder.to_string_lossy().into_owned(), read(value, path)?));
        } else if has("protocol") {
            self.scorers.push(scorer::Part::Protocol(read(value, path)?));
        } else if has("reliability") {
            self.scorers.push(scorer::Part::Picture(read(value, path)?));
        } else if has("rows") && has("target") {
            self.transfers.push(read(value, path)?);
        } else if has("rows") && has("steps") {
            self.ablations.push(read(value, path)?);
        }
        Ok(())
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections = answers::side_by_side(&self.experiments);
        sections.extend(self.experiments.iter().flat_map(Experiment::sections));
        sections.extend(self.sweeps.iter().flat_map(|sweep| sweep::sections(sweep)));
        sections.extend(self.related.iter().map(sweep::related));
        sections.extend(self.transfers.iter().map(transfer::section));
        sections.extend(self.ablations.iter().map(ablation::section));
        sections.extend(self.probes.iter().map(|(name, report)| ablation::probed(name, report)));
        sections.extend(self.scorers.iter().flat_map(scorer::sections));
        sections
    }

    /// The names of the experiments that the page shows.
    fn title(&self) -> String {
        let mut names: Vec<&str> = self.experiments.iter().map(|e| e.name.as_str()).collect();
        names.extend(self.sweeps.iter().filter_map(|sweep| sweep.first()).map(|run| run.sweep.as_str()));
        names.extend(self.transfers.iter().map(|transfer| transfer.experiment.as_str()));
        names.extend(self.ablations.iter().map(|ablation| ablation.experiment.as_str()));
        names.extend(self.probes.iter().map(|(name, _)| name.as_str()));
        names.extend(self.scorers.iter().map(scorer::Part::experiment));
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        if names.is_empty() { "Relations of tasks".into() } else { names.join(", ") }
    }
}

fn read<T: DeserializeOwned>(value: serde_json::Value, path: &Path) -> Result<T> {
    serde_json::from_value(value).map_err(|e| fail(e.to_string()).at(path.display()))
}

#[cfg(test)]
pub mod tests;
