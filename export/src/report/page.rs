//! The page: sections of words, tables and charts in one file that needs no other. Whatever is said is escaped here.

use super::svg::escape;
use crate::summary::Spread;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// A part of the page under one heading.
pub struct Section {
    heading: String,
    what: String,
    html: String,
}

/// What stands in a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    text: String,
    below: Vec<String>,
    strong: bool,
    shade: f64,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Cell {
    /// With a line in small letters below.
    pub fn below(mut self, text: impl Into<String>) -> Self {
        self.below.push(text.into());
        self
    }

    /// In bold where `strong`.
    pub fn strong(mut self, strong: bool) -> Self {
        self.strong = strong;
        self
    }

    /// On a colour, from 0 for none to 1.
    pub fn shade(mut self, shade: f64) -> Self {
        self.shade = shade;
        self
    }

    fn html(&self, tag: &str, attributes: &str) -> String {
        let text = escape(&self.text);
        let text = if self.strong { format!("<strong>{text}</strong>") } else { text };
        let below: String = self.below.iter().map(|line| format!("<small>{}</small>", escape(line))).collect();
        let shade = match self.shade > 0.0 {
            true => format!(" style=\"background: rgb(var(--shade) / {:.0}%)\"", 60.0 * self.shade.min(1.0)),
            false => String::new(),
        };
        format!("<{tag}{attributes}{shade}>{text}{below}</{tag}>")
    }
}

/// A table: its first column names the rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The first line.
    pub head: Vec<String>,
    /// The lines below.
    pub rows: Vec<Vec<Cell>>,
    /// Whether its columns are many and narrow, with turned headings.
    pub matrix: bool,
}

impl Table {
    /// Without rows yet.
    pub fn new(caption: &str, head: &[&str]) -> Self {
        let head = head.iter().map(ToString::to_string).collect();
        Self { caption: caption.into(), head, ..Self::default() }
    }

    fn html(&self) -> String {
        let class = if self.matrix { " class=\"matrix\"" } else { "" };
        let caption = escape(&self.caption);
        let head: String = self.head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let mut html = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table{class}>\n\
             <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        );
        for row in &self.rows {
            html.push_str("<tr>");
            for (place, cell) in row.iter().enumerate() {
                html.push_str(&if place == 0 { cell.html("th", " scope=\"row\"") } else { cell.html("td", "") });
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n</div>\n");
        html
    }
}

impl Section {
    /// Under `heading`, of `what`.
    pub fn new(heading: &str, what: &str) -> Self {
        Self { heading: heading.into(), what: what.into(), html: String::new() }
    }

    /// A paragraph.
    pub fn text(&mut self, words: &str) {
        let _ = writeln!(self.html, "<p>{}</p>", escape(words));
    }

    /// A paragraph in small letters.
    pub fn note(&mut self, words: &str) {
        let _ = writeln!(self.html, "<p class=\"note\">{}</p>", escape(words));
    }

    /// A heading below the section's.
    pub fn heading(&mut self, words: &str) {
        let _ = writeln!(self.html, "<h3>{}</h3>", escape(words));
    }

    /// A drawing.
    pub fn figure(&mut self, caption: &str, svg: &str) {
        let caption =
            if caption.is_empty() { caption.into() } else { format!("<figcaption>{}</figcaption>\n", escape(caption)) };
        let _ = writeln!(self.html, "<figure>\n{caption}{svg}</figure>");
    }

    /// Drawings side by side.
    pub fn figures(&mut self, figures: &[(&str, String)]) {
        self.html.push_str("<div class=\"row\">\n");
        figures.iter().for_each(|(caption, svg)| self.figure(caption, svg));
        self.html.push_str("</div>\n");
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        self.html.push_str(&table.html());
    }

    /// A table that is shown when it is asked for.
    pub fn folded(&mut self, table: &Table) {
        let _ =
            writeln!(self.html, "<details><summary>{}</summary>\n{}</details>", escape(&table.caption), table.html());
    }

    /// Text as it stands, shown when it is asked for.
    pub fn verbatim(&mut self, summary: &str, text: &str) {
        let lines: Vec<String> = text.lines().map(escape).collect();
        let (summary, text) = (escape(summary), lines.join("\n"));
        let _ =
            writeln!(self.html, "<details><summary>{summary}</summary>\n<pre tabindex=\"0\">{text}</pre>\n</details>");
    }
}

/// The HTML of `sections` under `title`, with words before them and, of several, a list of them.
pub fn page(title: &str, before: &[&str], sections: &[Section]) -> String {
    let title = escape(title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for words in before {
        let _ = writeln!(html, "<p>{}</p>", escape(words));
    }
    if sections.len() > 1 {
        html.push_str("<nav aria-label=\"Contents\">\n<ol>\n");
        for (number, Section { heading, what, .. }) in sections.iter().enumerate() {
            let (heading, what) = (escape(heading), escape(what));
            let _ = writeln!(html, "<li><a href=\"#part-{}\">{heading}</a> {what}</li>", number + 1);
        }
        html.push_str("</ol>\n</nav>\n");
    }
    for (number, Section { heading, what, html: own }) in sections.iter().enumerate() {
        let (number, heading, what) = (number + 1, escape(heading), escape(what));
        let _ = write!(
            html,
            "<section id=\"part-{number}\">\n<h2>{heading}</h2>\n<p class=\"what\">{what}</p>\n{own}</section>\n"
        );
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// `81.23 ± 0.45`: a spread times `times`, with its sign where it is `signed`; no deviation of one value.
pub fn spread(found: &Spread, times: f64, decimals: usize, signed: bool) -> String {
    let mean = times * found.mean;
    let mean = if signed { format!("{mean:+.decimals$}") } else { format!("{mean:.decimals$}") };
    if found.values.len() < 2 { mean } else { format!("{mean} ± {:.decimals$}", times * found.sd) }
}

/// A score between 0 and 1 in percent.
pub fn percent(found: &Spread) -> String {
    spread(found, 100.0, 2, false)
}

/// Items in a row of words.
pub fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_is_escaped() {
        let hostile = "<img src=x onerror=alert(1)>\"'&";
        let mut section = Section::new(hostile, hostile);
        section.text(hostile);
        section.note(hostile);
        section.heading(hostile);
        section.figure(hostile, "<svg></svg>");
        section.verbatim(hostile, hostile);
        let mut table = Table::new(hostile, &[hostile]);
        table.rows.push(vec![Cell::from(hostile).below(hostile).strong(true), hostile.into()]);
        section.table(&table);
        section.folded(&table);
        let html = page(hostile, &[hostile], &[section, Section::new("x", "")]);
        assert!(!html.contains("<img") && !html.contains(hostile), "{html}");
        assert_eq!(html.matches("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;").count(), 26, "{html}");
    }

    #[test]
    fn spreads_have_their_deviation_where_there_is_one() {
        let spread = |values: &[f64]| Spread::of(values.to_vec());
        assert_eq!(percent(&spread(&[0.5])), "50.00");
        assert_eq!(percent(&spread(&[0.5, 0.6])), "55.00 ± 7.07");
        assert_eq!(super::spread(&spread(&[-0.01]), 100.0, 1, true), "-1.0");
    }
}
