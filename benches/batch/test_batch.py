"""What the benchmark makes of corpora and times, on cases worked out by hand."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import corpora
import run


class CorporaTest(unittest.TestCase):
    def read(self, text, reader, *more):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "file")
            path.write_text(text, encoding="utf-8")
            return [words for words in reader(path, *more) if words]

    def test_columns_without_comments_and_ranges(self):
        text = "# text = It's\n1-2\tIt's\t_\n1\tIt\tPRON\n2\t's\tAUX\n2.1\tx\t_\n\n1\tNo\tX\n"
        self.assertEqual(self.read(text, corpora.columns, 1), [["It", "'s"], ["No"]])
        self.assertEqual(self.read("-DOCSTART- -X- O\n\nA O\nB-C O\n\n", corpora.columns), [["A", "B-C"]])

    def test_other_files(self):
        self.assertEqual(self.read("a_b_NN ._.\n", corpora.tagged), [["a_b", "."]])
        self.assertEqual(self.read('{"text": "A b."}\n', corpora.jsonl), [["A", "b."]])

    def test_a_sentence_counts_once_in_the_corpus_that_has_it_first(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("ud/en_ewt/a.conllu", "1\tA\n\n1\tB\n\n1\tA\n"), ("semcor/b.tsv", "B\tx\n\nC\tx\n\n" + "D\tx\n" * 201)):
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True)
                path.write_text(text, encoding="utf-8")
            found, counts = corpora.distinct(folder)
        self.assertEqual((found, counts), ([("A",), ("B",), ("C",)], {"UD English EWT": 2, "SemCor": 1}))

    def test_rows_come_round_in_new_orders(self):
        sentences = [(str(number),) for number in range(50)]
        rows = corpora.rows(sentences, 120, 1)
        self.assertEqual(len(rows), 120)
        self.assertEqual([sorted(rows[:50]), sorted(rows[50:100])], [sorted(sentences)] * 2)
        self.assertNotEqual(rows[:50], rows[50:100])
        self.assertEqual(rows, corpora.rows(sentences, 120, 1))


def took(seconds, memory=5e6):
    return {"seconds": seconds, "cpu": 2 * seconds, "memory": memory}


class RunTest(unittest.TestCase):
    def test_ratios_are_paired_by_round(self):
        rounds = [{(run.MTL, 1): took(native), (run.SPACY, 1): took(peer, 9e6)} for native, peer in ((1, 3), (2, 8), (1, 5))]
        found = run.beside(rounds, 100)
        over = {"median": 4.0, "quartiles": [3.5, 4.5]}
        self.assertEqual(found[run.SPACY]["1"], {"rows_a_second": 20, "cpu_us_a_row": 1e5, "memory_mb": 9.0, "over_mtl": {"seconds": over, "cpu": over}})
        self.assertEqual(found[run.MTL]["1"]["over_mtl"]["seconds"]["median"], 1.0)

    def test_efficiency(self):
        found = run.scaling([{"one": 10, "two": 5, "apart": 5}, {"one": 9, "two": 5, "apart": 4.5}])
        self.assertEqual((found["efficiency"]["median"], found["machine"]["median"]), (0.95, 1.0))
        self.assertEqual(run.quartiles([2.0]), {"median": 2.0, "quartiles": [2.0, 2.0]})

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_memory_is_that_of_the_children_too(self):
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(80_000_000); import time; time.sleep(1)'])"
        core, filler = str(min(os.sched_getaffinity(0))), bytearray(200_000_000)

        def measured(code):
            return subprocess.run([sys.executable, run.MEASURE, core, sys.executable, "-c", code], capture_output=True, text=True)

        took = json.loads(measured(child + "; print('said')").stdout)
        self.assertEqual(took["said"], "said\n")
        # The child's, and not that of this process, which is larger.
        self.assertTrue(80e6 < took["memory"] < len(filler), took)
        self.assertTrue(0 < took["cpu"] and 1 < took["seconds"] < 60, took)
        self.assertIn("status 3", measured("raise SystemExit(3)").stderr)

    def test_the_tables_have_every_figure(self):
        cell = {"rows_a_second": 1234, "cpu_us_a_row": 1.5, "memory_mb": 77, "over_mtl": {"seconds": {"median": 4.0, "quartiles": [3, 5]}}}
        record = {"versions": {run.MTL: "ours", run.SPACY: "theirs"}, "accuracy": {run.MTL: 0.9512, run.SPACY: 0.9},
                  "peers": {name: {"1": cell, "2": cell} for name in (run.MTL, run.SPACY)},
                  "jobs": [{"rows": 1000, "cores": 2, "threads": 1, "rows_a_second": 99, "cpu_us_a_row": 3.25, "memory_mb": 88.0}]}
        text = run.tables(record)
        for line in ("| ours | 95.12 % | 1,234 | 1,234 |  |  | 77 MB | 77 MB |", "| theirs | 90.00 % | 1,234 | 1,234 | 4.0 | 4.0 | 77 MB | 77 MB |",
                     "| 1,000 rows, 2 cores, `--threads 1` | 99 | 3 µs | 88 MB |"):
            self.assertIn(line, text.split("\n"))


if __name__ == "__main__":
    unittest.main()
