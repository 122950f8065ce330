//! `mtl-export sweep`: every task alone and every two together, and how much each gains from each.

mod corpus;
mod gains;
mod plan;
mod results;
mod run;

use crate::Result;
use crate::jobs::{self, Job, Options};
use crate::report::heat;
pub use corpus::DataQuantities;
pub use gains::{map, paired, tasks};
use libmtl::Error;
pub use plan::{parse, plan};
pub use results::Finished;
#[cfg(test)]
pub use results::tests::finished;
pub use run::run;
use std::path::Path;

/// Trains what is not finished yet, and draws what is.
pub fn sweep(options: &Options) -> Result<()> {
    let (config, seeds) = options.read()?;
    let jobs: Vec<Job> = plan(&config, &options.set, &seeds)?.iter().map(|item| item.job(&config)).collect();
    let folder = options.output.join(&config.name);
    let finished = jobs::finish("sweep", options, &jobs, &folder, |job, folder| run(&config.name, job, folder))?;
    draw(&folder, &finished)
}

/// `heatmap.svg` of the pairs that are there with both their tasks, if any.
fn draw(folder: &Path, finished: &[Finished]) -> Result<()> {
    let map = map(finished);
    if map.cells.is_empty() {
        return Ok(());
    }
    let path = folder.join("heatmap.svg");
    std::fs::write(&path, heat::svg(&map)).map_err(|e| Error::io(path.display(), e))
}

#[cfg(test)]
pub mod tests {
    pub use super::plan::tests::config;
}
