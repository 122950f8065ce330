#!/usr/bin/env python3
"""Rows a second and memory of `mtl batch tag` beside spaCy and a script on ONNX Runtime: `make bench-batch DATA=FOLDER`.

Writes docs/results/batch.json, and the tables of docs/batch.md. benches/batch/README.md says what is measured.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

import corpora

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benches/peers"))
import speed  # noqa: E402

MTL, SPACY, ONNX = "mtl batch tag", "spaCy", "ONNX Runtime"
MARKERS = "<!-- batch -->", "<!-- /batch -->"
CORES = (1, 2)
SEED = 1
SCRIPTS, MEASURE = (pathlib.Path(__file__).with_name(name) for name in ("scripts.py", "measure.py"))


class Bench:
    """The contenders, in a folder that is theirs."""

    def __init__(self, arguments, spacy):
        self.mtl, self.bundle, self.folder = arguments.mtl.resolve(), ROOT / "models" / arguments.model, arguments.folder
        self.spacy, self.cores = spacy, sorted(os.sched_getaffinity(0))[:2]
        if len(self.cores) < 2:
            raise SystemExit("two cores are needed")

    def table(self, name, sentences):
        """Writes sentences as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq
        path = self.folder / f"{name}.parquet"
        words = pa.array(sentences, pa.list_(pa.string()))
        pq.write_table(pa.table({"id": pa.array(range(len(sentences)), pa.int64()), "words": words}), path, compression="zstd")
        return path

    def command(self, name, source, output, threads):
        if name == MTL:
            return [self.mtl, "batch", "tag", "--quiet", "--model", self.bundle, "--task", "upos", "--lang", "en", "--tokens", "words",
                    "--input", source, "--output", output, "--threads", threads]
        kind, model = ("spacy", self.spacy) if name == SPACY else ("onnx", self.bundle)
        return [sys.executable, SCRIPTS, kind, source, output, "--model", model, "--threads", threads]

    def clear(self, output):
        shutil.rmtree(output) if output.is_dir() else output.unlink(missing_ok=True)

    def start(self, name, source, output, cores, threads):
        """A contender on its way."""
        self.clear(output)
        command = [sys.executable, MEASURE, ",".join(map(str, cores)), *self.command(name, source, output, threads)]
        return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)

    def end(self, process):
        """What it took: wall and CPU seconds, and bytes."""
        said, _ = process.communicate()
        if process.returncode:
            raise SystemExit("a contender failed")
        took = json.loads(said)
        # The scripts leave their imports out of the times.
        return took | json.loads(took.pop("said") or "{}")

    def run(self, name, source, cores, threads=None, keep=False):
        """A run of a contender on so many cores."""
        output = self.folder / "out"
        took = self.end(self.start(name, source, output, self.cores[-cores:], threads or cores))
        if not keep:
            self.clear(output)
        return took

    def side_by_side(self, sources):
        """Seconds of two runs of mtl at once, a core each: what the machine lets two cores do."""
        outputs = [self.folder / f"out-{number}" for number in range(2)]
        runs = [self.start(MTL, source, output, [core], 1) for source, output, core in zip(sources, outputs, self.cores, strict=True)]
        seconds = [self.end(run)["seconds"] for run in runs]
        for output in outputs:
            self.clear(output)
        return max(seconds)

    def labels(self, name, source):
        """What a contender says of each row."""
        import pyarrow.parquet as pq
        self.run(name, source, 1, keep=True)
        if name == MTL:
            parts = sorted((self.folder / "out").glob("part-*.parquet"))
            return [row["upos"]["labels"] for part in parts for row in pq.read_table(part)["mtl"].to_pylist()]
        return pq.read_table(self.folder / "out")["labels"].to_pylist()


def quartiles(values, digits=3):
    """Median and quartiles of some values."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": round(middle, digits), "quartiles": [round(low, digits), round(high, digits)]}


def summary(runs, rows):
    """The medians of runs over so many rows, and the most memory."""
    return {"rows_a_second": round(statistics.median(rows / run["seconds"] for run in runs)),
            "cpu_us_a_row": round(statistics.median(run["cpu"] / rows * 1e6 for run in runs), 1),
            "memory_mb": round(max(run["memory"] for run in runs) / 1e6, 1)}


def beside(rounds, rows):
    """The contenders of rounds {(name, cores): run} over the same rows: each one's `summary`, and its time over mtl's, by the clock and of
    the processor."""
    out = {}
    for name, cores in rounds[0]:
        pairs = [(one[name, cores], one[MTL, cores]) for one in rounds]
        over = {of: quartiles([theirs[of] / ours[of] for theirs, ours in pairs], 2) for of in ("seconds", "cpu")}
        out.setdefault(name, {})[str(cores)] = summary([theirs for theirs, _ in pairs], rows) | {"over_mtl": over}
    return out


def scaling(rounds):
    """Efficiency from one core to two, and the most that the machine allows, of rounds {"one", "two", "apart": seconds}."""
    return {"efficiency": quartiles([one["one"] / one["two"] / 2 for one in rounds]),
            "machine": quartiles([one["one"] / one["apart"] / 2 for one in rounds])}


def tables(record):
    """What docs/batch.md shows."""
    lines = ["| | right | rows/s, one core | two cores | times as long as mtl, one core | two cores | memory, one core | two cores |",
             "|---|" + "---|" * 7]
    for name, cells in record["peers"].items():
        both = [cells["1"], cells["2"]]
        over = ["" if name == MTL else f"{cell['over_mtl']['seconds']['median']:.1f}" for cell in both]
        cells = [record["versions"][name], f"{record['accuracy'][name] * 100:.2f} %", *(f"{cell['rows_a_second']:,}" for cell in both), *over,
                 *(f"{cell['memory_mb']:,.0f} MB" for cell in both)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| `mtl batch tag` | rows/s | CPU time a row | memory |", "|---|---|---|---|"]
    for run in record["jobs"]:
        cores = f"{run['cores']} core{'s' * (run['cores'] > 1)}"
        lines.append(f"| {run['rows']:,} rows, {cores}, `--threads {run['threads']}` | {run['rows_a_second']:,} | "
                     f"{run['cpu_us_a_row']:.0f} µs | {run['memory_mb']:.0f} MB |")
    return "\n".join(lines)


def jobs(bench, source, halves, rows, rounds):
    """Rounds of mtl alone over a table of so many rows, of which there are `halves`: lines of the record, and rounds for `scaling`."""
    found, turns = {(1, 1): [], (2, 2): [], (2, 1): []}, []
    for number in range(rounds):
        for cores, threads in list(found)[::(-1) ** number]:
            found[cores, threads].append(bench.run(MTL, source, cores, threads))
        latest = {key: runs[-1]["seconds"] for key, runs in found.items()}
        turns.append({"one": latest[1, 1], "two": latest[2, 2], "apart": bench.side_by_side(halves)})
        print(turns[-1], file=sys.stderr, flush=True)
    return [line(rows, *key, runs) for key, runs in found.items()], turns


def line(rows, cores, threads, runs):
    """A line of the record."""
    return {"rows": rows, "cores": cores, "threads": threads} | summary(runs, rows)


def compare(bench, source, rows, rounds):
    """Rounds of all contenders, in an order that turns."""
    contenders, out = [(name, cores) for name in (MTL, SPACY, ONNX) for cores in CORES], []
    for number in range(rounds):
        turn = number % len(contenders)
        out.append({key: bench.run(key[0], source, key[1]) for key in contenders[turn:] + contenders[:turn]})
        print({f"{name}, {cores}": round(rows / run["seconds"]) for (name, cores), run in out[-1].items()}, file=sys.stderr, flush=True)
    return out


def quality(bench):
    """The share of right labels on the treebank's test set, and of labels of mtl's that the script on its graph finds too."""
    import taggers
    gold = taggers.sentences("test")
    source = bench.table("test", [tokens for tokens, _ in gold])
    found = {name: bench.labels(name, source) for name in (MTL, SPACY, ONNX)}
    count = sum(len(tags) for _, tags in gold)

    def share(labels, others):
        return sum(a == b for one, other in zip(labels, others, strict=True) for a, b in zip(one, other, strict=True)) / count

    accuracy = {name: round(share(labels, [tags for _, tags in gold]), 4) for name, labels in found.items()}
    return accuracy, round(share(found[MTL], found[ONNX]), 6)


def processor():
    """What /proc says that it is."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return f"{said.get('model name', platform.machine())}, family {said.get('cpu family')}, model {said.get('model')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder of the corpora")
    parser.add_argument("--mtl", type=pathlib.Path, required=True, help="the command, a release build")
    parser.add_argument("--models", type=pathlib.Path, required=True, help="where trained peers are kept")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="room for files, some hundred MB")
    parser.add_argument("--model", default="mtl-base", help="of the zoo (%(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest job (%(default)s)")
    parser.add_argument("--sample", type=int, default=10_000, help="rows that peers tag (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="beside peers, and of a tenth of the largest job (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/results/batch.json and docs/batch.md")
    arguments = parser.parse_args()
    os.environ["DATA"] = str(arguments.data)
    import onnxruntime
    import spacy
    import taggers
    arguments.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments, taggers.trained(arguments.models, taggers.SpaCy))
    sentences, counts = corpora.distinct(arguments.data)
    rows = corpora.rows(sentences, arguments.rows, SEED)
    tenth, load = arguments.rows // 10, os.getloadavg()[0]
    whole, part, sample = (bench.table(f"rows-{count}", rows[:count]) for count in (len(rows), tenth, arguments.sample))
    halves = [bench.table(f"half-{number}", rows[number * tenth // 2:(number + 1) * tenth // 2]) for number in range(2)]
    tokens = sum(map(len, rows))
    del rows
    accuracy, same = quality(bench)
    print(accuracy, same, file=sys.stderr, flush=True)
    lines, turns = jobs(bench, part, halves, tenth, arguments.rounds)
    lines += [line(arguments.rows, cores, cores, [bench.run(MTL, whole, cores)]) for cores in CORES]
    print(lines, file=sys.stderr, flush=True)
    versions = {MTL: f"`mtl batch tag`, {arguments.model}", SPACY: f"spaCy {spacy.__version__}, `nlp.pipe`",
                ONNX: f"pyarrow and ONNX Runtime {onnxruntime.__version__}, the same model"}
    record = {
        "command": "make bench-batch", "date": datetime.date.today().isoformat(), "processor": processor(), "load_before": round(load, 2), "versions": versions,
        "corpora": counts, "distinct": len(sentences), "rows": arguments.rows, "tokens": tokens, "sample": arguments.sample,
        "rounds": arguments.rounds, "accuracy": accuracy, "same_labels_as_the_script": same,
        "settings": {SPACY: taggers.SpaCy.settings}, "jobs": lines, "scaling": scaling(turns),
        "peers": beside(compare(bench, sample, arguments.sample, arguments.rounds), arguments.sample)}
    text = tables(record)
    print(text, json.dumps(record["scaling"]), sep="\n")
    if arguments.write:
        (ROOT / "docs/results/batch.json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        page = ROOT / "docs/batch.md"
        page.write_text(speed.insert(page.read_text(encoding="utf-8"), text, MARKERS), encoding="utf-8")


if __name__ == "__main__":
    main()
