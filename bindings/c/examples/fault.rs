//! The library with panics on demand, for tests/c/programs/panic.c: beside libmtl.a, not in its place.

extern crate libmtl as _;
