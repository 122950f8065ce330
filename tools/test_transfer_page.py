"""Tests of transfer_page.py."""

import unittest

import tables
import transfer_page


def row(system, size, score, gain=None):
    def spread(value):
        return {"mean": value, "sd": 0.01, "values": [value, value]}

    found = {"system": system, "size": size, "sentences": 500 if size == "all" else size, "seeds": [1, 2], "test": spread(score),
             "seconds": 1800.0}
    return found | ({"gain": spread(gain)} if gain is not None else {})


def report(rows, target="ner/nl"):
    return {"target": target, "steps": 2000, "batch": 19, "hidden": 64, "rows": rows}


class TransferPage(unittest.TestCase):
    def test_systems_stand_with_their_gains_and_in_their_order(self):
        scores = [("baseline", 0.2, None), ("cross-task", 0.25, 0.05), ("cross-lingual", 0.15, -0.05), ("full", 0.3, 0.1)]
        lines = transfer_page.systems(report([row(name, size, s, g) for size in (10, "all") for name, s, g in scores]))
        self.assertEqual(lines[2], "| 10 | 20.0 ± 1.0 | 25.0 ± 1.0 (+5.0 ± 1.0) | 15.0 ± 1.0 (−5.0 ± 1.0) | 30.0 ± 1.0 (+10.0 ± 1.0) "
                         "| full > cross-task > baseline > cross-lingual |")
        self.assertTrue(lines[3].startswith("| 500 (all) |"), lines[3])
        self.assertEqual(lines[4], "| the paper, all | 85.14 | 85.69 (+0.55) | 85.71 (+0.57) | 86.55 (+1.41) | |")
        self.assertIn("2 seeds", lines[-1])
        self.assertIn("4.0 hours", lines[-1])

    def test_the_ablation_stands_beside_the_papers(self):
        lines = transfer_page.ablation(report([row(step, 100, 0.1 * i) for i, step in enumerate(transfer_page.STEPS, 1)]))
        self.assertEqual(lines[2], "| basic | 10.0 ± 1.0 | 47.98 |")
        self.assertEqual(lines[7], "| + dropout (D), which is full | 60.0 ± 1.0 (+50.0) | 57.33 (+9.4) |")

    def test_the_page_of_the_tree_says_what_the_results_say(self):
        page = (tables.ROOT / "docs" / "transfer.md").read_text(encoding="utf-8")
        made = transfer_page.sections(tables.ROOT / "docs" / "results" / "transfer")
        self.assertEqual(tables.render(page, made), page)


if __name__ == "__main__":
    unittest.main()
