//! What a learning curve says of a task: its slope at points of training, and the logarithm that fits it.

use serde::{Deserialize, Serialize};

/// Where slopes are taken, as parts of the whole curve (Bingel & Søgaard 2017, section 4).
pub const PLACES: [f64; 5] = [0.1, 0.2, 0.3, 0.5, 0.7];
/// At most so many points of a curve are fitted.
const MOST_POINTS: usize = 500;

/// Losses over steps, in the order of training.
pub type Curve = Vec<(f64, f64)>;

/// `loss = base + slope * ln(step + offset)`.
///
/// The paper's fourth parameter, the c of `b + a ln(c i + d)`, is no parameter: `b + a ln(c i + d)` equals
/// `(b + a ln c) + a ln(i + d / c)`. So `slope` is its a and `offset` its d/c.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// b + a ln c.
    pub base: f64,
    /// a.
    pub slope: f64,
    /// d/c, in steps; more than minus the first step, and at most ten times the last.
    pub offset: f64,
    /// Sum of squared residuals.
    pub residual: f64,
}

/// The slope at `place` of the curve: that of the least-squares line through the row there and `window` rows on each
/// side. With a window of 1 and even steps it is the central difference. 0 where there are no two different steps.
pub fn slope_at(curve: &[(f64, f64)], place: f64, window: usize) -> f64 {
    let row = (place * curve.len() as f64).floor() as usize;
    let part = &curve[row.saturating_sub(window)..(row + window + 1).min(curve.len())];
    line(part.iter().copied()).map_or(0.0, |line| line.slope)
}

impl Fit {
    /// The best fit, by least squares, to every `stride`-th of the first `rows` rows.
    pub fn of(curve: &[(f64, f64)], rows: usize) -> Self {
        let rows = rows.min(curve.len());
        let stride = rows.div_ceil(MOST_POINTS).max(1);
        let points: Curve = curve[..rows].iter().copied().step_by(stride).collect();
        let first = points.iter().map(|p| p.0).fold(f64::MAX, f64::min);
        let last = points.iter().map(|p| p.0).fold(f64::MIN, f64::max);
        let at = |t: f64| Self::with_offset(&points, t.exp() - first);
        // For a given offset the rest is linear; only the offset is searched, over the logarithm of `first + offset`.
        let (low, high) = (1e-6_f64.ln(), (first + 10.0 * last.max(1.0)).ln());
        let step = (high - low) / 400.0;
        let grid = (0..=400).map(|i| low + step * f64::from(i));
        let best = grid.min_by(|&a, &b| at(a).residual.total_cmp(&at(b).residual)).unwrap_or(low);
        at(golden(|t| at(t).residual, (best - step).max(low), (best + step).min(high)))
    }

    fn with_offset(points: &[(f64, f64)], offset: f64) -> Self {
        let line = line(points.iter().map(|&(step, loss)| ((step + offset).ln(), loss))).unwrap_or_default();
        Self { base: line.base, slope: line.slope, offset, residual: line.residual }
    }
}

#[derive(Default)]
struct Line {
    base: f64,
    slope: f64,
    residual: f64,
}

/// The least-squares line; none through fewer than two different places.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Line> {
    let count = points.clone().count() as f64;
    let (x, y) = points.clone().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let sums = points.fold((0.0, 0.0, 0.0), |(xx, xy, yy), p| {
        let (dx, dy) = (p.0 - x, p.1 - y);
        (xx + dx * dx, xy + dx * dy, yy + dy * dy)
    });
    let slope = sums.1 / sums.0;
    slope.is_finite().then(|| Line { base: y - slope * x, slope, residual: (sums.2 - slope * sums.1).max(0.0) })
}

/// Where `f` is lowest between `low` and `high`, where it has one minimum.
fn golden(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let part = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..80 {
        let (a, b) = (high - part * (high - low), low + part * (high - low));
        if f(a) <= f(b) { high = b } else { low = a }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(loss: impl Fn(f64) -> f64) -> Curve {
        (1..=600).map(|i| f64::from(10 * i)).map(|step| (step, loss(step))).collect()
    }

    /// A curve of the paper's four parameters gives back the three that can be known, whatever the fourth is.
    #[test]
    fn the_fit_finds_what_made_the_curve() {
        for (c, d) in [(1.0, 24.83), (0.106, 0.106 * 166.3), (21.6, -21.6 * 9.0)] {
            let (a, b) = (-0.8679, 5.0);
            let fit = Fit::of(&curve(|i| b + a * (c * i + d).ln()), 600);
            let expected = [b + a * f64::ln(c), a, d / c];
            for (found, expected) in [fit.base, fit.slope, fit.offset].iter().zip(expected) {
                assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0), "{fit:?}, not {expected}");
            }
            assert!(fit.residual < 1e-8, "{fit:?}");
        }
    }

    #[test]
    fn a_flat_curve_and_a_curve_of_one_row_have_no_slope() {
        assert!(Fit::of(&curve(|_| 2.0), 600).slope.abs() < 1e-12);
        let one = Fit::of(&[(10.0, 2.0)], 600);
        assert!(one.slope == 0.0 && one.offset.is_finite(), "{one:?}");
        assert_eq!(slope_at(&[(10.0, 2.0)], 0.5, 3), 0.0);
    }

    #[test]
    fn a_slope_is_the_central_difference_or_smoother() {
        let curve = curve(|step| step * step);
        let (i, h) = (180, 10.0);
        let central = (curve[i + 1].1 - curve[i - 1].1) / (2.0 * h);
        assert!((slope_at(&curve, 0.3, 1) - central).abs() < 1e-9);
        // On a parabola every window agrees; on noise that alternates the wider one says less.
        assert!((slope_at(&curve, 0.3, 20) - central).abs() < 1e-6);
        let noise: Curve = (0..100).map(|i| (f64::from(i), f64::from(i % 4))).collect();
        assert!(slope_at(&noise, 0.5, 20).abs() < slope_at(&noise, 0.5, 1).abs() / 5.0);
    }

    #[test]
    fn the_ends_of_a_curve_have_slopes_too() {
        let curve = curve(|step| -3.0 * step);
        for place in [0.0, 0.999, 1.0] {
            assert!((slope_at(&curve, place, 2) + 3.0).abs() < 1e-9, "{place}");
        }
    }
}
