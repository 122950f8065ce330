#!/usr/bin/env python3
"""What people would write instead of `mtl batch tag`: reads Parquet, tags the words of each row, writes Parquet.

    scripts.py spacy INPUT OUTPUT --model FOLDER --threads N
    scripts.py onnx INPUT OUTPUT --model BUNDLE --threads N

Prints one JSON object: the rows, and seconds, by the clock and of the processor, from the first row read to the last one written; what
comes before, the imports and the opening of the model, is not in them.
"""

import argparse
import json
import os
import pathlib
import time

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 8192  # rows that are read, tagged and written at a time


class SpaCy:
    """`nlp.pipe`, on as many processes as there are to be threads."""

    def __init__(self, folder, threads):
        import spacy
        from spacy.tokens import Doc
        self.nlp, self.threads = spacy.load(folder), threads
        self.doc = lambda words: Doc(self.nlp.vocab, words=words)

    def tag(self, rows):
        """The labels of each of `rows`, an iterator."""
        for doc in self.nlp.pipe(map(self.doc, rows), batch_size=256, n_process=self.threads):
            yield [token.tag_ for token in doc]


class Onnx:
    """A bundle's graph on ONNX Runtime, by `docs/bundle-format.md`: sentences of like length together."""

    BATCH = 64
    ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"', "/.": "."}

    def __init__(self, folder, threads, task="upos", language="en"):
        import numpy
        import onnxruntime
        self.np, self.task = numpy, task
        self.manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
        about = next(one for one in self.manifest["tasks"] if one["name"] == task)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
        self.constants = {}
        for one in self.manifest["tasks"] if self.manifest["architecture"]["specific_layers"] else []:
            known = language in one["languages"]
            self.constants[f"language.{one['name']}"] = numpy.array([one["languages"].index(language) if known else 0], numpy.int64)
            self.constants[f"gate.{one['name']}"] = numpy.array([float(known)], numpy.float32)
        self.labels = pa.array(about["labels"])
        weights = tensors(folder / "weights.safetensors", numpy)
        self.transitions, self.start, self.end = (weights[f"task.{task}.crf.{name}"] for name in ("transitions", "start", "end"))
        self.words, self.chars = vocabulary(folder / f"vocab.words.{language}"), vocabulary(folder / "vocab.chars")
        self.widest = max(self.manifest["architecture"]["char_widths"])
        self.known = {}

    def features(self, word):
        """The rows of a word and of its characters."""
        if word not in self.known:
            text = self.manifest["text"]
            plain = self.ESCAPES.get(word, word) if text["ptb_escapes"] else word
            lower = plain.lower()
            forms = {"exact": plain, "lower": lower, "digits": "".join("0" if c.isdecimal() else c for c in lower)}
            row = next((self.words[forms[step]] for step in text["word_lookup"] if forms[step] in self.words), 0)
            rows = [self.chars.get(character, 1) for character in plain]
            self.known[word] = row, [2, *rows, 3] if text["char_boundaries"] else rows
        return self.known[word]

    def tag(self, rows):
        """The labels of each of `rows`, an iterator."""
        for some in chunks(rows, ROWS):
            order = sorted(range(len(some)), key=lambda number: len(some[number]))
            labels = [None] * len(some)
            for batch in chunks(order, self.BATCH):
                for number, found in zip(batch, self.batch([some[number] for number in batch]), strict=True):
                    labels[number] = self.labels.take(found).to_pylist()
            yield from labels

    def batch(self, sentences):
        np, index = self.np, {}
        lengths = np.array([len(words) for words in sentences], np.int32)
        tokens = np.zeros((int(lengths.max()), len(sentences)), np.int64)
        for number, words in enumerate(sentences):
            tokens[:len(words), number] = [index.setdefault(word, len(index)) for word in words]
        features = [self.features(word) for word in index]
        char_lengths = np.array([max(len(chars), self.widest) for _, chars in features], np.int64)
        chars = np.zeros((len(features), int(char_lengths.max())), np.int64)
        for number, (_, rows) in enumerate(features):
            chars[number, :len(rows)] = rows
        inputs = {"word_rows": np.array([row for row, _ in features], np.int64), "chars": chars, "char_lengths": char_lengths,
                  "tokens": tokens, "lengths": lengths, **self.constants}
        return self.decode(self.session.run([f"emissions.{self.task}"], inputs)[0], lengths)

    def decode(self, emissions, lengths):
        """The best path of each sentence: Viterbi over all of them, a step at a time."""
        np = self.np
        score, back = emissions[:, 0] + self.start, []
        for step in range(1, emissions.shape[1]):
            paths = score[:, None, :] + self.transitions
            back.append(paths.argmax(2))
            there = (step < lengths)[:, None]
            score = np.where(there, paths.max(2) + emissions[:, step], score)
        labels = np.zeros(emissions.shape[:2], np.int32)
        last = (score + self.end).argmax(1)
        rows = np.arange(len(lengths))
        labels[rows, lengths - 1] = last
        for step in range(emissions.shape[1] - 2, -1, -1):
            inside = step < lengths - 1
            last = np.where(inside, back[step][rows, last], last)
            labels[:, step] = np.where(inside, last, labels[:, step])
        return [labels[number, :length] for number, length in enumerate(lengths)]


def vocabulary(path):
    """A table of `vocab.*`."""
    data = path.read_bytes()
    count = int.from_bytes(data[8:12], "little")
    numbers = memoryview(data)[16:16 + 4 * (2 * count + 1)].cast("I")
    text = data[16 + 4 * (2 * count + 1):]
    return {text[numbers[n]:numbers[n + 1]].decode(): numbers[count + 1 + n] for n in range(count)}


def tensors(path, numpy):
    """The tensors of a file of safetensors in half precision, widened."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data, "<f2", offset=begin + one["data_offsets"][0],
                                   count=(one["data_offsets"][1] - one["data_offsets"][0]) // 2).astype("f4").reshape(one["shape"])
            for name, one in header.items()}


def chunks(items, size):
    """Lists of up to `size` of an iterable's items."""
    some = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def processor():
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tagger", choices=["spacy", "onnx"])
    parser.add_argument("input", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    pa.set_cpu_count(arguments.threads)
    tagger = {"spacy": SpaCy, "onnx": Onnx}[arguments.tagger](arguments.model, arguments.threads)
    begun, before, waiting, count = time.perf_counter(), processor(), [], 0

    def read(file):
        for batch in file.iter_batches(ROWS):
            waiting.append(batch)
            yield from batch.column("words").to_pylist()

    with pq.ParquetFile(arguments.input) as file:
        schema = file.schema_arrow.append(pa.field("labels", pa.list_(pa.string())))
        with pq.ParquetWriter(arguments.output, schema, compression="zstd") as writer:
            labels, found = tagger.tag(read(file)), []
            for one in labels:
                found.append(one)
                # The reader may be ahead by a few batches.
                if len(found) == waiting[0].num_rows:
                    writer.write_batch(pa.RecordBatch.from_arrays([*waiting.pop(0).columns, pa.array(found, pa.list_(pa.string()))], schema=schema))
                    count, found = count + len(found), []
    print(json.dumps({"rows": count, "seconds": time.perf_counter() - begun, "cpu": processor() - before}))


if __name__ == "__main__":
    main()
