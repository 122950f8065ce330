#!/usr/bin/env python3
"""Checks that no dependency promises less than we do: its rust-version must not be above that of Cargo.toml."""

import json
import subprocess
import sys


def version(text):
    """`1.88` as (1, 88, 0)."""
    numbers = [int(part) for part in text.split("-")[0].split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def faults(metadata):
    """Yields a complaint for each member without a rust-version and each package that needs a newer Rust."""
    members = [package for package in metadata["packages"] if package["id"] in metadata["workspace_members"]]
    for package in members:
        if not package["rust_version"]:
            yield f"{package['name']} states no rust-version"
    promised = min(version(package["rust_version"]) for package in members if package["rust_version"])
    for package in metadata["packages"]:
        if package["rust_version"] and version(package["rust_version"]) > promised:
            yield (f"{package['name']} {package['version']} needs Rust {package['rust_version']}, we promise "
                   f"{'.'.join(map(str, promised))}; raise rust-version in Cargo.toml or take an older release")


def main():
    listing = subprocess.run(["cargo", "metadata", "--locked", "--format-version=1", "--all-features"],
                             capture_output=True, text=True)
    if listing.returncode:
        sys.exit(listing.stderr.strip())
    found = list(faults(json.loads(listing.stdout)))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
