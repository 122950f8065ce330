//! Sentences are decoded where their emissions are computed, several threads at a time: the results are those of decoding
//! afterwards, and an error or a cancelled call ends the whole.

mod common;

use common::{Sizes, random_batch, random_bundle};
use libmtl::bundle::Bundle;
use libmtl::engine::native::Native;
use libmtl::engine::{Engine, EngineOptions, Found, Head};
use libmtl::kernels::crf::{marginals, nbest, path_probability, viterbi};
use libmtl::tagger::{Alternative, DecodeOptions, Document, DocumentOptions, MAX_NBEST, TaggedSpan, Tagger, Tagging};
use libmtl::text::scheme::{Scheme, spans_lenient};
use libmtl::{Cancel, Error, ErrorKind};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const LANGUAGE: &str = "da";

/// Taggers of 1 to 4 threads over one bundle.
fn taggers(seed: u64) -> Vec<Tagger> {
    println!("seed {seed}");
    let folder = random_bundle(seed, &Sizes { hidden: 23, ..Sizes::default() });
    let bundle = Arc::new(Bundle::open(folder.path()).unwrap());
    let open = |threads| Tagger::open(Arc::clone(&bundle), &EngineOptions { threads, ..Default::default() }).unwrap();
    (1..=4).map(open).collect()
}

/// Sentences of these lengths.
fn sentences(seed: u64, lengths: &[usize]) -> Vec<Vec<String>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut word = || (0..rng.random_range(1..7)).map(|_| char::from(rng.random_range(b'a'..=b'f'))).collect();
    lengths.iter().map(|&length| (0..length).map(|_| word()).collect()).collect()
}

/// What `task` makes of a sentence's `emissions`, by the functions of the CRF.
fn decoded(tagger: &Tagger, task: &str, emissions: &[f32], options: &DecodeOptions) -> Tagging {
    let (cancel, transitions) = (Cancel::new(), tagger.transitions(task).unwrap());
    let task = tagger.task(task).unwrap();
    let temperature = task.temperature.get(LANGUAGE).copied().unwrap_or(1.0);
    let names = |path: &[u16]| path.iter().map(|&label| task.labels[usize::from(label)].clone()).collect::<Vec<_>>();
    let (path, _) = viterbi(emissions, transitions, &cancel).unwrap();
    let marginals = marginals(emissions, transitions, temperature, &cancel).unwrap();
    let labels = names(&path);
    let span_score = |start: usize, end: usize| {
        path_probability(&marginals, emissions, transitions, temperature, start, &path[start..end])
    };
    let spans = if task.scheme == Scheme::Plain { Vec::new() } else { spans_lenient(&labels) };
    let spans = spans.into_iter().map(|span| {
        let score = options.scores.then(|| span_score(span.start, span.end));
        TaggedSpan { start: span.start, end: span.end, label: span.label, score }
    });
    let unary = |(token, &label): (usize, &u16)| marginals.unary[token * task.labels.len() + usize::from(label)];
    let scores = if options.scores { path.iter().enumerate().map(unary).collect() } else { Vec::new() };
    let best = nbest(emissions, transitions, options.nbest, &cancel).unwrap().into_iter();
    let nbest = best.map(|(path, score)| {
        let probability = (f64::from(score) / f64::from(temperature) - marginals.log_z).exp().min(1.0);
        Alternative { labels: names(&path), probability }
    });
    Tagging { spans: spans.collect(), scores, nbest: nbest.collect(), labels }
}

/// Bit for bit, on every option, task and number of threads.
#[test]
fn decoding_in_tiles_is_decoding_afterwards() {
    let seed = rand::random();
    let taggers = taggers(seed);
    let lengths: Vec<usize> = (0..45).map(|sentence| sentence * 11 % 37).chain([180, 1, 0]).collect();
    let owned = sentences(seed, &lengths);
    let sentences: Vec<&[String]> = owned.iter().map(Vec::as_slice).collect();
    let mut spans = 0;
    for task in &taggers[0].manifest().tasks {
        let emissions: Vec<Vec<f32>> = (sentences.iter())
            .map(|sentence| taggers[0].emissions(&[sentence], &task.name, LANGUAGE, &Cancel::new()).unwrap().remove(0))
            .collect();
        for (scores, nbest) in [(false, 0), (true, 0), (false, 4), (true, 3)] {
            let options = DecodeOptions { scores, nbest, zero_shot: true };
            let decode = |emissions: &Vec<f32>| match emissions.is_empty() {
                true => Tagging::default(),
                false => decoded(&taggers[0], &task.name, emissions, &options),
            };
            let expected: Vec<Tagging> = emissions.iter().map(decode).collect();
            spans += expected.iter().map(|tagging| tagging.spans.len()).sum::<usize>();
            for tagger in &taggers {
                let found = tagger.tag(&sentences, &task.name, LANGUAGE, &options, &Cancel::new()).unwrap();
                assert_eq!(found, expected, "{}, {options:?}, {} threads", task.name, tagger.report().threads);
            }
        }
    }
    assert!(spans > 0);
}

/// All tasks in one pass: each as if asked for alone.
#[test]
fn heads_of_one_pass_are_decoded_each_by_its_own_task() {
    let seed = rand::random();
    let taggers = taggers(seed);
    let owned = sentences(seed, &(1..30).collect::<Vec<_>>());
    let bytes: Vec<Vec<&[u8]>> = owned.iter().map(|words| words.iter().map(|word| word.as_bytes()).collect()).collect();
    let documents: Vec<Document> = bytes.iter().map(|words| Document::Tokens(words)).collect();
    let decode = DecodeOptions { scores: true, nbest: 2, zero_shot: true };
    let annotate = |tagger: &Tagger, tasks: &[&str]| {
        let tasks = tasks.iter().map(|task| task.to_string()).collect();
        let options = DocumentOptions { language: Some(LANGUAGE.into()), tasks, decode, ..DocumentOptions::default() };
        let found = tagger.annotate(&documents, &options, &Cancel::new()).unwrap().into_iter();
        found.map(|annotation| annotation.unwrap().tasks).collect::<Vec<_>>()
    };
    let alone = ["ner", "upos"].map(|task| annotate(&taggers[0], &[task]));
    for tagger in &taggers {
        for (document, tagged) in annotate(tagger, &["ner", "upos"]).into_iter().enumerate() {
            let expected: Vec<_> = alone.iter().flat_map(|alone| alone[document].clone()).collect();
            assert_eq!(tagged, expected, "{} threads", tagger.report().threads);
        }
    }
}

/// An error of the decoding is the call's, whichever thread it comes from, and the tagger is as it was.
#[test]
fn an_error_of_the_decoding_is_the_calls() {
    let seed = rand::random();
    let owned = sentences(seed, &[5; 60]);
    let sentences: Vec<&[String]> = owned.iter().map(Vec::as_slice).collect();
    for tagger in taggers(seed) {
        let tag = |nbest| {
            let options = DecodeOptions { nbest, ..DecodeOptions::default() };
            tagger.tag(&sentences, "ner", LANGUAGE, &options, &Cancel::new())
        };
        let expected = tag(1).unwrap();
        let error = tag(MAX_NBEST + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("101 best paths over 5 tokens"), "{error}");
        assert_eq!(tag(1).unwrap(), expected);
    }
}

/// Each head and sentence is handed over once; after an error of the one who takes, or a cancel, there is no new tile.
#[test]
fn whoever_takes_can_end_the_call() {
    let seed = rand::random();
    let folder = random_bundle(seed, &Sizes::default());
    let bundle = Bundle::open(folder.path()).unwrap();
    let batch = random_batch(seed, &bundle, &[6; 400]);
    let heads = [Head { task: 1, language: None }, Head { task: 0, language: Some(1) }];
    for threads in 1..=4 {
        let native = Native::open(&bundle, &EngineOptions { threads, ..Default::default() }).unwrap();
        let expected = native.emissions(&batch, &heads, &Cancel::new()).unwrap();
        let seen = Mutex::new(HashSet::new());
        let take = |head: usize, sentence: usize, found: Found| {
            assert!(matches!(found, Found::Emissions(found) if found == expected[head][sentence]));
            assert!(seen.lock().unwrap().insert((head, sentence)));
            Ok(())
        };
        native.run(&batch, &heads, true, &Cancel::new(), &take).unwrap();
        assert_eq!(seen.into_inner().unwrap().len(), 2 * 400);

        // What the other threads have begun goes on: a tile of eight sentences each.
        let (taken, most) = (AtomicUsize::new(0), 20 + 2 * 8 * threads);
        let refuse = |_: usize, _: usize, _: Found| match taken.fetch_add(1, Ordering::Relaxed) {
            20 => Err(Error::new(ErrorKind::Input, "enough")),
            _ => Ok(()),
        };
        let error = native.run(&batch, &heads, true, &Cancel::new(), &refuse).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Input, "enough"));
        assert!((21..=most).contains(&taken.into_inner()), "{threads} threads");

        let (taken, cancel) = (AtomicUsize::new(0), Cancel::new());
        let stop = |_: usize, _: usize, _: Found| {
            if taken.fetch_add(1, Ordering::Relaxed) == 20 {
                cancel.cancel();
            }
            Ok(())
        };
        let error = native.run(&batch, &heads, true, &cancel, &stop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!((21..=most).contains(&taken.into_inner()), "{threads} threads");
        assert_eq!(native.emissions(&batch, &heads, &Cancel::new()).unwrap(), expected);
    }
}
