//! Short texts in aligned columns, as many beside each other as fit.

use anstyle::Style;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Blanks between columns.
const GAP: usize = 2;

/// Cells below each other.
pub struct Column {
    cells: Vec<String>,
    width: usize,
}

impl Column {
    /// All columns of a grid have the same number of cells.
    pub fn new(cells: Vec<String>) -> Self {
        let width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        Self { cells, width }
    }
}

/// Writes the columns into lines of `room` columns, at least one in each; `margin` writes what stands before a line, and
/// `style` is that of a cell by its column and row.
pub fn grid(
    out: &mut dyn Write,
    columns: &[Column],
    room: usize,
    mut margin: impl FnMut(&mut dyn Write) -> io::Result<()>,
    style: impl Fn(usize, usize) -> Style,
) -> io::Result<()> {
    let mut start = 0;
    while start < columns.len() {
        let mut room = room;
        let fitting = columns[start..].iter().take_while(|column| {
            let fits = room >= column.width;
            room = room.saturating_sub(column.width + GAP);
            fits
        });
        let end = start + fitting.count().max(1);
        for row in 0..columns[start].cells.len() {
            margin(out)?;
            for (index, column) in columns[..end].iter().enumerate().skip(start) {
                let (cell, style) = (&column.cells[row], style(index, row));
                let padding = if index + 1 == end { 0 } else { column.width - cell.width() + GAP };
                write!(out, "{style}{cell}{style:#}{:padding$}", "")?;
            }
            writeln!(out)?;
        }
        start = end;
    }
    Ok(())
}
