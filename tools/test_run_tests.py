"""run_tests.py counts what runners print, and never takes a crash for a success."""

import contextlib
import io
import sys
import unittest

import run_tests
from run_tests import CargoReader, GoReader, PytestReader, SurefireReader, Tally, TotalReader, UnittestReader


def python(text):
    return [sys.executable, "-c", text]


class RunTestsTest(unittest.TestCase):
    def run_suites(self, *suites):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = run_tests.main([("one", *suite) for suite in suites])
        return status, output.getvalue().splitlines()[-1]

    def test_reads_cargo(self):
        tally, reader = Tally(), CargoReader()
        for line in ("running 3 tests", "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
                     "test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(10, 2))

    def test_reads_unittest(self):
        tally, reader = Tally(), UnittestReader()
        for line in ("Ran 5 tests in 0.1s", "", "OK (skipped=1)", "Ran 1 test in 0.1s", "OK",
                     "Ran 9 tests in 2s", "FAILED (failures=1, errors=2)"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(11, 3))

    def test_reads_pytest(self):
        tally, reader = Tally(), PytestReader()
        for line in ("tests/test_a.py ..F in 3s of 5 passed things", "2 failed, 221 passed, 1 skipped in 70.35s (0:01:10)",
                     "=== 1 passed, 1 warning, 1 error in 0.12s ===", "no tests ran in 0.01s", "--- SKIP: bindings/python: no Python"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(222, 3, 2))

    def test_reads_totals(self):
        tally, reader = Tally(), TotalReader()
        for line in ("tests/c: 5 passed, 1 failed", "total: 12 passed, 3 failed", "the total: 1 passed, 1 failed"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(12, 3))

    def test_reads_go(self):
        tally, reader = Tally(), GoReader()
        for line in ("=== RUN   TestTag", "--- PASS: TestTag (0.02s)", "--- FAIL: FuzzTag (0.1s)", "    --- FAIL: FuzzTag/seed#1",
                     "--- SKIP: bindings/go: no go", "--- PASS: Example (0.00s)", "FAIL", "PASS"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(2, 1, 1))

    def test_reads_surefire(self):
        tally, reader = Tally(), SurefireReader()
        for line in ("[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in ai.libmtl.TagTest",
                     "[INFO] Tests run: 9, Failures: 0, Errors: 0, Skipped: 0", "Tests run: 1, Failures: 0, Errors: 0, Skipped: 0",
                     "[ERROR] Tests run: 7, Failures: 1, Errors: 2, Skipped: 1", "--- PASS: layout of the AAR",
                     "--- FAIL: the JVM's checks of JNI"):
            reader.read(line, tally)
        self.assertEqual(tally, Tally(14, 4, 1))

    def test_a_suite_that_is_skipped_is_said_and_no_failure(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = run_tests.main([("one", python("print('--- SKIP: all of it')"), GoReader)])
        *_, suite, total = output.getvalue().splitlines()
        self.assertEqual((status, total), (0, "0 passed, 0 failed"))
        self.assertRegex(suite, r"^one: 0 tests pass, 0 fail, 1 SKIPPED; \d+ s$")

    def test_sums_over_suites(self):
        line = "test result: ok. 4 passed; 0 failed; 0 ignored"
        suite = (python(f"print({line!r})"), CargoReader)
        self.assertEqual(self.run_suites(suite, suite), (0, "8 passed, 0 failed"))

    def test_a_crash_is_a_failure(self):
        line = "test result: ok. 4 passed; 0 failed; 0 ignored"
        suite = (python(f"import os; print({line!r}, flush=True); os.abort()"), CargoReader)
        self.assertEqual(self.run_suites(suite), (1, "4 passed, 1 failed"))

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.run_suites((python("pass"), CargoReader)), (1, "0 passed, 1 failed"))

    def test_a_missing_runner_is_a_failure(self):
        self.assertEqual(self.run_suites((["no-such-runner"], CargoReader)), (1, "0 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
