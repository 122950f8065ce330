"""test_go.py says it aloud where it cannot test, and takes a missing library for a failure."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

DRIVER = pathlib.Path(__file__).with_name("test_go.py")


class TestGoTest(unittest.TestCase):
    def drive(self, prefix, path):
        return subprocess.run([sys.executable, DRIVER, "--prefix", prefix], env={"PATH": path}, capture_output=True,
                              text=True)

    def test_without_go_it_skips_aloud(self):
        with tempfile.TemporaryDirectory() as empty:
            result = self.drive(empty, empty)
        self.assertEqual(result.returncode, 0)
        self.assertIn("--- SKIP: bindings/go: NOTHING OF IT WAS TESTED: there is no go ", result.stdout)

    def test_without_the_library_it_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            for tool in ("go", "gofmt", "pkg-config"):
                (pathlib.Path(folder) / tool).touch(mode=0o755)
            result = self.drive(folder, folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("mtl.pc", result.stdout)


if __name__ == "__main__":
    unittest.main()
