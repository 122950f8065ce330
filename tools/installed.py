"""A copy of the C library that is installed into a temporary folder, and the checks that are made on it."""

import os
import pathlib
import re
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "models/mtl-mobile"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
C_TESTS = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-g", *STRICT]
COUNTED = re.compile(r"^.*: (\d+) passed, (\d+) failed$", re.M)


class Checks:
    """What passed and what failed, and the installed copy that is checked."""

    def __init__(self, prefix, work):
        self.prefix, self.work = prefix, work
        self.passed = self.failed = 0
        # Checks may run side by side.
        self.lock = threading.Lock()
        # The installed copy is found by these, and by nothing that was there before.
        self.environment = os.environ | {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig", "LD_LIBRARY_PATH": f"{prefix}/lib"}

    def note(self, name, complaint=None):
        """One check: passed, or failed with a complaint."""
        with self.lock:
            if complaint is None:
                self.passed += 1
            else:
                self.failed += 1
                print(f"FAILED: {name}\n{complaint}", flush=True)

    def run(self, command, **options):
        """Runs a command on the installed copy, its output and errors as one text."""
        options = {"env": self.environment, "timeout": 1800} | options
        return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", **options)

    def works(self, name, command, **options):
        """One check: the command ends well. Returns its output, or None."""
        done = self.run(command, **options)
        self.note(name, f"{' '.join(map(str, command))}\n{done.stdout}" if done.returncode else None)
        return None if done.returncode else done.stdout

    def tests(self, name, command, **options):
        """Runs a program that counts its tests itself. Returns its output."""
        done = self.run(command, **options)
        found = COUNTED.findall(done.stdout)
        with self.lock:
            print(f"{name}:\n{done.stdout}", end="", flush=True)
            self.passed += sum(int(passed) for passed, _ in found)
            self.failed += sum(int(failed) for _, failed in found)
        if not found or bool(done.returncode) != any(int(failed) for _, failed in found):
            self.note(name, f"ended with status {done.returncode}")
        return done.stdout

    def flags(self, *options):
        """What pkg-config says of the installed copy."""
        return self.run(["pkg-config", "--cflags", "--libs", *options, "mtl"]).stdout.split()


def difference(name, expected, found):
    """A complaint about two sets, or None."""
    lines = [f"  missing: {item}" for item in sorted(expected - found)]
    lines += [f"  not expected: {item}" for item in sorted(found - expected)]
    return "\n".join([name, *lines]) if lines else None


def install(work, *variables):
    """Builds and installs the library, then moves the copy: nothing in it may name the place it was installed in."""
    first, prefix = work / "first", work / "moved"
    subprocess.run(["make", "--no-print-directory", "install", "PROFILE=dev", "PREFIX=/usr", f"DESTDIR={first}",
                    *variables], cwd=ROOT, check=True)
    (first / "usr").rename(prefix)
    return prefix
