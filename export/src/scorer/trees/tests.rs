//! What the trees may know, and that they learn.

use super::features::Table;
use super::*;
use libmtl::scorer::Exercise;
use libmtl::scorer::slam::Token;
use rand::RngExt;

/// An exercise of `user` on some day: words, and which of them are mistakes.
fn record(user: &str, days: f64, words: &[(&str, bool)]) -> Record {
    let words_of = words.iter().map(|(word, _)| (*word).to_string()).collect();
    Record {
        exercise: Exercise { user: user.into(), days, words: words_of, ..Exercise::default() },
        tokens: words.iter().map(|&(_, mistake)| Token { mistake: Some(mistake), ..Token::default() }).collect(),
        ..Record::default()
    }
}

/// Weak learners err in half of all words and strong ones in a tenth; hard words add to it.
fn learners(count: usize) -> TrackData<Record> {
    let mut rng = crate::random::stream(1, "trees test", 0);
    let mut exercise = |user: usize, day: usize| {
        let word = rng.random_range(0..8);
        let rate = if user.is_multiple_of(2) { 0.5 } else { 0.1 } + if word < 2 { 0.3 } else { 0.0 };
        record(&format!("u{user}"), day as f64, &[(&format!("w{word}"), rng.random::<f64>() < rate)])
    };
    let mut all = |days: std::ops::Range<usize>| {
        (0..count).flat_map(|user| days.clone().map(move |day| (user, day))).map(|(u, d)| exercise(u, d)).collect()
    };
    TrackData { train: all(0..30), dev: Vec::new(), test: all(30..40) }
}

fn auc(data: &TrackData<Record>, ignore: &[Feature]) -> f64 {
    let probabilities = predict(data, ignore, 1).unwrap();
    super::super::baseline::score(&data.test, probabilities).unwrap().auc
}

#[test]
fn learners_and_words_are_learnt_and_seeds_repeat() {
    let data = learners(40);
    let (all, without) = (auc(&data, &[]), auc(&data, &[Feature::User]));
    assert!(all > 0.7 && without < all - 0.05, "{all} {without}");
    assert_eq!(predict(&data, &[], 1).unwrap(), predict(&data, &[], 1).unwrap());
    assert_ne!(predict(&data, &[], 1).unwrap(), predict(&data, &[], 2).unwrap());
}

#[test]
fn no_label_of_test_data_and_no_words_own_label_is_read() {
    let mut data = learners(6);
    let values = |data: &TrackData<Record>| Table::build(data, &[], 1).columns;
    let before = values(&data);
    data.test.iter_mut().flat_map(|r| &mut r.tokens).for_each(|t| t.mistake = t.mistake.map(|m| !m));
    let after = values(&data);
    // A feature that is not known is no number, which equals nothing.
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let all_same = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| same(a, b));
    assert!(before.iter().zip(&after).all(|(a, b)| all_same(&a.train, &b.train) && all_same(&a.test, &b.test)));
    let flipped = 17;
    let token = &mut data.train[flipped].tokens[0];
    token.mistake = token.mistake.map(|mistake| !mistake);
    let mut others = 0;
    for (column, (a, b)) in before.iter().zip(values(&data)).enumerate() {
        others += usize::from(!all_same(&a.test, &b.test));
        // The mean over all words moves by less than one word of these.
        let moved = (a.train[flipped] - b.train[flipped]).abs();
        assert!(same(a.train[flipped], b.train[flipped]) || moved < 1.0 / data.train.len() as f64, "{column}: {moved}");
    }
    assert!(others > 5, "the labels of training words are read for others");
}

#[test]
fn a_past_is_what_came_before() {
    let train = vec![
        record("u", 2.0, &[("b", true), ("a", false)]),
        record("u", 1.0, &[("a", true)]),
        record("v", 9.0, &[("a", true)]),
    ];
    let test =
        vec![record("u", 5.0, &[("A", true)]), record("u", 6.0, &[("a", false)]), record("w", 7.0, &[("a", true)])];
    let data = TrackData { train, dev: Vec::new(), test };
    let (train, test) = history::past(&data, &mut crate::random::stream(1, "trees test", 0));
    assert_eq!((train.len(), test.len()), (4, 3));
    assert_eq!((train[2][0], train[0][0], train[1][0]), (0.0, 1.0, 1.0), "by days, not by place");
    let rate = |mistakes: f64, words: f64| (mistakes + 0.5) / (words + 4.0);
    let first =
        [2.0, 3.0, 1.0, 3.0, rate(2.0, 3.0), rate(2.0, 3.0), rate(2.0, 3.0), 2.0, 3.0, 2.0, rate(1.0, 2.0), 0.0];
    assert_eq!(test[0], first);
    let second = [3.0, 1.0, 2.0, 3.0, first[4], first[5], first[6], 3.0, 1.0, 2.0, first[10], 0.0];
    assert_eq!(test[1], second, "what came since is seen, and its label is not");
    assert!(test[2][0] == 0.0 && test[2][1].is_nan() && test[2][11].is_nan(), "nothing came before");
}

#[test]
fn data_that_teach_nothing_give_the_mean() {
    let data = TrackData {
        train: vec![record("u", 1.0, &[("a", false)])],
        dev: Vec::new(),
        test: vec![record("u", 1.0, &[("a", true), ("b", false)])],
    };
    assert_eq!(predict(&data, &[], 1).unwrap(), [nearly(0.0), nearly(0.0)]);
}
