//! Text to sentences and tokens, tags to spans: what must hold whatever comes in.

use libmtl::text::offsets::{Unit, convert as convert_offsets};
use libmtl::text::readers::{ConllOptions, TextOptions, conll, conllu, text as read_text, tokens as read_tokens};
use libmtl::text::scheme::{Scheme, convert, spans, spans_lenient, spans_strict, write};
use libmtl::text::{Sentence, sentences, sentences_of, tokens};
use proptest::prelude::*;
use std::ops::Range;

const LANGUAGES: [&str; 10] = ["en", "fr", "nl", "ru", "es", "da", "hr", "pt", "xx", "en-GB"];
const SCHEMES: [Scheme; 3] = [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes];

/// Ranges in order, apart, on character boundaries, without white space at their ends; together all of `text` but
/// white space.
fn check_cover(text: &str, ranges: &[Range<usize>]) -> Result<(), TestCaseError> {
    let mut at = 0;
    for range in ranges {
        prop_assert!(range.start >= at && range.start < range.end, "{range:?} after {at}");
        prop_assert!(text.get(range.clone()).is_some(), "{range:?} is no part of the text");
        prop_assert!(text[at..range.start].trim().is_empty(), "{:?} is lost", &text[at..range.start]);
        let part = &text[range.clone()];
        prop_assert_eq!(part, part.trim());
        at = range.end;
    }
    prop_assert!(text[at..].trim().is_empty(), "{:?} is lost", &text[at..]);
    Ok(())
}

/// Text of the pieces that rules are about, in any order.
fn tricky_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "a", "The", "Dr", "e.g", "U.S", "n't", "'s", "l'", "d’", "-il", "-t-il", "qu'", "can", "not", "http://", "www.", "x@y.org", "@", "#",
            "&#39;", "&quot;", "12", "3", "1999", ":", ";", ")", "(", "-", "--", "/", "%", "$", "°", "C", "'", "’", "\"", "«", "»", ".", "...", "…", "!",
            "?", ",", " ", "  ", "\n", "\n\n", "\r\n", "\r", "\t", "\u{A0}", "\u{2028}", "\u{2029}", "\u{85}", "\u{FEFF}", "\0", "\u{301}", "\u{200D}",
            "\u{AD}", "😀", "🇩🇪", "👍🏽", "²", "½", "т.д", "г", "ß", "İ", "ﬁ", "中", "。", "ا", "ह", "्", "_", "*", "`", "&", "+", "=", "<", ">", "\\", "J", "№",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn tags() -> impl Strategy<Value = (Vec<libmtl::text::scheme::Span>, usize)> {
    let run = (0..3usize, 1..4usize, prop::sample::select(vec!["PER", "LOC", "geo-loc", "X"]));
    (prop::collection::vec(run, 0..6), 0..3usize).prop_map(|(runs, rest)| {
        let mut at = 0;
        let mut spans = Vec::new();
        for (gap, length, label) in runs {
            at += gap;
            spans.push(libmtl::text::scheme::Span { start: at, end: at + length, label: label.into() });
            at += length;
        }
        (spans, at + rest)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn tokens_cover_the_text_in_order(text in tricky_text(), language in prop::sample::select(&LANGUAGES[..])) {
        let found = tokens::tokenise(&text, language);
        check_cover(&text, &found)?;
        for token in &found {
            prop_assert!(!text[token.clone()].contains(char::is_whitespace), "white space in {:?}", &text[token.clone()]);
        }
    }

    #[test]
    fn tokens_cover_any_text(text: String) {
        for language in LANGUAGES {
            check_cover(&text, &tokens::tokenise(&text, language))?;
        }
    }

    #[test]
    fn sentences_cover_the_text_in_order(text in tricky_text(), language in prop::sample::select(&LANGUAGES[..])) {
        let found = sentences::split(&text, language);
        check_cover(&text, &found)?;
        for pair in found.windows(2) {
            prop_assert!(!text[pair[0].clone()].contains("\n\n"));
        }
    }

    #[test]
    fn sentences_hold_their_tokens(text in tricky_text(), base in 0..1000usize, language in prop::sample::select(&LANGUAGES[..])) {
        for sentence in sentences_of(&text, base, language) {
            prop_assert_eq!(sentence.tokens.len(), sentence.offsets.len());
            prop_assert!(!sentence.tokens.is_empty());
            for (token, place) in sentence.tokens.iter().zip(&sentence.offsets) {
                prop_assert_eq!(token, &text[place.start - base..place.end - base]);
            }
        }
    }

    /// Reading a stream gives the sentences of its paragraphs, with offsets into the whole.
    #[test]
    fn reading_a_stream_loses_nothing(text in tricky_text(), capacity in 1..20usize) {
        let options = TextOptions { language: "en".into(), unit: Unit::Bytes, lines: false };
        let input = std::io::BufReader::with_capacity(capacity, text.as_bytes());
        let found: Vec<Sentence> = read_text(input, options).collect::<Result<_, _>>().unwrap();
        let places: Vec<Range<usize>> = found.iter().flat_map(|s| s.offsets.clone()).collect();
        // A byte order mark is no text, but counts.
        let bom = text.len() - text.strip_prefix('\u{FEFF}').map_or(text.len(), str::len);
        let shifted: Vec<_> = places.iter().map(|p| p.start - bom..p.end - bom).collect();
        check_cover(&text[bom..], &shifted)?;
        for sentence in &found {
            for (token, place) in sentence.tokens.iter().zip(&sentence.offsets) {
                prop_assert_eq!(token, &text[place.clone()]);
            }
        }
        for unit in [Unit::Utf16, Unit::CodePoints] {
            let options = TextOptions { language: "en".into(), unit, lines: false };
            let again: Vec<_> = read_text(text.as_bytes(), options).flat_map(|s| s.unwrap().offsets).collect();
            prop_assert_eq!(again, convert_offsets(&text, &places, unit).unwrap());
        }
    }

    #[test]
    fn schemes_convert_in_every_direction((gold, length) in tags()) {
        for from in SCHEMES {
            let tags = write(&gold, length, from).unwrap();
            prop_assert_eq!(&spans(&tags, from).unwrap(), &gold);
            for to in SCHEMES {
                let there = convert(&tags, from, to).unwrap();
                prop_assert_eq!(&convert(&there, to, from).unwrap(), &tags);
            }
            // conlleval reads every well-formed scheme alike.
            prop_assert_eq!(&spans_lenient(&tags), &gold);
        }
        prop_assert_eq!(&spans_strict(&write(&gold, length, Scheme::Bioes).unwrap()), &gold);
    }

    #[test]
    fn any_tags_make_spans_or_errors(tags in prop::collection::vec("[BIESO.\\[\\]X]?(-[XYO]?)?", 0..8)) {
        let lenient = spans_lenient(&tags);
        prop_assert!(lenient.windows(2).all(|w| w[0].end <= w[1].start) && lenient.iter().all(|s| s.start < s.end && s.end <= tags.len()));
        prop_assert!(spans_strict(&tags).iter().all(|s| s.start < s.end && s.end <= tags.len()));
        for from in SCHEMES {
            if let Ok(converted) = convert(&tags, from, Scheme::Bioes) {
                prop_assert_eq!(&spans_strict(&converted), &spans(&tags, from).unwrap());
            }
        }
    }

    #[test]
    fn readers_never_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"\n\n\t 1-.#aO\r"[..])], 0..200)) {
        let options = ConllOptions { label_column: Some(-1), ..ConllOptions::default() };
        let _ = conll(&bytes[..], options).count();
        let _ = conllu(&bytes[..], Some(3)).count();
        let _ = read_tokens(&bytes[..]).count();
        let _ = read_text(&bytes[..], TextOptions::default()).count();
    }
}

/// Each input once, of a size at which anything but linear time would not end.
#[test]
fn hostile_text_takes_linear_time() {
    let pieces = [
        "a",
        "a-",
        "1-",
        "a'",
        "a.",
        "a1.",
        ". )",
        "(",
        ")",
        "\u{301}",
        "a\u{301}",
        " \u{301}",
        "😀\u{200D}",
        "@a",
        "a@",
        "#a",
        "http://",
        "&#3",
        ":",
        "a:",
        "'",
        ". 1",
        "U.S. ",
        "- A",
        "!",
        ".) ",
        "\0",
    ];
    let mut texts: Vec<String> = pieces.iter().map(|piece| piece.repeat(200_000 / piece.len())).collect();
    texts.push("( ".repeat(100_000) + &")".repeat(100_000));
    texts.push("(".repeat(200_000) + "a");
    for text in texts {
        let shown: String = text.chars().take(8).collect();
        assert!(check_cover(&text, &tokens::tokenise(&text, "en")).is_ok(), "{shown:?}");
        assert!(check_cover(&text, &sentences::split(&text, "en")).is_ok(), "{shown:?}");
    }
}

#[test]
fn a_token_of_ten_megabytes_stays_whole() {
    let text = "x".repeat(10 << 20);
    let found: Vec<_> =
        read_text(text.as_bytes(), TextOptions { language: "en".into(), unit: Unit::Bytes, lines: false }).collect();
    assert_eq!(found.len(), 1);
    let sentence = found[0].as_ref().unwrap();
    assert_eq!((sentence.offsets.len(), &sentence.offsets[0]), (1, &(0..text.len())));
    let found: Vec<_> = conll(format!("{text} O\n").as_bytes(), ConllOptions::default()).collect();
    assert_eq!(found[0].as_ref().unwrap().tokens[0].len(), text.len());
}

#[test]
fn a_sentence_of_a_hundred_thousand_tokens_is_one_sentence() {
    let found: Vec<_> = conll("a\tO\n".repeat(100_000).as_bytes(), ConllOptions::default()).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].as_ref().unwrap().tokens.len(), 100_000);
}
