//! What is launched, copied, allocated and freed, through a driver that stands in for CUDA's and runs the emulator.

use crate::fake::{Fake, ILLEGAL_ADDRESS, OUT_OF_MEMORY};
use crate::{draw, random};
use half::f16;
use libloading::Symbol;
use libmtl::kernels::Kernel as CpuKernel;
use libmtl::kernels::bilstm_crf::BilstmCrf;
use libmtl::kernels::crf::{Transitions, marginals};
use libmtl::kernels::cuda::{
    Architecture, Cache, Device, Driver, HeadWeights, Kernels, Lstm, Network, Request, Scores, Sizes, Weights,
};
use libmtl::kernels::dense::Affine;
use libmtl::kernels::lstm::{Direction, Place};
use libmtl::kernels::output::Output;
use libmtl::{Cancel, Error, ErrorKind, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// States are rounded to half precision at each step.
const TOLERANCE: f32 = 1e-2;

/// Functions, and what they are made to fail with.
pub const REFUSALS: [(&str, u32); 22] = [
    ("cuInit", ILLEGAL_ADDRESS),
    ("cuDriverGetVersion", ILLEGAL_ADDRESS),
    ("cuDeviceGetCount", ILLEGAL_ADDRESS),
    ("cuDeviceGet", ILLEGAL_ADDRESS),
    ("cuDeviceGetName", ILLEGAL_ADDRESS),
    ("cuDeviceGetAttribute", ILLEGAL_ADDRESS),
    ("cuDevicePrimaryCtxRetain", OUT_OF_MEMORY),
    ("cuCtxPushCurrent_v2", ILLEGAL_ADDRESS),
    ("cuStreamCreate", ILLEGAL_ADDRESS),
    ("cuStreamSynchronize", ILLEGAL_ADDRESS),
    ("cuEventCreate", ILLEGAL_ADDRESS),
    ("cuEventRecord", ILLEGAL_ADDRESS),
    ("cuEventSynchronize", ILLEGAL_ADDRESS),
    ("cuModuleLoadData", OUT_OF_MEMORY),
    ("cuModuleLoadData", ILLEGAL_ADDRESS),
    ("cuModuleGetFunction", ILLEGAL_ADDRESS),
    ("cuMemAlloc_v2", OUT_OF_MEMORY),
    ("cuMemAllocHost_v2", OUT_OF_MEMORY),
    ("cuMemcpyHtoDAsync_v2", ILLEGAL_ADDRESS),
    ("cuMemcpyDtoHAsync_v2", ILLEGAL_ADDRESS),
    ("cuLaunchKernel", ILLEGAL_ADDRESS),
    ("cuLaunchKernel", OUT_OF_MEMORY),
];

/// A BiLSTM with two heads, of weights that halves can hold.
pub struct Model {
    pub sizes: Sizes,
    directions: [[Vec<f32>; 3]; 2],
    /// Weights and biases of universal, specific and gate.
    layers: Vec<[(Vec<f32>, Vec<f32>); 3]>,
    pub transitions: Vec<Transitions>,
}

impl Model {
    pub fn random(rng: &mut ChaCha8Rng, sizes: Sizes, labels: &[usize]) -> Self {
        let Sizes { inputs, hidden, .. } = sizes;
        let direction = |rng: &mut _| {
            [draw(rng, 4 * hidden * inputs, 1.0), draw(rng, 4 * hidden * hidden, 0.5), draw(rng, 8 * hidden, 0.5)]
        };
        let layer = |rng: &mut _, labels| (draw(rng, labels * 2 * hidden, 1.0), draw(rng, labels, 1.0));
        let transitions = |rng: &mut _, labels| Transitions {
            labels,
            start: draw(rng, labels, 2.0),
            end: draw(rng, labels, 2.0),
            pairs: draw(rng, labels * labels, 2.0),
        };
        Self {
            sizes,
            directions: [direction(rng), direction(rng)],
            layers: labels.iter().map(|&labels| [(); 3].map(|()| layer(rng, labels))).collect(),
            transitions: labels.iter().map(|&labels| transitions(rng, labels)).collect(),
        }
    }

    /// The layers of a head.
    fn affine(&self, head: usize) -> (Affine<'_>, Option<(Affine<'_>, Affine<'_>)>) {
        let [universal, specific, gate] = self.layers[head].each_ref().map(|(weights, bias)| Affine { weights, bias });
        (universal, Some((specific, gate)))
    }

    /// Opens it on the stand-in.
    pub fn open(&self, fake: &Fake) -> Result<Network> {
        self.load(&mut fake.kernels()?)
    }

    /// Copies its weights to the device of `kernels`.
    pub fn load(&self, kernels: &mut Kernels) -> Result<Network> {
        let lstms = self.directions.each_ref().map(|[input, recurrent, bias]| Lstm { input, recurrent, bias });
        let mut network = Network::new(kernels, self.sizes, &Weights::new(&self.sizes, lstms))?;
        for (head, transitions) in self.transitions.iter().enumerate() {
            let sizes = self.sizes.with_labels(transitions.labels)?;
            let (universal, own) = self.affine(head);
            network.add(kernels, sizes, &HeadWeights::new(&sizes, universal, own, transitions))?;
        }
        Ok(network)
    }

    /// Builds its kernels for the emulator.
    pub fn provide(&self, fake: &Fake, architecture: Architecture) {
        fake.provide_network(self.sizes, &self.labels(), architecture);
    }

    /// Of each head.
    pub fn labels(&self) -> Vec<usize> {
        self.transitions.iter().map(|transitions| transitions.labels).collect()
    }

    /// Compares a head's scores of one sentence with the CPU's kernels.
    fn check(&self, head: usize, features: &[f32], found: &Scores, temperature: f32) {
        let Sizes { inputs, hidden, .. } = self.sizes;
        let mut backward = false;
        let directions = self.directions.each_ref().map(|[input, recurrent, bias]| {
            let direction = Direction::new(CpuKernel::generic(), inputs, hidden, backward, input, recurrent, bias);
            backward = true;
            direction
        });
        let (transitions, (universal, own)) = (&self.transitions[head], self.affine(head));
        let output = Output::new(CpuKernel::generic(), transitions.labels, hidden, universal, own);
        let network = BilstmCrf::new(directions, output, transitions.clone());
        let fill = |p: Place, row: &mut [f32]| row.copy_from_slice(&features[p.token * inputs..][..inputs]);
        let take = |_: usize, emissions: &[f32], _: Vec<u16>, best: f32| -> Result<()> {
            assert_eq!(emissions.len(), found.emissions.len());
            for (a, b) in found.emissions.iter().zip(emissions) {
                assert!((a - b).abs() < TOLERANCE * (1.0 + b.abs()), "emission {a} instead of {b}");
            }
            let labels = transitions.labels;
            let at = |t: usize| usize::from(found.path[t]);
            let steps = (1..found.path.len()).map(|t| transitions.pairs[at(t) * labels + at(t - 1)]).sum::<f32>();
            let states = (0..found.path.len()).map(|t| emissions[t * labels + at(t)]).sum::<f32>();
            let score = transitions.start[at(0)] + transitions.end[at(found.path.len() - 1)] + steps + states;
            assert!((best - score).abs() < TOLERANCE * 10.0 * found.path.len() as f32, "a path of {score}, not {best}");
            // From the emissions that the GPU found: theirs were compared.
            let expected = marginals(&found.emissions, transitions, temperature, &Cancel::new())?;
            assert!((f64::from(found.log_z[0]) - expected.log_z).abs() < 1e-3 * (1.0 + expected.log_z.abs()));
            assert_eq!((found.marginals.len(), found.log_beta.len()), (expected.unary.len(), expected.log_beta.len()));
            for (a, b) in found.marginals.iter().zip(&expected.unary) {
                assert!((a - b).abs() < 1e-3, "marginal {a} instead of {b}");
            }
            Ok(())
        };
        network.decode::<Error>(&[features.len() / inputs], &Cancel::new(), fill, take).unwrap();
    }
}

/// Everything of both heads.
fn requests(temperature: f32) -> [Request; 2] {
    [1, 0].map(|head| Request { head, path: true, marginals: Some(temperature) })
}

/// Runs sentences with these features.
pub fn run(
    network: &mut Network,
    inputs: usize,
    lengths: &[usize],
    features: &[f32],
    all: &[Request],
) -> Result<Vec<Scores>> {
    let fill = |token: usize, row: &mut [f16]| {
        let values = &features[token * inputs..][..inputs];
        row.iter_mut().zip(values).for_each(|(half, &value)| *half = f16::from_f32(value));
    };
    network.run(lengths, fill, all)
}

/// A model of some sizes whose kernels the stand-in has.
pub fn model(rng: &mut ChaCha8Rng, fake: &Fake, architecture: Architecture) -> Model {
    let sizes = Sizes::new(rng.random_range(1..=20), rng.random_range(1..=40), 3, architecture).unwrap();
    let model = Model::random(rng, sizes, &[3, 5]);
    model.provide(fake, architecture);
    model
}

/// Calls of different sizes share their memory, and a sentence has the same bits in all.
#[test]
fn a_network_gives_what_the_cpu_gives_in_calls_of_any_size() {
    let mut rng = random();
    for (architecture, capability) in [(Architecture::AMPERE, [8, 0]), (Architecture::HOPPER, [9, 0])] {
        let fake = Fake::new();
        fake.gpu(1, capability);
        let model = model(&mut rng, &fake, architecture);
        let inputs = model.sizes.inputs;
        let mut network = model.open(&fake).unwrap();
        let temperature = rng.random_range(0.5..2.0);
        for sentences in [3, 40, 1, 9] {
            let lengths: Vec<usize> = (0..sentences).map(|_| rng.random_range(1..=9)).collect();
            let tokens: usize = lengths.iter().sum();
            let features = draw(&mut rng, tokens * inputs, 1.0);
            let requests = requests(temperature);
            fake.text("fake_launches");
            let together = run(&mut network, inputs, &lengths, &features, &requests).unwrap();
            let launches = fake.text("fake_launches");
            let names: Vec<&str> = launches.lines().map(|line| line.split(' ').next().unwrap()).collect();
            assert_eq!(names, ["project", "bilstm", "crf", "crf"], "{launches}");
            // The emulated GPU runs 4 blocks at the same time.
            let tiles = if model.sizes.bilstm_blocks(1, sentences) <= 4 { 1 } else { 2 };
            let kernel = model.sizes.bilstm(tiles);
            let blocks = model.sizes.bilstm_blocks(tiles, sentences);
            let launch = format!("bilstm {blocks} {} {}", kernel.threads, kernel.cluster);
            assert_eq!(launches.lines().nth(1), Some(launch.as_str()));

            let sentence = rng.random_range(0..sentences);
            let begin: usize = lengths[..sentence].iter().sum();
            let range = begin..begin + lengths[sentence];
            let features = &features[range.start * inputs..range.end * inputs];
            let alone = run(&mut network, inputs, &[lengths[sentence]], features, &requests).unwrap();
            for (request, (alone, together)) in requests.iter().zip(alone.iter().zip(&together)) {
                let labels = model.transitions[request.head].labels;
                let scores = range.start * labels..range.end * labels;
                let part = Scores {
                    emissions: together.emissions[scores.clone()].to_vec(),
                    path: together.path[range.clone()].to_vec(),
                    marginals: together.marginals[scores.clone()].to_vec(),
                    log_beta: together.log_beta[scores].to_vec(),
                    log_z: vec![together.log_z[sentence]],
                };
                assert!(*alone == part, "sentence {sentence} of {sentences} differs alone");
                model.check(request.head, features, alone, temperature);
            }
        }
        drop(network);
        fake.check();
    }
}

#[test]
fn only_what_is_asked_for_is_given() {
    let mut rng = random();
    let fake = Fake::new();
    let model = model(&mut rng, &fake, Architecture::HOPPER);
    let mut network = model.open(&fake).unwrap();
    let features = draw(&mut rng, 4 * model.sizes.inputs, 1.0);
    let request = |path, marginals| Request { head: 0, path, marginals };
    let mut get = |lengths: &[usize], request| {
        run(&mut network, model.sizes.inputs, lengths, &features, &[request]).unwrap().remove(0)
    };
    let all = get(&[1, 0, 3], request(true, Some(1.0)));
    assert_eq!((all.path.len(), all.log_z.len(), all.log_z[1]), (4, 3, 0.0));
    let emissions = get(&[1, 0, 3], request(false, None));
    assert_eq!(emissions, Scores { emissions: all.emissions.clone(), ..Scores::default() });
    let path = get(&[1, 0, 3], request(true, None));
    assert_eq!(path, Scores { emissions: all.emissions, path: all.path, ..Scores::default() });
    assert_eq!(get(&[0, 0], request(true, Some(1.0))), Scores { log_z: vec![0.0; 2], ..Scores::default() });
    assert_eq!(get(&[], request(true, None)), Scores::default());
    let error = network.run(&[1], |_, _| {}, &[Request { head: 2, path: true, marginals: None }]).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Argument, "there is no head 2"));
    let error = network.run(&[1 << 24, 1], |_, _| {}, &[]).unwrap_err();
    assert!(error.kind() == ErrorKind::Limit && error.message().contains("16777217 tokens"), "{error}");
    assert!(network.time_bilstm(&[5, 2], 3).unwrap().as_nanos() > 0);
    drop(network);
    fake.check();
}

/// Each call of each function, one after the other: first while the model is opened, then while it runs.
#[test]
fn whatever_the_driver_refuses_is_an_error_and_the_next_call_works() {
    let mut rng = random();
    let fake = Fake::new();
    // Small, as it runs some hundred times.
    let inputs = 2;
    let model = Model::random(&mut rng, Sizes::new(inputs, 3, 1, Architecture::HOPPER).unwrap(), &[2, 2]);
    model.provide(&fake, Architecture::HOPPER);
    let (lengths, requests) = ([1, 2], requests(1.0));
    let features = draw(&mut rng, 3 * inputs, 1.0);
    let expected = run(&mut model.open(&fake).unwrap(), inputs, &lengths, &features, &requests).unwrap();
    // Only guests have events.
    for (function, result) in REFUSALS.into_iter().filter(|(function, _)| !function.starts_with("cuEvent")) {
        let check = |error: Error| check_refusal(function, result, &error);
        let mut opening = 0;
        let mut network = loop {
            fake.fail(function, opening, result);
            match model.open(&fake) {
                Ok(network) => break network,
                Err(error) => check(error),
            }
            opening += 1;
        };
        let mut running = 0;
        loop {
            let before = fake.calls(function);
            fake.fail(function, running, result);
            let found = run(&mut network, inputs, &lengths, &features, &requests);
            fake.fail(function, 0, 0);
            match found {
                Ok(found) => {
                    assert!(found == expected);
                    assert!(fake.calls(function) - before <= running, "{function} failed unnoticed");
                    break;
                }
                Err(error) => check(error),
            }
            assert!(run(&mut network, inputs, &lengths, &features, &requests).unwrap() == expected, "{function}");
            // A new one has no memory of calls, and asks for all of it.
            network = model.open(&fake).unwrap();
            running += 1;
        }
        println!("{function}: {opening} failures at opening, {running} of a call");
        assert!(opening + running > 0, "{function} is never called");
        drop(network);
        fake.check();
    }
}

/// Checks what is said of a call of `function` that gave `result`.
pub fn check_refusal(function: &str, result: u32, error: &Error) {
    let (kind, words) = match result {
        OUT_OF_MEMORY => (ErrorKind::Limit, "the model can be used on"),
        _ => (ErrorKind::Engine, "it has lost the GPU"),
    };
    assert_eq!(error.kind(), kind, "{function}: {error}");
    assert!(error.advice().contains(words), "{function}: {error}");
}

#[test]
fn a_gpu_that_is_not_there_or_too_old_is_refused() {
    let fake = Fake::new();
    let driver = Driver::load(Some(&fake.path)).unwrap();
    assert_eq!((driver.version(), driver.devices().unwrap()), ("13.2".into(), 1));
    let device = Device::open(&driver, 0).unwrap();
    assert_eq!((device.name(), device.architecture(), device.processors()), ("Emulated GPU", Architecture::HOPPER, 4));
    drop(device);
    let refused = |number| Device::open(&driver, number).err().unwrap();
    assert_eq!(refused(1).message(), "there is no GPU 1: the CUDA driver has 1");
    fake.gpu(0, [9, 0]);
    assert_eq!(refused(0).message(), "there is no GPU 0: the CUDA driver has 0");
    fake.gpu(1, [7, 5]);
    let error = refused(0);
    assert!(error.message().contains("compute capability 7.5") && error.place() == "GPU 0", "{error}");
    fake.check();
}

/// A kernel that the cache has and the driver does not take.
#[test]
fn a_kernel_that_the_driver_refuses_is_compiled_anew() {
    let fake = Fake::new();
    let kernel = Sizes::new(1, 1, 1, Architecture::HOPPER).unwrap().crf();
    let cache = Cache::new(fake.folder.path()).unwrap();
    cache.get(&kernel, Architecture::HOPPER, || Ok(b"no machine code".to_vec())).unwrap();
    let mut kernels = fake.kernels().unwrap();
    match kernels.load(&kernel) {
        Ok(_) => {
            println!("NVRTC is on this machine");
            assert!(kernels.note().starts_with("a kernel built anew after: "), "{}", kernels.note());
            let mut kernels = fake.kernels().unwrap();
            kernels.load(&kernel).unwrap();
            assert_eq!(kernels.note(), format!("1 kernels found in {}", fake.folder.path().display()));
        }
        Err(error) => {
            assert!(error.place().contains("does not load crf.cu"), "{error}");
            assert!(error.place().ends_with("libnvrtc.so"), "{error}");
            assert!(error.place().contains("an NVRTC that is no newer than the driver"), "{error}");
        }
    }
    drop(kernels);
    fake.check();
}

#[test]
fn the_stand_in_notices_what_no_caller_may_do() {
    let fake = Fake::new();
    assert!(Path::new(&fake.path).is_file());
    // SAFETY: driver.cpp defines the function so, and checks what it is given.
    let result = unsafe {
        let free: Symbol<unsafe extern "C" fn(u64) -> u32> = fake.library.get(b"cuMemFree_v2").unwrap();
        free(4096)
    };
    assert_ne!(result, 0);
    assert_eq!(fake.text("fake_faults"), "cuMemFree_v2 without a context\n");
}
