#!/usr/bin/env python3
"""Runs the tests of every language in the tree, and ends with the sum: `N passed, N failed`.

A suite that ends badly without having counted a failure (it did not compile, it crashed) counts as one. To add a
language, add its line to SUITES and, if its runner's closing lines are of a new kind, a reader of them.
"""

import re
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Tally:
    """Passed, failed and skipped tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


class CargoReader:
    """`test result: ok. 12 passed; 0 failed; ...`, once a test binary."""

    LINE = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed;")

    def read(self, line, tally):
        if found := self.LINE.search(line):
            tally.passed += int(found[1])
            tally.failed += int(found[2])


class UnittestReader:
    """`Ran 13 tests in 0.2s`, then `OK` or `FAILED (failures=1, errors=2, skipped=1)`."""

    ran = 0

    def read(self, line, tally):
        if found := re.match(r"Ran (\d+) tests? in", line):
            self.ran = int(found[1])
        elif found := re.match(r"(OK|FAILED)(?: \((.*)\))?$", line):
            counts = {name.strip(): int(count) for name, count in re.findall(r"([a-z ]+)=(\d+)", found[2] or "")}
            bad = sum(counts.get(name, 0) for name in ("failures", "errors", "unexpected successes"))
            tally.passed += self.ran - bad - counts.get("skipped", 0)
            tally.failed += bad
            self.ran = 0


class TotalReader:
    """`total: 12 passed, 0 failed`, once a suite."""

    def read(self, line, tally):
        if found := re.fullmatch(r"total: (\d+) passed, (\d+) failed", line):
            tally.passed += int(found[1])
            tally.failed += int(found[2])


class GoReader:
    """`--- PASS: TestName (0.02s)`, `--- FAIL: ...`, `--- SKIP: ...`; subtests are indented and belong to their test."""

    FATES = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}

    def read(self, line, tally):
        if found := re.match(r"--- (PASS|FAIL|SKIP): ", line):
            fate = self.FATES[found[1]]
            setattr(tally, fate, getattr(tally, fate) + 1)


class SurefireReader(GoReader):
    """`[INFO] Tests run: 9, Failures: 1, Errors: 0, Skipped: 2` of a module of Maven's; those of a class go on with a time. What is
    no test of JUnit's is told as Go does."""

    def read(self, line, tally):
        found = re.fullmatch(r"(?:\[\w+\] )?Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)", line)
        if found:
            ran, failures, errors, skipped = map(int, found.groups())
            tally.passed += ran - failures - errors - skipped
            tally.failed += failures + errors
            tally.skipped += skipped
        else:
            super().read(line, tally)


class PytestReader:
    """`2 failed, 221 passed, 1 skipped in 70.35s`, at the end; `--- SKIP: ...` where nothing could be tested."""

    FATES = {"passed": "passed", "failed": "failed", "error": "failed", "errors": "failed", "skipped": "skipped"}

    def read(self, line, tally):
        if re.search(r" in [0-9.]+s( \(.*\))?( =+)?$", line):
            for count, fate in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line):
                fate = self.FATES[fate]
                setattr(tally, fate, getattr(tally, fate) + int(count))
        elif line.startswith("--- SKIP: "):
            tally.skipped += 1


SUITES = [
    ("Rust", ["cargo", "test", "--workspace", "--all-features", "--no-fail-fast"], CargoReader),
    ("C and C++", [sys.executable, "tools/check_capi.py"], TotalReader),
    ("Go", [sys.executable, "tools/test_go.py"], GoReader),
    ("Java", [sys.executable, "tools/test_java.py"], SurefireReader),
    ("Python", [sys.executable, "tools/test_python.py"], PytestReader),
    ("Python: tools", [sys.executable, "-m", "unittest", "discover", "-s", "tools"], UnittestReader),
    ("Python: peers", [sys.executable, "-m", "unittest", "discover", "-s", "benches/peers"], UnittestReader),
    ("Python: batch", [sys.executable, "-m", "unittest", "discover", "-s", "benches/batch"], UnittestReader),
]


def run(name, command, reader):
    """Runs one suite, passing its output on as it comes."""
    print(f"==> {name}: {' '.join(command)}", flush=True)
    tally, reader = Tally(), reader()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace")
    except OSError as error:
        print(f"{name}: {error}; install {command[0]}")
        return Tally(failed=1)
    with process:
        for line in process.stdout:
            print(line, end="", flush=True)
            reader.read(line.rstrip(), tally)
    if process.returncode and not tally.failed:
        print(f"{name}: ended with status {process.returncode}, which counts as one failure")
        tally.failed = 1
    elif not (tally.passed or tally.failed or tally.skipped):
        print(f"{name}: no test ran, which counts as one failure")
        tally.failed = 1
    return tally


def main(suites=SUITES):
    tallies, report = [], []
    for name, command, reader in suites:
        begun = time.monotonic()
        tally = run(name, command, reader)
        skipped = f", {tally.skipped} SKIPPED" if tally.skipped else ""
        report.append(f"{name}: {tally.passed} tests pass, {tally.failed} fail{skipped}; {time.monotonic() - begun:.0f} s")
        tallies.append(tally)
    print("", *report, sep="\n")
    failed = sum(tally.failed for tally in tallies)
    print(f"{sum(tally.passed for tally in tallies)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
