"""A component for spaCy: `pip install libmtl[spacy]`, then

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("libmtl", config={"model": "models/mtl-base", "language": "en"})

It tags spaCy's own words, a sentence at a time where sentence boundaries are set before it, else a document at a time.
Names of the task "ner" become `doc.ents`, labels of "upos" `token.pos_`; the spans of any other task go into
`doc.spans["libmtl:TASK"]`, and other plain labels into `token._.libmtl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup, Token

from ._errors import Error
from ._model import Model
from ._types import Annotation, Tags


class Component:
    """Runs a model on spaCy's documents."""

    def __init__(self, model: Model, tasks: list[str], language: str | None, batch_size: int) -> None:
        self.model = model
        self.language = language
        self.batch_size = batch_size
        self.tasks = tasks or [task for task in model.tasks if language is None or language in model.task_languages(task)]
        if not Token.has_extension("libmtl"):
            Token.set_extension("libmtl", default=None)

    def __call__(self, doc: Doc) -> Doc:
        """Tags one document."""
        return next(iter(self.pipe([doc])))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int | None = None) -> Iterator[Doc]:
        """Tags a stream, `batch_size` documents a call."""
        rest = iter(stream)
        while docs := list(islice(rest, batch_size or self.batch_size)):
            pieces = [list(_sentences(doc)) for doc in docs]
            words = [[token.text for token in piece] for of_doc in pieces for piece in of_doc]
            found = iter(self.model.tag(words, tasks=self.tasks, language=self.language))
            for doc, of_doc in zip(docs, pieces, strict=True):
                self._set(doc, [(piece, next(found)) for piece in of_doc])
            yield from docs

    def _set(self, doc: Doc, found: list[tuple[list[Token], Annotation]]) -> None:
        """Writes what was found in a document's sentences."""
        for _, annotation in found:
            if annotation.error is not None:
                raise annotation.error
        for name in self.tasks:
            spans = [span for piece, annotation in found for span in _spans(doc, piece, annotation.tasks[name])]
            labels = [pair for piece, annotation in found for pair in _labels(piece, annotation.tasks[name])]
            if name == "ner":
                doc.set_ents(spans)
            elif name == "upos":
                for token, label in labels:
                    token.pos_ = label
            elif self.model.span_labels(name):
                doc.spans[f"libmtl:{name}"] = SpanGroup(doc, name=f"libmtl:{name}", spans=spans)
            else:
                for token, label in labels:
                    token._.libmtl = {**(token._.libmtl or {}), name: label}

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        """Nothing: the configuration names the model."""

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> Component:
        """Itself: the configuration names the model."""
        return self


def _sentences(doc: Doc) -> Iterator[list[Token]]:
    """The words of each sentence, without white space."""
    spans: Iterable[Iterable[Token]] = doc.sents if doc.has_annotation("SENT_START") else [doc]
    for span in spans:
        if words := [token for token in span if not token.is_space]:
            yield words


def _spans(doc: Doc, tokens: list[Token], tags: Tags | None) -> Iterator[Span]:
    for span in tags.spans if tags else ():
        yield Span(doc, tokens[span.token_start].i, tokens[span.token_end - 1].i + 1, span.label)


def _labels(tokens: list[Token], tags: Tags | None) -> Iterator[tuple[Token, str]]:
    return zip(tokens, tags.labels, strict=True) if tags else iter(())


@Language.factory("libmtl", default_config={"tasks": [], "language": None, "threads": 0, "batch_size": 256, "trusted": False})
def make(nlp: Language, name: str, model: str, tasks: list[str], language: str | None, threads: int, batch_size: int,
         trusted: bool) -> Component:
    """The factory that spaCy finds by its entry point. `model` is the path of a bundle."""
    try:
        opened = Model(model, threads=threads, trusted=trusted)
    except Error as error:
        raise ValueError(f"component {name!r}: {error}") from error
    return Component(opened, tasks, language or (nlp.lang if nlp.lang in opened.languages else None), batch_size)
