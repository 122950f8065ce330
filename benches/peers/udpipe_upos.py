"""UPOS with UDPipe 1, trained on the treebank a model of the zoo was trained on; gold tokens.

Only the tagger is trained, with UDPipe's default settings, from the UPOS column alone (`--columns upos`: what our
taggers are given) or from UPOS, XPOS and FEATS together (`--columns all`: UDPipe's own way).
"""

import argparse
import importlib.metadata
import pathlib
import tempfile
import time

import common
from ufal import udpipe

COLUMNS = {"upos": "use_lemma=0;use_xpostag=0;use_feats=0;provide_lemma=0;provide_xpostag=0;provide_feats=0",
           "all": "use_lemma=0;provide_lemma=0"}


def load(path):
    """Every sentence of a CoNLL-U file."""
    reader = udpipe.InputFormat.newConlluInputFormat()
    reader.setText(pathlib.Path(common.data_folder(), path).read_text(encoding="utf-8"))
    sentences, error = [], udpipe.ProcessingError()
    while reader.nextSentence(sentence := udpipe.Sentence(), error):
        sentences.append(sentence)
    if error.occurred():
        raise SystemExit(f"{path}: {error.message}")
    return sentences


def tags(sentence):
    """The UPOS column; the word at 0 is the technical root."""
    return [word.upostag for word in list(sentence.words)[1:]]


def train(train_set, dev_set, options):
    """Trains the tagger; selection of the iteration is UDPipe's own, on dev."""
    error = udpipe.ProcessingError()
    model = udpipe.Trainer.train("morphodita_parsito", udpipe.Sentences(train_set), udpipe.Sentences(dev_set),
                                 udpipe.Trainer.NONE, options, udpipe.Trainer.NONE, error)
    if error.occurred():
        raise SystemExit(f"UDPipe: {error.message}")
    with tempfile.NamedTemporaryFile(suffix=".udpipe") as file:
        file.write(model)
        file.flush()
        return udpipe.Model.load(file.name)


def score(model, sentences, renamed=None):
    """Scores of a trained model; overwrites the sentences' tags. `renamed` maps gold tags of older treebanks."""
    counts, error = common.Counts(), udpipe.ProcessingError()
    for sentence in sentences:
        gold = [(renamed or {}).get(tag, tag) for tag in tags(sentence)]
        for word in list(sentence.words)[1:]:
            word.upostag = word.xpostag = word.feats = word.lemma = ""
        model.tag(sentence, udpipe.Model.DEFAULT, error)
        counts.add(gold, tags(sentence))
    return counts.report()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--dev", help="default: every tenth sentence of train")
    parser.add_argument("--test", required=True)
    parser.add_argument("--columns", choices=COLUMNS, default="upos")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--map", nargs="*", default=[], metavar="OLD=NEW", help="renames tags of the test file")
    options = parser.parse_args()

    train_set = load(options.train)
    train_set, dev_set = (train_set, load(options.dev)) if options.dev else common.hold_out(train_set)
    started = time.process_time()
    model = train(train_set, dev_set, f"{COLUMNS[options.columns]};iterations={options.iterations}")
    seconds = time.process_time() - started
    test, dev = score(model, load(options.test), common.parse_mapping(options.map)), score(model, dev_set)
    common.emit("upos", options.lang, test, dev_accuracy=round(dev["accuracy"], 6), train_sentences=len(train_set),
                train_tokens=sum(len(s.words) - 1 for s in train_set), train_cpu_seconds=round(seconds, 1),
                peer="UDPipe 1", version=f"ufal.udpipe {importlib.metadata.version('ufal.udpipe')}")


if __name__ == "__main__":
    main()
