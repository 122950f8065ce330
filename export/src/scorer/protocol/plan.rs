//! Which systems a protocol trains, on what. The protocols are those of Hu 2020 (sections 4.4 to 4.7, seeds B.10).

use super::super::config::{Config, Feature, Track};
use super::super::data::TrackData;
use super::{Protocol, System};
use crate::Result;
use crate::checkpoint::digest;
use crate::error::fail;
use crate::random;
use libmtl::bundle::manifest::Encoder;
use libmtl::scorer::slam::Record;
use rand::seq::SliceRandom;
use std::collections::BTreeSet;

/// The paper's learners whom one track does not know: their words in that track's test set (Hu 2020, Table 2).
pub const PAPER_TRACK: &str = "es_en";
const PAPER_LEARNERS: [(&str, usize); 2] = [("RWDt7srk", 19), ("t6nj6nr/", 274)];

/// The sizes of Hu 2020, Figure 3, in exercises.
pub const SIZES: [usize; 8] = [1_000, 5_000, 10_000, 50_000, 100_000, 200_000, 300_000, 400_000];

/// The features that are left out one by one (Hu 2020, Figure 4); all of them are what the meta encoder reads.
const FEATURES: [(Feature, &str); 7] = [
    (Feature::User, "user"),
    (Feature::Country, "country"),
    (Feature::Client, "client"),
    (Feature::Session, "session"),
    (Feature::Format, "format"),
    (Feature::Days, "days"),
    (Feature::Time, "time"),
];

/// One system to train for one row of the table.
pub struct Cell {
    /// The row.
    pub row: String,
    /// The column.
    pub system: System,
    /// What is trained. Its name is that of the run's folder: cells that train the same share it.
    pub config: Config,
}

/// A row: what it is called, and what is trained for it.
struct Row {
    name: String,
    config: Config,
}

/// The cells of `protocol` for one seed. Only tracks with a test set are scored.
pub fn plan(protocol: &Protocol, config: &Config, seed: u64) -> Result<Vec<Cell>> {
    let all = |config: &Config| Row { name: "all".into(), config: config.clone() };
    Ok(match protocol {
        Protocol::Full => cells(&[all(config)], &System::ALL),
        Protocol::LowResource { track, sizes } => cells(&low_resource(config, track, sizes, seed)?, &System::ALL),
        Protocol::ColdStart { track, learners } => cells(&cold_start(config, track, *learners, seed)?, &System::ALL),
        Protocol::Ablations => {
            let mut out = cells(&[all(config)], &System::ALL);
            out.extend(cells(&ablations(config), &[System::SingleTask, System::MultiTask]));
            out
        }
        Protocol::Removal => {
            let without = FEATURES.map(|(feature, name)| {
                let mut config = config.clone();
                config.ignore(feature);
                Row { name: format!("without {name}"), config }
            });
            let rows: Vec<Row> = std::iter::once(all(config)).chain(without).collect();
            cells(&rows, &System::ALL)
        }
    })
}

/// Every system for every row. One that sees a single track is trained for each track that is scored; with one track,
/// there is no multi-task system.
fn cells(rows: &[Row], systems: &[System]) -> Vec<Cell> {
    let mut out: Vec<Cell> = Vec::new();
    for Row { name, config } in rows {
        for &system in systems {
            let mut add = |mut config: Config, what: String| {
                // What is trained already, under the name of another row, is not trained again.
                let same = |cell: &&Cell| {
                    let renamed = Config { name: cell.config.name.clone(), ..config.clone() };
                    cell.system == system && digest(&renamed) == digest(&cell.config)
                };
                let twin = out.iter().find(same).map(|cell| cell.config.name.clone());
                config.name = twin.unwrap_or_else(|| format!("{}/{what}", name.replace(' ', "-")));
                out.push(Cell { row: name.clone(), system, config });
            };
            let scored = config.tracks.iter().filter(|track| track.test.is_some());
            match system {
                System::MultiTask if config.tracks.len() < 2 => (),
                System::MultiTask => add(config.clone(), system.name().into()),
                // `only` does not fail: the track is one of the configuration's.
                _ => scored.filter_map(|track| config.only(&track.name).ok()).for_each(|alone| {
                    let what = format!("{}.{}", system.name(), alone.tracks[0].name);
                    add(alone, what);
                }),
            }
        }
    }
    out
}

/// `config` where `track` alone is scored, and selects.
fn target(config: &Config, track: &str) -> Result<Config> {
    config.only(track)?;
    let mut config = config.clone();
    let own = |t: &Track| t.name == track;
    config.tracks.iter_mut().filter(|t| !own(t)).for_each(|t| t.test = None);
    if config.tracks.iter().any(|t| own(t) && t.test.is_none()) {
        return Err(fail(format!("track {track} has no test set")).remedy("name one in the experiment file"));
    }
    config.training.target = Some(track.into());
    Ok(config)
}

/// Changes the track called `name`.
fn change(config: &mut Config, name: &str, change: impl Fn(&mut Track)) {
    config.tracks.iter_mut().filter(|track| track.name == name).for_each(change);
}

fn low_resource(config: &Config, track: &str, sizes: &[usize], seed: u64) -> Result<Vec<Row>> {
    let config = target(config, track)?;
    let there = read(&config, track, seed)?.train.len();
    let mut sizes: Vec<usize> = sizes.iter().copied().filter(|&size| size > 0 && size <= there).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.is_empty() {
        return Err(fail(format!("{track} has {there} exercises, fewer than any of --size"))
            .remedy("pass a smaller --size, at least 1"));
    }
    let row = |size: usize| {
        let mut config = config.clone();
        change(&mut config, track, |t| t.limit = Some(size));
        Row { name: format!("{size} exercises"), config }
    };
    Ok(sizes.into_iter().map(row).collect())
}

/// The same learners, known ever less: their words in `track`'s test set are scored by what is trained on everything;
/// without their exercises in the track; and without any of theirs.
fn cold_start(config: &Config, track: &str, learners: Option<usize>, seed: u64) -> Result<Vec<Row>> {
    let mut config = target(config, track)?;
    let users = match learners {
        None => paper_learners(&config, track, seed)?,
        Some(count) => draw_learners(&config, track, count, seed)?,
    };
    change(&mut config, track, |t| t.only = users.clone());
    let mut rows = vec![Row { name: "seen in the track".into(), config: config.clone() }];
    change(&mut config, track, |t| t.without = users.clone());
    if config.tracks.len() > 1 {
        rows.push(Row { name: "seen in another track".into(), config: config.clone() });
    }
    config.tracks.iter_mut().for_each(|t| t.without = users.clone());
    rows.push(Row { name: "never seen".into(), config });
    Ok(rows)
}

fn paper_learners(config: &Config, track: &str, seed: u64) -> Result<Vec<String>> {
    let data = read(config, track, seed)?;
    for (user, expected) in PAPER_LEARNERS {
        let own = data.test.iter().filter(|record| record.exercise.user == user);
        let words: usize = own.map(|record| record.tokens.len()).sum();
        if words != expected || track != PAPER_TRACK {
            return Err(fail(format!(
                "{user} has {words} test words in {track}; in the paper, {expected} in {PAPER_TRACK}"
            ))
            .remedy("pass the shared task's files and that track, or let --learners draw some of these data's"));
        }
    }
    Ok(PAPER_LEARNERS.map(|(user, _)| user.into()).to_vec())
}

/// `count` of the learners in `track`'s test set who, where there are other tracks, train in one of those as well.
fn draw_learners(config: &Config, track: &str, count: usize, seed: u64) -> Result<Vec<String>> {
    let mut elsewhere = BTreeSet::new();
    for other in config.tracks.iter().filter(|t| t.name != track) {
        elsewhere.extend(read(config, &other.name, seed)?.train.into_iter().map(|record| record.exercise.user));
    }
    let here: BTreeSet<String> =
        read(config, track, seed)?.test.into_iter().map(|record| record.exercise.user).collect();
    let known = |user: &String| config.tracks.len() < 2 || elsewhere.contains(user);
    let mut users: Vec<String> = here.into_iter().filter(known).collect();
    if count == 0 || users.len() < count {
        return Err(fail(format!("{track} has {} learners who could be held out", users.len()))
            .at(format!("--learners {count}"))
            .remedy(
                "pass a number from 1 to that; they must be in its test set and, of several tracks, train in another",
            ));
    }
    users.shuffle(&mut random::stream(seed, "cold start", 0));
    users.truncate(count);
    users.sort_unstable();
    Ok(users)
}

fn read(config: &Config, track: &str, seed: u64) -> Result<TrackData<Record>> {
    let alone = config.only(track)?;
    TrackData::read(&alone, &alone.tracks[0], seed)
}

/// The network without the meta encoder, or without some of its context encoders (Hu 2020, Table 5).
fn ablations(config: &Config) -> Vec<Row> {
    let mut meta = config.clone();
    meta.leave_out_meta();
    let mut rows = vec![Row { name: "without meta".into(), config: meta }];
    let parts: [(&str, &[Encoder]); 4] = [
        ("word", &[Encoder::Word]),
        ("char_lstm", &[Encoder::CharLstm]),
        ("char_cnn", &[Encoder::CharCnn]),
        ("characters", &[Encoder::CharLstm, Encoder::CharCnn]),
    ];
    let mut seen = BTreeSet::from([format!("{:?}", config.model.encoders)]);
    for (name, without) in parts {
        let mut config = config.clone();
        config.model.encoders.retain(|encoder| !without.contains(encoder));
        let left = format!("{:?}", config.model.encoders);
        // Of a network that lacks one already, nothing, the same twice, or all may be left.
        if !config.model.encoders.is_empty() && seen.insert(left) {
            rows.push(Row { name: format!("without {name}"), config });
        }
    }
    rows
}
