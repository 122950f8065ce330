//! What a scorer's manifest says of its network, and the files and tensors that follow from it (Hu 2020, section 3.2).

use super::limits::{self, at_most, malformed};
use crate::Result;
use serde::{Deserialize, Serialize};

/// A scorer's network and features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// The tracks (`en_es`), sorted; each has context encoders, words and characters of its own.
    pub tracks: Vec<String>,
    /// Sizes.
    pub architecture: ScorerArchitecture,
    /// How days become a number.
    pub days: Scaling,
    /// How seconds become a number.
    pub time: Scaling,
    /// The weight of mistakes in the loss, that of right words being 1 - alpha: it biases probabilities.
    pub alpha: f32,
}

/// Sizes of a scorer. Row 0 of every table but that of characters is the unknown entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScorerArchitecture {
    /// Width of every embedding.
    pub embedding: usize,
    /// Units of every LSTM per direction; the layers between encoders and decoder have twice as many.
    pub hidden: usize,
    /// Rows of the table of learners.
    pub users: usize,
    /// Rows of the table of countries.
    pub countries: usize,
    /// Rows of the table of clients.
    pub clients: usize,
    /// Rows of the table of sessions.
    pub sessions: usize,
    /// Rows of the table of formats.
    pub formats: usize,
    /// Rows of each track's word table.
    pub words: Vec<usize>,
    /// Width of word vectors; where absent, that of every embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_width: Option<usize>,
    /// Where word vectors come from.
    #[serde(default)]
    pub word_vectors: WordVectors,
    /// Rows of each track's character table, padding (0) and unknown (1) included.
    pub chars: Vec<usize>,
    /// Convolution widths, in the order of concatenation.
    pub char_widths: Vec<usize>,
    /// Filters per width.
    pub char_filters: usize,
    /// Convolutions of each width, on top of each other: 1 or 2.
    #[serde(default = "one")]
    pub char_convolutions: usize,
    /// What the LSTM over a word's characters says of it.
    #[serde(default)]
    pub char_summary: Summary,
    /// The context encoders, in the order of concatenation.
    pub encoders: Vec<Encoder>,
    /// Layers of the BiLSTM over word vectors, stacked within each direction.
    pub word_layers: usize,
    /// Layers of the BiLSTMs over character features.
    pub char_layers: usize,
    /// Whether tracks share the layer that joins the context encoders.
    pub context: Context,
    /// How the decoder joins context and learner.
    pub combine: Combine,
    /// Whether a learner has a number of their own that is added to every logit: an ability, as in Rasch's model.
    #[serde(default)]
    pub user_bias: bool,
    /// Whether the network reads what the learner has answered before, in the layer that joins the context encoders.
    #[serde(default)]
    pub history: bool,
}

/// Numbers that the network reads of a learner's answers so far, for each word.
pub const HISTORY: usize = 11;

fn one() -> usize {
    1
}

/// Where word vectors come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WordVectors {
    /// A table of each track, trained.
    #[default]
    Table,
    /// Whoever scores gives them, sentence by sentence; there is no table (the published code, whose encoder is ELMo).
    Given,
}

/// What an LSTM over characters says of a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summary {
    /// The mean of its outputs (the published code).
    #[default]
    Mean,
    /// Its output at the last character (the paper).
    Last,
}

/// Context encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoder {
    /// BiLSTM over word vectors.
    Word,
    /// BiLSTM over what an LSTM over a word's characters says of it.
    CharLstm,
    /// BiLSTM over convolutions of a word's characters.
    CharCnn,
}

/// Whose the layer is that joins the context encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// One for all tracks (the published code).
    Shared,
    /// One a track (the paper).
    Own,
}

/// How the decoder joins context and learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// Their product, element by element, and one layer (the published code).
    Product,
    /// Both side by side, and two layers (the paper).
    Concat,
    /// The context alone, and one layer: there is no meta encoder (the paper's ablation).
    None,
}

/// A number x becomes (f(x) - mean) * scale, x being held within 0..=limit; an unknown one becomes 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// f.
    pub transform: Transform,
    /// The largest number that is told apart.
    pub limit: f32,
    /// Mean of f(x) in training.
    pub mean: f32,
    /// One over the standard deviation of f(x) in training; 0 ignores the feature.
    pub scale: f32,
}

/// Functions of a raw number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// x.
    Raw,
    /// ln(1 + x).
    Log1p,
}

impl Scaling {
    /// What the network reads for `x`, `None` and NaN being unknown.
    pub fn apply(&self, x: Option<f64>) -> f32 {
        let Some(x) = x.filter(|x| !x.is_nan()) else { return 0.0 };
        let x = x.clamp(0.0, f64::from(self.limit));
        let value = match self.transform {
            Transform::Raw => x,
            Transform::Log1p => x.ln_1p(),
        };
        ((value - f64::from(self.mean)) * f64::from(self.scale)) as f32
    }

    fn check(&self) -> Result<()> {
        let finite = [("mean", self.mean), ("scale", self.scale)];
        if let Some((field, value)) = finite.iter().find(|(_, value)| !(-1e6..=1e6).contains(value)) {
            return Err(malformed(format!("{value}, where it must be in -1e6..=1e6")).at(field));
        }
        if !(self.limit > 0.0 && self.limit <= 1e6) {
            return Err(malformed(format!("{}, where it must be in (0, 1e6]", self.limit)).at("limit"));
        }
        Ok(())
    }
}

impl Scorer {
    /// Checks what its own fields say; an error names the field. `identifier` refuses what is no plain name.
    pub(super) fn check(&self, identifier: impl Fn(&str) -> Result<()>) -> Result<()> {
        at_most("tracks", self.tracks.len() as u64, limits::TRACKS as u64).map_err(|e| e.at("tracks"))?;
        if self.tracks.is_empty() {
            return Err(malformed("a scorer has at least one track").at("tracks"));
        }
        for (i, track) in self.tracks.iter().enumerate() {
            identifier(track).map_err(|e| e.at(format!("tracks[{i}]")))?;
            if i > 0 && *track <= self.tracks[i - 1] {
                return Err(malformed(format!("`{track}` is not sorted, or twice there")).at(format!("tracks[{i}]")));
            }
        }
        self.architecture.check(self.tracks.len()).map_err(|e| e.at("architecture"))?;
        self.days.check().map_err(|e| e.at("days"))?;
        self.time.check().map_err(|e| e.at("time"))?;
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(malformed(format!("{}, where it must be in (0, 1)", self.alpha)).at("alpha"));
        }
        Ok(())
    }

    /// Name and shape of every tensor. The manifest must have been checked.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let a = &self.architecture;
        let (e, h) = (a.embedding, a.hidden);
        let mut tensors = Tensors(Vec::new());
        if a.combine != Combine::None {
            for (name, rows) in a.ids() {
                tensors.push(format!("{name}.embedding"), &[rows, e]);
            }
            tensors.layer("meta.user", 2 * h, 2 * e + 1);
            tensors.layer("meta.exercise", 2 * h, 3 * e + 1);
            tensors.layer("meta.joint", 2 * h, 4 * h);
        }
        for (i, track) in self.tracks.iter().enumerate() {
            tensors.track(a, i, &format!("track.{track}"));
        }
        if a.context == Context::Shared {
            tensors.layer("context", 2 * h, a.context_inputs());
        }
        if a.combine == Combine::Concat {
            tensors.layer("decoder.hidden", 2 * h, 4 * h);
        }
        tensors.layer("decoder", 1, 2 * h);
        if a.user_bias {
            tensors.push("user.bias".into(), &[a.users]);
        }
        tensors.0
    }
}

struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    fn push(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.to_vec()));
    }

    fn layer(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.push(format!("{name}.weight"), &[outputs, inputs]);
        self.push(format!("{name}.bias"), &[outputs]);
    }

    fn lstm(&mut self, name: &str, directions: usize, inputs: usize, hidden: usize) {
        self.push(format!("{name}.weight_ih"), &[directions, 4 * hidden, inputs]);
        self.push(format!("{name}.weight_hh"), &[directions, 4 * hidden, hidden]);
        self.push(format!("{name}.bias"), &[directions, 8 * hidden]);
    }

    /// The tensors of the `index`-th track, whose names begin with `name`.
    fn track(&mut self, a: &ScorerArchitecture, index: usize, name: &str) {
        let (e, h) = (a.embedding, a.hidden);
        if a.encoders.contains(&Encoder::Word) && a.word_vectors == WordVectors::Table {
            self.push(format!("{name}.word.embedding"), &[a.words[index], a.inputs(Encoder::Word)]);
        }
        if a.reads_characters() {
            self.push(format!("{name}.char.embedding"), &[a.chars[index], e]);
        }
        for encoder in &a.encoders {
            match encoder {
                Encoder::Word => {}
                Encoder::CharLstm => self.lstm(&format!("{name}.char.lstm"), 1, e, h),
                Encoder::CharCnn => {
                    for &width in &a.char_widths {
                        self.push(format!("{name}.char.conv.{width}.weight"), &[a.char_filters, e, width]);
                        self.push(format!("{name}.char.conv.{width}.bias"), &[a.char_filters]);
                        if a.char_convolutions == 2 {
                            let second = format!("{name}.char.conv.{width}.second");
                            self.push(format!("{second}.weight"), &[a.char_filters, a.char_filters, width]);
                            self.push(format!("{second}.bias"), &[a.char_filters]);
                        }
                    }
                }
            }
            for layer in 0..a.layers(*encoder) {
                let inputs = if layer == 0 { a.inputs(*encoder) } else { h };
                self.lstm(&format!("{name}.{}.{layer}", encoder.name()), 2, inputs, h);
            }
        }
        if a.context == Context::Own {
            self.layer(&format!("{name}.context"), 2 * h, a.context_inputs());
        }
    }
}

impl Encoder {
    /// Its name in the manifest and in names of tensors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::CharLstm => "char_lstm",
            Self::CharCnn => "char_cnn",
        }
    }
}

impl ScorerArchitecture {
    /// Whether an encoder reads characters.
    pub fn reads_characters(&self) -> bool {
        self.encoders.iter().any(|&encoder| encoder != Encoder::Word)
    }

    /// Numbers that the encoders of characters make of a word, one beside the other.
    pub fn character_features(&self) -> usize {
        self.encoders.iter().filter(|&&encoder| encoder != Encoder::Word).map(|&encoder| self.inputs(encoder)).sum()
    }

    /// Layers of the BiLSTM of `encoder`.
    pub fn layers(&self, encoder: Encoder) -> usize {
        if encoder == Encoder::Word { self.word_layers } else { self.char_layers }
    }

    /// What the BiLSTM of `encoder` reads for a word: so many numbers.
    pub fn inputs(&self, encoder: Encoder) -> usize {
        match encoder {
            Encoder::Word => self.word_width.unwrap_or(self.embedding),
            Encoder::CharLstm => self.hidden,
            Encoder::CharCnn => self.char_filters * self.char_widths.len(),
        }
    }

    /// What the layer after the context encoders reads for a word: so many numbers.
    pub fn context_inputs(&self) -> usize {
        2 * self.hidden * self.encoders.len() + if self.history { HISTORY } else { 0 }
    }

    /// Whether anything is read of a word by itself, rather than of where it stands.
    pub fn reads_words(&self) -> bool {
        self.reads_characters() || self.given_width().is_none()
    }

    /// The width of the word vectors that whoever scores must give, if the model has none of its own.
    pub fn given_width(&self) -> Option<usize> {
        (self.word_vectors == WordVectors::Given).then(|| self.inputs(Encoder::Word))
    }

    /// The tables of ids: name and rows.
    fn ids(&self) -> [(&'static str, usize); 5] {
        [
            ("user", self.users),
            ("country", self.countries),
            ("client", self.clients),
            ("session", self.sessions),
            ("format", self.formats),
        ]
    }

    /// Characters that a word is padded to, if it has fewer: what the widest convolutions need.
    pub fn least_characters(&self) -> usize {
        self.char_widths.iter().map(|&width| self.span(width)).max().unwrap_or(1)
    }

    /// Characters that a response of the convolutions of `width` depends on.
    pub fn span(&self, width: usize) -> usize {
        self.char_convolutions * (width - 1) + 1
    }

    fn check(&self, tracks: usize) -> Result<()> {
        let sizes = [
            ("embedding", self.embedding, 1, limits::WORD_DIM),
            ("word_width", self.word_width.unwrap_or(1), 1, limits::WORD_DIM),
            ("hidden", self.hidden, 1, limits::HIDDEN),
            ("users", self.users, 1, limits::WORDS),
            ("countries", self.countries, 1, limits::WORDS),
            ("clients", self.clients, 1, limits::WORDS),
            ("sessions", self.sessions, 1, limits::WORDS),
            ("formats", self.formats, 1, limits::WORDS),
            ("char_filters", self.char_filters, 1, limits::CHAR_FILTERS),
            ("char_widths", self.char_widths.len(), 1, limits::CHAR_WIDTHS),
            ("char_convolutions", self.char_convolutions, 1, 2),
            ("encoders", self.encoders.len(), 1, 3),
            ("word_layers", self.word_layers, 1, limits::LSTM_LAYERS),
            ("char_layers", self.char_layers, 1, limits::LSTM_LAYERS),
        ];
        let rows = |field, rows: &[usize], least, most| {
            rows.iter().map(|&n| (field, n, least, most)).collect::<Vec<(&str, usize, usize, usize)>>()
        };
        let words = rows("words", &self.words, 1, limits::WORDS);
        let chars = rows("chars", &self.chars, 2, limits::CHARS);
        for (field, size, least, most) in sizes.into_iter().chain(words).chain(chars) {
            if size < least {
                return Err(malformed(format!("{size}, where at least {least} is needed")).at(field));
            }
            at_most("units", size as u64, most as u64).map_err(|e| e.at(field))?;
        }
        for (field, given) in [("words", self.words.len()), ("chars", self.chars.len())] {
            if given != tracks {
                return Err(malformed(format!("{given} sizes for {tracks} tracks")).at(field));
            }
        }
        if self.combine == Combine::None
            && let Some((name, rows)) = self.ids().into_iter().find(|(_, rows)| *rows != 1)
        {
            return Err(malformed(format!(
                "{rows} rows of the table {name}, where 1 is all that is left without a meta encoder"
            ))
            .at("combine"));
        }
        if self.word_vectors == WordVectors::Given
            && (!self.encoders.contains(&Encoder::Word) || self.words.iter().any(|&rows| rows != 1))
        {
            let message = "given ones need the encoder `word`, and leave 1 row of each track's table of words";
            return Err(malformed(message).at("word_vectors"));
        }
        if self.combine == Combine::None && self.user_bias {
            return Err(malformed("true, where there is no meta encoder that would read learners").at("user_bias"));
        }
        if self.combine == Combine::None && self.history {
            return Err(malformed("true, where there is no meta encoder that would read learners").at("history"));
        }
        if (1..self.encoders.len()).any(|i| self.encoders[..i].contains(&self.encoders[i])) {
            return Err(malformed("one of them is there twice").at("encoders"));
        }
        super::check::widths(&self.char_widths)?;
        // What the native engine tabulates of each character: far more than the file holds of it.
        let filters = self.char_widths.iter().sum::<usize>() as u64 * self.char_filters.next_multiple_of(8) as u64;
        let table =
            self.chars.iter().fold(0u64, |sum, &chars| sum.saturating_add(filters.saturating_mul(chars as u64)));
        at_most("responses of filters to characters", table, limits::CHAR_TABLE).map_err(|e| e.at("chars"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_within_bounds_and_unknown_ones_are_nothing() {
        let scaling = Scaling { transform: Transform::Log1p, limit: 100.0, mean: 1.0, scale: 2.0 };
        let expected = |x: f64| ((x.ln_1p() - 1.0) * 2.0) as f32;
        for (x, value) in [
            (Some(3.0), expected(3.0)),
            (Some(-5.0), expected(0.0)),
            (Some(1e30), expected(100.0)),
            (Some(f64::INFINITY), expected(100.0)),
            (Some(f64::NAN), 0.0),
            (None, 0.0),
        ] {
            assert_eq!(scaling.apply(x), value, "{x:?}");
        }
        assert_eq!(Scaling { transform: Transform::Raw, mean: 0.0, scale: 1.0, ..scaling }.apply(Some(7.5)), 7.5);
    }
}
