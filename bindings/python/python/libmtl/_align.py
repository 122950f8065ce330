"""Answers against what is right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from . import _mtl
from ._errors import Error
from ._model import _cancel, _documents
from ._types import Document, Unit


class Word(NamedTuple):
    """A word of the correct sentence."""

    start: int
    end: int
    #: Whether the learner got it wrong.
    mistake: bool


class Edit(NamedTuple):
    """A step from the correct sentence to the answer."""

    kind: Literal["match", "substitute", "delete", "insert"]
    #: Number of the word of the correct sentence; `None` of an insertion.
    word: int | None
    #: Where the answer's word stands; `None` of a deletion.
    typed: tuple[int, int] | None


class Alignment(NamedTuple):
    """A pair's result: what was found, or `error`."""

    words: list[Word]
    #: The fewest that make the answer of the correct sentence, in order.
    edits: list[Edit]
    #: (substitutions + deletions + insertions) / words of the correct sentence; may exceed 1.
    word_error_rate: float
    error: Error | None = None


_KINDS: dict[str, Literal["match", "substitute", "delete", "insert"]] = {
    "M": "match", "S": "substitute", "D": "delete", "I": "insert"}


def align(
    correct: Iterable[Document],
    answers: Iterable[Document],
    *,
    case: bool = False,
    punctuation: bool = False,
    accents: bool = False,
    unit: Unit = "codepoints",
    replace_invalid: bool = False,
    timeout: float | None = None,
    cancel: _mtl.Cancel | None = None,
) -> list[Alignment]:
    """Which words of each correct sentence the answer of the same number got wrong. Both are texts, or both words.

    `case`: "Yes" is not "yes". `punctuation`: "well-known" is not "wellknown", and marks are words. `accents`: "sí" is not
    "si". The other arguments are as for `Model.tag`.
    """
    aligning: dict[str, object] = {"case": case, "punctuation": punctuation, "accents": accents, "unit": unit,
                                   "replace_invalid": replace_invalid}
    found = _mtl.align(_documents(correct), _documents(answers), aligning, _cancel(timeout, cancel))
    return [Alignment([], [], 0.0, pair) if isinstance(pair, Error) else _alignment(*pair) for pair in found]


def _alignment(words: list[tuple[int, int]], mistakes: list[bool], edits: list[tuple[str, int | None, tuple[int, int] | None]],
               rate: float) -> Alignment:
    steps = [Edit(_KINDS[kind], word, typed) for kind, word, typed in edits]
    return Alignment([Word(*place, mistake) for place, mistake in zip(words, mistakes, strict=True)], steps, rate)
