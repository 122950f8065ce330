"""Spark's DataFrames in and out: `pip install libmtl[spark]`, here and in the Python of the executors.

    bundle = libmtl.spark.ship(spark, "models/mtl-base")
    tagged = libmtl.spark.tag(spark.read.parquet("texts"), bundle, "text")
    tagged.where("mtl_status = 'ok'").selectExpr("id", "explode(mtl.ner.spans) as name")

A task opens the model once in its process of Python, checks that it is the one that the driver saw, by its digest, and computes
on its one core. docs/spark.md says how to ship bundles and how much of a cluster a job needs.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam, SparkFiles, TaskContext
from pyspark.sql.pandas.types import from_arrow_type, to_arrow_type
from pyspark.sql.types import StringType, StructField, StructType

from . import _mtl, _types, arrow
from ._errors import ArgumentError, Error, IntegrityError
from ._model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: How many opened models a process keeps: jobs of one application may use several in turn.
_MODELS = 2
#: Rows of a call, so that results do not fill the memory however large Spark's batches are.
_ROWS = 1024

_Call = Callable[[Model, pa.Array], tuple[pa.StructArray, list[Error | None]]]


@dataclasses.dataclass(frozen=True)
class Shipped:
    """A bundle among the application's files, as `ship`, `spark.files` and `spark.archives` put it there."""

    #: What `SparkFiles.get` knows it by.
    name: str


@dataclasses.dataclass(frozen=True)
class Partition:
    """What was done to a partition."""

    rows: int = 0
    #: Rows of another status than "ok" and "null".
    errors: int = 0
    #: Tokens, or words of exercises.
    tokens: int = 0
    #: What the calls of libmtl took; neither Spark's part nor the opening of the model.
    seconds: float = 0.0


class Metrics:
    """Counts of the partitions of `tag` or `score`, on the driver. A partition that was computed again counts once, as it was
    the last time; so use one `Metrics` for one result, and read it after the action."""

    def __init__(self, spark: SparkSession) -> None:
        self._counts = spark.sparkContext.accumulator({}, _LastOfEach())

    @property
    def partitions(self) -> dict[int, Partition]:
        """By the partition's number."""
        return dict(self._counts.value)

    @property
    def total(self) -> Partition:
        """The sum over the partitions."""
        each = [dataclasses.astuple(partition) for partition in self.partitions.values()]
        return Partition(*map(sum, zip(*each, strict=True)))


class _LastOfEach(AccumulatorParam[dict[int, Partition]]):
    """Adds by replacing, so that attempts of one task do not add up."""

    def zero(self, value: dict[int, Partition]) -> dict[int, Partition]:
        return {}

    def addInPlace(self, value1: dict[int, Partition], value2: dict[int, Partition]) -> dict[int, Partition]:
        value1.update(value2)
        return value1


def ship(spark: SparkSession, path: _types.Path) -> Shipped:
    """Sends a bundle, a folder or an archive on the driver, to all executors, those of later too."""
    with Model(path) as model:
        name = f"{model.manifest['id']}-{model.digest[:16]}.mtl"
    # The driver serves the file from where it is for as long as the application lives; this folder lives as long.
    archive = Path(SparkFiles.getRootDirectory()) / name
    if not archive.exists():
        part = archive.with_suffix(".part")
        if Path(path).is_dir():
            with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
                tar.add(path, ".", filter=_without_owner)
        else:
            shutil.copyfile(path, part)
        part.replace(archive)
    spark.sparkContext.addFile(str(archive))
    return Shipped(name)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file without its owner, whose number ustar may have no room for."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def tag(
    df: DataFrame,
    model: _types.Path | Shipped,
    column: str = "text",
    *,
    output: str = "mtl",
    status: str = "mtl_status",
    tasks: Iterable[str] = (),
    language: str | None = None,
    unit: _types.Unit = "codepoints",
    replace_invalid: bool = False,
    scores: bool = False,
    zero_shot: bool = False,
    metrics: Metrics | None = None,
    opening: _types.OpenOptions | None = None,
) -> DataFrame:
    """`df` with two columns more: `output`, the struct that `libmtl.arrow.tag` and `mtl batch tag` make of the texts (strings,
    UTF-8 as binary, or arrays of words), and `status`: "ok", "null" where the text is null, else the kind of the row's error, such as "input",
    which `output.error` describes.

    `model` is a path that the driver and every executor see, or what `ship` gave. `opening` are options of `Model`. What is wrong
    with the call is raised here, on the driver.
    """
    if isinstance(tasks, str):
        raise ArgumentError(f"tasks is the text {tasks!r}", remedy="pass a list of names")
    options = {"tasks": list(tasks), "language": language, "unit": unit, "replace_invalid": replace_invalid, "scores": scores,
               "zero_shot": zero_shot}
    return _map(df, model, column, output, status, lambda opened, texts: arrow.tag_with_errors(opened, texts, **options), metrics, opening)


def score(
    df: DataFrame,
    model: _types.Path | Shipped,
    column: str = "exercise",
    *,
    output: str = "mtl",
    status: str = "mtl_status",
    calibrated: bool = False,
    learners: Iterable[_mtl.Learner] = (),
    metrics: Metrics | None = None,
    opening: _types.OpenOptions | None = None,
) -> DataFrame:
    """`df` with two columns more: `output`, the struct that `libmtl.arrow.score` and `mtl batch score` make of the exercises
    (structs with fields of `libmtl.Exercise`, `words` among them), and `status`, as of `tag`. `learners` are `libmtl.Learner`s.
    """
    options = {"calibrated": calibrated, "learners": list(learners)}
    return _map(df, model, column, output, status, lambda opened, exercises: arrow.score_with_errors(opened, exercises, **options), metrics,
                opening)


def _map(df: DataFrame, model: _types.Path | Shipped, column: str, output: str, status: str, call: _Call, metrics: Metrics | None,
         opening: _types.OpenOptions | None) -> DataFrame:
    """`df` with what `call` makes of a column."""
    if column not in df.columns:
        raise ArgumentError(f"there is no column {column!r}", remedy="name one of " + ", ".join(df.columns))
    taken = [name for name in (output, status) if name.lower() in (given.lower() for given in df.columns)]
    if taken or output.lower() == status.lower():
        raise ArgumentError(f"there are two columns {(taken or [output])[0]!r}", remedy="call the new ones otherwise, by output= and status=")
    if opening and opening.get("pool") is not None:
        raise ArgumentError("a pool of threads is one process's", remedy="leave it out: a task has one core")
    place = model if isinstance(model, Shipped) else os.path.abspath(os.fspath(model))
    number = df.columns.index(column)
    with _open(place, opening or {}) as opened:
        made, _ = call(opened, pa.array([], to_arrow_type(df.schema[number].dataType)))
        digest = opened.digest
    added = [StructField(output, from_arrow_type(made.type)), StructField(status, StringType(), False)]
    task = _Task(place, digest, opening or {}, number, (output, status), call, None if metrics is None else metrics._counts)
    return df.mapInArrow(task.run, StructType([*df.schema.fields, *added]))


@dataclasses.dataclass(frozen=True)
class _Task:
    """What an executor does to a partition."""

    place: str | Shipped
    digest: str
    opening: _types.OpenOptions
    column: int
    names: tuple[str, str]
    call: _Call
    counts: Accumulator[dict[int, Partition]] | None

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of each batch with their results."""
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        done = Partition()
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                model = _opened(self.place, self.digest, self.opening)
                rows = batch.slice(start, _ROWS)
                begun = time.perf_counter()
                made, errors = self.call(model, rows.column(self.column))
                seconds = time.perf_counter() - begun
                done = Partition(done.rows + rows.num_rows, done.errors + sum(error is not None for error in errors),
                                 done.tokens + _tokens(made), done.seconds + seconds)
                if self.counts is not None:
                    self.counts.add({number: done})
                columns = [*rows.columns, made, _statuses(made, errors)]
                yield pa.RecordBatch.from_arrays(columns, [*rows.schema.names, *self.names])


def _tokens(made: pa.StructArray) -> int:
    """How many tokens a result has, or words."""
    name = "words" if made.type.get_field_index("tokens") < 0 else "tokens"
    return int(pc.sum(pc.list_value_length(pc.struct_field(made, [name]))).as_py() or 0)


def _statuses(made: pa.StructArray, errors: list[Error | None]) -> pa.Array:
    """Each row's status; `errors` are of those that are not null."""
    rest = iter(errors)
    names = ["null" if not present else _status(next(rest)) for present in made.is_valid().to_pylist()]
    return pa.array(names, pa.string())


def _status(error: Error | None) -> str:
    return "ok" if error is None else error.code.name.lower()


_models: dict[tuple[object, ...], Model] = {}


def _opened(place: str | Shipped, digest: str, opening: _types.OpenOptions) -> Model:
    """The bundle of this digest, opened once in this process."""
    # A process that Spark forks has nothing of its parent's models.
    key = (os.getpid(), digest, repr(sorted(opening.items())))
    if key not in _models:
        model = _open(place, opening)
        if model.digest != digest:
            message = f"the bundle on {socket.gethostname()} has the digest {model.digest}, the driver's has {digest}"
            raise IntegrityError(message, _path(place), "put the same bundle on every machine, or send it by libmtl.spark.ship")
        while len(_models) >= _MODELS:
            del _models[next(iter(_models))]
        _models[key] = model
    return _models[key]


def _open(place: str | Shipped, opening: _types.OpenOptions) -> Model:
    return Model(_path(place), **opening)


def _path(place: str | Shipped) -> str:
    return SparkFiles.get(place.name) if isinstance(place, Shipped) else place
