//! The panic boundary, and what pointers from C become.

use super::error::mtl_error;
use super::panic::caught;
use super::process;
use super::status::mtl_status;
use crate::{Error, ErrorKind};
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a call failed.
pub enum Failure {
    /// An error of the library below.
    Library(Error),
    /// A failure of this floor: a status, what was wrong, the remedy.
    Here(mtl_status, String, &'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// The result of what runs inside the boundary.
pub type Outcome<T> = Result<T, Failure>;

/// A failure of an argument.
pub fn argument(message: impl Into<String>, remedy: &'static str) -> Failure {
    Failure::Here(mtl_status::MTL_ERROR_ARGUMENT, message.into(), remedy)
}

/// What lies behind an opaque handle: the value, and what makes it unusable.
pub struct Object<T> {
    poisoned: AtomicBool,
    /// The process that made it: a forked child must not touch threads and locks that it did not inherit.
    process: u32,
    value: T,
}

impl<T> Object<T> {
    /// An object of this process.
    pub fn new(value: T) -> Self {
        Self { poisoned: AtomicBool::new(false), process: process::id(), value }
    }

    /// Whether this process made it.
    pub fn is_ours(&self) -> bool {
        self.process == process::id()
    }

    fn usable(&self) -> Outcome<()> {
        if !self.is_ours() {
            let message = "the object was made before fork(), in the parent process";
            return Err(Failure::Here(mtl_status::MTL_ERROR_FORKED, message.into(), "open another one in the child"));
        }
        if self.poisoned.load(Ordering::Relaxed) {
            let message = "an earlier call on this object panicked";
            return Err(Failure::Here(mtl_status::MTL_ERROR_POISONED, message.into(), "free it and open another"));
        }
        Ok(())
    }

    fn poison(&self) {
        self.poisoned.store(true, Ordering::Relaxed);
    }

    /// The value, without a look at whether it may be used: for what only reads plain data.
    pub fn peek(&self) -> &T {
        &self.value
    }
}

/// Runs `body` inside the panic boundary; a failure is written to `out_error` unless that is NULL.
pub fn call(out_error: *mut *mut mtl_error, body: impl FnOnce() -> Outcome<()>) -> mtl_status {
    report(out_error, caught(body).flatten())
}

/// As [`call`], on an object that a panic poisons.
pub fn call_on<T>(
    object: *const Object<T>,
    name: &str,
    out_error: *mut *mut mtl_error,
    body: impl FnOnce(&T) -> Outcome<()>,
) -> mtl_status {
    let outcome = shared(object, name).and_then(|object| {
        object.usable()?;
        caught(|| body(&object.value)).inspect_err(|_| object.poison())?
    });
    report(out_error, outcome)
}

/// As [`call_on`], on an object that the caller lends exclusively.
pub fn call_on_mut<T>(
    object: *mut Object<T>,
    name: &str,
    out_error: *mut *mut mtl_error,
    body: impl FnOnce(&mut T) -> Outcome<()>,
) -> mtl_status {
    let outcome = exclusive(object, name).and_then(|object| {
        object.usable()?;
        caught(|| body(&mut object.value)).inspect_err(|_| object.poison())?
    });
    report(out_error, outcome)
}

/// The status of an outcome; a failure is written to `out_error` unless that is NULL.
fn report(out_error: *mut *mut mtl_error, outcome: Outcome<()>) -> mtl_status {
    let Err(failure) = outcome else { return mtl_status::MTL_OK };
    let error = mtl_error::new(failure);
    let status = error.status;
    if !out_error.is_null() {
        // SAFETY: law 2: a non-NULL out parameter points to a place of the caller's that may be written.
        unsafe { out_error.write(Box::into_raw(Box::new(error))) };
    }
    status
}

/// Runs an infallible accessor; a panic gives `default`.
pub fn get<R>(default: R, body: impl FnOnce() -> Option<R>) -> R {
    caught(body).ok().flatten().unwrap_or(default)
}

/// The object behind a shared pointer; NULL is an error that names the argument.
pub fn shared<'a, T>(pointer: *const T, name: &str) -> Outcome<&'a T> {
    // SAFETY: laws 3 and 5: the pointer is NULL or an object of this library that lives during the call, and nobody
    // writes to it meanwhile.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// The object behind an exclusive pointer.
pub fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Outcome<&'a mut T> {
    // SAFETY: as in `shared`, and law 5 promises that no other thread uses it during the call.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// An optional object.
pub fn optional<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: as in `shared`.
    unsafe { pointer.as_ref() }
}

/// The usable value of an optional object.
pub fn optional_value<'a, T>(pointer: *const Object<T>) -> Outcome<Option<&'a T>> {
    let Some(object) = optional(pointer) else { return Ok(None) };
    object.usable()?;
    Ok(Some(&object.value))
}

/// The usable value of an object that the call reads besides the one that it concerns.
pub fn value<'a, T>(pointer: *const Object<T>, name: &str) -> Outcome<&'a T> {
    let object = shared(pointer, name)?;
    object.usable()?;
    Ok(&object.value)
}

/// Checks that an out parameter can be written, before any work.
pub fn out<T>(pointer: *mut T, name: &str) -> Outcome<Out<T>> {
    if pointer.is_null() { Err(null(name)) } else { Ok(Out(pointer)) }
}

/// An out parameter that is not NULL.
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Writes the result.
    pub fn write(self, value: T) {
        // SAFETY: law 2: it points to a place of the caller's that may be written.
        unsafe { self.0.write(value) }
    }
}

/// `count` elements at `pointer`; NULL is allowed only for none.
pub fn slice<'a, T>(pointer: *const T, count: usize, name: &str) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(argument(format!("{name} is not aligned to {} bytes", align_of::<T>()), "align the array"));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(argument(format!("{name} has {count} elements, more than memory can hold"), "check the count"));
    }
    // SAFETY: law 6 and the function's own text: the caller lends so many elements during the call.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A short text (a name, a path): UTF-8.
pub fn text<'a>(pointer: *const c_char, length: usize, name: &str) -> Outcome<&'a str> {
    let bytes = slice(pointer.cast::<u8>(), length, name)?;
    std::str::from_utf8(bytes).map_err(|_| argument(format!("{name} is not valid UTF-8"), "pass UTF-8"))
}

/// Frees a boxed object; NULL, and an object of the parent process, are left alone.
pub fn free<T>(pointer: *mut Object<T>) {
    if let Some(object) = optional(pointer)
        && object.is_ours()
    {
        // SAFETY: the pointer came from `Box::into_raw` in this library, and the caller gives it up (law 3).
        let object = unsafe { Box::from_raw(pointer) };
        // A panic in a destructor must not cross the boundary either.
        let _ = caught(|| drop(object));
    }
}

/// Boxes a new object for C.
pub fn boxed<T>(value: T) -> *mut Object<T> {
    Box::into_raw(Box::new(Object::new(value)))
}

/// The failure of an argument that is NULL.
pub fn null(name: &str) -> Failure {
    argument(format!("{name} is NULL"), "pass what the header asks for here")
}

/// A view of a string that an object keeps: its start, and its length through `out_length` unless that is NULL.
pub fn view(text: &str, out_length: *mut usize) -> *const c_char {
    write_length(out_length, text.len());
    // An empty Rust string points nowhere, which some languages' run times refuse to see.
    if text.is_empty() { c"".as_ptr() } else { text.as_ptr().cast() }
}

/// Writes a length unless the caller does not want it.
pub fn write_length(out_length: *mut usize, length: usize) {
    if !out_length.is_null() {
        // SAFETY: law 2.
        unsafe { out_length.write(length) };
    }
}

impl Failure {
    /// Its status, message, and details.
    pub fn into_parts(self) -> (mtl_status, String, Vec<(&'static str, String)>) {
        match self {
            Self::Library(error) => {
                let details = [("place", error.place()), ("fault", error.message()), ("remedy", error.advice())];
                let details = details.into_iter().filter(|(_, text)| !text.is_empty());
                (error.kind().into(), error.to_string(), details.map(|(k, v)| (k, v.to_string())).collect())
            }
            Self::Here(status, fault, remedy) => {
                let message = if remedy.is_empty() { fault.clone() } else { format!("{fault}; {remedy}") };
                let details = [("fault", fault), ("remedy", remedy.to_string())];
                (status, message, details.into_iter().filter(|(_, text)| !text.is_empty()).collect())
            }
        }
    }
}

/// An error of the library, of a kind.
pub fn library(kind: ErrorKind, message: impl Into<String>, remedy: &str) -> Failure {
    Failure::Library(Error::new(kind, message).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::error::{mtl_error_detail, mtl_error_free, mtl_error_message, mtl_error_status};
    use std::ffi::CStr;
    use std::ptr::{null, null_mut};

    /// Runs `call`, and gives the status and the message of its error.
    fn failing(call: impl FnOnce(*mut *mut mtl_error) -> mtl_status) -> (mtl_status, String) {
        let mut error = null_mut();
        let status = call(&raw mut error);
        assert_eq!(mtl_error_status(error), status);
        // SAFETY: the message is a C string of the error, which lives.
        let message = unsafe { CStr::from_ptr(mtl_error_message(error, null_mut())) }.to_str().unwrap().to_string();
        mtl_error_free(error);
        (status, message)
    }

    #[test]
    fn a_panic_poisons_its_object_and_no_other() {
        let (object, other) = (boxed(1), boxed(2));
        let (status, message) = failing(|e| call_on(object, "object", e, |_| panic!("number {}", 7)));
        assert_eq!(status, mtl_status::MTL_ERROR_PANIC);
        assert!(message.starts_with("libmtl panicked at src/capi/boundary.rs:"), "{message}");
        assert!(message.contains(": number 7; "), "{message}");
        assert_eq!(failing(|e| call_on(object, "object", e, |_| Ok(()))).0, mtl_status::MTL_ERROR_POISONED);
        assert_eq!(failing(|e| call_on_mut(object, "object", e, |_| Ok(()))).0, mtl_status::MTL_ERROR_POISONED);
        assert_eq!(call_on(other, "other", null_mut(), |_| Ok(())), mtl_status::MTL_OK);
        assert_eq!(get(5, || panic!("in an accessor")), 5);
        free(object);
        free(other);
    }

    #[test]
    fn an_object_of_another_process_is_refused_and_not_freed() {
        let object = boxed(vec![1]);
        // SAFETY: the test's own object, used by no other thread.
        unsafe { (*object).process ^= 1 };
        assert_eq!(failing(|e| call_on(object, "object", e, |_| Ok(()))).0, mtl_status::MTL_ERROR_FORKED);
        free(object);
        // SAFETY: `free` has left it alone.
        unsafe { (*object).process ^= 1 };
        assert_eq!(call_on(object, "object", null_mut(), |_| Ok(())), mtl_status::MTL_OK);
        free(object);
    }

    #[test]
    fn null_is_named() {
        let (status, message) = failing(|e| call_on(null::<Object<i32>>(), "model", e, |_| Ok(())));
        assert_eq!(status, mtl_status::MTL_ERROR_ARGUMENT);
        assert!(message.starts_with("model is NULL; "), "{message}");
        assert!(slice(null::<u8>(), 0, "text").is_ok_and(<[u8]>::is_empty));
        assert!(slice(null::<u8>(), 1, "text").is_err());
        free(null_mut::<Object<i32>>());
    }

    #[test]
    fn details_are_for_programs() {
        let failure = Failure::Library(Error::new(ErrorKind::Input, "too\0few").at("line 3").remedy("add one"));
        let error = mtl_error::new(failure);
        let detail = |key: &str| {
            let mut length = 0;
            let text = mtl_error_detail(&raw const error, key.as_ptr().cast(), key.len(), &raw mut length);
            // SAFETY: a C string of the error, which lives.
            (!text.is_null()).then(|| (unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string(), length))
        };
        assert_eq!(detail("place"), Some(("line 3".into(), 6)));
        assert_eq!(detail("fault"), Some(("too\u{2400}few".into(), 9)));
        assert_eq!(detail("remedy"), Some(("add one".into(), 7)));
        assert_eq!(detail("colour"), None);
    }
}
