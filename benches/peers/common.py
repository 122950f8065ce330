"""What the peers share: reading annotated files, spans, and the scores that `mtl eval` prints.

Standard library only, so that its tests run wherever Python does.
"""

import datetime
import json
import os
import pathlib
import shlex
import sys


class Source:
    """An annotated file: `PATH[:TOKEN:LABEL]`, columns from 0, the last one as -1."""

    def __init__(self, text):
        head, _, tail = text.rpartition(":")
        path, _, token = head.rpartition(":")
        if path and token.lstrip("-").isdigit() and tail.lstrip("-").isdigit():
            self.path, self.token, self.label = path, int(token), int(tail)
        else:
            self.path, self.token, self.label = text, 0, -1


def read_conll(root, source, mapping):
    """Yields (tokens, tags) a sentence; lines that begin with `# ` are comments, `-DOCSTART-` is dropped."""
    tokens, tags = [], []
    with open(pathlib.Path(root, source.path), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\r\n")
            if line.startswith("# "):
                continue
            columns = line.split("\t") if "\t" in line else line.split()
            if not any(columns):
                if tokens:
                    yield tokens, tags
                tokens, tags = [], []
            elif columns[0] != "-DOCSTART-":
                try:
                    token, tag = columns[source.token], columns[source.label]
                except IndexError:
                    raise SystemExit(f"{source.path}: line {number}: {len(columns)} columns; give PATH:TOKEN:LABEL")
                tokens.append(token)
                tags.append(rename(tag, mapping))
    if tokens:
        yield tokens, tags


def hold_out(sentences):
    """Nine of ten sentences to train on, and every tenth as dev, for a corpus that has no dev set."""
    return ([s for index, s in enumerate(sentences) if index % 10 != 9], sentences[9::10])


def rename(tag, mapping):
    """Maps the label of a tag; a label mapped to O takes its prefix along."""
    prefix, dash, label = tag.partition("-")
    if not dash:
        return tag
    label = mapping.get(label, label)
    return "O" if label == "O" else f"{prefix}-{label}"


def parse_mapping(pairs):
    """`["OTH=MISC"]` as a dictionary."""
    return dict(pair.split("=", 1) for pair in pairs)


def spans_lenient(tags):
    """Spans as conlleval reads them, on IOB1, IOB2 and BIOES alike: (start, end, label), half-open."""
    spans, start, label, before = [], None, None, "O"
    for index, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        opens = prefix in "BS" or (prefix in "IE" and (before in "OES" or kind != label))
        if start is not None and (prefix == "O" or opens):
            spans.append((start, index, label))
            start = None
        if opens:
            start, label = index, kind
        before = prefix
    return spans


def spans_strict(tags):
    """Spans of well-formed BIOES runs only: `B I* E` or `S`, one type throughout."""
    spans, start, label = [], None, None
    for index, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if prefix == "S":
            spans.append((index, index + 1, kind))
            start = None
        elif prefix == "B":
            start, label = index, kind
        elif start is None or kind != label or prefix not in "IE":
            start = None
        elif prefix == "E":
            spans.append((start, index + 1, label))
            start = None
    return spans


def to_bioes(tags):
    """The same spans in BIOES."""
    result = ["O"] * len(tags)
    for start, end, label in spans_lenient(tags):
        if end - start == 1:
            result[start] = f"S-{label}"
        else:
            result[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 2), f"E-{label}"]
    return result


def ratio(part, whole):
    """A ratio whose empty denominator makes 0."""
    return part / whole if whole else 0.0


class Counts:
    """Running counts over sentences."""

    def __init__(self):
        self.sentences = self.tokens = self.right = 0
        self.spans = {"lenient": [0, 0, 0], "strict": [0, 0, 0]}

    def add(self, gold, predicted):
        """Adds one sentence; spans are counted in BIOES, plain labels make none."""
        self.sentences += 1
        self.tokens += len(gold)
        self.right += sum(g == p for g, p in zip(gold, predicted, strict=True))
        for name, read in (("lenient", spans_lenient), ("strict", spans_strict)):
            of_gold, of_predicted = set(read(gold)), set(read(predicted))
            for index, count in enumerate((len(of_gold), len(of_predicted), len(of_gold & of_predicted))):
                self.spans[name][index] += count

    def report(self):
        """The scores in 0..1, under the names that `mtl eval` uses; where no tag makes a span, all are the accuracy."""
        gold, predicted, correct = self.spans["lenient"]
        strict_gold, strict_predicted, strict_correct = self.spans["strict"]
        accuracy = ratio(self.right, self.tokens)
        names = ("precision", "recall", "f1", "strict_f1")
        scores = (ratio(correct, predicted), ratio(correct, gold), ratio(2 * correct, predicted + gold),
                  ratio(2 * strict_correct, strict_predicted + strict_gold))
        if not gold and not predicted:
            scores = (accuracy,) * len(names)
        return {"sentences": self.sentences, "tokens": self.tokens, **dict(zip(names, scores)), "accuracy": accuracy}


def data_folder():
    """The folder that file arguments are relative to: `$DATA`, or the current one."""
    return os.environ.get("DATA", ".")


def emit(task, lang, scores, **more):
    """Prints one JSON object: the scores, then how they were had."""
    script = pathlib.Path(sys.argv[0]).name
    command = shlex.join(["python3", f"benches/peers/{script}", *sys.argv[1:]])
    record = {"task": task, "lang": lang, **{k: round(v, 6) for k, v in scores.items()}, **more}
    record |= {"command": command, "date": datetime.date.today().isoformat()}
    print(json.dumps(record, ensure_ascii=False, indent=2))
