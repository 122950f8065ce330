//! `[[objective]]` of a scorer's experiment file; docs/objectives.md has the formulas.

use crate::Result;
use crate::error::fail;
use crate::objectives::check_weight;
use crate::objectives::settings::{Schedule, adversarial_schedule, adversarial_weight};
use crate::scorer::config::Config;
use libmtl::bundle::manifest::Combine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One `[[objective]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Settings {
    /// The network unlearns an attribute of the learner.
    GradientReversal(GradientReversal),
    /// Predicts a statistic of the learner or the exercise.
    DataStatistics(DataStatistics),
    /// Predicts a setting of the exercise from context and predicted labels. Experimental.
    Inverse(Inverse),
    /// Predicts whether the exercise contains any mistake.
    Presence(Presence),
    /// The LSTMs over words do not begin at zero.
    InitialState(InitialState),
}

/// A state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Learner and exercise, r_meta: one an exercise.
    Meta,
    /// The word in its sentence, r_ctx: one a word.
    Context,
    /// Both, as the decoder reads them: one a word.
    Joint,
}

/// An attribute of the learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribute {
    /// The first country.
    Country,
    /// The client: web, or a kind of telephone.
    Client,
}

/// Ganin 2016; for privacy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientReversal {
    /// Multiplies the loss: the mean over exercises, those of each value weighing as much as those of every other.
    #[serde(default = "adversarial_weight")]
    pub weight: f64,
    /// How the factor of the reversed gradient changes; the discriminator's own weight stays.
    #[serde(default = "adversarial_schedule")]
    pub schedule: Schedule,
    /// What it reads.
    #[serde(default = "meta")]
    pub layer: Layer,
    /// What must not be found there.
    pub attribute: Attribute,
}

fn meta() -> Layer {
    Layer::Meta
}

/// A statistic, as classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Of each word: 0 where the learner has not met it in training before, else 1 + floor(ln times).
    TimesSeen,
    /// floor(ln(1 + days)) of the exercise.
    Days,
    /// floor(10 rate) of the learner's mistakes in training, at most 5.
    ErrorRate,
    /// floor(ln(1 + seconds)) of the exercise.
    Time,
}

/// After Plank et al. 2016.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataStatistics {
    /// Multiplies the loss: the mean over words, or over exercises.
    #[serde(default = "unit")]
    pub weight: f64,
    /// How the weight changes.
    #[serde(default = "constant")]
    pub schedule: Schedule,
    /// What it reads.
    #[serde(default = "joint")]
    pub layer: Layer,
    /// What it predicts.
    pub statistic: Statistic,
}

fn unit() -> f64 {
    1.0
}

fn constant() -> Schedule {
    Schedule::Constant
}

fn joint() -> Layer {
    Layer::Joint
}

/// What an inverse predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// The format.
    Format,
    /// The session.
    Session,
    /// floor(ln(1 + seconds)).
    Time,
}

/// After Xia et al. 2017: experimental.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inverse {
    /// Multiplies the loss: the mean over exercises.
    #[serde(default = "hundredth")]
    pub weight: f64,
    /// How the weight changes.
    #[serde(default = "constant")]
    pub schedule: Schedule,
    /// What it predicts.
    pub setting: Setting,
}

fn hundredth() -> f64 {
    0.01
}

/// Cheng et al. 2015.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Presence {
    /// Multiplies the loss: the mean over exercises.
    pub weight: f64,
    /// How the weight changes.
    pub schedule: Schedule,
    /// What it reads: words are averaged.
    pub layer: Layer,
}

impl Default for Presence {
    fn default() -> Self {
        Self { weight: 1.0, schedule: Schedule::Constant, layer: Layer::Joint }
    }
}

/// What the first states of the LSTMs over words depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing: they are parameters.
    #[default]
    Learned,
    /// Learner and exercise, r_meta.
    Meta,
}

/// Hinton 2013; Weng et al. 2017.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InitialState {
    /// What they depend on.
    pub state: State,
}

impl Settings {
    /// Its name: in the learning curve, in messages, and in the names of its parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GradientReversal(s) => match s.attribute {
                Attribute::Country => "gradient-reversal-country",
                Attribute::Client => "gradient-reversal-client",
            },
            Self::DataStatistics(s) => match s.statistic {
                Statistic::TimesSeen => "times-seen",
                Statistic::Days => "days",
                Statistic::ErrorRate => "error-rate",
                Statistic::Time => "time",
            },
            Self::Inverse(s) => match s.setting {
                Setting::Format => "inverse-format",
                Setting::Session => "inverse-session",
                Setting::Time => "inverse-time",
            },
            Self::Presence(_) => "presence",
            Self::InitialState(_) => "initial-state",
        }
    }

    /// Weight and schedule.
    pub fn weight(&self) -> (f64, Schedule) {
        match self {
            Self::GradientReversal(s) => (s.weight, s.schedule),
            Self::DataStatistics(s) => (s.weight, s.schedule),
            Self::Inverse(s) => (s.weight, s.schedule),
            Self::Presence(s) => (s.weight, s.schedule),
            // It has no loss.
            Self::InitialState(_) => (0.0, Schedule::Constant),
        }
    }

    /// What it reads.
    pub fn layer(&self) -> Layer {
        match self {
            Self::GradientReversal(s) => s.layer,
            Self::DataStatistics(s) => s.layer,
            // The decoder's input has read the setting.
            Self::Inverse(_) => Layer::Context,
            Self::Presence(s) => s.layer,
            Self::InitialState(s) => match s.state {
                State::Learned => Layer::Context,
                State::Meta => Layer::Meta,
            },
        }
    }

    /// Whether it says something of each word, not of the exercise.
    pub fn per_word(&self) -> bool {
        matches!(self, Self::DataStatistics(s) if s.statistic == Statistic::TimesSeen)
    }

    /// Whether its answer is yes or no.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Presence(_))
    }

    /// Whether every class weighs as much as every other.
    pub fn balanced(&self) -> bool {
        matches!(self, Self::GradientReversal(_))
    }
}

/// Refuses objectives that `config` cannot have, and the same one twice.
pub fn check(config: &Config) -> Result<()> {
    let mut seen = BTreeSet::new();
    for objective in &config.objectives {
        let place = format!("[[objective]] {}", objective.name());
        check_weight(objective.weight().0).map_err(|e| e.at(&place))?;
        if objective.layer() == Layer::Meta && config.model.combine == Combine::None {
            let (key, remedy) = match objective {
                Settings::InitialState(_) => ("state", "give learned"),
                _ => ("layer", "give context or joint"),
            };
            let error = fail(format!("{key} = \"meta\": [model] combine = \"none\" has no such layer"));
            return Err(error.remedy(remedy).at(place));
        }
        if !seen.insert(objective.name()) {
            return Err(fail("it stands twice; leave one of them out").at(place));
        }
    }
    Ok(())
}
