"""test_java.py says it aloud where it cannot test, takes a missing library for a failure, and finds what is wrong with a built one."""

import io
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import test_java

DRIVER = pathlib.Path(__file__).with_name("test_java.py")


class JavaTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mtl-java-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def drive(self):
        return subprocess.run([sys.executable, DRIVER, "--archive", self.folder / "libmtl.a"], env={"PATH": str(self.folder)},
                              capture_output=True, text=True)

    def test_without_java_it_skips_aloud(self):
        result = self.drive()
        self.assertEqual(result.returncode, 0)
        self.assertIn("--- SKIP: bindings/java: NOTHING OF IT WAS TESTED: there is no javac and no mvn here", result.stdout)

    def test_without_the_library_it_fails(self):
        for tool in ("javac", "mvn"):
            (self.folder / tool).touch(mode=0o755)
        result = self.drive()
        self.assertEqual(result.returncode, 1)
        self.assertIn("libmtl.a is not there", result.stdout)

    def library(self, *options):
        """A library that exports these functions, built with these options."""
        built, hidden = self.folder / "library.so", "" if "-Wl,-z,max-page-size=4096" in options else "static "
        source = f"int JNI_OnLoad(void) {{ return 0; }} int JNI_OnUnload(void) {{ return 0; }} {hidden}int mtl_tag(void) {{ return 1; }}"
        source += "int data = 1; " if not hidden else ""
        subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", "-o", built, *options], input=source, text=True, check=True)
        return "\n".join(test_java.complaints(built))

    def test_exports_and_pages(self):
        self.assertEqual(self.library("-Wl,-z,max-page-size=16384", "-Wno-unused-function"), "")
        command = [sys.executable, DRIVER, "--library", self.folder / "library.so"]
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 0)
        said = self.library("-Wl,-z,max-page-size=4096")
        self.assertIn("exports data, mtl_tag", said)
        self.assertIn("aligned to [4096", said)
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 1)

    def aar(self, rules="-keep class ai.libmtl.Native", entry="ai/libmtl/android/Assets.class", library="jni/x86_64/libmtl_jni.so"):
        """What is said of an AAR of these."""
        classes, archive = io.BytesIO(), self.folder / "some.aar"
        with zipfile.ZipFile(classes, "w") as jar:
            jar.writestr(entry, b"")
        with zipfile.ZipFile(archive, "w") as aar:
            for name, content in (("AndroidManifest.xml", ""), ("R.txt", ""), ("proguard.txt", rules), (library, ""),
                                  ("classes.jar", classes.getvalue())):
                aar.writestr(name, content)
        return "\n".join(test_java.aar_complaints(archive, "x86_64"))

    def test_layout_of_an_aar(self):
        self.assertEqual(self.aar(), "")
        self.assertIn("lacks jni/x86_64/libmtl_jni.so", self.aar(library="jni/libmtl_jni.so"))
        self.assertIn("proguard.txt does not keep", self.aar(rules=""))
        self.assertIn("has no Assets", self.aar(entry="Other.class"))

    def test_complaints_of_the_jvm(self):
        for line in ("WARNING in native method: JNI call made without checking exceptions when required to by CallObjectMethod",
                     "FATAL ERROR in native method: Using JNIEnv in the wrong thread", "WARNING: JNI local refs: 40, exceeds capacity: 32"):
            self.assertTrue(test_java.COMPLAINT.search(line), line)
        self.assertFalse(test_java.COMPLAINT.search("[WARNING] Tests run: 3, Failures: 0, Errors: 0, Skipped: 1"))


if __name__ == "__main__":
    unittest.main()
