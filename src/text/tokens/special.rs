//! Addresses, mentions, hashtags, emoticons and character references: one token each, whatever is in them.

use super::marks::is_pictograph;

/// The longest host or local part of an address that is looked for, in bytes.
const LONGEST_NAME: usize = 255;

/// Top-level domains that make a bare host name (`example.org`) an address.
const DOMAINS: [&str; 36] = [
    "at", "be", "biz", "br", "ca", "ch", "cn", "co", "com", "cz", "de", "dk", "edu", "es", "eu", "fr", "gov", "hr",
    "info", "int", "io", "it", "jp", "mil", "net", "nl", "no", "org", "pl", "pt", "rs", "ru", "se", "tv", "uk", "us",
];

/// The end of the address or sign that begins at `start`, if one does.
pub(super) fn end(text: &str, start: usize, before: Option<char>, language: &str) -> Option<usize> {
    let rest = &text[start..];
    let first = rest.chars().next()?;
    let fresh = before.is_none_or(|c| !c.is_alphanumeric());
    let length = match first {
        '@' if fresh => mention(rest),
        '#' => hashtag(rest),
        '&' => reference(rest),
        ':' | ';' | '=' | '<' | '(' | '^' | '\\' if fresh || first != '=' => emoticon(rest, before),
        '\'' | '’' | 'n' | 'N' => loose_clitic(rest, before, language),
        _ => None,
    };
    // What may stand inside an address does not begin one: so no stretch of text is looked through twice.
    let begins = first.is_alphanumeric() && before.is_none_or(|c| !c.is_alphanumeric() && !"@.-_+%&/".contains(c));
    let length = length.or_else(|| if begins { address(rest) } else { None })?;
    Some(start + length)
}

fn address(rest: &str) -> Option<usize> {
    url(rest).or_else(|| mail(rest)).or_else(|| host(rest))
}

fn url(rest: &str) -> Option<usize> {
    let head = &rest.as_bytes()[..rest.len().min(8)];
    let begins = |prefix: &[u8]| head.len() > prefix.len() - 1 && head[..prefix.len()].eq_ignore_ascii_case(prefix);
    let prefix = ["https://", "http://", "ftp://", "www.", "mailto:"].into_iter().find(|p| begins(p.as_bytes()))?;
    let end = url_end(rest);
    (end > prefix.len()).then_some(end)
}

/// Where an address that begins `rest` ends: before white space, a quote or an angle bracket, and before the
/// punctuation of the sentence around it.
fn url_end(rest: &str) -> usize {
    let stop = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '«' | '»' | '“' | '”' | '|')
            || is_pictograph(c)
    };
    let whole = &rest[..rest.find(stop).unwrap_or(rest.len())];
    let trimmed = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '…', '*']);
    let closes = trimmed.ends_with([')', ']']) && !trimmed.contains(['(', '[']);
    let trimmed = if closes { trimmed.trim_end_matches([')', ']', '.', ',', ';', '!', '?']) } else { trimmed };
    trimmed.len()
}

fn mail(rest: &str) -> Option<usize> {
    let local =
        rest.bytes().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric() || b".-_+%".contains(b)).count();
    if local == 0 || rest.as_bytes().get(local) != Some(&b'@') {
        return None;
    }
    let host = name(&rest[local + 1..]);
    host.contains('.').then_some(local + 1 + host.len())
}

/// The longest prefix that may be a host name: it ends in a letter or a digit.
fn name(rest: &str) -> &str {
    let length =
        rest.bytes().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric() || b".-_".contains(b)).count();
    rest[..length].trim_end_matches(['.', '-', '_'])
}

fn host(rest: &str) -> Option<usize> {
    let host = name(rest);
    let (labels, domain) = host.rsplit_once('.')?;
    let domain_known = DOMAINS.contains(&domain) && labels.bytes().all(|b| !b.is_ascii_uppercase() || domain.len() > 2);
    let real = labels.split('.').all(|label| label.len() > 1) && domain_known;
    let after = &rest[host.len()..];
    if !real || after.chars().next().is_some_and(char::is_alphanumeric) {
        return None;
    }
    Some(if after.starts_with('/') { url_end(rest).max(host.len()) } else { host.len() })
}

fn mention(rest: &str) -> Option<usize> {
    let length = run(&rest[1..], |c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let name = rest[1..1 + length].trim_end_matches('-');
    name.chars().any(|c| c.is_alphabetic() || c == '_').then_some(1 + name.len())
}

/// `#word`, with what some networks append: `#word@group`. A number sign before digits is none.
fn hashtag(rest: &str) -> Option<usize> {
    let length = run(&rest[1..], |c| c.is_alphanumeric() || matches!(c, '_' | '@'));
    rest[1..1 + length].chars().any(char::is_alphabetic).then_some(1 + length)
}

fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

/// `&quot;`, `&#39;`, and the same again at once.
fn reference(rest: &str) -> Option<usize> {
    let body = run(rest.get(1..)?, |c| c.is_ascii_alphanumeric() || c == '#');
    let length = body + 2;
    let whole = rest.get(..length)?;
    let named = ["&quot;", "&amp;", "&lt;", "&gt;", "&nbsp;", "&apos;"].contains(&whole);
    let numbered =
        body > 1 && whole.starts_with("&#") && whole[2..body + 1].bytes().all(|b| b.is_ascii_hexdigit() || b == b'x');
    if !whole.ends_with(';') || !(named || numbered) {
        return None;
    }
    Some(if rest[length..].starts_with(whole) { 2 * length } else { length })
}

fn emoticon(rest: &str, before: Option<char>) -> Option<usize> {
    const FIXED: [&str; 8] = ["<3", "</3", "^_^", "^^", "(:", "(;", "(=", "\\o/"];
    let apart = |length: usize| rest[length..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    if let Some(fixed) = FIXED.into_iter().find(|f| rest.starts_with(f)) {
        let spaced = before.is_none_or(char::is_whitespace)
            && rest[fixed.len()..].chars().next().is_none_or(char::is_whitespace);
        return spaced.then_some(fixed.len());
    }
    let mut chars = rest.chars().peekable();
    chars.next().filter(|c| matches!(c, ':' | ';' | '='))?;
    let mut length = 1;
    if let Some(nose) = chars.next_if(|c| matches!(c, '-' | '\'' | '^')) {
        length += nose.len_utf8();
    }
    let mouth = chars.next().filter(|&c| ")(][|/\\DPpOo*3".contains(c))?;
    let spaced = before.is_none_or(char::is_whitespace) && chars.next().is_none_or(char::is_whitespace);
    if mouth.is_alphanumeric() && !spaced {
        return None;
    }
    length += mouth.len_utf8();
    if matches!(mouth, ')' | '(' | 'D') {
        length += run(&rest[length..], |c| c == mouth);
    }
    (apart(length) && !rest[..length].ends_with("//") && !rest[length..].starts_with('/')).then_some(length)
}

/// What begins with an apostrophe: `'s` and `n't` that white space has parted from their word, Dutch `'t`, years.
fn loose_clitic(rest: &str, before: Option<char>, language: &str) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric()) || rest.starts_with(['n', 'N']) && language != "en" {
        return None;
    }
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    let length: usize = rest.chars().take(8).take_while(|&c| inside(c)).map(char::len_utf8).sum();
    if rest[length..].starts_with(inside) {
        return None;
    }
    if language == "nl" && rest[length..].starts_with('-') {
        // "'s-Gravenhage"
        return Some(length + run(&rest[length..], |c| c.is_alphanumeric() || c == '-'));
    }
    let word = rest[..length].replace('’', "'").to_lowercase();
    let known: &[&str] = match language {
        "en" => &["n't", "'s", "'m", "'re", "'ve", "'ll", "'d", "'em", "'n", "'til", "'cause"],
        "nl" => &["'s", "'t", "'n", "'k", "'m", "'r", "'ie", "'ns"],
        _ => &["'s"],
    };
    let digits = word.strip_prefix('\'').map_or("", |w| w.strip_suffix('s').unwrap_or(w));
    let year = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
    (known.contains(&word.as_str()) || year).then_some(length)
}
