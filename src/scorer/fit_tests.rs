use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WIDTH: usize = 6;

struct Case {
    head: Head,
    observations: Vec<Observation>,
    prior: Gaussian,
}

/// A random case: `exercises` of one to five words.
fn case(seed: u64, rank: usize, concat: bool, exercises: usize) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut numbers = |count: usize| -> Vec<f64> { (0..count).map(|_| 3.0 * rng.random::<f64>() - 1.5).collect() };
    // A learner moves activations by a few tenths: with more, there would be several most probable places.
    let user = numbers(WIDTH * rank).into_iter().map(|x| 0.3 * x).collect();
    let user = Matrix { columns: rank, data: user };
    let joint = Matrix { columns: WIDTH, data: numbers(WIDTH * WIDTH) };
    let hidden = concat.then(|| Matrix { columns: WIDTH, data: numbers(WIDTH * WIDTH) });
    let (last, bias) = (numbers(WIDTH), 0.3);
    let root = Matrix { columns: rank, data: numbers(rank * rank) };
    let mut precision = root.transposed().times(&root).data;
    (0..rank).for_each(|i| precision[i * (rank + 1)] += 0.5);
    let prior = Gaussian { mean: numbers(rank), precision };
    let observations = (0..exercises).map(|i| {
        let words = 1 + i % 5;
        Observation {
            user: numbers(WIDTH),
            exercise: numbers(WIDTH),
            words: numbers(words * WIDTH),
            bias: numbers(1)[0],
            mistakes: numbers(words).into_iter().map(|x| x > 0.5).collect(),
        }
    });
    let observations = observations.collect();
    Case { head: Head { user, joint, hidden, last, bias }, observations, prior }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Minus the logarithm of the posterior, straight from the formulas at the top of the module.
fn reference(case: &Case, z: &[f64]) -> f64 {
    let Case { head, observations, prior } = case;
    let rank = z.len();
    let product =
        |m: &Matrix, row: usize, x: &[f64]| -> f64 { (0..x.len()).map(|i| m.data[row * x.len() + i] * x[i]).sum() };
    let mut sum = 0.0;
    for i in 0..rank {
        for j in 0..rank {
            sum += (z[i] - prior.mean[i]) * prior.precision[i * rank + j] * (z[j] - prior.mean[j]) / 2.0;
        }
    }
    for o in observations {
        let user: Vec<f64> = (0..WIDTH).map(|i| (o.user[i] + product(&head.user, i, z)).tanh()).collect();
        let meta: Vec<f64> = (0..WIDTH).map(|i| sigmoid(o.exercise[i] + product(&head.joint, i, &user))).collect();
        for (w, &mistake) in o.mistakes.iter().enumerate() {
            let word = |i: usize| o.words[w * WIDTH + i];
            let joined = |i: usize| match &head.hidden {
                None => word(i) * meta[i],
                Some(hidden) => (word(i) + product(hidden, i, &meta)).tanh(),
            };
            let p = sigmoid(head.bias + o.bias + (0..WIDTH).map(|i| head.last[i] * joined(i)).sum::<f64>());
            sum -= if mistake { p.ln() } else { (1.0 - p).ln() };
        }
    }
    sum
}

fn objective(case: &Case, z: &[f64]) -> Objective {
    case.head.objective(&case.observations, &case.prior, z, &Cancel::new()).unwrap()
}

#[test]
fn value_and_gradient_are_those_of_the_formulas() {
    for seed in 0..20 {
        let case = case(seed, 1 + seed as usize % 4, seed % 2 == 1, 9);
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 77);
        let z: Vec<f64> = case.prior.mean.iter().map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
        let found = objective(&case, &z);
        let expected = reference(&case, &z);
        assert!((found.value - expected).abs() < 1e-9 * expected.abs(), "seed {seed}: {}, not {expected}", found.value);
        for i in 0..z.len() {
            let moved = |by: f64| {
                reference(&case, &(0..z.len()).map(|k| z[k] + if k == i { by } else { 0.0 }).collect::<Vec<_>>())
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (found.gradient[i] - slope).abs() < 1e-6 * (1.0 + slope.abs()),
                "seed {seed}, z {i}: {}, not {slope}",
                found.gradient[i]
            );
        }
    }
}

/// Where logits are linear in z (nothing observed, or a step so small that they are), the curvature is the second
/// derivative; here, without words, it is the prior's precision, and the mean stays.
#[test]
fn nothing_observed_leaves_the_prior() {
    let mut case = case(3, 3, false, 4);
    case.observations.clear();
    let found = fit(&case.head, &case.observations, &case.prior, &Cancel::new()).unwrap();
    assert_eq!(found, case.prior);
}

/// No point of a fine grid around the prior is more probable than the one that was found.
#[test]
fn the_most_probable_point_is_found() {
    for seed in 100..112 {
        let case = case(seed, 2, seed % 2 == 1, 12);
        let found = fit(&case.head, &case.observations, &case.prior, &Cancel::new()).unwrap();
        let value = reference(&case, &found.mean);
        let side = (-60..=60).map(|i| f64::from(i) / 10.0);
        let best = side
            .clone()
            .flat_map(|a| side.clone().map(move |b| [a, b]))
            .map(|by| reference(&case, &[case.prior.mean[0] + by[0], case.prior.mean[1] + by[1]]))
            .fold(f64::MAX, f64::min);
        assert!(value <= best, "seed {seed}: {value}, and {best} on the grid");
        let gradient = objective(&case, &found.mean).gradient;
        assert!(gradient.iter().all(|g| g.abs() < 1e-4), "seed {seed}: {gradient:?}");
        assert!(linear::factor(&found.precision, 2).is_some(), "seed {seed}");
    }
}

/// The more was seen before, the nearer going on comes to fitting all at once.
#[test]
fn going_on_comes_close_to_all_at_once() {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let (mut near, mut far) = (0.0, 0.0);
    for seed in 200..220 {
        let Case { head, mut observations, prior } = case(seed, 3, seed % 2 == 1, 60);
        let never = Cancel::new();
        let all = fit(&head, &observations, &prior, &never).unwrap();
        let later = observations.split_off(30);
        let first = fit(&head, &observations, &prior, &never).unwrap();
        let both = fit(&head, &later, &first, &never).unwrap();
        near += distance(&both.mean, &all.mean);
        far += distance(&fit(&head, &later, &prior, &never).unwrap().mean, &all.mean);
    }
    assert!(near < far / 2.0, "{near} against {far} without what was seen before");
}
