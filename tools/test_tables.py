"""Tests of tables.py."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tables


class Tables(unittest.TestCase):
    def test_only_marked_parts_change(self):
        page = "before <!-- gains --> old <!-- /gains --> after"
        fresh = tables.render(page, {"gains": ["new", "lines"]})
        self.assertEqual(fresh, "before <!-- gains -->\nnew\nlines\n<!-- /gains --> after")
        self.assertEqual(tables.render(fresh, {"gains": ["new", "lines"]}), fresh)

    def test_tables_and_results_belong_together(self):
        page = "<!-- gains --> old <!-- /gains -->"
        for made, said in (({}, "of which there are no results"), ({"gains": [], "losses": []}, "no <!-- losses -->")):
            with self.assertRaisesRegex(SystemExit, said):
                tables.render(page, made)
        with self.assertRaisesRegex(SystemExit, "needs one"):
            tables.render("<!-- gains --> open", {"gains": ["new"]})

    def test_check_writes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.md"
            page.write_text("<!-- a -->\n<!-- /a -->\n", encoding="utf-8")
            command = ["x_page.py", "--page", str(page), "--results", folder]
            with mock.patch.object(sys, "argv", [*command, "--check"]), self.assertRaisesRegex(SystemExit, "run x_page.py"):
                tables.run("x", "x", lambda results: {"a": [str(results)]})
            with mock.patch.object(sys, "argv", command):
                tables.run("x", "x", lambda results: {"a": [str(results)]})
            self.assertEqual(page.read_text(encoding="utf-8"), f"<!-- a -->\n{folder}\n<!-- /a -->\n")


if __name__ == "__main__":
    unittest.main()
