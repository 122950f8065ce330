//! D3, the difference of Bousmalis et al. 2016 and Liu et al. 2017: each domain has a BiLSTM of its own beside the one that all
//! share, and what the two hold of a sentence is kept apart.
//!
//! ```text
//! h = [s ; p]         is what output layers read: the shared states beside those of the domain's own BiLSTM over the same features
//! L = 1/(nm) sum_ij (S^T P)_ij^2,  S and P the sentences' mean states, centred over the batch, each row of length 1
//! ```
//!
//! S is n wide and P m, both 2 hidden. The deployed network would need every domain's LSTM: a run with this objective cannot
//! be exported.

use super::settings::{self, Pool};
use super::{Objective, Seen, Setup, pooled};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Below it, what stands in for a row's squared length.
const EPSILON: f64 = 1e-12;

/// The difference; the LSTMs themselves are in the network.
pub struct SharedPrivate {
    layer: usize,
}

impl SharedPrivate {
    pub(super) fn new(settings: &settings::SharedPrivate, setup: &mut Setup) -> Self {
        let mut domains: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, task) in setup.config.tasks.iter().enumerate() {
            domains.entry(settings.domain.of(task)).or_default().push(index);
        }
        for (domain, tasks) in domains {
            setup.model.add_private_lstm(&format!("objective.{}.{domain}", setup.name), &tasks);
            setup.model.train_layers(&tasks, setup.layer);
        }
        Self { layer: setup.layer }
    }
}

/// Rows of length 1 around their mean.
fn centred(rows: &Tensor) -> Tensor {
    let around = rows - rows.mean_dim([0i64].as_slice(), true, Kind::Float);
    let squares = (&around * &around).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    around * squares.clamp_min(EPSILON).rsqrt()
}

impl Objective for SharedPrivate {
    fn loss(&self, seen: &Seen) -> Option<Tensor> {
        let sentences = |states: &Tensor| centred(&pooled(states, seen.batch, Pool::Mean));
        let (shared, own) = (sentences(seen.states.layer(self.layer)), sentences(seen.states.private.as_ref()?));
        let correlation = shared.transpose(0, 1).matmul(&own);
        Some((&correlation * &correlation).mean(Kind::Float))
    }
}
