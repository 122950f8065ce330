#!/usr/bin/env python3
"""Writes the tables of docs/relations.md, each between `<!-- NAME -->` and `<!-- /NAME -->`, from docs/results/task-relations.

    relations_page.py

Reads what `mtl-export relate --output` wrote of the published logs (published.json and published-paper.json, by both
protocols) and of our sweep (sweep.json), the sweep itself (results.jsonl) and `mtl-export probe` (probe.json).
Standard library only. `--check` writes nothing and fails when the page is not what the results say.
"""

import json
import statistics

import tables

LEFT_OUT = {
    "main-out": "a main task",
    "aux-out": "an auxiliary task",
    "pair-out": "a joint run (both directions)",
    "both-out": "both tasks, from everything",
    "five-fold": "a fifth, shuffled",
    None: "nothing is fitted",
}
# Table 3 of Bingel & Søgaard (2017). Its majority row has the accuracy of one constant and the F1 of the other.
PRINTED = {
    ("best features of the data, left out in the paper's order", "five-fold"): ".665 / .542",
    ("features with the paper's c", "five-fold"): ".749 / .669",
    ("best features with the paper's c, chosen on the same pairs", "five-fold"): ".785 / .713",
    ("never a gain", None): ".555 / -",
    ("always a gain", None): "- / .615",
}


# The same computation by scikit-learn 1.9 and SciPy 1.17, from the same logs, with the paper's scaling and c.
RECOMPUTED = {
    ("features with the paper's c", "main-out"): ".467 / .172",
    ("features with the paper's c", "aux-out"): ".711 / .649",
    ("features with the paper's c", "pair-out"): ".722 / .658",
    ("features with the paper's c", "both-out"): ".422 / .212",
    ("features with the paper's c", "five-fold"): ".722 / .638",
    ("features without the curve's offset", "five-fold"): ".744 / .658",
    ("features of the data", "five-fold"): ".659 / .530",
    ("best features of the data, left out in the paper's order", "five-fold"): ".667 / .541",
    ("best features with the paper's c, chosen on the same pairs", "five-fold"): ".785 / .708",
    ("identity of the main task", "five-fold"): ".801 / .759",
    ("identities of both tasks", "five-fold"): ".772 / .732",
    ("random features", "five-fold"): ".763 ± .026 / .721 ± .029",
    ("never a gain", None): ".556 / -",
    ("always a gain", None): "- / .615",
}


def number(value):
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def spread(value):
    return number(value["mean"]) + (f" ± {number(value['sd'])}" if value["sd"] else "")


def scores(row):
    return f"{spread(row['accuracy'])} / {spread(row['f1'])}" if row else "-"


def key(row):
    return row["inputs"], row.get("validation"), row["gains"]


def protocols(default, paper):
    """Every row by both protocols, beside what another program computes and what the paper printed."""
    lines = ["| inputs | left out | default: accuracy / F1 | paper's scaling | scikit-learn | the paper printed |", "|---|---|---|---|---|---|"]
    others = {key(row): row for row in paper["rows"]}
    own = default["positive"][0][0]
    found = {key(row) for row in default["rows"]}
    rows = [(row, others.get(key(row))) for row in default["rows"]]
    rows += [(None, row) for name, row in others.items() if name not in found]
    for row, other in rows:
        shown = row or other
        inputs = shown["inputs"] + (f" ({shown['width']})" if shown["width"] else "")
        if shown["gains"] != own:
            inputs += f", gains {shown['gains']}"
        known = [table.get((shown["inputs"], shown.get("validation")), "") if shown["gains"] == own else ""
                 for table in (RECOMPUTED, PRINTED)]
        lines.append(f"| {inputs} | {LEFT_OUT[shown.get('validation')]} | {scores(row)} | {scores(other)} | {' | '.join(known)} |")
    return lines


def study(report):
    """Every row of one report."""
    lines = ["| inputs | left out | accuracy | F1 of gains |", "|---|---|---|---|"]
    for row in report["rows"]:
        inputs = row["inputs"] + (f" ({row['width']})" if row["width"] else "")
        left_out = LEFT_OUT[row.get("validation")]
        lines.append(f"| {inputs} | {left_out} | {spread(row['accuracy'])} | {spread(row['f1'])} |")
    return lines


def curves(report):
    """The fitted curves of the tasks, and the slope at 30 %."""
    slope = report["quantities"].index("slope_30")
    lines = ["| task | a | d/c | slope at 30 % |", "|---|---|---|---|"]
    for task in report["tasks"]:
        fit = task["fit"]
        lines.append(f"| {task['name']} | {fit['slope']:.4f} | {fit['offset']:.2f} | {task['quantities'][slope]:.3e} |")
    return lines


def gains(report):
    counts = [f"{count} of {len(report['pairs'])} {name}" for name, count in report["positive"]]
    return ["Gains: " + "; ".join(counts) + "."]


def mains(report):
    """How often each task gains as the main one."""
    counts = {task["name"]: 0 for task in report["tasks"]}
    for main, _, gain in report["pairs"]:
        counts[main] += gain > 0
    each = len(report["pairs"]) // len(counts)
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [f"Gains by main task, of {each}: " + ", ".join(f"{name} {count}" for name, count in ordered) + "."]


def weights(report):
    return ["Largest weights: " + ", ".join(f"{name} {value:+.2f}" for name, value in report["weights"][:8]) + "."]


def sweep(runs):
    """Scores alone, and gains by main task (rows) and auxiliary task (columns)."""
    names = list(dict.fromkeys(run["tasks"][0] for run in runs if len(run["tasks"]) == 1))
    score = {(tuple(run["tasks"]), run["seed"]): run["main"] for run in runs}
    seeds = sorted({run["seed"] for run in runs})
    lines = ["| main task | alone | " + " | ".join(f"+ {name}" for name in names) + " |", "|---|---|" + "---|" * len(names)]
    for main in names:
        alone = {seed: score[(main,), seed][main]["test"] for seed in seeds if ((main,), seed) in score}
        cells = [f"{100 * statistics.mean(alone.values()):.2f}"]
        for aux in names:
            joint = {s: m[main]["test"] for (t, s), m in score.items() if set(t) == {main, aux} and len(t) == 2}
            both = sorted(set(joint) & set(alone))
            base = statistics.mean(alone[s] for s in both) if both else 0
            if not base:
                cells.append("")
                continue
            parts = [100 * (joint[s] - alone[s]) / base for s in both]
            cells.append(f"{statistics.mean(parts):+.1f}" + (f" ± {statistics.stdev(parts):.1f}" if len(both) > 1 else ""))
        lines.append(f"| {main} | " + " | ".join(cells) + " |")
    minutes = sum(run["seconds"] for run in runs) / 60
    steps = sum(run["steps"] for run in runs)
    lines += ["", f"{len(runs)} runs, {len(seeds)} seeds, {steps:,} steps, {minutes:.0f} minutes in all, seconds of each run added up."]
    return lines


def probe(report):
    """What the probe said of each pair, and how it compares with the sweep."""
    lines = ["| main task | auxiliary tasks, by the probability that they help (seeds) | steps |", "|---|---|---|"]
    for advice in report["advice"]:
        found = [f"{f['candidate']['auxiliary']} {f['helps']:.2f} ({len(f['differences'])})" for f in advice["findings"]]
        lines.append(f"| {advice['main']} | {', '.join(found)} | {advice['steps']:,} |")
    if c := report.get("comparison"):
        cost = 100 * c["steps"] / c["sweep_steps"]
        lines += [
            "",
            "| beside the whole sweep | |",
            "|---|---|",
            f"| pairs, of which gain | {c['pairs']}, {c['gain']} |",
            f"| the probe is right about | {c['right']} ({100 * c['right'] / c['pairs']:.0f} %) |",
            f"| one answer for all would be right about | {c['constant']} ({100 * c['constant'] / c['pairs']:.0f} %) |",
            f"| right where it is sure (at least .9 or at most .1) | {c['sure_right']} of {c['sure']} |",
            f"| mean gain of the likeliest auxiliary task / of all / of the best | {c['chosen']:+.1f} / {c['average']:+.1f} / "
            f"{c['best']:+.1f} % |",
            f"| cost | {c['steps']:,} steps, {cost:.0f} % of the sweep's {c['sweep_steps']:,} |",
        ]
    return lines


def sections(results):
    """The sections whose results are there."""
    load = lambda name: json.loads((results / name).read_text(encoding="utf-8"))
    made = {}
    published, paper = load("published.json"), load("published-paper.json")
    made["published"] = protocols(published, paper)
    made["published-gains"] = gains(published)
    made["published-mains"] = mains(published)
    made["published-weights"] = weights(paper)
    made["published-curves"] = curves(published)
    if (results / "results.jsonl").exists():
        lines = (results / "results.jsonl").read_text(encoding="utf-8").splitlines()
        made["sweep"] = sweep([json.loads(line) for line in lines])
    if (results / "sweep.json").exists():
        made["sweep-gains"] = gains(load("sweep.json"))
        made["sweep-relate"] = study(load("sweep.json"))
    if (results / "probe.json").exists():
        made["probe"] = probe(load("probe.json"))
    return made


if __name__ == "__main__":
    tables.run("relations", "task-relations", sections)
