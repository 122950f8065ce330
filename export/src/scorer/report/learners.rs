//! A run's learners, by their vectors (Hu 2020, Figure 5), and its reliability diagrams.

use super::clusters::{self, Cluster, accuracy};
use crate::report::charts::{self, Axes};
use crate::report::page::{Section, Table};
use crate::scorer::picture::Picture;
use crate::summary::Spread;
use libmtl::metrics::{Bin, reliability_svg};

/// Groups of learners (Hu 2020, Figure 5).
const GROUPS: usize = 4;

/// Both, where the run has them.
pub fn sections(picture: &Picture) -> Vec<Section> {
    learners(picture).into_iter().chain(reliability(picture)).collect()
}

fn learners(picture: &Picture) -> Option<Section> {
    let plane = clusters::plane(&picture.learners)?;
    let groups = clusters::clusters(&picture.learners, GROUPS);
    let right: Vec<f64> = picture.learners.iter().map(accuracy).collect();
    let centre = |group: &Cluster| {
        let sum = |pick: fn(&(f64, f64)) -> f64| group.learners.iter().map(|&i| pick(&plane.points[i])).sum::<f64>();
        let count = group.learners.len() as f64;
        (sum(|point| point.0) / count, sum(|point| point.1) / count)
    };
    let centres: Vec<(f64, f64)> = groups.iter().map(centre).collect();
    let axis =
        |index: usize, name: &str| format!("{name} direction ({:.0} % of the variance)", 100.0 * plane.shares[index]);
    let axes = [axis(0, "first"), axis(1, "second")];
    let axes = Axes { x: &axes[0], y: &axes[1], ..Axes::default() };
    let mut section =
        Section::new("Learners, by their vectors", &format!("{} seed {}", picture.experiment, picture.seed));
    section.text(&format!(
        "A point is one of {} learners: the two principal directions of the vectors that the network has of them, coloured by the share of right \
         words in training. Numbers stand at the centres of {} groups that k-means finds in the vectors.",
        picture.learners.len(),
        groups.len()
    ));
    section.figure("", &charts::scatter(&plane.points, &right, &centres, axes));
    let mut table = Table::new("The groups", &["group", "learners", "mean share of right words ± sd"]);
    for (number, group) in groups.iter().enumerate() {
        let spread = Spread::of(group.learners.iter().map(|&i| right[i]).collect());
        let share = format!("{:.4} ± {:.4}", group.accuracy, spread.sd);
        table.rows.push([(number + 1).to_string(), group.learners.len().to_string(), share].map(Into::into).to_vec());
    }
    section.table(&table);
    Some(section)
}

fn reliability(picture: &Picture) -> Option<Section> {
    let Picture { experiment, seed, alpha, reliability, .. } = picture;
    if reliability.is_empty() {
        return None;
    }
    let mut section = Section::new("Reliability", &format!("{experiment} seed {seed}"));
    section.text(&format!(
        "How often words of test data were mistakes, over how probable that was said to be, in ten bins; calibrated predictions lie on the \
         diagonal. Training weighs mistakes by {alpha}, which makes them too probable; what is shown in the second place has that taken away."
    ));
    let undone = format!("alpha {alpha} undone");
    let drawn = |(track, [raw, after]): (&String, &[Vec<Bin>; 2])| {
        (track.clone(), reliability_svg(&[("as predicted", raw), (&undone, after)]))
    };
    let drawn: Vec<(String, String)> = reliability.iter().map(drawn).collect();
    section.figures(&drawn.iter().map(|(track, svg)| (track.as_str(), svg.clone())).collect::<Vec<_>>());
    Some(section)
}
