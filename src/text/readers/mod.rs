//! Streaming readers: each is an iterator of `Result<Sentence>` (and [`lines`] of lines) in file order, and errors name the
//! line.
//!
//! A reader stops after its first error. All of them take UTF-8 with or without a byte order mark, and lines that end
//! in LF or CRLF; a line may be [`MAX_LINE`] bytes long.

mod brat;
mod columns;
pub(crate) mod lines;
mod plain;

pub use brat::{BratOptions, brat, brat_document};
pub use columns::{ConllOptions, Separator, conll, conllu};
#[cfg(feature = "batch")]
pub(crate) use columns::{conll_columns, conllu_columns};
pub use lines::{MAX_LINE, lines};
pub use plain::{TextOptions, text, text_by, tokens};
