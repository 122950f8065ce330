//! Splits exercises by time, those of each learner by themselves, and holds learners out.

use super::slam::{records, with_suffix};
use crate::error::fail;
use crate::{Result, random};
use libmtl::Error;
use libmtl::scorer::slam::Record;
use rand::seq::SliceRandom;
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
    /// Learners who are in none of these parts: the first half of their exercises goes to FILE.history, the second to FILE.future
    #[arg(long, default_value_t = 0)]
    hold_out: usize,
    /// Draws the learners of --hold-out
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a part is called, whether its labels stand in it, its text and its key.
struct Part(&'static str, bool, String, String);

impl Part {
    fn new(name: &'static str, labelled: bool) -> Self {
        Self(name, labelled, String::new(), String::new())
    }

    fn add(&mut self, record: &mut Record) -> Result<()> {
        let Part(_, labelled, text, key) = self;
        if !*labelled {
            record.write_key(key)?;
            record.tokens.iter_mut().for_each(|token| token.mistake = None);
        }
        record.write(text)
    }
}

/// Writes `FILE.train` and `FILE.history` with labels, `FILE.dev`, `FILE.test` and `FILE.future` with keys.
pub fn split(options: &Options) -> Result<()> {
    let Options { file, output, dev, test, hold_out, seed } = options;
    let share = |share: f64| (0.0..1.0).contains(&share);
    if !(share(*dev) && share(*test) && share(dev + test)) {
        return Err(fail(format!("--dev {dev} --test {test}")).remedy("pass shares of 1, together less than 1"));
    }
    let mut records = records(file, "")?;
    // Stable: exercises of the same moment stay in the order of the file.
    records.sort_by(|a, b| a.exercise.user.cmp(&b.exercise.user).then(a.exercise.days.total_cmp(&b.exercise.days)));
    let mut learners: Vec<&mut [Record]> = records.chunk_by_mut(|a, b| a.exercise.user == b.exercise.user).collect();
    if *hold_out > 0 && *hold_out >= learners.len() {
        return Err(fail(format!("--hold-out {hold_out} of {} learners", learners.len()))
            .at(file.display())
            .remedy("leave at least one to train on"));
    }
    learners.shuffle(&mut random::stream(*seed, "hold out", 0));
    learners[*hold_out..].sort_by(|a, b| a[0].exercise.user.cmp(&b[0].exercise.user));
    let mut known =
        [("train", true), ("dev", false), ("test", false)].map(|(name, labelled)| Part::new(name, labelled));
    let mut unknown = [("history", true), ("future", false)].map(|(name, labelled)| Part::new(name, labelled));
    for (number, learner) in learners.into_iter().enumerate() {
        let until = |share: f64| (learner.len() as f64 * share).round() as usize;
        let (parts, ends) = match number < *hold_out {
            true => (&mut unknown[..], vec![until(0.5)]),
            false => (&mut known[..], vec![until(1.0 - dev - test), until(1.0 - test)]),
        };
        for (index, record) in learner.iter_mut().enumerate() {
            parts[ends.iter().filter(|&&end| index >= end).count()].add(record)?;
        }
    }
    let name = file.file_name().ok_or_else(|| fail("no file is named").at(file.display()))?;
    fs::create_dir_all(output).map_err(|e| Error::io(output.display(), e))?;
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|e| Error::io(path.display(), e));
    let unknown = unknown.iter().filter(|_| *hold_out > 0);
    for Part(part, _, text, key) in known.iter().chain(unknown) {
        let path = with_suffix(&output.join(name), part);
        write(&path, text)?;
        if !key.is_empty() {
            write(&with_suffix(&path, "key"), key)?;
        }
    }
    Ok(())
}
