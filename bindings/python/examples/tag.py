"""tag.py BUNDLE TEXT...: prints the names in each text, with where they stand."""

import sys

import libmtl


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit("usage: tag.py BUNDLE TEXT...")
    texts = sys.argv[2:]
    with libmtl.Model(sys.argv[1]) as model:
        for text, document in zip(texts, model.tag(texts), strict=True):
            if document.error is not None:  # of this document alone
                print(document.error, file=sys.stderr)
                continue
            for task, tags in document.tasks.items():
                for span in tags.spans if tags else ():
                    print(task, span.start, span.end, span.label, text[span.start:span.end], sep="\t")


if __name__ == "__main__":
    try:
        main()
    except libmtl.Error as error:
        sys.exit(str(error))
