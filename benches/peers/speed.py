#!/usr/bin/env python3
"""How fast taggers are, from token strings to tag strings, and how good: `make bench-peers DATA=FOLDER`.

Writes docs/results/peers.json and peers.svg, and the table into README.md. benches/peers/README.md says what is measured.
"""

import argparse
import datetime
import gc
import json
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REFERENCE = "libmtl, native"
BATCHES = (1, 32, 256)  # sentences a call
PARTS = 4  # a round takes every fourth sentence of the test set, the next round the next fourth
MOST_MOVED = 0.15  # by how much the clock may change within a round
MARKERS = "<!-- peers -->", "<!-- /peers -->"


def probe():
    """CPU seconds of a fixed piece of work, the least of five: how fast the processor is now."""
    def work():
        begun = time.process_time()
        sum(number * number for number in range(100_000))
        return time.process_time() - begun
    return min(work() for _ in range(5))


def moved(before, after):
    """By how much of itself the clock changed."""
    return max(before, after) / min(before, after) - 1


def block(tagger, tokens, batch):
    """CPU seconds, all threads together, of tagging the sentences, `batch` a call."""
    calls = [tokens[start:start + batch] for start in range(0, len(tokens), batch)]
    gc.collect()
    begun = time.process_time()
    for call in calls:
        tagger.tag(call)
    return time.process_time() - begun


def measure(taggers, tokens, rounds):
    """Kept rounds, and how many were discarded: a round has {(name, batch): CPU seconds a sentence} of every tagger."""
    kept, discarded = [], 0
    contenders = [(name, batch) for batch in BATCHES for name in taggers]
    while len(kept) < rounds:
        turn = len(kept) + discarded
        if discarded > 5 * rounds:
            raise SystemExit(f"the clock moved in {discarded} rounds of {turn}: measure on a quieter machine")
        part = tokens[turn % PARTS::PARTS]
        before = probe()
        times = {}
        for name, batch in contenders[turn % len(contenders):] + contenders[:turn % len(contenders)]:
            times[name, batch] = block(taggers[name], part, batch) / len(part)
        change = moved(before, probe())
        print(f"clock {before * 1e3:.2f} ms, moved {change:.1%}", file=sys.stderr, flush=True)
        if change > MOST_MOVED:
            discarded += 1
        else:
            kept.append(times)
    return kept, discarded


def quality(tagger, sentences, batch=32):
    """The share of tokens whose tag is right."""
    right = total = 0
    for start in range(0, len(sentences), batch):
        part = sentences[start:start + batch]
        for (_, gold), tags in zip(part, tagger.tag([tokens for tokens, _ in part]), strict=True):
            right += sum(a == b for a, b in zip(gold, tags, strict=True))
            total += len(gold)
    return right / total


def summary(rounds, name):
    """For each batch size: median CPU µs a sentence, and the time over the reference's, paired by round."""
    result = {}
    for batch in BATCHES:
        ratios = [times[name, batch] / times[REFERENCE, batch] for times in rounds]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        result[str(batch)] = {"us_a_sentence": round(statistics.median(times[name, batch] for times in rounds) * 1e6, 1),
                              "over_native": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
    return result


def table(rows, what):
    """Rows of the record as Markdown; `what` names the first column. Layers have no accuracy."""
    scored = "accuracy" in rows[0]
    lines = [f"| {what} |" + " accuracy |" * scored + "".join(f" {batch} a call |" for batch in BATCHES),
             "|---|" + "---|" * (scored + len(BATCHES))]
    for row in rows:
        cells = [f"{row['name']} {row['version']}", *([f"{row['accuracy'] * 100:.2f} %"] if scored else [])]
        for batch in BATCHES:
            speed = row["speed"][str(batch)]
            ratio = "" if row["name"] == REFERENCE else f" ({speed['over_native']:.2f})"
            cells.append(f"{speed['us_a_sentence']:,.0f} µs{ratio}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(record):
    """Sentences a second as bars, an SVG."""
    wide, bar, left, gap = 380, 15, 150, 14
    batches = [str(batch) for batch in BATCHES]
    colours = ("#9ecae1", "#4292c6", "#084594")
    rates = [[1e6 / row["speed"][batch]["us_a_sentence"] for batch in batches] for row in record["taggers"]]
    scale = wide / max(map(max, rates))
    height = 44 + len(rates) * (len(batches) * bar + gap)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + wide + 80}" height="{height}" '
           f'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for index, (batch, colour) in enumerate(zip(batches, colours, strict=True)):
        x = left + index * 90
        out.append(f'<rect x="{x}" y="12" width="10" height="10" fill="{colour}"/><text x="{x + 15}" y="21">{batch} a call</text>')
    out.append('<text x="8" y="21">sentences a second</text>')
    for number, (row, values) in enumerate(zip(record["taggers"], rates, strict=True)):
        top = 36 + number * (len(batches) * bar + gap)
        out.append(f'<text x="8" y="{top + 19}">{row["name"]}</text>'
                   f'<text x="8" y="{top + 34}" fill="#555">{row["accuracy"] * 100:.1f} % right</text>')
        for index, (value, colour) in enumerate(zip(values, colours, strict=True)):
            y = top + index * bar
            out.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="{bar - 1}" fill="{colour}"/>'
                       f'<text x="{left + value * scale + 5:.1f}" y="{y + 11}" font-size="11">{value:,.0f}</text>')
    return "\n".join([*out, "</svg>", ""])


def insert(document, text, markers=MARKERS):
    """The document with `text` between the markers, in place of what stood there."""
    head, opening, rest = document.partition(markers[0])
    _, closing, tail = rest.partition(markers[1])
    if not opening or not closing:
        raise SystemExit(f"the markers {' and '.join(markers)} are missing")
    return f"{head}{opening}\n{text}\n{closing}{tail}"


def take_one_core():
    """Pins this process, and keeps the peers' libraries to a thread; before they are loaded."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=pathlib.Path, required=True, help="libmtl.so, a release build")
    parser.add_argument("--onnxruntime", type=pathlib.Path, required=True, help="ONNX Runtime's shared library")
    parser.add_argument("--models", type=pathlib.Path, required=True, help="where trained peers are kept")
    parser.add_argument("--rounds", type=int, default=9, help="rounds to keep, of each table (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/results/peers.json and peers.svg, and README.md")
    arguments = parser.parse_args()
    if arguments.rounds < 9:
        parser.error("--rounds: at least 9")
    take_one_core()
    import layers
    import libmtl
    import taggers

    bundle, onnx = ROOT / "models/mtl-base", {"engine": "onnx", "library": arguments.onnxruntime.resolve()}
    opened = {REFERENCE: libmtl.Tagger(arguments.library, bundle, {}), "libmtl, onnx": libmtl.Tagger(arguments.library, bundle, onnx)}
    opened |= {peer.name: peer for peer in taggers.prepare(arguments.models)}
    test, dev = taggers.sentences("test"), taggers.sentences("dev")
    on_dev = {name: quality(tagger, dev) for name, tagger in opened.items()}  # warms them up, too
    gc.freeze()
    rounds, discarded = measure(opened, [tokens for tokens, _ in test], arguments.rounds)
    rows = [{"name": name, "version": tagger.version, "settings": tagger.settings, "accuracy": round(quality(tagger, test), 4),
             "dev_accuracy": round(on_dev[name], 4), "speed": summary(rounds, name)} for name, tagger in opened.items()]

    # Sentences of like length together, so that ONNX Runtime does not compute on padding.
    rows_of_features = layers.features(sorted(len(tokens) for tokens, _ in test), seed=1)
    alone = layers.contenders(arguments.library, arguments.models, layers.weights(seed=2), REFERENCE)
    layers.check(alone, rows_of_features[::20])
    layer_rounds, layer_discarded = measure(alone, rows_of_features, arguments.rounds)
    record = {
        "command": "make bench-peers", "date": datetime.date.today().isoformat(), "sentences": len(test),
        "tokens": sum(len(tokens) for tokens, _ in test), "rounds": arguments.rounds, "discarded": discarded + layer_discarded,
        "kernel": opened[REFERENCE].report["kernel"], "taggers": rows,
        "layers": [{"name": name, "version": layer.version, "speed": summary(layer_rounds, name)} for name, layer in alone.items()]}
    tables = f"{table(record['taggers'], 'tagger')}\n\n{table(record['layers'], 'BiLSTM layer alone')}"
    print(tables)
    if arguments.write:
        results = ROOT / "docs/results"
        (results / "peers.json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        (results / "peers.svg").write_text(plot(record), encoding="utf-8")
        readme = ROOT / "README.md"
        readme.write_text(insert(readme.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
