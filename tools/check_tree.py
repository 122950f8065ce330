#!/usr/bin/env python3
"""Checks every tracked file: none is over 25 MB, and none names a place of one person's machine."""

import os
import pathlib
import re
import subprocess
import sys

LIMIT = 25_000_000
HOME = re.compile(rb"/(?:home|root|Users)/[\w.-]+/|\b[A-Z]:\\Users\\")


def faults(root, names, places):
    """Yields a complaint for each fault; `places` are folders of this machine that nothing may name."""
    for name in names:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        if (size := path.stat().st_size) > LIMIT:
            yield f"{name}: {size / 1e6:.0f} MB, the limit is {LIMIT / 1e6:.0f}"
            continue
        content = path.read_bytes()
        if b"\0" in content[:8192]:
            continue
        for number, line in enumerate(content.split(b"\n"), 1):
            found = HOME.search(line)
            named = found[0].decode() if found else next((p for p in places if p.encode() in line), None)
            if named:
                yield f"{name}:{number}: names {named}; write it relative to the repository or as an option"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                             capture_output=True, text=True, check=True).stdout
    names = [name for name in listing.split("\0") if name]
    here = {str(root), os.path.expanduser("~")}
    places = sorted(place for place in here if place.count("/") > 1)
    found = list(faults(root, names, places))
    for fault in found:
        print(fault)
    print(f"{len(names)} files, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
