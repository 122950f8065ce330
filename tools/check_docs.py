#!/usr/bin/env python3
"""Checks the documents of the tree: what they link to and the commands they show exist.

* relative links and their anchors, in every tracked Markdown file;
* every page of docs/ is in its SUMMARY.md, so that the manual holds it;
* in fenced shell blocks: `make TARGET` is a target, and `mtl` and `mtl-export` have the subcommands and options
  shown (asked of the programs' own --help).

It does not visit links of the web.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import urllib.parse

SHELLS = {"sh", "bash", "shell", "console"}
PROGRAMS = ("mtl", "mtl-export")


def tracked(root, pattern):
    """Tracked and new files that match; those that git ignores are no business of ours."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern],
                             cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(path for name in listing.split("\0") if name and (path := root / name).is_file())


class Document:
    """A Markdown file, its fenced blocks told apart from its prose."""

    def __init__(self, path):
        self.path = path
        self.prose, self.blocks = [], []  # (line number, text); (line number, language, lines)
        fence = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            mark = re.match(r"\s*(`{3,}|~{3,})\s*([\w-]*)", line)
            if fence and mark and mark[1].startswith(fence) and not mark[2]:
                fence = None
            elif fence:
                self.blocks[-1][2].append(line)
            elif mark:
                fence = mark[1]
                self.blocks.append((number, mark[2], []))
            else:
                self.prose.append((number, line))

    def anchors(self):
        """The anchors that its headings and HTML ids make, as GitHub and mdBook name them."""
        found = set()
        for _, line in self.prose:
            if heading := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
                text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
                slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
                count = sum(1 for name in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", name))
                found.add(f"{slug}-{count}" if count else slug)
            found.update(re.findall(r"""\b(?:id|name)=["']([^"']+)["']""", line))
        return found

    def links(self):
        """(line number, target) of each link and image in the prose, and of each reference."""
        for number, line in self.prose:
            line = re.sub(r"(`+).*?\1", "", line)
            for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)", line):
                yield number, target
            for target in re.findall(r"^\s*\[[^\]]+\]:\s*<?([^\s>]+)", line):
                yield number, target


def check_links(root, documents):
    """Yields a complaint for each relative link to what is not there."""
    for document in documents.values():
        for number, target in document.links():
            place = f"{document.path.relative_to(root)}:{number}"
            if re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.I):
                continue
            name, _, anchor = urllib.parse.unquote(target).partition("#")
            path = (document.path.parent / name).resolve() if name else document.path
            if not path.is_relative_to(root):
                yield f"{place}: {target} leads out of the repository"
            elif not path.exists():
                yield f"{place}: {target} does not exist"
            elif anchor and path in documents and anchor not in documents[path].anchors():
                yield f"{place}: {target}: no heading makes the anchor #{anchor}"


def check_summary(root, documents):
    """Yields a complaint for each page of docs/ that the manual lacks."""
    summary = documents.get(root / "docs/SUMMARY.md")
    if summary is None:
        return
    listed = {(summary.path.parent / target).resolve() for _, target in summary.links()}
    for path in documents:
        if path.is_relative_to(summary.path.parent) and path not in listed and path != summary.path:
            yield f"{path.relative_to(root)}: is not in docs/SUMMARY.md"


def commands(block):
    """(line number, words) of each command of a fenced block: continuation joined, comments and prompts dropped."""
    start, language, lines = block
    if language not in SHELLS:
        return
    if prompted := any(line.startswith("$ ") for line in lines):
        lines = [line[2:] if line.startswith("$ ") else "" for line in lines]
    joined, first = "", start
    for number, line in enumerate(lines, start + 1):
        first = first if joined else number
        joined += line.removesuffix("\\")
        if line.endswith("\\") and not prompted:
            continue
        text = re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", joined)
        text = re.sub(r"(^|\s)#.*", "", text)
        for part in re.split(r"\|\|?|&&?|;|\$\(|\(|\)", text):
            words = part.split()
            while words and re.match(r"[A-Z_]+=|(sudo|nice|time|env)$", words[0]):
                words.pop(0)
            if words:
                yield first, words
        joined = ""


class Program:
    """What a program of ours accepts, by its --help."""

    def __init__(self, path):
        self.path, self.known = path, {}

    def subcommands(self, *arguments):
        """The subcommands of the program or of a subcommand."""
        return set(re.findall(r"^  ([a-z][a-z-]*)(?:\s|$)", self.section("Commands", *arguments), re.M))

    def section(self, name, *arguments):
        """A section of the help text."""
        text = self.help(*arguments)
        found = re.search(rf"^{name}:\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
        return found[1] if found else ""

    def help(self, *arguments):
        """The help text of the program or of a subcommand."""
        if arguments not in self.known:
            self.known[arguments] = subprocess.run([self.path, *arguments, "--help"], capture_output=True, text=True,
                                                   check=True).stdout
        return self.known[arguments]

    def complaint(self, words):
        """What is wrong with a command line, or None."""
        arguments = words[1:]
        chosen = []
        for word in [word for word in arguments if not word.startswith("-")]:
            if not (known := self.subcommands(*chosen)):
                break
            chosen.append(word)
            if word not in known:
                return f"`{' '.join([words[0], *chosen])}`: no such subcommand (there are {', '.join(sorted(known))})"
        text = self.help(*chosen)
        for word in arguments:
            option = word.split("=")[0]
            if re.match(r"--?[a-z]", option) and not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
                return f"`{' '.join([words[0], *chosen])}` has no option {option}"
        return None


def check_commands(root, documents, folder):
    """Yields a complaint for each command of a shell block that does not exist."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    programs = {name: Program(folder / name) for name in PROGRAMS} if folder else {}
    for document in documents.values():
        for block in document.blocks:
            for number, words in commands(block):
                name, fault = words[0].rsplit("/", 1)[-1], None
                if name == "make":
                    missing = [word for word in words[1:] if re.match(r"[a-z]", word) and word not in targets]
                    fault = f"`make {missing[0]}`: no such target" if missing else None
                elif name in programs:
                    fault = programs[name].complaint([name, *words[1:]])
                if fault:
                    yield f"{document.path.relative_to(root)}:{number}: {fault}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER", help="where mtl and mtl-export were built")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    options = parser.parse_args()
    root = options.root.resolve()
    documents = {path.resolve(): Document(path.resolve()) for path in tracked(root, "*.md")}
    faults = [*check_links(root, documents), *check_summary(root, documents),
              *check_commands(root, documents, options.programs and options.programs.resolve())]
    for fault in faults:
        print(fault)
    print(f"{len(documents)} documents, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
