//! Gradient-boosted trees over what a `.slam` file says of a word and of the learner's past: the kind of system that took
//! second place in the shared task (seeds B.9), without word lists from elsewhere.

mod features;
mod history;

use super::config::Feature;
use super::data::TrackData;
use super::train::nearly;
use crate::Result;
use crate::error::fail;
use features::Table;
use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::sampler::SampleMethod;
use forust_ml::{GradientBooster, Matrix};
use libmtl::scorer::slam::Record;

/// Chosen on the last fifth of training exercises, never on test data.
const TREES: usize = 300;
const RATE: f32 = 0.05;
const LEAVES: usize = 31;
const MIN_LEAF_WEIGHT: f32 = 5.0;
const L2: f32 = 10.0;
const COLUMNS: f64 = 0.5;
const ROWS: f32 = 0.8;

/// P(mistake) of each word of `data.test`, in their order, by what is learnt from `data.train`.
pub fn predict(data: &TrackData<Record>, ignore: &[Feature], seed: u64) -> Result<Vec<f64>> {
    let mut table = Table::build(data, ignore, seed);
    // A column without variance is an error to the booster, and of no use.
    table.columns.retain(|column| {
        let mut values = column.train.iter().filter(|value| !value.is_nan());
        let first = values.next();
        values.any(|value| Some(value) != first)
    });
    let mistakes: Vec<f64> = words(&data.train).map(|mistake| f64::from(u8::from(mistake))).collect();
    let rate = mistakes.iter().sum::<f64>() / mistakes.len().max(1) as f64;
    let count = words(&data.test).count();
    if table.columns.is_empty() || rate == 0.0 || rate == 1.0 {
        return Ok(vec![nearly(rate); count]);
    }
    let width = table.columns.len();
    let train: Vec<f64> = table.columns.iter_mut().flat_map(|column| std::mem::take(&mut column.train)).collect();
    let mut booster = GradientBooster::default()
        .set_iterations(TREES)
        .set_learning_rate(RATE)
        .set_max_depth(usize::MAX)
        .set_max_leaves(LEAVES)
        .set_min_leaf_weight(MIN_LEAF_WEIGHT)
        .set_l2(L2)
        .set_colsample_bytree(COLUMNS)
        .set_sample_method(SampleMethod::Random)
        .set_subsample(ROWS)
        .set_initialize_base_score(true)
        .set_parallel(false)
        .set_seed(seed);
    booster.grow_policy = GrowPolicy::LossGuide;
    let fitted = booster.fit_unweighted(&Matrix::new(&train, mistakes.len(), width), &mistakes, None);
    fitted.map_err(|e| fail(format!("the trees: {e}")))?;
    let test: Vec<f64> = table.columns.into_iter().flat_map(|column| column.test).collect();
    let logits = booster.predict(&Matrix::new(&test, count, width), false);
    Ok(logits.into_iter().map(|x: f64| nearly(1.0 / (1.0 + (-x).exp()))).collect())
}

/// Whether each word is a mistake.
fn words(records: &[Record]) -> impl Iterator<Item = bool> + '_ {
    records.iter().flat_map(|record| &record.tokens).map(|token| token.mistake == Some(true))
}

#[cfg(test)]
mod tests;
