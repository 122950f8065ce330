"""check_msrv.py compares versions as numbers."""

import unittest

import check_msrv


def package(name, rust_version):
    return {"id": name, "name": name, "version": "1.0.0", "rust_version": rust_version}


class CheckMsrvTest(unittest.TestCase):
    def faults(self, ours, *others):
        packages = [package("ours", ours), *(package(f"dep{n}", v) for n, v in enumerate(others))]
        return list(check_msrv.faults({"packages": packages, "workspace_members": ["ours"]}))

    def test_older_and_unstated_pass(self):
        self.assertEqual(self.faults("1.92", "1.9", "1.92", "1.92.0", "1.70.0", None), [])

    def test_newer_fails(self):
        found = self.faults("1.92", "1.93", "1.92.1")
        self.assertEqual(len(found), 2)
        self.assertIn("dep0 1.0.0 needs Rust 1.93, we promise 1.92.0", found[0])


if __name__ == "__main__":
    unittest.main()
