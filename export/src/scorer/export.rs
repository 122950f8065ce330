//! From a trained run to a bundle of the kind `scorer`.

use super::data::Labelled;
use super::model::{Model, directions};
use super::train::{Run, Scores};
use crate::Result;
use crate::error::fail;
use crate::export::{Request, mean_and_deviation, onnx_gates, results, round};
use crate::model::flat;
use crate::summary::Columns;
use crate::train::{RunResult, Set};
use half::f16;
use libmtl::bundle::manifest::{DataLicence, FORMAT, HISTORY, Kind, Licences, Manifest, Metric, Training};
use libmtl::bundle::{Contents, GoldenExercise, SCORER_TASK, Tensor as Weights, layout};
use std::collections::BTreeMap;

/// How far another engine's probabilities may be from libtorch's: fp32 sums in another order.
const TOLERANCE: f32 = 1e-3;
/// Golden cases of each track.
const CASES: usize = 12;

/// Writes the bundle of `run`, whose selected parameters are loaded.
pub fn export(run: &mut Run, seed: u64, request: &Request) -> Result<Manifest> {
    if run.model.initial.is_some() {
        let error = fail("[[objective]] initial-state: a bundle's LSTMs begin at zero");
        return Err(error.remedy("it is for research; train without it to export"));
    }
    round_to_half(&mut run.model);
    let config = &run.config;
    let data = DataLicence { name: config.corpus.name.clone(), licence: config.corpus.licence.clone() };
    let manifest = Manifest {
        format: FORMAT,
        oldest_reader: FORMAT,
        id: config.export.id.clone(),
        version: config.export.version.clone(),
        kind: Kind::Scorer,
        description: config.export.description.clone(),
        languages: Vec::new(),
        tasks: Vec::new(),
        architecture: Default::default(),
        text: Default::default(),
        scorer: Some(run.settings.clone()),
        files: BTreeMap::new(),
        metrics: metrics(run, request)?,
        licences: Licences {
            code: "MIT OR Apache-2.0".into(),
            weights: config.export.licence.clone(),
            data: vec![data],
        },
        training: Training { command: request.command.clone(), commit: request.commit.clone(), seed },
    };
    let tables = [layout::USERS, layout::COUNTRIES, layout::CLIENTS, layout::SESSIONS, layout::FORMATS];
    let tables = tables.iter().zip(&run.lexicon.ids).map(|(name, table)| (name.to_string(), table.clone()));
    let tracks = || run.settings.tracks.iter().zip(&run.lexicon.tracks);
    let contents = Contents {
        manifest,
        tensors: weights(run),
        words: tracks().map(|(track, lexicon)| (track.clone(), lexicon.words.clone())).collect(),
        tables: tables.chain(tracks().map(|(track, l)| (layout::chars(track), l.chars.clone()))).collect(),
        golden: Vec::new(),
        exercises: golden(run)?,
    };
    libmtl::bundle::write(request.output, &contents)
}

/// Rounds every parameter to what fp16 can hold, so that scores and golden cases are those of the bundle.
fn round_to_half(model: &mut Model) {
    tch::no_grad(|| {
        for tensor in model.parameters.values_mut() {
            let rounded = tensor.to_kind(tch::Kind::Half).to_kind(tch::Kind::Float);
            tensor.copy_(&rounded);
        }
    });
}

/// The tensors by the bundle's names (docs/bundle-format.md).
fn weights(run: &Run) -> BTreeMap<String, Weights> {
    let values = |name: String| flat(&run.model.parameters[&name]);
    let tensors = run.settings.tensors().into_iter().map(|(name, shape)| {
        let data = match name.rsplit_once('.') {
            Some((layer, part)) if run.model.parameters.contains_key(&format!("{layer}.fw.weight_ih")) => {
                let parts: &[&str] = if part == "bias" { &["bias_ih", "bias_hh"] } else { &[part] };
                let directions = directions(shape[0]).iter();
                let parts = directions.flat_map(|d| parts.iter().map(move |part| format!("{layer}.{d}.{part}")));
                parts.flat_map(|name| onnx_gates(&values(name))).collect()
            }
            _ => values(name.clone()),
        };
        let data = data.into_iter().map(f16::from_f32).collect();
        (name, Weights { shape, data })
    });
    tensors.collect()
}

/// Scores of this bundle on the test sets, with mean and standard deviation over the seeds that were trained.
fn metrics(run: &Run, request: &Request) -> Result<Vec<Metric>> {
    let results: Vec<RunResult<Scores>> = results(&request.runs.join(&run.config.name))?;
    let value = |scores: &Scores, metric: &str| scores.columns().into_iter().find(|c| c.0 == metric).map(|c| c.1);
    let mut out = Vec::new();
    for (track, own) in run.scores(Set::Test)? {
        // A log loss is no score in 0..1.
        for (metric, score) in own.columns().into_iter().filter(|(name, _)| *name != "log_loss") {
            let all: Vec<f64> = results.iter().filter_map(|r| value(r.test.get(&track)?, metric)).collect();
            let (mean, sd) = mean_and_deviation(&all);
            let several = all.len() > 1;
            out.push(Metric {
                task: SCORER_TASK.into(),
                language: track.clone(),
                set: format!("{} test", run.config.corpus.name),
                metric: metric.into(),
                value: round(score),
                mean: several.then_some(round(mean)),
                sd: several.then_some(round(sd)),
                seeds: all.len().max(1) as u32,
            });
        }
    }
    Ok(out)
}

/// The first dev exercises of each track; of every third one the learner and the words are unknown.
fn golden(run: &mut Run) -> Result<Vec<GoldenExercise>> {
    let mut cases = Vec::new();
    for track in 0..run.data.len() {
        let picked: Vec<Labelled> =
            run.data[track].dev.iter().filter(|l| !l.exercise.words.is_empty()).take(CASES).cloned().collect();
        for (i, mut labelled) in picked.into_iter().enumerate() {
            if i % 3 == 2 {
                labelled.exercise.user = "nobody".into();
                labelled.exercise.time = None;
                // Of given vectors no sentence is unknown.
                if run.lexicon.tracks[track].given.is_none() {
                    labelled.exercise.words.iter_mut().for_each(|word| word.push_str("Ω-x"));
                }
            }
            let mut encoded = [run.lexicon.encode(track, &labelled)?];
            if run.settings.architecture.history {
                // Golden cases are scored without learners.
                encoded[0].history = vec![0.0; HISTORY * labelled.exercise.words.len()];
            }
            let given = run.lexicon.tracks[track].given.as_ref();
            let vectors = given.map_or(Vec::new(), |given| given.sentence(encoded[0].sentence).to_vec());
            let probabilities = run.predict(track, &encoded).remove(0);
            let e = labelled.exercise;
            cases.push(GoldenExercise {
                track: run.settings.tracks[track].clone(),
                user: e.user,
                countries: e.countries,
                days: e.days,
                client: e.client,
                session: e.session,
                format: e.format,
                time: e.time,
                words: e.words,
                vectors,
                probabilities: probabilities.iter().map(|p| (p * 1e6).round() / 1e6).collect(),
                tolerance: TOLERANCE,
            });
        }
    }
    Ok(cases)
}
