//! Models, and the threads that they share.

use crate::calls::{Cancel, Owned, detached, exception, raised, refused, token};
use crate::columns::Columns;
use crate::documents::{Given, Lent, chunks, unit};
use libmtl::bundle::manifest::{Kind, Manifest, Task};
use libmtl::bundle::{Bundle, Bytes, OpenOptions};
use libmtl::engine::{EngineOptions, GpuOptions, ProviderRequest, Report};
use libmtl::scorer::{Scorer, SentenceVectors};
use libmtl::tagger::{Annotation, DecodeOptions, Document, DocumentOptions, Tagger};
use libmtl::text::scheme::{Scheme, span_label};
use libmtl::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Threads that models share.
#[pyclass(frozen, module = "libmtl")]
pub struct Pool {
    pool: Owned<Arc<libmtl::engine::Pool>>,
}

#[pymethods]
impl Pool {
    #[new]
    fn new(py: Python<'_>, threads: usize) -> PyResult<Self> {
        let pool = libmtl::engine::Pool::new(threads).map_err(|error| raised(py, &error))?;
        Ok(Self { pool: Owned::new(Arc::new(pool)) })
    }

    #[getter]
    fn threads(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.pool.get(py)?.threads())
    }
}

/// How to open a model; what is `None` is the library's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Opening<'py> {
    engine: String,
    threads: usize,
    kernel: Option<String>,
    word_cache: Option<u64>,
    graph: String,
    library: Option<PathBuf>,
    providers: Vec<String>,
    gpu_device: Option<u16>,
    gpu_memory: Option<u64>,
    tensorrt_cache: Option<PathBuf>,
    tensorrt_fp16: bool,
    kernel_cache: Option<PathBuf>,
    accept_telemetry: bool,
    vectors: Option<PathBuf>,
    pool: Option<Bound<'py, Pool>>,
}

impl Opening<'_> {
    fn options(&self, py: Python<'_>) -> PyResult<EngineOptions> {
        let failed = |error: Error| raised(py, &error);
        let provider = |name: &String| {
            let (name, required) = name.strip_suffix('?').map_or((name.as_str(), true), |name| (name, false));
            Ok(ProviderRequest { provider: name.parse().map_err(failed)?, required })
        };
        let pool = self.pool.as_ref().map(|pool| Ok::<_, PyErr>(Arc::clone(pool.get().pool.get(py)?))).transpose()?;
        Ok(EngineOptions {
            engine: self.engine.parse().map_err(failed)?,
            threads: self.threads,
            pool,
            kernel: self.kernel.as_deref().map(str::parse).transpose().map_err(failed)?,
            word_cache: self.word_cache,
            graph: self.graph.parse().map_err(failed)?,
            library: self.library.clone(),
            providers: self.providers.iter().map(provider).collect::<PyResult<_>>()?,
            gpu: GpuOptions {
                device: self.gpu_device,
                memory: self.gpu_memory,
                tensorrt_cache: self.tensorrt_cache.clone(),
                tensorrt_fp16: self.tensorrt_fp16,
                kernel_cache: self.kernel_cache.clone(),
            },
            accept_telemetry: self.accept_telemetry,
        })
    }
}

pub enum Network {
    Tagger(Tagger),
    Scorer(Box<Scorer>),
}

impl Network {
    fn open(bundle: Bundle, options: &EngineOptions, vectors: Option<&Path>) -> libmtl::Result<Self> {
        let bundle = Arc::new(bundle);
        match (bundle.manifest().kind, vectors) {
            (Kind::Tagger, None) => Ok(Self::Tagger(Tagger::open(bundle, options)?)),
            (Kind::Tagger, Some(_)) => {
                Err(Error::new(ErrorKind::Argument, "vectors are for a scorer, and this is a tagger")
                    .remedy("open it without"))
            }
            (Kind::Scorer, None) => Ok(Self::Scorer(Box::new(Scorer::open(bundle, options)?))),
            (Kind::Scorer, Some(path)) => {
                let vectors = Arc::new(SentenceVectors::open(path)?);
                Ok(Self::Scorer(Box::new(Scorer::open(bundle, options)?.with_vectors(vectors)?)))
            }
        }
    }

    fn bundle(&self) -> &Bundle {
        match self {
            Self::Tagger(tagger) => tagger.bundle(),
            Self::Scorer(scorer) => scorer.bundle(),
        }
    }

    fn manifest(&self) -> &Manifest {
        self.bundle().manifest()
    }

    fn report(&self) -> &Report {
        match self {
            Self::Tagger(tagger) => tagger.report(),
            Self::Scorer(scorer) => scorer.report(),
        }
    }
}

/// An opened model, until it is closed. Calls that run when it is finish on it.
#[pyclass(frozen, module = "libmtl._mtl")]
pub struct Model {
    network: Owned<RwLock<Option<Arc<Network>>>>,
}

/// How to tag.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Tagging {
    tasks: Vec<String>,
    language: Option<String>,
    unit: String,
    replace_invalid: bool,
    scores: bool,
    nbest: usize,
    zero_shot: bool,
}

impl Tagging {
    fn options(self, py: Python<'_>) -> PyResult<DocumentOptions> {
        if self.nbest > libmtl::tagger::MAX_NBEST {
            let message = format!("{} best paths", self.nbest);
            return Err(refused(py, message, &format!("ask for {} at most", libmtl::tagger::MAX_NBEST)));
        }
        Ok(DocumentOptions {
            tasks: self.tasks,
            language: self.language,
            unit: unit(py, &self.unit)?,
            replace_invalid: self.replace_invalid,
            decode: DecodeOptions { scores: self.scores, nbest: self.nbest, zero_shot: self.zero_shot },
        })
    }
}

impl Model {
    fn opened(
        py: Python<'_>,
        opening: &Opening,
        read: impl FnOnce() -> libmtl::Result<Bundle> + Send,
    ) -> PyResult<Self> {
        let (options, vectors) = (opening.options(py)?, opening.vectors.as_deref());
        let network = detached(py, || Network::open(read()?, &options, vectors))?;
        Ok(Self { network: Owned::new(RwLock::new(Some(Arc::new(network)))) })
    }

    /// The model, unless it was closed.
    pub fn network(&self, py: Python<'_>) -> PyResult<Arc<Network>> {
        let network = self.network.get(py)?.read().unwrap_or_else(PoisonError::into_inner);
        network.clone().ok_or_else(|| refused(py, "the model is closed", "open it again"))
    }

    /// Tags `documents` in pieces, and hands each piece's annotations to `take`.
    fn annotate(
        &self,
        py: Python<'_>,
        documents: &[Given],
        options: &DocumentOptions,
        cancel: Option<&Bound<'_, Cancel>>,
        mut take: impl FnMut(Vec<libmtl::Result<Annotation>>) -> PyResult<()>,
    ) -> PyResult<()> {
        let (network, cancel) = (self.network(py)?, token(cancel));
        let Network::Tagger(tagger) = &*network else {
            let message = format!("{} is a scorer, and tags no text", network.manifest().id);
            return Err(refused(py, message, "score exercises with it, or open a bundle of kind tagger"));
        };
        let mut chunks = chunks(documents);
        if chunks.is_empty() {
            // Options are checked whatever there is to tag.
            chunks.push(&[]);
        }
        for chunk in chunks {
            py.check_signals()?;
            let found = detached(py, || {
                let lent: Vec<Lent> = chunk.iter().map(Given::lend).collect();
                let documents: Vec<Document> = lent.iter().map(Lent::document).collect();
                tagger.annotate(&documents, options, &cancel)
            })?;
            take(found)?;
        }
        Ok(())
    }

    /// The tasks that a call asks for.
    fn tasks(network: &Network, options: &DocumentOptions) -> Vec<String> {
        match network {
            Network::Tagger(tagger) => tagger.tasks_asked(options).into_iter().map(String::from).collect(),
            Network::Scorer(_) => Vec::new(),
        }
    }
}

#[pymethods]
impl Model {
    /// Opens the bundle at a path.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, trusted: bool, opening: Opening) -> PyResult<Self> {
        Self::opened(py, &opening, || Bundle::open_with(&path, OpenOptions { trusted }))
    }

    /// Opens the archive in `data`, which is copied.
    #[staticmethod]
    fn open_bytes(py: Python<'_>, data: &[u8], trusted: bool, opening: Opening) -> PyResult<Self> {
        let bytes = Bytes::copy_of(data).map_err(|error| raised(py, &error))?;
        Self::opened(py, &opening, || Bundle::open_memory(bytes, OpenOptions { trusted }))
    }

    /// Opens the archive that is a part of a file.
    #[staticmethod]
    fn open_part(
        py: Python<'_>,
        path: PathBuf,
        offset: u64,
        length: u64,
        trusted: bool,
        opening: Opening,
    ) -> PyResult<Self> {
        Self::opened(py, &opening, || {
            let file = std::fs::File::open(&path).map_err(|error| Error::io(path.display(), error))?;
            Bundle::open_file(file, offset, length, OpenOptions { trusted })
        })
    }

    /// Gives it back; calls that run finish on it. May be called again.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = self.network.get(py)?.write().unwrap_or_else(PoisonError::into_inner).take();
        // Freeing takes a while, and joins threads.
        py.detach(|| drop(closed));
        Ok(())
    }

    /// (manifest, report) as JSON, and the bundle's digest.
    fn facts(&self, py: Python<'_>) -> PyResult<(String, String, String)> {
        let network = self.network(py)?;
        let failed = |error: serde_json::Error| raised(py, &Error::new(ErrorKind::Engine, error.to_string()));
        let manifest = serde_json::to_string(network.manifest()).map_err(failed)?;
        let report = serde_json::to_string(network.report()).map_err(failed)?;
        Ok((manifest, report, network.bundle().digest().to_string()))
    }

    /// The labels that spans of each task can have.
    fn span_labels(&self, py: Python<'_>) -> PyResult<HashMap<String, Vec<String>>> {
        let network = self.network(py)?;
        Ok(network.manifest().tasks.iter().map(|task| (task.name.clone(), span_labels(task))).collect())
    }

    /// For each document an exception, not raised, or (language, sentences, tokens, tasks).
    #[pyo3(signature = (documents, tagging, cancel=None))]
    fn tag<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Given>,
        tagging: Tagging,
        cancel: Option<&Bound<'py, Cancel>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let options = tagging.options(py)?;
        let tasks = Self::tasks(&*self.network(py)?, &options);
        let mut labels = Labels { py, known: HashMap::new() };
        let result = PyList::empty(py);
        self.annotate(py, &documents, &options, cancel, |found| {
            found.iter().try_for_each(|annotation| match annotation {
                Ok(annotation) => result.append(labels.annotation(annotation, &tasks)?),
                Err(error) => result.append(exception(py, error)?),
            })
        })?;
        Ok(result)
    }

    /// The same in columns: what `columns.rs` has.
    #[pyo3(signature = (documents, tagging, cancel=None))]
    fn tag_columns<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Given>,
        tagging: Tagging,
        cancel: Option<&Bound<'py, Cancel>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = tagging.options(py)?;
        let network = self.network(py)?;
        let asked = Self::tasks(&network, &options);
        let of = |name: &String| network.manifest().tasks.iter().find(|task| task.name == *name);
        let tasks: Vec<(&Task, Vec<String>)> =
            asked.iter().filter_map(of).map(|task| (task, span_labels(task))).collect();
        let mut columns = Columns::new(&tasks, options.decode.scores);
        self.annotate(py, &documents, &options, cancel, |found| {
            found.iter().try_for_each(|annotation| columns.push(py, annotation))
        })?;
        columns.into_dict(py)
    }
}

/// The labels of a task's spans, sorted.
fn span_labels(task: &Task) -> Vec<String> {
    if task.scheme == Scheme::Plain {
        return Vec::new();
    }
    let mut labels: Vec<String> = task.labels.iter().flat_map(|label| span_label(label)).map(String::from).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Python's strings for labels, each made once a call.
struct Labels<'py> {
    py: Python<'py>,
    known: HashMap<String, Bound<'py, PyString>>,
}

impl<'py> Labels<'py> {
    fn label(&mut self, label: &str) -> Bound<'py, PyString> {
        if let Some(known) = self.known.get(label) {
            return known.clone();
        }
        let made = PyString::new(self.py, label);
        self.known.insert(label.to_string(), made.clone());
        made
    }

    fn all(&mut self, labels: &[String]) -> Vec<Bound<'py, PyString>> {
        labels.iter().map(|label| self.label(label)).collect()
    }

    /// (language, sentences, tokens, tasks): of a task `None`, or (labels, spans, scores, nbest a sentence).
    fn annotation(&mut self, found: &Annotation, names: &[String]) -> PyResult<Bound<'py, PyAny>> {
        let places = |ranges: &[std::ops::Range<usize>]| -> Vec<(usize, usize)> {
            ranges.iter().map(|range| (range.start, range.end)).collect()
        };
        let tasks = PyDict::new(self.py);
        for (name, taggings) in names.iter().zip(&found.tasks) {
            let Some(taggings) = taggings else {
                tasks.set_item(name, self.py.None())?;
                continue;
            };
            let (mut labels, mut spans, mut scores, mut nbest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (tagging, sentence) in taggings.iter().zip(&found.sentences) {
                labels.extend(self.all(&tagging.labels));
                scores.extend_from_slice(&tagging.scores);
                for span in &tagging.spans {
                    let (first, end) = (sentence.start + span.start, sentence.start + span.end);
                    let place = (found.tokens[first].start, found.tokens[end - 1].end);
                    spans.push((place.0, place.1, self.label(&span.label), first, end, span.score));
                }
                let paths = tagging.nbest.iter().map(|path| (self.all(&path.labels), path.probability));
                nbest.push(paths.collect::<Vec<_>>());
            }
            tasks.set_item(name, (labels, spans, scores, nbest))?;
        }
        let language = self.label(&found.language);
        Ok((language, places(&found.sentences), places(&found.tokens), tasks).into_pyobject(self.py)?.into_any())
    }
}

/// Numbers as the bytes that numpy and Arrow read in place.
pub fn bytes<'py, T: Copy, const N: usize>(py: Python<'py>, values: &[T], of: fn(T) -> [u8; N]) -> Bound<'py, PyBytes> {
    let raw: Vec<u8> = values.iter().flat_map(|&value| of(value)).collect();
    PyBytes::new(py, &raw)
}
