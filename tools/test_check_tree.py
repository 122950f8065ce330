"""check_tree.py finds large files and places of one machine."""

import pathlib
import tempfile
import unittest
import unittest.mock

import check_tree


class CheckTreeTest(unittest.TestCase):
    def faults(self, content):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "a").write_bytes(content)
            return list(check_tree.faults(pathlib.Path(folder), ["a", "deleted"], ["/build/place"]))

    def test_places_of_one_machine_are_found(self):
        for place in ("/ho" + "me/ann/x", "/Us" + "ers/ann/x", "C:\\Us" + "ers\\ann", "/build/place/x"):
            found = self.faults(f"one\nsee {place}\n".encode())
            self.assertEqual(len(found), 1, place)
            self.assertTrue(found[0].startswith("a:2: names "), found)

    def test_ordinary_paths_pass(self):
        self.assertEqual(self.faults(b"/usr/lib, /path/to/torch, ~/x, /home page, https://example.org/users/ann/\n"), [])

    def test_binaries_are_not_read_as_text(self):
        self.assertEqual(self.faults(b"\0/build/place/x"), [])

    def test_large_files_are_found(self):
        with unittest.mock.patch.object(check_tree, "LIMIT", 3):
            self.assertIn("a: 0 MB", self.faults(b"four")[0])


if __name__ == "__main__":
    unittest.main()
