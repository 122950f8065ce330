use super::*;
use proptest::prelude::*;

const DEFAULT: AlignOptions = AlignOptions { case: false, punctuation: false, accents: false };
const ALL: AlignOptions = AlignOptions { case: true, punctuation: true, accents: true };

fn texts(correct: &str, answer: &str, options: &AlignOptions) -> Alignment {
    align(Sentence::Text(correct), Sentence::Text(answer), options, &Cancel::new()).unwrap()
}

/// The operations for people: `=word`, `word>answer`, `-word`, `+answer`.
fn shown(correct: &str, answer: &str, options: &AlignOptions) -> String {
    let found = texts(correct, answer, options);
    let word = |index: usize| &correct[found.words[index].clone()];
    let typed = |index: usize| &answer[found.answer[index].clone()];
    let operation = |operation: &Operation| match *operation {
        Operation::Match { word: w, .. } => format!("={}", word(w)),
        Operation::Substitute { word: w, answer: a } => format!("{}>{}", word(w), typed(a)),
        Operation::Delete { word: w } => format!("-{}", word(w)),
        Operation::Insert { answer: a } => format!("+{}", typed(a)),
    };
    found.operations.iter().map(operation).collect::<Vec<_>>().join(" ")
}

fn right(correct: &str, answer: &str, options: &AlignOptions) -> bool {
    let found = texts(correct, answer, options);
    found.mistakes.iter().all(|mistake| !mistake) && found.word_error_rate() == 0.0
}

#[test]
fn misspelt_words_stand_against_those_that_were_meant() {
    let fig1 = shown("I love my mother and my father", "I love mader and fhader", &DEFAULT);
    assert_eq!(fig1, "=I =love -my mother>mader =and -my father>fhader");
    assert_eq!(shown("a butterfly", "buterfli", &DEFAULT), "-a butterfly>buterfli");
    assert_eq!(shown("he went home", "he he goed hoem now", &DEFAULT), "=he +he went>goed home>hoem +now");
}

#[test]
fn ties_are_settled_from_the_left() {
    assert_eq!(shown("a", "a a", &DEFAULT), "=a +a");
    assert_eq!(shown("a a", "a", &DEFAULT), "=a -a");
    assert_eq!(shown("x y", "z", &DEFAULT), "x>z -y");
    assert_eq!(shown("x", "y z", &DEFAULT), "x>y +z");
    assert_eq!(shown("a b", "b a", &DEFAULT), "a>b b>a");
    assert_eq!(shown("a b c", "b c a", &DEFAULT), "-a =b =c +a");
}

#[test]
fn the_shared_task_overlooks_case_punctuation_and_accents() {
    let pairs = [
        ("¿Dónde está el niño?", "donde ESTA el nino"),
        ("Don't panic!", "dont panic"),
        ("Don't", "don’t"),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδοσ"),
        ("שָׁלוֹם", "שלום"),
        ("Việt Nam", "viet nam"),
        ("e\u{301}t\u{E9}", "\u{E9}te\u{301}"),
    ];
    for (correct, answer) in pairs {
        assert!(right(correct, answer, &DEFAULT), "{}", shown(correct, answer, &DEFAULT));
    }
    for (correct, answer) in [("が", "か"), ("हिन्दी", "हन्द"), ("5 €", "5"), ("kł", "kl")] {
        assert!(!right(correct, answer, &DEFAULT), "{correct} {answer}");
    }
}

#[test]
fn each_option_makes_its_difference_count() {
    let only = |name: &str| AlignOptions {
        case: name == "case",
        punctuation: name == "punctuation",
        accents: name == "accents",
    };
    for (name, correct, answer) in [
        ("case", "Yes", "yes"),
        ("punctuation", "yes.", "yes"),
        ("punctuation", "yes", "yes!"),
        ("punctuation", "can't", "cant"),
        ("accents", "sí", "si"),
        ("accents", "año", "ano"),
    ] {
        assert!(right(correct, answer, &DEFAULT), "{correct} {answer}");
        assert!(!right(correct, answer, &only(name)), "{name}: {correct} {answer}");
        for other in ["case", "punctuation", "accents"].into_iter().filter(|other| *other != name) {
            assert!(right(correct, answer, &only(other)), "{other}: {correct} {answer}");
        }
    }
    assert!(right("l\u{2019}e\u{301}te\u{301}", "l'\u{E9}t\u{E9}\u{200B}", &ALL), "never a difference");
}

#[test]
fn marks_take_no_part_but_have_their_place() {
    let found = texts("Hi, you!", "hi - you", &DEFAULT);
    assert_eq!(found.words, [0..2, 2..3, 4..7, 7..8]);
    assert_eq!(found.answer, [0..2, 3..4, 5..8]);
    assert_eq!(found.mistakes, [false; 4]);
    let operations = [Operation::Match { word: 0, answer: 0 }, Operation::Match { word: 2, answer: 2 }];
    assert_eq!(found.operations, operations);
    let found = texts("Hi, you!", "Hi you.", &ALL);
    assert_eq!(found.mistakes, [false, true, false, true]);
}

#[test]
fn tokens_keep_their_numbers_and_places() {
    let correct = Sentence::Tokens(&["I", "", "'m", "New York"]);
    let found = align(correct, Sentence::Tokens(&["i", "m", "new york", "!"]), &DEFAULT, &Cancel::new()).unwrap();
    assert_eq!(found.words, [0..1, 1..1, 1..3, 3..11]);
    assert_eq!((found.mistakes.as_slice(), found.word_error_rate()), ([false; 4].as_slice(), 0.0));
}

#[test]
fn right_to_left_is_in_the_order_of_reading() {
    assert_eq!(shown("أنا أحب أمي", "أنا احب أبي", &DEFAULT), "=أنا =أحب أمي>أبي");
    assert!(right("שלום עולם", "\u{200F}שלום עולם\u{200F}", &DEFAULT));
}

#[test]
fn error_rates() {
    for (correct, answer, rate) in [
        ("", "", 0.0),
        ("?", "", 0.0),
        ("", "a b", 2.0),
        ("a b", "", 1.0),
        ("a", "b c d", 3.0),
        ("a b c d", "a x d", 0.5),
    ] {
        assert_eq!(texts(correct, answer, &DEFAULT).word_error_rate(), rate, "{correct:?} {answer:?}");
    }
}

#[test]
fn too_long_is_refused_and_the_longest_can_be_stopped() {
    let long = "a ".repeat(MAX_SENTENCE_BYTES);
    let refused = align(Sentence::Text("a"), Sentence::Text(&long), &DEFAULT, &Cancel::new()).unwrap_err();
    assert_eq!((refused.kind(), refused.place()), (ErrorKind::Limit, "the answer"));
    let longest = &long[..MAX_SENTENCE_BYTES];
    let soon = Cancel::new().with_deadline(std::time::Instant::now() + std::time::Duration::from_millis(5));
    let other = "b ".repeat(MAX_SENTENCE_BYTES / 2);
    let stopped = align(Sentence::Text(longest), Sentence::Text(&other), &DEFAULT, &soon).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Deadline);
}

/// What one way costs, edits of words before edits of characters, and its steps.
type Way = ((usize, usize), String);

/// Every way to make `answer` of `words`.
fn enumerate(words: &[&str], answer: &[&str]) -> Vec<Way> {
    let mut ways = Vec::new();
    if words.is_empty() && answer.is_empty() {
        ways.push(((0, 0), String::new()));
    }
    let mut go_on = |step: char, chars: usize, word: usize, typed: usize| {
        for ((edits, characters), steps) in enumerate(&words[word..], &answer[typed..]) {
            ways.push(((edits + usize::from(step != '='), characters + chars), format!("{step}{steps}")));
        }
    };
    if let (Some(a), Some(b)) = (words.first(), answer.first()) {
        go_on(if a == b { '=' } else { '>' }, edits_between(a.as_bytes(), b.as_bytes()), 1, 1);
    }
    if let Some(word) = words.first() {
        go_on('-', word.len(), 1, 0);
    }
    if let Some(typed) = answer.first() {
        go_on('+', typed.len(), 0, 1);
    }
    ways
}

/// Levenshtein's distance as it is defined.
fn edits_between(a: &[u8], b: &[u8]) -> usize {
    let (Some((x, a_rest)), Some((y, b_rest))) = (a.split_first(), b.split_first()) else {
        return a.len().max(b.len());
    };
    let pair = edits_between(a_rest, b_rest) + usize::from(x != y);
    pair.min(edits_between(a_rest, b) + 1).min(edits_between(a, b_rest) + 1)
}

fn steps_of(found: &Alignment) -> String {
    let step = |operation: &Operation| match operation {
        Operation::Match { .. } => '=',
        Operation::Substitute { .. } => '>',
        Operation::Delete { .. } => '-',
        Operation::Insert { .. } => '+',
    };
    found.operations.iter().map(step).collect()
}

fn sentence() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "abc", "cabd"]), 0..6)
}

proptest! {
    /// The first of the cheapest alignments, in the order in which `enumerate` tries the steps.
    #[test]
    fn the_alignment_is_the_best_of_all((words, answer) in (sentence(), sentence())) {
        let found = texts(&words.join(" "), &answer.join(" "), &DEFAULT);
        let ways = enumerate(&words, &answer);
        let best = ways.iter().min_by_key(|(cost, _)| *cost).unwrap();
        prop_assert_eq!(steps_of(&found), best.1.clone());
    }

    #[test]
    fn a_sentence_is_no_mistake_and_the_other_way_round_costs_the_same(
        a in "[aábÁ ,.'ñ\u{301}א]{0,12}", b in "\\PC{0,12}"
    ) {
        prop_assert!(right(&a, &a, &ALL) && right(&b, &b, &ALL));
        for options in [DEFAULT, ALL] {
            let edits = |s: &Alignment| s.operations.iter().filter(|o| !matches!(o, Operation::Match { .. })).count();
            let (there, back) = (texts(&a, &b, &options), texts(&b, &a, &options));
            prop_assert_eq!(edits(&there), edits(&back));
            prop_assert_eq!(there.mistakes.len(), there.words.len());
        }
    }

    /// Each word that takes part stands in exactly one operation, in order.
    #[test]
    fn operations_go_through_both_sentences_once(a in "[abc ]{0,20}", b in "[abc ]{0,20}") {
        let found = texts(&a, &b, &DEFAULT);
        let (mut words, mut answers) = (Vec::new(), Vec::new());
        for operation in &found.operations {
            match *operation {
                Operation::Match { word, answer } | Operation::Substitute { word, answer } => {
                    words.push(word);
                    answers.push(answer);
                }
                Operation::Delete { word } => words.push(word),
                Operation::Insert { answer } => answers.push(answer),
            }
        }
        prop_assert_eq!(words, (0..found.words.len()).collect::<Vec<_>>());
        prop_assert_eq!(answers, (0..found.answer.len()).collect::<Vec<_>>());
    }
}
