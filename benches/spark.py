#!/usr/bin/env python3
"""What docs/spark.md reckons with: rows a second of a core, what Spark adds, and memory of a process of Python.

    pip install './bindings/python[spark]'
    python benches/spark.py TEXTS [MODEL...]

TEXTS has a document a line; MODEL is a bundle, those of models/ without it. CPU time of `libmtl.arrow.tag` on one thread in calls
of 1,024 rows, the median of rounds in which the models take turns. Then, for the first model, Spark on one core of this machine
(`local[1]`): the time of a job from rows in memory to counted results over the time that its calls of libmtl took.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

import libmtl
import libmtl.arrow
import pyarrow as pa

ROWS, ROUNDS = 1024, 9
MODELS = [pathlib.Path(__file__).resolve().parent.parent / "models" / name for name in ("mtl-base", "mtl-mobile")]
RESIDENT = """
import sys, libmtl.arrow, pyarrow as pa
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before = resident()
texts = pa.array(open(sys.argv[1], encoding="utf-8").read().splitlines()[:20_000])
model = libmtl.Model(sys.argv[2])
opened = resident()
for start in range(0, len(texts), 1024):
    libmtl.arrow.tag(model, texts.slice(start, 1024))
print(f"{before:.0f} MB without a model, {opened:.0f} with it, {resident():.0f} after {len(texts):,} rows")
"""


def calls(model, texts):
    """CPU seconds of all rows, and how many tokens they have."""
    tokens, begun = 0, time.process_time()
    for start in range(0, len(texts), ROWS):
        tokens += len(libmtl.arrow.tag(model, texts.slice(start, ROWS)).field("tokens").flatten())
    return time.process_time() - begun, tokens


def measure(paths, texts):
    """Prints rows a second of each model."""
    models = {path.name: libmtl.Model(path) for path in paths}
    seconds, tokens = {name: [] for name in models}, 0
    for number in range(ROUNDS + 1):
        for name in list(models)[::(-1) ** number]:
            taken, tokens = calls(models[name], texts)
            if number:  # the first is for warming up
                seconds[name].append(taken)
    print(f"{len(texts):,} rows, {tokens / len(texts):.1f} tokens a row, {ROUNDS} rounds")
    for name, times in seconds.items():
        median = statistics.median(times)
        quartiles = statistics.quantiles(times)
        print(f"{name}: {len(texts) / median:,.0f} rows and {tokens / median:,.0f} tokens a second of a core "
              f"(quartiles {len(texts) / quartiles[2]:,.0f}, {len(texts) / quartiles[0]:,.0f})")


def measure_spark(path, texts):
    """Prints what Spark adds."""
    from pyspark.sql import SparkSession

    import libmtl.spark

    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
             .config("spark.driver.host", "127.0.0.1").getOrCreate())
    frame = spark.createDataFrame(pa.table({"text": texts})).coalesce(1).cache()
    frame.count()
    ratios = []
    for number in range(ROUNDS + 1):
        metrics = libmtl.spark.Metrics(spark)
        begun = time.perf_counter()
        libmtl.spark.tag(frame, path, metrics=metrics).selectExpr("sum(size(mtl.tokens))", "count(mtl_status)").collect()
        if number:
            ratios.append((time.perf_counter() - begun) / metrics.total.seconds)
    print(f"{path.name}: a job on one core takes {statistics.median(ratios):.2f} times its calls "
          f"(quartiles {', '.join(f'{ratio:.2f}' for ratio in statistics.quantiles(ratios)[::2])})")
    spark.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("models", type=pathlib.Path, nargs="*", default=MODELS)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = pa.array(arguments.texts.read_text(encoding="utf-8").splitlines())
    measure(arguments.models, texts)
    for path in arguments.models:
        said = subprocess.run([sys.executable, "-c", RESIDENT, arguments.texts, path], capture_output=True, text=True, check=True)
        print(f"{path.name}: {said.stdout.strip()}")
    measure_spark(arguments.models[0], texts)


if __name__ == "__main__":
    main()
