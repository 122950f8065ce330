"""Names with CRFsuite, on the files a model of the zoo was trained on.

The features are those of the CoNLL-2002 example that CRFsuite's Python binding publishes, widened to two
neighbours on each side, longer affixes and word shapes. Trained on BIOES, as our taggers are.
"""

import argparse
import importlib.metadata
import re
import tempfile
import time

import common
import pycrfsuite


def shape(word):
    """`Ab-12` as `Xx-99`."""
    word = re.sub(r"[^\W\d_]", lambda letter: "X" if letter.group().isupper() else "x", word)
    return re.sub(r"\d", "9", word)


def word_features(word):
    """What is known of one word by itself, computed once for each of its neighbours."""
    long = shape(word)
    short = re.sub(r"(.)\1+", r"\1", long)
    strings = [f"lower={word.lower()}", f"shape={long}", f"short={short}"]
    flags = (("title", word.istitle()), ("upper", word.isupper()), ("digit", word.isdigit()),
             ("hyphen", "-" in word), ("alnum", word.isalnum()))
    return strings, [name for name, holds in flags if holds]


def sentence_features(tokens):
    """One list of feature strings a token."""
    single = [word_features(token) for token in tokens]
    rows = []
    for index, token in enumerate(tokens):
        row = ["bias", f"word={token}"]
        lower = token.lower()
        for size in range(1, 5):
            row += [f"prefix={lower[:size]}", f"suffix={lower[-size:]}"]
        for offset in range(-2, 3):
            at = index + offset
            if 0 <= at < len(tokens):
                strings, flags = single[at]
                row += [f"{offset}:{text}" for text in (*strings, *flags)]
            elif at in (-1, len(tokens)):
                row.append("BOS" if at < 0 else "EOS")
        if index:
            row.append(f"-1|0:lower={tokens[index - 1].lower()}|{lower}")
        if index + 1 < len(tokens):
            row.append(f"0|1:lower={lower}|{tokens[index + 1].lower()}")
        rows.append(row)
    return rows


def load(sources, mapping):
    """Tokens and BIOES tags of every sentence of the files."""
    root = common.data_folder()
    return [(tokens, common.to_bioes(tags)) for source in sources
            for tokens, tags in common.read_conll(root, source, mapping)]


def score(tagger, sentences):
    """Scores of a trained model."""
    counts = common.Counts()
    for tokens, gold in sentences:
        counts.add(gold, tagger.tag(sentence_features(tokens)))
    return counts.report()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", required=True)
    parser.add_argument("--train", nargs="+", type=common.Source, required=True, metavar="PATH[:TOKEN:LABEL]")
    parser.add_argument("--dev", nargs="*", type=common.Source, metavar="PATH[:TOKEN:LABEL]",
                        help="default: every tenth sentence of train")
    parser.add_argument("--test", nargs="+", type=common.Source, required=True, metavar="PATH[:TOKEN:LABEL]")
    parser.add_argument("--map", nargs="*", default=[], metavar="LABEL=LABEL", help="O drops a label")
    parser.add_argument("--c1", type=float, default=0.1)
    parser.add_argument("--c2", type=float, default=0.1)
    parser.add_argument("--iterations", type=int, default=150)
    options = parser.parse_args()
    mapping = common.parse_mapping(options.map)

    train = load(options.train, mapping)
    train, dev = (train, load(options.dev, mapping)) if options.dev else common.hold_out(train)
    trainer = pycrfsuite.Trainer(verbose=False)
    for tokens, tags in train:
        trainer.append(sentence_features(tokens), tags)
    trainer.set_params({"c1": options.c1, "c2": options.c2, "max_iterations": options.iterations,
                        "feature.possible_transitions": True})
    started = time.process_time()
    with tempfile.NamedTemporaryFile(suffix=".crfsuite") as model:
        trainer.train(model.name)
        seconds = time.process_time() - started
        tagger = pycrfsuite.Tagger()
        tagger.open(model.name)
        test, dev = score(tagger, load(options.test, mapping)), score(tagger, dev)
    common.emit("ner", options.lang, test, dev_f1=round(dev["f1"], 6), train_sentences=len(train),
                train_tokens=sum(len(tokens) for tokens, _ in train), train_cpu_seconds=round(seconds, 1),
                peer="CRFsuite", version=f"python-crfsuite {importlib.metadata.version('python-crfsuite')}")


if __name__ == "__main__":
    main()
