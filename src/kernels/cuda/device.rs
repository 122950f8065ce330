//! A GPU: its memory, and kernels in it. Everything is freed when it is dropped.
//!
//! A thread has a device's context while it holds a [`Current`]; afterwards it has the one that it had before, for the
//! program may use CUDA in ways of its own.

use super::driver::Driver;
use super::stream::Stream;
use super::{Address, Architecture, Kernel};
use crate::{Error, ErrorKind, Result};
use cudarc::driver::sys::{CUcontext, CUdevice, CUdevice_attribute, CUfunction, CUmodule, CUresult};
use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::size_of_val;
use std::ptr;
use std::sync::Arc;

/// Memory is taken in pieces of so many bytes at least.
const PIECE: usize = 4096;

/// A GPU, and the context that the process shares in it.
pub struct Device {
    pub(super) driver: Arc<Driver>,
    device: CUdevice,
    context: CUcontext,
    name: String,
    architecture: Architecture,
    processors: usize,
}

// SAFETY: the context belongs to no thread, and every function of the driver may be called from any.
unsafe impl Send for Device {}
// SAFETY: as above; nothing of a device changes.
unsafe impl Sync for Device {}

impl Device {
    /// Opens the GPU of this number.
    pub fn open(driver: &Arc<Driver>, number: u16) -> Result<Arc<Self>> {
        let count = driver.devices()?;
        if usize::from(number) >= count {
            let message = format!("there is no GPU {number}: the CUDA driver has {count}");
            return Err(Error::new(ErrorKind::Engine, message).remedy("count from 0, or use the native engine"));
        }
        let place = |error: Error| error.at(format!("GPU {number}"));
        Self::retain(driver, number).map(Arc::new).map_err(place)
    }

    fn retain(driver: &Arc<Driver>, number: u16) -> Result<Self> {
        let (functions, mut device, mut context) = (&driver.functions, 0, ptr::null_mut());
        // SAFETY: the pointer is valid for the call, and so it is in those below.
        driver.check(unsafe { (functions.cuDeviceGet)(&mut device, number.into()) }, "does not give it")?;
        let mut name = [0; 256];
        // SAFETY: the buffer has as many bytes as it says; the name in it ends in a zero byte.
        let outcome = unsafe { (functions.cuDeviceGetName)(name.as_mut_ptr(), name.len() as c_int, device) };
        driver.check(outcome, "does not name it")?;
        // SAFETY: the driver ended the name, or the buffer is all zeros.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned();
        let attribute = |attribute: CUdevice_attribute| -> Result<u32> {
            let mut value = 0;
            // SAFETY: the device is one; the pointer is valid for the call.
            let outcome = unsafe { (functions.cuDeviceGetAttribute)(&mut value, attribute, device) };
            driver.check(outcome, "does not describe it")?;
            Ok(u32::try_from(value).unwrap_or(0))
        };
        let major = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let processors = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as usize;
        let architecture = Architecture::new(major, minor)?;
        // SAFETY: the device is one; what is retained is released when this is dropped.
        let outcome = unsafe { (functions.cuDevicePrimaryCtxRetain)(&mut context, device) };
        driver.check(outcome, "does not give its context")?;
        Ok(Self { driver: Arc::clone(driver), device, context, name, architecture, processors })
    }

    /// What its maker calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kernels for it are compiled for.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Blocks that run at the same time, at least.
    pub fn processors(&self) -> usize {
        self.processors
    }

    /// Its driver.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Makes its context that of this thread.
    pub(super) fn enter(&self) -> Result<Current<'_>> {
        // SAFETY: the context is retained; it is popped when the guard is dropped.
        self.driver.check(unsafe { (self.driver.functions.cuCtxPushCurrent_v2)(self.context) }, "does not enter")?;
        Ok(Current { device: self, _thread: std::marker::PhantomData })
    }

    /// Calls `free`, in the device's context; where it cannot be entered it is lost, and its memory with it.
    pub(super) fn free(&self, free: impl FnOnce(&Driver) -> u32) {
        if let Ok(_current) = self.enter() {
            // Nobody is left to be told of a failure.
            free(&self.driver);
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: it was retained once, and everything in it holds this, so is gone.
        unsafe { (self.driver.functions.cuDevicePrimaryCtxRelease_v2)(self.device) };
    }
}

/// While it lives, its thread has the device's context.
pub struct Current<'a> {
    device: &'a Device,
    /// It ends on the thread where it began.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Current<'_> {
    /// The error of a call of the driver, which `failed`.
    pub(super) fn call(&self, outcome: u32, failed: &str) -> Result<()> {
        self.device.driver.check(outcome, failed)
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = ptr::null_mut();
        // SAFETY: this thread pushed it; guards are dropped in the opposite order. A failure concerns nobody here.
        unsafe { (self.device.driver.functions.cuCtxPopCurrent_v2)(&mut popped) };
    }
}

/// A kernel in the GPU.
pub struct Loaded {
    device: Arc<Device>,
    module: CUmodule,
    pub(super) function: CUfunction,
    pub(super) threads: u32,
    pub(super) name: String,
}

// SAFETY: a module belongs to no thread.
unsafe impl Send for Loaded {}
// SAFETY: nothing of it changes once it is loaded.
unsafe impl Sync for Loaded {}

impl Loaded {
    /// Loads `kernel` from its machine code.
    pub(super) fn new(device: &Arc<Device>, kernel: &Kernel, code: &[u8]) -> std::result::Result<Self, Refusal> {
        let (current, functions) = (device.enter()?, &device.driver.functions);
        let (mut module, mut function) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the code is that of a cubin, whose headers tell the driver its length; it is copied.
        let outcome = unsafe { (functions.cuModuleLoadData)(&mut module, code.as_ptr().cast()) };
        current.call(outcome, &format!("does not load {kernel}")).map_err(|error| {
            let code = CODE_REFUSED.iter().any(|&refused| refused as u32 == outcome);
            let remedy = "use an NVRTC that is no newer than the driver, or the native engine";
            Refusal { error: if code { error.remedy(remedy) } else { error }, code }
        })?;
        let (threads, name) = (kernel.threads as u32, kernel.to_string());
        let mut loaded = Self { device: Arc::clone(device), module, function, threads, name };
        let entry = CString::new(kernel.entry)
            .map_err(|fault| Error::new(ErrorKind::Engine, "a kernel's name holds a zero byte").caused_by(fault))?;
        // SAFETY: the module lives as long as the function, and the name ends in a zero byte.
        let outcome = unsafe { (functions.cuModuleGetFunction)(&mut function, module, entry.as_ptr()) };
        current.call(outcome, &format!("does not find {kernel}"))?;
        loaded.function = function;
        Ok(loaded)
    }
}

/// A kernel that was not loaded.
pub(super) struct Refusal {
    pub error: Error,
    /// Whether its machine code is at fault, and not the state of the GPU.
    pub code: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, code: false }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

/// What the driver says of machine code that is damaged, or not for it.
const CODE_REFUSED: [CUresult; 4] = [
    CUresult::CUDA_ERROR_INVALID_IMAGE,
    CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU,
    CUresult::CUDA_ERROR_INVALID_SOURCE,
    CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
];

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: the module lives; what was launched of it is done, as the network waits for its stream.
        self.device.free(|driver| unsafe { (driver.functions.cuModuleUnload)(self.module) });
    }
}

/// Memory of the GPU.
pub struct Memory {
    device: Arc<Device>,
    address: Address,
    pub(super) capacity: usize,
}

impl Memory {
    /// None yet.
    pub fn empty(device: &Arc<Device>) -> Self {
        Self { device: Arc::clone(device), address: 0, capacity: 0 }
    }

    /// Memory with these values, when `stream` is done.
    pub fn of<T: bytemuck::NoUninit>(stream: &Stream, values: &[T]) -> Result<Self> {
        let mut memory = Self::empty(stream.device());
        let (current, bytes) = (stream.device().enter()?, size_of_val(values));
        memory.reserve(&current, bytes)?;
        // SAFETY: the values have so many bytes, and are borrowed until the stream is done.
        unsafe { stream.upload_slice(&current, values.as_ptr().cast(), &memory, bytes) }?;
        stream.finish(&current)?;
        Ok(memory)
    }

    /// Its address, for a kernel.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Makes it `bytes` long or longer; what it held may be lost. After a failure it is empty.
    pub fn reserve(&mut self, current: &Current, bytes: usize) -> Result<()> {
        if bytes <= self.capacity {
            return Ok(());
        }
        self.clear(current);
        let capacity = piece(bytes);
        // SAFETY: a context is current; the pointer is valid for the call.
        let outcome = unsafe { (self.device.driver.functions.cuMemAlloc_v2)(&mut self.address, capacity) };
        current.call(outcome, &format!("has no {capacity} bytes"))?;
        self.capacity = capacity;
        Ok(())
    }

    /// Frees it.
    pub fn clear(&mut self, _: &Current) {
        if self.capacity > 0 {
            // SAFETY: it was allocated and is freed once; the driver waits for what uses it.
            unsafe { (self.device.driver.functions.cuMemFree_v2)(self.address) };
        }
        (self.address, self.capacity) = (0, 0);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let device = Arc::clone(&self.device);
        if let Ok(current) = device.enter() {
            self.clear(&current);
        }
    }
}

/// Memory of the host that the GPU reads and writes itself.
pub struct Pinned {
    device: Arc<Device>,
    pub(super) pointer: *mut c_void,
    pub(super) capacity: usize,
}

// SAFETY: it belongs to no thread.
unsafe impl Send for Pinned {}

impl Pinned {
    /// None yet.
    pub fn empty(device: &Arc<Device>) -> Self {
        Self { device: Arc::clone(device), pointer: ptr::null_mut(), capacity: 0 }
    }

    /// Makes it `bytes` long or longer, all zeros where it grew; what it held may be lost. After a failure it is empty.
    pub fn reserve(&mut self, current: &Current, bytes: usize) -> Result<()> {
        if bytes <= self.capacity {
            return Ok(());
        }
        self.clear(current);
        let capacity = piece(bytes);
        // SAFETY: a context is current; the pointer is valid for the call.
        let outcome = unsafe { (self.device.driver.functions.cuMemAllocHost_v2)(&mut self.pointer, capacity) };
        current.call(outcome, &format!("pins no {capacity} bytes"))?;
        // SAFETY: so many bytes were allocated. Rust wants them to have values before it reads them.
        unsafe { self.pointer.write_bytes(0, capacity) };
        self.capacity = capacity;
        Ok(())
    }

    /// `count` values after `skip` bytes, which the GPU must not be using.
    pub fn values<T: bytemuck::Pod>(&mut self, skip: usize, count: usize) -> &mut [T] {
        if count == 0 {
            return &mut [];
        }
        assert!(skip + size_of::<T>() * count <= self.capacity && skip.is_multiple_of(align_of::<T>()));
        // SAFETY: so many bytes are there and have values, pages are aligned to any `T`, and `self` is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.byte_add(skip).cast(), count) }
    }

    /// Frees it.
    pub fn clear(&mut self, _: &Current) {
        if self.capacity > 0 {
            // SAFETY: it was allocated and is freed once; the network waits for the copies from and to it.
            unsafe { (self.device.driver.functions.cuMemFreeHost)(self.pointer) };
        }
        (self.pointer, self.capacity) = (ptr::null_mut(), 0);
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let device = Arc::clone(&self.device);
        if let Ok(current) = device.enter() {
            self.clear(&current);
        }
    }
}

/// `bytes`, rounded up by an eighth at most, so that calls of like sizes share what one took.
fn piece(bytes: usize) -> usize {
    let step = (bytes.checked_next_power_of_two().unwrap_or(bytes) / 8).max(PIECE);
    bytes.checked_next_multiple_of(step).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::piece;

    #[test]
    fn memory_is_taken_in_few_sizes() {
        assert_eq!([1, 4096, 4097, 40_000, 70_000].map(piece), [4096, 4096, 8192, 40_960, 81_920]);
        assert!((1..200_000).all(|bytes| piece(bytes) >= bytes && piece(bytes) - bytes < (bytes / 4).max(4096)));
        assert_eq!(piece(usize::MAX), usize::MAX);
    }
}
