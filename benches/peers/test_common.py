"""The spans and scores that peers are judged by, on cases worked out by hand."""

import pathlib
import tempfile
import unittest

import common


class CommonTest(unittest.TestCase):
    def test_lenient_spans_read_every_scheme(self):
        expected = [(0, 2, "PER"), (2, 3, "PER"), (4, 5, "LOC")]
        for tags in ("I-PER I-PER B-PER O I-LOC", "B-PER I-PER B-PER O B-LOC", "B-PER E-PER S-PER O S-LOC",
                     "I-PER E-PER E-PER O E-LOC"):
            self.assertEqual(common.spans_lenient(tags.split()), expected, tags)

    def test_lenient_spans_break_at_a_new_type(self):
        self.assertEqual(common.spans_lenient("I-PER I-LOC".split()), [(0, 1, "PER"), (1, 2, "LOC")])

    def test_strict_spans_want_well_formed_runs(self):
        self.assertEqual(common.spans_strict("B-PER I-PER E-PER S-LOC".split()), [(0, 3, "PER"), (3, 4, "LOC")])
        for tags in ("B-PER O", "B-PER I-PER", "I-PER E-PER", "B-PER E-LOC", "B-PER I-LOC E-PER", "E-PER"):
            self.assertEqual(common.spans_strict(tags.split()), [], tags)

    def test_bioes_keeps_the_spans(self):
        tags = "I-PER I-PER I-PER B-PER I-PER O I-LOC".split()
        bioes = common.to_bioes(tags)
        self.assertEqual(bioes, "B-PER I-PER E-PER B-PER E-PER O S-LOC".split())
        self.assertEqual(common.spans_strict(bioes), common.spans_lenient(tags))

    def test_scores(self):
        counts = common.Counts()
        counts.add("S-PER O B-LOC E-LOC".split(), "S-PER O I-LOC E-LOC".split())
        counts.add("O S-ORG".split(), "S-ORG O".split())
        scores = counts.report()
        self.assertEqual((scores["sentences"], scores["tokens"]), (2, 6))
        self.assertAlmostEqual(scores["precision"], 2 / 3)
        self.assertAlmostEqual(scores["f1"], 2 / 3)
        self.assertAlmostEqual(scores["strict_f1"], 2 * 1 / (2 + 3))
        self.assertAlmostEqual(scores["accuracy"], 3 / 6)

    def test_plain_labels_score_their_accuracy(self):
        counts = common.Counts()
        counts.add(["NOUN", "VERB"], ["NOUN", "NOUN"])
        scores = counts.report()
        self.assertEqual({scores[name] for name in ("precision", "recall", "f1", "strict_f1", "accuracy")}, {0.5})

    def test_reads_columns_comments_and_renames(self):
        with tempfile.TemporaryDirectory() as folder:
            text = "# text = x\n1\t#a\tB-OTH\t-\n2\tb\tI-OTH\t-\n\n\n3\tc\tB-X\t-"
            pathlib.Path(folder, "a:b.conll").write_text(text, encoding="utf-8")
            mapping = common.parse_mapping(["OTH=MISC", "X=O"])
            sentences = list(common.read_conll(folder, common.Source("a:b.conll:1:2"), mapping))
        self.assertEqual(sentences, [(["#a", "b"], ["B-MISC", "I-MISC"]), (["c"], ["O"])])

    def test_every_tenth_sentence_is_held_out(self):
        train, dev = common.hold_out(list(range(25)))
        self.assertEqual(dev, [9, 19])
        self.assertEqual(sorted(train + dev), list(range(25)))

    def test_source_without_columns(self):
        source = common.Source("folder/a.conll")
        self.assertEqual((source.path, source.token, source.label), ("folder/a.conll", 0, -1))


if __name__ == "__main__":
    unittest.main()
