//! The forward pass (Hu 2020, section 3.2): learner and words to logits.
//!
//! Words are encoded once a call, those that come again once in many, exercises in groups of one track that run in lock-step. A logit is the same bit for
//! bit whatever else is in the call and however many threads work on it.

use super::features::{Batch, Encoded, Word};
use super::model::{Meta, Model, Track};
use crate::bundle::Bundle;
use crate::bundle::manifest::{Encoder, HISTORY, ScorerArchitecture as Sizes, Summary};
use crate::engine::native::cache::{Rows, WordCache};
use crate::engine::native::in_parallel;
use crate::engine::{Pool, WordType};
use crate::kernels::activation::{self, Function};
use crate::kernels::dense::Dense;
use crate::kernels::lstm::{Place, Scratch};
use crate::{Cancel, Result};
use half::slice::HalfFloatSliceExt;
use std::sync::{Mutex, PoisonError};

/// Words that a thread encodes at a time.
const WORDS: usize = 64;
/// Exercises that run in lock-step at most.
const GROUP: usize = 32;
/// Words that a group has at most, unless a single exercise has more.
const GROUP_WORDS: usize = 1024;

/// What every part of a call reads.
pub(super) struct Network<'a> {
    pub bundle: &'a Bundle,
    pub sizes: &'a Sizes,
    pub model: &'a Model,
    /// Features of characters, from one call to the next.
    pub cache: &'a WordCache,
    pub pool: &'a Pool,
    pub threads: usize,
    pub cancel: &'a Cancel,
}

/// What the BiLSTMs read of the distinct words of a call.
struct Features {
    /// Their vectors, `[words, inputs]`, where the model has a table of them.
    vectors: Vec<f32>,
    /// By word, the features of its characters, encoder by encoder, where one reads characters.
    chars: Vec<Rows>,
}

impl Features {
    /// The `inputs` numbers that the BiLSTM of `encoder` reads of a word.
    fn row(&self, word: u32, encoder: Encoder, column: usize, inputs: usize) -> &[f32] {
        match encoder {
            Encoder::Word => &self.vectors[word as usize * inputs..][..inputs],
            Encoder::CharLstm | Encoder::CharCnn => &self.chars[word as usize][column..][..inputs],
        }
    }
}

impl Network<'_> {
    /// The logits of each exercise's words; none for an exercise at fault.
    pub fn logits(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        self.words(batch, 1, |exercises, features, scratch| self.group(exercises, features, scratch))
    }

    /// The contexts of each exercise's words, `[words, 2 hidden]`, which do not depend on the learner's offset.
    pub fn contexts(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let width = 2 * self.sizes.hidden;
        self.words(batch, width, |exercises, features, scratch| self.mixed(exercises, features, scratch))
    }

    /// What `group` makes of each exercise's words, `[words, width]`, groups being worked on side by side.
    fn words(
        &self,
        batch: &Batch,
        width: usize,
        group: impl Fn(&[&Encoded], &Features, &mut Scratch) -> Result<Vec<f32>> + Sync,
    ) -> Result<Vec<Vec<f32>>> {
        let features = self.encode(&batch.words)?;
        let results: Vec<Mutex<Vec<f32>>> = batch.exercises.iter().map(|_| Mutex::default()).collect();
        let groups = groups(batch);
        in_parallel(self.pool, self.threads, groups.len(), Scratch::default, |number, scratch| {
            let members = &groups[number];
            let exercises: Vec<&Encoded> = members.iter().filter_map(|&i| batch.exercises[i].as_ref().ok()).collect();
            let mut found = group(&exercises, &features, scratch)?.into_iter();
            for (&index, exercise) in members.iter().zip(&exercises) {
                let own = found.by_ref().take(width * exercise.words.len()).collect();
                *results[index].lock().unwrap_or_else(PoisonError::into_inner) = own;
            }
            Ok(())
        })?;
        Ok(results.into_iter().map(|r| r.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
    }

    fn encode(&self, words: &[Word]) -> Result<Features> {
        let mut vectors = Vec::new();
        // Given vectors are not of a word, but of where it stands.
        if self.sizes.encoders.contains(&Encoder::Word) && self.sizes.given_width().is_none() {
            let width = self.sizes.inputs(Encoder::Word);
            vectors.resize(words.len() * width, 0.0);
            for (word, row) in words.iter().zip(vectors.chunks_exact_mut(width)) {
                self.row(&self.model.tracks[word.track].word_table, word.row, row)?;
            }
        }
        let chars = if self.sizes.reads_characters() { self.characters(words)? } else { Vec::new() };
        Ok(Features { vectors, chars })
    }

    /// The features of the characters of `words`, from the cache where it has them.
    fn characters(&self, words: &[Word]) -> Result<Vec<Rows>> {
        let forms: Vec<WordType> = words.iter().map(Word::form).collect();
        let mut found = self.cache.get(&forms);
        let missing: Vec<usize> = (0..words.len()).filter(|&word| found[word].is_none()).collect();
        let blocks: Vec<&[usize]> = missing.chunks(WORDS).collect();
        let encoded: Vec<Mutex<Vec<Rows>>> = blocks.iter().map(|_| Mutex::default()).collect();
        in_parallel(self.pool, self.threads, blocks.len(), Scratch::default, |block, scratch| {
            let words: Vec<&Word> = blocks[block].iter().map(|&word| &words[word]).collect();
            *encoded[block].lock().unwrap_or_else(PoisonError::into_inner) = self.encode_block(&words, scratch)?;
            Ok(())
        })?;
        let rows = encoded.into_iter().flat_map(|rows| rows.into_inner().unwrap_or_else(PoisonError::into_inner));
        missing.iter().zip(rows).for_each(|(&word, rows)| found[word] = Some(rows));
        let new = missing.iter().take(self.cache.capacity());
        self.cache.put(new.filter_map(|&word| Some((&forms[word], found[word].clone()?))));
        Ok(found.into_iter().flatten().collect())
    }

    /// The features of the characters of each of `words`, encoder by encoder.
    fn encode_block(&self, words: &[&Word], scratch: &mut Scratch) -> Result<Vec<Rows>> {
        let width = self.sizes.character_features();
        let mut features = vec![0.0; words.len() * width];
        let mut column = 0;
        for &encoder in &self.sizes.encoders {
            match encoder {
                Encoder::Word => continue,
                Encoder::CharCnn => {
                    for (word, row) in words.iter().zip(features.chunks_exact_mut(width)) {
                        let row = &mut row[column..][..self.sizes.inputs(encoder)];
                        let mut cnn = self.model.tracks[word.track].char_cnn.iter();
                        cnn.try_for_each(|cnn| cnn.apply(&word.chars, row, self.cancel))?;
                    }
                }
                Encoder::CharLstm => {
                    for track in 0..self.model.tracks.len() {
                        let own = (0..words.len()).filter(|&i| words[i].track == track).collect();
                        let rows = features.chunks_exact_mut(width).map(|row| &mut row[column..]);
                        self.char_lstm(&self.model.tracks[track], words, own, &mut rows.collect::<Vec<_>>(), scratch)?;
                    }
                }
            }
            column += self.sizes.inputs(encoder);
        }
        Ok(features.chunks_exact(width).map(Rows::from).collect())
    }

    /// Writes to `rows` the mean of the character LSTM's outputs over each word of `own`, which are of the track, or the last one.
    fn char_lstm(
        &self,
        track: &Track,
        words: &[&Word],
        mut own: Vec<usize>,
        rows: &mut [&mut [f32]],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Some(direction) = &track.char_lstm else { return Ok(()) };
        let (embedding, hidden) = (self.sizes.embedding, self.sizes.hidden);
        own.sort_by_key(|&i| std::cmp::Reverse(words[i].chars.len()));
        let lengths: Vec<usize> = own.iter().map(|&i| words[i].chars.len()).collect();
        let fill = |place: Place, row: &mut [f32]| {
            let char = words[own[place.sequence]].chars[place.token] as usize;
            row.copy_from_slice(&track.chars[char * embedding..][..embedding]);
        };
        let mean = self.sizes.char_summary == Summary::Mean;
        direction.run(&lengths, scratch, self.cancel, fill, |places, states| {
            for (place, state) in places.iter().zip(states.chunks_exact(direction.width())) {
                if mean || place.token + 1 == lengths[place.sequence] {
                    let sum = &mut rows[own[place.sequence]][..hidden];
                    sum.iter_mut().zip(state).for_each(|(sum, state)| *sum += state);
                }
            }
        })?;
        for (&i, &length) in own.iter().zip(&lengths).filter(|_| mean) {
            rows[i][..hidden].iter_mut().for_each(|sum| *sum /= length as f32);
        }
        Ok(())
    }

    /// The logits of a group's words, one exercise after the other; the longest comes first.
    fn group(&self, exercises: &[&Encoded], features: &Features, scratch: &mut Scratch) -> Result<Vec<f32>> {
        let width = 2 * self.sizes.hidden;
        let context = self.mixed(exercises, features, scratch)?;
        let joined = match &self.model.meta {
            None => context,
            Some(meta) => self.join(&context, &self.meta(meta, exercises)?, exercises)?,
        };
        let mut logits = self.layer(&self.model.decoder.last, width, 1, &joined)?;
        if self.sizes.user_bias {
            let mut rest = logits.as_mut_slice();
            for exercise in exercises {
                let mut bias = [0.0];
                self.row("user.bias", exercise.user[0], &mut bias)?;
                let own = rest.split_off_mut(..exercise.words.len()).unwrap_or_default();
                own.iter_mut().for_each(|logit| *logit += bias[0]);
            }
        }
        Ok(logits)
    }

    /// `[words, 2 hidden]`: each word's context with its exercise's `meta`.
    fn join(&self, context: &[f32], meta: &[f32], exercises: &[&Encoded]) -> Result<Vec<f32>> {
        let width = 2 * self.sizes.hidden;
        let owner = exercises.iter().enumerate().flat_map(|(i, e)| std::iter::repeat_n(i, e.words.len()));
        let pairs = context.chunks_exact(width).zip(owner).map(|(row, i)| (row, &meta[i * width..][..width]));
        match &self.model.decoder.hidden {
            None => Ok(pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b)).collect()),
            Some(hidden) => {
                let both: Vec<f32> = pairs.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
                self.apply(hidden, 2 * width, &both, Function::Tanh)
            }
        }
    }

    /// `[words, 2 hidden]`: what the context encoders say together.
    fn mixed(&self, exercises: &[&Encoded], features: &Features, scratch: &mut Scratch) -> Result<Vec<f32>> {
        let Some(track) = exercises.first().map(|exercise| exercise.track) else { return Ok(Vec::new()) };
        let encoded = self.context(track, exercises, features, scratch)?;
        self.apply(self.model.context(track), self.sizes.context_inputs(), &encoded, Function::Sigmoid)
    }

    /// `[exercises, 2 hidden]`: who does the exercise, and how.
    fn meta(&self, meta: &Meta, exercises: &[&Encoded]) -> Result<Vec<f32>> {
        let e = self.sizes.embedding;
        let encode = |tables: &[&str], rows: for<'e> fn(&'e Encoded) -> (&'e [u32], f32)| -> Result<Vec<f32>> {
            let width = tables.len() * e + 1;
            let mut inputs = vec![0.0; exercises.len() * width];
            for (exercise, input) in exercises.iter().zip(inputs.chunks_exact_mut(width)) {
                let (rows, number) = rows(exercise);
                for ((table, &row), input) in tables.iter().zip(rows).zip(input.chunks_exact_mut(e)) {
                    self.row(&format!("{table}.embedding"), row, input)?;
                }
                input[width - 1] = number;
            }
            Ok(inputs)
        };
        let width = 2 * self.sizes.hidden;
        let mut user = encode(&["user", "country"], |x| (&x.user, x.days))?;
        for (exercise, input) in exercises.iter().zip(user.chunks_exact_mut(2 * e + 1)) {
            input.iter_mut().zip(&exercise.offset).for_each(|(x, offset)| *x += offset);
        }
        let user = self.apply(&meta.user, 2 * e + 1, &user, Function::Tanh)?;
        let setting = encode(&["client", "session", "format"], |x| (&x.setting, x.time))?;
        let setting = self.apply(&meta.exercise, 3 * e + 1, &setting, Function::Tanh)?;
        let rows = user.chunks_exact(width).zip(setting.chunks_exact(width));
        let both: Vec<f32> = rows.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
        self.apply(&meta.joint, 2 * width, &both, Function::Sigmoid)
    }

    /// `[words, context inputs]`: the context encoders' outputs, `[encoders, directions, hidden]`, then the history.
    fn context(
        &self,
        track: usize,
        exercises: &[&Encoded],
        features: &Features,
        scratch: &mut Scratch,
    ) -> Result<Vec<f32>> {
        let hidden = self.sizes.hidden;
        let lengths: Vec<usize> = exercises.iter().map(|exercise| exercise.words.len()).collect();
        let starts: Vec<usize> = lengths.iter().scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n))).collect();
        let words: usize = lengths.iter().sum();
        let width = self.sizes.context_inputs();
        let mut context = vec![0.0; words * width];
        let given = self.sizes.given_width().and_then(|_| self.sizes.encoders.iter().position(|&e| e == Encoder::Word));
        // Where the features of an encoder begin among those of characters.
        let mut first = 0;
        for (encoder, directions) in self.model.tracks[track].encoders.iter().enumerate() {
            let kind = self.sizes.encoders[encoder];
            let inputs = self.sizes.inputs(kind);
            for (direction, layers) in directions.iter().enumerate() {
                let mut states = vec![0.0; words * hidden];
                for (depth, layer) in layers.iter().enumerate() {
                    let below = std::mem::replace(&mut states, vec![0.0; words * hidden]);
                    let fill = |place: Place, row: &mut [f32]| {
                        let exercise = exercises[place.sequence];
                        if depth == 0 && given == Some(encoder) {
                            return exercise.vectors.copy(place.token, row);
                        }
                        row.copy_from_slice(match depth {
                            0 => features.row(exercise.words[place.token], kind, first, inputs),
                            _ => &below[(starts[place.sequence] + place.token) * hidden..][..hidden],
                        });
                    };
                    layer.run(&lengths, scratch, self.cancel, fill, |places, rows| {
                        for (place, row) in places.iter().zip(rows.chunks_exact(layer.width())) {
                            let word = starts[place.sequence] + place.token;
                            states[word * hidden..][..hidden].copy_from_slice(&row[..hidden]);
                        }
                    })?;
                }
                let column = (2 * encoder + direction) * hidden;
                let rows = context.chunks_exact_mut(width).zip(states.chunks_exact(hidden));
                rows.for_each(|(row, state)| row[column..][..hidden].copy_from_slice(state));
            }
            first += if kind == Encoder::Word { 0 } else { inputs };
        }
        if self.sizes.history {
            let histories = exercises.iter().flat_map(|exercise| exercise.history.chunks_exact(HISTORY));
            let rows = context.chunks_exact_mut(width).zip(histories);
            rows.for_each(|(row, history)| row[width - HISTORY..].copy_from_slice(history));
        }
        Ok(context)
    }

    /// `[rows, 2 hidden]`: a layer and its activation.
    fn apply(&self, layer: &Dense, inputs: usize, rows: &[f32], function: Function) -> Result<Vec<f32>> {
        let mut outputs = self.layer(layer, inputs, 2 * self.sizes.hidden, rows)?;
        activation::apply(layer.kernel(), function, &mut outputs);
        Ok(outputs)
    }

    /// `[rows, outputs]`, without the layer's padding.
    fn layer(&self, layer: &Dense, inputs: usize, outputs: usize, rows: &[f32]) -> Result<Vec<f32>> {
        self.cancel.check()?;
        let mut padded = vec![0.0; rows.len() / inputs * layer.width()];
        layer.apply(rows, inputs, &mut padded);
        Ok(padded.chunks_exact(layer.width()).flat_map(|row| &row[..outputs]).copied().collect())
    }

    /// Writes row `row` of the table called `name`.
    fn row(&self, name: &str, row: u32, out: &mut [f32]) -> Result<()> {
        let table = self.bundle.tensor(name)?.data;
        table[row as usize * out.len()..][..out.len()].convert_to_f32_slice(out);
        Ok(())
    }
}

/// The exercises that have words, of one track and of like length together, the longest first.
fn groups(batch: &Batch) -> Vec<Vec<usize>> {
    let sound = batch.exercises.iter().enumerate().filter_map(|(i, e)| Some((i, e.as_ref().ok()?)));
    let mut order: Vec<(usize, &Encoded)> = sound.filter(|(_, exercise)| !exercise.words.is_empty()).collect();
    order.sort_by_key(|(_, exercise)| (exercise.track, std::cmp::Reverse(exercise.words.len())));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let (mut track, mut words) = (0, 0);
    for (index, exercise) in order {
        let length = exercise.words.len();
        match groups.last_mut() {
            Some(group) if track == exercise.track && group.len() < GROUP && words + length <= GROUP_WORDS => {
                group.push(index);
                words += length;
            }
            _ => {
                groups.push(vec![index]);
                (track, words) = (exercise.track, length);
            }
        }
    }
    groups
}
