"""Arrow columns in and out: `pip install libmtl[arrow]`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from ._errors import ArgumentError, Error, InputError
from ._model import Model
from ._types import Exercise, Scored

_WORDS = pa.list_(pa.string())
#: The words of a scored exercise.
_SCORED = pa.list_(pa.struct([("instance", pa.string()), ("word", pa.string()), ("mistake", pa.float32())]))
#: The fields of `Exercise`, as columns; and the names of the words.
_EXERCISE = {
    "instances": _WORDS, "words": _WORDS, "user": pa.string(), "track": pa.string(), "countries": _WORDS, "days": pa.float64(), "client": pa.string(),
    "session": pa.string(), "format": pa.string(), "time": pa.float64(), "vectors": pa.list_(pa.float32()),
}


def tag(model: Model, texts: pa.Array | pa.ChunkedArray, **options: Any) -> pa.StructArray:
    """Tags a column of texts (`string`, `binary` in UTF-8, or lists of them: words of one sentence). `options` are those of
    `Model.tag_columns`.

    A row of the result has `language`, `error` (null where all is well), `tokens` (a list of `{start, end}`) and for each
    task `{labels, spans}`: a list of strings, one a token, null where the task does not know the language; and a list of
    `{label, start, end}`. With `scores=True` each token's and each span's `score` as well. Null stays null.
    """
    return tag_with_errors(model, texts, **options)[0]


def tag_with_errors(model: Model, texts: pa.Array | pa.ChunkedArray, **options: Any) -> tuple[pa.StructArray, list[Error | None]]:
    """`tag`, and the errors of the rows that are not null, in their order."""
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if not _is_text(column.type.value_type if _is_list(column.type) else column.type):
        raise ArgumentError(f"the column of texts is {column.type}", remedy="pass strings, or lists of them")
    documents = column.filter(pc.is_valid(column)).to_pylist()
    broken = [number for number, words in enumerate(documents) if isinstance(words, list) and None in words]
    for number in broken:
        documents[number] = []
    found = model.tag_columns(documents, **options)
    for number in broken:
        found.error[number], found.language[number] = _null(), None
    scores = bool(options.get("scores"))
    count = len(found.language)
    fields = {
        "language": pa.array(found.language, pa.string()),
        "error": _messages(found.error),
        "tokens": _lists(found.document, count, pa.StructArray.from_arrays([pa.array(found.start), pa.array(found.end)], ["start", "end"])),
    }
    for name, task in found.tasks.items():
        known = task.label >= 0
        labels = _named(numpy.where(known, task.label, 0), model.labels(name), ~known)
        spans = task.spans
        of_spans = {"label": _named(spans.label, model.span_labels(name)), "start": pa.array(spans.start), "end": pa.array(spans.end)}
        columns = {"labels": _lists(found.document, count, labels)}
        if scores and task.score is not None and spans.score is not None:
            of_spans["score"] = pa.array(spans.score)
            columns["scores"] = _lists(found.document, count, pa.array(task.score, mask=~known))
        columns["spans"] = _lists(spans.document, count, pa.StructArray.from_arrays(list(of_spans.values()), list(of_spans)))
        fields[name] = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    return _rows(column, fields), found.error


def score(model: Model, exercises: pa.Array | pa.ChunkedArray, **options: Any) -> pa.StructArray:
    """Scores a column of exercises: structs with fields of `Exercise`, of which `words` must be there and what is null or
    missing is not known. `options` are those of `Model.score`.

    Beside these a struct may have `instances`, a name for each word, as `.slam` files have.

    A row of the result is what `mtl batch score` makes: `track`, `error` (null where all is well), and `words`, null where it is not:
    a list of `{instance, word, mistake}`, the last P(mistake). Null stays null.
    """
    return score_with_errors(model, exercises, **options)[0]


def score_with_errors(model: Model, exercises: pa.Array | pa.ChunkedArray, **options: Any) -> tuple[pa.StructArray, list[Error | None]]:
    """`score`, and the errors of the rows that are not null, in their order."""
    column = exercises.combine_chunks() if isinstance(exercises, pa.ChunkedArray) else exercises
    given, instances = _exercises(column.filter(pc.is_valid(column)))
    broken = {number: error for number, one in enumerate(given) if (error := _broken(one, instances[number]))}
    for number in broken:
        given[number] = dataclasses.replace(given[number], words=[], countries=[], vectors=[])
    found = model.score(given, **options)
    for number, error in broken.items():
        found[number] = Scored([], error)
    tracks = model.manifest["scorer"]["tracks"]
    only = tracks[0] if len(tracks) == 1 else None
    words = [None if one.error is not None else
             [{"instance": name, "word": word, "mistake": mistake} for name, word, mistake in zip(names or [None] * len(exercise.words), exercise.words, one.mistakes)]
             for exercise, names, one in zip(given, instances, found, strict=True)]
    errors = [one.error for one in found]
    fields = {"track": pa.array([one.track or only for one in given], pa.string()), "error": _messages(errors), "words": pa.array(words, _SCORED)}
    return _rows(column, fields), errors


def _broken(exercise: Exercise, instances: list[str | None] | None) -> Error | None:
    """What is wrong with an exercise, that the model cannot say."""
    if any(None in part for part in (exercise.words, exercise.countries, exercise.vectors)):
        return _null()
    if instances is not None and len(instances) != len(exercise.words):
        return InputError(f"{len(instances)} instances of {len(exercise.words)} words", remedy="give each word one, or leave the field out")
    return None


def _exercises(column: pa.StructArray) -> tuple[list[Exercise], list[list[str | None] | None]]:
    """The exercises of a column without nulls, and the names of their words."""
    if not pa.types.is_struct(column.type):
        raise ArgumentError(f"the column of exercises is {column.type}", remedy="pass structs with the field words")
    fields = {column.type.field(number).name: column.type.field(number).type for number in range(column.type.num_fields)}
    if "words" not in fields:
        raise ArgumentError("the exercises have no field words", remedy="name their lists of words so")
    values = {}
    for name, kind in fields.items():
        wanted = _EXERCISE.get(name)
        if wanted is None:
            raise ArgumentError(f"the exercises have a field {name}", remedy="leave it out; they can have " + ", ".join(_EXERCISE))
        if not _fits(kind, wanted):
            raise ArgumentError(f"field {name} of the exercises is {kind}", remedy=f"make it {wanted}")
        values[name] = pc.struct_field(column, [name]).cast(wanted).to_pylist()
    instances = values.pop("instances", [None] * len(column))
    rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [Exercise(**{"words": [], **{name: value for name, value in row.items() if value is not None}}) for row in rows], instances


def _fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of one type is one of another."""
    if _is_list(wanted):
        return _is_list(kind) and _fits(kind.value_type, wanted.value_type)
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))
    return bool(pa.types.is_null(kind)) or _is_text(kind) and not _is_binary(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)) or _is_binary(kind)


def _null() -> Error:
    return InputError("a list has a null in it", remedy="leave it out")


def _messages(errors: list[Error | None]) -> pa.Array:
    return pa.array([None if error is None else str(error) for error in errors], pa.string())


def _rows(column: pa.Array, fields: dict[str, pa.Array]) -> pa.StructArray:
    """The results of a column's rows that are not null, with the null ones back in their places."""
    rows = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    if column.null_count == 0:
        return rows
    present = pc.is_valid(column)
    return rows.take(pc.if_else(present, pc.subtract(pc.cumulative_sum(pc.cast(present, pa.int64())), 1), None))


def _lists(document: Any, count: int, values: pa.Array) -> pa.ListArray:
    """The rows of each document as a list."""
    offsets = numpy.searchsorted(document, numpy.arange(count + 1)).astype(numpy.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _named(numbers: Any, names: list[str], mask: Any = None) -> pa.Array:
    """The names that numbers stand for."""
    indices = pa.array(numbers.astype(numpy.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).dictionary_decode()
