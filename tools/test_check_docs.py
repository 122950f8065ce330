"""check_docs.py finds broken links and commands that do not exist, and nothing else."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import check_docs

HELP = """#!/bin/sh
case "$1" in
tag) printf 'Usage: mtl tag\\n\\nOptions:\\n      --model <M>  a bundle\\n  -h, --help\\n' ;;
*) printf 'Usage: mtl <COMMAND>\\n\\nCommands:\\n  tag   Tags\\n  help  Prints\\n\\nOptions:\\n  -V, --version\\n' ;;
esac
"""


class CheckDocsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.write("Makefile", "demo: ## show\n\ttrue\n")
        for name in check_docs.PROGRAMS:
            self.write(name, HELP)
            os.chmod(self.root / name, 0o755)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def documents(self, **pages):
        paths = [self.write(name.replace("_", "/") + ".md", text) for name, text in pages.items()]
        return {path: check_docs.Document(path) for path in paths}

    def faults(self, text):
        documents = self.documents(a=text, docs_b="# Two words\n\n## `Code`, and more\n\n## Two words\n")
        return [*check_docs.check_links(self.root, documents),
                *check_docs.check_commands(self.root, documents, self.root)]

    def test_good_links_pass(self):
        self.assertEqual(self.faults(
            "# Here\n[a](docs/b.md) [b](docs/b.md#two-words) [c](docs/b.md#code-and-more) [d](#here)\n"
            "[e](docs/b.md#two-words-1) [f](https://example.org/x) ![g](Makefile) `[code](nowhere.md)`\n"
            "[h]: docs\n```sh\n[i](nowhere.md)\n```\n"), [])

    def test_broken_links_are_found(self):
        for target, fault in (("nowhere.md", "does not exist"), ("docs/b.md#nothing", "no heading"),
                              ("#nothing", "no heading"), ("../x.md", "leads out")):
            found = self.faults(f"\n[a]({target})\n")
            self.assertEqual(len(found), 1, target)
            self.assertTrue(found[0].startswith("a.md:2: ") and fault in found[0], found)

    def test_good_commands_pass(self):
        self.assertEqual(self.faults(
            "```sh\nmake demo  # shows\necho 'mtl nonsense' | ./target/release/mtl tag --model x -\nls | wc\n"
            "A=b mtl \\\n  tag --model=y\nmtl --version\n```\n"
            "```console\n$ mtl tag --model x\nmtl nonsense\n```\n```rust\nmake nonsense\n```\n"), [])

    def test_unknown_commands_are_found(self):
        for command, fault in (("make nonsense", "no such target"), ("mtl nonsense", "no such subcommand"),
                               ("cat x | mtl tag --nonsense", "no option --nonsense"),
                               ("mtl-export tag --modelling", "no option --modelling")):
            found = self.faults(f"```sh\n{command}\n```\n")
            self.assertEqual(len(found), 1, command)
            self.assertIn(fault, found[0])
            self.assertTrue(found[0].startswith("a.md:2: "), found)

    def test_pages_outside_the_summary_are_found(self):
        documents = self.documents(docs_SUMMARY="- [One](one.md)\n", docs_one="# One\n", docs_more_two="# Two\n")
        self.assertEqual(list(check_docs.check_summary(self.root, documents)),
                         ["docs/more/two.md: is not in docs/SUMMARY.md"])

    def test_ignored_files_are_left_alone(self):
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write(".gitignore", "out/\n")
        self.write("out/a.md", "")
        self.write("in.md", "")
        self.assertEqual([path.name for path in check_docs.tracked(self.root, "*.md")], ["in.md"])


if __name__ == "__main__":
    unittest.main()
