#!/usr/bin/env python3
"""Writes the tables of docs/transfer.md, between `<!-- NAME -->` and `<!-- /NAME -->`.

    transfer_page.py

Each is made of docs/results/transfer/LANGUAGE.json, the `transfer.json` of `mtl-export transfer`, beside what Lin 2018 prints.
Standard library only. `--check` writes nothing and fails when the page is not what the results say.
"""

import json

import tables

SYSTEMS = ["baseline", "cross-task", "cross-lingual", "full"]
STEPS = {"basic": "basic", "c": "+ characters (C)", "cl": "+ shared LSTM (L)", "cls": "+ specific layer (S)", "clsh": "+ highway (H)",
         "full": "+ dropout (D), which is full"}
# Table 6 of Lin et al. (2018), F1 of Dutch names by the target's sentences; no spread is printed.
PRINTED = {"basic": {10: 20.03, 100: 47.98, 200: 51.52, "all": 77.63}, "c": {10: 24.22, 100: 48.53, 200: 56.26, "all": 83.38},
           "cl": {10: 25.97, 100: 49.54, 200: 56.29, "all": 83.37}, "cls": {10: 25.43, 100: 50.67, 200: 56.34, "all": 84.02},
           "clsh": {10: 30.48, 100: 53.73, 200: 58.09, "all": 84.68}, "full": {10: 35.82, 100: 57.33, 200: 63.27, "all": 86.00}}
# Table 3, all sentences.
ALL = {"ner/nl": [85.14, 85.69, 85.71, 86.55], "ner/es": [85.44, 85.37, 85.02, 85.88]}


def spread(found, signed=False):
    """`81.2 ± 0.4`, in percent; a gain has its sign."""
    mean = f"{100 * found['mean']:{'+' if signed else ''}.1f}".replace("-", "−")
    return f"{mean} ± {100 * found['sd']:.1f}" if len(found["values"]) > 1 else mean


def rows(report):
    """By system and size."""
    return {(row["system"], row["size"]): row for row in report["rows"]}


def systems(report):
    """Scores of the systems and their gains on the baseline, a line a size."""
    found = rows(report)
    sizes = [row["size"] for row in report["rows"] if row["system"] == "baseline"]
    lines = ["| sentences | " + " | ".join(SYSTEMS) + " | order |", "|---|" + "---|" * (len(SYSTEMS) + 1)]
    for size in sizes:
        here = {name: found[name, size] for name in SYSTEMS if (name, size) in found}
        cells = [spread(row["test"]) + (f" ({spread(row['gain'], signed=True)})" if "gain" in row else "") for row in here.values()]
        order = " > ".join(sorted(here, key=lambda name: -here[name]["test"]["mean"]))
        label = f"{here['baseline']['sentences']:,} (all)" if size == "all" else size
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {order} |")
        if size == "all" and (printed := ALL.get(report["target"])):
            gains = [f" ({score - printed[0]:+.2f})".replace("-", "−") if score != printed[0] else "" for score in printed]
            lines.append("| the paper, all | " + " | ".join(f"{s}{g}" for s, g in zip(printed, gains)) + " | |")
    seeds = len(report["rows"][0]["seeds"])
    hours = sum(row["seconds"] for row in report["rows"]) / 3600
    lines += ["", f"F1 on test, {seeds} seeds, mean ± standard deviation; in brackets the gain on the baseline, paired by seed. At most "
              f"{report['steps']:,} steps of {report['batch']} sentences, {report['hidden']} units a direction; {hours:.1f} hours in all, "
              "the seconds of each run added up."]
    return lines


def ablation(report):
    """Steps of the ablation, ours beside the paper's."""
    found = rows(report)
    sizes = [row["size"] for row in report["rows"] if row["system"] == "basic"]
    head = [f"{size} sentences | the paper" for size in sizes]
    lines = ["| network | " + " | ".join(head) + " |", "|---|" + "---|---|" * len(sizes)]
    for step, label in STEPS.items():
        cells = []
        for size in sizes:
            ours, base = found[step, size], found["basic", size]
            gain = 100 * (ours["test"]["mean"] - base["test"]["mean"])
            printed, printed_base = PRINTED[step][size], PRINTED["basic"][size]
            cells += [spread(ours["test"]) + (f" ({gain:+.1f})".replace("-", "−") if step != "basic" else ""),
                      f"{printed}" + (f" ({printed - printed_base:+.1f})" if step != "basic" else "")]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return lines


def sections(results):
    """Systems of every language, and the ablation of those that have one."""
    made = {}
    for path in sorted(results.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        made[f"{path.stem}-systems"] = systems(report)
        if any(row["system"] == "basic" for row in report["rows"]):
            made[f"{path.stem}-ablation"] = ablation(report)
    return made


if __name__ == "__main__":
    tables.run("transfer", "transfer", sections)
