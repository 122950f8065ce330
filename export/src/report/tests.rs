//! Pages hold the numbers that they were given, load nothing, and take nobody's word for HTML.

use super::*;
use crate::checkpoint::write_json;
use crate::curves::Point;
use crate::fixture;
use crate::jobs::Results;
use crate::picture::Picture;
use crate::summary::Spread;
use crate::sweep::finished;
use crate::train::{Run, RunResult};
use std::collections::BTreeMap;
use std::fs;

/// Every tag that opens is closed, in order.
pub fn balanced(html: &str) {
    let body = html.split_once("</style>").unwrap().1;
    let mut open = vec!["html", "head"];
    for tag in body.split('<').skip(1).map(|tag| tag.split_once('>').unwrap().0) {
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// There is no address but that which names SVG, no script, and links lead to places of the page.
pub fn loads_nothing(html: &str) {
    let html = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for part in ["http", "src=", "<script", "<link", "@import", "url(", "<iframe"] {
        assert!(!html.contains(part), "{part}");
    }
    assert_eq!(html.matches("href=").count(), html.matches("href=\"#part-").count());
}

fn made(paths: &[&Path]) -> Result<String> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("page.html");
    report(&Options {
        runs: paths.iter().map(|path| path.to_path_buf()).collect(),
        output: output.clone(),
        title: None,
    })?;
    let html = fs::read_to_string(output).unwrap();
    balanced(&html);
    loads_nothing(&html);
    Ok(html)
}

/// The tables of a page: of each its caption and its rows of cells, tags taken away.
fn tables(html: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let plain = |html: &str| {
        let mut text = String::new();
        html.split('<').for_each(|part| text.push_str(part.split_once('>').map_or("", |(_, text)| text)));
        text.trim().to_string()
    };
    let between =
        |text: &str, from: &str, to: &str| text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_string();
    let cells = |row: &str| row.replace("<td", "\u{0}<td").replace("<th", "\u{0}<th");
    let row = |row: &str| cells(row).split('\u{0}').skip(1).map(&plain).collect();
    let table = |table: &str| {
        let rows = table.split("<tr>").skip(1).map(row).collect();
        (plain(&format!("<x>{}", between(table, "<caption>", "</caption>"))), rows)
    };
    html.split("<table").skip(1).map(|rest| table(rest.split("</table>").next().unwrap())).collect()
}

fn table(html: &str, caption: &str) -> Vec<Vec<String>> {
    let all = tables(html);
    let found = all.iter().find(|(name, _)| name.contains(caption));
    found
        .unwrap_or_else(|| panic!("{caption} is not among {:?}", all.iter().map(|t| &t.0).collect::<Vec<_>>()))
        .1
        .clone()
}

fn trained(folder: &Path, seeds: &[u64]) -> Vec<RunResult> {
    let mut config = fixture::config(folder);
    config.tasks.retain(|task| task.language == "xx");
    (config.training.steps, config.training.evaluate_every) = (150, 50);
    (config.optimizer.kind, config.optimizer.learning_rate) = (crate::config::OptimizerKind::Adam, 0.02);
    let run = |&seed: &u64| {
        let folder = folder.join(format!("runs/tiny/seed-{seed}"));
        Run::new(config.clone(), seed, &folder).unwrap().train(|_| false).unwrap()
    };
    seeds.iter().map(run).collect()
}

#[test]
fn a_page_holds_what_a_tagger_scored_and_answered() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let results = trained(folder.path(), &[1, 2]);
    let runs = folder.path().join("runs/tiny");
    let html = made(&[&runs]).unwrap();
    assert!(html.contains("<title>tiny</title>"));
    let scores = table(&html, "Scores on test");
    assert_eq!(scores[0][..3], ["task", "F1", "precision"]);
    let f1 = Spread::of(results.iter().map(|result| result.test["ner/xx"].f1).collect());
    assert_eq!(scores[1][..2], ["ner/xx".to_string(), page::percent(&f1)]);
    assert_eq!(scores[2][..3], ["upos/xx", "–", "–"], "plain labels have no spans");
    let curve: Vec<Point> = read_json(&runs.join("seed-1/curve.json")).unwrap();
    assert_eq!(table(&html, "Score on dev, in numbers").len(), 1 + curve.len());

    let pictures = [1, 2].map(|seed| read_json::<Picture>(&runs.join(format!("seed-{seed}/picture.json"))).unwrap());
    let tokens = pictures[0].test["upos/xx"].tags.count(|_| true, |_| true);
    assert_eq!(tokens as usize, pictures[0].data["upos/xx"].test.tokens);
    // The scores of a run can be told from its answers.
    for (picture, result) in pictures.iter().zip(&results) {
        let spans = picture.test["ner/xx"].scored();
        let sum = |pick: fn(libmtl::metrics::SpanCounts) -> u64| {
            spans.labels().iter().map(|l| pick(spans.counts(l))).sum::<u64>()
        };
        let f1 = 2.0 * sum(|c| c.correct) as f64 / (sum(|c| c.gold) + sum(|c| c.predicted)) as f64;
        assert!((f1 - result.test["ner/xx"].f1).abs() < 1e-9);
    }
    let confusions: Vec<_> = tables(&html).into_iter().filter(|(caption, _)| caption.starts_with("Counts")).collect();
    let counted =
        |table: &[Vec<String>]| table.iter().flatten().filter_map(|cell| cell.parse::<u64>().ok()).sum::<u64>();
    assert_eq!(counted(&confusions[1].1), 2 * tokens, "both seeds together");
    assert!(confusions[0].1[0].contains(&"missed".to_string()), "{:?}", confusions[0]);
    assert_eq!(confusions[0].1.last().unwrap()[0], "spurious");
    for part in ["Training loss of the tasks", "Answers: ner/xx", "S-LOC", "name = &quot;tiny&quot;"] {
        assert!(html.contains(part), "{part} is not there");
    }
    assert!(!html.contains("Loss of the objectives"), "there are none");

    // A run alone, and two experiments side by side.
    assert!(!made(&[&runs.join("seed-2")]).unwrap().contains("Right tags"));
    let right = made(&[&runs.join("seed-1"), &runs.join("seed-2")]).unwrap();
    assert_eq!(table(&right, "The same in numbers")[0], ["tag", "gold", "tiny", "tiny"]);

    // Without pictures there are scores and curves still; without a result, curves.
    for seed in [1, 2] {
        fs::remove_file(runs.join(format!("seed-{seed}/picture.json"))).unwrap();
    }
    fs::remove_file(runs.join("seed-2/result.json")).unwrap();
    let html = made(&[&runs]).unwrap();
    assert!(html.contains("Not finished: seed-2") && html.contains("Scores on test") && !html.contains("Answers:"));
}

#[test]
fn a_sweep_that_is_not_complete_is_shown_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(folder.path());
    let hostile = "<b onclick=\"x\">";
    let runs = [
        finished(&[("a", 0.4)], 1),
        finished(&[("a", 0.6)], 2),
        finished(&[(hostile, 0.8)], 1),
        finished(&[("a", 0.5), (hostile, 0.4)], 1),
        finished(&[("a", 0.9), (hostile, 0.4)], 2),
    ];
    runs.iter().for_each(|run| results.add(run).unwrap());
    let html = made(&[folder.path()]).unwrap();
    assert!(!html.contains("<b onclick"));
    let scores = table(&html, "Scores on test");
    assert_eq!(scores[1], ["a", "50.00 ± 14.142 seeds", "", "70.00 ± 28.282 seeds+40.0 ± 28.3"]);
    assert_eq!(scores[2][1], "80.001 seed");
    assert_eq!(table(&html, "Runs that are missing")[1], ["&lt;b onclick=&quot;x&quot;&gt;", "2"]);
    assert!(html.contains("+40.0</text>") && html.contains("± 28.3</text>") && html.contains("1 of 2 pairs gain."));
    assert_eq!(table(&html, "Data of each task")[1][..3], ["a", "11", "3"]);
    // Nothing but what is there: no pair yet.
    fs::write(folder.path().join("results.jsonl"), serde_json::to_string(&runs[0]).unwrap() + "\n").unwrap();
    assert!(made(&[&folder.path().join("results.jsonl")]).unwrap().contains("there is no gain to tell"));
}

#[test]
fn an_ablation_and_a_probe_are_tables_and_bars() {
    let folder = tempfile::tempdir().unwrap();
    let spread = |values: [f64; 2]| Spread::of(values.to_vec());
    let scores =
        |f1: [f64; 2]| BTreeMap::from([("ner/da".to_string(), BTreeMap::from([("f1".to_string(), spread(f1))]))]);
    let row = |name: &str, gain: Option<[f64; 2]>| crate::ablate::Row {
        name: name.into(),
        objectives: Vec::new(),
        selected_steps: vec![10, 20],
        dev: scores([0.5, 0.5]),
        test: scores([0.5, 0.6]),
        gain: gain.map(|gain| crate::ablate::Gain { dev: scores(gain), test: scores(gain) }),
        cpu_seconds: spread([4.0, 6.0]),
        cost: gain.map(|_| spread([1.5, 1.5])),
    };
    let rows = vec![row("baseline", None), row("<presence>", Some([0.02, 0.04])), row("all", Some([-0.01, 0.0]))];
    write_json(
        &folder.path().join("ablation.json"),
        &Ablation { experiment: "names".into(), seeds: vec![1, 2], steps: 600, rows },
    )
    .unwrap();
    let html = made(&[folder.path()]).unwrap();
    let rows = table(&html, "gains on it");
    assert_eq!(rows[0], ["trained with", "ner/da F1", "time", "selected steps"]);
    assert_eq!(rows[1], ["no objective", "55.00 ± 7.07", "5.0 ± 1.4 s", "10, 20"]);
    assert_eq!(rows[2], ["&lt;presence&gt;", "+3.00 ± 1.41", "× 1.505.0 ± 1.4 s", "10, 20"]);
    assert_eq!(html.matches("<svg").count(), 2);

    let probe = folder.path().join("names.probe");
    fs::create_dir(&probe).unwrap();
    let finding = r#"{"candidate": {"auxiliary": "upos", "weight": 0.5}, "differences": [0.01, 0.03], "rounds": 1, "helps": 0.875}"#;
    let advice =
        format!(r#"{{"main": "ner", "steps": 90, "seconds": 4.5, "cut_short": true, "findings": [{finding}]}}"#);
    let text = format!(r#"{{"fraction": 0.25, "seeds": 2, "advice": [{advice}]}}"#);
    fs::write(probe.join("probe.json"), text).unwrap();
    fs::write(probe.join("results.jsonl"), "its short runs are no sweep").unwrap();
    let html = made(&[&probe]).unwrap();
    assert!(html.contains("<title>names.probe</title>"));
    assert_eq!(table(&html, "ner: 90 steps")[1], ["upos", "0.5", "0.88", "+2.00 ± 1.41", "2", "1"]);
}

#[test]
fn a_transfer_is_a_figure_and_tables() {
    let folder = tempfile::tempdir().unwrap();
    let row = |system: &str, size: &str, test: f64, gain: &str| {
        format!(
            "{{\"system\":\"{system}\",\"size\":{size},\"sentences\":99,\"seeds\":[1,2],\"dev\":{{\"mean\":0.5,\"sd\":0.0,\"values\":[0.5,0.5]}},\
             \"test\":{{\"mean\":{test},\"sd\":0.01,\"values\":[0.4,0.5]}},{gain}\"seconds\":3.0}}"
        )
    };
    let gain = "\"gain\":{\"mean\":0.25,\"sd\":0.0,\"values\":[0.25,0.25]},";
    let rows =
        [row("baseline", "10", 0.25, ""), row("full", "\"all\"", 0.5, gain), row("basic", "10", 0.125, "")].join(",");
    let head = "\"experiment\":\"few <words>\",\"target\":\"ner/nl\",\"steps\":9,\"batch\":2,\"hidden\":3";
    let path = folder.path().join("transfer.json");
    // At a size that was not trained there is no place for what others say.
    let published =
        ["10", "500"].map(|size| format!("{{\"system\":\"full\",\"size\":{size},\"score\":64.0}}")).join(",");
    std::fs::write(&path, format!("{{{head},\"rows\":[{rows}],\"published\":[{published}]}}")).unwrap();
    // The runs that it is made of are no sweep.
    std::fs::write(folder.path().join("results.jsonl"), "{}\n").unwrap();
    let html = made(&[folder.path()]).unwrap();
    balanced(&html);
    loads_nothing(&html);
    assert!(html.contains("few &lt;words&gt;") && html.contains("cross-lingual") != html.contains("full"));
    assert_eq!((html.matches("64 at 99</title>").count(), html.matches("stroke-dasharray").count()), (1, 1));
    let systems = table(&html, "Systems");
    assert_eq!(systems[1][..2], ["10", "baseline"]);
    assert!(systems[2][0] == "99 (all)" && systems[2][3].contains("+25.00"), "{systems:?}");
    assert_eq!(table(&html, "Steps of the network, without the whole")[1][1], "basic");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |path: &Path| made(&[path]).unwrap_err().to_string();
    let nothing = refused(folder.path());
    assert!(
        nothing.contains("nothing to show") && nothing.contains("ablation.json") && nothing.contains("scorer protocol"),
        "{nothing}"
    );
    assert!(refused(&path("nowhere")).contains("nowhere"));
    fs::write(path("x.json"), "{\"other\": 1}").unwrap();
    assert!(refused(&path("x.json")).contains("nothing to show"));
    fs::write(path("x.json"), "{").unwrap();
    assert!(refused(&path("x.json")).contains("x.json"));
    fs::write(path("results.jsonl"), "").unwrap();
    assert!(refused(&path("results.jsonl")).contains("no finished run yet"));
    fs::write(path("x.json"), "{\"advice\": 1}").unwrap();
    assert!(refused(&path("x.json")).contains("x.json"));
    fs::create_dir(path("seed-1")).unwrap();
    fs::write(path("seed-1/result.json"), "[]").unwrap();
    assert!(refused(&path("seed-1")).contains("result.json"));
}
