"""relations_page.py on made-up results, and the page of the tree on its own."""

import unittest

import relations_page
import tables


def row(inputs, accuracy, sd=0.0, validation="five-fold", gains="own"):
    score = {"mean": accuracy, "sd": sd}
    made = {"inputs": inputs, "width": 42, "validation": validation, "gains": gains, "accuracy": score, "f1": score}
    return {name: value for name, value in made.items() if value is not None}


REPORT = {"positive": [["own", 40]], "pairs": [[]] * 90, "weights": [["size main", -1.234], ["size aux", 0.5]],
          "rows": [row("features with the paper's c", 0.72, 0.03), row("never a gain", 0.5, validation=None)]}


def run(tasks, seed, **scores):
    return {"tasks": tasks, "seed": seed, "steps": 1000, "seconds": 30.0, "main": {t: {"test": s} for t, s in scores.items()}}


class RelationsPage(unittest.TestCase):
    def test_protocols_stand_side_by_side(self):
        paper = {"rows": [row("features with the paper's c", 0.74), row("best of all", 0.8)]}
        lines = relations_page.protocols(REPORT, paper)
        self.assertEqual(lines[2], "| features with the paper's c (42) | a fifth, shuffled | .720 ± .030 / .720 ± .030 | .740 / .740 "
                         "| .722 / .638 | .749 / .669 |")
        self.assertIn("| nothing is fitted | .500 / .500 | - | .556 / - | .555 / - |", lines[3])
        self.assertIn("| best of all (42) | a fifth, shuffled | - | .800 / .800 |", lines[4])
        self.assertEqual(relations_page.gains(REPORT), ["Gains: 40 of 90 own."])
        of_pairs = {"tasks": [{"name": "a"}, {"name": "b"}], "pairs": [["a", "b", -1.0], ["b", "a", 2.5]]}
        self.assertEqual(relations_page.mains(of_pairs), ["Gains by main task, of 1: b 1, a 0."])
        self.assertEqual(relations_page.weights(REPORT), ["Largest weights: size main -1.23, size aux +0.50."])

    def test_gains_are_paired_by_seed(self):
        runs = [run(["a"], 1, a=0.4), run(["a"], 2, a=0.6), run(["b"], 1, b=0.0), run(["b"], 2, b=0.0),
                run(["a", "b"], 1, a=0.5, b=0.1), run(["a", "b"], 2, a=0.6, b=0.1)]
        lines = relations_page.sweep(runs)
        self.assertEqual(lines[2], "| a | 50.00 |  | +10.0 ± 14.1 |")
        self.assertEqual(lines[3], "| b | 0.00 |  |  |", "no gain on nothing")
        self.assertTrue(lines[-1].startswith("6 runs, 2 seeds, 6,000 steps, 3 minutes"), lines[-1])

    def test_a_probe_stands_beside_the_sweep(self):
        finding = {"candidate": {"auxiliary": "b", "weight": 1.0}, "differences": [0.1, 0.2], "helps": 0.875}
        comparison = {"pairs": 4, "gain": 1, "right": 3, "constant": 3, "sure": 1, "sure_right": 1, "chosen": 1.25, "average": -2.0,
                      "best": 3.0, "steps": 1000, "sweep_steps": 4000}
        report = {"advice": [{"main": "a", "steps": 1000, "findings": [finding]}], "comparison": comparison}
        lines = relations_page.probe(report)
        self.assertEqual(lines[2], "| a | b 0.88 (2) | 1,000 |")
        self.assertIn("| the probe is right about | 3 (75 %) |", lines)
        self.assertIn("| cost | 1,000 steps, 25 % of the sweep's 4,000 |", lines)
        del report["comparison"]
        self.assertEqual(len(relations_page.probe(report)), 3)

    def test_the_page_of_the_tree_says_what_the_results_say(self):
        results = tables.ROOT / "docs" / "results" / "task-relations"
        page = (tables.ROOT / "docs" / "relations.md").read_text(encoding="utf-8")
        self.assertEqual(tables.render(page, relations_page.sections(results)), page)


if __name__ == "__main__":
    unittest.main()
