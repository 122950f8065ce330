"""The types of the C ABI: what a C compiler makes of mtl.h, against the last release and against the library itself.

The baseline is what abidw sees in a library that a C compiler makes of the header alone, with an empty body for each
function: what a C program is compiled for. libmtl.so's own debug information cannot be it: Rust's leads through opaque
objects into private types, changes with the compiler, and knows no const. But it says what the functions really take:
`compare` holds it against the header's.
"""

import re
import subprocess
import xml.etree.ElementTree as ElementTree

PROTOTYPE = re.compile(r"^((?:const )?\w+ \*?(mtl_\w+)\([^;{}]*\));", re.M)
OPTIONS = ["--no-architecture", "--no-corpus-path", "--no-comp-dir-path", "--no-elf-needed", "--no-show-locs"]


def build(header, output, version_script):
    """Makes a shared library of a header: each function it declares, with a body that does nothing."""
    bodies = "".join(f"{prototype} {{ for (;;); }}\n" for prototype, _ in PROTOTYPE.findall(header))
    command = ["cc", "-std=c11", "-g", "-shared", "-fPIC", "-x", "c", "-", "-o", output, "-Wl,-soname,libmtl.so.1",
               f"-Wl,--version-script={version_script}"]
    subprocess.run(list(map(str, command)), input=header + bodies, text=True, check=True)


def describe(library, output):
    """Writes what abidw sees of a library, without anything of this machine."""
    subprocess.run(list(map(str, ["abidw", *OPTIONS, "--out-file", output, library])), check=True)


def changes(baseline, now):
    """What abidiff reports between two descriptions, but for functions that are new; None where there is nothing."""
    command = ["abidiff", "--harmless", "--no-added-syms", baseline, now]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"abidiff, status {done.returncode}:\n{done.stdout}" if done.returncode else None


class Description:
    """What abidw wrote of a library."""

    def __init__(self, path):
        tree = ElementTree.parse(path)
        known = [node for node in tree.iter() if node.get("id") and node.get("is-declaration-only") != "yes"]
        self.types = {node.get("id"): node for node in tree.iter() if node.get("id")}
        self.types |= {node.get("id"): node for node in known}
        self.structs = {node.get("name"): node for node in known
                        if node.tag == "class-decl" and node.find("data-member") is not None}
        self.functions = {node.get("name"): node for node in tree.iter("function-decl") if node.get("elf-symbol-id")}

    def signature(self, name):
        """Shapes of what a function takes, then of what it returns."""
        function = self.functions[name]
        return [self.shape(node.get("type-id")) for tag in ("parameter", "return") for node in function.findall(tag)]

    def layout(self, name):
        """(offset in bits, name, shape) of each member of a structure."""
        return [(int(node.get("layout-offset-in-bits")), node[0].get("name"), self.shape(node[0].get("type-id")))
                for node in self.structs[name].findall("data-member")]

    def shape(self, number):
        """A type as both languages see it: `i32`, `*f32`, `**mtl_tags`; an opaque object by its own name."""
        node = self.types[number]
        name = node.get("name", "")
        match node.tag:
            case "typedef-decl" | "qualified-type-def":
                return self.shape(node.get("type-id"))
            case "pointer-type-def":
                return "*" + self.shape(node.get("type-id"))
            case "type-decl":
                return scalar(name, int(node.get("size-in-bits", 0)))
            case "enum-decl":
                underlying = self.types[node.find("underlying-type").get("type-id")]
                return "void" if name == "c_void" else f"i{underlying.get('size-in-bits')}"
            case "function-type":
                return "function"
        return "*function" if 'extern "C" fn' in name else name


def scalar(name, bits):
    """A scalar's shape; the sign of a character is the platform's."""
    if not bits:
        return "void"
    if name in ("float", "double", "f32", "f64"):
        return f"f{bits}"
    return "char" if bits == 8 else f"{'u' if name.startswith('u') or 'unsigned' in name else 'i'}{bits}"


def compare(header, library):
    """Complaints about two descriptions: the header's, and the library's own."""
    if not any(node.find("parameter") is not None for node in library.functions.values()):
        yield "the library's debug information has no function with its parameters; build it with debug = 2"
        return
    missing = header.functions.keys() - library.functions.keys()
    yield f"the library's debug information does not have {', '.join(sorted(missing))}" if missing else None
    objects = set()
    for name in sorted(header.functions.keys() - missing):
        yield paired(name, header.signature(name), library.signature(name), header.structs, objects)
    for name in sorted(header.structs):
        if name not in library.structs:
            yield f"the library's debug information does not have {name}"
            continue
        ours, theirs = header.layout(name), library.layout(name)
        same = [place[:2] for place in ours] == [place[:2] for place in theirs]
        yield None if same else f"{name}: {ours} in the header, {theirs} in the library"
        yield paired(name, [place[2] for place in ours], [place[2] for place in theirs], header.structs, objects)
    for side in (0, 1):
        names = [pair[side] for pair in objects]
        twice = {name for name in names if names.count(name) > 1}
        yield f"an object is taken for another: {sorted(p for p in objects if p[side] in twice)}" if twice else None


def paired(name, ours, theirs, structs, objects):
    """A complaint where shapes differ; opaque objects, which have a name in each language, are collected in pairs."""
    opaque = {(a, b) for a, b in zip(ours, theirs) if is_object(a, structs) and is_object(b, structs)}
    objects.update((a.strip("*"), b.strip("*")) for a, b in opaque)
    same = len(ours) == len(theirs) and all(
        a.count("*") == b.count("*") if (a, b) in opaque else a == b for a, b in zip(ours, theirs))
    return None if same else f"{name}: {ours} in the header, {theirs} in the library"


def is_object(shape, structs):
    """Whether a shape is a pointer to an opaque object."""
    name = shape.lstrip("*")
    return shape != name and name not in structs and not re.fullmatch(r"void|char|function|[iuf]\d+", name)
