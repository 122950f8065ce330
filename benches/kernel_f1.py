#!/usr/bin/env python3
"""Scores the zoo's models on their test sets, once with each kernel that `mtl` can run, and says which labels differ.

    kernel_f1.py --data DATA --mtl target/release/mtl [--mtl "qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu max OTHER/mtl"]
                 [--slam MODEL:TRACK:FILE.slam] [--sentences N] --output docs/results/kernel-f1.json

The test sets are those of export/configs/MODEL.toml, in DATA as training had them. Each --mtl is a command; the first one's
kernel `generic` is what all others are compared with. --sentences N takes the first N sentences of each set for every --mtl
but the first: an emulated processor is slow. --slam is a labelled file that the scorer is scored on, model and track after it:
--slam sla-demo:es_en:FILE. Needs the standard library only.
"""

import argparse
import json
import re
import shlex
import subprocess
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = ["mtl-base", "mtl-mobile"]


def run(command, *arguments):
    found = subprocess.run([*shlex.split(command), *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return found.stdout.decode()


def kernels(command):
    """The kernels that this `mtl` can run, generic first."""
    return json.loads(run(command, "info", "--json"))["kernels"]


def sentences(text, most):
    """The first `most` sentences of a file in columns."""
    return "".join(block + "\n\n" for block in text.strip("\n").split("\n\n")[:most])


def test_sets(model, data):
    """Task, language, name and the CLI's arguments of each test set of a model."""
    config = tomllib.loads((ROOT / "export" / "configs" / f"{model}.toml").read_text())
    for task in config["task"]:
        for test in task["test"]:
            path = Path(test["path"].replace("$DATA", str(data)))
            form = ["--input", test.get("format", "conll"), "--token-column", str(test.get("token", 0))]
            if form[1] == "conllu":
                form = ["--input", "conllu"]
            gold = [] if form[1] == "conllu" else ["--label-column", str(test.get("label", -1)), "--scheme", test["scheme"]]
            gold += [part for old, new in test.get("map", {}).items() for part in ("--map", f"{old}={new}")]
            comments = ["--comments"] if test.get("comments") else []
            yield task["name"], task["language"], test["corpus"] + " test", path, form + comments, gold


def tagger(command, kernel, model, task, language, path, form, gold):
    common = ["--model", model, "--task", task, "--lang", language, "--kernel", kernel, "--threads", 1]
    score = json.loads(run(command, "eval", *common, "--data", path, *form, *gold))
    labels = run(command, "tag", *common, *form, "--output", "conll", path).splitlines()
    return score, labels


def taggers(commands, data, few):
    for model in MODELS:
        for task, language, name, path, form, gold in test_sets(model, data):
            results, first = [], None
            for number, command in enumerate(commands):
                with tempfile.TemporaryDirectory() as folder:
                    source, whole = path, number == 0 or not few
                    if not whole:
                        source = Path(folder) / path.name
                        source.write_text(sentences(path.read_text(), few))
                    for kernel in kernels(command):
                        score, labels = tagger(command, kernel, model, task, language, source, form, gold)
                        first = first or labels
                        other = sum(a != b for a, b in zip(labels, first))
                        metric = "accuracy" if task == "upos" else "f1"
                        results.append({"kernel": kernel, "command": number, "tokens": score["tokens"],
                                        metric: score[metric], "other_labels": other})
                        print(model, task, language, results[-1], flush=True)
            yield {"model": model, "task": task, "language": language, "set": name, "results": results}


def scorers(commands, given, few):
    for model, track, path in (part.split(":", 2) for part in given):
        results = []
        for number, command in enumerate(commands):
            with tempfile.TemporaryDirectory() as folder:
                source = Path(path)
                if number and few:
                    source = Path(folder) / source.name
                    source.write_text(sentences(Path(path).read_text(), 10 * few))
                for kernel in kernels(command):
                    arguments = ["--model", model, "--track", track, "--data", source, "--kernel", kernel, "--threads", 1]
                    score = json.loads(run(command, "eval", *arguments))
                    keep = {key: score[key] for key in ("instances", "auc", "f1")}
                    results.append({"kernel": kernel, "command": number, **keep})
                    print(model, track, results[-1], flush=True)
        yield {"model": model, "task": "mistakes", "language": track, "set": Path(path).name, "results": results}


def lines(found):
    """As JSON, a line for each result."""
    text = re.sub(r"\n {5,}", " ", json.dumps(found, indent=1))
    return re.sub(r"\n {4}}", " }", text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mtl", action="append", required=True)
    parser.add_argument("--sentences", type=int, default=0)
    parser.add_argument("--slam", action="append", default=[], metavar="MODEL:TRACK:FILE")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    sets = [*taggers(args.mtl, args.data, args.sentences), *scorers(args.mtl, args.slam, args.sentences)]
    processors = [json.loads(run(command, "info", "--json")) for command in args.mtl]
    found = {
        "command": "python3 benches/kernel_f1.py", "sentences": args.sentences or None, "sets": sets,
        "processors": [{key: info[key] for key in ("architecture", "kernels")} for info in processors],
    }
    args.output.write_text(lines(found))


if __name__ == "__main__":
    main()
