//! From a kernel's source to machine code, by NVRTC, which is loaded at run time and needs neither a GPU nor CUDA's headers.

use super::{Architecture, Kernel};
use crate::{Error, ErrorKind, Result};
use cudarc::nvrtc::sys;
use std::ffi::{CString, c_char, c_int};
use std::ptr;

/// A kernel's machine code.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The cubin.
    pub code: Vec<u8>,
    /// What the kernel takes of the processor.
    pub resources: Resources,
}

/// What the assembler reports of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory of a block.
    pub shared: u32,
    /// Bytes of a thread's stack: not 0 where registers did not suffice.
    pub stack: u32,
    /// Bytes of spilled registers that a thread stores and loads.
    pub spills: u32,
}

/// Compiles `kernel` for `architecture`. Refuses where NVRTC (of CUDA 11.8 or newer) cannot be loaded.
pub fn compile(kernel: &Kernel, architecture: Architecture) -> Result<Compiled> {
    // SAFETY: loading NVRTC runs its initialisers, which touch nothing of ours.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::new(ErrorKind::Engine, "NVRTC, the run-time compiler of CUDA, cannot be loaded")
            .at("libnvrtc.so")
            .remedy("install CUDA's NVRTC and put its folder on the loader's path, or use the native engine"));
    }
    let program = Program::new(kernel)?;
    let options = options(kernel, architecture).iter().map(|option| text(option)).collect::<Result<Vec<_>>>()?;
    let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
    // SAFETY: the program lives, and `pointers` are as many strings that end in a zero byte.
    let outcome = unsafe { sys::nvrtcCompileProgram(program.0, pointers.len() as c_int, pointers.as_ptr()) };
    let log = program.log()?;
    if outcome != sys::nvrtcResult::NVRTC_SUCCESS {
        let message = format!("NVRTC does not compile it for {architecture}: {}", log.trim());
        return Err(Error::new(ErrorKind::Engine, message).at(kernel));
    }
    let resources = resources(&log).ok_or_else(|| {
        Error::new(ErrorKind::Engine, format!("NVRTC does not say what it takes: {}", log.trim()))
            .at(kernel)
            .remedy("use NVRTC of CUDA 12 or 13")
    })?;
    Ok(Compiled { code: program.code()?, resources })
}

/// What NVRTC is told.
pub(super) fn options(kernel: &Kernel, architecture: Architecture) -> Vec<String> {
    let mut options =
        vec![format!("--gpu-architecture={architecture}"), "--std=c++17".into(), "--ptxas-options=-v".into()];
    options.extend(kernel.defines.iter().map(|(name, value)| format!("-D{name}={value}")));
    options
}

/// A program of NVRTC; freed when dropped.
struct Program(sys::nvrtcProgram);

impl Program {
    fn new(kernel: &Kernel) -> Result<Self> {
        let (source, file) = (text(kernel.source())?, text(kernel.file)?);
        let headers = Kernel::HEADERS.map(|(_, header)| text(header)).into_iter().collect::<Result<Vec<_>>>()?;
        let names = Kernel::HEADERS.map(|(name, _)| text(name)).into_iter().collect::<Result<Vec<_>>>()?;
        let pointers = |strings: &[CString]| -> Vec<*const c_char> { strings.iter().map(|s| s.as_ptr()).collect() };
        let (headers, names, mut program) = (pointers(&headers), pointers(&names), ptr::null_mut());
        // SAFETY: all strings end in a zero byte and are copied; there are as many headers as names.
        check(unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                source.as_ptr(),
                file.as_ptr(),
                headers.len() as c_int,
                headers.as_ptr(),
                names.as_ptr(),
            )
        })?;
        Ok(Self(program))
    }

    /// What the compiler and the assembler said.
    fn log(&self) -> Result<String> {
        // SAFETY: the program lives; the log is as long as was said.
        let log = unsafe {
            self.fetch(|size| sys::nvrtcGetProgramLogSize(self.0, size), |bytes| sys::nvrtcGetProgramLog(self.0, bytes))
        }?;
        Ok(String::from_utf8_lossy(&log).trim_end_matches('\0').to_string())
    }

    /// The machine code.
    fn code(&self) -> Result<Vec<u8>> {
        // SAFETY: the program lives and is compiled; its code is as long as was said.
        unsafe { self.fetch(|size| sys::nvrtcGetCUBINSize(self.0, size), |bytes| sys::nvrtcGetCUBIN(self.0, bytes)) }
    }

    /// # Safety
    ///
    /// `write` writes no more bytes than `measure` says.
    unsafe fn fetch(
        &self,
        measure: impl FnOnce(*mut usize) -> sys::nvrtcResult,
        write: impl FnOnce(*mut c_char) -> sys::nvrtcResult,
    ) -> Result<Vec<u8>> {
        let mut size = 0;
        check(measure(&mut size))?;
        let mut bytes = vec![0u8; size];
        check(write(bytes.as_mut_ptr().cast()))?;
        Ok(bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program was created, and nobody uses it from here on. There is nothing to do if it fails.
        unsafe { sys::nvrtcDestroyProgram(&mut self.0) };
    }
}

fn check(outcome: sys::nvrtcResult) -> Result<()> {
    match outcome {
        sys::nvrtcResult::NVRTC_SUCCESS => Ok(()),
        fault => Err(Error::new(ErrorKind::Engine, format!("NVRTC failed: {fault:?}"))),
    }
}

fn text(string: &str) -> Result<CString> {
    CString::new(string).map_err(|fault| Error::new(ErrorKind::Engine, "a source holds a zero byte").caused_by(fault))
}

/// Reads the assembler's lines, such as `0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads` and
/// `Used 84 registers, used 1 barriers, 3840 bytes smem`.
fn resources(log: &str) -> Option<Resources> {
    let before = |words: &str| -> Option<u32> { log.split(words).next()?.split_whitespace().next_back()?.parse().ok() };
    let needed = |words: &str| log.contains(words).then(|| before(words)).flatten();
    Some(Resources {
        registers: needed(" registers")?,
        shared: needed(" bytes smem").unwrap_or(0),
        stack: needed(" bytes stack frame")?,
        spills: needed(" bytes spill stores")? + needed(" bytes spill loads")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_the_assembler_is_read() {
        let log = "ptxas info    : Function properties for bilstm\n\
            ptxas         .     56 bytes stack frame, 104 bytes spill stores, 116 bytes spill loads\n\
            ptxas info    : Used 168 registers, used 0 barriers, 56 bytes cumulative stack size, 23552 bytes smem\n";
        let expected = Resources { registers: 168, shared: 23552, stack: 56, spills: 220 };
        assert_eq!(resources(log), Some(expected));
        assert_eq!(resources("ptxas info    : 28 bytes gmem"), None);
    }
}
