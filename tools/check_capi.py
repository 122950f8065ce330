#!/usr/bin/env python3
"""Checks the C ABI from outside: builds the library, installs it into a temporary folder, and uses that as a stranger
would, in C and C++.

* the headers alone and twice, under every standard, by gcc and (where there is one) clang; mtl.hpp without exceptions;
* the tests of tests/c and tests/cpp and the cases of tests/cases; the README's program; the examples, built by pkg-config
  and by CMake;
* what it must survive while it runs (check_runtime.py): sanitizers, Valgrind, panics, an early end.

The last line is
`total: N passed, N failed`. `--seconds` is how long the test of endurance takes.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import check_runtime
import make_cases
from installed import BUNDLE, C_TESTS, ROOT, STRICT, Checks, difference, install

SCORER = ROOT / "models/sla-demo"
HEADERS = {"mtl.h": ("c", "c++"), "mtl_experimental.h": ("c", "c++"), "mtl.hpp": ("c++",)}
STANDARDS = {"c": ("c99", "c11", "c17"), "c++": ("c++17", "c++20")}


def compilers():
    """(C compiler, C++ compiler) of each kind that is here."""
    pairs = (("gcc", "g++"), ("clang", "clang++"))
    found = [pair for pair in pairs if all(map(shutil.which, pair))]
    for pair in pairs:
        if pair not in found:
            print(f"{pair[0]}: NOT CHECKED, it is not here")
    return found


def check_headers(checks, headers=tuple(HEADERS)):
    """Each header alone and twice."""
    for pair in compilers():
        for compiler, (language, standards) in zip(pair, STANDARDS.items()):
            for standard in standards:
                for header in (name for name in headers if language in HEADERS[name]):
                    for times in (1, 2):
                        source = f"#include <{header}>\n" * times + "typedef int nothing_else;\n"
                        command = [compiler, f"-std={standard}", *STRICT, f"-I{checks.prefix}/include", "-fsyntax-only",
                                   "-x", language, "-"]
                        checks.works(f"{header} as {standard}, {times} times", command, input=source)
        if "mtl.hpp" in headers:
            command = [pair[1], "-std=c++17", "-fno-exceptions", "-fno-rtti", *STRICT, f"-I{checks.prefix}/include",
                       "-fsyntax-only", "-x", "c++", "-"]
            checks.works("mtl.hpp without exceptions", command, input="#include <mtl.hpp>\n")


def case_lines(case, unit):
    """A case as the lines that tests/c/programs/cases.c and tests/cpp/cases.cpp read."""
    yield f"case {case['name']}, offsets in {unit}"
    if "bundle" in case:
        yield f"bundle {case['bundle']}"
    for key, value in (case.get("options", {}) | {"unit": unit}).items():
        yield f"option {key} {value}"
    for document in case["documents"]:
        yield document_line("", make_cases.content(document))
    for document in case.get("answers", []):
        yield document_line("answer-", make_cases.content(document))
    if "answers" in case:
        yield "align"
    expect = case["expect"]
    if "error" in expect:
        yield f"expect error {expect['error']}"
    elif "pairs" in expect:
        yield f"expect count {len(expect['pairs'])}"
        for index, pair in enumerate(expect["pairs"]):
            yield from pair_lines(index, pair, unit)
    else:
        yield f"expect count {len(expect['documents'])}"
        for index, document in enumerate(expect["documents"]):
            yield from expect_lines(index, document, unit)
    yield "end"


def document_line(prefix, content):
    """A document of a case."""
    words = [content] if isinstance(content, bytes) else content
    kind = "text" if isinstance(content, bytes) else "tokens"
    return " ".join([prefix + kind, *(word.hex() or "-" for word in words)])


def pair_lines(index, pair, unit):
    """What is expected of a pair of sentences."""
    yield f"expect status {index} {pair['status']}"
    if pair["status"] == 0:
        ranges = {name: [f"{start}-{end}" for start, end in pair[name][unit]] for name in ("words", "typed")}
        yield f"expect rate {index} {pair['word_error_rate']:.6f}"
        for name, found in (("words", ranges["words"]), ("mistakes", pair["mistakes"]), ("edits", pair["edits"]),
                            ("typed", ranges["typed"])):
            yield " ".join(["expect", name, str(index), *found])


def expect_lines(index, document, unit):
    """What is expected of a document."""
    def line(*words):
        return " ".join(map(str, ["expect", *words]))

    def ranges(places):
        return [f"{start}-{end}" for start, end in places[unit]]

    yield line("status", index, document["status"], *([document["language"]] if "language" in document else []))
    if "sentences" in document:
        yield line("sentences", index, *document["sentences"])
        yield line("tokens", index, *ranges(document["tokens"]))
    if "counts" in document:
        yield line("counts", index, "{}-{}".format(*document["counts"]))
        yield line("last", index, *ranges(document["last"]))
    for task, labels in document.get("labels", {}).items():
        yield line("labels", index, task, *labels)
        spans = document["spans"][task]
        yield line("spans", index, task, *map("{}:{}".format, ranges(spans), spans["labels"]))


def check_tests(checks, archive, seconds):
    """The tests of C and C++, and the cases, against the shared library."""
    sources, flags, work = check_runtime.sources(), checks.flags(), checks.work
    if checks.works("C tests", ["cc", *C_TESTS, *sources, *flags, "-lm", "-lpthread", "-o", work / "c"]) is not None:
        checks.tests("tests/c", [work / "c", BUNDLE, archive, seconds])
    cpp = ["c++", "-std=c++17", "-g", *STRICT]
    main, cases = ROOT / "tests/cpp/main.cpp", ROOT / "tests/cpp/cases.cpp"
    if checks.works("C++ tests", [*cpp, main, *flags, "-lpthread", "-o", work / "cpp"]) is not None:
        checks.tests("tests/cpp", [work / "cpp", BUNDLE])
    every = [case for path in sorted(make_cases.CASES.glob("*.jsonl")) for case in make_cases.load(path)]
    lines = "".join(line + "\n" for case in every for unit in make_cases.UNITS for line in case_lines(case, unit))
    runners = {"C": ["cc", *C_TESTS, ROOT / "tests/c/programs/cases.c"], "C++": [*cpp, "-fno-exceptions", cases]}
    for language, build in runners.items():
        if checks.works(f"{language} cases", [*build, *flags, "-o", work / "cases"]) is not None:
            checks.tests(f"tests/cases in {language}", [work / "cases", BUNDLE], input=lines)
    every_noun = set(check_runtime.nouns("null", "fork", "memory", "latency", "experimental"))
    generator = (ROOT / "bindings/c/examples/header.rs").read_text()
    nouns = set(re.findall(r'"(\w+)"', re.search(r"const NOUNS.*?\];", generator, re.S)[0]))
    checks.note("nouns", difference("nouns of the header against files of tests/c", nouns, every_noun))


def use_examples(checks, built, folder):
    """Runs built examples: what they say of a known text, an unknown file, a deadline that has passed."""
    text = "Maria Jensen moved from Copenhagen to Toronto."
    outputs = []
    for language in ("c", "cpp"):
        tag, batch = folder / f"tag-{language}", folder / f"batch-{language}"
        name = f"{built}, {language}"
        said = checks.works(f"tag ({name})", [tag, BUNDLE, text])
        piped = checks.works(f"tag of standard input ({name})", [tag, BUNDLE], input=text + "\n")
        checks.note(f"tag twice ({name})", None if said and said == piped else f"{said!r} is not {piped!r}")
        outputs.append(checks.works(f"batch ({name})", [batch, BUNDLE, ROOT / "models/demo.txt", 2]))
        late = checks.run([batch, BUNDLE, ROOT / "models/demo.txt", 0, 0])
        good = late.returncode == 1 and late.stdout.startswith("MTL_ERROR_DEADLINE: ")
        checks.note(f"batch after its deadline ({name})", None if good else late.stdout)
        score = folder / f"score-{language}"
        predicted = checks.works(f"score ({name})", [score, SCORER, "en_es", "ada", "the boy", "the toy"]) or ""
        good = re.fullmatch(r"the\t0\.\d{3}\tright\nboy\t0\.\d{3}\twrong\n", predicted)
        checks.note(f"score says what it should ({name})", None if good else predicted)
        refused = checks.run([score, BUNDLE, "en_es", "ada", "the boy"])
        checks.note(f"score by a tagger ({name})", None if refused.returncode == 1 and "is a tagger" in refused.stdout
                    else refused.stdout)
        wrong = checks.run([tag, ROOT / "no such bundle", text])
        checks.note(f"tag without a bundle ({name})", None if wrong.returncode == 1 and "no such bundle" in wrong.stdout
                    else wrong.stdout)
    checks.note(f"batch in C and C++ ({built})", None if outputs[0] and outputs[0] == outputs[1] else "they differ")


def check_examples(checks):
    """The examples, by pkg-config and by CMake, against a copy that was moved after it was installed."""
    examples = ROOT / "bindings/c/examples"
    by_hand, by_cmake = checks.work / "by-pkg-config", checks.work / "by-cmake"
    by_hand.mkdir()
    for name in ("tag", "batch", "score"):
        for compiler, standard, suffix in (("cc", "c99", "c"), ("c++", "c++17", "cpp")):
            checks.works(f"{name}.{suffix} by pkg-config",
                         [compiler, f"-std={standard}", *STRICT, examples / f"{name}.{suffix}", *checks.flags(), "-o",
                          by_hand / f"{name}-{suffix}"])
    use_examples(checks, "pkg-config", by_hand)
    static = [flag for flag in checks.flags("--static") if flag != "-lmtl"]
    library = checks.prefix / "lib/libmtl.a"
    checks.works("tag.c, static, by pkg-config", ["cc", examples / "tag.c", library, *static, "-o", by_hand / "static"])
    checks.works("static tag", [by_hand / "static", BUNDLE, "Ada sails."], env=os.environ)
    if shutil.which("cmake") is None:
        checks.note("CMake", "cmake is not here; install it")
        return
    checks.works("cmake", ["cmake", "-S", examples, "-B", by_cmake, f"-DCMAKE_PREFIX_PATH={checks.prefix}"])
    checks.works("cmake --build", ["cmake", "--build", by_cmake])
    use_examples(checks, "CMake", by_cmake)
    checks.works("static tag by CMake", [by_cmake / "tag-c-static", BUNDLE, "Ada sails."], env=os.environ)


def check_readme(checks):
    """The README's program in C++, as it stands there."""
    program = re.search(r"```cpp\n(#include.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[1]
    build = ["c++", "-std=c++17", *STRICT, "-x", "c++", "-", *checks.flags(), "-o", checks.work / "readme"]
    if checks.works("the README's program", build, input=program) is not None:
        said = checks.works("the README's program runs", [checks.work / "readme"], cwd=ROOT)
        checks.note("the README's program finds names", None if said else "it printed nothing")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtl-capi-") as folder:
        work = pathlib.Path(folder)
        checks = Checks(install(work), work)
        archive = work / "bundle.mtl"
        subprocess.run(["tar", "--format=ustar", "-cf", archive, "-C", BUNDLE, "."], check=True)
        check_headers(checks)
        check_tests(checks, archive, arguments.seconds)
        check_examples(checks)
        check_readme(checks)
        check_runtime.check(checks, archive, arguments.seconds)
    print(f"total: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
