//! The artifact crate of the C ABI. Everything is in `libmtl`, compiled with its feature `capi`.

extern crate libmtl as _;
