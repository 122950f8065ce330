#!/usr/bin/env python3
"""Fetches the shared libraries that tests need into `.deps/`: ONNX Runtime, libtorch for the trainer, CUDA's NVRTC.

They are taken out of Python wheels, by pinned digest; what is there already is left alone. pip downloads them, as it
is configured: a release of it that resumes broken transfers, which an older pip brings first. Where there is no pip,
or a download must survive being interrupted, `--index URL` names a package index (its "simple" page), and the
wheels are downloaded from there without pip, resuming from one run to the next.

This is not a package manager: one table, at the top, says everything that it can fetch.
"""

import argparse
import fcntl
import hashlib
import html
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """One wheel: where it is listed, what it must be, and which members go where in the dependency's folder."""

    project: str
    version: str
    file: str
    size: int
    sha256: str
    members: dict  # member, or folder ending in "/", of the archive -> its place


def torch_members():
    """The part of PyTorch that the CPU needs: the headers, and the libraries without CUDA's kernels."""
    libraries = ("libtorch.so", "libtorch_cpu.so", "libc10.so", "libgomp.so.1")
    return {"torch/include/": "include/"} | {f"torch/lib/{name}": f"lib/{name}" for name in libraries}


ONNX_MEMBERS = {"onnxruntime/capi/libonnxruntime.so.1.28.0": "libonnxruntime.so.1.28.0"}

NVRTC_LIBRARIES = ("libnvrtc.so.13", "libnvrtc-builtins.so.13.0")

# machine -> dependency -> wheels. The two CUDA libraries are small, and libtorch_cpu.so of this build links to them.
TABLE = {
    "x86_64": {
        "onnxruntime": [
            Wheel("onnxruntime", "1.28.0",
                  "onnxruntime-1.28.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", 19193162,
                  "a166b78ee04f3a37fa1ef82034b6a3ce96d9684e582d4d30b296de83e9998bb5", ONNX_MEMBERS),
        ],
        "libtorch": [
            Wheel("torch", "2.11.0", "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl", 530604548,
                  "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a", torch_members()),
            Wheel("nvidia-cuda-runtime", "13.0.96",
                  "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", 2243632,
                  "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
                  {"nvidia/cu13/lib/libcudart.so.13": "lib/libcudart.so.13"}),
            Wheel("nvidia-cuda-cupti", "13.0.85",
                  "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl", 10715597,
                  "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
                  {"nvidia/cu13/lib/libcupti.so.13": "lib/libcupti.so.13"}),
        ],
        "nvrtc": [
            Wheel("nvidia-cuda-nvrtc", "13.0.88",
                  "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl", 90215200,
                  "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
                  {f"nvidia/cu13/lib/{name}": f"lib/{name}" for name in NVRTC_LIBRARIES}),
        ],
    },
    "aarch64": {
        "onnxruntime": [
            Wheel("onnxruntime", "1.28.0",
                  "onnxruntime-1.28.0-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl", 17039880,
                  "8d66f9ceb29909c70839e4e4fb3435c7b490050d8f162bd5f3aba4ca01ee517f", ONNX_MEMBERS),
        ],
    },
}

REMEDY = {
    "onnxruntime": "or name an ONNX Runtime that you have (1.27 or 1.28): ORT_DYLIB_PATH=/path/to/libonnxruntime.so",
    "libtorch": "or name a PyTorch 2.11 that you have: LIBTORCH=/path/to/torch (the folder with lib/ and include/)",
    "nvrtc": "or leave `make cuda-check` to a machine that can",
}

# Resumes broken transfers (any from 25.1 on does); runs from its wheel, and is not installed.
PIP = Wheel("pip", "25.3", "pip-25.3-py3-none-any.whl", 1778622,
            "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd", {})

STAMP = ".fetched"
CHUNK = 1 << 20
ATTEMPTS = 5
TIMEOUT = 60  # seconds without a byte
PAUSE = 1.0  # seconds before the first retry; tests set it to 0
NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)  # a URLError is an OSError, bad JSON a ValueError


class Refused(Exception):
    """Something was had, and it is not what the table says: trying another way would not help."""


class Unreachable(Exception):
    """The file could not be had this way."""


def open_url(url, **headers):
    """A response, or one of NETWORK_ERRORS; PIP_CERT names certificates for urllib as it does for pip."""
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT, context=context)


def locate(index, wheel):
    """The wheel's address, from the package index."""
    page = f"{index.rstrip('/')}/{wheel.project}/"
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
    with open_url(page, Accept=accept) as response:
        base, kind = response.url, response.headers.get_content_type()
        body = response.read().decode()
    if kind.endswith("json"):
        links = {entry["filename"]: entry["url"] for entry in json.loads(body)["files"]}
    else:
        hrefs = [html.unescape(link) for link in re.findall(r"""href=["']([^"']+)["']""", body)]
        links = {urllib.parse.unquote(urllib.parse.urlsplit(link).path.rsplit("/", 1)[-1]): link for link in hrefs}
    if wheel.file not in links:
        raise Unreachable(f"{page} does not list {wheel.file}")
    return urllib.parse.urljoin(base, links[wheel.file])


class Progress:
    """How far a download is: one line rewritten on a terminal, a line for each tenth elsewhere."""

    def __init__(self, name, total, done):
        self.name, self.total, self.start, self.began = name, total, done, time.monotonic()
        self.shown = -1
        self.terminal = sys.stderr.isatty()

    def show(self, done):
        step = int(done * (100 if self.terminal else 10) / self.total)
        if step == self.shown:
            return
        self.shown = step
        speed = (done - self.start) / max(time.monotonic() - self.began, 1e-3)
        text = f"  {self.name}  {done / 1e6:7.1f} of {self.total / 1e6:.1f} MB  {speed / 1e6:.1f} MB/s"
        print(f"\r{text}\x1b[K" if self.terminal else text, end="" if self.terminal else "\n",
              file=sys.stderr, flush=True)

    def end(self):
        if self.terminal:
            print(file=sys.stderr)


def digest(path):
    """SHA-256 of a file, as hex."""
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()


def transfer(url, part, wheel):
    """One attempt: appends to `part` what it lacks, or starts anew if the server cannot resume."""
    have = part.stat().st_size if part.exists() else 0
    if have >= wheel.size:
        return
    with open_url(url, **({"Range": f"bytes={have}-"} if have else {})) as response:
        if have and response.status != 206:
            have = 0
        progress = Progress(wheel.project, wheel.size, have)
        with open(part, "ab" if have else "wb") as file:
            while have < wheel.size and (chunk := response.read(CHUNK)):
                file.write(chunk)
                have += len(chunk)
                progress.show(have)
        progress.end()
    if have < wheel.size:
        raise Unreachable(f"{url}: the connection ended at {have} of {wheel.size} bytes")


def download(index, wheel, part):
    """Downloads to `part` without pip, resuming after interruptions."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return transfer(locate(index, wheel), part, wheel)
        except urllib.error.HTTPError as error:
            fault = f"{error.url}: HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 416, 429):
                break
            if error.code == 416:  # what is there is no beginning of that file
                part.unlink(missing_ok=True)
        except (Unreachable, *NETWORK_ERRORS) as error:
            fault = str(error)
        if attempt < ATTEMPTS:
            print(f"  {fault}; trying again", file=sys.stderr)
            time.sleep(min(2 ** (attempt - 1), 8) * PAUSE)
    raise Unreachable(fault)


def pip_that_resumes(cache):
    """How to run a pip that resumes broken transfers: the installed one, or one that it brings."""
    pip = [sys.executable, "-m", "pip"]
    try:
        told = subprocess.run([*pip, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreachable(f"{sys.executable} has no pip: install it (Debian: apt-get install python3-pip), or name a "
                          "package index to do without: make deps INDEX=URL") from error
    release = tuple(int(number) for number in re.findall(r"\d+", told)[:2])
    if release >= (25, 1):
        return pip
    if not has(cache, PIP):
        download_by_pip(pip, PIP, cache)
    check(cache, PIP)
    return [sys.executable, str(cache / PIP.file / "pip")]


def download_by_pip(pip, wheel, cache):
    """Has pip download the wheel into the cache, with the settings that it has."""
    _, _, python, abi, tags = wheel.file.removesuffix(".whl").split("-")
    command = [*pip, "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-cache-dir",
               f"--dest={cache}", f"--implementation={python[:2]}", f"--abi={abi}",
               *(f"--platform={tag}" for tag in tags.split(".")), f"{wheel.project}=={wheel.version}"]
    if python.startswith("cp"):
        command.append(f"--python-version={python[2:]}")
    if subprocess.run(command, stdout=sys.stderr).returncode:
        raise Unreachable(f"pip did not bring {wheel.project} {wheel.version}; its own message stands above")
    if not (cache / wheel.file).exists():
        raise Refused(f"pip brought another file than {wheel.file}; look at its configuration (`pip config list`)")


def has(cache, wheel):
    """Whether the cache holds the wheel, whole."""
    path = cache / wheel.file
    return path.exists() and digest(path) == wheel.sha256


def check(cache, wheel):
    """Refuses, and deletes, a wheel that is not the pinned one."""
    if (found := digest(cache / wheel.file)) != wheel.sha256:
        (cache / wheel.file).unlink()
        raise Refused(f"{wheel.file} has SHA-256 {found}, not {wheel.sha256}: it was deleted and not used; "
                      "if a second try says the same, the index or a proxy serves another file")


def obtain(index, wheel, cache):
    """Brings the wheel into the cache, and checks its digest."""
    if has(cache, wheel):
        return
    (cache / wheel.file).unlink(missing_ok=True)
    if index:
        part = cache / f"{wheel.file}.part"
        download(index, wheel, part)
        os.replace(part, cache / wheel.file)
    else:
        download_by_pip(pip_that_resumes(cache), wheel, cache)
    check(cache, wheel)


def unpack(wheel, path, folder):
    """Copies the wheel's wanted members into the folder."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for source, place in wheel.members.items():
            chosen = [name for name in names if name == source or (source.endswith("/") and name.startswith(source))]
            if not chosen:
                raise Refused(f"{wheel.file} has no {source}")
            for name in chosen:
                target = folder / (place + name.removeprefix(source))
                if name.endswith("/"):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as member, open(target, "wb") as file:
                    shutil.copyfileobj(member, file, CHUNK)


def stamp_of(wheels):
    """What a complete folder says of itself."""
    return "".join(f"{wheel.project} {wheel.version} {wheel.sha256}\n" for wheel in wheels)


def is_complete(folder, wheels):
    """Whether the folder holds what the table asks for."""
    try:
        return (folder / STAMP).read_text() == stamp_of(wheels)
    except OSError:
        return False


def fetch(index, name, wheels, root):
    """Brings one dependency up to date; its folder appears whole or not at all."""
    folder = root / name
    if is_complete(folder, wheels):
        return
    cache = root / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    total = sum(wheel.size for wheel in wheels) / 1e6
    print(f"{name}: {total:.0f} MB to download once, into {folder}", file=sys.stderr)
    for wheel in wheels:
        obtain(index, wheel, cache)
    fresh, old = root / f"{name}.new", root / f"{name}.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    for wheel in wheels:
        unpack(wheel, cache / wheel.file, fresh)
    (fresh / STAMP).write_text(stamp_of(wheels))
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)
    for wheel in wheels:
        (cache / wheel.file).unlink()


def wheels_for(name, table=TABLE):
    """The wheels of a dependency on this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() != "Linux" or name not in table.get(machine, {}):
        raise Unreachable(f"no {name} for {platform.system()} on {machine} is in the table of tools/fetch.py")
    return table[machine][name]


def main(arguments=None, table=TABLE):
    parser = argparse.ArgumentParser(description="Fetches the shared libraries that tests need.")
    parser.add_argument("--into", type=pathlib.Path, default=pathlib.Path(".deps"), metavar="FOLDER")
    parser.add_argument("--index", metavar="URL", help="download from this package index, without pip")
    parser.add_argument("name", nargs="+", choices=list(REMEDY))
    options = parser.parse_args(arguments)
    options.into.mkdir(parents=True, exist_ok=True)
    with open(options.into / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once: the second waits, and finds the work done
        for name in options.name:
            try:
                wheels = wheels_for(name, table)
                fetch(options.index, name, wheels, options.into)
            except Refused as error:
                sys.exit(f"{name}: {error}")
            except Unreachable as error:
                sys.exit(f"{name}: {error}\nTry again when the package index can be reached (what is complete is kept),"
                         f"\n{REMEDY[name]}")
            except OSError as error:
                sys.exit(f"{name}: {error}; check the space and the permissions of {options.into}")
            except KeyboardInterrupt:
                sys.exit(f"\n{name}: interrupted; what is complete is kept, and the same command goes on")


if __name__ == "__main__":
    main()
