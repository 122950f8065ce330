"""abi_types.py reports each kind of change to the types of the C ABI, and where debug information is missing."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import abi_types

HEADER = """
#include <stddef.h>
#include <stdint.h>
typedef struct mtl_model mtl_model;
typedef struct mtl_batch mtl_batch;
typedef int32_t mtl_status;
typedef void (*mtl_fn)(void *user, uint32_t level);
typedef struct {
  uint32_t struct_size;
  uint32_t count;
  const float *score;
} mtl_tags;
mtl_status mtl_tag(const mtl_model *model, mtl_batch *batch, size_t count, mtl_tags *out_tags);
mtl_status mtl_log(mtl_fn function, void *user);
const char *mtl_name(const mtl_batch *batch,
                     uint32_t index);
void mtl_free(mtl_model *model);
"""

# The same in Rust.
LIBRARY = """
#![allow(non_camel_case_types, unused_variables)]
use std::ffi::{c_char, c_void};
pub struct Object<T>(T);
#[repr(i32)] pub enum mtl_status { OK = 0, ERROR = 1 }
#[repr(C)] pub struct mtl_tags { struct_size: u32, count: u32, score: *const f32 }
type mtl_fn = Option<unsafe extern "C" fn(*mut c_void, u32)>;
type Model = Object<String>;
type Batch = Object<u32>;
#[unsafe(no_mangle)]
pub extern "C" fn mtl_tag(model: *const Model, batch: *mut Batch, count: usize, out: *mut mtl_tags) -> mtl_status {
    if count == 0 { mtl_status::OK } else { mtl_status::ERROR }
}
#[unsafe(no_mangle)]
pub extern "C" fn mtl_log(function: mtl_fn, user: *mut c_void) -> mtl_status { mtl_status::OK }
#[unsafe(no_mangle)]
pub extern "C" fn mtl_name(batch: *const Batch, index: u32) -> *const c_char { std::ptr::null() }
#[unsafe(no_mangle)]
pub extern "C" fn mtl_free(model: *mut Model) {}
"""


@unittest.skipUnless(shutil.which("abidw"), "there is no abidw; install abigail-tools")
class AbiTypesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mtl-abi-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.map = cls.work / "mtl.map"
        cls.map.write_text("MTL_1.0 { global: mtl_*; local: *; };\n")
        cls.baseline = cls.describe("baseline", HEADER)
        cls.library = cls.rust("library", LIBRARY)

    @classmethod
    def describe(cls, name, header):
        """The description of a header."""
        abi_types.build(header, cls.work / f"{name}.so", cls.map)
        abi_types.describe(cls.work / f"{name}.so", cls.work / f"{name}.abi")
        return cls.work / f"{name}.abi"

    @classmethod
    def rust(cls, name, source, debug=2):
        """The description of a library in Rust."""
        library = cls.work / f"{name}.so"
        command = ["rustc", "--edition", "2024", "--crate-type", "cdylib", "-C", f"debuginfo={debug}", "-o", library, "-"]
        subprocess.run(command, input=source, text=True, check=True)
        abi_types.describe(library, cls.work / f"{name}.abi")
        return cls.work / f"{name}.abi"

    def compare(self, header, library):
        """What is said of a header's description and a library's."""
        found = abi_types.compare(abi_types.Description(header), abi_types.Description(library))
        return "\n".join(filter(None, found))

    def test_nothing_of_this_machine_is_in_a_description(self):
        self.assertNotIn(str(self.work), self.baseline.read_text())
        self.assertNotIn("x86", self.baseline.read_text())

    def test_functions_may_be_added(self):
        self.assertIsNone(abi_types.changes(self.baseline, self.baseline))
        self.assertIsNone(abi_types.changes(self.baseline, self.describe("more", HEADER + "int mtl_new(int value);\n")))

    def test_nothing_else_may_change(self):
        for old, new in (
            ("uint32_t index", "uint64_t index"),
            ("uint32_t index", "int32_t index"),
            ("const mtl_batch *batch,", "mtl_batch *batch,"),
            ("const char *mtl_name", "char *mtl_name"),
            ("void mtl_free(mtl_model *model)", "void mtl_free(mtl_batch *model)"),
            ("void mtl_free(mtl_model *model)", "void mtl_free(mtl_model *model, int how)"),
            ("void mtl_free(mtl_model *model)", "int mtl_free(mtl_model *model)"),
            ("void mtl_free(mtl_model *model);", ""),
            ("void *user, uint32_t level", "void *user, uint64_t level"),
            ("const float *score;", "const float *score; float more;"),
            ("uint32_t struct_size;\n  uint32_t count;", "uint32_t count;\n  uint32_t struct_size;"),
            ("int32_t mtl_status", "int64_t mtl_status"),
        ):
            self.assertIn(old, HEADER)
            changed = self.describe("changed", HEADER.replace(old, new))
            self.assertIn("abidiff, status", abi_types.changes(self.baseline, changed) or "", (old, new))

    def test_a_broken_baseline_is_reported(self):
        empty = self.work / "empty.abi"
        empty.write_text("")
        self.assertIn("abidiff, status", abi_types.changes(empty, self.baseline))

    def test_a_library_is_compared_with_the_header(self):
        self.assertEqual(self.compare(self.baseline, self.library), "")
        for old, new, says in (
            ("uint32_t index", "uint64_t index", "mtl_name: "),
            ("uint32_t index", "uint32_t index, int more", "mtl_name: "),
            ("size_t count", "float count", "mtl_tag: "),
            ("mtl_tags *out_tags", "mtl_tags **out_tags", "mtl_tag: "),
            ("void mtl_free(mtl_model *model)", "void mtl_free(mtl_model **model)", "mtl_free: "),
            ("void mtl_free(mtl_model *model)", "void mtl_free(mtl_batch *model)", "taken for another"),
            ("mtl_fn function", "mtl_model *function", "mtl_log: "),
            ("uint32_t count;", "uint64_t count;", "mtl_tags: "),
            ("uint32_t count;\n  const float *score;", "const float *score;\n  uint32_t count;", "mtl_tags: "),
            ("void mtl_free", "void mtl_end(void);\nvoid mtl_free", "have mtl_end"),
        ):
            self.assertIn(old, HEADER)
            changed = self.describe("changed", HEADER.replace(old, new))
            self.assertIn(says, self.compare(changed, self.library), (old, new))

    def test_a_structure_that_is_not_laid_out_as_in_c_is_found(self):
        source = LIBRARY.replace("struct_size: u32, count: u32", "count: u32, struct_size: u32")
        self.assertIn("mtl_tags: ", self.compare(self.baseline, self.rust("laid-out", source)))

    def test_less_debug_information_is_no_silent_pass(self):
        for debug in (0, 1):
            said = self.compare(self.baseline, self.rust("stripped", LIBRARY, debug))
            self.assertIn("debug = 2", said)


if __name__ == "__main__":
    unittest.main()
