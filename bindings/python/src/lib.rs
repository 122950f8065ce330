//! `libmtl._mtl`, the bridge: plain values in, tuples out, the interpreter's lock released in between. What a user of
//! Python sees is in python/libmtl.

mod align;
mod calls;
mod columns;
mod documents;
mod model;
mod score;

use pyo3::prelude::*;

#[pymodule]
mod _mtl {
    use super::*;

    #[pymodule_export]
    use super::align::align;
    #[pymodule_export]
    use super::calls::{Cancel, forked};
    #[pymodule_export]
    use super::model::{Model, Pool};
    #[pymodule_export]
    use super::score::{Learner, adapt, score};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
