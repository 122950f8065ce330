package mtl

// #include <mtl.h>
import "C"

import (
	"context"
	"fmt"
	"unsafe"
)

// Answered is an exercise and which of its words the learner got wrong, as [Align] tells.
type Answered struct {
	Exercise
	// Mistakes has one element a word.
	Mistakes []bool
}

// Learner is what was learnt of one learner: the state of their session, a few hundred bytes to be stored by
// MarshalBinary. It does not change, and belongs to the model that it was fitted to.
type Learner struct {
	user  string
	words uint64
	bytes []byte
}

// User is the learner: Exercise.User of those that are scored with it.
func (l *Learner) User() string { return l.user }

// Words is how many answered words it was fitted to, over all calls.
func (l *Learner) Words() uint64 { return l.words }

// MarshalBinary gives the bytes to store.
func (l *Learner) MarshalBinary() ([]byte, error) {
	return append([]byte(nil), l.bytes...), nil
}

// UnmarshalBinary reads what MarshalBinary gave; bytes of anything else are ErrInput.
func (l *Learner) UnmarshalBinary(data []byte) error {
	learner, err := loaded(data)
	if err != nil {
		return err
	}
	defer C.mtl_learner_free(learner)
	*l = *newLearner(learner)
	return nil
}

// WithLearners scores the exercises of these learners, no user twice, with what [Model.Adapt] has found of them.
func WithLearners(learners ...*Learner) ScoreOption {
	return scoreLearners(learners)
}

type scoreLearners []*Learner

func (scoreLearners) scoreOption() option { return option{} }

// Adapt fits a learner whom the model may never have seen to what they have answered, all of one user. A model that reads
// what was answered before wants the exercises in the order in which they were answered. prior, which may be
// nil, is what was found of them before: then history holds new answers only, and old ones go on counting. The model does
// not change. Adapt fails with ErrArgument for a model that is no scorer, a history of two users, or a prior of another
// user or model, with ErrCancelled or ErrDeadline when ctx ends, with ErrClosed after Close.
func (m *Model) Adapt(ctx context.Context, history []Answered, prior *Learner) (*Learner, error) {
	return m.learn(ctx, history, prior, false)
}

// Remember keeps what a learner has answered and fits nothing: for answers that the model was trained on with them. It
// fails with ErrArgument for a model that reads nothing of what was answered before; everything else is as with Adapt, which
// may go on from the learner.
func (m *Model) Remember(ctx context.Context, history []Answered, prior *Learner) (*Learner, error) {
	return m.learn(ctx, history, prior, true)
}

func (m *Model) learn(ctx context.Context, history []Answered, prior *Learner, remember bool) (*Learner, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	model, err := m.reference()
	if err != nil {
		return nil, err
	}
	defer release(model)
	list, err := newHistory(history)
	if err != nil {
		return nil, err
	}
	defer C.mtl_exercises_free(list)
	var before *C.mtl_learner
	if prior != nil {
		if before, err = loaded(prior.bytes); err != nil {
			return nil, err
		}
		defer C.mtl_learner_free(before)
	}
	var learner *C.mtl_learner
	err = call(ctx, func(cancel *C.mtl_cancel, e **C.mtl_error) C.mtl_status {
		if remember {
			return C.mtl_scorer_remember(model, list, before, cancel, &learner, e)
		}
		return C.mtl_scorer_adapt(model, list, before, cancel, &learner, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.mtl_learner_free(learner)
	return newLearner(learner), nil
}

// newHistory makes C's list of exercises and mistakes, which the caller frees.
func newHistory(history []Answered) (*C.mtl_exercises, error) {
	exercises := make([]Exercise, len(history))
	var mistakes []C.uint8_t
	for i, answered := range history {
		exercises[i] = answered.Exercise
		if len(answered.Mistakes) != len(answered.Words) {
			message := fmt.Sprintf("exercise %d has %d words and %d mistakes", i, len(answered.Words), len(answered.Mistakes))
			return nil, &Error{Code: ErrArgument, Message: message, Fault: message}
		}
		for _, mistake := range answered.Mistakes {
			label := C.uint8_t(0)
			if mistake {
				label = 1
			}
			mistakes = append(mistakes, label)
		}
	}
	list, err := newExercises(exercises)
	if err != nil {
		return nil, err
	}
	var e *C.mtl_error
	status := C.mtl_exercises_set_mistakes(list, unsafe.SliceData(mistakes), C.size_t(len(mistakes)), &e)
	if err := failure(status, &e); err != nil {
		C.mtl_exercises_free(list)
		return nil, err
	}
	return list, nil
}

// addLearners lets C's list of exercises know learners.
func addLearners(list *C.mtl_exercises, learners []*Learner) error {
	for _, learner := range learners {
		stored, err := loaded(learner.bytes)
		if err != nil {
			return err
		}
		var e *C.mtl_error
		err = failure(C.mtl_exercises_add_learner(list, stored, &e), &e)
		C.mtl_learner_free(stored)
		if err != nil {
			return err
		}
	}
	return nil
}

// loaded makes C's learner, which the caller frees.
func loaded(data []byte) (*C.mtl_learner, error) {
	var learner *C.mtl_learner
	var e *C.mtl_error
	status := C.mtl_learner_load(unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), &learner, &e)
	return learner, failure(status, &e)
}

// newLearner copies what C has into Go's memory.
func newLearner(from *C.mtl_learner) *Learner {
	var length, stored C.size_t
	user := C.mtl_learner_user(from, &length)
	bytes := C.mtl_learner_save(from, &stored)
	return &Learner{
		user:  C.GoStringN(user, C.int(length)),
		words: uint64(C.mtl_learner_words(from)),
		bytes: C.GoBytes(bytes, C.int(stored)),
	}
}
