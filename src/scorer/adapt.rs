//! Adapting to a learner: an embedding fitted to their own history, on the device, all weights staying as they are.
//!
//! Contexts of words are computed once: they do not depend on the learner. What does is small, and [`fit`] fits it. The
//! prior is how the learners that the model was trained on differ from its unknown one, in the directions in which they
//! differ most.

use super::features::{Batch, Encoded};
use super::fit::{self, Gaussian, Head, Observation};
use super::learner::{self, Learner, MAX_RANK, MAX_USER};
use super::linear::{self, Matrix, add_scaled};
use super::{History, Labelled, Scorer};
use crate::bundle::Bundle;
use crate::bundle::manifest::{Combine, Scorer as Settings};
use crate::{Cancel, Error, ErrorKind, Result};
use half::slice::HalfFloatSliceExt;

/// The most words that are fitted at once: their contexts are kept in memory.
const MAX_HISTORY: usize = 1 << 16;

/// The network's weights around a learner, in double precision, and the prior.
#[derive(Debug)]
pub(super) struct Adapter {
    embedding: usize,
    user_bias: bool,
    user: Layer,
    exercise: Layer,
    /// The columns that read the setting.
    joint: Layer,
    /// The columns that read the context.
    hidden: Option<Layer>,
    head: Head,
    /// Q: directions of the embedding, `[rank, embedding]`, of length 1 at right angles.
    directions: Matrix,
    /// L: an offset is Qᵀ L z; L Lᵀ is the trained learners' spread in the directions.
    spread: Vec<f64>,
}

#[derive(Debug)]
struct Layer {
    weight: Matrix,
    bias: Vec<f64>,
}

impl Layer {
    fn open(bundle: &Bundle, name: &str) -> Result<Self> {
        let bias = read(bundle, &format!("{name}.bias"))?;
        let data = read(bundle, &format!("{name}.weight"))?;
        Ok(Self { weight: Matrix { columns: data.len() / bias.len(), data }, bias })
    }

    /// The layer's outputs for `inputs`, before an activation.
    fn apply(&self, inputs: &[f64]) -> Vec<f64> {
        let mut outputs = self.bias.clone();
        self.weight.add_product(inputs, &mut outputs);
        outputs
    }

    /// The layer's first `width` columns and the others, each with its bias.
    fn columns(self, width: usize) -> (Self, Self) {
        let (first, others) = (self.weight.slice(0..width), self.weight.slice(width..self.weight.columns));
        (Self { weight: first, bias: self.bias.clone() }, Self { weight: others, bias: self.bias })
    }
}

/// The values of a tensor, in double precision.
fn read(bundle: &Bundle, name: &str) -> Result<Vec<f64>> {
    Ok(bundle.tensor(name)?.data.to_f32_vec().into_iter().map(f64::from).collect())
}

fn row(bundle: &Bundle, table: &str, row: u32, width: usize) -> Result<Vec<f64>> {
    let data = bundle.tensor(table)?.data;
    Ok(data[row as usize * width..][..width].iter().map(|x| x.to_f64()).collect())
}

impl Adapter {
    pub fn open(bundle: &Bundle, settings: &Settings) -> Result<Self> {
        if settings.architecture.combine == Combine::None {
            return Err(indifferent());
        }
        let (embedding, width) = (settings.architecture.embedding, 2 * settings.architecture.hidden);
        let [user, exercise, joint, decoder] =
            ["meta.user", "meta.exercise", "meta.joint", "decoder"].map(|name| Layer::open(bundle, name));
        let (user, exercise, joint, decoder) = (user?, exercise?, joint?, decoder?);
        let hidden = match settings.architecture.combine {
            Combine::Product | Combine::None => None,
            Combine::Concat => Some(Layer::open(bundle, "decoder.hidden")?),
        };
        let (directions, spread) = prior(&read(bundle, "user.embedding")?, embedding)?;
        let rank = directions.data.len() / embedding;
        // U = (columns of the learner) Qᵀ L.
        let along = directions.transposed().times(&Matrix { columns: rank, data: spread.clone() });
        let alpha = f64::from(settings.alpha);
        let (learner, setting) = joint.columns(width);
        let (context, meta) = hidden.map(|hidden| hidden.columns(width)).unzip();
        let head = Head {
            user: user.weight.slice(0..embedding).times(&along),
            joint: learner.weight,
            hidden: meta.map(|meta| meta.weight),
            last: decoder.weight.data,
            bias: decoder.bias.first().copied().unwrap_or_default() + ((1.0 - alpha) / alpha).ln(),
        };
        let user_bias = settings.architecture.user_bias;
        Ok(Self { embedding, user_bias, user, exercise, joint: setting, hidden: context, head, directions, spread })
    }

    fn observe(
        &self,
        bundle: &Bundle,
        exercise: &Encoded,
        contexts: Vec<f32>,
        mistakes: &[bool],
    ) -> Result<Observation> {
        let rows = |tables: &[&str], rows: &[u32], number: f32| -> Result<Vec<f64>> {
            let mut inputs = Vec::new();
            for (table, &index) in tables.iter().zip(rows) {
                inputs.extend(row(bundle, &format!("{table}.embedding"), index, self.embedding)?);
            }
            inputs.push(f64::from(number));
            Ok(inputs)
        };
        let width = self.head.last.len();
        let mut setting =
            self.exercise.apply(&rows(&["client", "session", "format"], &exercise.setting, exercise.time)?);
        setting.iter_mut().for_each(|x| *x = x.tanh());
        let contexts: Vec<f64> = contexts.into_iter().map(f64::from).collect();
        let words = match &self.hidden {
            None => contexts,
            Some(hidden) => contexts.chunks_exact(width).flat_map(|context| hidden.apply(context)).collect(),
        };
        let user = self.user.apply(&rows(&["user", "country"], &exercise.user, exercise.days)?);
        let bias = if self.user_bias { row(bundle, "user.bias", exercise.user[0], 1)?[0] } else { 0.0 };
        Ok(Observation { user, exercise: self.joint.apply(&setting), words, bias, mistakes: mistakes.to_vec() })
    }

    /// What was known of a learner, in the coordinates of z.
    fn known(&self, prior: Option<&Learner>) -> Result<Gaussian> {
        let rank = self.directions.data.len() / self.embedding;
        Ok(match prior {
            None => Gaussian {
                mean: vec![0.0; rank],
                precision: (0..rank * rank).map(|i| f64::from(i % (rank + 1) == 0)).collect(),
            },
            // The digest says whose learner it is; bytes that were changed since can still be of another rank.
            Some(learner) if learner.rank() != rank => {
                let message = format!("fitted in {} directions, where the model has {rank}", learner.rank());
                return Err(Error::new(ErrorKind::Input, message)
                    .at(format!("learner {:?}", learner.user))
                    .remedy("pass the bytes that were stored, unchanged"));
            }
            Some(learner) => {
                let offset: Vec<f64> = learner.offset.iter().copied().map(f64::from).collect();
                let mut mean = vec![0.0; rank];
                self.directions.add_product(&offset, &mut mean);
                linear::solve_lower(&self.spread, &mut mean);
                Gaussian { mean, precision: learner::square(&learner.precision) }
            }
        })
    }

    /// The offset of a place: Qᵀ L z.
    fn offset(&self, z: &[f64]) -> Vec<f32> {
        let mut offset = vec![0.0; self.embedding];
        for (direction, spread) in self.directions.rows().zip(self.spread.chunks_exact(z.len())) {
            add_scaled(&mut offset, linear::dot(spread, z), direction);
        }
        offset.into_iter().map(|x| x as f32).collect()
    }
}

/// The directions in which the rows of a table of learners differ most from row 0, and the factor of their spread there.
fn prior(table: &[f64], width: usize) -> Result<(Matrix, Vec<f64>)> {
    let (unknown, known) = table.split_at(width);
    let learners = known.len() / width;
    let rank = MAX_RANK.min(width).min(learners);
    let mut moments = Matrix { columns: width, data: vec![0.0; width * width] };
    for row in known.chunks_exact(width) {
        let away: Vec<f64> = row.iter().zip(unknown).map(|(x, u)| x - u).collect();
        for (sums, &factor) in moments.data.chunks_exact_mut(width).zip(&away) {
            add_scaled(sums, factor / learners as f64, &away);
        }
    }
    if rank == 0 {
        return Err(indifferent());
    }
    let directions = linear::directions(&moments, rank);
    let mut spread = directions.times(&moments).times(&directions.transposed()).data;
    // Directions beyond those that learners really differ in are left a spread that is next to nothing.
    let most = (0..rank).map(|i| spread[i * (rank + 1)]).fold(0.0, f64::max);
    (0..rank).for_each(|i| spread[i * (rank + 1)] += 1e-6 * most);
    let factor = linear::factor(&spread, rank).ok_or_else(indifferent)?;
    Ok((directions, factor))
}

fn indifferent() -> Error {
    Error::new(ErrorKind::Argument, "the model makes no difference between learners, so there is nothing to adapt")
        .remedy("take a model that was trained on learners")
}

impl Scorer {
    /// Fits a learner to what they have answered, `history`, all of one user, in any tracks; `prior` is what was fitted
    /// before to other answers of theirs, which then count as well. The model itself does not change. Where the model reads
    /// what a learner has answered before, exercises stand in the order in which they were answered, after those of `prior`.
    ///
    /// The offset is the most probable one: before any answer it is spread as the trained learners' rows are around the
    /// unknown one (or around the user's own row, where the model has one), and an answer is as probable as the model,
    /// calibrated, says. Going on from `prior` costs the new answers alone and comes close to fitting all at once.
    pub fn adapt(&self, history: &[Labelled], prior: Option<&Learner>, cancel: &Cancel) -> Result<Learner> {
        cancel.check()?;
        let user = self.check_history(history, prior)?;
        let mut batch = self.encode(history.iter().map(|h| &h.exercise), cancel)?;
        let answers = self.replay(&mut batch, history, prior)?;
        let mut exercises = Vec::with_capacity(history.len());
        for exercise in &batch.exercises {
            exercises.push(exercise.as_ref().map_err(Error::clone)?);
        }
        let adapter = self.adapter()?;
        let contexts = self.network(cancel)?.contexts(&batch)?;
        let answered = exercises.iter().zip(contexts).zip(history);
        let observations = answered
            .map(|((exercise, contexts), given)| adapter.observe(&self.bundle, exercise, contexts, &given.mistakes))
            .collect::<Result<Vec<_>>>()?;
        let found = fit::fit(&adapter.head, &observations, &adapter.known(prior)?, cancel)?;
        Ok(self.learner(user, adapter, &found, prior, history, answers))
    }

    /// Keeps what a learner has answered and fits nothing: for answers that the model was trained on with them, so that
    /// their row says already what can be fitted. Everything else is as for [`adapt`](Self::adapt). An error for a model
    /// that reads nothing of what was answered before.
    pub fn remember(&self, history: &[Labelled], prior: Option<&Learner>, cancel: &Cancel) -> Result<Learner> {
        if !self.settings.architecture.history {
            let message = "the model reads nothing of what a learner has answered before";
            return Err(Error::new(ErrorKind::Argument, message).remedy("adapt it to the learner instead"));
        }
        let user = self.check_history(history, prior)?;
        let mut batch = self.encode(history.iter().map(|h| &h.exercise), cancel)?;
        let answers = self.replay(&mut batch, history, prior)?;
        let adapter = self.adapter()?;
        let known = adapter.known(prior)?;
        Ok(self.learner(user, adapter, &known, prior, history, answers))
    }

    /// `user` as `found`, after the answers of `prior` and `history`.
    fn learner(
        &self,
        user: &str,
        adapter: &Adapter,
        found: &Gaussian,
        prior: Option<&Learner>,
        history: &[Labelled],
        answers: History,
    ) -> Learner {
        let words: usize = history.iter().map(|h| h.mistakes.len()).sum();
        Learner {
            user: user.to_string(),
            offset: adapter.offset(&found.mean),
            words: prior.map_or(0, Learner::words).saturating_add(words as u64),
            model: self.bundle.digest().to_string(),
            precision: learner::triangle(&found.precision, found.mean.len()),
            history: answers,
        }
    }

    /// Lets each exercise of `batch`, which are those of `history`, read the answers before it; gives all of them. Nothing
    /// where the model reads none.
    fn replay(&self, batch: &mut Batch, history: &[Labelled], prior: Option<&Learner>) -> Result<History> {
        if !self.settings.architecture.history {
            return Ok(History::default());
        }
        let mut answers = prior.map_or_else(History::default, |learner| learner.history.clone());
        for (encoded, Labelled { exercise, mistakes }) in batch.exercises.iter_mut().zip(history) {
            let encoded = encoded.as_mut().map_err(|e| e.clone())?;
            encoded.read(&answers, exercise);
            answers.add(encoded.track, encoded.setting[2], exercise, mistakes);
        }
        Ok(answers)
    }

    /// Whose history it is, if it can be fitted.
    fn check_history<'a>(&self, history: &'a [Labelled], prior: Option<&'a Learner>) -> Result<&'a str> {
        let wrong = |message: String, remedy: &str| Err(Error::new(ErrorKind::Argument, message).remedy(remedy));
        let first = history.first().map(|h| h.exercise.user.as_str());
        let Some(user) = prior.map(Learner::user).or(first) else {
            return wrong("the history has no exercise".into(), "pass what the learner has answered");
        };
        if user.is_empty() || user.len() > MAX_USER {
            let message = format!("a user's name of {} bytes, where 1 to {MAX_USER} can be kept", user.len());
            return wrong(message, "give the exercises the user's id");
        }
        for (number, Labelled { exercise, mistakes }) in history.iter().enumerate() {
            let place = |e: Error| e.at(format!("exercise {number}"));
            if exercise.user != user {
                let message = format!("of the user {:?}, where {user:?} is adapted to", exercise.user);
                return wrong(message, "adapt to each user by itself").map_err(place);
            }
            if exercise.words.len() != mistakes.len() {
                let message =
                    format!("{} words, and {} say whether they were wrong", exercise.words.len(), mistakes.len());
                return wrong(message, "say it of every word").map_err(place);
            }
        }
        let words: usize = history.iter().map(|h| h.mistakes.len()).sum();
        if words > MAX_HISTORY {
            let message = format!("a history of {words} words, where {MAX_HISTORY} are the limit");
            return Err(Error::new(ErrorKind::Limit, message)
                .remedy("adapt to its beginning, and then to the rest with the learner so found as prior"));
        }
        if let Some(prior) = prior {
            self.check_learner(prior)?;
        }
        Ok(user)
    }

    /// Refuses a learner that was fitted to another model.
    pub(super) fn check_learner(&self, learner: &Learner) -> Result<()> {
        if learner.model == self.bundle.digest() && learner.offset.len() == self.settings.architecture.embedding {
            return Ok(());
        }
        let message = format!("the learner {:?} was fitted to another model than {}", learner.user, self.manifest().id);
        Err(Error::new(ErrorKind::Argument, message).remedy("adapt this model to the learner's history"))
    }

    fn adapter(&self) -> Result<&Adapter> {
        if let Some(adapter) = self.adapter.get() {
            return Ok(adapter);
        }
        let adapter = Adapter::open(&self.bundle, &self.settings).map_err(|e| e.at(self.bundle.place()))?;
        Ok(self.adapter.get_or_init(|| adapter))
    }
}
