//! `mtl adapt`: fits learners to their own histories, for `mtl score --learners`.

use crate::args::AdaptArgs;
use crate::stop::{self, CANCEL, Outcome};
use crate::{input, mistakes, model, note};
use libmtl::scorer::{Labelled, Learner, Scorer, slam};
use libmtl::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Runs the command. Nothing is written unless all of it could be read and fitted.
pub fn run(args: &AdaptArgs) -> Outcome<u8> {
    let scorer = model::scorer(
        model::open(&args.model, &args.zoo)?,
        model::engine_options(&args.engine)?,
        args.vectors.as_deref(),
    )?;
    let before = args.learners.as_deref().map_or(Ok(Vec::new()), read)?;
    let mut learners: BTreeMap<String, Learner> = before.into_iter().map(|l| (l.user().to_string(), l)).collect();
    let histories = histories(&scorer, args)?;
    let (users, words) = (histories.len(), histories.iter().flatten().map(|h| h.mistakes.len()).sum::<usize>());
    for history in histories {
        let user = &history[0].exercise.user;
        let learner = match args.remember {
            false => scorer.adapt(&history, learners.get(user), &CANCEL)?,
            true => scorer.remember(&history, learners.get(user), &CANCEL)?,
        };
        learners.insert(user.clone(), learner);
    }
    let bytes: Vec<u8> = learners.values().flat_map(Learner::to_bytes).collect();
    write(&args.output, &bytes).map_err(|e| Error::io(args.output.display(), e))?;
    if !args.quiet {
        note(&format!("{words} words of {users} learners; {}: {} learners", args.output.display(), learners.len()));
    }
    Ok(stop::OK)
}

/// The learners that `mtl adapt` wrote to `file`.
pub fn read(file: &Path) -> Result<Vec<Learner>> {
    let bytes = std::fs::read(file).map_err(|e| Error::io(file.display(), e))?;
    Learner::all_from_bytes(&bytes).map_err(|e| e.at(file.display()))
}

/// Writes a file as a whole: whoever reads it meanwhile finds the old one or the new one.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, file)
}

/// What each learner has answered, in the order of the files.
fn histories(scorer: &Scorer, args: &AdaptArgs) -> Result<Vec<Vec<Labelled>>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut histories: Vec<Vec<Labelled>> = Vec::new();
    let key = args.key.as_deref().map(mistakes::key).transpose()?;
    for file in &args.files {
        let track = scorer.track_of(file, args.track.as_deref())?;
        for record in slam::read(input::open(file)?, &track) {
            let labelled = record.and_then(|record| {
                let place = |e: Error| e.at(format_args!("exercise of line {}", record.line));
                let mistakes = mistakes::labels(&record, key.as_ref()).map_err(place)?;
                Ok(Labelled { mistakes, exercise: record.exercise })
            });
            let labelled = labelled.map_err(|e| e.at(file.display()))?;
            let user = &labelled.exercise.user;
            if !args.user.is_empty() && !args.user.contains(user) {
                continue;
            }
            let place = *places.entry(user.clone()).or_insert(histories.len());
            if place == histories.len() {
                histories.push(Vec::new());
            }
            histories[place].push(labelled);
        }
    }
    match args.user.iter().find(|user| !places.contains_key(*user)) {
        None => Ok(histories),
        Some(user) => Err(Error::new(ErrorKind::Argument, format!("the history has no exercise of {user}"))
            .at("--user")
            .remedy("check the spelling")),
    }
}
