#!/usr/bin/env python3
"""Measures what the C boundary costs: `make bench-boundary`, which builds what this program runs.

Prints a table of CPU time against the Rust caller's and writes it as JSON. README.md says what is measured.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ("mtl-mobile", "mtl-base")
COUNTS = (1, 32, 1024)  # sentences a call
AIMS = {"C": (1, 1.03), "C++": (1, 1.03), "Go": (32, 1.10)}  # from how many sentences a call, the largest ratio
REFERENCE = "Rust"
BLOCK_NS = 30_000_000  # how long a block is at least


def sentences():
    """The sentences of models/demo.txt, over and over, as many as the largest call takes."""
    text = (ROOT / "models/demo.txt").read_text(encoding="utf-8")
    found = re.split(r"(?<=\.)\s+", text.strip())
    return [" ".join(found[i % len(found)].split()) for i in range(max(COUNTS))]


def build(prefix, rust, folder):
    """Builds the callers of C, C++ and Go against the libmtl in `prefix`: the command of each caller, by its name."""
    libraries = prefix / "lib"
    os.environ |= {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "LD_LIBRARY_PATH": str(libraries),
                   "CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOPROXY": "off",
                   "GOCACHE": str(ROOT / "target/go-cache-boundary")}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "mtl"], check=True, capture_output=True, text=True)
    flags = ["-O2", "-Wall", "-Wextra", *flags.stdout.split()]
    subprocess.run(["cc", "-std=c11", HERE / "caller.c", *flags, "-o", folder / "c"], check=True)
    subprocess.run(["c++", "-std=c++17", HERE / "caller.cpp", *flags, "-o", folder / "cpp"], check=True)
    subprocess.run(["go", "build", "-o", folder / "go", "."], cwd=HERE / "go", check=True)
    # A second Rust caller shows how much two equal programs differ here.
    return {REFERENCE: rust, "Rust again": rust, "C": folder / "c", "C++": folder / "cpp", "Go": folder / "go"}


class Caller:
    """A caller that waits for work."""

    def __init__(self, program, bundle, texts):
        self.process = subprocess.Popen([program, bundle, texts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def block(self, count, calls):
        """CPU time in ns of so many calls of `count` sentences, and the sum of what was read."""
        self.process.stdin.write(f"{count} {calls}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return int(answer[0]), answer[1]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(callers, count, rounds):
    """Blocks of the callers in turns: calls a block, ns a sentence of the reference, ratios by caller."""
    callers[REFERENCE].block(count, max(1, 32 // count))  # the first call is slower
    first, _ = callers[REFERENCE].block(count, max(1, 32 // count))
    calls = math.ceil(BLOCK_NS / (first / max(1, 32 // count)))
    if len({caller.block(count, calls)[1] for caller in callers.values()}) != 1:
        sys.exit(f"the callers do not read the same results at {count} sentences a call")
    names = list(callers)
    times = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            times[name].append(callers[name].block(count, calls)[0])
    ratios = {name: [a / b for a, b in zip(times[name], times[REFERENCE])] for name in names if name != REFERENCE}
    return calls, statistics.median(times[REFERENCE]) / (calls * count), ratios


def row(name, count, ratios):
    low, median, high = (round(value, 4) for value in statistics.quantiles(ratios, n=4))
    least, aim = AIMS.get(name, (math.inf, None))
    return {"median": median, "quartiles": [low, high]} | ({"aim": aim} if count >= least else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", type=pathlib.Path, required=True, help="where the release build of libmtl is installed")
    parser.add_argument("--rust", type=pathlib.Path, required=True, help="the Rust caller")
    parser.add_argument("--rounds", type=int, default=100, help="blocks of each caller (%(default)s)")
    parser.add_argument("--output", type=pathlib.Path, help="the JSON file to write")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        texts = folder / "texts"
        texts.write_text("\n".join(sentences()) + "\n", encoding="utf-8")
        programs = build(arguments.prefix.resolve(), arguments.rust.resolve(), folder)
        print("| model | sentences a call | Rust, µs a sentence | " + " | ".join(list(programs)[1:]) + " |")
        print("|" + "---|" * (len(programs) + 2))
        for model in MODELS:
            callers = {name: Caller(program, ROOT / "models" / model, texts) for name, program in programs.items()}
            for count in COUNTS:
                calls, nanoseconds, ratios = measure(callers, count, arguments.rounds)
                rows = {name: row(name, count, values) for name, values in ratios.items()}
                results.append({"model": model, "sentences_a_call": count, "calls_a_block": calls,
                                "rust_us_a_sentence": round(nanoseconds / 1000, 2), "ratio_to_rust": rows})
                cells = [f"{r['median']:.3f} ({r['quartiles'][0]:.3f} to {r['quartiles'][1]:.3f})" for r in rows.values()]
                print(f"| {model} | {count} | {nanoseconds / 1000:.1f} | " + " | ".join(cells) + " |", flush=True)
            for caller in callers.values():
                caller.close()
    if arguments.output:
        summary = {"command": "make bench-boundary", "date": datetime.date.today().isoformat(),
                   "machine": f"{platform.system()} {platform.machine()}", "rounds": arguments.rounds, "results": results}
        arguments.output.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    missed = [f"{r['model']}, {r['sentences_a_call']} sentences a call, {name}" for r in results
              for name, ratio in r["ratio_to_rust"].items() if ratio["median"] > ratio.get("aim", math.inf)]
    print("\n".join(f"misses its aim: {place}" for place in missed) or "every aim is met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
