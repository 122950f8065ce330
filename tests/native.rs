//! The native engine against the formulas in double precision, and its independence of batches and threads.

mod common;

use common::{Sizes, random_batch, random_contents};
use libmtl::Cancel;
use libmtl::bundle::manifest::{Activation, Architecture};
use libmtl::bundle::{Bundle, Contents, write};
use libmtl::engine::native::Native;
use libmtl::engine::{Batch, Engine, EngineOptions, Head, WordType};
use libmtl::kernels::{Kernel, KernelName};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

fn seed() -> u64 {
    let seed = std::env::var("MTL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("MTL_TEST_SEED={seed}");
    seed
}

fn open(contents: &Contents) -> (TempDir, Bundle) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), contents).unwrap();
    let bundle = Bundle::open(dir.path()).unwrap();
    (dir, bundle)
}

fn native(bundle: &Bundle, threads: usize) -> Native {
    Native::open(bundle, &EngineOptions { threads, ..EngineOptions::default() }).unwrap()
}

/// The forward pass, slowly, straight from the formulas: vectors of doubles, no padding, no sharing.
struct Reference<'a>(&'a Contents);

type Vector = Vec<f64>;

impl Reference<'_> {
    fn tensor(&self, name: &str) -> Vector {
        self.0.tensors[name].data.iter().map(|value| value.to_f64()).collect()
    }

    /// `weights[block] v + bias[block]` of a stack of matrices.
    fn affine(&self, layer: &str, block: usize, v: &[f64]) -> Vector {
        let (weights, bias) = (self.tensor(&format!("{layer}.weight")), self.tensor(&format!("{layer}.bias")));
        let outputs = weights.len() / v.len();
        let rows = *self.0.tensors[&format!("{layer}.bias")].shape.last().unwrap();
        assert_eq!(outputs % rows, 0);
        let row = |r: usize| -> f64 {
            weights[r * v.len()..][..v.len()].iter().zip(v).map(|(w, x)| w * x).sum::<f64>() + bias[r]
        };
        (block * rows..(block + 1) * rows).map(row).collect()
    }

    fn characters(&self, chars: &[u32]) -> Vector {
        let a: &Architecture = &self.0.manifest.architecture;
        let table = self.tensor("char.embedding");
        let mut rows: Vec<usize> = chars.iter().map(|&c| c as usize).collect();
        rows.resize(chars.len().max(*a.char_widths.iter().max().unwrap()), 0);
        let mut z = Vec::new();
        for &width in &a.char_widths {
            let weight = self.tensor(&format!("char.conv.{width}.weight"));
            let bias = self.tensor(&format!("char.conv.{width}.bias"));
            for f in 0..a.char_filters {
                let term = |p: usize, d: usize, j: usize| {
                    weight[(f * a.char_dim + d) * width + j] * table[rows[p + j] * a.char_dim + d]
                };
                let response = |p: usize| -> f64 {
                    let all = (0..a.char_dim).flat_map(|d| (0..width).map(move |j| (d, j)));
                    (bias[f] + all.map(|(d, j)| term(p, d, j)).sum::<f64>()).max(0.0)
                };
                z.push((0..=rows.len() - width).map(response).fold(0.0, f64::max));
            }
        }
        for layer in 0..a.highway_layers {
            let f = |x: f64| match a.highway_activation {
                Activation::Relu => x.max(0.0),
                Activation::Selu if x > 0.0 => 1.050_700_987_355_480_5 * x,
                Activation::Selu => 1.050_700_987_355_480_5 * 1.673_263_242_354_377_2 * x.exp_m1(),
            };
            let t = self.affine(&format!("highway.{layer}.transform"), 0, &z);
            let g = self.affine(&format!("highway.{layer}.gate"), 0, &z);
            z = (0..z.len()).map(|k| sigmoid(g[k]) * f(t[k]) + (1.0 - sigmoid(g[k])) * z[k]).collect();
        }
        z
    }

    /// States in the order of `inputs`, which is that of processing.
    fn lstm(&self, direction: usize, inputs: &[&Vector]) -> Vec<Vector> {
        let (wx, wh, b) = (self.tensor("lstm.weight_ih"), self.tensor("lstm.weight_hh"), self.tensor("lstm.bias"));
        let n = self.0.manifest.architecture.hidden;
        let (mut h, mut c, mut states) = (vec![0.0; n], vec![0.0; n], Vec::new());
        for x in inputs {
            let gate = |g: usize, k: usize| -> f64 {
                let row = direction * 4 * n + g * n + k;
                let dot = |w: &[f64], v: &[f64]| -> f64 {
                    w[row * v.len()..][..v.len()].iter().zip(v).map(|(w, v)| w * v).sum()
                };
                let biases = &b[direction * 8 * n..];
                dot(&wx, x) + dot(&wh, &h) + biases[g * n + k] + biases[(4 + g) * n + k]
            };
            let gates: Vec<[f64; 4]> = (0..n).map(|k| [0, 1, 2, 3].map(|g| gate(g, k))).collect();
            for (k, [i, o, f, g]) in gates.into_iter().enumerate() {
                c[k] = sigmoid(f) * c[k] + sigmoid(i) * g.tanh();
                h[k] = sigmoid(o) * c[k].tanh();
            }
            states.push(h.clone());
        }
        states
    }

    fn emissions(&self, batch: &Batch, sentence: &[u32], head: Head) -> Vector {
        let a = &self.0.manifest.architecture;
        let (table, task) = (self.tensor("word.embedding"), &self.0.manifest.tasks[head.task]);
        let input = |word: &WordType| -> Vector {
            let vector = &table[word.row as usize * a.word_dim..][..a.word_dim];
            [vector, &self.characters(&word.chars)].concat()
        };
        let x: Vec<Vector> = sentence.iter().map(|&word| input(&batch.words[word as usize])).collect();
        let forward = self.lstm(0, &x.iter().collect::<Vec<_>>());
        let mut backward = self.lstm(1, &x.iter().rev().collect::<Vec<_>>());
        backward.reverse();
        let layer = |part: &str, block: usize, h: &[f64]| self.affine(&format!("task.{}.{part}", task.name), block, h);
        let row = |(fw, bw): (&Vector, &Vector)| -> Vector {
            let h = [&fw[..], bw].concat();
            let yu = layer("universal", 0, &h);
            let Some(language) = head.language.filter(|_| a.specific_layers) else { return yu };
            let (ys, g) = (layer("specific", language, &h), layer("gate", language, &h));
            (0..yu.len()).map(|k| sigmoid(g[k]) * ys[k] + (1.0 - sigmoid(g[k])) * yu[k]).collect()
        };
        forward.iter().zip(&backward).flat_map(row).collect()
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A random architecture with all its oddities.
fn random_sizes(rng: &mut ChaCha8Rng) -> Sizes {
    let hidden = rng.random_range(1..=64);
    let widths = [vec![2, 3, 4], vec![1], vec![5, 2], vec![3, 4, 2, 1]];
    Sizes {
        word_dim: rng.random_range(1..=33),
        char_dim: rng.random_range(1..=17),
        char_widths: widths[rng.random_range(0..widths.len())].clone(),
        char_filters: rng.random_range(1..=21),
        highway_layers: rng.random_range(0..=2),
        highway_activation: if rng.random() { Activation::Relu } else { Activation::Selu },
        hidden,
        specific_layers: rng.random(),
        // Larger recurrent weights make the network chaotic: any rounding would grow with the length.
        scale: 1.0 / (hidden as f32).sqrt().max(2.5),
        ..Sizes::default()
    }
}

/// Every task with each of its languages and without.
fn heads(bundle: &Bundle) -> Vec<Head> {
    let tasks = bundle.manifest().tasks.iter().enumerate();
    let languages = |count: usize| [None].into_iter().chain((0..count).map(Some));
    tasks.flat_map(|(task, t)| languages(t.languages.len()).map(move |language| Head { task, language })).collect()
}

/// Emissions are within 2e-5 (1 + |y|) of the formulas in double precision; on a kernel that rounds, near them.
#[test]
fn emissions_equal_the_formulas() {
    emissions_near_the_formulas(Kernel::exact().name(), 2e-5);
    if Kernel::best().name().rounds() {
        emissions_near_the_formulas(Kernel::best().name(), 5e-3);
    }
}

fn emissions_near_the_formulas(kernel: KernelName, bound: f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let mut worst = 0f64;
    for _ in 0..12 {
        let contents = random_contents(rng.random(), &random_sizes(&mut rng));
        let (_dir, bundle) = open(&contents);
        let options = EngineOptions { kernel: Some(kernel), ..EngineOptions::default() };
        let native = Native::open(&bundle, &options).unwrap();
        let batch = random_batch(rng.random(), &bundle, &[1, 13, 2, 5, 3, 8, 1, 4, 40]);
        let reference = Reference(&contents);
        for head in heads(&bundle) {
            let found = native.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0);
            for (sentence, found) in batch.sentences.iter().zip(found) {
                let expected = reference.emissions(&batch, sentence, head);
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(expected) {
                    worst = worst.max((f64::from(*a) - b).abs() / (1.0 + b.abs()));
                }
            }
        }
    }
    println!("{kernel}: largest error {worst:.1e}");
    assert!(worst < bound, "{kernel}: error {worst:.1e}");
}

/// Bit for bit: each sentence alone, in shuffled batches, on any number of threads.
#[test]
fn emissions_depend_on_the_sentence_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for hidden in [1, 9, 64, 171] {
        let sizes = Sizes { hidden, word_dim: 21, char_filters: 10, ..Sizes::default() };
        let (_dir, bundle) = open(&random_contents(rng.random(), &sizes));
        let lengths: Vec<usize> = (0..37).map(|_| rng.random_range(1..=40)).chain([300, 1, 1]).collect();
        let batch = random_batch(rng.random(), &bundle, &lengths);
        let engines = [1, 2, 3, 16].map(|threads| native(&bundle, threads));
        for head in heads(&bundle) {
            let alone: Vec<Vec<u32>> = (batch.sentences.iter())
                .flat_map(|sentence| {
                    // Alone among the sentences, and among the words.
                    let words = sentence.iter().map(|&word| batch.words[word as usize].clone()).collect();
                    let single = Batch { words, sentences: vec![(0..sentence.len() as u32).collect()] };
                    bits(engines[0].emissions(&single, &[head], &Cancel::new()).unwrap().remove(0))
                })
                .collect();
            for native in &engines {
                let mut order: Vec<usize> = (0..lengths.len()).collect();
                order.shuffle(&mut rng);
                order.truncate(rng.random_range(1..=lengths.len()));
                let sentences = order.iter().map(|&sentence| batch.sentences[sentence].clone()).collect();
                let shuffled = Batch { words: batch.words.clone(), sentences };
                let found = bits(native.emissions(&shuffled, &[head], &Cancel::new()).unwrap().remove(0));
                assert!(order.iter().zip(found).all(|(&sentence, found)| alone[sentence] == found), "hidden {hidden}");
            }
        }
    }
}

/// Bit for bit: each head alone and beside one of another task, in either order, on any number of threads.
#[test]
fn emissions_do_not_depend_on_other_heads() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    for specific_layers in [true, false] {
        let sizes = Sizes { hidden: 23, specific_layers, ..Sizes::default() };
        let (_dir, bundle) = open(&random_contents(rng.random(), &sizes));
        let batch = random_batch(rng.random(), &bundle, &[3, 40, 1, 9, 9, 17, 2, 130, 5, 5, 8, 1]);
        let engines = [1, 3, 16].map(|threads| native(&bundle, threads));
        let emissions = |native: &Native, heads: &[Head]| -> Vec<Vec<Vec<u32>>> {
            native.emissions(&batch, heads, &Cancel::new()).unwrap().into_iter().map(bits).collect()
        };
        for a in heads(&bundle) {
            for b in heads(&bundle).into_iter().filter(|b| b.task != a.task) {
                let alone = [a, b].map(|head| emissions(&engines[0], &[head]).remove(0));
                engines.iter().for_each(|native| assert_eq!(emissions(native, &[a, b]), alone, "{a:?}, {b:?}"));
            }
        }
        assert!(emissions(&engines[0], &[]).is_empty());
    }
}

/// Output layers are packed when first asked for, here by many threads at once, and after the bundle is gone.
#[test]
fn output_layers_are_the_same_whoever_asks_first() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let (_dir, bundle) = open(&random_contents(rng.random(), &Sizes { hidden: 23, ..Sizes::default() }));
    let batch = random_batch(rng.random(), &bundle, &[3, 9, 1]);
    let heads = heads(&bundle);
    let (alone, shared) = (native(&bundle, 1), native(&bundle, 1));
    drop(bundle);
    let emissions = |engine: &Native, head| bits(engine.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0));
    let expected: Vec<_> = heads.iter().map(|&head| emissions(&alone, head)).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (heads, expected, shared) = (&heads, &expected, &shared);
            scope.spawn(move || {
                for place in (0..heads.len()).map(|i| (thread / 2 + i) % heads.len()) {
                    assert_eq!(emissions(shared, heads[place]), expected[place]);
                }
            });
        }
    });
}

/// Bit for bit, on each kernel: in one call with more words than are kept, and in many calls of several threads, some of
/// them cancelled, on an engine that keeps words from one to the next and forgets others.
#[test]
fn what_an_engine_keeps_of_words_changes_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(seed());
    let (_dir, bundle) = open(&random_contents(rng.random(), &Sizes { hidden: 171, ..Sizes::default() }));
    let architecture = &bundle.manifest().architecture;
    let mut words = std::collections::HashSet::new();
    while words.len() < 900 {
        let length = if words.len() % 40 == 0 { 50 } else { rng.random_range(1..9) };
        let chars = (0..length).map(|_| rng.random_range(1..architecture.chars as u32)).collect();
        words.insert(WordType { row: rng.random_range(0..architecture.words as u32), chars });
    }
    let words: Vec<WordType> = words.into_iter().collect();
    // The first words come the most, as in a language.
    let mut token = || 900f64.powf(rng.random()) as u32 % 900;
    let sentences: Vec<Vec<u32>> = (0..60).map(|length| (0..=length).map(|_| token()).collect()).collect();
    // A call has the words of its sentences.
    let batch = |sentences: &[Vec<u32>]| {
        let (mut own, mut places) = (Vec::new(), std::collections::HashMap::new());
        let mut place = |&word: &u32| {
            *places.entry(word).or_insert_with(|| {
                own.push(words[word as usize].clone());
                own.len() as u32 - 1
            })
        };
        let sentences = sentences.iter().map(|sentence| sentence.iter().map(&mut place).collect()).collect();
        Batch { words: own, sentences }
    };
    let head = [Head { task: 0, language: Some(0) }];
    for kernel in Kernel::available() {
        let options = EngineOptions { kernel: Some(kernel.name()), threads: 2, ..EngineOptions::default() };
        let emissions = |native: &Native, sentences: &[Vec<u32>], cancel: &Cancel| {
            native.emissions(&batch(sentences), &head, cancel).map(|mut found| bits(found.remove(0)))
        };
        let expected = emissions(&Native::open(&bundle, &options).unwrap(), &sentences, &Cancel::new()).unwrap();
        for word_cache in [0, 1, 100_000, u64::MAX] {
            let options = EngineOptions { word_cache: Some(word_cache), ..options.clone() };
            let native = Native::open(&bundle, &options).unwrap();
            for _ in 0..2 {
                let found = emissions(&native, &sentences, &Cancel::new()).unwrap();
                assert_eq!(found, expected, "{}, {word_cache} bytes", kernel.name());
            }
        }
        let native = Native::open(&bundle, &options).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (native, emissions, sentences, expected) = (&native, &emissions, &sentences, &expected);
                scope.spawn(move || {
                    for call in (thread..sentences.len()).step_by(3) {
                        let soon = std::time::Instant::now() + std::time::Duration::from_micros(40 * call as u64);
                        let _ = emissions(native, &sentences[call..], &Cancel::new().with_deadline(soon));
                        let found = emissions(native, &sentences[call..=call], &Cancel::new()).unwrap();
                        assert_eq!(found[0], expected[call], "{}, sentence {call}", kernel.name());
                    }
                });
            }
        });
    }
}

fn bits(emissions: Vec<Vec<f32>>) -> Vec<Vec<u32>> {
    emissions.iter().map(|sentence| sentence.iter().map(|value| value.to_bits()).collect()).collect()
}

#[test]
fn very_long_sentences_and_tokens_work() {
    let (_dir, bundle) = open(&random_contents(seed(), &Sizes::default()));
    let native = native(&bundle, 2);
    let head = Head { task: 0, language: Some(0) };
    let short = WordType { row: 3, chars: vec![4, 5] };
    let long = WordType { row: 0, chars: (0..10_000_000).map(|i| 1 + i % 7).collect() };
    let batch = Batch { words: vec![short, long], sentences: vec![vec![1], vec![0; 100_000]] };
    let found = native.emissions(&batch, &[head], &Cancel::new()).unwrap().remove(0);
    let labels = bundle.manifest().tasks[0].labels.len();
    assert_eq!((found[0].len(), found[1].len()), (labels, 100_000 * labels));
    assert!(found.iter().flatten().all(|y| y.is_finite()));
}

#[test]
fn what_the_network_cannot_compute_is_an_error() {
    let (_dir, bundle) = open(&random_contents(1, &Sizes::default()));
    let native = native(&bundle, 1);
    let word = |row, char| WordType { row, chars: vec![char] };
    let batch = |word, sentence: Vec<u32>| Batch { words: vec![word], sentences: vec![sentence] };
    let head = Head { task: 0, language: None };
    let wrong = [
        (batch(word(u32::MAX, 1), vec![0]), vec![head]),
        (batch(word(0, u32::MAX), vec![0]), vec![head]),
        (batch(word(0, 1), vec![1]), vec![head]),
        (batch(word(0, 1), vec![0]), vec![head, Head { task: 9, language: None }]),
        (batch(word(0, 1), vec![0]), vec![Head { task: 0, language: Some(99) }]),
        (batch(word(0, 1), vec![0]), vec![head, Head { task: 0, language: Some(0) }]),
    ];
    for (batch, heads) in wrong {
        assert_eq!(native.emissions(&batch, &heads, &Cancel::new()).unwrap_err().kind(), libmtl::ErrorKind::Argument);
    }
    assert!(native.emissions(&Batch::default(), &[head], &Cancel::new()).unwrap()[0].is_empty());
    let spelt_with_nothing = WordType { row: 0, chars: Vec::new() };
    assert_eq!(native.emissions(&batch(spelt_with_nothing, vec![0]), &[head], &Cancel::new()).unwrap()[0].len(), 1);
}

#[test]
fn the_report_says_what_runs() {
    let (_dir, bundle) = open(&random_contents(1, &Sizes::default()));
    let native = native(&bundle, 0);
    let report = native.report();
    assert_eq!((report.engine.as_str(), report.threads), ("native", 1));
    assert!(report.providers.len() == 1 && report.providers[0].used);
    assert_eq!(report.kernel.as_deref(), Some(Kernel::best().name().name()));
}

/// Each kernel on its own: it is in the report, its results are close to the generic one's, and a batch changes no bit.
#[test]
fn a_kernel_can_be_forced() {
    let (_dir, bundle) = open(&random_contents(seed(), &Sizes::default()));
    let batch = random_batch(1, &bundle, &[12, 3, 1, 40]);
    let alone = Batch { words: batch.words.clone(), sentences: vec![batch.sentences[3].clone()] };
    let head = [Head { task: 0, language: Some(0) }];
    let emissions = |kernel: KernelName, batch: &Batch| {
        let options = EngineOptions { kernel: Some(kernel), ..EngineOptions::default() };
        let native = Native::open(&bundle, &options).unwrap();
        assert_eq!(native.report().kernel.as_deref(), Some(kernel.name()));
        native.emissions(batch, &head, &Cancel::new()).unwrap().remove(0)
    };
    let expected = emissions(KernelName::Generic, &batch);
    for kernel in Kernel::available() {
        let found = emissions(kernel.name(), &batch);
        assert_eq!(emissions(kernel.name(), &alone)[0], found[3]);
        for (a, b) in found.iter().flatten().zip(expected.iter().flatten()) {
            // An LSTM's sums in half precision; its factors in bfloat16.
            let bound = match kernel.name() {
                KernelName::Avx512Int16 => 1e-3,
                KernelName::Avx512Fp16 => 1e-2,
                KernelName::AmxBf16 => 5e-2,
                _ => 1e-4,
            };
            assert!((a - b).abs() < bound, "{}: {a} instead of {b}", kernel.name());
        }
    }
    let foreign = KernelName::ALL.into_iter().find(|&name| Kernel::named(name).is_err()).unwrap();
    let options = EngineOptions { kernel: Some(foreign), ..EngineOptions::default() };
    let error = Native::open(&bundle, &options).unwrap_err();
    assert!(error.to_string().contains("this processor lacks"), "{error}");
}
