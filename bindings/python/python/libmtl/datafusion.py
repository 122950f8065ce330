"""A function of SQL, on one machine: `pip install libmtl[datafusion]`.

    context = datafusion.SessionContext()
    context.register_parquet("documents", "documents.parquet")
    libmtl.datafusion.register(context, model)
    context.sql("select id, unnest(mtl_tag(text)['ner']['spans']) as name from documents")
"""

from __future__ import annotations

from typing import Any

import datafusion
import pyarrow as pa

from . import arrow
from ._model import Model


def register(context: datafusion.SessionContext, model: Model, name: str = "mtl_tag", *, words: bool = False, **options: Any) -> None:
    """Gives the SQL of `context` the function `name`: of a text the struct that `libmtl.arrow.tag` makes of it, null of null.
    With `words` it takes a list of words, one sentence. `options` are those of `Model.tag_columns`; wrong ones are refused here.
    What is wrong with one text is its result's `error`. The model must stay open.
    """
    kind = pa.list_(pa.string()) if words else pa.string()
    made = arrow.tag(model, pa.array([], kind), **options).type
    context.register_udf(datafusion.udf(lambda texts: arrow.tag(model, texts, **options), [kind], made, "immutable", name))
