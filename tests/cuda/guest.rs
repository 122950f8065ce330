//! A network as the guest of another library: on its stream, over its memory, which on the stand-in is that of the process.

use crate::fake::Fake;
use crate::launch::{self, Model, REFUSALS, check_refusal, run};
use crate::{address, address_mut, draw, random};
use half::f16;
use libmtl::Result;
use libmtl::kernels::crf::Transitions;
use libmtl::kernels::cuda::{Architecture, Call, Guest, Request, Scores, Sizes, Tensors};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::ffi::c_void;

/// What a guest writes of a head; before it does, no number.
#[derive(Debug, Clone)]
struct Written {
    labels: Vec<i64>,
    scores: Vec<f32>,
    emissions: Vec<f32>,
}

impl PartialEq for Written {
    /// By their bits: there may be numbers that are none.
    fn eq(&self, other: &Self) -> bool {
        let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
        let all = |written: &Self| (written.labels.clone(), bits(&written.scores), bits(&written.emissions));
        all(self) == all(other)
    }
}

/// Padded sentences.
struct Sentences {
    words: Vec<f32>,
    tokens: Vec<i64>,
    lengths: Vec<usize>,
    time: usize,
}

impl Sentences {
    /// Some of these lengths, over a few words that occur again and again; behind a sentence's end stand other words.
    fn random(rng: &mut ChaCha8Rng, inputs: usize, lengths: Vec<usize>) -> Self {
        let (words, time) = (5, lengths.iter().max().unwrap() + rng.random_range(0..3));
        let tokens = (0..time * lengths.len()).map(|_| rng.random_range(0..words as i64)).collect();
        Self { words: draw(rng, words * inputs, 1.0), tokens, lengths, time }
    }

    /// The feature rows of all tokens, sentence after sentence.
    fn features(&self, inputs: usize) -> Vec<f32> {
        let batch = self.lengths.len();
        let of = |sentence: usize| (0..self.lengths[sentence]).map(move |t| self.tokens[t * batch + sentence] as usize);
        (0..batch).flat_map(of).flat_map(|word| self.words[word * inputs..][..inputs].to_vec()).collect()
    }

    /// What is not written yet, for a head of each of these numbers of labels.
    fn blank(&self, labels: &[usize]) -> Vec<Written> {
        let (batch, time) = (self.lengths.len(), self.time);
        let blank = |&labels: &usize| Written {
            labels: vec![i64::MIN; batch * time],
            scores: vec![f32::NAN; batch],
            emissions: vec![f32::NAN; batch * time * labels],
        };
        labels.iter().map(blank).collect()
    }

    /// Calls the guest for the heads 0, 1 and so on.
    fn call(&self, guest: &mut Guest, stream: *mut c_void, written: &mut [Written]) -> Result<()> {
        let tensors = |(head, written): (usize, &mut Written)| Tensors {
            head,
            labels: address_mut(&mut written.labels),
            scores: address_mut(&mut written.scores),
            emissions: address_mut(&mut written.emissions),
        };
        let tensors: Vec<Tensors> = written.iter_mut().enumerate().map(tensors).collect();
        let words = address(&self.words);
        let call = Call { stream, words, tokens: &self.tokens, lengths: &self.lengths, tensors: &tensors };
        // SAFETY: the stand-in's memory is the process's; all of it outlives the call's work, which the caller waits for.
        unsafe { guest.run(&call) }
    }

    /// Checks what was written of a head against what the network itself gives.
    fn check(&self, written: &Written, expected: &Scores, transitions: &Transitions) {
        let (labels, time, mut begin) = (transitions.labels, self.time, 0);
        for (sentence, &length) in self.lengths.iter().enumerate() {
            let (path, padding) = written.labels[sentence * time..][..time].split_at(length);
            let found: Vec<i64> = expected.path[begin..][..length].iter().map(|&label| label.into()).collect();
            assert!(path == found && padding.iter().all(|&label| label == 0), "sentence {sentence}");
            let (emissions, padding) =
                written.emissions[sentence * time * labels..][..time * labels].split_at(length * labels);
            assert!(emissions == &expected.emissions[begin * labels..][..length * labels], "sentence {sentence}");
            assert!(padding.iter().all(|value| value.to_bits() == 0), "sentence {sentence}");
            let score = score(transitions, emissions, path);
            let difference = (written.scores[sentence] - score).abs();
            assert!(difference <= 1e-4 * (1.0 + score.abs()), "{} instead of {score}", written.scores[sentence]);
            begin += length;
        }
    }
}

/// The score of a path; that of an empty one is 0.
fn score(transitions: &Transitions, emissions: &[f32], path: &[i64]) -> f32 {
    let (Some(&first), Some(&last)) = (path.first(), path.last()) else { return 0.0 };
    let labels = transitions.labels;
    let steps = path.windows(2).map(|pair| transitions.pairs[pair[1] as usize * labels + pair[0] as usize]);
    let states = path.iter().enumerate().map(|(t, &label)| emissions[t * labels + label as usize]);
    steps.chain(states).sum::<f32>() + transitions.start[first as usize] + transitions.end[last as usize]
}

/// A model of some sizes whose kernels the stand-in has, those of a guest included.
fn model(rng: &mut ChaCha8Rng, fake: &Fake, architecture: Architecture) -> Model {
    let model = launch::model(rng, fake, architecture);
    fake.provide_guest(model.sizes, &model.labels(), architecture);
    model
}

fn open(model: &Model, fake: &Fake) -> Result<Guest> {
    let mut kernels = fake.kernels()?;
    let network = model.load(&mut kernels)?;
    Guest::new(&mut kernels, network)
}

/// Calls of different sizes follow each other before the first is done; nothing is done on another stream, and nothing
/// before the stream comes to it.
#[test]
fn a_guest_writes_what_the_network_gives_on_the_stream_of_its_host() {
    let mut rng = random();
    for (architecture, capability) in [(Architecture::AMPERE, [8, 0]), (Architecture::HOPPER, [9, 0])] {
        let fake = Fake::new();
        fake.gpu(1, capability);
        let model = model(&mut rng, &fake, architecture);
        let (inputs, labels) = (model.sizes.inputs, model.labels());
        let (mut network, mut guest) = (model.open(&fake).unwrap(), open(&model, &fake).unwrap());
        let stream = fake.ask::<*mut c_void>("fake_provide");
        let mut calls: Vec<(Sentences, Vec<Written>)> = Vec::new();
        for sentences in [3, 40, 1, 9] {
            let lengths = (0..sentences).map(|i| if i == 2 { 0 } else { rng.random_range(1..=9) }).collect();
            let sentences = Sentences::random(&mut rng, inputs, lengths);
            let mut written = sentences.blank(&labels);
            let (blank, astray) = (written.clone(), fake.ask::<u32>("fake_astray"));
            fake.text("fake_launches");
            sentences.call(&mut guest, stream, &mut written).unwrap();
            let launches = fake.text("fake_launches");
            let names: Vec<&str> = launches.lines().map(|line| line.split(' ').next().unwrap()).collect();
            assert_eq!(names, ["gather", "project", "bilstm", "crf", "pad", "crf", "pad"], "{launches}");
            assert_eq!((fake.ask::<u32>("fake_astray"), fake.ask::<u32>("fake_waiting")), (astray, 8), "the stream");
            assert!(written == blank, "the GPU was waited for");
            calls.push((sentences, written));
        }
        fake.ask::<()>("fake_finish");
        for (sentences, written) in &calls {
            let requests = [0, 1].map(|head| Request { head, path: true, marginals: None });
            let features = sentences.features(inputs);
            let expected = run(&mut network, inputs, &sentences.lengths, &features, &requests).unwrap();
            for ((written, expected), transitions) in written.iter().zip(&expected).zip(&model.transitions) {
                sentences.check(written, expected, transitions);
            }
        }
        drop((network, guest));
        fake.ask::<()>("fake_leave");
        fake.check();
    }
}

#[test]
fn sentences_without_tokens_and_no_sentences_are_calls_too() {
    let mut rng = random();
    let fake = Fake::new();
    let model = model(&mut rng, &fake, Architecture::HOPPER);
    let (mut guest, stream) = (open(&model, &fake).unwrap(), fake.ask::<*mut c_void>("fake_provide"));
    let mut sentences = Sentences::random(&mut rng, model.sizes.inputs, vec![0, 0]);
    (sentences.time, sentences.tokens) = (2, vec![0; 4]);
    let mut written = sentences.blank(&model.labels());
    sentences.call(&mut guest, stream, &mut written).unwrap();
    fake.ask::<()>("fake_finish");
    for written in &written {
        assert!(written.labels.iter().all(|&label| label == 0) && written.scores == [0.0; 2], "{written:?}");
        assert!(written.emissions.iter().all(|&value| value == 0.0), "{written:?}");
    }
    let none = Sentences { words: Vec::new(), tokens: Vec::new(), lengths: Vec::new(), time: 0 };
    none.call(&mut guest, stream, &mut []).unwrap();
    assert_eq!(fake.ask::<u32>("fake_waiting"), 0);
    drop(guest);
    fake.ask::<()>("fake_leave");
    fake.check();
}

/// A word that is no number spoils its sentence, which says so, and no other.
#[test]
fn emissions_that_are_not_finite_have_no_labels() {
    let mut rng = random();
    let fake = Fake::new();
    let model = model(&mut rng, &fake, Architecture::HOPPER);
    let (mut guest, stream) = (open(&model, &fake).unwrap(), fake.ask::<*mut c_void>("fake_provide"));
    let mut sentences = Sentences::random(&mut rng, model.sizes.inputs, vec![3, 2, 4]);
    let mut call = |sentences: &Sentences| {
        let mut written = sentences.blank(&model.labels());
        sentences.call(&mut guest, stream, &mut written).unwrap();
        fake.ask::<()>("fake_finish");
        written
    };
    sentences.tokens.iter_mut().for_each(|token| *token = 1 + *token % 4);
    let good = call(&sentences);
    // The second token of the second sentence.
    sentences.tokens[4] = 0;
    sentences.words[0] = f32::NAN;
    let (time, spoilt) = (sentences.time, call(&sentences));
    for (good, spoilt) in good.iter().zip(&spoilt) {
        assert_eq!(spoilt.labels[time..][..time], [vec![-1; 2], vec![0; time - 2]].concat());
        assert!(spoilt.scores[1].is_nan());
        let others = |written: &Written| [&written.labels[..time], &written.labels[2 * time..]].concat();
        assert_eq!((others(spoilt), spoilt.scores[2]), (others(good), good.scores[2]));
    }
    drop(guest);
    fake.ask::<()>("fake_leave");
    fake.check();
}

/// Each call of each function, one after the other: first while the guest is opened, then while it runs.
#[test]
fn whatever_the_driver_refuses_a_guest_is_an_error_and_the_next_call_works() {
    let mut rng = random();
    let fake = Fake::new();
    // Small, as it runs some hundred times.
    let model = Model::random(&mut rng, Sizes::new(2, 3, 1, Architecture::HOPPER).unwrap(), &[2, 2]);
    model.provide(&fake, Architecture::HOPPER);
    fake.provide_guest(model.sizes, &model.labels(), Architecture::HOPPER);
    let stream = fake.ask::<*mut c_void>("fake_provide");
    let sentences = Sentences::random(&mut rng, 2, vec![1, 2]);
    let call = |guest: &mut Guest| {
        let mut written = sentences.blank(&[2, 2]);
        sentences.call(guest, stream, &mut written).inspect_err(|_| {
            assert_eq!(fake.ask::<u32>("fake_waiting"), 0, "an error leaves work in the stream");
        })?;
        fake.ask::<()>("fake_finish");
        Ok(written)
    };
    let expected = call(&mut open(&model, &fake).unwrap()).unwrap();
    for (function, result) in REFUSALS.into_iter().filter(|(function, _)| *function != "cuMemcpyDtoHAsync_v2") {
        let (mut opening, mut running) = (0, 0);
        let mut guest = loop {
            fake.fail(function, opening, result);
            match open(&model, &fake) {
                Ok(guest) => break guest,
                Err(error) => check_refusal(function, result, &error),
            }
            opening += 1;
        };
        loop {
            let before = fake.calls(function);
            fake.fail(function, running, result);
            let found = call(&mut guest);
            fake.fail(function, 0, 0);
            match found {
                Ok(found) => {
                    assert!(found == expected);
                    assert!(fake.calls(function) - before <= running, "{function} failed unnoticed");
                    break;
                }
                Err(error) => check_refusal(function, result, &error),
            }
            assert!(call(&mut guest).unwrap() == expected, "{function}");
            // A new one has no memory of calls, and asks for all of it.
            guest = open(&model, &fake).unwrap();
            running += 1;
        }
        println!("{function}: {opening} failures at opening, {running} of a call");
        assert!(opening + running > 0, "{function} is never called");
        drop(guest);
        assert_eq!((fake.text("fake_faults"), fake.ask::<u32>("fake_live")), (String::new(), 2), "{function}");
    }
    fake.ask::<()>("fake_leave");
    fake.check();
}

/// The rows of words are rounded as those of the engine are.
#[test]
fn features_are_rounded_to_halves() {
    let mut rng = random();
    let fake = Fake::new();
    let model = model(&mut rng, &fake, Architecture::HOPPER);
    let (inputs, labels) = (model.sizes.inputs, model.labels());
    let (mut network, mut guest) = (model.open(&fake).unwrap(), open(&model, &fake).unwrap());
    let stream = fake.ask::<*mut c_void>("fake_provide");
    let mut sentences = Sentences::random(&mut rng, inputs, vec![4, 7]);
    sentences.words.iter_mut().for_each(|value| *value = rng.random_range(-1.0..1.0));
    assert!(sentences.words.iter().any(|&value| f16::from_f32(value).to_f32() != value));
    let mut written = sentences.blank(&labels);
    sentences.call(&mut guest, stream, &mut written).unwrap();
    fake.ask::<()>("fake_finish");
    let request = Request { head: 0, path: true, marginals: None };
    let features = sentences.features(inputs);
    let expected = run(&mut network, inputs, &sentences.lengths, &features, &[request]).unwrap();
    sentences.check(&written[0], &expected[0], &model.transitions[0]);
    drop((network, guest));
    fake.ask::<()>("fake_leave");
    fake.check();
}
