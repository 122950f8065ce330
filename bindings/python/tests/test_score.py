"""Learners."""

import pickle

import libmtl
import pytest

WORDS = ["I", "drink", "the", "cold", "water"]


def exercise(user="someone", words=WORDS):
    return libmtl.Exercise(words, user=user, track="en_es", days=3.5, client="web", session="lesson", format="reverse_translate", time=8)


def test_every_word_has_a_probability(scorer):
    track = scorer.manifest["scorer"]["tracks"][0]
    one, empty = scorer.score([libmtl.Exercise(WORDS, user="a", track=track), libmtl.Exercise([""], track=track)])
    assert one.error is None and len(one.mistakes) == len(WORDS) and all(0 < p < 1 for p in one.mistakes)
    assert isinstance(empty.error, libmtl.InputError)
    calibrated = scorer.score([libmtl.Exercise(WORDS, user="a", track=track)], calibrated=True)[0]
    order = sorted(range(len(WORDS)), key=one.mistakes.__getitem__)
    assert order == sorted(range(len(WORDS)), key=calibrated.mistakes.__getitem__) and calibrated != one


def test_a_learner_is_fitted_kept_and_used(scorer):
    exercises = [exercise("new") for _ in range(20)]
    learner = scorer.adapt([(e, [False, True, False, False, True]) for e in exercises])
    assert learner.user == "new" and learner.words == 100 and learner.model == scorer.digest
    again = libmtl.Learner(bytes(learner))
    assert again == learner == pickle.loads(pickle.dumps(learner)) and "new" in repr(learner)
    before, after = scorer.score([exercise("new")])[0], scorer.score([exercise("new")], learners=[again])[0]
    assert sum(after.mistakes) > sum(before.mistakes)
    further = scorer.adapt([(exercise("new"), [False] * 5)], prior=learner)
    assert further.words == 105


def test_refusals(scorer):
    with pytest.raises(libmtl.InputError):
        libmtl.Learner(b"nothing")
    with pytest.raises(libmtl.ArgumentError, match="is a scorer"):
        scorer.tag(["a"])
    with pytest.raises(libmtl.Error):
        scorer.adapt([(exercise(), [True])])
    with pytest.raises(libmtl.ArgumentError):
        scorer.score([exercise()], learners=[scorer.adapt([(exercise("x"), [True] * 5)])] * 2)
    assert scorer.score([]) == []


def test_answers_are_aligned():
    found = libmtl.align(["I love my mother and my father."], ["I love mader and fhader"])[0]
    assert [word.mistake for word in found.words] == [False, False, True, True, False, True, True, False]
    assert found.word_error_rate == pytest.approx(4 / 7) and found.edits[2].kind == "delete" and found.edits[2].typed is None
    with pytest.raises(libmtl.ArgumentError, match="one answer for each"):
        libmtl.align(["a"], [])
    assert isinstance(libmtl.align(["a" * 10_000], ["b"])[0].error, libmtl.LimitError)
