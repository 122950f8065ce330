//! Learners by their vectors: two directions to draw them in, and groups (Hu 2020, Figure 5).

use crate::model::flat;
use crate::random;
use crate::scorer::picture::Learner;
use rand::RngExt;
use tch::{Kind, Tensor};

/// How often the groups are sought, from other beginnings; the closest groups are kept.
const TRIES: u64 = 10;
const ROUNDS: usize = 100;

/// Learners' vectors on the two directions in which they differ most.
pub struct Plane {
    /// A point a learner.
    pub points: Vec<(f64, f64)>,
    /// The share of the variance in each direction.
    pub shares: [f64; 2],
}

/// A group of learners.
pub struct Cluster {
    /// Their numbers.
    pub learners: Vec<usize>,
    /// The mean of their shares of right words.
    pub accuracy: f64,
}

/// The share of a learner's words that were right.
pub fn accuracy(learner: &Learner) -> f64 {
    learner.right as f64 / learner.words.max(1) as f64
}

/// Principal components; none of fewer than two learners or two numbers a vector.
pub fn plane(learners: &[Learner]) -> Option<Plane> {
    let width = learners.first().map_or(0, |learner| learner.embedding.len());
    if learners.len() < 2 || width < 2 || learners.iter().any(|learner| learner.embedding.len() != width) {
        return None;
    }
    let values: Vec<f32> = learners.iter().flat_map(|learner| learner.embedding.iter().copied()).collect();
    let x = Tensor::from_slice(&values).view([learners.len() as i64, width as i64]).to_kind(Kind::Double);
    let x = &x - x.mean_dim([0i64].as_slice(), true, Kind::Double);
    let (variances, vectors) = x.transpose(0, 1).matmul(&x).linalg_eigh("U");
    // Eigenvalues ascend. An eigenvector's sign is arbitrary: fix it, so that pages repeat.
    let basis = vectors.narrow(1, width as i64 - 2, 2).flip([1]);
    let signs = basis.sum_dim_intlist([0i64].as_slice(), true, Kind::Double).sign();
    let points = flat(&x.matmul(&(basis * signs)).to_kind(Kind::Float));
    let total = variances.sum(Kind::Double).double_value(&[]);
    let share = |rank: i64| variances.double_value(&[width as i64 - 1 - rank]) / total.max(f64::MIN_POSITIVE);
    let points = points.chunks_exact(2).map(|point| (f64::from(point[0]), f64::from(point[1]))).collect();
    Some(Plane { points, shares: [share(0), share(1)] })
}

/// k-means (Lloyd 1982) of the vectors, from beginnings by k-means++ (Arthur & Vassilvitskii 2007); by rising accuracy.
pub fn clusters(learners: &[Learner], count: usize) -> Vec<Cluster> {
    let vectors: Vec<&[f32]> = learners.iter().map(|learner| learner.embedding.as_slice()).collect();
    if count == 0 || vectors.len() < count {
        return Vec::new();
    }
    let tries = (0..TRIES).map(|turn| means(&vectors, count, turn));
    let best = tries.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(owner, _)| owner).unwrap_or_default();
    let group = |cluster| -> Vec<usize> { (0..best.len()).filter(|&learner| best[learner] == cluster).collect() };
    let mut out: Vec<Cluster> = (0..count)
        .map(group)
        .filter(|group| !group.is_empty())
        .map(|group| {
            let sum: f64 = group.iter().map(|&learner| accuracy(&learners[learner])).sum();
            Cluster { accuracy: sum / group.len() as f64, learners: group }
        })
        .collect();
    out.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    out
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// The group of each vector, and the sum of squared distances to the groups' means.
fn means(vectors: &[&[f32]], count: usize, turn: u64) -> (Vec<usize>, f64) {
    let mut rng = random::stream(0, "k-means", turn);
    let mut centres = vec![vectors[rng.random_range(0..vectors.len())].to_vec()];
    let nearest = |centres: &[Vec<f32>], vector: &[f32]| {
        let all = centres.iter().map(|centre| distance(centre, vector)).enumerate();
        all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
    };
    while centres.len() < count {
        let distances: Vec<f64> = vectors.iter().map(|vector| nearest(&centres, vector).1).collect();
        let mut rest = rng.random::<f64>() * distances.iter().sum::<f64>();
        let chosen = distances.iter().position(|distance| {
            rest -= distance;
            rest < 0.0
        });
        centres.push(vectors[chosen.unwrap_or(vectors.len() - 1)].to_vec());
    }
    let mut owner = vec![usize::MAX; vectors.len()];
    for _ in 0..ROUNDS {
        let now: Vec<usize> = vectors.iter().map(|vector| nearest(&centres, vector).0).collect();
        if now == owner {
            break;
        }
        owner = now;
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let own: Vec<&[f32]> =
                vectors.iter().zip(&owner).filter(|(_, o)| **o == cluster).map(|(v, _)| *v).collect();
            for (index, value) in centre.iter_mut().enumerate().filter(|_| !own.is_empty()) {
                *value = own.iter().map(|vector| vector[index]).sum::<f32>() / own.len() as f32;
            }
        }
    }
    let spread = vectors.iter().map(|vector| nearest(&centres, vector).1).sum();
    (owner, spread)
}
