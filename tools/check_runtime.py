"""What the C library must survive while it runs, as check_capi.py checks it on an installed copy.

* the C tests under AddressSanitizer and UndefinedBehaviorSanitizer, under ThreadSanitizer, and under Valgrind, each first
  shown to report provoked faults (tests/c/programs/fault.c);
* a panic at every crossing of the boundary (panic.c); programs that end while their threads are in the library (exit.c).
"""

import os
import pathlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from installed import BUNDLE, C_TESTS, ROOT

PROGRAMS = ROOT / "tests/c/programs"
LIBRARIES = ["-lgcc_s", "-lm", "-lpthread", "-ldl"]
REPORTS = {
    "AddressSanitizer": {"address": "AddressSanitizer: heap-use-after-free",
                         "leak": "LeakSanitizer: detected memory leaks",
                         "undefined": "runtime error: signed integer overflow"},
    "ThreadSanitizer": {"race": "ThreadSanitizer: data race"},
    "Valgrind": {"address": "Invalid read of size", "leak": "definitely lost",
                 "uninitialised": "depends on uninitialised value"},
}
# A child of fork() that makes threads is what the tests want.
THREADS = os.environ | {"TSAN_OPTIONS": "die_after_fork=0"}
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=9"]
EXITS = 50


def sources():
    """The C tests: all but the programs beside them."""
    return sorted((ROOT / "tests/c").glob("*.c"))


def nouns(*without):
    """What the C tests can be asked for."""
    return sorted({path.stem for path in sources()} - {"main", *without})


def provoke(checks, tool, fault):
    """Each of the tool's faults is reported, and a program without one is not."""
    for kind, report in REPORTS[tool].items():
        done = checks.run([*fault, kind])
        seen = done.returncode != 0 and report in done.stdout
        checks.note(f"{tool}: a provoked fault ({kind})", None if seen else f"{report!r} was not reported\n{done.stdout}")
    checks.works(f"{tool}: no fault", fault)


def check_sanitized(checks, archive, seconds):
    """The C tests under AddressSanitizer and UndefinedBehaviorSanitizer, linked with libmtl.a."""
    build = ["cc", *C_TESTS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{checks.prefix}/include"]
    fault, tests = checks.work / "fault-sanitized", checks.work / "c-sanitized"
    libraries = [checks.prefix / "lib/libmtl.a", *LIBRARIES]
    if checks.works("fault.c, sanitized", [*build, PROGRAMS / "fault.c", *libraries, "-o", fault]) is not None:
        provoke(checks, "AddressSanitizer", [fault])
    if checks.works("C tests, sanitized", [*build, *sources(), *libraries, "-o", tests]) is not None:
        checks.tests("tests/c, sanitized", [tests, BUNDLE, archive, seconds])
    check_panics(checks, archive, build)


def check_panics(checks, archive, build):
    """A panic at every crossing of the boundary, in a build for that; nothing is told of it on standard error."""
    cargo(checks, ["--features", "fault", "--example", "fault"])
    program, library = checks.work / "panic", ROOT / "target/debug/examples/libfault.a"
    if checks.works("panic.c", [*build, PROGRAMS / "panic.c", library, *LIBRARIES, "-o", program]) is not None:
        said = checks.tests("tests/c, panics", [program, BUNDLE, archive])
        checks.note("panics are silent", None if "panicked at" not in said else said)


def cargo(checks, options, **environment):
    """Builds another kind of the library."""
    checks.works(f"cargo build {' '.join(options)}", ["cargo", "build", "--quiet", "-p", "libmtl-c", *options], cwd=ROOT,
                 env=os.environ | environment)


def check_threads(checks, archive, seconds):
    """The C tests under ThreadSanitizer. The library and Rust's standard library are built with it, or it would take
    their locks for races; ONNX Runtime is not, and left out. The sanitizer is Rust's own, of the same version."""
    host = checks.run(["rustc", "--print", "host-tuple"]).stdout.strip()
    root = pathlib.Path(checks.run(["rustc", "--print", "sysroot"]).stdout.strip())
    runtimes = sorted((root / "lib/rustlib" / host / "lib").glob("librustc*_rt.tsan.a"))
    if not runtimes or not (root / "lib/rustlib/src").is_dir():
        checks.note("ThreadSanitizer", "Rust's sources or its sanitizers are not here; `rustup component add rust-src`")
        return
    cargo(checks, ["-Zbuild-std=std", "--no-default-features", "--target", host], CARGO_TARGET_DIR="target/tsan",
          RUSTC_BOOTSTRAP="1", RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
    libraries = [ROOT / "target/tsan" / host / "debug/libmtl_c.a", *LIBRARIES]
    # The compiler instruments, but its own sanitizer is not linked.
    runtime = ["-Wl,--whole-archive", runtimes[0], "-Wl,--no-whole-archive"]
    for name, code in {"fault": [PROGRAMS / "fault.c"], "c": sources()}.items():
        objects = checks.work / f"{name}-threads"
        objects.mkdir()
        compile_ = ["cc", *C_TESTS, "-fsanitize=thread", f"-I{checks.prefix}/include", "-c", *code]
        checks.works(f"{name}, for ThreadSanitizer", compile_, cwd=objects)
        link = ["cc", *sorted(objects.glob("*.o")), *libraries, *runtime, "-lstdc++", "-o", objects / name]
        checks.works(f"{name}, with ThreadSanitizer", link)
    provoke(checks, "ThreadSanitizer", [checks.work / "fault-threads/fault"])
    checks.tests("tests/c, ThreadSanitizer", [checks.work / "c-threads/c", BUNDLE, archive, seconds], env=THREADS)


def check_valgrind(checks, archive):
    """The C tests under Valgrind. A child of fork() has lost its parent's threads and what they held; how much memory
    and time the process takes is Valgrind's affair, and not measured."""
    if shutil.which("valgrind") is None:
        checks.note("Valgrind", "valgrind is not here; install it")
        return
    fault = checks.work / "fault"
    build = ["cc", *C_TESTS, PROGRAMS / "fault.c", *checks.flags(), "-lpthread", "-o", fault]
    if checks.works("fault.c", build) is not None:
        provoke(checks, "Valgrind", [*VALGRIND, "--leak-check=full", fault])
    tests = [checks.work / "c", BUNDLE, archive, 0]
    checks.tests("tests/c, Valgrind", [*VALGRIND, "--leak-check=full", *tests, *nouns("fork")])
    checks.tests("tests/c, Valgrind, children", [*VALGRIND, *tests, "fork"])


def check_exits(checks):
    """Programs that end while their threads are in the library end with their own status."""
    program, onnx = checks.work / "exit", os.environ.get("ORT_DYLIB_PATH", "")
    build = ["cc", *C_TESTS, PROGRAMS / "exit.c", *checks.flags(), "-lpthread", "-o", program]
    if checks.works("exit.c", build) is None:
        return

    def ends(*options, times=EXITS // 2):
        """How `times` runs ended, each kind of end once."""
        return {end([program, BUNDLE, *options]) for _ in range(times)}

    def end(command):
        """Status and output of a run."""
        try:
            done = checks.run(command, timeout=60)
        except subprocess.TimeoutExpired:
            return "it hung"
        return done.returncode, done.stdout

    checks.note("exit.c: another end is seen", None if (7, "") not in ends("abort", times=1) else "it was not")
    engines = {"native": [], "onnx": [onnx]}
    if not pathlib.Path(onnx).is_file():
        print("exit.c with ONNX Runtime: NOT CHECKED, ORT_DYLIB_PATH names no file")
        del engines["onnx"]
    for engine, options in engines.items():
        for way in ("return", "exit"):
            found = ends(way, *options)
            checks.note(f"exit.c: {way}, {engine}", None if found == {(7, "")} else f"ended with {found}")


def check(checks, archive, seconds):
    """All of it; check_capi.py has built the C tests before. Valgrind, which takes minutes of one core, runs beside the rest."""
    with ThreadPoolExecutor(1) as beside:
        valgrind = beside.submit(check_valgrind, checks, archive)
        check_sanitized(checks, archive, seconds)
        check_threads(checks, archive, seconds)
        valgrind.result()
    check_exits(checks)
