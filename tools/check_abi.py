#!/usr/bin/env python3
"""Checks that the C ABI keeps its promises: what a program was built against stays, and says the same everywhere.

* exported symbols against abi/symbols.txt and the headers; every function in mtl.hpp and in tests/c;
* one version: the header's macros, the library's functions and SONAME, Cargo.toml, mtl.pc, the CMake package;
* statuses, constants and option keys: those of the previous release's header (abi/mtl-1.0.h) stay as they are, and
  mtl.hpp, Go and the documents have the same.

The last line is `total: N passed, N failed`.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from installed import ROOT, Checks, difference, install

# Symbols, files and folders by their place in the tree.
PREVIOUS = "abi/mtl-1.0.h"
HEADER, EXPERIMENTAL = "include/mtl.h", "include/mtl_experimental.h"
CPP, GO, PAGE = "include/mtl.hpp", "bindings/go", "bindings/c/README.md"

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


def functions(header):
    """Names of the functions that a header declares."""
    return set(re.findall(r"^(?:const )?\w+ \*?(mtl_\w+)\(", header, re.M))


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


def check_names(root, symbols):
    """Complaints about the names of functions; `symbols` are those that the library exports."""
    listed = set(read(root, "abi/symbols.txt").split())
    yield difference("abi/symbols.txt against what the library exports", listed, symbols)
    stable, moving = functions(read(root, HEADER)), functions(read(root, EXPERIMENTAL))
    yield difference("abi/symbols.txt against the headers", {name.split("@")[0] for name in listed}, stable | moving)
    yield difference(f"functions of {PREVIOUS} that are gone from {HEADER}", functions(read(root, PREVIOUS)),
                     functions(read(root, PREVIOUS)) & stable)
    users = {CPP: read(root, CPP), "tests/c": "".join(read(root, path) for path in (root / "tests/c").glob("*.c"))}
    for user, text in users.items():
        used = set(re.findall(r"\bmtl_\w+", re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)))
        yield difference(f"functions of {HEADER} that {user} does not use", stable, used & stable)


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
    yield difference(f"option keys of {PREVIOUS} that {HEADER} has no more", option_keys(released),
                     option_keys(released) & keys)
    places = {"src/capi/options.rs": r'^    \("(\w+)", &\[Scope::',
              f"{GO}/options.go": r'(?:OpenWith\(|TagWith\(|AlignWith\(|ScoreWith\(|[oO]ption\{)"(\w+)"'}
    for place, pattern in places.items():
        found = set(re.findall(pattern, read(root, place), re.M))
        yield difference(f"option keys of {HEADER} against {place}", keys, found)


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


def main():
    with tempfile.TemporaryDirectory(prefix="mtl-abi-") as folder:
        work = pathlib.Path(folder)
        checks = Checks(install(work), work)
        library = checks.prefix / "lib/libmtl.so.1"
        found = {
            "names": check_names(ROOT, exported(library)),
            "statuses": check_statuses(ROOT),
            "constants": check_constants(ROOT),
            "versions": check_versions(ROOT, run_versions(checks), checks.prefix, soname(library)),
        }
        for name, complaints in found.items():
            for complaint in complaints:
                checks.note(name, complaint)
    print(f"total: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
