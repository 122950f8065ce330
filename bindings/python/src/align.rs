//! Answers against what is right.

use crate::calls::{Cancel, detached, exception, token};
use crate::documents::{Given, Lent, unit};
use libmtl::scorer::align::{AlignOptions, Alignment, Operation};
use libmtl::scorer::pairs::{PairOptions, align_documents};
use libmtl::tagger::Document;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// How to align.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Aligning {
    case: bool,
    punctuation: bool,
    accents: bool,
    unit: String,
    replace_invalid: bool,
}

/// For each pair an exception, not raised, or (words, mistakes, edits, word error rate).
#[pyfunction]
#[pyo3(signature = (correct, answers, aligning, cancel=None))]
pub fn align<'py>(
    py: Python<'py>,
    correct: Vec<Given>,
    answers: Vec<Given>,
    aligning: Aligning,
    cancel: Option<&Bound<'py, Cancel>>,
) -> PyResult<Bound<'py, PyList>> {
    let Aligning { case, punctuation, accents, unit: name, replace_invalid } = aligning;
    let align = AlignOptions { case, punctuation, accents };
    let options = PairOptions { align, unit: unit(py, &name)?, replace_invalid };
    let cancel = token(cancel);
    let found = detached(py, || {
        let correct: Vec<Lent> = correct.iter().map(Given::lend).collect();
        let answers: Vec<Lent> = answers.iter().map(Given::lend).collect();
        let correct: Vec<Document> = correct.iter().map(Lent::document).collect();
        let answers: Vec<Document> = answers.iter().map(Lent::document).collect();
        align_documents(&correct, &answers, &options, &cancel)
    })?;
    let result = PyList::empty(py);
    for pair in &found {
        match pair {
            Ok(found) => result.append(alignment(py, found)?)?,
            Err(error) => result.append(exception(py, error)?)?,
        }
    }
    Ok(result)
}

/// An edit is (letter, word or None, start and end in the answer or None).
fn alignment<'py>(py: Python<'py>, found: &Alignment) -> PyResult<Bound<'py, PyAny>> {
    let words: Vec<(usize, usize)> = found.words.iter().map(|word| (word.start, word.end)).collect();
    let typed = |answer: usize| Some((found.answer[answer].start, found.answer[answer].end));
    let edit = |operation: &Operation| match *operation {
        Operation::Match { word, answer } => ("M", Some(word), typed(answer)),
        Operation::Substitute { word, answer } => ("S", Some(word), typed(answer)),
        Operation::Delete { word } => ("D", Some(word), None),
        Operation::Insert { answer } => ("I", None, typed(answer)),
    };
    let edits: Vec<_> = found.operations.iter().map(edit).collect();
    Ok((words, found.mistakes.clone(), edits, found.word_error_rate()).into_pyobject(py)?.into_any())
}
