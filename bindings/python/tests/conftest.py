"""Models of the zoo, and the files of the checkout."""

import os
import pathlib

import pytest

import libmtl

ROOT = pathlib.Path(__file__).resolve().parents[3]
ZOO = pathlib.Path(os.environ.get("MTL_ZOO", ROOT / "models"))


@pytest.fixture(scope="session")
def model():
    with libmtl.Model(ZOO / "mtl-mobile") as opened:
        yield opened


@pytest.fixture(scope="session")
def scorer():
    with libmtl.Model(ZOO / "sla-demo") as opened:
        yield opened


@pytest.fixture(scope="session")
def mtl():
    """The command: that of MTL, else the debug build that tools/test_python.py makes."""
    program = pathlib.Path(os.environ.get("MTL", ROOT / "target/debug/mtl"))
    assert program.is_file(), f"{program} is not there: make docs-check builds it, or say where it is by MTL"
    return program
