//! Sentences through a BiLSTM and its output layers, a tile at a time: some sentences of like length, in lock-step.
//!
//! Each direction of a tile is a piece of work for any thread. The one that ends second has the emissions, and hands them
//! on sentence by sentence while they are in its first cache: what a call keeps does not grow with its sentences. A
//! sentence's emissions are the same bit for bit whatever stands beside it, and in whatever order the pieces are done.

use super::lstm::{Direction, Place, Scratch};
use super::output::Output;
use crate::{Cancel, Error, Result};
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is done with each output layer and sentence, by their numbers, and the emissions there, `[length, labels]`.
pub type Take<'t, E> = &'t mut dyn FnMut(usize, usize, &[f32]) -> std::result::Result<(), E>;

/// A call's sentences, cut into tiles.
pub struct Tiles<'a> {
    directions: &'a [Direction; 2],
    outputs: &'a [&'a Output],
    cancel: &'a Cancel,
    /// Sentences of a tile.
    size: usize,
    /// The sentences by their numbers, the longest first: those of like length run together, and the last work handed out
    /// is the least.
    order: Vec<usize>,
    /// Of each sentence in that order.
    lengths: Vec<usize>,
    halves: Mutex<Halves>,
}

/// Each direction's part of the output layers' sums: for each layer the tile's sentences one behind the other, `[tokens, columns]`.
#[derive(Default)]
struct Halves {
    /// Of each tile, that of the direction which ended first, while it waits for the other.
    waiting: Vec<Option<Vec<f32>>>,
    /// Room for more.
    free: Vec<Vec<f32>>,
}

/// What a thread works in; reused, it saves allocations.
#[derive(Default)]
pub struct Buffers {
    lstm: Scratch,
    /// `[places, width]`: the sums of a layer.
    sums: Vec<f32>,
    /// `[length, labels]`: of the sentence that is handed on.
    emissions: Vec<f32>,
}

impl<'a> Tiles<'a> {
    /// Of sentences of these `lengths`, for so many `threads`: smaller tiles where some would have no work.
    pub fn new(
        directions: &'a [Direction; 2],
        outputs: &'a [&'a Output],
        lengths: impl IntoIterator<Item = usize>,
        threads: usize,
        cancel: &'a Cancel,
    ) -> Self {
        let mut order: Vec<(usize, usize)> = lengths.into_iter().enumerate().collect();
        order.sort_by_key(|&(_, length)| Reverse(length));
        let (order, lengths): (Vec<usize>, Vec<usize>) = order.into_iter().unzip();
        let size = order.len().div_ceil(threads.div_ceil(2).max(1)).clamp(1, directions[0].group());
        let waiting = vec![None; order.len().div_ceil(size)];
        let halves = Mutex::new(Halves { waiting, free: Vec::new() });
        Self { directions, outputs, cancel, size, order, lengths, halves }
    }

    /// How many pieces of work there are; each is to be [`run`](Self::run) once.
    pub fn pieces(&self) -> usize {
        2 * self.order.len().div_ceil(self.size)
    }

    /// Does a piece of work. `projected` and `fill` give what [`Direction::run_projected`] asks them for, of the sentence of a
    /// number and of forward (`false`) or backward. An error of `take` ends the piece; else the only one is that of the call's
    /// `cancel`.
    pub fn run<'r, E: From<Error>>(
        &self,
        piece: usize,
        buffers: &mut Buffers,
        projected: &dyn Fn(Place, bool) -> Option<&'r [f32]>,
        fill: &mut dyn FnMut(Place, &mut [f32]),
        take: Take<E>,
    ) -> std::result::Result<(), E> {
        let (tile, backward) = (piece / 2, piece % 2 == 1);
        let begin = tile * self.size;
        let members = begin..self.order.len().min(begin + self.size);
        let mut half = self.lock().free.pop().unwrap_or_default();
        self.half(backward, members.clone(), buffers, &mut half, projected, fill)?;
        let mut halves = self.lock();
        let Some(first) = halves.waiting[tile].take() else {
            halves.waiting[tile] = Some(half);
            return Ok(());
        };
        drop(halves);
        self.join(members, [&first, &half], &mut buffers.emissions, take)?;
        self.lock().free.extend([first, half]);
        Ok(())
    }

    /// Writes one direction's part of the sums of the tile of `members`.
    fn half<'r>(
        &self,
        backward: bool,
        members: Range<usize>,
        Buffers { lstm, sums, .. }: &mut Buffers,
        half: &mut Vec<f32>,
        projected: &dyn Fn(Place, bool) -> Option<&'r [f32]>,
        fill: &mut dyn FnMut(Place, &mut [f32]),
    ) -> Result<()> {
        let (order, lengths) = (&self.order[members.clone()], &self.lengths[members]);
        let direction = &self.directions[usize::from(backward)];
        let tokens: usize = lengths.iter().sum();
        // Every row is written below: what a tile before left needs no clearing.
        half.resize(tokens * self.outputs.iter().map(|output| output.columns()).sum::<usize>(), 0.0);
        let starts: Vec<usize> =
            lengths.iter().scan(0, |end, length| Some(std::mem::replace(end, *end + length))).collect();
        let named = |place: Place| Place { sequence: order[place.sequence], ..place };
        let projected = |place| projected(named(place), backward);
        direction.run_projected(
            lengths,
            lstm,
            self.cancel,
            projected,
            |place, row| fill(named(place), row),
            |places, states| {
                let mut rest = &mut half[..];
                for output in self.outputs {
                    let (rows, others) = rest.split_at_mut(tokens * output.columns());
                    sums.resize(places.len() * output.width(), 0.0);
                    output.sum(backward, states, direction.width(), sums);
                    for (place, sums) in places.iter().zip(sums.chunks_exact(output.width())) {
                        let row = starts[place.sequence] + place.token;
                        rows[row * output.columns()..][..output.columns()].copy_from_slice(&sums[..output.columns()]);
                    }
                    rest = others;
                }
            },
        )
    }

    /// Hands the emissions of the tile of `members` to `take`; the halves come in either order.
    fn join<E: From<Error>>(
        &self,
        members: Range<usize>,
        [mut first, mut second]: [&[f32]; 2],
        emissions: &mut Vec<f32>,
        take: Take<E>,
    ) -> std::result::Result<(), E> {
        for (layer, output) in self.outputs.iter().enumerate() {
            for (&sentence, length) in self.order[members.clone()].iter().zip(&self.lengths[members.clone()]) {
                let [a, b] = [&mut first, &mut second].map(|half| {
                    let (sums, rest) = half.split_at(length * output.columns());
                    *half = rest;
                    sums
                });
                output.combine(a, b, emissions, self.cancel)?;
                take(layer, sentence, emissions)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::kernels::Kernel;
    use crate::kernels::dense::Affine;
    use crate::kernels::simd::{on_each_kernel, test_seed};
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const INPUTS: usize = 7;
    const HIDDEN: usize = 5;

    struct Net {
        directions: [Direction; 2],
        outputs: [Output; 2],
    }

    /// A network with a layer of its own and one with a gate.
    fn network(draw: &mut impl FnMut(usize) -> Vec<f32>) -> Net {
        let kernel = Kernel::best();
        let directions = [false, true].map(|reverse| {
            let (w, u, b) = (draw(4 * HIDDEN * INPUTS), draw(4 * HIDDEN * HIDDEN), draw(8 * HIDDEN));
            Direction::new(kernel, INPUTS, HIDDEN, reverse, &w, &u, &b)
        });
        let outputs = [(4, false), (3, true)].map(|(labels, specific)| {
            let (weights, bias) = ([(); 3].map(|()| draw(labels * 2 * HIDDEN)), [(); 3].map(|()| draw(labels)));
            let [universal, own, gate] = [0, 1, 2].map(|i| Affine { weights: &weights[i], bias: &bias[i] });
            Output::new(kernel, labels, HIDDEN, universal, specific.then_some((own, gate)))
        });
        Net { directions, outputs }
    }

    /// The emissions of each layer and sentence, of pieces that are done in this order with the buffers of two threads.
    fn emissions(
        net: &Net,
        features: &[Vec<f32>],
        threads: usize,
        mix: impl FnOnce(&mut [usize]),
    ) -> Vec<Vec<Vec<f32>>> {
        let outputs = net.outputs.each_ref();
        let (lengths, cancel) = (features.iter().map(|rows| rows.len() / INPUTS), Cancel::new());
        let tiles = Tiles::new(&net.directions, &outputs, lengths, threads, &cancel);
        let mut found = vec![vec![Vec::new(); features.len()]; outputs.len()];
        let mut order: Vec<usize> = (0..tiles.pieces()).collect();
        mix(&mut order);
        let mut buffers = [(); 2].map(|()| Buffers::default());
        for piece in order {
            let mut fill =
                |p: Place, row: &mut [f32]| row.copy_from_slice(&features[p.sequence][p.token * INPUTS..][..INPUTS]);
            let mut take = |layer: usize, sentence: usize, emissions: &[f32]| -> Result<()> {
                assert!(std::mem::replace(&mut found[layer][sentence], emissions.to_vec()).is_empty());
                Ok(())
            };
            let buffers = &mut buffers[piece % 3 / 2];
            tiles.run(piece, buffers, &|_, _| None, &mut fill, &mut take).unwrap();
        }
        let halves = tiles.halves.into_inner().unwrap();
        assert!(halves.waiting.iter().all(Option::is_none));
        found
    }

    #[test]
    fn the_order_of_pieces_changes_no_bit() {
        let seed = test_seed();
        on_each_kernel(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect() };
            let net = network(&mut draw);
            let lengths = [3, 0, 41, 1, 12, 12, 2, 9, 5, 17, 1, 0, 30];
            let features: Vec<Vec<f32>> = lengths.iter().map(|length| draw(length * INPUTS)).collect();
            let alone: Vec<_> =
                features.iter().map(|rows| emissions(&net, std::slice::from_ref(rows), 1, |_| ())).collect();
            for (threads, layer, labels) in [1, 2, 4, 64].into_iter().flat_map(|t| [(t, 0, 4), (t, 1, 3)]) {
                let shuffled = emissions(&net, &features, threads, |order| order.shuffle(&mut rng));
                let in_order = emissions(&net, &features, threads, |_| ());
                for (sentence, length) in lengths.iter().enumerate() {
                    assert_eq!(shuffled[layer][sentence].len(), length * labels);
                    assert_eq!(shuffled[layer][sentence], alone[sentence][layer][0], "{threads} threads");
                    assert_eq!(in_order[layer][sentence], alone[sentence][layer][0], "{threads} threads");
                }
            }
        });
    }

    #[test]
    fn room_is_used_again_and_errors_end_a_piece() {
        let net = network(&mut |n| vec![0.5; n]);
        let outputs = net.outputs.each_ref();
        let (mut buffers, cancel) = (Buffers::default(), Cancel::new());
        let tiles = Tiles::new(&net.directions, &outputs, [3; 100], 1, &cancel);
        let mut run = |piece, take: Take<Error>| {
            tiles.run(piece, &mut buffers, &|_, _| None, &mut |_, row: &mut [f32]| row.fill(1.0), take)
        };
        let pieces = tiles.pieces();
        (0..pieces - 2).for_each(|piece| run(piece, &mut |_, _, _| Ok(())).unwrap());
        assert_eq!(tiles.lock().free.len(), 2, "what two directions need serves all tiles");
        run(pieces - 2, &mut |_, _, _| Ok(())).unwrap();
        let error = run(pieces - 1, &mut |_, _, _| Err(Error::new(ErrorKind::Input, "enough"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        cancel.cancel();
        assert_eq!(run(pieces - 2, &mut |_, _, _| Ok(())).unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
