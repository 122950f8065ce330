"""Arrow columns in and out: `pip install libmtl[arrow]`."""

from __future__ import annotations

from typing import Any

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from ._model import Model


def tag(model: Model, texts: pa.Array | pa.ChunkedArray, **options: Any) -> pa.StructArray:
    """Tags a column of texts (`string`, `large_string`, or lists of them: words of one sentence). `options` are those of
    `Model.tag_columns`.

    A row of the result has `language`, `error` (null where all is well), `tokens` (a list of `{start, end}`) and for each
    task `{labels, spans}`: a list of strings, one a token, null where the task does not know the language; and a list of
    `{label, start, end}`. With `scores=True` each token's and each span's `score` as well. Null stays null.
    """
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    present = pc.is_valid(column)
    found = model.tag_columns(column.filter(present).to_pylist(), **options)
    scores = bool(options.get("scores"))
    count = len(found.language)
    fields = {
        "language": pa.array(found.language, pa.string()),
        "error": pa.array([None if error is None else str(error) for error in found.error], pa.string()),
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
    rows = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    if column.null_count == 0:
        return rows
    # The rows that were null, back in their places.
    places = pc.if_else(present, pc.subtract(pc.cumulative_sum(pc.cast(present, pa.int64())), 1), None)
    return rows.take(places)


def _lists(document: Any, count: int, values: pa.Array) -> pa.ListArray:
    """The rows of each document as a list."""
    offsets = numpy.searchsorted(document, numpy.arange(count + 1)).astype(numpy.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _named(numbers: Any, names: list[str], mask: Any = None) -> pa.Array:
    """The names that numbers stand for."""
    indices = pa.array(numbers.astype(numpy.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).dictionary_decode()
