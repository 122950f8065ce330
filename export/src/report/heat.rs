//! Gains as a heat map: main tasks down, auxiliary tasks across (Bingel & Søgaard 2017, Figure 1).

use super::charts::mix;
use super::svg::{Anchor, Look, Svg, short, width};

const CELL: f64 = 72.0;
const TOP: f64 = 56.0;

/// Gains in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Main task, auxiliary task, gain in percent, and its standard deviation over seeds where there are several.
    pub cells: Vec<(usize, usize, f64, Option<f64>)>,
}

/// Blue gains and red losses, full at the largest of them; the number in its cell.
pub fn svg(map: &Map) -> String {
    let size = CELL * map.tasks.len() as f64;
    let left = map.tasks.iter().map(|name| width(name) + 24.0).fold(90.0, f64::max).min(180.0);
    let mut svg =
        Svg::new("gains in percent, by main and auxiliary task", left + size.max(300.0) + 10.0, TOP + size + 54.0);
    let middle = |place: usize| CELL * place as f64 + CELL / 2.0;
    for (place, name) in map.tasks.iter().enumerate() {
        svg.text(Look::Ink, (left - 8.0, TOP + middle(place)), Anchor::End, &short(name, 22));
        svg.text(Look::Soft, (left + middle(place), TOP - 12.0), Anchor::Middle, &short(name, 10));
    }
    let largest = map.cells.iter().map(|cell| cell.2.abs()).fold(f64::MIN_POSITIVE, f64::max);
    for &(main, aux, gain, deviation) in &map.cells {
        let (x, y) = (left + CELL * aux as f64, TOP + CELL * main as f64);
        let title = format!("{} with {}", map.tasks[main], map.tasks[aux]);
        svg.rect(&shade(gain / largest), 1.0, (x + 1.0, y + 1.0), (CELL - 2.0, CELL - 2.0), &title);
        let up = if deviation.is_some() { 9.0 } else { 0.0 };
        let (x, y) = (x + CELL / 2.0, y + CELL / 2.0);
        svg.text(Look::Cell, (x, y - up), Anchor::Middle, &format!("{gain:+.1}"));
        if let Some(deviation) = deviation {
            svg.text(Look::Cell, (x, y + up), Anchor::Middle, &format!("± {deviation:.1}"));
        }
    }
    let legend = ["gain in percent of the score alone:", "main task (row) with auxiliary task (column)"];
    for (line, words) in legend.into_iter().enumerate() {
        svg.text(Look::Soft, (left, TOP + size + 18.0 + 17.0 * line as f64), Anchor::Start, words);
    }
    svg.finish()
}

/// Red at -1, white at 0, blue at 1; pale enough to write on.
fn shade(part: f64) -> String {
    let full = if part < 0.0 { [214.0, 96.0, 77.0] } else { [67.0, 147.0, 195.0] };
    mix([255.0; 3], full, part.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_drawn_with_its_number() {
        let tasks = ["chunk".to_string(), "names".to_string()].to_vec();
        let text = svg(&Map { tasks, cells: vec![(0, 1, -2.5, Some(0.4)), (1, 0, 10.0, None)] });
        for part in ["chunk", "names", "-2.5", "± 0.4", "+10.0", "#4393c3", "<title>chunk with names</title>"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn nothing_is_white() {
        assert_eq!((shade(0.0).as_str(), shade(-1.0).as_str()), ("#ffffff", "#d6604d"));
    }
}
