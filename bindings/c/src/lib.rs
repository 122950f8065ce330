//! The artifact crate of the C ABI: everything is in `libmtl::capi`.

pub use libmtl::capi;
