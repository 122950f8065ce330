//! The network's laws: gradients, sharing, and independence from the batch.

use super::*;
use crate::fixture;
use crate::optimizer::Optimizer;
use crate::train::Run;
use crate::vocabulary::Encoded;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

fn run(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Run) {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config(folder.path());
    config.model.lstm_dropout = 0.0;
    change(&mut config);
    let run = Run::new(config, 7, &folder.path().join("run")).unwrap();
    (folder, run)
}

fn batch(run: &Run, task: usize, sentences: std::ops::Range<usize>) -> Batch {
    let picked: Vec<&Encoded> = run.dev(task)[sentences].iter().collect();
    Batch::new(&picked, &run.lexicon.entries, 4, None)
}

fn step(run: &Run, task: usize, batch: &Batch) -> Step {
    run.model.step(task, batch, &[], |_, _| Losses { total: None, parts: Vec::new() })
}

fn loss(run: &Run, task: usize, batch: &Batch) -> f64 {
    tch::no_grad(|| {
        let rows = run.model.words.index_select(0, &Tensor::from_slice(&batch.rows));
        let emissions = run.model.states(task, batch, &rows, false).emissions;
        run.model.crf_loss(task, &batch.labels, &emissions).0
    })
}

/// Central differences along a random direction of each tensor, gate, specific layer and CRF among them.
#[test]
fn gradients_agree_with_finite_differences() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = random_stream(seed);
    let (_folder, mut run) = run(|_| ());
    let task = 0;
    let batch = batch(&run, task, 0..5);
    let _ = step(&run, task, &batch);
    for name in run.model.names_of(task) {
        let shape = run.model.parameters[&name].size();
        let count = shape.iter().product::<i64>() as usize;
        let mut direction: Vec<f32> = (0..count).map(|_| rng.random_range(-1f32..1f32)).collect();
        if name.ends_with("char.embedding") {
            direction[..shape[1] as usize].fill(0.0);
        }
        let norm = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
        let direction = Tensor::from_slice(&direction).view(&shape[..]) / f64::from(norm);
        let expected = (run.model.parameters[&name].grad() * &direction).sum(Kind::Double).double_value(&[]);
        let mut shifted = |amount: f64| {
            tch::no_grad(|| {
                let _ = run.model.parameters.get_mut(&name).unwrap().g_add_(&(&direction * amount));
            });
            loss(&run, task, &batch)
        };
        let mut difference = |epsilon: f64| {
            let (above, below) = (shifted(epsilon), shifted(-2.0 * epsilon));
            shifted(epsilon);
            (above - below) / (2.0 * epsilon)
        };
        // Sums are in f32: a fiftieth of the gradient or 2e-3, whichever is larger. ReLU and max have kinks: a step that
        // crosses one says nothing, and a smaller one may not.
        let tolerance = 2e-3f64.max(0.02 * expected.abs());
        let found = [1e-2, 3e-3, 1e-3].map(&mut difference);
        let agrees = found.iter().any(|found| (found - expected).abs() < tolerance);
        assert!(agrees, "{name}: {found:?} by differences, {expected} by backward");
    }
}

fn random_stream(seed: u64) -> ChaCha8Rng {
    crate::random::stream(seed, "test", 0)
}

#[test]
fn word_rows_receive_their_gradient() {
    let (_folder, run) = run(|_| ());
    let batch = batch(&run, 0, 0..5);
    let step = step(&run, 0, &batch);
    assert!(step.rows.grad().abs().sum(Kind::Float).double_value(&[]) > 0.0);
    assert_eq!(step.rows.size()[0] as usize, batch.rows.len());
}

/// Stepping one task changes exactly the components of the sharing table (seeds A.2).
#[test]
fn a_step_changes_exactly_what_the_sharing_table_says() {
    let (_folder, mut run) = run(|_| ());
    let key = |t: usize| run.model.tasks[t].key.clone();
    assert_eq!([key(0), key(3)], ["ner/xx", "upos/yy"]);
    let before: BTreeMap<String, Tensor> = run.model.parameters.iter().map(|(n, t)| (n.clone(), t.copy())).collect();
    let words = run.model.words.copy();
    let batch = batch(&run, 0, 0..8);
    let step = step(&run, 0, &batch);
    let mut optimizer = Optimizer::new(&run.config.optimizer);
    optimizer.apply(&mut run.model, 0, &batch.rows, &step.rows, 0.1);
    for (name, tensor) in &run.model.parameters {
        let changed = !tensor.equal(&before[name]);
        let expected = !name.starts_with("task.upos") && !name.ends_with(".yy.weight") && !name.ends_with(".yy.bias");
        assert_eq!(changed, expected, "{name}");
    }
    let moved = (&run.model.words - words).abs().sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    for (row, moved) in flat(&moved).into_iter().enumerate() {
        let touched = batch.rows.contains(&(row as i64));
        assert!(touched || moved == 0.0, "row {row} moved without being touched");
    }
}

#[test]
fn words_with_vectors_move_at_their_own_rate() {
    for (vector_rate, moves) in [(0.0, false), (0.1, true)] {
        let (_folder, mut run) = run(|c| {
            std::fs::write(c.folder.join("v.txt"), "anna 1 2 3 4 5 6\nulm 6 5 4 3 2 1\n").unwrap();
            let vectors = "path = \"v.txt\"";
            c.vectors.insert("xx".into(), toml::from_str(vectors).unwrap());
            c.optimizer.vector_rate = vector_rate;
        });
        let before = run.model.words.copy();
        let batch = batch(&run, 0, 0..16);
        let step = step(&run, 0, &batch);
        Optimizer::new(&run.config.optimizer).apply(&mut run.model, 0, &batch.rows, &step.rows, 0.1);
        let moved = flat(&(&run.model.words - before).abs().sum_dim_intlist([1i64].as_slice(), false, Kind::Float));
        let with: Vec<usize> = (0..run.lexicon.rows).filter(|&r| run.lexicon.has_vector[r]).collect();
        assert!(!with.is_empty() && with.len() < batch.rows.len(), "{with:?}");
        for row in batch.rows.iter().map(|&r| r as usize) {
            assert_eq!(moved[row] > 0.0, moves || !run.lexicon.has_vector[row], "row {row}");
        }
    }
}

#[test]
fn unshared_encoders_are_separate() {
    let (_folder, run) = run(|c| {
        c.sharing.characters = false;
        c.sharing.lstm = false;
    });
    let (a, b) = (run.model.names_of(0), run.model.names_of(1));
    let shared: Vec<_> = a.iter().filter(|n| b.contains(n)).collect();
    assert!(shared.iter().all(|n| n.starts_with("task.ner.universal") || n.starts_with("task.ner.crf")), "{shared:?}");
    assert!(a.iter().any(|n| n.starts_with("own.ner.xx.lstm")));
}

/// The published code pads words to the longest of the batch, and its vectors change with it (seeds A.5).
#[test]
fn a_sentence_is_scored_alike_alone_and_in_a_batch() {
    let (_folder, run) = run(|_| ());
    for task in 0..run.model.tasks.len() {
        let all = run.model.predict(task, &batch(&run, task, 0..12));
        for (index, together) in all.iter().enumerate() {
            let alone = run.model.predict(task, &batch(&run, task, index..index + 1)).remove(0);
            let difference = alone.iter().zip(together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < 1e-5, "task {task}, sentence {index}: {difference}");
        }
    }
}

#[test]
fn an_untrained_task_predicts_by_the_universal_layer_alone() {
    let (_folder, run) = run(|c| c.tasks[1].limit = Some(0));
    assert!(!run.model.tasks[1].trained);
    let names = run.model.parameters.keys().filter(|n| n.contains("gate.yy")).count();
    assert!(names > 0);
    let batch = batch(&run, 1, 0..3);
    let rows = run.model.words.index_select(0, &Tensor::from_slice(&batch.rows));
    let emissions = run.model.states(1, &batch, &rows, false).emissions;
    let gate = &run.model.parameters["task.ner.gate.yy.bias"];
    let _ = tch::no_grad(|| gate.shallow_clone().fill_(9.0));
    let again = run.model.states(1, &batch, &rows, false).emissions;
    assert!(emissions.equal(&again), "the untrained gate took part");
}
