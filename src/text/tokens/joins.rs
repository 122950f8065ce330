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
pub(super) fn signed(text: &str, start: usize, before: Option<char>, language: &str) -> bool {
    let mut chars = text[start..].chars();
    !matches!(language, "en" | "ru" | "uk")
        && before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '['))
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
    let (word, rest) = (&text[start..end], &text[end..]);
    let mut after = rest.chars();
    let joint = after.next()?;
    let left = word.chars().next_back()?;
    if let Some(length) = trailing(word, rest, language) {
        return Some(length);
    }
    let right = after.next().filter(|c| c.is_alphanumeric())?;
    let digits = (left.is_ascii_digit(), right.is_ascii_digit());
    let joins = match joint {
        '-' | '\u{2010}' | '\u{2011}' => match digits {
            (true, true) => style.range || is_code(word, &rest[1..]),
            (false, false) => style.hyphen || is_prefix(word),
            // A Russian model's number is a word of its own, the ending of an ordinal is none.
            (false, true) if language == "ru" => false,
            _ => style.hyphen,
        },
        '/' => digits == (true, true) || style.slash,
        ':' => digits == (true, true),
        '.' => digits.0 != digits.1 && (word.chars().any(char::is_alphabetic) || is_extension(&rest[1..])),
        '\'' | '’' => left.is_ascii_digit() && !right.is_ascii_digit(),
        '`' => language == "en" && !digits.0 && !digits.1,
        '&' => is_initials(word) && right.is_uppercase(),
        '@' | '*' | '_' => true,
        _ => false,
    };
    joins.then(|| joint.len_utf8() + tail(&rest[joint.len_utf8()..]))
}

/// How much of `text` belongs to the word after a joint: up to the next character that may be a joint itself, and
/// `'s`, which UAX #29 does not part from its word either.
fn tail(text: &str) -> usize {
    let inside = |c: char| c.is_alphanumeric() || is_extender(c);
    let mut length = number_end(text, 0);
    loop {
        length += text[length..].find(|c| !inside(c)).unwrap_or(text.len() - length);
        let mut next = text[length..].chars();
        let apostrophe = next.next().filter(|c| matches!(c, '\'' | '’'));
        match (apostrophe, next.next()) {
            (Some(sign), Some(c)) if c.is_alphabetic() => length += sign.len_utf8() + c.len_utf8(),
            _ => return length,
        }
    }
}

/// Combining marks and joiners, which UAX #29 leaves with their letter.
fn is_extender(c: char) -> bool {
    c == '_' || c == '\u{200D}' || c == '\u{AD}' || ('\u{300}'..='\u{36F}').contains(&c)
}

/// Marks that end a word and belong to it; `rest` begins with one.
fn trailing(word: &str, rest: &str, language: &str) -> Option<usize> {
    let mark = rest.chars().next()?;
    let after = &rest[mark.len_utf8()..];
    let number = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.'));
    let belongs = match mark {
        '$' => matches!(word, "US" | "R" | "CR" | "U" | "A" | "C" | "NZ" | "HK"),
        '%' => language == "nl" && number,
        '°' => matches!(word, "n" | "N"),
        '²' | '³' | '½' => !number && language != "es",
        // Danish "lys- og lydshow": half a compound.
        '-' => is_germanic(language) && !number && after.starts_with(char::is_whitespace),
        // "J.-C.": the second initial takes its full stop as any other does.
        '.' if word.len() <= 4 && is_initial(word) => {
            let mut next = after.strip_prefix('-')?.chars();
            let initial = next.next().filter(|c| c.is_uppercase())?;
            return next.as_str().starts_with('.').then_some(2 + initial.len_utf8());
        }
        _ => false,
    };
    belongs.then_some(mark.len_utf8())
}

fn is_initial(word: &str) -> bool {
    word.chars().count() == 1 && word.chars().all(char::is_uppercase)
}

/// Languages that leave the hyphen on half a compound.
fn is_germanic(language: &str) -> bool {
    matches!(language, "nl" | "da" | "de" | "nb" | "nn" | "no" | "sv")
}

/// Whether a file's name goes on here: `20.doc`.
fn is_extension(text: &str) -> bool {
    let end = text.bytes().take(5).take_while(u8::is_ascii_alphanumeric).count();
    ["doc", "gif", "htm", "html", "jpeg", "jpg", "pdf", "png", "ppt", "txt", "xls", "zip"]
        .iter()
        .any(|known| text[..end].eq_ignore_ascii_case(known))
}

/// Whether `word-rest` is a telephone number or a date, not a range.
fn is_code(word: &str, rest: &str) -> bool {
    if word.len() > NEAR || word.contains('-') {
        return true;
    }
    let digits = rest.bytes().take(NEAR).take_while(u8::is_ascii_digit).count();
    let more = &rest.as_bytes()[digits..];
    let goes_on = more.first() == Some(&b'-') && more.get(1).is_some_and(u8::is_ascii_digit);
    goes_on || (digits == 4 && matches!(word.len(), 1 | 3))
}

fn is_prefix(word: &str) -> bool {
    word.len() < 8 && PREFIXES.contains(&word.to_ascii_lowercase().as_str())
}

/// `A`, `PG`, `AT`: what may stand before an ampersand inside a name.
fn is_initials(word: &str) -> bool {
    word.len() <= 4 && word.chars().all(char::is_uppercase)
}
