//! Which runs a sweep has: every task alone, every two tasks together, each with every seed.

use crate::Result;
use crate::config::{Config, TaskSettings};
use crate::error::fail;
use crate::jobs::Job;
use std::collections::BTreeSet;

/// One run: tasks that are trained together, by their place in the experiment file, and a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Places of the tasks, ascending.
    pub tasks: Vec<usize>,
    /// The seed.
    pub seed: u64,
}

impl Item {
    /// `chunk+ner`.
    pub fn name(&self, config: &Config) -> String {
        let names: Vec<&str> = self.tasks.iter().map(|&t| config.tasks[t].name.as_str()).collect();
        names.join("+")
    }

    /// The experiment of this run: its tasks alone, and as many steps for each as the file has for one.
    pub fn config(&self, config: &Config) -> Config {
        let mut own = config.clone();
        let count = self.tasks.len() as u64;
        own.name = format!("{}.{}", config.name, self.name(config));
        own.tasks = self.tasks.iter().map(|&t| config.tasks[t].clone()).collect();
        own.training.steps *= count;
        own.training.evaluate_every *= count;
        own.seeds = vec![self.seed];
        own
    }

    /// To be trained.
    pub fn job(&self, config: &Config) -> Job {
        Job { name: self.name(config), config: self.config(config) }
    }
}

/// All runs, seed by seed, so that whole sets of one seed are finished first. `sets` are names as in `chunk+ner`; all
/// tasks and pairs without any.
pub fn plan(config: &Config, sets: &[String], seeds: &[u64]) -> Result<Vec<Item>> {
    check(config)?;
    let mut chosen: BTreeSet<Vec<usize>> = BTreeSet::new();
    for set in sets {
        chosen.insert(parse(config, set)?);
    }
    if sets.is_empty() {
        let count = config.tasks.len();
        chosen.extend((0..count).map(|a| vec![a]));
        chosen.extend((0..count).flat_map(|a| (a + 1..count).map(move |b| vec![a, b])));
    }
    let mut sets: Vec<Vec<usize>> = chosen.into_iter().collect();
    sets.sort_by_key(Vec::len);
    Ok(seeds.iter().flat_map(|&seed| sets.iter().map(move |tasks| Item { tasks: tasks.clone(), seed })).collect())
}

/// What a sweep needs of an experiment beyond what training does.
fn check(config: &Config) -> Result<()> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for TaskSettings { name, test, .. } in &config.tasks {
        if !names.insert(name) {
            return Err(fail(format!("two tasks are called {name:?}; a sweep tells tasks apart by name")));
        }
        if name.contains('+') || name.contains('/') {
            return Err(fail(format!("task {name:?}: a sweep's names have no + and no /")));
        }
        if test.is_empty() {
            return Err(fail(format!("task {name:?} has no test files; gains are of test scores")));
        }
    }
    if config.training.target.is_some() {
        return Err(fail("[training] target: in a sweep every task is the target of its own gain; leave it out"));
    }
    Ok(())
}

/// The tasks of a set such as `chunk+ner`.
pub fn parse(config: &Config, set: &str) -> Result<Vec<usize>> {
    let place = |name: &str| {
        config.tasks.iter().position(|t| t.name == name).ok_or_else(|| {
            let known: Vec<&str> = config.tasks.iter().map(|t| t.name.as_str()).collect();
            fail(format!("{set}: no task {name:?}; tasks: {}", known.join(", ")))
        })
    };
    let mut tasks = set.split('+').map(place).collect::<Result<Vec<_>>>()?;
    tasks.sort_unstable();
    if tasks.windows(2).any(|two| two[0] == two[1]) {
        return Err(fail(format!("{set}: a task stands twice")));
    }
    Ok(tasks)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fixture;

    /// Three tasks of one language on made-up text.
    pub fn config(folder: &std::path::Path) -> Config {
        let mut config = fixture::config(folder);
        config.tasks.truncate(3);
        for (task, name) in config.tasks.iter_mut().zip(["names", "more", "parts"]) {
            (task.name, task.language) = (name.into(), "xx".into());
        }
        config.model.char_filters = 0;
        config.model.head = crate::config::Head::Softmax;
        config.model.specific_layers = false;
        config.training.log_every = 5;
        config.training.mixing = crate::config::Mixing::Uniform;
        config.optimizer.kind = crate::config::OptimizerKind::Adadelta;
        config.optimizer.learning_rate = 1.0;
        config
    }

    #[test]
    fn all_tasks_and_all_pairs_seed_by_seed() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let items = plan(&config, &[], &[3, 4]).unwrap();
        let names: Vec<String> = items.iter().map(|i| format!("{} {}", i.name(&config), i.seed)).collect();
        let first = ["names 3", "more 3", "parts 3", "names+more 3", "names+parts 3", "more+parts 3", "names 4"];
        assert_eq!(names[..7], first);
        assert_eq!(items.len(), 12);
        let chosen = plan(&config, &["parts+names".into(), "more".into()], &[1]).unwrap();
        assert_eq!(chosen.iter().map(|i| i.name(&config)).collect::<Vec<_>>(), ["more", "names+parts"]);
    }

    #[test]
    fn two_tasks_share_twice_the_steps() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let own = Item { tasks: vec![0, 2], seed: 3 }.config(&config);
        assert_eq!((own.training.steps, own.training.evaluate_every, own.tasks.len()), (60, 20, 2));
        let digest = |tasks: Vec<usize>, seed, config: &Config| Item { tasks, seed }.job(config).digest();
        let mut other = config.clone();
        other.tasks.pop();
        other.name = "renamed".into();
        assert_eq!(digest(vec![0], 1, &config), digest(vec![0], 1, &other), "tasks that it has not do not matter");
        other.training.steps += 1;
        assert_ne!(digest(vec![0], 1, &config), digest(vec![0], 1, &other));
        assert_ne!(digest(vec![0], 1, &config), digest(vec![0], 2, &config));
    }

    #[test]
    fn what_is_wrong_with_a_sweep_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let good = config(folder.path());
        let refused = |change: &dyn Fn(&mut Config), sets: &[&str]| {
            let mut config = good.clone();
            change(&mut config);
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            plan(&config, &sets, &[1]).unwrap_err().to_string()
        };
        assert!(refused(&|_| (), &["names+x"]).contains("tasks: names, more, parts"));
        assert!(refused(&|_| (), &["names+names"]).contains("stands twice"));
        assert!(refused(&|c| c.tasks[1].name = "names".into(), &[]).contains("two tasks"));
        assert!(refused(&|c| c.tasks[1].name = "a+b".into(), &[]).contains("no +"));
        assert!(refused(&|c| c.tasks[1].test.clear(), &[]).contains("no test"));
        assert!(refused(&|c| c.training.target = Some("names/xx".into()), &[]).contains("target"));
    }
}
