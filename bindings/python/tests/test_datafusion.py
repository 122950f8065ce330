"""SQL on one machine."""

import libmtl
import pytest

datafusion = pytest.importorskip("datafusion")
pa = pytest.importorskip("pyarrow")

import libmtl.arrow
import libmtl.datafusion

TEXTS = ["Maria Jensen moved from Copenhagen to Toronto.", None, "", "Ada sails to Oslo."]


@pytest.fixture
def context(model):
    made = datafusion.SessionContext()
    made.from_arrow(pa.table({"id": range(len(TEXTS)), "text": pa.array(TEXTS), "viewed": pa.array(TEXTS, pa.string_view())}), "documents")
    libmtl.datafusion.register(made, model, language="en", scores=True)
    return made


@pytest.mark.parametrize("column", ["text", "viewed"])
def test_the_function_says_what_arrow_says(model, context, column):
    rows = context.sql(f"select id, mtl_tag({column}) as tags from documents order by id").to_pylist()
    assert [row["tags"] for row in rows] == libmtl.arrow.tag(model, pa.array(TEXTS), language="en", scores=True).to_pylist()


def test_spans_are_rows(context):
    spans = context.sql("""
        with names as (select id, text, unnest(mtl_tag(text)['ner']['spans']) as name from documents)
        select name['label'] as label, substr(text, name['start'] + 1, name['end'] - name['start']) as found
        from names order by id, name['start']""").to_pylist()
    found = [(span["label"], span["found"]) for span in spans]
    assert ("PER", "Maria Jensen") in found and ("LOC", "Toronto") in found and found[-1] == ("LOC", "Oslo")


def test_texts_of_sql(context):
    row = context.sql("select mtl_tag('Ada sails.')['upos']['labels'] as labels, mtl_tag('Ada sails.')['error'] as error").to_pylist()[0]
    assert len(row["labels"]) == 3 and row["error"] is None


def test_words_errors_and_refusals(model):
    context = datafusion.SessionContext()
    libmtl.datafusion.register(context, model, "tag_words", words=True, tasks=["ner"], language="en")
    words = pa.table({"words": pa.array([["Ada", "sails"], ["Ada", None], None])})
    context.from_arrow(words, "sentences")
    rows = [row["tags"] for row in context.sql("select tag_words(words) as tags from sentences").to_pylist()]
    assert len(rows[0]["tokens"]) == 2 and "null" in rows[1]["error"] and rows[1]["tokens"] == [] and rows[2] is None
    with pytest.raises(libmtl.ArgumentError, match="its tasks are"):
        libmtl.datafusion.register(context, model, tasks=["nre"])
