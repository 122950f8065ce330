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
        "en" => measure(word, EN_UNITS).unwrap_or_else(|| english(word)),
        "fr" => measure(word, FR_UNITS).unwrap_or_else(|| french(word)),
        "pt" => measure(word, PT_UNITS).unwrap_or_default(),
        "ru" => measure(word, RU_UNITS).unwrap_or_default(),
        _ => Vec::new(),
    }
}

const EN_UNITS: &str =
    "am pm a.m. p.m. b bn c cm ft gb ghz hh hrs hz in k kb kg km lb lbs m mb mhz min mins mm oz p sq t";
const FR_UNITS: &str = "cm g h kg km m mg min ml mm";
const PT_UNITS: &str = "kg km min";
const RU_UNITS: &str = "г кг км л м мм см р";

/// A number and its unit are two words: `30km`, `7:30PM`; in French `14h30` is three.
fn measure(word: &str, units: &str) -> Option<Vec<usize>> {
    let digits = word.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b':')).count();
    if digits == 0 || digits == word.len() || word.len() - digits > 8 || !word.as_bytes()[digits - 1].is_ascii_digit() {
        return None;
    }
    let unit = word[digits..].to_lowercase();
    let minutes = unit.strip_prefix('h').filter(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_digit()));
    if minutes.is_some() && units == FR_UNITS {
        return Some(vec![digits, digits + 1]);
    }
    units.split(' ').any(|known| known == unit).then(|| vec![digits])
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '\u{2BC}' | '`')
}

/// Fused words, and how long their first part is.
const ENGLISH: [(&str, usize); 39] = [
    ("aint", 2),
    ("alot", 1),
    ("arent", 3),
    ("arnt", 2),
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
    ("hes", 2),
    ("im", 1),
    ("isnt", 2),
    ("ive", 1),
    ("lemme", 3),
    ("lets", 3),
    ("outta", 3),
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
const INVERTED: [&str; 22] = [
    "-ce", "-ci", "-là", "-elle", "-elles", "-en", "-eux", "-il", "-ils", "-je", "-la", "-le", "-les", "-leur", "-lui",
    "-moi", "-nous", "-on", "-toi", "-tu", "-vous", "-y",
];

fn french(word: &str) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut start = 0;
    // "d'aujourd'hui" and "qu'l'on": elisions at the start only.
    while let Some(length) = elision(&word[start..]) {
        start += length;
        cuts.push(start);
    }
    let elisions = cuts.len();
    let mut end = word.len();
    // "donne-le-moi" has two.
    while let Some(cut) = inversion(&word[start..end]).filter(|_| cuts.len() < elisions + 3) {
        end = start + cut;
        cuts.insert(elisions, end);
    }
    cuts
}

fn elision(word: &str) -> Option<usize> {
    let (i, sign) = word.char_indices().take(7).find(|(_, c)| is_apostrophe(*c))?;
    let end = i + sign.len_utf8();
    let elided = ELIDED.contains(&word[..i].to_lowercase().as_str());
    let rest = word[end..].to_lowercase();
    let fixed = rest.starts_with("est-à-dire") && i == 1 || rest == "on" && i == 1 && word.starts_with(['l', 'L']);
    (elided && !fixed && end < word.len()).then_some(end)
}

/// Nouns and pronouns that end as if a clitic were inverted.
const WHOLE: [&str; 9] = ["au", "ceux", "celle", "celles", "celui", "entre", "garde", "là", "rendez"];

/// Where the last inverted clitic of the word begins.
fn inversion(word: &str) -> Option<usize> {
    let hyphen = word.rfind('-').filter(|&i| i > 0 && word.len() - i < 8)?;
    let clitic = word[hyphen..].to_lowercase();
    let (verb, last) = match word[..hyphen].rfind('-') {
        Some(i) => (&word[..i], word[i..hyphen].to_lowercase()),
        None => (&word[..hyphen], String::new()),
    };
    if !INVERTED.contains(&clitic.as_str()) || verb.len() < 8 && WHOLE.contains(&verb.to_lowercase().as_str()) {
        return None;
    }
    match last.as_str() {
        "" => Some(hyphen),
        // "a-t-il": the t goes with the pronoun.
        "-t" => matches!(clitic.as_str(), "-il" | "-elle" | "-on" | "-ils" | "-elles").then_some(hyphen - 2),
        other => INVERTED.contains(&other).then_some(hyphen),
    }
}
