//! The reliability diagram as SVG: how often words were mistakes, over how probable they were said to be.

use super::Bin;
use std::fmt::Write as _;

/// Sides of the square in which probabilities and rates run from 0 to 1, and its distance from the left and the top.
const SIDE: f64 = 320.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 20.0;
/// The height of the counts below it, and where they begin.
const COUNTS: f64 = 64.0;
const BELOW: f64 = TOP + SIDE + 54.0;
const WIDTH: f64 = LEFT + SIDE + 24.0;
const COLOURS: [&str; 4] = ["#c2410c", "#1d4ed8", "#15803d", "#7e22ce"];

/// A drawing of what [`Predictions::reliability`](super::Predictions::reliability) gives, for one series or more, each with
/// its name: a point for each bin that has instances, the diagonal on which calibrated predictions lie, the expected
/// calibration error of each series, and below, on a scale of their own, the instances of each bin.
///
/// ```
/// use libmtl::metrics::{Predictions, reliability_svg};
///
/// let predictions = Predictions::new(vec![true, false, false], vec![0.5, 0.5, 0.1])?;
/// let svg = reliability_svg(&[("as predicted", &predictions.reliability(10))]);
/// assert!(svg.starts_with("<svg") && svg.contains("2 words"));
/// # Ok::<(), libmtl::Error>(())
/// ```
pub fn reliability_svg(series: &[(&str, &[Bin])]) -> String {
    let height = BELOW + COUNTS + 46.0 + 18.0 * series.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#333\" role=\"img\" \
         aria-label=\"Reliability diagram\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    axes(&mut svg);
    let most = series.iter().flat_map(|(_, bins)| bins.iter()).map(|bin| bin.instances).max().unwrap_or(0).max(1);
    // Writing to a string does not fail.
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most}</text>", LEFT - 6.0, BELOW + 10.0);
    for (index, (name, bins)) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        points(&mut svg, bins, colour);
        counts(&mut svg, bins, colour, most, (index, series.len()));
        let words: usize = bins.iter().map(|bin| bin.instances).sum();
        let gap: f64 = bins.iter().map(|bin| bin.instances as f64 * (bin.probability - bin.rate).abs()).sum();
        let y = BELOW + COUNTS + 48.0 + 18.0 * index as f64;
        let error = gap / words.max(1) as f64;
        let _ = writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{}: calibration error {error:.3}, \
             {words} words</text>",
            LEFT + 4.0,
            y - 4.0,
            LEFT + 14.0,
            escape(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The square with its ticks, the diagonal, and what the axes are.
fn axes(svg: &mut String) {
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#999\"/>\n\
         <line x1=\"{LEFT}\" y1=\"{}\" x2=\"{}\" y2=\"{TOP}\" stroke=\"#999\" stroke-dasharray=\"4 4\"/>",
        TOP + SIDE,
        LEFT + SIDE
    );
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let (x, y) = (LEFT + SIDE * value, TOP + SIDE * (1.0 - value));
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value}</text>",
            TOP + SIDE + 16.0,
            LEFT - 6.0,
            y + 4.0
        );
    }
    let (middle, centre) = (LEFT + SIDE / 2.0, TOP + SIDE / 2.0);
    let _ = writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">predicted probability of a mistake</text>\n\
         <text transform=\"translate(16 {centre}) rotate(-90)\" text-anchor=\"middle\">share of mistakes</text>\n\
         <text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">words</text>\n\
         <line x1=\"{LEFT}\" y1=\"{2}\" x2=\"{3}\" y2=\"{2}\" stroke=\"#999\"/>",
        TOP + SIDE + 34.0,
        BELOW + COUNTS / 2.0,
        BELOW + COUNTS,
        LEFT + SIDE
    );
}

/// A point for each bin that has instances, joined by a line.
fn points(svg: &mut String, bins: &[Bin], colour: &str) {
    let (mut path, mut dots) = (String::new(), String::new());
    for bin in bins.iter().filter(|bin| bin.instances > 0) {
        let (x, y) = (LEFT + SIDE * bin.probability, TOP + SIDE * (1.0 - bin.rate));
        let _ = write!(path, "{x:.1},{y:.1} ");
        let _ = writeln!(
            dots,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"><title>{} words: predicted {:.3}, mistakes \
             {:.3}</title></circle>",
            bin.instances, bin.probability, bin.rate
        );
    }
    let _ = writeln!(svg, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    svg.push_str(&dots);
}

/// A bar for each bin that has instances; the series, of which this is one (its place, and how many), stand side by side.
fn counts(svg: &mut String, bins: &[Bin], colour: &str, most: usize, (place, series): (usize, usize)) {
    let slot = SIDE / bins.len().max(1) as f64;
    let width = 0.8 * slot / series as f64;
    for (index, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.instances > 0) {
        let x = LEFT + slot * (index as f64 + 0.1) + width * place as f64;
        let height = COUNTS * bin.instances as f64 / most as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" opacity=\"0.7\">\
             <title>{} words</title></rect>",
            BELOW + COUNTS - height,
            bin.instances
        );
    }
}

/// `text` as XML has it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Predictions;

    #[test]
    fn every_bin_that_has_words_has_a_point_and_a_bar() {
        let predictions = Predictions::new(vec![true, false, false, true], vec![0.26, 0.15, 0.15, 1.0]).unwrap();
        let (raw, undone) = (predictions.reliability(10), predictions.clone().unweighted(0.7).unwrap().reliability(10));
        let svg = reliability_svg(&[("as <predicted>", &raw), ("undone", &undone)]);
        assert_eq!(svg.matches("<title>2 words").count(), 4, "a point and a bar in each of two series");
        assert_eq!(svg.matches("<title>1 words").count(), 8);
        // p = 0.15 and a rate of 0: a tenth and a half along, at the foot.
        assert!(svg.contains(&format!("cx=\"{:.1}\" cy=\"{:.1}\"", LEFT + 0.15 * SIDE, TOP + SIDE)), "{svg}");
        assert!(svg.contains("as &lt;predicted&gt;: calibration error 0.260, 4 words"), "{svg}");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }
}
