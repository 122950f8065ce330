//! How likely it is that a mean difference is above 0, of few paired seeds.

/// P(mean > 0) for each arm's differences: Student's t with a flat prior on the mean, and one variance for all arms (prior
/// 1/variance), estimated around each arm's own mean. A variance of an arm's own would rest on two or three numbers. An arm
/// without differences, or no arm with two, says 0.5.
pub fn helps(arms: &[&[f64]]) -> Vec<f64> {
    let mean = |arm: &[f64]| arm.iter().sum::<f64>() / arm.len().max(1) as f64;
    let squares = |arm: &&[f64]| arm.iter().map(|d| (d - mean(arm)) * (d - mean(arm))).sum::<f64>();
    let freedom: usize = arms.iter().map(|arm| arm.len().saturating_sub(1)).sum();
    let deviation = (arms.iter().map(squares).sum::<f64>() / freedom.max(1) as f64).sqrt();
    let one = |arm: &&[f64]| {
        let distance = mean(arm) * (arm.len() as f64).sqrt();
        if freedom == 0 || distance == 0.0 { 0.5 } else { student(distance / deviation, freedom as f64) }
    };
    arms.iter().map(one).collect()
}

/// The distribution function of Student's t: with t = sqrt(n) tan(x) its density is that of cos(x)^(n-1), which Simpson's rule
/// integrates.
fn student(t: f64, freedom: f64) -> f64 {
    const HALF: f64 = std::f64::consts::FRAC_PI_2;
    let density = |x: f64| x.cos().max(0.0).powf(freedom - 1.0);
    let integral = |to: f64| {
        const STEPS: u32 = 2_000;
        let h = to / f64::from(STEPS);
        let weight = |i: u32| if i == 0 || i == STEPS { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        (0..=STEPS).map(|i| weight(i) * density(h * f64::from(i))).sum::<f64>() * h / 3.0
    };
    let x = (t / freedom.sqrt()).atan();
    0.5 + integral(x) / (2.0 * integral(HALF))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles from any table of the distribution.
    #[test]
    fn the_distribution_is_that_of_the_tables() {
        for (freedom, t, p) in [(1.0, 1.0, 0.75), (2.0, 4.303, 0.975), (5.0, 2.015, 0.95), (30.0, 2.457, 0.99)] {
            assert!((student(t, freedom) - p).abs() < 1e-4, "{freedom} {t}: {}", student(t, freedom));
            assert!((student(-t, freedom) - (1.0 - p)).abs() < 1e-4);
        }
        assert!((student(f64::INFINITY, 3.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn arms_share_their_variance() {
        // Squares around the means: 2, 0 and 2, with three degrees of freedom.
        let found = helps(&[&[1.0, 3.0], &[-1.0, -1.0], &[1.0, -1.0], &[2.0], &[]]);
        let deviation = (4.0_f64 / 3.0).sqrt();
        assert!((found[0] - student(2.0 * 2.0_f64.sqrt() / deviation, 3.0)).abs() < 1e-12);
        assert!((found[1] - student(-(2.0_f64.sqrt()) / deviation, 3.0)).abs() < 1e-12);
        assert_eq!((found[2], found[4]), (0.5, 0.5));
        assert!(found[3] > 0.5 && found[3] < found[0]);
    }

    #[test]
    fn without_a_spread_nothing_or_everything_is_known() {
        assert_eq!(helps(&[&[1.0], &[-2.0]]), [0.5, 0.5]);
        let equal = helps(&[&[1.0, 1.0], &[-2.0, -2.0], &[0.0, 0.0]]);
        assert!(equal[0] > 1.0 - 1e-9 && equal[1] < 1e-9 && equal[2] == 0.5, "{equal:?}");
    }
}
