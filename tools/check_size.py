#!/usr/bin/env python3
"""Compares what was built with the size budget, abi/sizes.txt: `NAME BYTES` a line, NAME a path or a pattern below the folder of
the release build. Prints every size; fails over budget.

    check_size.py target/release libmtl.so
    check_size.py target/release              # everything
"""

import argparse
import glob
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
        paths = [pathlib.Path(path) for path in glob.glob(str(folder / name))]
        if not paths:
            lines.append(f"{name}: not built in {folder}; run make size-check-all")
            good = False
            continue
        # Of several versions, the one that was built last.
        size = max(paths, key=lambda path: path.stat().st_mtime).stat().st_size
        within = size <= limit
        good &= within
        lines.append(f"{name}: {size:,} bytes of {limit:,}{'' if within else ': OVER BUDGET'}")
    return lines, good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the release build is")
    parser.add_argument("names", nargs="*", help="lines of the budget; all of them without")
    arguments = parser.parse_args()
    budget = dict(budgets(BUDGET.read_text(encoding="utf-8")))
    if unknown := set(arguments.names) - set(budget):
        parser.error(f"{BUDGET.name} has no budget for {', '.join(sorted(unknown))}")
    lines, good = judge(arguments.folder, [(name, budget[name]) for name in arguments.names or budget])
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
