//! The page: text, tables and charts in one file that needs no other.

use super::Contents;
use super::charts::{self, Series};
use super::clusters::{self, accuracy};
use crate::Result;
use crate::scorer::picture::Picture;
use crate::scorer::protocol::{Row, Summary, System};
use crate::summary::Spread;
use libmtl::metrics::{Bin, reliability_svg};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// Groups of learners (Hu 2020, Figure 5).
const GROUPS: usize = 4;

/// A colour for each track, in the order of their names.
const TRACKS: [charts::Colour; 5] = [(29, 78, 216), (194, 65, 12), (21, 128, 61), (126, 34, 206), (87, 83, 78)];

fn colour(system: System) -> charts::Colour {
    match system {
        System::Logistic => (115, 115, 115),
        System::Trees => (21, 128, 61),
        System::SingleTask => (217, 119, 6),
        System::MultiTask => (29, 78, 216),
    }
}

/// The HTML of `contents`.
pub fn page(title: &str, contents: &Contents) -> Result<String> {
    let title = escape(title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    html.push_str(
        "<p>Each word of an exercise is scored by how probable it is that the learner gets it wrong. AUC: the probability \
         that a wrong word has a higher score than a right one. Numbers are means over seeds, ± one sample standard \
         deviation; of test words, which took part in neither training nor selection.</p>\n",
    );
    for summary in &contents.protocols {
        html.push_str(&protocol(summary)?);
    }
    for picture in &contents.pictures {
        html.push_str(&learners(picture)?);
        html.push_str(&reliability(picture));
    }
    html.push_str("</body>\n</html>\n");
    Ok(html)
}

/// A protocol: what it is, a chart, the table, the data.
fn protocol(summary: &Summary) -> Result<String> {
    let name = summary.protocol.as_str();
    let (heading, text, chart) = if name.starts_with("low-resource") {
        (
            "AUC against training size",
            "One track has fewer exercises to train on; the others stay as they are.",
            sizes(summary)?,
        )
    } else if name.starts_with("cold-start") {
        let text =
            "The same learners and the same words: known from this track, from another one alone, or not at all.";
        ("Learners whom a track does not know", text, points(summary)?)
    } else if name == "removal" {
        (
            "Features left out",
            "What AUC loses without a feature of the exercise; above 0, the feature helps.",
            drops(summary)?,
        )
    } else if name == "ablations" {
        ("Encoders left out", "What AUC loses without a part of the network; above 0, the part helps.", drops(summary)?)
    } else {
        ("All training data", "Every system on every track.", points(summary)?)
    };
    let mut html = format!(
        "<section>\n<h2>{heading}</h2>\n<p class=\"what\">{} {}</p>\n<p>{text}</p>\n",
        escape(&summary.experiment),
        escape(name)
    );
    html.push_str(&source(summary));
    if !chart.is_empty() {
        let _ = writeln!(html, "<figure>\n{chart}\n</figure>");
    }
    html.push_str(&table(summary));
    html.push_str("</section>\n");
    Ok(html)
}

/// Which data these are.
fn source(summary: &Summary) -> String {
    let official = summary.files.iter().all(|file| file.official);
    let text = if official {
        "Data: the published files of the shared task (SLAM 2018, version 4), by their digests."
    } else {
        "Data: <strong>not</strong> the published files of the shared task; nothing here is comparable with its results."
    };
    let mut html = format!("<p>{text} Seeds: {}.</p>\n<details><summary>Files</summary>\n<ul>\n", join(&summary.seeds));
    for file in &summary.files {
        let (name, bytes, digest) = (escape(&file.name), file.bytes, escape(&file.sha256));
        let _ = writeln!(html, "<li>{name}, {bytes} bytes, SHA-256 <code>{digest}</code></li>");
    }
    html.push_str("</ul>\n</details>\n");
    html
}

fn join(seeds: &[u64]) -> String {
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn systems(summary: &Summary) -> Vec<System> {
    let present = |system: &System| summary.rows.iter().any(|row| row.systems.contains_key(system));
    System::ALL.into_iter().filter(present).collect()
}

fn auc(row: &Row, system: System) -> Option<&Spread> {
    row.systems.get(&system)?.get("auc")
}

/// The systems side by side, the best AUC of a row in bold.
fn table(summary: &Summary) -> String {
    let systems = systems(summary);
    let mut html = "<table>\n<thead><tr><th></th><th>track</th><th>words</th>".to_string();
    for system in &systems {
        let _ = write!(html, "<th>{}</th>", system.name());
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &summary.rows {
        let words = row.words.iter().sum::<u64>() / (row.words.len() as u64).max(1);
        let _ = write!(html, "<tr><td>{}</td><td>{}</td><td>{words}</td>", escape(&row.row), escape(&row.track));
        let best = systems.iter().filter_map(|&system| auc(row, system)).map(|s| s.mean).fold(f64::MIN, f64::max);
        for system in &systems {
            let Some(columns) = row.systems.get(system) else {
                html.push_str("<td>–</td>");
                continue;
            };
            let score = |name: &str| columns.get(name).map_or("–".into(), |s| format!("{:.3} ± {:.3}", s.mean, s.sd));
            let highest = systems.len() > 1 && auc(row, *system).is_some_and(|s| s.mean == best);
            let bold = if highest { "strong" } else { "span" };
            let (f1, loss) = (score("f1"), score("log_loss"));
            let _ =
                write!(html, "<td><{bold}>{}</{bold}><small>F1 {f1}<br/>log loss {loss}</small></td>", score("auc"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n<p class=\"note\">AUC; below it F1 at 0.5, which training's weight of mistakes raises, and the \
         log loss of calibrated probabilities. Bold: the highest mean.</p>\n");
    html
}

/// AUC over exercises in training: a line a system.
fn sizes(summary: &Summary) -> Result<String> {
    let series = |system: System| {
        let point = |row: &Row| {
            let size: f64 = row.row.split(' ').next()?.parse().ok()?;
            auc(row, system).map(|s| (size, s.mean, s.sd))
        };
        let points = summary.rows.iter().filter_map(point).collect();
        Series { name: system.name().into(), colour: colour(system), points }
    };
    let all: Vec<Series> = systems(summary).into_iter().map(series).collect();
    if all.iter().all(|series| series.points.is_empty()) { Ok(String::new()) } else { charts::lines(&all, "test AUC") }
}

/// AUC of each row: a point a system.
fn points(summary: &Summary) -> Result<String> {
    let name = |row: &Row| if row.row == "all" { row.track.clone() } else { row.row.clone() };
    let rows: Vec<String> = summary.rows.iter().map(name).collect();
    let series = |system: System| {
        let point = |(index, row): (usize, &Row)| auc(row, system).map(|s| (index as f64, s.mean, s.sd));
        let points = summary.rows.iter().enumerate().filter_map(point).collect();
        Series { name: system.name().into(), colour: colour(system), points }
    };
    let all: Vec<Series> = systems(summary).into_iter().map(series).collect();
    charts::bars(&rows, &all, "test AUC", false)
}

/// What AUC loses in each row, seed by seed: a bar a track, of the system that sees most.
fn drops(summary: &Summary) -> Result<String> {
    let changed: Vec<&Row> = summary.rows.iter().filter(|row| row.row != "all").collect();
    let has_rows = |system: &System| changed.iter().any(|row| row.systems.contains_key(system));
    let Some(system) = System::ALL.into_iter().rev().find(has_rows) else { return Ok(String::new()) };
    let drop = |row: &Row| {
        let all = summary.rows.iter().find(|all| all.row == "all" && all.track == row.track)?;
        let (all, own) = (auc(all, system)?, auc(row, system)?);
        Some(Spread::of(all.values.iter().zip(&own.values).map(|(all, own)| all - own).collect()))
    };
    let tracks: BTreeSet<&str> = changed.iter().map(|row| row.track.as_str()).collect();
    let mut names: Vec<&str> = Vec::new();
    for row in &changed {
        if !names.contains(&row.row.as_str()) {
            names.push(&row.row);
        }
    }
    let mean = |name: &str| {
        let all: Vec<f64> =
            changed.iter().filter(|row| row.row == name).filter_map(|row| drop(row)).map(|s| s.mean).collect();
        Spread::of(all).mean
    };
    names.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let series = |(index, track): (usize, &&str)| {
        let own = changed.iter().filter(|row| row.track == **track);
        let points = own.filter_map(|row| {
            let place = names.iter().position(|name| *name == row.row)?;
            drop(row).map(|s| (place as f64, s.mean, s.sd))
        });
        Series { name: (*track).into(), colour: TRACKS[index % TRACKS.len()], points: points.collect() }
    };
    let all: Vec<Series> = tracks.iter().enumerate().map(series).collect();
    let rows: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    charts::bars(&rows, &all, &format!("loss of test AUC, {}", system.name()), true)
}

/// The learners of a run, by their vectors (Hu 2020, Figure 5).
fn learners(picture: &Picture) -> Result<String> {
    let Some(plane) = clusters::plane(&picture.learners) else { return Ok(String::new()) };
    let groups = clusters::clusters(&picture.learners, GROUPS);
    let right: Vec<f64> = picture.learners.iter().map(accuracy).collect();
    let centre = |group: &clusters::Cluster| {
        let sum = |pick: fn(&(f64, f64)) -> f64| group.learners.iter().map(|&i| pick(&plane.points[i])).sum::<f64>();
        let count = group.learners.len() as f64;
        (sum(|point| point.0) / count, sum(|point| point.1) / count)
    };
    let centres: Vec<(f64, f64)> = groups.iter().map(centre).collect();
    let axis =
        |index: usize, name: &str| format!("{name} direction ({:.0} % of the variance)", 100.0 * plane.shares[index]);
    let chart = charts::scatter(&plane.points, &right, &centres, [axis(0, "first"), axis(1, "second")])?;
    let count = picture.learners.len();
    let mut html = format!(
        "<section>\n<h2>Learners, by their vectors</h2>\n<p class=\"what\">{} seed {}</p>\n\
         <p>A point is one of {count} learners: the two principal directions of the vectors that the network has of them, \
         coloured by the share of right words in training. Numbers stand at the centres of \
         {} groups that k-means finds in the vectors.</p>\n<figure>\n{chart}\n</figure>\n\
         <table>\n<thead><tr><th>group</th><th>learners</th><th>mean share of right words ± sd</th></tr></thead>\n<tbody>\n",
        escape(&picture.experiment),
        picture.seed,
        groups.len()
    );
    for (number, group) in groups.iter().enumerate() {
        let spread = Spread::of(group.learners.iter().map(|&i| right[i]).collect());
        let (learners, number) = (group.learners.len(), number + 1);
        let _ = writeln!(
            html,
            "<tr><td>{number}</td><td>{learners}</td><td>{:.4} ± {:.4}</td></tr>",
            group.accuracy, spread.sd
        );
    }
    html.push_str("</tbody>\n</table>\n</section>\n");
    Ok(html)
}

/// The reliability diagrams of a run's tracks.
fn reliability(picture: &Picture) -> String {
    if picture.reliability.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<section>\n<h2>Reliability</h2>\n<p class=\"what\">{} seed {}</p>\n<p>How often words of test data were mistakes, over how \
         probable that was said to be, in ten bins; calibrated predictions lie on the diagonal. Training weighs mistakes by \
         {}, which makes them too probable; what is shown in the second place has that taken away.</p>\n<div class=\"row\">\n",
        escape(&picture.experiment),
        picture.seed,
        picture.alpha
    );
    let undone = format!("alpha {} undone", picture.alpha);
    for (track, [raw, after]) in &picture.reliability {
        let series: [(&str, &[Bin]); 2] = [("as predicted", raw), (&undone, after)];
        let _ = writeln!(
            html,
            "<figure>\n<figcaption>{}</figcaption>\n{}</figure>",
            escape(track),
            reliability_svg(&series)
        );
    }
    html.push_str("</div>\n</section>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
