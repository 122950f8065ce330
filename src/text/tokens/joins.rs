//! What UAX #29 parts and corpora do not: hyphened words, dates, fractions, signed numbers.

/// How a language writes compounds and ranges.
struct Style {
    /// `well-known` is one word.
    hyphen: bool,
    /// `and/or` is one word.
    slash: bool,
    /// `5-10` is one word (else only where it looks like a telephone number or a date).
    range: bool,
}

fn style(language: &str) -> Style {
    match language {
        "en" => Style { hyphen: false, slash: false, range: false },
        "ru" | "uk" => Style { hyphen: true, slash: false, range: false },
        "fr" => Style { hyphen: true, slash: false, range: true },
        _ => Style { hyphen: true, slash: true, range: true },
    }
}

/// Prefixes that English corpora leave on their word.
const PREFIXES: [&str; 38] = [
    "ante", "anti", "arch", "bi", "bio", "co", "counter", "cross", "e", "eco", "ex", "extra", "hyper", "infra",
    "inter", "intra", "macro", "meta", "micro", "mid", "mini", "mis", "multi", "neo", "non", "over", "post", "pre",
    "pro", "psycho", "re", "semi", "socio", "sub", "super", "trans", "ultra", "un",
];

/// How far rules look ahead or back, in bytes: nothing that they are about is longer.
const NEAR: usize = 40;

/// Whether a sign and a number begin here: after white space or an opening bracket.
pub(super) fn signed(text: &str, start: usize, before: Option<char>) -> bool {
    let mut chars = text[start..].chars();
    before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '['))
        && matches!(chars.next(), Some('-' | '+' | '−'))
        && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// The end of the digits that begin at `start`, with separators between digits.
pub(super) fn number_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut end = start;
    while digit(end) || (end > start && matches!(bytes.get(end), Some(b'.' | b',')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// The end of the word that begins at `start` and has an atom that ends at `end`.
pub(super) fn end(text: &str, start: usize, mut end: usize, language: &str) -> usize {
    let style = style(language);
    while let Some(length) = joined(text, start, end, &style, language) {
        end += length;
    }
    end
}

/// How many bytes after `end` belong to the word, if any.
fn joined(text: &str, start: usize, end: usize, style: &Style, language: &str) -> Option<usize> {
    let mut after = text[end..].chars();
    let joint = after.next()?;
    let left = text[start..end].chars().next_back()?;
    let Some(right) = after.next().filter(|c| c.is_alphanumeric()) else {
        return trailing(text, start, end, joint, language).then(|| joint.len_utf8());
    };
    let word = &text[start..end];
    let digits = (left.is_ascii_digit(), right.is_ascii_digit());
    let joins = match joint {
        '-' | '\u{2010}' | '\u{2011}' => match digits {
            (true, true) => style.range || is_code(text, start, end),
            (false, false) => style.hyphen || is_prefix(word),
            // Millions of Russian cars: the model's number is a word, the ending of an ordinal is none.
            (false, true) if language == "ru" => false,
            _ => style.hyphen,
        },
        '/' => digits == (true, true) || style.slash || is_prefix_of_unit(word, right),
        ':' => digits == (true, true),
        '.' => digits.0 != digits.1 && word.chars().any(char::is_alphabetic),
        '\'' | '’' => left.is_ascii_digit() && !right.is_ascii_digit(),
        '&' => is_initials(word) && right.is_uppercase(),
        '@' | '*' | '_' => true,
        '%' => language == "ru",
        '$' => false,
        _ => false,
    };
    if !joins {
        return None;
    }
    // The joint and the atom after it: up to the next character that may be a joint itself.
    let rest = &text[end + joint.len_utf8()..];
    let length = rest.find(|c: char| !c.is_alphanumeric() && !is_extender(c)).unwrap_or(rest.len());
    Some(joint.len_utf8() + length.max(right.len_utf8()))
}

/// Combining marks and joiners, which UAX #29 leaves with their letter.
fn is_extender(c: char) -> bool {
    c == '_' || c == '\u{200D}' || c == '\u{AD}' || ('\u{300}'..='\u{36F}').contains(&c)
}

fn trailing(text: &str, start: usize, end: usize, mark: char, language: &str) -> bool {
    let word = &text[start..end];
    match mark {
        '$' => matches!(word, "US" | "R" | "CR" | "U" | "A" | "C" | "NZ" | "HK"),
        '%' => language == "nl" && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')),
        '°' => matches!(word, "n" | "N"),
        _ => false,
    }
}

/// A run of digits and hyphens that is a telephone number or a date, not a range.
fn is_code(text: &str, start: usize, end: usize) -> bool {
    let word = &text[start..end];
    if word.len() > NEAR || word.contains('-') {
        return true;
    }
    let rest = &text.as_bytes()[end + 1..];
    let digits = rest.iter().take(NEAR).take_while(|b| b.is_ascii_digit()).count();
    let more = rest.get(digits) == Some(&b'-') && rest.get(digits + 1).is_some_and(u8::is_ascii_digit);
    more || (word.len() == 3 && digits == 4)
}

fn is_prefix(word: &str) -> bool {
    word.len() < 8 && PREFIXES.contains(&word.to_ascii_lowercase().as_str())
}

fn is_prefix_of_unit(_word: &str, _right: char) -> bool {
    false
}

/// `A`, `PG`, `AT`: what may stand before an ampersand inside a name.
fn is_initials(word: &str) -> bool {
    word.len() <= 4 && word.chars().all(char::is_uppercase)
}
