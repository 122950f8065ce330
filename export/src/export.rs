//! From a trained run to a bundle: weights rounded to fp16, vocabularies, calibration, golden cases, manifest.

use crate::Result;
use crate::checkpoint::read_json;
use crate::config::{Config, Constraints, Head, Source};
use crate::data::Gold;
use crate::error::fail;
use crate::model::{Model, flat};
use crate::train::{Run, RunResult, Scores, Set};
use crate::vocabulary::TaskType;
use half::f16;
use libmtl::bundle::manifest::{
    Architecture, DataLicence, FORMAT, Kind, Licences, Manifest, Metric, Task, TextSettings, Training,
};
use libmtl::bundle::{Contents, GoldenCase, Tensor as Weights, layout};
use libmtl::kernels::crf;
use libmtl::text::scheme::Scheme;
use libmtl::{Cancel, Error};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How far another engine's emissions may be from libtorch's: fp32 sums in another order, over up to 4 H terms.
const TOLERANCE: f32 = 0.01;
/// Dev sentences that calibrate a task at most.
const CALIBRATION_SENTENCES: usize = 2_000;

/// Where the bundle goes and what is said of its making.
pub struct Request<'a> {
    /// Folder of all runs.
    pub runs: &'a Path,
    /// The bundle's folder.
    pub output: &'a Path,
    /// The command that trained it.
    pub command: String,
    /// The trainer's commit.
    pub commit: String,
}

/// Writes the bundle of `run`, whose selected parameters are loaded.
pub fn export(run: &mut Run, seed: u64, request: &Request) -> Result<Manifest> {
    let research = "it is for research; train without it to export";
    if run.model.sluice.is_some() {
        return Err(fail("[[objective]] sluice: a bundle has one LSTM, not one a task").remedy(research));
    }
    if run.model.tasks.iter().any(|task| task.private.is_some()) {
        return Err(fail("[[objective]] shared-private: a bundle has one LSTM, not one a domain").remedy(research));
    }
    if !(run.config.sharing.characters && run.config.sharing.lstm) {
        return Err(fail("[sharing]: a bundle has one character encoder and one LSTM; train with both shared"));
    }
    if run.config.model.head != Head::Crf || run.config.model.char_filters == 0 {
        return Err(fail("[model]: a bundle has characters and a CRF; train with char_filters and head = \"crf\""));
    }
    if run.config.model.lstm_layers > 1 {
        return Err(fail("[model] lstm_layers: a bundle has one BiLSTM layer").remedy(research));
    }
    if run.model.initial.is_some() {
        return Err(fail("[[objective]] initial-state: a bundle's LSTM begins at zero").remedy(research));
    }
    round_to_half(&mut run.model);
    let tensors = tensors(run);
    let manifest = Manifest {
        format: FORMAT,
        oldest_reader: FORMAT,
        id: run.config.export.id.clone(),
        version: run.config.export.version.clone(),
        kind: Kind::Tagger,
        description: run.config.export.description.clone(),
        languages: run.lexicon.words.keys().cloned().collect(),
        tasks: run.lexicon.types.iter().map(|kind| task(run, kind)).collect(),
        architecture: architecture(run),
        text: TextSettings {
            tokeniser: "ud".into(),
            word_lookup: run.lexicon.steps.clone(),
            fallback_language: run.config.vocabulary.fallback_language.clone(),
            ptb_escapes: true,
            char_boundaries: run.config.model.char_boundaries,
        },
        scorer: None,
        files: BTreeMap::new(),
        metrics: metrics(run, request.runs)?,
        licences: licences(&run.config),
        training: Training { command: request.command.clone(), commit: request.commit.clone(), seed },
    };
    let golden = golden(run)?;
    let tables = BTreeMap::from([(layout::CHARS.to_string(), run.lexicon.chars.clone())]);
    let contents =
        Contents { manifest, tensors, words: run.lexicon.words.clone(), tables, golden, exercises: Vec::new() };
    libmtl::bundle::write(request.output, &contents)
}

/// Rounds every parameter to what fp16 can hold, so that scores and golden cases are those of the bundle.
fn round_to_half(model: &mut Model) {
    tch::no_grad(|| {
        let words = [&mut model.words];
        for tensor in model.parameters.values_mut().chain(words) {
            let rounded = tensor.to_kind(tch::Kind::Half).to_kind(tch::Kind::Float);
            tensor.copy_(&rounded);
        }
    });
}

fn architecture(run: &Run) -> Architecture {
    let m = &run.config.model;
    Architecture {
        word_dim: m.word_dim,
        words: run.lexicon.rows,
        char_dim: m.char_dim,
        chars: run.lexicon.char_rows,
        char_widths: m.char_widths.clone(),
        char_filters: m.char_filters,
        highway_layers: m.highway_layers,
        highway_activation: m.highway_activation,
        hidden: m.hidden,
        specific_layers: m.specific_layers,
    }
}

fn task(run: &Run, kind: &TaskType) -> Task {
    let of_kind = |t: &&crate::config::TaskSettings| t.name == kind.name;
    let scheme = run.config.tasks.iter().find(of_kind).map_or(Scheme::Plain, |t| t.scheme);
    let indices = run.model.tasks.iter().enumerate().filter(|(_, t)| t.name == kind.name);
    Task {
        name: kind.name.clone(),
        scheme,
        labels: kind.labels.clone(),
        languages: kind.languages.clone(),
        temperature: indices.map(|(i, t)| (t.language.clone(), temperature(run, i))).collect(),
        constrained: run.config.model.constraints != Constraints::Off,
    }
}

/// The temperature that minimises the mean of -log P(gold label of a token) on dev, by golden-section search over its
/// logarithm (Guo 2017, sec. 4.2, with the CRF's marginals for the softmax).
fn temperature(run: &Run, task: usize) -> f32 {
    let sentences = run.dev(task);
    let sentences = &sentences[..sentences.len().min(CALIBRATION_SENTENCES)];
    let emissions = run.emissions(task, sentences);
    let transitions = run.model.transitions(task, run.config.model.constraints != Constraints::Off);
    let labels = transitions.labels;
    let cost = |log_t: f64| -> f64 {
        let mut sum = 0.0;
        for (sentence, scores) in sentences.iter().zip(&emissions) {
            let found = crf::marginals(scores, &transitions, log_t.exp() as f32, &Cancel::new());
            let unary = found.expect("nobody cancels").unary;
            for (row, &gold) in unary.chunks_exact(labels).zip(&sentence.labels) {
                if let Some(&p) = row.get(usize::from(gold)) {
                    sum -= f64::from(p.max(1e-7)).ln();
                }
            }
        }
        sum
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.25f64.ln(), 4f64.ln());
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut cost_a, mut cost_b) = (cost(a), cost(b));
    while high - low > 0.02 {
        if cost_a < cost_b {
            (high, b, cost_b) = (b, a, cost_a);
            a = high - ratio * (high - low);
            cost_a = cost(a);
        } else {
            (low, a, cost_a) = (a, b, cost_b);
            b = low + ratio * (high - low);
            cost_b = cost(b);
        }
    }
    (((low + high) / 2.0).exp() as f32 * 1000.0).round() / 1000.0
}

/// The tensors by the bundle's names (docs/bundle-format.md).
fn tensors(run: &Run) -> BTreeMap<String, Weights> {
    let model = &run.model;
    let values = |name: &str| (shape(&model.parameters[name]), flat(&model.parameters[name]));
    let mut out = BTreeMap::new();
    let mut insert = |name: String, shape: Vec<usize>, values: &[f32]| {
        out.insert(name, Weights { shape, data: values.iter().map(|&v| f16::from_f32(v)).collect() });
    };
    insert("word.embedding".into(), shape(&model.words), &flat(&model.words));
    // Objectives were for training.
    for name in model.parameters.keys().filter(|n| !n.starts_with("lstm.") && !n.starts_with("objective.")) {
        if name.starts_with("task.") && (name.contains(".specific.") || name.contains(".gate.")) {
            continue;
        }
        let (shape, values) = values(name);
        insert(name.clone(), shape, &values);
    }
    for (bundle, parts) in
        [("weight_ih", &["weight_ih"][..]), ("weight_hh", &["weight_hh"]), ("bias", &["bias_ih", "bias_hh"])]
    {
        let mut all = Vec::new();
        let mut width = None;
        for direction in ["fw", "bw"] {
            for part in parts {
                let (shape, values) = values(&format!("lstm.{direction}.{part}"));
                width = shape.get(1).copied();
                all.extend(onnx_gates(&values));
            }
        }
        let rows = all.len() / 2 / width.unwrap_or(1);
        let shape = [2, rows].into_iter().chain(width).collect();
        insert(format!("lstm.{bundle}"), shape, &all);
    }
    if model.parameters.keys().any(|n| n.contains(".specific.")) {
        for kind in &run.lexicon.types {
            for (layer, part) in [("specific", "weight"), ("specific", "bias"), ("gate", "weight"), ("gate", "bias")] {
                let name = |language: &String| format!("task.{}.{layer}.{language}.{part}", kind.name);
                let stacked: Vec<f32> = kind.languages.iter().flat_map(|l| values(&name(l)).1).collect();
                let inner = values(&name(&kind.languages[0])).0;
                let shape = [kind.languages.len()].into_iter().chain(inner).collect();
                insert(format!("task.{}.{layer}.{part}", kind.name), shape, &stacked);
            }
        }
    }
    out
}

/// Dimensions.
pub fn shape(tensor: &tch::Tensor) -> Vec<usize> {
    tensor.size().iter().map(|&n| n as usize).collect()
}

/// libtorch stacks its gates as i, f, g, o; ONNX as i, o, f, c.
pub fn onnx_gates(values: &[f32]) -> Vec<f32> {
    let quarter = values.len() / 4;
    [0, 3, 1, 2].iter().flat_map(|&gate| &values[gate * quarter..(gate + 1) * quarter]).copied().collect()
}

/// A score's name and where it stands.
type Column = (&'static str, fn(&Scores) -> f64);

/// Scores of this bundle on the test sets, with mean and standard deviation over the seeds that were trained.
fn metrics(run: &Run, runs: &Path) -> Result<Vec<Metric>> {
    let results: Vec<RunResult> = results(&runs.join(&run.config.name))?;
    let scores = run.scores(Set::Test);
    let mut out = Vec::new();
    for task in &run.config.tasks {
        let Some(own) = scores.get(&task.key()) else { continue };
        let kinds: &[Column] = match task.scheme {
            Scheme::Plain => &[("accuracy", |s| s.accuracy)],
            _ => &[("f1", |s| s.f1), ("strict_f1", |s| s.strict_f1)],
        };
        for (metric, read) in kinds {
            let all: Vec<f64> = results.iter().filter_map(|r| r.test.get(&task.key())).map(read).collect();
            let (mean, sd) = mean_and_deviation(&all);
            let several = all.len() > 1;
            out.push(Metric {
                task: task.name.clone(),
                language: task.language.clone(),
                set: task.test.first().map_or_else(String::new, set_name),
                metric: (*metric).to_string(),
                value: round(read(own)),
                mean: several.then_some(round(mean)),
                sd: several.then_some(round(sd)),
                seeds: all.len().max(1) as u32,
            });
        }
    }
    Ok(out)
}

fn set_name(source: &Source) -> String {
    match &source.corpus {
        Some(corpus) => format!("{corpus} test"),
        None => source.path.rsplit('/').next().unwrap_or_default().to_string(),
    }
}

/// Results of every finished seed in `folder`.
pub fn results<S: DeserializeOwned>(folder: &Path) -> Result<Vec<RunResult<S>>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map_err(|e| Error::io(folder.display(), e))?
        .flatten()
        .map(|entry| entry.path().join("result.json"))
        .filter(|path| path.exists())
        .collect();
    paths.sort();
    paths.iter().map(|path| read_json(path)).collect()
}

/// Mean and sample standard deviation (0 for fewer than two).
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() })
}

/// `value` with five decimals.
pub fn round(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}

fn licences(config: &Config) -> Licences {
    let mut data = BTreeSet::new();
    for source in config.tasks.iter().flat_map(|t| &t.train) {
        if let (Some(name), Some(licence)) = (&source.corpus, &source.licence) {
            data.insert((name.clone(), licence.clone()));
        }
    }
    for vectors in config.vectors.values() {
        if let Some(licence) = &vectors.licence {
            let name = vectors.path.rsplit('/').next().unwrap_or_default();
            data.insert((format!("word vectors {name}"), licence.clone()));
        }
    }
    Licences {
        code: "MIT OR Apache-2.0".into(),
        weights: config.export.licence.clone(),
        data: data.into_iter().map(|(name, licence)| DataLicence { name, licence }).collect(),
    }
}

/// The golden cases: the file's sentences through every task of their language.
fn golden(run: &mut Run) -> Result<Vec<GoldenCase>> {
    let Some(path) = run.config.export.golden.clone() else { return Ok(Vec::new()) };
    let path = run.config.resolve(&path)?;
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(path.display(), e))?;
    let mut cases = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (language, sentence) = line.split_once('\t').ok_or_else(|| {
            fail("a golden sentence is `language<TAB>tokens separated by blanks`").at(format!(
                "{}: line {}",
                path.display(),
                number + 1
            ))
        })?;
        let tokens: Vec<String> = sentence.split_whitespace().map(str::to_string).collect();
        for index in 0..run.model.tasks.len() {
            if run.model.tasks[index].language == language {
                cases.push(golden_case(run, index, &tokens));
            }
        }
    }
    Ok(cases)
}

fn golden_case(run: &mut Run, task: usize, tokens: &[String]) -> GoldenCase {
    let spec = run.model.tasks[task].clone();
    let gold = Gold { tokens: tokens.to_vec(), tags: Vec::new() };
    let encoded = vec![run.lexicon.encode(&gold, &spec.language, spec.kind)];
    let emissions = run.emissions(task, &encoded).remove(0);
    let path = run.predict(task, &encoded).remove(0);
    let labels = &run.lexicon.types[spec.kind].labels;
    GoldenCase {
        task: spec.name,
        language: spec.language,
        tokens: tokens.to_vec(),
        labels: path.iter().map(|&l| labels[usize::from(l)].clone()).collect(),
        emissions: emissions
            .chunks_exact(labels.len())
            .map(|row| row.iter().map(|v| (v * 1e4).round() / 1e4).collect())
            .collect(),
        tolerance: TOLERANCE,
    }
}
