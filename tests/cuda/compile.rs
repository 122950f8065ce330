//! NVRTC compiles every kernel for every architecture, without a GPU, and none spills registers: `make cuda-check`.

use libmtl::kernels::cuda::{Architecture, Cache, Kernel, Origin, Sizes, compile};

/// Hidden units: those of our models, and the largest that each form of the kernels takes.
const HIDDEN: [usize; 7] = [1, 100, 171, 225, 256, 512, 1520];

/// Labels: those of our models, and the ends of the forms of up to 32 and more.
const LABELS: [usize; 9] = [1, 2, 9, 20, 32, 33, 50, 200, 256];

#[test]
fn every_kernel_compiles_and_none_spills() {
    let mut spilling = Vec::new();
    for architecture in [Architecture::AMPERE, Architecture::HOPPER] {
        for kernel in kernels(architecture) {
            let compiled = compile(&kernel, architecture).unwrap();
            let found = compiled.resources;
            assert!(compiled.code.starts_with(b"\x7fELF"), "a cubin");
            println!(
                "{architecture:<7} {kernel:<52} {:>3} registers {:>6} B shared {:>4} B spilled",
                found.registers, found.shared, found.spills
            );
            if found.spills + found.stack > 0 {
                spilling.push(kernel.to_string());
            }
        }
    }
    assert!(spilling.is_empty(), "these spill registers: {spilling:#?}");
}

#[test]
fn a_kernel_that_does_not_compile_is_named() {
    let mut kernel = Sizes::new(1, 1, 1, Architecture::AMPERE).unwrap().project();
    kernel.defines = vec![("INPUTS", 15)];
    let error = compile(&kernel, Architecture::AMPERE).unwrap_err();
    assert_eq!(error.place(), "project.cu INPUTS=15");
    assert!(error.message().contains("padding"), "{error}");
}

#[test]
fn what_was_compiled_is_kept_and_rebuilt_where_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path()).unwrap();
    let (kernel, architecture) =
        (Sizes::new(110, 171, 9, Architecture::HOPPER).unwrap().bilstm(1), Architecture::HOPPER);
    let get = || cache.get(&kernel, architecture, || Ok(compile(&kernel, architecture)?.code)).unwrap();
    let (code, origin) = get();
    assert!(origin == Origin::Compiled && code.starts_with(b"\x7fELF"));
    assert_eq!(get(), (code.clone(), Origin::Found));
    let path = cache.path(&kernel, architecture);
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..code.len() / 2]).unwrap();
    let (rebuilt, origin) = get();
    assert!(matches!(origin, Origin::Rebuilt(_)) && rebuilt == code, "{origin:?}");
    assert_eq!(get().1, Origin::Found);
}

fn kernels(architecture: Architecture) -> Vec<Kernel> {
    let sizes = |hidden, labels| Sizes::new(110, hidden, labels, architecture).unwrap();
    let mut kernels = vec![sizes(171, 9).project()];
    for hidden in HIDDEN {
        let sizes = sizes(hidden, 9);
        kernels.extend(sizes.tiles().map(|tiles| sizes.bilstm(tiles)));
    }
    kernels.extend(LABELS.map(|labels| sizes(171, labels).crf()));
    kernels
}
