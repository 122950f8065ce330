"""The cases of tests/cases, as every binding runs them."""

import json

import libmtl
import pytest
from conftest import ROOT

UNITS = ("bytes", "utf16", "codepoints")
CASES = [json.loads(line) for path in sorted((ROOT / "tests/cases").glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
#: Options of the C ABI, by their names and values here.
NAMES = {"invalid_utf8": "replace_invalid"}
VALUES = {"true": True, "false": False, "replace": True, "error": False}


def options(case):
    given = {}
    for key, value in case.get("options", {}).items():
        value = value.split(",") if key == "tasks" else int(value) if key == "nbest" and value.isdigit() else VALUES.get(value, value)
        given[NAMES.get(key, key)] = value
    return given


def given(document):
    if "tokens" in document:
        return document["tokens"]
    return bytes.fromhex(document["hex"]) if "hex" in document else document["text"] * document.get("repeat", 1)


def pairs(places):
    return [list(place) for place in places]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case, unit, model):
    if "bundle" in case:
        assert case["bundle"] == model.digest, "was made for another bundle; run `make cases` and read the difference"
    documents, expected = [given(document) for document in case["documents"]], case["expect"]
    if "answers" in case:
        call = lambda: libmtl.align(documents, [given(answer) for answer in case["answers"]], unit=unit, **options(case))
        compare, expectations = compare_pair, expected.get("pairs")
    else:
        call = lambda: model.tag(documents, unit=unit, **options(case))
        compare, expectations = compare_document, expected.get("documents")
    if "error" in expected:
        # A keyword that does not exist, or a value of another type, is Python's own refusal.
        with pytest.raises((libmtl.Error, TypeError)) as raised:
            call()
        assert isinstance(raised.value, TypeError) or raised.value.code == expected["error"]
        return
    found = call()
    assert len(found) == len(expectations)
    for one, want in zip(found, expectations, strict=True):
        if want["status"]:
            assert one.error is not None and one.error.code == want["status"]
        else:
            assert one.error is None
            compare(one, want, unit)


def compare_document(found, want, unit):
    assert found.language == want["language"]
    if "counts" in want:
        assert [len(found.sentences), len(found.tokens)] == want["counts"]
        assert pairs(found.tokens[-1:]) == want["last"][unit]
        return
    assert [end for _, end in found.sentences] == want["sentences"]
    assert pairs(found.tokens) == want["tokens"][unit]
    for task, labels in want.get("labels", {}).items():
        tags = found.tasks[task]
        assert (tags.labels if tags else ["-"] * len(found.tokens)) == labels
        spans = tags.spans if tags else []
        assert [span.label for span in spans] == want["spans"][task]["labels"]
        assert [[span.start, span.end] for span in spans] == want["spans"][task][unit]


def compare_pair(found, want, unit):
    assert pairs(word[:2] for word in found.words) == want["words"][unit]
    assert "".join("01"[word.mistake] for word in found.words) == want["mistakes"]
    assert [edit.kind[0].upper() + ("" if edit.word is None else str(edit.word)) for edit in found.edits] == want["edits"]
    assert pairs(edit.typed for edit in found.edits if edit.typed) == want["typed"][unit]
    assert found.word_error_rate == pytest.approx(want["word_error_rate"], abs=1e-6)


def test_codes_are_those_of_the_header():
    import re
    header = (ROOT / "include/mtl.h").read_text("utf-8")
    found = {name.removeprefix("MTL_").removeprefix("ERROR_"): int(value)
             for name, value in re.findall(r"^\s+(MTL_OK|MTL_ERROR_\w+) = (\d+),?$", header, re.MULTILINE)}
    assert found == {code.name: code.value for code in libmtl.Code}
