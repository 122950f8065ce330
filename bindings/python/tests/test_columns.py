"""Arrow and spaCy."""

import pytest
from conftest import ZOO

TEXTS = ["Maria Jensen moved to Toronto.", None, "", "Ada sails to Oslo.", b"\xff"]


def test_arrow_columns_say_what_tag_says(model):
    pa = pytest.importorskip("pyarrow")
    from libmtl import arrow
    texts = pa.chunked_array([pa.array(TEXTS[:2]), pa.array(TEXTS[2:4])])
    rows = arrow.tag(model, texts, language="en", scores=True).to_pylist()
    assert len(rows) == 4 and rows[1] is None
    for text, row in zip(TEXTS, rows):
        if row is None:
            continue
        found = model.tag([text], language="en", scores=True)[0]
        assert row["language"] == "en" and row["error"] is None
        assert [(token["start"], token["end"]) for token in row["tokens"]] == found.tokens
        for task in ("ner", "upos"):
            assert row[task]["labels"] == found[task].labels
            assert row[task]["scores"] == pytest.approx(found[task].scores)
            assert [(span["label"], span["start"], span["end"]) for span in row[task]["spans"]] == [span[:3] for span in found[task].spans]


def test_arrow_takes_words_and_reports_errors(model):
    pa = pytest.importorskip("pyarrow")
    from libmtl import arrow
    words = arrow.tag(model, pa.array([["Ada", "sails"], []], pa.list_(pa.string())), language="en").to_pylist()
    assert [len(row["tokens"]) for row in words] == [2, 0]
    bad = arrow.tag(model, pa.array([b"\xff", b"Oslo"]), language="en").to_pylist()
    assert "UTF-8" in bad[0]["error"] and bad[0]["language"] is None and bad[1]["error"] is None
    assert len(arrow.tag(model, pa.array([], pa.string()))) == 0


def test_spacy_component(model):
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("libmtl", config={"model": str(ZOO / "mtl-mobile")})
    text = "Maria Jensen moved to Toronto.  Ada sails to Oslo."
    doc = nlp(text)
    assert [(ent.text, ent.label_) for ent in doc.ents][:2] == [("Maria Jensen", "PER"), ("Toronto", "LOC")]
    assert doc[0].pos_ == "PROPN" and doc[2].pos_ == "VERB" and not any(token.pos_ for token in doc if token.is_space)
    words = [[token.text for token in sentence if not token.is_space] for sentence in doc.sents]
    labels = [label for found in model.tag(words, language="en") for label in found["upos"].labels]
    assert [token.pos_ for token in doc if not token.is_space] == labels
    piped = list(nlp.pipe([text, "", "   "] * 3, batch_size=4))
    assert [len(doc.ents) for doc in piped] == [len(doc.ents), 0, 0] * 3
    with pytest.raises(ValueError, match="check the path"):
        spacy.blank("en").add_pipe("libmtl", config={"model": "nowhere/at-all"})
