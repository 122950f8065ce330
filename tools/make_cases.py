#!/usr/bin/env python3
"""Writes what the library makes of the cases of tests/cases/*.jsonl into them: `make cases`.

Names, options and documents are written by people, expectations by this program: run it after adding a case or changing
a model, and read the difference before committing it. tests/cases/README.md describes the format.

The library says where tokens are in bytes; offsets in UTF-16 units and code points are counted here, by Python, so that
the library's own conversion is checked against another's.
"""

import argparse
import ctypes
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ROOT / "tests/cases"
BUNDLE = ROOT / "models/mtl-mobile"
UNITS = ("bytes", "utf16", "codepoints")
LABELLED = "labels.jsonl"  # the file whose cases hold labels, which belong to one bundle
MOST_TOKENS = 100  # a document with more gets its counts and its last token

U32S = ctypes.POINTER(ctypes.c_uint32)


def columns(name, *fields):
    """A view of mtl.h: struct_size, count, then `fields`."""
    fields = [("struct_size", ctypes.c_uint32), ("count", ctypes.c_uint32), *fields]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


Documents = columns("Documents", ("status", ctypes.POINTER(ctypes.c_int32)), ("language", U32S), ("sentences", U32S))
Tokens = columns("Tokens", ("start", U32S), ("end", U32S), ("sentence_count", ctypes.c_uint32), ("sentences", U32S))
Tags = columns("Tags", ("label", U32S), ("score", ctypes.c_void_p))
Spans = columns("Spans", ("document", U32S), ("first_token", U32S), ("end_token", U32S), ("start", U32S), ("end", U32S),
                ("label", U32S), ("score", ctypes.c_void_p))


Pairs = columns("Pairs", ("status", ctypes.POINTER(ctypes.c_int32)), ("rate", ctypes.POINTER(ctypes.c_double)),
                ("words", U32S), ("edits", U32S))
Words = columns("Words", ("start", U32S), ("end", U32S), ("mistake", ctypes.POINTER(ctypes.c_uint8)))
Edits = columns("Edits", ("kind", ctypes.POINTER(ctypes.c_uint8)), ("word", U32S), ("start", U32S), ("end", U32S))
DELETE, INSERT = 2, 3  # kinds of edits


def encoded(text):
    """The bytes of a text; a lone surrogate becomes the three bytes that UTF-8 forbids."""
    return text.encode("utf-8", "surrogatepass")


def content(document):
    """A document of a case as bytes, or as a list of bytes: its words."""
    if "tokens" in document:
        return [encoded(token) for token in document["tokens"]]
    if "hex" in document:
        return bytes.fromhex(document["hex"])
    return encoded(document["text"]) * document.get("repeat", 1)


def load(path):
    """The cases of a file."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


class Model:
    """As much of libmtl as cases need."""

    def __init__(self, library, bundle):
        self.c = ctypes.CDLL(str(library))
        for name in ("mtl_model_language", "mtl_model_task_name", "mtl_model_label", "mtl_model_span_label",
                     "mtl_bundle_digest"):
            getattr(self.c, name).restype = ctypes.c_void_p
        path = str(bundle).encode()
        opened = self.made("mtl_bundle_open", path, ctypes.c_size_t(len(path)), None)
        self.digest = self.name("mtl_bundle_digest", opened)
        self.model = self.made("mtl_model_open", opened, None, None)
        self.tasks = [self.name("mtl_model_task_name", self.model, task)
                      for task in range(self.c.mtl_model_task_count(self.model))]

    def made(self, function, *arguments):
        """Calls what makes an object."""
        out = ctypes.c_void_p()
        if status := getattr(self.c, function)(*arguments, ctypes.byref(out), None):
            raise RuntimeError(f"{function} fails with status {status}")
        return out

    def name(self, function, *arguments):
        """Calls what gives a view of a string."""
        length = ctypes.c_size_t()
        text = getattr(self.c, function)(*arguments, ctypes.byref(length))
        return ctypes.string_at(text, length.value).decode()

    def view(self, kind, function, *arguments):
        """Calls what gives a view of columns."""
        view = kind(struct_size=ctypes.sizeof(kind))
        if status := getattr(self.c, function)(*arguments, ctypes.byref(view), None):
            raise RuntimeError(f"{function} fails with status {status}")
        return view

    def batch(self, documents):
        """A batch of documents."""
        batch = self.made("mtl_batch_new")
        for document in documents:
            if isinstance(document, bytes):
                self.c.mtl_batch_add_text(batch, document, ctypes.c_size_t(len(document)), None)
            else:
                count = len(document)
                lengths = (ctypes.c_size_t * count)(*map(len, document))
                words = (ctypes.c_char_p * count)(*document)
                self.c.mtl_batch_add_tokens(batch, words, lengths, ctypes.c_size_t(count), None)
        return batch

    def call(self, function, objects, options):
        """The status of a call that takes two objects and options, and its result or None."""
        made, result, size = self.made("mtl_options_new"), ctypes.c_void_p(), ctypes.c_size_t
        for key, value in ((key.encode(), value.encode()) for key, value in options.items()):
            if status := self.c.mtl_options_set(made, key, size(len(key)), value, size(len(value)), None):
                return status, None
        return getattr(self.c, function)(*objects, made, None, ctypes.byref(result), None), result


def places(source, pairs):
    """Byte offsets into `source` in each unit."""
    whole = b"".join(source) if isinstance(source, list) else source
    if len(whole) == len(whole.decode("utf-8", "replace")):  # ASCII
        return {unit: pairs for unit in UNITS}

    def count(offset):
        text = whole[:offset].decode("utf-8", "replace")
        return offset, len(text.encode("utf-16-le")) // 2, len(text)

    counted = [[count(offset) for offset in pair] for pair in pairs]
    return {unit: [[start[i], end[i]] for start, end in counted] for i, unit in enumerate(UNITS)}


def described(model, result, index, source, labelled):
    """What is expected of one document."""
    documents = model.view(Documents, "mtl_result_documents", result)
    if status := documents.status[index]:
        return {"status": status}
    tokens = model.view(Tokens, "mtl_result_tokens", result)
    first, last = documents.sentences[index], documents.sentences[index + 1]
    begin, end = tokens.sentences[first], tokens.sentences[last]
    pairs = [[tokens.start[i], tokens.end[i]] for i in range(begin, end)]
    expected = {"status": 0, "language": model.name("mtl_model_language", model.model, documents.language[index])}
    if len(pairs) > MOST_TOKENS:
        return expected | {"counts": [last - first, len(pairs)], "last": places(source, pairs[-1:])}
    expected |= {"sentences": [tokens.sentences[s] - begin for s in range(first + 1, last + 1)],
                 "tokens": places(source, pairs)}
    return expected | (labels(model, result, index, source, begin, end) if labelled else {})


def labels(model, result, index, source, begin, end):
    """The labels of a document's tokens, and its spans, in each task."""
    tags, found = {}, {}
    for task, name in enumerate(model.tasks):
        view = model.view(Tags, "mtl_result_tags", result, task)
        number = [view.label[i] for i in range(begin, end)]
        tags[name] = ["-" if n == 0xFFFFFFFF else model.name("mtl_model_label", model.model, task, n) for n in number]
        view = model.view(Spans, "mtl_result_spans", result, task)
        mine = [i for i in range(view.count) if view.document[i] == index]
        found[name] = {"labels": [model.name("mtl_model_span_label", model.model, task, view.label[i]) for i in mine]}
        found[name] |= places(source, [[view.start[i], view.end[i]] for i in mine])
    return {"labels": tags, "spans": found}


def aligned(model, result, pair, correct, answer):
    """What is expected of one pair."""
    pairs = model.view(Pairs, "mtl_alignment_pairs", result)
    if status := pairs.status[pair]:
        return {"status": status}
    words, edits = model.view(Words, "mtl_alignment_words", result), model.view(Edits, "mtl_alignment_edits", result)
    first, last = pairs.words[pair], pairs.words[pair + 1]
    mine = range(pairs.edits[pair], pairs.edits[pair + 1])
    typed = [[edits.start[i], edits.end[i]] for i in mine if edits.kind[i] != DELETE]
    return {"status": 0, "word_error_rate": round(pairs.rate[pair], 6),
            "words": places(correct, [[words.start[i], words.end[i]] for i in range(first, last)]),
            "mistakes": "".join(str(words.mistake[i]) for i in range(first, last)),
            "edits": ["MSDI"[edits.kind[i]] + ("" if edits.kind[i] == INSERT else str(edits.word[i] - first)) for i in mine],
            "typed": places(answer, typed)}


def expectation(model, case, labelled):
    """What is expected of a case."""
    sources, options = [content(document) for document in case["documents"]], case.get("options", {})
    if "answers" in case:
        answers = [content(document) for document in case["answers"]]
        status, result = model.call("mtl_align", (model.batch(sources), model.batch(answers)), options)
        if status:
            return {"error": status}
        return {"pairs": [aligned(model, result, i, *pair) for i, pair in enumerate(zip(sources, answers))]}
    status, result = model.call("mtl_tag", (model.model, model.batch(sources)), options)
    if status:
        return {"error": status}
    return {"documents": [described(model, result, i, source, labelled) for i, source in enumerate(sources)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default=ROOT / "target/debug/libmtl.so", help="libmtl.so (make capi PROFILE=dev)")
    arguments = parser.parse_args()
    model = Model(arguments.library, BUNDLE)
    for path in sorted(CASES.glob("*.jsonl")):
        labelled, lines = path.name == LABELLED, []
        for case in load(path):
            if labelled:
                case["bundle"] = model.digest
            case["expect"] = expectation(model, case, labelled)
            lines.append(json.dumps(case, separators=(", ", ": ")) + "\n")
        path.write_text("".join(lines), encoding="ascii")
        print(f"{path.relative_to(ROOT)}: {len(lines)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
