//! The forward pass on ONNX Runtime: a session a track, over the part of the bundle's graph that gives the track's
//! logits. Exercises go in sub-batches of bounded memory; a call is stopped between them and while it waits for its turn.

use super::features::{Batch, Encoded};
use super::vectors::Rows;
use crate::bundle::manifest::{Combine, Encoder, HISTORY, Scorer as Settings, ScorerArchitecture as Sizes, Summary};
use crate::bundle::{Bundle, graph};
use crate::engine::onnx::batches::{self, Costs, Limits, Padded};
use crate::engine::onnx::session::{self, Inputs, Sessions, input};
use crate::engine::onnx::unpad;
use crate::engine::{self, EngineOptions, Report, WordType};
use crate::{Cancel, Result};
use ort::session::Session;
use std::borrow::Cow;

/// A scorer opened with ONNX Runtime.
#[derive(Debug)]
pub(super) struct Onnx {
    sessions: Sessions,
    limits: Limits,
}

impl Onnx {
    /// Loads ONNX Runtime where no other engine has, and opens the sessions on the first providers that work.
    pub fn open(bundle: &Bundle, settings: &Settings, options: &EngineOptions) -> Result<Self> {
        let part = |track: &String| graph::part(bundle.graph(), &graph::logits_name(track)).map(Cow::Owned);
        let graphs = settings.tracks.iter().map(part).collect::<Result<Vec<_>>>()?;
        let probe = |track: usize, session: &mut Session| {
            let words = vec![WordType { row: 0, chars: vec![1] }];
            let (user, setting, offset) = ([0; 2], [0; 3], Vec::new());
            let vectors = vec![0.0; settings.architecture.given_width().unwrap_or(0)];
            let vectors = Rows::Single(&vectors);
            let history = vec![0.0; HISTORY];
            let exercise =
                Encoded { track, user, setting, days: 0.0, time: 0.0, words: vec![0], vectors, offset, history };
            let batch = engine::Batch { words, sentences: vec![exercise.words.clone()] };
            run(session, settings, &batch, &[0], &[&exercise]).map(drop)
        };
        let sessions = Sessions::open(bundle, &graphs, options, &probe)?;
        Ok(Self { sessions, limits: Limits::default() })
    }

    /// What runs where.
    pub fn report(&self) -> &Report {
        self.sessions.report()
    }

    /// The logits of each exercise's words; none for an exercise at fault.
    pub fn logits(&self, settings: &Settings, batch: &Batch, cancel: &Cancel) -> Result<Vec<Vec<f32>>> {
        let mut logits = vec![Vec::new(); batch.exercises.len()];
        let form = |word: &super::features::Word| WordType { row: word.row, chars: word.chars.clone() };
        let words: Vec<WordType> = batch.words.iter().map(form).collect();
        let mut of_track = engine::Batch { words, sentences: Vec::new() };
        let costs = costs(&settings.architecture);
        self.sessions.call(cancel, |sessions| {
            for (track, session) in sessions.iter_mut().enumerate() {
                let own = |exercise: &&Encoded| exercise.track == track && !exercise.words.is_empty();
                let sound = batch.exercises.iter().enumerate().filter_map(|(i, e)| Some((i, e.as_ref().ok()?)));
                let (places, exercises): (Vec<usize>, Vec<&Encoded>) = sound.filter(|(_, e)| own(e)).unzip();
                of_track.sentences = exercises.iter().map(|exercise| exercise.words.clone()).collect();
                for group in batches::split(&costs, &self.limits, &of_track, |i| format!("exercise {}", places[i]))? {
                    cancel.check()?;
                    let found = run(session, settings, &of_track, &group, &exercises)?;
                    group.into_iter().zip(found).for_each(|(member, found)| logits[places[member]] = found);
                }
            }
            Ok(())
        })?;
        Ok(logits)
    }
}

/// What a sub-batch takes.
fn costs(sizes: &Sizes) -> Costs {
    let [embedding, hidden, filters] = [sizes.embedding, sizes.hidden, sizes.char_filters].map(|n| n as u64);
    let encoders = sizes.encoders.len() as u64;
    let inputs: u64 = sizes.encoders.iter().map(|&encoder| sizes.inputs(encoder) as u64).sum();
    Costs {
        // Index and share, rows in both precisions and two orders, an LSTM's gates and states in two orders, and a
        // convolution or two with rectified and masked copies.
        character: 12 + 10 * embedding + 24 * hidden + 20 * filters,
        word: 16 + 12 * inputs,
        // The BiLSTMs' inputs, gates in both directions and states in two orders, and the layers above.
        token: 8 + 4 * inputs + 64 * hidden * encoders + 64 * hidden + 12 * HISTORY as u64,
        widest: sizes.least_characters(),
    }
}

/// The logits of the words of each exercise of `group`, whose words are the sentences of `batch`.
fn run(
    session: &mut Session,
    settings: &Settings,
    batch: &engine::Batch,
    group: &[usize],
    exercises: &[&Encoded],
) -> Result<Vec<Vec<f32>>> {
    let sizes = &settings.architecture;
    let padded = batches::pad(costs(sizes).widest, batch, group);
    let meta = Meta::new(sizes, group.iter().map(|&member| exercises[member]));
    let shares = char_shares(sizes.char_summary, batch, &padded);
    let track = group.first().map_or(0, |&member| exercises[member].track);
    let names = [graph::logits_name(&settings.tracks[track])];
    let width = sizes.given_width().unwrap_or(0);
    let vectors = by_step(&padded, width, group, |member, word, row| exercises[member].vectors.copy(word, row));
    let history = if sizes.history { HISTORY } else { 0 };
    let history = by_step(&padded, history, group, |member, word, row| {
        row.copy_from_slice(&exercises[member].history[word * HISTORY..][..HISTORY]);
    });
    let inputs = inputs(sizes, &padded, &meta, &shares, &vectors, &history)?;
    let found = session::run(session, inputs, &names, |_, shape, values| unpad(shape, values, &padded, 1))?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// What the graph reads of each exercise besides its words.
struct Meta {
    /// By table: learner, country, client, session, format.
    rows: [Vec<i64>; 5],
    /// `[batch, embedding]`.
    learner: Vec<f32>,
    days: Vec<f32>,
    seconds: Vec<f32>,
}

impl Meta {
    fn new<'a>(sizes: &Sizes, exercises: impl Iterator<Item = &'a Encoded<'a>> + Clone) -> Self {
        let rows = |table: usize| {
            exercises.clone().map(move |e| i64::from([&e.user[..], &e.setting[..]].concat()[table])).collect()
        };
        let offset = |e: &'a Encoded<'a>| (0..sizes.embedding).map(|i| e.offset.get(i).copied().unwrap_or(0.0));
        Self {
            rows: [0, 1, 2, 3, 4].map(rows),
            learner: exercises.clone().flat_map(offset).collect(),
            days: exercises.clone().map(|e| e.days).collect(),
            seconds: exercises.map(|e| e.time).collect(),
        }
    }
}

/// `[words, width]`: what each character's state counts for in the summary of its word; padding counts for nothing.
fn char_shares(summary: Summary, batch: &engine::Batch, padded: &Padded) -> Vec<f32> {
    let mut shares = vec![0.0; padded.words.len() * padded.width];
    for (row, &word) in shares.chunks_exact_mut(padded.width).zip(&padded.words) {
        let length = batch.words[word as usize].chars.len();
        match summary {
            Summary::Mean => row[..length].fill(1.0 / length as f32),
            Summary::Last => row[length - 1] = 1.0,
        }
    }
    shares
}

/// `[time, batch, width]`: the row that `fill` writes for each word of each member of `group`, zero where a sentence has
/// ended.
fn by_step(padded: &Padded, width: usize, group: &[usize], fill: impl Fn(usize, usize, &mut [f32])) -> Vec<f32> {
    let batch = padded.lengths.len();
    let mut rows = vec![0.0; padded.time * batch * width];
    for (column, (&member, &length)) in group.iter().zip(&padded.lengths).enumerate().filter(|_| width > 0) {
        for word in 0..length as usize {
            fill(member, word, &mut rows[(word * batch + column) * width..][..width]);
        }
    }
    rows
}

/// The graph's inputs; which there are depends on the architecture.
fn inputs<'a>(
    sizes: &Sizes,
    padded: &'a Padded,
    meta: &'a Meta,
    shares: &'a [f32],
    vectors: &'a [f32],
    history: &'a [f32],
) -> Result<Inputs<'a>> {
    let (words, batch, width) = (padded.words.len(), padded.lengths.len(), padded.width);
    let has = |encoder| sizes.encoders.contains(&encoder);
    let mut inputs = vec![input("lengths", [batch], &padded.lengths)?];
    if sizes.reads_words() {
        inputs.push(input("tokens", [padded.time, batch], &padded.tokens)?);
    }
    if let Some(given) = sizes.given_width() {
        inputs.push(input("word_vectors", [padded.time, batch, given], vectors)?);
    }
    if sizes.history {
        inputs.push(input("history", [padded.time, batch, HISTORY], history)?);
    }
    if sizes.combine != Combine::None {
        for (name, rows) in graph::ID_INPUTS.iter().zip(&meta.rows) {
            inputs.push(input(*name, [batch], rows)?);
        }
        inputs.push(input("learner", [batch, sizes.embedding], &meta.learner)?);
        inputs.push(input("days", [batch, 1], &meta.days)?);
        inputs.push(input("seconds", [batch, 1], &meta.seconds)?);
    }
    if has(Encoder::Word) && sizes.given_width().is_none() {
        inputs.push(input("word_rows", [words], &padded.word_rows)?);
    }
    if sizes.reads_characters() {
        inputs.push(input("chars", [words, width], &padded.chars)?);
    }
    if has(Encoder::CharLstm) {
        inputs.push(input("char_shares", [words, width], shares)?);
    }
    if has(Encoder::CharCnn) {
        inputs.push(input("char_lengths", [words], &padded.char_lengths)?);
    }
    Ok(inputs)
}
