//! Splits exercises by time, those of each learner by themselves.

use super::slam::{records, with_suffix};
use crate::Result;
use crate::error::fail;
use libmtl::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// `mtl-export scorer split`.
#[derive(clap::Args)]
pub struct Options {
    /// A labelled .slam file
    file: PathBuf,
    /// The folder that the parts go into
    #[arg(long)]
    output: PathBuf,
    /// The share of each learner's exercises that is held out to select on, before those of --test
    #[arg(long, default_value_t = 0.1)]
    dev: f64,
    /// The share, the last, that is held out to score on
    #[arg(long, default_value_t = 0.1)]
    test: f64,
}

/// Writes `FILE.train`, and `FILE.dev` and `FILE.test` with their keys.
pub fn split(options: &Options) -> Result<()> {
    let Options { file, output, dev, test } = options;
    let share = |share: f64| (0.0..1.0).contains(&share);
    if !(share(*dev) && share(*test) && share(dev + test)) {
        return Err(fail(format!("--dev {dev} --test {test}")).remedy("pass shares of 1, together less than 1"));
    }
    let mut records = records(file, "")?;
    // Stable: exercises of the same moment stay in the order of the file.
    records.sort_by(|a, b| a.exercise.user.cmp(&b.exercise.user).then(a.exercise.days.total_cmp(&b.exercise.days)));
    let mut parts = ["train", "dev", "test"].map(|name| (name, String::new(), String::new()));
    for learner in records.chunk_by_mut(|a, b| a.exercise.user == b.exercise.user) {
        let until = |share: f64| (learner.len() as f64 * share).round() as usize;
        let (train, dev) = (until(1.0 - dev - test), until(1.0 - test));
        for (index, record) in learner.iter_mut().enumerate() {
            let (_, text, key) = &mut parts[usize::from(index >= train) + usize::from(index >= dev)];
            if index >= train {
                record.write_key(key)?;
                record.tokens.iter_mut().for_each(|token| token.mistake = None);
            }
            record.write(text)?;
        }
    }
    let name = file.file_name().ok_or_else(|| fail("no file is named").at(file.display()))?;
    fs::create_dir_all(output).map_err(|e| Error::io(output.display(), e))?;
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|e| Error::io(path.display(), e));
    for (part, text, key) in &parts {
        let path = with_suffix(&output.join(name), part);
        write(&path, text)?;
        if !key.is_empty() {
            write(&with_suffix(&path, "key"), key)?;
        }
    }
    Ok(())
}
