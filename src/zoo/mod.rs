//! The zoo: a folder of bundles with a catalogue. Finds a bundle by its id, and verifies one.

mod verify;

pub use verify::{CaseFailure, EngineCheck, Pass, verify, verify_scorer};

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The catalogue's name in the zoo's folder.
pub const CATALOGUE: &str = "catalogue.json";

/// The largest catalogue that is read, in bytes.
const MAX_CATALOGUE: u64 = 1 << 20;

/// One model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What people call it: lower-case letters, digits, hyphens.
    pub id: String,
    /// Its bundle, a folder or an archive beside the catalogue.
    pub folder: String,
    /// One line for people.
    pub description: String,
}

/// A folder of bundles and its catalogue.
#[derive(Debug, Clone)]
pub struct Zoo {
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Zoo {
    /// Reads the catalogue in `root`.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join(CATALOGUE);
        let text = read_capped(&path)?;
        let malformed = |e: serde_json::Error| {
            Error::new(ErrorKind::Input, e.to_string())
                .at(path.display())
                .remedy("a catalogue is a JSON list of {\"id\", \"folder\", \"description\"}")
        };
        let entries: Vec<Entry> = serde_json::from_slice(&text).map_err(malformed)?;
        check(&entries).map_err(|e| e.at(path.display()))?;
        Ok(Self { root: root.to_path_buf(), entries })
    }

    /// The first of `folders` that holds a catalogue, opened; `None` when none does.
    pub fn find(folders: &[PathBuf]) -> Result<Option<Self>> {
        folders.iter().find(|folder| folder.join(CATALOGUE).is_file()).map(|folder| Self::open(folder)).transpose()
    }

    /// Where the zoo lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The catalogue.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the bundle called `id` lies; an unknown id is an error that lists those there are.
    pub fn locate(&self, id: &str) -> Result<PathBuf> {
        let entry = self.entries.iter().find(|entry| entry.id == id);
        entry.map(|entry| self.root.join(&entry.folder)).ok_or_else(|| {
            let ids: Vec<&str> = self.entries.iter().map(|entry| entry.id.as_str()).collect();
            let remedy = match ids[..] {
                [] => "its catalogue is empty; pass the path of a bundle".to_string(),
                _ => format!("its models are {}; or pass the path of a bundle", ids.join(", ")),
            };
            Error::new(ErrorKind::Argument, format!("no model \"{id}\" in the zoo {}", self.root.display()))
                .remedy(remedy)
        })
    }
}

/// Where `model` lies: an id of `zoo`, or else the path of a bundle, a folder or an archive.
pub fn resolve(model: &str, zoo: Option<&Zoo>) -> Result<PathBuf> {
    let listed = zoo.filter(|zoo| zoo.entries.iter().any(|entry| entry.id == model));
    if let Some(zoo) = listed {
        return zoo.locate(model);
    }
    let path = Path::new(model);
    if path.exists() {
        return Ok(path.to_path_buf());
    }
    match zoo {
        _ if model.contains(['/', '\\']) => {
            let remedy = "pass the folder that holds bundle.json, or an archive of it";
            Err(Error::new(ErrorKind::Io, "no such folder or file").at(model).remedy(remedy))
        }
        Some(zoo) => zoo.locate(model),
        None => Err(Error::new(
            ErrorKind::Argument,
            format!("no model \"{model}\": no such folder or file, and no zoo was found"),
        )
        .remedy("pass the path of a bundle, or the folder of the zoo with --zoo or MTL_ZOO")),
    }
}

fn read_capped(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path.display(), e);
    let mut text = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_CATALOGUE + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_CATALOGUE {
        return Err(Error::new(ErrorKind::Limit, format!("larger than {MAX_CATALOGUE} bytes")).at(path.display()));
    }
    Ok(text)
}

/// Refuses ids and folders that are not plain names, and ids that occur twice.
fn check(entries: &[Entry]) -> Result<()> {
    for (index, entry) in entries.iter().enumerate() {
        let refuse = |message: String| Err(Error::new(ErrorKind::Input, message).at(format!("entry {index}")));
        let id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if entry.id.is_empty() || !entry.id.chars().all(id) {
            return refuse(format!("id {:?} is not lower-case letters, digits and hyphens", entry.id));
        }
        let folder = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if entry.folder.is_empty() || entry.folder.starts_with('.') || !entry.folder.chars().all(folder) {
            return refuse(format!("folder {:?} is not the plain name of a bundle beside the catalogue", entry.folder));
        }
        if entry.description.chars().any(char::is_control) {
            return refuse("a control character in the description".to_string());
        }
        if entries[..index].iter().any(|earlier| earlier.id == entry.id) {
            return refuse(format!("id \"{}\" occurs twice", entry.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoo(catalogue: &str) -> (tempfile::TempDir, Result<Zoo>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CATALOGUE), catalogue).unwrap();
        let zoo = Zoo::open(folder.path());
        (folder, zoo)
    }

    const GOOD: &str = r#"[{"id":"mtl-base","folder":"mtl-base","description":"both tasks"}]"#;

    #[test]
    fn an_id_becomes_a_folder_and_an_unknown_one_lists_the_known() {
        let (folder, zoo) = zoo(GOOD);
        let zoo = zoo.unwrap();
        assert_eq!(resolve("mtl-base", Some(&zoo)).unwrap(), folder.path().join("mtl-base"));
        let error = resolve("mtl-bse", Some(&zoo)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains("its models are mtl-base"), "{error}");
        assert!(resolve("mtl-base", None).unwrap_err().to_string().contains("MTL_ZOO"));
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert_eq!(resolve(path, None).unwrap(), folder.path());
        let archive = folder.path().join("model.mtl");
        std::fs::write(&archive, "").unwrap();
        assert_eq!(resolve(archive.to_str().unwrap(), None).unwrap(), archive);
        let error = resolve(&format!("{path}/nothing"), None).unwrap_err();
        assert!(error.to_string().contains("no such folder or file"), "{error}");
    }

    #[test]
    fn hostile_catalogues_are_refused() {
        for (catalogue, words) in [
            (r#"[{"id":"a","folder":"../a","description":""}]"#, "plain name"),
            (r#"[{"id":"a","folder":"/etc","description":""}]"#, "plain name"),
            (r#"[{"id":"A b","folder":"a","description":""}]"#, "lower-case letters"),
            (r#"[{"id":"a","folder":"a","description":"\u001b[2J"}]"#, "control character"),
            (r#"[{"id":"a","folder":"a","description":"","extra":1}]"#, "unknown field"),
            (r#"[{"id":"a","id":"b","folder":"a","description":""}]"#, "duplicate field"),
            (r#"[{"id":"a","folder":"a","description":""},{"id":"a","folder":"b","description":""}]"#, "occurs twice"),
            ("{}", "JSON list"),
        ] {
            let error = zoo(catalogue).1.unwrap_err().to_string();
            assert!(error.contains(words), "{catalogue}: {error}");
            assert!(error.contains(CATALOGUE), "{error}");
        }
    }

    #[test]
    fn the_first_folder_with_a_catalogue_is_the_zoo() {
        let (folder, _) = zoo(GOOD);
        let empty = tempfile::tempdir().unwrap();
        let found = Zoo::find(&[empty.path().to_path_buf(), folder.path().to_path_buf()]).unwrap().unwrap();
        assert_eq!(found.root(), folder.path());
        assert!(Zoo::find(&[empty.path().to_path_buf()]).unwrap().is_none());
    }
}
