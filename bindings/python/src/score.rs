//! Exercises and learners.

use crate::calls::{Cancel, detached, exception, raised, refused, token};
use crate::model::{Model, Network, bytes};
use libmtl::scorer::{self, Labelled, ScoreOptions, Scorer};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::sync::Arc;

/// Exercises between two looks at the interpreter's signals.
const A_CHUNK: usize = 256;

/// `libmtl.Exercise`, by its attributes.
#[derive(FromPyObject)]
pub struct Exercise {
    track: String,
    user: String,
    countries: Vec<String>,
    days: f64,
    client: String,
    session: String,
    format: String,
    time: Option<f64>,
    words: Vec<String>,
    vectors: Vec<f32>,
}

impl From<Exercise> for scorer::Exercise {
    fn from(given: Exercise) -> Self {
        let Exercise { track, user, countries, days, client, session, format, time, words, vectors } = given;
        Self { track, user, countries, days, client, session, format, time, words, vectors }
    }
}

/// A learner whom a model was fitted to.
#[pyclass(frozen, eq, module = "libmtl")]
#[derive(PartialEq)]
pub struct Learner {
    learner: scorer::Learner,
}

#[pymethods]
impl Learner {
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let learner = scorer::Learner::from_bytes(data).map_err(|error| raised(py, &error))?;
        Ok(Self { learner })
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.learner.to_bytes())
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>,) {
        (self.__bytes__(py),)
    }

    #[getter]
    fn user(&self) -> &str {
        self.learner.user()
    }

    #[getter]
    fn words(&self) -> u64 {
        self.learner.words()
    }

    #[getter]
    fn model(&self) -> &str {
        self.learner.model()
    }

    fn __repr__(&self) -> String {
        format!("Learner(user={:?}, words={})", self.learner.user(), self.learner.words())
    }
}

/// The scorer that `network` is.
fn scorer<'a>(py: Python<'_>, network: &'a Network) -> PyResult<&'a Scorer> {
    match network {
        Network::Scorer(scorer) => Ok(scorer),
        Network::Tagger(tagger) => {
            let message = format!("{} is a tagger, and scores no exercises", tagger.manifest().id);
            Err(refused(py, message, "tag text with it, or open a bundle of kind scorer"))
        }
    }
}

/// What [`Scorer::adapt`] and [`Scorer::remember`] are.
type Fit = fn(&Scorer, &[Labelled], Option<&scorer::Learner>, &libmtl::Cancel) -> libmtl::Result<scorer::Learner>;

/// For each exercise an exception, not raised, or the words' P(mistake) as bytes of 32-bit floats.
#[pyfunction]
#[pyo3(signature = (model, exercises, calibrated, learners, cancel=None))]
pub fn score<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    exercises: Vec<Exercise>,
    calibrated: bool,
    learners: Vec<Bound<'py, Learner>>,
    cancel: Option<&Bound<'py, Cancel>>,
) -> PyResult<Bound<'py, PyList>> {
    let (network, cancel) = (model.get().network(py)?, token(cancel));
    let scorer = scorer(py, &network)?;
    let learners: Vec<scorer::Learner> = learners.iter().map(|learner| learner.get().learner.clone()).collect();
    let exercises: Vec<scorer::Exercise> = exercises.into_iter().map(Into::into).collect();
    let options = ScoreOptions { calibrated, learners: &learners };
    let result = PyList::empty(py);
    for chunk in exercises.chunks(A_CHUNK) {
        py.check_signals()?;
        for scored in detached(py, || scorer.score(chunk, &options, &cancel))? {
            match scored {
                Ok(mistakes) => result.append(bytes(py, &mistakes, f32::to_le_bytes))?,
                Err(error) => result.append(exception(py, &error)?)?,
            }
        }
    }
    Ok(result)
}

/// The learner who gave `answers`, after `prior`; `remember` keeps the answers and fits nothing.
#[pyfunction]
#[pyo3(signature = (model, answers, prior, remember, cancel=None))]
pub fn adapt<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    answers: Vec<(Exercise, Vec<bool>)>,
    prior: Option<&Bound<'py, Learner>>,
    remember: bool,
    cancel: Option<&Bound<'py, Cancel>>,
) -> PyResult<Learner> {
    let (network, cancel): (Arc<Network>, _) = (model.get().network(py)?, token(cancel));
    let scorer = scorer(py, &network)?;
    let labelled = |(exercise, mistakes): (Exercise, _)| Labelled { exercise: exercise.into(), mistakes };
    let history: Vec<Labelled> = answers.into_iter().map(labelled).collect();
    let prior = prior.map(|prior| &prior.get().learner);
    let fit: Fit = if remember { Scorer::remember } else { Scorer::adapt };
    py.check_signals()?;
    Ok(Learner { learner: detached(py, || fit(scorer, &history, prior, &cancel))? })
}
