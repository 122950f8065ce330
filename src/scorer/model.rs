//! The scorer's weights, packed for the kernels.

use crate::Result;
use crate::bundle::Bundle;
use crate::bundle::manifest::{Combine, Context, Encoder, Scorer as Settings, ScorerArchitecture as Sizes};
use crate::kernels::Kernel;
use crate::kernels::charcnn::{CharCnn, Filters};
use crate::kernels::dense::{Affine, Dense};
use crate::kernels::lstm::Direction;
use half::slice::HalfFloatSliceExt;

/// Every weight but the tables of rows, which stay in the bundle.
#[derive(Debug)]
pub(super) struct Model {
    /// Who does the exercise, and how; `None` where the context alone decides.
    pub meta: Option<Meta>,
    /// One a track.
    pub tracks: Vec<Track>,
    /// One for all tracks, or one a track.
    context: Vec<Dense>,
    pub decoder: Decoder,
}

/// The meta encoder.
#[derive(Debug)]
pub(super) struct Meta {
    /// Over learner, country and days.
    pub user: Dense,
    /// Over client, session, format and time.
    pub exercise: Dense,
    /// Over both.
    pub joint: Dense,
}

/// What a track has of its own.
#[derive(Debug)]
pub(super) struct Track {
    /// The word table's tensor.
    pub word_table: String,
    /// The character table, `[rows, embedding]`; empty where no LSTM reads it.
    pub chars: Vec<f32>,
    /// Over a word's characters.
    pub char_lstm: Option<Direction>,
    /// Over a word's characters.
    pub char_cnn: Option<CharCnn>,
    /// For each encoder, for each direction, the layers from the words up.
    pub encoders: Vec<[Vec<Direction>; 2]>,
}

/// From context and learner to a logit.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Over both side by side; without it, they are multiplied if there are two.
    pub hidden: Option<Dense>,
    pub last: Dense,
}

/// Where weights come from, and what they are packed for.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub bundle: &'a Bundle,
    pub kernel: Kernel,
}

impl Model {
    pub fn open(from: Source, settings: &Settings) -> Result<Self> {
        let sizes = &settings.architecture;
        let h = sizes.hidden;
        let inputs = sizes.context_inputs();
        let context = match sizes.context {
            Context::Shared => vec![dense(from, "context", 2 * h, inputs)?],
            Context::Own => {
                let own = |track: &String| dense(from, &format!("track.{track}.context"), 2 * h, inputs);
                settings.tracks.iter().map(own).collect::<Result<_>>()?
            }
        };
        let hidden = match sizes.combine {
            Combine::Product | Combine::None => None,
            Combine::Concat => Some(dense(from, "decoder.hidden", 2 * h, 4 * h)?),
        };
        Ok(Self {
            meta: (sizes.combine != Combine::None).then(|| Meta::open(from, sizes)).transpose()?,
            tracks: settings.tracks.iter().map(|track| Track::open(from, sizes, track)).collect::<Result<_>>()?,
            context,
            decoder: Decoder { hidden, last: dense(from, "decoder", 1, 2 * h)? },
        })
    }

    /// The layer that joins the context encoders of a track.
    pub fn context(&self, track: usize) -> &Dense {
        &self.context[track.min(self.context.len() - 1)]
    }
}

impl Meta {
    fn open(from: Source, sizes: &Sizes) -> Result<Self> {
        let (e, h) = (sizes.embedding, sizes.hidden);
        Ok(Self {
            user: dense(from, "meta.user", 2 * h, 2 * e + 1)?,
            exercise: dense(from, "meta.exercise", 2 * h, 3 * e + 1)?,
            joint: dense(from, "meta.joint", 2 * h, 4 * h)?,
        })
    }
}

impl Track {
    fn open(from: Source, sizes: &Sizes, track: &str) -> Result<Self> {
        let name = format!("track.{track}");
        let (e, h) = (sizes.embedding, sizes.hidden);
        let has = |encoder| sizes.encoders.contains(&encoder);
        let chars = match sizes.reads_characters() {
            true => read(from, &format!("{name}.char.embedding"))?,
            false => Vec::new(),
        };
        let char_lstm = match has(Encoder::CharLstm) {
            true => Some(directions(from, &format!("{name}.char.lstm"), e, h, 1)?.remove(0)),
            false => None,
        };
        let char_cnn = match has(Encoder::CharCnn) {
            true => Some(char_cnn(from, sizes, &name, &chars)?),
            false => None,
        };
        let encoders = sizes.encoders.iter().map(|&encoder| {
            let mut stacks = [Vec::new(), Vec::new()];
            for layer in 0..sizes.layers(encoder) {
                let inputs = if layer == 0 { sizes.inputs(encoder) } else { h };
                let layer = directions(from, &format!("{name}.{}.{layer}", encoder.name()), inputs, h, 2)?;
                stacks.iter_mut().zip(layer).for_each(|(stack, direction)| stack.push(direction));
            }
            Ok(stacks)
        });
        let encoders = encoders.collect::<Result<_>>()?;
        Ok(Self { word_table: format!("{name}.word.embedding"), chars, char_lstm, char_cnn, encoders })
    }
}

fn char_cnn(from: Source, sizes: &Sizes, name: &str, chars: &[f32]) -> Result<CharCnn> {
    let layer = |name: String| -> Result<[Vec<f32>; 2]> {
        Ok([read(from, &format!("{name}.weight"))?, read(from, &format!("{name}.bias"))?])
    };
    let layers = sizes.char_widths.iter().map(|&width| {
        let first = format!("{name}.char.conv.{width}");
        let second = (sizes.char_convolutions == 2).then(|| layer(format!("{first}.second"))).transpose()?;
        Ok((width, layer(first)?, second))
    });
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let filters = layers.iter().map(|(width, [weights, bias], second)| {
        let second = second.as_ref().map(|[weights, bias]| Affine { weights, bias });
        Filters { width: *width, weights, bias, second }
    });
    CharCnn::new(from.kernel, chars, sizes.embedding, sizes.char_filters, &filters.collect::<Vec<_>>())
}

/// The values of a tensor, in single precision.
fn read(from: Source, name: &str) -> Result<Vec<f32>> {
    Ok(from.bundle.tensor(name)?.data.to_f32_vec())
}

fn dense(from: Source, name: &str, outputs: usize, inputs: usize) -> Result<Dense> {
    let (weights, bias) = (read(from, &format!("{name}.weight"))?, read(from, &format!("{name}.bias"))?);
    let row = |output: usize| {
        let row = &weights[output * inputs..][..inputs];
        move |input: usize| row[input]
    };
    Ok(Dense::new(from.kernel, outputs, inputs, row, |output| bias[output]))
}

/// The `count` directions of an LSTM layer; the second one runs backward.
fn directions(from: Source, name: &str, inputs: usize, hidden: usize, count: usize) -> Result<Vec<Direction>> {
    let [input, recurrent, bias] = ["weight_ih", "weight_hh", "bias"].map(|part| read(from, &format!("{name}.{part}")));
    let (input, recurrent, bias) = (input?, recurrent?, bias?);
    let part = |values: &[f32], i: usize| {
        let size = values.len() / count;
        values[i * size..(i + 1) * size].to_vec()
    };
    let direction = |i| {
        Direction::new(from.kernel, inputs, hidden, i == 1, &part(&input, i), &part(&recurrent, i), &part(&bias, i))
    };
    Ok((0..count).map(direction).collect())
}
