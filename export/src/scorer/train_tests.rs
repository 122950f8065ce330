//! The network's laws: gradients, independence from the batch, and runs that repeat.

use super::*;
use crate::fixture;
use crate::scorer::config::Feature;
use crate::scorer::simulate::Options;
use libmtl::bundle::manifest::{Combine, Context, Encoder, Summary, Transform};
use rand::RngExt;
use tch::{Kind, Tensor};

const EVERY_FEATURE: [Feature; 7] =
    [Feature::User, Feature::Country, Feature::Client, Feature::Session, Feature::Format, Feature::Days, Feature::Time];

/// The defaults, and between them every other setting of the network.
const VARIANTS: [fn(&mut Config); 4] = [
    |_| (),
    |c| {
        (c.model.context, c.model.combine, c.model.user_bias) = (Context::Own, Combine::Concat, true);
        (c.model.char_convolutions, c.model.char_summary, c.model.history) = (2, Summary::Last, true);
    },
    |c| c.model.combine = Combine::None,
    |c| {
        c.model.encoders = vec![Encoder::CharCnn];
        c.features.ignore = EVERY_FEATURE.to_vec();
    },
];

/// Two tracks of simulated learners in `folder`, and an experiment over them.
fn config(folder: &Path) -> Config {
    crate::scorer::simulate(folder, &Options::small()).unwrap();
    let track = |name: &str| {
        format!("[[track]]\nname = \"{name}\"\ntrain = \"{name}.slam.train\"\ndev = \"{name}.slam.dev\"\n")
    };
    let text = format!(
        "name = \"tiny\"\nseeds = [1]\n[model]\nembedding = 5\nhidden = 6\nchar_filters = 3\nword_layers = 2\n\
         [training]\nbatch = 4\nsteps = 30\nevaluate_every = 10\n{}{}",
        track("en_es"),
        track("fr_en")
    );
    std::fs::write(folder.join("tiny.toml"), text).unwrap();
    Config::read(&folder.join("tiny.toml"), None).unwrap()
}

fn run(folder: &Path, name: &str, change: impl FnOnce(&mut Config)) -> Run {
    let mut config = config(folder);
    change(&mut config);
    let mut run = Run::new(config, 7, &folder.join(name)).unwrap();
    if run.config.model.history {
        history::before(&run.data, &mut run.train, 0.25, &mut random::stream(7, "test", 0));
    }
    run
}

fn batch(run: &Run, track: usize, exercises: std::ops::Range<usize>) -> Batch {
    let picked: Vec<&Encoded> = run.train[track][exercises].iter().collect();
    Batch::new(&picked, &run.lexicon.tracks[track], run.least(), None)
}

/// The loss of a batch of the first track, without objectives.
fn loss(run: &Run, batch: &Batch) -> Tensor {
    run.model.loss(batch, &run.model.states(0, batch, true))
}

/// Central differences along a random direction of each parameter.
#[test]
fn gradients_agree_with_finite_differences() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = random::stream(seed, "test", 0);
    for variant in VARIANTS {
        let mut run = run(folder.path(), "run", |c| {
            c.model.dropout = 0.0;
            variant(c);
        });
        // A window of padding alone responds with the bias: at 0, where it begins, ReLU has a kink.
        for (_, bias) in run.model.parameters.iter_mut().filter(|(n, _)| n.contains(".conv.") && n.ends_with(".bias")) {
            let _ = tch::no_grad(|| bias.uniform_(0.02, 0.1));
        }
        let batch = batch(&run, 0, 0..6);
        loss(&run, &batch).backward();
        let names: Vec<String> = run.model.parameters.keys().cloned().collect();
        for name in names {
            let gradient = run.model.parameters[&name].grad();
            if name.starts_with("track.fr_en") {
                assert!(!gradient.defined(), "{name}: a track's step touches another's parameters");
                continue;
            }
            let shape = run.model.parameters[&name].size();
            let count = shape.iter().product::<i64>() as usize;
            let mut direction: Vec<f32> = (0..count).map(|_| rng.random_range(-1f32..1f32)).collect();
            if name.ends_with("char.embedding") {
                direction[..shape[1] as usize].fill(0.0);
            }
            let norm = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
            let direction = Tensor::from_slice(&direction).view(&shape[..]) / f64::from(norm);
            let expected = (gradient * &direction).sum(Kind::Double).double_value(&[]);
            let mut shifted = |amount: f64| {
                tch::no_grad(|| {
                    let _ = run.model.parameters.get_mut(&name).unwrap().g_add_(&(&direction * amount));
                    loss(&run, &batch).double_value(&[])
                })
            };
            let mut difference = |epsilon: f64| {
                let (above, below) = (shifted(epsilon), shifted(-2.0 * epsilon));
                shifted(epsilon);
                (above - below) / (2.0 * epsilon)
            };
            // Sums are in f32. ReLU and max have kinks: a step that crosses one says nothing, and a smaller one may not.
            let tolerance = 2e-4f64.max(0.03 * expected.abs());
            let found = [1e-2, 3e-3, 1e-3].map(&mut difference);
            let agrees = found.iter().any(|found| (found - expected).abs() < tolerance);
            assert!(agrees, "{name}: {found:?} by differences, {expected} by backward");
        }
    }
}

#[test]
fn an_exercise_is_predicted_alike_alone_and_in_a_batch() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    for variant in VARIANTS {
        let run = run(folder.path(), "run", variant);
        for track in 0..2 {
            let all = run.model.predict(track, &batch(&run, track, 0..30));
            for (index, together) in all.iter().enumerate() {
                let alone = run.model.predict(track, &batch(&run, track, index..index + 1)).remove(0);
                let difference = alone.iter().zip(together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(alone.len() == together.len() && difference < 1e-6, "track {track}, {index}: {difference}");
            }
        }
    }
}

/// Of meta encoder and decoder: sum of the matrices and biases of seeds B.4, at the sizes of the published tables.
#[test]
fn the_published_sizes_have_the_published_number_of_parameters() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/slam-paper.toml");
    let config = Config::read(&path, None).unwrap();
    // The published tables have no unknown row: one entry less here makes as many rows.
    let table = |rows: u32| (1..rows).map(|row| (row.to_string(), row)).collect();
    let scaling = libmtl::bundle::manifest::Scaling { transform: Transform::Raw, limit: 1.0, mean: 0.0, scale: 1.0 };
    let lexicon = Lexicon {
        ids: [6447, 126, 3, 3, 3].map(table),
        scaling: [scaling; 2],
        tracks: config.tracks.iter().map(|_| Default::default()).collect(),
    };
    let tensors = settings(&config, &lexicon).tensors();
    let size = |(_, shape): &(String, Vec<usize>)| shape.iter().product::<usize>();
    let shared: usize = tensors.iter().filter(|(name, _)| !name.starts_with("track.")).map(size).sum();
    assert_eq!(shared, 1_664_401);
    let convolution = tensors.iter().find(|(name, _)| name == "track.fr_en.char.conv.5.second.weight").unwrap();
    assert_eq!(convolution.1, [256, 256, 5]);
    let optimizer = Optimizer::new(&config.optimizer);
    let rates = [0, 9_999, 10_000, 25_000].map(|step| optimizer.learning_rate(step, config.training.steps));
    assert!(
        rates.iter().zip([1e-3, 1e-3, 0.95e-3, 0.95 * 0.95 * 1e-3]).all(|(a, b)| (a - b).abs() < 1e-12),
        "{rates:?}"
    );
}

/// The weights' averages, too, are a run's state.
#[test]
fn a_run_that_was_interrupted_ends_as_one_that_was_not() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let averaged = |c: &mut Config| (c.training.average, c.model.user_bias, c.model.history) = (0.9, true, true);
    let whole = run(folder.path(), "whole", averaged).train(|_| false).unwrap();
    let error = run(folder.path(), "parts", averaged).train(|step| step == 13).unwrap_err();
    assert_eq!(error.kind(), libmtl::ErrorKind::Interrupted);
    let mut again = run(folder.path(), "parts", averaged);
    assert_eq!(again.train(|_| false).unwrap(), whole);
    assert_eq!((whole.steps, whole.dev.len(), whole.test.len()), (30, 2, 0));
    let words: usize = again.data[0].dev.iter().map(|l| l.mistakes.len()).sum();
    assert_eq!(whole.dev["en_es"].words, words as u64, "every word is scored");
}

/// A small track has a small part of a step, and all parts are as many batches as there are tracks.
#[test]
fn proportional_steps_are_dealt_out_by_the_sizes_of_tracks() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let shares = |sampling| {
        let run = run(folder.path(), "run", |c| {
            c.training.sampling = sampling;
            c.tracks[0].limit = Some(20);
            c.tracks[1].limit = Some(60);
        });
        run.shares()
    };
    assert_eq!(shares(Sampling::Equal), [1.0, 1.0]);
    assert_eq!(shares(Sampling::Proportional), [0.5, 1.5]);
}

#[test]
fn an_average_keeps_what_was_before_and_decay_draws_learners_to_zero() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let after = |name: &str, change: fn(&mut Config)| {
        let mut run = run(folder.path(), name, change);
        run.train(|_| false).unwrap();
        run.model.parameters
    };
    let change = |c: &mut Config| (c.model.user_bias, c.training.steps, c.training.evaluate_every) = (true, 10, 10);
    let plain = after("plain", change);
    let averaged = after("averaged", |c| {
        (c.model.user_bias, c.training.steps, c.training.evaluate_every) = (true, 10, 10);
        c.training.average = 0.9;
    });
    let decayed = after("decayed", |c| {
        (c.model.user_bias, c.training.steps, c.training.evaluate_every) = (true, 10, 10);
        (c.training.user_decay, c.training.user_bias_decay) = (200.0, 0.1);
    });
    let size = |parameters: &BTreeMap<String, Tensor>, name: &str| parameters[name].norm().double_value(&[]);
    for name in ["user.bias", "decoder.weight"] {
        assert!(plain[name] != averaged[name], "{name}");
    }
    assert!(size(&averaged, "user.bias") < size(&plain, "user.bias"), "it lags behind a bias that grows from zero");
    for name in ["user.bias", "user.embedding"] {
        assert!(size(&decayed, name) < 0.5 * size(&plain, name), "{name}");
    }
}

#[test]
fn training_on_dev_selects_nothing_and_reports_no_dev_score() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let parts = run(folder.path(), "parts", |_| ());
    let mut all = run(folder.path(), "all", |c| {
        (c.training.with_dev, c.training.patience) = (true, 1);
        c.tracks[0].test = Some(c.tracks[0].dev.clone());
    });
    for track in 0..2 {
        assert_eq!(all.train[track].len(), parts.train[track].len() + parts.dev[track].len());
    }
    let result = all.train(|_| false).unwrap();
    assert_eq!((result.steps, result.selected_step), (30, 30));
    assert!(result.dev.is_empty() && result.test.len() == 1);
}

/// Whoever is scored is read as training has left them; a training exercise never reads its own answer, nor a later one.
#[test]
fn answers_are_read_before_they_are_known_never() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let with_history = |c: &mut Config| c.model.history = true;
    let mut run = run(folder.path(), "run", with_history);
    let read = |run: &Run| run.train.iter().flatten().map(|e| e.history.clone()).collect::<Vec<_>>();
    let answered = |history: &Vec<f32>| history.first().map_or(0.0, |words| words.exp_m1());
    let (some, dev) = (read(&run), run.dev.iter().flatten().map(|e| e.history.clone()).collect::<Vec<_>>());
    history::before(&run.data, &mut run.train, 0.0, &mut random::stream(7, "test", 0));
    let all = read(&run);
    let fewer = some.iter().zip(&all).filter(|(some, all)| answered(some) < answered(all)).count();
    assert!(some.iter().zip(&all).all(|(some, all)| answered(some) <= answered(all)) && fewer > all.len() / 3);
    // By hand, of one learner: the words of all exercises before, in both tracks.
    let user = run.data[1].train[0].exercise.user.clone();
    let mut own: Vec<(&Labelled, &Vec<f32>)> =
        run.data.iter().flat_map(|d| &d.train).zip(&all).filter(|(l, _)| l.exercise.user == user).collect();
    own.sort_by(|(a, _), (b, _)| a.exercise.days.total_cmp(&b.exercise.days));
    let mut words = 0;
    for (labelled, history) in &own {
        assert!((answered(history) - words as f32).abs() < 0.1, "{words}: {history:?}");
        words += labelled.mistakes.len();
    }
    let scored = run.data.iter().flat_map(|d| &d.dev).zip(&dev).find(|(l, _)| l.exercise.user == user).unwrap().1;
    assert!((answered(scored) - words as f32).abs() < 0.1, "{words}: {scored:?}");
    // Changed answers of an exercise change nothing that it reads itself.
    run.data[1].train[0].mistakes.iter_mut().for_each(|mistake| *mistake = !*mistake);
    history::before(&run.data, &mut run.train, 0.0, &mut random::stream(7, "test", 0));
    let changed = read(&run);
    let first = run.data[0].train.len();
    assert_eq!(changed[first], all[first]);
    assert_ne!(changed, all);
}

/// Unknown rows are read in training, so that they have a gradient.
#[test]
fn unknown_rows_are_trained() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "run", |_| ());
    let picked: Vec<&Encoded> = run.train[0][..40].iter().collect();
    let mut rng = random::stream(1, "test", 0);
    let batch = Batch::new(&picked, &run.lexicon.tracks[0], run.least(), Some((0.3, &mut rng)));
    loss(&run, &batch).backward();
    for table in ["user", "country", "client", "session", "format", "track.en_es.word"] {
        let gradient = run.model.parameters[&format!("{table}.embedding")].grad().get(0);
        assert!(gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0, "{table}");
    }
}
