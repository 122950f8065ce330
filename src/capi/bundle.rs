//! Bundles: models on disk or in memory.

use super::boundary::{
    Object, Outcome, argument, boxed, call, free, get, optional, optional_value, out, slice, text, view,
};
use super::error::mtl_error;
use super::options::{Options, Scope, mtl_options};
use super::status::mtl_status;
use crate::bundle::{Bundle, Bytes, OpenOptions};
use std::ffi::{c_char, c_void};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A bundle: a model's manifest, weights and vocabulary, checked and immutable.
pub type mtl_bundle = Object<Opened>;

/// A bundle with its manifest as text.
pub struct Opened {
    pub(super) bundle: Arc<Bundle>,
    manifest: String,
}

impl Opened {
    fn new(bundle: Bundle) -> Outcome<Self> {
        let manifest = serde_json::to_string(bundle.manifest())
            .map_err(|e| super::boundary::library(crate::ErrorKind::Bundle, e.to_string(), ""))?;
        Ok(Self { bundle: Arc::new(bundle), manifest })
    }
}

fn open_options(options: *const mtl_options) -> Outcome<OpenOptions> {
    let options = optional_value(options)?.map(|o: &Options| o.only(Scope::Bundle)).transpose()?;
    Ok(OpenOptions { trusted: options.is_some_and(|o| o.trusted) })
}

/// Opens the bundle at `path` (UTF-8): a folder, or an archive (`.mtl`). Reads it whole and checks every digest, unless
/// the option `trusted` is set. `options` may be NULL. `MTL_ERROR_IO`, `MTL_ERROR_BUNDLE`, `MTL_ERROR_INTEGRITY`,
/// `MTL_ERROR_LIMIT`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_open(
    path: *const c_char,
    path_length: usize,
    options: *const mtl_options,
    out_bundle: *mut *mut mtl_bundle,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_bundle, "out_bundle")?;
        let path = text(path, path_length, "path")?;
        out.write(boxed(Opened::new(Bundle::open_with(Path::new(path), open_options(options)?)?)?));
        Ok(())
    })
}

/// Opens the bundle archive in `length` bytes at `data`. The bytes are copied; with the option `trusted` they are used
/// where they lie, without a look at their digests, and must stay as they are until the bundle and every model opened on
/// it are gone. Otherwise as `mtl_bundle_open`. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_open_memory(
    data: *const c_void,
    length: usize,
    options: *const mtl_options,
    out_bundle: *mut *mut mtl_bundle,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_bundle, "out_bundle")?;
        let options = open_options(options)?;
        let given: &[u8] = slice(data.cast(), length, "data")?;
        let bytes = match options.trusted {
            // SAFETY: only the lifetime changes: the caller promises, by the option, that the bytes outlive the bundle.
            true => Bytes::from_owner(unsafe { std::mem::transmute::<&[u8], &'static [u8]>(given) }),
            false => Bytes::copy_of(given)?,
        };
        out.write(boxed(Opened::new(Bundle::open_memory(bytes, options)?)?));
        Ok(())
    })
}

/// Opens the bundle archive in the `length` bytes from `offset` on of the open file `descriptor`, as an asset lies in an
/// Android package. The descriptor stays the caller's, who may close it afterwards. Otherwise as `mtl_bundle_open`.
/// `MTL_ERROR_UNSUPPORTED` where the system has no such descriptors. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_open_descriptor(
    descriptor: i32,
    offset: u64,
    length: u64,
    options: *const mtl_options,
    out_bundle: *mut *mut mtl_bundle,
    out_error: *mut *mut mtl_error,
) -> mtl_status {
    call(out_error, || {
        let out = out(out_bundle, "out_bundle")?;
        let options = open_options(options)?;
        let bundle = Bundle::open_file(duplicate(descriptor)?, offset, length, options)?;
        out.write(boxed(Opened::new(bundle)?));
        Ok(())
    })
}

/// The caller's file, through a descriptor of our own.
#[cfg(unix)]
fn duplicate(descriptor: i32) -> Outcome<File> {
    use std::os::fd::BorrowedFd;
    if descriptor < 0 {
        return Err(argument(format!("descriptor {descriptor}"), "pass the descriptor of an open file"));
    }
    // SAFETY: the caller lends an open descriptor during the call; of one that is not open, the system says so.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let owned = borrowed.try_clone_to_owned().map_err(|e| crate::Error::io(format!("descriptor {descriptor}"), e))?;
    Ok(owned.into())
}

/// Other systems have no such descriptors.
#[cfg(not(unix))]
fn duplicate(_: i32) -> Outcome<File> {
    let message = "this system has no file descriptors".to_string();
    Err(super::boundary::Failure::Here(mtl_status::MTL_ERROR_UNSUPPORTED, message, "open the bundle by its path"))
}

/// SHA-256 of the bundle's manifest, which names every other file's: 64 hexadecimal digits that identify the bundle to
/// the last bit. The string belongs to the bundle and is not ended by a NUL. NULL for a NULL bundle. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_digest(bundle: *const mtl_bundle, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(optional(bundle)?.peek().bundle.digest(), out_length)))
}

/// The manifest as JSON (docs/bundle-format.md). The string belongs to the bundle and is not ended by a NUL. NULL for a
/// NULL bundle. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_manifest(bundle: *const mtl_bundle, out_length: *mut usize) -> *const c_char {
    get(std::ptr::null(), || Some(view(&optional(bundle)?.peek().manifest, out_length)))
}

/// Frees the bundle; NULL is ignored. Models that were opened on it live on. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_bundle_free(bundle: *mut mtl_bundle) {
    free(bundle);
}
