use super::*;
use crate::{Error, ErrorKind, Result};
use proptest::prelude::*;

/// Version 4, labelled. Invented, as all of this.
const LABELLED: &str = "\
# prompt:Where: is the: cat?
# user:Ab+/9zQ1  countries:CO|US  days:1.793  client:web  session:lesson  format:reverse_translate  time:9
AAAAbbbb0101  Dónde                ADV      fPOS=ADV++  advmod  4  0
AAAAbbbb0102  está                 VERB     Mood=Ind|Tense=Pres|fPOS=VERB++  ROOT  0  1

# user:Ab+/9zQ1  countries:CO|US  days:2.000  client:web  session:test  format:listen  time:null
AAAAbbbb0201  otorrinolaringólogo  NOUN     fPOS=NOUN++  ROOT  0  1

# user:zzzzzzzz  countries:  days:0.000  client:ios  session:practice  format:reverse_tap  time:-3
CCCCdddd9999  esternocleidomastoideo  NOUN     fPOS=NOUN++  ROOT  0  0

";

fn all(text: &str) -> Result<Vec<Record>> {
    read(text.as_bytes(), "es_en").collect()
}

fn written(records: &[Record]) -> String {
    let mut out = String::new();
    records.iter().for_each(|record| record.write(&mut out).unwrap());
    out
}

fn refused(text: &str) -> Error {
    all(text).expect_err(text)
}

#[test]
fn an_exercise_has_its_fields_and_words() {
    let records = all(LABELLED).unwrap();
    let [first, second, third] = &records[..] else { panic!("{records:?}") };
    assert_eq!((first.line, second.line, third.line), (1, 6, 9));
    assert_eq!(first.prompt.as_deref(), Some("Where: is the: cat?"));
    let expected = Exercise {
        track: "es_en".into(),
        user: "Ab+/9zQ1".into(),
        countries: vec!["CO".into(), "US".into()],
        days: 1.793,
        client: "web".into(),
        session: "lesson".into(),
        format: "reverse_translate".into(),
        time: Some(9.0),
        words: vec!["Dónde".into(), "está".into()],
        vectors: Vec::new(),
    };
    assert_eq!(first.exercise, expected);
    let token = Token {
        id: "AAAAbbbb0102".into(),
        part_of_speech: "VERB".into(),
        morphology: "Mood=Ind|Tense=Pres|fPOS=VERB++".into(),
        dependency: "ROOT".into(),
        head: 0,
        mistake: Some(true),
    };
    assert_eq!(first.tokens[1], token);
    assert_eq!((second.prompt.as_ref(), second.exercise.time), (None, None));
    assert_eq!((third.exercise.countries.len(), third.exercise.time), (0, Some(-3.0)));
}

#[test]
fn what_was_read_is_written_as_the_same_bytes() {
    assert_eq!(written(&all(LABELLED).unwrap()), LABELLED);
    let unlabelled: String = LABELLED.lines().map(unlabel).collect();
    assert_eq!(written(&all(&unlabelled).unwrap()), unlabelled);
}

/// A line without its label.
fn unlabel(line: &str) -> String {
    let word = !line.is_empty() && !line.starts_with('#');
    format!("{}\n", if word { &line[..line.len() - 3] } else { line })
}

#[test]
fn line_ends_blank_lines_and_a_byte_order_mark_do_not_matter() {
    let odd = format!("\u{FEFF}\n \n{}", LABELLED.replace('\n', "\r\n").trim_end());
    let records = all(&odd).unwrap();
    assert_eq!(written(&records), LABELLED);
    assert_eq!(records[0].line, 3);
    assert_eq!(all("").unwrap(), []);
    let (header, word) = ("# time:1 user:u countries:X days:0 client: session: format:", "AAAAbbbb0101 a b c d 0");
    assert_eq!(all(&format!("{header}\n{word}")).unwrap()[0].exercise.user, "u");
}

#[test]
fn faults_are_named_by_line() {
    let header = "# user:u  countries:C  days:1  client:c  session:s  format:f  time:1\n";
    let word = "AAAAbbbb0101 a b c d 0 1\n";
    let replaced = |from: &str, to: &str| format!("{}{word}", header.replace(from, to));
    for (text, place, says) in [
        (word.to_string(), "line 1", "before the line"),
        (format!("{header}\n"), "line 2", "without words"),
        (header.to_string(), "line 2", "without words"),
        ("# prompt:x\n\n".to_string(), "line 2", "without words"),
        (format!("{header}{header}{word}"), "line 2", "a line of fields"),
        (format!("{header}# prompt:x\n{word}"), "line 2", "a prompt"),
        (format!("# prompt:x\n# prompt:y\n{header}{word}"), "line 2", "a prompt"),
        (replaced("days:1", "days:NaN"), "line 1", "days is \"NaN\""),
        (replaced("days:1", "days:-1"), "line 1", "days"),
        (replaced("days:1", "days:inf"), "line 1", "days"),
        (replaced("days:1", "days:1e999"), "line 1", "days"),
        (replaced("days:1", "days:"), "line 1", "days"),
        (replaced("time:1", "time:inf"), "line 1", "time"),
        (replaced("time:1", "time:soon"), "line 1", "or null"),
        (replaced("time:1", ""), "line 1", "time is missing"),
        (replaced("time:1", "time:1 time:1"), "line 1", "time stands twice"),
        (replaced("time:1", "time:1 mood:good"), "line 1", "unknown field \"mood:good\""),
        (replaced("time:1", "time:1 stray"), "line 1", "unknown field \"stray\""),
        (format!("{header}AAAAbbbb0101 a b c d\n"), "line 2", "5 columns"),
        (format!("{header}AAAAbbbb0101 a b c d 0 1 1\n"), "line 2", "8 columns"),
        (format!("{header}{word}\n{header}AAAAbbbb0201 a b c d 0\n"), "line 5", "6 columns, and 7"),
        (format!("{header}AAAAbbbb01x1 a b c d 0 1\n"), "line 2", "is no instance"),
        (format!("{header}AAAAbbbb0101x a b c d 0 1\n"), "line 2", "is no instance"),
        (format!("{header}AAAébbb0101 a b c d 0 1\n"), "line 2", "is no instance"),
        (format!("{header}AAAAbbbb0101 a b c d -1 1\n"), "line 2", "the head is \"-1\""),
        (format!("{header}AAAAbbbb0101 a b c d 0 2\n"), "line 2", "the label is \"2\""),
    ] {
        let error = refused(&text);
        assert_eq!((error.kind(), error.place()), (ErrorKind::Input, place), "{text:?}: {error}");
        assert!(error.to_string().contains(says), "{text:?}: {error}");
        assert!(!error.advice().is_empty(), "{error}");
    }
    let invalid = [LABELLED.as_bytes(), b"\xFF\n"].concat();
    let error = read(&invalid[..], "").collect::<Result<Vec<_>>>().unwrap_err();
    assert_eq!(error.place(), "line 12, byte 1");
}

#[test]
fn the_reader_stops_after_a_fault() {
    let text = format!("{LABELLED}stray\n\n{LABELLED}");
    let found: Vec<bool> = read(text.as_bytes(), "").map(|record| record.is_ok()).collect();
    assert_eq!(found, [true, true, true, false]);
}

#[test]
fn limits() {
    let header = "# user:u countries: days:1 client: session: format: time:1\n";
    let word = "AAAAbbbb0101 a b c d 0\n";
    let longest = format!("{header}{}", word.repeat(MAX_WORDS));
    assert_eq!(all(&longest).unwrap()[0].tokens.len(), MAX_WORDS);
    for text in [format!("{longest}{word}"), format!("# prompt:{}\n", "x".repeat(MAX_LINE))] {
        assert_eq!(refused(&text).kind(), ErrorKind::Limit);
    }
}

#[test]
fn what_has_no_place_in_the_format_is_not_written() {
    let good = all(LABELLED).unwrap().remove(0);
    type Change = (&'static str, fn(&mut Record));
    let changes: [Change; 12] = [
        ("prompt", |r| r.prompt = Some("a\nb".into())),
        ("user", |r| r.exercise.user = "a b".into()),
        ("countries", |r| r.exercise.countries = vec!["A|B".into()]),
        ("countries", |r| r.exercise.countries = vec![String::new()]),
        ("days", |r| r.exercise.days = f64::NAN),
        ("time", |r| r.exercise.time = Some(f64::INFINITY)),
        ("word 1", |r| r.exercise.words[1] = "a b".into()),
        ("word 0", |r| r.tokens[0].morphology.clear()),
        ("word 0", |r| r.tokens[0].id = "short".into()),
        ("", |r| r.tokens[0].mistake = None),
        ("", |r| r.exercise.words.truncate(1)),
        ("", |r| (r.exercise.words, r.tokens) = (Vec::new(), Vec::new())),
    ];
    for (place, change) in changes {
        let (mut record, mut out) = (good.clone(), "before".to_string());
        change(&mut record);
        let error = record.write(&mut out).unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::Argument, place), "{error}");
        assert_eq!(out, "before");
    }
}

#[test]
fn keys_and_predictions_go_with_their_file() {
    let records = all(LABELLED).unwrap();
    let (mut key, mut predicted) = (String::new(), String::new());
    for (record, p) in records.iter().zip([&[0.25, 0.5][..], &[1.0], &[1e-9]]) {
        record.write_key(&mut key).unwrap();
        record.write_predictions(p, &mut predicted).unwrap();
    }
    assert_eq!(key, "AAAAbbbb0101 0\nAAAAbbbb0102 1\nAAAAbbbb0201 1\nCCCCdddd9999 0\n");
    assert!(predicted.starts_with("AAAAbbbb0101 0.25\n") && predicted.ends_with("CCCCdddd9999 0.000000001\n"));
    let labels = gold(key.as_bytes()).unwrap();
    assert_eq!(labels, gold(LABELLED.as_bytes()).unwrap());
    let mut predictions = predictions(predicted.as_bytes()).unwrap();
    predictions.reverse();
    let (mistakes, probabilities) = pair(&labels, &predictions).unwrap();
    assert_eq!((mistakes, probabilities), (vec![false, true, true, false], vec![0.25, 0.5, 1.0, 1e-9]));
    let error = pair(&labels, &predictions[2..]).unwrap_err().to_string();
    assert!(error.contains("no prediction for AAAAbbbb0201, and for 2 of 4"), "{error}");
    assert!(records[0].write_predictions(&[0.5], &mut predicted).is_err());
    let unlabelled: String = LABELLED.lines().map(unlabel).collect();
    assert!(all(&unlabelled).unwrap()[0].write_key(&mut key).is_err());
    assert_eq!(gold(unlabelled.as_bytes()).unwrap_err().place(), "exercise of line 1");
}

#[test]
fn faults_of_keys_and_predictions_are_named_by_line() {
    let place = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Input);
        error.place().to_string()
    };
    for text in ["x 1", "AAAAbbbb0101", "AAAAbbbb0101 1 1", "AAAAbbbb0101 yes", "AAAAbbbb0102 1"] {
        let text = format!("AAAAbbbb0102 0\n\n{text}\n");
        assert_eq!(place(keys(text.as_bytes()).unwrap_err()), "line 3", "{text}");
    }
    for text in ["AAAAbbbb0101 NaN", "AAAAbbbb0101 -0.1", "AAAAbbbb0101 1.1", "AAAAbbbb0101 inf"] {
        assert_eq!(place(predictions(text.as_bytes()).unwrap_err()), "line 1", "{text}");
    }
    let twice = format!("{LABELLED}{LABELLED}");
    assert_eq!(place(gold(twice.as_bytes()).unwrap_err()), "exercise of line 12");
}

fn record(labelled: bool) -> impl Strategy<Value = Record> {
    let text = "[^ \t\n\r\x0B\x0C|:#\u{FEFF}]{1,8}";
    let token = (text, text, any::<u32>(), any::<bool>(), "[A-Za-z0-9+/]{8}[0-9]{4}");
    (
        proptest::option::of("[^\n\r]{0,20}"),
        (text, prop::collection::vec(text, 0..3), 0.0..1e6, "\\PC{0}|[a-z]{1,5}", proptest::option::of(-1e3..1e9)),
        prop::collection::vec(token, 1..5),
    )
        .prop_map(move |(prompt, (user, countries, days, client, time), tokens)| {
            let mut record = Record { prompt, ..Record::default() };
            record.exercise = Exercise { user, countries, days, client, time, ..Exercise::default() };
            for (word, column, head, mistake, id) in tokens {
                record.exercise.words.push(word);
                record.tokens.push(Token {
                    id,
                    part_of_speech: column.clone(),
                    morphology: column.clone(),
                    dependency: column,
                    head,
                    mistake: labelled.then_some(mistake),
                });
            }
            record
        })
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    any::<bool>().prop_flat_map(|labelled| prop::collection::vec(record(labelled), 0..4))
}

proptest! {
    #[test]
    fn what_was_written_is_read(records in records()) {
        let text = written(&records);
        let mut found: Vec<Record> = read(text.as_bytes(), "").collect::<Result<_>>().unwrap();
        found.iter_mut().for_each(|record| record.line = 0);
        prop_assert_eq!(&found, &records);
        prop_assert_eq!(written(&found), text);
    }

    /// Whatever was done to a file, it is read or refused.
    #[test]
    fn damage_is_survived(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..4), cut in 0usize..20) {
        let mut text = LABELLED.as_bytes().to_vec();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.splice(start..end, bytes);
        for record in read(&text[..], "") {
            match record {
                Ok(record) => prop_assert_eq!(record.tokens.len(), record.exercise.words.len()),
                Err(error) => prop_assert!(error.place().starts_with("line "), "{}", error),
            }
        }
        let _ = gold(&text[..]);
        let _ = predictions(&text[..]);
    }
}
