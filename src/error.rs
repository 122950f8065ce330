//! The one error type. Every message says what was wrong, where, and what to do next.

use std::fmt;
use std::sync::Arc;

/// What kind of thing went wrong; programs branch on this, people read the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument that the caller passed: an unknown task, language or option.
    Argument,
    /// The text or the annotated file that was to be read is malformed.
    Input,
    /// The operating system refused: a file that does not exist, a full disk.
    Io,
    /// A bundle is malformed: its manifest, weights, vocabulary or graph.
    Bundle,
    /// A bundle's bytes are not those that its manifest promises.
    Integrity,
    /// A stated limit was exceeded.
    Limit,
    /// An engine could not be opened or failed while it ran.
    Engine,
    /// A required execution provider is not available.
    Provider,
    /// The caller interrupted the work.
    Interrupted,
    /// The caller's deadline passed before the work was done.
    Deadline,
}

/// An error: its kind, where it happened, what was wrong, and the remedy.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    place: String,
    message: String,
    remedy: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The library's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` that says `message`: lower case, no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, place: String::new(), message: message.into(), remedy: String::new(), source: None }
    }

    /// Names the place: a file, a line, a field.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = if self.place.is_empty() { place.to_string() } else { format!("{place}: {}", self.place) };
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// An error of the operating system about `path`.
    pub fn io(path: impl fmt::Display, source: std::io::Error) -> Self {
        let remedy = match source.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "check the permissions",
            _ => "",
        };
        Self::new(ErrorKind::Io, source.to_string()).at(path).remedy(remedy).caused_by(source)
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where it happened; may be empty.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What was wrong, without place and remedy.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it; may be empty.
    pub fn advice(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_place_fault_and_remedy() {
        let error = Error::new(ErrorKind::Input, "3 columns where 4 are needed")
            .at("line 7")
            .at("a.conll")
            .remedy("pass --label-column");
        assert_eq!(error.to_string(), "a.conll: line 7: 3 columns where 4 are needed; pass --label-column");
    }
}
