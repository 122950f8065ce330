//! Batches: what is to be tagged.

use super::boundary::{Object, Outcome, argument, boxed, call, call_on_mut, free, get, optional, out, slice};
use super::error::mtl_error;
use super::status::mtl_status;
use crate::tagger::Document;
use std::ffi::c_char;
use std::ops::Range;

/// Documents on their way into `mtl_tag`. The batch keeps copies of the texts.
pub type mtl_batch = Object<Batch>;

/// The texts of a batch, one behind the other.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    documents: Vec<Content>,
}

enum Content {
    Text(Range<usize>),
    Tokens(Vec<Range<usize>>),
}

impl Batch {
    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// The first document that is running text.
    pub(super) fn first_text(&self) -> Option<usize> {
        self.documents.iter().position(|content| matches!(content, Content::Text(_)))
    }

    /// The tokens of each document, borrowed from the batch.
    pub(super) fn tokens(&self) -> Vec<Vec<&[u8]>> {
        let read = |content: &Content| match content {
            Content::Text(_) => Vec::new(),
            Content::Tokens(ranges) => ranges.iter().map(|range| &self.bytes[range.clone()]).collect(),
        };
        self.documents.iter().map(read).collect()
    }

    /// The documents; `tokens` is what [`tokens`](Self::tokens) gave.
    pub(super) fn documents<'a>(&'a self, tokens: &'a [Vec<&'a [u8]>]) -> Vec<Document<'a>> {
        let read = |(content, tokens): (&Content, &'a Vec<&'a [u8]>)| match content {
            Content::Text(range) => Document::Text(&self.bytes[range.clone()]),
            Content::Tokens(_) => Document::Tokens(tokens),
        };
        self.documents.iter().zip(tokens).map(read).collect()
    }
}

/// The parts of `bytes` between successive offsets.
pub(super) fn parts(offsets: &[u64], bytes: usize, name: &str) -> Outcome<Vec<Range<usize>>> {
    let range = |(index, pair): (usize, &[u64])| match (usize::try_from(pair[0]), usize::try_from(pair[1])) {
        (Ok(start), Ok(end)) if start <= end && end <= bytes => Ok(start..end),
        _ => {
            let message = format!("{name}[{index}] to [{}]: {} to {} in {bytes}", index + 1, pair[0], pair[1]);
            Err(argument(message, "offsets rise, and the last is at most the length"))
        }
    };
    offsets.windows(2).enumerate().map(range).collect()
}

/// Makes an empty batch. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_new(out_batch: *mut *mut mtl_batch, out_error: *mut *mut mtl_error) -> mtl_status {
    call(out_error, || {
        out(out_batch, "out_batch")?.write(boxed(Batch::default()));
        Ok(())
    })
}

/// Adds a document of running text. Whether it is UTF-8 is looked at by `mtl_tag`, so that one bad document does not
/// stop the others. `text` may be NULL where `length` is 0. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_add_text(
    batch: *mut mtl_batch,
    text: *const c_char,
    length: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(batch, "batch", out_error, |batch| {
        let range = batch.keep(slice(text.cast(), length, "text")?);
        batch.documents.push(Content::Text(range));
        Ok(())
    })
}

/// Adds a document that is one sentence of `count` words which somebody else has cut: `tokens[i]` has `lengths[i]` bytes.
/// Offsets of its results count in the words' concatenation. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_add_tokens(
    batch: *mut mtl_batch,
    tokens: *const *const c_char,
    lengths: *const usize,
    count: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(batch, "batch", out_error, |batch| {
        let (tokens, lengths) = (slice(tokens, count, "tokens")?, slice(lengths, count, "lengths")?);
        let read = |(index, (&token, &length)): (usize, (&*const c_char, &usize))| {
            slice(token.cast::<u8>(), length, &format!("tokens[{index}]"))
        };
        // All are looked at before any is kept: a failed call changes nothing.
        let read = tokens.iter().zip(lengths).enumerate().map(read).collect::<Outcome<Vec<&[u8]>>>()?;
        let kept = read.into_iter().map(|token| batch.keep(token)).collect();
        batch.documents.push(Content::Tokens(kept));
        Ok(())
    })
}

/// Adds `count` documents of running text that lie one behind the other in `data`, as columnar formats keep strings:
/// document `i` is `data[offsets[i] .. offsets[i + 1]]`, so `offsets` has `count + 1` elements; it
/// is not read where `count` is 0. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_add_texts_packed(
    batch: *mut mtl_batch,
    data: *const c_char,
    data_length: usize,
    offsets: *const u64,
    count: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(batch, "batch", out_error, |batch| {
        let data: &[u8] = slice(data.cast(), data_length, "data")?;
        let offsets = slice(offsets, count.saturating_add(usize::from(count > 0)), "offsets")?;
        for range in parts(offsets, data.len(), "offsets")? {
            let range = batch.keep(&data[range]);
            batch.documents.push(Content::Text(range));
        }
        Ok(())
    })
}

/// Adds `count` documents of words: word `j` is `data[token_offsets[j] .. token_offsets[j + 1]]`, and document `i` has
/// the words `document_offsets[i] .. document_offsets[i + 1]`. `token_offsets` has `token_count + 1` elements,
/// `document_offsets` `count + 1`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_add_tokens_packed(
    batch: *mut mtl_batch,
    data: *const c_char,
    data_length: usize,
    token_offsets: *const u64,
    token_count: usize,
    document_offsets: *const u64,
    count: usize,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call_on_mut(batch, "batch", out_error, |batch| {
        let data: &[u8] = slice(data.cast(), data_length, "data")?;
        let plus_one = |count: usize| count.saturating_add(usize::from(count > 0));
        let token_offsets = slice(token_offsets, plus_one(token_count), "token_offsets")?;
        let document_offsets = slice(document_offsets, plus_one(count), "document_offsets")?;
        let tokens = parts(token_offsets, data.len(), "token_offsets")?;
        for range in parts(document_offsets, tokens.len(), "document_offsets")? {
            let kept = tokens[range].iter().map(|token| batch.keep(&data[token.clone()])).collect();
            batch.documents.push(Content::Tokens(kept));
        }
        Ok(())
    })
}

/// How many documents the batch has; 0 for NULL. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_count(batch: *const mtl_batch) -> usize {
    get(0, || Some(optional(batch)?.peek().documents.len()))
}

/// Takes all documents out and keeps the memory for the next ones. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_clear(batch: *mut mtl_batch, out_error: *mut *mut mtl_error) -> mtl_status {
    call_on_mut(batch, "batch", out_error, |batch| {
        batch.bytes.clear();
        batch.documents.clear();
        Ok(())
    })
}

/// Frees the batch; NULL is ignored. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_batch_free(batch: *mut mtl_batch) {
    free(batch);
}
