//! What the CUDA kernels compute, run by an emulator on the CPU, against the kernels of the CPU. This checks indices,
//! layouts and barriers; not PTX, not the memory of a GPU, not speed. A stand-in for CUDA's driver shows what is launched,
//! copied, allocated and freed.

#[path = "../common/mod.rs"]
mod common;
mod crf;
mod emulator;
mod engine;
mod fake;
mod guest;
mod launch;
mod lstm;

use half::f16;
use libmtl::ErrorKind;
use libmtl::kernels::cuda::{Architecture, Sizes, compile};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A generator whose seed is printed.
fn random() -> ChaCha8Rng {
    let seed = rand::random();
    println!("seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Values in `-scale..scale` that halves can hold.
fn draw(rng: &mut ChaCha8Rng, count: usize, scale: f32) -> Vec<f32> {
    let mut value = || f16::from_f32((rng.random::<f32>() * 2.0 - 1.0) * scale).to_f32();
    (0..count).map(|_| value()).collect()
}

/// The address of a slice's first element.
fn address<T>(slice: &[T]) -> u64 {
    slice.as_ptr() as u64
}

/// The address of the first element of a slice that a kernel writes to.
fn address_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr() as u64
}

/// The first token of each sentence, and the number of tokens.
fn offsets(lengths: &[usize]) -> Vec<i32> {
    let ends = lengths.iter().scan(0, |end, &length| {
        *end += length as i32;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

#[test]
fn without_nvrtc_the_refusal_says_what_to_do() {
    let kernel = Sizes::new(1, 1, 1, Architecture::AMPERE).unwrap().project();
    match compile(&kernel, Architecture::AMPERE) {
        Ok(_) => println!("NVRTC is on this machine"),
        Err(error) => {
            assert_eq!((error.kind(), error.place()), (ErrorKind::Engine, "libnvrtc.so"));
            assert!(error.advice().contains("the loader's path"), "{error}");
        }
    }
}

#[test]
fn what_no_kernel_can_do_is_refused() {
    let refused = |inputs, hidden, labels| Sizes::new(inputs, hidden, labels, Architecture::HOPPER).unwrap_err();
    assert_eq!(
        refused(110, 1521, 9).to_string(),
        "1521 hidden units, where the CUDA kernels take 1 to 1520; use the native engine on the CPU"
    );
    assert!(refused(110, 171, 257).message().starts_with("257 labels"));
    assert!(refused(0, 171, 9).message().starts_with("0 inputs"));
    assert!(Architecture::new(7, 5).unwrap_err().message().contains("compute capability 7.5"));
    assert_eq!(Architecture::new(8, 6).unwrap().to_string(), "sm_86");
    assert_eq!(Architecture::new(9, 0).unwrap().to_string(), "sm_90a");
}
