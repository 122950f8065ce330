//! Whole documents: offsets into the text as given, one result or error each, whatever stands beside them.

mod common;

use common::{Sizes, random_bundle};
use libmtl::bundle::Bundle;
use libmtl::tagger::{Annotation, Document, DocumentOptions, Tagger};
use libmtl::text::offsets::Unit;
use libmtl::{Cancel, ErrorKind};
use std::sync::Arc;

fn tagger() -> Tagger {
    let folder = random_bundle(11, &Sizes::default());
    Tagger::open(Arc::new(Bundle::open(folder.path()).unwrap()), &Default::default()).unwrap()
}

fn english(unit: Unit) -> DocumentOptions {
    DocumentOptions { language: Some("en".into()), unit, ..DocumentOptions::default() }
}

fn annotate(tagger: &Tagger, documents: &[Document], options: &DocumentOptions) -> Vec<libmtl::Result<Annotation>> {
    tagger.annotate(documents, options, &Cancel::new()).unwrap()
}

#[test]
fn offsets_are_the_callers() {
    let tagger = tagger();
    // Combining marks, emoji beyond the Basic Multilingual Plane, right-to-left text, CRLF, a NUL.
    let text = "Cafe\u{301} 👩‍👩‍👧 ok.\r\n\r\nשלום עולם. a\0b end";
    let words = |unit| -> Vec<std::ops::Range<usize>> {
        let mut found = annotate(&tagger, &[Document::Text(text.as_bytes())], &english(unit));
        found.remove(0).unwrap().tokens
    };
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let points: Vec<char> = text.chars().collect();
    let (bytes, units, codes) = (words(Unit::Bytes), words(Unit::Utf16), words(Unit::CodePoints));
    assert!(bytes.len() > 6 && bytes.len() == units.len() && bytes.len() == codes.len());
    for ((b, u), c) in bytes.into_iter().zip(units).zip(codes) {
        let word = &text[b];
        assert_eq!(String::from_utf16(&utf16[u]).unwrap(), word);
        assert_eq!(points[c].iter().collect::<String>(), word);
    }
}

#[test]
fn a_bad_document_has_an_error_of_its_own() {
    let tagger = tagger();
    let long = "x".repeat(100_000);
    let documents = [
        Document::Text(b"one two."),
        Document::Text(b"\xFFone"),
        Document::Text(b""),
        Document::Text(b" \r\n\t "),
        Document::Text(long.as_bytes()),
        Document::Tokens(&[b"one", b"", b"two"]),
        Document::Tokens(&[b"one", b"two"]),
        Document::Tokens(&[]),
        Document::Tokens(&[b"a", b"\xC3"]),
    ];
    let found = annotate(&tagger, &documents, &english(Unit::Bytes));
    let kinds: Vec<Option<ErrorKind>> = found.iter().map(|f| f.as_ref().err().map(libmtl::Error::kind)).collect();
    let (input, limit) = (Some(ErrorKind::Input), Some(ErrorKind::Limit));
    assert_eq!(kinds, [None, input, None, None, limit, input, None, None, input]);
    assert!(found[1].as_ref().unwrap_err().to_string().starts_with("byte 0: not valid UTF-8"));
    assert!(found[5].as_ref().unwrap_err().to_string().contains("token 1"));
    assert!(found[8].as_ref().unwrap_err().to_string().contains("token 1: byte 0"));
    let tokens = |index: usize| found[index].as_ref().unwrap().tokens.clone();
    assert_eq!(tokens(0), [0..3, 4..7, 7..8]);
    assert!(tokens(2).is_empty() && tokens(3).is_empty() && tokens(7).is_empty());
    assert_eq!(tokens(6), [0..3, 3..6]);

    let alone = annotate(&tagger, &documents[6..7], &english(Unit::Bytes));
    assert_eq!(alone[0].as_ref().unwrap(), found[6].as_ref().unwrap());
}

#[test]
fn invalid_bytes_are_replaced_where_asked_and_offsets_stay_the_originals() {
    let tagger = tagger();
    let options = DocumentOptions { replace_invalid: true, ..english(Unit::Bytes) };
    let found = annotate(&tagger, &[Document::Text(b"one \xFF\xFE two \xE2\x82 end")], &options);
    let tokens = &found[0].as_ref().unwrap().tokens;
    assert_eq!((tokens.first(), tokens.last()), (Some(&(0..3)), Some(&(14..17))));
    assert!(tokens.contains(&(7..10)), "{tokens:?}");
}

#[test]
fn tasks_and_languages() {
    let tagger = tagger();
    let text = Document::Text("Hun bor i København. Det er en lille by.".as_bytes());
    let found = annotate(&tagger, &[text], &DocumentOptions::default());
    assert_eq!(found[0].as_ref().unwrap().language, "da");
    let ask = |tasks: &[&str], language: Option<&str>| {
        let tasks = tasks.iter().map(|task| task.to_string()).collect();
        let options = DocumentOptions { tasks, language: language.map(String::from), ..DocumentOptions::default() };
        tagger.annotate(&[text], &options, &Cancel::new())
    };
    let names: Vec<String> = tagger.manifest().tasks.iter().map(|task| task.name.clone()).collect();
    assert_eq!(ask(&[], None).unwrap()[0].as_ref().unwrap().tasks.len(), names.len());
    for (tasks, language, word) in [
        (&["chunks of cheese"][..], None, "no task"),
        (&[names[0].as_str(), names[0].as_str()][..], None, "twice"),
        (&[][..], Some("xx"), "no language"),
    ] {
        let error = ask(tasks, language).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// One pass of the network serves all tasks; each finds what it finds alone, also where another does not know the language.
#[test]
fn a_task_does_not_depend_on_the_others() {
    let tagger = tagger();
    let texts =
        ["Hun bor i København. Det er en lille by.", "", "Вчера в Казани открылась выставка.", "Om lidt er der kaffe."];
    let documents = texts.map(|text| Document::Text(text.as_bytes()));
    let ask = |tasks: &[&str]| -> Vec<Annotation> {
        let tasks = tasks.iter().map(|task| task.to_string()).collect();
        let options = DocumentOptions { tasks, ..DocumentOptions::default() };
        annotate(&tagger, &documents, &options).into_iter().map(Result::unwrap).collect()
    };
    let (ner, upos) = (ask(&["ner"]), ask(&["upos"]));
    assert!(ner[2].tasks[0].is_none() && ner.iter().chain(&upos).filter(|a| a.tasks[0].is_some()).count() > 4);
    for (tasks, first, second) in [(["ner", "upos"], &ner, &upos), (["upos", "ner"], &upos, &ner)] {
        for (index, both) in ask(&tasks).into_iter().enumerate() {
            assert_eq!(both.tasks, [first[index].tasks[0].clone(), second[index].tasks[0].clone()]);
        }
    }
}

#[test]
fn a_cancelled_call_gives_its_error() {
    let cancel = Cancel::new();
    cancel.cancel();
    let error = tagger().annotate(&[Document::Text(b"one")], &DocumentOptions::default(), &cancel).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}
