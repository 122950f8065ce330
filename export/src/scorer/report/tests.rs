//! Sections hold what they were given, and groups are those that are there.

use super::clusters::{clusters, plane};
use super::*;
use crate::report::page::page;
use crate::report::tests::{balanced, loads_nothing};
use crate::scorer::official::DataFile;
use crate::scorer::picture::Learner;
use crate::scorer::protocol::System;
use crate::scorer::train::Scores;
use libmtl::metrics::Bin;
use std::collections::BTreeMap;

/// Four groups in the corners of a square, of rising accuracy, with two more numbers that are small.
fn learners() -> Vec<Learner> {
    let corners = [(0.0, 0.0), (9.0, 0.0), (0.0, 6.0), (9.0, 6.0)];
    let learner = |i: usize| {
        let (x, y) = corners[i % 4];
        let small = (i * 7 % 5) as f32 / 10.0;
        Learner { words: 100, right: 60 + 10 * (i % 4) as u64, embedding: vec![x + small, small, y - small, 0.1] }
    };
    (0..40).map(learner).collect()
}

#[test]
fn k_means_finds_the_groups_by_rising_accuracy() {
    let groups = clusters(&learners(), 4);
    let accuracies: Vec<f64> = groups.iter().map(|group| (group.accuracy * 1e6).round() / 1e6).collect();
    assert_eq!(accuracies, [0.6, 0.7, 0.8, 0.9]);
    assert!(groups.iter().all(|group| group.learners.len() == 10));
    assert!(clusters(&learners()[..3], 4).is_empty());
}

#[test]
fn the_plane_has_the_widest_direction_first() {
    let plane = plane(&learners()).unwrap();
    let width = |pick: fn(&(f64, f64)) -> f64| {
        let all = plane.points.iter().map(pick);
        all.clone().fold(f64::MIN, f64::max) - all.fold(f64::MAX, f64::min)
    };
    assert!((9.0..9.8).contains(&width(|p| p.0)) && (6.0..6.8).contains(&width(|p| p.1)), "nine by six");
    assert!(plane.shares[0] > plane.shares[1] && plane.shares.iter().sum::<f64>() > 0.98, "{:?}", plane.shares);
    assert!(super::clusters::plane(&learners()[..1]).is_none());
}

fn scores(auc: f64) -> BTreeMap<String, Scores> {
    let scores = Scores { exercises: 9, words: 293, mistakes: 5, auc, f1: 0.25, accuracy: 0.5, log_loss: 0.5 };
    BTreeMap::from([("en_es".to_string(), scores)])
}

fn summary(protocol: &str, rows: &[&str], official: bool) -> Summary {
    let file = DataFile { name: "en_es.slam.<train>".into(), bytes: 5, sha256: "abc".into(), official };
    let mut summary = Summary::new("tiny", protocol, vec![file]);
    for seed in 1..=2 {
        for (index, row) in rows.iter().enumerate() {
            for (place, system) in System::ALL.into_iter().enumerate() {
                let auc = 0.8 - 0.1 * index as f64 + 0.01 * place as f64 + 0.001 * seed as f64;
                summary.add(row, system, &scores(auc));
            }
        }
        summary.seeds.push(seed);
    }
    summary
}

#[test]
fn the_page_is_whole_and_well_formed() {
    let bin = |instances| Bin { instances, probability: 0.15, rate: 0.1 };
    let picture = Picture {
        experiment: "tiny".into(),
        seed: 7,
        alpha: 0.7,
        reliability: BTreeMap::from([("en_es".into(), [vec![bin(4)], vec![bin(4)]])]),
        learners: learners(),
    };
    let protocols = vec![
        summary("full", &["all"], true),
        summary("low-resource-en_es", &["1000 exercises", "5000 exercises"], false),
        summary("cold-start", &["seen in the track", "never seen"], false),
        summary("ablations", &["all", "without meta"], false),
        summary("removal", &["all", "without user", "without time"], false),
    ];
    let parts = protocols.into_iter().map(Part::Protocol).chain([Part::Picture(picture)]);
    let html = page("A & B", &[], &parts.flat_map(|part| sections(&part)).collect::<Vec<_>>());
    for part in [
        "<title>A &amp; B</title>",
        "AUC against training size",
        "Learners whom a track does not know",
        "Features left out",
        "Encoders left out",
        "Learners, by their vectors",
        "Reliability",
        "<td>293</td>",
        "<strong>0.832 ± 0.001</strong>",
        "<th scope=\"row\">1</th><td>10</td><td>0.6000 ± 0.0000</td>",
        "alpha 0.7 undone: calibration error",
        "loss of test AUC, multi-task",
        "by their digests",
        "NOT the published files",
        "en_es.slam.&lt;train&gt;",
        "Seeds: 1, 2",
    ] {
        assert!(html.contains(part), "{part:?} is missing");
    }
    assert_eq!(html.matches("<svg").count(), 5 + 1 + 1, "a chart a protocol, the learners, one track's reliability");
    loads_nothing(&html);
    balanced(&html);
}
