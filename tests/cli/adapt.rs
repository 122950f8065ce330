//! `mtl adapt`, and `mtl score` with what it found.

use super::*;
use common::scorer::random_scorer;
use libmtl::scorer::Learner;

const HISTORY: &str = "\
# user:ann  countries:c1  days:1.5  client:k1  session:s1  format:f1  time:9
DRihrVmh0101  abc  PRON  fPOS=PRON++PRP  nsubj  2  1
DRihrVmh0102  bad  VERB  fPOS=VERB++VBP  root  0  1

# user:bob  countries:c2  days:0.5  client:k1  session:s1  format:f1  time:3
DRihrVmh0201  cab  NOUN  fPOS=NOUN++NN  root  0  0

";

struct Folder {
    model: TempDir,
    folder: TempDir,
    history: String,
}

fn folder() -> Folder {
    let (model, folder) = (random_scorer(1, |_| ()), tempfile::tempdir().unwrap());
    let history = file(&folder, "cc_dd.slam.train", HISTORY);
    Folder { model, folder, history }
}

impl Folder {
    fn adapt(&self, args: &[&str]) -> Output {
        run(&[&["adapt", "-m", path(&self.model)], args].concat(), HISTORY.as_bytes())
    }

    fn place(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_string()
    }

    /// The probabilities of the history's words.
    fn score(&self, args: &[&str]) -> Vec<f32> {
        let text = run(&[&["score", "-q", "-m", path(&self.model), &self.history], args].concat(), b"").good();
        text.lines().map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect()
    }
}

/// The learners of a file: their names and how many words they have answered.
fn learners(file: &str) -> Vec<(String, u64)> {
    let learners = Learner::all_from_bytes(&std::fs::read(file).unwrap()).unwrap();
    learners.iter().map(|learner| (learner.user().to_string(), learner.words())).collect()
}

#[test]
fn learners_are_scored_with_what_they_answered() {
    let here = folder();
    let all = here.place("learners");
    let output = here.adapt(&["-o", &all, &here.history]);
    assert!(output.stderr.contains("note: 3 words of 2 learners; "), "{}", output.stderr);
    assert_eq!(output.good(), "");
    assert_eq!(learners(&all), [("ann".into(), 2), ("bob".into(), 1)]);
    let (before, after) = (here.score(&[]), here.score(&["--learners", &all]));
    assert!(after[0] > before[0] && after[1] > before[1] && after[2] < before[2], "{before:?} {after:?}");
    // One of them alone leaves the other as it was.
    let one = here.place("one");
    assert_eq!(here.adapt(&["-q", "-t", "cc_dd", "--user", "bob", "-o", &one]).stderr, "");
    assert_eq!(learners(&one), [("bob".into(), 1)]);
    assert_eq!(here.score(&["--learners", &one]), [before[0], before[1], after[2]]);
    let page = run(&["score", "-m", path(&here.model), "--html", "--learners", &one, &here.history], b"").good();
    assert!(page.contains("<bdi>bob</bdi></b>, adapted to") && page.contains("<bdi>ann</bdi></b> "), "{page}");
}

/// The same file, again and again: a session; the labels may stand in a key.
#[test]
fn learners_go_on_from_what_was_found_before() {
    let here = folder();
    let file_of_all = here.place("learners");
    here.adapt(&["-o", &file_of_all, &here.history]).good();
    let bare = HISTORY.replace("  1\n", "\n").replace("  0  0\n", "  0\n").replace("# user:bob", "# user:cleo");
    let later = file(&here.folder, "cc_dd.slam.dev", bare);
    let key = file(&here.folder, "key", "DRihrVmh0101 0\nDRihrVmh0102 1\nDRihrVmh0201 1\n");
    here.adapt(&["--learners", &file_of_all, "--key", &key, "-o", &file_of_all, &later]).good();
    assert_eq!(learners(&file_of_all), [("ann".into(), 4), ("bob".into(), 1), ("cleo".into(), 1)]);
    here.adapt(&["-o", &file_of_all, &later]).refused(&[
        "cc_dd.slam.dev: exercise of line 1: ",
        "whether DRihrVmh0101 was",
        "--key",
    ]);
    assert_eq!(learners(&file_of_all).len(), 3, "what was there stays");
}

/// Answers that are remembered are read, and nothing is fitted to them; one that follows goes on from there.
#[test]
fn answers_are_remembered_by_a_model_that_reads_them() {
    let here = Folder { model: random_scorer(1, |settings| settings.architecture.history = true), ..folder() };
    let (remembered, adapted) = (here.place("remembered"), here.place("adapted"));
    here.adapt(&["--remember", "-o", &remembered, &here.history]).good();
    let learners = Learner::all_from_bytes(&std::fs::read(&remembered).unwrap()).unwrap();
    assert!(learners.iter().all(|learner| learner.offset().iter().all(|&x| x == 0.0)));
    let (before, after) = (here.score(&[]), here.score(&["--learners", &remembered]));
    assert!(before.iter().zip(&after).all(|(a, b)| a != b), "{before:?} {after:?}");
    here.adapt(&["--learners", &remembered, "-o", &adapted, &here.history]).good();
    assert_ne!(here.score(&["--learners", &adapted]), after);
    folder()
        .adapt(&["--remember", "-o", &adapted, "-t", "cc_dd"])
        .refused(&["reads nothing of what a learner", "adapt"]);
}

#[test]
fn what_cannot_be_adapted_to_is_refused() {
    let here = folder();
    let (out, other) = (here.place("learners"), random_scorer(2, |_| ()));
    here.adapt(&["-o", &out, "-"]).refused(&["nothing says which track", "--track"]);
    here.adapt(&["-o", &out, "--user", "zoe", &here.history]).refused(&["--user", "no exercise of zoe"]);
    here.adapt(&["-o", "/nowhere/learners", &here.history]).refused(&["/nowhere/learners"]);
    here.adapt(&["-o", &out, &here.history]).good();
    for model in [path(&other), path(&here.model)] {
        let given = if model == path(&other) { &out } else { &here.history };
        let output = run(&["score", "-m", model, "--learners", given, &here.history], b"");
        output.refused(if model == path(&other) {
            &["another model than random-scorer"]
        } else {
            &["not a stored learner"]
        });
    }
    let tagger = bundle();
    run(&["adapt", "-m", path(&tagger), "-o", &out], b"").refused(&["a tagger, not a scorer"]);
}
