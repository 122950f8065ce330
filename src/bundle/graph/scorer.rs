//! The scorer's graph: what tracks share, and a logit a word for each track (Hu 2020, section 3.2).

use super::{Builder, Extent, Port, data_type, int, ints};
use crate::bundle::manifest::{Combine, Context, Encoder, HISTORY, Scorer, ScorerArchitecture};

/// The inputs that hold rows of the tables of ids.
pub const ID_INPUTS: [&str; 5] = ["user", "country", "client", "session", "format"];

/// The output that holds the logits of a track's words.
pub fn logits_name(track: &str) -> String {
    format!("logits.{track}")
}

pub(super) fn inputs(scorer: &Scorer) -> Vec<Port> {
    use Extent::{Fixed, Named};
    let a = &scorer.architecture;
    let has = |encoder| a.encoders.contains(&encoder);
    let [words, chars, batch] = ["words", "chars", "batch"].map(Named);
    let mut ports = Vec::new();
    if a.reads_words() {
        ports.push(Port::new("tokens", data_type::INT64, &[Named("time"), batch]));
    }
    ports.push(Port::new("lengths", data_type::INT32, &[batch]));
    if let Some(width) = a.given_width() {
        ports.push(Port::new("word_vectors", data_type::FLOAT, &[Named("time"), batch, Fixed(width)]));
    }
    if a.history {
        ports.push(Port::new("history", data_type::FLOAT, &[Named("time"), batch, Fixed(HISTORY)]));
    }
    if a.combine != Combine::None {
        ports.extend(ID_INPUTS.map(|id| Port::new(id, data_type::INT64, &[batch])));
        ports.push(Port::new("learner", data_type::FLOAT, &[batch, Fixed(a.embedding)]));
        ports.extend(["days", "seconds"].map(|number| Port::new(number, data_type::FLOAT, &[batch, Fixed(1)])));
    }
    if has(Encoder::Word) && a.given_width().is_none() {
        ports.push(Port::new("word_rows", data_type::INT64, &[words]));
    }
    if a.reads_characters() {
        ports.push(Port::new("chars", data_type::INT64, &[words, chars]));
    }
    if has(Encoder::CharLstm) {
        ports.push(Port::new("char_shares", data_type::FLOAT, &[words, chars]));
    }
    if has(Encoder::CharCnn) {
        ports.push(Port::new("char_lengths", data_type::INT64, &[words]));
    }
    ports
}

pub(super) fn outputs(scorer: &Scorer) -> Vec<Port> {
    let dims = [Extent::Named("batch"), Extent::Named("time")];
    scorer.tracks.iter().map(|track| Port::new(logits_name(track), data_type::FLOAT, &dims)).collect()
}

/// What the layers of every track read.
struct Shared<'a> {
    scorer: &'a Scorer,
    /// The learner's side of the decoder, `[batch, 1, 2 hidden]`, where there is one.
    learner: Option<String>,
    /// What is added to the learner's logits, `[batch, 1]`, where there is something.
    user_bias: Option<String>,
    /// What the learner's answers say, `[batch, time, HISTORY]`, where it is read.
    history: Option<String>,
    /// Weight and bias of the layer that joins the context encoders, where tracks share it.
    context: Option<[String; 2]>,
    /// The context's columns of the decoder's hidden layer, where there is one.
    hidden: Option<String>,
    /// Weight and bias of the decoder's last layer.
    last: [String; 2],
}

impl Builder<'_> {
    /// Adds the nodes of a scorer.
    pub(super) fn scorer(&mut self, scorer: &Scorer) {
        let a = &scorer.architecture;
        let (learner, hidden) = match a.combine {
            Combine::None => (None, None),
            Combine::Product => (Some(self.meta()), None),
            Combine::Concat => {
                let meta = self.meta();
                let [learner, context] = self.hidden_layer(&meta);
                (Some(learner), Some(context))
            }
        };
        let shared = Shared {
            scorer,
            learner: learner.map(|learner| {
                let middle = self.constant("meta/middle", ints("value_ints", &[1]));
                self.node("Unsqueeze", &[&learner, &middle], "meta/learner", vec![])
            }),
            user_bias: a.user_bias.then(|| {
                let bias = self.rows("user.bias", "user", "user/bias");
                let last = self.constant("user/bias_axis", ints("value_ints", &[1]));
                self.node("Unsqueeze", &[&bias, &last], "user/bias_column", vec![])
            }),
            history: a
                .history
                .then(|| self.node("Transpose", &["history"], "history/by_exercise", vec![ints("perm", &[1, 0, 2])])),
            context: (a.context == Context::Shared).then(|| self.layer("context")),
            hidden,
            last: self.layer("decoder"),
        };
        for track in &scorer.tracks {
            self.track(&shared, track);
        }
    }

    /// `[batch, 2 hidden]`: who does the exercise, and how.
    fn meta(&mut self) -> String {
        let user = self.rows("user.embedding", "user", "user/row");
        let user = self.node("Add", &[&user, "learner"], "user/adapted", vec![]);
        let country = self.rows("country.embedding", "country", "country/row");
        let user = self.joined(&[&user, &country, "days"], "meta.user", "Tanh");
        let setting =
            ["client", "session", "format"].map(|id| self.rows(&format!("{id}.embedding"), id, &format!("{id}/row")));
        let [client, session, format] = setting.each_ref().map(String::as_str);
        let exercise = self.joined(&[client, session, format, "seconds"], "meta.exercise", "Tanh");
        self.joined(&[&user, &exercise], "meta.joint", "Sigmoid")
    }

    /// Rows side by side, a layer and its activation.
    fn joined(&mut self, parts: &[&str], layer: &str, activation: &str) -> String {
        let inputs = self.node("Concat", parts, &format!("{layer}/input"), vec![int("axis", 1)]);
        let sums = self.affine(layer, &inputs, &format!("{layer}/affine"));
        self.node(activation, &[&sums], &format!("{layer}/output"), vec![])
    }

    /// The decoder's hidden layer over [context; meta] in two halves, so that meta need not be repeated for each word:
    /// meta's, applied, and the context's columns of the weight.
    fn hidden_layer(&mut self, meta: &str) -> [String; 2] {
        let [weight, bias] = self.layer("decoder.hidden");
        let shape = self.constant("decoder/halves_shape", ints("value_ints", &[0, 2, -1]));
        let halves = self.node("Reshape", &[&weight, &shape], "decoder/halves", vec![]);
        let [context, learner] = [("context", 0), ("learner", 1)].map(|(half, place)| {
            let place = self.constant(&format!("decoder/{half}_place"), int("value_int", place));
            self.node("Gather", &[&halves, &place], &format!("decoder/{half}_weight"), vec![int("axis", 1)])
        });
        let learner = self.node("Gemm", &[meta, &learner, &bias], "decoder/learner", vec![int("transB", 1)]);
        [learner, context]
    }

    /// `logits.{track}`.
    fn track(&mut self, shared: &Shared, track: &str) {
        let a = &shared.scorer.architecture;
        let at = format!("track.{track}");
        let characters = a.reads_characters().then(|| {
            let table = format!("{at}.char.embedding");
            self.rows(&table, "chars", &format!("{at}/char/rows"))
        });
        let characters = characters.unwrap_or_default();
        let encoders: Vec<String> =
            a.encoders.iter().map(|&encoder| self.context_encoder(a, encoder, &characters, &at)).collect();
        let encoders: Vec<&str> = encoders.iter().chain(&shared.history).map(String::as_str).collect();
        let encoded = self.node("Concat", &encoders, &format!("{at}/encoded"), vec![int("axis", 2)]);
        let [weight, bias] = shared.context.clone().unwrap_or_else(|| self.layer(&format!("{at}.context")));
        let perm = || vec![ints("perm", &[1, 0])];
        let sums = self.project(&encoded, &weight, &bias, perm(), &format!("{at}/context_affine"));
        let context = self.node("Sigmoid", &[&sums], &format!("{at}/context"), vec![]);
        let joined = match (&shared.learner, &shared.hidden) {
            (None, _) => context,
            (Some(learner), None) => self.node("Mul", &[&context, learner], &format!("{at}/joined"), vec![]),
            (Some(learner), Some(weight)) => {
                let sums = self.project(&context, weight, learner, perm(), &format!("{at}/hidden_affine"));
                self.node("Tanh", &[&sums], &format!("{at}/joined"), vec![])
            }
        };
        let logits = self.project(&joined, &shared.last[0], &shared.last[1], perm(), &format!("{at}/decoder"));
        let shape = self.constant(&format!("{at}/shape"), ints("value_ints", &[0, -1]));
        match &shared.user_bias {
            None => self.node("Reshape", &[&logits, &shape], &logits_name(track), vec![]),
            Some(bias) => {
                let own = self.node("Reshape", &[&logits, &shape], &format!("{at}/own_logits"), vec![]);
                self.node("Add", &[&own, bias], &logits_name(track), vec![])
            }
        };
    }

    /// `[batch, time, 2 hidden]`: an encoder's features of each distinct word, and the BiLSTM over them.
    fn context_encoder(&mut self, a: &ScorerArchitecture, encoder: Encoder, characters: &str, at: &str) -> String {
        let features = match encoder {
            Encoder::Word if a.given_width().is_some() => None,
            Encoder::Word => Some(self.rows(&format!("{at}.word.embedding"), "word_rows", &format!("{at}/word/rows"))),
            Encoder::CharLstm => Some(self.char_lstm(a.hidden, characters, at)),
            Encoder::CharCnn => {
                let convolutions = (&a.char_widths[..], a.char_convolutions);
                Some(self.char_cnn(characters, convolutions, &format!("{at}/char"), &format!("{at}.char.conv")))
            }
        };
        let name = format!("{at}/{}", encoder.name());
        let steps = match features {
            None => "word_vectors".to_string(),
            Some(words) => self.node("Gather", &[&words, "tokens"], &format!("{name}/input"), vec![int("axis", 0)]),
        };
        let states = self.stack(&steps, &format!("{at}.{}", encoder.name()), a.layers(encoder), a.hidden, &name);
        self.by_sentence(&states, &name)
    }

    /// `[words, hidden]`: an LSTM's outputs over each word's characters, by their shares, which sum to one.
    fn char_lstm(&mut self, hidden: usize, characters: &str, at: &str) -> String {
        let name = format!("{at}/char_lstm/chars");
        let steps = self.node("Transpose", &[characters], &format!("{name}/steps"), vec![ints("perm", &[1, 0, 2])]);
        let weights = self.lstm_weights(&format!("{at}.char.lstm"));
        // What comes after the end of a word does not reach its states, and has no share.
        let states = self.lstm(&steps, &weights, ("forward", hidden), None, &format!("{name}/states"));
        let states = self.node("Transpose", &[&states], &format!("{name}/by_word"), vec![ints("perm", &[2, 1, 0, 3])]);
        let axes = self.constant(&format!("{name}/axes"), ints("value_ints", &[1, 2]));
        let shares = self.node("Unsqueeze", &["char_shares", &axes], &format!("{name}/shares"), vec![]);
        let mean = self.node("MatMul", &[&shares, &states], &format!("{name}/sum"), vec![]);
        let shape = self.constant(&format!("{name}/shape"), ints("value_ints", &[0, -1]));
        self.node("Reshape", &[&mean, &shape], &format!("{name}/mean"), vec![])
    }

    /// `[time, 2, batch, hidden]`: a BiLSTM whose layers are stacked within each direction.
    fn stack(&mut self, steps: &str, tensor: &str, layers: usize, hidden: usize, at: &str) -> String {
        let weights = self.lstm_weights(&format!("{tensor}.0"));
        let first = self.lstm(steps, &weights, ("bidirectional", hidden), Some("lengths"), &format!("{at}/states"));
        if layers == 1 {
            return first;
        }
        let above: Vec<[String; 3]> = (1..layers).map(|i| self.lstm_weights(&format!("{tensor}.{i}"))).collect();
        let directions = [("forward", 0), ("reverse", 1)].map(|(direction, index)| {
            let at = format!("{at}/{direction}");
            let place = self.constant(&format!("{at}/place"), int("value_int", index));
            let row = self.constant(&format!("{at}/row"), ints("value_ints", &[index]));
            let only = self.constant(&format!("{at}/only"), int("value_int", 0));
            let mut states = self.node("Gather", &[&first, &place], &format!("{at}/0"), vec![int("axis", 1)]);
            for (layer, weights) in above.iter().enumerate() {
                let at = format!("{at}/{}", layer + 1);
                if layer > 0 {
                    states = self.node("Gather", &[&states, &only], &format!("{at}/below"), vec![int("axis", 1)]);
                }
                let own = weights.each_ref().map(|weight| {
                    self.node("Gather", &[weight, &row], &format!("{at}/{weight}"), vec![int("axis", 0)])
                });
                states = self.lstm(&states, &own, (direction, hidden), Some("lengths"), &format!("{at}/states"));
            }
            states
        });
        let [forward, backward] = directions.each_ref().map(String::as_str);
        self.node("Concat", &[forward, backward], &format!("{at}/both"), vec![int("axis", 1)])
    }

    /// Weight and bias of a layer, in 32 bits.
    fn layer(&mut self, name: &str) -> [String; 2] {
        ["weight", "bias"].map(|part| self.float(&format!("{name}.{part}")))
    }
}
