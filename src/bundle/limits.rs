//! What a bundle may not exceed, and the helpers that word refusals.

use crate::{Error, ErrorKind, Result};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

pub(super) const MANIFEST_BYTES: u64 = 1 << 20;
pub(super) const WEIGHTS_BYTES: u64 = 1 << 31;
pub(super) const VOCABULARY_BYTES: u64 = 1 << 30;
pub(super) const GOLDEN_BYTES: u64 = 1 << 24;
pub(super) const GOLDEN_CASES: usize = 10_000;

/// The headers of an archive: every file of a bundle with all its languages, and the folder itself.
pub(super) const ARCHIVE_HEADERS: usize = LANGUAGES + 9;
/// What may follow the last entry of an archive: `tar` rounds up to the size of a record.
pub(super) const ARCHIVE_TAIL: u64 = 1 << 16;

pub(super) const HEADER_BYTES: u64 = 1 << 20;
pub(super) const TENSORS: usize = 4096;
pub(super) const RANK: usize = 8;
pub(super) const DIMENSION: u64 = 1 << 31;

pub(super) const LANGUAGES: usize = 256;
pub(super) const TASKS: usize = 32;
pub(super) const LABELS: usize = 1024;
pub(super) const ENTRIES: usize = 4096;

pub(super) const WORD_DIM: usize = 2048;
pub(super) const WORDS: usize = 1 << 24;
pub(super) const CHAR_DIM: usize = 1024;
/// Every Unicode scalar value, padding and the unknown character.
pub(super) const CHARS: usize = 0x11_0000 + 2;
pub(super) const CHAR_WIDTHS: usize = 8;
pub(super) const CHAR_WIDTH: usize = 16;
pub(super) const CHAR_FILTERS: usize = 1024;
pub(super) const HIGHWAY_LAYERS: usize = 8;
pub(super) const HIDDEN: usize = 2048;

pub(super) const TRACKS: usize = 64;
pub(super) const LSTM_LAYERS: usize = 4;
/// Characters of all tracks times convolution widths times filters: 256 MiB.
pub(super) const CHAR_TABLE: u64 = 1 << 26;

/// What to do about a malformed bundle.
pub(super) const AGAIN: &str = "fetch the bundle again, or export it again with mtl-export";

/// A malformed bundle.
pub(super) fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Bundle, clip(message.as_ref())).remedy(AGAIN)
}

/// Refuses `value` above `limit`.
pub(super) fn at_most(what: &str, value: u64, limit: u64) -> Result<()> {
    if value <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Limit, format!("{value} {what}, where at most {limit} are allowed"))
        .remedy("make the model smaller, or do not open this bundle if you do not know where it comes from"))
}

/// What a hostile file says, made fit for a message: short, and without characters that change how a terminal shows
/// the rest (controls, bidirectional overrides).
pub(super) fn clip(text: &str) -> String {
    const LONGEST: usize = 400;
    let unseen = |c: char| {
        c.is_control()
            || matches!(c.general_category_group(), GeneralCategoryGroup::Separator | GeneralCategoryGroup::Other)
                && c != ' '
    };
    let mut clipped: String =
        text.chars().take(LONGEST).map(|c| if unseen(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        clipped.push('…');
    }
    clipped
}

/// Refuses a name that is not that of a file directly in the folder, on any operating system.
pub(super) fn flat_name(name: &str) -> Result<()> {
    let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    if name.is_empty() || name.len() > 255 || name == "." || name == ".." || name.contains(bad) {
        return Err(malformed(format!("`{name}` is not the plain name of a file in the bundle's folder")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_shortens_and_hides_control_characters() {
        assert_eq!(clip("a\0b\u{1b}[2J \u{202e}x"), "a\u{fffd}b\u{fffd}[2J \u{fffd}x");
        let long = clip(&"é".repeat(1 << 20));
        assert_eq!(long.chars().count(), 401);
    }

    #[test]
    fn at_most_admits_the_limit_itself() {
        assert!(at_most("x", 5, 5).is_ok());
        assert_eq!(at_most("x", 6, 5).unwrap_err().kind(), ErrorKind::Limit);
    }
}
