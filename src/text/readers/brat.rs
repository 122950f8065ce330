//! brat standoff: a `.txt` file of text and an `.ann` file of entities beside it.
//!
//! What CoNLL cannot hold is settled so, as `standoff2conll` does by default:
//!
//! * an entity of several fragments is taken from the start of its first to the end of its last;
//! * of entities that overlap, the longest is kept; of two of one length, the one that begins first, then the one that
//!   stands first in the file;
//! * a token belongs to an entity when they share a character;
//! * a sentence does not end inside an entity.
//!
//! Relations, events, attributes and notes are passed over. Offsets count code points, line breaks as the file has them.

use super::lines::{Ends, Lines};
use super::plain::line_breaks;
use crate::text::scheme::{Scheme, Span, write};
use crate::text::{Sentence, sentences, tokens};
use crate::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The largest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 256 << 20;

/// How to read brat standoff.
#[derive(Debug, Clone)]
pub struct BratOptions {
    /// The language of the text, ISO 639-1; decides how words are cut.
    pub language: String,
    /// How the labels encode the entities: IOB1, IOB2 or BIOES.
    pub scheme: Scheme,
}

impl Default for BratOptions {
    fn default() -> Self {
        Self { language: String::new(), scheme: Scheme::Iob2 }
    }
}

/// Reads the documents of a folder in the order of their names, one at a time: every `.txt` file and its `.ann` file.
pub fn brat(folder: &Path, options: BratOptions) -> Result<impl Iterator<Item = Result<Sentence>> + use<>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))? {
        let path = entry.map_err(|e| Error::io(folder.display(), e))?.path();
        if path.extension().is_some_and(|e| e == "txt") {
            files.push(path);
        }
    }
    files.sort();
    let mut failed = false;
    let documents = files.into_iter().map_while(move |path| {
        (!failed).then(|| {
            let document = read_document(&path, &options);
            failed = document.is_err();
            document
        })
    });
    Ok(documents.flat_map(|document| match document {
        Ok(sentences) => sentences.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }))
}

fn read_document(path: &Path, options: &BratOptions) -> Result<Vec<Sentence>> {
    let entities = path.with_extension("ann");
    let text = read_file(path)?;
    let annotations = read_file(&entities).map_err(|e| match e.kind() {
        ErrorKind::Io => e.remedy("every .txt file needs its .ann file; make an empty one where there are no entities"),
        _ => e,
    })?;
    brat_document(&text, &annotations, options).map_err(|e| e.at(entities.display()))
}

fn read_file(path: &Path) -> Result<String> {
    let io = |e| Error::io(path.display(), e);
    if std::fs::metadata(path).map_err(io)?.len() > MAX_DOCUMENT {
        return Err(Error::new(ErrorKind::Limit, format!("the file is larger than {} MiB", MAX_DOCUMENT >> 20))
            .at(path.display())
            .remedy("break it into documents"));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        Error::new(ErrorKind::Input, "invalid UTF-8")
            .at(format_args!("{}: line {line}, byte {}", path.display(), before.len() - line_start + 1))
            .remedy("convert the file to UTF-8, with iconv for example")
    })
}

/// The sentences of one document, labelled by the entities of its annotations; offsets are bytes of `text`.
pub fn brat_document(text: &str, annotations: &str, options: &BratOptions) -> Result<Vec<Sentence>> {
    let mut entities = without_overlaps(read_entities(annotations)?);
    to_bytes(text, &mut entities)?;
    let start = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
    let (mut at, mut line, mut first) = (0, 1, 0);
    let mut found = Vec::new();
    for range in sentence_ranges(&text[start..], start, &options.language, &entities) {
        let words: Vec<Range<usize>> = tokens::tokenise(&text[range.clone()], &options.language)
            .into_iter()
            .map(|w| range.start + w.start..range.start + w.end)
            .collect();
        while entities.get(first).is_some_and(|e| e.range.end <= range.start) {
            first += 1;
        }
        let inside = entities[first..].iter().take_while(|e| e.range.start < range.end);
        let labels = write(&spans(inside, &words), words.len(), options.scheme)?;
        line += line_breaks(&text[at..range.start]);
        at = range.start;
        let forms = words.iter().map(|w| text[w.clone()].to_owned()).collect();
        found.push(Sentence { tokens: forms, offsets: words, labels, line });
    }
    Ok(found)
}

struct Entity {
    /// In code points as read, in bytes after [`to_bytes`].
    range: Range<usize>,
    label: String,
    /// The line of the annotations.
    line: u64,
}

fn read_entities(annotations: &str) -> Result<Vec<Entity>> {
    let mut lines = Lines::new(annotations.as_bytes(), Ends::Unix);
    let mut entities = Vec::new();
    while let Some(line) = lines.next()?.map(str::to_owned) {
        if line.starts_with('T') {
            let number = lines.number();
            let (label, range) = read_entity(&line).ok_or_else(|| {
                Error::new(ErrorKind::Input, "no brat entity")
                    .at(format_args!("line {number}"))
                    .remedy("write it as T1<TAB>Type START END<TAB>text; fragments as START END;START END")
            })?;
            entities.push(Entity { range, label, line: number });
        }
    }
    Ok(entities)
}

/// `T1<TAB>Type 0 5;8 12<TAB>text` is `Type` over 0..12.
fn read_entity(line: &str) -> Option<(String, Range<usize>)> {
    let (label, places) = line.split('\t').nth(1)?.split_once(' ')?;
    let mut whole: Option<Range<usize>> = None;
    for fragment in places.split(';') {
        let (start, end) = fragment.trim().split_once(' ')?;
        let (start, end): (usize, usize) = (start.parse().ok()?, end.trim().parse().ok()?);
        let so_far = whole.unwrap_or(start..end);
        whole = Some(so_far.start.min(start)..so_far.end.max(end)).filter(|_| start < end);
        whole.as_ref()?;
    }
    whole.filter(|_| !label.is_empty()).map(|range| (label.to_owned(), range))
}

/// The longest of entities that overlap, in the order of the text.
fn without_overlaps(mut entities: Vec<Entity>) -> Vec<Entity> {
    entities.sort_by_key(|e| (std::cmp::Reverse(e.range.len()), e.range.start, e.line));
    let mut kept: std::collections::BTreeMap<usize, Entity> = std::collections::BTreeMap::new();
    for entity in entities {
        // No kept entity overlaps another, so the last that begins before this one's end decides.
        let free = kept.range(..entity.range.end).next_back().is_none_or(|(_, e)| e.range.end <= entity.range.start);
        if free {
            kept.insert(entity.range.start, entity);
        }
    }
    kept.into_values().collect()
}

/// Turns code points into bytes; the entities are in order.
fn to_bytes(text: &str, entities: &mut [Entity]) -> Result<()> {
    let mut starts = text.char_indices().map(|(i, _)| i).chain([text.len()]).skip(1);
    let (mut point, mut byte) = (0, 0);
    let mut find = |target: usize| {
        while point < target {
            byte = starts.next()?;
            point += 1;
        }
        Some(byte)
    };
    for entity in entities {
        let (start, end) = (find(entity.range.start), find(entity.range.end));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(Error::new(
                ErrorKind::Input,
                format!("the entity ends at {}, beyond its text", entity.range.end),
            )
            .at(format_args!("line {}", entity.line))
            .remedy("count code points of the .txt file, from 0; check that the two files belong together"));
        };
        entity.range = start..end;
    }
    Ok(())
}

/// The sentences, those joined into which an entity reaches from the one before.
fn sentence_ranges(text: &str, base: usize, language: &str, entities: &[Entity]) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    let mut next = 0;
    for range in sentences::split(text, language) {
        let range = base + range.start..base + range.end;
        while entities.get(next).is_some_and(|e| e.range.end <= range.start) {
            next += 1;
        }
        match joined.last_mut() {
            Some(last) if entities.get(next).is_some_and(|e| e.range.start < last.end) => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// The entities as runs of tokens. One that shares a token with the one before begins after it, or is left out.
fn spans<'a>(entities: impl Iterator<Item = &'a Entity>, words: &[Range<usize>]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut free = 0;
    for entity in entities {
        let start = words.partition_point(|w| w.end <= entity.range.start).max(free);
        let end = words.partition_point(|w| w.start < entity.range.end);
        if start < end {
            spans.push(Span { start, end, label: entity.label.clone() });
            free = end;
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(text: &str, annotations: &str) -> Vec<String> {
        let options = BratOptions { language: "en".into(), scheme: Scheme::Iob2 };
        let sentences = brat_document(text, annotations, &options).unwrap();
        for sentence in &sentences {
            for (token, place) in sentence.tokens.iter().zip(&sentence.offsets) {
                assert_eq!(&text[place.clone()], token);
            }
        }
        let pair = |(t, l): (&String, &String)| if l == "O" { t.clone() } else { format!("{t}/{l}") };
        sentences.iter().map(|s| s.tokens.iter().zip(&s.labels).map(pair).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn entities_label_their_tokens() {
        let text = "\u{FEFF}Zoé met 😀 Ann Lee.\nShe left Rome.";
        let annotations =
            "T1\tPER 11 18\tAnn Lee\nR1\tx Arg1:T1 Arg2:T2\n#1\tNote T1\tx\nT2\tLOC 29 33\tRome\r\nT3\tPER 1 4\tZoé\n";
        assert_eq!(labelled(text, annotations), ["Zoé/B-PER met 😀 Ann/B-PER Lee/I-PER .", "She left Rome/B-LOC ."]);
    }

    #[test]
    fn fragments_are_taken_whole_and_the_longest_of_overlapping_entities_wins() {
        let text = "North and South America here";
        assert_eq!(
            labelled(text, "T1\tA 0 5;16 23\tNorth America\n"),
            ["North/B-A and/I-A South/I-A America/I-A here"]
        );
        assert_eq!(
            labelled(text, "T1\tA 10 15\tx\nT2\tB 10 23\tx\nT3\tC 16 28\tx\nT4\tD 0 5\tx\nT5\tE 0 5\tx\n"),
            ["North/B-D and South/B-B America/I-B here"]
        );
    }

    #[test]
    fn an_entity_joins_sentences_and_takes_whole_tokens() {
        assert_eq!(labelled("Go. Come", "T1\tX 1 5\to. C\n"), ["Go/B-X ./I-X Come/I-X"]);
        assert_eq!(labelled("half done", "T1\tX 0 2\tha\nT2\tY 2 4\tlf\n"), ["half/B-X done"]);
        assert_eq!(labelled("a b", "T1\tX 0 1\ta\nT2\tX 1 2\t \n"), ["a/B-X b"]);
    }

    #[test]
    fn broken_annotations_name_their_line() {
        let options = BratOptions::default();
        for (annotations, words) in [
            ("T1\tX 0 99\tx\n", "line 1: the entity ends at 99, beyond its text"),
            ("\nT1 X 0 1\n", "line 2: no brat entity"),
            ("T1\tX 3 3\t\n", "line 1: no brat entity"),
            ("T1\tX 0 1;4\tx\n", "line 1: no brat entity"),
            ("T1\tX a 1\tx\n", "line 1: no brat entity"),
            ("T1\t 0 1\tx\n", "line 1: no brat entity"),
        ] {
            let error = brat_document("some text", annotations, &options).unwrap_err();
            assert!(error.to_string().starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_folder_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
        file("b.txt", b"Two");
        file("b.ann", b"");
        file("a.txt", b"One");
        file("a.ann", b"T1\tX 0 3\tOne");
        file("README", b"");
        let options = BratOptions { scheme: Scheme::Bioes, ..BratOptions::default() };
        let found: Vec<Sentence> = brat(folder.path(), options.clone()).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(found.iter().map(|s| s.labels.join("")).collect::<Vec<_>>(), ["S-X", "O"]);

        file("c.txt", b"no annotations");
        let error = brat(folder.path(), options.clone()).unwrap().last().unwrap().unwrap_err();
        assert!(error.to_string().contains("c.ann") && error.to_string().contains("make an empty one"), "{error}");
        file("aa.txt", b"ok\nb\xFFd");
        file("aa.ann", b"");
        let found: Vec<_> = brat(folder.path(), options.clone()).unwrap().collect();
        assert_eq!(found.len(), 2);
        assert!(found[1].as_ref().unwrap_err().place().ends_with("aa.txt: line 2, byte 2"));
        let missing = brat(&folder.path().join("none"), options).err().unwrap();
        assert_eq!(missing.kind(), ErrorKind::Io);
    }
}
