//! Adapting to learners on random weights: what is fitted, how it is scored with, and what is refused.

mod common;

use common::scorer::{exercises, random_scorer};
use libmtl::bundle::Bundle;
use libmtl::bundle::manifest::{Combine, Context, ScorerArchitecture};
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, Labelled, Learner, ScoreOptions, Scorer};
use libmtl::{Cancel, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

fn open(path: &Path, threads: usize) -> Scorer {
    Scorer::open(Arc::new(Bundle::open(path).unwrap()), &EngineOptions { threads, ..EngineOptions::default() }).unwrap()
}

/// What `user` has answered; `wrong` says how often they err: never, sometimes, always.
fn history(user: &str, seed: u64, count: usize, wrong: fn(usize) -> bool) -> Vec<Labelled> {
    let labelled = |exercise: Exercise| Labelled {
        mistakes: (0..exercise.words.len()).map(wrong).collect(),
        exercise: Exercise { user: user.into(), ..exercise },
    };
    exercises(seed, count).into_iter().map(labelled).collect()
}

fn adapt(scorer: &Scorer, history: &[Labelled], prior: Option<&Learner>) -> Result<Learner> {
    scorer.adapt(history, prior, &Cancel::new())
}

fn score(scorer: &Scorer, exercises: &[Exercise], learners: &[Learner]) -> Vec<Vec<f32>> {
    let options = ScoreOptions { learners, ..ScoreOptions::default() };
    scorer.score(exercises, &options, &Cancel::new()).unwrap().into_iter().map(Result::unwrap).collect()
}

/// The sum of -ln P(answer), the weight of mistakes undone.
fn surprise(scorer: &Scorer, history: &[Labelled], learners: &[Learner]) -> f64 {
    let exercises: Vec<Exercise> = history.iter().map(|h| h.exercise.clone()).collect();
    let options = ScoreOptions { calibrated: true, learners };
    let scored = scorer.score(&exercises, &options, &Cancel::new()).unwrap();
    let words = scored.into_iter().flat_map(Result::unwrap).zip(history.iter().flat_map(|h| &h.mistakes));
    words.map(|(p, &mistake)| -f64::from(if mistake { p } else { 1.0 - p }).ln()).sum()
}

fn combinations() -> [tempfile::TempDir; 2] {
    [Combine::Product, Combine::Concat].map(|combine| {
        random_scorer(3, |settings| {
            (settings.architecture.combine, settings.architecture.user_bias) = (combine, combine == Combine::Concat);
        })
    })
}

/// A learner who always errs and one who never does end on different sides of the unknown one, known to the model or not;
/// their own history becomes more probable, and nobody else's changes.
#[test]
fn a_learner_is_what_they_have_answered() {
    for bundle in combinations() {
        let scorer = open(bundle.path(), 1);
        for user in ["nobody", "u2"] {
            let right = history(user, 5, 30, |_| false);
            let wrong = history(user, 5, 30, |_| true);
            let exercises: Vec<Exercise> = right.iter().map(|h| h.exercise.clone()).collect();
            let mean = |learners: &[Learner]| score(&scorer, &exercises, learners).concat().iter().sum::<f32>();
            let (good, bad) = (adapt(&scorer, &right, None).unwrap(), adapt(&scorer, &wrong, None).unwrap());
            let sums = [&good, &bad].map(|learner| mean(std::slice::from_ref(learner)));
            assert!(sums[0] < mean(&[]) && mean(&[]) < sums[1], "{user}: {sums:?}, {}", mean(&[]));
            for (history, learner) in [(&right, &good), (&wrong, &bad)] {
                let learners = std::slice::from_ref(learner);
                assert!(surprise(&scorer, history, learners) < surprise(&scorer, history, &[]));
            }
            let others = common::scorer::exercises(6, 20);
            let others: Vec<Exercise> = others.into_iter().filter(|e| e.user != user).collect();
            assert_eq!(score(&scorer, &others, &[good]), score(&scorer, &others, &[]));
        }
    }
}

/// Whatever else is in the call, and however many threads work on it, to the last bit.
#[test]
fn an_exercise_is_scored_alike_in_any_company_with_learners() {
    for bundle in combinations() {
        let (one, four) = (open(bundle.path(), 1), open(bundle.path(), 4));
        let learners: Vec<Learner> = ["u0", "u1", "u3", "u9"]
            .iter()
            .enumerate()
            .map(|(i, user)| adapt(&one, &history(user, i as u64, 9, |word| word % 3 == 0), None).unwrap())
            .collect();
        let exercises = exercises(11, 80);
        let together = score(&four, &exercises, &learners);
        for (exercise, found) in exercises.iter().zip(&together) {
            let own: Vec<Learner> = learners.iter().filter(|l| l.user() == exercise.user).cloned().collect();
            assert_eq!(score(&one, std::slice::from_ref(exercise), &own), std::slice::from_ref(found));
        }
        assert_ne!(together, score(&four, &exercises, &[]));
        let again = adapt(&four, &history("u0", 0, 9, |word| word % 3 == 0), None).unwrap();
        assert_eq!(again, learners[0]);
    }
}

/// A network that reads answers: they change what is predicted, in one call or several, alike on both engines and in any
/// company; nothing but `adapt` moves the offset.
#[test]
fn answers_are_read_by_a_model_that_reads_them() {
    for context in [Context::Shared, Context::Own] {
        let bundle = random_scorer(8, |settings| {
            let a = &mut settings.architecture;
            (a.context, a.history) = (context, true);
        });
        let scorer = open(bundle.path(), 1);
        let [first, later] = [1, 2].map(|seed| history("ada", seed, 12, |word| word % 3 == 1));
        let remember =
            |history: &[Labelled], prior: Option<&Learner>| scorer.remember(history, prior, &Cancel::new()).unwrap();
        let stored = Learner::from_bytes(&remember(&first, None).to_bytes()).unwrap();
        let learner = remember(&later, Some(&stored));
        assert_eq!(learner, remember(&[first.clone(), later.clone()].concat(), None));
        assert!(learner.offset().iter().all(|&x| x == 0.0));
        let mut next = exercises(4, 40);
        next.iter_mut().step_by(2).for_each(|exercise| exercise.user = "ada".into());
        let (without, with) = (score(&scorer, &next, &[]), score(&scorer, &next, std::slice::from_ref(&learner)));
        for (exercise, (without, with)) in next.iter().zip(without.iter().zip(&with)) {
            assert_eq!(without == with, exercise.user != "ada" || exercise.words.is_empty(), "{exercise:?}");
            let alone = score(&open(bundle.path(), 3), std::slice::from_ref(exercise), std::slice::from_ref(&learner));
            assert_eq!(&alone[0], with);
        }
        let adapted = adapt(&scorer, &later, Some(&stored)).unwrap();
        assert!(adapted.offset().iter().any(|&x| x != 0.0));
        assert_eq!(adapted.to_bytes().len(), learner.to_bytes().len());
        #[cfg(feature = "onnx")]
        {
            let onnx = Scorer::open(Arc::new(Bundle::open(bundle.path()).unwrap()), &common::onnx_options()).unwrap();
            let other = score(&onnx, &next, std::slice::from_ref(&learner)).concat();
            let largest = with.concat().iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-5, "{largest}");
        }
    }
    let forgetful = random_scorer(3, |_| ());
    let error = open(forgetful.path(), 1).remember(&history("ada", 1, 3, |_| true), None, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("reads nothing of what a learner has answered"), "{error}");
}

/// A session: observe, save, load, go on.
#[test]
fn a_session_goes_on_from_its_bytes() {
    let bundle = random_scorer(3, |_| ());
    let scorer = open(bundle.path(), 1);
    let (first, later) = (history("ada", 1, 12, |_| false), history("ada", 2, 12, |word| word % 2 == 0));
    let learner = adapt(&scorer, &first, None).unwrap();
    let words = |history: &[Labelled]| history.iter().map(|h| h.mistakes.len() as u64).sum::<u64>();
    assert_eq!((learner.user(), learner.words()), ("ada", words(&first)));
    assert_eq!(learner.model(), scorer.bundle().digest());
    // In another process, on another day.
    let scorer = open(bundle.path(), 2);
    let stored = Learner::from_bytes(&learner.to_bytes()).unwrap();
    assert_eq!(stored, learner);
    let both = adapt(&scorer, &later, Some(&stored)).unwrap();
    assert_eq!(both.words(), words(&first) + words(&later));
    let forgetful = adapt(&scorer, &later, None).unwrap();
    let all = adapt(&scorer, &[first, later].concat(), None).unwrap();
    let distance = |a: &Learner| a.offset().iter().zip(all.offset()).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    assert!(distance(&both) < 0.2 * distance(&forgetful), "{} {}", distance(&both), distance(&forgetful));
    // Nothing new changes nothing but rounding.
    let same = adapt(&scorer, &[], Some(&both)).unwrap();
    assert!(same.offset().iter().zip(both.offset()).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn what_cannot_be_adapted_to_is_refused() {
    let bundle = random_scorer(3, |_| ());
    let scorer = open(bundle.path(), 1);
    let good = history("ada", 1, 3, |_| false);
    let broken = |change: fn(&mut Labelled)| {
        let mut broken = good.clone();
        change(&mut broken[1]);
        broken
    };
    for (history, words) in [
        (Vec::new(), "no exercise"),
        (history("", 1, 1, |_| false), "name of 0 bytes"),
        (history(&"a".repeat(2000), 1, 1, |_| false), "name of 2000 bytes"),
        (broken(|h| h.exercise.user = "bob".into()), "exercise 1: of the user \"bob\", where \"ada\""),
        (broken(|h| h.mistakes.push(true)), "exercise 1: "),
        (broken(|h| h.exercise.track = "xx".into()), "exercise 1: track: "),
        (broken(|h| h.exercise.words[0].clear()), "exercise 1: word 0: "),
    ] {
        let error = adapt(&scorer, &history, None).unwrap_err();
        assert!(error.to_string().contains(words) && !error.advice().is_empty(), "{words}: {error}");
    }
    let ada = adapt(&scorer, &good, None).unwrap();
    let error = adapt(&scorer, &history("bob", 1, 3, |_| false), Some(&ada)).unwrap_err();
    assert!(error.to_string().contains("where \"ada\""), "{error}");
    let score = |scorer: &Scorer, learners: &[Learner]| {
        let options = ScoreOptions { learners, ..ScoreOptions::default() };
        scorer.score(&[], &options, &Cancel::new()).unwrap_err().to_string()
    };
    assert!(score(&scorer, &[ada.clone(), ada.clone()]).contains("two learners are of the user \"ada\""));
    let other = random_scorer(4, |_| ());
    let other = open(other.path(), 1);
    for error in [score(&other, std::slice::from_ref(&ada)), adapt(&other, &good, Some(&ada)).unwrap_err().to_string()]
    {
        assert!(error.contains("another model than random-scorer"), "{error}");
    }
    // A precision of one number where the model has directions for ten.
    let mut bytes = ada.to_bytes();
    let directions = 8 + 64 + 8 + 2 * 4;
    assert_eq!(bytes[directions..][..4], 4u32.to_le_bytes());
    bytes[directions] = 1;
    let precision = directions + 4 + "ada".len() + 4 * ada.offset().len();
    bytes.drain(precision + 4..precision + 4 * 10);
    let flat = Learner::from_bytes(&bytes).unwrap();
    let error = adapt(&scorer, &good, Some(&flat)).unwrap_err().to_string();
    assert!(error.contains("fitted in 1 directions, where the model has 4"), "{error}");
    let changes: [fn(&mut ScorerArchitecture); 2] = [
        |a| a.users = 1,
        |a| {
            a.combine = Combine::None;
            (a.users, a.countries, a.clients, a.sessions, a.formats) = (1, 1, 1, 1, 1);
        },
    ];
    for change in changes {
        let loner = random_scorer(3, |settings| change(&mut settings.architecture));
        let error = adapt(&open(loner.path(), 1), &good, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains("no difference between learners"), "{error}");
    }
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(scorer.adapt(&good, None, &cancel).unwrap_err().kind(), ErrorKind::Interrupted);
}

/// Adapting computes natively whatever the engine, and both engines score with what it found.
#[cfg(feature = "onnx")]
#[test]
fn engines_agree_on_learners() {
    for bundle in combinations() {
        let opened = Arc::new(Bundle::open(bundle.path()).unwrap());
        let native = open(bundle.path(), 1);
        let onnx = Scorer::open(opened, &common::onnx_options()).unwrap();
        let answered = history("nobody", 5, 20, |_| true);
        let learners = [adapt(&onnx, &answered, None).unwrap()];
        assert_eq!(learners[0], adapt(&native, &answered, None).unwrap());
        let mut exercises = exercises(11, 40);
        exercises.iter_mut().step_by(3).for_each(|exercise| exercise.user = "nobody".into());
        let (one, other) =
            (score(&native, &exercises, &learners).concat(), score(&onnx, &exercises, &learners).concat());
        let largest = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-5, "{largest}");
        assert_ne!(other, score(&onnx, &exercises, &[]).concat());
    }
}
