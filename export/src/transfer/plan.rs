//! Which runs a transfer experiment has: systems of Lin 2018 and the steps of its ablation, on so many target sentences each.

use crate::Result;
use crate::config::{Config, TaskSettings};
use crate::error::fail;
use crate::jobs::Job;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `[transfer]` of an experiment file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Sizes of the target's training data for the systems.
    pub sizes: Vec<Size>,
    /// Sizes for the ablation.
    #[serde(default)]
    pub ablation: Vec<Size>,
    /// What somebody else has published of these systems, drawn beside.
    #[serde(default)]
    pub published: Vec<Published>,
}

/// A published score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Of which system.
    pub system: System,
    /// At which size.
    pub size: Size,
    /// In percent.
    pub score: f64,
}

/// How many training sentences the target has: a number, or `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// So many, drawn by the seed.
    Sentences(usize),
    /// All that there are.
    All(All),
}

/// `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum All {
    /// The only word.
    #[serde(rename = "all")]
    All,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Sentences(count) => write!(f, "{count}"),
            Self::All(_) => f.write_str("all"),
        }
    }
}

/// What is trained beside the target, and by how much of the network (Lin 2018, Figures 3 to 5 and Table 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// The target alone.
    Baseline,
    /// With the other types of its language.
    CrossTask,
    /// With its type in other languages.
    CrossLingual,
    /// With every task.
    Full,
    /// Every task, each with an LSTM of its own; no characters, no specific layers, no highway, no dropout.
    Basic,
    /// That, and characters.
    C,
    /// And one LSTM.
    Cl,
    /// And specific layers with gates.
    Cls,
    /// And highway layers. Dropout on top of it makes `Full`.
    Clsh,
}

impl System {
    /// Those that are compared at every size.
    pub const SYSTEMS: [Self; 4] = [Self::Baseline, Self::CrossTask, Self::CrossLingual, Self::Full];
    /// The steps of the ablation below `Full`.
    pub const ABLATION: [Self; 5] = [Self::Basic, Self::C, Self::Cl, Self::Cls, Self::Clsh];

    /// As in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::CrossTask => "cross-task",
            Self::CrossLingual => "cross-lingual",
            Self::Full => "full",
            Self::Basic => "basic",
            Self::C => "c",
            Self::Cl => "cl",
            Self::Cls => "cls",
            Self::Clsh => "clsh",
        }
    }

    /// What its gains are differences to.
    pub fn reference(self) -> Self {
        if Self::ABLATION.contains(&self) { Self::Basic } else { Self::Baseline }
    }

    fn takes(self, task: &TaskSettings, target: &TaskSettings) -> bool {
        match self {
            Self::Baseline => task.key() == target.key(),
            Self::CrossTask => task.language == target.language,
            Self::CrossLingual => task.name == target.name,
            _ => true,
        }
    }

    /// Its experiment; none where it would be that of another system.
    fn config(self, config: &Config, target: &TaskSettings) -> Option<Config> {
        let mut own = config.clone();
        own.tasks.retain(|task| self.takes(task, target));
        let alone = own.tasks.len() == 1;
        if alone != (self == Self::Baseline)
            || (Self::SYSTEMS[1..3].contains(&self) && own.tasks.len() == config.tasks.len())
        {
            return None;
        }
        // One task has nothing that a specific layer could be specific against.
        own.model.specific_layers &= !alone;
        if let Some(rank) = Self::ABLATION.iter().position(|&step| step == self) {
            let m = &mut own.model;
            m.lstm_dropout = 0.0;
            m.highway_layers = if rank >= 4 { m.highway_layers } else { 0 };
            m.specific_layers &= rank >= 3;
            own.sharing.lstm &= rank >= 2;
            m.char_filters = if rank >= 1 { m.char_filters } else { 0 };
        }
        Some(own)
    }
}

/// The target of `config`, checked for what a transfer needs beyond what training does.
pub fn target(config: &Config) -> Result<&TaskSettings> {
    let Some(settings) = &config.transfer else {
        return Err(fail(
            "the experiment has no [transfer]; say on how many sentences, as in sizes = [10, 100, \"all\"]",
        ));
    };
    if settings.sizes.is_empty() {
        return Err(fail("[transfer] sizes is empty; give at least one, as in sizes = [10, 100, \"all\"]"));
    }
    if settings.sizes.iter().chain(&settings.ablation).any(|&size| size == Size::Sentences(0)) {
        return Err(fail("[transfer]: a size is 0; a baseline needs at least 1 sentence"));
    }
    if let Some(wrong) = settings.published.iter().find(|point| !(0.0..=100.0).contains(&point.score)) {
        return Err(fail(format!("[transfer] published: score = {}; give percent, 0 to 100", wrong.score)));
    }
    let key = config.training.target.as_deref();
    let Some(target) = config.tasks.iter().find(|task| Some(task.key().as_str()) == key) else {
        return Err(fail("[training] target is not set; name the task that is to gain, as in \"ner/nl\""));
    };
    if target.limit.is_some() {
        return Err(fail(format!("task {}: leave limit out, for [transfer] sizes sets it", target.key())));
    }
    if target.test.is_empty() {
        return Err(fail(format!("task {} has no test files; gains are of test scores", target.key())));
    }
    if config.tasks.len() < 2 {
        return Err(fail("there is nothing to transfer from; give the experiment a second [[task]]"));
    }
    Ok(target)
}

/// All runs, seed by seed; `sets` are names as in `full@100`, all without any.
pub fn plan(config: &Config, sets: &[String], seeds: &[u64]) -> Result<Vec<Job>> {
    let target = target(config)?;
    let settings = config.transfer.as_ref().map_or((&[][..], &[][..]), |s| (&s.sizes[..], &s.ablation[..]));
    let mut chosen: Vec<(System, Size)> = Vec::new();
    for (systems, sizes) in [(&System::SYSTEMS[..], settings.0), (&System::ABLATION, settings.1)] {
        chosen.extend(sizes.iter().flat_map(|&size| systems.iter().map(move |&system| (system, size))));
    }
    // The ablation ends in the whole network.
    chosen.extend(settings.1.iter().filter(|size| !settings.0.contains(size)).map(|&size| (System::Full, size)));
    let mut runs = Vec::new();
    for (system, size) in chosen {
        if let Some(own) = system.config(config, target) {
            runs.push((format!("{}@{size}", system.name()), own, size));
        }
    }
    for set in sets {
        if !runs.iter().any(|(name, ..)| name == set) {
            let known: Vec<&str> = runs.iter().map(|(name, ..)| name.as_str()).collect();
            return Err(fail(format!("no run {set:?}; runs: {}", known.join(", "))));
        }
    }
    runs.retain(|(name, ..)| sets.is_empty() || sets.contains(name));
    let job = |(name, own, size): &(String, Config, Size), seed: u64| {
        let mut own = own.clone();
        own.name = format!("{}.{name}", config.name);
        own.seeds = vec![seed];
        own.transfer = None;
        let limit = if let Size::Sentences(count) = size { Some(*count) } else { None };
        own.tasks.iter_mut().filter(|task| task.key() == target.key()).for_each(|task| task.limit = limit);
        Job { name: name.clone(), config: own }
    };
    Ok(seeds.iter().flat_map(|&seed| runs.iter().map(move |run| job(run, seed))).collect())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fixture;

    /// Names and parts of two languages of the fixture; names in `xx` are the target.
    pub fn config(folder: &std::path::Path) -> Config {
        let mut config = fixture::config(folder);
        config.training.target = Some("ner/xx".into());
        let size = Size::Sentences(8);
        let sizes = vec![size, Size::All(All::All)];
        config.transfer = Some(Settings { sizes, ablation: vec![size], published: Vec::new() });
        config
    }

    #[test]
    fn systems_differ_in_their_tasks_and_steps_of_the_ablation_in_the_network() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let jobs = plan(&config, &[], &[5, 6]).unwrap();
        assert_eq!(jobs.len(), 2 * (4 * 2 + 5));
        let job = |name: &str| &jobs.iter().find(|job| job.name == name && job.seed() == 5).unwrap().config;
        let tasks = |name: &str| job(name).tasks.iter().map(TaskSettings::key).collect::<Vec<_>>().join(" ");
        assert_eq!(tasks("baseline@8"), "ner/xx");
        assert_eq!(tasks("cross-task@8"), "ner/xx upos/xx");
        assert_eq!(tasks("cross-lingual@8"), "ner/xx ner/yy");
        assert_eq!(tasks("full@all"), "ner/xx ner/yy upos/xx upos/yy");
        assert_eq!(tasks("basic@8"), tasks("full@8"));
        let limits = |name: &str| job(name).tasks.iter().map(|t| t.limit).collect::<Vec<_>>();
        assert_eq!(limits("full@8"), [Some(8), None, None, None]);
        assert_eq!(limits("full@all"), [None; 4]);
        let network = |name: &str| {
            let (m, lstm) = (&job(name).model, job(name).sharing.lstm);
            (m.char_filters > 0, lstm, m.specific_layers, m.highway_layers > 0, m.lstm_dropout > 0.0)
        };
        assert_eq!(network("basic@8"), (false, false, false, false, false));
        assert_eq!(network("c@8"), (true, false, false, false, false));
        assert_eq!(network("cl@8"), (true, true, false, false, false));
        assert_eq!(network("cls@8"), (true, true, true, false, false));
        assert_eq!(network("clsh@8"), (true, true, true, true, false));
        assert_eq!(network("full@8"), (true, true, true, true, true));
        assert_eq!(network("baseline@8"), (true, true, false, true, true));
        assert!(jobs.iter().all(|job| job.config.transfer.is_none()));
    }

    #[test]
    fn a_system_without_tasks_of_its_own_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.tasks.retain(|task| task.name == "ner");
        config.transfer.as_mut().unwrap().ablation.clear();
        let names =
            |config: &Config| plan(config, &[], &[1]).unwrap().into_iter().map(|job| job.name).collect::<Vec<_>>();
        assert_eq!(names(&config), ["baseline@8", "full@8", "baseline@all", "full@all"]);
        config.transfer.as_mut().unwrap().ablation = vec![Size::Sentences(9)];
        assert_eq!(names(&config)[4..], ["basic@9", "c@9", "cl@9", "cls@9", "clsh@9", "full@9"]);
    }

    #[test]
    fn what_is_wrong_with_a_transfer_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let good = config(folder.path());
        let refused = |change: &dyn Fn(&mut Config), sets: &[&str]| {
            let mut config = good.clone();
            change(&mut config);
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            plan(&config, &sets, &[1]).unwrap_err().to_string()
        };
        assert!(refused(&|_| (), &["full@7"]).contains("full@8"));
        assert!(refused(&|c| c.transfer = None, &[]).contains("[transfer]"));
        assert!(refused(&|c| c.training.target = None, &[]).contains("target is not set"));
        assert!(refused(&|c| c.tasks[0].limit = Some(3), &[]).contains("leave limit out"));
        assert!(refused(&|c| c.tasks[0].test.clear(), &[]).contains("no test"));
        assert!(refused(&|c| c.tasks.truncate(1), &[]).contains("nothing to transfer"));
        assert!(refused(&|c| c.transfer.as_mut().unwrap().sizes[0] = Size::Sentences(0), &[]).contains("size is 0"));
        let point = |score| Published { system: System::Full, size: Size::Sentences(8), score };
        let published = |c: &mut Config, score| c.transfer.as_mut().unwrap().published.push(point(score));
        assert!(refused(&|c| published(c, 101.0), &[]).contains("score = 101"));
        assert!(refused(&|c| published(c, f64::NAN), &[]).contains("score = NaN"));
        assert!(refused(&|c| c.transfer.as_mut().unwrap().sizes.clear(), &[]).contains("sizes is empty"));
    }

    #[test]
    fn sizes_are_numbers_or_all() {
        let settings: Settings = toml::from_str("sizes = [10, \"all\"]\nablation = [100]").unwrap();
        assert_eq!(settings.sizes, [Size::Sentences(10), Size::All(All::All)]);
        let text = "sizes = [10]\npublished = [{ system = \"cross-task\", size = \"all\", score = 85.69 }]";
        let expected = Published { system: System::CrossTask, size: Size::All(All::All), score: 85.69 };
        assert_eq!(toml::from_str::<Settings>(text).unwrap().published, [expected]);
        assert!(toml::from_str::<Settings>("sizes = [\"some\"]").is_err());
        assert!(Size::Sentences(200) < Size::All(All::All));
    }
}
