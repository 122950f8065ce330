"""Faults that check_capi.py must report."""

import contextlib
import io
import pathlib
import shutil
import tempfile
import unittest

import check_capi
import make_cases
from installed import ROOT, Checks


class HeadersTest(unittest.TestCase):
    def complaints(self, name, old, new):
        """What is said of the headers after one of them was changed."""
        with tempfile.TemporaryDirectory() as folder:
            prefix = pathlib.Path(folder)
            shutil.copytree(ROOT / "include", prefix / "include")
            header = prefix / "include" / name
            text = header.read_text(encoding="utf-8")
            self.assertIn(old, text)
            header.write_text(text.replace(old, new), encoding="utf-8")
            checks, said = Checks(prefix, prefix), io.StringIO()
            with contextlib.redirect_stdout(said):
                check_capi.check_headers(checks, [name])
            return checks.failed, said.getvalue()

    def test_a_header_without_its_guard(self):
        failed, said = self.complaints("mtl.h", "#define MTL_H", "")
        self.assertGreater(failed, 0)
        self.assertIn("FAILED: mtl.h as c99, 2 times", said)
        self.assertNotIn("FAILED: mtl.h as c99, 1 times", said)

    def test_a_header_that_is_no_c99(self):
        failed, said = self.complaints("mtl_experimental.h", "#include \"mtl.h\"",
                                        "#include \"mtl.h\"\ntypedef struct { union { int a; }; } mtl_x_anonymous;")
        self.assertGreater(failed, 0)
        self.assertIn("FAILED: mtl_experimental.h as c99, 1 times", said)
        self.assertNotIn(" as c11", said)

    def test_a_header_that_throws_without_exceptions(self):
        failed, said = self.complaints("mtl.hpp", "#if defined(__cpp_exceptions)", "#if 1")
        self.assertGreater(failed, 0)
        self.assertIn("FAILED: mtl.hpp without exceptions", said)


class CasesTest(unittest.TestCase):
    def test_every_expectation_reaches_the_runners(self):
        for path in sorted(make_cases.CASES.glob("*.jsonl")):
            for case in make_cases.load(path):
                lines = list(check_capi.case_lines(case, "utf16"))
                self.assertEqual(lines[-1], "end")
                expected = [line for line in lines if line.startswith("expect ")]
                self.assertTrue(expected, case["name"])
                self.assertEqual("align" in lines, "answers" in case)


if __name__ == "__main__":
    unittest.main()
