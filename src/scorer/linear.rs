//! Small dense linear algebra in double precision, for adapting to a learner.

/// A matrix, row-major.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub columns: usize,
    pub data: Vec<f64>,
}

impl Matrix {
    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.data.chunks_exact(self.columns)
    }

    /// Some of its columns.
    pub fn slice(&self, columns: std::ops::Range<usize>) -> Self {
        let data = self.rows().flat_map(|row| &row[columns.clone()]).copied().collect();
        Self { columns: columns.len(), data }
    }

    /// Rows as columns.
    pub fn transposed(&self) -> Self {
        let rows = self.data.len() / self.columns;
        let data = (0..self.data.len()).map(|i| self.data[i % rows * self.columns + i / rows]).collect();
        Self { columns: rows, data }
    }

    /// Adds the product with `vector` to `sums`.
    pub fn add_product(&self, vector: &[f64], sums: &mut [f64]) {
        self.rows().zip(sums).for_each(|(row, sum)| *sum += dot(row, vector));
    }

    /// The product with `right`, `[columns, any]`.
    pub fn times(&self, right: &Self) -> Self {
        let mut data = vec![0.0; self.data.len() / self.columns * right.columns];
        for (row, out) in self.rows().zip(data.chunks_exact_mut(right.columns)) {
            for (&factor, row) in row.iter().zip(right.rows()) {
                add_scaled(out, factor, row);
            }
        }
        Self { columns: right.columns, data }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `factor` times `row` to `sums`.
pub(super) fn add_scaled(sums: &mut [f64], factor: f64, row: &[f64]) {
    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor * x);
}

/// The lower triangular L, row-major, with L Lᵀ = `matrix` (Cholesky); none unless it is positive definite.
pub(super) fn factor(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut l = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let rest = matrix[i * size + j] - dot(&l[i * size..][..j], &l[j * size..][..j]);
            l[i * size + j] = match i == j {
                true if rest > 0.0 && rest.is_finite() => rest.sqrt(),
                true => return None,
                false => rest / l[j * size + j],
            };
        }
    }
    Some(l)
}

/// Solves L x = `x` in place.
pub(super) fn solve_lower(l: &[f64], x: &mut [f64]) {
    let size = x.len();
    for i in 0..size {
        x[i] = (x[i] - dot(&l[i * size..][..i], &x[..i])) / l[i * size + i];
    }
}

/// Solves L Lᵀ x = `x` in place.
pub(super) fn solve(l: &[f64], x: &mut [f64]) {
    solve_lower(l, x);
    let size = x.len();
    for i in (0..size).rev() {
        let above: f64 = (i + 1..size).map(|k| l[k * size + i] * x[k]).sum();
        x[i] = (x[i] - above) / l[i * size + i];
    }
}

/// The `count` directions in which a symmetric, positive semi-definite `matrix` is largest, as rows of length 1 at right
/// angles: by subspace iteration (Golub & Van Loan 2013, algorithm 8.2.4) from a fixed start.
pub(super) fn directions(matrix: &Matrix, count: usize) -> Matrix {
    let size = matrix.columns;
    // A fixed start with a part in every direction: the fractions of multiples of the golden ratio.
    let start = (1..=count * size).map(|i| (i as f64 * 0.618_033_988_749_894_9).fract() - 0.5).collect();
    let mut rows = Matrix { columns: size, data: start };
    for _ in 0..ITERATIONS {
        orthonormalise(&mut rows);
        rows = rows.times(matrix);
    }
    orthonormalise(&mut rows);
    rows
}

const ITERATIONS: usize = 40;

/// Gram-Schmidt, twice over each row, which suffices.
fn orthonormalise(rows: &mut Matrix) {
    let size = rows.columns;
    for i in 0..rows.data.len() / size {
        let (before, rest) = rows.data.split_at_mut(i * size);
        let row = &mut rest[..size];
        for _ in 0..2 {
            for other in before.chunks_exact(size) {
                let along = dot(other, row);
                add_scaled(row, -along, other);
            }
        }
        let length = dot(row, row).sqrt();
        // What has no length of its own (the matrix has fewer directions) stays zero.
        let scale = if length > 1e-30 { 1.0 / length } else { 0.0 };
        row.iter_mut().for_each(|x| *x *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(rng: &mut ChaCha8Rng, rows: usize, columns: usize) -> Matrix {
        Matrix { columns, data: (0..rows * columns).map(|_| rng.random::<f64>() - 0.5).collect() }
    }

    #[test]
    fn systems_are_solved_and_what_is_not_positive_definite_is_refused() {
        for seed in 0..10 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let root = random(&mut rng, 6, 5);
            let matrix = root.transposed().times(&root);
            let expected: Vec<f64> = (0..5).map(|_| rng.random::<f64>() - 0.5).collect();
            let mut found = vec![0.0; 5];
            matrix.add_product(&expected, &mut found);
            solve(&factor(&matrix.data, 5).unwrap(), &mut found);
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6, "seed {seed}: {off}");
        }
        assert!(factor(&[1.0, 2.0, 2.0, 1.0], 2).is_none() && factor(&[f64::NAN], 1).is_none());
    }

    /// Along known axes at right angles, the largest variances are found, and the rows are unit vectors at right angles.
    #[test]
    fn directions_are_those_of_the_largest_variance() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut axes = random(&mut rng, 6, 6);
        orthonormalise(&mut axes);
        let variances = [9.0, 4.0, 1.0, 0.1, 0.01, 0.0];
        let scaled = axes.rows().zip(variances).flat_map(|(row, v)| row.iter().map(move |x| v * x)).collect();
        let matrix = axes.transposed().times(&Matrix { columns: 6, data: scaled });
        let found = directions(&matrix, 3);
        let gram = found.times(&found.transposed()).data;
        (0..9).for_each(|i| assert!((gram[i] - f64::from(i % 4 == 0)).abs() < 1e-12, "{gram:?}"));
        let spread = found.times(&matrix).times(&found.transposed()).data;
        [9.0, 4.0, 1.0].iter().enumerate().for_each(|(i, v)| assert!((spread[4 * i] - v).abs() < 1e-9, "{spread:?}"));
        // More directions than there are keep right angles.
        let all = directions(&Matrix { columns: 6, data: vec![0.0; 36] }, 6);
        assert!(all.data.iter().all(|x| x.is_finite()));
    }
}
