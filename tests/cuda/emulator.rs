//! Builds a kernel for the emulator, and runs it.

use libloading::{Library, Symbol};
use libmtl::kernels::cuda::Kernel;
use std::ffi::c_void;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A kernel as a shared library of this machine.
pub struct Emulated {
    kernel: Kernel,
    library: Library,
    _folder: TempDir,
}

impl Emulated {
    /// Compiles the kernel with `CXX`, or `c++`.
    pub fn new(kernel: Kernel) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("kernel.so");
        build(&kernel, &output);
        // SAFETY: the library was just built; its initialisers fill a table.
        let library = unsafe { Library::new(&output) }.unwrap();
        Self { kernel, library, _folder: folder }
    }

    /// Runs `blocks` blocks; `arguments` are those of the kernel, and their addresses those of this process.
    pub fn run<A>(&self, blocks: usize, arguments: &A, seed: u32) {
        type Emulate = unsafe extern "C" fn(u32, u32, u32, *const c_void, u32);
        let pointer = std::ptr::from_ref(arguments).cast();
        // SAFETY: kernel.cpp defines the function so; the caller's arguments are the kernel's.
        unsafe {
            let emulate: Symbol<Emulate> = self.library.get(b"emulate").unwrap();
            emulate(blocks as u32, self.kernel.threads as u32, self.kernel.cluster as u32, pointer, seed);
        }
    }
}

/// Compiles `kernel` to a shared library.
pub fn build(kernel: &Kernel, output: &Path) {
    let arguments = match kernel.entry {
        "gather" => "Gather",
        "project" => "Projection",
        "pad" => "Pad",
        "bilstm" => "Bilstm",
        _ => "Crf",
    };
    let mut defines = vec![format!("KERNEL=\"{}\"", kernel.file), format!("ENTRY={}", kernel.entry)];
    defines.push(format!("ARGUMENTS={arguments}"));
    defines.extend([format!("BLOCK_THREADS={}", kernel.threads), format!("BLOCK_CLUSTER={}", kernel.cluster)]);
    defines.extend(kernel.defines.iter().map(|(name, value)| format!("{name}={value}")));
    compile("kernel.cpp", &defines, output);
}

/// Compiles a file of this folder to a shared library.
pub fn compile(file: &str, defines: &[String], output: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(std::env::var("CXX").unwrap_or_else(|_| "c++".into()));
    command.args(["-std=c++20", "-O2", "-shared", "-fPIC", "-pthread", "-Wall", "-Werror"]);
    // Kernels read halves in pairs.
    command.args(["-fno-strict-aliasing", "-Wno-unknown-pragmas"]);
    command.arg("-I").arg(root.join("src/kernels/cuda"));
    command.args(defines.iter().map(|define| format!("-D{define}")));
    command.arg(root.join("tests/cuda").join(file)).arg("-o").arg(output);
    let status = command.status().expect("a C++ compiler");
    assert!(status.success(), "{command:?}");
}
