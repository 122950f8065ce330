//! First states of the LSTM.

use super::*;
use crate::objectives::initial_state::InitialState;
use crate::objectives::settings::Context;

/// Learned first states are the LSTM's; those from words are tanh(W q + b) of the mean of the word vectors, and predict
/// the words of the sentence, each as often as any other.
#[test]
fn first_states_are_learned_or_come_from_words() {
    let _turn = fixture::turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "");
    let batch = batch(&run, 0);
    let before = flat(states(&run, 0, &batch).layer(1));
    let learned = settings::InitialState::default();
    let objective = InitialState::new(&learned, &mut setup(&mut run, "initial-state"));
    assert_eq!(flat(states(&run, 0, &batch).layer(1)), before, "it begins at zero, as without it");
    let _ = tch::no_grad(|| run.model.parameters.get_mut("lstm.fw.initial.c").unwrap().fill_(0.5));
    let after = states(&run, 0, &batch);
    assert_ne!(flat(&after.forward(1)), flat(&states_before(&before, 5)), "the cell state is not read");
    assert_eq!(flat(&after.backward(1)), flat(&Tensor::from_slice(&before).view([-1, 10]).narrow(1, 5, 5)));
    assert!(objective.loss(&seen(&run, 0, &batch, &after)).is_none(), "a learned state predicts nothing");
    assert!(run.model.names_of(0).contains(&"lstm.fw.initial.h".to_string()));

    let settings = settings::InitialState { state: Context::Words, vocabulary: 4, hidden: 2, ..learned };
    let objective = InitialState::new(&settings, &mut setup(&mut run, "initial-state"));
    let states = states(&run, 0, &batch);
    let words = run.model.words.index_select(0, &Tensor::from_slice(&batch.rows));
    let words = rows(&words.index_select(0, &Tensor::from_slice(&batch.row_index)));
    let mut expected = 0.0;
    for (b, targets) in [&[1usize, 3, 2][..], &[1, 0], &[3]].into_iter().enumerate() {
        let own: Vec<&Vec<f64>> = (0..targets.len()).map(|t| &words[batch.cell(b, t)]).collect();
        let mean: Vec<f64> = (0..4).map(|i| own.iter().map(|w| w[i]).sum::<f64>() / own.len() as f64).collect();
        let first = |direction: &str| affine(&run, &format!("lstm.{direction}.initial"), &mean)[..5].to_vec();
        let both: Vec<f64> = [first("fw"), first("bw")].concat().iter().map(|x| x.tanh()).collect();
        let hidden: Vec<f64> =
            affine(&run, "objective.initial-state.en.hidden", &both).iter().map(|x| x.tanh()).collect();
        let logits = affine(&run, "objective.initial-state.en.output", &hidden);
        expected += targets.iter().map(|&t| surprise(&logits, t)).sum::<f64>() / targets.len() as f64;
    }
    let found = objective.loss(&seen(&run, 0, &batch, &states)).unwrap().double_value(&[]);
    close(found, expected / 3.0);
}

/// The forward half of what a layer gave.
fn states_before(both: &[f32], hidden: i64) -> Tensor {
    Tensor::from_slice(both).view([-1, 2 * hidden]).narrow(1, 0, hidden)
}

/// They are tanh(W q + b), q the vector of the sentence's own language: nothing else of the network moves them.
#[test]
fn first_states_of_languages_and_tasks_are_their_own() {
    let _turn = fixture::turn();
    for (state, domains) in [(Context::Language, ["en", "da"]), (Context::Task, ["ner/en", "plain/da"])] {
        let folder = tempfile::tempdir().unwrap();
        let mut run = run(folder.path(), "");
        let settings = settings::InitialState { state, ..Default::default() };
        let objective = InitialState::new(&settings, &mut setup(&mut run, "initial-state"));
        for (task, domain) in domains.into_iter().enumerate() {
            let batch = batch(&run, task);
            let states = states(&run, task, &batch);
            let q: Vec<f64> = rows(&run.model.parameters[&format!("objective.initial-state.{domain}")]).remove(0);
            let first = |direction: &str| affine(&run, &format!("lstm.{direction}.initial"), &q)[..5].to_vec();
            let expected: Vec<f64> = [first("fw"), first("bw")].concat().iter().map(|x| x.tanh()).collect();
            for row in rows(states.initial.as_ref().unwrap()) {
                row.iter().zip(&expected).for_each(|(found, expected)| close(*found, *expected));
            }
            assert!(objective.loss(&seen(&run, task, &batch, &states)).is_none(), "it predicts nothing");
            let trained = run.model.names_of(task);
            for other in domains {
                let parameter = format!("objective.initial-state.{other}");
                assert_eq!(trained.contains(&parameter), other == domain, "a step of {domain} and {parameter}");
            }
        }
    }
}
