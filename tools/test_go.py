#!/usr/bin/env python3
"""Tests bindings/go against a libmtl that is installed in a folder (`--prefix`), or else builds one in target/go-prefix.

Format, vet, every test under the race detector and cgo's strictest pointer checks, and linking libmtl.a without the
shared library. What it prints is what `go test -v` prints: `--- PASS: name`, `--- FAIL: name`, and a `--- SKIP: name`
with the reason where there is no Go.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

MODULE = pathlib.Path(__file__).resolve().parent.parent / "bindings/go"


def environment(prefix):
    """Variables with which cgo and the loader find the library of `prefix` and no other, and Go stays off the network."""
    libraries = prefix / "lib"
    # Go's build cache remembers where the library was and does not look again: each prefix has a cache of its own.
    cache = MODULE.parent.parent / "target" / f"go-cache-{hashlib.sha256(bytes(prefix)).hexdigest()[:8]}"
    return os.environ | {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "LD_LIBRARY_PATH": str(libraries),
                         "CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOPROXY": "off",
                         "GOCACHE": str(cache)}


def run(command, env):
    """Whether a command succeeds that prints its own tests."""
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, cwd=MODULE, env=env).returncode == 0


def check(name, command, env):
    """Whether a command succeeds and prints nothing; counts as one test."""
    result = subprocess.run(command, cwd=MODULE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    good = result.returncode == 0 and not result.stdout
    print(result.stdout + f"--- {'PASS' if good else 'FAIL'}: {name}", flush=True)
    return good


def test(prefix):
    env = environment(prefix)
    unloaded = {name: value for name, value in env.items() if name != "LD_LIBRARY_PATH"}
    return all([
        check("gofmt", ["gofmt", "-l", "."], env),
        check("go vet", ["go", "vet", "./..."], env),
        check("go vet, static", ["go", "vet", "-tags", "mtl_static", "./..."], env),
        run(["go", "test", "-v", "-race", "-count=1", "./..."], env | {"GOEXPERIMENT": "cgocheck2"}),
        run(["go", "test", "-v", "-tags", "mtl_static", "-count=1", "-run", "^(TestTag|TestLogger)$", "."], unloaded),
    ])


def install(folder):
    """Builds the library for tests and installs it into `folder`."""
    command = ["make", "--no-print-directory", "install", "PROFILE=dev", f"PREFIX={folder}"]
    return subprocess.run(command, cwd=MODULE.parent.parent).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", type=pathlib.Path, help="where libmtl is installed")
    prefix = parser.parse_args().prefix
    if missing := [tool for tool in ("go", "gofmt", "pkg-config") if not shutil.which(tool)]:
        print(f"--- SKIP: bindings/go: NOTHING OF IT WAS TESTED: there is no {' and no '.join(missing)} here")
        return 0
    if prefix is None:
        prefix = MODULE.parent.parent / "target/go-prefix"
        if not install(prefix):
            return 1
    prefix = prefix.resolve()
    if not (prefix / "lib/pkgconfig/mtl.pc").is_file():
        print(f"{prefix} holds no lib/pkgconfig/mtl.pc: install libmtl there, or name another --prefix")
        return 1
    return 0 if test(prefix) else 1


if __name__ == "__main__":
    sys.exit(main())
