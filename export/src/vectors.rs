//! Word vectors: GloVe or word2vec text, or a `.npy` matrix with a list of words.

use crate::Result;
use crate::config::{Config, Vectors};
use crate::error::fail;
use crate::model::flat;
use libmtl::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use tch::{Kind, Tensor};

/// A table of word vectors in file order.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The words.
    pub words: Vec<String>,
    /// `[words, dim]`, row-major.
    pub values: Vec<f32>,
    /// Width.
    pub dim: usize,
}

impl Table {
    /// Reads the table that `settings` names; its width must be `dim`.
    pub fn read(config: &Config, settings: &Vectors, dim: usize) -> Result<Self> {
        let path = config.resolve(&settings.path)?;
        let mut table = match &settings.words {
            Some(words) => read_npy(&path, &config.resolve(words)?)?,
            None => read_text(&path)?,
        };
        if settings.reduce && table.dim > dim {
            table = table.reduced(dim);
        }
        if table.dim != dim {
            let remedy = format!("set [model] word_dim = {}, or `reduce = true` for narrower vectors", table.dim);
            return Err(fail(format!("vectors of width {} where word_dim is {dim}", table.dim))
                .remedy(remedy)
                .at(path.display()));
        }
        table.values.iter_mut().for_each(|v| *v *= settings.scale);
        Ok(table)
    }

    /// The vectors in the basis of the `dim` eigenvectors of X'X with the largest eigenvalues: the projection that
    /// keeps most of their squared length.
    fn reduced(self, dim: usize) -> Self {
        let x = Tensor::from_slice(&self.values).view([self.words.len() as i64, self.dim as i64]);
        let (_, vectors) = x.transpose(0, 1).matmul(&x).to_kind(Kind::Double).linalg_eigh("U");
        // Eigenvalues ascend. An eigenvector's sign is arbitrary: fix it, so that runs repeat.
        let basis = vectors.narrow(1, (self.dim - dim) as i64, dim as i64).flip([1]).to_kind(Kind::Float);
        let signs = basis.sum_dim_intlist([0i64].as_slice(), true, Kind::Float).sign();
        let values = flat(&x.matmul(&(basis * signs)));
        Self { words: self.words, values, dim }
    }

    /// The vector of row `index`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

/// `word v1 .. vd` a line; a first line `count dim` is skipped when it is one (a GloVe file has none).
pub fn read_text(path: &Path) -> Result<Table> {
    let file = File::open(path).map_err(|e| Error::io(path.display(), e))?;
    let mut table = Table::default();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| Error::io(format!("{}: line {}", path.display(), number + 1), e))?;
        let line = line.trim_end();
        if number == 0 && is_header(line) {
            continue;
        }
        if table.dim == 0 {
            table.dim = line.split(' ').count() - 1;
        }
        // From the right: some tables have words with blanks.
        let dim = table.dim;
        let mut fields: Vec<&str> = line.rsplitn(dim + 1, ' ').collect();
        let malformed = |what: String| Err(fail(what).at(format!("{}: line {}", path.display(), number + 1)));
        if fields.len() != dim + 1 {
            return malformed(format!("{} values where {dim} are needed", fields.len().saturating_sub(1)));
        }
        fields.reverse();
        for field in &fields[1..] {
            match field.parse::<f32>() {
                Ok(value) if value.is_finite() => table.values.push(value),
                _ => return malformed(format!("{field:?} is not a finite number")),
            }
        }
        table.words.push(fields[0].to_string());
    }
    Ok(table)
}

fn is_header(line: &str) -> bool {
    let mut fields = line.split(' ');
    let number = |f: Option<&str>| f.is_some_and(|f| f.parse::<u64>().is_ok());
    number(fields.next()) && number(fields.next()) && fields.next().is_none()
}

/// A C-ordered two-dimensional little-endian `f2` or `f4` array (NPY format 1 to 3) and its words.
fn read_npy(path: &Path, words: &Path) -> Result<Table> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)).map_err(|e| Error::io(path.display(), e))?;
    let bad = |what: &str| fail(what).at(path.display());
    if bytes.len() < 12 || &bytes[..6] != b"\x93NUMPY" {
        return Err(bad("is not a .npy file"));
    }
    let (start, length) = match bytes[6] {
        1 => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        _ => (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize),
    };
    let header = bytes.get(start..start + length).ok_or_else(|| bad("is truncated in its header"))?;
    let header = String::from_utf8_lossy(header);
    let width = match () {
        () if header.contains("'<f2'") => 2,
        () if header.contains("'<f4'") => 4,
        () => return Err(bad("must hold little-endian f2 or f4 values")),
    };
    if header.contains("'fortran_order': True") {
        return Err(bad("must be in C order"));
    }
    let shape: Vec<usize> = header
        .split_once("'shape': (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(shape, _)| shape.split(',').filter_map(|n| n.trim().parse().ok()).collect())
        .unwrap_or_default();
    let [rows, dim] = shape[..] else { return Err(bad("must have two dimensions")) };
    let body = &bytes[start + length..];
    if rows.checked_mul(dim).and_then(|n| n.checked_mul(width)) != Some(body.len()) {
        return Err(bad("has a length that does not match its shape"));
    }
    let values = match width {
        2 => body.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => body.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    let text = std::fs::read_to_string(words).map_err(|e| Error::io(words.display(), e))?;
    let words_read: Vec<String> = text.lines().map(str::to_string).collect();
    if words_read.len() != rows {
        return Err(fail(format!("{} words for {rows} rows of vectors", words_read.len())).at(words.display()));
    }
    Ok(Table { words: words_read, values, dim })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_header_is_detected_and_first_word_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v.txt");
        std::fs::write(&path, "the 1 2\nof 3 4\n").unwrap();
        assert_eq!(read_text(&path).unwrap().words, ["the", "of"]);
        std::fs::write(&path, "2 2\nthe 1 2\nof 3 4\n").unwrap();
        let table = read_text(&path).unwrap();
        assert_eq!((table.words.len(), table.row(1)), (2, &[3.0, 4.0][..]));
    }

    #[test]
    fn reduction_keeps_what_the_kept_directions_hold() {
        let values = vec![3.0, 0.1, 4.0, -6.0, -0.1, -8.0, 1.5, 0.0, 2.0];
        let table = Table { words: vec!["a".into(), "b".into(), "c".into()], values, dim: 3 }.reduced(2);
        let lengths: Vec<f32> = (0..3).map(|i| table.row(i).iter().map(|v| v * v).sum::<f32>().sqrt()).collect();
        for (length, expected) in lengths.iter().zip([5.001, 10.0005, 2.5]) {
            assert!((length - expected).abs() < 1e-3, "{lengths:?}");
        }
    }

    #[test]
    fn malformed_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v.txt");
        std::fs::write(&path, "the 1 2\nof 3\n").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("line 2: 1 values where 2 are needed"));
        std::fs::write(&path, "the 1 nan\n").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("not a finite number"));
    }
}
