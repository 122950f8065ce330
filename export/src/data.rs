//! Annotated sentences of the tasks, as ids.

use crate::Result;
use crate::config::{Config, Format, Source, TaskSettings};
use crate::error::fail;
use crate::random;
use crate::train::Set;
use libmtl::text::readers::{self, ConllOptions, Separator};
use libmtl::text::scheme::{self, Scheme};
use rand::seq::SliceRandom;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;

/// A sentence with gold tags in the task's scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gold {
    /// Word forms.
    pub tokens: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
}

/// One task's data.
#[derive(Debug, Clone)]
pub struct TaskData {
    /// Training sentences.
    pub train: Vec<Gold>,
    /// Selection sentences.
    pub dev: Vec<Gold>,
    /// Test sentences.
    pub test: Vec<Gold>,
}

impl TaskData {
    /// Reads the files of `task`; `seed` draws the training sentences when there is a limit.
    pub fn read(config: &Config, task: &TaskSettings, seed: u64) -> Result<Self> {
        let all = |sources: &[Source]| -> Result<Vec<Gold>> {
            let mut out = Vec::new();
            for source in sources {
                read_source(config, task, source, &mut out)?;
            }
            Ok(out)
        };
        let mut train = all(&task.train)?;
        if let Some(limit) = task.limit {
            train.shuffle(&mut random::stream(seed, &format!("limit {}", task.key()), 0));
            train.truncate(limit);
        }
        let dev = all(&task.dev)?;
        if dev.is_empty() {
            return Err(fail(format!("task {}: no dev sentences; selection needs some", task.key())));
        }
        Ok(Self { train, dev, test: all(&task.test)? })
    }

    /// One of the sets that are held out of training.
    pub fn set(&self, set: Set) -> &[Gold] {
        match set {
            Set::Dev => &self.dev,
            Set::Test => &self.test,
        }
    }
}

fn read_source(config: &Config, task: &TaskSettings, source: &Source, out: &mut Vec<Gold>) -> Result<()> {
    let path = config.resolve(&source.path)?;
    let file = File::open(&path).map_err(|e| libmtl::Error::io(path.display(), e))?;
    let input = BufReader::new(file);
    let sentences: Box<dyn Iterator<Item = Result<libmtl::text::Sentence>>> = match source.format {
        Format::Conll => Box::new(readers::conll(
            input,
            ConllOptions {
                token_column: source.token,
                label_column: Some(source.label),
                separator: Separator::Auto,
                comments: source.comments,
                skip_blank_tokens: source.skip_blank_tokens,
            },
        )),
        Format::Conllu => {
            let column = usize::try_from(source.label)
                .map_err(|_| fail(format!("{}: CoNLL-U needs label = its column, 3 for UPOS", source.path)))?;
            Box::new(readers::conllu(input, Some(column)))
        }
    };
    for (index, sentence) in sentences.enumerate() {
        let sentence = sentence.map_err(|e| e.at(path.display()))?;
        if let Some((modulus, from, to)) = source.every
            && !(from..to).contains(&(index % modulus.max(1)))
        {
            continue;
        }
        if sentence.tokens.is_empty() {
            continue;
        }
        let tags = map_tags(task, source, &sentence.labels)
            .map_err(|e| e.at(format!("sentence at line {}", sentence.line)).at(path.display()))?;
        out.push(Gold { tokens: sentence.tokens, tags });
    }
    Ok(())
}

/// Renames types and converts the scheme.
fn map_tags(task: &TaskSettings, source: &Source, labels: &[String]) -> Result<Vec<String>> {
    if task.scheme == Scheme::Plain {
        return Ok(labels.iter().map(|l| source.map.get(l).unwrap_or(l).clone()).collect());
    }
    let from = source.scheme.ok_or_else(|| fail("the source needs `scheme`: iob1, iob2 or bioes"))?;
    let renamed: Vec<String> = labels
        .iter()
        .map(|label| match label.split_once('-') {
            Some((prefix, kind)) => match source.map.get(kind).map(String::as_str) {
                Some("O") => "O".to_string(),
                Some(new) => format!("{prefix}-{new}"),
                None => label.clone(),
            },
            None => label.clone(),
        })
        .collect();
    scheme::convert(&renamed, from, task.scheme)
}

/// The label set of a task type: from training data only (dev and test labels are never read). `O` first; every
/// position of a span type that occurs, so that the scheme is complete.
pub fn label_set<'a>(scheme: Scheme, train: impl Iterator<Item = &'a Gold>) -> Vec<String> {
    let seen: BTreeSet<&String> = train.flat_map(|gold| &gold.tags).collect();
    if scheme == Scheme::Plain {
        return seen.into_iter().cloned().collect();
    }
    let kinds: BTreeSet<&str> = seen.iter().filter_map(|tag| tag.split_once('-')).map(|(_, kind)| kind).collect();
    let mut labels = vec!["O".to_string()];
    for kind in kinds {
        labels.extend(["B", "I", "E", "S"].map(|position| format!("{position}-{kind}")));
    }
    labels
}
