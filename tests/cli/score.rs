//! `mtl score`, and what the other commands make of a scorer.

use super::*;
use common::onnx_options;
use common::scorer::{exercises, given_vectors, random_contents, random_scorer};
use libmtl::bundle::{Bundle, GoldenExercise, write};
use libmtl::engine::EngineOptions;
use libmtl::scorer::{Exercise, ScoreOptions, Scorer};
use libmtl::{Cancel, Error};
use std::sync::Arc;

const EXERCISES: &str = "\
# user:u1  countries:c1|c2  days:1.793  client:k1  session:s1  format:f1  time:9
DRihrVmh0101  abc  PRON  fPOS=PRON++PRP  nsubj  2  0
DRihrVmh0102  Bad  VERB  fPOS=VERB++VBP  root  0  1

# user:nobody  countries:  days:0  client:  session:  format:  time:null
DRihrVmh0201  Ωx  NOUN  fPOS=NOUN++NN  root  0  0

";

/// The same by the library.
fn scored(model: &TempDir, exercises: &[Exercise], calibrated: bool) -> Vec<Vec<f32>> {
    let scorer = Scorer::open(Arc::new(Bundle::open(model.path()).unwrap()), &EngineOptions::default()).unwrap();
    let scored =
        scorer.score(exercises, &ScoreOptions { calibrated, ..ScoreOptions::default() }, &Cancel::new()).unwrap();
    scored.into_iter().collect::<Result<_, Error>>().unwrap()
}

fn read() -> Vec<Exercise> {
    let records = libmtl::scorer::slam::read(EXERCISES.as_bytes(), "cc_dd");
    records.map(|record| record.unwrap().exercise).collect()
}

#[test]
fn every_word_has_a_line_with_its_probability() {
    let model = random_scorer(1, |_| ());
    let args = ["score", "-m", path(&model), "--track", "cc_dd"];
    for (more, calibrated) in [(&[][..], false), (&["--calibrated"], true)] {
        let output = run(&[&args[..], more].concat(), EXERCISES.as_bytes());
        assert!(output.stderr.contains("note: random-scorer: Random weights, for tests"), "{}", output.stderr);
        let lines = output.good();
        let ids = ["DRihrVmh0101", "DRihrVmh0102", "DRihrVmh0201"];
        let expected: Vec<String> = ids
            .iter()
            .zip(scored(&model, &read(), calibrated).concat())
            .map(|(id, probability)| format!("{id} {probability}"))
            .collect();
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }
    let output = run(&[&args[..], &["--quiet"]].concat(), EXERCISES.as_bytes());
    assert_eq!(output.stderr, "");
}

#[test]
fn onnx_runtime_gives_the_same_probabilities() {
    let model = random_scorer(1, |_| ());
    let library = onnx_options().library.unwrap();
    let onnx = ["--engine", "onnx", "--ort-library", library.to_str().unwrap()];
    let args = ["score", "-q", "-m", path(&model), "-t", "cc_dd"];
    let [native, onnx] = [&[][..], &onnx].map(|more| run(&[&args[..], more].concat(), EXERCISES.as_bytes()).good());
    assert_eq!(native.lines().count(), 3);
    for (native, onnx) in native.lines().zip(onnx.lines()) {
        let ((id, native), (other, onnx)) = (native.split_once(' ').unwrap(), onnx.split_once(' ').unwrap());
        let difference = native.parse::<f32>().unwrap() - onnx.parse::<f32>().unwrap();
        assert!(id == other && difference.abs() < 1e-5, "{id}: {native}, {onnx}");
    }
}

#[test]
fn json_lines_say_whose_words_they_are() {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let data = file(&folder, "cc_dd.slam.test", EXERCISES);
    let lines = run(&["score", "-m", path(&model), "-o", "jsonl", &data], b"").json_lines();
    let expected = scored(&model, &read(), false);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["document"], &lines[1]["line"]), (&data.as_str().into(), &5.into()));
    assert_eq!((&lines[0]["track"], &lines[0]["user"]), (&"cc_dd".into(), &"u1".into()));
    assert_eq!((&lines[0]["model"]["id"], &lines[1]["model"]["version"]), (&"random-scorer".into(), &"0.1.0".into()));
    assert_eq!(lines[1]["model"]["description"], "Random weights, for tests");
    let word = &lines[0]["words"][1];
    assert_eq!((&word["id"], &word["text"]), (&"DRihrVmh0102".into(), &"Bad".into()));
    assert_eq!(word["mistake"].as_f64().unwrap() as f32, expected[0][1]);
}

#[test]
fn what_cannot_be_scored_is_refused_and_the_rest_is_scored() {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let score = |args: &[&str]| run(&[&["score", "-q", "-m", path(&model)], args].concat(), EXERCISES.as_bytes());
    score(&[]).refused(&["nothing says which track", "--track", "aa_bb, cc_dd"]);
    score(&["-t", "xx_yy"]).refused(&["--track", "no track \"xx_yy\"", "aa_bb, cc_dd"]);
    let broken = file(&folder, "cc_dd.broken", format!("{EXERCISES}# user:u1\n"));
    let good = file(&folder, "cc_dd.good", EXERCISES);
    let output = score(&[&broken, "nowhere/cc_dd.slam", &good]);
    output.refused(&["cc_dd.broken: line 8", "nowhere"]);
    assert_eq!(output.stdout.lines().count(), 6);
    let tagger = bundle();
    run(&["score", "-m", path(&tagger)], b"").refused(&["random is a tagger, not a scorer", "mtl tag"]);
    run(&["tag", "-m", path(&model)], b"a").refused(&["random-scorer is a scorer, not a tagger", "mtl score"]);
}

#[test]
fn a_scorer_is_verified_and_listed() {
    let zoo = tempfile::tempdir().unwrap();
    let model = random_scorer(1, |_| ());
    let mut contents = random_contents(1, |_| ());
    let exercises = exercises(2, 5);
    let case = |(e, probabilities): (&Exercise, Vec<f32>)| GoldenExercise {
        track: e.track.clone(),
        user: e.user.clone(),
        countries: e.countries.clone(),
        days: e.days,
        client: e.client.clone(),
        session: e.session.clone(),
        format: e.format.clone(),
        time: e.time,
        words: e.words.clone(),
        vectors: Vec::new(),
        probabilities,
        tolerance: 1e-5,
    };
    contents.exercises = exercises.iter().zip(scored(&model, &exercises, false)).map(case).collect();
    let folder = zoo.path().join("random-scorer");
    write(&folder, &contents).unwrap();
    file(&zoo, "catalogue.json", r#"[{"id": "random-scorer", "folder": "random-scorer", "description": "a toy"}]"#);
    let library = onnx_options().library.unwrap();
    let verify = ["verify", "--zoo", path(&zoo), "--ort-library", library.to_str().unwrap(), "random-scorer"];
    let text = run(&verify, b"").good();
    for words in ["5 of 5 cases", "changes no bit", "onnx ", "passed, 5 golden cases"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("not tried"), "{text}");
    let text = run(&["models", "--zoo", path(&zoo)], b"").good();
    assert!(text.contains("tracks") && text.contains("aa_bb cc_dd"), "{text}");
    contents.exercises[3].probabilities[0] = 1.0 - contents.exercises[3].probabilities[0];
    write(&folder, &contents).unwrap();
    let output = run(&verify, b"");
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("case 3 (mistakes, ") && output.stdout.contains("tolerated"), "{}", output.stdout);
}

/// Scored by its own command, by hand, from labels in the file or beside it: the numbers are the same.
#[test]
fn a_scorer_is_evaluated_as_its_predictions_are() {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let mut labels = ["1", "0", "1"].into_iter();
    let (mut plain, mut labelled, mut key) = (String::new(), String::new(), String::new());
    for line in EXERCISES.lines() {
        let word = line.starts_with("DRih").then(|| &line[..line.len() - 3]);
        let label = word.and_then(|_| labels.next());
        plain += &format!("{}\n", word.unwrap_or(line));
        labelled +=
            &format!("{}{}\n", word.unwrap_or(line), label.map(|label| format!("  {label}")).unwrap_or_default());
        key += &label.map(|label| format!("{} {label}\n", &line[..12])).unwrap_or_default();
    }
    let [plain, labelled, key] =
        [("cc_dd.a", plain), ("cc_dd.b", labelled), ("key", key)].map(|(name, text)| file(&folder, name, text));
    let eval = |args: &[&str]| run(&[&["eval", "-m", path(&model)], args].concat(), b"");
    for (more, alpha) in [(&[][..], &[][..]), (&["--calibrated"], &["--alpha", "0.7"])] {
        let predicted = run(&["score", "-m", path(&model), &plain], b"").good();
        let predicted = file(&folder, "predicted", predicted);
        let expected =
            run(&[&["eval", "--predictions", &predicted, "-d", &key], alpha].concat(), b"").json_lines().remove(0);
        let [own, beside] = [vec!["-d", &labelled], vec!["-d", &plain, "--key", &key]]
            .map(|args| eval(&[&args, more].concat()).json_lines().remove(0));
        assert_eq!(own, beside);
        assert_eq!((&own["task"], &own["track"], &own["exercises"]), (&"mistakes".into(), &"cc_dd".into(), &2.into()));
        assert_eq!(own["calibrated"], !more.is_empty());
        for (field, expected) in expected.as_object().unwrap() {
            let difference = own[field].as_f64().unwrap() - expected.as_f64().unwrap();
            assert!(difference.abs() < 1e-6, "{field}: {}, not {expected}", own[field]);
        }
    }
    eval(&["-d", &plain]).refused(&["cc_dd.a: exercise of line 1", "DRihrVmh0101", "--key"]);
    eval(&["-d", &labelled, "--task", "ner"]).refused(&["--task is for taggers"]);
    eval(&["-d", &labelled, "--track", "xx_yy"]).refused(&["--track", "its tracks are"]);
    eval(&["-d", &file(&folder, "cc_dd.none", "")]).refused(&["cc_dd.none: no instances"]);
    let tagger = bundle();
    let args = ["eval", "-m", path(&tagger), "-t", "ner", "-l", "da", "-d", &labelled, "--calibrated"];
    run(&args, b"").refused(&["--calibrated is for scorers"]);
}

/// Whatever learners, words and models are called, the page's markup is its own.
#[test]
fn a_page_of_risks_holds_hostile_text_as_text() {
    let mut contents = random_contents(1, |_| ());
    contents.manifest.description = "<script>alert('model')</script> & \"SIMULATED\"".into();
    let (model, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(model.path(), &contents).unwrap();
    let hostile = "# prompt:</style><script>alert(1)</script>\u{202e}\n\
        # user:<img/src=x>\"'  countries:&lt;|\"><b>  days:1.5  client:<b>  session:`  format:'\"  time:9\n\
        \"><svg01010  <script>x</script>  X  _  dep  0\n\
        DRihrVmh0102  \"onmouseover=alert(1)  X  _  dep  0\n\n";
    let data = file(&folder, "cc_dd.<b>.slam", hostile.replace("\"><svg01010", "\"><svg>\"0101"));
    let [page, same] = [&["--output", "html"][..], &["--html"]]
        .map(|output| run(&[&["score", "-m", path(&model), &data], output].concat(), b"").good());
    assert_eq!(page, same);
    let (head, body) = page.split_once("</style>").unwrap();
    assert!(head.contains("default-src 'none'") && !body.contains("</style>"), "{page}");
    let tags: std::collections::BTreeSet<&str> =
        body.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap().trim_start_matches('/')).collect();
    let own = [
        "head", "body", "header", "h1", "p", "div", "b", "mark", "main", "section", "h2", "article", "bdi", "small",
        "html",
    ];
    assert!(tags.iter().all(|tag| own.contains(tag)), "{tags:?}");
    for tag in body.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
        assert!(!tag.contains("onmouseover") && tag.matches('"').count() % 2 == 0, "{tag}");
    }
    for text in [
        "&lt;script&gt;alert(&#39;model&#39;)&lt;/script&gt; &amp; &quot;SIMULATED&quot;",
        "&lt;img/src=x&gt;&quot;&#39;",
        "<bdi>&lt;script&gt;x&lt;/script&gt;</bdi>",
        "<bdi>&quot;onmouseover=alert(1)</bdi>",
        "Not calibrated",
        "cc_dd.&lt;b&gt;.slam",
    ] {
        assert!(body.contains(text), "{text}: {body}");
    }
    let calibrated = run(&["score", "-m", path(&model), "--html", "--calibrated", &data], b"").good();
    assert!(calibrated.contains("about a fifth are mistakes"), "{calibrated}");
    let nothing = run(&["score", "-m", path(&model), "--html", "-t", "cc_dd"], b"").good();
    assert!(nothing.contains("nothing to score") && nothing.trim_end().ends_with("</html>"), "{nothing}");
}

/// A model that reads vectors of whole sentences takes a table of them, and says so without one.
#[test]
fn word_vectors_by_sentence_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let model = random_scorer(1, |settings| given_vectors(settings, 2));
    let slam = file(
        &folder,
        "aa_bb.slam",
        "# user:u1 countries:c1 days:1 client:k1 session:s1 format:f1 time:3\n\
        AAAAAAAA0101 Ab X Y root 0 1\nAAAAAAAA0102 c X Y dep 1 0\n",
    );
    let header = r#"{"ab c":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}     "#;
    let table = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0x00, 0x3c].repeat(4)].concat();
    std::fs::write(folder.path().join("table"), &table).unwrap();
    std::fs::write(folder.path().join("short"), &table[..table.len() - 1]).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let with = |vectors: &str| run(&["score", "-m", path(&model), "--vectors", vectors, &slam], b"");
    let text = with(&at("table")).good();
    assert_eq!(text.lines().count(), 2, "{text}");
    let scores = run(&["eval", "-m", path(&model), "--vectors", &at("table"), "-d", &slam], b"").good();
    assert!(scores.contains("\"exercises\":1"), "{scores}");
    run(&["score", "-m", path(&model), &slam], b"").refused(&["width 2", "--vectors", "docs/training.md"]);
    with(&at("nowhere")).refused(&["nowhere", "check the path"]);
    with(&at("short")).refused(&["short: ab c: data_offsets", "docs/training.md"]);
    let own = random_scorer(1, |_| ());
    run(&["score", "-m", path(&own), "--vectors", &at("table"), &slam], b"")
        .refused(&["--vectors", "has word vectors of its own"]);
    let other = file(&folder, "aa_bb.other", std::fs::read_to_string(&slam).unwrap().replace(" Ab ", " d "));
    run(&["score", "-m", path(&model), "--vectors", &at("table"), &other], b"")
        .refused(&["aa_bb.other: line 1", "lacks the sentence \"d c\""]);
}
