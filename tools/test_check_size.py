"""check_size.py passes what is within the budget and nothing else."""

import pathlib
import tempfile
import unittest

from check_size import budgets, judge


class CheckSizeTest(unittest.TestCase):
    def test_sizes_are_judged(self):
        self.assertEqual(budgets("# why\nlib.so 10  # less is better\n\nother 3\n"), [("lib.so", 10), ("other", 3)])
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "lib.so").write_bytes(b"x" * 10)
            self.assertEqual(judge(folder, [("lib.so", 10)]), (["lib.so: 10 bytes of 10"], True))
            self.assertEqual(judge(folder, [("lib.so", 9)]), (["lib.so: 10 bytes of 9: OVER BUDGET"], False))
            (missing, found), good = judge(folder, [("lib-*.so", 9), ("l*.so", 10)])
            self.assertEqual((missing[:20], found, good), ("lib-*.so: not built ", "l*.so: 10 bytes of 10", False))
            self.assertFalse(judge(folder, [("gone.so", 9)])[1])


if __name__ == "__main__":
    unittest.main()
