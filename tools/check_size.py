#!/usr/bin/env python3
"""Compares what was built with the size budget, abi/sizes.txt: `NAME BYTES` a line. Prints every size; fails over budget.

    check_size.py target/release
"""

import argparse
import pathlib
import sys

BUDGET = pathlib.Path(__file__).resolve().parent.parent / "abi/sizes.txt"


def budgets(text):
    """(name, bytes) of each line that is not a comment."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return [(name, int(limit)) for name, limit in filter(None, lines)]


def judge(folder, budget):
    """A line for each artefact, and whether all are within their budget."""
    lines, good = [], True
    for name, limit in budget:
        path = folder / name
        if not path.is_file():
            lines.append(f"{name}: not built in {folder}; run make capi")
            good = False
            continue
        size = path.stat().st_size
        within = size <= limit
        good &= within
        lines.append(f"{name}: {size:,} bytes of {limit:,}{'' if within else ': OVER BUDGET'}")
    return lines, good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the release build is")
    lines, good = judge(parser.parse_args().folder, budgets(BUDGET.read_text(encoding="utf-8")))
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
