//! Gains as a heat map: main tasks down, auxiliary tasks across (Bingel & Søgaard 2017, Figure 1).

use crate::Result;
use crate::error::fail;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const CELL: i32 = 72;
const LEFT: i32 = 130;
const TOP: i32 = 56;

/// Gains in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Main task, auxiliary task, gain in percent, and its standard deviation over seeds where there are several.
    pub cells: Vec<(usize, usize, f64, Option<f64>)>,
}

/// Blue gains and red losses, full at the largest of them; the number in its cell.
pub fn svg(map: &Map) -> Result<String> {
    let size = CELL * map.tasks.len() as i32;
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, ((LEFT + size + 10) as u32, (TOP + size + 34) as u32));
    let root = root.into_drawing_area();
    let drawn =
        root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(map, &root)).and_then(|()| Ok(root.present()?));
    drop(root);
    drawn.map_err(|e: Box<dyn std::error::Error>| fail(format!("cannot draw: {e}")))?;
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(map: &Map, root: &Area) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let style =
        |size: i32, across: HPos| TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(across, VPos::Center));
    let middle = |place: usize| CELL * place as i32 + CELL / 2;
    for (place, name) in map.tasks.iter().enumerate() {
        root.draw(&Text::new(name.clone(), (LEFT - 8, TOP + middle(place)), style(14, HPos::Right)))?;
        root.draw(&Text::new(name.clone(), (LEFT + middle(place), TOP - 12), style(12, HPos::Center)))?;
    }
    let largest = map.cells.iter().map(|cell| cell.2.abs()).fold(f64::MIN_POSITIVE, f64::max);
    for &(main, aux, gain, deviation) in &map.cells {
        let (x, y) = (LEFT + CELL * aux as i32, TOP + CELL * main as i32);
        let cell = [(x + 1, y + 1), (x + CELL - 1, y + CELL - 1)];
        root.draw(&Rectangle::new(cell, shade(gain / largest).filled()))?;
        let up = if deviation.is_some() { 9 } else { 0 };
        let (x, y) = (x + CELL / 2, y + CELL / 2);
        root.draw(&Text::new(format!("{gain:+.1}"), (x, y - up), style(15, HPos::Center)))?;
        if let Some(deviation) = deviation {
            root.draw(&Text::new(format!("± {deviation:.1}"), (x, y + up), style(11, HPos::Center)))?;
        }
    }
    let below = TOP + CELL * map.tasks.len() as i32 + 16;
    let legend = "gain in percent of the score alone: main task (row) with auxiliary task (column)";
    root.draw(&Text::new(legend, (10, below), style(11, HPos::Left)))?;
    Ok(())
}

/// Red at -1, white at 0, blue at 1; pale enough to write on.
fn shade(part: f64) -> RGBColor {
    let (r, g, b) = if part < 0.0 { (214.0, 96.0, 77.0) } else { (67.0, 147.0, 195.0) };
    let mix = |full: f64| (255.0 + part.abs().min(1.0) * (full - 255.0)) as u8;
    RGBColor(mix(r), mix(g), mix(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_drawn_with_its_number() {
        let tasks = ["chunk".to_string(), "names".to_string()].to_vec();
        let text = svg(&Map { tasks, cells: vec![(0, 1, -2.5, Some(0.4)), (1, 0, 10.0, None)] }).unwrap();
        for part in ["chunk", "names", "-2.5", "± 0.4", "+10.0", "#4393C3"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn nothing_is_white() {
        assert_eq!((shade(0.0), shade(-1.0)), (RGBColor(255, 255, 255), RGBColor(214, 96, 77)));
    }
}
