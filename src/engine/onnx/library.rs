//! Finds, checks and loads ONNX Runtime's shared library. A process loads one, once, and keeps it.
//!
//! The binding panics where the library is missing or too old, so it is opened and asked for its version here first.

use crate::engine::EngineOptions;
use crate::{Error, ErrorKind, Result};
use libloading::Library;
use ort::environment::Environment;
use ort::logging::LogLevel;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The oldest version: older ones read files outside the bundle or crash on hostile graphs.
const OLDEST: Version = Version { major: 1, minor: ort::MINOR_VERSION, patch: 0 };
/// The first version whose official builds write telemetry below the user's home directory.
const TELEMETRY: Version = Version { major: 1, minor: 29, patch: 0 };
/// The variable that keeps them from it, if it is set before the library is initialised.
const TELEMETRY_OFF: &str = "ORT_DISABLE_TELEMETRY";
/// How to get the library.
const REMEDY: &str = "run `pip download --no-deps onnxruntime==1.28.0`, take \
    `onnxruntime/capi/libonnxruntime.so.1.28.0` out of that archive (`make deps` does both in a checkout), and give its \
    path as the library option, or to `mtl` as ORT_DYLIB_PATH; or use the engine `native`";

/// The library that the environment variable `ORT_DYLIB_PATH` names. The engine itself does not read the environment:
/// a program that wants this passes it on in [`EngineOptions::library`].
pub fn library_from_environment() -> Option<PathBuf> {
    std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// ONNX Runtime as this process has loaded it.
#[derive(Clone)]
pub struct Runtime {
    path: PathBuf,
    version: Version,
    environment: Environment,
}

impl Runtime {
    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The library's file, or the name by which the loader found it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What sessions are created in.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// A version of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        Some(Self { major, minor, patch: parts.next().flatten().unwrap_or(0) })
    }
}

/// What this process has loaded. Never dropped: ONNX Runtime does not unload cleanly.
static LOADED: Mutex<Loaded> = Mutex::new(Loaded::Nothing);

enum Loaded {
    Nothing,
    /// The binding holds this library for good, but has no environment yet.
    Library(PathBuf, Version),
    Runtime(Runtime),
}

/// ONNX Runtime as `options` name it, loaded if this is the first call.
pub fn load(options: &EngineOptions) -> Result<Runtime> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = options.library.as_deref().map(named).transpose()?;
    let (path, version) = match &*loaded {
        Loaded::Runtime(Runtime { path, .. }) | Loaded::Library(path, _)
            if wanted.as_ref().is_some_and(|w| w != path) =>
        {
            return Err(second(path));
        }
        Loaded::Runtime(runtime) => return Ok(runtime.clone()),
        Loaded::Library(path, version) => (path.clone(), *version),
        Loaded::Nothing => find(wanted)?,
    };
    consent(&path, version, options, std::env::var_os(TELEMETRY_OFF).is_some_and(|value| value == "1"))?;
    let environment = super::guarded(|| {
        let builder = ort::init_from(&path).map_err(|e| unusable(&path, e.to_string()))?;
        *loaded = Loaded::Library(path.clone(), version);
        let silent = Arc::new(|_: LogLevel, _: &str, _: &str, _: &str, _: &str| {});
        let built = builder.with_name("libmtl").with_telemetry(false).with_logger(silent).build();
        let environment = built.map_err(|e| unusable(&path, format!("cannot be initialised: {e}")))?;
        environment.set_log_level(LogLevel::Fatal);
        Ok(environment)
    })?;
    let runtime = Runtime { path, version, environment };
    *loaded = Loaded::Runtime(runtime.clone());
    Ok(runtime)
}

fn second(first: &Path) -> Error {
    let message = format!("this process has loaded another ONNX Runtime already: {}", first.display());
    Error::new(ErrorKind::Engine, message).remedy("name the same library for every engine of a process")
}

fn unusable(path: &Path, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Engine, message).at(path.display()).remedy(REMEDY)
}

/// Refuses versions with telemetry unless it is off or accepted.
fn consent(path: &Path, version: Version, options: &EngineOptions, off: bool) -> Result<()> {
    if version < TELEMETRY || options.accept_telemetry || off {
        return Ok(());
    }
    let message =
        format!("ONNX Runtime {version} writes telemetry below the home directory (1.28 is the last without)");
    let remedy = format!("set {TELEMETRY_OFF}=1 before the program starts, accept it in the options, or use 1.28.0");
    Err(Error::new(ErrorKind::Engine, message).at(path.display()).remedy(remedy))
}

/// The file that an option names: itself, or the library in that folder.
fn named(path: &Path) -> Result<PathBuf> {
    let path = fs::canonicalize(path).map_err(|e| {
        Error::new(ErrorKind::Engine, format!("no ONNX Runtime here: {e}"))
            .at(path.display())
            .remedy(REMEDY)
            .caused_by(e)
    })?;
    if !path.is_dir() {
        return Ok(path);
    }
    within(&path).ok_or_else(|| unusable(&path, "this folder holds no ONNX Runtime"))
}

/// The library to load and its version: the one that was named, one beside the program, or the loader's.
fn find(wanted: Option<PathBuf>) -> Result<(PathBuf, Version)> {
    if let Some(path) = wanted {
        let version = examine(&path)?;
        return Ok((path, version));
    }
    if let Some(path) = beside().iter().find_map(|folder| within(folder)) {
        let version = examine(&path)?;
        return Ok((path, version));
    }
    let name = library_name();
    for candidate in [name.clone(), format!("{name}.1")].map(PathBuf::from) {
        // SAFETY: as in `examine`: ONNX Runtime's initialisers have no preconditions.
        if unsafe { Library::new(&candidate) }.is_ok() {
            let version = examine(&candidate)?;
            return Ok((candidate, version));
        }
    }
    Err(Error::new(ErrorKind::Engine, "no ONNX Runtime beside the program or on the loader's path").remedy(REMEDY))
}

/// The folders of this code's own file and of the program.
fn beside() -> Vec<PathBuf> {
    let files = [own_file(), std::env::current_exe().ok()];
    files.into_iter().flatten().filter_map(|file| Some(file.parent()?.to_owned())).collect()
}

/// The file that this code was loaded from: libmtl where it is a shared library, else the program.
#[cfg(target_os = "linux")]
fn own_file() -> Option<PathBuf> {
    let address = own_file as fn() -> Option<PathBuf> as usize;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        let path = line.find('/').map(|at| PathBuf::from(&line[at..]))?;
        range.contains(&address).then_some(path)
    })
}

#[cfg(not(target_os = "linux"))]
fn own_file() -> Option<PathBuf> {
    None
}

/// `libonnxruntime.so`, or what this platform calls it.
fn library_name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The library in `folder`: the unversioned name, or else the newest version.
fn within(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(library_name());
    if plain.is_file() {
        return fs::canonicalize(plain).ok();
    }
    let stem = format!("{}onnxruntime.", std::env::consts::DLL_PREFIX);
    let suffix = std::env::consts::DLL_SUFFIX.trim_start_matches('.');
    let versioned = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let rest = name.strip_prefix(&stem)?;
        // libonnxruntime.so.1.28.0, libonnxruntime.1.28.0.dylib
        let version = rest.strip_prefix(suffix).map(|v| v.trim_start_matches('.'));
        let version = version.or_else(|| rest.strip_suffix(suffix).map(|v| v.trim_end_matches('.')))?;
        let numbers: Vec<u32> = version.split('.').map(str::parse).collect::<std::result::Result<_, _>>().ok()?;
        Some((numbers, entry.path()))
    });
    versioned.max().and_then(|(_, path)| fs::canonicalize(path).ok())
}

/// `OrtGetApiBase`.
type ApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;

/// Opens the library and reads its version.
fn examine(path: &Path) -> Result<Version> {
    // SAFETY: loading a library runs its initialisers. The caller named this file, or it is called ONNX Runtime and lies
    // beside the program; ONNX Runtime's initialisers have no preconditions (and write nothing before an environment
    // exists).
    let library = unsafe { Library::new(path) };
    let library = library.map_err(|e| unusable(path, format!("cannot be loaded: {e}")).caused_by(e))?;
    // SAFETY: this is the type that ONNX Runtime declares for that symbol, in every version.
    let base = unsafe { library.get::<ApiBase>(b"OrtGetApiBase\0") };
    let base = base.map_err(|e| unusable(path, "is not ONNX Runtime: it has no `OrtGetApiBase`").caused_by(e))?;
    // SAFETY: the function takes nothing, and returns a pointer to a static structure or null, which `as_ref` refuses.
    let base = unsafe { base().as_ref() }.ok_or_else(|| unusable(path, "has no API"))?;
    // SAFETY: the function takes nothing, and returns a static string, or null.
    let text: *const c_char = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err(unusable(path, "has no version"));
    }
    // SAFETY: not null, and ONNX Runtime's static strings end in NUL; `library` outlives the use.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let version = Version::parse(&text).ok_or_else(|| unusable(path, format!("has the odd version {text:?}")))?;
    if version < OLDEST {
        return Err(unusable(
            path,
            format!("is ONNX Runtime {version}, which is too old: {OLDEST} or newer is needed"),
        ));
    }
    // SAFETY: the function takes any number, and returns null for a version of the API that it does not know.
    if unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        return Err(unusable(
            path,
            format!("is ONNX Runtime {version}, which has not version {} of the API", OLDEST.minor),
        ));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(version("1.28.0").to_string(), "1.28.0");
        assert_eq!(version("1.30.1-dev+5").to_string(), "1.30.1");
        assert!(version("1.9.3") < version("1.28.0") && version("1.28.2") < TELEMETRY);
        assert_eq!(Version::parse("one"), None);
    }

    #[test]
    fn a_missing_or_wrong_library_says_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("libonnxruntime.so");
        let missing = EngineOptions { library: Some(text.clone()), ..EngineOptions::default() };
        let error = load(&missing).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Engine);
        assert!(error.to_string().contains("pip download --no-deps onnxruntime==1.28.0"), "{error}");
        fs::write(&text, "not a library").unwrap();
        assert!(examine(&text).unwrap_err().to_string().contains("cannot be loaded"));
    }

    #[test]
    fn the_newest_version_of_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(within(folder.path()), None);
        let names = ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.28.0", "libonnxruntime_providers_shared.so"];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = within(folder.path()).unwrap();
        assert_eq!(found.file_name().unwrap(), "libonnxruntime.so.1.28.0");
        fs::write(folder.path().join("libonnxruntime.so"), "").unwrap();
        assert_eq!(within(folder.path()).unwrap().file_name().unwrap(), "libonnxruntime.so");
    }

    #[test]
    fn telemetry_needs_to_be_off_or_accepted() {
        let new = Version::parse("1.29.0").unwrap();
        let path = Path::new("libonnxruntime.so");
        let options = EngineOptions::default();
        let error = consent(path, new, &options, false).unwrap_err();
        assert!(error.to_string().contains("ORT_DISABLE_TELEMETRY=1"), "{error}");
        assert!(consent(path, new, &options, true).is_ok());
        assert!(consent(path, new, &EngineOptions { accept_telemetry: true, ..options.clone() }, false).is_ok());
        assert!(consent(path, OLDEST, &options, false).is_ok());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_code_lies_in_the_test_program() {
        assert_eq!(own_file(), std::env::current_exe().ok());
    }
}
