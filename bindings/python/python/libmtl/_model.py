"""Models."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Unpack

from . import _mtl
from ._errors import ArgumentError, Error
from ._types import (Alternative, Annotation, Columns, Document, Exercise, OpenOptions, Path, Scored, Span, SpanColumns, Tags,
                     TaskColumns, Unit)


class Model:
    """An opened model: immutable, for many threads at once, until it is closed.

    `path` is a bundle: a folder, or an archive of one. `trusted` maps its files instead of reading them and checks no
    digest: only for a bundle from inside something verified.

    `engine` is "native" or "onnx", the latter with `library`, the path of ONNX Runtime, and `providers` in order, such as
    ["cuda?", "cpu"]: with a question mark one is used if it is there, without one it must be. `gpu_memory` is in bytes.
    `graph` "fused" is for taggers that have it: libmtl's own kernels as an operator of ONNX Runtime, on the processor.
    `engine` "cuda" is for taggers on NVIDIA GPUs, in a library that was built with it, and was not run on a GPU yet, nor was the
    fused graph on the provider "cuda"; `kernel_cache` is an existing folder in which they keep the kernels that they compile.
    `threads` counts the caller's; models with the same `pool` share its threads. `kernel` forces one of the native engine's;
    `word_cache` is how many bytes it may keep of the words that come again, 2 MiB without it, and 0 keeps none.
    `vectors` is the path of the word vectors by sentence that some scorers need.
    """

    def __init__(
        self,
        path: Path,
        *,
        trusted: bool = False,
        offset: int = 0,
        length: int | None = None,
        **options: Unpack[OpenOptions],
    ) -> None:
        opening = _opening(**options)
        if length is None and offset == 0:
            self._own(_mtl.Model.open(os.fspath(path), trusted, opening))
            return
        if length is None:
            length = os.stat(path).st_size - offset
        if offset < 0 or length < 0:
            raise ArgumentError(f"{length} bytes from offset {offset} on", remedy="pass a part of the file")
        self._own(_mtl.Model.open_part(os.fspath(path), offset, length, trusted, opening))

    @classmethod
    def from_bytes(cls, data: bytes, *, trusted: bool = False, **options: Unpack[OpenOptions]) -> Model:
        """The bundle archive in `data`."""
        model = cls.__new__(cls)
        model._own(_mtl.Model.open_bytes(bytes(data), trusted, _opening(**options)))
        return model

    def _own(self, model: _mtl.Model) -> None:
        self._model = model
        manifest, report, self._digest = model.facts()
        self._manifest: dict[str, Any] = json.loads(manifest)
        self._report: dict[str, Any] = json.loads(report)
        self._span_labels = model.span_labels()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the model back: calls that run finish on it, later ones fail. May be called again."""
        self._model.close()

    def __repr__(self) -> str:
        return f"<libmtl.Model {self._manifest['id']} {self._manifest['version']}, engine {self._report['engine']}>"

    @property
    def digest(self) -> str:
        """SHA-256 of the bundle's manifest, which names every other file's: it identifies the bundle."""
        return self._digest

    @property
    def manifest(self) -> dict[str, Any]:
        """The bundle's manifest, as docs/bundle-format.md describes it."""
        return self._manifest

    @property
    def report(self) -> dict[str, Any]:
        """What runs where: engine, version, precision, threads, and the execution providers with reasons."""
        return self._report

    @property
    def languages(self) -> list[str]:
        """ISO 639-1 codes."""
        return list(self._manifest["languages"])

    @property
    def tasks(self) -> list[str]:
        """Names, such as "ner"; none of a scorer."""
        return [task["name"] for task in self._manifest["tasks"]]

    def _task(self, name: str) -> dict[str, Any]:
        for task in self._manifest["tasks"]:
            if task["name"] == name:
                return dict(task)
        raise ArgumentError(f"the model has no task {name!r}", remedy="choose among " + ", ".join(self.tasks))

    def labels(self, task: str) -> list[str]:
        """The labels that a token can have in a task, such as "B-PER" or "NOUN"."""
        return list(self._task(task)["labels"])

    def span_labels(self, task: str) -> list[str]:
        """The labels that a span can have in a task, such as "PER"; none where the task makes no spans."""
        return self._span_labels[self._task(task)["name"]]

    def task_languages(self, task: str) -> list[str]:
        """The languages that a task was trained on."""
        return list(self._task(task)["languages"])

    def tag(
        self,
        documents: Iterable[Document],
        *,
        tasks: Iterable[str] = (),
        language: str | None = None,
        unit: Unit = "codepoints",
        replace_invalid: bool = False,
        scores: bool = False,
        nbest: int = 0,
        zero_shot: bool = False,
        timeout: float | None = None,
        cancel: _mtl.Cancel | None = None,
    ) -> list[Annotation]:
        """Tags `documents`, each running text or the words of a sentence, in order: each has a result or an `error` of its
        own. Raises what concerns all.

        `tasks`: all of the model's without it. `language`: each document's is detected without it. `unit`: what offsets
        count. `replace_invalid` reads U+FFFD for bytes that are not UTF-8; without it, such a document has an error.
        `scores` gives calibrated probabilities, `nbest` up to so many best paths a sentence, 100 at most. `zero_shot` tags
        languages that a task was not trained on. `timeout` is in seconds; `cancel` stops the call from another thread.
        """
        tagging = _tagging(tasks, language, unit, replace_invalid, scores, nbest, zero_shot)
        return [_annotation(found) for found in self._model.tag(_documents(documents), tagging, _cancel(timeout, cancel))]

    def tag_columns(
        self,
        documents: Iterable[Document],
        *,
        tasks: Iterable[str] = (),
        language: str | None = None,
        unit: Unit = "codepoints",
        replace_invalid: bool = False,
        scores: bool = False,
        zero_shot: bool = False,
        timeout: float | None = None,
        cancel: _mtl.Cancel | None = None,
    ) -> Columns:
        """`tag`, in columns: numpy's arrays with a row for each token and each span. For many documents at once."""
        import numpy

        def numbers(data: bytes, kind: str) -> Any:
            return numpy.frombuffer(data, numpy.dtype(kind))

        tagging = _tagging(tasks, language, unit, replace_invalid, scores, 0, zero_shot)
        found = self._model.tag_columns(_documents(documents), tagging, _cancel(timeout, cancel))
        by_task = {}
        for name, task in found.pop("tasks").items():
            spans = task["spans"]
            places = {key: numbers(spans[key], "<i8") for key in ("document", "start", "end", "token_start", "token_end")}
            score = numbers(spans["score"], "<f4") if scores else None
            of_spans = SpanColumns(**places, label=numbers(spans["label"], "<i4"), score=score)
            score = numbers(task["score"], "<f4") if scores else None
            by_task[name] = TaskColumns(label=numbers(task["label"], "<i4"), score=score, spans=of_spans)
        rows = {key: numbers(found[key], "<i8") for key in ("document", "sentence", "start", "end")}
        return Columns(language=found["language"], error=found["error"], tasks=by_task, **rows)

    def score(
        self,
        exercises: Iterable[Exercise],
        *,
        calibrated: bool = False,
        learners: Iterable[_mtl.Learner] = (),
        timeout: float | None = None,
        cancel: _mtl.Cancel | None = None,
    ) -> list[Scored]:
        """P(mistake) of each word of each exercise, in order: each has a result or an `error` of its own.

        `calibrated`: as often as mistakes come; without it as the model was trained, where 0.5 parts right from wrong best.
        `learners`: exercises of these users are scored with what `adapt` found.
        """
        found = _mtl.score(self._model, list(exercises), calibrated, list(learners), _cancel(timeout, cancel))
        return [Scored([], one) if isinstance(one, Error) else Scored(array("f", one).tolist()) for one in found]

    def adapt(
        self,
        answers: Iterable[tuple[Exercise, Sequence[bool]]],
        prior: _mtl.Learner | None = None,
        *,
        timeout: float | None = None,
        cancel: _mtl.Cancel | None = None,
    ) -> _mtl.Learner:
        """Fits a learner to what they have answered, all of one user: pairs of an exercise and which of its words were
        wrong. `prior` is what was fitted before to other answers of theirs. The model does not change."""
        return _mtl.adapt(self._model, [(e, list(m)) for e, m in answers], prior, False, _cancel(timeout, cancel))

    def remember(
        self,
        answers: Iterable[tuple[Exercise, Sequence[bool]]],
        prior: _mtl.Learner | None = None,
        *,
        timeout: float | None = None,
        cancel: _mtl.Cancel | None = None,
    ) -> _mtl.Learner:
        """Keeps what a learner has answered and fits nothing, for a model that reads what was answered before."""
        return _mtl.adapt(self._model, [(e, list(m)) for e, m in answers], prior, True, _cancel(timeout, cancel))


def _opening(
    *,
    engine: str = "native",
    threads: int = 0,
    kernel: str | None = None,
    word_cache: int | None = None,
    graph: str = "portable",
    library: Path | None = None,
    providers: Iterable[str] = (),
    gpu_device: int | None = None,
    gpu_memory: int | None = None,
    tensorrt_cache: Path | None = None,
    tensorrt_fp16: bool = False,
    kernel_cache: Path | None = None,
    accept_telemetry: bool = False,
    vectors: Path | None = None,
    pool: _mtl.Pool | None = None,
) -> dict[str, object]:
    if isinstance(providers, str):
        raise ArgumentError(f"providers is the text {providers!r}", remedy="pass a list of names")
    return {**locals(), "providers": list(providers)}


def _tagging(
    tasks: Iterable[str], language: str | None, unit: str, replace_invalid: bool, scores: bool, nbest: int, zero_shot: bool
) -> dict[str, object]:
    if isinstance(tasks, str):
        raise ArgumentError(f"tasks is the text {tasks!r}", remedy="pass a list of names")
    return {**locals(), "tasks": list(tasks)}


def _documents(documents: Iterable[Document]) -> list[Document]:
    if isinstance(documents, (str, bytes)):
        raise ArgumentError("documents is one text", remedy="pass a list of texts")
    return list(documents)


def _cancel(timeout: float | None, cancel: _mtl.Cancel | None) -> _mtl.Cancel | None:
    if timeout is None:
        return cancel
    if cancel is not None:
        raise ArgumentError("timeout and cancel together", remedy="pass cancel=libmtl.Cancel(timeout)")
    return _mtl.Cancel(timeout)


def _annotation(found: Any) -> Annotation:
    if isinstance(found, Error):
        return Annotation("", [], [], {}, found)
    language, sentences, tokens, tasks = found
    return Annotation(language, sentences, tokens, {name: tags and _tags(tags) for name, tags in tasks.items()})


def _tags(found: Any) -> Tags:
    labels, spans, scores, nbest = found
    paths = [[Alternative(*path) for path in sentence] for sentence in nbest]
    return Tags(labels, [Span(label, start, end, *rest) for start, end, label, *rest in spans], scores, paths)
