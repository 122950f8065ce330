"""Tests of objective_tables.py."""

import json
import tempfile
import unittest
from pathlib import Path

import objective_tables

ROOT = Path(__file__).resolve().parent.parent


def spread(*values):
    mean = sum(values) / len(values)
    return {"mean": mean, "sd": 0.01, "values": list(values)}


def scores(f1, accuracy):
    return {"f1": spread(f1), "strict_f1": spread(f1), "accuracy": spread(accuracy), "unseen_accuracy": spread(accuracy / 2)}


ABLATION = {"rows": [
    {"name": "baseline", "test": {"ner/da": scores(0.5, 0.9), "upos/da": scores(0.0, 0.8)}, "cpu_seconds": spread(12.0)},
    {"name": "language-model", "gain": {"test": {"ner/da": scores(0.011, 0.0), "upos/da": scores(0.0, -0.02)}},
     "cost": spread(1.5)},
]}

PAGE = "before\n<!-- ablation x -->\nold\n<!-- /ablation x -->\nafter\n"


class Tables(unittest.TestCase):
    def test_gains_have_signs_and_plain_labels_their_unseen_words(self):
        lines = objective_tables.table(ABLATION)
        self.assertEqual(lines[0], "| trained with | ner/da F1 | upos/da accuracy | upos/da unseen words | time |")
        self.assertEqual(lines[2], "| no objective | 50.00 ± 1.00 | 80.00 ± 1.00 | 40.00 ± 1.00 | 12.0 s |")
        self.assertEqual(lines[3], "| `language-model` | +1.10 ± 1.00 | −2.00 ± 1.00 | −1.00 ± 1.00 | × 1.50 |")

    def test_a_scorer_is_judged_by_auc(self):
        self.assertEqual(objective_tables.main_metric({"auc": spread(0.7), "f1": spread(0.2)}), "auc")

    def test_a_page_is_made_anew_and_only_between_its_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "x.json").write_text(json.dumps(ABLATION), encoding="utf-8")
            page = objective_tables.render(PAGE, Path(folder))
        self.assertTrue(page.startswith("before\n<!-- ablation x -->\n| trained with"))
        self.assertTrue(page.endswith("<!-- /ablation x -->\nafter\n"))
        self.assertNotIn("old", page)

    def test_what_is_missing_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(SystemExit, "x.json is missing"):
                objective_tables.render(PAGE, Path(folder))
            (Path(folder) / "y.json").write_text(json.dumps(ABLATION), encoding="utf-8")
            with self.assertRaisesRegex(SystemExit, "no <!-- ablation y -->"):
                objective_tables.render(PAGE, Path(folder))

    def test_the_page_of_the_tree_says_what_the_results_say(self):
        page = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
        self.assertEqual(objective_tables.render(page, ROOT / "docs" / "results" / "objectives"), page)


if __name__ == "__main__":
    unittest.main()
