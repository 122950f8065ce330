#!/usr/bin/env python3
"""Writes the tables of docs/objectives.md, between `<!-- NAME -->` and `<!-- /NAME -->`.

    objective_tables.py

Each is made of docs/results/objectives/NAME.json, the `ablation.json` of `mtl-export ablate`. Standard library only.
`--check` writes nothing and fails when a table is not what the results say.
"""

import json

import tables


def main_metric(scores):
    """AUC of scorers, F1 of names; accuracy where there are no spans."""
    if "auc" in scores:
        return "auc"
    return "f1" if any(scores["f1"]["values"]) else "accuracy"


def spread(found, signed=False):
    """`81.23 ± 0.45`, in percent; a gain has its sign."""
    mean, sd = 100 * found["mean"], 100 * found["sd"]
    text = f"{mean:+.2f}" if signed else f"{mean:.2f}"
    return f"{text.replace('-', '−')} ± {sd:.2f}"


def columns(ablation):
    """(task, metric, what the heading says) of every column of scores."""
    found = []
    for task, scores in ablation["rows"][0]["test"].items():
        metric = main_metric(scores)
        found.append((task, metric, f"{task} {'F1' if metric == 'f1' else metric.upper() if metric == 'auc' else metric}"))
        if metric == "accuracy":
            found.append((task, "unseen_accuracy", f"{task} unseen words"))
    return found


def table(ablation):
    """The table's lines: the baseline's scores on test, then what each row gains on it, and its cost in time."""
    chosen = columns(ablation)
    lines = ["| trained with | " + " | ".join(heading for *_, heading in chosen) + " | time |",
             "|---|" + "---|" * (len(chosen) + 1)]
    for row in ablation["rows"]:
        if "gain" in row:
            cells = [spread(row["gain"]["test"][task][metric], signed=True) for task, metric, _ in chosen]
            cost = f"× {row['cost']['mean']:.2f}"
        else:
            cells = [spread(row["test"][task][metric]) for task, metric, _ in chosen]
            cost = f"{row['cpu_seconds']['mean']:.1f} s"
        lines.append("| " + " | ".join([label(row["name"]), *cells, cost]) + " |")
    return lines


def label(name):
    """How a row is called."""
    return {"baseline": "no objective", "all": "all of them"}.get(name, f"`{name}`")


def sections(results):
    """A table a result."""
    return {path.stem: table(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(results.glob("*.json"))}


if __name__ == "__main__":
    tables.run("objectives", "objectives", sections)
