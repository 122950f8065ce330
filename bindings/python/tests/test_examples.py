"""The examples, as a reader runs them."""

import subprocess
import sys

import pytest
from conftest import ROOT, ZOO


def run(name, *arguments, text=""):
    command = [sys.executable, ROOT / "bindings/python/examples" / name, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", timeout=120)


def test_tag():
    done = run("tag.py", ZOO / "mtl-mobile", "Ada sails to Oslo.")
    assert done.returncode == 0 and "LOC\tOslo" in done.stdout


def test_score():
    done = run("score.py", ZOO / "sla-demo", "en_es", "a", "I drink the water", "I drink water")
    assert done.returncode == 0 and done.stdout.splitlines()[2].startswith("the\t0.") and done.stdout.splitlines()[2].endswith("\twrong")


def test_batch():
    lines = "Ada sails to Oslo.\n" * 700
    done = run("batch.py", ZOO / "mtl-mobile", text=lines)
    assert done.returncode == 0 and sum("LOC\tOslo" in line for line in done.stdout.splitlines()) == 700


@pytest.mark.parametrize("name", ["tag.py", "score.py", "batch.py"])
def test_usage_and_errors(name):
    assert "usage" in run(name).stderr
    more = {"tag.py": ["text"], "score.py": ["t", "u", "s"], "batch.py": []}[name]
    failed = run(name, "nowhere/at-all", *more)
    assert failed.returncode == 1 and "check the path" in failed.stderr
