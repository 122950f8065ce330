//! Input projection and both BiLSTM kernels.

use crate::emulator::Emulated;
use crate::{address, address_mut, draw, offsets, random};
use half::f16;
use libmtl::Cancel;
use libmtl::kernels::Kernel;
use libmtl::kernels::cuda::{Architecture, Bilstm, Lstm, Projection, Sizes, Weights};
use libmtl::kernels::lstm::{Direction, Place, Scratch};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A state is rounded to half precision (2^-12 at most) at each step, and the next step starts from there.
const TOLERANCE: f32 = 2e-3;

/// One direction's weights: input, recurrent, biases.
type Raw = (Vec<f32>, Vec<f32>, Vec<f32>);

/// A BiLSTM with random weights.
struct Model {
    inputs: usize,
    hidden: usize,
    directions: [Raw; 2],
}

/// The kernels of one architecture, and a model packed for them.
struct Device {
    sizes: Sizes,
    weights: Weights,
    project: Emulated,
    bilstm: Vec<(usize, Emulated)>,
}

impl Model {
    fn random(rng: &mut ChaCha8Rng, inputs: usize, hidden: usize) -> Self {
        let mut direction = || {
            (
                draw(rng, 4 * hidden * inputs, 1.0),
                draw(rng, 4 * hidden * hidden, 2.0 / (hidden as f32).sqrt()),
                draw(rng, 8 * hidden, 0.5),
            )
        };
        Self { inputs, hidden, directions: [direction(), direction()] }
    }

    fn device(&self, architecture: Architecture) -> Device {
        let sizes = Sizes::new(self.inputs, self.hidden, 1, architecture).unwrap();
        let lstms = self.directions.each_ref().map(|(input, recurrent, bias)| Lstm { input, recurrent, bias });
        let weights = Weights::new(&sizes, lstms);
        let bilstm = sizes.tiles().map(|tiles| (tiles, Emulated::new(sizes.bilstm(tiles)))).collect();
        Device { sizes, weights, project: Emulated::new(sizes.project()), bilstm }
    }

    /// States `[token, 2, hidden]` of the CPU's kernel.
    fn expected(&self, features: &[f32], lengths: &[usize]) -> Vec<f32> {
        let &Self { inputs, hidden, .. } = self;
        let starts = offsets(lengths);
        let mut states = vec![0.0; 2 * hidden * starts[lengths.len()] as usize];
        for (half, (input, recurrent, bias)) in self.directions.iter().enumerate() {
            let direction = Direction::new(Kernel::generic(), inputs, hidden, half == 1, input, recurrent, bias);
            for (&length, &start) in lengths.iter().zip(&starts) {
                let token = |place: Place| start as usize + place.token;
                let fill = |p: Place, row: &mut [f32]| row.copy_from_slice(&features[token(p) * inputs..][..inputs]);
                let emit = |places: &[Place], rows: &[f32]| {
                    for (&place, row) in places.iter().zip(rows.chunks_exact(direction.width())) {
                        states[(2 * token(place) + half) * hidden..][..hidden].copy_from_slice(&row[..hidden]);
                    }
                };
                direction.run(&[length], &mut Scratch::default(), &Cancel::new(), fill, emit).unwrap();
            }
        }
        states
    }
}

impl Device {
    /// States `[token, 2, hidden]` of the kernels, with each number of tiles.
    fn run(&self, features: &[f32], lengths: &[usize], seed: u32) -> Vec<Vec<f32>> {
        let (sizes, weights) = (&self.sizes, &self.weights);
        let (offsets, units) = (offsets(lengths), sizes.units());
        let tokens = offsets[lengths.len()] as usize;
        let mut rows = vec![f16::ZERO; tokens * sizes.row()];
        for (row, features) in rows.chunks_exact_mut(sizes.row()).zip(features.chunks_exact(sizes.inputs)) {
            row.iter_mut().zip(features).for_each(|(half, &feature)| *half = f16::from_f32(feature));
        }
        let mut gates = vec![[f32::NAN; 4]; tokens * 2 * units];
        let projection = Projection {
            weights: address(&weights.projection),
            bias: address(&weights.projection_bias),
            rows: address(&rows),
            outputs: address_mut(&mut gates),
            tokens: tokens as i32,
            groups: (2 * units / 8) as i32,
        };
        self.project.run(sizes.project_blocks(tokens), &projection, seed);
        let run = |(tiles, kernel): &(usize, Emulated)| {
            let mut states = vec![f16::NAN; tokens * 2 * units];
            let arguments = Bilstm {
                weights: address(&weights.recurrent),
                inputs: address(&gates),
                offsets: address(&offsets),
                states: address_mut(&mut states),
                sentences: lengths.len() as i32,
            };
            kernel.run(sizes.bilstm_blocks(*tiles, lengths.len()), &arguments, seed);
            states.chunks_exact(units).flat_map(|row| row[..sizes.hidden].iter().map(|half| half.to_f32())).collect()
        };
        self.bilstm.iter().map(run).collect()
    }
}

/// Both kernels, with each number of tiles, on the same sentences: right, the same bits in all, and the same bits alone.
fn check(rng: &mut ChaCha8Rng, inputs: usize, hidden: usize, sentences: usize, longest: usize) {
    let model = Model::random(rng, inputs, hidden);
    let devices = [Architecture::AMPERE, Architecture::HOPPER].map(|architecture| model.device(architecture));
    assert_ne!(devices[0].sizes.bilstm(1).file, devices[1].sizes.bilstm(1).file);
    let mut lengths: Vec<usize> = (0..sentences).map(|_| rng.random_range(0..=longest)).collect();
    lengths[rng.random_range(0..sentences)] = longest;
    let starts = offsets(&lengths);
    let features = draw(rng, inputs * starts[sentences] as usize, 1.0);
    let expected = model.expected(&features, &lengths);
    let found: Vec<Vec<f32>> =
        devices.iter().flat_map(|device| device.run(&features, &lengths, rng.random())).collect();
    let error = found[0].iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("{inputs} inputs, {hidden} hidden units, {sentences} sentences: error {error:.1e}");
    assert!(error < TOLERANCE && found[0].iter().all(|state| state.is_finite()));
    assert!(found.iter().all(|other| *other == found[0]), "the kernels differ");
    let s = lengths.iter().position(|&length| length == longest).unwrap();
    let (begin, end) = (starts[s] as usize, starts[s + 1] as usize);
    let alone = devices[1].run(&features[begin * inputs..end * inputs], &[longest], rng.random());
    assert!(alone[0] == found[0][begin * 2 * hidden..end * 2 * hidden], "a sentence alone differs");
}

#[test]
fn states_are_those_of_the_cpu() {
    let mut rng = random();
    for _ in 0..2 {
        let (inputs, hidden) = (rng.random_range(1..=40), rng.random_range(1..=50));
        let (sentences, longest) = (rng.random_range(1..=20), rng.random_range(1..=12));
        check(&mut rng, inputs, hidden, sentences, longest);
    }
}

/// Clusters of four blocks, and several groups of units a warp.
#[test]
fn wide_states_are_those_of_the_cpu() {
    let mut rng = random();
    check(&mut rng, 30, 200, 9, 4);
}
