"""check_abi.py passes this tree, and fails each kind of change that would break a program or a binding."""

import contextlib
import io
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import abi_types
import check_abi
from installed import ROOT, Checks

COPIED = ["Cargo.toml", "abi/mtl-1.0.abi", "abi/mtl-1.0.h", "abi/symbols.txt", "bindings/c/README.md",
          "bindings/c/mtl.map", "bindings/go/errors.go", "bindings/go/options.go", "bindings/swift/Sources/Mtl/Errors.swift",
          "bindings/swift/Sources/Mtl/Options.swift", "include/mtl.h", "include/mtl.hpp", "include/mtl_experimental.h",
          "src/capi/options.rs"]


class TreeTest(unittest.TestCase):
    """Works on a copy of what the checks read."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mtl-abi-test-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        sources = [*(ROOT / "tests/c").glob("**/*.c"), *(ROOT / check_abi.JAVA).glob("*.java")]
        for name in COPIED + [str(path.relative_to(ROOT)) for path in sources]:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)

    def change(self, name, old, new):
        """Replaces a text in a file of the copy."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def complain(self, check, *arguments):
        """What a check says of the copy, as one text."""
        return "\n".join(filter(None, check(self.root, *arguments)))

    def provoke(self, check, says, name, old, new, *arguments):
        """The check complains of a change, and of nothing before it; the change is undone."""
        before = (self.root / name).read_text(encoding="utf-8")
        self.assertEqual(self.complain(check, *arguments), "")
        self.change(name, old, new)
        self.assertIn(says, self.complain(check, *arguments))
        (self.root / name).write_text(before, encoding="utf-8")


class NamesTest(TreeTest):
    def test_names(self):
        listed = set((ROOT / "abi/symbols.txt").read_text().split())
        check = check_abi.check_names
        self.provoke(check, "not expected: mtl_tag@@MTL_1.0", "abi/symbols.txt", "mtl_tag@@MTL_1.0\n", "", listed)
        self.provoke(check, "missing: mtl_tag", "include/mtl.h", "mtl_status mtl_tag(", "mtl_status mtl_label(", listed)
        self.provoke(check, "missing: mtl_tag", "include/mtl.hpp", "mtl_tag(", "mtl_label(", listed)
        null, panic = "tests/c/null.c", "tests/c/programs/panic.c"
        self.provoke(check, f"{null} does not use\n  missing: mtl_env_trim", null, "mtl_env_trim", "mtl_trim", listed)
        self.provoke(check, f"{panic} does not use\n  missing: mtl_env_trim", panic, "mtl_env_trim", "mtl_trim", listed)
        self.provoke(check, "missing: mtl_build_info", "tests/c/version.c", "mtl_build_info", "mtl_info", listed)
        self.assertIn("missing: mtl_tag@@MTL_1.0", self.complain(check, listed - {"mtl_tag@@MTL_1.0"}))
        self.assertIn("missing: mtl_tag@@MTL_1.0", self.complain(check, listed - {"mtl_tag@@MTL_1.0"} | {"mtl_tag"}))

    def test_a_function_that_was_released_stays_even_where_every_list_drops_it(self):
        listed = set((ROOT / "abi/symbols.txt").read_text().split()) - {"mtl_env_trim@@MTL_1.0"}
        self.change("abi/symbols.txt", "mtl_env_trim@@MTL_1.0\n", "")
        self.change("include/mtl.h", "mtl_status mtl_env_trim(", "mtl_status other(")
        self.assertIn("gone", self.complain(check_abi.check_names, listed))


class StatusesTest(TreeTest):
    def test_statuses(self):
        check, header = check_abi.check_statuses, "include/mtl.h"
        for says, name, old, new in (
            ("missing: ('MTL_ERROR_FORKED', 13)", header, "MTL_ERROR_FORKED = 13", "MTL_ERROR_FORKED = 15"),
            ("used twice", header, "MTL_ERROR_FORKED = 13", "MTL_ERROR_FORKED = 12"),
            ("missing: ('MTL_ERROR_IO', 3)", header, "  MTL_ERROR_IO = 3,\n", ""),
            ("missing: ('io', 'MTL_ERROR_IO')", "include/mtl.hpp", "io = MTL_ERROR_IO", "io = MTL_ERROR_INPUT"),
            ("missing: ('io', 3)", "bindings/go/errors.go", "ErrIO          Code = 3 ", "ErrIO          Code = 33 "),
            ("missing: ('io', 3)", f"{check_abi.JAVA}/Code.java", "  IO(3),", "  IO(33),"),
            ("missing: ('io', 3)", "bindings/swift/Sources/Mtl/Errors.swift", "io = Code(3)", "io = Code(33)"),
            ("missing: ('MTL_ERROR_IO', 3)", "bindings/c/README.md", "| 3 | `MTL_ERROR_IO`", "| 4 | `MTL_ERROR_IO`"),
        ):
            self.provoke(check, says, name, old, new)

    def test_a_new_status_must_be_everywhere(self):
        new = "  MTL_ERROR_NEW = 99,\n  MTL_ERROR_UNSUPPORTED ="
        self.change("include/mtl.h", "  MTL_ERROR_UNSUPPORTED =", new)
        said = self.complain(check_abi.check_statuses)
        for place in ("mtl.hpp", "errors.go", "Code.java", "README.md"):
            self.assertIn(place, said)
        self.assertNotIn("mtl-1.0.h", said)

    def test_constants_and_options(self):
        check, header = check_abi.check_constants, "include/mtl.h"
        self.provoke(check, "missing: ('MTL_F16', '2')", header, "#define MTL_F16 2", "#define MTL_F16 3")
        self.provoke(check, "missing: nbest", header, "| `nbest` |", "| `best` |")
        self.provoke(check, "missing: nbest", "src/capi/options.rs", '("nbest", &', '("best", &')
        self.provoke(check, "missing: nbest", "bindings/go/options.go", 'TagWith("nbest"', 'TagWith("best"')
        java = check_abi.JAVA
        self.provoke(check, "missing: nbest", f"{java}/TagOptions.java", 'set("nbest"', 'set("best"')
        self.provoke(check, "missing: ('DELETE', '2')", f"{java}/Alignment.java", "DELETE(2)", "DELETE(4)")
        self.provoke(check, "missing: ('WARN', '2')", f"{java}/Libmtl.java", "WARN(2)", "WARN(1)")
        self.provoke(check, "missing: nbest", "bindings/swift/Sources/Mtl/Options.swift", 'value("nbest"', 'value("best"')


class VersionsTest(TreeTest):
    def complain_of(self, **changes):
        """What is said of a copy in which everything is 1.2.3 of ABI 1, but for the changes."""
        facts = {"cargo": "1.2.3", "pc": "1.2.3", "cmake": "1.2.3", "macros": "1.2.3", "function": "1.2.3",
                 "info": "1.2.3", "classes": "1.2.3", "module": "1.2.3", "abi": 1, "macro": 1, "soname": "libmtl.so.1"} | changes
        files = {"Cargo.toml": f'version = "{facts["cargo"]}"\n', "lib/pkgconfig/mtl.pc": f"Version: {facts['pc']}\n",
                 "lib/cmake/mtl/mtlConfigVersion.cmake": f'set(PACKAGE_VERSION "{facts["cmake"]}")\n'}
        for module in check_abi.MODULES:
            version = facts["module"] if module == "kotlin/" else "1.2.3"
            files[f"bindings/java/{module}pom.xml"] = f"<artifactId>mtl-parent</artifactId>\n  <version>{version}</version>\n"
        files[f"{check_abi.JAVA}/Libmtl.java"] = f'  public static final String VERSION = "{facts["classes"]}";\n'
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text, encoding="utf-8")
        said = (f"macros={facts['macros']}\nmtl_version()={facts['function']}\nMTL_ABI_VERSION={facts['macro']}\n"
                f"mtl_abi_version()={facts['abi']}\n" '{"version":"%s","abi":1}' % facts["info"])
        return self.complain(check_abi.check_versions, said, self.root, facts["soname"])

    def test_one_version_everywhere(self):
        self.assertEqual(self.complain_of(), "")
        for name in ("cargo", "pc", "cmake", "macros", "function", "info", "classes", "module"):
            self.assertIn("the version differs", self.complain_of(**{name: "1.2.4"}), name)
        for name in ("abi", "macro"):
            self.assertIn("the ABI version differs", self.complain_of(**{name: 2}), name)
        self.assertIn("the ABI version differs", self.complain_of(soname="libmtl.so"))
        self.change("bindings/c/mtl.map", "MTL_1.0 {", "MTL_2.0 {")
        self.assertIn("the ABI version differs", self.complain_of())


@unittest.skipUnless(shutil.which("abidw"), "there is no abidw; install abigail-tools")
class TypesTest(TreeTest):
    def test_the_header_keeps_the_types_of_the_baseline(self):
        with tempfile.TemporaryDirectory(prefix="mtl-abi-test-") as folder:
            work = pathlib.Path(folder)
            self.provoke(check_abi.check_types, "abidiff, status", "include/mtl.h", "uint32_t struct_size;",
                         "uint64_t struct_size;", work)
            self.provoke(check_abi.check_types, "abi/mtl-1.0.h against", "abi/mtl-1.0.h", "mtl_status mtl_env_trim(",
                         "mtl_status mtl_env_cut(", work)


class LibrariesTest(TreeTest):
    """On libraries whose functions do nothing."""

    def setUp(self):
        super().setUp()
        (self.root / "lib").mkdir()
        self.checks = Checks(self.root, self.root)

    def build(self, header):
        """Makes a library of a header, in the place of the installed one."""
        abi_types.build(header, self.root / "lib/libmtl.so.1", ROOT / check_abi.MAP)

    def test_a_program_of_the_last_release_needs_every_function(self):
        header = (ROOT / check_abi.PREVIOUS).read_text()
        program = check_abi.every_function(self.checks, ROOT)
        self.build(header)
        self.assertEqual(self.checks.run([program]).returncode, 0)
        self.build(header.replace("mtl_status mtl_env_trim(", "mtl_status mtl_env_cut("))
        done = self.checks.run([program])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("mtl_env_trim", done.stdout)

    def archive(self, source):
        """A static library of a source."""
        for command in (["cc", "-x", "c", "-c", "-", "-o", "library.o"], ["ar", "rcs", "libmtl.a", "library.o"]):
            subprocess.run(command, cwd=self.root, input=source, text=True, check=True)
        return self.root / "libmtl.a"

    def test_an_archive_shows_the_functions_alone(self):
        names = [name.split("@")[0] for name in (ROOT / "abi/symbols.txt").read_text().split()]
        source = "".join(f"void {name}(void) {{}}\n" for name in names)
        more = source + "void rust_eh_personality(void) {}\n"
        less = source.replace("void mtl_tag(", "static void mtl_tag(")
        check = check_abi.check_archive
        self.assertEqual(self.complain(check, self.archive(source)), "")
        self.assertIn("not expected: rust_eh_personality", self.complain(check, self.archive(more)))
        self.assertIn("missing: mtl_tag", self.complain(check, self.archive(less)))

    def test_a_clash_of_names_is_found(self):
        (self.root / "include").mkdir(exist_ok=True)
        source = "int mtl_model_open(void) { return 1; }\n"
        clashing = self.archive(source + "int rust_eh_personality(void) { return 1; }\n").rename(self.root / "raw.a")
        shutil.copy(self.archive(source), self.root / "lib/libmtl.a")
        check_abi.check_clash(self.checks, clashing)
        self.assertEqual((self.checks.passed, self.checks.failed), (2, 0))
        shutil.copy(clashing, self.root / "lib/libmtl.a")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            check_abi.check_clash(self.checks, self.root / "lib/libmtl.a")
        self.assertEqual((self.checks.passed, self.checks.failed), (3, 1))
        self.assertIn("multiple definition", said.getvalue())


if __name__ == "__main__":
    unittest.main()
