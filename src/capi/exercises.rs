//! Exercises: what is to be scored.

use super::batch::parts;
use super::boundary::{
    Failure, Object, Outcome, argument, boxed, call, call_on_mut, free, get, optional, out, shared, slice, text, value,
};
use super::error::mtl_error;
use super::kernels::versioned;
use super::learner::mtl_learner;
use super::status::mtl_status;
use crate::scorer::{Exercise, Labelled, Learner};
use crate::text::utf8;
use crate::{Error, ErrorKind};
use std::ffi::c_char;
use std::ops::Range;

/// Exercises on their way into `mtl_score`, with copies of their words.
pub type mtl_exercises = Object<Exercises>;

/// What was added, so that the good ones can be scored where they lie.
#[derive(Default)]
pub struct Exercises {
    pub(super) good: Vec<Exercise>,
    /// What is wrong with the others, by their places among all, which rise.
    pub(super) faults: Vec<(usize, Error)>,
    /// How many words there are, those of exercises at fault included.
    words: usize,
    /// Of the first words, whether each was a mistake.
    mistakes: Vec<bool>,
    pub(super) learners: Vec<Learner>,
}

impl Exercises {
    pub(super) fn count(&self) -> usize {
        self.good.len() + self.faults.len()
    }

    fn add(&mut self, words: usize, exercise: crate::Result<Exercise>) {
        self.words += words;
        match exercise {
            Ok(exercise) => self.good.push(exercise),
            Err(error) => self.faults.push((self.count(), error)),
        }
    }

    /// The exercises with what came of them; one at fault is an error.
    pub(super) fn labelled(&self) -> Outcome<Vec<Labelled>> {
        if let Some((place, error)) = self.faults.first() {
            return Err(error.clone().at(format!("exercise {place}")).into());
        }
        if self.mistakes.len() < self.words {
            let message = format!("{} words, of which {} are labelled", self.words, self.mistakes.len());
            return Err(argument(message, "say which were mistakes with mtl_exercises_set_mistakes"));
        }
        let mut rest = self.mistakes.iter().copied();
        let labelled = |exercise: &Exercise| Labelled {
            mistakes: rest.by_ref().take(exercise.words.len()).collect(),
            exercise: exercise.clone(),
        };
        Ok(self.good.iter().map(labelled).collect())
    }

    /// The exercise that was added last.
    fn last(&mut self) -> Outcome<&mut Exercise> {
        if self.faults.last().is_some_and(|(place, _)| place + 1 == self.count()) {
            return Err(argument("the exercise added last is at fault", "mtl_score says what is wrong with it"));
        }
        self.good.last_mut().ok_or_else(|| argument("there is no exercise yet", "add one first"))
    }
}

/// Strings one behind the other, as columnar formats keep them: string `i` is `data[offsets[i] .. offsets[i + 1]]`, so
/// that N strings have N + 1 offsets. UTF-8.
#[repr(C)]
pub struct mtl_strings {
    /// The bytes of all.
    pub data: *const c_char,
    /// How many bytes there are.
    pub data_length: usize,
    /// Where each string begins, and the end of the last; NULL where every string is empty.
    pub offsets: *const u64,
}

/// Exercises as columns. A column of strings whose `offsets` are NULL is one of empty strings: not known.
#[repr(C)]
pub struct mtl_exercise_columns {
    /// Size of this structure; the caller sets it to `sizeof(mtl_exercise_columns)`.
    pub struct_size: u32,
    /// How many exercises there are.
    pub count: u32,
    /// The language learnt and the language known, such as `en_es`; empty where the model has one track.
    pub track: mtl_strings,
    /// The learner.
    pub user: mtl_strings,
    /// Countries, with `|` between them.
    pub countries: mtl_strings,
    /// `web`, `ios`, `android`.
    pub client: mtl_strings,
    /// `lesson`, `practice`, `test`.
    pub session: mtl_strings,
    /// `reverse_translate`, `reverse_tap`, `listen`.
    pub format: mtl_strings,
    /// Days since the learner began; NULL where all are 0.
    pub days: *const f64,
    /// Seconds that the learner took, NaN where they are not known; NULL where none is.
    pub time: *const f64,
    /// The words of the right answers.
    pub words: mtl_strings,
    /// How many words there are.
    pub word_count: usize,
    /// `count + 1` elements: exercise `i` has the words `exercise_words[i] .. exercise_words[i + 1]`.
    pub exercise_words: *const u64,
}

fn read(bytes: &[u8], name: &str) -> crate::Result<String> {
    utf8::strict(bytes).map(String::from).map_err(|e| e.at(name))
}

fn finite(value: f64, name: &str) -> crate::Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::new(ErrorKind::Input, format!("{name} is {value}")).remedy("pass a finite number"))
}

/// A column of strings: none, or the ranges of `count` of them.
struct Strings<'a> {
    data: &'a [u8],
    ranges: Vec<Range<usize>>,
}

impl<'a> Strings<'a> {
    fn new(strings: &mtl_strings, count: usize, name: &str) -> Outcome<Self> {
        if strings.offsets.is_null() {
            return Ok(Self { data: &[], ranges: Vec::new() });
        }
        let data: &[u8] = slice(strings.data.cast(), strings.data_length, &format!("{name}.data"))?;
        let offsets = slice(strings.offsets, count.saturating_add(1), &format!("{name}.offsets"))?;
        Ok(Self { data, ranges: parts(offsets, data.len(), &format!("{name}.offsets"))? })
    }

    fn get(&self, index: usize) -> &'a [u8] {
        self.ranges.get(index).map_or(&[], |range| &self.data[range.clone()])
    }
}

/// The exercises of `columns`, each with the number of its words; what is wrong with one of them is its own error.
fn from_columns(given: &mtl_exercise_columns) -> Outcome<Vec<(usize, crate::Result<Exercise>)>> {
    versioned::<mtl_exercise_columns>(given.struct_size, "columns")?;
    let count = given.count as usize;
    let column = |strings: &mtl_strings, name: &str| Strings::new(strings, count, &format!("columns.{name}"));
    let (track, user) = (column(&given.track, "track")?, column(&given.user, "user")?);
    let (countries, client) = (column(&given.countries, "countries")?, column(&given.client, "client")?);
    let (session, format) = (column(&given.session, "session")?, column(&given.format, "format")?);
    let numbers = |values: *const f64, name: &str| slice(values, if values.is_null() { 0 } else { count }, name);
    let (days, time) = (numbers(given.days, "columns.days")?, numbers(given.time, "columns.time")?);
    let words = Strings::new(&given.words, given.word_count, "columns.words")?;
    if words.ranges.len() < given.word_count {
        return Err(argument("columns.words.offsets is NULL", "pass where each word begins"));
    }
    let plus_one = count.saturating_add(usize::from(count > 0));
    let bounds = slice(given.exercise_words, plus_one, "columns.exercise_words")?;
    let bounds = parts(bounds, given.word_count, "columns.exercise_words")?;
    let exercise = |index: usize| -> crate::Result<Exercise> {
        Ok(Exercise {
            track: read(track.get(index), "track")?,
            user: read(user.get(index), "user")?,
            countries: split(&read(countries.get(index), "countries")?),
            days: finite(days.get(index).copied().unwrap_or(0.0), "days")?,
            client: read(client.get(index), "client")?,
            session: read(session.get(index), "session")?,
            format: read(format.get(index), "format")?,
            time: match time.get(index).copied().filter(|time| !time.is_nan()) {
                Some(time) => Some(finite(time, "time")?),
                None => None,
            },
            words: words_of(bounds[index].clone().map(|word| words.get(word)))?,
            vectors: Vec::new(),
        })
    };
    Ok((0..count).map(|index| (bounds[index].len(), exercise(index))).collect())
}

fn words_of<'a>(words: impl Iterator<Item = &'a [u8]>) -> crate::Result<Vec<String>> {
    words.enumerate().map(|(index, word)| read(word, &format!("word {index}"))).collect()
}

fn split(countries: &str) -> Vec<String> {
    countries.split('|').filter(|country| !country.is_empty()).map(String::from).collect()
}

/// Sets what is known about an exercise.
fn set(exercise: &mut Exercise, key: &str, value: &str) -> Outcome<()> {
    let number = || {
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| argument(format!("{key}: {value:?} is no finite number"), "pass decimal digits"))
    };
    match key {
        "track" => exercise.track = value.into(),
        "user" => exercise.user = value.into(),
        "countries" => exercise.countries = split(value),
        "client" => exercise.client = value.into(),
        "session" => exercise.session = value.into(),
        "format" => exercise.format = value.into(),
        "days" => exercise.days = number()?,
        "time" => exercise.time = Some(number()?),
        _ => {
            let known = "track, user, countries, client, session, format, days, time";
            return Err(argument(format!("an exercise has no {key:?}; it has {known}"), "check the spelling"));
        }
    }
    Ok(())
}

/// Makes an empty list of exercises. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_new(
    out_exercises: *mut *mut mtl_exercises,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        out(out_exercises, "out_exercises")?.write(boxed(Exercises::default()));
        Ok(())
    })
}

/// Adds an exercise whose right answer has `count` words: `words[i]` has `lengths[i]` bytes of UTF-8. What else is known
/// of it is set by `mtl_exercises_set`. `MTL_ERROR_INPUT` for a word that is not UTF-8. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_add(
    exercises: *mut mtl_exercises,
    words: *const *const c_char,
    lengths: *const usize,
    count: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        let (words, lengths) = (slice(words, count, "words")?, slice(lengths, count, "lengths")?);
        let read = |(index, (&word, &length)): (usize, (&*const c_char, &usize))| {
            slice(word.cast::<u8>(), length, &format!("words[{index}]"))
        };
        let words = words.iter().zip(lengths).enumerate().map(read).collect::<Outcome<Vec<&[u8]>>>()?;
        let words = words_of(words.into_iter()).map_err(Failure::Library)?;
        exercises.add(words.len(), Ok(Exercise { words, ..Exercise::default() }));
        Ok(())
    })
}

/// Sets what is known about the exercise that was added last: `key` to `value`, both UTF-8. What is not set is not known.
///
/// | key | value |
/// |---|---|
/// | `track` | the language learnt and the language known, such as `en_es`; not needed where the model has one track |
/// | `user` | the learner |
/// | `countries` | countries that the learner was seen in, the first one first, with `|` between them |
/// | `client` | such as `web`, `ios`, `android` |
/// | `session` | such as `lesson`, `practice`, `test` |
/// | `format` | such as `reverse_translate`, `reverse_tap`, `listen` |
/// | `days` | days since the learner began, as a decimal number |
/// | `time` | seconds that the learner took, as a decimal number |
///
/// `MTL_ERROR_ARGUMENT`: an unknown key, or no exercise yet. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_set(
    exercises: *mut mtl_exercises,
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        let (key, value) = (text(key, key_length, "key")?, text(value, value_length, "value")?);
        set(exercises.last()?, key, value)
    })
}

/// Adds exercises that lie in columns. What is wrong inside one (text that is not UTF-8, days that are not finite) is an
/// error of its own in the result of `mtl_score`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_add_columns(
    exercises: *mut mtl_exercises,
    columns: *const mtl_exercise_columns,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        let added = from_columns(shared(columns, "columns")?)?;
        added.into_iter().for_each(|(words, exercise)| exercises.add(words, exercise));
        Ok(())
    })
}

/// Says which words were mistakes, for `mtl_scorer_adapt`: 1 for a mistake, else 0, for all words of the exercises that were
/// added since the last call of this function, in their order. `mtl_score` does not look at them. `MTL_ERROR_ARGUMENT`:
/// `count` is not the number of these words, or a value is neither 0 nor 1. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_set_mistakes(
    exercises: *mut mtl_exercises,
    mistakes: *const u8,
    count: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        let mistakes = slice(mistakes, count, "mistakes")?;
        let words = exercises.words - exercises.mistakes.len();
        if count != words {
            let message = format!("{count} labels for the {words} words of the exercises that have none");
            return Err(argument(message, "pass one for each word, whether it was a mistake or not"));
        }
        if let Some(wrong) = mistakes.iter().position(|&mistake| mistake > 1) {
            let message = format!("mistakes[{wrong}] is {}", mistakes[wrong]);
            return Err(argument(message, "pass 1 for a mistake, else 0"));
        }
        exercises.mistakes.extend(mistakes.iter().map(|&mistake| mistake == 1));
        Ok(())
    })
}

/// Lets `mtl_score` score the exercises of this learner's user with what `mtl_scorer_adapt` has found. The list keeps a copy:
/// the learner may be freed. One for each user; `mtl_score` refuses two of one user, and a learner of another model. Since
/// 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_add_learner(
    exercises: *mut mtl_exercises,
    learner: *const mtl_learner,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        exercises.learners.push(value(learner, "learner")?.learner.clone());
        Ok(())
    })
}

/// How many exercises there are; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_count(exercises: *const mtl_exercises) -> usize {
    get(0, || Some(optional(exercises)?.peek().count()))
}

/// Takes all exercises out, and the learners. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_clear(exercises: *mut mtl_exercises, out_error: *mut *mut mtl_error) -> mtl_status {
    call_on_mut(exercises, "exercises", out_error, |exercises| {
        *exercises = Exercises::default();
        Ok(())
    })
}

/// Frees the list; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_exercises_free(exercises: *mut mtl_exercises) {
    free(exercises);
}
