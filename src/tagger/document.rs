//! Whole documents: their language, sentences, words and tags, with offsets into the text as it was given.

use super::{DecodeOptions, MAX_TOKEN_BYTES, Tagger, Tagging, language::Detector, token_too_long};
use crate::cancel::Cancel;
use crate::engine::Head;
use crate::text::offsets::{Converter, Unit};
use crate::text::{self, utf8};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// The language that is taken where nothing in a text speaks for any, if the model has it.
const LAST_RESORT: &str = "en";

/// A document to tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document<'a> {
    /// Running text in UTF-8.
    Text(&'a [u8]),
    /// One sentence whose words somebody else has cut, each in UTF-8.
    Tokens(&'a [&'a [u8]]),
}

/// What to do with documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentOptions {
    /// The task types to run, in this order; none is all of the model's. A document in whose language a task was not
    /// trained gets no tags of it, unless a language is named: then that is an error.
    pub tasks: Vec<String>,
    /// The language of every document, ISO 639-1; without it each document's is detected.
    pub language: Option<String>,
    /// What offsets count.
    pub unit: Unit,
    /// Reads U+FFFD for bytes that are not UTF-8; else such a document is an error of its own.
    pub replace_invalid: bool,
    /// What to compute.
    pub decode: DecodeOptions,
}

/// A tagged document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotation {
    /// Its language.
    pub language: String,
    /// The tokens of each sentence.
    pub sentences: Vec<Range<usize>>,
    /// Where each token stands: half-open, in the unit asked for, into the text as given. Of a document that came as
    /// tokens: into their concatenation.
    pub tokens: Vec<Range<usize>>,
    /// For each task asked for, the tagging of each sentence; `None` where the task does not know the language.
    pub tasks: Vec<Option<Vec<Tagging>>>,
}

/// A document on its way: words cut, not yet tagged.
struct Prepared {
    annotation: Annotation,
    sentences: Vec<Vec<String>>,
}

impl Tagger {
    /// The task types that `options` ask for, by their names in the manifest.
    pub fn tasks_asked<'a>(&'a self, options: &'a DocumentOptions) -> Vec<&'a str> {
        match options.tasks.is_empty() {
            true => self.manifest().tasks.iter().map(|task| task.name.as_str()).collect(),
            false => options.tasks.iter().map(String::as_str).collect(),
        }
    }

    /// Tags `documents`, in order: each has a result or an error of its own. The outer error is one that concerns all:
    /// an unknown task or language, a cancelled call, a failing engine.
    ///
    /// ```no_run
    /// use libmtl::tagger::{Document, DocumentOptions, Tagger};
    /// # fn main() -> libmtl::Result<()> {
    /// let bundle = libmtl::bundle::Bundle::open(std::path::Path::new("models/mtl-base"))?;
    /// let tagger = Tagger::open(bundle.into(), &Default::default())?;
    /// let documents = [Document::Text("Maria Jensen moved to Toronto.".as_bytes())];
    /// for annotation in tagger.annotate(&documents, &DocumentOptions::default(), &libmtl::Cancel::new())? {
    ///     println!("{:?}", annotation?.tokens);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn annotate(
        &self,
        documents: &[Document],
        options: &DocumentOptions,
        cancel: &Cancel,
    ) -> Result<Vec<Result<Annotation>>> {
        let tasks = self.tasks_asked(options);
        self.check_asked(&tasks, options)?;
        let detector = options.language.is_none().then(|| Detector::new(&self.manifest().languages));
        let mut prepared = Vec::with_capacity(documents.len());
        for document in documents {
            prepared.push(self.prepare(*document, options, detector.as_ref(), cancel));
            // Where that was stopped, the error is not the document's.
            cancel.check()?;
        }
        self.tag_prepared(&mut prepared, &tasks, options, cancel)?;
        Ok(prepared.into_iter().map(|document| document.map(|d| d.annotation)).collect())
    }

    fn check_asked(&self, tasks: &[&str], options: &DocumentOptions) -> Result<()> {
        for (index, name) in tasks.iter().enumerate() {
            self.task(name)?;
            if tasks[..index].contains(name) {
                return Err(Error::new(ErrorKind::Argument, format!("task \"{name}\" is asked for twice"))
                    .remedy("name each task once"));
            }
        }
        let Some(language) = &options.language else { return Ok(()) };
        self.check_language(language)?;
        if !options.tasks.is_empty() {
            tasks.iter().try_for_each(|task| self.check(task, language, options.decode.zero_shot))?;
        }
        Ok(())
    }

    fn language_of(&self, text: &str, options: &DocumentOptions, detector: Option<&Detector>) -> String {
        if let Some(language) = &options.language {
            return language.clone();
        }
        let languages = &self.manifest().languages;
        let found = detector.and_then(|detector| detector.detect(text)).map(|detection| detection.language);
        let default = || languages.iter().find(|l| *l == LAST_RESORT).or(languages.first()).cloned();
        found.or_else(default).unwrap_or_default()
    }

    fn prepare(
        &self,
        document: Document,
        options: &DocumentOptions,
        detector: Option<&Detector>,
        cancel: &Cancel,
    ) -> Result<Prepared> {
        match document {
            Document::Text(bytes) => {
                let repaired = read(bytes, options)?;
                let language = self.language_of(&repaired.text, options, detector);
                prepare_text(&repaired, language, options.unit, cancel)
            }
            Document::Tokens(tokens) => {
                let named = |(index, token)| {
                    cancel.check_at(index)?;
                    read(token, options).map_err(|e| e.at(format!("token {index}")))
                };
                let tokens = tokens.iter().copied().enumerate().map(named).collect::<Result<Vec<_>>>()?;
                let text = tokens.iter().map(|token| &*token.text).collect::<Vec<_>>().join(" ");
                let language = self.language_of(&text, options, detector);
                prepare_tokens(&tokens, language, options.unit, cancel)
            }
        }
    }

    /// Tags all sentences of a language together.
    fn tag_prepared(
        &self,
        documents: &mut [Result<Prepared>],
        tasks: &[&str],
        options: &DocumentOptions,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut by_language: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, document) in documents.iter().enumerate() {
            if let Ok(document) = document {
                by_language.entry(document.annotation.language.clone()).or_default().push(index);
            }
        }
        for (language, indices) in by_language {
            let heads = tasks.iter().map(|task| self.head(task, &language, options.decode.zero_shot).ok());
            let heads: Vec<Option<Head>> = heads.collect();
            let known: Vec<Head> = heads.iter().copied().flatten().collect();
            let prepared = indices.iter().filter_map(|&index| documents[index].as_ref().ok());
            let sentences: Vec<&[String]> = prepared.flat_map(|d| &d.sentences).map(Vec::as_slice).collect();
            let mut found = self.tag_heads(&sentences, &language, &known, &options.decode, cancel)?.into_iter();
            for head in heads {
                let mut taggings = head.and_then(|_| found.next()).map(Vec::into_iter);
                for &index in &indices {
                    let count = documents[index].as_ref().map_or(0, |d| d.sentences.len());
                    let taggings = taggings.as_mut().map(|taggings| taggings.take(count).collect());
                    push(&mut documents[index], taggings);
                }
            }
        }
        Ok(())
    }
}

fn read<'a>(bytes: &'a [u8], options: &DocumentOptions) -> Result<utf8::Repaired<'a>> {
    if !options.replace_invalid {
        utf8::strict(bytes)?;
    }
    Ok(utf8::repair(bytes))
}

fn push(document: &mut Result<Prepared>, taggings: Option<Vec<Tagging>>) {
    if let Ok(document) = document {
        document.annotation.tasks.push(taggings);
    }
}

fn prepare_text(repaired: &utf8::Repaired, language: String, unit: Unit, cancel: &Cancel) -> Result<Prepared> {
    let mut prepared = Prepared { annotation: Annotation { language, ..Annotation::default() }, sentences: Vec::new() };
    let mut converter = Converter::new(&repaired.text, unit);
    for sentence in text::sentences_until(&repaired.text, 0, &prepared.annotation.language, cancel)? {
        cancel.check()?;
        let first = prepared.annotation.tokens.len();
        for offsets in &sentence.offsets {
            let place = match unit {
                Unit::Bytes => repaired.original(offsets.start)..repaired.original(offsets.end),
                _ => converter.range(offsets)?,
            };
            if offsets.len() > MAX_TOKEN_BYTES {
                return Err(token_too_long(offsets.len()).at(format!("offset {}", place.start)));
            }
            prepared.annotation.tokens.push(place);
        }
        prepared.annotation.sentences.push(first..prepared.annotation.tokens.len());
        prepared.sentences.push(sentence.tokens);
    }
    Ok(prepared)
}

fn prepare_tokens(tokens: &[utf8::Repaired], language: String, unit: Unit, cancel: &Cancel) -> Result<Prepared> {
    let mut annotation = Annotation { language, ..Annotation::default() };
    let mut words = Vec::with_capacity(tokens.len());
    let mut end = 0;
    for (index, token) in tokens.iter().enumerate() {
        cancel.check_at(index)?;
        if token.text.is_empty() {
            let error = Error::new(ErrorKind::Input, "an empty token").at(format!("token {index}"));
            return Err(error.remedy("leave it out"));
        }
        if token.text.len() > MAX_TOKEN_BYTES {
            return Err(token_too_long(token.text.len()).at(format!("token {index}")));
        }
        let length = match unit {
            Unit::Bytes => token.original(token.text.len()),
            _ => unit.length(&token.text),
        };
        annotation.tokens.push(end..end + length);
        end += length;
        words.push(token.text.to_string());
    }
    let sentences = if words.is_empty() { Vec::new() } else { vec![words] };
    annotation.sentences = sentences.iter().map(|words| 0..words.len()).collect();
    Ok(Prepared { annotation, sentences })
}
