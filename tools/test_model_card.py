"""Tests of the model card's table."""

import json
import tempfile
import unittest
from pathlib import Path

import model_card

MANIFEST = {
    "id": "m",
    "metrics": [
        {"task": "ner", "language": "da", "set": "S", "metric": "f1", "value": 0.7, "mean": 0.71, "sd": 0.01, "seeds": 3},
        {"task": "ner", "language": "da", "set": "S", "metric": "strict_f1", "value": 0.7, "seeds": 1},
        {"task": "upos", "language": "fr", "set": "T", "metric": "accuracy", "value": 0.97, "seeds": 1},
    ],
}


class ModelCard(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = Path(folder.name)
        (self.results / "peers").mkdir()
        (self.results / "m").mkdir()
        peer = {"peer": "CRFsuite", "f1": 0.715}
        (self.results / "peers" / "ner-da-crfsuite.json").write_text(json.dumps(peer))
        scores = {"test": {"ner/da": {"f1": {"mean": 0.6, "sd": 0.02, "values": [0.58, 0.62]}}}}
        (self.results / "m" / "only-ner-da.json").write_text(json.dumps(scores))

    def test_scores_stand_side_by_side(self):
        lines = model_card.table(MANIFEST, self.results)
        self.assertEqual(len(lines), 4, "strict F1 has no line of its own")
        self.assertIn("| 70.00 | 71.00 ± 1.00 (3) | 60.00 ± 2.00 (2) | 71.50 (CRFsuite) |", lines[2])
        self.assertTrue(lines[3].endswith("| accuracy | 97.00 | - (1) | - | - |"), lines[3])

    def test_only_the_marked_part_changes(self):
        card = f"before {model_card.BEGIN} old {model_card.END} after"
        fresh = model_card.render(card, MANIFEST, self.results)
        self.assertTrue(fresh.startswith("before ") and fresh.endswith(" after") and "old" not in fresh)
        self.assertEqual(model_card.render(fresh, MANIFEST, self.results), fresh)
        with self.assertRaises(SystemExit):
            model_card.render("no marks", MANIFEST, self.results)


if __name__ == "__main__":
    unittest.main()
