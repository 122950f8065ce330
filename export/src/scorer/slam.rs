//! Labelled exercises from and to `.slam` files.

use super::simulate::{Options, Track, simulate};
use crate::Result;
use crate::error::fail;
use libmtl::Error;
use libmtl::scorer::slam::{self, Record, Token};
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// What is said of simulated data wherever they lie.
const NOTICE: &str = "\
# SYNTHETIC data

These exercises were made by `mtl-export simulate`. No learner did them and no language has these words: nothing in them
says anything about people, courses or languages. The format is that of the shared task on second language acquisition
modelling (Settles et al. 2018).
";

/// The exercises in `path`, whose labels stand in it or in the file of the same name with `.key`; all words are labelled.
pub fn records(path: &Path, track: &str) -> Result<Vec<Record>> {
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(|e| Error::io(path.display(), e));
    let mut records: Vec<Record> =
        slam::read(open(path)?, track).collect::<Result<_>>().map_err(|e| e.at(path.display()))?;
    let key = with_suffix(path, "key");
    let labels: HashMap<String, bool> = match key.exists() {
        true => slam::keys(open(&key)?).map_err(|e| e.at(key.display()))?.into_iter().collect(),
        false => HashMap::new(),
    };
    for record in &mut records {
        for token in &mut record.tokens {
            token.mistake = token.mistake.or_else(|| labels.get(&token.id).copied());
            if token.mistake.is_none() {
                let error = fail(format!("{} has no label, in the file or in {}", token.id, key.display()));
                return Err(error.at(format!("{}: exercise of line {}", path.display(), record.line)));
            }
        }
    }
    Ok(records)
}

/// `path` with a dot and `suffix` behind its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Simulates learners and writes, for each track, `TRACK.slam.train`, and dev and test with their keys.
pub fn write_simulation(folder: &Path, options: &Options) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder.display(), e))?;
    let write = |path: &Path, text: &str| std::fs::write(path, text).map_err(|e| Error::io(path.display(), e));
    write(&folder.join("README.md"), NOTICE)?;
    for (number, track) in simulate(options)?.iter().enumerate() {
        for (set, name) in ["train", "dev", "test"].into_iter().enumerate() {
            let labelled = name == "train";
            let path = folder.join(format!("{}.slam.{name}", track.name));
            let (text, labels) = render(track, set, number, labelled).map_err(|e| e.at(path.display()))?;
            write(&path, &text)?;
            if !labelled {
                write(&with_suffix(&path, "key"), &labels)?;
            }
        }
    }
    Ok(())
}

/// The text and the key of a set; the text has labels only where `labelled`.
fn render(track: &Track, set: usize, number: usize, labelled: bool) -> Result<(String, String)> {
    let (mut text, mut key) = (String::new(), String::new());
    for (i, exercise) in track.sets[set].iter().enumerate() {
        // Eight characters for the session: track, set, and a running number.
        let session = format!("S{}{}{:05}", number % 10, set, i / 100);
        let token = |(word, &mistake): (usize, &bool)| Token {
            id: format!("{session}{:02}{:02}", i % 100, word + 1),
            part_of_speech: "X".into(),
            morphology: "fPOS=X++X".into(),
            dependency: if word == 0 { "root" } else { "dep" }.into(),
            head: u32::from(word > 0),
            mistake: Some(mistake),
        };
        let tokens = exercise.mistakes.iter().enumerate().map(token).collect();
        let mut record = Record { exercise: exercise.exercise.clone(), tokens, ..Record::default() };
        record.write_key(&mut key)?;
        if !labelled {
            record.tokens.iter_mut().for_each(|token| token.mistake = None);
        }
        record.write(&mut text)?;
    }
    Ok((text, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::data::Labelled;

    #[test]
    fn what_is_simulated_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::small();
        write_simulation(folder.path(), &options).unwrap();
        for track in simulate(&options).unwrap() {
            for (set, name) in ["train", "dev", "test"].into_iter().enumerate() {
                let path = folder.path().join(format!("{}.slam.{name}", track.name));
                let found = records(&path, &track.name).unwrap().into_iter().map(Labelled::from);
                assert!(found.eq(track.sets[set].iter().cloned()), "{}", path.display());
            }
        }
        assert!(std::fs::read_to_string(folder.path().join("README.md")).unwrap().contains("SYNTHETIC"));
        std::fs::remove_file(folder.path().join("fr_en.slam.dev.key")).unwrap();
        let error = records(&folder.path().join("fr_en.slam.dev"), "fr_en").unwrap_err().to_string();
        assert!(error.contains("has no label") && error.contains("fr_en.slam.dev.key"), "{error}");
    }
}
