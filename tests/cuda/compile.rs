//! NVRTC compiles every kernel for every architecture, without a GPU, and none spills registers: `make cuda-check`.

use libmtl::kernels::cuda::{
    Architecture, Bilstm, Cache, Crf, Gather, Kernel, Origin, Pad, Projection, Sizes, compile,
};

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
            let facts = facts(&compiled.code, kernel.entry);
            assert_eq!(facts.arguments, arguments(&kernel), "bytes of the arguments of {kernel}");
            assert_eq!(facts.threads, kernel.threads, "threads of {kernel}");
            assert_eq!(facts.cluster.max(1), kernel.cluster, "{kernel}");
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
    let mut kernels = vec![sizes(171, 9).gather(), sizes(171, 9).project()];
    for hidden in HIDDEN {
        let sizes = sizes(hidden, 9);
        kernels.extend(sizes.tiles().map(|tiles| sizes.bilstm(tiles)));
    }
    kernels.extend(LABELS.into_iter().flat_map(|labels| [sizes(171, labels).crf(), sizes(171, labels).pad()]));
    kernels
}

/// Bytes of the arguments that we launch `kernel` with.
fn arguments(kernel: &Kernel) -> usize {
    match kernel.entry {
        "gather" => size_of::<Gather>(),
        "project" => size_of::<Projection>(),
        "bilstm" => size_of::<Bilstm>(),
        "pad" => size_of::<Pad>(),
        _ => size_of::<Crf>(),
    }
}

/// What a cubin says of how its kernel is to be launched; 0 where it says nothing.
#[derive(Debug, Default)]
struct Facts {
    arguments: usize,
    threads: usize,
    cluster: usize,
}

/// Reads the section `.nv.info.ENTRY`, a list of a format, an attribute, and a value or the length of one. The numbers are
/// those that `cuobjdump -elf` names EIATTR_PARAM_CBANK, EIATTR_MAX_THREADS and EIATTR_CTA_PER_CLUSTER.
fn facts(cubin: &[u8], entry: &str) -> Facts {
    let number = |bytes: &[u8], at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
    };
    let (sections, size, count, names) =
        (number(cubin, 0x28, 8), number(cubin, 0x3a, 2), number(cubin, 0x3c, 2), number(cubin, 0x3e, 2));
    let section = |index: usize| &cubin[sections + index * size..][..size];
    let content = |index: usize| &cubin[number(section(index), 0x18, 8)..][..number(section(index), 0x20, 8)];
    let wanted = format!(".nv.info.{entry}\0");
    let found = (0..count).find(|&i| content(names)[number(section(i), 0, 4)..].starts_with(wanted.as_bytes()));
    let (mut rest, mut facts) = (content(found.expect("the section of the kernel")), Facts::default());
    while rest.len() >= 4 {
        let (format, attribute, value) = (rest[0], rest[1], number(rest, 2, 2));
        let length = if format == 4 { value } else { 0 };
        let bytes = &rest[4..4 + length];
        match attribute {
            0x0a => facts.arguments = number(bytes, 6, 2),
            0x05 => facts.threads = number(bytes, 0, 4),
            0x3d => facts.cluster = number(bytes, 0, 4),
            _ => (),
        }
        rest = &rest[4 + length..];
    }
    facts
}
