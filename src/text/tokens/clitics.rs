//! Words that are written as one with their neighbour: English contractions, French elisions and inversions.

use std::ops::Range;

/// Adds `word` to `tokens`, cut where the language has clitics.
pub(super) fn split(text: &str, word: Range<usize>, language: &str, tokens: &mut Vec<Range<usize>>) {
    let mut start = word.start;
    for cut in cuts(&text[word.clone()], language) {
        tokens.push(start..word.start + cut);
        start = word.start + cut;
    }
    tokens.push(start..word.end);
}

/// Where to cut, in order, inside the word.
fn cuts(word: &str, language: &str) -> Vec<usize> {
    match language {
        "en" => english(word),
        "fr" => french(word),
        _ => Vec::new(),
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '\u{2BC}' | '`')
}

/// Fused words, and how long their first part is.
const ENGLISH: [(&str, usize); 34] = [
    ("aint", 2),
    ("arent", 3),
    ("cannot", 3),
    ("cant", 2),
    ("couldnt", 5),
    ("couldve", 5),
    ("didnt", 3),
    ("doesnt", 4),
    ("dont", 2),
    ("gimme", 3),
    ("gonna", 3),
    ("gotta", 3),
    ("hadnt", 3),
    ("hasnt", 3),
    ("havent", 4),
    ("im", 1),
    ("isnt", 2),
    ("ive", 1),
    ("lemme", 3),
    ("shouldnt", 6),
    ("shouldve", 6),
    ("thats", 4),
    ("theres", 5),
    ("theyll", 4),
    ("theyre", 4),
    ("theyve", 4),
    ("wanna", 3),
    ("wasnt", 3),
    ("werent", 4),
    ("whats", 4),
    ("wont", 2),
    ("wouldnt", 5),
    ("youre", 3),
    ("youve", 3),
];

fn english(word: &str) -> Vec<usize> {
    if word.len() <= 8
        && let Ok(i) = ENGLISH.binary_search_by(|(w, _)| (*w).cmp(word.to_ascii_lowercase().as_str()))
    {
        return vec![ENGLISH[i].1];
    }
    let mut cuts = Vec::new();
    let mut end = word.len();
    // "couldn't've" has two.
    while let Some(cut) = english_suffix(&word[..end]).filter(|_| cuts.len() < 3) {
        cuts.insert(0, cut);
        end = cut;
    }
    cuts
}

/// Where the last contraction of the word begins.
fn english_suffix(word: &str) -> Option<usize> {
    let (apostrophe, sign) = word.char_indices().rev().take(4).find(|(_, c)| is_apostrophe(*c))?;
    let tail = &word[apostrophe + sign.len_utf8()..];
    let before = word[..apostrophe].chars().next_back()?;
    if tail.eq_ignore_ascii_case("t") && matches!(before, 'n' | 'N') {
        return Some(apostrophe - 1).filter(|&cut| cut > 0);
    }
    let clitic = ["s", "m", "re", "ve", "ll", "d"].iter().any(|c| tail.eq_ignore_ascii_case(c));
    (clitic && before.is_alphabetic()).then_some(apostrophe)
}

/// What French elides before a vowel.
const ELIDED: [&str; 14] = ["c", "d", "j", "jusqu", "l", "lorsqu", "m", "n", "puisqu", "qu", "quoiqu", "s", "t", "ç"];

/// What French inverts: `dit-il`, `a-t-il`, `est-ce`.
const INVERTED: [&str; 20] = [
    "-ce", "-elle", "-elles", "-en", "-eux", "-il", "-ils", "-je", "-la", "-le", "-les", "-leur", "-lui", "-moi",
    "-nous", "-on", "-toi", "-tu", "-vous", "-y",
];

fn french(word: &str) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut start = 0;
    // "d'aujourd'hui" and "qu'l'on": elisions at the start only.
    while let Some(length) = elision(&word[start..]) {
        start += length;
        cuts.push(start);
    }
    if let Some(cut) = inversion(&word[start..]) {
        cuts.push(start + cut);
    }
    cuts
}

fn elision(word: &str) -> Option<usize> {
    let (i, sign) = word.char_indices().take(7).find(|(_, c)| is_apostrophe(*c))?;
    let end = i + sign.len_utf8();
    let elided = ELIDED.contains(&word[..i].to_lowercase().as_str());
    let fixed = word[end..].to_lowercase().starts_with("est-à-dire") && i == 1;
    (elided && !fixed && end < word.len()).then_some(end)
}

fn inversion(word: &str) -> Option<usize> {
    let hyphen = word.rfind('-')?;
    let tail = word[hyphen..].to_lowercase();
    if word.len() - hyphen > 6 || !INVERTED.contains(&tail.as_str()) || hyphen == 0 {
        return None;
    }
    let verb = word[..hyphen].to_lowercase();
    if matches!(verb.as_str(), "rendez" | "garde" | "entre" | "celui" | "là")
        || verb.contains('-') && !verb.ends_with("-t")
    {
        return None;
    }
    let euphonic = verb.ends_with("-t") && matches!(tail.as_str(), "-il" | "-elle" | "-on" | "-ils" | "-elles");
    if verb.ends_with("-t") && !euphonic {
        return None;
    }
    Some(if euphonic { hyphen - 2 } else { hyphen })
}
