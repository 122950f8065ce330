"""What calls take and give."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypedDict

from ._errors import Error

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from ._mtl import Pool

Path: TypeAlias = str | os.PathLike[str]

#: What offsets count.
Unit: TypeAlias = Literal["codepoints", "bytes", "utf16"]

#: Running text, as `str` or as UTF-8, or the words of one sentence.
Document: TypeAlias = str | bytes | Sequence[str] | Sequence[bytes]


class OpenOptions(TypedDict, total=False):
    """How a model is opened: `Model` says what each does."""

    engine: Literal["native", "onnx", "cuda"]
    threads: int
    kernel: str | None
    word_cache: int | None
    graph: Literal["portable", "fused"]
    library: Path | None
    providers: Iterable[str]
    gpu_device: int | None
    gpu_memory: int | None
    tensorrt_cache: Path | None
    tensorrt_fp16: bool
    kernel_cache: Path | None
    accept_telemetry: bool
    vectors: Path | None
    pool: Pool | None


class Span(NamedTuple):
    """A labelled run of tokens, half-open."""

    label: str
    #: Where it stands in the text, in the unit asked for; of words, in their concatenation.
    start: int
    end: int
    #: Its tokens.
    token_start: int
    token_end: int
    #: P(the labels of its tokens | sentence), calibrated; `None` unless scores were asked for.
    score: float | None


class Alternative(NamedTuple):
    """One of the n best paths of a sentence."""

    labels: list[str]
    #: P(all labels | sentence), calibrated.
    probability: float


class Tags(NamedTuple):
    """What a task says of a document."""

    #: One a token.
    labels: list[str]
    #: None of a task with plain labels, such as parts of speech.
    spans: list[Span]
    #: P(label | sentence) of each token, calibrated; empty unless scores were asked for.
    scores: list[float]
    #: For each sentence its best paths, best first; empty lists unless they were asked for.
    nbest: list[list[Alternative]]


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """A document's result: what was found, or `error`."""

    #: ISO 639-1; empty beside an error.
    language: str
    #: The tokens of each sentence, half-open.
    sentences: list[tuple[int, int]]
    #: Where each token stands.
    tokens: list[tuple[int, int]]
    #: By name; `None` where the task does not know the language.
    tasks: Mapping[str, Tags | None]
    #: What was wrong with this document; the others are not concerned.
    error: Error | None = None

    def __getitem__(self, task: str) -> Tags:
        """The tags of a task; raises the document's error, if it has one, and `KeyError` where the task has no tags."""
        if self.error is not None:
            raise self.error
        tags = self.tasks[task]
        if tags is None:
            raise KeyError(f"task {task!r} does not know the language {self.language!r}")
        return tags


@dataclasses.dataclass(frozen=True)
class SpanColumns:
    """The spans of a task, one a row."""

    #: Number of the document.
    document: NDArray[numpy.int64]
    start: NDArray[numpy.int64]
    end: NDArray[numpy.int64]
    #: Its tokens, as rows of `Columns`.
    token_start: NDArray[numpy.int64]
    token_end: NDArray[numpy.int64]
    #: Number in `Model.span_labels(task)`.
    label: NDArray[numpy.int32]
    score: NDArray[numpy.float32] | None


@dataclasses.dataclass(frozen=True)
class TaskColumns:
    """A task's labels, one a token."""

    #: Number in `Model.labels(task)`; -1 where the task does not know the document's language.
    label: NDArray[numpy.int32]
    score: NDArray[numpy.float32] | None
    spans: SpanColumns


@dataclasses.dataclass(frozen=True)
class Columns:
    """All documents' tokens, one a row, as numpy's arrays, which nobody can write to."""

    #: One a document; `None` for one with an error.
    language: list[str | None]
    error: list[Error | None]
    #: Number of the document, and of the sentence in it.
    document: NDArray[numpy.int64]
    sentence: NDArray[numpy.int64]
    start: NDArray[numpy.int64]
    end: NDArray[numpy.int64]
    tasks: Mapping[str, TaskColumns]


@dataclasses.dataclass
class Exercise:
    """An exercise before the learner has answered it. Text that is not known is empty."""

    #: The words of the right answer.
    words: Sequence[str]
    #: The learner.
    user: str = ""
    #: The language that is learnt and the one that is known, such as `en_es`; empty where the model has one track.
    track: str = ""
    countries: Sequence[str] = ()
    #: Days since the learner began.
    days: float = 0.0
    #: `web`, `ios`, `android`.
    client: str = ""
    #: `lesson`, `practice`, `test`.
    session: str = ""
    #: `reverse_translate`, `reverse_tap`, `listen`.
    format: str = ""
    #: Seconds that the learner took.
    time: float | None = None
    #: The words' vectors, one after the other, for a model that has none of its own.
    vectors: Sequence[float] = ()


class Scored(NamedTuple):
    """An exercise's result: P(mistake) of each word, or `error`."""

    mistakes: list[float]
    error: Error | None = None
