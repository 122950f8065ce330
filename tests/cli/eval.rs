//! `mtl eval`: scores that are known beforehand, because the model wrote the gold labels itself.

use super::*;

const LINES: &str = "Anna Berg bor i Odense .\nKim er fra Aarhus , og Bo er fra Ribe .\n12 år i København\n";

/// The model's own tags of some sentences, as CoNLL.
fn own_tags(model: &TempDir, task: &str) -> String {
    let args = ["tag", "-q", "-m", path(model), "-l", "da", "-t", task, "-i", "tokens", "-o", "conll"];
    run(&args, LINES.repeat(3).as_bytes()).good()
}

fn eval(model: &TempDir, task: &str, more: &[&str]) -> Output {
    run(&[&["eval", "-m", path(model), "-l", "da", "-t", task], more].concat(), b"")
}

fn scores(output: Output) -> Value {
    let text = output.good();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_the_model_says_itself_scores_one() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    for (task, scheme) in [("ner", "bioes"), ("upos", "plain")] {
        let data = file(&folder, "own.conll", own_tags(&model, task));
        let scores = scores(eval(&model, task, &["-d", &data, "--scheme", scheme]));
        let keys: Vec<&String> = scores.as_object().unwrap().keys().collect();
        let mut expected =
            ["task", "lang", "sentences", "tokens", "precision", "recall", "f1", "strict_f1", "accuracy"];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!((&scores["task"], &scores["lang"]), (&task.into(), &"da".into()));
        assert_eq!((&scores["sentences"], &scores["tokens"]), (&9.into(), &63.into()));
        for key in ["precision", "recall", "f1", "strict_f1", "accuracy"] {
            assert_eq!(scores[key], 1.0, "{task} {key}: {scores}");
        }
    }
}

#[test]
fn columns_schemes_and_formats_give_the_same_scores() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let own = own_tags(&model, "ner");
    // IOB2 in the second of three columns, with comments.
    let iob2 = |label: &str| label.replace("S-", "B-").replace("E-", "I-");
    let mut columns = "# newdoc\n".to_string();
    let (mut conllu, mut id) = (String::new(), 0);
    for line in own.lines() {
        if let Some((token, label)) = line.split_once('\t') {
            id += 1;
            columns += &format!("{id}\t{}\t{token}\n", iob2(label));
            conllu += &format!("{id}\t{token}\t_\t_\t{}\t_\t_\t_\t_\t_\n", iob2(label));
        } else {
            columns += "\n";
            conllu += "\n";
            id = 0;
        }
    }
    let columns = file(&folder, "columns.conll", columns);
    let conllu = file(&folder, "own.conllu", conllu);
    let first =
        scores(eval(&model, "ner", &["-d", &columns, "--comments", "--token-column", "2", "--label-column", "1"]));
    assert_eq!(first["f1"], 1.0, "{first}");
    assert_eq!(first, scores(eval(&model, "ner", &["-d", &conllu, "--label-column", "4"])));
    eval(&model, "ner", &["-d", &conllu, "--token-column", "1"]).refused(&["--token-column", "CoNLL-U"]);
    eval(&model, "ner", &["-d", &conllu, "--label-column", "-1"]).refused(&["--label-column"]);
}

#[test]
fn unknown_gold_labels_are_errors_that_are_named_unless_mapped() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let own = own_tags(&model, "ner");
    assert!(own.contains("-PER"), "the random model found no person: choose another seed");
    let renamed = file(&folder, "renamed.conll", own.replace("-PER", "-person"));
    let unmapped = eval(&model, "ner", &["-d", &renamed, "--scheme", "bioes"]);
    assert!(unmapped.stderr.contains("person (") && unmapped.stderr.contains("--map"), "{}", unmapped.stderr);
    assert!(scores(unmapped)["f1"].as_f64().unwrap() < 1.0);
    let mapped = eval(&model, "ner", &["-d", &renamed, "--scheme", "bioes", "--map", "person=PER"]);
    assert_eq!(mapped.stderr, "");
    assert_eq!(scores(mapped)["f1"], 1.0);
    let dropped = ["-d", &renamed, "--scheme", "bioes", "--map", "person=O", "--map-predicted", "PER=O"];
    assert_eq!(scores(eval(&model, "ner", &dropped))["accuracy"], 1.0);
    let data = ["-d", renamed.as_str()];
    eval(&model, "ner", &[&data[..], &["--map", "person=HUMAN"]].concat()).refused(&["HUMAN", "LOC, PER"]);
    eval(&model, "ner", &[&data[..], &["--map-predicted", "HUMAN=O"]].concat()).refused(&["HUMAN", "LOC, PER"]);
    eval(&model, "ner", &[&data[..], &["--map", "person"]].concat()).refused(&["OLD=NEW"]);
    eval(&model, "ner", &[&data[..], &["--scheme", "plain"]].concat()).refused(&["--scheme plain", "ner"]);
    eval(&model, "upos", &[&data[..], &["--scheme", "iob2"]].concat()).refused(&["--scheme iob2", "upos"]);
}

#[test]
fn a_tag_of_another_scheme_is_named_by_its_line() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let data = file(&folder, "data.conll", "Anna\tO\n\nKim\tO\nBo\tS-PER\n");
    eval(&model, "ner", &["-d", &data]).refused(&["data.conll", "line 3", "token 2", "S-PER", "scheme"]);
}

#[test]
fn nothing_scores_nothing() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let data = file(&folder, "empty.conll", "");
    let output = eval(&model, "ner", &["-d", &data]);
    assert!(output.stderr.contains("no sentences"), "{}", output.stderr);
    let scores = scores(output);
    assert_eq!((&scores["sentences"], &scores["f1"]), (&0.into(), &0.0.into()));
}

#[test]
fn universal_ner_is_known_by_its_name_and_stray_tags_open_spans() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let mut text = "# sent_id = 1\n# text = made up\n".to_string();
    let mut id = 0;
    for line in own_tags(&model, "ner").lines() {
        match line.split_once('\t') {
            Some((token, label)) => {
                id += 1;
                // No B- at all: every span opens with I-, and neighbours of one type run together.
                let label = label.replace("S-", "I-").replace("E-", "I-").replace("B-", "I-");
                text += &format!("{id}\t{token}\t{label}\t-\tme\n");
            }
            None => (text += "\n# next\n", id = 0).1,
        }
    }
    let data = file(&folder, "test.iob2", text);
    let scores = scores(eval(&model, "ner", &["-d", &data]));
    assert_eq!((&scores["sentences"], &scores["tokens"]), (&9.into(), &63.into()));
}
