//! CUDA's driver, which is loaded at run time: nothing of CUDA is needed to build, or to start.
//!
//! cudarc declares the driver's functions, and the compiler holds ours against its declarations. They are looked up here,
//! because cudarc panics where the driver or one of its functions is missing, and because its results are an
//! enumeration, which a result of a newer driver would not be a member of.

use crate::{Error, ErrorKind, Result};
use cudarc::driver::sys;
use libloading::Library;
use std::ffi::{CStr, OsString, c_char, c_int, c_uint, c_void};
use std::fmt::Write;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use sys::{CUcontext, CUdevice, CUdevice_attribute, CUdeviceptr, CUevent, CUfunction, CUmodule, CUresult, CUstream};

macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        /// The functions that are called, by their names. Each returns 0, or what went wrong.
        #[expect(non_snake_case, reason = "the driver's own names")]
        pub(super) struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) -> u32,)*
        }

        impl Functions {
            /// Looks all of them up; the error is that of the first that is missing.
            ///
            /// # Safety
            ///
            /// `library` is CUDA's driver: what it has of these names is of these types. It is never unloaded.
            unsafe fn find(library: &Library) -> std::result::Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the caller promises the types, and that the library stays.
                    $($name: unsafe { *library.get(concat!(stringify!($name), "\0").as_bytes())? },)*
                })
            }
        }

        $(const _: unsafe fn($($argument),*) -> CUresult = sys::$name;)*
    };
}

functions! {
    cuInit(c_uint);
    cuDriverGetVersion(*mut c_int);
    cuGetErrorName(CUresult, *mut *const c_char);
    cuGetErrorString(CUresult, *mut *const c_char);
    cuDeviceGetCount(*mut c_int);
    cuDeviceGet(*mut CUdevice, c_int);
    cuDeviceGetName(*mut c_char, c_int, CUdevice);
    cuDeviceGetAttribute(*mut c_int, CUdevice_attribute, CUdevice);
    cuDevicePrimaryCtxRetain(*mut CUcontext, CUdevice);
    cuDevicePrimaryCtxRelease_v2(CUdevice);
    cuCtxPushCurrent_v2(CUcontext);
    cuCtxPopCurrent_v2(*mut CUcontext);
    cuStreamCreate(*mut CUstream, c_uint);
    cuStreamSynchronize(CUstream);
    cuStreamDestroy_v2(CUstream);
    cuEventCreate(*mut CUevent, c_uint);
    cuEventRecord(CUevent, CUstream);
    cuEventSynchronize(CUevent);
    cuEventDestroy_v2(CUevent);
    cuModuleLoadData(*mut CUmodule, *const c_void);
    cuModuleUnload(CUmodule);
    cuModuleGetFunction(*mut CUfunction, CUmodule, *const c_char);
    cuMemAlloc_v2(*mut CUdeviceptr, usize);
    cuMemFree_v2(CUdeviceptr);
    cuMemAllocHost_v2(*mut *mut c_void, usize);
    cuMemFreeHost(*mut c_void);
    cuMemcpyHtoDAsync_v2(CUdeviceptr, *const c_void, usize, CUstream);
    cuMemcpyDtoHAsync_v2(*mut c_void, CUdeviceptr, usize, CUstream);
    cuLaunchKernel(
        CUfunction, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, CUstream, *mut *mut c_void, *mut *mut c_void
    );
}

/// What the driver is called here.
const NAME: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// Where an error says it happened when no device is concerned.
const PLACE: &str = "CUDA";

/// The driver, initialised. It stays in the process.
pub struct Driver {
    pub(super) functions: Functions,
    /// Of the CUDA that it supports: 13000 is 13.0.
    version: c_int,
}

impl Driver {
    /// Loads and initialises the driver: that of the machine, or the library of this path, which must be CUDA's driver or
    /// stand in for it.
    pub fn load(library: Option<&Path>) -> Result<Arc<Self>> {
        let name: OsString = library.map_or(NAME.into(), Into::into);
        // SAFETY: loading the driver runs its initialisers, which have no preconditions; the caller vouches for a path.
        let found = unsafe { Library::new(&name) }.map_err(|fault| {
            let message = format!("no CUDA driver ({NAME}) can be loaded");
            missing(message).at(name.display()).caused_by(fault)
        })?;
        // It has threads of its own, so it is never unloaded.
        let found = ManuallyDrop::new(found);
        // SAFETY: it goes by the driver's name, or is what the caller calls so; and it is not unloaded.
        let functions = unsafe { Functions::find(&found) }
            .map_err(|fault| missing("the CUDA driver is too old").at(name.display()).caused_by(fault))?;
        let mut driver = Self { functions, version: 0 };
        // SAFETY: the driver's first call; 0 is the only value.
        driver.check(unsafe { (driver.functions.cuInit)(0) }, "cannot be initialised")?;
        let mut version = 0;
        // SAFETY: the pointer is valid for the call.
        driver.check(unsafe { (driver.functions.cuDriverGetVersion)(&mut version) }, "does not tell its version")?;
        driver.version = version;
        Ok(Arc::new(driver))
    }

    /// The CUDA that it supports, such as `13.0`.
    pub fn version(&self) -> String {
        format!("{}.{}", self.version / 1000, self.version % 1000 / 10)
    }

    /// How many GPUs there are.
    pub fn devices(&self) -> Result<usize> {
        let mut count = 0;
        // SAFETY: the pointer is valid for the call.
        self.check(unsafe { (self.functions.cuDeviceGetCount)(&mut count) }, "does not count its devices")?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// The error of a call that does not give 0: the driver `failed`. Short memory is of the kind `Limit`.
    pub(super) fn check(&self, outcome: u32, failed: &str) -> Result<()> {
        if outcome == CUresult::CUDA_SUCCESS as u32 {
            return Ok(());
        }
        if outcome == CUresult::CUDA_ERROR_OUT_OF_MEMORY as u32 {
            let message = format!("the GPU has not enough memory: the driver {failed}");
            return Err(Error::new(ErrorKind::Limit, message)
                .at(PLACE)
                .remedy("pass less at once, or use the native engine; the model can be used on"));
        }
        let mut message = format!("the CUDA driver {failed}: ");
        let _ = match self.describe(outcome) {
            Some(text) => write!(message, "{text}"),
            None => write!(message, "error {outcome}"),
        };
        // After these nothing that the process asks of the GPU is done any more.
        let lost = (700..720).contains(&outcome);
        let remedy = if lost { "end the process and start anew: it has lost the GPU" } else { "use the native engine" };
        Err(Error::new(ErrorKind::Engine, message).at(PLACE).remedy(remedy))
    }

    /// The driver's words for an outcome; none where it has none.
    fn describe(&self, outcome: u32) -> Option<String> {
        type Describe<R> = unsafe extern "C" fn(R, *mut *const c_char) -> u32;
        let text = |function: Describe<CUresult>| {
            // SAFETY: `CUresult` is a `u32` of which not every value has a name; C takes any.
            let function = unsafe { std::mem::transmute::<Describe<CUresult>, Describe<u32>>(function) };
            let mut text = ptr::null();
            // SAFETY: the pointer is valid for the call.
            let known = unsafe { function(outcome, &mut text) } == 0 && !text.is_null();
            // SAFETY: the driver's strings are static and end in a zero byte.
            known.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        };
        let name = text(self.functions.cuGetErrorName)?;
        Some(text(self.functions.cuGetErrorString).map_or(name.clone(), |words| format!("{name} ({words})")))
    }
}

fn missing(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Engine, message)
        .remedy("install NVIDIA's driver, of CUDA 11.8 or newer, on a machine with a GPU, or use the native engine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_the_refusal_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Driver::load(Some(&folder.path().join("none.so"))).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Engine);
        assert!(error.message().starts_with("no CUDA driver (") && error.place().ends_with("none.so"), "{error}");
        assert!(error.advice().contains("install NVIDIA's driver"), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_library_that_is_no_driver_is_refused() {
        let error = Driver::load(Some(Path::new("libc.so.6"))).err().unwrap();
        assert_eq!((error.message(), error.place()), ("the CUDA driver is too old", "libc.so.6"));
    }
}
