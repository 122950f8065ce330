//! `mtl tag`: what it reads, what it writes.

use super::*;

const TEXT: &str = "Anna Berg bor i Odense. Hun er 45 år 😀.\n\nDet er sandt.\n";

#[test]
fn running_text_becomes_sentences_with_offsets_in_every_unit() {
    let model = bundle();
    let units: Vec<u16> = TEXT.encode_utf16().collect();
    let points: Vec<char> = TEXT.chars().collect();
    for unit in ["bytes", "utf16", "codepoints"] {
        let args = ["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", "--offsets", unit];
        let lines = run(&args, TEXT.as_bytes()).json_lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line["document"], "-");
            assert_eq!(line["sentence"], index + 1);
            assert_eq!((&line["language"], &line["language_detected"]), (&"da".into(), &false.into()));
            assert_eq!(line["offsets"], unit);
            for token in line["tokens"].as_array().unwrap() {
                let place = |end: &str| token[end].as_u64().unwrap() as usize;
                let range = place("start")..place("end");
                let surface = match unit {
                    "bytes" => TEXT[range].to_string(),
                    "utf16" => String::from_utf16(&units[range]).unwrap(),
                    _ => points[range].iter().collect(),
                };
                assert_eq!(token["text"], surface, "{unit}");
            }
            let tokens = line["tokens"].as_array().unwrap();
            assert_eq!(line["start"], tokens[0]["start"]);
            assert_eq!(line["end"], tokens[tokens.len() - 1]["end"]);
        }
        assert_eq!(lines.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 3]);
    }
}

#[test]
fn every_task_of_the_language_is_run_or_the_one_that_was_asked_for() {
    let model = bundle();
    let tasks = |lang: &str, more: &[&str]| {
        let args = [&["tag", "-m", path(&model), "-l", lang, "-o", "jsonl"], more].concat();
        let line = run(&args, b"Anna bor her.").json_lines().remove(0);
        line["tasks"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(tasks("da", &[]), ["ner", "upos"]);
    assert_eq!(tasks("ru", &[]), ["upos"]);
    assert_eq!(tasks("da", &["--task", "ner"]), ["ner"]);
    assert_eq!(tasks("ru", &["--task", "ner", "--zero-shot"]), ["ner"]);
}

#[test]
fn scores_are_probabilities_and_spans_agree_with_tags() {
    let model = bundle();
    let text = "Anna Berg bor i Odense, og hun kender Kim fra Aarhus. ".repeat(20);
    let args = ["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", "--scores", "--nbest", "4"];
    let mut spans_seen = 0;
    for line in run(&args, text.as_bytes()).json_lines() {
        let length = line["tokens"].as_array().unwrap().len();
        for (name, task) in line["tasks"].as_object().unwrap() {
            let tags = task["tags"].as_array().unwrap();
            let scores = task["scores"].as_array().unwrap();
            assert_eq!((tags.len(), scores.len()), (length, length));
            assert!(scores.iter().all(|score| (0.0..=1.0).contains(&score.as_f64().unwrap())), "{scores:?}");
            let nbest = task["nbest"].as_array().unwrap();
            assert_eq!(nbest.len(), 4);
            assert_eq!(nbest[0]["tags"], task["tags"]);
            let odds: Vec<f64> = nbest.iter().map(|path| path["probability"].as_f64().unwrap()).collect();
            assert!(odds.is_sorted_by(|a, b| a >= b) && odds.iter().sum::<f64>() <= 1.0 + 1e-6, "{odds:?}");
            assert_eq!(task.get("spans").is_some(), name == "ner");
            for span in task["spans"].as_array().into_iter().flatten() {
                let (first, last) = (span["first_token"].as_u64().unwrap(), span["last_token"].as_u64().unwrap());
                assert!(first <= last && (last as usize) < length);
                let tag = tags[first as usize].as_str().unwrap();
                assert_eq!(tag.split_once('-').unwrap().1, span["label"]);
                assert_eq!(span["start"], line["tokens"][first as usize]["start"]);
                assert_eq!(span["end"], line["tokens"][last as usize]["end"]);
                // No token of a span is less sure than the span.
                let score = span["score"].as_f64().unwrap();
                assert!(scores[first as usize].as_f64().unwrap() >= score - 1e-5);
                spans_seen += 1;
            }
        }
    }
    assert!(spans_seen > 0, "the random model found no span at all: choose another seed");
}

#[test]
fn tokens_conll_and_conllu_keep_their_tokens() {
    let model = bundle();
    let tokens = "Anna n't 3.14 --\nÆrø\n";
    let conll = "# text\nAnna\tx\tO\nn't\tx\tO\n3.14\tx\tO\n--\tx\tO\n\nÆrø\tx\tO\n";
    let row = |id: usize, form: &str| format!("{id}\t{form}\t_\t_\t_\t_\t_\t_\t_\t_\n");
    let conllu = format!(
        "# text = x\n1-2\tAnnan't\t_\t_\t_\t_\t_\t_\t_\t_\n{}{}{}{}\n{}\n",
        row(1, "Anna"),
        row(2, "n't"),
        row(3, "3.14"),
        row(4, "--"),
        row(1, "Ærø")
    );
    let tag = |input: &[&str], text: &str| {
        run(&[&["tag", "-m", path(&model), "-l", "da", "-o", "conll", "-i"], input].concat(), text.as_bytes()).good()
    };
    let expected = tag(&["tokens"], tokens);
    assert_eq!(tag(&["conll", "--comments"], conll), expected);
    assert_eq!(tag(&["conllu"], &conllu), expected);
    let forms: Vec<&str> = expected.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(forms, ["Anna", "n't", "3.14", "--", "", "Ærø", ""]);
    assert!(expected.lines().all(|line| line.is_empty() || line.split('\t').count() == 3));
    let second = tag(&["conll", "--token-column", "1", "--comments"], conll);
    assert!(second.starts_with("x\t"), "{second}");
}

#[test]
fn conll_has_a_column_a_task_even_where_a_language_lacks_it() {
    let model = bundle();
    let text = "В Москве вчера открылась новая выставка молодых художников.\n";
    let output = run(&["tag", "-m", path(&model), "-o", "conll", "--scores"], text.as_bytes());
    assert!(output.stderr.contains("taken as Russian (ru)"), "{}", output.stderr);
    assert!(output.stderr.contains("columns: token, ner, upos"), "{}", output.stderr);
    for line in output.good().lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!((columns.len(), columns[1], columns[2]), (5, "_", "_"), "{line}");
        assert!((0.0..=1.0).contains(&columns[4].parse::<f64>().unwrap()));
    }
}

#[test]
fn the_language_is_found_and_named() {
    let model = bundle();
    let text = "The committee will meet again in Geneva on Thursday to discuss the new proposal.\n\n\
                Kjeld Christensen bor i København og arbejder på universitetet, hvor han underviser.\n\n\
                В Москве вчера открылась новая выставка молодых художников.\n\n12 345\n";
    let output = run(&["tag", "-m", path(&model), "-o", "jsonl"], text.as_bytes());
    for name in ["English (en)", "Danish (da)", "Russian (ru)"] {
        assert_eq!(output.stderr.matches(name).count(), 1, "{}", output.stderr);
    }
    let lines = output.json_lines();
    let languages: Vec<&str> = lines.iter().map(|line| line["language"].as_str().unwrap()).collect();
    // Numbers are in no language: they keep the one before.
    assert_eq!(languages, ["en", "da", "ru", "ru"]);
    assert!(lines.iter().all(|line| line["language_detected"] == true));
    let quiet = run(&["tag", "-m", path(&model), "-o", "jsonl", "-q"], text.as_bytes());
    assert_eq!(quiet.stderr, "");
}

#[test]
fn pretty_marks_spans_and_aligns_tags() {
    let model = bundle();
    let args = ["tag", "-m", path(&model), "-l", "da", "--scores", "--nbest", "2"];
    let text = run(&args, TEXT.as_bytes()).good();
    assert!(text.starts_with("da  "), "{text}");
    assert!(!text.contains('\u{1b}'), "colours in a pipe: {text:?}");
    assert!(text.contains("ner 1. 0.") && text.contains("upos 2. 0."), "{text}");
    let forced = run_command(mtl().args(args).env("CLICOLOR_FORCE", "1"), TEXT.as_bytes()).good();
    assert!(forced.contains('\u{1b}'), "{forced:?}");
    let plain = run_command(mtl().args(args).env("NO_COLOR", "1"), TEXT.as_bytes()).good();
    assert_eq!(plain, text);
    let narrow = run_command(mtl().args(args).env("COLUMNS", "40"), TEXT.as_bytes()).good();
    let longest = narrow.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 40, "{longest} columns:\n{narrow}");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let model = bundle();
    let hostile = "Anna \u{1b}]0;owned\u{7}\u{1b}[2J bor \u{9b}31m her.";
    let text = run(&["tag", "-m", path(&model), "-l", "da"], hostile.as_bytes()).good();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn the_page_is_whole_and_escapes_what_it_shows() {
    let model = bundle();
    let hostile = "<script>alert('x')</script> & \"Anna\" bor i <b>Odense</b>.";
    let page = run(&["tag", "-m", path(&model), "-l", "da", "-o", "html", "--scores"], hostile.as_bytes()).good();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(!page.contains("<script") && !page.contains("<b>Odense") && page.contains("&lt;"), "{page}");
    assert!(page.contains("<meta charset=\"utf-8\">") && page.contains("confidence"));
    assert!(!page.contains("http://") && !page.contains("https://"), "the page asks for something");
    let empty = run(&["tag", "-m", path(&model), "-o", "html"], b"").good();
    assert!(empty.contains("nothing to tag") && empty.ends_with("</html>\n"));
}

#[test]
fn several_files_keep_their_order_and_names() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let first = file(&folder, "first.txt", "Anna bor her.\n");
    let second = file(&folder, "second.txt", "Kim er der. Hun er her.\n");
    let args = ["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", &second, &first, "-"];
    let lines = run(&args, "Nu går vi.".as_bytes()).json_lines();
    let seen: Vec<(&str, u64)> =
        lines.iter().map(|l| (l["document"].as_str().unwrap(), l["sentence"].as_u64().unwrap())).collect();
    assert_eq!(seen, [(second.as_str(), 1), (second.as_str(), 2), (first.as_str(), 1), ("-", 1)]);
    let pretty = run(&["tag", "-m", path(&model), "-l", "da", &first, &second], b"").good();
    assert!(pretty.contains("first.txt") && pretty.contains("second.txt"), "{pretty}");
}

#[test]
fn an_engine_of_two_threads_gives_the_same_tags() {
    let model = bundle();
    let text = "Anna Berg bor i Odense. ".repeat(300);
    let tag = |threads| {
        run(&["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", "--scores", "--threads", threads], text.as_bytes())
            .good()
    };
    assert!(tag("1") == tag("2"), "threads change the result");
}

/// `mtl fuse`, and what it wrote: tagged and verified by the fused graph.
#[test]
fn a_fused_model_tags_and_verifies_as_it_did() {
    let (model, folder) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mtl-mobile"), tempfile::tempdir().unwrap());
    let output = run(&["fuse", model.to_str().unwrap(), path(&folder)], b"");
    assert!(output.stderr.contains("model.fused.onnx of ") && output.stdout.is_empty(), "{output:?}");
    output.good();
    let library = common::onnx_options().library.unwrap();
    let onnx = ["--engine", "onnx", "--ort-library", library.to_str().unwrap()];
    let text = "Anna Berg bor i Odense. Hun arbejder i Berlin.";
    let tag = |more: &[&str]| {
        let args = ["tag", "-m", path(&folder), "-l", "da", "-o", "conll", "-q"];
        run(&[&args[..], &onnx, more].concat(), text.as_bytes()).good()
    };
    let portable = tag(&[]);
    assert!(portable.contains("Odense\t") && portable.contains("S-LOC"), "{portable}");
    assert_eq!(tag(&["--graph", "fused"]), portable);
    assert_eq!(tag(&["--graph", "portable"]), portable);
    let verified = run(&["verify", path(&folder), "--ort-library", library.to_str().unwrap()], b"").good();
    let lines: Vec<&str> = verified.lines().filter(|line| line.contains(" fused ")).collect();
    assert!(lines.len() == 3 && lines[0].contains("one by one"), "{verified}");
}
