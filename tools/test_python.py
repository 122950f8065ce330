#!/usr/bin/env python3
"""Installs bindings/python as a user does, into a virtual environment in target/python, and runs its tests on it.

The library inside is a debug build, which shares what other tests have compiled. pyspark is 450 MB to fetch and a minute to
install, once; its tests want Java, and say so where there is none. mypy checks the package and that its stub is what the extension
module has. Ends with pytest's own last line; `--- SKIP: bindings/python` with the reason where it cannot run.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bindings/python"
OLDEST = (3, 11)


def run(command, **more):
    """Whether a command succeeds."""
    print("+", *command, flush=True)
    return subprocess.run(command, **more).returncode == 0


def main():
    if sys.version_info < OLDEST:
        print(f"--- SKIP: bindings/python: NOTHING OF IT WAS TESTED: Python {sys.version.split()[0]} is older than 3.11")
        return 0
    folder = ROOT / "target/python"
    python = folder / "bin/python"
    if not python.exists() and not run([sys.executable, "-m", "venv", folder]):
        print("--- SKIP: bindings/python: NOTHING OF IT WAS TESTED: no virtual environment can be made; install python3-venv")
        return 0
    env = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target"), "MATURIN_PEP517_ARGS": "--profile dev --locked"}
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # A version that did not change would be left as it was built before.
    if not run([*pip, "--force-reinstall", "--no-deps", PACKAGE], env=env) or not run([*pip, f"{PACKAGE}[test]"], env=env):
        return 1
    # Spark's answers are compared with those of the command, as the tests of Rust have built it.
    if not run(["cargo", "test", "--quiet", "--workspace", "--all-features", "--no-run", "--test", "cli"], cwd=ROOT):
        return 1
    tested = run([python, "-m", "pytest", "-q", PACKAGE], cwd=folder)
    typed = run([python, "-m", "mypy", "--strict", "--config-file", PACKAGE / "pyproject.toml", "-p", "libmtl"], cwd=folder)
    stubbed = run([python, "-m", "mypy.stubtest", "libmtl._mtl"], cwd=folder)
    return 0 if tested and typed and stubbed else 1


if __name__ == "__main__":
    sys.exit(main())
