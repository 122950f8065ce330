#!/usr/bin/env python3
"""Makes columns of corpora that are not, for export/configs/relations.toml.

    relations_data.py DATA OUTPUT

Reads below DATA, each unpacked: `streusle/streusle_v3.0.upos.tags.tsv`, `scienceie/{train,dev,test}/*.ann`,
`sentence_compression/{broadcast,google}.jsonl`, `semcor/brown{1,2}.sst.tsv`, and word vectors, `embeddings/*.npy`
with `*.vocab.txt`. Writes into OUTPUT `TASK.{train,dev,test}.conll`, a token and its tag (IOB2) a line, for `mwe`, `keyphrase`,
`compression` and `supersense`, and `vectors.txt`, the vectors of the words of all files that the experiment reads. Standard library only.

A multi-word expression goes from its first word to its last: the words of its gaps belong to it. Where key phrases overlap,
the longer one counts. Of a compressed sentence each word that the first summary leaves out is a span of its own, so
that F1 of spans is F1 of deleted words.
"""

import argparse
import difflib
import json
import re
import struct
import sys
from pathlib import Path

WORD = re.compile(r"\w+|[^\w\s]")
COLUMNS = ["conll2000/train.txt", "conll2000/test.txt", "conll2003_en/eng.train", "conll2003_en/eng.testa",
           "conll2003_en/eng.testb"]
CONLLU = [f"tweebank2/en-ud-tweet-{part}.conllu" for part in ("train", "dev", "test")]


def split(sentences):
    """Eight tenths for training, one for dev, one for test."""
    parts = {"train": [], "dev": [], "test": []}
    for index, sentence in enumerate(sentences):
        parts[{0: "dev", 1: "test"}.get(index % 10, "train")].append(sentence)
    return parts


def mwe(path):
    """Sentences of STREUSLE with its multi-word expressions."""
    sentences = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) < 5:
            sentences.append([])
            continue
        mark = fields[4][0]
        sentences[-1].append((fields[1], {"B": "B-MWE", "O": "O"}.get(mark, "I-MWE")))
    return split([sentence for sentence in sentences if sentence])


def supersense(folder):
    """Sentences of SemCor, whose tags are IOB2."""
    sentences = []
    for path in sorted(folder.glob("*.sst.tsv")):
        for block in path.read_text(encoding="utf-8").split("\n\n"):
            rows = [line.split("\t") for line in block.splitlines() if line.strip()]
            sentences.append([(fields[0], fields[2]) for fields in rows])
    return split([sentence for sentence in sentences if sentence])


def phrases(text, annotations):
    """Sentences of a text with the phrases of its standoff annotations."""
    spans = []
    for line in annotations.splitlines():
        if line.startswith("T"):
            _, kind_and_place, _ = line.split("\t")
            if found := re.fullmatch(r"\w+ (\d+) (\d+)", kind_and_place):
                spans.append((int(found[1]), int(found[2])))
    chosen = []
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if all(end <= a or start >= b for a, b in chosen):
            chosen.append((start, end))
    sentence, inside = [], None
    for found in WORD.finditer(text):
        span = next((s for s in chosen if s[0] <= found.start() < s[1]), None)
        sentence.append((found[0], "O" if span is None else "B-KEY" if span != inside else "I-KEY"))
        inside = span
        if found[0] in ".!?" and span is None and re.match(r"\s+[A-Z]|\s*$", text[found.end():]):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def keyphrase(folder):
    """ScienceIE by its own split."""
    parts = {}
    for part in ("train", "dev", "test"):
        parts[part] = []
        for path in sorted((folder / part).glob("*.ann")):
            text = path.with_suffix(".txt").read_text(encoding="utf-8")
            parts[part].extend(phrases(text, path.read_text(encoding="utf-8")))
    return parts


def deletions(text, summary):
    """The words of `text`, and which of them `summary` leaves out."""
    words, kept = WORD.findall(text), WORD.findall(summary)
    lower = [[word.lower() for word in side] for side in (words, kept)]
    left = set()
    for block in difflib.SequenceMatcher(None, *lower, autojunk=False).get_matching_blocks():
        left.update(range(block.a, block.a + block.size))
    return [(word, "O" if index in left else "B-DEL") for index, word in enumerate(words)]


def compression(paths):
    """Sentences with their first summary."""
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines() if line]
    records = [json.loads(line) for line in lines]
    return split([deletions(record["text"], record["summaries"][0]) for record in records])


def words_of(data, written):
    """Lower-cased words of everything that the experiment reads."""
    words = {token.lower() for parts in written.values() for part in parts.values() for s in part for token, _ in s}
    for path, column in [(path, 0) for path in COLUMNS] + [(path, 1) for path in CONLLU]:
        for line in (data / path).read_text(encoding="utf-8").splitlines():
            fields = line.split("\t") if column else line.split()
            if len(fields) > column:
                words.add(fields[column].lower())
    return words | {re.sub(r"\d", "0", word) for word in words}


def vectors(folder, words, output):
    """Those rows of the matrix whose word is wanted, as text."""
    matrix = next(folder.glob("*.npy"))
    names = next(folder.glob("*.vocab.txt")).read_text(encoding="utf-8").splitlines()
    with matrix.open("rb") as file:
        head = file.read(10)
        header = file.read(struct.unpack("<H", head[8:])[0]).decode("latin-1")
        shape = re.search(r"'shape': \((\d+), (\d+)\)", header)
        if "<f2" not in header or "'fortran_order': False" not in header or shape is None:
            sys.exit(f"{matrix}: not a row-major matrix of half-precision numbers")
        width = int(shape[2])
        for name in names:
            row = file.read(2 * width)
            if name in words and " " not in name:
                output.write(name + " " + " ".join(f"{value:.4f}" for value in struct.unpack(f"<{width}e", row)) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Make columns of corpora that are not")
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    data, output = arguments.data, arguments.output
    output.mkdir(parents=True, exist_ok=True)
    compressed = [data / "sentence_compression" / f"{name}.jsonl" for name in ("broadcast", "google")]
    written = {
        "mwe": mwe(data / "streusle" / "streusle_v3.0.upos.tags.tsv"),
        "keyphrase": keyphrase(data / "scienceie"),
        "compression": compression(compressed),
        "supersense": supersense(data / "semcor"),
    }
    for task, parts in written.items():
        for part, sentences in parts.items():
            text = "".join("".join(f"{token}\t{tag}\n" for token, tag in sentence) + "\n" for sentence in sentences)
            (output / f"{task}.{part}.conll").write_text(text, encoding="utf-8")
    with (output / "vectors.txt").open("w", encoding="utf-8") as file:
        vectors(data / "embeddings", words_of(data, written), file)


if __name__ == "__main__":
    main()
