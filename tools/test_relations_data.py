"""relations_data.py on sentences written for the purpose."""

import io
import pathlib
import struct
import tempfile
import unittest

import relations_data


class RelationsDataTest(unittest.TestCase):
    def test_the_gap_of_an_expression_belongs_to_it(self):
        rows = [("Please", "O"), ("look", "B-x"), ("it", "o"), ("up", "I~"), (".", "O")]
        text = "".join(f"{i}\t{w}\t{w}\tX\t{tag}\t0\n" for i, (w, tag) in enumerate(rows, 1)) + "\n1\tYes\tyes\tX\tO\t0\n"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "tags.tsv")
            path.write_text(text, encoding="utf-8")
            parts = relations_data.mwe(path)
        self.assertEqual([tag for _, tag in parts["dev"][0]], ["O", "B-MWE", "I-MWE", "I-MWE", "O"])
        self.assertEqual(parts["test"], [[("Yes", "O")]])

    def test_the_longer_of_two_phrases_counts_and_neighbours_stay_apart(self):
        text = "Heat pumps fail. Steel rust grows."
        marks = "T1\tTask 0 10\tHeat pumps\nT2\tMaterial 0 4\tHeat\nR1\tHyponym-of Arg1:T1 Arg2:T2\t\n"
        marks += "T3\tMaterial 17 22\tSteel\nT4\tProcess 23 27\trust\n"
        found = list(relations_data.phrases(text, marks))
        self.assertEqual([[tag for _, tag in s] for s in found],
                         [["B-KEY", "I-KEY", "O", "O"], ["B-KEY", "B-KEY", "O", "O"]])

    def test_words_that_the_summary_leaves_out_are_deleted(self):
        found = relations_data.deletions("Anna, who sings, left Oslo today.", "Anna left Oslo.")
        self.assertEqual([word for word, tag in found if tag == "O"], ["Anna", "left", "Oslo", "."])
        self.assertEqual([word for word, tag in found if tag != "O"], [",", "who", "sings", ",", "today"])

    def test_only_vectors_that_are_wanted_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            header = b"{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }"
            rows = struct.pack("<6e", 1, 2, 3, 4, 5.5, 6)
            data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + rows
            pathlib.Path(folder, "x.npy").write_bytes(data)
            pathlib.Path(folder, "x.vocab.txt").write_text("a\nb\nc\n", encoding="utf-8")
            output = io.StringIO()
            relations_data.vectors(pathlib.Path(folder), {"a", "c"}, output)
        self.assertEqual(output.getvalue(), "a 1.0000 2.0000\nc 5.5000 6.0000\n")


if __name__ == "__main__":
    unittest.main()
