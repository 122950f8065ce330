#!/usr/bin/env python3
"""Runs the C tests and the cases of tests/cases on the C library for 64-bit ARM, under qemu: test_aarch64.py FOLDER, which holds
the libmtl.so that `make capi-aarch64` builds.

The last line is `total: N passed, N failed`. Left out: what measures time or memory, of which an emulator's say nothing; documents
of a megabyte, which take it minutes; and the children of fork(), for qemu's user mode (7.2) takes MADV_WIPEONFORK, by which the
library knows them, and does nothing.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from check_capi import case_lines
from check_runtime import nouns, sources
from installed import BUNDLE, C_TESTS, ROOT, Checks
import make_cases

COMPILER = "aarch64-linux-gnu-gcc"
SYSTEM = "/usr/aarch64-linux-gnu"
QEMU = ["qemu-aarch64-static", "-L", SYSTEM, "-cpu", "max"]


def check(checks, library):
    """The tests, and the cases in each unit."""
    build = [COMPILER, *C_TESTS, f"-I{ROOT}/include", "-o"]
    link = [f"-L{library}", "-lmtl", "-lm", "-lpthread"]
    run = [*QEMU, "-E", f"LD_LIBRARY_PATH={library}"]
    tests, cases = checks.work / "c", checks.work / "cases"
    archive = checks.work / "bundle.mtl"
    subprocess.run(["tar", "--format=ustar", "-cf", archive, "-C", BUNDLE, "."], check=True)
    if checks.works("C tests for ARM", [*build, tests, *sources(), *link]) is not None:
        checks.tests("tests/c on ARM", [*run, tests, BUNDLE, archive, 0, *nouns("latency", "memory", "fork")])
    every = [case for path in sorted(make_cases.CASES.glob("*.jsonl")) for case in make_cases.load(path)
             if all(document.get("repeat", 0) < 1000 for document in case["documents"])]
    lines = "".join(line + "\n" for case in every for unit in make_cases.UNITS for line in case_lines(case, unit))
    if checks.works("cases for ARM", [*build, cases, ROOT / "tests/c/programs/cases.c", *link]) is not None:
        checks.tests("tests/cases on ARM", [*run, cases, BUNDLE], input=lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where libmtl.so for ARM is")
    library = parser.parse_args().folder.resolve()
    with tempfile.TemporaryDirectory(prefix="mtl-aarch64-") as folder:
        work = pathlib.Path(folder)
        # The loader finds a library by its SONAME.
        (work / "libmtl.so.1").symlink_to(library / "libmtl.so")
        (work / "libmtl.so").symlink_to(library / "libmtl.so")
        checks = Checks(work, work)
        check(checks, work)
    print(f"total: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
