"""factrueval_to_conll.py on a document of two sentences, written for the purpose."""

import io
import pathlib
import tempfile
import unittest

import factrueval_to_conll

FILES = {
    "book_1.tokens": "1 0 1 A\n2 1 1 .\n3 3 5 Marsh\n4 9 5 leads\n5 15 3 Old\n6 19 4 Bank\n\n7 24 2 in\n8 27 4 Oslo\n",
    "book_1.spans": "11 name 0 1 1 1 # 1 A\n12 surname 3 5 3 1 # 3 Marsh\n13 org_name 15 8 5 2 # 5 Old Bank\n"
                    "14 loc_name 27 4 8 1 # 8 Oslo\n15 job 9 5 4 1 # 4 leads\n",
    "book_1.objects": "21 Person 11 12 # A. Marsh\n22 Org 13 # Old Bank\n23 LocOrg 14 # Oslo\n24 Facility 15 # x\n",
}


class FactRuEvalTest(unittest.TestCase):
    def test_names_are_joined_typed_and_kept_in_order(self):
        output = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            for name, text in FILES.items():
                pathlib.Path(folder, name).write_text(text, encoding="utf-8")
            factrueval_to_conll.convert(folder, output)
        self.assertEqual(output.getvalue(), "A\tB-PER\n.\tI-PER\nMarsh\tI-PER\nleads\tO\nOld\tB-ORG\nBank\tI-ORG\n\n"
                                            "in\tO\nOslo\tB-LOC\n\n")


if __name__ == "__main__":
    unittest.main()
