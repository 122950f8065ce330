//! Test scores by the target's sentences, a line a system (Lin 2018, Figures 3 to 6), with standard deviations.

use super::plan::System;
use super::summary::{Row, Summary};
use crate::Result;
use crate::error::fail;
use plotters::prelude::*;

/// As SVG.
pub fn svg(summary: &Summary) -> Result<String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, (720, 460)).into_drawing_area();
    let drawn =
        root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(summary, &root)).and_then(|()| Ok(root.present()?));
    drop(root);
    drawn.map_err(|e: Box<dyn std::error::Error>| fail(format!("cannot draw: {e}")))?;
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(summary: &Summary, root: &Area) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<&Row> = summary.rows.iter().filter(|row| System::SYSTEMS.contains(&row.system)).collect();
    let mut sizes: Vec<usize> = rows.iter().map(|row| row.sentences).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let lowest = sizes.first().map_or(1.0, |&s| s as f64);
    let highest = sizes.last().map_or(10.0, |&s| (s as f64).max(lowest + 1.0));
    let top = rows.iter().map(|row| row.test.mean + row.test.sd).fold(0.1, f64::max);
    let mut chart = ChartBuilder::on(root)
        .caption(format!("{}: test score by training sentences", summary.target), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d((lowest * 0.9..highest * 1.1).log_scale(), 0.0..(105.0 * top).min(100.0))?;
    chart
        .configure_mesh()
        .x_desc("training sentences of the target")
        .y_desc("test score, %")
        .light_line_style(WHITE)
        .draw()?;
    for (index, system) in System::SYSTEMS.into_iter().enumerate() {
        let own: Vec<&&Row> = rows.iter().filter(|row| row.system == system).collect();
        if own.is_empty() {
            continue;
        }
        let colour = Palette99::pick(index).mix(1.0);
        let place = |row: &Row, score: f64| (row.sentences as f64, 100.0 * score);
        let points = own.iter().map(|row| place(row, row.test.mean));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(system.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        let bar = |row: &Row| {
            let (x, mean) = place(row, row.test.mean);
            let sd = 100.0 * row.test.sd;
            PathElement::new([(x, (mean - sd).max(0.0)), (x, mean + sd)], colour.stroke_width(1))
        };
        chart.draw_series(own.iter().map(|row| bar(row)))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    Ok(())
}
