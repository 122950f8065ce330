//! Streams: what is asked of a GPU, done in order. Nothing of it is certain before [`Stream::finish`], or before
//! [`Event::wait`] of an event that was recorded after it.

use super::device::{Current, Device, Loaded, Memory, Pinned};
use crate::{Error, ErrorKind, Result};
use cudarc::driver::sys::{CUevent, CUstream};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// A stream that does not wait for the program's default stream.
const NON_BLOCKING: u32 = 1;

/// An event that does not tell the time.
const UNTIMED: u32 = 2;

/// Work for the GPU, done in order.
pub struct Stream {
    device: Arc<Device>,
    handle: CUstream,
    /// Whether it ends with this.
    own: bool,
}

// SAFETY: a stream belongs to no thread.
unsafe impl Send for Stream {}
// SAFETY: the driver takes its calls from any thread.
unsafe impl Sync for Stream {}

impl Stream {
    /// An empty stream.
    pub fn new(device: &Arc<Device>) -> Result<Self> {
        let (current, mut handle) = (device.enter()?, ptr::null_mut());
        // SAFETY: a context is current; the pointer is valid for the call.
        let outcome = unsafe { (device.driver.functions.cuStreamCreate)(&mut handle, NON_BLOCKING) };
        current.call(outcome, "makes no stream")?;
        Ok(Self { device: Arc::clone(device), handle, own: true })
    }

    /// The stream of somebody else, who also ends it.
    ///
    /// # Safety
    ///
    /// `handle` is a stream of the device's primary context, and lives as long as what this returns.
    pub unsafe fn foreign(device: &Arc<Device>, handle: *mut c_void) -> Self {
        Self { device: Arc::clone(device), handle: handle.cast(), own: false }
    }

    /// Its device.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Waits until all is done; an error of anything before shows here at the latest.
    pub fn finish(&self, current: &Current) -> Result<()> {
        // SAFETY: the stream lives, and its context is current.
        current.call(unsafe { (self.device.driver.functions.cuStreamSynchronize)(self.handle) }, "fails in its work")
    }

    /// Copies the first `bytes` of `from` to `to`.
    ///
    /// # Safety
    ///
    /// These bytes stay as they are until the stream has come so far.
    pub unsafe fn upload(&self, current: &Current, from: &Pinned, to: &Memory, bytes: usize) -> Result<()> {
        assert!(bytes <= from.capacity, "a copy beyond the memory");
        // SAFETY: the host's memory was just checked, and the caller lets it be.
        unsafe { self.upload_slice(current, from.pointer, to, bytes) }
    }

    /// As [`Stream::upload`], from memory that is not pinned.
    ///
    /// # Safety
    ///
    /// `from` has so many bytes, which stay as they are until the stream has come so far.
    pub unsafe fn upload_slice(&self, current: &Current, from: *const c_void, to: &Memory, bytes: usize) -> Result<()> {
        assert!(bytes <= to.capacity, "a copy beyond the memory");
        // SAFETY: the device's memory was just checked, the caller vouches for the host's.
        let outcome =
            unsafe { (self.device.driver.functions.cuMemcpyHtoDAsync_v2)(to.address(), from, bytes, self.handle) };
        current.call(outcome, "does not copy to the GPU")
    }

    /// Copies the first `bytes` of `from` to `to`, `skip` bytes on.
    pub fn download(&self, current: &Current, from: &Memory, to: &Pinned, skip: usize, bytes: usize) -> Result<()> {
        assert!(bytes <= from.capacity && skip + bytes <= to.capacity, "a copy beyond the memory");
        // SAFETY: both were just checked.
        let outcome = unsafe {
            let to = to.pointer.byte_add(skip);
            (self.device.driver.functions.cuMemcpyDtoHAsync_v2)(to, from.address(), bytes, self.handle)
        };
        current.call(outcome, "does not copy from the GPU")
    }

    /// Runs `blocks` blocks of `loaded`.
    ///
    /// # Safety
    ///
    /// `arguments` are those of the kernel, and the memory that they name is as long as the kernel wants it.
    pub unsafe fn launch<A>(&self, current: &Current, loaded: &Loaded, blocks: usize, arguments: &A) -> Result<()> {
        let blocks = u32::try_from(blocks).ok().filter(|&blocks| blocks <= i32::MAX as u32);
        let Some(blocks) = blocks else {
            return Err(Error::new(ErrorKind::Limit, "too much for one launch").remedy("pass less at once"));
        };
        // The driver reads as much of it as the kernel says. Clusters are part of the kernel, too.
        let mut arguments = ptr::from_ref(arguments).cast_mut().cast::<c_void>();
        let (threads, nothing) = (loaded.threads, ptr::null_mut());
        // SAFETY: the kernel lives; its only parameter is the caller's `arguments`, which the driver copies.
        let outcome = unsafe {
            let launch = self.device.driver.functions.cuLaunchKernel;
            launch(loaded.function, blocks, 1, 1, threads, 1, 1, 0, self.handle, &mut arguments, nothing)
        };
        current.call(outcome, &format!("does not launch {}", loaded.name))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.own {
            // SAFETY: the stream lives, and nobody uses it from here on.
            self.device.free(|driver| unsafe { (driver.functions.cuStreamDestroy_v2)(self.handle) });
        }
    }
}

/// A place in a stream. It can be waited for when the stream is gone.
pub struct Event {
    device: Arc<Device>,
    handle: CUevent,
}

// SAFETY: an event belongs to no thread.
unsafe impl Send for Event {}

impl Event {
    /// An event that has happened.
    pub fn new(device: &Arc<Device>) -> Result<Self> {
        let (current, mut handle) = (device.enter()?, ptr::null_mut());
        // SAFETY: a context is current; the pointer is valid for the call.
        let outcome = unsafe { (device.driver.functions.cuEventCreate)(&mut handle, UNTIMED) };
        current.call(outcome, "makes no event")?;
        Ok(Self { device: Arc::clone(device), handle })
    }

    /// It happens when what `stream` has been asked for by now is done.
    pub fn record(&self, current: &Current, stream: &Stream) -> Result<()> {
        // SAFETY: both live, in the context that is current.
        let outcome = unsafe { (self.device.driver.functions.cuEventRecord)(self.handle, stream.handle) };
        current.call(outcome, "records no event")
    }

    /// Waits until it has happened; an error of anything before shows here at the latest.
    pub fn wait(&self, current: &Current) -> Result<()> {
        // SAFETY: the event lives, and its context is current.
        current.call(unsafe { (self.device.driver.functions.cuEventSynchronize)(self.handle) }, "fails in its work")
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event lives, and nobody uses it from here on.
        self.device.free(|driver| unsafe { (driver.functions.cuEventDestroy_v2)(self.handle) });
    }
}
