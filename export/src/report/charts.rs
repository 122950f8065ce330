//! The charts of a page, as SVG.

use super::svg::{Anchor, At, Look, Svg, short, width};

/// How wide a chart is.
const WIDTH: f64 = 680.0;
/// Lines of more points have no marks.
const MARKS: usize = 12;

/// A number and its standard deviation, somewhere along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where.
    pub at: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation; 0 is not drawn.
    pub sd: f64,
}

/// Numbers of one name and colour. Series of the same name have one entry in the legend.
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub colour: &'static str,
    /// Its numbers.
    pub points: Vec<Point>,
    /// Drawn as a broken line: somebody else's.
    pub broken: bool,
}

/// What the axes say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Axes<'a> {
    /// The heading; of a chart that stands alone.
    pub title: &'a str,
    /// Below.
    pub x: &'a str,
    /// On the left.
    pub y: &'a str,
    /// Whether places along the axis lie apart by their ratios, with a tick each.
    pub logarithmic: bool,
}

/// Where numbers lie in a drawing: the corners in pixels, and what they stand for.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        self.left + (value - self.x.0) / (self.x.1 - self.x.0) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (value - self.y.0) / (self.y.1 - self.y.0) * (self.bottom - self.top)
    }

    fn at(&self, x: f64, y: f64) -> At {
        (self.x(x), self.y(y))
    }

    /// Horizontal lines with their numbers, and what they are.
    fn rows(&self, svg: &mut Svg, name: &str) {
        for (tick, text) in ticks(self.y, 6) {
            svg.line(Look::Grid, (self.left, self.y(tick)), (self.right, self.y(tick)));
            svg.text(Look::Soft, (self.left - 8.0, self.y(tick)), Anchor::End, &text);
        }
        svg.turned(Look::Soft, (14.0, (self.top + self.bottom) / 2.0), -90, Anchor::Middle, name);
    }

    /// Marks along the axis below with their words, and what they are.
    fn columns(&self, svg: &mut Svg, ticks: &[(f64, String)], name: &str) {
        svg.line(Look::Axis, (self.left, self.bottom), (self.right, self.bottom));
        for (tick, text) in ticks {
            let x = self.x(*tick);
            svg.line(Look::Axis, (x, self.bottom), (x, self.bottom + 4.0));
            svg.text(Look::Soft, (x, self.bottom + 14.0), Anchor::Middle, text);
        }
        svg.text(Look::Soft, ((self.left + self.right) / 2.0, self.bottom + 33.0), Anchor::Middle, name);
    }
}

/// What lies between the lowest and the highest value, deviations and a margin included.
fn span(values: impl Iterator<Item = (f64, f64)>, margin: f64) -> (f64, f64) {
    let finite = values.filter(|(mean, sd)| (mean + sd).is_finite());
    let (low, high) =
        finite.fold((f64::MAX, f64::MIN), |(low, high), (mean, sd)| (low.min(mean - sd), high.max(mean + sd)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = ((high - low) * margin).max(high.abs().max(1.0) * 1e-3);
    (low - margin, high + margin)
}

/// About `count` round numbers within `span`.
fn ticks((low, high): (f64, f64), count: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|round| round * power)
        .find(|&step| step >= 0.999 * rough)
        .unwrap_or(rough);
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (low / step).ceil() as i64;
    let all = (first..).map(|number| number as f64 * step).take_while(|&tick| tick <= high);
    // Without the sum, a rounded zero would be written -0.
    all.map(|tick| (tick, format!("{:.decimals$}", tick + 0.0))).take(50).collect()
}

/// 500, 1 K, 2.5 K.
fn thousands(value: f64) -> String {
    if value >= 1000.0 { format!("{} K", (value / 100.0).round() / 10.0) } else { format!("{value:.0}") }
}

/// A number that is read in a title.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn described(name: &str, point: &Point) -> String {
    let sd = if point.sd > 0.0 { format!(" ± {}", number(point.sd)) } else { String::new() };
    format!("{name}: {}{sd}", number(point.mean))
}

/// Each name of `series` once, with its colour.
fn names(series: &[Series]) -> impl Iterator<Item = (&str, &str, f64)> {
    let first = |place: usize| series[..place].iter().all(|before| before.name != series[place].name);
    let opacity = |series: &Series| if series.broken { 0.4 } else { 1.0 };
    series
        .iter()
        .enumerate()
        .filter(move |(place, _)| first(*place))
        .map(move |(_, s)| (s.name.as_str(), s.colour, opacity(s)))
}

/// Lines, with one standard deviation each way.
pub fn lines(axes: Axes, series: &[Series]) -> String {
    let scale = |at: f64| if axes.logarithmic { at.max(f64::MIN_POSITIVE).ln() } else { at };
    let points = || series.iter().flat_map(|s| &s.points);
    let top = if axes.title.is_empty() { 16.0 } else { 44.0 };
    let frame = Frame {
        left: 66.0,
        right: WIDTH - 16.0,
        top,
        bottom: top + 280.0,
        x: span(points().map(|point| (scale(point.at), 0.0)), 0.03),
        y: span(points().map(|point| (point.mean, point.sd)), 0.08),
    };
    let label = if axes.title.is_empty() { format!("{} by {}", axes.y, axes.x) } else { axes.title.to_string() };
    let mut svg = Svg::new(&label, WIDTH, frame.bottom + 54.0);
    svg.text(Look::Ink, (WIDTH / 2.0, 22.0), Anchor::Middle, axes.title);
    frame.rows(&mut svg, axes.y);
    let marks = if axes.logarithmic {
        let mut places: Vec<f64> = points().map(|point| point.at).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places.into_iter().map(|place| (scale(place), thousands(place))).collect()
    } else {
        ticks(frame.x, 8)
    };
    frame.columns(&mut svg, &marks, axes.x);
    for Series { name, colour, points, broken } in series {
        let drawn: Vec<&Point> = points.iter().filter(|point| point.mean.is_finite()).collect();
        let line: Vec<At> = drawn.iter().map(|point| frame.at(scale(point.at), point.mean)).collect();
        svg.path(colour, &line, name, *broken);
        for (point, at) in drawn.iter().zip(&line) {
            if point.sd > 0.0 {
                svg.path(
                    colour,
                    &[(at.0, frame.y(point.mean - point.sd)), (at.0, frame.y(point.mean + point.sd))],
                    "",
                    false,
                );
            }
            if drawn.len() <= MARKS {
                svg.dot(colour, *at, 3.5, &format!("{} at {}", described(name, point), number(point.at)));
            }
        }
    }
    svg.legend(frame.left, names(series));
    svg.finish()
}

/// Horizontal bars, those of a row together, with one standard deviation each way: a point is at its row. `zero` begins the
/// bars at 0; without it, points stand for bars.
pub fn bars(rows: &[String], series: &[Series], x: &str, zero: bool) -> String {
    let points = || series.iter().flat_map(|s| &s.points).map(|point| (point.mean, point.sd));
    let slot = 14.0;
    let row = 14.0 + slot * series.len() as f64;
    let longest = rows.iter().map(|name| width(name)).fold(0.0, f64::max);
    let left = (longest + 24.0).clamp(60.0, 240.0);
    let frame = Frame {
        left,
        right: WIDTH - 20.0,
        top: 10.0,
        bottom: 10.0 + row * rows.len() as f64,
        x: if zero { span(points().chain([(0.0, 0.0)]), 0.08) } else { span(points(), 0.08) },
        y: (0.0, 1.0),
    };
    let mut svg = Svg::new(x, WIDTH, frame.bottom + 54.0);
    let marks = ticks(frame.x, 8);
    marks
        .iter()
        .for_each(|(tick, _)| svg.line(Look::Grid, (frame.x(*tick), frame.top), (frame.x(*tick), frame.bottom)));
    frame.columns(&mut svg, &marks, x);
    for (place, name) in rows.iter().enumerate() {
        let y = frame.top + row * (place as f64 + 0.5);
        svg.text(Look::Ink, (left - 10.0, y), Anchor::End, &short(name, ((left - 16.0) / 7.2) as usize));
    }
    if zero {
        svg.line(Look::Axis, (frame.x(0.0), frame.top), (frame.x(0.0), frame.bottom));
    }
    for (place, Series { name, colour, points, .. }) in series.iter().enumerate() {
        for point in points.iter().filter(|point| point.mean.is_finite()) {
            let y = frame.top + row * point.at + 7.0 + slot * (place as f64 + 0.5);
            let title = described(name, point);
            if zero {
                let (from, to) = (frame.x(point.mean.min(0.0)), frame.x(point.mean.max(0.0)));
                svg.rect(colour, 0.7, (from, y - 5.0), ((to - from).max(0.5), 10.0), &title);
            } else {
                svg.dot(colour, (frame.x(point.mean), y), 4.5, &title);
            }
            if point.sd > 0.0 {
                let ends = [point.mean - point.sd, point.mean + point.sd].map(|end| (frame.x(end), y));
                svg.path(colour, &ends, "", false);
            }
        }
    }
    svg.legend(frame.left, names(series));
    svg.finish()
}

/// A part of a stack: its name, colour and opacity.
pub type Part = (String, &'static str, f64);

/// Columns of `parts` on top of each other; each column has its name and a number for each part (Lin 2018, Figure 6).
pub fn stacks(y: &str, columns: &[(String, Vec<f64>)], parts: &[Part]) -> String {
    let highest = columns.iter().map(|(_, values)| values.iter().sum::<f64>()).fold(1.0, f64::max);
    let slot = ((WIDTH - 92.0) / columns.len().max(1) as f64).min(150.0);
    let fits = columns.iter().all(|(name, _)| width(name) < slot);
    let frame = Frame {
        left: 76.0,
        right: 76.0 + slot * columns.len() as f64,
        top: 14.0,
        bottom: 294.0,
        x: (0.0, columns.len() as f64),
        y: (0.0, 1.05 * highest),
    };
    let mut svg = Svg::new(y, WIDTH, frame.bottom + if fits { 40.0 } else { 130.0 });
    frame.rows(&mut svg, y);
    svg.line(Look::Axis, (frame.left, frame.bottom), (frame.right, frame.bottom));
    for (place, (name, values)) in columns.iter().enumerate() {
        let middle = frame.x(place as f64 + 0.5);
        if fits {
            svg.text(Look::Ink, (middle, frame.bottom + 16.0), Anchor::Middle, name);
        } else {
            svg.turned(Look::Ink, (middle + 4.0, frame.bottom + 16.0), -40, Anchor::End, &short(name, 22));
        }
        let mut below = 0.0;
        for (value, (part, colour, opacity)) in values.iter().zip(parts).filter(|(value, _)| **value > 0.0) {
            let (from, to) = (frame.y(below), frame.y(below + value));
            let title = format!("{name}, {part}: {}", number(*value));
            svg.rect(colour, *opacity, (middle - 0.36 * slot, to), (0.72 * slot, from - to), &title);
            below += value;
        }
    }
    svg.legend(frame.left, parts.iter().map(|(name, colour, opacity)| (name.as_str(), *colour, *opacity)));
    svg.finish()
}

/// Points by accuracy, from red over yellow to blue, and a number for each group.
pub fn scatter(points: &[At], accuracy: &[f64], groups: &[At], axes: Axes) -> String {
    let (worst, best) = accuracy.iter().fold((1.0_f64, 0.0_f64), |(worst, best), &a| (worst.min(a), best.max(a)));
    let frame = Frame {
        left: 66.0,
        right: WIDTH - 96.0,
        top: 16.0,
        bottom: 456.0,
        x: span(points.iter().map(|point| (point.0, 0.0)), 0.05),
        y: span(points.iter().map(|point| (point.1, 0.0)), 0.05),
    };
    let mut svg = Svg::new(&format!("{} and {}", axes.x, axes.y), WIDTH, frame.bottom + 54.0);
    frame.rows(&mut svg, axes.y);
    frame.columns(&mut svg, &ticks(frame.x, 8), axes.x);
    for (point, &value) in points.iter().zip(accuracy) {
        let shade = ramp((value - worst) / (best - worst).max(1e-9));
        svg.dot(&shade, frame.at(point.0, point.1), 4.0, &number(value));
    }
    for (place, centre) in groups.iter().enumerate() {
        let at = frame.at(centre.0, centre.1);
        svg.dot("#16181c", at, 12.0, "");
        svg.dot("#fff", at, 11.0, "");
        svg.text(Look::Cell, at, Anchor::Middle, &(place + 1).to_string());
    }
    let side = WIDTH - 70.0;
    svg.text(Look::Soft, (side - 10.0, 34.0), Anchor::Start, "words right");
    for step in 0..100 {
        let shade = ramp(f64::from(step) / 99.0);
        svg.rect(&shade, 1.0, (side, 50.0 + 3.0 * f64::from(99 - step)), (18.0, 3.2), "");
    }
    svg.text(Look::Soft, (side + 24.0, 54.0), Anchor::Start, &format!("{best:.2}"));
    svg.text(Look::Soft, (side + 24.0, 347.0), Anchor::Start, &format!("{worst:.2}"));
    svg.finish()
}

/// Red at 0, yellow between, blue at 1: it can be told apart without seeing red or green.
fn ramp(value: f64) -> String {
    const STOPS: [[f64; 3]; 3] = [[178.0, 24.0, 43.0], [250.0, 204.0, 100.0], [33.0, 102.0, 172.0]];
    let (from, to, part) = if value < 0.5 { (STOPS[0], STOPS[1], value) } else { (STOPS[1], STOPS[2], value - 0.5) };
    mix(from, to, 2.0 * part)
}

/// The colour at `part` of the way.
pub fn mix(from: [f64; 3], to: [f64; 3], part: f64) -> String {
    let part = part.clamp(0.0, 1.0);
    let [r, g, b] = [0, 1, 2].map(|i| (from[i] + (to[i] - from[i]) * part).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: f64, mean: f64, sd: f64) -> Point {
        Point { at, mean, sd }
    }

    #[test]
    fn ticks_are_round_and_within() {
        let texts = |span, count| ticks(span, count).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(texts((-0.13, 0.32), 5), ["-0.1", "0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(texts((0.0, 61.0), 6), ["0", "20", "40", "60"]);
        assert_eq!(texts((81.19, 81.265), 3), ["81.20", "81.25"]);
    }

    #[test]
    fn a_chart_has_every_series_once_in_its_legend() {
        let line = |mean: f64| Series {
            name: "a <b>".into(),
            colour: super::super::svg::colour(0),
            points: vec![point(1.0, mean, 0.5), point(2.0, f64::NAN, 0.0), point(3.0, 2.0 * mean, 0.0)],
            broken: mean > 1.0,
        };
        let axes = Axes { title: "t", x: "steps", y: "loss", logarithmic: false };
        let text = lines(axes, &[line(1.0), line(4.0)]);
        assert_eq!(text.matches("&lt;b&gt;</text>").count(), 1);
        assert_eq!(text.matches("<polyline").count(), 4, "two lines, a deviation each");
        assert_eq!(text.matches("stroke-dasharray").count(), 1);
        assert!(text.contains("<title>a &lt;b&gt;: 4 ± 0.5 at 1</title>") && !text.contains("NaN"), "{text}");
        // The empty chart is one too.
        assert!(lines(axes, &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn a_bar_begins_at_zero() {
        let series = [Series {
            name: "s".into(),
            colour: "#123456",
            points: vec![point(0.0, 2.0, 0.0), point(1.0, -1.0, 0.0)],
            broken: false,
        }];
        let text = bars(&["up".into(), "down".into()], &series, "gain", true);
        let attribute = |bar: &str, name: &str| -> f64 {
            bar.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let found: Vec<&str> =
            text.lines().filter(|line| line.contains("#123456") && line.contains("<title>")).collect();
        let ([up, down], [x, width]) = ([found[0], found[1]], ["x", "width"]);
        assert!((attribute(up, x) - attribute(down, x) - attribute(down, width)).abs() < 0.2, "{found:?}");
        assert!((attribute(up, width) - 2.0 * attribute(down, width)).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn stacks_are_as_high_as_their_parts() {
        let parts = [("B-X".to_string(), "#111111", 1.0), ("S-X".to_string(), "#222222", 0.5)];
        let text = stacks("tags", &[("gold".into(), vec![30.0, 10.0]), ("right".into(), vec![15.0, 0.0])], &parts);
        for part in ["gold, B-X: 30", "gold, S-X: 10", "right, B-X: 15"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.matches("<title>").count(), 3, "what is nought is not drawn");
    }
}
