//! One page that needs nothing else: no script, no font, no image, no request.

use super::{Sink, Tagged, TaskTags, pieces};
use crate::input::Item;
use libmtl::bundle::manifest::{Manifest, Task};
use libmtl::engine::Report;
use libmtl::tagger::{TaggedSpan, language};
use libmtl::text::scheme::Scheme;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

const STYLE: &str = include_str!("page.css");

/// Writes the page.
pub struct Html {
    title: String,
    subtitle: String,
    legend: Vec<Legend>,
    document: Option<Arc<str>>,
}

/// The labels of one task.
struct Legend {
    task: String,
    plain: bool,
    labels: Vec<String>,
}

impl Html {
    /// A page for the `tasks` of a model.
    pub fn new(manifest: &Manifest, report: &Report, tasks: &[String]) -> Self {
        let legend = manifest.tasks.iter().filter(|task| tasks.contains(&task.name)).map(Legend::new).collect();
        let subtitle = format!("{} {} on the {} engine", manifest.id, manifest.version, report.engine);
        Self { title: "Tagged text".to_string(), subtitle, legend, document: None }
    }

    fn heading(&mut self, out: &mut dyn Write, item: &Item) -> io::Result<()> {
        if self.document.as_deref() == Some(&item.document) {
            return Ok(());
        }
        if self.document.replace(Arc::clone(&item.document)).is_some() {
            writeln!(out, "</section>")?;
        }
        let name = if &*item.document == "-" { "standard input" } else { &item.document };
        writeln!(out, "<section>\n<h2>{}</h2>", escape(name))
    }
}

impl Sink for Html {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        head(out, &self.title, &self.subtitle, STYLE)?;
        for legend in &self.legend {
            legend.write(out)?;
        }
        writeln!(out, "</header>\n<main>")
    }

    fn sentence(&mut self, out: &mut dyn Write, tagged: &Tagged<'_>) -> io::Result<()> {
        let item = tagged.item;
        self.heading(out, item)?;
        let (plain, spans): (Vec<&TaskTags<'_>>, Vec<_>) = tagged.tasks.iter().partition(|tags| tags.plain);
        let code = escape(&item.language);
        let name = escape(language::name(&item.language));
        writeln!(
            out,
            "<div class=\"sentence\"><span class=\"language\" title=\"{name}\">{code}</span><div lang=\"{code}\" dir=\"auto\">"
        )?;
        let first = spans.first().map_or(&[][..], |tags| &tags.tagging.spans);
        let class = if plain.is_empty() { "" } else { " class=\"tagged\"" };
        writeln!(out, "<p{class}>{}</p>", marked(item, first, &plain))?;
        for tags in spans.iter().skip(1) {
            let text = marked(item, &tags.tagging.spans, &[]);
            writeln!(out, "<p class=\"further\"><i>{}</i> {text}</p>", escape(tags.task))?;
        }
        writeln!(out, "</div></div>")
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.document {
            Some(_) => writeln!(out, "</section>")?,
            None => writeln!(out, "<p class=\"empty\">There was nothing to tag.</p>")?,
        }
        writeln!(out, "</main>\n</body>\n</html>")
    }
}

impl Legend {
    fn new(task: &Task) -> Self {
        let plain = task.scheme == Scheme::Plain;
        let kind = |label: &String| match label.split_once('-') {
            Some((_, kind)) if !plain => Some(kind.to_string()),
            _ => plain.then(|| label.clone()),
        };
        let labels: BTreeSet<String> = task.labels.iter().filter_map(kind).collect();
        Self { task: task.name.clone(), plain, labels: labels.into_iter().collect() }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let task = escape(&self.task);
        if self.plain {
            // The box at the head of the page shows and hides the tags without a script.
            write!(
                out,
                "<div class=\"legend\"><label><input type=\"checkbox\" class=\"tags\" checked> {task}</label>"
            )?;
        } else {
            write!(out, "<div class=\"legend\"><b>{task}</b>")?;
        }
        for label in &self.labels {
            let text = escape(label);
            let long = meaning(label).map(|long| format!(" title=\"{long}\"")).unwrap_or_default();
            if self.plain {
                write!(out, " <span class=\"tag {}\"{long}>{text}</span>", class(label))?;
            } else {
                write!(out, " <mark style=\"--h:{}\"{long}>{text}</mark>", hue(label))?;
            }
        }
        writeln!(out, "</div>")
    }
}

/// A sentence's text with its spans marked and the tags of plain tasks below each token.
fn marked(item: &Item, spans: &[TaggedSpan], plain: &[&TaskTags<'_>]) -> String {
    let mut html = String::new();
    for piece in pieces(item, spans) {
        if piece.spaced {
            html.push(' ');
        }
        if let Some(span) = piece.span {
            open_mark(&mut html, span);
        }
        for token in piece.start..piece.end {
            if token > piece.start && item.spaced(token) {
                html.push(' ');
            }
            word(&mut html, item, token, plain);
        }
        if let Some(span) = piece.span {
            let _ = write!(html, "<b>{}</b></mark>", escape(&span.label));
        }
    }
    html
}

fn open_mark(html: &mut String, span: &TaggedSpan) {
    let label = escape(&span.label);
    let _ = match span.score {
        Some(score) => write!(
            html,
            "<mark style=\"--h:{};--o:{:.2}\" title=\"{label}, confidence {score:.3}\">",
            hue(&span.label),
            // Even a doubtful span must be seen.
            0.25 + 0.75 * score.clamp(0.0, 1.0)
        ),
        None => write!(html, "<mark style=\"--h:{}\" title=\"{label}\">", hue(&span.label)),
    };
}

fn word(html: &mut String, item: &Item, token: usize, plain: &[&TaskTags<'_>]) {
    let text = escape(&item.tokens[token]);
    if plain.is_empty() {
        html.push_str(&text);
        return;
    }
    let _ = write!(html, "<ruby>{text}<rt>");
    for (index, tags) in plain.iter().enumerate() {
        let label = &tags.tagging.labels[token];
        let score = tags.tagging.scores.get(token);
        let mut title = meaning(label).unwrap_or(label).to_string();
        let mut opacity = String::new();
        if let Some(score) = score {
            let _ = write!(title, ", confidence {score:.3}");
            opacity = format!(" style=\"opacity:{:.2}\"", 0.35 + 0.65 * score.clamp(0.0, 1.0));
        }
        let blank = if index > 0 { " " } else { "" };
        let (class, label, title) = (class(label), escape(label), escape(&title));
        let _ = write!(html, "{blank}<span class=\"{class}\" title=\"{title}\"{opacity}>{label}</span>");
    }
    html.push_str("</rt></ruby>");
}

/// The beginning of a page, up to the subtitle in its open header.
pub fn head(out: &mut (impl Write + ?Sized), title: &str, subtitle: &str, style: &str) -> io::Result<()> {
    let (title, subtitle) = (escape(title), escape(subtitle));
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}: {subtitle}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{subtitle}</p>"
    )
}

/// Text that is safe between tags and inside quoted attributes.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || unfit(c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if unfit(c) => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Characters that HTML does not allow.
fn unfit(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// The hue of a span's label, in degrees: the usual names have their own, the others spread over the circle.
fn hue(label: &str) -> u32 {
    match label {
        "PER" => 320,
        "LOC" | "GPE" => 150,
        "ORG" => 225,
        "MISC" => 45,
        _ => label.bytes().fold(7_u32, |hash, byte| (hash * 31 + u32::from(byte)) % 360),
    }
}

/// The style of a part of speech, by what it carries.
fn class(label: &str) -> &'static str {
    match label {
        "NOUN" | "PROPN" => "noun",
        "VERB" | "AUX" => "verb",
        "ADJ" | "ADV" | "NUM" => "modifier",
        _ => "other",
    }
}

/// What the usual labels stand for.
fn meaning(label: &str) -> Option<&'static str> {
    Some(match label {
        "PER" => "person",
        "LOC" => "location",
        "ORG" => "organisation",
        "MISC" => "other name",
        "ADJ" => "adjective",
        "ADP" => "adposition",
        "ADV" => "adverb",
        "AUX" => "auxiliary",
        "CCONJ" => "coordinating conjunction",
        "DET" => "determiner",
        "INTJ" => "interjection",
        "NOUN" => "noun",
        "NUM" => "numeral",
        "PART" => "particle",
        "PRON" => "pronoun",
        "PROPN" => "proper noun",
        "PUNCT" => "punctuation",
        "SCONJ" => "subordinating conjunction",
        "SYM" => "symbol",
        "VERB" => "verb",
        "X" => "other",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<b title='x'>&\"</b>"), "&lt;b title=&#39;x&#39;&gt;&amp;&quot;&lt;/b&gt;");
        assert_eq!(escape("a\0b\u{1b}\u{9f}"), "a\u{FFFD}b\u{FFFD}\u{FFFD}");
        assert!(matches!(escape("Ærø"), Cow::Borrowed(_)));
    }

    #[test]
    fn hues_are_degrees() {
        for label in ["PER", "", "a-very-long-label-that-overflows-everything", "ß"] {
            assert!(hue(label) < 360);
        }
    }
}
