#!/usr/bin/env python3
"""Writes the tables of docs/objectives.md, between `<!-- ablation NAME -->` and `<!-- /ablation NAME -->`.

    objective_tables.py

Each is made of docs/results/objectives/NAME.json, the `ablation.json` of `mtl-export ablate`. Standard library only.
`--check` writes nothing and fails when a table is not what the results say.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- ablation ([\w-]+) -->\n(.*?)<!-- /ablation \1 -->", re.DOTALL)


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


def render(page, results):
    """The page with its tables made anew; every result must have its place there."""
    placed = {found[1] for found in BLOCK.finditer(page)}
    if missing := sorted({path.stem for path in results.glob("*.json")} - placed):
        raise SystemExit(f"objective_tables: the page has no <!-- ablation {missing[0]} --> block")

    def block(found):
        path = results / f"{found[1]}.json"
        if not path.exists():
            raise SystemExit(f"objective_tables: {path} is missing; run mtl-export ablate")
        lines = table(json.loads(path.read_text(encoding="utf-8")))
        return "\n".join([f"<!-- ablation {found[1]} -->", *lines, f"<!-- /ablation {found[1]} -->"])

    return BLOCK.sub(block, page)


def main():
    parser = argparse.ArgumentParser(description="Write the tables of docs/objectives.md")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "objectives.md")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results" / "objectives")
    parser.add_argument("--check", action="store_true", help="fail when the page is not up to date")
    arguments = parser.parse_args()
    page = arguments.page.read_text(encoding="utf-8")
    fresh = render(page, arguments.results)
    if arguments.check:
        if fresh != page:
            sys.exit(f"{arguments.page}: not what the results say; run tools/objective_tables.py")
    elif fresh != page:
        arguments.page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
