#!/usr/bin/env python3
"""Writes the table of scores into a model's card, between `<!-- scores -->` and `<!-- /scores -->`.

    model_card.py models/mtl-base

Scores come from the bundle's manifest; the single-task baselines from docs/results/ID/only-TASK-LANGUAGE.json (the
`summary.json` of `mtl-export train --only`), the peers from docs/results/peers/TASK-LANGUAGE-*.json. Standard library
only. `--check` writes nothing and fails when the card is not what the results say.
"""

import argparse
import json
import re
import sys
from pathlib import Path

BEGIN, END = "<!-- scores -->", "<!-- /scores -->"


def percent(value, digits=2):
    return f"{100 * value:.{digits}f}"


def baseline(results, model, metric):
    """Mean and spread of the single-task baseline, or a dash."""
    path = results / model / f"only-{metric['task']}-{metric['language']}.json"
    if not path.exists():
        return "-"
    summary = json.loads(path.read_text(encoding="utf-8"))
    found = summary["test"][f"{metric['task']}/{metric['language']}"][metric["metric"]]
    spread = f" ± {percent(found['sd'])}" if len(found["values"]) > 1 else ""
    return f"{percent(found['mean'])}{spread} ({len(found['values'])})"


def peer(results, metric):
    """The peer's score on the same files, or a dash."""
    for path in sorted((results / "peers").glob(f"{metric['task']}-{metric['language']}-*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        return f"{percent(found[metric['metric']])} ({found['peer']})"
    return "-"


def table(manifest, results):
    """The table's lines."""
    lines = [
        "| task | language | test set | metric | this model | mean ± sd (seeds) | single-task baseline (seeds) | peer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for metric in manifest["metrics"]:
        if metric["metric"] == "strict_f1":  # equal to f1 while decoding is constrained; the manifest has both
            continue
        several = "mean" in metric
        spread = f"{percent(metric['mean'])} ± {percent(metric['sd'])} ({metric['seeds']})" if several else "- (1)"
        cells = [metric["task"], metric["language"], metric["set"], metric["metric"], percent(metric["value"]), spread]
        cells += [baseline(results, manifest["id"], metric), peer(results, metric)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def render(card, manifest, results):
    """The card with its table made anew."""
    if card.count(BEGIN) != 1 or card.count(END) != 1:
        raise SystemExit(f"model_card: the card needs one {BEGIN} and one {END}")
    body = "\n".join([BEGIN, *table(manifest, results), END])
    return re.sub(f"{BEGIN}.*{END}", lambda _: body, card, flags=re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description="Write the table of scores into a model's card")
    parser.add_argument("model", type=Path, help="folder of the bundle")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "results")
    parser.add_argument("--check", action="store_true", help="fail when the card is not up to date")
    arguments = parser.parse_args()
    manifest = json.loads((arguments.model / "bundle.json").read_text(encoding="utf-8"))
    path = arguments.model / "README.md"
    card = path.read_text(encoding="utf-8")
    fresh = render(card, manifest, arguments.results)
    if arguments.check:
        if fresh != card:
            sys.exit(f"{path}: not what the results say; run tools/model_card.py {arguments.model}")
    elif fresh != card:
        path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
