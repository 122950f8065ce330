//! Scores the tokeniser and the sentence splitter against CoNLL-U files that have `# text = ` lines.
//!
//! `cargo run --release --example tokeniser_scores -- LANGUAGE FILE... [--errors N]`
//!
//! A gold token is a surface token: a multi-word range counts as one, unless its words, written together, are the range
//! (English `do` + `n't`). Sentence boundaries are scored on the sentences joined by blanks, an empty line where a
//! paragraph or a document begins. See docs/tokenisation.md.

use libmtl::text::{sentences, tokens};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

#[derive(Default)]
struct Gold {
    text: String,
    /// Form and the forms of its words, if it is a range.
    rows: Vec<(String, Vec<String>)>,
    paragraph: bool,
}

#[derive(Default)]
struct Score {
    gold: usize,
    found: usize,
    right: usize,
}

impl Score {
    fn add(&mut self, gold: &HashSet<Range<usize>>, found: &[Range<usize>]) {
        self.gold += gold.len();
        self.found += found.len();
        self.right += found.iter().filter(|r| gold.contains(r)).count();
    }

    fn show(&self, what: &str) {
        let (p, r) = (self.right as f64 / self.found.max(1) as f64, self.right as f64 / self.gold.max(1) as f64);
        let f1 = 2.0 * self.right as f64 / (self.gold + self.found).max(1) as f64;
        println!(
            "{what}: precision {:.2} recall {:.2} F1 {:.2} ({} gold)",
            100.0 * p,
            100.0 * r,
            100.0 * f1,
            self.gold
        );
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let errors = match arguments.iter().position(|a| a == "--errors") {
        Some(i) => arguments.drain(i..).nth(1).and_then(|n| n.parse().ok()).unwrap_or(40),
        None => 0,
    };
    let [language, files @ ..] = &arguments[..] else { return Err("usage: LANGUAGE FILE... [--errors N]".into()) };
    for file in files {
        let sentences = read(&std::fs::read_to_string(file)?);
        println!("{language} {}", file.rsplit('/').next().unwrap_or(file));
        score_tokens(&sentences, language, errors);
        score_sentences(&sentences, language, errors);
    }
    Ok(())
}

fn read(file: &str) -> Vec<Gold> {
    let (mut all, mut now, mut inside) = (Vec::new(), Gold::default(), 0);
    for line in file.lines().chain([""]) {
        let columns: Vec<&str> = line.split('\t').collect();
        if let Some(text) = line.strip_prefix("# text = ") {
            now.text = text.trim_end().to_owned();
        } else if line.starts_with("# newpar") || line.starts_with("# newdoc") {
            now.paragraph = true;
        } else if line.is_empty() {
            if !now.rows.is_empty() {
                all.push(std::mem::take(&mut now));
            }
            inside = 0;
        } else if columns.len() > 1 && !columns[0].contains('.') {
            if let Some((_, last)) = columns[0].split_once('-') {
                inside = last.parse().unwrap_or(0);
                now.rows.push((columns[1].to_owned(), Vec::new()));
            } else if columns[0].parse::<usize>().is_ok_and(|id| id <= inside) {
                if let Some(range) = now.rows.last_mut() {
                    range.1.push(columns[1].to_owned());
                }
            } else {
                now.rows.push((columns[1].to_owned(), Vec::new()));
            }
        }
    }
    all
}

/// Where the surface tokens stand in the text; `None` if they are not in it.
fn align(gold: &Gold, language: &str) -> Option<HashSet<Range<usize>>> {
    let mut at = 0;
    let mut found = HashSet::new();
    for (form, words) in &gold.rows {
        let split = language == "en" && words.concat() == *form;
        let single = [form.clone()];
        for piece in if split { &words[..] } else { &single[..] } {
            let rest = &gold.text[at..];
            let start = at + rest.find(|c: char| !c.is_whitespace())?;
            if !gold.text[start..].starts_with(piece.as_str()) {
                return None;
            }
            at = start + piece.len();
            found.insert(start..at);
        }
    }
    Some(found)
}

fn score_tokens(sentences: &[Gold], language: &str, errors: usize) {
    let (mut score, mut skipped) = (Score::default(), 0);
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for gold in sentences {
        let Some(expected) = align(gold, language) else {
            skipped += 1;
            continue;
        };
        let found = tokens::tokenise(&gold.text, language);
        score.add(&expected, &found);
        let mut sorted: Vec<_> = expected.iter().cloned().collect();
        sorted.sort_by_key(|r| r.start);
        for difference in differences(&gold.text, &sorted, &found) {
            *wrong.entry(difference).or_default() += 1;
        }
    }
    score.show("  tokens");
    if skipped > 0 {
        println!("  {skipped} sentences whose tokens are not in their text");
    }
    let mut wrong: Vec<_> = wrong.into_iter().collect();
    wrong.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (difference, n) in wrong.iter().take(errors) {
        println!("    {n:4} {difference}");
    }
}

/// Each stretch where the two differ, as `gold  <-  found`.
fn differences(text: &str, gold: &[Range<usize>], found: &[Range<usize>]) -> Vec<String> {
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < gold.len() && j < found.len() {
        if gold[i] == found[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (a, b) = (i, j);
        loop {
            let (x, y) = (gold[i].end, found[j].end);
            if x == y {
                break;
            }
            if x < y && i + 1 < gold.len() {
                i += 1;
            } else if x > y && j + 1 < found.len() {
                j += 1;
            } else {
                break;
            }
        }
        (i, j) = (i + 1, j + 1);
        let show = |ranges: &[Range<usize>]| ranges.iter().map(|r| &text[r.clone()]).collect::<Vec<_>>().join(" ");
        all.push(format!("{}  <-  {}", show(&gold[a..i]), show(&found[b..j])));
    }
    all
}

fn score_sentences(sentences: &[Gold], language: &str, errors: usize) {
    let (mut text, mut expected) = (String::new(), HashSet::new());
    for gold in sentences {
        if !text.is_empty() {
            text.push_str(if gold.paragraph { "\n\n" } else { " " });
        }
        let start = text.len();
        text.push_str(gold.text.trim());
        expected.insert(start..text.len());
    }
    let found = sentences::split(&text, language);
    let mut score = Score::default();
    score.add(&expected, &found);
    score.show("  sentences");
    let ends: HashSet<usize> = expected.iter().map(|r| r.end).collect();
    let found_ends: HashSet<usize> = found.iter().map(|r| r.end).collect();
    let mut shown: Vec<(usize, &str)> = ends.difference(&found_ends).map(|&e| (e, "missed")).collect();
    shown.extend(found_ends.difference(&ends).map(|&e| (e, "wrong ")));
    shown.sort_unstable();
    println!("    missed {} wrong {}", ends.difference(&found_ends).count(), found_ends.difference(&ends).count());
    let step = (shown.len() / errors.max(1)).max(1);
    for (end, what) in shown.iter().step_by(step).take(errors) {
        let from = text[..*end].char_indices().rev().nth(40).map_or(0, |(i, _)| i);
        let to = text[*end..].char_indices().nth(40).map_or(text.len(), |(i, _)| end + i);
        println!("    {what} {:?} | {:?}", &text[from..*end], &text[*end..to]);
    }
}
