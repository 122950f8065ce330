#!/usr/bin/env python3
"""Builds bindings/java with its native library, and runs the tests of its modules: Java, Kotlin, Android.

The library is a debug build (`make capi PROFILE=dev`), or the libmtl.a of --archive. The JVM looks at every call of the bridge in C
(-Xcheck:jni): a warning of its own counts as a failed test. The native library must export nothing but JNI_OnLoad and JNI_OnUnload,
and be ready for memory pages of 16 KB; the AAR, here of a library for this machine that no Android loads, must hold what one holds.
What it prints is what Maven prints, and `--- PASS: name` or `--- FAIL: name` for a check of its own; `--- SKIP: bindings/java` with
the reason where there is no JDK or no Maven.
"""

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE = ROOT / "bindings/java"
BUILT = ROOT / "target/java"
EXPORTS = {"JNI_OnLoad", "JNI_OnUnload"}
PAGE = 16384
# What the JVM prints about a bridge that breaks JNI's rules.
COMPLAINT = re.compile(r"WARNING in native method|FATAL ERROR in native method|JNI local refs|JNI call made|\*\*\* JNI")
AAR = {"AndroidManifest.xml", "classes.jar", "R.txt", "proguard.txt"}


def complaints(library):
    """What is wrong with a native library."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    shown = {line.split()[-1] for line in listing.splitlines() if line.split()}
    if shown != EXPORTS:
        yield f"{library} exports {', '.join(sorted(shown ^ EXPORTS))} too much or too little"
    headers = subprocess.run(["readelf", "-lW", library], capture_output=True, text=True, check=True).stdout
    pages = [int(line.split()[-1], 16) for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    if not pages or min(pages) < PAGE:
        yield f"{library}: segments are aligned to {pages}, not to {PAGE}"


def aar_complaints(archive, abi):
    """What is wrong with an AAR that holds a library of this ABI."""
    with zipfile.ZipFile(archive) as aar:
        missing = (AAR | {f"jni/{abi}/libmtl_jni.so"}) - set(aar.namelist())
        if missing:
            yield f"{archive} lacks {', '.join(sorted(missing))}"
            return
        if b"ai.libmtl.Native" not in aar.read("proguard.txt"):
            yield f"{archive}: proguard.txt does not keep what the native library looks for"
        with aar.open("classes.jar") as jar, zipfile.ZipFile(jar) as classes:
            if "ai/libmtl/android/Assets.class" not in classes.namelist():
                yield f"{archive}: classes.jar has no Assets"


def report(name, found):
    """Prints what a check found; whether that is nothing."""
    found = list(found)
    print("\n".join([*found, f"--- {'FAIL' if found else 'PASS'}: {name}"]), flush=True)
    return not found


def run(command):
    """Whether a command succeeds."""
    print("+", *command, flush=True)
    return subprocess.run(command, cwd=ROOT).returncode == 0


def maven(properties):
    """Runs Maven's tests. Gives whether they pass, and what the JVM had to complain of."""
    command = ["mvn", "-B", "-ntp", "-f", str(MODULE / "pom.xml"), *properties, "verify"]
    print("+", *command, flush=True)
    found = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if COMPLAINT.search(line):
                found.append(line.rstrip())
    print(flush=True)  # Maven's last line has no end
    return process.returncode == 0, found


def test(archive):
    name = f"linux-{platform.machine()}"
    library = BUILT / "native/ai/libmtl/native" / name / "libmtl_jni.so"
    if not run([str(MODULE / "native/build.sh"), str(archive), str(library)]):
        return False
    layout = BUILT / "layout"
    abi = {"aarch64": "arm64-v8a"}.get(platform.machine(), platform.machine())
    (layout / abi).mkdir(parents=True, exist_ok=True)
    shutil.copy(library, layout / abi / "libmtl_jni.so")
    good = report("exports and pages of the native library", complaints(library))
    passed, found = maven([f"-Dmtl.platform={name}", f"-Dmtl.android.jni={layout}", "-Dmtl.android.classifier=-layout"])
    good &= report("the JVM's checks of JNI", found)
    if passed:
        aar = next((BUILT / "mtl-android").glob("*-layout.aar"), None)
        good &= report("layout of the AAR", aar_complaints(aar, abi) if aar else ["there is no AAR"])
    return good and passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=pathlib.Path, help="libmtl.a, as `make capi` makes it")
    parser.add_argument("--library", type=pathlib.Path, help="check the exports and pages of this native library, and nothing else")
    given = parser.parse_args()
    archive = given.archive
    if given.library:
        return 0 if report(f"exports and pages of {given.library}", complaints(given.library)) else 1
    if missing := [tool for tool in ("javac", "mvn") if not shutil.which(tool)]:
        print(f"--- SKIP: bindings/java: NOTHING OF IT WAS TESTED: there is no {' and no '.join(missing)} here")
        return 0
    if archive is None:
        archive = ROOT / "target/debug/libmtl.a"
        if not run(["make", "--no-print-directory", "capi", "PROFILE=dev"]):
            return 1
    if not archive.is_file():
        print(f"{archive} is not there: make it by `make capi`, or name another --archive")
        return 1
    return 0 if test(archive.resolve()) else 1


if __name__ == "__main__":
    sys.exit(main())
