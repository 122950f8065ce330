//! One token a line, in columns: CoNLL and CoNLL-U.

use super::lines::{Ends, Lines};
use crate::text::Sentence;
use crate::{Error, ErrorKind, Result};
use std::io::BufRead;

/// What separates the columns of a CoNLL file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separator {
    /// Tabs when the line has one, else runs of blanks.
    #[default]
    Auto,
    /// One tab.
    Tab,
    /// Runs of blanks.
    Blank,
}

/// How to read a CoNLL file (one token a line, an empty line between sentences).
#[derive(Debug, Clone, Default)]
pub struct ConllOptions {
    /// The column of the token, from 0.
    pub token_column: usize,
    /// The column of the label: `Some(n)` from 0, `Some(-1)` the last one, `None` no labels wanted.
    pub label_column: Option<isize>,
    /// What separates columns.
    pub separator: Separator,
    /// Lines that begin with `# ` (hash, blank) are comments.
    pub comments: bool,
    /// Passes over lines whose token is blank, which some corpora have; without it they are errors.
    pub skip_blank_tokens: bool,
}

/// Reads CoNLL; drops the token `-DOCSTART-`, alone in its sentence (English CoNLL-2003) or not (Dutch CoNLL-2002).
pub fn conll<R: BufRead>(input: R, options: ConllOptions) -> impl Iterator<Item = Result<Sentence>> {
    let mut reader = Columns { lines: Lines::new(input, Ends::Unix), done: false };
    std::iter::from_fn(move || reader.next(|line| conll_line(line, &options)))
}

/// Reads CoNLL-U: token from FORM, label from `column` (UPOS is 3); skips ranges and empty nodes.
pub fn conllu<R: BufRead>(input: R, column: Option<usize>) -> impl Iterator<Item = Result<Sentence>> {
    let mut reader = Columns { lines: Lines::new(input, Ends::Unix), done: false };
    std::iter::from_fn(move || reader.next(|line| conllu_line(line, column)))
}

/// What a line holds.
enum Line<'a> {
    /// Nothing that a sentence holds.
    Comment,
    /// A token, and its label where one is wanted.
    Token(&'a str, Option<&'a str>),
}

struct Columns<R> {
    lines: Lines<R>,
    done: bool,
}

impl<R: BufRead> Columns<R> {
    /// The next sentence; `None` at the end and after an error.
    fn next(&mut self, parse: impl Fn(&str) -> Result<Line<'_>>) -> Option<Result<Sentence>> {
        if self.done {
            return None;
        }
        let sentence = self.read(parse).transpose();
        self.done = !matches!(sentence, Some(Ok(_)));
        sentence
    }

    fn read(&mut self, parse: impl Fn(&str) -> Result<Line<'_>>) -> Result<Option<Sentence>> {
        let mut sentence = Sentence::default();
        while let Some(line) = self.lines.next()? {
            if line.chars().all(char::is_whitespace) {
                if sentence.tokens.is_empty() {
                    continue;
                }
                return Ok(Some(sentence));
            }
            let parsed = parse(line);
            let (token, label) = match parsed {
                Ok(Line::Comment) => continue,
                Ok(Line::Token(token, label)) => (token.to_owned(), label.map(str::to_owned)),
                Err(e) => return Err(e.at(format_args!("line {}", self.lines.number()))),
            };
            if sentence.tokens.is_empty() {
                sentence.line = self.lines.number();
            }
            sentence.tokens.push(token);
            sentence.labels.extend(label);
        }
        Ok((!sentence.tokens.is_empty()).then_some(sentence))
    }
}

fn conll_line<'a>(line: &'a str, options: &ConllOptions) -> Result<Line<'a>> {
    let Some(columns) = conll_columns(line, options)? else { return Ok(Line::Comment) };
    let token = columns[options.token_column];
    let label = match options.label_column {
        None => None,
        Some(n) if n >= 0 => Some(column(&columns, n as usize, "the label column")?),
        Some(n) => {
            let from_end = n.unsigned_abs();
            let index = columns.len().checked_sub(from_end).filter(|&i| i != options.token_column);
            Some(match index {
                Some(i) => column(&columns, i, "the label column")?,
                None => {
                    return Err(too_few(columns.len(), from_end.max(options.token_column + 1) + 1, "the label column"));
                }
            })
        }
    };
    Ok(Line::Token(token, label))
}

/// The columns of a line of CoNLL, the token's among them; `None` for a line that holds no token.
pub(crate) fn conll_columns<'a>(line: &'a str, options: &ConllOptions) -> Result<Option<Vec<&'a str>>> {
    if options.comments && (line.starts_with("# ") || line == "#") {
        return Ok(None);
    }
    let tabs = match options.separator {
        Separator::Auto => line.contains('\t'),
        Separator::Tab => true,
        Separator::Blank => false,
    };
    let columns: Vec<&str> =
        if tabs { line.split('\t').collect() } else { line.split([' ', '\t']).filter(|c| !c.is_empty()).collect() };
    if options.skip_blank_tokens && columns.get(options.token_column).is_some_and(|token| token.trim().is_empty()) {
        return Ok(None);
    }
    let token = column(&columns, options.token_column, "the token column")?;
    Ok((token != "-DOCSTART-").then_some(columns))
}

/// A column that must be there and hold something.
fn column<'a>(columns: &[&'a str], index: usize, what: &str) -> Result<&'a str> {
    match columns.get(index).copied() {
        None => Err(too_few(columns.len(), index + 1, what)),
        Some(text) if text.trim().is_empty() => {
            Err(Error::new(ErrorKind::Input, format!("column {} is empty", index + 1))
                .remedy(format!("fill it, or name another column as {what}")))
        }
        Some(text) => Ok(text),
    }
}

fn too_few(found: usize, needed: usize, what: &str) -> Error {
    let plural = if found == 1 { "" } else { "s" };
    Error::new(ErrorKind::Input, format!("{found} column{plural} where at least {needed} are needed"))
        .remedy(format!("complete the line, or name another column as {what}, or another separator"))
}

fn conllu_line(line: &str, label: Option<usize>) -> Result<Line<'_>> {
    let Some(columns) = conllu_columns(line)? else { return Ok(Line::Comment) };
    let label = label.map(|n| column(&columns, n, "the label column")).transpose()?;
    Ok(Line::Token(columns[FORM], label))
}

/// The column of the word in CoNLL-U.
const FORM: usize = 1;

/// The columns of a line of CoNLL-U, FORM among them; `None` for a comment, a range or an empty node.
pub(crate) fn conllu_columns(line: &str) -> Result<Option<Vec<&str>>> {
    if line.starts_with('#') {
        return Ok(None);
    }
    let columns: Vec<&str> = line.split('\t').collect();
    let id = columns[0];
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(id) {
        if id.split_once(['-', '.']).is_some_and(|(a, b)| digits(a) && digits(b)) {
            return Ok(None);
        }
        return Err(Error::new(ErrorKind::Input, format!("{id:?} is no CoNLL-U word number"))
            .remedy("separate ten columns by tabs, the first a number; or read the file as conll"));
    }
    column(&columns, FORM, "the token column")?;
    Ok(Some(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, options: ConllOptions) -> Result<Vec<Sentence>> {
        conll(text.as_bytes(), options).collect()
    }

    fn labelled(n: isize) -> ConllOptions {
        ConllOptions { label_column: Some(n), ..ConllOptions::default() }
    }

    #[test]
    fn sentences_keep_their_order_lines_and_labels() {
        let text = "\u{FEFF}-DOCSTART- -X- O\n\nEU NNP B-ORG\r\nrejects VBZ O\n\n\n \nPeter NNP B-PER";
        let found = read(text, labelled(-1)).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].line, found[0].tokens.join("|"), found[0].labels.join("|")),
            (3, "EU|rejects".into(), "B-ORG|O".into())
        );
        assert_eq!(
            (found[1].line, found[1].tokens.join("|"), found[1].labels.join("|")),
            (8, "Peter".into(), "B-PER".into())
        );
        assert!(found[0].offsets.is_empty());
    }

    #[test]
    fn the_start_of_a_document_is_no_token() {
        let found = read("-DOCSTART- -DOCSTART- O\nDe Art O\n\n-DOCSTART-\n\nEU N B-ORG", labelled(-1)).unwrap();
        assert_eq!(found.iter().map(|s| s.tokens.join(" ")).collect::<Vec<_>>(), ["De", "EU"]);
    }

    #[test]
    fn any_column() {
        let options = ConllOptions { token_column: 1, label_column: Some(2), ..ConllOptions::default() };
        let found = read("1\tSchartau\tB-PER\t-\n2\tsagte \tO\t-\n", options).unwrap();
        assert_eq!(found[0].tokens, ["Schartau", "sagte "]);
        assert_eq!(found[0].labels, ["B-PER", "O"]);
    }

    #[test]
    fn separators() {
        let both = "New York\tB-LOC\n";
        assert_eq!(read(both, labelled(1)).unwrap()[0].tokens, ["New York"]);
        let blank = ConllOptions { separator: Separator::Blank, ..labelled(2) };
        assert_eq!(read(both, blank).unwrap()[0].labels, ["B-LOC"]);
        let tab = ConllOptions { separator: Separator::Tab, ..labelled(1) };
        assert_eq!(read("a b", tab).unwrap_err().place(), "line 1");
        assert_eq!(read("a   b", labelled(1)).unwrap()[0].labels, ["b"]);
    }

    #[test]
    fn too_few_columns_names_line_count_and_remedy() {
        let error = read("a b c\n\na b\n", labelled(2)).unwrap_err();
        assert!(
            error.to_string().starts_with("line 3: 2 columns where at least 3 are needed; complete the line"),
            "{error}"
        );
        let error = read("a\n", labelled(-1)).unwrap_err();
        assert!(error.to_string().starts_with("line 1: 1 column where at least 2"), "{error}");
        let error = read("a\t\tb\n", labelled(1)).unwrap_err();
        assert!(error.to_string().starts_with("line 1: column 2 is empty"), "{error}");
    }

    #[test]
    fn a_reader_stops_after_an_error_but_keeps_what_came_before() {
        let mut found = conll("a b\n\na\n\na b\n".as_bytes(), labelled(1));
        assert!(found.next().unwrap().is_ok());
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none());
    }

    #[test]
    fn blank_tokens_are_errors_unless_skipped() {
        let text = "a O\n\tO\nb\tO\n";
        assert!(read(text, labelled(-1)).is_err());
        let found = read(text, ConllOptions { skip_blank_tokens: true, ..labelled(-1) }).unwrap();
        assert_eq!(found[0].tokens, ["a", "b"]);
    }

    #[test]
    fn a_hashtag_is_no_comment() {
        let text = "# id = 1\n#hash O\n# O\n";
        let found = read(text, ConllOptions { comments: true, ..labelled(-1) }).unwrap();
        assert_eq!(found[0].tokens, ["#hash"]);
        let found = read("#hash O\n# O\n", labelled(-1)).unwrap();
        assert_eq!(found[0].tokens, ["#hash", "#"]);
    }

    #[test]
    fn nul_and_invalid_bytes() {
        assert_eq!(read("a\0b O\n", labelled(-1)).unwrap()[0].tokens, ["a\0b"]);
        let error = conll(&b"a O\nb\xFF O\n"[..], labelled(-1)).next().unwrap().unwrap_err();
        assert_eq!(error.place(), "line 2, byte 2");
    }

    #[test]
    fn nothing_gives_nothing() {
        for text in ["", "\n", "\n \n\t\n", "-DOCSTART- O\n\n", "\u{FEFF}"] {
            assert_eq!(read(text, labelled(-1)).unwrap(), [], "{text:?}");
        }
    }

    #[test]
    fn conllu_skips_comments_ranges_and_empty_nodes() {
        let text = "# text = al mar\n1-2\tal\t_\t_\n1\ta\ta\tADP\n2\tel\tel\tDET\n2.1\tx\tx\tX\n3\t#\t#\tSYM\n\n";
        let found: Vec<_> = conllu(text.as_bytes(), Some(3)).collect::<Result<_>>().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].tokens.join(" "), found[0].labels.join(" "), found[0].line),
            ("a el #".into(), "ADP DET SYM".into(), 3)
        );
        let found: Vec<_> = conllu(text.as_bytes(), None).collect::<Result<_>>().unwrap();
        assert!(found[0].labels.is_empty());
    }

    #[test]
    fn conllu_refuses_what_it_is_not() {
        let error = conllu("1\tThe\n".as_bytes(), Some(3)).next().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("line 1: 2 columns where at least 4"), "{error}");
        let error = conllu("The DET\n".as_bytes(), Some(3)).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("no CoNLL-U word number"), "{error}");
        assert!(conllu("1-\tThe\tx\tDET\n".as_bytes(), Some(3)).next().unwrap().is_err());
    }
}
