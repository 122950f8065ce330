//! The page's charts, as SVG.

use crate::Result;
use crate::error::fail;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A colour, by its parts.
pub type Colour = (u8, u8, u8);

const SIZE: (u32, u32) = (720, 400);
const GREY: RGBColor = RGBColor(120, 124, 130);
const FONT: (&str, i32) = ("sans-serif", 14);

/// Numbers of one name and colour: along the axis, mean and standard deviation.
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// Where, mean, standard deviation.
    pub points: Vec<(f64, f64, f64)>,
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// An SVG of the given size, by `draw`.
fn svg(size: (u32, u32), draw: impl FnOnce(&DrawingArea<SVGBackend, Shift>) -> Drawn) -> Result<String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let drawn = root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root)).and_then(|()| Ok(root.present()?));
    drop(root);
    drawn.map_err(|e| fail(format!("cannot draw: {e}")))?;
    Ok(text)
}

fn rgb((r, g, b): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

/// What lies between the lowest and the highest value, deviations and a margin included.
fn span(values: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), (mean, sd)| (low.min(mean - sd), high.max(mean + sd)));
    let margin = ((high - low) * 0.08).max(1e-3);
    (low - margin, high + margin)
}

/// Lines over exercises in training, on a logarithmic scale, with one standard deviation each way (Hu 2020, Figure 3).
pub fn lines(series: &[Series], y: &str) -> Result<String> {
    let points = || series.iter().flat_map(|s| &s.points);
    let (low, high) = span(points().map(|&(_, mean, sd)| (mean, sd)));
    let mut sizes: Vec<f64> = points().map(|point| point.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let (first, last) = (sizes.first().map_or(0.0, |x| x.ln()), sizes.last().map_or(0.0, |x| x.ln()));
    svg(SIZE, |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(first - 0.15..last + 0.15, low..high)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GREY.mix(0.2))
            .axis_style(GREY)
            .label_style(FONT)
            .x_labels(0)
            .x_desc("exercises in training")
            .y_desc(y)
            .y_label_formatter(&|y| format!("{y:.2}"))
            .draw()?;
        let style = TextStyle::from(FONT.into_font()).pos(Pos::new(HPos::Center, VPos::Top));
        let tick = |size: &f64| {
            let line = PathElement::new([(0, 0), (0, 5)], GREY);
            EmptyElement::at((size.ln(), low)) + line + Text::new(thousands(*size), (0, 8), style.clone())
        };
        chart.draw_series(sizes.iter().map(tick))?;
        for Series { name, colour, points } in series {
            let colour = rgb(*colour);
            let line = points.iter().map(|&(x, mean, _)| (x.ln(), mean));
            chart
                .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            let bar =
                |&(x, mean, sd): &(f64, f64, f64)| PathElement::new([(x.ln(), mean - sd), (x.ln(), mean + sd)], colour);
            chart.draw_series(points.iter().map(bar))?;
            chart.draw_series(line.map(|point| Circle::new(point, 4, colour.filled())))?;
        }
        let legend = SeriesLabelPosition::LowerRight;
        let mut labels = chart.configure_series_labels();
        labels
            .position(legend)
            .background_style(WHITE.mix(0.85))
            .border_style(GREY.mix(0.4))
            .label_font(FONT)
            .draw()?;
        Ok(())
    })
}

/// 500, 1 K, 2.5 K.
fn thousands(value: f64) -> String {
    if value >= 1000.0 { format!("{} K", (value / 100.0).round() / 10.0) } else { format!("{value:.0}") }
}

/// Horizontal bars, those of a row together, with one standard deviation each way: `points` have the row in the first
/// place. `zero` begins the bars at 0; without it, points stand for bars.
pub fn bars(rows: &[String], series: &[Series], x: &str, zero: bool) -> Result<String> {
    let points = || series.iter().flat_map(|s| &s.points).map(|&(_, mean, sd)| (mean, sd));
    let (low, high) = if zero { span(points().chain([(0.0, 0.0)])) } else { span(points()) };
    let height = 70 + 22 * series.len() as u32 + rows.len() as u32 * (14 + 14 * series.len() as u32);
    svg((SIZE.0, height), |root| {
        let count = rows.len() as f64;
        let mut chart = ChartBuilder::on(root)
            .margin(14)
            .margin_bottom(14 + 22 * series.len() as u32)
            .x_label_area_size(48)
            .y_label_area_size(170)
            .build_cartesian_2d(low..high, count..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(WHITE)
            .bold_line_style(GREY.mix(0.2))
            .axis_style(GREY)
            .label_style(FONT)
            .x_desc(x)
            .x_labels(8)
            .x_label_formatter(&|x| format!("{x:.2}"))
            .y_labels(0)
            .draw()?;
        let style = TextStyle::from(FONT.into_font()).pos(Pos::new(HPos::Right, VPos::Center));
        let name = |(row, name): (usize, &String)| {
            EmptyElement::at((low, row as f64 + 0.5)) + Text::new(name.clone(), (-10, 0), style.clone())
        };
        chart.draw_series(rows.iter().enumerate().map(name))?;
        if zero {
            chart.draw_series([PathElement::new([(0.0, 0.0), (0.0, count)], GREY)])?;
        }
        let slot = 0.8 / series.len().max(1) as f64;
        for (place, Series { colour, points, .. }) in series.iter().enumerate() {
            let colour = rgb(*colour);
            for &(row, mean, sd) in points {
                let top = row + 0.1 + slot * place as f64;
                let middle = top + slot / 2.0;
                if zero {
                    let bar = [(0.0, top + slot * 0.1), (mean, top + slot * 0.9)];
                    chart.draw_series([Rectangle::new(bar, colour.mix(0.75).filled())])?;
                } else {
                    chart.draw_series([Circle::new((mean, middle), 5, colour.filled())])?;
                }
                let line = if zero { BLACK } else { colour };
                chart.draw_series([PathElement::new(
                    [(mean - sd, middle), (mean + sd, middle)],
                    line.stroke_width(2),
                )])?;
            }
        }
        for (place, Series { name, colour, .. }) in series.iter().enumerate() {
            let y = (height - 22 * (series.len() - place) as u32) as i32;
            root.draw(&Rectangle::new([(190, y - 5), (204, y + 7)], rgb(*colour).filled()))?;
            root.draw(&Text::new(name.clone(), (212, y - 6), FONT.into_font()))?;
        }
        Ok(())
    })
}

/// Points by accuracy, from red over yellow to blue, and a number for each group.
pub fn scatter(points: &[(f64, f64)], accuracy: &[f64], groups: &[(f64, f64)], axes: [String; 2]) -> Result<String> {
    let (left, right) = span(points.iter().map(|point| (point.0, 0.0)));
    let (low, high) = span(points.iter().map(|point| (point.1, 0.0)));
    let (worst, best) = accuracy.iter().fold((1.0_f64, 0.0_f64), |(worst, best), &a| (worst.min(a), best.max(a)));
    let shade = |value: f64| ramp((value - worst) / (best - worst).max(1e-9));
    svg((SIZE.0, 520), |root| {
        let (plot, side) = root.split_horizontally(600);
        let mut chart = ChartBuilder::on(&plot)
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(left..right, low..high)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GREY.mix(0.15))
            .axis_style(GREY)
            .label_style(FONT)
            .x_desc(&axes[0])
            .y_desc(&axes[1])
            .draw()?;
        let dots = points.iter().zip(accuracy);
        chart.draw_series(dots.map(|(&point, &value)| Circle::new(point, 4, shade(value).mix(0.85).filled())))?;
        let style = TextStyle::from(("sans-serif", 15).into_font()).pos(Pos::new(HPos::Center, VPos::Center));
        for (number, &centre) in groups.iter().enumerate() {
            let mark = EmptyElement::at(centre)
                + Circle::new((0, 0), 12, WHITE.filled())
                + Circle::new((0, 0), 12, BLACK)
                + Text::new((number + 1).to_string(), (0, 0), style.clone());
            chart.draw_series([mark])?;
        }
        for step in 0..100 {
            let y = 60 + 3 * (99 - step);
            side.draw(&Rectangle::new([(20, y), (40, y + 3)], ramp(f64::from(step) / 99.0).filled()))?;
        }
        side.draw(&Text::new("words right", (14, 34), FONT.into_font()))?;
        side.draw(&Text::new(format!("{best:.2}"), (46, 56), FONT.into_font()))?;
        side.draw(&Text::new(format!("{worst:.2}"), (46, 348), FONT.into_font()))?;
        Ok(())
    })
}

/// Red at 0, yellow between, blue at 1: it can be told apart without seeing red or green.
fn ramp(value: f64) -> RGBColor {
    const STOPS: [(f64, f64, f64); 3] = [(178.0, 24.0, 43.0), (250.0, 204.0, 100.0), (33.0, 102.0, 172.0)];
    let (from, to, part) = if value < 0.5 { (STOPS[0], STOPS[1], value) } else { (STOPS[1], STOPS[2], value - 0.5) };
    let mix = |a: f64, b: f64| (a + (b - a) * (2.0 * part).clamp(0.0, 1.0)) as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
