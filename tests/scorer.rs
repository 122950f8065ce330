//! The scorer on random weights: it gives the formulas' numbers, alone and in any company, and its own errors.

mod common;

use common::scorer::{exercises, random_scorer};
use libmtl::bundle::manifest::{Combine, Context, Encoder, Kind, Scorer as Settings, Summary};
use libmtl::bundle::{Bundle, GoldenExercise, layout, write};
use libmtl::engine::EngineOptions;
use libmtl::kernels::Kernel;
use libmtl::scorer::slam::MAX_WORDS;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::tagger::Tagger;
use libmtl::{Cancel, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn open(path: &Path, threads: usize) -> Scorer {
    Scorer::open(Arc::new(Bundle::open(path).unwrap()), &EngineOptions { threads, ..EngineOptions::default() }).unwrap()
}

fn score(scorer: &Scorer, exercises: &[Exercise]) -> Vec<Result<Vec<f32>>> {
    scorer.score(exercises, &ScoreOptions::default(), &Cancel::new()).unwrap()
}

fn bits(probabilities: &Result<Vec<f32>>) -> Vec<u32> {
    probabilities.as_ref().unwrap().iter().map(|p| p.to_bits()).collect()
}

/// Every architecture: results do not depend on neighbours, threads, or the order of a call, to the last bit.
#[test]
fn an_exercise_is_scored_alike_in_any_company() {
    for (context, combine, encoders, char_convolutions, char_summary) in [
        (Context::Shared, Combine::Product, vec![Encoder::Word, Encoder::CharLstm, Encoder::CharCnn], 1, Summary::Mean),
        (Context::Shared, Combine::Product, vec![Encoder::Word, Encoder::CharLstm, Encoder::CharCnn], 2, Summary::Last),
        (Context::Own, Combine::Concat, vec![Encoder::CharCnn, Encoder::Word], 2, Summary::Mean),
        (Context::Own, Combine::Product, vec![Encoder::CharLstm], 1, Summary::Last),
        (Context::Own, Combine::None, vec![Encoder::CharCnn], 1, Summary::Mean),
    ] {
        let bundle = random_scorer(3, |settings| {
            settings.architecture.context = context;
            settings.architecture.user_bias = combine != Combine::None;
            common::scorer::combine(settings, combine);
            settings.architecture.encoders = encoders.clone();
            settings.architecture.char_convolutions = char_convolutions;
            settings.architecture.char_summary = char_summary;
        });
        let (one, four) = (open(bundle.path(), 1), open(bundle.path(), 4));
        let exercises = exercises(11, 150);
        let alone: Vec<Vec<u32>> = exercises.iter().map(|e| bits(&score(&one, std::slice::from_ref(e))[0])).collect();
        assert!(alone.iter().flatten().collect::<std::collections::BTreeSet<_>>().len() > 300, "all alike");
        for scorer in [&one, &four] {
            let together: Vec<Vec<u32>> = score(scorer, &exercises).iter().map(bits).collect();
            assert_eq!(together, alone);
        }
        let reversed: Vec<Exercise> = exercises.iter().rev().cloned().collect();
        let together: Vec<Vec<u32>> = score(&four, &reversed).iter().rev().map(bits).collect();
        assert_eq!(together, alone);
    }
}

/// Bit for bit, on each kernel: on scorers that keep nothing, little or all of the words, in calls one after the other and of
/// several threads at once, some of them cancelled.
#[test]
fn what_a_scorer_keeps_of_words_changes_nothing() {
    for (encoders, char_convolutions, char_summary) in [
        (vec![Encoder::CharCnn, Encoder::Word, Encoder::CharLstm], 1, Summary::Mean),
        (vec![Encoder::CharLstm, Encoder::CharCnn], 2, Summary::Last),
        (vec![Encoder::Word], 1, Summary::Mean),
    ] {
        let folder = random_scorer(13, |settings| {
            let a = &mut settings.architecture;
            (a.encoders, a.char_convolutions, a.char_summary) = (encoders.clone(), char_convolutions, char_summary);
        });
        let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
        // Words of both tracks, the same ones among them, again and again; some too long to be kept.
        let mut exercises = exercises(17, 60);
        exercises.extend(exercises.clone().into_iter().rev());
        for (i, exercise) in exercises.iter_mut().enumerate() {
            exercise.words.push(["ab".to_string(), "abcdefghij".repeat(4)][i % 2].clone());
        }
        for kernel in Kernel::available() {
            let open = |word_cache| {
                let options =
                    EngineOptions { kernel: Some(kernel.name()), threads: 2, word_cache, ..Default::default() };
                Scorer::open(Arc::clone(&bundle), &options).unwrap()
            };
            let expected: Vec<Vec<u32>> = score(&open(Some(0)), &exercises).iter().map(bits).collect();
            for word_cache in [None, Some(0), Some(5_000), Some(u64::MAX)] {
                let scorer = open(word_cache);
                std::thread::scope(|scope| {
                    for thread in 0..3 {
                        let (scorer, exercises, expected) = (&scorer, &exercises, &expected);
                        scope.spawn(move || {
                            for call in (thread..exercises.len()).step_by(3) {
                                let soon = Instant::now() + Duration::from_micros(10 * call as u64);
                                let cancel = Cancel::new().with_deadline(soon);
                                let _ = scorer.score(&exercises[call..], &ScoreOptions::default(), &cancel);
                                let found = bits(&score(scorer, &exercises[call..=call])[0]);
                                assert_eq!(found, expected[call], "{}, exercise {call}", kernel.name());
                            }
                        });
                    }
                });
                let together: Vec<Vec<u32>> = score(&scorer, &exercises).iter().map(bits).collect();
                assert_eq!(together, expected, "{}, {word_cache:?}", kernel.name());
            }
        }
    }
}

#[test]
fn what_the_model_has_not_seen_is_read_as_unknown() {
    let bundle = random_scorer(4, |_| ());
    let scorer = open(bundle.path(), 1);
    let unknown = Exercise { track: "aa_bb".into(), words: vec!["qqq".into(), "Ω".into()], ..Exercise::default() };
    let named = Exercise {
        user: "nobody".into(),
        countries: vec!["ZZ".into(), "c1".into()],
        client: "telephone".into(),
        session: "-".into(),
        format: "\u{202e}".into(),
        time: Some(f64::NAN),
        ..unknown.clone()
    };
    let known = Exercise { user: "u1".into(), countries: vec!["c1".into()], ..unknown.clone() };
    let results = score(&scorer, &[unknown, named, known]);
    assert_eq!(bits(&results[0]), bits(&results[1]));
    assert_ne!(bits(&results[0]), bits(&results[2]));
}

#[test]
fn a_fault_is_that_of_its_exercise() {
    let bundle = random_scorer(5, |_| ());
    let scorer = open(bundle.path(), 2);
    let good = exercises(6, 3);
    let mut all = good.clone();
    let broken = |change: fn(&mut Exercise)| {
        let mut exercise = good[0].clone();
        change(&mut exercise);
        exercise
    };
    all.insert(1, broken(|e| e.track = "xx_yy".into()));
    all.insert(2, broken(|e| e.words.push(String::new())));
    all.insert(3, broken(|e| e.words = vec!["a".into(); MAX_WORDS + 1]));
    all.insert(4, broken(|e| e.words.clear()));
    let results = score(&scorer, &all);
    for (index, kind, words) in [
        (1, ErrorKind::Argument, &["exercise 1: track", "xx_yy", "its tracks are aa_bb, cc_dd"][..]),
        (2, ErrorKind::Input, &["exercise 2: word", "empty", "leave it out"]),
        (3, ErrorKind::Limit, &["exercise 3", "4097 words", "split"]),
    ] {
        let error = results[index].as_ref().unwrap_err();
        assert_eq!(error.kind(), kind);
        words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
    }
    assert!(results[4].as_ref().unwrap().is_empty());
    let alone = score(&scorer, &good);
    for (found, expected) in [0, 5, 6].into_iter().zip(&alone) {
        assert_eq!(bits(&results[found]), bits(expected));
    }
}

#[test]
fn one_track_need_not_be_named() {
    let bundle = random_scorer(5, |settings| {
        settings.tracks.truncate(1);
        settings.architecture.words.truncate(1);
        settings.architecture.chars.truncate(1);
    });
    let exercise = Exercise { words: vec!["ab".into()], ..Exercise::default() };
    let named = Exercise { track: "aa_bb".into(), ..exercise.clone() };
    let results = score(&open(bundle.path(), 1), &[exercise, named]);
    assert_eq!(bits(&results[0]), bits(&results[1]));
}

#[test]
fn calibration_undoes_the_weight_of_mistakes() {
    let bundle = random_scorer(7, |settings| settings.alpha = 0.7);
    let scorer = open(bundle.path(), 1);
    let exercises = exercises(8, 20);
    let raw = score(&scorer, &exercises);
    let calibrated = scorer
        .score(&exercises, &ScoreOptions { calibrated: true, ..ScoreOptions::default() }, &Cancel::new())
        .unwrap();
    for (p, found) in raw.into_iter().flat_map(Result::unwrap).zip(calibrated.into_iter().flat_map(Result::unwrap)) {
        let expected = p * 0.3 / (p * 0.3 + 0.7 * (1.0 - p));
        assert!((found - expected).abs() < 1e-6, "{p}: {found}, not {expected}");
    }
}

#[test]
fn a_cancelled_call_ends() {
    let bundle = random_scorer(9, |_| ());
    let (scorer, cancel) = (open(bundle.path(), 2), Cancel::new());
    cancel.cancel();
    let error = scorer.score(&exercises(1, 5), &ScoreOptions::default(), &cancel).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn a_scorer_is_no_tagger() {
    let scorer = random_scorer(9, |_| ());
    let opened = Arc::new(Bundle::open(scorer.path()).unwrap());
    let error = Tagger::open(Arc::clone(&opened), &EngineOptions::default()).err().unwrap().to_string();
    assert!(error.contains("random-scorer is a scorer, not a tagger") && error.contains("mtl score"), "{error}");
    assert_eq!(opened.golden().unwrap_err().kind(), ErrorKind::Argument);
    let tagger = common::random_bundle(1, &common::Sizes::default());
    let opened = Arc::new(Bundle::open(tagger.path()).unwrap());
    assert!(Scorer::open(opened, &EngineOptions::default()).unwrap_err().to_string().contains("mtl tag"));
}

/// The graph grows with the tracks: the most there may be have room, but not with every layer as well.
#[test]
fn as_many_tracks_as_there_may_be_have_room_in_the_graph() {
    let many = |settings: &mut Settings| {
        settings.tracks = (0..64).map(|i| format!("t{i:02}")).collect();
        (settings.architecture.words, settings.architecture.chars) = (vec![2; 64], vec![3; 64]);
        settings.architecture.word_layers = 1;
    };
    let bundle = random_scorer(2, many);
    assert!(Bundle::open(bundle.path()).unwrap().graph().len() > 500 << 10);
    let contents = common::scorer::random_contents(2, |settings| {
        many(settings);
        (settings.architecture.word_layers, settings.architecture.char_layers) = (4, 4);
    });
    let error = write(tempfile::tempdir().unwrap().path(), &contents).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("model.onnx"), "{error}");
}

/// What must not be written is not read either: the writer passes the reader's checks.
#[test]
fn malformed_scorers_are_refused_with_the_field() {
    type Change = fn(&mut libmtl::bundle::Contents);
    let cases: [(&str, Change); 13] = [
        ("scorer: missing", |c| c.manifest.scorer = None),
        ("scorer: a tagger has no such field", |c| c.manifest.kind = Kind::Tagger),
        ("languages: a scorer has no such field", |c| c.manifest.languages.push("en".into())),
        ("scorer.tracks[1]: `aa_bb` is not sorted", |c| common::scorer::settings(c).tracks[1] = "aa_bb".into()),
        ("scorer.alpha: 1, where", |c| common::scorer::settings(c).alpha = 1.0),
        ("scorer.days.scale: NaN", |c| common::scorer::settings(c).days.scale = f32::NAN),
        ("scorer.time.limit: 0", |c| common::scorer::settings(c).time.limit = 0.0),
        ("scorer.architecture.words: 1 sizes for 2 tracks", |c| {
            common::scorer::settings(c).architecture.words.truncate(1)
        }),
        ("scorer.architecture.chars: 75504640 responses", |c| {
            let architecture = &mut common::scorer::settings(c).architecture;
            (architecture.char_filters, architecture.chars[0]) = (1024, 1 << 10);
            architecture.chars[1] = 13_723;
        }),
        ("scorer.architecture.hidden", |c| common::scorer::settings(c).architecture.hidden = 0),
        ("weights.safetensors: user.embedding: shape", |c| common::scorer::settings(c).architecture.users += 1),
        ("vocab.users: entry 0: row 0, which is reserved", |c| {
            c.tables.get_mut(layout::USERS).unwrap().insert("!".into(), 0);
        }),
        ("golden.jsonl: golden case 0: probabilities", |c| {
            let words = vec!["a".to_string()];
            let case = GoldenExercise { track: "aa_bb".into(), words, tolerance: 0.1, ..GoldenExercise::default() };
            c.exercises.push(case);
        }),
    ];
    for (words, change) in cases {
        let mut contents = common::scorer::random_contents(2, |_| ());
        change(&mut contents);
        let error = write(tempfile::tempdir().unwrap().path(), &contents).unwrap_err().to_string();
        assert!(error.replace(": ", ".").contains(&words.replace(": ", ".")), "{words}: {error}");
    }
}
