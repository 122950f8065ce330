"""English sentences that people wrote, cut into words, out of the corpora at hand. Standard library only."""

import json
import pathlib
import random

#: Longer ones are lists and tables rather than sentences.
LONGEST = 200


def columns(path, token=0):
    """Sentences of a word a line, `token` its column, with an empty line between sentences."""
    words = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            cells = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
            if not any(cells):
                yield words
                words = []
            # Comments, and what CoNLL-U has of several words or of none.
            elif not line.startswith(("# ", "-DOCSTART-")) and not (token and ("-" in cells[0] or "." in cells[0])):
                words.append(cells[token] if token < len(cells) else "")
    yield words


def tagged(path):
    """Sentences a line, WORD_TAG."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            yield [cell.rpartition("_")[0] for cell in line.split()]


def jsonl(path):
    """The field `text` of each line, cut at blanks."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"].split()


#: Name, files, how they are read.
CORPORA = (
    ("UD English EWT", "ud/en_ewt/*.conllu", lambda path: columns(path, 1)),
    ("MASC", "masc/*/*.txt", tagged),
    ("WikiANN en", "wikiann/en/*.conllu", lambda path: columns(path, 1)),
    ("CoNLL-2003", "conll2003_en/eng.*", columns),
    ("CoNLL-2000", "conll2000/*.txt", columns),
    ("SemCor", "semcor/*.tsv", columns),
    ("FCE and REALEC (MultiGED)", "multiged2023/english/*.tsv", columns),
    ("WNUT 2017", "wnut17/*.conll", columns),
    ("Broad Twitter Corpus", "BTC/CONLL-format/data/*.conll", columns),
    ("Wikigold", "wikigold/CONLL-format/data/*.txt", columns),
    ("Tweebank 2", "tweebank2/*.conllu", lambda path: columns(path, 1)),
    ("Oct27 and Daily547", "ark_tweet/*.conll", columns),
    ("Twitter supersenses", "twitter_supersense/*.tsv", columns),
    ("Sentence compression", "sentence_compression/*.jsonl", jsonl),
)


def distinct(folder):
    """The different sentences of the corpora below `folder`, in a fixed order, and how many each brought."""
    found, counts = {}, {}
    for name, pattern, read in CORPORA:
        before = len(found)
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            for words in read(path):
                if words and len(words) <= LONGEST and all(words):
                    found.setdefault(tuple(words))
        if len(found) > before:
            counts[name] = len(found) - before
    return list(found), counts


def rows(sentences, count, seed):
    """`count` sentences: all of them, in a new order each time round."""
    order, out = random.Random(seed), []
    while len(out) < count:
        turn = list(sentences)
        order.shuffle(turn)
        out += turn[:count - len(out)]
    return out
