package mtl

// #include <mtl.h>
import "C"

import (
	"context"
	"math"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// Exercise is an exercise before the learner has answered it. What is not known is left zero.
type Exercise struct {
	// Track is the language learnt and the language known, such as "en_es"; not needed where the model has one.
	Track string
	// User is the learner.
	User string
	// Countries are those that the learner was seen in, the first one first.
	Countries []string
	// Days since the learner began, fractions included.
	Days float64
	// Client is "web", "ios", "android"; Session "lesson", "practice", "test"; Format "reverse_translate", "reverse_tap",
	// "listen".
	Client, Session, Format string
	// Time is how long the learner took.
	Time time.Duration
	// Words are those of the right answer.
	Words []string
}

// Scored is what a model expects of an exercise.
type Scored struct {
	// Err is why the exercise could not be scored, an [*Error]; nil where it was.
	Err error
	// Mistakes are P(the learner gets the word wrong), one a word.
	Mistakes []float32
}

// Score predicts how probable it is that learners get the words of exercises wrong. It gives one [Scored] for each, in
// order; an exercise that is at fault has an error of its own there. A learner or a word that the model does not know is
// none. Score itself fails with ErrArgument for an unknown option or a model that is no scorer, with ErrCancelled or
// ErrDeadline when ctx ends, with ErrClosed after Close.
func (m *Model) Score(ctx context.Context, exercises []Exercise, given ...ScoreOption) ([]Scored, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	model, err := m.reference()
	if err != nil {
		return nil, err
	}
	defer release(model)
	var named []option
	var learners []*Learner
	for _, given := range given {
		if found, ok := given.(scoreLearners); ok {
			learners = append(learners, found...)
		} else {
			named = append(named, given.scoreOption())
		}
	}
	options, err := newOptions(named)
	if err != nil {
		return nil, err
	}
	defer C.mtl_options_free(options)
	list, err := newExercises(exercises)
	if err != nil {
		return nil, err
	}
	defer C.mtl_exercises_free(list)
	if err := addLearners(list, learners); err != nil {
		return nil, err
	}

	var scores *C.mtl_scores
	err = call(ctx, func(cancel *C.mtl_cancel, e **C.mtl_error) C.mtl_status {
		return C.mtl_score(model, list, options, cancel, &scores, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.mtl_scores_free(scores)
	return scored(scores)
}

// newExercises makes C's list, which the caller frees, in one crossing for all.
func newExercises(exercises []Exercise) (*C.mtl_exercises, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	texts := func(of func(*Exercise) string) C.mtl_strings {
		all := newPacked(len(exercises), 0)
		for i := range exercises {
			all.add(of(&exercises[i]))
		}
		return all.pinned(&pinner)
	}
	words, first := newPacked(0, 0), []C.uint64_t{0}
	days, times := make([]C.double, len(exercises)+1), make([]C.double, len(exercises)+1)
	for i := range exercises {
		for _, word := range exercises[i].Words {
			words.add(word)
		}
		first = append(first, C.uint64_t(len(words.offsets)-1))
		days[i], times[i] = C.double(exercises[i].Days), C.double(exercises[i].Time.Seconds())
		if exercises[i].Time == 0 {
			times[i] = C.double(math.NaN())
		}
	}
	columns := C.mtl_exercise_columns{
		struct_size:    C.sizeof_mtl_exercise_columns,
		count:          C.uint32_t(len(exercises)),
		track:          texts(func(x *Exercise) string { return x.Track }),
		user:           texts(func(x *Exercise) string { return x.User }),
		countries:      texts(func(x *Exercise) string { return strings.Join(x.Countries, "|") }),
		client:         texts(func(x *Exercise) string { return x.Client }),
		session:        texts(func(x *Exercise) string { return x.Session }),
		format:         texts(func(x *Exercise) string { return x.Format }),
		days:           pinned(&pinner, days),
		time:           pinned(&pinner, times),
		words:          words.pinned(&pinner),
		word_count:     C.size_t(len(words.offsets) - 1),
		exercise_words: pinned(&pinner, first),
	}
	var list *C.mtl_exercises
	var e *C.mtl_error
	if err := failure(C.mtl_exercises_new(&list, &e), &e); err != nil {
		return nil, err
	}
	if err := failure(C.mtl_exercises_add_columns(list, &columns, &e), &e); err != nil {
		C.mtl_exercises_free(list)
		return nil, err
	}
	return list, nil
}

// pinned is where a slice that is not empty begins, which may stand in memory that C is given.
func pinned[T any](pinner *runtime.Pinner, slice []T) *T {
	pinner.Pin(&slice[0])
	return &slice[0]
}

// pinned are the strings as a column; empty strings have no bytes to point to.
func (p *packed) pinned(pinner *runtime.Pinner) C.mtl_strings {
	column := C.mtl_strings{data_length: C.size_t(len(p.data)), offsets: pinned(pinner, p.offsets)}
	if len(p.data) > 0 {
		column.data = (*C.char)(unsafe.Pointer(pinned(pinner, p.data)))
	}
	return column
}

// scored copies what C found into Go's memory.
func scored(from *C.mtl_scores) ([]Scored, error) {
	found := C.mtl_probabilities{struct_size: C.sizeof_mtl_probabilities}
	var e *C.mtl_error
	if err := failure(C.mtl_scores_probabilities(from, &found, &e), &e); err != nil {
		return nil, err
	}
	first := column(&found.words, found.count+1)
	count := first[len(first)-1]
	mistakes := make([]float32, count)
	for i, mistake := range column(&found.probability, count) {
		mistakes[i] = float32(mistake)
	}
	all := make([]Scored, found.count)
	for i, status := range column(&found.status, found.count) {
		if status != 0 {
			all[i].Err = newError(C.mtl_scores_error(from, C.uint32_t(i)))
		} else {
			all[i].Mistakes = mistakes[first[i]:first[i+1]:first[i+1]]
		}
	}
	return all, nil
}
