//! Documents as Python has them.

use libmtl::tagger::Document;
use libmtl::text::offsets::Unit;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

use crate::calls::refused;

/// Bytes of documents between two looks at the interpreter's signals, so that Ctrl-C is heard within some tenths of a second.
const BYTES_A_CHUNK: usize = 1 << 16;

/// UTF-8 without a copy, where Python has it.
pub enum Text {
    Str(PyBackedStr),
    Bytes(PyBackedBytes),
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Str(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            if let Ok(text) = text.extract::<PyBackedStr>() {
                return Ok(Self::Str(text));
            }
            // A lone surrogate becomes the three bytes that UTF-8 forbids, and with them the document's own error.
            let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
            return Ok(Self::Bytes(bytes.extract()?));
        }
        if object.cast::<PyBytes>().is_ok() {
            return Ok(Self::Bytes(object.extract()?));
        }
        let message = format!("a document of type {}", object.get_type().name()?);
        Err(refused(object.py(), message, "pass str, bytes in UTF-8, or a list of words"))
    }
}

/// A document: running text, or words that somebody else has cut.
pub enum Given {
    Text(Text),
    Words(Vec<Text>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Given {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.cast::<PyString>().is_ok() || object.cast::<PyBytes>().is_ok() {
            return Ok(Self::Text(object.extract()?));
        }
        let Ok(words) = object.try_iter() else {
            // The error of one that is neither.
            return Ok(Self::Text(object.extract()?));
        };
        Ok(Self::Words(words.map(|word| word?.extract()).collect::<PyResult<_>>()?))
    }
}

/// What a document lends to a call: a text, or views of its words.
pub enum Lent<'a> {
    Text(&'a [u8]),
    Words(Vec<&'a [u8]>),
}

impl Lent<'_> {
    pub fn document(&self) -> Document<'_> {
        match self {
            Self::Text(text) => Document::Text(text),
            Self::Words(words) => Document::Tokens(words),
        }
    }
}

impl Given {
    pub fn lend(&self) -> Lent<'_> {
        match self {
            Self::Text(text) => Lent::Text(text.as_bytes()),
            Self::Words(words) => Lent::Words(words.iter().map(Text::as_bytes).collect()),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.as_bytes().len(),
            Self::Words(words) => words.iter().map(|word| word.as_bytes().len()).sum(),
        }
    }
}

/// `documents` in pieces of a few tenths of a second's work; a result does not depend on where they are cut.
pub fn chunks(documents: &[Given]) -> Vec<&[Given]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, document) in documents.iter().enumerate() {
        bytes += document.length();
        if bytes >= BYTES_A_CHUNK || index + 1 == documents.len() {
            chunks.push(&documents[start..=index]);
            (start, bytes) = (index + 1, 0);
        }
    }
    chunks
}

/// The unit of this name.
pub fn unit(py: Python<'_>, name: &str) -> PyResult<Unit> {
    match name {
        "codepoints" => Ok(Unit::CodePoints),
        "bytes" => Ok(Unit::Bytes),
        "utf16" => Ok(Unit::Utf16),
        _ => Err(refused(py, format!("unknown unit {name:?}"), "use codepoints, bytes, utf16")),
    }
}
