//! A call for which ONNX Runtime has not enough memory is an error, and the model can be used on. The limit is that of the
//! whole process, so this test is alone in its program.
#![cfg(all(feature = "onnx", target_os = "linux"))]

mod common;

use common::{Sizes, onnx_options, random_batch, random_bundle};
use libmtl::bundle::Bundle;
use libmtl::engine::{self, Head};
use libmtl::{Cancel, ErrorKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The address space that this process has now, in bytes.
fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<u64>().unwrap() * rustix::param::page_size() as u64
}

#[test]
fn short_memory_is_an_error_and_the_model_lives_on() {
    let folder = random_bundle(1, &Sizes { hidden: 128, ..Sizes::default() });
    let bundle = Bundle::open(folder.path()).unwrap();
    let engine = engine::open(&bundle, &onnx_options()).unwrap();
    let head = [Head { task: 0, language: None }];
    let [small, large] = [[4, 9], [60_000, 1]].map(|lengths| random_batch(1, &bundle, &lengths));
    let emissions = |batch| engine.emissions(batch, &head, &Cancel::new());
    let expected = emissions(&small).unwrap();
    let before = getrlimit(Resource::As);
    setrlimit(Resource::As, Rlimit { current: Some(address_space() + (128 << 20)), ..before }).unwrap();
    let error = emissions(&large).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("has not enough memory"), "{error}");
    assert_eq!(emissions(&small).unwrap(), expected);
    setrlimit(Resource::As, before).unwrap();
    assert!(emissions(&large).is_ok());
    assert_eq!(emissions(&small).unwrap(), expected);
}
