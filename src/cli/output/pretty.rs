//! For people: the sentence with its spans marked, and the tags of plain tasks in aligned columns below.

use super::{Column, Piece, Sink, Tagged, TaskTags, grid, percent, pieces, printable, spans_of};
use crate::input::Item;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};
use std::sync::Arc;
use unicode_width::UnicodeWidthStr;

/// Room on the left for the language.
const GUTTER: usize = 4;

/// Writes for a terminal, or for a file that people read.
pub struct Pretty {
    colour: bool,
    width: usize,
    /// Names of documents are worth a heading when there are several.
    headings: bool,
    document: Option<Arc<str>>,
}

impl Pretty {
    /// Lines of at most `width` columns, where words allow it.
    pub fn new(colour: bool, width: usize, headings: bool) -> Self {
        Self { colour, width: width.max(GUTTER + 20), headings, document: None }
    }

    fn heading(&mut self, out: &mut dyn Write, item: &Item) -> io::Result<()> {
        let first = self.document.is_none();
        if self.document.as_deref() != Some(&item.document) {
            self.document = Some(Arc::clone(&item.document));
            if self.headings {
                let name = if &*item.document == "-" { "standard input" } else { &item.document };
                let bold = self.style(Style::new().bold());
                writeln!(out, "{}{bold}{}{bold:#}\n", if first { "" } else { "\n" }, printable(name))?;
            }
        }
        Ok(())
    }

    fn style(&self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }

    fn lines<'a>(&self, out: &'a mut dyn Write) -> Lines<'a> {
        Lines { out, width: self.width, column: 0, fresh: true }
    }

    /// The sentence with its spans in brackets.
    fn marked(&self, lines: &mut Lines<'_>, item: &Item, pieces: &[Piece<'_>]) -> io::Result<()> {
        for piece in pieces {
            let text = item.surface(piece.start, piece.end);
            let text = printable(&text);
            let Some(span) = piece.span else {
                lines.word(piece.spaced, &[(Style::new(), &text)])?;
                continue;
            };
            let strong = self.style(colour(&span.label).bold());
            let weak = self.style(colour(&span.label));
            let score = span.score.map(|score| format!(" {}", percent(score))).unwrap_or_default();
            let label = format!(" {}", span.label);
            let grey = self.style(Style::new().dimmed());
            lines.word(piece.spaced, &[(weak, "["), (strong, &text), (weak, &label), (grey, &score), (weak, "]")])?;
        }
        lines.end()
    }

    /// Tokens over their tags (and confidences), in columns as wide as the wider of them.
    fn grid(
        &self,
        out: &mut dyn Write,
        gutter: &mut Gutter<'_>,
        item: &Item,
        tasks: &[&TaskTags<'_>],
    ) -> io::Result<()> {
        let columns: Vec<Column> = (0..item.tokens.len()).map(|position| column(item, tasks, position)).collect();
        let style = |_, row| self.style(if row == 0 { Style::new() } else { Style::new().dimmed() });
        grid(out, &columns, self.width.saturating_sub(GUTTER), |out| gutter.write(out, self), style)
    }

    /// The n best taggings of one task, with their probabilities.
    fn alternatives(&self, out: &mut dyn Write, item: &Item, tags: &TaskTags<'_>) -> io::Result<()> {
        let grey = self.style(Style::new().dimmed());
        for (rank, path) in tags.tagging.nbest.iter().enumerate() {
            let head = format!("{:GUTTER$}{} {}. {:.4}  ", "", tags.task, rank + 1, path.probability);
            write!(out, "{grey}{head}{grey:#}")?;
            let mut lines = self.lines(out);
            lines.column = head.width();
            let spans = if tags.plain { Vec::new() } else { spans_of(&path.labels) };
            if tags.plain {
                for label in &path.labels {
                    lines.word(true, &[(Style::new(), label)])?;
                }
                lines.end()?;
            } else {
                self.marked(&mut lines, item, &pieces(item, &spans))?;
            }
        }
        Ok(())
    }
}

impl Sink for Pretty {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &Tagged<'_>) -> io::Result<()> {
        let item = tagged.item;
        self.heading(out, item)?;
        let (plain, spans): (Vec<&TaskTags<'_>>, Vec<_>) = tagged.tasks.iter().partition(|tags| tags.plain);
        let mut gutter = Gutter(Some(&item.language));
        for tags in &spans {
            gutter.write(out, self)?;
            let mut lines = self.lines(out);
            lines.column = GUTTER;
            if spans.len() > 1 {
                let name = format!("{}:", tags.task);
                lines.word(false, &[(self.style(Style::new().dimmed()), &name)])?;
                lines.fresh = false;
            }
            self.marked(&mut lines, item, &pieces(item, &tags.tagging.spans))?;
        }
        if !plain.is_empty() {
            self.grid(out, &mut gutter, item, &plain)?;
        }
        for tags in &tagged.tasks {
            self.alternatives(out, item, tags)?;
        }
        writeln!(out)
    }
}

/// The margin: the language on a sentence's first line, blank below.
struct Gutter<'a>(Option<&'a str>);

impl Gutter<'_> {
    fn write(&mut self, out: &mut dyn Write, pretty: &Pretty) -> io::Result<()> {
        let style = pretty.style(AnsiColor::Cyan.on_default());
        let text = self.0.take().unwrap_or("");
        write!(out, "{style}{text:GUTTER$}{style:#}")
    }
}

/// One token's column of the grid.
fn column(item: &Item, tasks: &[&TaskTags<'_>], position: usize) -> Column {
    let mut cells = vec![printable(&item.tokens[position]).into_owned()];
    for tags in tasks {
        cells.push(tags.tagging.labels[position].clone());
        cells.extend(tags.tagging.scores.get(position).copied().map(percent));
    }
    Column::new(cells)
}

/// Words laid into lines.
struct Lines<'a> {
    out: &'a mut dyn Write,
    width: usize,
    column: usize,
    /// Whether nothing stands on the line yet, so that no blank is wanted.
    fresh: bool,
}

impl Lines<'_> {
    /// Writes the styled parts of one word, on a new line when it would not fit and a blank may be broken at.
    fn word(&mut self, spaced: bool, parts: &[(Style, &str)]) -> io::Result<()> {
        let width: usize = parts.iter().map(|(_, text)| text.width()).sum();
        if spaced && !self.fresh {
            if self.column + 1 + width > self.width {
                write!(self.out, "\n{:GUTTER$}", "")?;
                self.column = GUTTER;
            } else {
                write!(self.out, " ")?;
                self.column += 1;
            }
        }
        for (style, text) in parts {
            write!(self.out, "{style}{text}{style:#}")?;
        }
        self.column += width;
        self.fresh = false;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

/// A colour for a span's label: the usual names have their own, the others share the rest.
fn colour(label: &str) -> Style {
    const REST: [AnsiColor; 4] = [AnsiColor::Cyan, AnsiColor::Red, AnsiColor::BrightBlue, AnsiColor::BrightMagenta];
    let colour = match label {
        "PER" => AnsiColor::Magenta,
        "LOC" | "GPE" => AnsiColor::Green,
        "ORG" => AnsiColor::Blue,
        "MISC" => AnsiColor::Yellow,
        _ => REST[label.bytes().map(usize::from).sum::<usize>() % REST.len()],
    };
    colour.on_default()
}
