//! A stand-in for CUDA's driver, which runs the emulator.

use super::emulator::{build, compile};
use libloading::{Library, Symbol};
use libmtl::Result;
use libmtl::kernels::cuda::{Architecture, Cache, Device, Driver, Kernel, Kernels, Sizes};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

/// CUDA's numbers.
pub const ILLEGAL_ADDRESS: u32 = 700;
pub const OUT_OF_MEMORY: u32 = 2;

/// The stand-in for the driver, with a state of its own.
pub struct Fake {
    pub library: Library,
    pub path: PathBuf,
    /// Kernels that were built for the emulator.
    pub folder: TempDir,
}

impl Fake {
    pub fn new() -> Self {
        static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
        let (_, built) = BUILT.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("driver.so");
            compile("driver.cpp", &[], &path);
            (folder, path)
        });
        let folder = tempfile::tempdir().unwrap();
        // Another file is another library, with variables of its own.
        let path = folder.path().join("driver.so");
        std::fs::copy(built, &path).unwrap();
        // SAFETY: the library was just built, and has no initialisers but those of its variables.
        let library = unsafe { Library::new(&path) }.unwrap();
        Self { library, path, folder }
    }

    /// What a function of the stand-in without arguments returns.
    pub fn ask<T>(&self, name: &str) -> T {
        // SAFETY: driver.cpp defines the functions that are asked so.
        unsafe {
            let function: Symbol<unsafe extern "C" fn() -> T> = self.library.get(name.as_bytes()).unwrap();
            function()
        }
    }

    pub fn text(&self, name: &str) -> String {
        // SAFETY: driver.cpp returns strings that end in a zero byte, and stay until the next call.
        unsafe { CStr::from_ptr(self.ask::<*const c_char>(name)) }.to_str().unwrap().to_string()
    }

    pub fn gpu(&self, count: i32, architecture: [i32; 2]) {
        // SAFETY: driver.cpp defines the function so.
        unsafe {
            let set: Symbol<unsafe extern "C" fn(i32, i32, i32)> = self.library.get(b"fake_gpu").unwrap();
            set(count, architecture[0], architecture[1]);
        }
    }

    /// The call of `name` after `skip` more gives `result`; none fails where that is 0.
    pub fn fail(&self, name: &str, skip: u32, result: u32) {
        let name = CString::new(name).unwrap();
        // SAFETY: driver.cpp defines the function so; the name ends in a zero byte.
        unsafe {
            let set: Symbol<unsafe extern "C" fn(*const c_char, u32, u32)> = self.library.get(b"fake_fail").unwrap();
            set(name.as_ptr(), skip, result);
        }
    }

    pub fn calls(&self, name: &str) -> u32 {
        let name = CString::new(name).unwrap();
        // SAFETY: driver.cpp defines the function so; the name ends in a zero byte.
        unsafe {
            let count: Symbol<unsafe extern "C" fn(*const c_char) -> u32> = self.library.get(b"fake_calls").unwrap();
            count(name.as_ptr())
        }
    }

    /// The device, and where its kernels are.
    pub fn kernels(&self) -> Result<Kernels> {
        let device = Device::open(&Driver::load(Some(&self.path))?, 0)?;
        Ok(Kernels::new(&device, Some(Cache::new(self.folder.path())?)))
    }

    /// Builds a kernel for the emulator where NVRTC would compile it; once for all tests of a program.
    pub fn provide(&self, kernel: &Kernel, architecture: Architecture) {
        static BUILT: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
        let output = self.folder.path().join("kernel.so");
        let build = || {
            if let Some(code) = BUILT.lock().unwrap().get(&kernel.to_string()) {
                return Ok(code.clone());
            }
            build(kernel, &output);
            let code = std::fs::read(&output).unwrap();
            BUILT.lock().unwrap().insert(kernel.to_string(), code.clone());
            Ok(code)
        };
        Cache::new(self.folder.path()).unwrap().get(kernel, architecture, build).unwrap();
    }

    /// Builds the kernels of a network of these sizes, with heads of so many labels.
    pub fn provide_network(&self, sizes: Sizes, labels: &[usize], architecture: Architecture) {
        let heads = labels.iter().map(|&labels| sizes.with_labels(labels).unwrap().crf());
        for kernel in heads.chain(sizes.tiles().map(|tiles| sizes.bilstm(tiles))).chain([sizes.project()]) {
            self.provide(&kernel, architecture);
        }
    }

    /// Builds the kernels that a guest has beside those of its network.
    pub fn provide_guest(&self, sizes: Sizes, labels: &[usize], architecture: Architecture) {
        let pads = labels.iter().map(|&labels| sizes.with_labels(labels).unwrap().pad());
        pads.chain([sizes.gather()]).for_each(|kernel| self.provide(&kernel, architecture));
    }

    /// Nothing is left, and nothing was done that no caller may do.
    pub fn check(&self) {
        assert_eq!(self.text("fake_faults"), "");
        assert_eq!((self.ask::<u32>("fake_live"), self.ask::<u32>("fake_entered")), (0, 0), "left over");
    }
}
