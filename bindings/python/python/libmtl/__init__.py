"""libmtl: tags text with names, parts of speech and other labels, and predicts which words a language learner gets wrong.

    with libmtl.Model("models/mtl-base") as model:
        for document in model.tag(["Maria Jensen moved from Copenhagen to Toronto."]):
            for span in document["ner"].spans:
                print(span.label, span.start, span.end)

Offsets are half-open and count code points, so that ``text[span.start:span.end]`` is the name. Everything may be shared
between threads; the interpreter's lock is released while a call computes. A model does not survive ``fork()``.
"""

import os

from ._align import Alignment, Edit, Word, align
from ._errors import (ArgumentError, BundleError, CancelledError, Code, DeadlineError, EngineError, Error, ForkedError, InputError,
                      IntegrityError, IOFailure, LimitError, ProviderError, UnsupportedError)
from ._model import Model
from ._mtl import Cancel, Learner, Pool, __version__, forked
from ._types import Alternative, Annotation, Columns, Exercise, OpenOptions, Scored, Span, SpanColumns, Tags, TaskColumns, Unit

__all__ = [
    "Alignment", "Alternative", "Annotation", "ArgumentError", "BundleError", "Cancel", "CancelledError", "Code", "Columns",
    "DeadlineError", "Edit", "EngineError", "Error", "Exercise", "ForkedError", "IOFailure", "InputError", "IntegrityError",
    "Learner", "LimitError", "Model", "OpenOptions", "Pool", "ProviderError", "Scored", "Span", "SpanColumns", "Tags", "TaskColumns", "Unit",
    "UnsupportedError", "Word", "__version__", "align",
]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forked)
