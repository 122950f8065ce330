#!/usr/bin/env python3
"""Checks that the C ABI keeps its promises: what a program was built against stays, and says the same everywhere.

* types: mtl.h against those of the last release (abi/mtl-1.0.abi, by abidiff), and the library's own debug information
  against mtl.h;
* exported symbols against abi/symbols.txt and the headers; every function in mtl.hpp and in tests/c,
  those that take pointers in null.c and those that can fail in panic.c;
* one version: the header's macros, the library's functions and SONAME, Cargo.toml, mtl.pc, the CMake package, Java's classes and
  modules;
* statuses, constants and option keys: those of the last release's header (abi/mtl-1.0.h) stay as they are, and
  mtl.hpp, Go, Java, Swift and the documents have the same;
* a program of the last release runs on today's library;
* libmtl, shared and static, in one process with another Rust library and with other ONNX Runtimes.

The last line is `total: N passed, N failed`. With --write it takes the tree's header for the last release's
(abi/README.md).
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import abi_types
from installed import BUNDLE, C_TESTS, ROOT, Checks, difference, install

# Places in the tree.
PREVIOUS, BASELINE, MAP = "abi/mtl-1.0.h", "abi/mtl-1.0.abi", "bindings/c/mtl.map"
HEADER, EXPERIMENTAL = "include/mtl.h", "include/mtl_experimental.h"
CPP, GO, SWIFT, PAGE = "include/mtl.hpp", "bindings/go", "bindings/swift/Sources/Mtl", "bindings/c/README.md"
JAVA, MODULES = "bindings/java/mtl/src/main/java/ai/libmtl", ("", "mtl/", "kotlin/", "android/")
PROGRAMS = ROOT / "tests/link"
STATIC = ["-lgcc_s", "-lpthread", "-lm", "-ldl"]  # what libmtl.a needs
# abidw wants to see parameters and types; only libmtl has functions of the ABI.
CARGO = "CARGO=cargo --config profile.dev.package.libmtl.debug=2"
# What cargo builds shows Rust's own names, such as this one, which a Rust library of another compiler defines, too.
CLASH = """
#include <mtl.h>
int rust_eh_personality(void);
int rust_eh_personality(void) { return 0; }
int main(void) { return mtl_model_open(NULL, NULL, NULL, NULL, NULL) == MTL_OK; }
"""

VERSIONS = r"""
#include <mtl.h>
#include <stdio.h>
int main(void) {
  unsigned number = mtl_version();
  printf("macros=%d.%d.%d\n", MTL_VERSION_MAJOR, MTL_VERSION_MINOR, MTL_VERSION_PATCH);
  printf("mtl_version()=%u.%u.%u\n", number / 1000000, number / 1000 % 1000, number % 1000);
  printf("MTL_ABI_VERSION=%d\nmtl_abi_version()=%u\n", MTL_ABI_VERSION, mtl_abi_version());
  puts(mtl_build_info());
  return 0;
}
"""


def read(root, name):
    """A file of the tree; nothing where there is none."""
    path = root / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def functions(header, parameters=""):
    """Names of the functions that a header declares whose parameters have a pattern in them."""
    found = re.findall(r"^(?:const )?\w+ \*?(mtl_\w+)\(([^;]*)\);", header, re.M)
    return {name for name, given in found if re.search(parameters, given)}


def statuses(header):
    """(name, number) of each status."""
    return {(name, int(number)) for name, number in re.findall(r"^  (MTL_(?:OK|ERROR_\w+)) = (\d+),", header, re.M)}


def constants(header):
    """(name, value) of each macro, but for the version's."""
    found = re.findall(r"^#define (MTL_\w+) (\S+)$", header, re.M)
    return {(name, value) for name, value in found if not name.startswith("MTL_VERSION_")}


def option_keys(header):
    """Keys of mtl_options_set, from the table in its comment."""
    return set(re.findall(r"^// \|[^|]*\| `(\w+)` \|", header, re.M))


def exercise_keys(header):
    """Keys of mtl_exercises_set, likewise."""
    return {key for key in re.findall(r"^// \| `(\w+)` \| ", header, re.M) if not key.startswith("mtl_")}


def check_names(root, symbols):
    """Complaints about the names of functions; `symbols` are those that the library exports."""
    listed = set(read(root, "abi/symbols.txt").split())
    yield difference("abi/symbols.txt against what the library exports", listed, symbols)
    stable, moving = functions(read(root, HEADER)), functions(read(root, EXPERIMENTAL))
    yield difference("abi/symbols.txt against the headers", {name.split("@")[0] for name in listed}, stable | moving)
    wrong = {name for name in listed if name.startswith("mtl_x_") != name.endswith("@@MTL_EXPERIMENTAL")}
    yield difference("abi/symbols.txt: MTL_EXPERIMENTAL is for mtl_x_* alone", set(), wrong)
    yield difference(f"functions of {PREVIOUS} that are gone from {HEADER}", functions(read(root, PREVIOUS)),
                     functions(read(root, PREVIOUS)) & stable)
    both = read(root, HEADER) + read(root, EXPERIMENTAL)
    users = {CPP: stable, "tests/c/*.c": stable, "tests/c/null.c": functions(read(root, HEADER), r"\*"),
             "tests/c/experimental.c": moving, "tests/c/programs/panic.c": functions(both, r"\bout_error\b")}
    for user, wanted in users.items():
        text = "".join(path.read_text(encoding="utf-8") for path in root.glob(user))
        used = set(re.findall(r"\bmtl_\w+", re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)))
        yield difference(f"functions of the headers that {user} does not use", wanted, used & wanted)


def check_statuses(root):
    """Complaints about the table of statuses: what was released stays, no number is used twice, mirrors agree."""
    table, released = statuses(read(root, HEADER)), statuses(read(root, PREVIOUS))
    yield None if table and released else f"no statuses found in {HEADER} or {PREVIOUS}"
    yield difference(f"statuses of {PREVIOUS} that {HEADER} changes", released, released & table)
    numbers = [number for _, number in table]
    yield None if len(numbers) == len(set(numbers)) else f"{HEADER}: a status' number is used twice: {sorted(numbers)}"

    cpp = re.findall(r"^  (\w+) = (MTL_(?:OK|ERROR_\w+)),", read(root, CPP), re.M)
    yield difference(f"mtl_status against mtl::Status of {CPP}", {(short(name), name) for name, _ in table}, set(cpp))
    go = re.findall(r"^\tErr(\w+) +Code = (\d+)\b", read(root, f"{GO}/errors.go"), re.M)
    yield difference(f"mtl_status against the codes of {GO}/errors.go",
                     {(short(name), number) for name, number in table if number}, {(n.lower(), int(c)) for n, c in go})
    java = re.findall(r"^  (\w+)\((-?\d+)\)[,;]$", read(root, f"{JAVA}/Code.java"), re.M)
    yield difference(f"mtl_status against the codes of {JAVA}/Code.java",
                     {(short(name), number) for name, number in table if number} | {("unknown", -1)},
                     {(name.lower(), int(number)) for name, number in java})
    swift = re.findall(r"static let (\w+) = Code\((\d+)\)$", read(root, f"{SWIFT}/Errors.swift"), re.M)
    yield difference(f"mtl_status against the codes of {SWIFT}/Errors.swift",
                     {(short(name), number) for name, number in table if number}, {(name, int(code)) for name, code in swift})
    page = re.findall(r"^\| (\d+) \| `(MTL_\w+)` \|", read(root, PAGE), re.M)
    yield difference(f"mtl_status against the table of {PAGE}", table, {(name, int(number)) for number, name in page})


def short(status):
    """A status' name in the bindings: MTL_ERROR_ARGUMENT is argument."""
    return status.removeprefix("MTL_").removeprefix("ERROR_").lower()


def check_constants(root):
    """Complaints about macros and option keys."""
    header, released = read(root, HEADER), read(root, PREVIOUS)
    yield difference(f"macros of {PREVIOUS} that {HEADER} changes", constants(released),
                     constants(released) & constants(header))
    keys = option_keys(header)
    yield None if keys else f"no option keys found in {HEADER}"
    places = {"src/capi/options.rs": r'^    \("(\w+)", &\[Scope::',
              f"{GO}/options.go": r'(?:OpenWith\(|TagWith\(|AlignWith\(|ScoreWith\(|[oO]ption\{)"(\w+)"'}
    for place, pattern in places.items():
        found = set(re.findall(pattern, read(root, place), re.M))
        yield difference(f"option keys of {HEADER} against {place}", keys, found)
    java = "".join(path.read_text(encoding="utf-8") for path in (root / JAVA).glob("*Options.java"))
    yield difference(f"option keys of {HEADER} against {JAVA}/*Options.java", keys, set(re.findall(r'\bset\("(\w+)", ', java)))
    edits = {(name.removeprefix("MTL_EDIT_"), value) for name, value in constants(header) if name.startswith("MTL_EDIT_")}
    yield difference(f"kinds of edits of {HEADER} against {JAVA}/Alignment.java", edits,
                     set(re.findall(r"^      (\w+)\((\d+)\)[,;]$", read(root, f"{JAVA}/Alignment.java"), re.M)))
    levels = {(name.removeprefix("MTL_LOG_"), value) for name, value in constants(header) if name.startswith("MTL_LOG_")}
    yield difference(f"levels of messages of {HEADER} against {JAVA}/Libmtl.java", levels,
                     set(re.findall(r"^    (\w+)\((\d+)\)[,;]$", read(root, f"{JAVA}/Libmtl.java"), re.M)))
    # A String of Swift's is UTF-8, and its places are no numbers.
    found = set(re.findall(r'(?:flag|value|list)\("(\w+)"', read(root, f"{SWIFT}/Options.swift")))
    yield difference(f"option keys of {HEADER} against {SWIFT}/Options.swift", keys - {"unit", "invalid_utf8"}, found)
    gone = (option_keys(released) | exercise_keys(released)) - keys - exercise_keys(header)
    yield difference(f"keys of {PREVIOUS} that {HEADER} has no more", gone, set())


def check_versions(root, said, prefix, soname):
    """Complaints about versions: `said` is what a program of VERSIONS printed, `prefix` an installed copy."""
    found = dict(re.findall(r"^(\S+)=(\S+)$", said, re.M))
    abi = {name: found.pop(name, None) for name in ("MTL_ABI_VERSION", "mtl_abi_version()")}
    places = {
        "Cargo.toml": (root / "Cargo.toml", r'^version = "([^"]+)"'),
        "mtl.pc": (prefix / "lib/pkgconfig/mtl.pc", r"^Version: (\S+)"),
        "CMake": (prefix / "lib/cmake/mtl/mtlConfigVersion.cmake", r'^set\(PACKAGE_VERSION "([^"]+)"'),
    }
    for place, (path, pattern) in places.items():
        found[place] = first(pattern, path.read_text(encoding="utf-8"))
    found["mtl_build_info()"] = first(r'"version":"([^"]+)"', said)
    found[f"{JAVA}/Libmtl.java"] = first(r'VERSION = "([^"]+)"', read(root, f"{JAVA}/Libmtl.java"))
    for module in MODULES:
        place = f"bindings/java/{module}pom.xml"
        found[place] = first(r"<artifactId>mtl-parent</artifactId>\s*<version>([^<]+)<", read(root, place))
    abi["mtl_build_info()"] = first(r'"abi":(\d+)', said)
    abi["SONAME"] = first(r"^libmtl\.so\.(\d+)$", soname)
    abi["mtl.map"] = first(r"^MTL_(\d+)\.\d+ \{", read(root, "bindings/c/mtl.map"))
    for name, places in (("version", found), ("ABI version", abi)):
        same = len(set(places.values())) == 1 and None not in places.values()
        yield None if same else f"the {name} differs: {places}"


def first(pattern, text):
    """What a pattern's group finds first, or None."""
    found = re.search(pattern, text, re.M)
    return found and found[1]


def exported(library):
    """Versioned names of what a shared library exports."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return {words[2] for line in listing.splitlines() if len(words := line.split()) == 3 and words[1] != "A"}


def soname(library):
    """A shared library's SONAME."""
    listing = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    return first(r"\(SONAME\).*\[(.*)\]", listing)


def run_versions(checks):
    """What a program of VERSIONS says, built against the installed copy."""
    program = checks.work / "versions"
    checks.works("versions", ["cc", "-x", "c", "-", *checks.flags(), "-o", program], input=VERSIONS)
    return checks.works("versions", [program]) or ""


def check_types(root, work):
    """Complaints about the types of mtl.h: those of the last release stay."""
    library, now = work / "header.so", work / "header.abi"
    abi_types.build(read(root, HEADER), library, root / MAP)
    abi_types.describe(library, now)
    described = set(abi_types.Description(root / BASELINE).functions)
    yield difference(f"{PREVIOUS} against {BASELINE}", functions(read(root, PREVIOUS)), described)
    yield abi_types.changes(root / BASELINE, now)


def check_library(root, work, library):
    """Complaints about the functions and structures that a library has: they are those of mtl.h."""
    header, now, own = work / "header.so", work / "header.abi", work / "library.abi"
    abi_types.build(read(root, HEADER), header, root / MAP)
    abi_types.describe(header, now)
    abi_types.describe(library, own)
    yield from abi_types.compare(abi_types.Description(now), abi_types.Description(own))


def check_archive(root, archive):
    """Complaints about what a static library shows to others."""
    command = ["nm", "--defined-only", "--extern-only", archive]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = {words[2] for line in listing.splitlines() if len(words := line.split()) == 3}
    names = {name.split("@")[0] for name in read(root, "abi/symbols.txt").split()}
    yield difference(f"abi/symbols.txt against what {archive.name} shows", names, shown)


def every_function(checks, root):
    """Builds a program that takes the address of each function of the last release, with its header and a library of
    those functions: in `released`, which other programs of that release may be built with."""
    folder, header = checks.work / "released", read(root, PREVIOUS)
    folder.mkdir()
    (folder / "mtl.h").write_text(header, encoding="utf-8")
    abi_types.build(header, folder / "libmtl.so", root / MAP)
    every = ", ".join(f"(function){name}" for name in sorted(functions(header)))
    source = ("#include <mtl.h>\ntypedef void (*function)(void);\nextern const function every[];\n"
              f"const function every[] = {{{every}}};\nint main(void) {{ return every[0] == NULL; }}\n")
    build = ["cc", *C_TESTS, "-x", "c", "-", f"-I{folder}", f"-L{folder}", "-lmtl", "-o", folder / "every"]
    subprocess.run(list(map(str, build)), input=source, text=True, check=True)
    return folder / "every"


def check_released(checks, root):
    """Programs of the last release run on the installed library."""
    every = every_function(checks, root)
    folder, archive, program = every.parent, checks.work / "bundle.mtl", every.parent / "program"
    subprocess.run(["tar", "--format=ustar", "-cf", archive, "-C", BUNDLE, "."], check=True)
    build = ["cc", *C_TESTS, PROGRAMS / "released.c", f"-I{folder}", f"-L{folder}", "-lmtl", "-o", program]
    checks.works("every function of the last release is found", [every])
    if checks.works("a program of the last release", build) is not None:
        checks.works("a program of the last release runs", [program, BUNDLE, archive])


def check_beside(checks):
    """libmtl beside another Rust library and other ONNX Runtimes."""
    work, stand_in, copy = checks.work, checks.work / "stand-in.so", checks.work / "copy.so"
    other = work / "libother.a"
    archive, shared = checks.prefix / "lib/libmtl.a", checks.prefix / "lib/libmtl.so"
    checks.works("another Rust library", ["rustc", "--edition", "2024", "--crate-type", "staticlib",
                                          PROGRAMS / "other.rs", "-o", other])
    checks.works("another ONNX Runtime", ["cc", "-shared", "-fPIC", PROGRAMS / "onnxruntime.c", "-o", stand_in,
                                          "-Wl,-soname,libonnxruntime.so.1"])
    runtime = pathlib.Path(os.environ.get("ORT_DYLIB_PATH", ROOT / "none")).resolve()
    runtimes = [stand_in, copy, runtime] if runtime.is_file() else []
    if runtimes:
        shutil.copy(runtime, copy)
    else:
        print("other ONNX Runtimes: NOT CHECKED, ORT_DYLIB_PATH names none; run make abi-check")
    for number, libraries in enumerate(([archive, other], [other, archive], [shared, other], [other, shared])):
        program, name = work / f"beside-{number}", " and ".join(library.name for library in libraries)
        sources = [f"-I{checks.prefix}/include", PROGRAMS / "beside.c", *libraries, *STATIC]
        if checks.works(name, ["cc", *C_TESTS, *sources, "-o", program]) is not None:
            checks.works(f"{name} in one process", [program, BUNDLE, *runtimes])


def check_clash(checks, raw):
    """A library that defines a name of Rust's own: libmtl.a does not mind, the archive that cargo builds does."""
    build = ["cc", "-x", "c", "-", f"-I{checks.prefix}/include", "-o", checks.work / "clash", "-x", "none"]
    checks.works("a name of Rust's own", [*build, checks.prefix / "lib/libmtl.a", *STATIC], input=CLASH)
    said = checks.run([*build, raw, *STATIC], input=CLASH).stdout
    checks.note("the same against cargo's archive", None if "multiple definition" in said else f"it links: {said}")


def write_baseline():
    """Takes the tree's header for the last release's."""
    (ROOT / PREVIOUS).write_text(read(ROOT, HEADER), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="mtl-abi-") as folder:
        library = pathlib.Path(folder) / "header.so"
        abi_types.build(read(ROOT, PREVIOUS), library, ROOT / MAP)
        abi_types.describe(library, ROOT / BASELINE)


def check(checks):
    """Every check, on an installed copy."""
    library = checks.prefix / "lib/libmtl.so.1"
    found = {
        "names": check_names(ROOT, exported(library)),
        "archive": check_archive(ROOT, checks.prefix / "lib/libmtl.a"),
        "statuses": check_statuses(ROOT),
        "constants": check_constants(ROOT),
        "versions": check_versions(ROOT, run_versions(checks), checks.prefix, soname(library)),
    }
    if shutil.which("abidw"):
        found |= {"types": check_types(ROOT, checks.work), "library": check_library(ROOT, checks.work, library)}
    else:
        print("types: NOT CHECKED, there is no abidw; install abigail-tools")
    for name, complaints in found.items():
        for complaint in complaints:
            checks.note(name, complaint)
    check_released(checks, ROOT)
    check_clash(checks, ROOT / "target/debug/libmtl_c.a")
    check_beside(checks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="take the tree's header for the last release's")
    if parser.parse_args().write:
        write_baseline()
        return 0
    with tempfile.TemporaryDirectory(prefix="mtl-abi-") as folder:
        work = pathlib.Path(folder)
        checks = Checks(install(work, CARGO), work)
        check(checks)
    print(f"total: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
