//! Tag schemes (IOB1, IOB2, BIOES), conversion between them, and spans.

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// How a column of tags encodes its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// One label a token, no spans (UPOS).
    Plain,
    /// `B-` only where a span follows another of its type at once (CoNLL-2003).
    Iob1,
    /// Every span begins with `B-` (CoNLL-2002).
    Iob2,
    /// `B- I- E-`, and `S-` for a span of one token.
    Bioes,
}

/// A labelled run of tokens, half-open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First token.
    pub start: usize,
    /// One past the last token.
    pub end: usize,
    /// The label, without the scheme's prefix.
    pub label: String,
}

/// A tag cut at its first hyphen, as conlleval does: `I-PER` is (`I`, `PER`), `O` is (`O`, nothing).
fn split(tag: &str) -> (&str, &str) {
    tag.split_once('-').unwrap_or((tag, ""))
}

/// The label of a span's tag (`PER` of `B-PER`); `None` of `O`.
pub fn span_label(tag: &str) -> Option<&str> {
    tag.split_once('-').map(|(_, label)| label)
}

/// Converts one sentence's tags; an ill-formed tag is an error that names its position.
///
/// `B-O`, `I-O`, `E-O` and `S-O` are read as `O`. [`Scheme::Plain`] converts only to itself: it has no spans.
pub fn convert(tags: &[String], from: Scheme, to: Scheme) -> Result<Vec<String>> {
    if from == Scheme::Plain && to == Scheme::Plain {
        return Ok(tags.to_vec());
    }
    write(&spans(tags, from)?, tags.len(), to)
}

/// The spans of well-formed tags; an ill-formed tag is an error that names its position.
///
/// IOB1 takes every sequence of `O`, `B-` and `I-`, so it also reads IOB2 that has an `I-` after `O`.
/// A bare `B`, `I`, `E` or `S` has the empty label.
pub fn spans<S: AsRef<str>>(tags: &[S], scheme: Scheme) -> Result<Vec<Span>> {
    if scheme == Scheme::Plain {
        return Err(Error::new(ErrorKind::Argument, "plain labels have no spans").remedy("name iob1, iob2 or bioes"));
    }
    let mut found: Vec<Span> = Vec::new();
    // Whether the last span of `found` may go on at this token (in BIOES: must).
    let mut open = false;
    for (i, tag) in tags.iter().enumerate() {
        let tag = tag.as_ref();
        let step = step(tag, scheme).map_err(|e| at(e, i))?;
        let label = split(tag).1;
        let continues = open && found.last().is_some_and(|span| span.label == label);
        match step {
            Step::Inside | Step::End if continues => {
                if let Some(span) = found.last_mut() {
                    span.end = i + 1;
                }
                open = step == Step::Inside;
                continue;
            }
            _ if open && scheme == Scheme::Bioes => return Err(at(broken(tag, "the span before it has no E-"), i)),
            Step::Outside => open = false,
            Step::Inside | Step::End if scheme != Scheme::Iob1 => {
                let stray = broken(tag, "no span of its label goes on here");
                let stray = if step == Step::Inside && scheme == Scheme::Iob2 {
                    stray.remedy("read the file as iob1, which lets I- begin a span, or correct the tag")
                } else {
                    stray
                };
                return Err(at(stray, i));
            }
            Step::Inside | Step::Begin | Step::Single | Step::End => {
                found.push(Span { start: i, end: i + 1, label: label.to_owned() });
                open = step != Step::Single;
            }
        }
    }
    if open && scheme == Scheme::Bioes {
        return Err(at(broken(tags[tags.len() - 1].as_ref(), "the sentence ends inside a span"), tags.len() - 1));
    }
    Ok(found)
}

/// What a tag does, its label aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}

fn step(tag: &str, scheme: Scheme) -> Result<Step> {
    let (prefix, label) = split(tag);
    let step = match prefix {
        "O" if tag == "O" => return Ok(Step::Outside),
        "B" => Step::Begin,
        "I" => Step::Inside,
        "E" if scheme == Scheme::Bioes => Step::End,
        "S" if scheme == Scheme::Bioes => Step::Single,
        _ => return Err(broken(tag, "no such tag in the scheme")),
    };
    match label {
        "O" => Ok(Step::Outside),
        "" if tag.len() > 1 => Err(broken(tag, "the label is empty")),
        _ => Ok(step),
    }
}

fn broken(tag: &str, why: &str) -> Error {
    Error::new(ErrorKind::Input, format!("tag {tag:?}: {why}"))
        .remedy("check the scheme (iob1, iob2, bioes) and the column")
}

fn at(error: Error, token: usize) -> Error {
    error.at(format_args!("token {}", token + 1))
}

/// The tags of `length` tokens that hold `spans`: in order, not overlapping, none empty, else an error.
pub fn write(spans: &[Span], length: usize, scheme: Scheme) -> Result<Vec<String>> {
    if scheme == Scheme::Plain {
        return Err(Error::new(ErrorKind::Argument, "plain labels hold no spans").remedy("name iob1, iob2 or bioes"));
    }
    let mut tags = vec!["O".to_owned(); length];
    let mut before: Option<&Span> = None;
    for span in spans {
        if span.start >= span.end || span.end > length || before.is_some_and(|b| b.end > span.start) {
            let what = format!("span {}..{} is empty, out of order or beyond {length} tokens", span.start, span.end);
            return Err(Error::new(ErrorKind::Argument, what).remedy("sort the spans and drop those that overlap"));
        }
        let touches = before.is_some_and(|b| b.end == span.start && b.label == span.label);
        let inside = span.end - span.start;
        for (i, tag) in tags[span.start..span.end].iter_mut().enumerate() {
            let (first, last) = (i == 0, i + 1 == inside);
            let prefix = match scheme {
                Scheme::Iob1 if first && touches => "B",
                Scheme::Iob2 | Scheme::Bioes if first && !(last && scheme == Scheme::Bioes) => "B",
                Scheme::Bioes if first => "S",
                Scheme::Bioes if last => "E",
                _ => "I",
            };
            *tag = if span.label.is_empty() { prefix.to_owned() } else { format!("{prefix}-{}", span.label) };
        }
        before = Some(span);
    }
    Ok(tags)
}

/// Spans as conlleval reads them: `I-X` after `O` opens a span (seeds A.10). Works on every scheme.
pub fn spans_lenient<S: AsRef<str>>(tags: &[S]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    let mut last = ("O", "");
    let after = std::iter::once("O");
    for (i, tag) in tags.iter().map(AsRef::as_ref).chain(after).enumerate() {
        let now = split(tag);
        let starts = i < tags.len() && starts_chunk(last, now);
        if let Some(start) = open
            && (starts || i == tags.len() || ends_chunk(last, now))
        {
            let label = split(tags[start].as_ref()).1.to_owned();
            found.push(Span { start, end: i, label });
            open = None;
        }
        if starts {
            open = Some(i);
        }
        last = now;
    }
    found
}

/// conlleval's rule for the first token of a chunk.
fn starts_chunk((last, last_type): (&str, &str), (tag, kind): (&str, &str)) -> bool {
    matches!(tag, "B" | "S" | "[" | "]")
        || (matches!(last, "E" | "S" | "O") && matches!(tag, "E" | "I"))
        || (tag != "O" && tag != "." && last_type != kind)
}

/// conlleval's rule for the token after the last one of a chunk.
fn ends_chunk((last, last_type): (&str, &str), (tag, kind): (&str, &str)) -> bool {
    matches!(last, "E" | "S" | "[" | "]")
        || (matches!(last, "B" | "I") && matches!(tag, "B" | "S" | "O"))
        || (last != "O" && last != "." && last_type != kind)
}

/// Spans of well-formed BIOES runs only: `B I* E` or `S`, one type throughout.
pub fn spans_strict<S: AsRef<str>>(tags: &[S]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (i, tag) in tags.iter().enumerate() {
        let (prefix, label) = split(tag.as_ref());
        let begun = open.filter(|(_, l)| *l == label).map(|(start, _)| start);
        open = match (prefix, begun) {
            ("B", _) => Some((i, label)),
            ("I", Some(_)) => open,
            ("E", Some(start)) => {
                found.push(Span { start, end: i + 1, label: label.to_owned() });
                None
            }
            ("S", _) => {
                found.push(Span { start: i, end: i + 1, label: label.to_owned() });
                None
            }
            _ => None,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use Scheme::{Bioes, Iob1, Iob2, Plain};

    fn tags(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn shown(spans: Vec<Span>) -> Vec<(usize, usize, String)> {
        spans.into_iter().map(|s| (s.start, s.end, s.label)).collect()
    }

    fn lenient(line: &str) -> String {
        spans_lenient(&tags(line)).iter().map(|s| format!("{}-{}{} ", s.start, s.end, s.label)).collect()
    }

    fn strict(line: &str) -> String {
        spans_strict(&tags(line)).iter().map(|s| format!("{}-{}{} ", s.start, s.end, s.label)).collect()
    }

    #[test]
    fn the_three_schemes_of_one_sentence() {
        let iob1 = "I-PER I-PER O I-LOC B-LOC I-LOC I-ORG O";
        let iob2 = "B-PER I-PER O B-LOC B-LOC I-LOC B-ORG O";
        let bioes = "B-PER E-PER O S-LOC B-LOC E-LOC S-ORG O";
        let all = [(Iob1, iob1), (Iob2, iob2), (Bioes, bioes)];
        for (from, a) in all {
            for (to, b) in all {
                assert_eq!(convert(&tags(a), from, to).unwrap(), tags(b), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn long_spans_have_inner_tags() {
        assert_eq!(convert(&tags("B-X I-X I-X I-X"), Iob2, Bioes).unwrap(), tags("B-X I-X I-X E-X"));
    }

    #[test]
    fn ill_formed_tags_name_their_position() {
        let cases = [
            ("O I-X", Iob2, "token 2"),
            ("B-X I-Y", Iob2, "token 2"),
            ("O O Q-X", Iob1, "token 3"),
            ("S-X", Iob2, "token 1"),
            ("E-X", Iob1, "token 1"),
            ("B-X O", Bioes, "token 2"),
            ("B-X", Bioes, "token 1"),
            ("B-X I-X B-X E-X", Bioes, "token 3"),
            ("S-X E-X", Bioes, "token 2"),
            ("S-X I-X", Bioes, "token 2"),
            ("B-X S-X", Bioes, "token 2"),
            ("O B-", Iob2, "token 2"),
            ("O-X", Iob2, "token 1"),
            ("NOUN", Iob2, "token 1"),
        ];
        for (line, scheme, place) in cases {
            let error = convert(&tags(line), scheme, Iob2).unwrap_err();
            assert_eq!((error.place(), error.kind()), (place, ErrorKind::Input), "{line}: {error}");
        }
    }

    #[test]
    fn iob1_reads_what_strict_iob2_refuses() {
        assert_eq!(convert(&tags("O I-X B-X I-Y"), Iob1, Iob2).unwrap(), tags("O B-X B-X B-Y"));
    }

    #[test]
    fn labels_may_hold_hyphens_or_be_missing() {
        assert_eq!(convert(&tags("B-geo-loc I-geo-loc"), Iob2, Bioes).unwrap(), tags("B-geo-loc E-geo-loc"));
        assert_eq!(convert(&tags("B I O B"), Iob2, Bioes).unwrap(), tags("B E O S"));
    }

    #[test]
    fn a_span_labelled_o_is_outside() {
        assert_eq!(convert(&tags("B-O I-O B-X E-X S-O E-O"), Bioes, Iob2).unwrap(), tags("O O B-X I-X O O"));
    }

    #[test]
    fn plain_converts_to_itself_only() {
        assert_eq!(convert(&tags("NOUN B-X"), Plain, Plain).unwrap(), tags("NOUN B-X"));
        assert_eq!(convert(&tags("NOUN"), Plain, Iob2).unwrap_err().kind(), ErrorKind::Argument);
        assert_eq!(convert(&tags("O"), Iob2, Plain).unwrap_err().kind(), ErrorKind::Argument);
    }

    #[test]
    fn write_refuses_spans_that_overlap_or_reach_too_far() {
        let span = |start, end| Span { start, end, label: "X".into() };
        assert!(write(&[span(0, 2), span(1, 3)], 3, Iob2).is_err());
        assert!(write(&[span(0, 4)], 3, Iob2).is_err());
        assert!(write(&[span(1, 1)], 3, Iob2).is_err());
        assert_eq!(write(&[], 2, Bioes).unwrap(), tags("O O"));
    }

    #[test]
    fn lenient_opens_a_chunk_wherever_conlleval_does() {
        // Worked by hand from the rules of conlleval.
        assert_eq!(lenient("O I-X I-X O"), "1-3X ");
        assert_eq!(lenient("I-X I-Y B-Y I-Y"), "0-1X 1-2Y 2-4Y ");
        assert_eq!(lenient("B-X E-X E-X I-X"), "0-2X 2-3X 3-4X ");
        assert_eq!(lenient("S-X I-X E-X S-X E-X"), "0-1X 1-3X 3-4X 4-5X ");
        assert_eq!(lenient("B-X E-Y"), "0-1X 1-2Y ");
        assert_eq!(lenient("B-X S-X I-X"), "0-1X 1-2X 2-3X ");
        assert_eq!(lenient("I-X E-X"), "0-2X ");
        assert_eq!(lenient("O E-X O"), "1-2X ");
        assert_eq!(lenient("B-X"), "0-1X ");
        assert_eq!(lenient(""), "");
        assert_eq!(lenient("O O"), "");
    }

    #[test]
    fn lenient_oddities_of_conlleval() {
        // '.' is like O; brackets are chunks of one token; a label of its own after '-' alone makes a chunk.
        assert_eq!(lenient("B-X . I-X"), "0-1X 2-3X ");
        assert_eq!(lenient("[ ] ["), "0-1 1-2 2-3 ");
        assert_eq!(lenient("[-X I-X"), "0-1X ");
        assert_eq!(lenient("NOUN VERB ."), "");
        assert_eq!(lenient("-LRB- NOUN"), "0-1LRB- 1-2 ");
        assert_eq!(lenient("B-a-b I-a-b I-a"), "0-2a-b 2-3a ");
        assert_eq!(lenient("O-X I-X"), "1-2X ");
        assert_eq!(lenient("B I E B S"), "0-3 3-4 4-5 ");
    }

    #[test]
    fn strict_takes_well_formed_runs_only() {
        assert_eq!(strict("B-X I-X E-X S-Y O S-X"), "0-3X 3-4Y 5-6X ");
        assert_eq!(strict("O I-X E-X B-X O B-X I-X B-X E-X"), "7-9X ");
        assert_eq!(strict("B-X I-Y E-X"), "");
        assert_eq!(strict("B-X E-Y E-X"), "");
        assert_eq!(strict("B-X S-Y E-X"), "1-2Y ");
        assert_eq!(strict("B-X"), "");
    }

    #[test]
    fn strict_and_lenient_agree_on_well_formed_tags() {
        let bioes = tags("B-X I-X E-X S-X S-Y B-X E-X O");
        assert_eq!(shown(spans_strict(&bioes)), shown(spans_lenient(&bioes)));
        assert_eq!(shown(spans_strict(&bioes)), shown(spans(&bioes, Bioes).unwrap()));
    }
}
