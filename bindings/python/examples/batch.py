"""batch.py BUNDLE < TEXTS: tags a stream of texts, one a line, many a call and two calls at once, in their order."""

import itertools
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import libmtl

A_CALL = 256
AT_ONCE = 2


def tagged(model: libmtl.Model, lines: Iterator[str]) -> Iterator[tuple[list[str], list[libmtl.Annotation]]]:
    """Each call's texts and annotations, with no more calls ahead of the reader than run at once."""
    running: deque[tuple[list[str], Future[list[libmtl.Annotation]]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while texts := [line.rstrip("\n") for line in itertools.islice(lines, A_CALL)]:
            running.append((texts, threads.submit(model.tag, texts)))
            if len(running) > AT_ONCE:
                texts, call = running.popleft()
                yield texts, call.result()
        for texts, call in running:
            yield texts, call.result()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: batch.py BUNDLE < TEXTS")
    with libmtl.Model(sys.argv[1]) as model:
        number = 0
        for texts, documents in tagged(model, sys.stdin):
            for text, document in zip(texts, documents, strict=True):
                number += 1
                if document.error is not None:
                    print(f"line {number}: {document.error}", file=sys.stderr)
                    continue
                for task, tags in document.tasks.items():
                    for span in tags.spans if tags else ():
                        print(number, task, span.label, text[span.start:span.end], sep="\t")


if __name__ == "__main__":
    try:
        main()
    except libmtl.Error as error:
        sys.exit(str(error))
