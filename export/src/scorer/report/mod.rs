//! `mtl-export report`: protocols and runs as one page of HTML, complete in itself.

mod charts;
mod clusters;
mod page;

use super::picture::Picture;
use super::protocol::Summary;
use crate::Result;
use crate::checkpoint::read_json;
use crate::error::fail;
use libmtl::Error;
use std::path::{Path, PathBuf};

/// `mtl-export report`.
#[derive(clap::Args)]
pub struct Options {
    /// Folders of protocols (summary.json) and of runs (picture.json), or folders that protocols lie in
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long)]
    output: PathBuf,
    /// The page's title
    #[arg(long, default_value = "Word-error scorers, side by side")]
    title: String,
}

/// What a page shows.
#[derive(Default)]
struct Contents {
    protocols: Vec<Summary>,
    pictures: Vec<Picture>,
}

/// Writes the page.
pub fn report(options: &Options) -> Result<()> {
    let mut contents = Contents::default();
    for folder in &options.runs {
        let before = (contents.protocols.len(), contents.pictures.len());
        let picture = folder.join("picture.json");
        if picture.exists() {
            contents.pictures.push(read_json(&picture)?);
        }
        contents.add_protocols(folder, 2)?;
        if before == (contents.protocols.len(), contents.pictures.len()) {
            return Err(fail("has neither a protocol's summary.json nor a run's picture.json")
                .at(folder.display())
                .remedy("name folders that `mtl-export scorer protocol` or `scorer train` has written"));
        }
    }
    let text = page::page(&options.title, &contents)?;
    std::fs::write(&options.output, text).map_err(|e| Error::io(options.output.display(), e))
}

impl Contents {
    /// Adds the protocol of `folder` or, if it is none, those that lie up to `depth` folders below it.
    fn add_protocols(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let path = folder.join("summary.json");
        // Experiments have a summary as well, of other fields.
        if path.exists() && read_json::<serde_json::Value>(&path)?.get("protocol").is_some() {
            self.protocols.push(read_json(&path)?);
            return Ok(());
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
}

#[cfg(test)]
mod tests;
