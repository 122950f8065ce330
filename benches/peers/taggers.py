"""The taggers that `speed.py` compares: from lists of token strings to lists of UPOS strings, on the thread that calls.

A peer is trained once on the English Web Treebank's train file, with the settings it states, and kept in a folder:
`train` writes there, the constructor reads. `tag` takes a batch of sentences. libmtl's is `libmtl.Tagger`.
"""

import hashlib
import importlib.metadata
import pathlib

import common
import crfsuite_ner
import pycrfsuite
import spacy
import udpipe_upos
from spacy.tokens import Doc, DocBin
from ufal import udpipe

TREEBANK = "ud/en_ewt/en_ewt-ud-{}.conllu"


def sentences(part):
    """(tokens, UPOS tags) of each sentence of the treebank's `train`, `dev` or `test` file."""
    loaded = udpipe_upos.load(TREEBANK.format(part))
    return [([word.form for word in list(sentence.words)[1:]], udpipe_upos.tags(sentence)) for sentence in loaded]


class SpaCy:
    """The pipeline that spaCy's own `init config` writes, batched by `nlp.pipe`."""

    name = "spaCy"
    version = spacy.__version__
    settings = "`init config --pipeline tagger --optimize efficiency`, no vectors, 2,000 steps, the best on dev"
    file = "spacy"

    def __init__(self, folder):
        self.nlp = spacy.load(folder / self.file)

    def tag(self, batch):
        docs = [Doc(self.nlp.vocab, words=tokens) for tokens in batch]
        return [[token.tag_ for token in doc] for doc in self.nlp.pipe(docs, batch_size=len(docs))]

    @classmethod
    def train(cls, folder):
        from spacy.cli.init_config import init_config
        from spacy.cli.train import train

        for part in ("train", "dev"):
            vocab = spacy.blank("en").vocab
            docs = [Doc(vocab, words=tokens, tags=tags) for tokens, tags in sentences(part)]
            DocBin(docs=docs).to_disk(folder / f"{part}.spacy")
        init_config(lang="en", pipeline=["tagger"], optimize="efficiency", gpu=False).to_disk(folder / "config.cfg")
        train(folder / "config.cfg", folder / "spacy-run", overrides={
            "paths.train": str(folder / "train.spacy"), "paths.dev": str(folder / "dev.spacy"), "paths.vectors": None,
            "initialize.vectors": None, "training.max_steps": 2000, "training.eval_frequency": 400})
        (folder / "spacy-run/model-best").rename(folder / cls.file)


class UdPipe:
    """UDPipe 1, a sentence at a time: it has no batches."""

    name = "UDPipe 1"
    version = importlib.metadata.version("ufal.udpipe")
    settings = "the tagger alone, from the UPOS column, 10 iterations"
    file = "model.udpipe"

    def __init__(self, folder):
        self.model = udpipe.Model.load(str(folder / self.file))

    def tag(self, batch):
        error, tagged = udpipe.ProcessingError(), []
        for tokens in batch:
            sentence = udpipe.Sentence()
            for token in tokens:
                sentence.addWord(token)
            self.model.tag(sentence, udpipe.Model.DEFAULT, error)
            tagged.append(udpipe_upos.tags(sentence))
        return tagged

    @classmethod
    def train(cls, folder):
        error = udpipe.ProcessingError()
        parts = [udpipe.Sentences(udpipe_upos.load(TREEBANK.format(part))) for part in ("train", "dev")]
        model = udpipe.Trainer.train("morphodita_parsito", *parts, udpipe.Trainer.NONE,
                                     f"{udpipe_upos.COLUMNS['upos']};iterations=10", udpipe.Trainer.NONE, error)
        if error.occurred():
            raise SystemExit(f"UDPipe: {error.message}")
        (folder / cls.file).write_bytes(model)


class CrfSuite:
    """CRFsuite, a sentence at a time: it has no batches. Its features are made in Python, as its users make them."""

    name = "CRFsuite"
    version = importlib.metadata.version("python-crfsuite")
    settings = "the features of `crfsuite_ner.py`, L-BFGS, c1 = c2 = 0.1, 150 iterations"
    file = "crfsuite.model"

    def __init__(self, folder):
        self.tagger = pycrfsuite.Tagger()
        self.tagger.open(str(folder / self.file))

    def tag(self, batch):
        return [self.tagger.tag(crfsuite_ner.sentence_features(tokens)) for tokens in batch]

    @classmethod
    def train(cls, folder):
        trainer = pycrfsuite.Trainer(verbose=False)
        for tokens, tags in sentences("train"):
            trainer.append(crfsuite_ner.sentence_features(tokens), tags)
        trainer.set_params({"c1": 0.1, "c2": 0.1, "max_iterations": 150, "feature.possible_transitions": True})
        trainer.train(str(folder / cls.file))


PEERS = (SpaCy, UdPipe, CrfSuite)


def trained(folder, peer):
    """The place below `folder` of a peer, which is trained where it is not there yet, by version and settings."""
    digest = hashlib.sha256(f"{peer.name} {peer.version} {peer.settings}".encode()).hexdigest()
    own = pathlib.Path(folder) / digest[:16]
    own.mkdir(parents=True, exist_ok=True)
    if not (own / peer.file).exists():
        print(f"training {peer.name}", flush=True)
        peer.train(own)
    return own / peer.file


def prepare(folder):
    """Yields the peers, opened."""
    for peer in PEERS:
        yield peer(trained(folder, peer).parent)
