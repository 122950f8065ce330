//! The best path, and the n best.

use super::{Transitions, length, prepared::LANES};
use crate::kernels::Kernel;
use crate::{Cancel, Result};
use pulp::{Simd, WithSimd};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What a forbidden step costs while decoding. Finite, so that where every path is forbidden one that breaks the
/// fewest rules still wins; in double precision it leaves ordinary scores their digits.
const FORBIDDEN: f64 = -1e12;

/// A score as decoding adds it up; never a negative zero, which would order before zero.
fn bounded(score: f32) -> f64 {
    f64::from(score).max(FORBIDDEN) + 0.0
}

/// A total as callers see it.
fn reported(total: f64) -> f32 {
    if total < FORBIDDEN / 2.0 { f32::NEG_INFINITY } else { total as f32 }
}

/// Transitions made ready for decoding, shared by any number of sentences.
#[derive(Debug, Clone)]
pub struct Viterbi {
    /// K.
    labels: usize,
    /// K rounded up to [`LANES`].
    width: usize,
    /// `[K]`.
    start: Vec<f64>,
    /// `[K]`.
    end: Vec<f64>,
    /// `[from, width]`, padded with labels that cannot win.
    pairs: Vec<f64>,
}

impl Viterbi {
    /// Lays out `transitions`.
    pub fn new(transitions: &Transitions) -> Self {
        transitions.length(&[]);
        let labels = transitions.labels;
        let width = labels.next_multiple_of(LANES);
        let mut pairs = vec![f64::NEG_INFINITY; labels * width];
        for (from, row) in pairs.chunks_exact_mut(width.max(1)).enumerate() {
            row[..labels]
                .iter_mut()
                .enumerate()
                .for_each(|(to, pair)| *pair = bounded(transitions.pairs[to * labels + from]));
        }
        let vector = |scores: &[f32]| scores.iter().map(|&score| bounded(score)).collect();
        Self { labels, width, start: vector(&transitions.start), end: vector(&transitions.end), pairs }
    }

    /// The best path and its score. An empty sentence has an empty path and score 0. Of equal paths the one with the
    /// smaller last label wins, then the one with the smaller label before it, and so on.
    ///
    /// Works in `length * labels` doubles: back-pointers are not kept but found again along the one path that is read.
    /// The only error is that of `cancel`.
    pub fn best(&self, emissions: &[f32], cancel: &Cancel) -> Result<(Vec<u16>, f32)> {
        let length = length(emissions.len(), self.labels);
        if length == 0 {
            return Ok((Vec::new(), 0.0));
        }
        let mut scores = vec![f64::NEG_INFINITY; length * self.width];
        Kernel::best().dispatch(Forward { table: self, emissions, scores: &mut scores, cancel })?;
        let row = |t: usize| &scores[t * self.width..][..self.labels];
        let (mut label, best) = first_largest(row(length - 1).iter().zip(&self.end).map(|(score, end)| score + end));
        let mut path = vec![0; length];
        for t in (0..length).rev() {
            cancel.check_at(t)?;
            path[t] = label as u16;
            if t > 0 {
                let pairs = self.pairs[label..].iter().step_by(self.width);
                label = first_largest(row(t - 1).iter().zip(pairs).map(|(score, pair)| score + pair)).0;
            }
        }
        Ok((path, reported(best)))
    }

    /// The `n` best paths (at most 65,535), best first, with their scores; fewer when fewer exist. Equal paths stand in the
    /// order that [`Viterbi::best`] prefers. Forbidden paths are not listed, unless there is no other: then one is.
    ///
    /// Works in `length * labels * n` times 4 bytes. The only error is that of `cancel`.
    pub fn nbest(&self, emissions: &[f32], n: usize, cancel: &Cancel) -> Result<Vec<(Vec<u16>, f32)>> {
        let length = length(emissions.len(), self.labels);
        if n == 0 {
            return Ok(Vec::new());
        }
        if length == 0 {
            return Ok(vec![(Vec::new(), 0.0)]);
        }
        let (lattice, layer) = Lattice::new(emissions, self, n.min(usize::from(u16::MAX)), cancel)?;
        let mut finals = Vec::new();
        merge(&layer, self.labels, n, &mut BinaryHeap::new(), &mut finals, |from| self.end[from]);
        let listed = finals.iter().enumerate().take_while(|(i, path)| *i == 0 || path.score >= FORBIDDEN / 2.0);
        let traced = |path: &Hypothesis| Ok((lattice.trace(self.labels, path.step(), cancel)?, reported(path.score)));
        listed.map(|(_, path)| traced(path)).collect()
    }
}

/// The best path of one sentence, as [`Viterbi::best`] finds it for many.
pub fn viterbi(emissions: &[f32], transitions: &Transitions, cancel: &Cancel) -> Result<(Vec<u16>, f32)> {
    Viterbi::new(transitions).best(emissions, cancel)
}

/// The `n` best paths of one sentence, as [`Viterbi::nbest`] finds them for many.
pub fn nbest(emissions: &[f32], transitions: &Transitions, n: usize, cancel: &Cancel) -> Result<Vec<(Vec<u16>, f32)>> {
    Viterbi::new(transitions).nbest(emissions, n, cancel)
}

/// Position and value of the first of the largest values.
fn first_largest(values: impl Iterator<Item = f64>) -> (usize, f64) {
    values.enumerate().fold((0, f64::NEG_INFINITY), |best, (i, value)| if value > best.1 { (i, value) } else { best })
}

/// Fills `scores` with the best score of a path up to and with each label.
struct Forward<'a> {
    table: &'a Viterbi,
    emissions: &'a [f32],
    scores: &'a mut [f64],
    cancel: &'a Cancel,
}

impl WithSimd for Forward<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Result<()> {
        let Self { table, emissions, scores, cancel } = self;
        let &Viterbi { labels, width, .. } = table;
        for (t, emissions) in emissions.chunks_exact(labels).enumerate() {
            cancel.check_at(t)?;
            let (before, rest) = scores.split_at_mut(t * width);
            let row = &mut rest[..width];
            match before.chunks_exact(width).next_back() {
                None => row[..labels].copy_from_slice(&table.start),
                Some(previous) => best_predecessors(row, &previous[..labels], &table.pairs),
            }
            row.iter_mut().zip(emissions).for_each(|(score, &emission)| *score += f64::from(emission).max(FORBIDDEN));
        }
        Ok(())
    }
}

/// `out[to] = max over from of previous[from] + pairs[from, to]`.
#[inline(always)]
fn best_predecessors(out: &mut [f64], previous: &[f64], pairs: &[f64]) {
    let width = out.len();
    for (chunk, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut best = [f64::NEG_INFINITY; LANES];
        for (&score, row) in previous.iter().zip(pairs.chunks_exact(width)) {
            for (best, &pair) in best.iter_mut().zip(&row.as_chunks::<LANES>().0[chunk]) {
                let candidate = score + pair;
                *best = if candidate > *best { candidate } else { *best };
            }
        }
        *out = best;
    }
}

/// A path up to a label: its score, and which of the previous label's paths it continues.
#[derive(Clone, Copy)]
struct Hypothesis {
    score: f64,
    from: usize,
    rank: u32,
}

impl Hypothesis {
    /// The way back; both numbers are small.
    fn step(&self) -> Step {
        Step { from: self.from as u16, rank: self.rank as u16 }
    }
}

impl Ord for Hypothesis {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |h: &Self| (Reverse(h.from), Reverse(h.rank));
        self.score.total_cmp(&other.score).then_with(|| key(self).cmp(&key(other)))
    }
}

impl PartialOrd for Hypothesis {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hypothesis {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Hypothesis {}

/// Which label the token before has, and which of the paths up to there is continued.
#[derive(Clone, Copy)]
struct Step {
    from: u16,
    rank: u16,
}

/// For each token and label the best paths up to there, best first; equally many for each label of a token. Only the way
/// back is kept.
struct Lattice {
    steps: Vec<Step>,
    /// Where each token's paths end.
    ends: Vec<usize>,
}

impl Lattice {
    /// The lattice, and the paths up to the last token with their scores.
    fn new(emissions: &[f32], table: &Viterbi, n: usize, cancel: &Cancel) -> Result<(Self, Vec<Hypothesis>)> {
        let mut lattice = Self { steps: Vec::new(), ends: Vec::with_capacity(emissions.len() / table.labels) };
        // Room for the most there can be: growing would copy. Where there is none, fewer may do.
        let _ = lattice.steps.try_reserve(emissions.len().saturating_mul(n));
        let (mut heap, mut layer, mut before) = (BinaryHeap::new(), Vec::new(), Vec::new());
        for (t, emissions) in emissions.chunks_exact(table.labels).enumerate() {
            // A token may have a hundred paths for each label: each is looked at.
            cancel.check()?;
            std::mem::swap(&mut before, &mut layer);
            layer.clear();
            for (to, &emission) in emissions.iter().enumerate() {
                let begin = layer.len();
                if t == 0 {
                    layer.push(Hypothesis { score: table.start[to], from: 0, rank: 0 });
                } else {
                    let step = |from| table.pairs[from * table.width + to];
                    merge(&before, table.labels, n, &mut heap, &mut layer, step);
                }
                layer[begin..].iter_mut().for_each(|path| path.score += bounded(emission));
            }
            lattice.steps.extend(layer.iter().map(Hypothesis::step));
            lattice.ends.push(lattice.steps.len());
        }
        Ok((lattice, layer))
    }

    /// The labels of a path, from its last step backwards.
    fn trace(&self, labels: usize, mut step: Step, cancel: &Cancel) -> Result<Vec<u16>> {
        let mut trace = vec![0; self.ends.len()];
        for (t, label) in trace.iter_mut().enumerate().rev() {
            cancel.check_at(t)?;
            *label = step.from;
            let begin = if t > 0 { self.ends[t - 1] } else { 0 };
            let layer = &self.steps[begin..self.ends[t]];
            step = layer[usize::from(step.from) * (layer.len() / labels) + usize::from(step.rank)];
        }
        Ok(trace)
    }
}

/// Appends to `best` the `n` best continuations of a layer's paths by a step that costs `step(from)`.
fn merge(
    layer: &[Hypothesis],
    labels: usize,
    n: usize,
    heap: &mut BinaryHeap<Hypothesis>,
    best: &mut Vec<Hypothesis>,
    step: impl Fn(usize) -> f64,
) {
    let each = layer.len() / labels;
    let candidate = |from: usize, rank: usize| Hypothesis {
        score: layer[from * each + rank].score + step(from),
        from,
        rank: rank as u32,
    };
    heap.clear();
    heap.extend((0..labels).map(|from| candidate(from, 0)));
    for _ in 0..n {
        let Some(path) = heap.pop() else { break };
        best.push(path);
        if path.rank as usize + 1 < each {
            heap.push(candidate(path.from, path.rank as usize + 1));
        }
    }
}
