//! What no experiment can have: objectives that make no sense in it.

use super::settings::{Context, Domain, GradientReversal, LanguageModel, Presence, Settings, SharedPrivate, Sluice};
use crate::Result;
use crate::config::Config;
use crate::error::fail;
use libmtl::text::scheme::Scheme;
use std::collections::BTreeSet;

impl Settings {
    /// The first thing that makes no sense in `config`.
    fn check(&self, config: &Config) -> Result<()> {
        check_weight(self.weight().0)?;
        let depth = config.model.lstm_layers;
        let layer = self.layer(depth);
        if !(1..=depth).contains(&layer) {
            return Err(fail(format!(
                "layer = {layer}; the network has the layers 1 to {depth} ([model] lstm_layers)"
            )));
        }
        match self {
            Self::LanguageModel(s) => check_language_model(s, config),
            Self::InitialState(s) => {
                check_sizes(s.hidden, s.vocabulary)?;
                if s.state != Context::Words && s.weight.is_some() {
                    return Err(fail(
                        "weight: only states of words predict any; leave it out, or set state = \"words\"",
                    ));
                }
                match s.state {
                    Context::Learned | Context::Words => Ok(()),
                    Context::Language => check_domains(Domain::Language, config),
                    Context::Task => check_domains(Domain::Task, config),
                }
            }
            Self::GradientReversal(s) => check_reversal(s, config),
            Self::DataStatistics(s) if s.offset > 1 => Err(fail(format!("offset = {}; give 0 or 1", s.offset))),
            Self::DataStatistics(_) => Ok(()),
            Self::Inverse(s) => check_sizes(s.hidden, s.vocabulary),
            Self::Presence(s) => check_presence(s, config),
            Self::Sluice(s) => check_sluice(s, config),
            Self::SharedPrivate(s) => check_shared_private(s, config),
        }
    }
}

/// Refuses what is no weight.
pub fn check_weight(weight: f64) -> Result<()> {
    match weight.is_finite() && weight >= 0.0 {
        true => Ok(()),
        false => Err(fail(format!("weight = {weight}; give a number of 0 or more"))),
    }
}

fn check_sizes(hidden: usize, vocabulary: usize) -> Result<()> {
    if hidden == 0 || vocabulary < 3 {
        return Err(fail("hidden must be at least 1, and vocabulary at least 3"));
    }
    Ok(())
}

fn check_language_model(settings: &LanguageModel, config: &Config) -> Result<()> {
    check_sizes(settings.hidden, settings.vocabulary)?;
    if settings.layer.is_some_and(|layer| layer > 1) {
        return Err(fail("layer: above the first, a layer has read the words on both sides; the answer would leak"));
    }
    let told = |o: &Settings| matches!(o, Settings::InitialState(s) if s.state == Context::Words);
    if config.objectives.iter().any(told) {
        return Err(fail("an initial-state of the sentence's words tells it the answer; leave one of them out"));
    }
    Ok(())
}

fn check_reversal(settings: &GradientReversal, config: &Config) -> Result<()> {
    if settings.batch == 0 {
        return Err(fail("batch must be at least 1"));
    }
    check_shared(config)?;
    check_domains(settings.domain, config)
}

fn check_shared_private(settings: &SharedPrivate, config: &Config) -> Result<()> {
    check_shared(config)?;
    check_domains(settings.domain, config)
}

fn check_shared(config: &Config) -> Result<()> {
    match config.sharing.characters && config.sharing.lstm {
        true => Ok(()),
        false => Err(fail("it works on what all tasks share; set characters and lstm in [sharing]")),
    }
}

fn check_domains(domain: Domain, config: &Config) -> Result<()> {
    let domains: BTreeSet<String> = config.tasks.iter().map(|task| domain.of(task)).collect();
    if domains.len() < 2 {
        let only: Vec<_> = domains.into_iter().collect();
        return Err(fail(format!("there is nothing to tell apart but {}; it needs two domains", only.join(", "))));
    }
    Ok(())
}

fn check_presence(settings: &Presence, config: &Config) -> Result<()> {
    let asked = [settings.per_type, !settings.labels.is_empty(), settings.words.is_some()];
    if asked.iter().filter(|&&is| is).count() > 1 {
        return Err(fail("per_type, labels and words ask for different things; give one, and another [[objective]]"));
    }
    let scheme = if settings.labels.is_empty() { Scheme::Bioes } else { Scheme::Plain };
    if settings.words.is_none() && config.tasks.iter().all(|task| task.scheme != scheme) {
        let hint = match scheme {
            Scheme::Plain => "labels are those of a task with scheme = \"plain\"",
            _ => "no task has spans; say which labels, or give a file of words",
        };
        return Err(fail(hint));
    }
    Ok(())
}

fn check_sluice(settings: &Sluice, config: &Config) -> Result<()> {
    if !(1..=2).contains(&settings.subspaces) || !config.model.hidden.is_multiple_of(settings.subspaces) {
        return Err(fail(format!("subspaces = {}; give 1, or 2 if [model] hidden is even", settings.subspaces)));
    }
    if settings.subspaces == 1 && settings.weight.is_some() {
        return Err(fail("weight: of one subspace there is nothing to keep apart; leave it out, or set subspaces = 2"));
    }
    if !config.sharing.characters || config.sharing.lstm {
        return Err(fail(
            "each task has an LSTM of its own and one character encoder serves all; set lstm = false in [sharing]",
        ));
    }
    if config.tasks.len() < 2 || config.tasks.iter().any(|task| task.layer.is_some()) {
        return Err(fail("it needs two tasks, and learns which layers they read; leave out their layer"));
    }
    if config.objectives.iter().any(|o| matches!(o, Settings::InitialState(_))) {
        return Err(fail("the LSTMs of other tasks are read, too, and begin at zero; leave out initial-state"));
    }
    Ok(())
}

/// Refuses objectives that `config` cannot have, and the same one twice.
pub fn check(config: &Config) -> Result<()> {
    let mut seen = BTreeSet::new();
    for objective in &config.objectives {
        let place = format!("[[objective]] {}", objective.name());
        objective.check(config).map_err(|e| e.at(&place))?;
        if !seen.insert(objective.name()) {
            return Err(fail("it stands twice; leave one of them out").at(place));
        }
    }
    Ok(())
}
