"""Tests of objective_tables.py."""

import unittest

import objective_tables
import tables


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


class Tables(unittest.TestCase):
    def test_gains_have_signs_and_plain_labels_their_unseen_words(self):
        lines = objective_tables.table(ABLATION)
        self.assertEqual(lines[0], "| trained with | ner/da F1 | upos/da accuracy | upos/da unseen words | time |")
        self.assertEqual(lines[2], "| no objective | 50.00 ± 1.00 | 80.00 ± 1.00 | 40.00 ± 1.00 | 12.0 s |")
        self.assertEqual(lines[3], "| `language-model` | +1.10 ± 1.00 | −2.00 ± 1.00 | −1.00 ± 1.00 | × 1.50 |")

    def test_a_scorer_is_judged_by_auc(self):
        self.assertEqual(objective_tables.main_metric({"auc": spread(0.7), "f1": spread(0.2)}), "auc")

    def test_the_page_of_the_tree_says_what_the_results_say(self):
        page = (tables.ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
        results = tables.ROOT / "docs" / "results" / "objectives"
        self.assertEqual(tables.render(page, objective_tables.sections(results)), page)


if __name__ == "__main__":
    unittest.main()
