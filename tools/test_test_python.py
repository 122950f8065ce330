"""test_python.py says it aloud where it cannot test, and takes a package that does not build for a failure."""

import contextlib
import io
import unittest
import unittest.mock

import test_python


class TestPythonTest(unittest.TestCase):
    def drive(self, run):
        output = io.StringIO()
        with contextlib.redirect_stdout(output), unittest.mock.patch.object(test_python, "run", run):
            return test_python.main(), output.getvalue()

    def test_an_old_python_skips_aloud(self):
        with unittest.mock.patch.object(test_python, "OLDEST", (99, 0)):
            status, printed = self.drive(lambda *_, **__: self.fail("ran something"))
        self.assertEqual(status, 0)
        self.assertIn("--- SKIP: bindings/python: NOTHING OF IT WAS TESTED", printed)

    def test_every_step_counts(self):
        for failing in ("--force-reinstall", "cargo", "pytest", "mypy", "mypy.stubtest"):
            status, _ = self.drive(lambda command, failing=failing, **_: failing not in command)
            self.assertEqual(status, 1, failing)
        self.assertEqual(self.drive(lambda *_, **__: True)[0], 0)


if __name__ == "__main__":
    unittest.main()
