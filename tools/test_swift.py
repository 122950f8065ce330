"""What can be said of bindings/swift without a Swift toolchain; tools/swift.sh has one, and runs its own tests."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from check_abi import functions
from installed import ROOT

SWIFT = ROOT / "bindings/swift"
HEADER = (ROOT / "include/mtl.h").read_text(encoding="utf-8")
PROGRAM = "@import CMtl;\nint main(void) { return mtl_abi_version() != MTL_ABI_VERSION || !mtl_build_info(); }\n"


def parameters(header):
    """How many parameters each function of a header has."""
    found = re.findall(r"^(?:const )?\w+ \*?(mtl_\w+)\(([^;]*)\);", header, re.M)
    return {name: 0 if given.strip() == "void" else given.count(",") + 1 for name, given in found}


def calls(source):
    """(function, number of arguments) of each call of C's in Swift."""
    source = re.sub(r"//[^\n]*", "", source)
    for found in re.finditer(r"\b(mtl_\w+)\(", source):
        depth, commas, at = 1, 0, found.end()
        while depth:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(source[at], 0)
            commas += source[at] == "," and depth == 1
            at += 1
        yield found[1], commas + 1 if source[found.end():at - 1].strip() else 0


class CallsTest(unittest.TestCase):
    def test_calls_are_counted(self):
        self.assertEqual(list(calls("a { mtl_f(x, g(1, 2), [3, 4]) } // mtl_h(\nmtl_k()")), [("mtl_f", 3), ("mtl_k", 0)])
        self.assertEqual(parameters("void mtl_f(void);\nmtl_status mtl_g(int a,\n  int b);\n"), {"mtl_f": 0, "mtl_g": 2})

    def test_every_call_is_one_of_the_header(self):
        wanted, seen = parameters(HEADER), set()
        structures = set(re.findall(r"^\} (mtl_\w+);", HEADER, re.M))
        for path in sorted((SWIFT / "Sources/Mtl").glob("*.swift")):
            source = path.read_text(encoding="utf-8")
            for name, count in calls(source):
                if name in structures:
                    self.assertEqual(count, 0, f"{path.name}: {name}")
                    continue
                self.assertIn(name, wanted, path.name)
                self.assertEqual(count, wanted[name], f"{path.name}: {name} has {wanted[name]} parameters")
            seen |= set(re.findall(r"\bmtl_\w+", source))
        self.assertGreater(len(seen & set(wanted)), 40)
        self.assertEqual(seen - set(wanted) - structures, set())

    def test_what_is_not_there_is_in_the_readme(self):
        source = "".join(path.read_text(encoding="utf-8") for path in (SWIFT / "Sources/Mtl").glob("*.swift"))
        left = functions(HEADER) - set(re.findall(r"\bmtl_\w+", source))
        listed = (SWIFT / "README.md").read_text(encoding="utf-8").partition("## Not here")[2]
        self.assertEqual({name for name in left if not any(re.fullmatch(pattern.replace("*", r"\w*"), name)
                                                           for pattern in re.findall(r"`(mtl_[\w*]+)`", listed))}, set())


class ModuleMapTest(unittest.TestCase):
    def compile(self, module_map, program=PROGRAM):
        """What clang says of a program that imports the module."""
        with tempfile.TemporaryDirectory(prefix="mtl-swift-") as cache:
            command = ["clang", "-fmodules", f"-fmodules-cache-path={cache}", f"-fmodule-map-file={module_map}", f"-I{ROOT}/include",
                       "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "objective-c", "-"]
            return subprocess.run(command, input=program, capture_output=True, text=True).stderr

    @unittest.skipUnless(shutil.which("clang"), "there is no clang")
    def test_module_maps_compile(self):
        self.assertEqual(self.compile(SWIFT / "Sources/CMtl/module.modulemap"), "")
        self.assertIn("mtl_gone", self.compile(SWIFT / "Sources/CMtl/module.modulemap", PROGRAM.replace("mtl_abi_version", "mtl_gone")))
        script = (SWIFT / "make-xcframework.sh").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="mtl-swift-") as name:
            folder = pathlib.Path(name)
            (folder / "module.modulemap").write_text(re.search(r"<<'END'\n(.*?)END\n", script, re.S)[1])
            shutil.copy(ROOT / "include/mtl.h", folder)
            self.assertEqual(self.compile(folder / "module.modulemap"), "")


class ScriptTest(unittest.TestCase):
    @unittest.skipIf(sys.platform == "darwin", "there it would build")
    def test_the_script_parses_and_refuses_other_systems(self):
        script = SWIFT / "make-xcframework.sh"
        self.assertEqual(subprocess.run(["bash", "-n", script]).returncode, 0)
        if shutil.which("shellcheck"):
            self.assertEqual(subprocess.run(["shellcheck", script]).returncode, 0)
        refused = subprocess.run([script], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("wants macOS", refused.stderr)


if __name__ == "__main__":
    unittest.main()
